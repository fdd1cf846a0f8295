#include "experiments/qa/report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "core/statistics/proportion.hpp"
#include "core/text/duration.hpp"
#include "experiments/qa/report_parts.hpp"

namespace assay {
namespace {

using Form = ReportTable::Form;

constexpr std::array<const char*, 4> kCompared{"letter", "mad_eval", "tiger_l2", "tiger_apix"};

/// The same replies read by another rule.
struct Reading {
  Extractor extractor;
  std::uint64_t n = 0, correct = 0, unextracted = 0;
};

class Collector {
 public:
  explicit Collector(const BatchView& batch)
      : scorer_(batch.info().params.is_object() ? batch.info().params : Json::object()) {
    for (const char* name : kCompared) readings_.push_back({Extractor(name)});
    batch.each(true, [&](const RunView& run) { add(run); });
  }

  Json figures() const;
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  void add(const RunView& run);
  void read_again(const RunView& run, const Item& item);
  bool repeated() const;
  Json macro() const;
  Json readings() const;
  void add_repeats(Json& figures) const;

  Scorer scorer_;
  QaTally all_;
  Ordered<QaTally> categories_;
  Ordered<Repeats> items_;
  Ordered<std::uint64_t> rules_, stops_;
  std::vector<Reading> readings_;
  double chance_sum_ = 0;
  std::uint64_t choice_runs_ = 0;
  UsageSum usage_;
  mutable std::vector<std::string> warnings_;
};

void Collector::add(const RunView& run) {
  const Item item = from_data(run.data);
  const bool gold = !item.answer.is_null();
  const std::string id = item.id.empty() ? run.run_id : item.id;
  items_[id].add(run, item, scorer_);
  const auto number = static_cast<std::uint32_t>(items_.position(id));
  all_.add(run, gold, number);
  categories_[item.category].add(run, gold, number);
  if (item.n_options > 0) {
    chance_sum_ += 1.0 / static_cast<double>(item.n_options);
    ++choice_runs_;
  }
  usage_.in += run.usage.in;
  usage_.out += run.usage.out;
  usage_.cost += run.usage.cost;
  if (run.status != Status::complete) return;
  if (run.answer.is_object() && run.answer.contains("samples")) {
    for (const Json& sample : run.answer["samples"]) {
      if (sample.contains("rule") && sample["rule"].is_string()) ++rules_[sample["rule"].get<std::string>()];
    }
  }
  for (const auto& reply : recorded_replies(run.context, run.answer)) {
    if (!reply.stop.empty()) ++stops_[reply.stop];
    if (reply.text.empty()) ++stops_["empty"];
  }
  if (gold && item.n_options > 0) read_again(run, item);
}

void Collector::read_again(const RunView& run, const Item& item) {
  const auto replies = recorded_replies(run.context, run.answer);
  if (replies.size() != 1) return;
  const AnswerForm form = answer_form(item);
  const std::string gold = item.answer.is_string() ? item.answer.get<std::string>() : dump_json(item.answer);
  for (auto& reading : readings_) {
    const Found found = reading.extractor.find(replies.front().text, form);
    ++reading.n;
    if (!found.value) ++reading.unextracted;
    if (found.value && *found.value == gold) ++reading.correct;
  }
}

bool Collector::repeated() const {
  return std::any_of(items_.entries().begin(), items_.entries().end(),
                     [](const auto& item) { return item.second.runs > 1 || item.second.samples > 1; });
}

Json Collector::macro() const {
  double sum = 0;
  std::uint64_t n = 0;
  for (const auto& [name, tally] : categories_.entries()) {
    if (tally.scored == 0) continue;
    sum += tally.accuracy().get<double>();
    ++n;
  }
  if (n == 0) return nullptr;
  return sum / static_cast<double>(n);
}

Json Collector::readings() const {
  Json list = Json::array();
  for (const auto& reading : readings_) {
    if (reading.n == 0) continue;
    list.push_back({{"extractor", reading.extractor.spec()},
                    {"n", reading.n},
                    {"correct", reading.correct},
                    {"accuracy", static_cast<double>(reading.correct) / static_cast<double>(reading.n)},
                    {"unextracted", reading.unextracted}});
  }
  return list;
}

void Collector::add_repeats(Json& figures) const {
  std::uint64_t most = 0, voted = 0, right = 0, tied = 0, unanimous = 0;
  for (const auto& [id, item] : items_.entries()) {
    most = std::max(most, item.samples);
    if (item.samples == 0) continue;
    ++voted;
    if (item.tied()) ++tied;
    const auto winner = item.majority();
    if (winner && item.right.at(*winner)) ++right;
    if (item.votes.size() == 1 && item.votes.front().second == item.samples) ++unanimous;
  }
  figures["majority"] = {
      {"n", voted},
      {"correct", right},
      {"tied", tied},
      {"unanimous", unanimous},
      {"accuracy", voted == 0 ? Json() : Json(static_cast<double>(right) / static_cast<double>(voted))}};
  Json pass = Json::object();
  Json every = Json::object();
  Json short_of = Json::object();
  constexpr std::uint64_t kMostK = 100;
  for (std::uint64_t k = 1; k <= std::min(most, kMostK); ++k) {
    double pass_sum = 0, all_sum = 0;
    std::uint64_t n = 0, few = 0;
    for (const auto& [id, item] : items_.entries()) {
      if (item.samples < k) {
        ++few;
        continue;
      }
      pass_sum += pass_at_k(item.samples, item.correct_samples, k);
      all_sum += all_at_k(item.samples, item.correct_samples, k);
      ++n;
    }
    const std::string name = std::to_string(k);
    pass[name] = n == 0 ? Json() : Json(pass_sum / static_cast<double>(n));
    every[name] = n == 0 ? Json() : Json(all_sum / static_cast<double>(n));
    if (few > 0) short_of[name] = few;
  }
  figures["pass"] = std::move(pass);
  figures["all"] = std::move(every);
  if (!short_of.empty()) figures["items_with_fewer"] = std::move(short_of);
}

Json Collector::figures() const {
  Json f = tally_figures(all_);
  f["out_of_options"] = all_.out_of_options;
  f["macro_accuracy"] = macro();
  f["chance"] = choice_runs_ == 0 ? Json() : Json(chance_sum_ / static_cast<double>(choice_runs_));
  f["stderr"] = all_.scored == 0 ? Json() : Json(binomial_se(all_.accuracy().get<double>(), all_.scored));
  auto rules = rules_.entries();
  std::stable_sort(rules.begin(), rules.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  f["rules"] = Json::object();
  for (const auto& [rule, count] : rules) f["rules"][rule] = count;
  f["stop_reasons"] = Json::object();
  for (const auto& [stop, count] : stops_.entries()) f["stop_reasons"][stop] = count;
  f["tokens_in"] = usage_.in;
  f["tokens_out"] = usage_.out;
  const double cost = to_usd(usage_.cost);
  f["cost_usd"] = cost;
  f["cost_per_correct"] = all_.correct == 0 ? Json() : Json(cost / static_cast<double>(all_.correct));
  f["categories"] = category_figures(categories_);
  if (Json list = readings(); !list.empty()) f["extractors"] = std::move(list);
  if (repeated()) add_repeats(f);
  return f;
}

void add_overview(Report& report) {
  report.text(accuracy_line(report.figures));
  ReportTable table = overview_table(report.figures);
  for (const char* name : {"macro", "chance"}) table.columns.push_back({name, Form::ratio});
  table.rows.front().push_back(report.figures["macro_accuracy"]);
  table.rows.front().push_back(report.figures["chance"]);
  report.table(std::move(table));
}

void add_counts(Report& report, const char* key, const char* title, const char* column) {
  if (report.figures[key].empty()) return;
  ReportTable table{title, {{column, Form::text}, {"replies", Form::count}}, {}};
  for (const auto& [name, count] : report.figures[key].items()) table.rows.push_back({name, count});
  report.table(std::move(table));
}

/// The same replies under other rules; how far they are apart says how much the figure is the rule's.
void add_extractors(Report& report) {
  if (!report.figures.contains("extractors")) return;
  ReportTable table{
      "the same replies read by other rules",
      {{"extractor", Form::text}, {"correct", Form::count}, {"accuracy", Form::ratio}, {"unextracted", Form::count}},
      {}};
  std::string apart;
  const Json& interval = report.figures["ci95"];
  for (const Json& e : report.figures["extractors"]) {
    table.rows.push_back({e["extractor"], e["correct"], e["accuracy"], e["unextracted"]});
    const double accuracy = e["accuracy"].get<double>();
    if (interval.is_array() && (accuracy < interval[0].get<double>() || accuracy > interval[1].get<double>())) {
      apart += (apart.empty() ? "" : ", ") + e["extractor"].get<std::string>();
    }
  }
  report.table(std::move(table));
  if (apart.empty()) return;
  const std::string warning = "warning: " + apart +
                              " differ from the reported accuracy by more than its interval: the rule "
                              "decides the figure";
  report.figures["warnings"].push_back(warning);
  report.text(warning);
}

void add_repeats(Report& report) {
  if (!report.figures.contains("pass")) return;
  const Json& majority = report.figures["majority"];
  report.text("majority of the repeats: " + format_count(majority["correct"].get<std::int64_t>()) + " of " +
              format_count(majority["n"].get<std::int64_t>()) + " = " + percent(majority["accuracy"]) + "; unanimous " +
              format_count(majority["unanimous"].get<std::int64_t>()) + ", tied " +
              format_count(majority["tied"].get<std::int64_t>()));
  ReportTable table{
      "repeats",
      {{"k", Form::text}, {"pass@k", Form::ratio}, {"all@k", Form::ratio}, {"items with fewer", Form::count}},
      {}};
  for (const auto& [k, value] : report.figures["pass"].items()) {
    const bool few = report.figures.contains("items_with_fewer") && report.figures["items_with_fewer"].contains(k);
    table.rows.push_back({k, value, report.figures["all"][k], few ? report.figures["items_with_fewer"][k] : Json(0)});
  }
  report.table(std::move(table));
}

}  // namespace

Report qa_report(const BatchView& batch) {
  const Collector collector(batch);
  Report report;
  report.figures = collector.figures();
  const BatchInfo& info = batch.info();
  report.heading(1, "qa: " + info.name + (info.model.empty() ? "" : ", " + info.model));
  add_overview(report);
  add_categories(report);
  add_counts(report, "rules", "where the answer was found", "rule");
  add_counts(report, "stop_reasons", "how replies ended", "stop");
  add_extractors(report);
  add_repeats(report);
  if (info.pinned.is_object() && info.pinned.contains("hub") && info.pinned["hub"].contains("partial")) {
    const std::string warning =
        "warning: the hub had only a part of this split when it was loaded: the questions are "
        "not all of it";
    report.figures["warnings"].push_back(warning);
    report.text(warning);
  }
  report.text(counted_figure(report, "tokens_in") + " tokens in, " + counted_figure(report, "tokens_out") + " out");
  add_left_out(report, "replies without a found answer");
  return report;
}

}  // namespace assay
