#include "experiments/annotation/runner.hpp"

#include "core/statistics/named_stream.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/annotation/metrics.hpp"
#include "experiments/annotation/parsing.hpp"
#include "experiments/annotation/record.hpp"
#include "experiments/discussion/history_window.hpp"
#include "experiments/discussion/prompt_forms.hpp"
#include "experiments/discussion/result_file.hpp"
#include "experiments/discussion/runner.hpp"
#include "experiments/discussion/text_rules.hpp"

namespace assay {
namespace {

bool is_moderator(const AnnotationTask& task, const std::string& name) {
  if (task.settings.moderator_by_name) return ascii_lower(name).find("moderator") != std::string::npos;
  return task.moderator && name == *task.moderator;
}

RunView view_of(const Run& run) {
  RunView view;
  view.run_id = run.id;
  view.status = Status::complete;
  view.data = run.data;
  view.answer = run.answer;
  view.context = run.context;
  return view;
}

std::optional<std::int64_t> seed_of(const AnnotationTask& task, std::size_t index) {
  const std::string& setting = task.settings.decoding.model_seed;
  if (setting == "off") return std::nullopt;
  if (setting != "run") return std::stoll(setting);
  constexpr std::uint64_t kLow31 = 0x7FFFFFFF;
  std::string key = std::to_string(task.seed) + "/" + task.conv_id + "/" + std::to_string(task.annotator) + "/model/" +
                    std::to_string(index) + "/annotator";
  if (task.epoch > 1) key += "/" + std::to_string(task.epoch);
  return static_cast<std::int64_t>(NamedStream(key).state() & kLow31);
}

}  // namespace

bool is_read(const AnnotationTask& task, const AnnotationTask::Comment& comment) {
  return task.settings.include_mod_comments || !is_moderator(task, comment.name);
}

std::string annotation_file_id(const AnnotationTask& task) {
  return task.conv_id.substr(0, 8) + "-a" + std::to_string(task.annotator);
}

AnnotationTask annotation_task(const Json& data) {
  AnnotationTask task;
  try {
    const Json &discussion = data.at("discussion"), &annotator = data.at("annotator");
    task.conv_id = data.at("conv_id").get<std::string>();
    if (discussion.at("moderator").is_string()) task.moderator = discussion["moderator"].get<std::string>();
    for (const Json& entry : discussion.at("log")) {
      task.log.push_back({entry.at("name").get<std::string>(), entry.at("text").get<std::string>()});
    }
    task.annotator = annotator.at("index").get<std::size_t>();
    task.annotator_name = annotator.value("name", std::string());
    task.persona = annotator.value("persona", Json());
    task.attributes = annotator.value("attributes", std::vector<std::string>());
    task.seed = data.value("seed", std::uint64_t{0});
    task.epoch = data.value("epoch", std::uint64_t{1});
  } catch (const Json::exception& problem) {
    throw Error("file", "this is no annotation to be run: " + std::string(problem.what()), "data");
  }
  task.settings = annotation_settings_from(data.value("settings", Json()));
  return task;
}

Json to_json(const AnnotationTask& task) {
  Json log = Json::array();
  for (const auto& comment : task.log) log.push_back({{"name", comment.name}, {"text", comment.text}});
  Json annotator = Json::object({{"index", task.annotator}, {"name", task.annotator_name}, {"persona", task.persona}});
  if (!task.attributes.empty()) annotator["attributes"] = task.attributes;
  Json discussion = Json::object({{"moderator", task.moderator ? Json(*task.moderator) : Json()}, {"log", log}});
  return Json::object({{"conv_id", task.conv_id},
                       {"discussion", std::move(discussion)},
                       {"annotator", std::move(annotator)},
                       {"settings", to_json(task.settings)},
                       {"seed", task.seed}});
}

std::string annotator_prompt(const AnnotationTask& task) {
  PromptSpeaker speaker;
  speaker.role = PromptSpeaker::Role::annotator;
  speaker.name = task.annotator_name;
  speaker.persona = task.persona;
  speaker.attributes = task.attributes;
  speaker.instructions = task.settings.instructions;
  return system_prompt(task.settings.format, speaker, task.settings.context, "", task.settings.persona_style);
}

std::vector<std::size_t> judged_comments(const AnnotationTask& task) {
  const SilenceRule silent("quotes");
  std::vector<std::size_t> judged;
  for (std::size_t i = 0; i < task.log.size(); ++i) {
    if (!is_read(task, task.log[i])) continue;
    if (task.settings.skip_silent && silent(task.log[i].text)) continue;
    judged.push_back(i);
  }
  if (task.settings.whole_discussion && judged.size() > 1) judged = {judged.back()};
  return judged;
}

std::string judging_prompt(const AnnotationTask& task, std::size_t index) {
  const AnnotationSettings& settings = task.settings;
  HistoryWindow window(settings.whole_discussion ? std::nullopt : settings.text.history);
  for (std::size_t i = 0; i <= index; ++i) {
    const auto& comment = task.log.at(i);
    if (is_read(task, comment))
      window.push(history_item(settings.format, comment.name, comment.text, settings.text.wrap));
  }
  return annotation_prompt(settings.format, window.text());
}

Next AnnotationRunner::step(Run& run, Step& step) {
  const AnnotationTask task = annotation_task(run.data);
  const std::vector<std::size_t> judged = judged_comments(task);
  if (judged.empty()) return Next::done;
  const std::size_t at = step.number() - 1;
  if (at >= judged.size()) return Next::done;
  const std::size_t index = judged[at];
  ChatRequest request;
  request.messages.emplace_back(Role::system, annotator_prompt(task));
  request.messages.emplace_back(Role::user, judging_prompt(task, index));
  request.params = decoding_params(task.settings.decoding, seed_of(task, index));
  request.epoch = static_cast<std::int64_t>(task.epoch) - 1;
  if (!model_) throw RunFailure("no_model", "this runner was made to evaluate: it has no model");
  auto reply = client_.call(step, "annotate", model_, request);
  if (!reply) fail_run(reply.error(), "comment " + std::to_string(index) + " of " + task.conv_id);
  for (const auto& flag : reply->flags.names()) step.log("comment " + std::to_string(index) + ": reply " + flag);
  const std::string annotation = filtered(reply->text, task.settings.text);
  run.context.push_back({"user", task.log[index].text, {{"index", index}, {"name", task.log[index].name}}});
  Json more = Json::object({{"index", index}});
  run.log(Json::object({{"index", index}, {"name", task.log[index].name}, {"annotation", annotation}}));
  const bool last = at + 1 == judged.size();
  if (last) more["at"] = step.now();
  if (tell_) {
    tell_(LogLevel::debug, run.batch + ":" + run.id + " comment " + std::to_string(index) + ": " + annotation,
          step.now());
    if (last) tell_(LogLevel::info, run.batch + ":" + run.id + " ends", step.now());
  }
  run.context.push_back({"assistant", annotation, std::move(more)});
  if (!last) return Next::again;
  if (!task.settings.write_dir.empty()) {
    const AnnotationRecord record = annotation_record(view_of(run));
    const WallTime ended = run.context.back().more["at"].get<WallTime>();
    const std::string id = annotation_file_id(task);
    try {
      step.log("written to " + write_result(task.settings.write_dir, result_file_name(ended, id), id,
                                            annotation_file(record, record.format)));
    } catch (const std::exception& problem) {
      step.log(LogLevel::warn, std::string("its file was not written: ") + problem.what());
    }
  }
  return Next::done;
}

std::pair<double, double> evaluated_scale(const Json& entry, const std::string& key, const AnnotationParsing& parsing) {
  const Json scales = entry.is_object() ? entry.value("scale", Json::object()) : Json::object();
  const auto found = scales.find(key);
  if (found == scales.end() || found->size() != 2) return parsing.scale_of(key);
  return {(*found)[0].get<double>(), (*found)[1].get<double>()};
}

std::pair<Json, Score> read_annotations(const AnnotationRecord& record, AnnotationParsing parsing, bool tell_scale) {
  const AnnotationParser parser(std::move(parsing));
  Json answer = Json::array();
  std::vector<ParsedAnnotation> parsed;
  for (const auto& entry : record.entries) {
    ParsedAnnotation one = parser(entry.annotation);
    Json values = Json::object();
    for (const auto& [key, value] : one.values) values[key] = value;
    // A result file names no positions: they are known once it is joined to its discussion.
    Json row = Json::object({{"index", entry.index ? Json(*entry.index) : Json()}, {"values", std::move(values)}});
    if (one.malformed > 0) row["malformed"] = one.malformed;
    for (const auto& [key, value] : one.values) {
      if (!tell_scale) break;
      const auto [lo, hi] = parser.settings().scale_of(key);
      row["scale"][key] = {lo, hi};
    }
    answer.push_back(std::move(row));
    parsed.push_back(std::move(one));
  }
  Score score;
  add_annotation_metrics(score, parsed, parser.settings());
  return {std::move(answer), std::move(score)};
}

Score AnnotationRunner::evaluate(Run& run, Step&) {
  Json reading = run.data.value("settings", Json::object());
  reading.update(reading_);
  auto [answer, score] = read_annotations(annotation_record(view_of(run)), parsing_from(reading), !reading_.empty());
  run.answer = std::move(answer);
  return score;
}

std::optional<std::uint64_t> AnnotationRunner::planned_calls(const Run& run) const {
  return judged_comments(annotation_task(run.data)).size();
}

}  // namespace assay
