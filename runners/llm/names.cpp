#include "runners/llm/names.hpp"

#include <algorithm>
#include <cmath>

#include "core/text/duration.hpp"
#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "runners/llm/child_environment.hpp"
#include "runners/llm/field_values.hpp"
#include "runners/llm/imported_prices.hpp"
#include "runners/llm/key_file.hpp"
#include "runners/llm/local_models.hpp"
#include "runners/llm/local_target.hpp"
#include "runners/llm/model_report.hpp"
#include "runners/llm/provider.hpp"
#include "runners/llm/provider_rows.hpp"
#include "runners/llm/sim.hpp"

namespace assay {
namespace {

/// The provider of a model that is known by how its name begins; "" for others.
std::string_view maker_of(std::string_view model) {
  constexpr std::pair<std::string_view, std::string_view> makers[] = {
      {"gpt-", "openai"},      {"o1", "openai"},     {"o3", "openai"},       {"o4", "openai"},
      {"claude", "anthropic"}, {"gemini", "gemini"}, {"command-", "cohere"}, {"deepseek", "deepseek"},
      {"llama", "ollama"},     {"qwen", "ollama"},   {"mistral", "ollama"},  {"gemma", "ollama"}};
  for (const auto& [beginning, maker] : makers) {
    if (model.starts_with(beginning)) return maker;
  }
  return {};
}

std::string limits_text(const LaneLimits& limits) {
  std::string out;
  const auto put = [&](double value, const char* unit) {
    if (value > 0) out += (out.empty() ? "" : ", ") + format_count(static_cast<std::int64_t>(value)) + " " + unit;
  };
  put(limits.rpm, "rpm");
  put(limits.rpd, "rpd");
  put(limits.tpm, "tpm");
  put(limits.itpm, "itpm");
  put(limits.otpm, "otpm");
  put(static_cast<double>(limits.concurrency), "in flight");
  return out;
}

/// The values of all layers, each field checked where it is put in; the table's order: `type` before addresses.
void apply_fields(ModelEntry& entry, const FieldMap& fields) {
  for (const ModelField& row : model_fields()) {
    const auto found = fields.find(row.name);
    if (found == fields.end()) continue;
    const auto& [value, origin] = found->second;
    try {
      row.apply(entry, value);
    } catch (const FieldFault& fault) {
      const std::string key = std::string(row.name) + (fault.sub.empty() ? "" : "." + fault.sub);
      throw Error("bad_request", entry.name + ": " + key + " " + fault.message, origin, fault.hint);
    }
    if (!origin.empty()) entry.origins[std::string(row.name)] = origin;
  }
}

/// What the program behind a model is at: its processes, their memory, its slots and speed.
void add_program(ModelFacts& facts, const ModelEntry& entry, const std::optional<LocalFacts>& told) {
  const LocalFacts program = told.value_or(LocalFacts{"not started", "", {}, 0, 0, 0, false});
  facts.address = program.address.empty() ? entry.endpoint : program.address;
  facts.state = program.state;
  Json& details = facts.details["program"] = Json::object({{"state", program.state}});
  if (program.pids.empty()) return;
  std::string pids;
  for (const pid_t pid : program.pids) pids += " " + std::to_string(pid);
  const std::uint64_t bytes = resident_bytes(program.pids);
  facts.state += ", pid" + pids + ", " + format_count(static_cast<std::int64_t>(bytes >> 20U)) + " MiB";
  details["pids"] = program.pids;
  details["memory_bytes"] = bytes;
  if (entry.type == "exec") {
    facts.state += ", " + std::to_string(program.pids.size()) + " of " + std::to_string(program.slots) +
                   (program.slots == 1 ? " worker" : " workers");
    details["workers"] = program.slots;
    return;
  }
  if (program.slots > 0) {
    facts.state += ", " + format_count(program.slots) + (program.slots == 1 ? " slot" : " slots");
    details["slots"] = program.slots;
  }
  if (program.context > 0) {
    facts.state += " of " + format_count(program.context) + " tokens";
    details["context_per_slot"] = program.context;
  }
  if (program.tokens_per_s > 0) {
    const double tenths = std::round(program.tokens_per_s * 10);
    facts.state += ", " + dump_json(Json(tenths / 10)) + " tokens/s";
    details["tokens_per_s"] = program.tokens_per_s;
  }
  if (program.cpu_only) facts.state += ", CPU only";
  details["cpu_only"] = program.cpu_only;
}

}  // namespace

/// What a name stands for, before any field but the alias's own is looked at.
struct ModelRegistry::Name {
  std::string alias, provider, model;
  FieldMap fields;  // of the alias
};

ModelRegistry::ModelRegistry(EnvironmentLookup environment, SecretStore& secrets, ModelsConfig config,
                             const Limiter* limiter, std::function<std::string()> chosen_model,
                             std::function<std::vector<Targets::State>()> targets, RegistryExtras extras)
    : environment_(std::move(environment)),
      secrets_(secrets),
      config_(std::move(config)),
      limiter_(limiter),
      targets_(std::move(targets)),
      chosen_model_(std::move(chosen_model)),
      extras_(std::move(extras)),
      imported_(config_.imported) {}

std::vector<std::string> ModelRegistry::providers() { return provider_names(); }

std::pair<std::string, std::string> ModelRegistry::default_model() const {
  if (const std::string chosen = chosen_model_ ? std::string(trim(chosen_model_())) : ""; !chosen.empty()) {
    return {chosen, "set model"};
  }
  const std::string type = ascii_lower(trim(environment_("API_TYPE").value_or("")));
  const std::string version(trim(environment_("MODEL_VERSION").value_or("")));
  if (!version.empty()) {
    return {(type.empty() ? "openai" : type) + "/" + version,
            type.empty() ? "MODEL_VERSION" : "API_TYPE and MODEL_VERSION"};
  }
  if (type == "openai") return {"openai/gpt-4o-2024-08-06", "API_TYPE"};
  if (!type.empty()) {
    throw Error("bad_request", "API_TYPE is " + type + " and no model is named", "", "set MODEL_VERSION");
  }
  if (!config_.default_model.empty()) return {config_.default_model, config_.default_origin};
  return {"sim/default", "built in"};
}

ModelRegistry::Name ModelRegistry::split_name(const std::string& given) const {
  std::string text(trim(given));
  if (text.empty()) text = default_model().first;
  Name name;
  if (config_.models.find(text) != config_.models.end()) {
    name.alias = text;
    name.fields = alias_fields(config_, text);
    if (const auto model = name.fields.find("model"); model != name.fields.end()) {
      text = trim(model->second.value.get<std::string>());
    } else {
      text = name.fields.contains("command") ? "exec/" + text : "sim/default";
    }
  }
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) {
    name.provider = ascii_lower(trim(environment_("API_TYPE").value_or("")));
    name.model = text;
    if (name.provider.empty()) {
      std::vector<std::string> aliases;
      for (const auto& [alias, fields] : config_.models) aliases.push_back(alias);
      std::vector<std::string> known = provider_names();
      for (const auto& [own, fields] : config_.providers) known.push_back(own);
      const auto near = nearest(text, aliases);
      const std::string_view maker = maker_of(text);
      throw Error("not_found", "no model \"" + text + "\"", "",
                  near             ? "did you mean " + *near + "?"
                  : !maker.empty() ? "a model is named with its provider: " + std::string(maker) + "/" + text
                                   : "PROVIDER/MODEL, with PROVIDER one of " + joined(known));
    }
  } else {
    name.provider = ascii_lower(trim(text.substr(0, slash)));
    name.model = trim(text.substr(slash + 1));
  }
  if (name.model.empty()) throw Error("bad_request", "\"" + text + "\" names no model", "", "PROVIDER/MODEL");
  return name;
}

ModelEntry ModelRegistry::build(const std::string& given, bool with_fallbacks) const {
  Name name = split_name(given);
  ModelEntry entry;
  entry.alias = name.alias;
  entry.provider = name.provider;
  entry.model = name.model;
  entry.name = entry.alias.empty() ? entry.provider + "/" + entry.model : entry.alias;

  const ProviderRow* row = find_provider_row(entry.provider);
  const auto own = config_.providers.find(entry.provider);
  if (row == nullptr && own == config_.providers.end()) {
    std::vector<std::string> known = provider_names();
    for (const auto& [provider, fields] : config_.providers) known.push_back(provider);
    throw Error("not_found", "no provider \"" + entry.provider + "\"", "", nearest_hint(entry.provider, known));
  }
  entry.type = row != nullptr ? row->type : "openai";

  FieldMap fields;
  if (row != nullptr) fields = built_in_fields(*row);
  if (own != config_.providers.end()) put_over(fields, own->second);
  put_over(fields, environment_fields(row, environment_));
  put_over(fields, name.fields);
  if (!name.fields.contains("price")) {
    const std::string full = entry.provider + "/" + entry.model;
    if (const FieldValue* price = find_price(config_.prices, full)) {
      fields["price"] = *price;
    } else if (!fields.contains("price")) {
      if (const auto listed = imported_price(full)) fields["price"] = *listed;
    }
  }
  // Known before anything else is read: names may be given by a variable alone.
  if (row != nullptr) {
    for (const char* variable : row->keys) {
      if (variable != nullptr) entry.key_envs.emplace_back(variable);
    }
    entry.key_needed = row->key_needed;
  }
  apply_fields(entry, fields);
  const bool free = row != nullptr ? row->free : is_free_type(entry.type);
  if (!entry.price && free) entry.price = Price{};
  if (const auto sim = fields.find("sim"); sim != fields.end()) {
    std::string query = sim_query(sim->second.value);
    if (!query.empty() && entry.model.find('?') != std::string::npos) query.front() = '&';
    entry.model += query;
  }
  try {
    set_address(entry);
  } catch (const Error& error) {
    const auto origin = entry.origins.find("base_url");
    throw Error(error.kind(), error.message(), origin == entry.origins.end() ? "" : origin->second, error.hint());
  }
  take_key(entry);
  join_program(entry);
  if (with_fallbacks) {
    for (const std::string& fallback : entry.fallbacks) {
      entry.fallback_entries.push_back(std::make_shared<const ModelEntry>(build(fallback, false)));
    }
  } else {
    entry.fallbacks.clear();
  }
  return entry;
}

/// What it shares with the program behind it, if there is one: its width, and keys that it may see.
void ModelRegistry::join_program(ModelEntry& entry) const {
  if (extras_.local == nullptr) return;
  entry.width = extras_.local->width(entry);
  for (const std::string& variable : entry.program.env_keys) {
    if (auto value = environment_(variable)) secrets_.put(variable, std::move(*value));
  }
}

void ModelRegistry::take_key(ModelEntry& entry) const {
  entry.key_env.clear();
  if (entry.managed()) {  // its server has a key of its own
    entry.key_envs.clear();
    entry.key_needed = false;
    return;
  }
  if (!entry.key_file.empty()) {
    entry.key_env = "file:" + entry.key_file;
  } else {
    for (const std::string& variable : entry.key_envs) {
      if (trim(environment_(variable).value_or("")).empty()) continue;
      entry.key_env = variable;
      break;
    }
    if (entry.key_env.empty() && entry.key_needed && !entry.key_envs.empty()) entry.key_env = entry.key_envs.front();
  }
  load_key(entry);
}

void ModelRegistry::load_key(const ModelEntry& entry) const {
  if (entry.key_env.empty()) return;
  std::optional<std::string> value =
      entry.key_file.empty() ? environment_(entry.key_env) : read_key_file(entry.key_file);
  if (value && !trim(*value).empty()) {
    secrets_.put(entry.key_env, std::move(*value));
  } else if (value) {
    wipe(*value);
  }
}

ModelHandle ModelRegistry::entry(const std::string& name) const {
  ModelEntry entry = build(name);
  if (entry.type == "exec") {
    if (extras_.local != nullptr) extras_.local->check(entry);
    const std::lock_guard lock(typed_mutex_);
    typed_.insert(entry.model);
  } else if (extras_.local != nullptr && entry.managed()) {
    gguf_identity(entry.local_server.path);  // llama-server itself is asked for when it is needed
  }
  return std::make_shared<const ModelEntry>(std::move(entry));
}

/// A saved experiment may name any program; one is started only when models.yaml or a person here has named it.
void ModelRegistry::check_allowed(const ModelEntry& entry) const {
  if (!entry.program.command.empty()) return;  // the one of models.yaml (bring_up_to_date)
  {
    const std::lock_guard lock(typed_mutex_);
    if (typed_.contains(entry.model)) return;
  }
  const std::string name = "exec/" + entry.model;
  const auto is_it = [&](const Json& value) { return value.is_string() && trim(value.get<std::string>()) == name; };
  for (const auto* entries : {&config_.providers, &config_.models}) {
    for (const auto& [key, fields] : *entries) {
      for (const char* field : {"model", "fallbacks"}) {
        const auto found = fields.find(field);
        if (found == fields.end()) continue;
        const Json& value = found->second.value;
        if (is_it(value) || (value.is_array() && std::any_of(value.begin(), value.end(), is_it))) return;
      }
    }
  }
  try {
    if (trim(default_model().first) == name) return;
  } catch (const Error&) {
    // nothing is chosen
  }
  throw Error("bad_request", "the batch asks for the program " + entry.model + ", which nobody has named here", "",
              "if you trust it: `set model \"" + name + "\"`, or an alias in models.yaml");
}

void ModelRegistry::check_callable(const ModelEntry& entry) const {
  if (find_provider(entry.type) == nullptr) {
    throw Error("not_found", entry.name + ": provider " + entry.type + " is not built into this assay", "",
                "any OpenAI-compatible server works by OPENAI_BASE_URL; sim/default needs nothing");
  }
  if (entry.type == "sim") parse_sim(entry.model);
  if (offline_ > 0) return;
  load_key(entry);
  if (entry.key_needed && !secrets_.has(entry.key_env)) {
    if (!entry.key_file.empty()) {
      throw Error("no_key", entry.name + " needs a key: " + entry.key_file + " is missing, not readable or empty");
    }
    throw Error("no_key", entry.name + " needs a key", "",
                entry.key_env.empty() ? "its provider " + entry.provider + " is not in your models.yaml"
                                      : "set " + joined(entry.key_envs, " or ") + " in the environment or in .env");
  }
  const bool addressed = entry.type != "sim" && entry.type != "exec" && !entry.managed();
  if (entry.url.empty() && addressed) {
    throw Error("bad_request", entry.name + " has no address", "",
                entry.type == "llama"
                    ? "path: FILE.gguf starts a llama-server for it; base_url or LLAMA_BASE_URL names a running one"
                    : "give it a base_url");
  }
  if (entry.type == "exec") check_allowed(entry);
  if (extras_.local != nullptr) extras_.local->check(entry);
  if (!entry.url.empty() && secrets_.has(entry.key_env)) {
    const UrlParts parts = split_url(entry.url);
    if (parts.scheme == "http" && !is_loopback(parts.host) && !entry.allow_http) {
      throw Error("bad_request", entry.name + ": " + entry.key_env + " would go over plain http to " + parts.host, "",
                  "https, or allow_http: true");
    }
  }
  for (const ModelHandle& fallback : entry.fallback_entries) check_callable(*fallback);
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

ModelFacts ModelRegistry::facts(const ModelEntry& entry) const {
  ModelFacts facts;
  facts.name = entry.name;
  facts.provider = entry.provider;
  const bool unaddressed = entry.url.empty() && entry.type != "sim" && entry.type != "exec";
  facts.address = unaddressed ? "" : entry.address;
  facts.key =
      entry.key_env.empty() ? "no key needed" : entry.key_env + (secrets_.has(entry.key_env) ? " set" : " missing");
  facts.limits = limits_text(entry.limits);
  facts.state = find_provider(entry.type) == nullptr ? "not built in" : "ok";
  facts.details = to_json(entry);
  const bool program = entry.managed() || (entry.type == "exec" && entry.model != "default");
  if (extras_.local != nullptr && program) {
    const std::optional<LocalFacts> told = extras_.local->facts(entry);
    add_program(facts, entry, told);
    if (!told) {
      try {
        extras_.local->check(entry);
      } catch (const Error& error) {
        facts.state = error.kind() == "local/absent" && entry.managed() ? "no llama-server" : error.message();
      }
    }
  }
  for (const auto& [field, origin] : entry.origins) facts.details["from"][field] = origin;
  return facts;
}

ModelFacts ModelRegistry::resolve(const std::string& name) const { return facts(*callable(name)); }

std::vector<ModelFacts> ModelRegistry::list() const {
  std::vector<ModelFacts> all;
  // What can't be resolved is a line of the list, not its end.
  const auto add = [&](const std::string& name, const std::string& shown) {
    ModelFacts row;
    try {
      row = facts(build(name));
    } catch (const Error& error) {
      row.state = error.what();
    }
    row.name = shown;
    all.push_back(std::move(row));
  };
  for (const auto& [alias, fields] : config_.models) add(alias, alias);
  for (const auto& [provider, fields] : config_.providers) {
    if (find_provider_row(provider) == nullptr) add(provider + "/default", provider);
  }
  for (const std::string& provider : provider_names()) add(provider + "/default", provider);
  if (limiter_ == nullptr) return all;
  std::map<std::string, std::string, std::less<>> states;
  for (const Targets::State& target : targets_ ? targets_() : std::vector<Targets::State>()) {
    if (target.held) {
      states[target.lane] = "held: " + target.held->message;
    } else if (target.cooling_for.count() > 0) {
      states[target.lane] = "cooling " + std::to_string((target.cooling_for.count() + 999) / 1000) + " s";
    }
  }
  for (const LaneState& lane : limiter_->lanes()) {
    ModelFacts row;
    // Key, address, model: the first may be the path of a file, the last the words of a command.
    const bool command = lane.lane.starts_with("- exec ");
    const std::size_t model = (command ? lane.lane.find(' ', 2) : lane.lane.rfind(' ')) + 1;
    row.name = lane.lane.substr(model);
    const std::size_t address = lane.lane.find(' ') + 1;
    row.address = lane.lane.substr(address, model - 1 - address);
    row.key = lane.lane.substr(0, address - 1);
    row.limits = assay::describe(lane);
    Json limits = Json::array();
    for (const LimitShown& limit : lane.shown) {
      limits.push_back(
          {{"dimension", limit.dimension}, {"value", limit.value}, {"source", std::string(to_text(limit.source))}});
    }
    row.details = Json::object({{"in_flight", lane.in_flight},
                                {"waiting", lane.waiting},
                                {"admitted", lane.admitted},
                                {"rejected", lane.rejected},
                                {"paused_seconds", static_cast<double>(lane.paused_for.count()) / 1000},
                                {"limits", std::move(limits)}});
    if (const auto state = states.find(lane.lane); state != states.end()) {
      row.state = state->second;
    } else {
      row.state = lane.paused_for.count() > 0 ? "paused" : "ok";
    }
    all.push_back(std::move(row));
  }
  return all;
}

std::optional<FieldValue> ModelRegistry::imported_price(const std::string& name) const {
  const std::lock_guard lock(imported_mutex_);
  const FieldValue* found = find_price(imported_, name);
  return found == nullptr ? std::nullopt : std::optional(*found);
}

Report ModelRegistry::describe(const std::string& name) const {
  const ModelEntry entry = build(name);
  ModelFacts about = facts(entry);
  // A lane in use knows more than its entry.
  for (const ModelFacts& row : list()) {
    if (row.name != entry.model || row.address != entry.address || !row.provider.empty()) continue;
    if (row.key != (entry.key_env.empty() ? "-" : entry.key_env)) continue;
    about.limits = row.limits;
    about.state = row.state;
  }
  if (entry.key_needed && !secrets_.has(entry.key_env)) about.state = "can't be called: its key is missing";
  return model_report(entry, about, read_client_values(extras_.setting));
}

std::vector<std::string> ModelRegistry::import_prices(const std::string& file) const {
  const std::string path = imported_prices_path(environment_);
  ImportedPrices taken = assay::import_prices(file, path);
  const auto counted = [](std::size_t n, const char* one, const char* many) {
    return format_count(static_cast<std::int64_t>(n)) + " " + (n == 1 ? one : many);
  };
  const std::size_t n = taken.prices.size();
  std::vector<std::string> lines = {counted(n, "price", "prices") + " from " + file + (n == 1 ? " is" : " are") +
                                    " now in " + path + ", in place of what was there"};
  if (taken.skipped > 0) {
    lines.push_back(counted(taken.skipped, "entry", "entries") +
                    " left out: of a provider that is not built in, no chat model, or without both prices");
  }
  lines.push_back("a price in models.yaml goes before them");
  const std::lock_guard lock(imported_mutex_);
  imported_ = read_imported_prices(path);
  return lines;
}

std::vector<std::string> ModelRegistry::notes() const {
  return extras_.notes ? extras_.notes() : std::vector<std::string>();
}

std::vector<std::string> ModelRegistry::log(const std::string& name) const {
  const ModelEntry entry = build(name);
  if (extras_.local == nullptr || (entry.type != "exec" && !entry.managed())) {
    throw Error("usage", entry.name + " is no program that assay starts", "",
                "exec/COMMAND, an alias with command:, or with path: FILE.gguf");
  }
  return extras_.local->log(entry);
}

std::vector<std::string> ModelRegistry::child_environment() const {
  return environment_without_keys(key_variables(config_), secrets_);
}

std::vector<std::string> ModelRegistry::warnings() const {
  std::vector<std::string> lines;
  const auto look = [&](const FieldMap& fields) {
    const auto found = fields.find("key_file");
    if (found == fields.end()) return;
    const std::string path = found->second.value.get<std::string>();
    if (!others_can_read(path)) return;
    std::string line = path + " holds a key and can be read by others (" + found->second.origin + "): chmod 600";
    if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(std::move(line));
  };
  for (const auto& [name, fields] : config_.providers) look(fields);
  for (const auto& [name, fields] : config_.models) look(fields);
  return lines;
}

}  // namespace assay
