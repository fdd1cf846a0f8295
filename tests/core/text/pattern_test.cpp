#include "core/text/pattern.hpp"

#include <doctest/doctest.h>

#include "core/text/error.hpp"

namespace assay {
namespace {

TEST_CASE("matching, groups and all matches") {
  const Pattern number("(?P<sign>[-+])?(\\d+)");
  CHECK(number.matches("a -12 b"));
  CHECK_FALSE(number.matches("none"));
  CHECK_FALSE(number.matches(std::string_view()));
  CHECK(number.matches_whole("-12"));
  CHECK_FALSE(number.matches_whole("-12 "));
  CHECK(number.group_count() == 2);
  CHECK(number.group_names() == std::vector<std::pair<std::string, std::size_t>>{{"sign", 1}});
  const auto all = number.find_all("1 -22 333");
  REQUIRE(all.size() == 3);
  CHECK(all[1].begin == 2);
  CHECK(all[1].end == 5);
  CHECK(all[1].groups[1] == "-");
  CHECK(all[1].groups[2] == "22");
  CHECK_FALSE(all[0].groups[1]);
  CHECK(number.find_all("1 2 3", 2).size() == 2);
  CHECK(number.find("1 2", 1)->begin == 2);
  CHECK_FALSE(number.find("1", 2));
}

TEST_CASE("empty matches go on by whole characters") {
  const auto all = Pattern("x*").find_all("\xC3\xA9x");
  REQUIRE(all.size() == 3);
  CHECK(all[1].begin == 2);
  CHECK(Pattern("").find_all("").size() == 1);
  CHECK(Pattern("^").find_all("ab").size() == 1);
}

TEST_CASE("case is ignored where asked, and quoted text matches itself") {
  CHECK(Pattern("ab", true).matches("xAB"));
  CHECK_FALSE(Pattern("ab").matches("xAB"));
  const std::string hostile = "a.b*[c](d)\\e\n$^";
  CHECK(Pattern(Pattern::quote(hostile)).matches_whole(hostile));
  const Pattern copy = Pattern("a+");
  CHECK(Pattern(copy).matches("aa"));
}

TEST_CASE("a wrong pattern is refused with a caret under the place") {
  try {
    Pattern pattern("abc(def");
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == "query");
    CHECK(error.message().find("missing") != std::string::npos);
    CHECK(error.hint().find("abc(def\n") == 0);
    CHECK(error.hint().back() == '^');
  }
  try {
    Pattern pattern("abc[z-a]d");
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.place() == "column 5");
    CHECK(error.hint() == "abc[z-a]d\n    ^");
  }
  for (const std::string& bad :
       {std::string("*"), std::string("(?=x)"), std::string("\\1"), std::string("\xFF"),
        std::string("((a{100}){100}){100}"), std::string(10'001, 'a'), std::string("a{1001}")}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(Pattern{bad}, Error);
  }
  CHECK_NOTHROW(Pattern(std::string(10'000, 'a')));
}

TEST_CASE("patterns that stop a backtracking engine pass over a megabyte") {
  const std::string text(1 << 20, 'a');
  for (const char* source : {"(a*)*b", "(a+)+$x", "(a|a)*b", "(.*)(.*)(.*)(.*)b", "(x+x+)+y"}) {
    CHECK_FALSE(Pattern(source).matches(text));
  }
}

}  // namespace
}  // namespace assay
