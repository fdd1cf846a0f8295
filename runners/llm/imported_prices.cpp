#include "runners/llm/imported_prices.hpp"

#include <array>
#include <cmath>
#include <filesystem>
#include <optional>
#include <utility>

#include "core/text/atomic_file.hpp"
#include "core/text/error.hpp"
#include "core/text/file_there.hpp"
#include "core/text/input.hpp"
#include "runners/llm/field_values.hpp"

namespace assay {
namespace {

namespace fs = std::filesystem;

// Its name of a provider, ours (recalled).
constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kProviders = {{{"openai", "openai"},
                                                                                       {"azure", "azure"},
                                                                                       {"anthropic", "anthropic"},
                                                                                       {"cohere", "cohere"},
                                                                                       {"cohere_chat", "cohere"},
                                                                                       {"together_ai", "together"},
                                                                                       {"gemini", "gemini"},
                                                                                       {"deepinfra", "deepinfra"},
                                                                                       {"openrouter", "openrouter"},
                                                                                       {"groq", "groq"},
                                                                                       {"deepseek", "deepseek"},
                                                                                       {"ollama", "ollama"}}};
constexpr std::array<std::pair<const char*, const char*>, 5> kFields = {
    {{"input_cost_per_token", "in"},
     {"output_cost_per_token", "out"},
     {"cache_read_input_token_cost", "cached"},
     {"cache_creation_input_token_cost", "cache_write"},
     {"output_cost_per_reasoning_token", "reasoning"}}};

std::string text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// "together_ai/meta/x" of together_ai -> "together/meta/x"; nullopt: a provider that is not built in.
std::optional<std::string> name_of(const std::string& key, const std::string& provider) {
  for (const auto& [theirs, ours] : kProviders) {
    if (provider != theirs) continue;
    const std::string prefix = provider + "/";
    return std::string(ours) + "/" + (key.starts_with(prefix) ? key.substr(prefix.size()) : key);
  }
  return std::nullopt;
}

/// USD per million tokens, exact to 6 decimals; nullopt: it is not.
std::optional<double> per_million(const Json& per_token) {
  if (!per_token.is_number()) return std::nullopt;
  const double pico = per_token.get<double>() * 1e12;
  const double rounded = std::round(pico);
  if (!(pico >= 0) || pico > 9e15 || std::fabs(pico - rounded) > 1e-3) return std::nullopt;
  return rounded / 1e6;
}

std::optional<Json> price_of(const Json& row) {
  Json price = Json::object();
  for (const auto& [theirs, ours] : kFields) {
    const auto found = row.find(theirs);
    if (found == row.end() || found->is_null()) continue;
    const auto value = per_million(*found);
    if (!value) return std::nullopt;
    price[ours] = *value;
  }
  if (!price.contains("in") || !price.contains("out")) return std::nullopt;
  return price;
}

}  // namespace

ImportedPrices prices_from_litellm(const Json& map, const std::string& origin) {
  if (!map.is_object()) throw Error("models", "is no price map: an object of models is wanted", origin);
  ImportedPrices out;
  for (const auto& [key, row] : map.items()) {
    if (key == "sample_spec" || !row.is_object()) continue;
    const std::string mode = text_of(row, "mode");
    const auto name = name_of(key, text_of(row, "litellm_provider"));
    auto price = name && (mode.empty() || mode == "chat" || mode == "responses") ? price_of(row) : std::nullopt;
    if (!price) {
      ++out.skipped;
      continue;
    }
    out.prices.insert_or_assign(*name, FieldValue{std::move(*price), origin});
  }
  if (out.prices.empty()) throw Error("models", "has no price of a model that is known here", origin);
  return out;
}

std::string imported_prices_path(const EnvironmentLookup& environment) {
  const std::string home = environment("HOME").value_or("");
  std::string folder = environment("XDG_CONFIG_HOME").value_or("");
  if (folder.empty() && !home.empty()) folder = home + "/.config";
  return folder.empty() ? "" : folder + "/assay/prices.json";
}

ImportedPrices import_prices(const std::string& file, const std::string& path) {
  if (path.empty()) throw Error("file", "neither HOME nor XDG_CONFIG_HOME is set");
  ImportedPrices imported = prices_from_litellm(parse_json(read_file(file), file), file);
  std::string text = "{\"version\":1,\"from\":";
  append_json_string(text, file);
  text += ",\"prices\":{\n";
  std::size_t left = imported.prices.size();
  for (const auto& [name, price] : imported.prices) {
    append_json_string(text, name);
    text += ":" + dump_json(price.value) + (--left > 0 ? ",\n" : "\n");
  }
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  write_file(path, text + "}}\n");
  return imported;
}

std::map<std::string, FieldValue, std::less<>> read_imported_prices(const std::string& path) {
  std::map<std::string, FieldValue, std::less<>> prices;
  if (path.empty() || !file_is_there(path)) return prices;
  const Json file = parse_json(read_file(path), path);
  const Json list = file.is_object() && file.contains("prices") ? file["prices"] : Json();
  if (!list.is_object()) throw Error("models", "is no list of prices", path, "models import-prices FILE makes one");
  ModelEntry scratch;
  for (const auto& [name, price] : list.items()) {
    try {
      find_model_field("price")->apply(scratch, price);
    } catch (const FieldFault& fault) {
      throw Error("models", name + ": " + fault.sub + " " + fault.message, path, "models import-prices FILE makes one");
    }
    prices.insert_or_assign(name, FieldValue{price, path});
  }
  return prices;
}

}  // namespace assay
