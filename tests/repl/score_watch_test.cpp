#include "repl/score_watch.hpp"

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

#include "core/statistics/sequences.hpp"

using namespace assay;

namespace {

/// A table of one batch; runs end as they are told to.
struct Runs {
  explicit Runs(std::uint32_t count) {
    BatchInfo info;
    info.name = "b";
    info.count = count;
    std::vector<NewRun> rows(count);
    for (std::uint32_t i = 0; i < count; ++i) rows[i].id = std::to_string(i);
    table.add_batch(info, rows);
  }
  std::vector<RunId> all() const {
    std::vector<RunId> order(table.read().size());
    std::iota(order.begin(), order.end(), RunId{0});
    return order;
  }
  void ends(RunId run, Status status, Score score = {}) {
    table.set_result(run, score, {}, [&](RunRow& row) {
      row.status = status;
      row.in_flight = false;
      row.ended_at = ++clock;
    });
  }
  void right(RunId run) { ends(run, Status::complete, Score::of(true)); }
  void wrong(RunId run) { ends(run, Status::complete, Score::of(false)); }

  RunTable table;
  WallTime clock = 0;
};

}  // namespace

TEST_CASE("a growing score covers the runs that have ended without a gap, in their order") {
  Runs runs(10);
  ScoreWatch watch(runs.table, runs.all(), 0);
  CHECK(watch.look().why == Why::empty);
  runs.right(0);
  runs.right(2);  // 1 is slow: what is beyond it waits
  CHECK(watch.look().n == 1);
  runs.wrong(1);
  CHECK(watch.look().n == 3);
  CHECK(watch.look().value == doctest::Approx(2.0 / 3));
  runs.ends(3, Status::fail);
  runs.ends(4, Status::complete);  // no verdict
  const Figure hull = watch.look();
  CHECK(hull.n == 3);
  CHECK(hull.missing == 2);
  CHECK(hull.low == confidence_sequence_binary(2, 3, 2).low);
  CHECK(hull.high == confidence_sequence_binary(2, 3, 2).high);
  runs.ends(5, Status::incomplete);
  runs.right(6);
  CHECK(watch.look().missing + watch.look().n == 5);
  watch.close();
  CHECK(watch.look().n == 3);
  CHECK_FALSE(watch.narrow_enough());
}

TEST_CASE("runs that had failed before count when they have ended anew, complete ones as they are") {
  Runs runs(3);
  runs.ends(0, Status::fail);
  runs.right(1);
  ScoreWatch watch(runs.table, runs.all(), 0);
  CHECK(watch.look().n == 0);
  runs.right(0);
  CHECK(watch.look().n == 2);
}

TEST_CASE("narrow enough is told at the first run that makes it so, and stays") {
  Runs runs(400);
  ScoreWatch watch(runs.table, runs.all(), 0.2);
  RunId run = 0;
  while (run < 400 && !watch.narrow_enough()) runs.right(run++);
  const auto width = [](std::uint64_t n) {
    const Figure figure = confidence_sequence_binary(n, n);
    return figure.high - figure.low;
  };
  CHECK(width(run) < 0.2);
  CHECK(width(run - 1) >= 0.2);
  runs.wrong(run);
  CHECK(watch.narrow_enough());
  ScoreWatch never(runs.table, runs.all(), 0);
  CHECK_FALSE(never.narrow_enough());
}
