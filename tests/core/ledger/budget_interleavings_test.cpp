// The promise of the budget against everything that can happen to it in any order, and with threads.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "core/ledger/budget.hpp"

using namespace assay;
using Of = BudgetScope::Of;
using State = Budget::Hold::State;

namespace {

/// The same numbers everywhere: the standard fixes them.
struct Random {
  explicit Random(std::uint64_t seed) : engine(seed) {}
  std::uint64_t next() { return engine(); }
  std::mt19937_64 engine;
};

constexpr RunId kRuns = 6;
constexpr std::array<const char*, 2> kModels{"a", "b"};
constexpr std::int64_t kDays = 2;

struct Mailbox final : EffectPort {
  int turns = 0;
  void post(std::unique_ptr<EffectMessage>) override { ++turns; }
};

/// What one instance of a scope should hold, counted apart from the budget.
struct Sum {
  Pico settled = 0, possible = 0, reserved = 0;
  Pico all() const { return settled + possible + reserved; }
};

/// A scope's instance: {of, index}.
using Place = std::pair<Of, std::int64_t>;

struct Call {
  SpendPlace place;
  std::shared_ptr<Mailbox> port = std::make_shared<Mailbox>();
  Budget::Hold hold;
  Pico amount = 0;
  State seen = State::none;

  std::vector<Place> scopes() const {
    return {{Of::experiment, 0},
            {Of::batch, place.run % 2},
            {Of::model, place.model == kModels[0] ? 0 : 1},
            {Of::run, place.run},
            {Of::day, place.day}};
  }
};

/// Drives one budget by a seed and counts along.
class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed), calls_(3 + random_.next() % 12) {
    SpendHistory before;
    before.run_before = [](RunId run) { return SpendHistory::RunBefore{run % 2, {}}; };
    budget_.begin(std::move(before));
    for (int i = 0; i < 3; ++i) change_cap();
  }

  void step() {
    const std::map<Place, Sum> earlier = sums_;
    Call& call = calls_[random_.next() % calls_.size()];
    switch (random_.next() % 10) {
      case 0:
        change_cap();
        break;
      case 1:  // gives up, waiting or not
        give_back(call, {});
        call.hold.release();
        call.seen = State::none;
        break;
      case 2:  // a bill above its reservation, rarely
        if (call.seen == State::granted && random_.next() % 8 == 0) {
          settle(call, call.amount + pick(20), 0);
          break;
        }
        [[fallthrough]];
      case 3:
      case 4:
      case 5:
        if (call.seen == State::granted) {
          settle(call, pick(call.amount + 1), 0);
          break;
        }
        [[fallthrough]];
      case 6:
        if (call.seen == State::granted) {  // ambiguous, and tried again
          settle(call, 0, call.amount);
          ask(call, call.place, call.amount);
          break;
        }
        [[fallthrough]];
      default:
        if (call.seen != State::none) {
          if (call.seen == State::refused) call.seen = State::none;
          break;
        }
        SpendPlace place{static_cast<RunId>(pick(kRuns)), kModels[random_.next() % 2], pick(kDays)};
        ask(call, place, random_.next() % 10 == 0 ? 0 : pick(40));
    }
    look();
    check(earlier);
  }

  /// Everything that is out comes back: nobody may go on waiting.
  void drain() {
    for (int round = 0; round < 10'000; ++round) {
      const auto out =
          std::find_if(calls_.begin(), calls_.end(), [](const Call& call) { return call.seen == State::granted; });
      if (out == calls_.end()) break;
      const std::map<Place, Sum> earlier = sums_;
      settle(*out, pick(out->amount + 1), 0);
      look();
      check(earlier);
    }
    for (const Call& call : calls_) REQUIRE(call.seen != State::waiting);
  }

  std::uint64_t granted = 0, waited = 0, refused = 0, granted_late = 0, refused_late = 0;

 private:
  std::int64_t pick(std::int64_t below) {
    return static_cast<std::int64_t>(random_.next() % static_cast<std::uint64_t>(below));
  }

  void change_cap() {
    BudgetScope scope;
    scope.of = static_cast<Of>(random_.next() % 5);
    std::int64_t index = 0;
    if (scope.of == Of::batch) index = scope.batch = static_cast<BatchId>(pick(2));
    if (scope.of == Of::model) scope.model = kModels[static_cast<std::size_t>(index = pick(2))];
    std::optional<Pico> cap;
    if (random_.next() % 5 != 0) cap = pick(random_.next() % 2 == 0 ? 60 : 300);
    budget_.set_cap(scope, cap);
    const std::int64_t count = scope.of == Of::run ? kRuns : scope.of == Of::day ? kDays : 1;
    for (std::int64_t i = 0; i < count; ++i) {
      if (cap) {
        caps_[{scope.of, index + i}] = *cap;
      } else {
        caps_.erase({scope.of, index + i});
      }
    }
  }

  void ask(Call& call, SpendPlace place, Pico amount) {
    call.place = std::move(place);
    call.amount = amount;
    call.port->turns = 0;
    call.hold = budget_.reserve(call.place, amount, call.port);
    call.seen = State::waiting;
    arrived(call, call.hold.poll(), false);
  }

  /// A call's state has changed from waiting.
  void arrived(Call& call, State now, bool late) {
    if (now == State::granted) {
      ++granted;
      granted_late += late;
      for (const Place& at : call.scopes()) sums_[at].reserved += call.amount;
    } else if (now == State::refused) {
      ++refused;
      refused_late += late;
      check_shortage(call);
    } else if (call.seen != now || !late) {
      ++waited;
    }
    call.seen = now;
  }

  /// Whoever was told looks; whoever was not told must not have changed.
  void look() {
    for (Call& call : calls_) {
      if (call.seen != State::waiting) continue;
      const State now = call.hold.poll();
      if (call.port->turns != (now == State::waiting ? 0 : 1)) FAIL("told ", call.port->turns, " times");
      if (now != State::waiting) arrived(call, now, true);
    }
  }

  void give_back(Call& call, const Spend& spend) {
    if (call.seen != State::granted) return;
    for (const Place& at : call.scopes()) {
      Sum& sum = sums_[at];
      sum.reserved -= call.amount;
      sum.settled += spend.settled;
      sum.possible += spend.possible;
    }
  }

  void settle(Call& call, Pico cost, Pico possible) {
    give_back(call, {cost, possible});
    call.hold.settle(cost, possible);
    call.seen = State::none;
  }

  void check_shortage(const Call& call) {
    const BudgetShortage why = call.hold.shortage();
    const bool right = why.missing > 0 && why.wanted == call.amount &&
                       why.missing == why.wanted - (why.cap - why.settled - why.possible);
    if (!right) FAIL("a wrong shortage: ", why.missing, " of ", why.wanted);
  }

  void check(const std::map<Place, Sum>& earlier) {
    const std::string wrong = first_wrong(earlier);
    REQUIRE(wrong.empty());
  }

  std::string first_wrong(const std::map<Place, Sum>& earlier) {
    for (const auto& [at, sum] : sums_) {
      BudgetScope scope{at.first, 0, {}};
      if (at.first == Of::batch) scope.batch = static_cast<BatchId>(at.second);
      if (at.first == Of::model) scope.model = kModels[static_cast<std::size_t>(at.second)];
      const BudgetState tally = budget_.tally(scope, static_cast<RunId>(at.second), at.second);
      if (tally.settled != sum.settled || tally.possible != sum.possible || tally.reserved != sum.reserved)
        return "a tally is not the sum of its calls";
      const auto cap = caps_.find(at);
      if (tally.cap != (cap == caps_.end() ? -1 : cap->second)) return "another cap";
      if (cap == caps_.end() || sum.all() <= cap->second) continue;
      // Above a cap (lowered, or a large bill): then nothing more has been reserved there.
      const auto before = earlier.find(at);
      if (before == earlier.end() || sum.reserved > before->second.reserved) return "granted above a cap";
    }
    for (const Call& call : calls_) {
      if (call.seen != State::waiting) continue;
      bool something_out = false;
      for (const Place& at : call.scopes()) something_out |= caps_.contains(at) && sums_[at].reserved > 0;
      if (!something_out) return "waits for nothing";
    }
    return {};
  }

  Random random_;
  Budget budget_;
  std::vector<Call> calls_;
  std::map<Place, Sum> sums_;
  std::map<Place, Pico> caps_;
};

/// Wakes a thread, as a run's mailbox does.
struct Bell final : EffectPort {
  std::mutex mutex;
  std::condition_variable rung;
  bool turn = false;
  void post(std::unique_ptr<EffectMessage>) override {
    const std::lock_guard lock(mutex);
    turn = true;
    rung.notify_one();
  }
  bool wait() {
    std::unique_lock lock(mutex);
    return rung.wait_for(lock, std::chrono::seconds(60), [&] { return std::exchange(turn, false); });
  }
};

}  // namespace

TEST_CASE("10,000 interleavings of asking, paying, doubt, giving up and changed caps: the cap holds at every step") {
  std::uint64_t granted = 0, waited = 0, refused = 0, granted_late = 0, refused_late = 0;
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
    CAPTURE(seed);
    World world(seed);
    for (int i = 0; i < 60; ++i) world.step();
    world.drain();
    granted += world.granted;
    waited += world.waited;
    refused += world.refused;
    granted_late += world.granted_late;
    refused_late += world.refused_late;
  }
  // Every way must have been gone often, else the test has shown nothing.
  CHECK(granted > 50'000);
  CHECK(waited > 10'000);
  CHECK(refused > 10'000);
  CHECK(granted_late > 5'000);
  CHECK(refused_late > 1'000);
  MESSAGE(granted, " granted, ", waited, " waited, of these ", granted_late, " granted and ", refused_late,
          " refused later, ", refused, " refused");
}

TEST_CASE("64 threads with doubts, stops and caps that change: no bill above the cap, and nobody waits for ever") {
  constexpr int kThreads = 64, kCallsEach = 400;
  constexpr Pico kCap = 4'000'000, kMost = 1'000;
  SpendHistory before;
  before.run_before = [](RunId run) { return SpendHistory::RunBefore{run % 3, {}}; };
  Budget budget(std::move(before));
  budget.set_cap({Of::experiment, 0, {}}, kCap);
  std::atomic<Pico> bill{0}, possible{0};
  std::atomic<int> stuck{0}, refused{0}, above{0};
  std::atomic<bool> over{false};

  const auto work = [&](int thread) {
    Random random(static_cast<std::uint64_t>(thread));
    const auto bell = std::make_shared<Bell>();
    const auto granted = [&](Budget::Hold& hold) {
      while (hold.poll() == State::waiting) {
        if (!bell->wait()) {
          ++stuck;
          return false;
        }
      }
      if (hold.granted()) return true;
      ++refused;
      return false;
    };
    for (int i = 0; i < kCallsEach; ++i) {
      const SpendPlace place{static_cast<RunId>(thread), random.next() % 2 == 0 ? "a" : "b", 0};
      const Pico bound = 1 + static_cast<Pico>(random.next() % kMost);
      Budget::Hold hold = budget.reserve(place, bound, bell);
      if (random.next() % 50 == 0) {  // stopped
        hold.release();
        continue;
      }
      if (!granted(hold)) continue;
      if (random.next() % 20 == 0) {
        hold.settle(0, bound);
        possible += bound;
        hold = budget.reserve(place, bound, bell);
        if (!granted(hold)) continue;
      }
      if (random.next() % 8 == 0) std::this_thread::yield();
      const Pico cost = static_cast<Pico>(random.next() % static_cast<std::uint64_t>(bound + 1));
      bill += cost;
      hold.settle(cost);
    }
  };
  std::thread meddler([&] {
    Random random(99);
    while (!over) {
      // Caps that leave room for a few calls at a time, so that many wait; the whole's stays.
      const Pico spent = budget.tally({Of::model, 0, "a"}).settled + budget.tally({Of::model, 0, "a"}).possible;
      budget.set_cap({Of::model, 0, "a"}, spent + static_cast<Pico>(random.next() % 20'000));
      if (random.next() % 4 == 0) budget.set_cap({Of::model, 0, "a"}, std::nullopt);
      const BudgetState whole = budget.tally({Of::experiment, 0, {}});
      if (whole.settled + whole.possible + whole.reserved > kCap) ++above;
      std::this_thread::yield();
    }
    budget.set_cap({Of::model, 0, "a"}, std::nullopt);
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
  over = true;
  meddler.join();

  CHECK(stuck == 0);
  CHECK(above == 0);
  const BudgetState whole = budget.tally({Of::experiment, 0, {}});
  CHECK(whole.reserved == 0);
  CHECK(whole.settled == bill);
  CHECK(whole.possible == possible);
  CHECK(bill + possible <= kCap);
  CHECK(refused > 0);
  MESSAGE(refused.load(), " refused, billed ", bill.load(), " of ", kCap);
}
