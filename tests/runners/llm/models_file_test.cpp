// models.yaml: files that are refused with their line and key, and how several files make one.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include "core/text/error.hpp"
#include "runners/llm/models_file.hpp"

namespace assay {
namespace {

namespace fs = std::filesystem;

struct Refused {
  std::string place, message, hint;
};

Refused refusal(const std::string& yaml) {
  try {
    check_references(parse_models_text(yaml, "models.yaml"));
  } catch (const Error& error) {
    return {error.place(), error.message(), error.hint()};
  }
  return {};
}

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST_CASE("a bad file is refused with its line, the key, and the nearest valid one") {
  struct Row {
    std::string yaml;
    int line;
    const char *key, *says;  // parts of message and hint together
  };
  const std::string m = "models:\n  judge: {model: openai/x}\n";
  const auto judge = [](const std::string& fields) { return "models:\n  judge:\n    model: openai/x\n" + fields; };
  const Row rows[] = {
      // The file as a whole
      {"- a\n- b\n", 1, "", "no mapping"},
      {"just text", 1, "", "no mapping"},
      {"version: 2\n", 1, "version", "must be 1"},
      {m + "modles: {}\n", 3, "modles", "did you mean models?"},
      {m + "zzz: 1\n", 3, "zzz", "known: version default providers models prices"},
      {"models: [judge]\n", 1, "models", "mapping"},
      {m + "models: {}\n", 3, "models", "twice"},
      {"default: gpt\n" + m, 1, "default", "no model \"gpt\""},
      {"default: juge\n" + m, 1, "default", "did you mean judge?"},
      {"default: opnai/x\n" + m, 1, "default", "did you mean openai?"},
      {"models:\n\tjudge: {}\n", 2, "models", ""},
      {"models:\n  judge: {model: openai/x\n", 3, "models.judge", ""},
      {judge("    extra: {a: " + repeated("[", 20) + repeated("]", 20) + "}\n"), 4, "models.judge.extra",
       "nested deeper than 20"},
      {"models:\n  judge:\n    model: openai/x\n    extra:\n      a: &a 1\n      b: [" + repeated("*a, ", 101) + "1]\n",
       6, "models.judge.extra.b", "more than 100 aliases"},
      {judge("    extra: !!python/object x\n"), 4, "models.judge.extra", "tag"},
      {std::string(1'048'577, '#'), 1, "", "more than 1 MiB"},
      // Names
      {"models:\n  \"a b\": {model: openai/x}\n", 2, "models.a b", "letters"},
      {"models:\n  a/b: {model: openai/x}\n", 2, "models.a/b", "letters"},
      {"models:\n  judge: openai/x\n", 2, "models.judge", "must be a mapping"},
      {"models:\n  judge: {}\n", 2, "models.judge", "has no model"},
      {"models:\n  judge: {params: {}}\n", 2, "models.judge", "has no model"},
      {"models:\n  judge: {model: gpt-4o}\n", 2, "models.judge.model", "PROVIDER/MODEL"},
      {"models:\n  judge: {model: opnai/x}\n", 2, "models.judge.model", "did you mean openai?"},
      {"models:\n  judge: {model: 7}\n", 2, "models.judge.model", "must be a text"},
      {"models:\n  a: {model: openai/x}\n  b:\n    extends: c\n", 4, "models.b.extends", "no alias \"c\""},
      {"models:\n  a: {extends: b}\n  b: {extends: a}\n", 3, "models.b.extends", "a extends itself"},
      {"models:\n  a: {extends: a}\n", 2, "models.a.extends", "extends itself"},
      {judge("    extends: b\n"), 4, "models.judge.extends", "exclude each other"},
      {judge("    fallbacks: [claude]\n"), 4, "models.judge.fallbacks", "no model \"claude\""},
      {judge("    fallbacks: [judge]\n"), 4, "models.judge.fallbacks", "itself"},
      // Keys
      {judge("    api_key: sk-CANARY\n"), 4, "models.judge.api_key", "key_env"},
      {judge("    key: sk-CANARY\n"), 4, "models.judge.key", "does not belong in this file"},
      {judge("    key_env: sk-CANARY\n"), 4, "models.judge.key_env", "never the key itself"},
      {judge("    key_env: A\n    key_file: b\n"), 5, "models.judge.key_file", "exclude each other"},
      {judge("    headers:\n      Authorization: Bearer CANARY\n"), 5, "models.judge.headers.Authorization",
       "key_env or key_file"},
      {judge("    headers:\n      X-A: \"a\\r\\nCANARY: b\"\n"), 5, "models.judge.headers.X-A", "control character"},
      {judge("    base_url: https://me:CANARY@host/v1\n"), 4, "models.judge.base_url", "user or password"},
      {judge("    proxy: http://me:CANARY@host\n"), 4, "models.judge.proxy", "user or password"},
      {judge("    args: [--api-key, CANARY]\n"), 4, "models.judge.args", "command line"},
      // Values
      {judge("    temperatur: 0\n"), 4, "models.judge.temperatur", "unknown key"},
      {judge("    timeout: {attempt: 1m}\n"), 4, "models.judge.timeout", "did you mean timeouts?"},
      {judge("    type: openai\n"), 4, "models.judge.type", "does not belong here"},
      {judge("    params:\n      temprature: 0\n"), 5, "models.judge.params.temprature", "did you mean temperature?"},
      {judge("    params:\n      max_tokens: many\n"), 5, "models.judge.params.max_tokens", "wrong type"},
      {judge("    params: 0.7\n"), 4, "models.judge.params", "must be a mapping"},
      {judge("    params:\n"), 4, "models.judge.params", "has no value"},
      {judge("    limits:\n      rpm:\n    stream: auto\n"), 5, "models.judge.limits.rpm", "above 0"},
      {judge("    params: {temperature: .nan}\n"), 4, "models.judge.params.temperature", "finite"},
      {judge("    max_output: 0\n"), 4, "models.judge.max_output", "at least 1"},
      {judge("    max_output: 4k\n"), 4, "models.judge.max_output", "whole number"},
      {judge("    stream: true\n"), 4, "models.judge.stream", "auto always never"},
      {judge("    think_tags: keeep\n"), 4, "models.judge.think_tags", "did you mean keep?"},
      {judge("    token_field: max_token\n"), 4, "models.judge.token_field", "did you mean max_tokens?"},
      {judge("    reasoning_model: 1\n"), 4, "models.judge.reasoning_model", "true or false"},
      {judge("    api: v3\n"), 4, "models.judge.api", "v1 v2"},
      {judge("    api_version: 2024\n"), 4, "models.judge.api_version", "quotes"},
      {judge("    base_url: ftp://host\n"), 4, "models.judge.base_url", "http"},
      {judge("    base_url: http://host:99999/v1\n"), 4, "models.judge.base_url", "port"},
      {judge("    extra: [1]\n"), 4, "models.judge.extra", "mapping"},
      {judge("    price: {in: 1}\n"), 4, "models.judge.price.out", "is missing"},
      {judge("    price:\n      in: 1\n      out: -1\n"), 6, "models.judge.price.out", "range"},
      {judge("    price:\n      in: 0.0000001\n      out: 1\n"), 5, "models.judge.price.in", "6 decimals"},
      {judge("    price: {in: 1, out: 2, currency: EUR}\n"), 4, "models.judge.price.currency", "USD"},
      {judge("    price: {in: 1, out: 2, cach: 1}\n"), 4, "models.judge.price.cach", "did you mean cached?"},
      {judge("    limits: {rpn: 1}\n"), 4, "models.judge.limits.rpn", "did you mean rpm?"},
      {judge("    limits:\n      rpm: 0\n"), 5, "models.judge.limits.rpm", "above 0"},
      {judge("    limits: {learn: maybe}\n"), 4, "models.judge.limits.learn", "true, false or latency"},
      {judge("    timeouts:\n      attempt: 60\n"), 5, "models.judge.timeouts.attempt", "500ms, 10s, 5m, 1h"},
      {judge("    timeouts: {attempt: 10 parsecs}\n"), 4, "models.judge.timeouts.attempt", "units"},
      {judge("    timeouts: {attempt: 0s}\n"), 4, "models.judge.timeouts.attempt", "longer than 0"},
      {judge("    timeouts: {fist_byte: 1s}\n"), 4, "models.judge.timeouts.fist_byte", "did you mean first_byte?"},
      {judge("    retry: {srver: {attempts: 1}}\n"), 4, "models.judge.retry.srver", "did you mean server?"},
      {judge("    retry: {bad_request: {attempts: 2}}\n"), 4, "models.judge.retry.bad_request", "never retried"},
      {judge("    retry:\n      server:\n        attempts: 0\n"), 6, "models.judge.retry.server.attempts",
       "at least 1"},
      {judge("    retry: {server: {tries: 2}}\n"), 4, "models.judge.retry.server.tries", "attempts base cap"},
      {judge("    fallback_on: [bad_request]\n"), 4, "models.judge.fallback_on", "no kind"},
      {judge("    fallback_wait: soon\n"), 4, "models.judge.fallback_wait", "duration"},
      {judge("    cooldown: {first: 10s, max: 5s}\n"), 4, "models.judge.cooldown.max", "shorter than first"},
      {judge("    hedge: p99\n"), 4, "models.judge.hedge", "off, p95 or a duration"},
      {judge("    slots: -1\n"), 4, "models.judge.slots", "at least 1"},
      {judge("    args: [1]\n"), 4, "models.judge.args", "list of texts"},
      {judge("    env_keys: [\"a b\"]\n"), 4, "models.judge.env_keys", "variable"},
      {"models:\n  s:\n    sim: {acuracy: 1}\n", 3, "models.s.sim.acuracy", "did you mean accuracy?"},
      {"models:\n  s:\n    sim: {latency: fast}\n", 3, "models.s.sim.latency", "const:0"},
      {"models:\n  e:\n    command: []\n", 3, "models.e.command", "no program"},
      {"models:\n  a: &a {model: openai/x}\n  b:\n    <<: *a\n", 4, "models.b.<<", "extends: ALIAS"},
      {"models:\n  a:\n    model: openai/x\n    model: openai/y\n", 4, "models.a", "model appears twice"},
      // Providers and prices
      {"providers:\n  lab: {type: opnai}\n", 2, "providers.lab.type", "did you mean openai?"},
      {"providers:\n  anthropic: {type: openai}\n", 2, "providers.anthropic.type", "built in"},
      {"providers:\n  lab: {}\n  LAB: {}\n", 3, "providers.LAB", "twice"},
      {"providers:\n  lab: {model: x}\n", 2, "providers.lab.model", "does not belong here"},
      {"prices:\n  gpt-4o: {in: 1, out: 2}\n", 2, "prices.gpt-4o", "PROVIDER/MODEL"},
      {"prices:\n  \"openai/*\": {in: 1}\n", 2, "prices.openai/*.out", "is missing"},
      {"prices:\n  \"openai/*\": 3\n", 2, "prices.openai/*", "mapping"},
  };
  int count = 0;
  for (const Row& row : rows) {
    CAPTURE(row.yaml.substr(0, 200));
    const Refused refused = refusal(row.yaml);
    CAPTURE(refused.place);
    CAPTURE(refused.message);
    CAPTURE(refused.hint);
    const std::string place = "models.yaml:" + std::to_string(row.line);
    CHECK((refused.place == place || refused.place.starts_with(place + ":")));
    CHECK(refused.message.find(row.key) != std::string::npos);
    CHECK((refused.message + " " + refused.hint).find(row.says) != std::string::npos);
    CHECK((refused.message + " " + refused.hint).find("CANARY") == std::string::npos);
    ++count;
  }
  std::cout << "models.yaml: " << count << " bad files refused\n";
}

TEST_CASE("an empty file, comments, and a version alone say nothing and are no error") {
  for (const char* text :
       {"", "# nothing\n", "version: 1\n", "models:\nproviders:\nprices:\n", "\xEF\xBB\xBFversion: 1\r\n"}) {
    CAPTURE(text);
    CHECK(refusal(text).place.empty());
    CHECK(refusal(text).message.empty());
  }
}

TEST_CASE("a hundred aliases, twenty levels and words that YAML takes for booleans are taken") {
  std::string uses;
  for (int i = 0; i < 99; ++i) uses += "*a, ";
  CHECK(refusal("models:\n  m: {model: openai/x, extra: {a: &a 1, b: [" + uses + "*a]}}\n").message.empty());
  CHECK(refusal("models:\n  m: {model: openai/x, extra: {a: " + repeated("[", 16) + repeated("]", 16) + "}}\n")
            .message.empty());
  const ModelsConfig config = parse_models_text("models: {m: {model: openai/x, hedge: off, limits: {learn: on}}}", "f");
  CHECK(config.models.at("m").at("hedge").value == false);
}

TEST_CASE("the longest pattern with a star prices a model") {
  ModelsConfig config = parse_models_text(
      "prices: {\"openai/*\": {in: 1, out: 1}, \"openai/gpt-4o-mini*\": {in: 2, out: 1}, \"*/llama*b\": {in: 3, out: "
      "1}}",
      "f");
  for (const auto& [name, in] : {std::pair{"openai/o1", 1}, std::pair{"openai/gpt-4o-mini", 2},
                                 std::pair{"openai/gpt-4o-mini-2024", 2}, std::pair{"groq/llama-3-70b", 3}}) {
    CAPTURE(name);
    REQUIRE(find_price(config.prices, name) != nullptr);
    CHECK(find_price(config.prices, name)->value["in"] == in);
  }
  CHECK(find_price(config.prices, "groq/llama-3-70b-x") == nullptr);
  CHECK(find_price(config.prices, "azure/x") == nullptr);
}

struct Folder {
  explicit Folder(const std::string& name) : path(fs::path(ASSAY_BUILD_DIR) / name) {
    fs::remove_all(path);
    fs::create_directories(path / "xdg" / "assay");
  }
  ~Folder() { fs::remove_all(path); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path / name) << text; }
  fs::path path;
};

TEST_CASE("of several files the nearer wins key by key") {
  const Folder folder("models_files");
  folder.write("models.yaml",
               "default: judge\nmodels:\n  judge: {params: {temperature: 1}}\n  near: {model: sim/qa}\n");
  folder.write("mine.yaml",
               "models:\n  judge: {model: openai/mine, params: {temperature: 2, seed: 2}, path: g.gguf}\nprices:\n  "
               "\"a/b\": {in: 2, out: 2}\n");
  folder.write("xdg/assay/models.yaml",
               "default: far\nmodels:\n  judge: {extends: far, params: {seed: 3, top_k: 3}, key_env: K}\n  far: "
               "{model: sim/echo}\n"
               "prices:\n  \"a/b\": {in: 3, out: 3}\n  \"a/c\": {in: 3, out: 3}\n");
  std::map<std::string, std::string, std::less<>> variables = {{"ASSAY_MODELS", (folder.path / "mine.yaml").string()},
                                                               {"XDG_CONFIG_HOME", (folder.path / "xdg").string()}};
  const EnvironmentLookup environment = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  const ModelsConfig config = load_models(environment, folder.path.string());
  CHECK(config.default_model == "judge");
  const FieldMap judge = alias_fields(config, "judge");
  CHECK(judge.at("model").value == "openai/mine");
  CHECK(judge.at("params").value == Json::parse(R"({"seed":2,"top_k":3,"temperature":1})"));
  CHECK(judge.at("key_env").value == "K");
  CHECK(judge.at("path").value == (folder.path / "g.gguf").string());
  CHECK(judge.at("model").origin == (folder.path / "mine.yaml:2").string());
  CHECK(config.models.contains("near"));
  CHECK(config.models.contains("far"));
  CHECK(config.prices.at("a/b").value["in"] == 2);
  CHECK(config.prices.at("a/c").value["in"] == 3);

  // HOME's folder where XDG_CONFIG_HOME is not set; a file that is named must be there.
  variables.erase("XDG_CONFIG_HOME");
  variables["HOME"] = "/home/x";
  CHECK(models_paths(environment, ".") ==
        std::vector<std::string>{"models.yaml", variables["ASSAY_MODELS"], "/home/x/.config/assay/models.yaml"});
  variables["ASSAY_MODELS"] = (folder.path / "absent.yaml").string();
  CHECK_THROWS_WITH_AS(load_models(environment, folder.path.string()),
                       (variables["ASSAY_MODELS"] + ": there is no such file").c_str(), Error);
}

}  // namespace
}  // namespace assay
