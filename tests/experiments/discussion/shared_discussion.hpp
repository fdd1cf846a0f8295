#pragma once
// Third-party files beside the checkout: a test that needs one says so in a line and passes when it is absent.

#include <filesystem>
#include <iostream>
#include <optional>
#include <string>

namespace assay {

inline std::optional<std::filesystem::path> shared_discussion(const std::string& name) {
  const auto path = std::filesystem::path(ASSAY_SHARED_DATA) / "discussion" / name;
  if (std::filesystem::exists(path)) return path;
  std::cout << "skipped: no " << name << "\n";
  return std::nullopt;
}

}  // namespace assay
