#include "core/ledger/budget.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <limits>

#include "core/ledger/budget_book.hpp"
#include "core/text/error.hpp"

using namespace assay;
using Of = BudgetScope::Of;
using State = Budget::Hold::State;

namespace {

struct CountingPort final : EffectPort {
  std::atomic<int> turns{0};
  void post(std::unique_ptr<EffectMessage> message) override {
    CHECK(dynamic_cast<BudgetTurn*>(message.get()) != nullptr);
    ++turns;
  }
};

std::shared_ptr<CountingPort> port() { return std::make_shared<CountingPort>(); }
BudgetScope whole() { return {Of::experiment, 0, {}}; }
BudgetScope batch(BatchId id) { return {Of::batch, id, {}}; }
BudgetScope model(const std::string& name) { return {Of::model, 0, name}; }
BudgetScope each_run() { return {Of::run, 0, {}}; }
BudgetScope each_day() { return {Of::day, 0, {}}; }

/// Runs 0-9 are batch 0, 10-19 batch 1, ..
SpendHistory tens() {
  SpendHistory before;
  before.run_before = [](RunId run) { return SpendHistory::RunBefore{run / 10, {}}; };
  return before;
}

}  // namespace

TEST_CASE("without a cap everything is granted, and counted") {
  Budget budget(tens());
  Budget::Hold hold = budget.reserve({3, "m", 5}, 100, port());
  CHECK(hold.granted());
  CHECK(budget.tally(whole()).reserved == 100);
  hold.settle(40, 7);
  CHECK(hold.poll() == State::none);
  for (const BudgetScope& scope : {whole(), batch(0), model("m"), each_run(), each_day()}) {
    const BudgetState tally = budget.tally(scope, 3, 5);
    CHECK(tally.settled == 40);
    CHECK(tally.possible == 7);
    CHECK(tally.reserved == 0);
    CHECK(tally.cap == -1);
  }
  CHECK_FALSE(budget.any_cap());
  CHECK(budget.states(5).empty());
}

TEST_CASE("a call is granted up to the last pico and waits for one more") {
  Budget budget(tens());
  budget.set_cap(whole(), 100);
  Budget::Hold first = budget.reserve({0, "m", 0}, 60, port());
  Budget::Hold second = budget.reserve({1, "m", 0}, 40, port());
  CHECK(first.granted());
  CHECK(second.granted());
  const auto told = port();
  Budget::Hold third = budget.reserve({2, "m", 0}, 1, told);
  CHECK(third.poll() == State::waiting);
  CHECK(budget.tally(whole()).waiting == 1);
  first.settle(60);
  CHECK(third.poll() == State::waiting);
  CHECK(told->turns == 0);
  second.settle(39);
  CHECK(third.granted());
  CHECK(told->turns == 1);
}

TEST_CASE("nothing out and no room: refused at once, with what is missing and where") {
  struct Row {
    BudgetScope cap;
    Pico amount, missing;
  };
  const Row rows[] = {
      {whole(), 51, 1}, {batch(1), 70, 20}, {model("m"), 100, 50}, {each_run(), 51, 1}, {each_day(), 60, 10}};
  for (const Row& row : rows) {
    Budget budget(tens());
    budget.set_cap(row.cap, 100);
    Budget::Hold spent = budget.reserve({12, "m", 9}, 80, port());
    spent.settle(30, 20);
    Budget::Hold hold = budget.reserve({12, "m", 9}, row.amount, port());
    REQUIRE(hold.poll() == State::refused);
    const BudgetShortage why = hold.shortage();
    CHECK(why.scope == row.cap);
    CHECK(why.cap == 100);
    CHECK(why.settled == 30);
    CHECK(why.possible == 20);
    CHECK(why.wanted == row.amount);
    CHECK(why.missing == row.missing);
    budget.set_cap(row.cap, 100 + why.missing);
    CHECK(budget.reserve({12, "m", 9}, row.amount, port()).granted());
  }
}

TEST_CASE("a scope that a call does not fall under does not hold it back") {
  struct Row {
    BudgetScope cap;
    SpendPlace other;
  };
  const Row rows[] = {
      {batch(1), {5, "m", 9}}, {model("m"), {12, "n", 9}}, {each_run(), {13, "m", 9}}, {each_day(), {12, "m", 10}}};
  for (const Row& row : rows) {
    Budget budget(tens());
    budget.set_cap(row.cap, 10);
    Budget::Hold full = budget.reserve({12, "m", 9}, 10, port());
    CHECK(budget.reserve({12, "m", 9}, 1, port()).poll() == State::waiting);
    CHECK(budget.reserve(row.other, 10, port()).granted());
  }
}

TEST_CASE("a call that lacks room in one scope takes none in the others") {
  Budget budget(tens());
  budget.set_cap(whole(), 100);
  budget.set_cap(batch(0), 10);
  Budget::Hold out = budget.reserve({0, "m", 0}, 10, port());
  Budget::Hold waits = budget.reserve({1, "m", 0}, 5, port());
  CHECK(waits.poll() == State::waiting);
  CHECK(budget.tally(whole()).reserved == 10);
  CHECK(budget.tally(model("m")).reserved == 10);
}

TEST_CASE("who waits first is served first, and a small call does not overtake a large one") {
  Budget budget(tens());
  budget.set_cap(whole(), 100);
  Budget::Hold a = budget.reserve({0, "m", 0}, 50, port());
  Budget::Hold b = budget.reserve({1, "m", 0}, 50, port());
  Budget::Hold large = budget.reserve({2, "m", 0}, 90, port());
  Budget::Hold small = budget.reserve({3, "m", 0}, 1, port());
  a.settle(5);
  CHECK(large.poll() == State::waiting);
  CHECK(small.poll() == State::waiting);
  b.settle(5);
  CHECK(large.granted());
  CHECK(small.poll() == State::waiting);
  large.release();
  CHECK(small.granted());
}

TEST_CASE("the large call that can never go makes way when the last reservation has come back") {
  Budget budget(tens());
  budget.set_cap(whole(), 100);
  Budget::Hold out = budget.reserve({0, "m", 0}, 50, port());
  const auto told_large = port(), told_small = port();
  Budget::Hold large = budget.reserve({1, "m", 0}, 90, told_large);
  Budget::Hold small = budget.reserve({2, "m", 0}, 30, told_small);
  out.settle(20);
  CHECK(large.poll() == State::refused);
  CHECK(large.shortage().missing == 10);
  CHECK(told_large->turns == 1);
  CHECK(small.granted());
  CHECK(told_small->turns == 1);
}

TEST_CASE("an ambiguous try stays as possible spend, and the next try asks anew") {
  Budget budget(tens());
  budget.set_cap(whole(), 100);
  Budget::Hold hold = budget.reserve({0, "m", 0}, 60, port());
  hold.settle(0, 60);
  CHECK(budget.tally(whole()).possible == 60);
  hold = budget.reserve({0, "m", 0}, 60, port());
  CHECK(hold.poll() == State::refused);
  CHECK(hold.shortage().missing == 20);
}

TEST_CASE("a bill above its reservation is counted in full, and shown") {
  Budget budget(tens());
  budget.set_cap(whole(), 100);
  Budget::Hold hold = budget.reserve({0, "m", 0}, 60, port());
  hold.settle(130);
  CHECK(budget.tally(whole()).settled == 130);
  CHECK(budget.overruns().bills == 1);
  CHECK(budget.overruns().amount == 70);
  const Budget::Hold next = budget.reserve({0, "m", 0}, 1, port());
  CHECK(next.shortage().missing == 31);
  SUBCASE("a call that costs nothing still goes") { CHECK(budget.reserve({0, "m", 0}, 0, port()).granted()); }
}

TEST_CASE("a free call that brings a bill is counted where it was made") {
  Budget budget(tens());
  Budget::Hold hold = budget.reserve({12, "m", 4}, 0, port());
  hold.settle(5);
  CHECK(budget.tally(batch(1)).settled == 5);
  CHECK(budget.tally(each_day(), kNoRun, 4).settled == 5);
}

TEST_CASE("caps that change reach those who wait") {
  Budget budget(tens());
  budget.set_cap(whole(), 10);
  Budget::Hold out = budget.reserve({0, "m", 0}, 10, port());
  const auto told = port();
  Budget::Hold waits = budget.reserve({1, "m", 0}, 10, told);
  SUBCASE("raised") {
    budget.set_cap(whole(), 19);
    CHECK(waits.poll() == State::waiting);
    budget.set_cap(whole(), 20);
    CHECK(waits.granted());
    CHECK(told->turns == 1);
  }
  SUBCASE("taken away") {
    budget.set_cap(whole(), std::nullopt);
    CHECK(waits.granted());
  }
  SUBCASE("lowered below what is spent") {
    out.settle(4);
    CHECK(waits.poll() == State::refused);
    CHECK(waits.shortage().missing == 4);
  }
  SUBCASE("another one is set, which lacks room as well") {
    budget.set_cap(batch(0), 10);
    budget.set_cap(whole(), std::nullopt);
    CHECK(waits.poll() == State::waiting);
    CHECK(budget.tally(batch(0)).waiting == 1);
    out.release();
    CHECK(waits.granted());
  }
  SUBCASE("a negative one is refused") { CHECK_THROWS_AS(budget.set_cap(whole(), -1), Error); }
}

TEST_CASE("a waiting call that leaves the queue lets the next one in") {
  Budget budget(tens());
  budget.set_cap(whole(), 10);
  Budget::Hold out = budget.reserve({0, "m", 0}, 5, port());
  Budget::Hold large = budget.reserve({1, "m", 0}, 10, port());
  Budget::Hold small = budget.reserve({2, "m", 0}, 5, port());
  CHECK(small.poll() == State::waiting);
  large = Budget::Hold();
  CHECK(small.granted());
}

TEST_CASE("a call that can't wait is told at once") {
  Budget budget(tens());
  budget.set_cap(whole(), 10);
  Budget::Hold out = budget.reserve({0, "m", 0}, 6, nullptr);
  CHECK(out.granted());
  CHECK(budget.reserve({0, "m", 0}, 5, nullptr).poll() == State::refused);
}

TEST_CASE("what earlier sessions spent is in the tallies") {
  SpendHistory before;
  before.experiment = {50, 5};
  before.batches[1] = {20, 2};
  before.models["m"] = {30, 3};
  before.days[7] = {10, 1};
  int asked = 0;
  before.run_before = [&](RunId run) {
    ++asked;
    return SpendHistory::RunBefore{1, {run, 1}};
  };
  Budget budget(std::move(before));
  Budget::Hold hold = budget.reserve({14, "m", 7}, 9, port());
  Budget::Hold again = budget.reserve({14, "m", 7}, 9, port());
  CHECK(asked == 1);
  struct Row {
    BudgetScope scope;
    Pico settled, possible;
  };
  for (const Row& row :
       {Row{whole(), 50, 5}, {batch(1), 20, 2}, {model("m"), 30, 3}, {each_day(), 10, 1}, {each_run(), 14, 1}}) {
    const BudgetState tally = budget.tally(row.scope, 14, 7);
    CHECK(tally.settled == row.settled);
    CHECK(tally.possible == row.possible);
    CHECK(tally.reserved == 18);
  }
}

TEST_CASE("caps are listed in order of scope with what stands against them") {
  Budget budget(tens());
  budget.set_cap(each_day(), 5);
  budget.set_cap(each_run(), 4);
  budget.set_cap(model("m"), 3);
  budget.set_cap(batch(2), 2);
  budget.set_cap(whole(), 1);
  CHECK(budget.caps() ==
        std::vector<BudgetCap>{{whole(), 1}, {batch(2), 2}, {model("m"), 3}, {each_run(), 4}, {each_day(), 5}});
  budget.add({1, "m", 3}, {2, 1});
  budget.add({2, "m", 3}, {3, 0});
  const std::vector<BudgetState> states = budget.states(3);
  REQUIRE(states.size() == 5);
  CHECK(states[0].settled == 5);
  CHECK(states[1].settled == 0);
  CHECK(states[3].settled + states[3].possible == 3);
  CHECK(states[4].settled == 5);
  CHECK(budget.covers(9, "other"));
  budget.set_cap(whole(), std::nullopt);
  budget.set_cap(each_run(), std::nullopt);
  budget.set_cap(each_day(), std::nullopt);
  CHECK_FALSE(budget.covers(9, "other"));
  CHECK(budget.covers(2, "other"));
  CHECK(budget.covers(9, "m"));
}

TEST_CASE("bounds as large as a number can be do not overflow") {
  constexpr Pico kMost = std::numeric_limits<Pico>::max();
  Budget budget(tens());
  Budget::Hold a = budget.reserve({0, "m", 0}, kMost, port());
  Budget::Hold b = budget.reserve({0, "m", 0}, kMost, port());
  budget.set_cap(whole(), 10);
  CHECK(budget.tally(whole()).reserved == kMost);
  a.release();
  b.settle(1);
  CHECK(budget.tally(whole()).reserved == 0);
  CHECK(budget.reserve({0, "m", 0}, kMost, port()).shortage().missing == kMost - 9);
}

TEST_CASE("days are counted in UTC, before 1970 as well") {
  constexpr std::int64_t kDay = 86'400'000'000;
  CHECK(utc_day(0) == 0);
  CHECK(utc_day(kDay - 1) == 0);
  CHECK(utc_day(kDay) == 1);
  CHECK(utc_day(-1) == -1);
  CHECK(utc_day(-kDay) == -1);
}

TEST_CASE("caps are kept as text and read back the same") {
  const std::vector<BudgetCap> caps{
      {whole(), 1}, {batch(2), 2}, {model("a/b: \"c\""), 3}, {each_run(), 4}, {each_day(), 5}};
  CHECK(caps_from_text(caps_text(caps)) == caps);
  CHECK(caps_from_text("").empty());
  CHECK(caps_from_text(caps_text({})).empty());
  for (const char* bad : {R"({"experiment":-1})", R"({"run":"x"})", R"({"batches":{"x":1}})", R"({"models":3})", "[]"})
    CHECK_THROWS_AS(caps_from_text(bad), Error);
}
