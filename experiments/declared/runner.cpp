#include "experiments/declared/runner.hpp"

#include <charconv>
#include <cmath>

#include "core/text/utf8.hpp"
#include "core/text/words.hpp"
#include "experiments/qa/asking.hpp"
#include "experiments/qa/numbers.hpp"

namespace assay {
namespace {

/// "" where there is no text: what came with a save may be anything.
std::string text_at(const Json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// What a fork adds to the question after the steps that it shares.
std::string added_message(const Run& run, std::uint32_t number) {
  const auto fork = run.data.find("forked_from");
  if (fork == run.data.end() || !fork->is_object()) return {};
  const auto step = fork->find("step");
  if (step == fork->end() || !step->is_number_integer() || step->get<std::int64_t>() + 1 != std::int64_t{number})
    return {};
  return text_at(*fork, "message");
}

const std::string* reply_of(const Run& run, const std::string& step) {
  const std::string* reply = nullptr;
  for (const ContextMessage& message : run.context) {
    if (message.role != "assistant" || !message.content.is_string()) continue;
    if (step.empty() || step_of_message(message) == step) reply = &message.content.get_ref<const std::string&>();
  }
  return reply;
}

/// What the model is shown of what was said: from the last step that began afresh on.
std::vector<ContextMessage> conversation(const Study& study, const Run& run, bool fresh) {
  std::size_t begin = fresh ? run.context.size() : 0;
  for (std::size_t i = begin; i < run.context.size(); ++i) {
    const StudyStep* of = run.context[i].role == "user" ? study.step(step_of_message(run.context[i])) : nullptr;
    if (of != nullptr && of->fresh) begin = i;
  }
  std::vector<ContextMessage> seen;
  for (std::size_t i = 0; i < run.context.size(); ++i) {
    if (i >= begin || run.context[i].role == "system") seen.push_back(run.context[i]);
  }
  return seen;
}

std::int64_t repeat_of_run(const Run& run) {
  Item item;
  item.id = item_id(run.data, "");
  return repeat_of(run.id, item);
}

/// NaN: it is no number.
double metric_value(const std::string& text) {
  const std::string word(trim(text));
  if (word == "True" || word == "true") return 1;
  if (word == "False" || word == "false") return 0;
  double value = 0;
  const auto result = std::from_chars(word.data(), word.data() + word.size(), value);
  if (result.ec == std::errc() && result.ptr == word.data() + word.size()) return value;
  const auto canonical = canonical_number(word);
  return canonical ? number_of(*canonical) : std::nan("");
}

}  // namespace

std::string step_of_message(const ContextMessage& message) { return text_at(message.more, "step"); }

std::string item_id(const Json& data, const std::string& otherwise) {
  const std::string id = text_at(data, "id");
  return id.empty() ? otherwise : id;
}

Json study_variables(const Study& study, const Json& own, const Run& run) {
  Json variables = run.data;
  variables["parameters"] = own;
  for (const auto& [name, value] : own.items()) variables[name] = value;
  Json steps = Json::object();
  for (const StudyStep& step : study.steps) {
    const std::string* reply = reply_of(run, step.name);
    steps[step.name] =
        Json::object({{"asked", reply != nullptr}, {"reply", reply != nullptr ? *reply : std::string()}});
  }
  variables["steps"] = std::move(steps);
  if (const std::string* last = reply_of(run, "")) variables["reply"] = *last;
  return variables;
}

void DeclaredRunner::setup(Run& run, Step& step) {
  if (models_.empty()) throw RunFailure("no_model", "this runner was made to evaluate: it has no model");
  if (!study_.system) return;
  StepRandom random(step);
  run.say("system", study_.system.render(study_variables(study_, own_, run), random));
}

void DeclaredRunner::ask(const StudyStep& asked, std::size_t index, Run& run, Step& step, const Json& variables) const {
  StepRandom random(step);
  std::string question = asked.ask.render(variables, random);
  if (const std::string more = added_message(run, step.number()); !more.empty()) question += "\n\n" + more;
  const Json more = Json::object({{"step", asked.name}});
  std::vector<ContextMessage> seen = conversation(study_, run, asked.fresh);
  seen.push_back({"user", question, more});
  ChatRequest request;
  request.messages = chat_messages(seen);
  request.params = params_.at(index);
  request.epoch = repeat_of_run(run);
  request.hint = study_.score.hint(variables, study_.extract.values(), random);
  const ChatReply reply = assay::ask(client_, step, "", models_.at(index), request);
  for (const auto& flag : reply.flags.names()) step.log(asked.name + ": reply " + flag);
  run.context.push_back(std::move(seen.back()));
  run.context.push_back({"assistant", reply.text, more});
}

Next DeclaredRunner::step(Run& run, Step& step) {
  const std::size_t index = step.number() - 1;
  if (models_.empty()) throw RunFailure("no_model", "this runner was made to evaluate: it has no model");
  if (index < study_.steps.size()) {
    const StudyStep& asked = study_.steps[index];
    const Json variables = study_variables(study_, own_, run);
    StepRandom random(step);
    if (!asked.when || asked.when.holds(variables, random)) {
      ask(asked, index, run, step, variables);
    } else {
      step.log(asked.name + ": not asked, its condition does not hold");
    }
  }
  return index + 1 < study_.steps.size() ? Next::again : Next::done;
}

std::optional<std::uint64_t> DeclaredRunner::planned_calls(const Run& run) const {
  std::uint64_t calls = 0;
  for (const StudyStep& step : study_.steps)
    calls += reply_of(run, step.name) == nullptr ? 1 : 0;  // a fork shares some
  return calls;
}

Score DeclaredRunner::evaluate(Run& run, Step& step) {
  StepRandom random(step);
  Json variables = study_variables(study_, own_, run);
  const std::string* reply = reply_of(run, study_.extract.from());
  const Found found = reply != nullptr ? study_.extract.find(*reply) : Found{};
  run.answer = Json::object(
      {{"value", found.value ? Json(*found.value) : Json()}, {"rule", found.value ? Json(found.rule) : Json()}});
  variables["answer"] = run.answer["value"];
  if (!variables.contains("reply")) variables["reply"] = "";
  Score score;
  score.verdict = study_.score.judge(found.value, variables, random);
  if (score.verdict != Verdict::none) score.metric("correct", score.verdict == Verdict::correct ? 1 : 0);
  score.metric("unextracted", found.value ? 0 : 1);
  variables["correct"] = score.verdict == Verdict::none ? Json() : Json(score.verdict == Verdict::correct);
  for (const StudyMetric& metric : study_.metrics) {
    std::optional<std::string> text;
    if (metric.rule) {
      const std::string* read = reply_of(run, metric.rule->from());
      if (read != nullptr) text = metric.rule->find(*read).value;
    } else {
      text = metric.value.render(variables, random);
    }
    const double value = text ? metric_value(*text) : std::nan("");
    if (text && std::isnan(value) && !trim(*text).empty() && *text != "None") {
      step.log(LogLevel::warn, "metric " + metric.name + ": '" + truncate_to_width(*text, 60) + "' is no number");
    }
    score.metric(metric.name, value);
  }
  return score;
}

}  // namespace assay
