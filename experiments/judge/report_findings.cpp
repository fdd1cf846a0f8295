#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/text/duration.hpp"
#include "core/text/words.hpp"
#include "experiments/judge/report_text.hpp"
#include "experiments/qa/report_parts.hpp"

namespace assay {
namespace {

/// What may be chance counts less than what is not.
constexpr double kMayBeChance = 0.3;
constexpr double kSignificant = 0.05;

std::string formatted(const char* form, double value) {
  char text[32];
  std::snprintf(text, sizeof text, form, value);
  return text;
}
/// "p 0.125", "p <0.001".
std::string p_text(double p) { return p < 1e-3 ? "p <0.001" : "p " + formatted("%.3f", p); }
std::uint64_t count(const Json& row, const char* key) { return row.value(key, std::uint64_t{0}); }
std::string shown(std::uint64_t n) { return format_count(static_cast<std::int64_t>(n)); }
std::string shown(const Json& row, const char* key) { return shown(count(row, key)); }
double real(const Json& row, const char* key) {
  const auto found = row.find(key);
  return found != row.end() && found->is_number() ? found->get<double>() : kUndefined;
}
std::string text(const Json& row, const char* key) { return row.value(key, std::string()); }

/// "51.3 % [40.1, 62.4]".
std::string share(double value, double low, double high) {
  std::string result = percent(std::isnan(value) ? Json() : Json(value));
  if (!std::isnan(low) && !std::isnan(high))
    result += " [" + formatted("%.1f", low * 100) + ", " + formatted("%.1f", high * 100) + "]";
  return result;
}

bool excludes(double low, double high, double value) { return low > value || high < value; }

/// The row with the greatest severity stands for its table; how many others there are is said.
class Findings {
 public:
  explicit Findings(const Json& figures) : figures_(figures) {}

  template <typename Severity, typename Words>
  void worst(const char* key, const char* of, const Severity& severity, const Words& words) {
    const auto found = figures_.find(key);
    if (found == figures_.end() || !found->is_array()) return;
    const Json* worst = nullptr;
    double most = -1;
    std::size_t rows = 0;
    for (const Json& row : *found) {
      const double one = severity(row);
      if (std::isnan(one)) continue;
      ++rows;
      if (one > most) {
        most = one;
        worst = &row;
      }
    }
    if (worst == nullptr) return;
    std::string line = words(*worst);
    if (rows > 1) line += "; worst of " + shown(rows) + " " + of;
    add(most, std::move(line));
  }
  void add(double severity, std::string line) { list_.push_back({severity, std::move(line)}); }
  std::vector<Finding> sorted() {
    std::stable_sort(list_.begin(), list_.end(),
                     [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
    return std::move(list_);
  }

 private:
  const Json& figures_;
  std::vector<Finding> list_;
};

bool several(const Json& figures, const char* key) {
  return figures.contains(key) && figures[key].is_array() && figures[key].size() > 1;
}
/// "position", "position, gpt-4" where there are other judges.
std::string label(const Json& figures, const char* key, const Json& row, const char* word) {
  return several(figures, key) ? std::string(word) + ", " + text(row, "judge") : std::string(word);
}

/// Whether a table of the report has the figures if all missing were lost, and won.
bool has_bounds(const Json& figures) {
  if (figures.contains("score") && figures["score"]["worst"].is_number()) return true;
  if (!figures.contains("win_rate")) return false;
  const Json& rows = figures["win_rate"];
  return std::any_of(rows.begin(), rows.end(), [](const Json& row) { return count(row, "missing") > 0; });
}

void add_counts(Findings& findings, const Json& figures) {
  const Json& counts = figures["counts"];
  const std::uint64_t judgements = count(counts, "judgements");
  const auto of = [&](std::uint64_t n) { return static_cast<double>(n) / static_cast<double>(judgements); };
  if (judgements > 0) {
    std::uint64_t unread = 0;
    std::string how;
    for (const char* status : {"failed", "ambiguous", "out_of_range", "empty", "truncated", "refused", "error"}) {
      const std::uint64_t n = count(counts, status);
      unread += n;
      if (n > 0) how += (how.empty() ? "" : ", ") + shown(n) + " " + status;
    }
    if (unread > 0) {
      findings.add(of(unread), "unread: " + shown(unread) + " of " + shown(judgements) +
                                   " judgements have no verdict (" + how + "): in no figure" +
                                   (has_bounds(figures) ? "; `worst` and `best` count them both ways" : ""));
    }
    if (const std::uint64_t n = count(counts, "partial"); n > 0)
      findings.add(of(n) / 2, "partial: " + shown(n) + " of " + shown(judgements) + " judgements lack a criterion");
    if (const std::uint64_t n = count(counts, "fallback"); n > 0)
      findings.add(of(n) / 2, "fallback: " + shown(n) + " of " + shown(judgements) +
                                  " judgements are of another model than was asked for (models_used)");
    if (const std::uint64_t n = count(counts, "reask"); n > 0)
      findings.add(of(n) / 4, "reask: " + shown(n) + " of " + shown(judgements) + " judgements were asked for again");
    if (const std::uint64_t n = count(counts, "low_mass"); n > 0)
      findings.add(of(n) / 2, "low mass: in " + shown(n) + " of " + shown(judgements) +
                                  " judgements the labels have less than half of the probability");
  }
  const std::uint64_t runs = count(counts, "runs");
  if (const std::uint64_t n = count(counts, "stale"); n > 0 && runs > 0)
    findings.add(static_cast<double>(n) / static_cast<double>(runs),
                 "stale: " + shown(n) + " of " + shown(runs) + " runs judge an answer that has a newer attempt: `ls` " +
                     "marks them, judge again for the new ones");
  if (const std::uint64_t n = count(counts, "source_missing"); n > 0)
    findings.add(static_cast<double>(n) / static_cast<double>(n + runs),
                 "source_missing: " + shown(n) + " runs of the source have no answer and are not judged");
}

void add_position(Findings& findings, const Json& figures) {
  findings.worst(
      "position", "judges",
      [](const Json& row) {
        const double bias = std::fabs(real(row, "bias"));
        return real(row, "p_value") < kSignificant ? bias : bias * kMayBeChance;
      },
      [&](const Json& row) {
        const std::uint64_t first = count(row, "first"), second = count(row, "second");
        std::string line = label(figures, "position", row, "position") + ": ";
        if (count(row, "inconsistent") == 0) {
          line += "no verdict changes with the order";
        } else {
          // Of an inconsistent item either one place wins both times, or one of the two verdicts is a tie.
          const std::uint64_t tie = count(row, "inconsistent") - std::min(count(row, "inconsistent"), first + second);
          line += counted(count(row, "inconsistent"), "verdict changes", "verdicts change") +
                  " with the order: " + shown(first) + " first, " + shown(second) + " second" +
                  (tie > 0 ? ", " + shown(tie) + " with a tie" : "") + ": bias " +
                  formatted("%+.2f", real(row, "bias"));
          if (!std::isnan(real(row, "p_value"))) line += " (" + p_text(real(row, "p_value")) + ")";
        }
        return line + "; " + shown(row, "valid") + " read both ways, " + shown(row, "missing") + " missing";
      });
}

void add_audit(Findings& findings, const Json& figures) {
  findings.worst(
      "length", "rows",
      [](const Json& row) {
        if (text(row, "model") != "*") return kUndefined;
        const double lean = std::fabs(real(row, "longer_rate") - 0.5) * 2;
        return excludes(real(row, "longer_low"), real(row, "longer_high"), 0.5) ? lean : lean * kMayBeChance;
      },
      [&](const Json& row) {
        return "length, " + text(row, "judge") + ": the longer answer gets " +
               share(real(row, "longer_rate"), real(row, "longer_low"), real(row, "longer_high")) + " of " +
               counted(count(row, "longer_n"), "game", "games") + " of unequal length; " +
               shown(count(row, "n") - count(row, "longer_n")) + " of equal length left out";
      });
  findings.worst(
      "self_consistency", "judges", [](const Json& row) { return 1 - real(row, "agreement"); },
      [&](const Json& row) {
        return label(figures, "self_consistency", row, "samples") + ": " + shown(row, "samples") +
               " samples of one question agree in " +
               share(real(row, "agreement"), real(row, "low"), real(row, "high")) + " of pairs of samples (" +
               shown(row, "items") + " items)";
      });
  findings.worst(
      "self_preference", "judges",
      [](const Json& row) {
        const double difference = std::fabs(real(row, "difference"));
        return excludes(real(row, "low"), real(row, "high"), 0) ? difference : difference * kMayBeChance;
      },
      [&](const Json& row) {
        return "self-preference, " + text(row, "judge") + ": answers of " + text(row, "family") + " win " +
               share(real(row, "own"), kUndefined, kUndefined) + ", under the other judges " +
               share(real(row, "others"), kUndefined, kUndefined) + " (difference " +
               formatted("%+.1f", real(row, "difference") * 100) + " points, " + shown(row, "n") + " games)";
      });
  findings.worst(
      "probes", "rows", [](const Json& row) { return 1 - real(row, "rate"); },
      [&](const Json& row) {
        return "probe " + text(row, "probe") + ", " + text(row, "judge") + ": passed " + shown(row, "passed") + " of " +
               shown(row, "n") + ", " + share(real(row, "rate"), real(row, "low"), real(row, "high")) + "; " +
               shown(row, "missing") + " missing";
      });
}

void add_agreement(Findings& findings, const Json& figures) {
  findings.worst(
      "gold", "rows",
      [](const Json& row) { return text(row, "category") == "*" ? 1 - real(row, "accuracy") : kUndefined; },
      [&](const Json& row) {
        return "gold, " + text(row, "judge") + ": " + shown(row, "right") + " of " +
               shown(count(row, "items") - count(row, "unscored")) + " right, " +
               share(real(row, "accuracy"), real(row, "low"), real(row, "high")) + "; " + shown(row, "tie") +
               " tied or inconsistent, " + shown(row, "unscored") + " without a verdict left out";
      });
  // Both directions of a pair are in the table.
  Json pairs = Json::array();
  if (figures.contains("agreement")) {
    const Json& all = figures["agreement"];
    pairs = Json(Json::array_t(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2)));
  }
  const Json once = {{"agreement", pairs}};
  Findings own(once);
  own.worst(
      "agreement", "pairs of judges", [](const Json& row) { return 1 - real(row, "agreement"); },
      [&](const Json& row) {
        std::string line = "agreement: " + text(row, "a") + " and " + text(row, "b") + " agree on " +
                           percent(row["agreement"]) + " of " + shown(row, "n") + " items";
        if (!std::isnan(real(row, "kappa"))) line += " (kappa " + formatted("%.2f", real(row, "kappa")) + ")";
        if (!std::isnan(real(row, "spearman")))
          line += ", rank correlation " + formatted("%.2f", real(row, "spearman"));
        if (count(row, "n_no_tie") > 0)
          line += ", " + percent(row["agreement_no_tie"]) + " of the " + shown(row, "n_no_tie") + " that both decide";
        return line;
      });
  for (Finding& finding : own.sorted()) findings.add(finding.severity, std::move(finding.text));
}

}  // namespace

std::vector<Finding> judge_findings(const Json& figures) {
  Findings findings(figures);
  add_counts(findings, figures);
  add_position(findings, figures);
  add_audit(findings, figures);
  add_agreement(findings, figures);
  if (figures.contains("panel") && figures["panel"]["alpha"].is_number()) {
    const Json& panel = figures["panel"];
    std::string line = "panel: Krippendorff's alpha " + formatted("%.2f", real(panel, "alpha"));
    if (panel.contains("alpha_low") && panel["alpha_low"].is_number())
      line += " [" + formatted("%.2f", real(panel, "alpha_low")) + ", " + formatted("%.2f", real(panel, "alpha_high")) +
              "]";
    if (panel["fleiss_kappa"].is_number()) line += ", Fleiss' kappa " + formatted("%.2f", real(panel, "fleiss_kappa"));
    findings.add((1 - real(panel, "alpha")) * kMayBeChance,
                 line + " on the " + shown(panel, "items") + " of " + shown(figures["counts"], "runs") +
                     " items of which all " + shown(panel, "judges") + " judges have a verdict");
  }
  if (figures.contains("ranking")) {
    std::size_t unrated = 0;
    for (const Json& row : figures["ranking"]) {
      if (row["rating"].is_null()) ++unrated;
    }
    if (unrated > 0)
      findings.add(0.5, "ranking: " + counted(unrated, "row has", "rows have") +
                            " no rating: a model that only wins or only loses has none (`why`, `group`)");
  }
  return findings.sorted();
}

}  // namespace assay
