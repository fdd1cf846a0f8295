// What a batch keeps of its model: what is pinned, how a newer entry differs, what a pin from outside can't do.
#include <doctest/doctest.h>

#include "tests/runners/llm/names_desk.hpp"

namespace assay {
namespace {

using namespace test;

TEST_CASE("pinned: without key and limits, and back as it was") {
  const std::string yaml = R"(
models:
  judge: {model: openai/x, params: {temperature: 0}, limits: {rpm: 5}, timeouts: {attempt: 90s}, hedge: p95, fallbacks: [claude], ca_file: /ca}
  claude: {model: anthropic/c, price: {in: 1, out: 2}, fallbacks: [judge]}
)";
  const Variables variables = {{"OPENAI_API_KEY", "CANARY-0123456789"}, {"ANTHROPIC_API_KEY", "CANARY-9876543210"}};
  const Desk desk(yaml, variables);
  const Json pinned = to_json(*desk("judge"));
  const std::string text = pinned.dump();
  CHECK(text.find("CANARY") == std::string::npos);
  CHECK(text.find("rpm") == std::string::npos);
  CHECK(text.find("API_KEY") == std::string::npos);
  CHECK(pinned["fallbacks"][0]["model"] == "c");
  CHECK_FALSE(pinned["fallbacks"][0].contains("fallbacks"));
  const ModelHandle again = desk.registry.callable_pinned(pinned);
  CHECK(to_json(*again) == pinned);
  CHECK(again->lane() == desk("judge")->lane());
  CHECK(again->limits.rpm == 5);
  CHECK(again->ca_file == "/ca");
  CHECK(again->fallback_entries.front()->key_env == "ANTHROPIC_API_KEY");
  CHECK(desk.registry.changes(pinned).empty());
  CHECK(difference_line("judge", {}).empty());
}

TEST_CASE("a newer entry is reported field by field, with the file or variable it comes from") {
  struct Row {
    const char *before, *after;
    Variables later;
    const char* line;
  };
  const Row rows[] = {
      {"{model: openai/x, params: {temperature: 0}}",
       "{model: openai/x, params: {temperature: 0.7}}",
       {},
       "judge: temperature 0 -> 0.7 in models.yaml; this batch keeps 0. set models=refresh takes the new one"},
      {"{model: openai/x}",
       "{model: openai/x, params: {max_tokens: 5}}",
       {},
       "judge: max_tokens none -> 5 in models.yaml; this batch keeps what it has. set models=refresh takes the new "
       "ones"},
      {"{model: openai/x, price: {in: 1, out: 2}}",
       "{model: openai/y, price: {in: 1, out: 3}}",
       {},
       "judge: model x -> y, price.out 2 -> 3 in models.yaml; this batch keeps what it has. set models=refresh takes "
       "the "
       "new ones"},
      {"{model: openai/x}",
       "{model: openai/x}",
       {{"OPENAI_BASE_URL", "http://127.0.0.1:1/v1"}},
       "judge: url https://api.openai.com/v1/chat/completions -> http://127.0.0.1:1/v1/chat/completions in "
       "OPENAI_BASE_URL; this batch keeps https://api.openai.com/v1/chat/completions. set models=refresh takes the new "
       "one"},
      {"{model: openai/x, fallbacks: [a]}",
       "{model: openai/x, fallbacks: [a, b]}",
       {},
       "judge: fallbacks [\"a\"] -> [\"a\",\"b\"] in models.yaml; this batch keeps [\"a\"]. set models=refresh takes "
       "the "
       "new one"},
      {"{model: openai/x, limits: {rpm: 5}, key_env: A}", "{model: openai/x, limits: {rpm: 6}, key_env: B}", {}, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.after);
    const std::string rest = "\n  a: {model: sim/qa}\n  b: {model: sim/qa}\n";
    const Json pinned = to_json(*Desk("models:\n  judge: " + std::string(row.before) + rest)("judge"));
    const Desk later("models:\n  judge: " + std::string(row.after) + rest, row.later);
    CHECK(difference_line("judge", later.registry.changes(pinned)) == row.line);
  }
  const Json pinned = to_json(*Desk("models: {judge: {model: sim/qa}}")("judge"));
  CHECK(difference_line("judge", Desk("").registry.changes(pinned)) ==
        "judge: alias judge -> none in models.yaml; this batch keeps judge. set models=refresh takes the new one");
}

TEST_CASE("a fallback that has changed is reported under its name") {
  const std::string judge = "models:\n  judge: {model: openai/x, fallbacks: [c]}\n";
  const Json pinned = to_json(*Desk(judge + "  c: {model: anthropic/c, params: {temperature: 0}}")("judge"));
  const Desk later(judge + "  c: {model: anthropic/c, params: {temperature: 1}}");
  CHECK(difference_line("judge", later.registry.changes(pinned))
            .starts_with("judge: c temperature 0 -> 1 in models.yaml"));
}

TEST_CASE("a pin from outside moves no key, and starts no program") {
  const Variables variables = {{"OPENAI_API_KEY", "CANARY-0123456789"}};
  const std::string yaml = "models: {judge: {model: openai/x}, tool: {command: [./tool]}}";
  const Desk desk(yaml, variables);
  Json pinned = to_json(*desk("judge"));
  pinned["url"] = "https://evil.example/v1/chat/completions";
  CHECK(error_of([&] { desk.registry.callable_pinned(pinned); }).second.find("is not sent there") != std::string::npos);
  // Under an alias that is not there, and one that means something else here.
  for (const char* alias : {"nobody", "tool"}) {
    pinned["alias"] = alias;
    CHECK(error_of([&] { desk.registry.callable_pinned(pinned); }).second.find("is not sent there") !=
          std::string::npos);
  }
  // Under a provider nobody knows here, its key can't be had at all.
  pinned["provider"] = "lab";
  CHECK(error_of([&] { desk.registry.callable_pinned(pinned); }).first == "no_key");
  Json tool = to_json(*desk("tool"));
  tool["command"] = {"./evil"};
  CHECK(error_of([&] { desk.registry.callable_pinned(tool); }).second.find("pinned to a program") != std::string::npos);
  Json nested = to_json(*desk("judge"));
  nested["fallbacks"] = Json::array({nested});
  nested["fallbacks"][0]["fallbacks"] = Json::array({nested});
  CHECK(error_of([&] { desk.registry.callable_pinned(nested); }).first == "bad_request");
  Json broken = to_json(*desk("judge"));
  broken["timeouts"] = {{"attempt", "soon"}};
  CHECK(error_of([&] { desk.registry.callable_pinned(broken); }).second.find("timeouts.attempt") != std::string::npos);
}

}  // namespace
}  // namespace assay
