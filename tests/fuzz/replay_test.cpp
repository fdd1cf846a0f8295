// The corpora once more, in every build: what the fuzzers found worth keeping.
#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "tests/fuzz/targets.hpp"

TEST_CASE("no input of the corpora crashes a parser or takes it a second") {
  for (const assay::fuzz::Target& target : assay::fuzz::kTargets) {
    const auto folder = std::filesystem::path(ASSAY_SOURCE_DIR) / "tests/fuzz/corpus" / target.name;
    int inputs = 0;
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
      CAPTURE(file.path().string());
      std::ifstream stream(file.path(), std::ios::binary);
      std::ostringstream bytes;
      bytes << stream.rdbuf();
      const auto begun = std::chrono::steady_clock::now();
      target.run(bytes.str());
      CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(10));  // a sanitizer's second
      ++inputs;
    }
    std::cout << target.name << ": " << inputs << " inputs\n";
    CHECK(inputs >= 10);
  }
}
