#include "experiments/peer_prediction/exports.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>

#include "core/text/atomic_file.hpp"
#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/local_time.hpp"
#include "core/text/words.hpp"
#include "experiments/peer_prediction/critics.hpp"
#include "experiments/peer_prediction/item_files.hpp"
#include "experiments/peer_prediction/record.hpp"

namespace assay {
namespace {

namespace fs = std::filesystem;

const Json kNothing;
constexpr const char* kIso = "%Y-%m-%dT%H:%M:%S";
constexpr const char* kStamp = "%Y%m%d_%H%M%S";

const Json& field(const Json& object, const char* name) {
  if (!object.is_object()) return kNothing;
  const auto found = object.find(name);
  return found == object.end() ? kNothing : *found;
}

/// A task's responses as they stand in its answer, else as they were given.
const Json& responses_of(const RunView& run) {
  const Json& own = field(run.answer, "responses");
  return own.is_array() ? own : field(run.data, "responses");
}

Json perspectives_json(const PeerSettings& settings) {
  Json list = Json::array();
  for (std::size_t i = 0; i < settings.n(); ++i) {
    const PeerAgent& agent = settings.agents[i];
    Json one = Json::object();
    if (agent.name != "Agent " + std::to_string(i + 1)) one["condition"] = agent.name;
    one["reading"] = agent.reading ? Json(*agent.reading) : Json();
    one["strategy"] = agent.strategy ? Json(*agent.strategy) : Json();
    if (!agent.model.empty()) one["model_name"] = agent.model;
    if (!agent.group.empty()) one["group"] = agent.group;
    list.push_back(std::move(one));
  }
  return list;
}

/// What the seed tells of an experiment.
Json metadata_json(const BatchView& batch, const PeerSettings& settings) {
  PeerCounts critic, judge;
  UsageSum usage;
  std::uint64_t failed = 0, runs = 0;
  WallTime ended = batch.info().created_at;
  batch.each(true, [&](const RunView& run) {
    ++runs;
    const PeerTask task = peer_task(settings, run);
    for (const PeerCounts& counts : {task.p_counts, task.q_counts}) critic += counts;
    for (const PeerCounts& counts : {task.with_counts, task.without_counts}) judge += counts;
    usage += run.usage;
    ended = std::max(ended, run.ended_at);
    for (const CallRecord& call : batch.calls(run.id)) failed += call.state == CallState::failed ? 1 : 0;
  });
  const auto made = [](const PeerCounts& counts) { return counts.planned - counts.missing; };
  const WallTime started = batch.info().created_at;
  const Json& config = settings.exp_config;
  const Json& data_config = field(config, "data_config");
  return Json::object(
      {{"experiment_type", settings.exp_type},
       {"n_tasks", runs},
       {"num_agents", settings.n()},
       {"start_time", local_time(started, kIso)},
       {"end_time", local_time(ended, kIso)},
       {"duration_seconds", static_cast<double>(ended - started) / 1e6},
       {"f_calls", made(critic)},
       {"judge_calls", made(judge)},
       {"token_usage",
        {{"total_tokens", usage.in + usage.out}, {"completion_tokens", usage.out}, {"prompt_tokens", usage.in}}},
       {"api_calls",
        {{"total_calls", usage.calls},
         {"successful_calls", usage.calls - std::min<std::uint64_t>(usage.calls, failed)},
         {"failed_calls", failed}}},
       {"model_config",
        {{"model_name", settings.model}, {"max_tokens", settings.max_tokens}, {"temperature", settings.temperature}}},
       {"data_config", data_config.is_object() ? data_config : Json::object({{"n_tasks", runs}})}});
}

/// `lacking` (may be null): runs whose responses are still to come, or not to be seen here yet. One that FAILed has
/// none.
Json data_json(const BatchView& batch, const PeerSettings& settings, std::size_t* lacking = nullptr) {
  Json tasks = Json::array();
  batch.each(true, [&](const RunView& run) {
    const Json& responses = responses_of(run);
    if (!responses.is_array()) {
      if (lacking != nullptr && run.status != Status::fail) ++*lacking;
      return;
    }
    const Json& made = field(run.answer, "preparations");
    const Json& preparations = made.is_array() ? made : field(run.data, "preparations");
    Json task = Json::object(
        {{"context", field(run.data, "context")},
         {"preparations", preparations.is_array() ? preparations : Json(std::vector<Json>(settings.n(), Json()))},
         {"responses", responses}});
    // Pairs are drawn by id: where it isn't the place, it goes along.
    if (run.run_id != std::to_string(tasks.size() + 1)) task["id"] = run.run_id;
    tasks.push_back(std::move(task));
  });
  return Json::object({{"task_description", settings.task_description},
                       {"agent_perspectives", perspectives_json(settings)},
                       {"tasks", std::move(tasks)},
                       {"metadata", metadata_json(batch, settings)},
                       {"timestamp", local_time(batch.info().created_at, kStamp)}});
}

/// The texts that were compared, by task.
class Compared {
 public:
  Compared(const BatchView& batch, const PeerSettings& settings) {
    batch.each(true, [&](const RunView& run) {
      const Json& responses = responses_of(run);
      if (!responses.is_array()) return;
      const Json& context = field(run.data, "context");
      for (const Json& response : responses) {
        texts_[run.run_id].push_back(
            response.is_string() ? Json(attacked(settings.attack, response.get<std::string>(),
                                                 context.is_string() ? context.get<std::string>() : std::string()))
                                 : Json());
      }
    });
  }
  const Json& text(const std::string& task, std::size_t agent) const {
    const auto found = texts_.find(task);
    return found == texts_.end() || agent >= found->second.size() ? kNothing : found->second[agent];
  }

 private:
  std::map<std::string, std::vector<Json>> texts_;
};

/// One result of a task: of a comparison or judgement, or the mean over many that are kept as a sum.
struct Entry {
  std::size_t i = 0, j = 0;  ///< from 0
  std::string type, distribution, context, status;
  Json result, partner, critic, raw, recorded;  ///< recorded: the entry itself
  std::uint64_t count = 1, missing = 0;
  bool summed = false;
};

void each_sum(const Json& sums, const char* sort, const std::function<void(Entry)>& visit) {
  const Json& one = field(sums, sort);
  if (!one.is_object()) return;
  const std::string name = sort;
  for (std::size_t i = 0; i < one["sum"].size(); ++i) {
    for (std::size_t j = 0; j < one["sum"].size(); ++j) {
      if (i == j) continue;
      const double count = one["count"][i][j].get<double>();
      Entry entry;
      entry.i = i;
      entry.j = j;
      entry.type = name == "p" || name == "q" ? "critic" : "judge";
      (entry.type == "critic" ? entry.distribution : entry.context) = name;
      entry.count = static_cast<std::uint64_t>(count);
      entry.missing = one["missing"][i][j].get<std::uint64_t>();
      entry.result = count > 0 ? Json(one["sum"][i][j].get<double>() / count) : Json();
      entry.status = count > 0 ? "exact" : "no_response";
      entry.summed = true;
      if (count > 0 || entry.missing > 0) visit(std::move(entry));
    }
  }
}

void each_entry(const RunView& run, const std::function<void(Entry)>& visit) {
  const auto take = [&](const Json& list, const char* type) {
    for (const Json& one : list) {
      const Json& pair = field(one, "agent_pair");
      if (!pair.is_array() || pair.size() != 2) continue;
      Entry entry;
      entry.i = pair[0].get<std::size_t>() - 1;
      entry.j = pair[1].get<std::size_t>() - 1;
      entry.type = type;
      entry.distribution = one.value("distribution", std::string());
      entry.context = one.value("context", std::string());
      entry.status = one.value("status", std::string());
      entry.result = field(one, "result");
      entry.partner = field(one, "partner");
      entry.critic = field(one, "critic");
      entry.raw = field(one, "raw");
      entry.recorded = one;
      visit(std::move(entry));
    }
  };
  take(field(run.answer, "comparisons"), "critic");
  for (const char* sort : {"p", "q", "with", "without"}) each_sum(field(run.answer, "sums"), sort, visit);
  take(field(run.answer, "judgements"), "judge");
}

Json result_entry(const RunView& run, const Entry& entry, const Compared& compared) {
  const auto kept = [&](const char* key, const Json& otherwise) {
    const Json& own = field(entry.recorded, key);
    return own.is_null() ? otherwise : own;
  };
  const bool joint = entry.type == "judge" || entry.distribution == "p";
  const std::string other = joint ? run.run_id : entry.partner.is_string() ? entry.partner.get<std::string>() : "";
  Json more = field(entry.recorded, "metadata");
  if (!more.is_object()) {
    more = Json::object({{"task", run.run_id}});
    if (!entry.partner.is_null()) more["partner"] = entry.partner;
    if (entry.type == "judge") more["context"] = entry.context;
    if (!entry.critic.is_null()) more["critic"] = entry.critic;
    if (entry.summed) more["count"] = entry.count;
  }
  Json out = Json::object({{"agent_pair", {entry.i + 1, entry.j + 1}},
                           {"result", entry.result},
                           {"x", kept("x", compared.text(run.run_id, entry.i))},
                           {"y", kept("y", compared.text(other, entry.j))},
                           {"comparison_type", entry.type},
                           {"prompt", field(entry.recorded, "prompt")},
                           {"distribution", entry.distribution.empty() ? Json() : Json(entry.distribution)},
                           {"raw_response", entry.raw},
                           {"metadata", std::move(more)}});
  if (entry.result.is_null()) out["status"] = entry.status;
  return out;
}

/// A value as it stands inside of two containers of an indented document.
std::string nested(const Json& value) {
  std::string text = "    ";
  for (const char c : dump_json(value, 2)) {
    text += c;
    if (c == '\n') text += "    ";
  }
  return text;
}

/// The whole file, entry by entry: there may be hundreds of thousands. "" when there is none.
std::string results_text(const BatchView& batch, const PeerSettings& settings) {
  const Compared compared(batch, settings);
  std::string entries;
  batch.each(true, [&](const RunView& run) {
    each_entry(run, [&](const Entry& entry) {
      entries += entries.empty() ? "\n" : ",\n";
      entries += nested(result_entry(run, entry, compared));
    });
  });
  if (entries.empty()) return {};
  std::string head = dump_json(Json::object({{"task_description", settings.task_description},
                                             {"agent_perspectives", perspectives_json(settings)}}),
                               2);
  head.resize(head.size() - 2);  // its last line end and brace
  return head + ",\n  \"comparisons\": [" + entries + "\n  ]\n}";
}

/// Who made a comparison, of whom, from where: what a report of the lines says as one of the batch does.
void add_makers(const PeerSettings& settings, const std::vector<double>& lengths, const Entry& entry, Json& line) {
  const bool judge = entry.type == "judge";
  const std::string by = judge ? peer_judge_name(settings) : peer_critic_name(settings);
  if (by != "recorded") line["by"] = by;
  if (by == "llm" && judge && !settings.judge_model.empty()) line["model"] = settings.judge_model;
  if (by == "llm" && !judge) {
    if (!entry.critic.is_null()) {
      line["model"] = entry.critic;
    } else if (settings.critic_models.size() == 1) {
      line["model"] = settings.critic_models.front();
    }
  }
  if (entry.distribution == "q") {
    line["pairing"] = settings.pairing;
  } else {
    const auto length = [&](std::size_t agent) {
      const bool known = agent < lengths.size() && std::isfinite(lengths[agent]);
      return known ? Json(lengths[agent]) : Json();
    };
    line["lengths"] = {length(entry.i), length(entry.j)};
  }
  const auto group = [&](std::size_t agent) {
    return agent < settings.n() && !settings.agents[agent].group.empty() ? Json(settings.agents[agent].group) : Json();
  };
  const Json groups = Json::array({group(entry.i), group(entry.j)});
  if (!groups[0].is_null() || !groups[1].is_null()) line["groups"] = groups;
}

std::string comparison_lines(const BatchView& batch, const PeerSettings& settings) {
  std::string lines;
  batch.each(true, [&](const RunView& run) {
    const std::vector<double> lengths = peer_task(settings, run).lengths;
    each_entry(run, [&](const Entry& entry) {
      const auto name = [&](std::size_t agent) { return agent < settings.n() ? settings.agents[agent].name : ""; };
      Json line = Json::object({{"task", run.run_id},
                                {"agent_pair", {entry.i + 1, entry.j + 1}},
                                {"agents", {name(entry.i), name(entry.j)}},
                                {"distribution", entry.distribution.empty() ? Json() : Json(entry.distribution)},
                                {"partner", entry.partner},
                                {"comparison_type", entry.type},
                                {"context", entry.context.empty() ? Json() : Json(entry.context)},
                                {"result", entry.result},
                                {"raw", entry.raw},
                                {"status", entry.status}});
      if (!entry.critic.is_null()) line["critic"] = entry.critic;
      add_makers(settings, lengths, entry, line);
      if (entry.summed) line["count"] = entry.count;
      if (entry.summed && entry.missing > 0) line["missing"] = entry.missing;
      lines += dump_json(line) + "\n";
    });
  });
  return lines;
}

std::uint64_t unfinished(const BatchView& batch) {
  std::uint64_t count = 0;
  batch.each(false, [&](const RunView& run) { count += run.status != Status::complete ? 1 : 0; });
  return count;
}

const BatchView& one_batch(const std::string& format, const std::vector<const BatchView*>& batches) {
  if (batches.size() == 1) return *batches.front();
  throw Error(
      "usage",
      "export " + format + ": these runs are of " + counted(batches.size(), "batch", "batches") + ", a file holds one",
      "", "select one with batch:NAME");
}

/// A data file holds these tasks, perhaps with others that have FAILed since: what else it tells (calls, times) goes on
/// growing.
bool holds_tasks(const fs::path& path, const Json& data) {
  try {
    const Json file = parse_json(read_file(path.string(), std::size_t{1} << 30), path.string());
    const Json& tasks = field(file, "tasks");
    auto at = tasks.begin();
    for (const Json& task : data["tasks"]) {
      // The id goes along only where it isn't the place, which one left out before it shifts.
      at = std::find_if(at, tasks.end(), [&](const Json& one) {
        return field(one, "responses") == task["responses"] && field(one, "context") == task["context"];
      });
      if (at == tasks.end()) return false;
      ++at;
    }
    return true;
  } catch (const Error&) {
    return false;
  }
}

bool holds_text(const fs::path& path, const std::string& text) {
  std::error_code problem;
  return fs::file_size(path, problem) == text.size() && read_file(path.string(), std::size_t{1} << 30) == text;
}

}  // namespace

std::vector<JointFormat> peer_joint_formats() {
  const std::vector<std::string> kinds = {"peer_prediction"};
  return {{"peer_data", kinds, false, "tasks with their responses, as CS329's framework saves them"},
          {"peer_results", kinds, false, "comparisons and judgements, as CS329's framework saves them"},
          {"items", kinds, true, "a file per task and mechanism: matrices, as llm-peer-prediction has them"},
          {"comparisons", kinds, false, "JSON lines: a comparison or judgement each; load them again"}};
}

JointExport export_peers(const std::string& format, const std::string& path,
                         const std::vector<const BatchView*>& batches) {
  const BatchView& batch = one_batch(format, batches);
  const PeerSettings settings = peer_settings(batch.info().params);
  JointExport out;
  out.runs = batch.size();
  if (format == "peer_data") {
    const Json data = data_json(batch, settings);
    if (!data["tasks"].empty()) out.files.push_back({path, dump_json(data, 2)});
    if (data["tasks"].size() < batch.size()) {
      out.notes.push_back(counted(batch.size() - data["tasks"].size(), "task has", "tasks have") +
                          " no responses yet: left out");
    }
  } else if (format == "peer_results") {
    std::string results = results_text(batch, settings);
    if (!results.empty()) out.files.push_back({path, std::move(results)});
  } else if (format == "comparisons") {
    std::string lines = comparison_lines(batch, settings);
    if (!lines.empty()) out.files.push_back({path, std::move(lines)});
  } else if (format == "items") {
    out.files = peer_item_files(batch, settings);
  } else {
    throw Error("usage", "peer prediction has no export format " + format);
  }
  if (format != "peer_data") {
    if (const std::uint64_t open = unfinished(batch); open > 0) {
      out.notes.push_back(counted(open, "run is", "runs are") + " not COMPLETE: what they have so far is there");
    }
  }
  if (out.files.empty()) out.notes.push_back("run_n first");
  return out;
}

std::vector<std::string> autosave_peers(const BatchView& batch, Milestone reached) {
  const PeerSettings settings = peer_settings(batch.info().params);
  if (settings.autosave.empty() || settings.recorded) return {};
  const bool ended = reached == Milestone::ended;
  std::size_t lacking = 0;
  const Json data = data_json(batch, settings, &lacking);
  // A file of a part of the tasks would later be taken for another batch's: the end brings both.
  if (!ended && lacking > 0) return {};
  const std::string results = ended ? results_text(batch, settings) : std::string();
  if (data["tasks"].empty()) return {};
  const fs::path folder(settings.autosave);
  std::error_code problem;
  fs::create_directories(folder, problem);
  AtomicFileOptions options;
  options.may_replace = false;
  std::vector<std::string> said;
  const auto write = [&](const fs::path& path, const std::string& text, const char* what) {
    write_file(path.string(), text, options);
    said.push_back(batch.info().name + ": " + what + " saved to " + path.string());
  };
  const std::string stem = settings.exp_type + "_" + local_time(batch.info().created_at, kStamp);
  // The results of a batch stand beside its own data, which may have been written long before, or not yet.
  for (int number = 1;; ++number) {
    const std::string name = number == 1 ? stem : stem + "-" + std::to_string(number);
    const fs::path of_data = folder / (name + "_data.json"), of_results = folder / (name + "_results.json");
    const bool data_there = fs::exists(of_data, problem), results_there = fs::exists(of_results, problem);
    if (data_there && !holds_tasks(of_data, data)) continue;
    if (results_there && ended && !holds_text(of_results, results)) continue;
    if (results_there && !data_there) continue;
    if (!data_there) write(of_data, dump_json(data, 2), "responses");
    if (ended && !results.empty() && !results_there) write(of_results, results, "results");
    return said;
  }
}

}  // namespace assay
