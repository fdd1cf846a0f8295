#pragma once
// Files that a configuration names: found where they are now, read, their hashes kept. Specs: discussion.md 2.2, 2.3.
// One thread.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/discussion/loading.hpp"
#include "experiments/discussion/parameter_sheet.hpp"

namespace assay {

/// Finds the paths of one load.
class PathFinder {
 public:
  PathFinder(const ParameterSheet& sheet, std::vector<MovedPath>& moved);

  /// The file or folder of a path parameter; its effective value becomes the path found. nullopt, with a problem (none
  /// for what is not needed), when it is nowhere.
  std::optional<std::filesystem::path> find(ParameterSheet& sheet, const std::string& name, bool needed,
                                            Problems& problems);

 private:
  std::string root_, map_;
  std::vector<MovedPath>& moved_;
};

struct Topics {
  std::vector<std::pair<std::string, std::string>> texts;     ///< file name and text
  std::vector<std::vector<std::vector<Opening>>> candidates;  ///< of a g4 CSV, by conversation
};
/// A folder of text files, or the CSV of g4. Throws Error.
Topics read_topics(const std::filesystem::path& path, std::vector<std::string>& notes);

/// {"path","sha256"} of a file; a list of them for a folder. Throws Error "file".
Json hashed_input(const std::filesystem::path& path);

/// The *.json files of a folder, or the file itself, in byte order. Throws Error "file".
std::vector<std::filesystem::path> json_files(const std::filesystem::path& path);

}  // namespace assay
