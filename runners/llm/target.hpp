#pragma once
// What is known of the targets of a process (a target: one key, one address, one model; the limiter's lane). A target
// that fails again and again cools down, so that waiting calls keep their tries; one whose account or key is refused
// is held until a person says otherwise, so that a batch is not burnt on it. Specs: models.md 3.2, 3.5.
//
// Any thread.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/effect.hpp"
#include "runners/llm/errors.hpp"
#include "runners/llm/model_entry.hpp"

namespace assay {

/// Whether kinds of failure are the target's: it cools down after several in a row.
bool cools_target(ErrorKind kind);
/// Whether nothing more should be sent to a target that answered with it.
bool holds_target(ErrorKind kind);

class Targets {
 public:
  struct Held {
    ErrorKind kind = ErrorKind::held;
    std::string message;
  };
  struct Permit {
    bool go = false;
    std::optional<SteadyTime> look_again;  // when not: it cools down; at most a second away
    std::optional<Held> held;
  };
  /// May a call go out now? While a target cools nobody goes; then one, and the others when that one was answered.
  Permit ask(const std::string& lane, SteadyTime now);
  /// The permit was not used: another may probe.
  void give_back(const std::string& lane);
  void succeeded(const std::string& lane);
  /// Neither held nor cooling, and its last answer was no failure.
  bool calm(const std::string& lane) const;
  /// A try failed with a kind that cools_target(). How long it cools now, when it has just begun to.
  std::optional<std::chrono::milliseconds> failed(const std::string& lane, const Cooldown& rule, SteadyTime now);
  void hold(const std::string& lane, Held why);
  /// Lets held and cooling targets be tried again; how many there were.
  std::size_t release_all();

  struct State {
    std::string lane;
    std::uint32_t failures = 0;
    std::chrono::milliseconds cooling_for{0};
    bool probing = false;
    std::optional<Held> held;
  };
  /// Those that are not simply ok.
  std::vector<State> states(SteadyTime now) const;

 private:
  struct Target {
    std::uint32_t failures = 0;  // in a row
    std::chrono::milliseconds cooldown{0};
    std::optional<SteadyTime> cool_until;
    std::optional<SteadyTime> probe_since;
    std::optional<Held> held;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Target, std::less<>> targets_;  // only those that have failed
};

}  // namespace assay
