// One line of a batch file: written, and read from whatever a provider sends.
#include <doctest/doctest.h>

#include "core/text/error.hpp"
#include "runners/llm/batch_line.hpp"
#include "tests/runners/llm/vectors.hpp"

using namespace assay;
using namespace assay::test;

namespace {

const std::string kExperiment = "3f9a1c02deadbeef";

ModelEntry openai_entry() {
  ModelEntry entry;
  entry.name = entry.model = "gpt-4o-2024-08-06";
  entry.provider = entry.type = "openai";
  return entry;
}

BatchOutcome read(std::string_view line) {
  static const ModelEntry entry = openai_entry();
  return read_batch_line(
      line, [](const std::string& id) { return id.size() == 2 && id >= "C1" && id <= "C8" ? &entry : nullptr; });
}

std::string action_of(const BatchOutcome& outcome) {
  switch (outcome.action) {
    case BatchOutcome::Action::answered:
      return "answered";
    case BatchOutcome::Action::failed:
      return "failed";
    case BatchOutcome::Action::to_pool:
      return "back to the pool";
    case BatchOutcome::Action::skipped:
      return "reported with its line number, skipped";
  }
  return {};
}

}  // namespace

TEST_CASE("the shared vectors: every line of an output or error file is taken as they say") {
  const auto cases = vectors("batch_lines.json");
  if (!cases) return;
  Tally tally("batch_lines.json");
  for (const Json& one : *cases) {
    const std::string id = one.at("id"), action = one.at("action");
    INFO(id);
    if (action.find("second reported") != std::string::npos) {
      tally.skip("a matter of two lines: batch_book_test");
      continue;
    }
    const BatchOutcome outcome = read(one.at("line").get<std::string>());
    CHECK(action_of(outcome) == action);
    const Json& expected = one.at("outcome");
    tally.tested();
    if (expected.is_null()) continue;
    if (expected.at("ok") == true) {
      REQUIRE(outcome.reply);
      CHECK(outcome.reply->text == expected.at("text"));
      CHECK(to_text(outcome.reply->stop) == expected.at("stop"));
      CHECK(Json(outcome.reply->flags.names()) == expected.at("flags"));
      CHECK(outcome.reply->model == expected.at("model"));
      CHECK(outcome.reply->id == expected.at("id"));
      REQUIRE(outcome.reply->usage);
      CHECK(outcome.reply->usage->in == expected.at("usage").at("in"));
      CHECK(outcome.reply->usage->out == expected.at("usage").at("out"));
    } else {
      REQUIRE(outcome.error);
      CHECK(to_text(outcome.error->kind) == expected.at("kind"));
      CHECK(outcome.error->sub == expected.at("sub"));
      CHECK(outcome.error->code == expected.at("code"));
      CHECK(outcome.error->by_text == expected.at("by_text"));
    }
  }
}

TEST_CASE("what a line may say, and what becomes of its call") {
  struct Row {
    const char *line, *action, *why;
  };
  const Row rows[] = {
      {R"({"custom_id":"C1","response":{"status_code":400,"body":{"error":{"message":"no","type":"invalid_request_error"}}}})",
       "failed", "bad_request: no"},
      {R"({"custom_id":"C1","response":{"status_code":500,"body":{}}})", "back to the pool", "server"},
      {R"({"custom_id":"C1","response":null,"error":{"code":"batch_expired","message":"x"}})", "back to the pool",
       "expired"},
      {R"({"custom_id":"C1","response":null,"error":{"code":"batch_cancelled","message":"x"}})", "back to the pool",
       "batch_cancelled"},
      {R"({"custom_id":"C1","method":"POST","url":"/v1/chat/completions","body":{}})",
       "reported with its line number, skipped", "a request"},
      {R"({"custom_id":"C1"})", "back to the pool", "no response"},
      {R"({"custom_id":"C1","response":{"status_code":"200"}})", "back to the pool", "no response"},
      {R"({"custom_id":"C1","response":{"status_code":200,"body":{"choices":[]}}})", "back to the pool",
       "bad_response"},
      {R"({"custom_id":"C1","response":{"status_code":200}})", "back to the pool", "bad_response"},
      {R"({"custom_id":"X1","response":{"status_code":200}})", "reported with its line number, skipped", "nobody"},
      {R"({"custom_id":7})", "reported with its line number, skipped", "no custom_id"},
      {"[]", "reported with its line number, skipped", "no custom_id"},
      {"", "reported with its line number, skipped", "not JSON"},
      {"\xff\xfe", "reported with its line number, skipped", "not JSON"},
  };
  for (const Row& row : rows) {
    INFO(std::string(row.line));
    const BatchOutcome outcome = read(row.line);
    CHECK(action_of(outcome) == row.action);
    CHECK(outcome.why.find(row.why) != std::string::npos);
  }
  CHECK(action_of(read(std::string(1'000'000, '['))) == "reported with its line number, skipped");
}

TEST_CASE("a custom_id names the call of one experiment, and nothing else") {
  CHECK(batch_custom_id(kExperiment, 17) == "assay-3f9a1c02-000000000017");
  CHECK(batch_custom_id(kExperiment, 1'234'567'890'123) == "assay-3f9a1c02-1234567890123");
  CHECK(batch_custom_id(kExperiment, ~CallId{0}).size() <= 64);
  for (const CallId call : {CallId{1}, CallId{17}, CallId{999'999'999'999}, CallId{1'234'567'890'123}}) {
    CHECK(batch_call_of(kExperiment, batch_custom_id(kExperiment, call)) == call);
  }
  for (const char* other :
       {"", "assay-3f9a1c02-", "assay-3f9a1c03-000000000017", "assay-3f9a1c02-17", "assay-3f9a1c02-0000000000017",
        "assay-3f9a1c02--00000000017", "assay-3f9a1c02-00000000001x", "assay-3f9a1c02-99999999999999999999999"}) {
    INFO(std::string(other));
    CHECK_FALSE(batch_call_of(kExperiment, other));
  }
}

TEST_CASE("a line is the recorded body under its id; a body without a model gets one") {
  const std::string body = R"({"messages":[{"content":"a \",\"endpoint\":\" b é","role":"user"}],"model":"m"})";
  const auto canonical = [](const std::string& inside) {
    return R"({"body":)" + inside +
           R"(,"endpoint":"https://api.openai.com:443","epoch":0,"path":"/v1/x","type":"openai","v":1})";
  };
  CHECK(batch_line("id-1", canonical(body), "other") ==
        R"({"custom_id":"id-1","method":"POST","url":"/v1/chat/completions","body":)" + body + "}\n");
  CHECK(batch_line("id-1", canonical(R"({"messages":[]})"), "gpt") ==
        "{\"custom_id\":\"id-1\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{\"model\":\"gpt\","
        "\"messages\":[]}}\n");
  CHECK_THROWS_AS(batch_line("id-1", "null", "m"), Error);
}
