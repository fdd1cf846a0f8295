#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/shell_words.hpp"

namespace assay {
namespace {

TEST_CASE("a line is split as a shell splits it") {
  struct Case {
    std::string line, words;  // <TEXT>, with q when quoted, and its offsets
  };
  for (const Case& c : std::vector<Case>{{"", ""},
                                         {"  ls  -a\t", "<ls>2-4 <-a>6-8 "},
                                         {"a 'b c' d", "<a>0-1 <b c>q2-7 <d>8-9 "},
                                         {"a'b'\"c\"d", "<abcd>q0-8 "},
                                         {"'' \"\"", "<>q0-2 <>q3-5 "},
                                         {R"("a\"b\\c\n\$")", "<a\"b\\c\\n$>q0-13 "},
                                         {R"('a\b')", "<a\\b>q0-5 "},
                                         {R"(a\ b)", "<a b>q0-4 "},
                                         {"a\nb", "<a>0-1 <b>2-3 "},
                                         {"$HOME *", "<$HOME>0-5 <*>6-7 "}}) {
    CAPTURE(c.line);
    std::string got;
    for (const ShellWord& word : split_shell_words(c.line)) {
      got += "<" + word.text + ">" + (word.quoted ? "q" : "") + std::to_string(word.begin) + "-" +
             std::to_string(word.end) + " ";
    }
    CHECK(got == c.words);
  }
  CHECK_THROWS_WITH_AS(split_shell_words("ab 'c d"), doctest::Contains("column 4: the quote ' is not closed"), Error);
  CHECK_THROWS_AS(split_shell_words("\"a\\\""), Error);
  CHECK_THROWS_WITH_AS(split_shell_words("a\\"), doctest::Contains("column 2"), Error);
}

TEST_CASE("quoted words come back as they were") {
  CHECK(quote_shell_word("plain-1.2/x") == "plain-1.2/x");
  CHECK(quote_shell_word("") == "''");
  CHECK(quote_shell_word("it's") == "'it'\\''s'");
  std::mt19937 random(6);
  for (int i = 0; i < 5'000; ++i) {
    std::vector<std::string> words(random() % 4);
    std::string line;
    for (std::string& word : words) {
      for (std::size_t size = random() % 6; size > 0; --size) word += "ab'\"\\ \n$~#\xC3"[random() % 11];
      line += quote_shell_word(word) + " ";
    }
    const auto back = split_shell_words(line);
    REQUIRE(back.size() == words.size());
    for (std::size_t n = 0; n < words.size(); ++n) REQUIRE(back[n].text == words[n]);
  }
}

TEST_CASE("distances are those of optimal string alignment") {
  struct Case {
    const char *left, *right;
    std::size_t distance;
  };
  for (const Case& c : std::vector<Case>{{"", "", 0},
                                         {"", "abc", 3},
                                         {"kitten", "sitting", 3},
                                         {"LOAD", "load", 0},
                                         {"laod", "load", 1},
                                         {"ca", "abc", 3}}) {
    CHECK(edit_distance(c.left, c.right) == c.distance);
    CHECK(edit_distance(c.right, c.left) == c.distance);
  }
}

TEST_CASE("the nearest command is proposed, and none when nothing is near") {
  const std::vector<std::string> commands = {"load", "ls", "run_n", "rerun", "report", "status", "stats", "detail"};
  struct Case {
    const char *word, *nearest;
  };
  for (const Case& c : std::vector<Case>{{"laod", "load"},
                                         {"lod", "load"},
                                         {"RUN_N", "run_n"},
                                         {"run-n", "run_n"},
                                         {"statsu", "status"},
                                         {"det", "detail"},
                                         {"xyzzy", ""},
                                         {"x", ""},
                                         {"", ""},
                                         {"l", "ls"},
                                         {"lss", "ls"}}) {
    CAPTURE(c.word);
    CHECK(nearest(c.word, commands).value_or("") == c.nearest);
  }
  CHECK_FALSE(nearest(std::string(100'000, 'a'), commands));
}

}  // namespace
}  // namespace assay
