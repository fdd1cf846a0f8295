#pragma once
// One chat call as a state machine (core/model/effect.hpp): wait for the limiter, record `sent`, transmit, judge the
// reply on the worker thread, perhaps back off and try again. Used by ChatClient only.
// Thread rule: as Effect; what leaves it for other threads is in TrySlot.

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "runners/llm/client.hpp"
#include "runners/llm/hedges.hpp"
#include "runners/llm/provider.hpp"
#include "runners/llm/try_trail.hpp"

namespace assay {

/// What all calls of a client share.
struct ChatClient::Shared {
  explicit Shared(ClientOptions given)
      : options(std::move(given)),
        settings(options.setting, options.clock, options.setting_version),
        sim(options.clock),
        seed(options.entropy.next()) {}
  std::uint64_t random() { return RandomStream(seed + 0x9E3779B97F4A7C15ULL * ++drawn).next(); }
  void mark_worked(const std::string& lane);
  bool has_worked(const std::string& lane) const;

  ClientOptions options;
  LiveSettings settings;
  SimWorld sim;
  Targets targets;
  Hedges hedges;
  const std::uint64_t seed;
  std::atomic<std::uint64_t> drawn{0};
  /// Fields that a target was found not to take (models.md 2.4); true when it was not known yet.
  bool remember_correction(const std::string& lane, const std::string& field);
  std::vector<std::string> corrections(const std::string& lane) const;

  mutable std::shared_mutex mutex;
  std::unordered_set<std::string> worked;  // guarded by mutex: lanes whose key was accepted in this process
  std::unordered_map<std::string, std::vector<std::string>> corrected;  // guarded by mutex
};

class ChatEffect final : public Effect {
 public:
  ChatEffect(std::shared_ptr<ChatClient::Shared> shared, const ChatRequest& request, ModelHandle model);
  ~ChatEffect() override { abandon(); }

  // What was asked first, whoever answers.
  Hash128 request_hash() const override { return fallback_ == 0 ? prepared_.hash : asked_.hash; }
  const std::string& request_text() const override { return fallback_ == 0 ? prepared_.canonical : asked_.canonical; }
  const std::string& model() const override { return first_->name; }
  const std::string& lane() const override { return lane_; }
  EffectAction advance(EffectEvent event, const std::shared_ptr<EffectPort>& port, SteadyTime now) override;
  void abandon() override;
  EffectWaiting waiting(SteadyTime now) const override;  // chat_waiting.cpp
  EffectForecast forecast() const override;              // chat_forecast.cpp

  /// The outcome of a live call, once.
  std::optional<tl::expected<ChatReply, CallError>> take_result();
  /// Recorded bytes as a reply; `model`: who gave it.
  tl::expected<ChatReply, CallError> read(std::string_view bytes, std::string_view model) const;

 private:
  enum class State { idle, awaiting_twin, queued, in_flight, simulating, backing_off, done };
  /// Shared with the writer's and the HTTP thread: one try's request until it is sent, and whether it may be.
  struct TrySlot {
    std::mutex mutex;
    bool cancelled = false, sent = false;  // guarded by mutex
    WireRequest request;                   // until sent
  };
  struct ReplyMessage;
  struct SimSent;

  void prepare(const ChatRequest& request);
  bool can_ask(const ModelEntry& entry) const;
  bool fall_back();
  bool falls_back_on(ErrorKind kind) const;
  EffectAction enter_queue(SteadyTime now);
  EffectAction poll_limiter(SteadyTime now);
  std::optional<EffectAction> ask_target(SteadyTime now);
  std::optional<EffectAction> leave_long_pause(SteadyTime now);
  EffectAction hold_until(SteadyTime until, const std::string& why, SteadyTime now);
  void tell_target(CallError& error, bool retry, SteadyTime now);
  // The money of this call (chat_budget.cpp).
  std::optional<EffectAction> ask_budget(SteadyTime now);
  bool reserve_at_once();
  SpendPlace place_of_spending() const;
  Pico settle_answer(const ChatReply& reply);
  static bool billed_unread(const CallError& error);
  Pico settle_failure(const CallError& error);
  // A second request beside the first (chat_hedge.cpp).
  void plan_hedge(SteadyTime now);
  EffectAction hedge(SteadyTime now);
  bool outlived(const WireReply& reply, SteadyTime now);
  void swap_rival();
  void drop_rival();
  LaneLimits limits_in_force() const;
  void enter_limiter();
  bool cancel(TrySlot& slot);
  // Answers given before (chat_cache.cpp).
  EffectAction begin_call(SteadyTime now);
  EffectAction on_cache_turn(const CacheTurn& turn, SteadyTime now);
  std::optional<EffectAction> serve_kept(const ResponseCache::Answer& answer);
  void offer_answer(EffectDone& done, const ChatReply& reply);
  // Into a file (chat_bulk.cpp).
  void take_batch_price();
  EffectAction put_in_file(SteadyTime now);
  EffectAction send(SteadyTime now);
  EffectAction on_sim_sent(SteadyTime now);
  EffectAction on_reply(WireReply reply, SteadyTime now);
  EffectAction on_failure(CallError error, const std::vector<Header>& headers, std::string body, SteadyTime now);
  EffectAction give_up(CallError error, std::string body, SteadyTime now);
  EffectAction refuse(CallError error);
  EffectAction wait(SteadyTime now);
  tl::expected<ChatReply, CallError> judge(const WireReply& reply) const;
  std::string wire_body();
  std::string details_of(const CallError* error, const WaitHint* hint) const;
  TryRecord record_of(const CallError& error, const WaitHint* hint = nullptr) const;
  void give_back();
  std::optional<SteadyTime> total_deadline() const;
  std::string redacted(std::string text) const;
  Deadlines deadlines(const ClientValues& values) const;

  std::shared_ptr<ChatClient::Shared> shared_;
  ModelHandle first_, entry_;  // asked first; whose turn it is
  std::size_t fallback_ = 0;   // how many of the first one's fallbacks have had a turn
  PreparedRequest asked_;      // the first one's request, when it is another's turn
  const Provider* provider_ = nullptr;
  std::string lane_;
  PreparedRequest prepared_;
  std::optional<CallError> refused_;      // found while building
  std::unique_ptr<ChatRequest> request_;  // kept for sim and for fallbacks
  RandomStream random_;
  Pico reserved_ = 0;
  bool unbounded_ = false;  // nothing says how long the answer may get
  Budget::Hold money_;      // from before the limiter until the reply is judged; retries keep it
  CallSize size_;

  State state_ = State::idle;
  std::shared_ptr<EffectPort> port_;
  Limiter::Ticket ticket_;
  std::optional<LanePause> lane_pause_;  // begun by the last reply
  std::shared_ptr<TrySlot> slot_;
  /// The other request of a hedged call: the first one, or whichever has not come yet.
  struct Rival {
    std::shared_ptr<TrySlot> slot;
    Limiter::Ticket ticket;
    Budget::Hold money;
    SteadyTime sent_at;
  };
  std::unique_ptr<Rival> rival_;
  bool hedged_ = false;
  SteadyTime sent_at_{};
  std::optional<SteadyTime> hedge_at_;
  std::optional<SteadyTime> look_at_;  // limiter, back-off or simulated reply
  std::unique_ptr<SimPlan> sim_plan_;
  int try_no_ = 0;
  std::array<std::uint8_t, 32> failures_{};  // by kind
  std::optional<SteadyTime> first_sent_;
  std::chrono::nanoseconds excluded_{0};  // waited for limits and pauses: does not count for `total`
  std::optional<SteadyTime> excluded_since_;
  std::optional<TryRecord> previous_;  // a failed try, until the next is sent
  bool previous_told_ = false;
  Pico previous_reserved_ = 0;
  std::vector<std::string> corrected_;  // fields left out or renamed in the last try
  std::vector<TryRecord> tries_;
  TryTrail trail_;  // of the try under way
  Pico spent_ = 0;  // by tries whose replies were not delivered
  bool ambiguous_ = false;
  bool bill_unknown_ = false;   // of the try that has just ended
  bool alone_ = false;          // what the last try met says nothing of its target (SimPlan::alone)
  bool permitted_ = false;      // by Targets, and not yet answered for
  ResponseCache::Claim claim_;  // others with the same request wait for this one's answer
  std::optional<tl::expected<ChatReply, CallError>> result_;
};

}  // namespace assay
