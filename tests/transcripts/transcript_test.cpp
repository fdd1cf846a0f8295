#include "tests/transcripts/transcript.hpp"

#include <doctest/doctest.h>

namespace assay::test {
namespace {

using Lines = std::vector<std::string>;

TEST_CASE("[..] stands for any text within a line") {
  struct Row {
    const char *pattern, *line;
    bool fits;
  };
  const Row rows[] = {
      {"done in [..] s", "done in 0.3 s", true},
      {"done in [..] s", "done in 0.3 ms", false},
      {"[..]", "", true},
      {"a[..]b[..]b", "a b", false},
      {"a[..]b[..]b", "abb", true},
      {"[..]end", "the end", true},
      {"plain", "plain ", false},
      {"aa[..]aa", "aaa", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pattern);
    CAPTURE(row.line);
    CHECK(line_fits(row.pattern, row.line) == row.fits);
  }
}

TEST_CASE("[...] stands for any number of lines") {
  CHECK(block_fits({"a", "[...]", "z"}, {"a", "b", "c", "z"}));
  CHECK(block_fits({"a", "[...]", "z"}, {"a", "z"}));
  CHECK(block_fits({"[...]"}, {}));
  CHECK_FALSE(block_fits({"a", "[...]", "z"}, {"a", "b"}));
  CHECK_FALSE(block_fits({"a"}, {"a", "b"}));
  CHECK_FALSE(block_fits({}, {"a"}));
}

TEST_CASE("an update keeps the placeholders of lines that still fit") {
  CHECK(updated_block({"took [..] s", "old", "kept"}, {"took 3 s", "new", "kept"}) ==
        Lines{"took [..] s", "new", "kept"});
  CHECK(updated_block({"head", "[...]", "last"}, {"Head", "1", "2", "last"}) == Lines{"Head", "[...]", "last"});
  CHECK(updated_block({}, {"all", "new"}) == Lines{"all", "new"});
  CHECK(updated_block({"gone"}, {}) == Lines{});
  CHECK(updated_block({}, {"#1 done in 8 ms: 2 COMPLETE"}) == Lines{"#1 done in [..]: 2 COMPLETE"});
  CHECK(updated_block({}, {"# put in here: x"}) == Lines{"# put in here: x"});
}

TEST_CASE("a transcript is read into its parts, and written as it was") {
  const std::string text =
      "# A remark.\n# experiment: temp\n# args: --json --threads 2\n# env: A=b=c\n# files: in/x.json <<END\n[1]\nEND\n"
      "# mock: {\"seed\":1}\n# exit: 3\n> load x\n>> more\nsaid\n\\> quoted\n\\\\back\n$ ls\n[exit 2]\n";
  const Transcript transcript = parse_transcript(text);
  CHECK(transcript.experiment == "temp");
  CHECK(transcript.arguments == Lines{"--json", "--threads", "2"});
  REQUIRE(transcript.environment.size() == 1);
  CHECK(transcript.environment[0].second == "b=c");
  REQUIRE(transcript.files.size() == 1);
  CHECK(transcript.files[0].first == "in/x.json");
  CHECK(transcript.files[0].second == "[1]\n");
  CHECK(transcript.mock == "{\"seed\":1}");
  CHECK(transcript.exit_status == 3);
  REQUIRE(transcript.blocks.size() == 2);
  CHECK(transcript.blocks[0].command == "load x\nmore");
  CHECK(transcript.blocks[0].expected == Lines{"said", "> quoted", "\\back"});
  CHECK(transcript.blocks[0].line == 10);
  CHECK(transcript.blocks[1].shell);
  CHECK(transcript_text(transcript) == text);
}

TEST_CASE("a transcript that can't be read names the line") {
  CHECK_THROWS_WITH(parse_transcript("text\n> ls\n"), "line 1: before the first command only `#` lines may stand");
  CHECK_THROWS_WITH(parse_transcript("# files: x <<END\nabc\n> ls\n"), "line 1: no line END ends this file");
  CHECK_THROWS_WITH(parse_transcript("# nothing\n"), "no command in it");
}

}  // namespace
}  // namespace assay::test
