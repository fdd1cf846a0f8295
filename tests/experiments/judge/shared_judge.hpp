#pragma once
// Third-party files beside the checkout: a test that needs one says so in a line and passes when it is absent.

#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "core/text/input.hpp"
#include "core/text/json.hpp"
#include "core/text/json_values.hpp"

namespace assay {

inline std::optional<std::string> shared_judge(const std::string& name) {
  const std::string path = std::string(ASSAY_SHARED_DATA) + "/judge/" + name;
  if (std::filesystem::exists(path)) return path;
  std::cout << "skipped: no " << name << "\n";
  return std::nullopt;
}

inline std::vector<Json> rows_of(const std::string& path) {
  std::vector<Json> rows;
  InputFile input(path);
  read_json_values(input, {}, [&](Json&& row, const JsonPlace&) { rows.push_back(std::move(row)); });
  return rows;
}

}  // namespace assay
