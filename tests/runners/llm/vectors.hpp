#pragma once
// The shared vector files: reading them, counting what is tested and what is not built yet.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>

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

inline bool is_openai_family(const std::string& provider) {
  static const std::set<std::string> built = {"openai", "vllm", "openrouter", "deepinfra", "deepseek", "groq"};
  return built.contains(provider);
}

}  // namespace assay::test
