#include "experiments/discussion/text_rules.hpp"

#include <doctest/doctest.h>

#include <sstream>
#include <string>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/json.hpp"
#include "tests/experiments/discussion/shared_discussion.hpp"

namespace assay {
namespace {

TEST_CASE("comments are wrapped as textwrap.fill of Python 3.11 does") {
  const auto file = shared_discussion("golden/textwrap70.jsonl");
  if (!file) return;
  std::istringstream lines(read_file(file->string()));
  std::size_t vectors = 0;
  for (std::string line; std::getline(lines, line); ++vectors) {
    const Json vector = parse_json(line, "vectors");
    CHECK(wrapped(vector["in"].get<std::string>(), vector["width"].get<std::size_t>()) == vector["out"]);
  }
  CHECK(vectors == 183);
}

TEST_CASE("the rules of wrapping, one by one") {
  struct Case {
    const char* text;
    std::size_t width;
    const char* out;
  };
  for (const Case& c : {
           Case{"", 5, ""},
           {"   \n  ", 5, ""},
           {"a\tb", 70, "a       b"},
           {"ab\n\tc\r\td", 70, "ab         c         d"},
           {"a\vb\fc\rd\ne", 70, "a b c d e"},
           {" lead", 70, " lead"},
           {"aaa  bbb", 3, "aaa\nbbb"},
           {"one two three", 7, "one two\nthree"},
           {"well-known", 5, "well-\nknown"},
           {"a-b-c", 3, "a-\nb-c"},
           {"x-ray-tube", 6, "x-ray-\ntube"},
           {"1-2 33-44", 3, "1-2\n33-\n44"},
           {"what?--yes", 6, "what?\n--yes"},
           {"do--it", 4, "do--\nit"},
           {"abcdefgh", 3, "abc\ndef\ngh"},
           {"-----abc", 4, "----\n-abc"},
           {"aaaa bb-cc-dd11112222", 8, "aaaa bb-\ncc-dd111\n12222"},
           {"ab cdefgh", 3, "ab \ncde\nfgh"},
           {"a\u00a0b", 2, "a\u00a0\nb"},
           {"aa \u00a0 bb", 2, "aa\n\u00a0\nbb"},
           {"caf\u00e9-na\u00efve \U0001F608\U0001F4A5", 5, "caf\u00e9-\nna\u00efve\n\U0001F608\U0001F4A5"},
           {"end\u00a0", 70, "end\u00a0"},
           {"one\u2028two", 5, "one\u2028t\nwo"},
       }) {
    CAPTURE(c.text);
    CHECK(wrapped(c.text, c.width) == c.out);
  }
}

TEST_CASE("disallowed strings go wherever they stand, in their order, after the blanks at the ends") {
  TextSettings settings;
  settings.disallowed = {"```", "User", "er", ""};
  CHECK(filtered(" `````` Users sever```al ", settings) == "  s seval ");
  settings.trim = true;
  CHECK(filtered("\u3000 \x1c```` x\n\u2029", settings) == "` x");
  settings.disallowed = {"x"};
  CHECK(filtered(" x ", settings).empty());
  CHECK(filtered("x y", settings) == " y");  // the blank that a removal leaves stays
  settings.disallowed = {"aa"};
  CHECK(filtered("aaaaa", settings) == "a");
  CHECK(filtered("", settings).empty());
}

TEST_CASE("blanks are Unicode's White_Space and four separators of ASCII") {
  CHECK(stripped("\x1c\x1d\x1e\x1f\t\n\v\f\r \u0085\u00a0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000") == "");
  CHECK(stripped(" a b\u00a0") == "a b");
  CHECK(stripped("\u200b") == "\u200b");
  CHECK(is_blank(" \u00a0\x1f"));
  CHECK_FALSE(is_blank("\u200b"));
  CHECK_FALSE(is_blank("\""));
}

TEST_CASE("what counts as silence is a rule") {
  const SilenceRule quotes("quotes"), blank("blank"), pattern("re:^(pass|\\.*)$");
  for (const char* text : {"", " ", "\"\"", " \"\u00a0\" \n", "\""}) CHECK(quotes(text));
  for (const char* text : {"a", "''", "\"\".", "\u201c\u201d"}) CHECK_FALSE(quotes(text));
  CHECK(blank(" \n\u3000"));
  CHECK_FALSE(blank("\"\""));
  CHECK(pattern("pass"));
  CHECK(pattern("..."));
  CHECK_FALSE(pattern("I pass"));
  CHECK_THROWS_WITH_AS(SilenceRule("quote"), doctest::Contains("silence=quote"), Error);
  CHECK_THROWS_AS(SilenceRule("re:("), Error);
}

TEST_CASE("an entry stands in the window with its speaker; a blank one is an empty item") {
  CHECK(history_item(Generation::g2, "ana", "one two", 4) == "User ana posted:\none\ntwo");
  CHECK(history_item(Generation::g0, "ana", " \u00a0\n", 70).empty());
  CHECK(history_item(Generation::g4, "ana", "\"\"", 70) == "User ana posted:\n\"\"");
  CHECK(history_item(Generation::g1, "a", "x\ty\nz", std::nullopt) == "User a posted:\nx\ty\nz");
  CHECK(history_item(Generation::g5, "a", "x\ny", 900000) == "Comment by user a: \"\nx y\"");
}

}  // namespace
}  // namespace assay
