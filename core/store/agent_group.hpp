#pragma once
// The group of a call under cost("agent"): one form for every store. Internal to core/store.

#include <string>
#include <string_view>

namespace assay {

inline std::string agent_group(std::string_view key, std::string_view model) {
  std::string group(key.empty() ? "(run)" : key);
  for (char& c : group) {
    if (c == ' ') c = '_';  // the blank ends the key
  }
  return group.append(" ").append(model);
}

}  // namespace assay
