#include "core/model/serialized_run.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "core/text/error.hpp"

using namespace assay;

namespace {

std::string text_of(const SerializedRun& run) {
  std::string text;
  append_json(text, run);
  return text;
}

SerializedRun read(const std::string& text) { return from_json_value(parse_json(text, "save"), "element 3 of x.json"); }

SerializedRun full() {
  SerializedRun saved;
  saved.batch = "a:b \"q\"";
  saved.kind = "qa";
  saved.model = "sim/x";
  saved.params = Json{{"n", 5}};
  NewRun& run = saved.run;
  run.id = "7";
  run.data = Json{{"B", 2}, {"A", 1}};
  run.answer = "42";
  run.status = Status::complete;
  run.score = Score::correct().metric("f1", 0.1).metric("one", 1).metric("lost", std::nan("")).metric("f1", 0.2);
  run.context = {{"system", "be"}, {"user", Json::array({Json{{"type", "text"}}})}};
  run.logs = {"a", 1, nullptr, Json{{"k", "v"}}};
  run.error = {"http", "500", "step 1"};
  run.attempts = {{1, Status::fail, {"http", "500", "step 1"}, 1.25}, {2, Status::complete, {}, 0.5}};
  run.steps = 2;
  run.usage = {2, 10, 1, 20, 3, 123'456'789'012, 1};
  run.facets = {{"category", "math"}};
  return saved;
}

}  // namespace

TEST_CASE("the six keys of the origin come first, then ours; what says nothing is left out") {
  CHECK(text_of(SerializedRun{}) ==
        R"({"data":null,"answer":null,"status":"READY","score":null,"context":[],"logs":[]})");
  CHECK(
      text_of(full()) ==
      R"({"data":{"B":2,"A":1},"answer":"42","status":"COMPLETE","score":"CORRECT",)"
      R"("context":[{"role":"system","content":"be"},{"role":"user","content":[{"type":"text"}]}],)"
      R"("logs":["a",1,null,{"k":"v"}],"batch":"a:b \"q\"","id":"7","kind":"qa","model":"sim/x",)"
      R"("attempts":[{"n":1,"outcome":"FAIL","error":{"kind":"http","message":"500","place":"step 1"},"seconds":1.25},)"
      R"({"n":2,"outcome":"COMPLETE","error":null,"seconds":0.5}],"metrics":{"f1":0.2,"one":1.0},)"
      R"("usage":{"calls":2,"input_tokens":10,"cached_tokens":1,"output_tokens":20,"reasoning_tokens":3,)"
      R"("cost_usd":0.123456789012,"possible_usd":1e-12},"error":{"kind":"http","message":"500","place":"step 1"},)"
      R"("steps":2,"facets":{"category":"math"},"params":{"n":5}})");
}

TEST_CASE("the value and the text say the same, and reading gives the run back") {
  for (const SerializedRun& run : {SerializedRun{}, full()}) {
    CHECK(dump_json(to_json_value(run)) == text_of(run));
    CHECK(text_of(read(text_of(run))) == text_of(run));
  }
  const SerializedRun back = read(text_of(full()));
  CHECK(back.run.usage == full().run.usage);
  CHECK(back.run.attempts[0].error.place == "step 1");
  CHECK(back.run.score.metrics.size() == 2);
  CHECK(back.batch == "a:b \"q\"");
}

TEST_CASE("a run of the origin's form is read: six keys only, score null, an unfinished one can be run") {
  const SerializedRun run =
      read(R"({"data":{"A":1,"B":2},"answer":null,"status":"INCOMPLETE","score":null,)"
           R"("context":[{"role":"user","content":"A: 1 B: 2"}],"logs":[{"x":1},"y"],"theirs":true})");
  CHECK(run.run.status == Status::incomplete);
  CHECK(run.run.score.verdict == Verdict::none);
  CHECK(run.run.context[0].content == "A: 1 B: 2");
  CHECK(run.run.logs.size() == 2);
  CHECK(run.batch == "");
  CHECK(run.run.id == "");
  CHECK(run.params.is_null());
}

TEST_CASE("odd values survive: write, read, write is the same bytes") {
  const std::string megabyte(1 << 20, 'x');
  const Json odd[] = {std::nan(""),
                      std::numeric_limits<double>::infinity(),
                      -0.0,
                      1e300,
                      5e-324,
                      1.0,
                      100.0,
                      std::numeric_limits<std::int64_t>::min(),
                      std::numeric_limits<std::uint64_t>::max(),
                      std::string("n\0l", 3),
                      "\xff\xfe broken",
                      "\xed\xa0\x80",
                      "\x1b[31m \x7f \xe2\x80\xa8",
                      megabyte,
                      "",
                      Json::object(),
                      Json::array(),
                      Json{{"", 1}},
                      Json{{"k\xff", "v"}}};
  for (const Json& value : odd) {
    SerializedRun run;
    run.run.data = Json{{"v", value}};
    run.run.answer = value;
    run.run.id = value.is_string() ? value.get<std::string>() : "1";
    run.run.context = {{"user", value}};
    run.run.logs = {value};
    run.run.error = {"k\xff", value.is_string() ? value.get<std::string>() : "m", ""};
    const std::string first = text_of(run);
    CHECK(text_of(read(first)) == first);
  }
}

TEST_CASE("money is exact to the pico") {
  for (const Pico pico : {Pico{1}, Pico{999'999'999'999}, Pico{1'234'567'890'123'457}, Pico{2'000'000'000'000'000}}) {
    SerializedRun run;
    run.run.usage.cost = pico;
    CHECK(read(text_of(run)).run.usage.cost == pico);
  }
}

TEST_CASE("a missing or wrong key is told with its place, name and what was found") {
  const std::string good = R"({"data":1,"answer":null,"status":"READY","score":null,"context":[],"logs":[]})";
  CHECK_NOTHROW(read(good));
  struct Case {
    const char *from, *to, *message;
  };
  const Case cases[] = {
      {R"("data":1,)", "", "element 3 of x.json: the key \"data\" is missing"},
      {R"("logs":[])", R"("x":[])", "element 3 of x.json: the key \"logs\" is missing"},
      {R"("READY")", R"("ready")",
       "element 3 of x.json: \"status\" must be READY, INCOMPLETE, COMPLETE or FAIL, found \"ready\""},
      {R"("score":null)", R"("score":1)", "element 3 of x.json: \"score\" must be CORRECT, INCORRECT or null, found 1"},
      {R"("logs":[])", R"("logs":{})", "element 3 of x.json: \"logs\" must be an array, found {}"},
      {R"("context":[])", R"("context":[7])", "element 3 of x.json: \"context.0\" must be an object, found 7"},
      {R"("context":[])", R"("context":[{"content":""}])",
       "element 3 of x.json: the key \"context.0.role\" is missing"},
      {R"("logs":[])", R"("logs":[],"usage":{"calls":-1})",
       "element 3 of x.json: \"usage.calls\" must be a whole number from 0, found -1"},
      {R"("logs":[])", R"("logs":[],"usage":{"cost_usd":1e300})",
       "element 3 of x.json: \"usage.cost_usd\" must be an amount under $9 million, found 1e+300"},
      {R"("logs":[])", R"("logs":[],"metrics":{"f1":"x"})",
       "element 3 of x.json: \"metrics.f1\" must be a number, found \"x\""},
      {R"("logs":[])", R"("logs":[],"batch":5)", "element 3 of x.json: \"batch\" must be a text, found 5"},
  };
  for (const Case& each : cases) {
    std::string text = good;
    const auto at = text.find(each.from);
    REQUIRE(at != std::string::npos);
    text.replace(at, std::string(each.from).size(), each.to);
    CAPTURE(text);
    CHECK_THROWS_WITH_AS(read(text), each.message, Error);
  }
  CHECK_THROWS_WITH_AS(read("[]"), "element 3 of x.json: a saved run must be an object, found []", Error);
}
