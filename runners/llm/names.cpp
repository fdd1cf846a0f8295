#include "runners/llm/names.hpp"

#include <algorithm>
#include <array>

#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "runners/llm/provider.hpp"
#include "runners/llm/sim.hpp"

namespace assay {
namespace {

struct ProviderRow {
  const char *name, *type;
  const char* base_url;             // "" : none, or from the environment only
  std::array<const char*, 3> keys;  // variables, first set wins; all null: no key
  bool key_needed;
  std::array<const char*, 2> base_env;  // variables with the address
};

constexpr std::array kProviders = {
    ProviderRow{"openai",
                "openai",
                "https://api.openai.com/v1",
                {"OPENAI_API_KEY"},
                true,
                {"OPENAI_BASE_URL", "OPENAI_API_URL"}},
    ProviderRow{"azure",
                "azure",
                "",
                {"AZURE_API_KEY", "AZURE_OPENAI_API_KEY", "AZUREAI_OPENAI_API_KEY"},
                true,
                {"AZURE_ENDPOINT", "AZURE_OPENAI_ENDPOINT"}},
    ProviderRow{
        "anthropic", "anthropic", "https://api.anthropic.com", {"ANTHROPIC_API_KEY"}, true, {"ANTHROPIC_BASE_URL"}},
    ProviderRow{"cohere", "cohere", "https://api.cohere.com", {"COHERE_API_KEY", "CO_API_KEY"}, true, {}},
    ProviderRow{"together", "together", "https://api.together.xyz/v1", {"TOGETHER_API_KEY"}, true, {}},
    ProviderRow{"gemini",
                "gemini",
                "https://generativelanguage.googleapis.com",
                {"GEMINI_API_KEY", "GOOGLE_API_KEY"},
                true,
                {}},
    ProviderRow{"ollama", "ollama", "", {}, false, {"OLLAMA_HOST"}},
    ProviderRow{"llama", "llama", "", {"LLAMA_API_KEY"}, false, {"LLAMA_BASE_URL"}},
    ProviderRow{"exec", "exec", "", {}, false, {}},
    ProviderRow{"sim", "sim", "", {}, false, {}},
    ProviderRow{"deepinfra",
                "openai",
                "https://api.deepinfra.com/v1/openai",
                {"DEEPINFRA_TOKEN", "DEEPINFRA_API_KEY"},
                true,
                {}},
    ProviderRow{"openrouter", "openai", "https://openrouter.ai/api/v1", {"OPENROUTER_API_KEY"}, true, {}},
    ProviderRow{"groq", "openai", "https://api.groq.com/openai/v1", {"GROQ_API_KEY"}, true, {}},
    ProviderRow{"deepseek", "openai", "https://api.deepseek.com/v1", {"DEEPSEEK_API_KEY"}, true, {}},
    ProviderRow{"vllm", "openai", "http://127.0.0.1:8000/v1", {"VLLM_API_KEY"}, false, {"LLM_JUDGE_URL"}},
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1));
}

const ProviderRow* find_row(std::string_view name) {
  for (const ProviderRow& row : kProviders) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

void set_address(ModelEntry& entry, const std::string& url) {
  const UrlParts parts = split_url(url);
  entry.url = url;
  entry.endpoint = parts.scheme + "://" + parts.host + (parts.port.empty() ? "" : ":" + parts.port);
  entry.path = parts.path.empty() ? "/" : parts.path;
}

std::string_view to_text(StreamMode mode) {
  return mode == StreamMode::always ? "always" : mode == StreamMode::never ? "never" : "auto";
}

}  // namespace

ModelRegistry::ModelRegistry(EnvironmentLookup environment, SecretStore& secrets, ModelsConfig config,
                             const Limiter* limiter)
    : environment_(std::move(environment)), secrets_(secrets), config_(std::move(config)), limiter_(limiter) {}

std::vector<std::string> ModelRegistry::providers() {
  std::vector<std::string> names;
  for (const ProviderRow& row : kProviders) names.emplace_back(row.name);
  std::sort(names.begin(), names.end());
  return names;
}

std::pair<std::string, std::string> ModelRegistry::default_model() const {
  const std::string type = lower(trim(environment_("API_TYPE").value_or("")));
  const std::string version = trim(environment_("MODEL_VERSION").value_or(""));
  if (!version.empty()) {
    return {(type.empty() ? "openai" : type) + "/" + version,
            type.empty() ? "MODEL_VERSION" : "API_TYPE and MODEL_VERSION"};
  }
  if (type == "openai") return {"openai/gpt-4o-2024-08-06", "API_TYPE"};
  if (!type.empty()) {
    throw Error("bad_request", "API_TYPE is " + type + " and no model is named", "", "set MODEL_VERSION");
  }
  if (!config_.default_model.empty()) return {config_.default_model, "models.yaml"};
  return {"sim/default", "built in"};
}

ModelEntry ModelRegistry::build(const std::string& given) const {
  std::string name = trim(given);
  if (name.empty()) name = default_model().first;
  ModelEntry entry;
  entry.name = name;
  if (const auto alias = config_.aliases.find(name); alias != config_.aliases.end()) {
    entry.alias = name;
    name = trim(alias->second);
  }
  std::vector<std::string> known = providers();
  for (const auto& [own, config] : config_.providers) known.push_back(own);
  const std::size_t slash = name.find('/');
  if (slash == std::string::npos) {
    const std::string type = lower(trim(environment_("API_TYPE").value_or("")));
    if (type.empty()) {
      throw Error("not_found", "no model \"" + name + "\"", "",
                  "PROVIDER/MODEL, with PROVIDER one of " + joined(known));
    }
    entry.provider = type;
    entry.model = name;
  } else {
    entry.provider = lower(trim(name.substr(0, slash)));
    entry.model = trim(name.substr(slash + 1));
  }
  if (entry.alias.empty()) entry.name = entry.provider + "/" + entry.model;

  const ProviderRow* row = find_row(entry.provider);
  const auto own = config_.providers.find(entry.provider);
  const ProviderConfig* config = own == config_.providers.end() ? nullptr : &own->second;
  if (row == nullptr && config == nullptr) {
    const auto near = nearest(entry.provider, known);
    throw Error("not_found", "no provider \"" + entry.provider + "\"", "",
                near ? "did you mean " + *near + "?" : "known: " + joined(known));
  }
  if (entry.model.empty()) throw Error("bad_request", "\"" + name + "\" names no model", "", "PROVIDER/MODEL");
  entry.type = config != nullptr && !config->type.empty() ? config->type : row != nullptr ? row->type : "openai";

  std::string base = row != nullptr ? row->base_url : "";
  if (config != nullptr && !config->base_url.empty()) base = config->base_url;
  if (row != nullptr) {
    for (const char* variable : row->base_env) {
      if (variable == nullptr) continue;
      const std::string value = trim(environment_(variable).value_or(""));
      if (value.empty()) continue;
      base = value;
      break;
    }
    for (const char* variable : row->keys) {
      if (variable == nullptr) continue;
      const bool set = !trim(environment_(variable).value_or("")).empty();
      if (set || (entry.key_env.empty() && row->key_needed)) entry.key_env = variable;
      if (set) break;
    }
    entry.key_needed = row->key_needed;
  }
  if (config != nullptr) {
    entry.allow_http = config->allow_http;
    entry.limits = config->limits;
    if (config->key_env) {
      entry.key_env = *config->key_env == "none" ? "" : *config->key_env;
      entry.key_needed = !entry.key_env.empty();
    }
  }
  if (entry.type == "sim" || entry.type == "exec") {
    entry.endpoint = entry.type;
    entry.path = "/";
  } else if (entry.type == "openai" || entry.type == "together" || entry.type == "llama") {
    if (!base.empty()) set_address(entry, chat_url(base));
  } else if (entry.type == "ollama") {
    set_address(entry, ollama_base(base) + "/api/chat");
  } else if (entry.type == "azure" && !base.empty()) {
    set_address(entry, azure_url(base, entry.model, environment_("API_VERSION").value_or("2024-02-15-preview")));
  }
  if (entry.provider == "openai") {
    for (const auto& [variable, header] :
         {std::pair{"OPENAI_ORG_ID", "OpenAI-Organization"}, std::pair{"OPENAI_PROJECT_ID", "OpenAI-Project"}}) {
      if (const auto value = environment_(variable); value && !trim(*value).empty()) {
        entry.headers.emplace_back(header, trim(*value));
      }
    }
  }
  if (entry.type == "sim" || entry.type == "ollama" || entry.type == "exec" || entry.provider == "vllm")
    entry.price = Price{};
  load_key(entry);
  return entry;
}

void ModelRegistry::load_key(const ModelEntry& entry) const {
  if (entry.key_env.empty()) return;
  if (const auto value = environment_(entry.key_env); value && !trim(*value).empty())
    secrets_.put(entry.key_env, *value);
}

ModelHandle ModelRegistry::entry(const std::string& name) const {
  return std::make_shared<const ModelEntry>(build(name));
}

void ModelRegistry::check_callable(ModelEntry& entry) const {
  if (find_provider(entry.type) == nullptr) {
    throw Error("not_found", entry.name + ": provider " + entry.type + " is not built into this assay", "",
                "any OpenAI-compatible server works by OPENAI_BASE_URL; sim/default needs nothing");
  }
  if (entry.type == "sim") {
    parse_sim(entry.model);
    return;
  }
  load_key(entry);
  if (entry.key_needed && !secrets_.has(entry.key_env)) {
    throw Error("no_key", entry.name + " needs a key", "", "set " + entry.key_env + " in the environment or in .env");
  }
  if (entry.url.empty()) throw Error("bad_request", entry.name + " has no address", "", "give it a base_url");
  if (secrets_.has(entry.key_env)) {
    const UrlParts parts = split_url(entry.url);
    if (parts.scheme == "http" && !is_loopback(parts.host) && !entry.allow_http) {
      throw Error("bad_request", entry.name + ": " + entry.key_env + " would go over plain http to " + parts.host, "",
                  "https, or allow_http: true");
    }
  }
}

ModelHandle ModelRegistry::callable(const std::string& name, const Json& overrides) const {
  ModelEntry entry = build(name);
  if (overrides.is_object()) {
    for (const auto& [key, value] : overrides.items()) {
      if (key == "params") {
        auto params = chat_params_from_json(value);
        if (!params) throw Error("bad_request", params.error().message, key);
        entry.params = params->over(entry.params);
      } else if (key == "extra") {
        entry.extra = value;
      } else if (key == "price") {
        entry.price = price_from_json(value);
      } else {
        throw Error("bad_request", "unknown key \"" + key + "\"", "", "params, extra, price");
      }
    }
  }
  check_callable(entry);
  return std::make_shared<const ModelEntry>(std::move(entry));
}

ModelHandle ModelRegistry::callable_pinned(const Json& pinned) const {
  ModelEntry entry = *model_from_json(pinned);
  if (!entry.url.empty() && !entry.key_env.empty() && !is_loopback(split_url(entry.url).host)) {
    // A file from outside may pin any address: a key goes only where this user's own configuration sends it.
    const ModelEntry own = build(entry.provider + "/" + entry.model);
    if (own.endpoint != entry.endpoint) {
      throw Error("bad_request", entry.name + " is pinned to " + entry.endpoint + ", which is not your address of " +
                                     entry.provider + "; " + entry.key_env + " is not sent there");
    }
  }
  check_callable(entry);
  return std::make_shared<const ModelEntry>(std::move(entry));
}

ModelFacts ModelRegistry::facts(const ModelEntry& entry) const {
  ModelFacts facts;
  facts.name = entry.name;
  facts.provider = entry.provider;
  facts.address = entry.endpoint;
  facts.key =
      entry.key_env.empty() ? "no key needed" : entry.key_env + (secrets_.has(entry.key_env) ? " set" : " missing");
  facts.state = find_provider(entry.type) == nullptr ? "not built in" : "ok";
  facts.details = to_json(entry);
  return facts;
}

ModelFacts ModelRegistry::resolve(const std::string& name) const { return facts(*callable(name)); }

std::vector<ModelFacts> ModelRegistry::list() const {
  std::vector<ModelFacts> all;
  for (const auto& [alias, target] : config_.aliases) all.push_back(facts(build(alias)));
  for (const std::string& provider : providers()) {
    ModelEntry entry = build(provider + "/default");
    entry.name = provider;
    all.push_back(facts(entry));
  }
  if (limiter_ == nullptr) return all;
  for (const LaneState& lane : limiter_->lanes()) {
    ModelFacts row;
    row.name = lane.lane.substr(lane.lane.rfind(' ') + 1);
    const std::size_t address = lane.lane.find(' ') + 1;
    row.address = lane.lane.substr(address, lane.lane.rfind(' ') - address);
    row.key = lane.lane.substr(0, address - 1);
    row.limits = (lane.limits.rpm > 0 ? std::to_string(static_cast<std::int64_t>(lane.limits.rpm)) + " rpm, " : "") +
                 std::to_string(lane.in_flight) + " in flight, " + std::to_string(lane.waiting) + " waiting";
    row.state =
        lane.paused_for.count() > 0 ? "paused " + std::to_string((lane.paused_for.count() + 999) / 1000) + " s" : "ok";
    all.push_back(std::move(row));
  }
  return all;
}

Json to_json(const ModelEntry& entry) {
  Json out;
  out["name"] = entry.name;
  if (!entry.alias.empty()) out["alias"] = entry.alias;
  out["provider"] = entry.provider;
  out["type"] = entry.type;
  out["model"] = entry.model;
  if (!entry.url.empty()) out["url"] = entry.url;
  if (!entry.key_env.empty()) out["key_env"] = entry.key_env;
  if (entry.key_needed) out["key_needed"] = true;
  if (!entry.headers.empty()) {
    for (const auto& [name, value] : entry.headers) out["headers"][name] = value;
  }
  if (Json params = to_json(entry.params); !params.empty()) out["params"] = std::move(params);
  if (!entry.extra.is_null()) out["extra"] = entry.extra;
  if (entry.max_output) out["max_output"] = *entry.max_output;
  if (entry.context) out["context"] = *entry.context;
  if (entry.image_tokens != 3000) out["image_tokens"] = entry.image_tokens;
  if (entry.reasoning_model) out["reasoning_model"] = *entry.reasoning_model;
  if (entry.token_field != "auto") out["token_field"] = entry.token_field;
  if (entry.keep_think_tags) out["think_tags"] = "keep";
  if (entry.strict_params) out["strict_params"] = true;
  if (entry.stream != StreamMode::automatic) out["stream"] = std::string(to_text(entry.stream));
  if (entry.price) out["price"] = to_json(*entry.price);
  if (entry.allow_http) out["allow_http"] = true;
  return out;
}

ModelHandle model_from_json(const Json& pinned) {
  if (!pinned.is_object()) throw Error("bad_request", "a pinned model is an object");
  ModelEntry entry;
  const auto text = [&](const char* name, std::string fallback = {}) {
    const auto found = pinned.find(name);
    return found != pinned.end() && found->is_string() ? found->get<std::string>() : fallback;
  };
  const auto flag = [&](const char* name) {
    const auto found = pinned.find(name);
    return found != pinned.end() && found->is_boolean() && found->get<bool>();
  };
  const auto count = [&](const char* name) -> std::optional<std::int64_t> {
    const auto found = pinned.find(name);
    if (found == pinned.end() || !found->is_number_integer()) return std::nullopt;
    return found->get<std::int64_t>();
  };
  entry.name = text("name");
  entry.alias = text("alias");
  entry.provider = text("provider");
  entry.type = text("type");
  entry.model = text("model");
  if (entry.provider.empty() || entry.type.empty() || entry.model.empty()) {
    throw Error("bad_request", "a pinned model has name, provider, type and model");
  }
  if (const std::string url = text("url"); !url.empty()) {
    set_address(entry, url);
  } else {
    entry.endpoint = entry.type;
    entry.path = "/";
  }
  entry.key_env = text("key_env");
  entry.key_needed = flag("key_needed");
  if (const auto headers = pinned.find("headers"); headers != pinned.end() && headers->is_object()) {
    for (const auto& [name, value] : headers->items()) {
      if (value.is_string()) entry.headers.emplace_back(name, value.get<std::string>());
    }
  }
  if (const auto params = pinned.find("params"); params != pinned.end()) {
    auto read = chat_params_from_json(*params);
    if (!read) throw Error("bad_request", read.error().message, "params");
    entry.params = std::move(*read);
  }
  if (const auto extra = pinned.find("extra"); extra != pinned.end()) entry.extra = *extra;
  entry.max_output = count("max_output");
  entry.context = count("context");
  entry.image_tokens = count("image_tokens").value_or(3000);
  if (pinned.contains("reasoning_model")) entry.reasoning_model = flag("reasoning_model");
  entry.token_field = text("token_field", "auto");
  entry.keep_think_tags = text("think_tags") == "keep";
  entry.strict_params = flag("strict_params");
  const std::string stream = text("stream", "auto");
  entry.stream = stream == "always"  ? StreamMode::always
                 : stream == "never" ? StreamMode::never
                                     : StreamMode::automatic;
  if (const auto price = pinned.find("price"); price != pinned.end()) entry.price = price_from_json(*price);
  entry.allow_http = flag("allow_http");
  return std::make_shared<const ModelEntry>(std::move(entry));
}

}  // namespace assay
