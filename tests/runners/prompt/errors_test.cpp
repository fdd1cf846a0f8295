// Every row of the table of errors, with its place.
#include <doctest/doctest.h>

#include "tests/runners/prompt/render.hpp"

using assay::Json;
using assay::TemplateError;

namespace {

struct Row {
  const char* text;
  const char* expected;
};

const Json kContext = Json::parse(R"({"n": 3, "opts": ["a"], "d": {"a": 1}, "text": "abc"})");

}  // namespace

TEST_CASE("each kind of error names its place") {
  const Row rows[] = {
      // syntax: the token that cannot be accepted
      {"{{ }}", "syntax 1:4"},
      {"{{ | upper }}", "syntax 1:4"},
      {"{% for x opts %}{% endfor %}", "syntax 1:10"},
      {"{% if n }x{% endif %}", "syntax 1:9"},
      {"{{ a[ }}", "syntax 1:7"},
      {"{{ a b }}", "syntax 1:6"},
      {"{{ n is }}", "syntax 1:9"},
      {"{% set true = 1 %}", "syntax 1:8"},
      {"{% for loop in opts %}{% endfor %}", "syntax 1:8"},
      // .. an open text: its quote; an open comment, raw, print or block: its delimiter
      {"日本 {{ 'abc }}", "syntax 1:7"},
      {"ok\n {# never", "syntax 2:2"},
      {"{% raw %}x", "syntax 1:1"},
      {"a {{ n", "syntax 1:3"},
      {"a {% if n", "syntax 1:3"},
      {"a\n{% if n %}x", "syntax 2:1"},
      {"{% for x in opts %}{% else %}", "syntax 1:1"},
      {"{% set x %}", "syntax 1:1"},
      // .. an unknown tag or a stray end: the word
      {"a {% wrong %}", "syntax 1:6"},
      {"{% endif %}", "syntax 1:4"},
      {"{% else %}", "syntax 1:4"},
      {"{% for x in opts %}{% endif %}", "syntax 1:23"},
      // unknown, also where nothing leads to it
      {"{% if false %}{{ n|uper }}{% endif %}", "unknown 1:20"},
      {"{{ n is notest }}", "unknown 1:9"},
      {"{{ opts|map('uper') }}", "unknown 1:13"},
      // unsupported
      {"{% include 'x' %}", "unsupported 1:4"},
      {"{% break %}", "unsupported 1:4"},
      {"{% for x in opts recursive %}{% endfor %}", "unsupported 1:18"},
      // undefined: the first name or attribute without a value
      {"line1\n{{ missing }}", "undefined 2:4"},
      {"é{{ missing|upper }}", "undefined 1:5"},
      {"{{ d.nope }}", "undefined 1:6"},
      {"{{ d.nope.deeper }}", "undefined 1:6"},
      {"{% if missing %}{% endif %}", "undefined 1:7"},
      {"{{ [] | first }}", "undefined 1:9"},
      {"{% set x = missing %}\n{{ x }}", "undefined 1:12"},
      {"{{ n.upper() }}", "undefined 1:6"},
      // type: the operator, or the name of the filter
      {"{{ n + text }}", "type 1:6"},
      {"{{ 1 // 0 }}", "type 1:6"},
      {"{{ n < text }}", "type 1:6"},
      {"{{ [1, 'a']|sort }}", "type 1:13"},
      {"{{ 'x'|batch(0) }}", "type 1:8"},
      {"{{ 'x'|upper(1) }}", "type 1:8"},
      {"{% for a, b in [[1]] %}{% endfor %}", "type 1:13"},
      {"{% set a, b = [1] %}", "type 1:13"},
      {"{{ n() }}", "type 1:5"},
      {"{% set d.q = 1 %}", "type 1:8"},
      // security: the name
      {"{{ ''.__class__ }}", "security 1:7"},
      {"{{ _private }}", "security 1:4"},
      {"{{ ''['__class__'] }}", "security 1:7"},
      {"{{ '{0}'.format(n) }}", "security 1:10"},
      {"{{ opts.append(1) }}", "security 1:9"},
      {"{{ opts.count('a') }}", "security 1:9"},
      {"{{ opts|map(attribute='__class__') }}", "security 1:9"},
      // limit
      {"{{ 'a' * 1000000000 }}", "limit 1:8"},
      {"{{ 9223372036854775807 + 1 }}", "limit 1:24"},
      {"{{ 10 ** 19 }}", "limit 1:7"},
      {"{{ range(1000000) }}", "limit 1:9"},
      {"{{ -9223372036854775808 }}", "limit 1:5"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(outcome(row.text, kContext) == row.expected);
  }
}

TEST_CASE("a single _ may be assigned, for values nobody reads") {
  CHECK(render("{% for _ in [1, 2] %}x{% endfor %}") == "xx");
  CHECK(outcome("{% for _ in [1] %}{{ _ }}{% endfor %}") == "security 1:22");
}

TEST_CASE("an error shows the line with a caret, what exists, and the way out") {
  try {
    render("a\nö{{ missing }}", Json::parse(R"({"question": "q", "peers": []})"));
    FAIL("no error");
  } catch (const TemplateError& error) {
    CHECK(error.message() == "the variable missing is not defined");
    CHECK(error.place() == "template:2:5");
    CHECK(error.excerpt() == "ö{{ missing }}\n    ^");
    CHECK(error.hint() == "ö{{ missing }}\n    ^\nvariables here: question, peers");
  }
  const auto hint = [](const char* text) {
    try {
      render(text);
    } catch (const TemplateError& error) {
      return error.hint();
    }
    return std::string();
  };
  CHECK(hint("{{ 'a'|uper }}").ends_with("did you mean upper?"));
  CHECK(hint("{{ x.format(1) }}").ends_with("use the filter format"));
  CHECK(hint("{% break %}").ends_with("filter the loop: {% for x in xs if COND %}"));
}

TEST_CASE("the excerpt of a very long line is the part around the place") {
  const std::string text = std::string(500, 'x') + "{{ missing }}" + std::string(500, 'y');
  try {
    render(text);
    FAIL("no error");
  } catch (const TemplateError& error) {
    CHECK(error.column() == 504);
    const std::string& excerpt = error.excerpt();
    const std::size_t end = excerpt.find('\n');
    CHECK(end <= 170);
    const std::size_t caret = excerpt.size() - end - 2;
    CHECK(excerpt.substr(caret, 7) == "missing");
  }
}
