#include "runners/exec_protocol.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/support/fake_step.hpp"

using namespace assay;
using namespace assay::test;

namespace {

ExecLine read(const std::string& line, ExecOperation operation = ExecOperation::step) {
  return read_program_line(operation, line);
}

std::string refusal(const std::string& line, ExecOperation operation = ExecOperation::step) {
  try {
    read(line, operation);
  } catch (const RunFailure& failure) {
    CHECK(failure.kind() == "exec/protocol");
    return failure.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("what is asked: the operation, and all that the run has come to") {
  FakeClock clock;
  FakeStep step(clock, &clock);
  step.at = 4;
  Run run;
  run.id = "7";
  run.batch = "b";
  run.data = 12;
  run.say("user", "hello");
  const Json asked = Json::parse(operation_line(ExecOperation::step, run, step, {{"style", "short"}}, 99));
  CHECK(asked == Json::parse(R"({"protocol":1,"op":"step","run":{"id":"7","batch":"b","attempt":1,"data":12,
      "context":[{"role":"user","content":"hello"}],"answer":null,"state":null,"seed":99,"params":{"style":"short"},
      "step":4}})"));
  CHECK_FALSE(Json::parse(operation_line(ExecOperation::setup, run, step, {}, 1)).at("run").contains("step"));
}

TEST_CASE("what ends an operation says only what changes") {
  CHECK_FALSE(read(R"({"done":{}})").done->answer.has_value());
  CHECK(read(R"({"done":true})").done->next == Next::done);
  const auto all =
      read(R"({"done":{"next":"again","answer":null,"state":[1],"context":[{"role":"user","content":"x","round":2}]}})")
          .done;
  REQUIRE(all.has_value());
  CHECK(all->next == Next::again);
  CHECK(all->answer == Json());
  CHECK(all->state == Json::array({1}));
  CHECK(all->context->at(0).more == Json::object({{"round", 2}}));
}

TEST_CASE("a score is a verdict and figures") {
  const auto score = [](const std::string& text) {
    return read(R"({"done":)" + text + "}", ExecOperation::evaluate).done->score;
  };
  CHECK(score(R"({"score":"CORRECT"})").verdict == Verdict::correct);
  CHECK(score(R"({"score":false})").verdict == Verdict::incorrect);
  CHECK(score(R"({"score":null})").verdict == Verdict::none);
  CHECK(score("{}").verdict == Verdict::none);
  const Score figures = score(R"({"metrics":{"f1":0.5,"n":3,"parsed":true,"gone":null}})");
  REQUIRE(figures.metrics.size() == 4);
  CHECK(figures.metrics[2].second == 1);
  CHECK(std::isnan(figures.metrics[3].second));
}

TEST_CASE("calls keep their place, model, parameters and hint; one that can't be made is told, not refused") {
  const ExecLine line = read(R"({"calls":[{"key":"a/1","model":"openai/x","messages":[{"role":"user","content":"q"}],
      "params":{"temperature":0.5},"hint":{"answer":"3","options":["3","4"]}},{"messages":[]},{"messages":"no"}]})");
  REQUIRE(line.calls.size() == 3);
  CHECK(line.several);
  CHECK(line.calls[0].key == "a/1");
  CHECK(line.calls[0].model == "openai/x");
  REQUIRE(line.calls[0].request.has_value());
  CHECK(line.calls[0].request->params.temperature == 0.5);
  CHECK(line.calls[0].request->hint->options.size() == 2);
  CHECK(line.calls[1].key == "");
  CHECK_FALSE(line.calls[2].request.has_value());
  CHECK_FALSE(read(R"({"call":{"messages":[{"role":"user","content":"q"}]}})").several);
}

TEST_CASE("log, fail, unsupported") {
  CHECK(read(R"({"log":{"a":1}})").log == Json::object({{"a", 1}}));
  CHECK(read(R"({"fail":"no way"})").fail->kind() == "program");
  const auto fail = read(R"({"fail":{"kind":"no_data","message":"none"}})").fail;
  CHECK(fail->kind() == "no_data");
  CHECK(std::string(fail->what()) == "none");
  CHECK(read(R"({"unsupported":true})").unsupported);
}

TEST_CASE("what must not be said is shown, with what was expected") {
  CHECK(refusal("thinking...").find("said no JSON") == 0);
  CHECK(refusal("thinking...").find(": thinking...; expected one JSON object a line") != std::string::npos);
  CHECK(refusal("[1]").find("said no JSON object: [1]") == 0);
  CHECK(refusal("\x1b[31m{").find("\\x1b[31m") != std::string::npos);
  CHECK(refusal(std::string(100'000, 'x')).size() < 500);
  CHECK(refusal(R"({"answer":1})").find("said nothing that is known") == 0);
  CHECK(refusal(R"({"unsupported":false})").find("said nothing that is known") == 0);
  CHECK(refusal(R"({"calls":{}})").find("no list of calls") != std::string::npos);
  CHECK(refusal(R"({"calls":[]})").find("no list of calls") != std::string::npos);
  CHECK(refusal(R"({"call":{"key":1,"messages":[]}})").find("\"key\" that is no text") != std::string::npos);
  CHECK(refusal(R"({"done":3})").find("\"done\" that is no object") != std::string::npos);
  CHECK(refusal(R"({"done":{"next":"wait"}})").find(R"("next": "wait")") != std::string::npos);
  CHECK(refusal(R"({"done":{"context":[{"role":"user"}]}})").find("a message without role and content") !=
        std::string::npos);
  CHECK(refusal(R"({"done":{"score":1}})", ExecOperation::evaluate).find("a \"score\" that is none") !=
        std::string::npos);
  CHECK(refusal(R"({"done":{"metrics":{"a":"b"}}})", ExecOperation::evaluate).find("the metric \"a\"") !=
        std::string::npos);
  CHECK(refusal(std::string(300, '[') + std::string(300, ']')).find("said no JSON") == 0);
}
