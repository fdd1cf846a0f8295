#pragma once
// The response cache: an answer that the experiment file holds is given again to the same request, in other runs and
// attempts. `item`: to the same item at the same place; `shared`: to anyone. The epoch is part of the request's hash.
// The answers stay with the calls they were given to; what is looked up is an index in the file, so that a million
// entries cost no memory. Specs: models.md 5.5.
//
// Of identical calls under way at the same time the first asks and the others wait for its answer. They hold nothing
// meanwhile: no place in a lane, no money.
//
// Thread rule: any thread; ask reads the file: on a worker thread.

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/model/effect.hpp"
#include "core/store/store.hpp"

namespace assay {

enum class CacheMode : std::uint8_t { off, item, shared };
std::string_view to_text(CacheMode mode);
/// Throws Error "usage" for another word.
CacheMode cache_mode_from_text(const std::string& text);

class ResponseCache {
 public:
  /// Takes up the mode that the experiment keeps. `store` outlives it.
  explicit ResponseCache(Store& store);

  CacheMode mode() const { return mode_; }
  /// In force at once, and kept with the experiment. Throws Error "store".
  void set_mode(CacheMode mode);
  KeptFigures figures() { return store_.kept_figures(); }
  /// Forgets all answers, or those that would serve the calls of `runs`; returns how many. Calls, and what was paid for
  /// them, stay recorded. Throws Error "store".
  std::uint64_t clear();
  std::uint64_t clear(const std::vector<RunId>& runs);

  struct Answer {
    std::string reply, model, run;  // bytes as received; who gave it; the run it was given to, "" when it is under way
    Pico cost = 0;
  };

 private:
  struct Twins {
    std::shared_ptr<const Answer> answer;  // of the first; its commit may still be on the way
    std::vector<std::shared_ptr<EffectPort>> waiting;
  };

 public:
  /// Held by the call that asks for all with its request. Given back when the call's effect goes: after its answer has
  /// been committed, so that who comes later finds it in the file.
  class Claim {
   public:
    Claim() = default;
    Claim(ResponseCache& cache, std::string place) : cache_(&cache), place_(std::move(place)) {}
    Claim(Claim&& other) noexcept : cache_(std::exchange(other.cache_, nullptr)), place_(std::move(other.place_)) {}
    Claim& operator=(Claim&& other) noexcept;
    ~Claim() { release(); }
    /// Those who wait get it.
    void answered(Answer answer);
    /// The answer, or failure, is for this call only: those who wait ask on their own.
    void unfit();
    /// The call was given up: the next of those who wait asks.
    void release();

   private:
    ResponseCache* cache_ = nullptr;
    std::string place_;
  };

  /// An answer; or a claim: ask the model; or neither: a CacheTurn will come to `port`.
  struct Found {
    std::shared_ptr<const Answer> answer;
    std::optional<Claim> claim;
  };
  /// `port` says whose call it is, and at which place.
  Found ask(const Hash128& request, const std::shared_ptr<EffectPort>& port);

 private:
  void finish(const std::string& place, bool alone);

  Store& store_;
  std::atomic<CacheMode> mode_{CacheMode::off};
  std::mutex mutex_;
  std::map<std::string, Twins> under_way_;  // guarded by mutex_: requests that are being asked
};

/// To a call that waited for its twin: its answer; or go and ask alone; or neither: look again.
struct CacheTurn final : EffectMessage {
  std::shared_ptr<const ResponseCache::Answer> answer;
  bool alone = false;
};

}  // namespace assay
