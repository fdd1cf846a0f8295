#include "core/model/run_labels.hpp"

#include <doctest/doctest.h>

using namespace assay;
using Runs = std::vector<RunId>;

TEST_CASE("runs stand as ranges, and come back from them") {
  const std::pair<Runs, const char*> cases[] = {
      {{}, ""}, {{0}, "0"}, {{3, 4}, "3-4"}, {{0, 1, 2, 7, 9, 10}, "0-2,7,9-10"}};
  for (const auto& [runs, text] : cases) {
    CHECK(ranges_text(runs) == text);
    CHECK(runs_of_ranges(text, 100) == runs);
  }
}

TEST_CASE("what is no range, or no run, is left out") {
  CHECK(runs_of_ranges("-", 10).empty());
  CHECK(runs_of_ranges("1,x,3-,5-y,7", 10) == Runs{1, 7});
  CHECK(runs_of_ranges("8-99", 10) == Runs{8, 9});
  CHECK(runs_of_ranges("5,3,4-6", 10) == Runs{5});
}
