#include "experiments/judge/runner.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/statistics/named_stream.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/judge/record.hpp"
#include "runners/chat_runner.hpp"

namespace assay {
namespace {

constexpr std::int64_t kMaxTokens = 1024, kMaxTokensOfPairs = 2048;
constexpr std::size_t kMostHints = 21;  // whole numbers of a scale that the built-in model draws from

/// "7", "7.5".
std::string number_text(double value) {
  return value == std::floor(value) ? std::to_string(static_cast<long long>(value)) : dump_json(value);
}

std::vector<double> scale_points(const Scale& scale) {
  const auto [lo, hi] = scale.value_or(std::pair(1.0, 10.0));
  std::vector<double> points;
  const double width = std::max(1.0, std::ceil((hi - lo) / static_cast<double>(kMostHints - 1)));
  for (double point = lo; point <= hi; point += width) points.push_back(point);
  return points;
}

std::string boxed(const std::string& text) { return "[[" + text + "]]"; }

/// A label as a judge is asked to write it.
std::string shown_label(const ReadingRules& rules, const VerdictLabel& label) {
  std::string text = label.texts.front();
  if (rules.mode == JudgeMode::pairwise && !rules.labels.match_case)
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

/// What the built-in model says of an item: its gold verdict where there is one, else one that the item's id draws, in
/// the form that is asked for; the alphabet beside it.
Hint hint_of(const ReadingRules& rules, const JudgeItem& item, JudgeOrder order) {
  NamedStream stream("hint/" + item.id);
  Hint hint;
  switch (rules.mode) {
    case JudgeMode::binary:
    case JudgeMode::choice:
    case JudgeMode::pairwise: {
      const Json gold = gold_verdict(rules, item.gold);
      std::string verdict = gold.is_string() ? gold.get<std::string>()
                                             : rules.labels.labels[stream.below(rules.labels.labels.size())].verdict;
      if (order == JudgeOrder::ba) verdict = unswapped(verdict);
      for (const VerdictLabel& label : rules.labels.labels) {
        hint.options.push_back(boxed(shown_label(rules, label)));
        if (label.verdict == verdict) hint.answer = hint.options.back();
      }
      break;
    }
    case JudgeMode::score: {
      const std::vector<double> points = scale_points(rules.scale);
      for (const double point : points) hint.options.push_back(boxed(number_text(point)));
      const Json gold = gold_verdict(rules, item.gold);
      hint.answer =
          gold.is_number() ? boxed(number_text(gold.get<double>())) : hint.options[stream.below(points.size())];
      break;
    }
    case JudgeMode::rubric: {
      const std::vector<double> points = scale_points(rules.scale);
      constexpr std::size_t kVariants = 4;
      for (std::size_t i = 0; i < kVariants; ++i) {
        Json scores = Json::object();
        for (const std::string& name : rules.criteria) scores[name] = points[stream.below(points.size())];
        hint.options.push_back(dump_json(scores));
      }
      hint.answer = hint.options.front();
      break;
    }
    case JudgeMode::compare: {
      const std::vector<double> points = scale_points(rules.scale);
      constexpr std::size_t kVariants = 4;
      for (std::size_t i = 0; i < kVariants; ++i) {
        std::string a = number_text(points[stream.below(points.size())]),
                    b = number_text(points[stream.below(points.size())]);
        if (order == JudgeOrder::ba) std::swap(a, b);
        hint.options.push_back(a + " " + b);
      }
      hint.answer = hint.options.front();
      break;
    }
  }
  return hint;
}

/// The object that a judge is asked for with reply=schema: the verdict as a text of its one allowed form, which is read
/// out of the reply as in a text (judge.md 6.1); of a rubric a number per criterion.
Json schema_of(const JudgeSettings& settings, const ReadingRules& rules) {
  Json properties = Json::object();
  if (settings.evidence == "first") properties["reasoning"] = Json::object({{"type", "string"}});
  if (settings.mode == JudgeMode::rubric) {
    for (const std::string& name : rules.criteria) properties[name] = Json::object({{"type", "number"}});
  } else if (settings.mode == JudgeMode::score) {
    properties["verdict"] = Json::object({{"type", "string"}});
  } else {
    Json verdicts = Json::array();
    for (const VerdictLabel& label : rules.labels.labels) verdicts.push_back(boxed(shown_label(rules, label)));
    properties["verdict"] = Json::object({{"type", "string"}, {"enum", std::move(verdicts)}});
  }
  Json required = Json::array();
  for (const auto& [name, unused] : properties.items()) required.push_back(name);
  return Json::object({{"type", "object"},
                       {"properties", std::move(properties)},
                       {"required", std::move(required)},
                       {"additionalProperties", false}});
}

/// Judges that have an answer to go on with: of quorum=all those of whose calls none failed, else those of whose calls
/// one did not.
std::size_t judges_left(const std::vector<Judgement>& judgements, bool all) {
  std::map<std::string, std::pair<std::size_t, std::size_t>> calls;  // made, failed
  for (const Judgement& one : judgements) {
    auto& [made, failed] = calls[one.judge];
    ++made;
    failed += one.reading.status == ReadStatus::error ? 1 : 0;
  }
  return static_cast<std::size_t>(std::count_if(calls.begin(), calls.end(), [&](const auto& judge) {
    return all ? judge.second.second == 0 : judge.second.second < judge.second.first;
  }));
}

bool is_to_ask_again(ReadStatus status) {
  return status == ReadStatus::ambiguous || status == ReadStatus::out_of_range || status == ReadStatus::partial ||
         status == ReadStatus::failed || status == ReadStatus::empty || status == ReadStatus::truncated;
}

}  // namespace

std::vector<JudgeOrder> judge_orders(const JudgeSettings& settings, const JudgeItem& item) {
  if (!has_two_answers(settings.mode) || settings.swap == "off") return {JudgeOrder::ab};
  if (settings.swap == "random")
    return {NamedStream("order/" + item.id).below(2) == 0 ? JudgeOrder::ab : JudgeOrder::ba};
  return {JudgeOrder::ab, JudgeOrder::ba};
}

std::vector<PlannedJudgement> planned_judgements(const JudgeSettings& settings, const JudgeItem& item) {
  std::vector<PlannedJudgement> planned;
  for (std::size_t judge = 0; judge < settings.judges.size(); ++judge) {
    for (const JudgeOrder order : judge_orders(settings, item)) {
      for (std::uint32_t sample = 0; sample < settings.samples; ++sample) {
        PlannedJudgement one;
        one.judge = judge;
        one.made.judge = settings.judges[judge];
        one.made.order = order;
        one.made.sample = sample;
        one.key = std::to_string(judge) + "/" + std::string(to_text(order)) + "/" + std::to_string(sample);
        planned.push_back(std::move(one));
      }
    }
  }
  return planned;
}

ChatParams judge_params(const Json& params, const JudgeSettings& settings, const JudgeItem& item) {
  ChatParams made;
  made.temperature = params.value("temperature", 0.0);
  const std::int64_t otherwise =
      settings.mode == JudgeMode::pairwise && settings.evidence == "first" ? kMaxTokensOfPairs : kMaxTokens;
  made.max_tokens = params.value("max_tokens", otherwise);
  if (params.contains("top_p")) made.top_p = params["top_p"].get<double>();
  if (settings.logprobs > 0) {
    made.logprobs = true;
    made.top_logprobs = settings.logprobs;
  }
  if (settings.reply == "json") made.response_format = ResponseFormat{ResponseFormat::Kind::json, {}, nullptr, true};
  if (settings.reply == "schema")
    made.response_format =
        ResponseFormat{ResponseFormat::Kind::json_schema, "verdict", schema_of(settings, settings.reading(item)), true};
  return made;
}

JudgeRunner::JudgeRunner(ChatClient& client, Json params, std::vector<ModelHandle> models,
                         std::unique_ptr<const JudgePrompt> prompt, Json changes, HumanVerdicts human)
    : client_(client),
      params_(std::move(params)),
      settings_(judge_settings(params_, changes)),
      models_(std::move(models)),
      prompt_(std::move(prompt)),
      changes_(std::move(changes)),
      human_(std::move(human)) {}

ChatRequest JudgeRunner::request_of(const JudgeItem& item, const PlannedJudgement& planned,
                                    const std::vector<Message>& messages, const ReadingRules& rules) const {
  ChatRequest request;
  request.messages = messages;
  request.params = judge_params(params_, settings_, item);
  request.epoch = planned.made.sample;
  request.hint = hint_of(rules, item, planned.made.order);
  return request;
}

Next JudgeRunner::step(Run& run, Step& step) {
  if (models_.empty() || !prompt_) throw RunFailure("no_model", "this runner was made to evaluate: it has no model");
  const JudgeItem item = judge_item(run.data);
  const ReadingRules rules = settings_.reading(item);
  const std::string fence = judge_fence(item);
  std::vector<PlannedJudgement> planned = planned_judgements(settings_, item);
  if (run.state.is_null()) run.state = Json::object({{"judgements", Json::array()}, {"earlier", Json::object()}});

  // What is asked in this step: all of it, then what could not be read so far, each with its replies and the reminder.
  const bool first = step.number() == 1;
  std::vector<Judgement> made;
  for (const Json& one : run.state.at("judgements")) made.push_back(judgement_from(one));
  std::vector<JudgeCall> calls;
  std::vector<std::size_t> places;
  std::map<JudgeOrder, std::vector<Message>> rendered;
  for (std::size_t i = 0; i < planned.size(); ++i) {
    if (!first && (i >= made.size() || !is_to_ask_again(made[i].reading.status))) continue;
    auto [messages, fresh] = rendered.try_emplace(planned[i].made.order);
    if (fresh) messages->second = prompt_->messages(item, planned[i].made.order, fence);
    std::vector<Message> asked = messages->second;
    Judgement before = planned[i].made;
    if (!first) {
      before = made[i];
      ++before.reask;
      for (const Json& reply : run.state.at("earlier").at(planned[i].key)) {
        asked.emplace_back(Role::assistant, reply.get<std::string>());
        asked.emplace_back(Role::user, prompt_->reminder());
      }
    }
    calls.push_back(
        {planned[i].key, std::move(before), models_.at(planned[i].judge), request_of(item, planned[i], asked, rules)});
    places.push_back(i);
  }
  const JudgeAnswers answers = ask_judges(client_, step, calls, rules);
  made.resize(planned.size());
  for (std::size_t i = 0; i < places.size(); ++i) made[places[i]] = answers.judgements[i];

  const std::size_t quorum = settings_.pooling().quorum;
  const std::size_t wanted = quorum == 0 ? settings_.judges.size() : quorum;
  if (!answers.errors.empty() && judges_left(made, quorum == 0) < wanted)
    fail_run(answers.errors.front(), std::string());

  std::set<std::string> said;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Judgement& one = answers.judgements[i];
    const std::vector<Message>& messages = calls[i].request.messages;
    const Json more = Json::object({{"judge", one.judge}, {"order", to_text(one.order)}, {"sample", one.sample}});
    for (const Message& message : messages) {
      if (message.role == Role::system && first && said.insert(message.text()).second)
        run.context.push_back({"system", message.text(), nullptr});
    }
    run.context.push_back({"user", messages.back().text(), more});
    if (one.raw) run.context.push_back({"assistant", *one.raw, more});
    if (one.reading.status == ReadStatus::error) step.log(LogLevel::warn, one.judge + ": " + one.error);
  }
  bool again = false;
  for (std::size_t i = 0; i < planned.size(); ++i) {
    if (!is_to_ask_again(made[i].reading.status) || step.number() > settings_.reask) continue;
    again = true;
    Json& earlier = run.state["earlier"][planned[i].key];
    if (earlier.is_null()) earlier = Json::array();
    earlier.push_back(made[i].raw.value_or(""));
  }
  Json list = Json::array();
  for (const Judgement& one : made) list.push_back(to_json(one));
  run.state["judgements"] = list;
  run.answer = Json::object({{"judgements", std::move(list)}});
  return again ? Next::again : Next::done;
}

Score JudgeRunner::evaluate(Run& run, Step&) {
  const JudgeItem item = judge_item(run.data);
  std::vector<Judgement> made;
  if (!item.recorded.empty()) {
    made = recorded_judgements(settings_, item);
  } else {
    if (!run.answer.is_object() || !run.answer.contains("judgements"))
      throw RunFailure("no_answer", "there are no judgements to read");
    for (const Json& one : run.answer.at("judgements")) made.push_back(judgement_from(one));
  }
  const Json before = run.answer.is_object() ? run.answer.value("human", Json()) : Json();
  JudgedRun judged = judged_run(settings_, item, std::move(made), changes_);
  run.answer = std::move(judged.answer);
  if (const auto found = human_.find(item.id); found != human_.end()) {
    run.answer["human"] = found->second;
  } else if (!before.is_null() && human_.empty()) {
    run.answer["human"] = before;
  }
  return judged.score;
}

}  // namespace assay
