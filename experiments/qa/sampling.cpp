#include "experiments/qa/sampling.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <numeric>
#include <set>

#include "core/text/error.hpp"
#include "experiments/qa/python_random.hpp"

namespace assay {
namespace {

using Positions = std::vector<std::size_t>;

/// The rows of each category, categories in order of first appearance.
std::vector<Positions> grouped(const std::vector<std::string>& categories) {
  std::vector<Positions> groups;
  std::map<std::string, std::size_t> index;
  for (std::size_t row = 0; row < categories.size(); ++row) {
    const auto [at, fresh] = index.try_emplace(categories[row], groups.size());
    if (fresh) groups.emplace_back();
    groups[at->second].push_back(row);
  }
  return groups;
}

/// First `quota` of each group after a shuffle, all in file order.
Positions first_of_each(std::vector<Positions> groups, const std::vector<std::size_t>& quotas, PythonRandom& random) {
  Positions chosen;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    random.shuffle(groups[g]);
    chosen.insert(chosen.end(), groups[g].begin(), groups[g].begin() + static_cast<std::ptrdiff_t>(quotas[g]));
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

Positions uniform(std::size_t n, std::size_t total, PythonRandom& random) {
  Positions all(total);
  std::iota(all.begin(), all.end(), std::size_t{0});
  return first_of_each({std::move(all)}, {n}, random);
}

/// Largest remainder; whole numbers, so that ties are ties.
std::vector<std::size_t> proportional(const std::vector<Positions>& groups, std::size_t n, std::size_t total) {
  std::vector<std::size_t> quotas;
  std::vector<std::pair<std::size_t, std::size_t>> remainders;
  std::size_t given = 0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    quotas.push_back(n * groups[g].size() / total);
    given += quotas.back();
    remainders.emplace_back(n * groups[g].size() % total, g);
  }
  std::stable_sort(remainders.begin(), remainders.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (std::size_t i = 0; given + i < n; ++i) ++quotas[remainders[i].second];
  return quotas;
}

Positions mad(std::size_t n, const std::vector<Positions>& groups, PythonRandom& random) {
  Positions chosen;
  std::set<std::size_t> drawn;
  for (std::size_t i = 0; i < n; ++i) {
    const Positions& group = random.choice(groups);
    const auto row = group[static_cast<std::size_t>(random.randint(0, static_cast<std::int64_t>(group.size()) - 1))];
    if (drawn.insert(row).second) chosen.push_back(row);
  }
  return chosen;
}

}  // namespace

std::vector<std::size_t> draw_sample(const std::string& sample, std::int64_t seed,
                                     const std::vector<std::string>& categories) {
  if (sample == "all") {
    Positions all(categories.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    return all;
  }
  const auto colon = sample.find(':');
  const std::string way = sample.substr(0, colon);
  std::size_t n = 0;
  const bool known = way == "uniform" || way == "stratified" || way == "per_category" || way == "mad";
  const char* end = sample.data() + sample.size();
  if (!known || colon == std::string::npos || std::from_chars(sample.data() + colon + 1, end, n).ptr != end || n == 0 ||
      n > 0xFFFFFFFF) {
    throw Error("usage", "sample=" + sample + ", expected all, uniform:N, stratified:N, per_category:N or mad:N",
                "sample");
  }
  const std::size_t total = categories.size();
  if (n > total) {
    throw Error("usage", "sample=" + sample + ", but there are only " + std::to_string(total) + " questions", "sample");
  }
  PythonRandom random(seed);
  if (way == "uniform") return uniform(n, total, random);
  const auto groups = grouped(categories);
  if (way == "stratified") return first_of_each(groups, proportional(groups, n, total), random);
  if (way == "mad") return mad(n, groups, random);
  std::vector<std::size_t> quotas;
  for (const auto& group : groups) quotas.push_back(std::min(n, group.size()));
  return first_of_each(groups, quotas, random);
}

}  // namespace assay
