#pragma once
// Data sets of the Hugging Face hub, page by page through its row API. Specs: qa.md 1.4. One thread.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/settings.hpp"
#include "core/text/json.hpp"
#include "runners/llm/web_reader.hpp"

namespace assay {

/// hf.base.
std::vector<SettingSpec> hub_settings();
/// The variable whose value goes along as a bearer token.
inline constexpr const char* kHubToken = "HF_TOKEN";
inline bool is_hub_name(std::string_view source) { return source.starts_with("hf:"); }

/// Column -> the names that its integers stand for.
using ClassNames = std::map<std::string, std::vector<std::string>>;

struct HubRow {
  Json value;
  std::vector<std::string> cut;  ///< columns of which only the beginning came
};
struct HubRows {
  std::vector<HubRow> rows;  ///< from the first on, without a gap
  ClassNames classes;
  Json pin;  ///< what was read: dataset, config, split, rows of it, whether the hub has only a part
};

struct HubQuery {
  std::string name;                    ///< hf:OWNER/NAME
  std::string config, split;           ///< "": the only one, else `default`; test, else validation, else the only one
  std::optional<std::uint64_t> limit;  ///< only the first so many rows
  std::function<bool()> interrupted;
};

class Hub {
 public:
  /// `base` gives the setting. `web` outlives it.
  Hub(const WebReader& web, std::function<std::string()> base) : web_(web), base_(std::move(base)) {}
  /// All rows, or an Error with place `name`: what the hub said, or what was missing from it.
  HubRows read(const HubQuery& query, std::vector<std::string>& warnings) const;

 private:
  const WebReader& web_;
  std::function<std::string()> base_;
};

/// What reading one source needs, and what was seen of it.
struct HubReading {
  const Hub& hub;
  Json pin = {};  ///< of the hub's rows; null when the source was a file
};

}  // namespace assay
