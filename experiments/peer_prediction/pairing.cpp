#include "experiments/peer_prediction/pairing.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_set>

#include "core/statistics/named_stream.hpp"

namespace assay {
namespace {

std::string pair_name(std::size_t i, std::size_t j) { return std::to_string(i + 1) + "/" + std::to_string(j + 1); }

std::vector<std::uint32_t> shuffled(std::size_t n, NamedStream& stream) {
  std::vector<std::uint32_t> places(n);
  std::iota(places.begin(), places.end(), 0U);
  for (std::size_t last = n; last-- > 1;) std::swap(places[last], places[stream.below(last + 1)]);
  return places;
}

}  // namespace

PartnerDraw::PartnerDraw(std::string rule, std::uint64_t seed, std::size_t tasks)
    : rule_(std::move(rule)), seed_(seed), tasks_(tasks) {}

std::vector<std::size_t> PartnerDraw::partners(const std::string& task, std::size_t place, std::size_t i, std::size_t j,
                                               const std::function<bool(std::size_t)>& unusable) const {
  if (tasks_ < 2) return {};
  if (takes_all(rule_)) {
    std::vector<std::size_t> partners;
    for (std::size_t s = 0; s < tasks_; ++s) {
      if (s != place || rule_ == "all") partners.push_back(s);
    }
    return partners;
  }
  if (rule_ == "other") return drawn(task, place, i, j, unusable);
  const auto made = plan(i, j);
  if (rule_ == "derangement") {
    for (std::size_t s = made->to[place]; s != place; s = made->to[s]) {
      if (!unusable(s)) return {s};
    }
    return {};
  }
  return {made->to.begin() + made->from[place], made->to.begin() + made->from[place + 1]};
}

std::vector<std::size_t> PartnerDraw::drawn(const std::string& task, std::size_t place, std::size_t i, std::size_t j,
                                            const std::function<bool(std::size_t)>& unusable) const {
  NamedStream stream(std::to_string(seed_) + "//" + task + "/pair/" + pair_name(i, j));
  bool looked = false;
  for (std::size_t draws = 0;; ++draws) {
    if (draws > tasks_ && !looked) {  // perhaps there is nothing to be drawn
      looked = true;
      std::size_t s = 0;
      while (s < tasks_ && (s == place || unusable(s))) ++s;
      if (s == tasks_) return {};
    }
    std::size_t s = stream.below(tasks_ - 1);
    if (s >= place) ++s;
    if (!unusable(s)) return {s};
  }
}

std::shared_ptr<const PartnerDraw::Plan> PartnerDraw::plan(std::size_t i, std::size_t j) const {
  const std::lock_guard lock(mutex_);
  auto& known = plans_[{i, j}];
  if (!known) known = std::make_shared<const Plan>(make_plan(i, j));
  return known;
}

PartnerDraw::Plan PartnerDraw::make_plan(std::size_t i, std::size_t j) const {
  NamedStream stream(std::to_string(seed_) + "//0/" + rule_ + "/" + pair_name(i, j));
  Plan made;
  made.from.resize(tasks_ + 1);
  std::iota(made.from.begin(), made.from.end(), 0U);
  if (rule_ == "permutation") {
    made.to = shuffled(tasks_, stream);
  } else if (rule_ == "derangement") {
    const auto cycle = shuffled(tasks_, stream);
    made.to.resize(tasks_);
    for (std::size_t k = 0; k < tasks_; ++k) made.to[cycle[k]] = cycle[(k + 1) % tasks_];
  } else {  // product
    std::unordered_set<std::uint64_t> taken;
    std::vector<std::uint64_t> cells;
    while (cells.size() < tasks_) {
      const std::uint64_t cell = stream.below(std::uint64_t{tasks_} * tasks_);
      if (taken.insert(cell).second) cells.push_back(cell);
    }
    std::stable_sort(cells.begin(), cells.end(), [&](auto a, auto b) { return a / tasks_ < b / tasks_; });
    std::fill(made.from.begin(), made.from.end(), 0U);
    for (const std::uint64_t cell : cells) {
      ++made.from[cell / tasks_ + 1];
      made.to.push_back(static_cast<std::uint32_t>(cell % tasks_));
    }
    std::partial_sum(made.from.begin(), made.from.end(), made.from.begin());
  }
  return made;
}

}  // namespace assay
