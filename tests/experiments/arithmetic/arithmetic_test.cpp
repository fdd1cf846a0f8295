#include "experiments/arithmetic/arithmetic.hpp"

#include <doctest/doctest.h>

#include "core/text/error.hpp"
#include "tests/experiments/qa/fake_batch.hpp"
#include "tests/runners/model_room.hpp"

using namespace assay;
using namespace assay::test;

namespace {

LoadedBatch load(const Kind& kind, const std::string& text, const ParameterTexts& params = {}) {
  return kind.load(text_source("sums.json", text), params);
}

std::string refusal(const Kind& kind, const std::string& text) {
  try {
    load(kind, text);
  } catch (const Error& error) {
    return error.what();
  }
  return "loaded";
}

/// The run of a pair whose model replied that.
NewRun replied(ModelRoom& room, const std::string& pair, const std::string& reply) {
  const auto kind = make_arithmetic_kind({room.client, room.registry});
  room.environment["OPENAI_API_KEY"] = "sk-test";
  auto batch = load(*kind, pair, {{"model", "openai/m"}});
  room.transport.replies.push_back(chat(reply));
  execute_all(room, *kind, batch);
  return batch.runs[0];
}

}  // namespace

TEST_CASE("a JSON array and JSON lines give one run per pair") {
  ModelRoom room;
  const auto kind = make_arithmetic_kind({room.client, room.registry});
  for (const char* text : {R"([{"A":1,"B":2},{"A":-3,"B":0.5}])", "{\"A\":1,\"B\":2}\n{\"A\":-3,\"B\":0.5}\n"}) {
    const auto batch = load(*kind, text);
    REQUIRE(batch.runs.size() == 2);
    CHECK(batch.runs[0].id == "1");
    CHECK(batch.runs[1].data == Json::parse(R"({"A":-3,"B":0.5})"));
    CHECK(batch.runs[0].status == Status::ready);
    CHECK(batch.info.kind == "arithmetic");
    CHECK(batch.info.model == "sim/default");
    CHECK(batch.info.pinned.contains("model"));
  }
  CHECK(kind->accepts(Json::parse(R"({"A":1,"B":2})")));
  CHECK_FALSE(kind->accepts(Json::parse(R"({"A":1})")));
}

TEST_CASE("what is no pair is refused with its line") {
  ModelRoom room;
  const auto kind = make_arithmetic_kind({room.client, room.registry});
  CHECK(refusal(*kind, "{\"A\":1,\"B\":2}\n{\"A\":1}\n") ==
        "sums.json:2: no B, expected {\"A\": number, \"B\": number}");
  CHECK(refusal(*kind, R"([{"A":1,"B":"2"}])") == "sums.json:1: B is \"2\", expected a number");
  CHECK(refusal(*kind, "[3]") == "sums.json:1: found number, expected {\"A\": number, \"B\": number}");
  CHECK(refusal(*kind, "[]").find("sums.json: no runs") == 0);
  CHECK_THROWS_AS(load(*kind, R"([{"A":1,"B":2}])", {{"modle", "x"}}), Error);
  CHECK_THROWS_AS(load(*kind, R"([{"A":1,"B":2}])", {{"model", "nobody/x"}}), Error);
}

TEST_CASE("the prompt is the origin's, the answer is the last number of the reply") {
  ModelRoom room;
  const NewRun run = replied(room, R"([{"A":1,"B":2}])", "1 plus 2 makes 3.");
  CHECK(run.status == Status::complete);
  CHECK(run.score.verdict == Verdict::correct);
  CHECK(run.answer == 3);
  REQUIRE(run.context.size() == 3);
  CHECK(run.context[0].role == "system");
  CHECK(run.context[0].content == "Add the two numbers provided");
  CHECK(run.context[1].content == "A: 1 B: 2");
  CHECK(run.steps == 1);
}

TEST_CASE("a reply without a number is INCORRECT, unparsed, and no error") {
  ModelRoom room;
  const NewRun run = replied(room, R"([{"A":1,"B":2}])", "three");
  CHECK(run.status == Status::complete);
  CHECK(run.answer.is_null());
  CHECK(run.score.verdict == Verdict::incorrect);
  CHECK(run.score.metrics == std::vector<std::pair<std::string, double>>{{"unparsed", 1}});
}

TEST_CASE("numbers as models write them") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"it is 1,007.", "1007"}, {"2 + 2 = 4", "4"}, {"= -12.50", "-12.50"}, {"−7", "-7"},
      {"about .5", ".5"},       {"1e3", "1e3"},     {"none", ""},           {"$3,000,000", "3000000"}};
  for (const auto& [text, want] : cases) CHECK_MESSAGE(last_number(text) == want, text);
}

TEST_CASE("whole sums are compared exactly, others to 12 digits") {
  CHECK(is_sum("0.3", 0.1, 0.2));
  CHECK_FALSE(is_sum("0.31", 0.1, 0.2));
  CHECK(is_sum("3.00", 1, 2));
  CHECK(is_sum("-0", 5, -5));
  CHECK(is_sum("1999999999998", 999999999999LL, 999999999999LL));
  CHECK_FALSE(is_sum("1999999999999", 999999999999LL, 999999999999LL));
  CHECK(is_sum("18446744073709551614", 9223372036854775807LL, 9223372036854775807LL));
  CHECK(is_sum("1e3", 400, 600));
}

TEST_CASE("the shipped sample runs on the built-in model; its report counts what happened") {
  ModelRoom room;
  const auto kind = make_arithmetic_kind({room.client, room.registry});
  REQUIRE(kind->samples() == std::vector<std::string>{"sample"});
  for (const auto& [model, correct] : {std::pair{"sim/qa?accuracy=1", 50}, std::pair{"sim/qa?accuracy=0", 0}}) {
    auto batch = kind->load(text_source("sample", kind->sample("sample")), {{"model", model}});
    CHECK(batch.runs.size() == 50);
    execute_all(room, *kind, batch);
    const auto report = kind->report(FakeBatch(std::move(batch)));
    CHECK(report.figures["n"] == 50);
    CHECK(report.figures["scored"] == 50);
    CHECK(report.figures["correct"] == correct);
    CHECK(report.figures["unparsed"] == 0);
    CHECK(report.figures["ci95"][correct == 50 ? 1 : 0] == (correct == 50 ? 1.0 : 0.0));
  }
}

TEST_CASE("a failed call is FAIL, never a wrong answer") {
  ModelRoom room;
  const auto kind = make_arithmetic_kind({room.client, room.registry});
  auto batch = load(*kind, R"([{"A":1,"B":2}])", {{"model", "sim/qa?fail=bad_request:1"}});
  execute_all(room, *kind, batch);
  CHECK(batch.runs[0].status == Status::fail);
  CHECK(batch.runs[0].error.kind == "bad_request");
  CHECK(batch.runs[0].error.place == "step 1");
  const auto report = kind->report(FakeBatch(std::move(batch)));
  CHECK(report.figures["failed"] == 1);
  CHECK(report.figures["accuracy"].is_null());
  CHECK(dump_json(report.figures["bounds"]) == "[0.0,1.0]");
}

TEST_CASE("a missing key is told before any run starts") {
  ModelRoom room;
  const auto kind = make_arithmetic_kind({room.client, room.registry});
  const auto batch = load(*kind, R"([{"A":1,"B":2}])", {{"model", "openai/m"}});
  CHECK_THROWS_AS(kind->make_runner(batch.info, {}), Error);
}
