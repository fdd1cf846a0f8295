#include "experiments/annotation/legacy_traits.hpp"

#include <doctest/doctest.h>

using namespace assay;

namespace {
/// "key=value|key=value" of the traits in a prompt around `traits`.
std::string read(const std::string& traits) {
  std::string out;
  for (const auto& [key, value] :
       legacy_traits("Your name is A. Your traits: " + traits + " Your instructions: write")) {
    out += (out.empty() ? "" : "|") + key + "=" + value;
  }
  return out;
}
}  // namespace

TEST_CASE("traits are read as the pattern of SynDisco's exporter reads them, losses included") {
  struct Case {
    const char *traits, *read;
  };
  const Case cases[] = {
      {"username: A, age: 21", "username=A|age=21"},
      {"age: 21, sex: non-binary, education_level: PhD", "age=21|education_level=PhD"},
      {"education_level: Bachelor's, age: 2", "age=2"},
      {"education_level: Ph.D., age: 2", "age=2"},
      {"special_instructions: , age: 2", "special_instructions=|age=2"},
      {"special_instructions: derail, violate the rules, age: 2", "special_instructions=derail|age=2"},
      {"special_instructions: one rule: be kind, age: 2", "rule=be kind|age=2"},
      {"personality_characteristics: ['a', \"b's\", 'c-d']", "personality_characteristics=['a', \"b's\", 'c-d']"},
      {"personality_characteristics: [\"a\",'b']", "personality_characteristics=['a', 'b']"},
      {"p: ['it\\'s', 'x\\n', '\\xe9'], q: 1", "p=[\"it's\", 'x\\n', '\xC3\xA9']|q=1"},
      {"p: ['a], b', 'c']", "p=['a]"},
      {"p: []", "p=[]"},
      {"p: [1, 2.5, True, None, ['x']]", "p=[1, 2.5, True, None, ['x']]"},
      {"p: [a, b]", "p=[a, b]"},
      {"note: \"quoted, with a comma\", age: 2", "note=quoted, with a comma|age=2"},
      {"note: \"open, age: 2", "age=2"},
      {"a: 1, a: 2, b: 3", "a=2|b=3"},
      {"h\xC3\xB6he: \xC3\xBC\xC2\xB2 \xE4\xB8\xAD, age: 2", "h\xC3\xB6he=\xC3\xBC\xC2\xB2 \xE4\xB8\xAD|age=2"},
      {"a:\xC2\xA0 7, b: 8", "a=7|b=8"},
      {"a:\n\tx y\n, b: 8", "a=x y|b=8"},
      {"just, strict, understanding", ""},
      {"a:b: c", "b=c"},
      {"a: , ,", "a="},
      {"", ""},
  };
  for (const Case& one : cases) {
    CAPTURE(one.traits);
    CHECK(read(one.traits) == one.read);
  }
}

TEST_CASE("a prompt without both marks tells nothing") {
  CHECK(legacy_traits("Your traits: age: 2").empty());
  CHECK(legacy_traits("Your instructions: age: 2").empty());
  CHECK(legacy_traits("").empty());
  CHECK(legacy_traits("Your traits: ").empty());
}
