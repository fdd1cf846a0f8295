#pragma once
// From a name a person typed to everything needed to call the model. Specs: models.md 1.
// ModelEntry is a value; ModelRegistry: any thread.

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/models.hpp"
#include "runners/llm/limiter.hpp"
#include "runners/llm/prices.hpp"
#include "runners/llm/request.hpp"
#include "runners/llm/secret.hpp"

namespace assay {

/// Reads one environment variable (or a line of `.env`); nullopt when it is not set.
using EnvironmentLookup = std::function<std::optional<std::string>(std::string_view)>;

/// The process environment, then the nearest `.env` from `directory` upwards (KEY=VALUE, export, quotes, #; never
/// expanded, never overriding). Throws Error "file" naming file and line when a `.env` can't be read.
EnvironmentLookup process_environment(const std::string& directory);
/// The lines of a `.env` text. Throws Error "file" with place "PLACE:LINE".
std::map<std::string, std::string, std::less<>> parse_env_text(std::string_view text, const std::string& place);

/// Time limits an entry fixes; what is absent comes from the settings.
struct EntryTimeouts {
  std::optional<std::chrono::milliseconds> connect, first_byte, stall, attempt, total;
};

/// A resolved model. Shaped for models.yaml: each field may come from an alias, a provider entry or a built-in row.
struct ModelEntry {
  std::string name;            // as shown: the alias, or PROVIDER/MODEL
  std::string alias;           // "" when it was named directly
  std::string provider, type;  // "vllm", "openai"
  std::string model;
  std::string url;             // where the request goes
  std::string endpoint, path;  // E and P of the request hash (models.md 5.2)
  std::string key_env;         // the variable (or "file:PATH") whose value is sent; "" none
  bool key_needed = false;     // no call without a key
  std::vector<std::pair<std::string, std::string>> headers;  // extra ones
  ChatParams params;                                         // under the request's own
  Json extra;
  std::optional<std::int64_t> max_output, context;
  std::int64_t image_tokens = 3000;
  std::optional<bool> reasoning_model;
  std::string token_field = "auto";  // auto, max_tokens, max_completion_tokens
  bool keep_think_tags = false, strict_params = false, allow_http = false;
  StreamMode stream = StreamMode::automatic;
  std::optional<Price> price;
  LaneLimits limits;
  EntryTimeouts timeouts;
  std::string ca_file, proxy;

  /// Whose limits it falls under: key variable, address, model.
  std::string lane() const { return (key_env.empty() ? "-" : key_env) + " " + endpoint + " " + model; }
  bool local() const;  ///< its address is loopback or a private one, or it needs none
};
using ModelHandle = std::shared_ptr<const ModelEntry>;

/// What is pinned in a batch: everything but key, lane limits and time limits. And back.
Json to_json(const ModelEntry& entry);
ModelHandle model_from_json(const Json& pinned);

/// `providers:` and aliases, as models.yaml will give them; a field that is absent stays as the built-in row says.
struct ProviderConfig {
  std::string type, base_url;
  std::optional<std::string> key_env;  // "none": no key
  bool allow_http = false;
  LaneLimits limits;
};
struct ModelsConfig {
  std::map<std::string, ProviderConfig, std::less<>> providers;
  std::map<std::string, std::string, std::less<>> aliases;  // alias -> PROVIDER/MODEL
  std::string default_model;
};

/// "https://host/v1" -> where chat requests go. Throws Error "bad_request": another scheme than http and https, user
/// or password, no host.
std::string chat_url(const std::string& base_url);
/// OLLAMA_HOST by its own rules -> scheme://host:port.
std::string ollama_base(const std::string& host);
/// The two address forms of Azure.
std::string azure_url(const std::string& endpoint, const std::string& deployment, const std::string& api_version);

struct UrlParts {
  std::string scheme, host, port, path;  // port: "" when not written; path with query, "" none
};
/// Throws Error "bad_request" as chat_url.
UrlParts split_url(const std::string& url);
/// Loopback by name or number.
bool is_loopback(const std::string& host);

class ModelRegistry final : public ModelCatalog {
 public:
  /// `limiter` may be null; `secrets` gets every key that is found.
  ModelRegistry(EnvironmentLookup environment, SecretStore& secrets, ModelsConfig config = {},
                const Limiter* limiter = nullptr);

  /// The entry of a name ("" = the default model). Throws Error "not_found" (with the nearest), "bad_request".
  /// Loads its key when there is one; a missing key is not an error here.
  ModelHandle entry(const std::string& name) const;
  /// As entry, then applies pinned-file overrides: {"params":{..},"extra":{..},"price":{..}}; and refuses what can't
  /// be called: provider not built in ("not_found"), needed key missing ("no_key"), key over plain http.
  ModelHandle callable(const std::string& name, const Json& overrides = nullptr) const;
  /// The same checks for a pinned entry; its key is loaded from the environment as it is now.
  ModelHandle callable_pinned(const Json& pinned) const;

  std::vector<ModelFacts> list() const override;
  ModelFacts resolve(const std::string& name) const override;
  std::pair<std::string, std::string> default_model() const override;

  /// The names known before the first '/', sorted.
  static std::vector<std::string> providers();

 private:
  ModelEntry build(const std::string& name) const;
  void check_callable(ModelEntry& entry) const;
  void load_key(const ModelEntry& entry) const;
  ModelFacts facts(const ModelEntry& entry) const;
  EnvironmentLookup environment_;
  SecretStore& secrets_;
  ModelsConfig config_;
  const Limiter* limiter_;
};

}  // namespace assay
