#include "repl/inspect_log.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>
#include <filesystem>

#include "core/text/hash.hpp"
#include "core/text/utf8.hpp"

namespace assay {
namespace {

constexpr int kVersion = 2;
constexpr std::size_t kSummaryBytes = 1000;
constexpr double kMicrosPerSecond = 1e6;

std::string iso_time(WallTime at) {
  const auto seconds = static_cast<std::time_t>(at / 1'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S+00:00", &parts);
  return text.data();
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : dump_json(value); }

/// Ids of that program are 22 characters; ours are the same for the same experiment, batch and run.
std::string id_of(const std::string& text) { return to_hex(xxh3_128(text)).substr(0, 22); }

std::string cut(const std::string& text) {
  if (text.size() <= kSummaryBytes) return text;
  return repair_utf8(text.substr(0, kSummaryBytes - 3)) + "...";
}

const std::string& role_of(const std::string& role) {
  static const std::string system = "system", user = "user";
  if (role == "developer") return system;
  return role == "system" || role == "assistant" || role == "user" ? role : user;
}

Json message_of(const BatchInfo& batch, const RunView& run, std::size_t index) {
  const ContextMessage& message = run.context[index];
  Json out = Json::object({{"id", id_of(batch.name + ":" + run.run_id + "/" + std::to_string(index))},
                           {"content", text_of(message.content)},
                           {"role", role_of(message.role)}});
  if (message.role == "assistant") {
    out["source"] = "generate";
    out["model"] = batch.model.empty() ? "none" : batch.model;
  } else if (message.role == "user") {
    out["source"] = "input";
  }
  Json more = message.more.is_object() ? message.more : Json::object();
  if (role_of(message.role) != message.role) more["role"] = message.role;
  if (!more.empty()) out["metadata"] = std::move(more);
  return out;
}

/// The right answer, where a run's data has it under one of the usual names.
Json target_of(const Json& data) {
  if (!data.is_object()) return "";
  for (const char* name : {"answer", "gold", "target", "reference"}) {
    const auto found = data.find(name);
    if (found == data.end() || found->is_null() || found->is_object()) continue;
    if (!found->is_array()) return text_of(*found);
    Json list = Json::array();
    for (const Json& one : *found) list.push_back(text_of(one));
    return list;
  }
  return "";
}

/// What was said before the first answer: one question as a text, else the messages.
Json input_of(const Json& messages, const Json& data) {
  Json first = Json::array();
  for (const Json& message : messages) {
    if (message["role"] == "assistant") break;
    first.push_back(message);
  }
  if (first.size() == 1 && first[0]["role"] == "user") return first[0]["content"];
  if (!first.empty()) return first;
  if (data.is_object() && data.contains("question")) return text_of(data["question"]);
  return data.is_null() ? "" : dump_json(data);
}

Json usage_of(const UsageSum& usage) {
  Json out = Json::object({{"input_tokens", usage.in},
                           {"output_tokens", usage.out},
                           {"total_tokens", usage.in + usage.out},
                           {"input_tokens_cache_read", usage.cached}});
  if (usage.reasoning > 0) out["reasoning_tokens"] = usage.reasoning;
  return out;
}

Json model_usage_of(const std::string& model, const UsageSum& usage) {
  if (model.empty() || usage.calls == 0) return Json::object();
  return Json::object({{model, usage_of(usage)}});
}

Json scores_of(const BatchInfo& batch, const RunView& run) {
  Json scores = Json::object();
  if (run.status != Status::complete) return scores;
  std::string answer;
  if (run.answer.is_object() && run.answer.contains("value")) {
    if (!run.answer["value"].is_null()) answer = text_of(run.answer["value"]);
  } else if (!run.answer.is_null()) {
    answer = text_of(run.answer);
  }
  if (run.score.verdict != Verdict::none) {
    Json score = Json::object({{"value", run.score.verdict == Verdict::correct ? "C" : "I"}});
    if (!answer.empty()) score["answer"] = answer;
    if (run.answer.is_object()) score["metadata"] = run.answer;
    scores[batch.kind.empty() ? "score" : batch.kind] = std::move(score);
  }
  for (const auto& [name, value] : run.score.metrics) {
    if (std::isfinite(value) && name != "correct") scores[name] = Json::object({{"value", value}});
  }
  return scores;
}

}  // namespace

InspectPlace inspect_place(const BatchInfo& batch, const std::string& run_id) {
  const bool repeated = batch.params.is_object() && batch.params.contains("epochs");
  const auto at = repeated ? run_id.rfind('@') : std::string::npos;
  if (at == std::string::npos) return {run_id, 1};
  std::uint64_t epoch = 0;
  const char* end = run_id.data() + run_id.size();
  const auto result = std::from_chars(run_id.data() + at + 1, end, epoch);
  if (result.ec != std::errc() || result.ptr != end || epoch == 0) return {run_id, 1};
  return {run_id.substr(0, at), epoch};
}

std::string inspect_sample_name(const InspectPlace& place) {
  return "samples/" + repair_utf8(place.id) + "_epoch_" + std::to_string(place.epoch) + ".json";
}

bool is_inspect_sample(const RunView& run) { return run.status == Status::complete || run.status == Status::fail; }

Json inspect_sample(const BatchInfo& batch, const RunView& run) {
  const InspectPlace place = inspect_place(batch, run.run_id);
  Json messages = Json::array();
  for (std::size_t i = 0; i < run.context.size(); ++i) messages.push_back(message_of(batch, run, i));
  const std::string model = batch.model.empty() ? "none" : batch.model;
  Json output = Json::object({{"model", model}, {"choices", Json::array()}, {"completion", ""}});
  for (auto message = messages.rbegin(); message != messages.rend(); ++message) {
    if ((*message)["role"] != "assistant") continue;
    output["choices"].push_back(Json::object({{"message", *message}, {"stop_reason", "stop"}}));
    output["completion"] = (*message)["content"];
    break;
  }
  output["usage"] = usage_of(run.usage);
  output["time"] = run.seconds;
  Json sample = Json::object({{"id", place.id},
                              {"epoch", place.epoch},
                              {"input", input_of(messages, run.data)},
                              {"target", target_of(run.data)},
                              {"messages", std::move(messages)},
                              {"output", std::move(output)},
                              {"scores", scores_of(batch, run)},
                              {"metadata", run.data.is_object() ? run.data : Json::object({{"data", run.data}})},
                              {"store", Json::object()},
                              {"events", Json::array()},
                              {"model_usage", model_usage_of(model, run.usage)}});
  if (run.data.is_object() && run.data.contains("options") && run.data["options"].is_array()) {
    sample["choices"] = Json::array();
    for (const Json& option : run.data["options"]) sample["choices"].push_back(text_of(option));
  }
  if (run.ended_at > 0) {
    sample["started_at"] = iso_time(run.ended_at - static_cast<WallTime>(run.seconds * kMicrosPerSecond));
    sample["completed_at"] = iso_time(run.ended_at);
  }
  sample["total_time"] = run.seconds;
  sample["working_time"] = run.seconds;
  sample["uuid"] = id_of(batch.name + ":" + run.run_id);
  if (run.status == Status::fail) {
    const std::string message = run.error.kind + ": " + run.error.message;
    const std::string trace = message + (run.error.place.empty() ? "" : " (" + run.error.place + ")");
    sample["error"] = Json::object({{"message", message}, {"traceback", trace}, {"traceback_ansi", trace}});
  }
  sample["attachments"] = Json::object();
  return sample;
}

Json inspect_summary(const Json& sample) {
  Json summary = Json::object({{"id", sample["id"]}, {"epoch", sample["epoch"]}});
  if (sample["input"].is_string()) {
    summary["input"] = cut(sample["input"].get<std::string>());
  } else {
    summary["input"] = sample["input"];
    for (Json& message : summary["input"]) message["content"] = cut(message["content"].get<std::string>());
  }
  summary["target"] = sample["target"].is_string() ? Json(cut(sample["target"].get<std::string>())) : sample["target"];
  summary["metadata"] = Json::object();
  for (const auto& [name, value] : sample["metadata"].items()) {
    if (value.is_string()) summary["metadata"][name] = cut(value.get<std::string>());
    if (value.is_number() || value.is_boolean()) summary["metadata"][name] = value;
  }
  summary["scores"] = Json::object();
  for (const auto& [name, score] : sample["scores"].items()) {
    Json thin = Json::object({{"value", score["value"]}});
    if (score.contains("answer")) thin["answer"] = cut(score["answer"].get<std::string>());
    summary["scores"][name] = std::move(thin);
  }
  for (const char* key : {"model_usage", "started_at", "completed_at", "total_time", "working_time", "uuid"}) {
    if (sample.contains(key)) summary[key] = sample[key];
  }
  if (sample.contains("error")) summary["error"] = cut(sample["error"]["message"].get<std::string>());
  summary["retries"] = 0;
  summary["completed"] = true;
  summary["message_count"] = sample["messages"].size();
  return summary;
}

InspectHeader::InspectHeader(BatchInfo batch, std::string experiment_id)
    : batch_(std::move(batch)), experiment_(std::move(experiment_id)) {
  metrics_.push_back({batch_.kind.empty() ? "score" : batch_.kind});
}

void InspectHeader::add(const RunView& run) {
  epochs_ = std::max(epochs_, inspect_place(batch_, run.run_id).epoch);
  if (!is_inspect_sample(run)) {
    ++unfinished_;
    return;
  }
  ++(run.status == Status::complete ? complete_ : failed_);
  usage_ += run.usage;
  if (run.ended_at > 0) {
    const WallTime began = run.ended_at - static_cast<WallTime>(run.seconds * kMicrosPerSecond);
    if (first_ == 0 || began < first_) first_ = began;
    last_ = std::max(last_, run.ended_at);
  }
  if (run.status != Status::complete) return;
  const auto count = [&](const std::string& name, double value) {
    auto found = std::find_if(metrics_.begin(), metrics_.end(), [&](const Sums& one) { return one.name == name; });
    if (found == metrics_.end()) found = metrics_.insert(metrics_.end(), Sums{name});
    ++found->n;
    found->sum += value;
    found->squares += value * value;
  };
  if (run.score.verdict != Verdict::none) count(metrics_.front().name, run.score.verdict == Verdict::correct ? 1 : 0);
  for (const auto& [name, value] : run.score.metrics) {
    if (std::isfinite(value) && name != "correct") count(name, value);
  }
}

Json InspectHeader::eval() const {
  const WallTime created = batch_.created_at;
  Json scorers = Json::array();
  for (const Sums& one : metrics_) {
    if (one.n > 0) scorers.push_back(Json::object({{"name", one.name}}));
  }
  Json args = batch_.params.is_object() ? batch_.params : Json::object();
  Json out = Json::object({{"eval_id", id_of(experiment_ + "/eval/" + std::to_string(batch_.id))},
                           {"run_id", id_of(experiment_ + "/run/" + std::to_string(batch_.id))},
                           {"created", iso_time(created)},
                           {"task", batch_.name},
                           {"task_id", id_of(experiment_ + "/task/" + std::to_string(batch_.id))},
                           {"task_version", 0},
                           {"task_attribs", Json::object()},
                           {"task_args", args},
                           {"task_args_passed", args},
                           {"solver", batch_.kind.empty() ? "none" : batch_.kind}});
  Json dataset = Json::object({{"name", std::filesystem::path(batch_.source).filename().string()},
                               {"location", batch_.source},
                               {"samples", samples() + unfinished_},
                               {"shuffled", false}});
  out["dataset"] = std::move(dataset);
  out["model"] = batch_.model.empty() ? "none" : batch_.model;
  out["model_generate_config"] = Json::object();
  out["model_args"] = Json::object();
  out["config"] = Json::object({{"epochs", epochs_}});
  out["packages"] = Json::object();
  out["metadata"] = Json::object({{"written_by", "assay"}, {"kind", batch_.kind}, {"not_run", unfinished_}});
  out["scorers"] = std::move(scorers);
  return out;
}

Json InspectHeader::plan() const {
  Json step = Json::object({{"solver", batch_.kind.empty() ? "none" : batch_.kind},
                            {"params", Json::object()},
                            {"params_passed", Json::object()}});
  return Json::object({{"name", "plan"}, {"steps", Json::array({std::move(step)})}, {"config", Json::object()}});
}

Json InspectHeader::score_entry(const Sums& sums, const std::string& metric, std::uint64_t unscored) {
  const auto n = static_cast<double>(sums.n);
  const double mean = sums.sum / n;
  Json metrics = Json::object();
  metrics[metric] = Json::object({{"name", metric}, {"value", mean}, {"params", Json::object()}});
  if (sums.n > 1) {
    const double variance = std::max(0.0, (sums.squares - n * mean * mean) / (n - 1));
    metrics["stderr"] =
        Json::object({{"name", "stderr"}, {"value", std::sqrt(variance / n)}, {"params", Json::object()}});
  }
  return Json::object({{"name", sums.name},
                       {"scorer", sums.name},
                       {"scored_samples", sums.n},
                       {"unscored_samples", unscored},
                       {"params", Json::object()},
                       {"metrics", std::move(metrics)}});
}

Json InspectHeader::results() const {
  Json scores = Json::array();
  for (const Sums& one : metrics_) {
    if (one.n == 0) continue;
    scores.push_back(score_entry(one, &one == &metrics_.front() ? "accuracy" : "mean", complete_ - one.n));
  }
  return Json::object(
      {{"total_samples", samples() + unfinished_}, {"completed_samples", complete_}, {"scores", std::move(scores)}});
}

Json InspectHeader::start() const { return Json::object({{"version", kVersion}, {"eval", eval()}, {"plan", plan()}}); }

Json InspectHeader::log() const {
  const std::string model = batch_.model.empty() ? "none" : batch_.model;
  return Json::object({{"version", kVersion},
                       {"status", unfinished_ == 0 ? "success" : "cancelled"},
                       {"eval", eval()},
                       {"plan", plan()},
                       {"results", results()},
                       {"stats", Json::object({{"started_at", first_ == 0 ? "" : iso_time(first_)},
                                               {"completed_at", last_ == 0 ? "" : iso_time(last_)},
                                               {"model_usage", model_usage_of(model, usage_)}})},
                       {"invalidated", false}});
}

}  // namespace assay
