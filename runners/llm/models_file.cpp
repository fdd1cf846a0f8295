#include "runners/llm/models_file.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>

#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/file_there.hpp"
#include "core/text/input.hpp"
#include "core/text/words.hpp"
#include "runners/llm/field_values.hpp"
#include "runners/llm/imported_prices.hpp"
#include "runners/llm/provider_rows.hpp"
#include "runners/yaml/yaml.hpp"

namespace assay {
namespace {

namespace fs = std::filesystem;
using Where = ModelField::Where;

constexpr std::size_t kMostBytes = 1U << 20U;
const std::vector<std::string> kTopKeys = {"version", "default", "providers", "models", "prices"};

bool is_alias(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

template <class Map>
std::vector<std::string> keys_of(const Map& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

class Reader {
 public:
  Reader(std::string place, std::string folder) : place_(std::move(place)), folder_(std::move(folder)) {}

  ModelsConfig read(const YamlNode& root) {
    if (root.kind == YamlNode::Kind::scalar && root.plain && root.text.empty()) return {};  // an empty file
    if (root.kind != YamlNode::Kind::map) refuse(root, "", "is no mapping of keys", nearest_hint("", kTopKeys));
    for (const auto& [key, value] : root.entries) {
      if (key.text == "version") {
        if (yaml_to_json(value) != 1) refuse(value, "version", "must be 1");
      } else if (key.text == "default") {
        if (value.kind != YamlNode::Kind::scalar || value.text.empty()) refuse(value, "default", "must name a model");
        config_.default_model = value.text;
        config_.default_origin = at_line(value);
      } else if (key.text == "providers") {
        each(value, "providers", [&](const YamlNode& name, const YamlNode& fields) { read_provider(name, fields); });
      } else if (key.text == "models") {
        each(value, "models", [&](const YamlNode& name, const YamlNode& fields) { read_model(name, fields); });
      } else if (key.text == "prices") {
        each(value, "prices", [&](const YamlNode& name, const YamlNode& price) { read_price(name, price); });
      } else {
        refuse(key, key.text, "unknown key", nearest_hint(key.text, kTopKeys));
      }
    }
    return std::move(config_);
  }

 private:
  std::string at_line(const YamlNode& node) const { return place_ + ":" + std::to_string(node.line); }

  [[noreturn]] void refuse(const YamlNode& node, const std::string& key, const std::string& message,
                           const std::string& hint = {}) const {
    throw Error("models", (key.empty() ? "" : key + ": ") + message, at_line(node) + ":" + std::to_string(node.column),
                hint);
  }

  static bool is_empty(const YamlNode& node) {
    return node.kind == YamlNode::Kind::scalar && node.plain && node.text.empty();
  }

  static bool is_nothing(const YamlNode& node) {
    return node.kind == YamlNode::Kind::scalar && yaml_to_json(node).is_null();
  }

  void each(const YamlNode& map, const std::string& key,
            const std::function<void(const YamlNode&, const YamlNode&)>& read) {
    if (is_empty(map)) return;
    if (map.kind != YamlNode::Kind::map) refuse(map, key, "must be a mapping of names");
    for (const auto& [name, value] : map.entries) read(name, value);
  }

  void read_provider(const YamlNode& name, const YamlNode& fields) {
    const std::string key = "providers." + name.text;
    if (!is_alias(name.text)) refuse(name, key, "a name has letters, digits, . _ - only");
    const auto [at, fresh] = config_.providers.emplace(ascii_lower(name.text), FieldMap());
    if (!fresh) refuse(name, key, "stands there twice: names of providers have no upper and lower case");
    FieldMap read = read_fields(fields, key, Where::provider);
    const ProviderRow* row = find_provider_row(at->first);
    const auto type = read.find("type");
    if (row != nullptr && type != read.end() && type->second.value != row->type) {
      refuse(*fields.find("type"), key + ".type", at->first + " is built in, its type is " + row->type);
    }
    at->second = std::move(read);
  }

  void read_model(const YamlNode& name, const YamlNode& fields) {
    const std::string key = "models." + name.text;
    if (!is_alias(name.text)) refuse(name, key, "an alias has letters, digits, . _ - only");
    FieldMap read = read_fields(fields, key, Where::model);
    if (read.contains("model") && read.contains("extends")) {
      refuse(*fields.find("extends"), key + ".extends", "model and extends exclude each other");
    }
    config_.places[name.text] = at_line(name);
    config_.models.insert_or_assign(name.text, std::move(read));
  }

  void read_price(const YamlNode& pattern, const YamlNode& price) {
    const std::string key = "prices." + pattern.text;
    if (pattern.text.find('/') == std::string::npos) refuse(pattern, key, "is no PROVIDER/MODEL, with * as you like");
    if (is_nothing(price)) refuse(pattern, key, "has no value");
    ModelEntry scratch;
    apply(*find_model_field("price"), scratch, price, key);
    config_.prices.insert_or_assign(pattern.text, FieldValue{yaml_to_json(price), at_line(pattern)});
  }

  FieldMap read_fields(const YamlNode& node, const std::string& key, Where where) {
    if (is_empty(node)) return {};
    if (node.kind != YamlNode::Kind::map) {
      refuse(node, key, "must be a mapping", where == Where::model ? "{model: PROVIDER/MODEL}" : "");
    }
    FieldMap fields;
    ModelEntry scratch;
    for (const auto& [name, value] : node.entries) {
      const std::string full = key + "." + name.text;
      const std::string plain = ascii_lower(name.text);
      if (plain == "key" || plain == "api_key" || plain == "apikey" || plain == "token" || plain == "secret") {
        refuse(name, full, "a key does not belong in this file",
               "key_env: NAME of a variable, or key_file: PATH of a file");
      }
      const ModelField* field = find_model_field(name.text);
      if (field == nullptr || (field->where != Where::both && field->where != where)) {
        const std::string hint = name.text == "<<" ? "extends: ALIAS takes over all fields of another"
                                                   : nearest_hint(name.text, field_names(where));
        refuse(name, full, field == nullptr ? "unknown key" : "does not belong here", hint);
      }
      // The place of a value that is not there is the next line's.
      if (is_nothing(value)) refuse(name, full, "has no value");
      apply(*field, scratch, value, full);
      Json json = yaml_to_json(value);
      if (name.text == "path" || name.text == "key_file" || name.text == "ca_file") json = from_folder(json);
      fields.insert_or_assign(name.text, FieldValue{std::move(json), at_line(value)});
    }
    if (fields.contains("key_env") && fields.contains("key_file")) {
      refuse(*node.find("key_file"), key + ".key_file", "key_env and key_file exclude each other");
    }
    return fields;
  }

  void apply(const ModelField& field, ModelEntry& scratch, const YamlNode& value, const std::string& key) {
    try {
      field.apply(scratch, yaml_to_json(value));
    } catch (const FieldFault& fault) {
      refuse(find_below(value, fault.sub), key + (fault.sub.empty() ? "" : "." + fault.sub), fault.message, fault.hint);
    }
  }

  /// Where the sub-key stands, as near as it can be found.
  static const YamlNode& find_below(const YamlNode& node, const std::string& sub) {
    for (const auto& [key, value] : node.entries) {
      if (sub == key.text) return value.kind == YamlNode::Kind::scalar && !is_nothing(value) ? value : key;
      if (sub.starts_with(key.text + ".")) return find_below(value, sub.substr(key.text.size() + 1));
    }
    return node;
  }

  Json from_folder(const Json& path) const {
    const std::string text = path.get<std::string>();
    if (folder_.empty() || text.starts_with('/')) return path;
    return (fs::path(folder_) / text).string();
  }

  std::string place_, folder_;
  ModelsConfig config_;
};

[[noreturn]] void refuse(const std::string& place, const std::string& key, const std::string& message,
                         const std::string& hint = {}) {
  throw Error("models", key + ": " + message, place, hint);
}

std::string text_of(const FieldMap& fields, std::string_view name) {
  const auto found = fields.find(name);
  return found == fields.end() ? "" : found->second.value.get<std::string>();
}

std::vector<std::string> known_providers(const ModelsConfig& config) {
  std::vector<std::string> names = provider_names();
  for (const auto& [name, fields] : config.providers) names.push_back(name);
  return names;
}

/// A name with '/' has a known provider, one without is an alias.
void check_name(const ModelsConfig& config, const std::string& name, const FieldValue& field, const std::string& key,
                bool alias_allowed) {
  const std::size_t slash = name.find('/');
  if (slash == std::string::npos) {
    if (alias_allowed && config.models.contains(name)) return;
    const auto near = nearest(name, keys_of(config.models));
    refuse(field.origin, key, "no model \"" + name + "\"", near ? "did you mean " + *near + "?" : "PROVIDER/MODEL");
  }
  const std::vector<std::string> known = known_providers(config);
  std::string provider = ascii_lower(name.substr(0, slash));
  while (provider.ends_with(' ')) provider.pop_back();
  if (std::find(known.begin(), known.end(), provider) == known.end()) {
    refuse(field.origin, key, "no provider \"" + provider + "\"", nearest_hint(provider, known));
  }
  if (slash + 1 == name.size()) refuse(field.origin, key, "names no model", "PROVIDER/MODEL");
}

/// `*` stands for any characters.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p, ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

ModelsConfig parse_models_text(std::string_view text, const std::string& place, const std::string& folder) {
  if (text.size() > kMostBytes) throw Error("models", "more than 1 MiB", place + ":1");
  YamlLimits limits;
  limits.max_bytes = kMostBytes;
  limits.max_depth = 20;
  limits.max_aliases = 100;
  limits.max_nodes = 200'000;
  limits.name_keys = true;
  return Reader(place, folder).read(parse_yaml(text, place, limits));
}

void put_over(ModelsConfig& farther, const ModelsConfig& nearer) {
  for (const auto& [name, fields] : nearer.providers) put_over(farther.providers[name], fields);
  for (const auto& [name, fields] : nearer.models) {
    FieldMap& below = farther.models[name];
    // What names the model is one thing.
    if (fields.contains("model") || fields.contains("extends")) {
      below.erase("model");
      below.erase("extends");
    }
    put_over(below, fields);
  }
  for (const auto& [alias, place] : nearer.places) farther.places.insert_or_assign(alias, place);
  for (const auto& [pattern, price] : nearer.prices) farther.prices.insert_or_assign(pattern, price);
  if (!nearer.default_model.empty()) {
    farther.default_model = nearer.default_model;
    farther.default_origin = nearer.default_origin;
  }
}

void check_references(const ModelsConfig& config) {
  for (const auto& [alias, fields] : config.models) {
    const std::string key = "models." + alias;
    std::vector<std::string> chain = {alias};
    for (const FieldMap* at = &fields; at->contains("extends");) {
      const FieldValue& extends = at->find("extends")->second;
      const std::string next = extends.value.get<std::string>();
      const auto found = config.models.find(next);
      const std::string here = "models." + chain.back() + ".extends";
      if (found == config.models.end()) {
        refuse(extends.origin, here, "no alias \"" + next + "\"", nearest_hint(next, keys_of(config.models)));
      }
      if (std::find(chain.begin(), chain.end(), next) != chain.end()) {
        refuse(extends.origin, here, next + " extends itself");
      }
      chain.push_back(next);
      at = &found->second;
    }
    const FieldMap whole = alias_fields(config, alias);
    const auto model = whole.find("model");
    if (model != whole.end()) {
      check_name(config, text_of(whole, "model"), model->second, key + ".model", false);
    } else if (!whole.contains("sim") && !whole.contains("command")) {
      refuse(config.places.find(alias)->second, key, "has no model", "model: PROVIDER/MODEL");
    }
    if (const auto fallbacks = whole.find("fallbacks"); fallbacks != whole.end()) {
      for (const std::string& name : texts_value(fallbacks->second.value)) {
        if (name == alias) refuse(fallbacks->second.origin, key + ".fallbacks", "falls back on itself");
        check_name(config, name, fallbacks->second, key + ".fallbacks", true);
      }
    }
  }
  if (!config.default_model.empty()) {
    check_name(config, config.default_model, {Json(), config.default_origin}, "default", true);
  }
}

std::vector<std::string> models_paths(const EnvironmentLookup& environment, const std::string& directory) {
  std::vector<std::string> paths = {directory == "." ? "models.yaml" : directory + "/models.yaml"};
  if (const std::string own = environment("ASSAY_MODELS").value_or(""); !own.empty()) paths.push_back(own);
  const std::string home = environment("HOME").value_or("");
  std::string config = environment("XDG_CONFIG_HOME").value_or("");
  if (config.empty() && !home.empty()) config = home + "/.config";
  if (!config.empty()) paths.push_back(config + "/assay/models.yaml");
  return paths;
}

ModelsConfig load_models(const EnvironmentLookup& environment, const std::string& directory) {
  const std::vector<std::string> paths = models_paths(environment, directory);
  const std::string own = environment("ASSAY_MODELS").value_or("");
  ModelsConfig config;
  std::set<std::string> seen;
  for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
    if (!file_is_there(*path)) {
      if (*path == own) throw Error("file", "there is no such file", *path, "ASSAY_MODELS names it");
      continue;
    }
    const std::string folder = fs::path(*path).parent_path().string();
    put_over(config, parse_models_text(read_file(*path, kMostBytes), *path, folder));
  }
  check_references(config);
  config.imported = read_imported_prices(imported_prices_path(environment));
  return config;
}

FieldMap alias_fields(const ModelsConfig& config, std::string_view alias) {
  std::vector<const FieldMap*> chain;
  for (std::string name(alias); !name.empty();) {
    const auto found = config.models.find(name);
    if (found == config.models.end() || chain.size() > config.models.size()) {
      throw Error("not_found", "no model \"" + name + "\"");
    }
    chain.push_back(&found->second);
    name = text_of(found->second, "extends");
  }
  FieldMap fields;
  for (auto at = chain.rbegin(); at != chain.rend(); ++at) put_over(fields, **at);
  fields.erase("extends");
  return fields;
}

const FieldValue* find_price(const std::map<std::string, FieldValue, std::less<>>& prices, std::string_view name) {
  const FieldValue* best = nullptr;
  std::size_t longest = 0;
  for (const auto& [pattern, price] : prices) {
    if ((best == nullptr || pattern.size() > longest) && matches(pattern, name)) {
      best = &price;
      longest = pattern.size();
    }
  }
  return best;
}

}  // namespace assay
