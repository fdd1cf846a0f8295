#include "experiments/peer_prediction/record.hpp"

#include <algorithm>
#include <cmath>

#include "core/statistics/figure.hpp"
#include "core/text/utf8.hpp"
#include "runners/judge/verdict.hpp"

namespace assay {
namespace {

const Json kNothing;
constexpr double kSameFigure = 1e-9;

const Json& field(const Json& object, const char* name) {
  if (!object.is_object()) return kNothing;
  const auto found = object.find(name);
  return found == object.end() ? kNothing : *found;
}

double number(const Json& value) { return value.is_number() ? value.get<double>() : kUndefined; }

std::string text(const Json& value) { return value.is_string() ? value.get<std::string>() : std::string(); }

/// An entry of a matrix that may be too small, or none.
const Json& at(const Json& list, std::size_t index) {
  return list.is_array() && index < list.size() ? list[index] : kNothing;
}

std::vector<double> numbers(const Json& list, std::size_t n) {
  std::vector<double> values;
  if (!list.is_array()) return values;
  for (std::size_t i = 0; i < n; ++i) values.push_back(number(at(list, i)));
  return values;
}

void take(PeerGrid& grid, PeerCounts& counts, std::size_t i, std::size_t j, const Json& result,
          const std::string& status) {
  ++counts.planned;
  const double value = number(result);
  if (std::isfinite(value)) {
    grid.sum[i * grid.n + j] += value;
    ++grid.answered[i * grid.n + j];
    ++counts.answered;
  } else if (status == "error") {
    ++counts.failed;
  } else if (!status.empty() && read_status(status)) {
    ++counts.unparsed;
  } else {
    ++counts.missing;
  }
}

/// [i, j] from 1; false when it is no pair of two of n agents.
bool pair_of(const Json& entry, std::size_t n, std::size_t& i, std::size_t& j) {
  const Json& pair = field(entry, "agent_pair");
  const double first = number(at(pair, 0)), second = number(at(pair, 1));
  if (!(first >= 1) || !(second >= 1) || first == second) return false;
  i = static_cast<std::size_t>(first) - 1;
  j = static_cast<std::size_t>(second) - 1;
  return i < n && j < n;
}

void take_sums(const Json& sums, PeerGrid& grid, PeerCounts& counts) {
  if (!sums.is_object()) return;
  for (std::size_t i = 0; i < grid.n; ++i) {
    for (std::size_t j = 0; j < grid.n; ++j) {
      if (i == j) continue;
      const double sum = number(at(at(field(sums, "sum"), i), j));
      const double count = number(at(at(field(sums, "count"), i), j));
      const double missing = number(at(at(field(sums, "missing"), i), j));
      if (count > 0 && std::isfinite(sum)) {
        grid.sum[i * grid.n + j] += sum;
        grid.answered[i * grid.n + j] += static_cast<std::uint32_t>(count);
        counts.answered += static_cast<std::uint64_t>(count);
        counts.planned += static_cast<std::uint64_t>(count);
      }
      if (missing > 0) {
        counts.missing += static_cast<std::uint64_t>(missing);
        counts.planned += static_cast<std::uint64_t>(missing);
      }
    }
  }
}

void take_answer(const Json& answer, PeerTask& task) {
  const std::size_t n = task.p.n;
  std::size_t i = 0, j = 0;
  for (const Json& entry : field(answer, "comparisons")) {
    if (!pair_of(entry, n, i, j)) continue;
    const bool joint = text(field(entry, "distribution")) == "p";
    take(joint ? task.p : task.q, joint ? task.p_counts : task.q_counts, i, j, field(entry, "result"),
         text(field(entry, "status")));
  }
  for (const Json& entry : field(answer, "judgements")) {
    if (!pair_of(entry, n, i, j)) continue;
    const bool with = text(field(entry, "context")) == "with";
    take(with ? task.with : task.without, with ? task.with_counts : task.without_counts, i, j, field(entry, "result"),
         text(field(entry, "status")));
  }
  const Json& sums = field(answer, "sums");
  take_sums(field(sums, "p"), task.p, task.p_counts);
  take_sums(field(sums, "q"), task.q, task.q_counts);
  take_sums(field(sums, "with"), task.with, task.with_counts);
  take_sums(field(sums, "without"), task.without, task.without_counts);
}

/// l(A), l(A|B) and token counts as they were measured; NaN: missing.
struct LogProbabilities {
  std::vector<double> base, cond, cond_sum;  ///< cond: (i, j) of A_i after A_j
};

/// MI and GPPM of peer_prediction.md 6.
void score_logprobs(const LogProbabilities& l, PeerTask& task) {
  const std::size_t n = task.p.n;
  const auto over_others = [n](std::size_t i, const std::function<double(std::size_t)>& f) {
    return mean_of_finite(n, [&](std::size_t j) { return j == i ? kUndefined : f(j); });
  };
  for (std::size_t i = 0; i < n; ++i) {
    const double row = over_others(i, [&](std::size_t j) { return l.cond[i * n + j] - l.base[i]; });
    const double column = over_others(i, [&](std::size_t j) { return l.cond[j * n + i] - l.base[j]; });
    task.mi.push_back((row + column) / 2);
    task.gppm.push_back(over_others(i, [&](std::size_t j) { return -l.cond_sum[j * n + i]; }));
    task.gppm_per_token.push_back(over_others(i, [&](std::size_t j) { return -l.cond[j * n + i]; }));
  }
}

void take_logp(const Json& logp, PeerTask& task) {
  if (!logp.is_object()) return;
  const std::size_t n = task.p.n;
  const auto there = [&](std::size_t i) { return i < task.lengths.size() && std::isfinite(task.lengths[i]); };
  const auto count = [&](double value, bool asked) {
    ++task.logp_counts.planned;
    ++(std::isfinite(value) ? task.logp_counts.answered : asked ? task.logp_counts.failed : task.logp_counts.missing);
  };
  LogProbabilities l;
  for (std::size_t i = 0; i < n; ++i) {
    l.base.push_back(number(field(at(field(logp, "base"), i), "mean")));
    count(l.base.back(), there(i));
    for (std::size_t j = 0; j < n; ++j) {
      const Json& cell = at(at(field(logp, "cond"), i), j);
      l.cond.push_back(number(field(cell, "mean")));
      l.cond_sum.push_back(number(field(cell, "sum")));
      if (i != j) count(l.cond.back(), there(i) && there(j));
    }
  }
  score_logprobs(l, task);
}

/// Where a stated figure is the computed one but for rounding, it is taken as stated.
void keep_recorded(const std::vector<double>& stated, std::vector<double>& computed) {
  for (std::size_t i = 0; i < std::min(stated.size(), computed.size()); ++i) {
    const double difference = std::abs(stated[i] - computed[i]);
    if (difference <= kSameFigure * std::max(1.0, std::abs(computed[i]))) computed[i] = stated[i];
  }
}

void take_recorded_logp(const Json& log, PeerTask& task) {
  if (!log.is_object()) return;
  const std::size_t n = task.p.n;
  const Json &cond = field(log, "logp_cond"), &counts = field(log, "token_counts");
  if (cond.is_array() && field(log, "logp_base").is_array() && counts.is_array() && counts.size() >= n) {
    LogProbabilities l;
    l.base = numbers(field(log, "logp_base"), n);
    // Upstream's list of counts grows from item to item: the last n are this one's.
    const std::size_t first = counts.size() - n;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        l.cond.push_back(number(at(at(cond, i), j)));
        l.cond_sum.push_back(l.cond.back() * number(counts[first + i]));
      }
    }
    score_logprobs(l, task);
    // Equal texts score equally as recorded; sums in another order would tell them apart by their last bit.
    keep_recorded(numbers(field(log, "combined_avgs"), n), task.mi);
    keep_recorded(numbers(field(log, "gppm"), n), task.gppm);
  } else {
    task.mi = numbers(field(log, "combined_avgs"), n);
    task.gppm = numbers(field(log, "gppm"), n);
  }
  task.gppm_recorded = numbers(field(log, "gppm_normalized"), n);
}

/// Calls of one sort that a recorded item says were made; without such a number, all.
std::uint64_t made(const Json& metadata, const char* name, std::uint64_t all) {
  const double count = number(field(metadata, name));
  return count >= 0 && count < static_cast<double>(all) ? static_cast<std::uint64_t>(count) : all;
}

PeerCounts counts_of(std::uint64_t all, std::uint64_t answered) { return {all, answered, 0, 0, all - answered}; }

/// Numbers beside the diagonal: a null or NaN cell is missing, whatever is said of the calls.
std::uint64_t cells_there(const Json& matrix, std::size_t n) {
  std::uint64_t there = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) there += i != j && std::isfinite(number(at(at(matrix, i), j))) ? 1 : 0;
  }
  return there;
}

void take_wins(const Json& item, bool zero, PeerGrid& grid, PeerCounts& counts, std::uint64_t& lost, bool& whole) {
  if (!item.is_object()) return;
  const std::uint64_t all = grid.n * (grid.n - 1), answered = made(field(item, "metadata"), "total_comparisons", all);
  counts = counts_of(all, answered);
  lost = all - answered;
  counts.answered = std::min(answered, cells_there(field(item, "win_matrix"), grid.n));
  counts.missing = all - counts.answered;
  whole = answered == 0 && all > 0;
  if (whole && !zero) return;
  for (std::size_t i = 0; i < grid.n; ++i) {
    for (std::size_t j = 0; j < grid.n; ++j) {
      const double value = i == j ? kUndefined : number(at(at(field(item, "win_matrix"), i), j));
      if (!std::isfinite(value)) continue;
      grid.sum[i * grid.n + j] = value;
      grid.answered[i * grid.n + j] = 1;
    }
  }
}

void take_items(const Json& items, bool zero, PeerTask& task) {
  if (!items.is_object()) return;
  const std::size_t n = task.p.n;
  if (const Json& tvd = field(items, "tvd_mi"); tvd.is_object()) {
    const std::uint64_t all = n * (n - 1);
    const Json& metadata = field(tvd, "metadata");
    const std::uint64_t p = made(metadata, "num_p_comparisons", all), q = made(metadata, "num_q_comparisons", all);
    task.p_counts = counts_of(all, p);
    task.q_counts = counts_of(all, q);
    const std::uint64_t there = cells_there(field(tvd, "tvd_mi_matrix"), n);
    for (PeerCounts* counts : {&task.p_counts, &task.q_counts}) {
      counts->answered = std::min(counts->answered, there);
      counts->missing = all - counts->answered;
    }
    task.lost_p = all - p;
    task.lost_q = all - q;
    task.tvd_lost_whole = all > 0 && (p == 0 || q == 0);
    task.tvd.assign(n * n, kUndefined);
    for (std::size_t i = 0; i < n && (zero || !task.tvd_lost_whole); ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        if (i != j) task.tvd[i * n + j] = number(at(at(field(tvd, "tvd_mi_matrix"), i), j));
      }
    }
  }
  take_wins(field(items, "judge_with_context"), zero, task.with, task.with_counts, task.lost_with,
            task.with_lost_whole);
  take_wins(field(items, "judge_without_context"), zero, task.without, task.without_counts, task.lost_without,
            task.without_lost_whole);
  take_recorded_logp(field(items, "log"), task);
}

const Json& recorded_lengths(const Json& data) {
  const Json& items = field(data, "items");
  for (const char* mechanism : {"tvd_mi", "judge_with_context", "judge_without_context", "log"}) {
    const Json& lengths = field(field(items, mechanism), "response_lengths");
    if (lengths.is_array()) return lengths;
  }
  return field(data, "lengths");
}

void take_responses(const PeerSettings& settings, const RunView& run, PeerTask& task) {
  const std::size_t n = settings.n();
  const Json& own = field(run.answer, "responses");
  const Json& responses = own.is_array() ? own : field(run.data, "responses");
  if (!responses.is_array()) {
    task.lengths = numbers(recorded_lengths(run.data), n);
    return;
  }
  const Json& errors = field(run.answer, "response_errors");
  for (std::size_t i = 0; i < n; ++i) {
    const Json& response = at(responses, i);
    ++task.responses.planned;
    if (response.is_string()) {
      ++task.responses.answered;
      task.lengths.push_back(static_cast<double>(count_code_points(response.get_ref<const std::string&>())));
    } else {
      ++(at(errors, i).is_string() ? task.responses.failed : task.responses.missing);
      task.lengths.push_back(kUndefined);
    }
  }
}

}  // namespace

PeerGrid::PeerGrid(std::size_t agents) : n(agents), sum(agents * agents), answered(agents * agents) {}

double PeerGrid::mean(std::size_t i, std::size_t j) const {
  const std::uint32_t count = answered[i * n + j];
  return count == 0 ? kUndefined : sum[i * n + j] / count;
}

PeerCounts& PeerCounts::operator+=(const PeerCounts& other) {
  planned += other.planned;
  answered += other.answered;
  unparsed += other.unparsed;
  failed += other.failed;
  missing += other.missing;
  return *this;
}

double mean_of_finite(std::size_t count, const std::function<double(std::size_t)>& f) {
  double sum = 0;
  std::size_t there = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double value = f(i);
    if (!std::isfinite(value)) continue;
    sum += value;
    ++there;
  }
  return there == 0 ? kUndefined : sum / static_cast<double>(there);
}

double peer_difference(const PeerTask& task, std::size_t i, std::size_t j) {
  if (!task.tvd.empty()) return task.tvd[i * task.p.n + j];
  return task.p.mean(i, j) - task.q.mean(i, j);
}

PeerTask peer_task(const PeerSettings& settings, const RunView& run) {
  const std::size_t n = settings.n();
  PeerTask task;
  task.run = run.id;
  task.id = run.run_id;
  task.status = run.status;
  task.p = task.q = task.with = task.without = PeerGrid(n);
  take_responses(settings, run, task);
  take_items(field(run.data, "items"), settings.lost == "zero", task);
  take_answer(run.answer, task);
  take_logp(field(run.answer, "logp"), task);
  return task;
}

Score peer_score(const PeerTask& task) {
  const std::size_t n = task.p.n;
  const auto over_pairs = [n](const std::function<double(std::size_t, std::size_t)>& f) {
    return mean_of_finite(n * n,
                          [&](std::size_t cell) { return cell / n == cell % n ? kUndefined : f(cell / n, cell % n); });
  };
  Score score;
  const double tvd = over_pairs([&](std::size_t i, std::size_t j) { return peer_difference(task, i, j); });
  const double with = over_pairs([&](std::size_t i, std::size_t j) { return task.with.mean(i, j); });
  const double without = over_pairs([&](std::size_t i, std::size_t j) { return task.without.mean(i, j); });
  if (std::isfinite(tvd)) score.metric("tvd_mi", tvd);
  if (std::isfinite(with) || std::isfinite(without)) score.metric("judge", std::isfinite(with) ? with : without);
  PeerCounts all;
  for (const PeerCounts& counts : {task.p_counts, task.q_counts, task.with_counts, task.without_counts}) all += counts;
  score.metric("unparsed", static_cast<double>(all.unparsed));
  score.metric("missing", static_cast<double>(all.missing + all.failed));
  return score;
}

}  // namespace assay
