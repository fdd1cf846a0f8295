// From a typed name to an entry: vectors, and the order of origins for each pair.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "tests/runners/llm/names_desk.hpp"
#include "tests/runners/llm/vectors.hpp"

namespace assay {
namespace {

using namespace test;

TEST_CASE("names.json: names resolve by alias, provider and environment") {
  const auto cases = vectors("names.json");
  if (!cases) return;
  Tally tally("names.json");
  for (const Json& item : *cases) {
    CAPTURE(item["id"].get<std::string>());
    tally.tested();
    Variables variables;
    for (const auto& [name, value] : item["env"].items()) variables[name] = value.get<std::string>();
    ModelsConfig config;
    for (const auto& [alias, target] : item["aliases"].items())
      config.models[alias]["model"] = {target, "models.yaml:1"};
    for (const auto& [name, own] : item["providers"].items()) {
      for (const auto& [field, value] : own.items()) config.providers[name][field] = {value, "models.yaml:1"};
    }
    SecretStore secrets;
    const ModelRegistry registry(lookup(variables), secrets, config);
    const std::string name = item["name"];
    if (item.contains("error")) {
      CHECK(error_of([&] { registry.entry(name); }).first == item["error"].get<std::string>());
      continue;
    }
    const ModelHandle entry = registry.entry(name);
    const Json& expect = item["expect"];
    CHECK((entry->alias.empty() ? Json() : Json(entry->alias)) == expect["alias"]);
    CHECK(entry->provider == expect["provider"].get<std::string>());
    CHECK(entry->type == expect["type"].get<std::string>());
    CHECK(entry->model == expect["model"].get<std::string>());
    CHECK((entry->key_env.empty() ? Json() : Json(entry->key_env)) == expect["key_env"]);
    CHECK(entry->key_needed == expect["key_needed"].get<bool>());
  }
}

TEST_CASE("requests.json: every provider's address") {
  const auto cases = vectors("requests.json");
  if (!cases) return;
  Tally tally("requests.json, addresses");
  for (const Json& item : *cases) {
    const Json& request = item.contains("request") ? item["request"] : item;
    if (!item.contains("url")) continue;
    CAPTURE(item["id"].get<std::string>());
    tally.tested();
    Json fields =
        Json::object({{"model", request["provider"].get<std::string>() + "/" + request["model"].get<std::string>()}});
    for (const char* name : {"api", "base_url"}) {
      if (request.contains(name) && request[name].is_string()) fields[name] = request[name];
    }
    ModelsConfig config;
    for (const auto& [name, value] : fields.items()) config.models["x"][name] = {value, "models.yaml:1"};
    SecretStore secrets;
    const ModelRegistry registry(
        lookup({{"AZURE_ENDPOINT", "https://example.openai.azure.com"}, {"LLAMA_BASE_URL", "http://127.0.0.1:8080"}}),
        secrets, config);
    std::string url = item["url"];
    // The provider asks for the stream by another ending.
    if (const std::size_t at = url.find(":streamGenerateContent"); at != std::string::npos)
      url = url.substr(0, at) + ":generateContent";
    CHECK(registry.entry("x")->url == url);
  }
}

TEST_CASE("which model is meant when none is named: each origin before the next") {
  struct Row {
    const char* what;
    Variables variables;
    std::string yaml, chosen, name;
    const char *model, *origin;
  };
  const std::string yaml = "default: judge\nmodels: {judge: {model: sim/echo}}";
  const Row rows[] = {
      {"model= before set model", {}, "", "sim/qa", "sim/echo", "sim/echo", "set model"},
      {"set model before MODEL_VERSION", {{"MODEL_VERSION", "gpt-4o"}}, "", "sim/qa", "", "sim/qa", "set model"},
      {"MODEL_VERSION alone is openai's", {{"MODEL_VERSION", "gpt-4o"}}, "", "", "", "openai/gpt-4o", "MODEL_VERSION"},
      {"MODEL_VERSION of API_TYPE",
       {{"MODEL_VERSION", "meta-llama/Llama-2-70b-chat-hf"}, {"API_TYPE", " Together "}},
       "",
       "",
       "",
       "together/meta-llama/Llama-2-70b-chat-hf",
       "API_TYPE and MODEL_VERSION"},
      {"MODEL_VERSION before default:", {{"MODEL_VERSION", "gpt-4o"}}, yaml, "", "", "openai/gpt-4o", "MODEL_VERSION"},
      {"API_TYPE=openai before default:",
       {{"API_TYPE", "openai"}},
       yaml,
       "",
       "",
       "openai/gpt-4o-2024-08-06",
       "API_TYPE"},
      {"default: before sim/default", {}, yaml, "", "", "judge", "models.yaml:1"},
      {"sim/default", {}, "", "", "", "sim/default", "built in"},
      {"a name without / is API_TYPE's", {{"API_TYPE", "cohere"}}, "", "", "command-r", "cohere/command-r", nullptr},
      {"an alias before API_TYPE", {{"API_TYPE", "cohere"}}, yaml, "", "judge", "judge", nullptr},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const Desk desk(row.yaml, row.variables, row.chosen);
    CHECK(desk(row.name)->name == row.model);
    if (row.origin != nullptr) CHECK(desk.registry.default_model().second == row.origin);
  }
  CHECK(error_of([] { Desk("", {{"API_TYPE", "azure"}})(""); }).first == "bad_request");
  CHECK(error_of([] { Desk("", {{"API_TYPE", "azur"}})("gpt"); }).second.find("did you mean azure?") !=
        std::string::npos);
}

TEST_CASE(
    "one field, four origins: the alias before the environment, that before providers:, that before what is built in") {
  // Each row: a field of a provider that has it in all four, and how the value shows in the entry.
  struct Row {
    const char *name, *provider, *field, *alias, *variable, *environment, *entry;
    std::string built_in;
    std::function<std::string(const ModelEntry&)> read;
  };
  const auto url = [](const ModelEntry& e) { return e.address; };
  const Row rows[] = {
      {"base_url", "openai", "base_url", "https://alias.example/v1", "OPENAI_BASE_URL", "https://env.example/v1",
       "https://entry.example/v1", "https://api.openai.com", url},
      {"base_url of anthropic", "anthropic", "base_url", "https://alias.example", "ANTHROPIC_BASE_URL",
       "https://env.example", "https://entry.example", "https://api.anthropic.com", url},
      {"base_url of vllm", "vllm", "base_url", "http://alias.example/v1", "LLM_JUDGE_URL",
       "http://env.example/v1/chat/completions", "http://entry.example/v1", "http://127.0.0.1:8000", url},
      {"base_url of ollama", "ollama", "base_url", "http://alias.example:1", "OLLAMA_HOST", "env.example:2",
       "http://entry.example:3", "http://127.0.0.1:11434", url},
      {"api_version", "azure", "api_version", "alias", "API_VERSION", "env", "entry", "2024-02-15-preview",
       [](const ModelEntry& e) { return e.api_version; }},
      {"server", "llama", "server", "alias", "LLAMA_SERVER", "env", "entry", "",
       [](const ModelEntry& e) { return e.local_server.server; }},
      {"ca_file", "openai", "ca_file", "alias", "SSL_CERT_FILE", "env", "entry", "",
       [](const ModelEntry& e) { return e.ca_file; }},
      {"a header", "openai", "headers", "{OpenAI-Organization: alias}", "OPENAI_ORG_ID", "env",
       "{OpenAI-Organization: entry}", "",
       [](const ModelEntry& e) { return e.headers.empty() ? std::string() : e.headers.front().second; }},
  };
  int pairs = 0;
  for (const Row& row : rows) {
    for (unsigned set = 0; set < 8; ++set) {
      const bool alias = (set & 4U) != 0, environment = (set & 2U) != 0, entry = (set & 1U) != 0;
      std::string yaml = "models: {m: {model: " + std::string(row.provider) + "/x";
      if (alias)
        yaml += ", " + std::string(row.field) + ": " +
                (row.alias[0] == '{' ? row.alias : "\"" + std::string(row.alias) + "\"");
      yaml += "}}\n";
      if (entry) {
        yaml += "providers: {" + std::string(row.provider) + ": {" + row.field + ": " +
                (row.entry[0] == '{' ? row.entry : "\"" + std::string(row.entry) + "\"") + "}}\n";
      }
      Variables variables = {{"AZURE_ENDPOINT", "https://r.openai.azure.com"}};
      if (environment) variables[row.variable] = row.environment;
      const std::string value = row.read(*Desk(yaml, variables)("m"));
      const char* wanted = alias ? "alias" : environment ? "env" : entry ? "entry" : nullptr;
      CAPTURE(row.name);
      CAPTURE(yaml);
      CAPTURE(environment);
      CAPTURE(value);
      if (wanted != nullptr) {
        CHECK(value.find(wanted) != std::string::npos);
      } else {
        CHECK(value == row.built_in);
      }
      ++pairs;
    }
  }
  std::cout << "origins of a field: " << pairs << " combinations\n";
}

TEST_CASE("keys: an alias's before its provider's before the built-in ones; the first that is set") {
  struct Row {
    const char* what;
    std::string yaml;
    Variables variables;
    const char* key;
    bool needed;
  };
  const std::string own = "providers: {openai: {key_env: P}}\nmodels: {m: {model: openai/x";
  const Row rows[] = {
      {"built in", "models: {m: {model: openai/x}}", {{"OPENAI_API_KEY", "k"}}, "OPENAI_API_KEY", true},
      {"the provider's", own + "}}", {{"OPENAI_API_KEY", "k"}, {"P", "k"}}, "P", true},
      {"the provider's, though only the built-in one is set", own + "}}", {{"OPENAI_API_KEY", "k"}}, "P", true},
      {"the alias's", own + ", key_env: A}}", {{"P", "k"}, {"A", "k"}}, "A", true},
      {"the first set of several", own + ", key_env: [A, B, C]}}", {{"B", "k"}, {"C", "k"}}, "B", true},
      {"blank is not set", own + ", key_env: [A, B]}}", {{"A", "  "}, {"B", "k"}}, "B", true},
      {"none set: the first is asked for", own + ", key_env: [A, B]}}", {}, "A", true},
      {"none", own + ", key_env: none}}", {{"P", "k"}}, "", false},
      {"a file hides the provider's variable", own + ", key_file: /k}}", {{"P", "k"}}, "file:/k", true},
      {"an own provider has none",
       "providers: {lab: {base_url: \"http://127.0.0.1:1\"}}\nmodels: {m: {model: LAB/x}}",
       {{"OPENAI_API_KEY", "k"}},
       "",
       false},
      {"a key that may be absent", "models: {m: {model: vllm/x}}", {}, "", false},
      {"a key that may be there", "models: {m: {model: vllm/x}}", {{"VLLM_API_KEY", "k"}}, "VLLM_API_KEY", false},
      {"DEEPINFRA_TOKEN first",
       "models: {m: {model: deepinfra/x}}",
       {{"DEEPINFRA_API_KEY", "k"}, {"DEEPINFRA_TOKEN", "k"}},
       "DEEPINFRA_TOKEN",
       true},
      {"DEEPINFRA_API_KEY else",
       "models: {m: {model: deepinfra/x}}",
       {{"DEEPINFRA_API_KEY", "k"}},
       "DEEPINFRA_API_KEY",
       true},
      {"CO_API_KEY else", "models: {m: {model: cohere/x}}", {{"CO_API_KEY", "k"}}, "CO_API_KEY", true},
      {"the third of Azure",
       "models: {m: {model: azure/x}}",
       {{"AZUREAI_OPENAI_API_KEY", "k"}},
       "AZUREAI_OPENAI_API_KEY",
       true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const Desk desk(row.yaml, row.variables);
    const ModelHandle entry = desk("m");
    CHECK(entry->key_env == row.key);
    CHECK(entry->key_needed == row.needed);
  }
}

TEST_CASE("the environment table: each variable of an address or id, and who of two wins") {
  struct Row {
    Variables variables;
    const char *model, *url;
  };
  const Row rows[] = {
      {{{"OPENAI_BASE_URL", "https://a.example/v1"}, {"OPENAI_API_URL", "https://b.example/v1/chat/completions"}},
       "openai/x",
       "https://a.example/v1/chat/completions"},
      {{{"OPENAI_API_URL", "https://b.example/v1/chat/completions"}},
       "openai/x",
       "https://b.example/v1/chat/completions"},
      {{{"AZURE_ENDPOINT", "https://a.example"}, {"AZURE_OPENAI_ENDPOINT", "https://b.example"}},
       "azure/d",
       "https://a.example/openai/deployments/d/chat/completions?api-version=2024-02-15-preview"},
      {{{"AZURE_OPENAI_ENDPOINT", "https://b.example/"}, {"API_VERSION", "V"}},
       "azure/d",
       "https://b.example/openai/deployments/d/chat/completions?api-version=V"},
      {{{"ANTHROPIC_BASE_URL", "https://a.example"}}, "anthropic/x", "https://a.example/v1/messages"},
      {{{"OLLAMA_HOST", "box"}}, "ollama/x", "http://box:11434/api/chat"},
      {{{"OLLAMA_HOST", ""}}, "ollama/x", "http://127.0.0.1:11434/api/chat"},
      {{{"LLAMA_BASE_URL", "http://127.0.0.1:9"}}, "llama/x", "http://127.0.0.1:9/v1/chat/completions"},
      {{{"LLM_JUDGE_URL", "http://10.0.0.5:8000/v1/chat/completions"}},
       "vllm/x",
       "http://10.0.0.5:8000/v1/chat/completions"},
      {{{"OPENAI_BASE_URL", "https://a.example/v1"}}, "groq/x", "https://api.groq.com/openai/v1/chat/completions"},
      {{}, "deepseek/x", "https://api.deepseek.com/v1/chat/completions"},
      {{}, "together/x", "https://api.together.xyz/v1/chat/completions"},
      {{}, "llama/x", ""},
      {{}, "azure/x", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.url);
    CHECK(Desk("", row.variables)(row.model)->url == row.url);
  }
  const ModelHandle entry = Desk("", {{"OPENAI_ORG_ID", "o"}, {"OPENAI_PROJECT_ID", "p"}})("openai/x");
  REQUIRE(entry->headers.size() == 2);
  CHECK(entry->headers[0] == std::pair<std::string, std::string>("OpenAI-Organization", "o"));
  CHECK(entry->headers[1] == std::pair<std::string, std::string>("OpenAI-Project", "p"));
  CHECK(Desk("", {{"OPENAI_ORG_ID", "o"}})("groq/x")->headers.empty());
  const auto bad = error_of([] { Desk("", {{"OPENAI_BASE_URL", "https://user:CANARY@a.example"}})("openai/x"); });
  CHECK(bad.first == "bad_request");
  CHECK(bad.second.find("OPENAI_BASE_URL") == 0);
  CHECK(bad.second.find("CANARY") == std::string::npos);
}

TEST_CASE("the example of the specification resolves field by field") {
  const std::string yaml = R"(version: 1
default: judge
providers:
  lab:   {type: openai, base_url: "http://10.0.0.5:8000/v1", key_env: none, allow_http: true, limits: {concurrency: 32}}
models:
  judge:
    model: openai/gpt-4o-2024-08-06
    params: {temperature: 0, max_tokens: 1024}
    price: {in: 2.50, out: 10, cached: 1.25, batch: 0.5, as_of: 2025-01-01}     # USD per million tokens
    limits: {rpm: 500, tpm: 30000}
    timeouts: {first_byte: 60s, attempt: 10m}
    fallbacks: [claude]
  claude: {model: anthropic/claude-3-opus-20240229, params: {max_tokens: 1024}, price: {in: 15, out: 75}}
  qwen:   {model: llama/qwen, path: models/qwen2.5-7b-q4.gguf, slots: 4, ctx: 16384}
prices:
  "openai/gpt-4o-mini*": {in: 0.15, out: 0.60, cached: 0.075}
)";
  const Desk desk(yaml, {{"OPENAI_API_KEY", "k1"}});
  const ModelHandle judge = desk("");
  CHECK(judge->name == "judge");
  CHECK(judge->model == "gpt-4o-2024-08-06");
  CHECK(judge->params.temperature == 0.0);
  CHECK(judge->params.max_tokens == 1024);
  REQUIRE(judge->price.has_value());
  CHECK(judge->price->in == 2'500'000);
  CHECK(judge->price->batch_millionths == 500'000);
  CHECK(judge->price->as_of == "2025-01-01");
  CHECK(judge->limits.rpm == 500);
  CHECK(judge->limits.tpm == 30'000);
  CHECK(judge->timeouts.first_byte == std::chrono::seconds(60));
  CHECK(judge->timeouts.attempt == std::chrono::minutes(10));
  CHECK_FALSE(judge->timeouts.stall.has_value());
  REQUIRE(judge->fallback_entries.size() == 1);
  CHECK(judge->fallback_entries[0]->model == "claude-3-opus-20240229");
  CHECK(judge->fallback_entries[0]->price->out == 75'000'000);
  CHECK(judge->origins.at("price") == "models.yaml:9");

  const ModelHandle lab = desk("lab/some/model");
  CHECK(lab->url == "http://10.0.0.5:8000/v1/chat/completions");
  CHECK(lab->limits.concurrency == 32);
  CHECK(lab->allow_http);
  CHECK_FALSE(lab->key_needed);
  CHECK_FALSE(lab->price.has_value());

  const ModelHandle qwen = desk("qwen");
  CHECK(qwen->local_server.path == "models/qwen2.5-7b-q4.gguf");
  CHECK(qwen->local_server.slots == 4);
  CHECK(qwen->local_server.ctx == 16'384);
  CHECK(qwen->price->in == 0);
  CHECK(desk("openai/gpt-4o-mini-2024-07-18")->price->cached == 75'000);
  CHECK_FALSE(desk("openai/gpt-4o")->price.has_value());
}

TEST_CASE("every other field reaches its place") {
  const ModelHandle m = Desk(R"(
models:
  m:
    model: openai/x
    key_env: none
    headers: {X-Title: t}
    extra: {a: 1, b: null}
    strict_params: true
    max_output: 5
    context: 6
    image_tokens: 7
    reasoning_model: true
    token_field: max_tokens
    think_tags: keep
    stream: never
    price: {in: 1, out: 2, cache_write: 3, reasoning: 4, request: 0.5, currency: USD}
    limits: {rpd: 1, itpm: 2, otpm: 3, burst: 4, learn: latency}
    timeouts: {connect: 1s, stall: 2s, total: 1h30m}
    retry: {server: {attempts: 3, base: 1s, cap: 2s}, rate_limit: {attempts: any}, max_hint: 1m, ambiguous: false}
    fallback_wait: 5s
    fallback_on: [context_length, content_filter]
    cooldown: {failures: 2, first: 1s, max: 2s}
    hedge: 700ms
    endpoint_id: lab-a
    allow_http: true
    ca_file: /ca
    proxy: http://127.0.0.1:3128
    gpu_layers: 3
    args: ["-fa"]
    server: /bin/llama-server
    idle_stop: 1m
  e: {command: [python3, ./m.py, "a b"], workers: 2, env_keys: [HF_TOKEN]}
  s: {sim: {accuracy: 0.9, latency: "const:5ms", fail: {rate_limit: 0.1, server: 0.2}, reply: "a&b"}}
)")("m");
  CHECK(m->headers.front().second == "t");
  CHECK(m->extra == Json::parse(R"({"a":1,"b":null})"));
  CHECK(m->strict_params);
  CHECK(m->max_output == 5);
  CHECK(m->context == 6);
  CHECK(m->image_tokens == 7);
  CHECK(m->reasoning_model == true);
  CHECK(m->token_field == "max_tokens");
  CHECK(m->keep_think_tags);
  CHECK(m->stream == StreamMode::never);
  CHECK(m->price->cache_write == 3'000'000);
  CHECK(m->price->reasoning == 4'000'000);
  CHECK(m->price->request == 500'000'000'000);
  CHECK(m->limits.rpd == 1);
  CHECK(m->limits.itpm == 2);
  CHECK(m->limits.otpm == 3);
  CHECK(m->limits.burst == 4);
  CHECK(m->limits.learn_latency);
  CHECK(m->timeouts.connect == std::chrono::seconds(1));
  CHECK(m->timeouts.total == std::chrono::minutes(90));
  CHECK(m->retry.over(ErrorKind::server, {}).tries == 3);
  CHECK(m->retry.over(ErrorKind::rate_limit, {9, {}, {}}).tries == 0);
  CHECK(m->retry.over(ErrorKind::network, {9, {}, {}}).tries == 9);
  CHECK(m->retry.max_hint == std::chrono::minutes(1));
  CHECK(m->retry.ambiguous == false);
  CHECK(m->fallback_wait == std::chrono::seconds(5));
  CHECK(m->fallback_on == std::vector<ErrorKind>{ErrorKind::context_length, ErrorKind::content_filter});
  CHECK(m->cooldown.failures == 2);
  CHECK(m->cooldown.max == std::chrono::seconds(2));
  CHECK(m->hedge.mode == Hedge::Mode::after);
  CHECK(m->hedge.after == std::chrono::milliseconds(700));
  CHECK(m->endpoint == "lab-a");
  CHECK(m->address == "https://api.openai.com");
  CHECK(m->lane() == "- https://api.openai.com x");
  CHECK(m->ca_file == "/ca");
  CHECK(m->proxy == "http://127.0.0.1:3128");
  CHECK(m->local_server.gpu_layers == 3);
  CHECK(m->local_server.args == std::vector<std::string>{"-fa"});
  CHECK(m->local_server.idle_stop == std::chrono::minutes(1));
}

TEST_CASE("programs and the simulated model as aliases") {
  const Desk desk(R"(
models:
  e: {command: [python3, ./m.py, "a b"], workers: 2, env_keys: [HF_TOKEN]}
  s: {sim: {accuracy: 0.9, fail: {rate_limit: 0.1, server: 0.2}, reply: "a&b%"}}
  t: {model: "sim/qa?seed=3", sim: {accuracy: 1}}
)");
  CHECK(desk("e")->type == "exec");
  CHECK(desk("e")->program.workers == 2);
  CHECK(desk("e")->endpoint == "exec:python3 ./m.py 'a b'");
  CHECK(desk("exec/./m.py --fast")->endpoint == "exec:./m.py --fast");
  CHECK(desk("s")->model == "default?accuracy=0.9&fail=rate_limit:0.1,server:0.2&reply=a%26b%25");
  CHECK(desk("t")->model == "qa?seed=3&accuracy=1");
  CHECK(desk("s")->price->in == 0);
}

TEST_CASE("an alias extends another: mappings key by key, prices and lists whole") {
  const Desk desk(R"(
models:
  base: {model: openai/x, params: {temperature: 0, max_tokens: 9}, price: {in: 1, out: 2, cached: 0.5}, fallbacks: [a, b], retry: {server: {attempts: 3, base: 1s}}}
  mid: {extends: base, params: {temperature: 0.7}, price: {in: 3, out: 4}, retry: {server: {attempts: 4}}}
  top: {extends: mid, params: {seed: 1}, fallbacks: [b]}
  a: {model: sim/echo}
  b: {model: sim/qa}
)");
  const ModelHandle top = desk("top");
  CHECK(top->params.temperature == 0.7);
  CHECK(top->params.max_tokens == 9);
  CHECK(top->params.seed == 1);
  CHECK(top->price->in == 3'000'000);
  CHECK_FALSE(top->price->cached.has_value());
  CHECK(top->fallbacks == std::vector<std::string>{"b"});
  CHECK(top->retry.over(ErrorKind::server, {}).tries == 4);
  CHECK(top->retry.over(ErrorKind::server, {}).base == std::chrono::seconds(1));
  CHECK(desk("base")->params.temperature == 0.0);
}

TEST_CASE("prices: the alias's, then the longest pattern, then the provider's, then an imported list, then nothing") {
  const std::string patterns = "prices: {\"openai/*\": {in: 2, out: 2}, \"openai/gpt*\": {in: 3, out: 3}}\n";
  const std::string provider = "providers: {openai: {price: {in: 4, out: 4}}, groq: {price: {in: 4, out: 4}}}\n";
  ModelsConfig config = config_of(
      patterns + provider + "models: {m: {model: openai/gpt-1, price: {in: 1, out: 1}}, n: {model: openai/gpt-1}}");
  config.imported["groq/x"] = {Json::parse(R"({"in":5,"out":5})"), "prices"};
  config.imported["together/x"] = {Json::parse(R"({"in":5,"out":5})"), "prices"};
  SecretStore secrets;
  const ModelRegistry registry(lookup({}), secrets, config);
  for (const auto& [name, in] :
       {std::pair{"m", 1}, std::pair{"n", 3}, std::pair{"openai/o1", 2}, std::pair{"groq/x", 4},
        std::pair{"together/x", 5}, std::pair{"vllm/x", 0}, std::pair{"ollama/x", 0}}) {
    CAPTURE(name);
    CHECK(registry.entry(name)->price->in == in * 1'000'000);
  }
  CHECK_FALSE(registry.entry("together/y")->price.has_value());
}

TEST_CASE("a key goes over plain http to loopback only, or where allow_http says so") {
  struct Row {
    const char* url;
    bool allowed;
  };
  const Row rows[] = {{"http://127.0.0.1:1/v1", true},     {"http://localhost/v1", true},
                      {"http://[::1]:1/v1", true},         {"http://LOCALHOST:1/v1", true},
                      {"http://10.0.0.5:8000/v1", false},  {"http://127.0.0.1.evil.example/v1", false},
                      {"http://[::ffff:7f00:1]/v1", true}, {"http://[fe80::1]/v1", false},
                      {"https://a.example/v1", true}};
  for (const Row& row : rows) {
    CAPTURE(row.url);
    const Variables variables = {{"OPENAI_API_KEY", "k"}, {"OPENAI_BASE_URL", row.url}};
    CHECK(error_of([&] { Desk("", variables).registry.callable("openai/x"); }).first ==
          (row.allowed ? "" : "bad_request"));
    const Desk allowed("models: {m: {model: openai/x, allow_http: true}}", variables);
    CHECK_NOTHROW(allowed.registry.callable("m"));
    const Desk keyless("models: {m: {model: openai/x, key_env: none}}", variables);
    CHECK_NOTHROW(keyless.registry.callable("m"));
  }
}

TEST_CASE("a key in a file: its first line, trimmed; missing and too open files are told") {
  const auto folder = std::filesystem::path(ASSAY_BUILD_DIR) / "key_files";
  std::filesystem::create_directories(folder);
  const std::string path = (folder / "key").string();
  {
    std::ofstream(path) << "  CANARY-0123456789 \r\nsecond line\n";
  }
  const std::string yaml = "models:\n  m: {model: openai/x, key_file: \"" + path + "\"}";
  std::filesystem::permissions(path, std::filesystem::perms(0600));
  const Desk desk(yaml);
  CHECK(desk.registry.warnings().empty());
  CHECK(desk.registry.callable("m")->key_env == "file:" + path);
  std::string header = "Bearer ";
  CHECK(desk.secrets.append("file:" + path, header));
  CHECK(header == "Bearer CANARY-0123456789");
  CHECK(desk.secrets.redact("x CANARY-0123456789") == "x [file:" + path + "]");
  CHECK(to_json(*desk("m")).dump().find("CANARY") == std::string::npos);
  CHECK(desk.registry.resolve("m").key == "file:" + path + " set");

  std::filesystem::permissions(path, std::filesystem::perms(0640));
  REQUIRE(desk.registry.warnings().size() == 1);
  CHECK(desk.registry.warnings()[0].find("models.yaml:2") != std::string::npos);
  std::filesystem::remove(path);
  const auto missing = error_of([&] { Desk(yaml).registry.callable("m"); });
  CHECK(missing.first == "no_key");
  CHECK(missing.second.find(path) != std::string::npos);
}

TEST_CASE("the list of models survives what can't be resolved") {
  const Desk desk("models: {judge: {model: openai/x, limits: {rpm: 500, tpm: 30000}}}",
                  {{"OPENAI_BASE_URL", "ftp://x"}});
  std::map<std::string, ModelFacts> rows;
  for (ModelFacts& row : desk.registry.list()) rows[row.name] = row;
  CHECK(rows.at("judge").state.find("OPENAI_BASE_URL") == 0);
  CHECK(rows.at("sim").state == "ok");
  CHECK(rows.at("together").key == "TOGETHER_API_KEY missing");
  const Desk good("models: {judge: {model: openai/x, limits: {rpm: 500, tpm: 30000}}}");
  CHECK(good.registry.list().front().limits == "500 rpm, 30,000 tpm");
}

}  // namespace
}  // namespace assay
