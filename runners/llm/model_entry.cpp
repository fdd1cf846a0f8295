#include "runners/llm/model_entry.hpp"

#include <algorithm>

#include "core/text/error.hpp"
#include "runners/llm/field_values.hpp"
#include "runners/llm/local_target.hpp"
#include "runners/llm/model_fields.hpp"
#include "runners/llm/urls.hpp"

namespace assay {
namespace {

std::string text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

Json value_of(const Json& object, std::string_view name) {
  const auto found = object.find(name);
  return found == object.end() ? Json() : *found;
}

std::string shown(const Json& value) {
  if (value.is_null()) return "none";
  return value.is_string() ? value.get<std::string>() : dump_json(value);
}

/// 0 and 0.0 are one value to a person.
bool same(const Json& left, const Json& right) {
  if (left.is_number() && right.is_number()) return left.get<double>() == right.get<double>();
  return left == right;
}

/// What a person would say of a number: 0.7, 0, not 0.0.
Json plain(Json value) {
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (number > -1e15 && number < 1e15 && number == static_cast<double>(static_cast<std::int64_t>(number))) {
      return static_cast<std::int64_t>(number);
    }
  }
  return value;
}

/// "models.yaml:12" -> "models.yaml".
std::string file_of(const std::string& origin) {
  const std::size_t colon = origin.rfind(':');
  const bool numbered = colon != std::string::npos && colon + 1 < origin.size() &&
                        origin.find_first_not_of("0123456789", colon + 1) == std::string::npos;
  return numbered ? origin.substr(0, colon) : origin;
}

/// Leaves of mappings are compared one by one; below a field named in `roots` they go by their own name alone.
void compare(const std::string& name, const Json& before, const Json& now, const std::string& origin, int depth,
             std::vector<EntryDifference>& out) {
  if (same(before, now)) return;
  const bool mappings = (before.is_object() || before.is_null()) && (now.is_object() || now.is_null());
  if (!mappings || depth == 0) {
    out.push_back({name, plain(before), plain(now), origin});
    return;
  }
  std::vector<std::string> keys;
  for (const Json* side : {&before, &now}) {
    if (!side->is_object()) continue;
    for (const auto& [key, value] : side->items()) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    }
  }
  for (const std::string& key : keys) {
    compare(name == "params" ? key : name + "." + key, value_of(before, key), value_of(now, key), origin, depth - 1,
            out);
  }
}

Json fallback_names(const Json& pinned) {
  Json names = Json::array();
  for (const Json& fallback : value_of(pinned, "fallbacks")) names.push_back(text_of(fallback, "name"));
  return names.empty() ? Json() : names;
}

}  // namespace

RetryRule EntryRetry::over(ErrorKind kind, RetryRule rule) const {
  const auto found = kinds.find(kind);
  if (found == kinds.end()) return rule;
  if (found->second.tries) rule.tries = *found->second.tries;
  if (found->second.base) rule.base = *found->second.base;
  if (found->second.cap) rule.cap = *found->second.cap;
  return rule;
}

bool ModelEntry::local() const { return url.empty() || is_local_host(split_url(url).host); }

void set_url(ModelEntry& entry, const std::string& url) {
  entry.url = url;
  if (url.empty()) {
    entry.address = entry.type;
    entry.path = "/";
  } else {
    const UrlParts parts = split_url(url);
    entry.address = parts.origin();
    entry.path = parts.path.empty() ? "/" : parts.path;
  }
  entry.endpoint = entry.endpoint_id.empty() ? entry.address : entry.endpoint_id;
}

void set_managed(ModelEntry& entry) {
  entry.path = "/v1/chat/completions";
  if (!entry.endpoint_id.empty()) return;
  try {
    entry.endpoint = gguf_identity(entry.local_server.path);
  } catch (const Error&) {
    entry.endpoint = "gguf:" + entry.local_server.path;  // there is none to ask; it is told where it is to be used
  }
}

Json to_json(const ModelEntry& entry) {
  Json out;
  out["name"] = entry.name;
  if (!entry.alias.empty()) out["alias"] = entry.alias;
  out["provider"] = entry.provider;
  out["type"] = entry.type;
  out["model"] = entry.model;
  if (!entry.url.empty()) out["url"] = entry.url;
  if (entry.url.empty() && entry.endpoint != entry.type) out["endpoint"] = entry.endpoint;
  if (entry.key_needed) out["key_needed"] = true;
  for (const ModelField& field : model_fields()) {
    if (!field.pinned) continue;
    if (Json value = field.show(entry); !value.is_null()) out[std::string(field.name)] = std::move(value);
  }
  for (const ModelHandle& fallback : entry.fallback_entries) out["fallbacks"].push_back(to_json(*fallback));
  return out;
}

ModelHandle model_from_json(const Json& pinned) {
  if (!pinned.is_object()) throw Error("bad_request", "a pinned model is an object");
  ModelEntry entry;
  entry.name = text_of(pinned, "name");
  entry.alias = text_of(pinned, "alias");
  entry.provider = text_of(pinned, "provider");
  entry.type = text_of(pinned, "type");
  entry.model = text_of(pinned, "model");
  if (entry.provider.empty() || entry.type.empty() || entry.model.empty()) {
    throw Error("bad_request", "a pinned model has name, provider, type and model");
  }
  for (const ModelField& field : model_fields()) {
    const auto found = pinned.find(field.name);
    if (!field.pinned || found == pinned.end() || found->is_null()) continue;
    try {
      field.apply(entry, *found);
    } catch (const FieldFault& fault) {
      const std::string key = std::string(field.name) + (fault.sub.empty() ? "" : "." + fault.sub);
      throw Error("bad_request", "the pinned " + key + " of " + entry.name + " " + fault.message, "", fault.hint);
    }
  }
  set_url(entry, text_of(pinned, "url"));
  if (entry.managed()) entry.path = "/v1/chat/completions";
  if (const std::string endpoint = text_of(pinned, "endpoint"); !endpoint.empty()) entry.endpoint = endpoint;
  entry.key_needed = value_of(pinned, "key_needed") == true;
  if (const Json fallbacks = value_of(pinned, "fallbacks"); fallbacks.is_array()) {
    for (const Json& fallback : fallbacks) {
      // One level deep, whatever a file from outside says.
      if (fallback.is_object() && fallback.contains("fallbacks")) {
        throw Error("bad_request", "a pinned fallback of " + entry.name + " has fallbacks of its own");
      }
      entry.fallback_entries.push_back(model_from_json(fallback));
      entry.fallbacks.push_back(entry.fallback_entries.back()->name);
    }
  }
  return std::make_shared<const ModelEntry>(std::move(entry));
}

std::vector<EntryDifference> differences(const Json& pinned, const ModelEntry& newer) {
  std::vector<EntryDifference> out;
  const Json now = to_json(newer);
  const auto origin = [&](std::string_view field) {
    const auto found = newer.origins.find(field);
    return found == newer.origins.end() ? std::string() : file_of(found->second);
  };
  for (const auto& [key, field] : {std::pair{"provider", "model"}, std::pair{"model", "model"},
                                   std::pair{"url", "base_url"}, std::pair{"endpoint", "command"}}) {
    compare(key, value_of(pinned, key), value_of(now, key), origin(field), 0, out);
  }
  for (const ModelField& field : model_fields()) {
    if (!field.pinned) continue;
    const std::string name(field.name);
    compare(name, value_of(pinned, name), value_of(now, name), origin(name), std::min(field.merge_depth + 1, 3), out);
  }
  compare("fallbacks", fallback_names(pinned), fallback_names(now), origin("fallbacks"), 0, out);
  // The same fallbacks, but one of them has changed.
  const Json kept = value_of(pinned, "fallbacks");
  for (std::size_t i = 0; i < newer.fallback_entries.size() && kept.is_array() && i < kept.size(); ++i) {
    const ModelEntry& fallback = *newer.fallback_entries[i];
    if (text_of(kept[i], "name") != fallback.name) continue;
    for (EntryDifference& one : differences(kept[i], fallback)) {
      one.field = fallback.name + " " + one.field;
      out.push_back(std::move(one));
    }
  }
  return out;
}

std::string difference_words(const std::string& name, const std::vector<EntryDifference>& differences) {
  if (differences.empty()) return "";
  std::string line = name + ":";
  for (std::size_t i = 0; i < differences.size(); ++i) {
    const EntryDifference& one = differences[i];
    line += (i == 0 ? " " : ", ") + one.field + " " + shown(one.before) + " -> " + shown(one.now);
    // The origin once for neighbours that share it.
    if (i + 1 == differences.size() || differences[i + 1].origin != one.origin) {
      line += one.origin.empty() ? "" : " in " + one.origin;
    }
  }
  return line;
}

std::string difference_line(const std::string& name, const std::vector<EntryDifference>& differences) {
  std::string line = difference_words(name, differences);
  if (line.empty()) return line;
  const bool single = differences.size() == 1 && !differences.front().before.is_null();
  line += "; this batch keeps " + (single ? shown(differences.front().before) : "what it has");
  return line + ". set models=refresh takes the new " + (single ? "one" : "ones");
}

}  // namespace assay
