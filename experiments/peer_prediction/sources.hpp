#pragma once
// What stands behind `load peer_prediction`: files and folders told apart by their content. Specs: peer_prediction.md
// 1, 2, 9. One thread.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/kind.hpp"

namespace assay {

/// config: an exp_config; data: tasks with their responses; the others: recorded comparisons.
enum class PeerForm { config, data, cs329, items, comparisons };
std::string_view to_text(PeerForm form);

/// One of the values of a source: an item, a line.
struct PeerPart {
  std::string place;  ///< "FILE", "FILE:LINE"
  Json value;
};

struct PeerSource {
  std::string name;              ///< as typed
  std::filesystem::path folder;  ///< that its relative paths count from
  PeerForm form = PeerForm::config;
  Json value;                        ///< config, data, cs329: the whole file
  std::vector<PeerPart> parts;       ///< items: an object each; comparisons: a line each
  Json condition_keys;               ///< of the first line of packed items; null
  std::vector<std::string> ignored;  ///< files of a folder that are no items
};

/// Reads one source and tells its form by its content, which `format` ("" : not given) must not contradict. JSON, YAML,
/// JSON lines, packed or not. Throws Error "file", "json", "yaml", "usage".
PeerSource read_peer_source(const Source& source, const std::string& format);

/// Which mechanism of an item an object holds: "tvd_mi", "judge_with_context", "judge_without_context", "log"; "" none.
std::string item_mechanism(const Json& value);

}  // namespace assay
