#pragma once
// A configuration of any generation: which of its keys give which parameters, with their places. Specs: discussion.md
// 1, 2.1, 2.3, 13.5. One thread.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/discussion/document.hpp"
#include "experiments/discussion/loading.hpp"
#include "experiments/discussion/parameter_sheet.hpp"
#include "experiments/discussion/run_log.hpp"

namespace assay {

struct ConfigFile {
  std::string name;  ///< as typed
  Generation generation = Generation::g2;
  bool generated = false;                        ///< one experiment, or annotator
  std::filesystem::path folder;                  ///< that its relative paths count from
  std::map<std::string, GivenValue> discussion;  ///< parameter -> value
  std::map<std::string, GivenValue> annotation;
  std::map<std::string, GivenValue> own;           ///< of `assay:`, for both kinds
  std::vector<std::pair<std::string, Json>> grid;  ///< of `assay: {grid: ..}`: name and values
  Json recorded = Json::object();                  ///< key -> value: kept, not acted on
  std::optional<std::int64_t> context_width;
  LogSettings logging;
  bool generates_discussions = true, generates_annotations = true;
  std::vector<std::string> warnings;
  /// The key that gives a parameter in this generation; "" when no key does.
  std::string key_of(const std::string& parameter, bool of_annotation) const;
};

/// A g0 configs_path file, a g1-g4 configuration. What is wrong with its form goes to `problems`.
ConfigFile read_config(const Source& source, const ConfigDocument& document, Problems& problems);
/// One generated experiment, or annotator (g0, g1), as if it were a configuration; names, attributes and opening are
/// its caller's.
ConfigFile read_generated(const Source& source, const ConfigDocument& document, Problems& problems);

/// `seed` where neither the file nor the person says it: "drawn:N", which put_typed() takes.
void complete_grid_of(const Source& source, LoadGrid& grid, const std::vector<ParameterRow>& rows);
/// What was typed, as the last layer.
void put_typed(ParameterSheet& sheet, const ParameterTexts& given);
/// A number from the system.
std::uint64_t drawn_seed();

}  // namespace assay
