#include "experiments/debate/legacy_rules.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>

#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/pattern.hpp"
#include "core/text/python_json.hpp"
#include "core/text/words.hpp"
#include "experiments/debate/imported.hpp"
#include "experiments/debate/mad_export.hpp"

namespace assay {
namespace {

using Value = std::optional<std::string>;  // nullopt: Python's None

/// 1, 0, or nothing: the original ends in an error here.
using Points = std::optional<bool>;

/// numpy's sum of doubles: pairwise, eight at a time (numpy/core/src/umath/loops_utils.h.src), so that the last digit
/// of a deviation is theirs too.
double pairwise_sum(const double* values, std::size_t n) {
  constexpr std::size_t kBlock = 128;
  if (n < 8) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += values[i];
    return sum;
  }
  if (n <= kBlock) {
    double r[8];
    std::copy(values, values + 8, r);
    std::size_t i = 8;
    for (; i < n - n % 8; i += 8) {
      for (std::size_t j = 0; j < 8; ++j) r[j] += values[i + j];
    }
    double sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    for (; i < n; ++i) sum += values[i];
    return sum;
  }
  std::size_t half = n / 2;
  half -= half % 8;
  return pairwise_sum(values, half) + pairwise_sum(values + half, n - half);
}

/// Points of several questions.
struct PointSum {
  std::vector<double> values;

  double mean() const {
    if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
    return pairwise_sum(values.data(), values.size()) / static_cast<double>(values.size());
  }
  double standard_error() const {
    const double middle = mean();
    std::vector<double> squares;
    for (const double value : values) squares.push_back((value - middle) * (value - middle));
    const auto n = static_cast<double>(values.size());
    return std::sqrt(pairwise_sum(squares.data(), squares.size()) / n) / std::sqrt(n);
  }
  std::uint64_t right() const { return static_cast<std::uint64_t>(std::count(values.begin(), values.end(), 1.0)); }
};

/// `most_frequent` of the originals: of those that occur most often, the one that comes first. `same(i, j)`.
std::size_t most_frequent(std::size_t n, const std::function<bool(std::size_t, std::size_t)>& same) {
  std::size_t best = 0, most = 0;
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t count = 0;
    for (std::size_t j = 0; j < n; ++j) count += i == j || same(i, j) ? 1 : 0;
    if (count > most) {
      most = count;
      best = i;
    }
  }
  return best;
}

template <typename T>
const T& winner(const std::vector<T>& values) {
  return values[most_frequent(values.size(), [&](std::size_t i, std::size_t j) { return values[i] == values[j]; })];
}

/// Python's float(text) of what the rules find; nullopt: it raises.
std::optional<double> python_number(std::string_view text) {
  text = trim(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : dump_json(value); }

/// The right answer as the originals' files have it: a worked solution where there is one.
std::string gold_text(const Item& item) {
  const auto solution = item.extra.find("solution");
  if (solution != item.extra.end() && solution->is_string()) return solution->get<std::string>();
  return text_of(item.answer);
}

class LegacyRule {
 public:
  LegacyRule(std::string name, std::optional<std::uint32_t> round)
      : name_(std::move(name)),
        round_(round && *round > 0 ? round : std::nullopt),
        extractor_(name_ == "mad_mmlu"   ? "mad_eval"
                   : name_ == "mad_csqa" ? "csqa"
                                         : name_) {}

  Points points(const BatchInfo& batch, const RunView& run) const {
    const Item item = from_data(run.data);
    if (item.answer.is_null()) return std::nullopt;
    const bool phased = batch.params.is_object() && batch.params.value("protocol", Json()) == "critic_synth";
    if (name_ == "mad_csqa" || (phased && name_ == "mad_mmlu")) return of_stored(item, batch, run, phased);
    const auto values = values_of(item, batch, run);
    if (!values || values->empty()) return std::nullopt;
    if (name_ == "mad_mmlu") return of_letters(item, *values);
    if (name_ == "du_mmlu") return values->back() ? of_letters(item, *values) : Points(false);
    return name_ == "du_gsm" ? of_texts(item, *values) : of_numbers(item, *values);
  }

 private:
  /// What the extractor finds in the message of each agent; nullopt: one has no such message.
  std::optional<std::vector<Value>> values_of(const Item& item, const BatchInfo& batch, const RunView& run) const {
    const Transcript transcript(run.context);
    std::vector<Value> values;
    const std::size_t agents = agent_count(batch, run.data, transcript);
    for (std::size_t agent = 0; agent < agents; ++agent) {
      auto chat = transcript.chat(agent);
      std::erase_if(chat, [](const Transcript::Message& message) { return message.role == "system"; });
      const std::size_t at = round_ ? 2 * (std::size_t{*round_} - 1) + 1 : chat.size() - 1;
      if (chat.empty() || at >= chat.size()) return std::nullopt;
      values.push_back(extractor_.find(chat[at].content, answer_form(item)).value);
    }
    return values;
  }

  /// What MAD's scripts put into the file when they wrote it, null votes included.
  Points of_stored(const Item& item, const BatchInfo& batch, const RunView& run, bool phased) const {
    Json stored = mad_answers(batch, run);
    if (phased) {
      if (stored.is_null() && name_ == "mad_mmlu") stored = boxed_of_synthesizer(run);
      return stored == item.answer && !stored.is_null();
    }
    if (!stored.is_array() || stored.empty()) return std::nullopt;
    const std::vector<Json> votes(stored.begin(), stored.end());
    const Json& value = winner(votes);
    return !value.is_null() && value == item.answer;
  }

  static Json boxed_of_synthesizer(const RunView& run) {
    static const Pattern boxed(R"(\\boxed\{([A-Z])\})");
    const auto messages = Transcript(run.context).part(kSynthesizer);
    if (messages.empty()) return nullptr;
    const auto all = boxed.find_all(messages.back().content);
    return all.empty() ? Json() : Json(std::string(all.back().groups.at(1).value_or("")));
  }

  static Points of_letters(const Item& item, const std::vector<Value>& values) {
    std::vector<std::string> votes;
    for (const Value& value : values) {
      if (value) votes.push_back(*value);
    }
    return !votes.empty() && winner(votes) == text_of(item.answer);
  }

  /// As texts, null votes too; the winner's float against the gold's.
  static Points of_texts(const Item& item, const std::vector<Value>& values) {
    static const Pattern number(R"(\p{Nd}+\.?\p{Nd}*)");
    const std::string text = gold_text(item);
    const auto golds = number.find_all(text);
    if (golds.empty()) return std::nullopt;
    const Value& value = winner(values);
    if (!value) return true;
    const auto gold = python_number(*golds.back().groups.at(0)), said = python_number(*value);
    if (!gold || !said) return std::nullopt;
    return *gold == *said;
  }

  static Points of_numbers(const Item& item, const std::vector<Value>& values) {
    std::vector<double> votes;
    for (const Value& value : values) {
      const auto number = value ? python_number(*value) : std::nullopt;
      if (number) votes.push_back(*number);
    }
    const auto gold = python_number(text_of(item.answer));
    if (votes.empty() || !gold) return std::nullopt;
    return winner(votes) == *gold;
  }

  const std::string name_;
  const std::optional<std::uint32_t> round_;
  const Extractor extractor_;
};

Json figure(double value) { return std::isnan(value) ? Json() : Json(value); }

}  // namespace

const std::vector<std::string>& legacy_rules() {
  static const std::vector<std::string> names{"mad_mmlu", "mad_csqa", "du_mmlu", "du_gsm", "du_arith"};
  return names;
}

RuleOutcome apply_debate_rule(const BatchView& batch, const std::string& rule, std::optional<std::uint32_t> round,
                              bool as_score) {
  const auto& names = legacy_rules();
  if (std::find(names.begin(), names.end(), rule) == names.end()) {
    const auto near = nearest(rule, names);
    throw Error("usage", "rule=" + rule + " is not known", {},
                near ? "did you mean " + *near + "?" : "majority, " + joined(names, ", "));
  }
  const LegacyRule legacy(rule, round);
  RuleOutcome outcome;
  outcome.as_score = as_score;
  PointSum all;
  std::vector<std::pair<std::string, PointSum>> categories;
  std::uint64_t questions = 0, unscored = 0;
  batch.each(true, [&](const RunView& run) {
    if (run.status != Status::complete) return;
    ++questions;
    const std::string category = from_data(run.data).category;
    auto of = std::find_if(categories.begin(), categories.end(), [&](const auto& c) { return c.first == category; });
    if (of == categories.end()) of = categories.insert(categories.end(), {category, {}});
    const Points points = legacy.points(batch.info(), run);
    Score score = points ? Score::of(*points) : Score::none();
    score.metric(rule, points ? (*points ? 1 : 0) : std::numeric_limits<double>::quiet_NaN());
    outcome.scores.emplace_back(run.id, std::move(score));
    if (!points) {
      ++unscored;
      return;
    }
    all.values.push_back(*points ? 1 : 0);
    of->second.values.push_back(*points ? 1 : 0);
  });

  Report& report = outcome.report;
  Json& figures = report.figures;
  figures = {{"rule", rule},
             {"round", round && *round > 0 ? Json(*round) : Json()},
             {"questions", questions},
             {"n", all.values.size()},
             {"correct", all.right()},
             {"mean", figure(all.mean())},
             {"stderr", figure(all.standard_error())},
             {"unscored", unscored},
             {"categories", Json::array()}};
  report.text("total questions: " + std::to_string(questions));
  if (!all.values.empty()) {
    report.text("accuracies: " + python_float(all.mean()) + " " + python_float(all.standard_error()));
  }
  // MAD's evaluator for CommonsenseQA prints none, and Du et al. have none.
  const bool printed = rule != "mad_csqa" && !(categories.size() == 1 && categories.front().first.empty());
  for (const auto& [name, sum] : categories) {
    figures["categories"].push_back({{"category", name},
                                     {"n", sum.values.size()},
                                     {"correct", sum.right()},
                                     {"mean", figure(sum.mean())},
                                     {"stderr", figure(sum.standard_error())}});
    if (!printed || sum.values.empty()) continue;
    report.text("Category: " + name + ", Accuracy: " + python_float(sum.mean()) +
                ", Std: " + python_float(sum.standard_error()));
  }
  if (unscored > 0) {
    const std::string where = round && *round > 0 ? "in round " + std::to_string(*round) : "to read";
    report.text("unscored under " + rule + ": " + counted(unscored, "debate", "debates") +
                " in which an agent has no message " + where + ", or without a number or right answer to compare");
  }
  return outcome;
}

}  // namespace assay
