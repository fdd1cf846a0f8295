// Texts that are kept once (text_set.hpp).
#include "core/text/text_set.hpp"

#include <doctest/doctest.h>

using namespace assay;

TEST_CASE("a text has one number, in the order in which they come; the empty one is 0") {
  TextSet set;
  CHECK(set.size() == 1);
  CHECK(set.add("") == 0);
  CHECK(set.add("b") == 1);
  CHECK(set.add("a") == 2);
  CHECK(set.add("b") == 1);
  CHECK(set.add(std::string("\0\n", 2)) == 3);
  CHECK(set.at(0).empty());
  CHECK(set.at(1) == "b");
  CHECK(set.at(3) == std::string_view("\0\n", 2));
  CHECK(set.size() == 4);
}

TEST_CASE("a hundred thousand texts are found again") {
  TextSet set;
  for (std::uint32_t i = 1; i <= 100'000; ++i) REQUIRE(set.add("text " + std::to_string(i)) == i);
  for (std::uint32_t i = 1; i <= 100'000; i += 997) {
    CHECK(set.add("text " + std::to_string(i)) == i);
    CHECK(set.at(i) == "text " + std::to_string(i));
  }
  CHECK(set.size() == 100'001);
  CHECK(set.memory_bytes() < 100'000 * 40);
}
