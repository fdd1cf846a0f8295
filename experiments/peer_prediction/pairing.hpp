#pragma once
// Whom q compares with: for x_i of a task the tasks whose x_j is taken, so that the product of the marginals is drawn.
// Agents and tasks count from 0 here, in the names of streams agents count from 1. Specs: peer_prediction.md 4.
// Any thread: plans of a whole batch are drawn once, when they are first asked for.
//
//   other        stream "{seed}//{t}/pair/{i}/{j}", t the task's id: below(T - 1) over the other tasks in the order of
//                the batch; one that is unusable is drawn again
//   derangement  stream "{seed}//0/derangement/{i}/{j}": all tasks shuffled, each is followed by the next, the last by
//                the first; an unusable one is passed over
//   permutation  stream "{seed}//0/permutation/{i}/{j}": all tasks shuffled; the t-th is t's
//   product      stream "{seed}//0/product/{i}/{j}": below(T * T) until T different ones are drawn; r stands for x_i of
//                task r / T against x_j of task r % T. A task has none, one or several
//   all          every task, its own too; all_other: every other one
// Shuffled: Fisher and Yates, from the last place down, below(place + 1).

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace assay {

class PartnerDraw {
 public:
  /// `tasks`: their number, in the whole batch.
  PartnerDraw(std::string rule, std::uint64_t seed, std::size_t tasks);

  /// Partners of x_i of the task at `place` whose id is `task`. `unusable`: whether a task has ended without a response
  /// of j (asked by `other` and `derangement` only). Empty: there is none; so it is for fewer than two tasks.
  std::vector<std::size_t> partners(const std::string& task, std::size_t place, std::size_t i, std::size_t j,
                                    const std::function<bool(std::size_t)>& unusable) const;
  std::size_t tasks() const { return tasks_; }
  /// all, all_other: every task is a partner of every other.
  static bool takes_all(const std::string& rule) { return rule == "all" || rule == "all_other"; }

 private:
  /// Partners by place: those of task t are to[from[t]] .. to[from[t + 1]].
  struct Plan {
    std::vector<std::uint32_t> from, to;
  };
  std::vector<std::size_t> drawn(const std::string& task, std::size_t place, std::size_t i, std::size_t j,
                                 const std::function<bool(std::size_t)>& unusable) const;
  std::shared_ptr<const Plan> plan(std::size_t i, std::size_t j) const;
  Plan make_plan(std::size_t i, std::size_t j) const;

  const std::string rule_;
  const std::uint64_t seed_;
  const std::size_t tasks_;
  mutable std::mutex mutex_;
  mutable std::map<std::pair<std::size_t, std::size_t>, std::shared_ptr<const Plan>> plans_;  // guarded by mutex_
};

}  // namespace assay
