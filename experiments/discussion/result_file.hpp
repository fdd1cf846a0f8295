#pragma once
// Result files of discussions, read and written byte for byte as SynDisco's generations have them. Specs: discussion.md
// 2.6, 8. One thread for loading; the rest pure.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/discussion/record.hpp"

namespace assay {

/// What a JSON text holds, by its keys (section 1).
enum class ResultShape { discussion, annotation, none };
ResultShape result_shape(const Json& value);
Generation discussion_generation(const Json& value);

/// One *.json below a folder (recursive, byte order of the relative path), or the file itself.
struct ResultPath {
  std::filesystem::path path;
  std::string name;  ///< relative, without .json: the run's id
};
struct ResultListing {
  std::vector<ResultPath> files;
  std::vector<std::string> ignored;  ///< relative paths of what is no *.json, or hidden
};
/// Throws Error "file" for a folder without results.
ResultListing list_results(const std::filesystem::path& path);

/// Result files, whatever they hold, as COMPLETE runs without their contexts: data is {"source","file","format"} and
/// "source_text" where it is needed. `make`: of a file's JSON and name the run with its format, context and steps;
/// throws Error with the file's name as its place. As load_discussion_results.
struct ResultKind {
  ResultShape shape = ResultShape::discussion;
  std::function<NewRun(Json source, const std::string& name)> make;
};
std::vector<NewRun> load_results(const std::filesystem::path& path, bool skip_bad, const ResultKind& kind,
                                 std::vector<std::string>& warnings);

/// Finished discussions as COMPLETE runs. Throws Error naming file, line and byte of the first damaged one;
/// `skip_bad`: the others, the bad ones in `warnings`.
std::vector<NewRun> load_discussion_results(const std::filesystem::path& path, bool skip_bad,
                                            std::vector<std::string>& warnings);

/// The file of a record in a generation's form. Throws Error "usage": g5 files hold no users and prompts for others.
std::string discussion_file(const DiscussionRecord& record, Generation format);
/// "{%y-%m-%d-%H-%M-%S}_{first 8 of id}.json", local time.
std::string result_file_name(WallTime ended, const std::string& id);
/// Its stem (without .json) when there is such a file already: with the whole id (attempt 1), then with a number too.
/// Attempt 0: as it is.
std::string longer_result_stem(const std::string& stem, const std::string& id, std::size_t attempt);
/// "%y-%m-%d-%H-%M", local time.
std::string result_timestamp(WallTime ended);

/// Writes a run's file into `folder` (made where it is missing): a temporary file, renamed. A file of that name whose
/// "id" is `id` is replaced; beside any other the name is made longer, so that N runs have N files. The path it has.
/// Throws Error "file". Any thread, any number at a time.
std::string write_result(const std::filesystem::path& folder, const std::string& name, const std::string& id,
                         const std::string& text);

}  // namespace assay
