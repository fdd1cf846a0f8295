#pragma once
// From a configuration of any generation and what was typed to what a batch of discussions is made of: everything read
// and checked, nothing drawn yet. Specs: discussion.md 1, 2, 14. One thread.

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/discussion/design.hpp"
#include "experiments/discussion/run_log.hpp"
#include "experiments/discussion/settings.hpp"

namespace assay {

std::vector<Parameter> discussion_parameters();

/// What a source is, by its content (the table of section 1).
enum class SourceShape {
  configuration,  ///< g1-g4, or a g0 configs_path file
  generated,      ///< one generated experiment (g0, g1)
  annotator,      ///< one generated annotator (g0, g1)
  personas,
  design,
  discussion_result,
  annotation_result,
  folder,
};
struct ReadSource {
  SourceShape shape = SourceShape::configuration;
  Generation generation = Generation::g2;
  Json value;  ///< of JSON files; of YAML what safe_load gives
};
/// Throws Error naming the keys that were looked for when it is none of them.
ReadSource read_source(const Source& source);

struct MovedPath {
  std::string key, from, to;
};

struct DiscussionPlan {
  Generation generation = Generation::g2;  ///< of the input
  DiscussionSettings settings;
  DesignPools pools;
  std::vector<std::pair<std::string, std::string>> topics;  ///< file name and text, in their order
  DesignRequest request;
  std::optional<DesignFile> design;              ///< of design=FILE: in place of the request
  std::string model, mod_model, selector_model;  ///< as named; "" : the session's
  Json params;                                   ///< name -> effective value
  Json sources;  ///< name -> where it came from: "default", "command line", "FILE:LINE key"
  Json inputs;   ///< key -> {"path","sha256"}, a list for folders
  std::vector<MovedPath> moved;
  Json recorded;    ///< key of the file -> value: kept with the batch, not acted on
  LogSettings log;  ///< checked: a file is written only where that can be
  std::vector<std::string> warnings, notes;
  std::optional<std::int64_t> context_width;  ///< ctx_width_tokens: only warned about
};

/// Reads a configuration, a g0 configs_path file, personas with parameters, or a generated experiment with all that it
/// names. Throws Error with all problems (at most 20).
DiscussionPlan plan_discussions(const Source& source, const ParameterTexts& given);

/// Adds `assay: {grid: ..}` of the file to the grid, and a drawn seed where none is given.
void complete_discussion_grid(const Source& source, LoadGrid& grid);

/// A file that a configuration names, found as section 2.2 says, or nullopt. `moved` gets the path if it is another.
struct PathSearch {
  std::filesystem::path folder;  ///< of the configuration
  std::string root, map;         ///< parameters
};
std::optional<std::filesystem::path> find_path(const std::string& written, const PathSearch& search);

/// Personas of a file or folder (2.3), for annotators too. `notes` may be null. Throws Error.
std::vector<Participant> read_personas(const std::filesystem::path& path, Generation generation,
                                       std::vector<std::string>& warnings, std::vector<std::string>* notes = nullptr);
/// A text file: BOM dropped, LF line ends. Throws Error with the byte of invalid UTF-8.
std::string read_input_text(const std::filesystem::path& path);

}  // namespace assay
