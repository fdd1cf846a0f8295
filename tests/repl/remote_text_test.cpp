// Shown text in frames: it comes out as it went in, safe whatever a frame holds, and bounded.
#include "repl/remote_text.hpp"

#include <doctest/doctest.h>

using namespace assay;

TEST_CASE("words, roles and order come out as they went in") {
  const StyledText text = StyledText()
                              .add("error: ", TextRole::bad)
                              .add("two\x1b[31m words \xc3\xa9", TextRole::name)
                              .add(" 3", TextRole::number);
  CHECK(text_of_frame(to_frame(text)) == text);
  const std::vector<StyledText> lines{text, StyledText(), StyledText().add("last")};
  CHECK(lines_of_frame(to_frame(lines)) == lines);
}

TEST_CASE("what a frame holds is data: escapes are shown, what has another form is left out") {
  const Json hostile = Json::array({Json::array({"\x1b]0;title\x07", 0}), Json::array({"kept", 99}), Json::array({"x"}),
                                    Json::array({1, 2}), "plain", nullptr, Json::array({"good", 3})});
  CHECK(text_of_frame(hostile).plain() == "\\x1b]0;title\\x07keptgood");
  CHECK(text_of_frame(Json("x")).empty());
  CHECK(lines_of_frame(Json(5)).empty());
  const Json frame = Json::object({{"a", 1}, {"b", "text"}, {"c", true}});
  CHECK(text_field(frame, "a").empty());
  CHECK(number_field(frame, "b", 7) == 7);
  CHECK_FALSE(flag_field(frame, "a"));
  CHECK(flag_field(frame, "c"));
}

TEST_CASE("a text beyond the bound is cut with a line that says so, in one line or in many") {
  const std::string long_line(kMaxRemoteText + 1'000, 'a');
  const auto one = lines_of_frame(to_frame({StyledText().add(long_line), StyledText().add("after")}));
  REQUIRE(one.size() == 2);
  CHECK(one[0].plain().size() == kMaxRemoteText);
  CHECK(one[1].plain().find("1,006 bytes more") != std::string::npos);
  const std::vector<StyledText> many(60'000, StyledText().add(std::string(100, 'b')));
  const auto cut = lines_of_frame(to_frame(many));
  CHECK(cut.size() < 45'000);
  CHECK(cut.size() > 30'000);
  CHECK(cut.back().plain().find("cut here") != std::string::npos);
  CHECK(dump_json(to_frame(many)).size() < (16U << 20));
  // No character is split.
  std::string accents = "x";
  while (accents.size() < kMaxRemoteText + 10) accents += "\xc3\xa9";
  const auto whole = lines_of_frame(to_frame(std::vector<StyledText>{StyledText().add(accents)}));
  CHECK(whole[0].plain().size() == kMaxRemoteText - 1);
}
