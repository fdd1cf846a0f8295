// Prompts through the real program: what a batch keeps of them.
#include <doctest/doctest.h>

#include <filesystem>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

TEST_CASE("two batches with the same prompt share one stored copy of its text") {
  TemporaryFolder folder;
  std::string words;  // that no compression makes small
  std::uint64_t state = 1;
  for (int i = 0; i < 20'000; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    words += std::to_string(state >> 33) + (i % 10 == 9 ? "\n  " : " ");
  }
  folder.write("long.yaml", "name: long\ntemplate: |\n  {{ question }}\n  " + words + "\n");
  folder.write("q.jsonl", R"({"id":"1","question":"Two?","options":["a","b"],"answer":"B"})");
  const auto size_after = [&](const std::string& name, const std::string& temperatures) {
    const Finished done =
        run({assay_program(), folder.file(name), "-c", "load qa q.jsonl prompt=long.yaml temperature=" + temperatures},
            folder.path());
    CHECK(done.status == 0);
    return std::filesystem::file_size(folder.file(name));
  };
  const auto one = size_after("one.assay", "0"), four = size_after("four.assay", "0,0.5,0.7,1");
  CHECK(one > 60'000);
  CHECK(four < one + one / 5);
}
