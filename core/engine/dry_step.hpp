#pragma once
// A Step on which nothing goes out: it notes what a runner begins, and ends the run's code where it waits for the first
// answer. Of other runs it sees what is on `board`, and that no more may come; what it publishes nobody sees. The
// thread that calls.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/engine/peer_board.hpp"
#include "core/model/outside_step.hpp"
#include "core/text/error.hpp"

namespace assay {

/// Thrown through a runner's code by DryStep.
struct DryStop {};

class DryStep final : public OutsideStep {
 public:
  /// `seed`: as the attempt would have it, so that a prompt drawn by chance is the one that would go out.
  DryStep(std::uint64_t seed, std::uint32_t attempt, WallTime now, RunId run = kNoRun,
          std::function<std::shared_ptr<PeerBoard>()> board = {})
      : seed_(seed), attempt_(attempt), now_(now), run_(run), board_(std::move(board)) {
    start_step(0);
  }
  void start_step(std::uint32_t number) {
    number_ = number;
    random_ = RandomStream(seed_ + 0x9E3779B97F4A7C15ULL * (number + 1ULL));
  }
  const std::vector<EffectForecast>& begun() const { return begun_; }

  CallHandle begin(std::string_view, std::unique_ptr<Effect> effect) override {
    begun_.push_back(effect->forecast());
    return static_cast<CallHandle>(begun_.size() - 1);
  }
  CallOutcome get(CallHandle) override { throw DryStop{}; }
  using Step::log;
  void log(LogLevel, std::string_view) override {}
  std::uint64_t random() override { return random_.next(); }
  WallTime now() override { return now_; }
  void sleep(std::chrono::milliseconds) override {}
  bool stop_requested() const override { return false; }
  bool wait_until(std::string_view what, const std::function<bool()>&, SteadyTime) override {
    throw Error("estimate", "what it asks is known only when it runs: it waits for " + std::string(what), {},
                "run a few of them first: `stats` and `cost` show what they took");
  }
  /// Nothing is started for an estimate: refused as wait_until.
  std::function<void()> waker() override {
    wait_until("a program", {}, {});
    return {};
  }
  void publish(std::string_view, Json) override {}
  std::shared_ptr<const Peers> others(std::string_view name) override {
    if (!board_) return Step::others(name);
    return board_()->others(name, run_, nullptr, true, nullptr);
  }
  void needs(std::string_view, std::size_t) override {}
  std::uint32_t number() const override { return number_; }
  std::uint32_t attempt() const override { return attempt_; }

 private:
  std::uint64_t seed_;
  std::uint32_t attempt_, number_ = 0;
  WallTime now_;
  RunId run_;
  std::function<std::shared_ptr<PeerBoard>()> board_;
  RandomStream random_{0};
  std::vector<EffectForecast> begun_;
};

}  // namespace assay
