#pragma once
// A resolved model: all that a call must know of its target, each field of models.yaml in its typed place; what is
// pinned of it in a batch, and how a pinned one differs from a newer one. Specs: models.md 1. Values; any thread.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/text/json.hpp"
#include "runners/llm/errors.hpp"
#include "runners/llm/limiter.hpp"
#include "runners/llm/prices.hpp"
#include "runners/llm/request.hpp"
#include "runners/llm/retry_policy.hpp"

namespace assay {

/// Time limits an entry fixes; what is absent comes from the settings.
struct EntryTimeouts {
  std::optional<std::chrono::milliseconds> connect, first_byte, stall, attempt, total;
};

/// What an entry changes of the retry rules in force. `tries` 0: no count.
struct EntryRetry {
  struct Change {
    std::optional<std::uint32_t> tries;
    std::optional<std::chrono::milliseconds> base, cap;
  };
  std::map<ErrorKind, Change> kinds;
  std::optional<std::chrono::milliseconds> max_hint;
  std::optional<bool> ambiguous;
  RetryRule over(ErrorKind kind, RetryRule rule) const;
};

/// models.md 3.5: after `failures` in a row, `first` doubling to `max`.
struct Cooldown {
  std::uint32_t failures = 5;
  std::chrono::milliseconds first{5'000}, max{300'000};
};
struct Hedge {
  enum class Mode : std::uint8_t { off, p95, after };
  Mode mode = Mode::off;
  std::chrono::milliseconds after{0};
};

/// A managed llama-server (models.md 8). Absent numbers: the program's own defaults.
struct LocalServer {
  std::string path;  // the .gguf file; "" : not managed
  std::optional<std::int64_t> slots, ctx, gpu_layers;
  std::vector<std::string> args;
  std::string server;  // the program; "" : LLAMA_SERVER is not set, look in PATH
  std::chrono::milliseconds idle_stop{600'000};
};
/// A program as a model (models.md 2.13).
struct ExecProgram {
  std::vector<std::string> command;
  std::int64_t workers = 1;
  std::vector<std::string> env_keys;  // variables with keys that it may see
};

struct ModelEntry;
using ModelHandle = std::shared_ptr<const ModelEntry>;

struct ModelEntry {
  std::string name;            // as shown: the alias, or PROVIDER/MODEL
  std::string alias;           // "" when it was named directly
  std::string provider, type;  // "vllm", "openai"
  std::string model;
  std::string base_url;        // the address as written, of whatever origin
  std::string url;             // where a request that is not streamed goes; "" : none is needed, or none is known
  std::string address;         // scheme://host[:port] of url, else the type
  std::string endpoint, path;  // E and P of the request hash (models.md 5.2); endpoint is `endpoint_id` when given
  std::string endpoint_id, api, api_version;

  std::vector<std::string> key_envs;  // candidates, the first that is set wins
  std::string key_file;               // absolute or from the working directory
  std::string key_env;                // name of the secret that is sent: one of key_envs, "file:PATH", or "" none
  bool key_needed = false;            // no call without a key

  std::vector<std::pair<std::string, std::string>> headers;  // extra ones
  ChatParams params;                                         // under the request's own
  Json extra;                                                // null: nothing
  std::optional<std::int64_t> max_output, context;
  std::int64_t image_tokens = 3000;
  std::optional<bool> reasoning_model;
  std::string token_field = "auto";  // auto, max_tokens, max_completion_tokens
  bool keep_think_tags = false, strict_params = false, allow_http = false;
  StreamMode stream = StreamMode::automatic;
  std::optional<Price> price;

  LaneLimits limits;
  EntryTimeouts timeouts;
  EntryRetry retry;
  std::vector<std::string> fallbacks;         // as named
  std::vector<ModelHandle> fallback_entries;  // resolved, in the same order, without fallbacks of their own
  std::chrono::milliseconds fallback_wait{60'000};
  std::vector<ErrorKind> fallback_on;  // beside those of the table in models.md 3.2
  Cooldown cooldown;
  Hedge hedge;

  LocalServer local_server;
  ExecProgram program;
  /// In flight at most, as the program behind the model has told; 1 until it has. null: nothing of the kind is known.
  std::shared_ptr<const std::atomic<std::int64_t>> width;
  std::string ca_file, proxy;  // "" : as libcurl finds them

  /// Where the value of a field came from: "models.yaml:12", "OPENAI_BASE_URL"; none for what is built in.
  std::map<std::string, std::string, std::less<>> origins;

  /// Whose limits it falls under: key variable, address, model.
  std::string lane() const { return (key_env.empty() ? "-" : key_env) + " " + address + " " + model; }
  bool local() const;  ///< its address is loopback or a private one, or it needs none
  /// A llama-server that assay starts itself (models.md 8).
  bool managed() const { return type == "llama" && url.empty() && !local_server.path.empty(); }
};

/// Takes `url` apart into address, endpoint and path; "" : none, the type stands for it.
void set_url(ModelEntry& entry, const std::string& url);
/// Endpoint and path of a managed entry, after set_url: the identity of its file ("gguf:PATH" while there is none).
void set_managed(ModelEntry& entry);

/// What is pinned in a batch: everything but the key, limits, and what belongs to this machine (TLS roots, proxy, the
/// programs' places). Fallbacks are pinned as entries. And back; throws Error "bad_request".
Json to_json(const ModelEntry& entry);
ModelHandle model_from_json(const Json& pinned);

/// One field in which a pinned entry and a newer one differ; null: not given. `origin`: file or variable of the newer
/// value, "" unknown.
struct EntryDifference {
  std::string field;
  Json before, now;
  std::string origin;
};
std::vector<EntryDifference> differences(const Json& pinned, const ModelEntry& newer);
/// "judge: temperature 0 -> 0.7 in models.yaml"; "" for none.
std::string difference_words(const std::string& name, const std::vector<EntryDifference>& differences);
/// "judge: temperature 0 -> 0.7 in models.yaml; this batch keeps 0. set models=refresh takes the new one"; "" for none.
std::string difference_line(const std::string& name, const std::vector<EntryDifference>& differences);

}  // namespace assay
