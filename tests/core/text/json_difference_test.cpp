#include <doctest/doctest.h>

#include "core/text/json_difference.hpp"

using namespace assay;

namespace {
Json parsed(const char* text) { return parse_json(text, "test"); }
}  // namespace

TEST_CASE("the first difference of two values is named by its pointer, in the order of keys") {
  struct Row {
    const char* was;
    const char* is;
    const char* pointer;
    const char* shown_was;
    const char* shown_is;
  };
  const Row rows[] = {
      {R"({"b":1,"a":2})", R"({"a":3,"b":9})", "/a", "2", "3"},
      {R"({"body":{"messages":[{"content":"x"},{"content":"add one and two"}]}})",
       R"({"body":{"messages":[{"content":"x"},{"content":"add one or two"}]}})", "/body/messages/1/content",
       R"("add one and two")", R"("add one or two")"},
      {"[1,2]", "[1,2,3]", "/2", "", "3"},
      {"[1,2,3]", "[1]", "/1", "2", ""},
      {R"({"a":1})", "{}", "/a", "1", ""},
      {"{}", R"({"a/b":{"~":1}})", "/a~1b", "", R"({"~":1})"},
      {"0", "0.0", "", "0", "0.0"},
      {"1", R"("1")", "", "1", R"("1")"},
      {R"({"a":null})", R"({"a":false})", "/a", "null", "false"},
      {R"("0123456789012345678901234567890123456789012345678901234567890123456789 old")",
       R"("0123456789012345678901234567890123456789012345678901234567890123456789 new")", "", R"("..90123456789 old")",
       R"("..90123456789 new")"},
  };
  for (const Row& row : rows) {
    const auto found = first_difference(parsed(row.was), parsed(row.is));
    INFO(row.was << " and " << row.is);
    REQUIRE(found);
    CHECK(found->pointer == row.pointer);
    CHECK(found->was == row.shown_was);
    CHECK(found->is == row.shown_is);
  }
}

TEST_CASE("equal values have no difference, whatever the order of their keys") {
  CHECK_FALSE(first_difference(parsed(R"({"a":[1,{"x":null}],"b":"c"})"), parsed(R"({"b":"c","a":[1,{"x":null}]})")));
}

TEST_CASE("a text is cut between characters, not within them") {
  const auto found = first_difference(Json("\xC3\xA4\xC3\xB6\xC3\xBC\xC3\xA4\xC3\xB6\xC3\xBC\xC3\xA4\xC3\xB6 end"),
                                      Json("\xC3\xA4\xC3\xB6\xC3\xBC\xC3\xA4\xC3\xB6\xC3\xBC\xC3\xA4\xC3\xBC end"));
  REQUIRE(found);
  CHECK(found->was.find("\xEF\xBF\xBD") == std::string::npos);
  CHECK(found->is.find("end") != std::string::npos);
}
