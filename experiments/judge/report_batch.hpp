#pragma once
// The judged runs of a batch without their texts, as the tables of a report need them. Specs: judge.md 10. One thread
// to fill; then any.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/model/score.hpp"
#include "experiments/judge/record.hpp"

namespace assay {

/// Texts as numbers from 0, in the order of their first appearance.
class Names {
 public:
  Names(std::initializer_list<const char*> first = {});
  std::uint32_t number(const std::string& name);
  const std::string& operator[](std::uint32_t number) const { return names_[number]; }
  std::size_t size() const { return names_.size(); }

 private:
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::uint32_t> numbers_;
};

/// Verdicts as numbers of JudgedBatch::labels. Five labels are three here: how clearly one won counts in ratings only.
inline constexpr std::uint32_t kNoLabel = 0, kLabelA = 1, kLabelB = 2, kLabelTie = 3, kLabelInconsistent = 4;
/// In the place of a judge: the panel.
inline constexpr std::uint32_t kPanel = UINT32_MAX;

/// What one judge, or the panel, says of one item; in the item's own order.
struct Opinion {
  bool given = false, dropped = false;  ///< neither: missing
  bool asked_ab = false, asked_ba = false;
  std::uint32_t label = kNoLabel, ab = kNoLabel, ba = kNoLabel;
  std::uint32_t unread = 0;  ///< judgements without a verdict
  int games = 1;
  double value = kUndefined;
  double value_a = kUndefined, value_b = kUndefined;     ///< compare
  std::vector<std::pair<std::uint32_t, double>> scores;  ///< rubric: criterion, mean
};

/// A verdict or a number, of gold or of a person; neither: there is none.
struct Said {
  std::uint32_t label = kNoLabel;
  double number = kUndefined;
};

struct JudgedItem {
  std::string id, probe;
  std::uint32_t model_a = 0, model_b = 0;  ///< of one answer: model_a
  std::uint32_t category = 0, turn = 0, cluster = 0;
  double len_a = kUndefined, len_b = kUndefined;
  Said gold;
  Verdict score = Verdict::none;
  double upstream = kUndefined;  ///< parse=lmms: mean of what that tool returned
  Opinion panel;
  std::vector<std::pair<std::uint32_t, Opinion>> judges;
  std::vector<std::pair<std::uint32_t, Said>> human;
};

struct JudgeTally {
  std::array<std::uint64_t, 10> statuses{};  ///< by ReadStatus
  std::uint64_t judgements = 0, fallback = 0, reask = 0, low_mass = 0;
  std::uint64_t calls = 0;
  std::int64_t tokens_in = 0, tokens_out = 0;
  double cost_usd = 0;
  /// Samples of one judge and order that were read, two or more: verdicts or numbers, NaN where one is missing.
  std::vector<std::vector<double>> repeats;
  std::vector<std::uint32_t> repeat_items, repeat_clusters;
};

struct ModelUsed {
  std::uint32_t judge = 0;
  std::string model;
  std::uint64_t judgements = 0, read = 0, fallback = 0;
  double value_sum = 0;  ///< for the item's first answer, of those read
};

struct JudgedBatch {
  explicit JudgedBatch(const JudgeSettings& settings);
  /// `first_is_baseline`: of recorded games whose first answer is always the baseline's.
  void add(const JudgeRecord& record, bool first_is_baseline = false);

  /// score and rubric: verdicts are numbers, not labels.
  bool has_numbers() const { return settings.mode == JudgeMode::score || settings.mode == JudgeMode::rubric; }
  bool has_panel() const { return judges.size() > 1; }
  /// The panel where there is one, then the judges.
  std::vector<std::uint32_t> voters() const;
  std::string voter(std::uint32_t judge) const { return judge == kPanel ? "panel" : judges[judge]; }
  struct Vote {
    const JudgedItem* item;
    const Opinion* opinion;
  };
  /// Of the items that it was asked about, in order; probes are not among them.
  std::vector<Vote> votes(std::uint32_t judge) const;
  bool is_baseline(std::uint32_t model) const;

  JudgeSettings settings;  ///< as last evaluated
  Names labels{"", "A", "B", "tie", "inconsistent"};
  Names judges, models{""}, categories{""}, criteria, raters;
  std::vector<JudgedItem> items, probes;
  std::uint64_t runs = 0, complete = 0, fail = 0, not_run = 0, stale = 0;
  std::size_t clusters = 0;  ///< different ones
  JudgeTally all;
  std::vector<JudgeTally> tallies;  ///< by judge
  std::vector<ModelUsed> used;

 private:
  std::uint32_t label(const std::string& verdict);
  Said said(const Json& value);
  std::uint32_t cluster_of(const JudgeRecord& record);
  Opinion opinion(const PooledVerdict& pooled, const std::vector<Judgement>& judgements);
  void count(const JudgeRecord& record, const JudgedItem& item);
  void add_repeats(const JudgeRecord& record, const JudgedItem& item);
  void tally(const Judgement& judgement);

  bool settled_ = false;  ///< settings are those of a judged run
  std::vector<bool> baselines_;
  std::unordered_map<std::string, std::uint32_t> cluster_numbers_;
  std::map<std::pair<std::uint32_t, std::string>, std::size_t> used_numbers_;
};

}  // namespace assay
