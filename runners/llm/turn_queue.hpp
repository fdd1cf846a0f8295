#pragma once
// Who of a lane's waiting calls is next: jobs in turn, one call each, whoever was served longest ago first; within a
// job retries, then runs already begun, then new runs, each first come first served. So a job with one call at a time
// beside one with a thousand gets every second turn. Used under the lane's lock. Specs: models.md 4.4.

#include <array>
#include <cstdint>
#include <list>
#include <set>
#include <unordered_map>
#include <utility>

#include "runners/llm/lane_call.hpp"

namespace assay {

template <typename Item>
class TurnQueue {
 public:
  using Spot = typename std::list<Item>::iterator;

  bool empty() const { return size_ == 0; }
  std::int64_t size() const { return size_; }
  std::int64_t jobs() const { return static_cast<std::int64_t>(turns_.size()); }

  Spot add(Item item, const CallPlace& place) {
    Job& job = jobs_[place.job];
    if (job.size++ == 0) turns_.emplace(job.served, place.job);
    ++size_;
    std::list<Item>& line = job.lines.at(static_cast<std::size_t>(place.rank));
    return line.insert(line.end(), std::move(item));
  }
  /// Leaves without having been served.
  void remove(Spot spot, const CallPlace& place) {
    Job& job = jobs_.at(place.job);
    job.lines.at(static_cast<std::size_t>(place.rank)).erase(spot);
    --size_;
    if (--job.size == 0) turns_.erase({job.served, place.job});
    forget_idle();
  }
  /// The next to be served. Not empty.
  const Item& head() const {
    for (const std::list<Item>& line : jobs_.at(turns_.begin()->second).lines) {
      if (!line.empty()) return line.front();
    }
    std::abort();
  }
  /// The call of this place is served: its job goes to the end of the round. Also for one that never had to wait.
  void served(std::uint64_t job) {
    if (jobs_.empty()) return;
    const auto found = jobs_.find(job);
    if (found == jobs_.end()) return;
    if (found->second.size > 0) turns_.erase({found->second.served, job});
    found->second.served = ++clock_;
    if (found->second.size > 0) turns_.emplace(found->second.served, job);
  }

 private:
  struct Job {
    std::array<std::list<Item>, 3> lines;
    std::int64_t size = 0;
    std::uint64_t served = 0;  // when, in turns
  };
  /// A job's last turn is remembered while it has nothing waiting, since a small job comes back for its next turn.
  void forget_idle() {
    if (jobs_.size() < 256) return;
    std::erase_if(jobs_,
                  [&](const auto& entry) { return entry.second.size == 0 && entry.second.served + 1024 < clock_; });
  }

  std::unordered_map<std::uint64_t, Job> jobs_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> turns_;  // (served, job) of those with waiting calls
  std::int64_t size_ = 0;
  std::uint64_t clock_ = 0;
};

}  // namespace assay
