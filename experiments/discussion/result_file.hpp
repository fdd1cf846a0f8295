#pragma once
// Result files of discussions, read and written byte for byte as SynDisco's generations have them. Specs: discussion.md
// 2.6, 8. One thread for loading; the rest pure.

#include <filesystem>
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

/// Finished discussions as COMPLETE runs. Throws Error naming file, line and byte of the first damaged one;
/// `skip_bad`: the others, the bad ones in `warnings`.
std::vector<NewRun> load_discussion_results(const std::filesystem::path& path, bool skip_bad,
                                            std::vector<std::string>& warnings);

/// The file of a record in a generation's form. Throws Error "usage": g5 files hold no users and prompts for others.
std::string discussion_file(const DiscussionRecord& record, Generation format);
/// "{%y-%m-%d-%H-%M-%S}_{first 8 of id}.json", local time.
std::string result_file_name(WallTime ended, const std::string& id);
/// "%y-%m-%d-%H-%M", local time.
std::string result_timestamp(WallTime ended);

/// Writes a run's file into `folder`: a temporary file, renamed. A file of that name with the same id is replaced, of
/// another id is left and the name made longer. The path it has. Throws Error "file".
std::string write_result(const std::filesystem::path& folder, const std::string& name, const std::string& id,
                         const std::string& text);

}  // namespace assay
