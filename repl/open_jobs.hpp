#pragma once
// Which jobs a person can still do something about. Any thread.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/engine/engine.hpp"

namespace assay {

/// Those that have runs to begin or in flight, and those that are paused: runs that ended INCOMPLETE for what paused
/// their job go on with it, even when no other is left.
inline std::vector<JobFacts> open_jobs(const Engine& engine) {
  std::vector<JobFacts> jobs = engine.jobs();
  std::erase_if(jobs, [](const JobFacts& job) {
    const bool paused = job.state == JobFacts::State::paused;
    return job.state == JobFacts::State::done || (!paused && job.ended() + job.cancelled >= job.selected);
  });
  return jobs;
}

/// Runs that are done with. Those that a paused job takes up again are not.
inline std::uint64_t done_of(const JobFacts& job) {
  return job.state == JobFacts::State::paused ? job.complete + job.fail : job.ended();
}

}  // namespace assay
