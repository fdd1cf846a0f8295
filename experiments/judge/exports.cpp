#include "experiments/judge/exports.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "core/text/csv.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/judge/answer_lengths.hpp"
#include "experiments/judge/record.hpp"

namespace assay {
namespace {

Json number_or_null(double value) { return value == value ? Json(value) : Json(); }

/// Counts that are whole look so.
Json short_number(double value) {
  if (value == static_cast<double>(static_cast<long long>(value)) && value < 1e15 && value > -1e15)
    return static_cast<long long>(value);
  return number_or_null(value);
}

Json value_of(const ReadingRules& rules, const Reading& reading) {
  if (!reading.has_verdict()) return nullptr;
  if (rules.mode == JudgeMode::compare && reading.values)
    return Json::array({reading.values->first, reading.values->second});
  return reading.value == reading.value ? short_number(reading.value) : Json();
}

/// What a load of these lines would not find out from them.
Json settings_of(const JudgeRecord& record) {
  Json settings = carried_settings(record.settings);
  if (!has_two_answers(record.settings.mode) || record.settings.swap != "both") return settings;
  std::map<std::string, int> orders;
  for (const Judgement& one : record.judgements) orders[one.judge] |= one.order == JudgeOrder::ba ? 2 : 1;
  const bool all = std::all_of(orders.begin(), orders.end(), [](const auto& judge) { return judge.second == 3; });
  if (!all) settings["swap"] = "both";
  return settings;
}

/// A line as judge.md 9 reads it: the item's facts, the judgement, and what else a report looks at.
Json judgement_line(const JudgeRecord& record, const Judgement& judgement, const std::string& baseline) {
  const JudgeItem& item = record.item;
  Json whole = to_json(judgement);
  Json line = Json::object();
  line["item"] = record.id;
  for (const char* name : {"judge", "order", "sample"}) line[name] = whole[name];
  const auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) line[name] = value;
  };
  if (has_two_answers(record.settings.mode)) {
    text("a", item.model_a);
    text("b", item.model_b);
  } else {
    text("model", item.model);
  }
  line["status"] = whole["status"];
  line["verdict"] = whole["verdict"];
  line["value"] = value_of(record.reading, judgement.reading);
  for (const char* name : {"values", "scores", "upstream", "raw"}) line[name] = whole[name];
  if (whole.contains("alternatives")) {
    line["logprobs"] = whole["alternatives"];
  } else if (judgement.reading.mass == 0) {
    line["logprobs"] = Json::array();
  }
  for (const char* name :
       {"probabilities", "mass", "weighted", "games", "unknown", "stop_reason", "model_used", "error"}) {
    if (whole.contains(name) && !whole[name].is_null()) line[name] = whole[name];
  }
  for (const char* name : {"fallback", "reask", "attempts", "tokens_in", "tokens_out", "cost_usd"}) {
    if (whole[name] != 0) line[name] = whole[name];
  }
  line["mode"] = to_text(record.settings.mode);
  text("question", item.question);
  text("category", item.category);
  if (item.turn > 0) line["turn"] = item.turn;
  const auto any = [&](const char* name, const Json& value) {
    if (!value.is_null()) line[name] = value;
  };
  any("cluster", item.cluster);
  any("gold", item.gold);
  any("source", item.source);
  text("probe", item.probe);
  text("baseline", baseline);
  if (Json settings = settings_of(record); !settings.empty()) line["settings"] = std::move(settings);
  const auto [len_a, len_b] = answer_lengths(item);
  if (len_a == len_a) line["len_a"] = short_number(len_a);
  if (len_b == len_b) line["len_b"] = short_number(len_b);
  if (!item.human.empty()) line["human"] = Json(item.human);
  for (const auto& [name, value] : item.extra.items()) {
    if (!line.contains(name)) line[name] = value;
  }
  return line;
}

/// A judge's verdict on an item, in the item's own order; several judges: the panel's too.
void add_verdicts(const JudgeRecord& record, std::string& out) {
  const auto row = [&](const PooledVerdict& pooled, const std::string& judge) {
    std::string status = pooled.why;
    if (pooled.has_verdict()) {
      std::set<ReadStatus> statuses;
      for (const Judgement& one : record.judgements) {
        if (judge == "panel" || one.judge == judge) statuses.insert(one.reading.status);
      }
      status = statuses.size() == 1 ? std::string(to_text(*statuses.begin())) : "read";
    }
    out += csv_row({record.id, judge, pooled.verdict,
                    pooled.value == pooled.value ? dump_json(short_number(pooled.value)) : "", status},
                   ',', true);
  };
  for (const PooledVerdict& judge : record.pooled.judges) row(judge, judge.judge);
  if (record.pooled.judges.size() > 1) row(record.pooled.panel, "panel");
}

/// The last thing that this judgement was asked.
Json prompt_of(const RunView& run, const Judgement& judgement) {
  Json prompt;
  for (const ContextMessage& message : run.context) {
    if (message.role != "user" || !message.more.is_object() || message.more.value("judge", Json()) != judgement.judge ||
        message.more.value("order", Json()) != to_text(judgement.order) ||
        message.more.value("sample", Json()) != judgement.sample)
      continue;
    if (prompt.is_null()) prompt = message.content;  // what is asked again is a reminder only
  }
  return prompt;
}

/// lmms-eval's result: {result | scores, raw_response, model, prompt, success}, with what its fallback adds.
Json lmms_object(const JudgeRecord& record, const Judgement& judgement, const RunView& run) {
  const Reading& reading = judgement.reading;
  const bool success = reading.has_verdict();
  Json result;
  switch (record.settings.mode) {
    case JudgeMode::binary:
      if (success)
        result = record.reading.labels.name == "yesno" ? Json(reading.value > 0.5) : Json(reading.value > 0.5 ? 1 : 0);
      break;
    case JudgeMode::score:
      result = success ? short_number(reading.value) : Json();
      break;
    case JudgeMode::choice:
    case JudgeMode::pairwise:
      result = success ? Json(reading.verdict) : Json();
      break;
    case JudgeMode::compare:
      if (success && reading.values) result = Json::array({reading.values->first, reading.values->second});
      break;
    case JudgeMode::rubric:
      if (success) {
        result = Json::object();
        for (const auto& [name, score] : reading.scores) result[name] = number_or_null(score);
      }
      break;
  }
  const bool scores = record.settings.mode == JudgeMode::compare || record.settings.mode == JudgeMode::rubric;
  Json object = Json::object();
  object[scores ? "scores" : "result"] = std::move(result);
  object["raw_response"] = judgement.raw ? Json(*judgement.raw) : Json();
  const std::string& model = judgement.model_used.empty() ? judgement.judge : judgement.model_used;
  object["model"] = model;
  object["prompt"] = prompt_of(run, judgement);
  object["success"] = success;
  const std::size_t slash = model.find('/');
  object["api_used"] = slash == std::string::npos ? Json() : Json(model.substr(0, slash));
  object["attempts"] = judgement.attempts;
  object["item"] = record.id;
  object["judge"] = judgement.judge;
  object["order"] = to_text(judgement.order);
  object["sample"] = judgement.sample;
  return object;
}

}  // namespace

std::vector<JointFormat> judge_joint_formats() {
  return {{"judgements", {"judge"}, false, "JSON lines: every judgement, as load judge format=judgements takes them"},
          {"verdicts", {"judge"}, false, "CSV: the verdict of each judge, and of the panel, on each item"},
          {"lmms", {"judge"}, false, "JSON lines: lmms-eval's result objects"}};
}

JointExport export_judge(const std::string& format, const std::string& path,
                         const std::vector<const BatchView*>& batches) {
  const bool verdicts = format == "verdicts", lmms = format == "lmms";
  if (!verdicts && !lmms && format != "judgements")
    throw Error("usage", "judgements have no export format " + format, {}, "judgements, verdicts, lmms, prompts");
  JointExport made;
  JointExport::File file{path, verdicts ? csv_row({"item", "judge", "verdict", "value", "status"}) : ""};
  std::uint64_t unfinished = 0;
  for (const BatchView* view : batches) {
    if (view->info().kind != "judge") continue;
    const JudgeRecords record_of(view->info());
    const Json& params = view->info().params;
    const bool alpaca = params.is_object() && params.value("format", Json()) == "alpaca";
    view->each(true, [&](const RunView& run) {
      if (run.status != Status::complete) {
        ++unfinished;
        return;
      }
      const JudgeRecord record = record_of(run);
      ++made.runs;
      if (verdicts) {
        add_verdicts(record, file.text);
        return;
      }
      const std::string baseline = alpaca ? record.item.model_a : record.settings.baseline;
      for (const Judgement& judgement : record.judgements) {
        file.text +=
            dump_json(lmms ? lmms_object(record, judgement, run) : judgement_line(record, judgement, baseline));
        file.text += '\n';
      }
    });
  }
  if (made.runs == 0)
    throw Error("empty", unfinished > 0 ? "none of the selected judgements is COMPLETE" : "no judgement is selected");
  if (unfinished > 0) made.notes.push_back(counted(unfinished, "run is", "runs are") + " not COMPLETE: left out");
  made.files.push_back(std::move(file));
  return made;
}

}  // namespace assay
