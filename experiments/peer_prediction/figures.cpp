#include "experiments/peer_prediction/figures.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/statistics/correlation.hpp"
#include "core/statistics/effects.hpp"
#include "core/statistics/proportion.hpp"
#include "core/text/words.hpp"
#include "experiments/peer_prediction/critics.hpp"
#include "experiments/peer_prediction/loading.hpp"
#include "experiments/peer_prediction/spread.hpp"

namespace assay {
namespace {

enum MechanismIndex : std::size_t { kTvdMi, kWith, kWithout, kMi, kGppm, kGppmPerToken, kGppmRecorded };

bool any(const PeerGrid& grid) {
  return std::any_of(grid.answered.begin(), grid.answered.end(), [](std::uint32_t count) { return count > 0; });
}

/// Where the share of missing differs more between p and q, M is biased enough to say so.
constexpr double kUnevenMissing = 0.01;

Json matrix_json(std::size_t n, const std::function<double(std::size_t, std::size_t)>& f) {
  Json rows = Json::array();
  for (std::size_t i = 0; i < n; ++i) {
    rows.push_back(Json::array());
    for (std::size_t j = 0; j < n; ++j) rows.back().push_back(i == j ? Json(0.0) : finite_or_null(f(i, j)));
  }
  return rows;
}

Json counts_json(const PeerCounts& counts) {
  return Json::object({{"planned", counts.planned},
                       {"answered", counts.answered},
                       {"unparsed", counts.unparsed},
                       {"failed", counts.failed},
                       {"missing", counts.missing}});
}

Json correlation_json(const std::vector<double>& x, const std::vector<double>& y) {
  const Correlation r = pearson(x, y), rho = spearman(x, y);
  return Json::object({{"n", r.n},
                       {"pearson", finite_or_null(r.value)},
                       {"pearson_p", finite_or_null(r.p)},
                       {"spearman", finite_or_null(rho.value)},
                       {"spearman_p", finite_or_null(rho.p)}});
}

double symmetric(const PeerGrid& wins, std::size_t i, std::size_t j) {
  return (wins.mean(i, j) + 1 - wins.mean(j, i)) / 2;
}

double mean_win(const PeerGrid& wins, std::size_t i) {
  return mean_of_finite(wins.n, [&](std::size_t j) { return j == i ? kUndefined : wins.mean(i, j); });
}

double mean_symmetric(const PeerGrid& wins, std::size_t i) {
  return mean_of_finite(wins.n, [&](std::size_t j) { return j == i ? kUndefined : symmetric(wins, i, j); });
}

void add_grid(PeerGrid& sum, const PeerGrid& grid) {
  for (std::size_t cell = 0; cell < grid.sum.size(); ++cell) {
    sum.sum[cell] += grid.sum[cell];
    sum.answered[cell] += grid.answered[cell];
  }
}

}  // namespace

PeerTally::PeerTally(const PeerSettings& settings)
    : settings_(settings), p_(settings.n()), q_(settings.n()), with_(settings.n()), without_(settings.n()) {
  const std::size_t cells = n() * n();
  for (auto* list : {&cells_, &cells_p_, &cells_q_}) list->resize(cells);
  for (auto* list : {&rows_, &rows_p_, &rows_q_, &lengths_}) list->resize(n());
  for (const char* name :
       {"tvd_mi", "judge_with_context", "judge_without_context", "mi", "gppm", "gppm_per_token", "gppm_recorded"}) {
    mechanisms_.push_back({name, std::vector<ByTask>(n())});
  }
  mechanisms_[kTvdMi].both_ways = true;
}

bool PeerTally::independent() const { return settings_.pairing == "recorded" || settings_.pairing == "product"; }

bool PeerTally::biased() const {
  return settings_.pairing == "product" || settings_.pairing == "permutation" || settings_.pairing == "all";
}

void PeerTally::add(const PeerTask& task) {
  responses_ += task.responses;
  if (task.status == Status::fail) {
    ++failed_;
    add_failed(task);
    return;
  }
  if (task.status != Status::complete) {
    ++not_run_;
    return;
  }
  ++tasks_;
  logp_counts_ += task.logp_counts;
  p_counts_ += task.p_counts;
  q_counts_ += task.q_counts;
  with_counts_ += task.with_counts;
  without_counts_ += task.without_counts;
  add_grid(p_, task.p);
  add_grid(q_, task.q);
  add_grid(with_, task.with);
  add_grid(without_, task.without);
  add_cells(task);
  add_scores(task);
}

void PeerTally::add_failed(const PeerTask& task) {
  // What it was to ask and did not come to is missing.
  const auto put = [](PeerCounts& sum, PeerCounts counts, std::uint64_t planned) {
    if (counts.planned < planned) {
      counts.missing += planned - counts.planned;
      counts.planned = planned;
    }
    sum += counts;
  };
  const PeerPlan plan = settings_.recorded ? PeerPlan() : peer_plan(settings_, 1, true);
  if (task.responses.planned == 0) responses_ += PeerCounts{n(), 0, 0, n(), 0};
  put(p_counts_, task.p_counts, plan.p);
  put(with_counts_, task.with_counts, plan.with);
  put(without_counts_, task.without_counts, plan.without);
  put(logp_counts_, task.logp_counts, plan.logp);
  failed_q_ += task.q_counts;
}

PeerCounts PeerTally::q_counts() const {
  PeerCounts counts = q_counts_;
  counts += failed_q_;
  // How many partners a task has is known only when all have been seen.
  const std::size_t all = tasks_ + failed_;
  if (failed_ == 0 || settings_.recorded || all < 2) return counts;
  const std::uint64_t wanted = peer_plan(settings_, all, true).q / all * failed_;
  if (failed_q_.planned < wanted) {
    counts.missing += wanted - failed_q_.planned;
    counts.planned += wanted - failed_q_.planned;
  }
  return counts;
}

void PeerTally::add_cells(const PeerTask& task) {
  for (std::size_t i = 0; i < n(); ++i) {
    for (std::size_t j = 0; j < n(); ++j) {
      if (i == j) continue;
      const std::size_t cell = i * n() + j;
      cells_[cell].push_back(peer_difference(task, i, j));
      if (!independent()) continue;
      cells_p_[cell].push_back(task.p.mean(i, j));
      cells_q_[cell].push_back(task.q.mean(i, j));
    }
    const auto over_row = [&](const std::function<double(std::size_t)>& f) {
      return mean_of_finite(n(), [&](std::size_t j) { return j == i ? kUndefined : f(j); });
    };
    rows_[i].push_back(over_row([&](std::size_t j) { return peer_difference(task, i, j); }));
    rows_p_[i].push_back(over_row([&](std::size_t j) { return task.p.mean(i, j); }));
    rows_q_[i].push_back(over_row([&](std::size_t j) { return task.q.mean(i, j); }));
    lengths_[i].push_back(i < task.lengths.size() ? task.lengths[i] : kUndefined);
  }
}

void PeerTally::add_scores(const PeerTask& task) {
  const auto put = [&](MechanismIndex which, std::size_t agent, double value) {
    Mechanism& mechanism = mechanisms_[which];
    mechanism.agents[agent].push_back(value);
    mechanism.there = mechanism.there || std::isfinite(value);
  };
  const auto of = [](const std::vector<double>& values, std::size_t agent) {
    return agent < values.size() ? values[agent] : kUndefined;
  };
  for (std::size_t i = 0; i < n(); ++i) {
    put(kTvdMi, i, mean_of_finite(2 * n(), [&](std::size_t k) {
          const std::size_t j = k % n();
          if (j == i) return kUndefined;
          return k < n() ? peer_difference(task, i, j) : peer_difference(task, j, i);
        }));
    put(kWith, i, mean_win(task.with, i));
    put(kWithout, i, mean_win(task.without, i));
    put(kMi, i, of(task.mi, i));
    put(kGppm, i, -of(task.gppm, i));
    put(kGppmPerToken, i, -of(task.gppm_per_token, i));
    put(kGppmRecorded, i, -of(task.gppm_recorded, i));
  }
  const auto lost = [](Mechanism& mechanism, bool whole, std::uint64_t up, std::uint64_t down) {
    mechanism.items_lost += whole ? 1 : 0;
    mechanism.calls_lost_up += up;
    mechanism.calls_lost_down += down;
    if (!whole) mechanism.calls_lost_in_part += up + down;
  };
  lost(mechanisms_[kTvdMi], task.tvd_lost_whole, task.lost_p, task.lost_q);
  lost(mechanisms_[kWith], task.with_lost_whole, task.lost_with, 0);
  lost(mechanisms_[kWithout], task.without_lost_whole, task.lost_without, 0);
}

std::vector<double> PeerTally::matrix() const {
  std::vector<double> m(n() * n(), kUndefined);
  for (std::size_t i = 0; i < n(); ++i) {
    for (std::size_t j = 0; j < n(); ++j) {
      if (i == j) continue;
      const std::size_t cell = i * n() + j;
      const bool calls = p_.answered[cell] > 0 || q_.answered[cell] > 0;
      m[cell] = calls ? p_.mean(i, j) - q_.mean(i, j) : mean_finite(cells_[cell]);
    }
  }
  return m;
}

Json PeerTally::tvd_mi(const std::vector<double>& m) const {
  const std::size_t size = n();
  std::vector<double> low(size * size, kUndefined), high = low;
  for (std::size_t cell = 0; cell < size * size; ++cell) {
    if (cell / size == cell % size) continue;
    const Figure figure = independent() && count_finite(cells_p_[cell]) > 0
                              ? tvd_mi_calls(cells_p_[cell], cells_q_[cell]).figure
                              : student_t(cells_[cell]);
    low[cell] = m[cell] - (figure.value - figure.low);
    high[cell] = m[cell] + (figure.high - figure.value);
  }
  const auto shown = [&](const std::vector<double>& values) {
    return matrix_json(size, [&](std::size_t i, std::size_t j) { return values[i * size + j]; });
  };
  // Recorded items hold one p and one q a cell.
  const auto numbers = [&](const PeerGrid& grid) {
    Json rows = Json::array();
    for (std::size_t i = 0; i < size; ++i) {
      rows.push_back(Json::array());
      for (std::size_t j = 0; j < size; ++j) {
        const std::size_t cell = i * size + j;
        const bool calls = any(p_) || any(q_);
        rows.back().push_back(i == j ? 0 : calls ? grid.answered[cell] : count_finite(cells_[cell]));
      }
    }
    return rows;
  };
  Json out = Json::object({{"matrix", shown(m)}, {"low", shown(low)}, {"high", shown(high)}});
  out["n_p"] = numbers(p_);
  out["n_q"] = numbers(q_);
  out["corrected"] = nullptr;
  if (biased() && tasks_ > 1) {
    const double factor = static_cast<double>(tasks_) / static_cast<double>(tasks_ - 1);
    out["corrected"] = matrix_json(size, [&](std::size_t i, std::size_t j) { return m[i * size + j] * factor; });
  }
  return out;
}

Json PeerTally::judge() const {
  Json out = Json::object();
  for (const auto& [name, wins] : {std::pair("with_context", &with_), std::pair("without_context", &without_)}) {
    if (!any(*wins)) {
      out[name] = nullptr;
      continue;
    }
    const PeerGrid& grid = *wins;
    Json numbers = Json::array();
    for (std::size_t i = 0; i < n(); ++i) {
      numbers.push_back(Json::array());
      for (std::size_t j = 0; j < n(); ++j) numbers.back().push_back(grid.answered[i * n() + j]);
    }
    out[name] = Json::object({{"matrix", matrix_json(n(), [&](auto i, auto j) { return grid.mean(i, j); })},
                              {"symmetric", matrix_json(n(), [&](auto i, auto j) { return symmetric(grid, i, j); })},
                              {"n", std::move(numbers)}});
  }
  return out;
}

Json PeerTally::agents_table(const std::vector<double>& m) const {
  const std::size_t size = n();
  Json table = Json::array();
  for (std::size_t i = 0; i < size; ++i) {
    const double score = mean_row(m, size, i);
    const Figure figure = independent() && count_finite(rows_p_[i]) > 0
                              ? independent_spread(rows_p_[i], rows_q_[i]).figure
                              : student_t(rows_[i]);
    const auto [low, high] = around(score, figure);
    double p_sum = 0, q_sum = 0, p_count = 0, q_count = 0;
    for (std::size_t j = 0; j < size; ++j) {
      if (j == i) continue;
      p_sum += p_.sum[i * size + j];
      q_sum += q_.sum[i * size + j];
      p_count += p_.answered[i * size + j];
      q_count += q_.answered[i * size + j];
    }
    const double p = p_sum / p_count, q = q_sum / q_count;
    const double bidirectional = mean_of_finite(
        size, [&](std::size_t j) { return j == i ? kUndefined : (m[i * size + j] + m[j * size + i]) / 2; });
    const PeerGrid& wins = any(with_) ? with_ : without_;
    const auto by_task = [&](MechanismIndex which, double sign) {
      return finite_or_null(sign * mean_finite(mechanisms_[which].agents[i]));
    };
    const PeerAgent& agent = settings_.agents[i];
    Json row = Json::object({{"agent", agent.name}, {"group", agent.group.empty() ? Json() : Json(agent.group)}});
    row["tvd_mi"] = finite_or_null(score);
    row["low"] = low;
    row["high"] = high;
    row["binomial_se"] = finite_or_null(std::sqrt(p * (1 - p) / p_count + q * (1 - q) / q_count));
    row["bidirectional"] = finite_or_null(bidirectional);
    row["seed_row_mean"] = finite_or_null(score * static_cast<double>(size - 1) / static_cast<double>(size));
    row["judge_with_context"] = finite_or_null(mean_win(with_, i));
    row["judge_without_context"] = finite_or_null(mean_win(without_, i));
    row["judge_symmetric"] = finite_or_null(mean_symmetric(wins, i));
    row["mi"] = by_task(kMi, 1);
    row["mi_n"] = count_finite(mechanisms_[kMi].agents[i]);
    row["gppm"] = by_task(kGppm, -1);
    row["gppm_n"] = count_finite(mechanisms_[kGppm].agents[i]);
    row["gppm_per_token"] = by_task(kGppmPerToken, -1);
    row["gppm_recorded"] = by_task(kGppmRecorded, -1);
    row["length"] = finite_or_null(mean_finite(lengths_[i]));
    table.push_back(std::move(row));
  }
  return table;
}

Json PeerTally::counts() const {
  Json items_lost = Json::object(), calls_lost = Json::object();
  for (const MechanismIndex which : {kTvdMi, kWith, kWithout}) {
    const Mechanism& mechanism = mechanisms_[which];
    items_lost[mechanism.name] = mechanism.items_lost;
    calls_lost[mechanism.name] = mechanism.calls_lost_up + mechanism.calls_lost_down;
  }
  return Json::object({{"p", counts_json(p_counts_)},
                       {"q", counts_json(q_counts())},
                       {"judge_with_context", counts_json(with_counts_)},
                       {"judge_without_context", counts_json(without_counts_)},
                       {"responses", counts_json(responses_)},
                       {"logp", counts_json(logp_counts_)},
                       {"items_lost", std::move(items_lost)},
                       {"calls_lost", std::move(calls_lost)}});
}

Json PeerTally::correlation(const std::vector<double>& m) const {
  Json out = Json::object();
  for (const auto& [name, wins] : {std::pair("with_context", &with_), std::pair("without_context", &without_)}) {
    if (!any(*wins)) {
      out[name] = nullptr;
      continue;
    }
    std::vector<double> cells_m, cells_w, rows_m, rows_w;
    for (std::size_t i = 0; i < n(); ++i) {
      rows_m.push_back(mean_row(m, n(), i));
      rows_w.push_back(mean_win(*wins, i));
      for (std::size_t j = 0; j < n(); ++j) {
        if (i == j) continue;
        cells_m.push_back(m[i * n() + j]);
        cells_w.push_back(wins->mean(i, j));
      }
    }
    out[name] =
        Json::object({{"matrix", correlation_json(cells_m, cells_w)}, {"agents", correlation_json(rows_m, rows_w)}});
  }
  return out;
}

Json PeerTally::truth() const {
  if (settings_.exp_type != "synthetic" || settings_.synthetic.joint.empty()) return nullptr;
  const PresetCritic preset(settings_.synthetic);
  return Json::object({{"tvd_mi", matrix_json(n(), [&](auto i, auto j) { return preset.tvd_mi(i, j); })},
                       {"judge", matrix_json(n(), [&](auto i, auto j) { return preset.wins(i, j); })}});
}

Json PeerTally::critic_quality() const {
  if (settings_.exp_type != "synthetic" || !any(p_) || !any(q_)) return nullptr;
  const auto over_cells = [&](const PeerGrid& grid) {
    return mean_of_finite(n() * n(), [&](std::size_t cell) {
      return cell / n() == cell % n() ? kUndefined : grid.mean(cell / n(), cell % n());
    });
  };
  return Json::object({{"tpr", finite_or_null(over_cells(p_))},
                       {"tnr", finite_or_null(1 - over_cells(q_))},
                       {"tpr_matrix", matrix_json(n(), [&](auto i, auto j) { return p_.mean(i, j); })},
                       {"tnr_matrix", matrix_json(n(), [&](auto i, auto j) { return 1 - q_.mean(i, j); })}});
}

Json PeerTally::warnings() const {
  Json lines = Json::array();
  const auto share = [](const PeerCounts& counts) {
    return counts.planned == 0 ? 0.0 : 1 - static_cast<double>(counts.answered) / static_cast<double>(counts.planned);
  };
  const auto percent = [](double value) {
    char text[16];
    std::snprintf(text, sizeof text, "%.1f %%", value * 100);
    return std::string(text);
  };
  const auto unread = [&](const PeerCounts& a, const PeerCounts& b, const char* who, const char* hint) {
    if (a.answered + b.answered > 0 || a.unparsed + b.unparsed == 0) return;
    lines.push_back("no reply of the " + std::string(who) + " could be read (" +
                    counted(a.unparsed + b.unparsed, "reply", "replies") +
                    "): its figures are missing; `detail RUN` shows what it says" + hint);
  };
  unread(p_counts_, q_counts_, "critic", ", then write prompt.critic= or critic_labels= for it");
  unread(with_counts_, without_counts_, "judge", ", then write prompt.judge_with= and prompt.judge_without= for it");
  if (logp_counts_.failed > 0) {
    lines.push_back(std::to_string(logp_counts_.failed) + " of " +
                    counted(logp_counts_.planned, "log-probability call", "log-probability calls") +
                    " failed: MI and GPPM are means over what is there");
  }
  if (tasks_ == 1) lines.push_back("one task: there is no other to draw q from, so there is no TVD-MI");
  const PeerCounts q = q_counts();
  if (q.planned > 0 && std::abs(share(p_counts_) - share(q)) > kUnevenMissing) {
    lines.push_back("p lacks " + percent(share(p_counts_)) + " of its results, q " + percent(share(q)) +
                    ": what is missing on one side only biases TVD-MI");
  }
  if (biased()) {
    lines.push_back("pairing=" + settings_.pairing +
                    " draws joint pairs into q: the mean of TVD-MI is (1 - 1/T) of what it should be; `corrected` is "
                    "M T/(T-1)");
  }
  for (const MechanismIndex which : {kTvdMi, kWith, kWithout}) {
    const Mechanism& mechanism = mechanisms_[which];
    if (mechanism.items_lost == 0) continue;
    lines.push_back(std::string(mechanism.name) + ": " + std::to_string(mechanism.items_lost) + " of " +
                    counted(tasks_, "item", "items") + " lost all calls and stand as 0 in the files: " +
                    (settings_.lost == "zero" ? "counted as 0 here (lost=zero)" : "missing here"));
  }
  std::uint64_t lost = 0;
  for (const Mechanism& mechanism : mechanisms_) lost += mechanism.calls_lost_in_part;
  if (lost > 0) {
    lines.push_back(counted(lost, "recorded call was", "recorded calls were") +
                    " lost in items that have others; whose cells they are is not recorded, so the matrices are taken "
                    "as they stand; effects "
                    "show how far that can go (lost low, lost high)");
  }
  if (peer_critic_name(settings_).starts_with("keyword")) {
    lines.push_back("the critic is a rule on words, no model was asked");
  }
  if (const std::vector<std::string> unknown = unknown_members(settings_); !unknown.empty()) {
    lines.push_back("groups name agents that are not there: " + joined(unknown, ", "));
  }
  return lines;
}

Json PeerTally::figures() const {
  const std::vector<double> m = matrix();
  Json names = Json::array();
  for (const PeerAgent& agent : settings_.agents) names.push_back(agent.name);
  Json out = Json::object();
  out["exp_type"] = settings_.exp_type.empty() ? Json() : Json(settings_.exp_type);
  out["tasks"] = tasks_;
  out["failed"] = failed_;
  out["not_run"] = not_run_;
  out["agents"] = std::move(names);
  out["pairing"] = settings_.pairing;
  out["critic"] = peer_critic_name(settings_);
  out["critic_models"] = peer_critic_name(settings_) == "llm" ? Json(settings_.critic_models) : Json();
  out["judge"] = nullptr;  // its place; the figures follow
  out["judged_by"] = peer_judge_name(settings_);
  out["judge_model"] = peer_judge_name(settings_) == "llm" ? Json(settings_.judge_model) : Json();
  out["counts"] = counts();
  out["tvd_mi"] = tvd_mi(m);
  out["judge"] = judge();
  out["agents_table"] = agents_table(m);
  std::vector<double> scores;
  for (std::size_t i = 0; i < n(); ++i) scores.push_back(mean_row(m, n(), i));
  const double objective = mean_finite(scores);
  out["objective"] = finite_or_null(objective);
  out["objective_seed"] = finite_or_null(objective * static_cast<double>(n() - 1) / static_cast<double>(n()));
  out["truth"] = truth();
  out["needed_tasks"] = needed_tasks(m);
  out["critic_quality"] = critic_quality();
  out["correlation"] = correlation(m);
  out["effect"] = effects();
  out["warnings"] = warnings();
  return out;
}

}  // namespace assay
