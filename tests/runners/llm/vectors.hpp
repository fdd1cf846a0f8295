#pragma once
// The shared vector files: reading them, counting what is tested and what is not built yet.

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include "core/text/json.hpp"

namespace assay::test {

/// The cases of a file; nullopt (and one line) when the folder is absent.
inline std::optional<Json> vectors(const std::string& file) {
  const std::string path = std::string(ASSAY_SHARED_DATA) + "/models/" + file;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    std::cout << "skipped: " << path << " is absent\n";
    return std::nullopt;
  }
  std::ostringstream text;
  text << stream.rdbuf();
  return parse_json(text.str(), path);
}

/// Counts cases, and names what was skipped and why.
class Tally {
 public:
  explicit Tally(std::string file) : file_(std::move(file)) {}
  void tested() { ++tested_; }
  void skip(const std::string& why) { ++skipped_[why]; }
  ~Tally() {
    std::cout << file_ << ": " << tested_ << " tested";
    for (const auto& [why, count] : skipped_) std::cout << "; skipped " << count << ": " << why;
    std::cout << "\n";
  }

 private:
  std::string file_;
  int tested_ = 0;
  std::map<std::string, int> skipped_;
};

/// The bytes of a base64 text.
inline std::string base64_decoded(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::size_t value =
        std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/").find(c);
    if (value == std::string_view::npos) break;
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>((bits >> count) & 0xFFU);
    }
  }
  return out;
}

}  // namespace assay::test
