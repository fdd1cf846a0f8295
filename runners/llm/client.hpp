#pragma once
// The chat client: how a runner's question becomes an answer from any model. Blocking code on worker threads.
// It needs no lifetime beyond its options; it outlives every Step that uses it. Specs: models.md 0, 3, 5.
//
// Thread rule: any thread; call, begin and get on the worker thread of the Step they are given.

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "core/engine/clock.hpp"
#include "core/ledger/budget.hpp"
#include "core/ledger/response_cache.hpp"
#include "core/model/step.hpp"
#include "runners/llm/errors.hpp"
#include "runners/llm/limiter.hpp"
#include "runners/llm/names.hpp"
#include "runners/llm/reply.hpp"
#include "runners/llm/request.hpp"
#include "runners/llm/secret.hpp"
#include "runners/llm/settings.hpp"
#include "runners/llm/sim.hpp"
#include "runners/llm/target.hpp"
#include "runners/llm/transport.hpp"

namespace assay {

struct ClientOptions {
  Clock& clock;
  Entropy& entropy;
  Transport& transport;
  SecretStore& secrets;
  Limiter& limiter;
  SettingLookup setting = default_llm_settings();
  std::string experiment_id;  // part of the Idempotency-Key
  std::string version = "0";  // of the User-Agent
  /// Called on a worker thread before anybody waits for it: to be committed (PutPause).
  std::function<void(const PauseInfo&)> on_pause;
  Budget* budget = nullptr;                             // none: nothing is capped, nothing is counted
  ResponseCache* cache = nullptr;                       // none: every call is asked
  std::function<std::uint64_t()> setting_version = {};  // as LiveSettings takes it
};

class ChatClient {
 public:
  explicit ChatClient(ClientOptions options);
  ~ChatClient();
  ChatClient(const ChatClient&) = delete;
  ChatClient& operator=(const ChatClient&) = delete;

  /// One recorded call (core/model/effect.hpp). The request is built here; one that can't be sent fails at its start.
  std::unique_ptr<Effect> make_effect(const ChatRequest& request, const ModelHandle& model);

  /// begin + get. Throws only what Step throws (RunStopped, RunTimeout).
  tl::expected<ChatReply, CallError> call(Step& step, std::string_view key, const ModelHandle& model,
                                          const ChatRequest& request) {
    return get(step, begin(step, key, model, request));
  }
  CallHandle begin(Step& step, std::string_view key, const ModelHandle& model, const ChatRequest& request) {
    return step.begin(key, make_effect(request, model));
  }
  /// Live: the reply as parsed when it came. Replayed: the recorded bytes, parsed again.
  tl::expected<ChatReply, CallError> get(Step& step, CallHandle handle);

  /// Targets that are held or cool down may be tried again; how many there were.
  std::size_t try_targets_again();
  std::vector<Targets::State> target_states() const;

 private:
  friend class ChatEffect;
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace assay
