#include "repl/held_by.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "repl/open_jobs.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

/// Runs that are asked; each costs a look through its step's door.
constexpr std::size_t kMostLookedAt = 200;

/// What a run waits for while nothing holds it: it is being worked on.
bool is_work(const std::string& what) {
  constexpr std::array<std::string_view, 6> works = {"the answer of ", "the first byte of ", "the rest of the answer ",
                                                     "the disk: ",     "a connection to ",   "the answer to "};
  return std::any_of(works.begin(), works.end(), [&](std::string_view work) { return what.starts_with(work); });
}

/// Words for what a runner says of itself.
std::string advice(const std::string& what) {
  if (what.starts_with("its ")) return "worker threads compute; `--threads N` gives more of them";
  if (what.starts_with("room in the budget")) return "`budget` shows the caps, `budget AMOUNT` changes one";
  return "";
}

std::vector<RunId> runs_in_flight(const RunTable& table, std::uint64_t& count) {
  std::vector<RunId> all;
  {
    const RunTable::Reader reader = table.read();
    const auto states = reader.states();
    for (std::size_t run = 0; run < states.size(); ++run) {
      if ((states[run] & RunState::kInFlight) != 0) all.push_back(static_cast<RunId>(run));
    }
  }
  count = all.size();
  if (all.size() <= kMostLookedAt) return all;
  std::vector<RunId> some;
  for (std::size_t i = 0; i < kMostLookedAt; ++i) some.push_back(all[i * all.size() / kMostLookedAt]);
  return some;
}

}  // namespace

HeldBy held_by(const Engine& engine, const RunTable& table) {
  HeldBy held;
  std::map<std::string, Holding> by_what;
  std::uint64_t held_back = 0;
  for (const RunId run : runs_in_flight(table, held.in_flight)) {
    const WhyRun why = engine.why(run);
    if (why.state != WhyRun::State::in_flight) continue;
    ++held.looked_at;
    if (is_work(why.what)) continue;
    ++held_back;
    const std::size_t end = std::min(why.what.find(": "), why.what.size());
    Holding& holding = by_what[why.what.substr(0, end)];
    ++holding.runs;
    if (holding.now.empty()) holding.now = end < why.what.size() ? why.what.substr(end + 2) : advice(why.what);
    if (why.left && (!holding.left || *holding.left < *why.left)) holding.left = why.left;
  }
  for (auto& [what, holding] : by_what) {
    holding.what = what;
    // The others are like those that were asked.
    if (held.looked_at > 0) holding.runs = holding.runs * held.in_flight / held.looked_at;
    held.list.push_back(std::move(holding));
  }
  std::stable_sort(held.list.begin(), held.list.end(), [](const auto& a, const auto& b) { return a.runs > b.runs; });
  std::vector<Holding> widths;
  for (const JobFacts& job : open_jobs(engine)) {
    if (job.state != JobFacts::State::running || job.waiting == 0 || job.in_flight < job.width) continue;
    const std::string name = "#" + std::to_string(job.id);
    widths.push_back({"the width of job " + name,
                      count_text(job.in_flight) + " of " + count_text(job.width) + " slots are busy; `width " + name +
                          " N` changes it",
                      job.waiting, true, std::nullopt});
  }
  // A wider job helps only while most of what it has in flight is being worked on.
  const bool wider_helps = 2 * held_back < held.looked_at || held.looked_at == 0;
  held.list.insert(wider_helps ? held.list.begin() : held.list.end(), widths.begin(), widths.end());
  return held;
}

}  // namespace assay
