#include <doctest/doctest.h>

#include "core/query/query.hpp"
#include "core/text/error.hpp"

using namespace assay;

namespace {

/// The tree as one line: (and a (or b (not c))).
std::string shape(const QueryNode& node) {
  if (node.kind == QueryNode::Kind::term) {
    const QueryTerm& term = node.term;
    using Kind = QueryTerm::Kind;
    switch (term.kind) {
      case Kind::everything:
        return "ALL";
      case Kind::text:
        return "'" + term.value + "'";
      case Kind::text_any_case:
        return "i'" + term.value + "'";
      case Kind::pattern:
        return "/" + term.pattern->source() + "/";
      case Kind::indices: {
        std::string text = "#";
        for (const auto& [first, last] : term.ranges)
          text += (text == "#" ? "" : ",") + std::to_string(first) + "-" + std::to_string(last);
        return text;
      }
      case Kind::unresolved:
        return "?" + term.whole;
      case Kind::field:
        break;
    }
    std::string text = std::string(row_of(term.field).name);
    if (!term.name.empty()) text += "." + term.name;
    text += std::string(to_text(term.op));
    return text + (term.pattern ? "/" + term.pattern->source() + "/" : term.value);
  }
  const char* names[] = {"", "and", "or", "not"};
  std::string text = std::string("(") + names[static_cast<int>(node.kind)];
  for (const QueryNode& child : node.children) text += " " + shape(child);
  return text + ")";
}

std::string shape(std::string_view text) { return shape(parse_query(text).root()); }

struct Failure {
  std::string message, place, caret;
};
Failure failure(std::string_view text) {
  try {
    const Query query = parse_query(text);
    const QueryNode& root = query.root();
    if (root.kind == QueryNode::Kind::term && root.term.failure) throw Error(*root.term.failure);
  } catch (const Error& error) {
    REQUIRE(error.kind() == "query");
    return {error.message(), error.place(), error.hint()};
  }
  return {};
}

}  // namespace

TEST_CASE("every form of the grammar is read as the spec's table says") {
  const std::pair<const char*, const char*> cases[] = {
      {"", "(and)"},
      {"   ", "(and)"},
      {"text", "'text'"},
      {"s:text", "'text'"},
      {"i:TeXt", "i'TeXt'"},
      {"READY", "status:READY"},
      {"FAIL", "status:FAIL"},
      {"INCORRECT", "score:INCORRECT"},
      {"fail", "'fail'"},
      {"'FAIL'", "'FAIL'"},
      {"s:FAIL", "'FAIL'"},
      {"null", "'null'"},
      {"r:^q[0-9]+$", "/^q[0-9]+$/"},
      {R"(r:\d+)", R"(/\d+/)"},
      {R"(r:"a b\.c")", R"(/a b\.c/)"},
      {"r:(foo|bar)+", "/(foo|bar)+/"},
      {"r:", "//"},
      {"r:foo|bar", "/foo|bar/"},
      {"r:foo|r:bar", "(or /foo/ /bar/)"},
      {"r:foo|status:FAIL", "(or /foo/ status:FAIL)"},
      {"r:foo|FAIL", "(or /foo/ status:FAIL)"},
      {"r:foo | bar", "(or /foo/ 'bar')"},
      {"(r:foo) bar", "(and /foo/ 'bar')"},
      {"r:[a b)]x y", "(and /[a b)]x/ 'y')"},
      {"a:3", "#3-3"},
      {"3", "#3-3"},
      {"a:2-5", "#2-5"},
      {"2-5", "#2-5"},
      {"a:[2-5]", "#2-5"},
      {"[2-5]", "#2-5"},
      {"[1-1]", "#1-1"},
      {"a:1,4,7-9", "#1-1,4-4,7-9"},
      {"[1, 4, 7 - 9]", "#1-1,4-4,7-9"},
      {"'3'", "'3'"},
      {"s:3", "'3'"},
      {"*", "ALL"},
      {"all", "ALL"},
      {"'all'", "'all'"},
      {"qa:12", "?qa:12"},
      {"\"my batch\":3", "'my batch:3'"},
      {"a/b:3", "?a/b:3"},
      {"qa/t=0.5:17", "?qa/t=0.5:17"},
      {"status:FAIL", "status:FAIL"},
      {"status:fail", "status:FAIL"},
      {"status!=READY", "status!=READY"},
      {"score:null", "score:null"},
      {"score:none", "score:null"},
      {"batch:\"a b\"", "batch:a b"},
      {"model~gpt.*mini", "model~/gpt.*mini/"},
      {"err:'time out'", "err:time out"},
      {"answer:don't", "!quote"},
      {"answer:\"don't\"", "answer:don't"},
      {"answer:f(x)", "answer:f(x)"},
      {"data.k=3", "data.k=3"},
      {"data.k==3", "data.k=3"},
      {"data.a.0.b!=x", "data.a.0.b!=x"},
      {"answer>=3", "answer>=3"},
      {"steps>2", "steps>2"},
      {"time>10s", "time>10s"},
      {"cost>$0.01", "cost>$0.01"},
      {"attempts>=2", "attempts>=2"},
      {"metric.f1<0.5", "metric.f1<0.5"},
      {"category:math", "?category:math"},
      {"category=math", "?category=math"},
      {"a b", "(and 'a' 'b')"},
      {"a|b c|d", "(or 'a' (and 'b' 'c') 'd')"},
      {"!a", "(not 'a')"},
      {"!!a", "'a'"},
      {"! a b", "(and (not 'a') 'b')"},
      {"!(a|b) c", "(and (not (or 'a' 'b')) 'c')"},
      {"(a b)|c", "(or (and 'a' 'b') 'c')"},
      {"((a))", "'a'"},
      {"x!y", "'x!y'"},
      {"gpt(1) y", "(and 'gpt(1)' 'y')"},
      {"\"a\\\"b\\\\c\"", "'a\"b\\c'"},
      {"it'em one'", "'item one'"},
      {"''", "''"},
      {"-x", "'-x'"},
      {"\xc3\xa9t\xc3\xa9", "'\xc3\xa9t\xc3\xa9'"},
  };
  for (const auto& [text, expected] : cases) {
    CAPTURE(std::string(text));
    if (std::string_view(expected) == "!quote")
      CHECK(failure(text).message == "the quote ' is not closed");
    else
      CHECK(shape(text) == expected);
  }
}

TEST_CASE("a wrong query says what is wrong and where, with a caret below the place") {
  struct Case {
    const char *text, *message, *place;
  };
  const Case cases[] = {
      {"a )", "\")\" closes nothing", "column 3"},
      {"x (a", "\"(\" is not closed", "column 3"},
      {"()", "nothing stands between the parentheses", "column 1"},
      {"a |", "\"|\" needs a term on both sides", "column 4"},
      {"| a", "\"|\" needs a term on both sides", "column 1"},
      {"a !", "\"!\" needs a term after it", "column 3"},
      {"x 'abc", "the quote ' is not closed", "column 3"},
      {"a:[5-2]", "the range ends before it begins", "column 4"},
      {"[5-2]", "the range ends before it begins", "column 2"},
      {"a:0", "indices begin at 1", "column 3"},
      {"a:x", "an index is expected", "column 3"},
      {"a:1,,2", "an index is expected", "column 5"},
      {"a:-1", "an index is expected", "column 3"},
      {"a:1.5", "an index list holds numbers, \"-\" and \",\"", "column 4"},
      {"a:99999999999", "an index that large does not exist", "column 3"},
      {"s:", "\"s:\" needs a value", "column 3"},
      {"status:", "status: needs a value", "column 8"},
      {"status:DONE", "\"DONE\" is no status", "column 8"},
      {"score:GOOD", "\"GOOD\" is no score", "column 7"},
      {"status>FAIL", "status takes : = != and ~", "column 7"},
      {"steps>x", "\"x\" is no number", "column 7"},
      {"steps>1x", "\"1x\" is no number", "column 7"},
      {"steps~1", "a number is compared by = != < <= > or >=", "column 6"},
      {"cost>nan", "\"nan\" is no number", "column 6"},
      {"metric>1", "a metric is asked for by its name: metric.NAME", "column 1"},
  };
  for (const Case& each : cases) {
    CAPTURE(std::string(each.text));
    const Failure found = failure(each.text);
    CHECK(found.message == each.message);
    CHECK(found.place == each.place);
    const std::size_t column = std::stoul(found.place.substr(7));
    CHECK(found.caret.starts_with(std::string(each.text) + "\n" + std::string(column - 1, ' ') + "^"));
  }
  CHECK(failure("r:a(b").message.find("missing") != std::string::npos);
  CHECK(failure("r:a(b").caret.find('^') != std::string::npos);
  CHECK(failure("time>10parsecs").place == "column 6");
}

TEST_CASE("size and depth are bounded") {
  CHECK_NOTHROW(parse_query(std::string(100, '(') + "a" + std::string(100, ')')));
  CHECK(failure(std::string(101, '(') + "a" + std::string(101, ')')).place == "column 101");
  CHECK(failure(std::string((64 << 10) + 1, 'a')).message.find("65536") != std::string::npos);
  CHECK(shape(std::string(65535, '!') + "a") == "(not 'a')");
  std::string many;
  for (int i = 0; i < 32'000; ++i) many += "a ";
  CHECK(parse_query(many).root().children.size() == 32'000);
}

TEST_CASE("units become numbers") {
  const auto number = [](std::string_view text) { return parse_query(text).root().term.number; };
  CHECK(number("time>1m30s") == 90);
  CHECK(number("time>500ms") == 0.5);
  CHECK(number("time>7") == 7);
  CHECK(number("cost>$0.01") == 0.01);
  CHECK(number("cost<1e-3") == 0.001);
  CHECK_FALSE(number("data.k=x"));
}

TEST_CASE("a query knows whether it reads from disk") {
  CHECK(parse_query("x | !(answer:y)").needs_payload());
  CHECK(parse_query("data.k=3").needs_payload());
  CHECK_FALSE(parse_query("x status:FAIL steps>2 err:x").needs_payload());
  CHECK(parse_query(" ").empty());
  CHECK_FALSE(parse_query("all").empty());
}
