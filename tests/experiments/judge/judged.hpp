#pragma once
// Judged runs by hand: items, judgements as a judge would have given them, and the report of both.

#include <string>
#include <utility>
#include <vector>

#include "experiments/judge/record.hpp"
#include "experiments/judge/report.hpp"
#include "tests/experiments/qa/fake_batch.hpp"

namespace assay::test {

inline Judgement said(const std::string& judge, JudgeOrder order, const std::string& text, std::uint32_t sample = 0) {
  Judgement judgement;
  judgement.judge = judge;
  judgement.order = order;
  judgement.sample = sample;
  judgement.raw = text;
  return judgement;
}

/// Both orders of one judge; texts as displayed.
inline std::vector<Judgement> both(const std::string& judge, const std::string& ab, const std::string& ba) {
  return {said(judge, JudgeOrder::ab, ab), said(judge, JudgeOrder::ba, ba)};
}

inline JudgeItem pair_item(const std::string& id, const std::string& a = "x", const std::string& b = "y") {
  JudgeItem item;
  item.id = id;
  item.question = "q";
  item.response1 = "first";
  item.response2 = "the second";
  item.model_a = a;
  item.model_b = b;
  return item;
}

/// A batch that is filled run by run.
class Judged {
 public:
  explicit Judged(Json params) : settings_(judge_settings(params)), batch_({}, {}) {
    batch_.mutable_info().name = "j";
    batch_.mutable_info().kind = "judge";
    batch_.mutable_info().params = std::move(params);
    batch_.mutable_info().pinned = Json::object();
  }

  Judged& add(const JudgeItem& item, std::vector<Judgement> judgements) {
    for (Judgement& judgement : judgements) read_again(settings_.reading(item), judgement);
    JudgedRun judged = judged_run(settings_, item, std::move(judgements));
    NewRun& run = add_not_run(item, Status::complete);
    run.answer = std::move(judged.answer);
    run.score = std::move(judged.score);
    return *this;
  }
  NewRun& add_not_run(const JudgeItem& item, Status status = Status::ready) {
    NewRun run;
    run.id = item.id;
    run.data = to_data(item);
    run.status = status;
    batch_.runs().push_back(std::move(run));
    return batch_.runs().back();
  }

  FakeBatch& batch() { return batch_; }
  Report report() const { return judge_report(batch_); }
  Json figures() const { return report().figures; }

 private:
  JudgeSettings settings_;
  FakeBatch batch_;
};

/// The first row whose columns are these; null: there is none.
inline Json row_of(const Json& figures, const char* table, const Json& columns) {
  if (!figures.contains(table)) return nullptr;
  for (const Json& row : figures[table]) {
    bool all = true;
    for (const auto& [key, value] : columns.items()) all = all && row.value(key, Json()) == value;
    if (all) return row;
  }
  return nullptr;
}

inline std::string text_of(const Report& report) {
  std::string all;
  for (const auto& block : report.blocks) {
    if (const auto* heading = std::get_if<ReportHeading>(&block)) all += heading->text + "\n";
    if (const auto* text = std::get_if<ReportText>(&block)) all += text->text + "\n";
    if (const auto* table = std::get_if<ReportTable>(&block)) all += "[" + table->title + "]\n";
    if (const auto* chart = std::get_if<ReportChart>(&block)) all += "(" + chart->title + ")\n";
  }
  return all;
}

}  // namespace assay::test
