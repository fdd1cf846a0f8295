#include "runners/llm/provider_rows.hpp"

#include <algorithm>

#include "core/text/error.hpp"
#include "core/text/shell_words.hpp"
#include "runners/llm/field_values.hpp"
#include "runners/llm/local_target.hpp"
#include "runners/llm/sim.hpp"
#include "runners/llm/urls.hpp"

namespace assay {
namespace {

constexpr const char* kAzureVersion = "2024-02-15-preview";

constexpr std::array<ProviderRow, 15> kProviders = {{
    {"openai",
     "openai",
     "https://api.openai.com/v1",
     {"OPENAI_API_KEY"},
     true,
     {"OPENAI_BASE_URL", "OPENAI_API_URL"},
     false},
    {"azure",
     "azure",
     "",
     {"AZURE_API_KEY", "AZURE_OPENAI_API_KEY", "AZUREAI_OPENAI_API_KEY"},
     true,
     {"AZURE_ENDPOINT", "AZURE_OPENAI_ENDPOINT"},
     false},
    {"anthropic", "anthropic", "https://api.anthropic.com", {"ANTHROPIC_API_KEY"}, true, {"ANTHROPIC_BASE_URL"}, false},
    {"cohere", "cohere", "", {"COHERE_API_KEY", "CO_API_KEY"}, true, {}, false},
    {"together", "together", "https://api.together.xyz/v1", {"TOGETHER_API_KEY"}, true, {}, false},
    {"gemini",
     "gemini",
     "https://generativelanguage.googleapis.com",
     {"GEMINI_API_KEY", "GOOGLE_API_KEY"},
     true,
     {},
     false},
    {"ollama", "ollama", "", {}, false, {"OLLAMA_HOST"}, true},
    {"llama", "llama", "", {"LLAMA_API_KEY"}, false, {"LLAMA_BASE_URL"}, true},
    {"exec", "exec", "", {}, false, {}, true},
    {"sim", "sim", "", {}, false, {}, true},
    {"deepinfra",
     "openai",
     "https://api.deepinfra.com/v1/openai",
     {"DEEPINFRA_TOKEN", "DEEPINFRA_API_KEY"},
     true,
     {},
     false},
    {"openrouter", "openai", "https://openrouter.ai/api/v1", {"OPENROUTER_API_KEY"}, true, {}, false},
    {"groq", "openai", "https://api.groq.com/openai/v1", {"GROQ_API_KEY"}, true, {}, false},
    {"deepseek", "openai", "https://api.deepseek.com/v1", {"DEEPSEEK_API_KEY"}, true, {}, false},
    {"vllm", "openai", "http://127.0.0.1:8000/v1", {"VLLM_API_KEY"}, false, {"LLM_JUDGE_URL"}, true},
}};

struct VariableField {
  std::string_view provider;
  const char *variable, *field, *header;  // header: the key below the field, or nullptr
};
constexpr std::array<VariableField, 4> kVariables = {{
    {"azure", "API_VERSION", "api_version", nullptr},
    {"openai", "OPENAI_ORG_ID", "headers", "OpenAI-Organization"},
    {"openai", "OPENAI_PROJECT_ID", "headers", "OpenAI-Project"},
    {"llama", "LLAMA_SERVER", "server", nullptr},
}};

std::string set_value(const EnvironmentLookup& environment, const char* variable) {
  if (variable == nullptr) return "";
  const std::string value = environment(variable).value_or("");
  const std::size_t begin = value.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return "";
  return value.substr(begin, value.find_last_not_of(" \t\r\n") - begin + 1);
}

std::string percent_encoded(std::string_view text) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char raw : text) {
    const auto c = static_cast<unsigned char>(raw);
    if (c == '%' || c == '&' || c < 0x20) {
      out += '%';
      out += digits[c >> 4U];
      out += digits[c & 15U];
    } else {
      out += raw;
    }
  }
  return out;
}

std::string exec_endpoint(const ModelEntry& entry) {
  std::string out = "exec:";
  for (const std::string& word : exec_target(entry).argv) out += (out.size() == 5 ? "" : " ") + quote_shell_word(word);
  return out;
}

/// llama/./file.gguf; without a server's address any name with that end.
bool is_gguf_name(std::string_view model, bool no_address) {
  return model.ends_with(".gguf") &&
         (no_address || model.starts_with('/') || model.starts_with("./") || model.starts_with("../"));
}

}  // namespace

const ProviderRow* find_provider_row(std::string_view name) {
  const auto found =
      std::find_if(kProviders.begin(), kProviders.end(), [&](const auto& row) { return row.name == name; });
  return found == kProviders.end() ? nullptr : &*found;
}

std::vector<std::string> provider_names() {
  std::vector<std::string> names;
  for (const ProviderRow& row : kProviders) names.emplace_back(row.name);
  std::sort(names.begin(), names.end());
  return names;
}

const std::vector<std::string>& provider_types() {
  static const std::vector<std::string> types = [] {
    std::vector<std::string> list;
    for (const ProviderRow& row : kProviders) {
      if (std::find(list.begin(), list.end(), row.type) == list.end()) list.emplace_back(row.type);
    }
    return list;
  }();
  return types;
}

bool is_free_type(std::string_view type) {
  const ProviderRow* row = find_provider_row(type);
  return row != nullptr && row->free;
}

FieldMap built_in_fields(const ProviderRow& row) {
  FieldMap fields;
  if (*row.base_url != '\0') fields["base_url"] = {row.base_url, ""};
  return fields;
}

FieldMap environment_fields(const ProviderRow* row, const EnvironmentLookup& environment) {
  FieldMap fields;
  if (const std::string value = set_value(environment, "SSL_CERT_FILE"); !value.empty()) {
    fields["ca_file"] = {value, "SSL_CERT_FILE"};
  }
  if (row == nullptr) return fields;
  for (const char* variable : row->base_env) {
    const std::string value = set_value(environment, variable);
    if (value.empty()) continue;
    fields["base_url"] = {value, variable};
    break;
  }
  for (const VariableField& known : kVariables) {
    if (known.provider != row->name) continue;
    const std::string value = set_value(environment, known.variable);
    if (value.empty()) continue;
    FieldValue& field = fields[known.field];
    if (known.header != nullptr) {
      field.value[known.header] = value;
    } else {
      field.value = value;
    }
    field.origin = known.variable;
  }
  return fields;
}

void set_address(ModelEntry& entry) {
  const std::string& base = entry.base_url;
  const std::string& type = entry.type;
  if (type == "sim") return set_url(entry, "");
  if (type == "exec") {
    set_url(entry, "");
    if (entry.endpoint_id.empty()) entry.endpoint = exec_endpoint(entry);
    return;
  }
  if (type == "llama") {
    // A file that is named, here or as `path`, is a server of our own; an address that a variable gives is farther.
    const auto origin = entry.origins.find("base_url");
    const bool written = origin != entry.origins.end() && origin->second != "LLAMA_BASE_URL";
    std::string& path = entry.local_server.path;
    if (path.empty() && is_gguf_name(entry.model, base.empty())) path = entry.model;
    if (!path.empty() && !written) {
      set_url(entry, "");
      set_managed(entry);
      return;
    }
  }
  if (type == "ollama") return set_url(entry, ollama_base(base) + "/api/chat");
  if (type == "azure" && entry.api_version.empty()) entry.api_version = kAzureVersion;
  if (type == "cohere") {
    if (entry.api.empty()) entry.api = "v2";
    // The two versions live at two hosts.
    const char* host = entry.api == "v1" ? "https://api.cohere.ai" : "https://api.cohere.com";
    return set_url(entry, cohere_url(base.empty() ? host : base, entry.api));
  }
  if (base.empty()) return set_url(entry, "");
  set_url(entry, type == "azure"       ? azure_url(base, entry.model, entry.api_version)
                 : type == "anthropic" ? anthropic_url(base)
                 : type == "gemini"    ? gemini_url(base, entry.model)
                                       : chat_url(base));
}

std::string sim_query(const Json& sim) {
  std::string query;
  for (const auto& [key, value] : map_value(sim, {})) {
    std::string text;
    if (value.is_string()) {
      text = value.get<std::string>();
    } else if (value.is_number()) {
      text = dump_json(value);
    } else if (value.is_object() && key == "fail") {
      for (const auto& [kind, share] : value.items()) {
        text += (text.empty() ? "" : ",") + kind + ":" + (share.is_number() ? dump_json(share) : "?");
      }
    } else {
      throw FieldFault{key, "must be a text or a number", ""};
    }
    const std::string pair = key + "=" + percent_encoded(text);
    try {
      parse_sim("default?" + pair);
    } catch (const Error& error) {
      throw FieldFault{key, error.message(), error.hint()};
    }
    query += (query.empty() ? "?" : "&") + pair;
  }
  return query;
}

}  // namespace assay
