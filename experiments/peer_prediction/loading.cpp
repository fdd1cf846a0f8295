#include "experiments/peer_prediction/loading.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/words.hpp"
#include "experiments/peer_prediction/configuration.hpp"
#include "experiments/peer_prediction/record.hpp"
#include "experiments/peer_prediction/recorded.hpp"
#include "experiments/peer_prediction/sources.hpp"

namespace assay {
namespace {

const Json kNothing;

const Json& field(const Json& object, const char* name) {
  if (!object.is_object()) return kNothing;
  const auto found = object.find(name);
  return found == object.end() ? kNothing : *found;
}

std::vector<std::string> split(const std::string& text, char between) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  while (from <= text.size()) {
    const std::size_t to = std::min(text.find(between, from), text.size());
    if (const std::string_view part = trim(std::string_view(text).substr(from, to - from)); !part.empty()) {
      parts.emplace_back(part);
    }
    from = to + 1;
  }
  return parts;
}

/// What was typed, by name.
class Typed {
 public:
  Typed(const ParameterTexts& given, Problems& problems) : given_(given), problems_(problems) {
    // One by one: all that is wrong is told. What comes along with each are the defaults of the others.
    for (const auto& [name, text] : given) {
      try {
        const Json resolved = resolve_parameters(peer_parameters(), {{name, text}}, "peer_prediction");
        if (resolved.contains(name)) values_[name] = resolved[name];
      } catch (const Error& error) {
        problems_.add(error);
      }
    }
  }

  bool has(const std::string& name) const { return given_.contains(name); }
  std::optional<std::string> text(const char* name) const {
    const Json& value = field(values_, name);
    return value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt;
  }
  std::optional<std::uint64_t> number(const char* name, std::int64_t least) const {
    const Json& value = field(values_, name);
    if (!value.is_number_integer()) return std::nullopt;
    if (value.get<std::int64_t>() < least) {
      problems_.add(std::string(name) + "=" + dump_json(value) + ": " + std::to_string(least) + " or more is expected");
      return std::nullopt;
    }
    return value.get<std::uint64_t>();
  }

 private:
  const ParameterTexts& given_;
  Problems& problems_;
  Json values_ = Json::object();
};

std::vector<std::pair<std::string, double>> read_labels(const std::string& text, Problems& problems) {
  std::vector<std::pair<std::string, double>> labels;
  for (const std::string& part : split(text, ',')) {
    const std::size_t colon = part.rfind(':');
    double value = 0;
    const std::string number(colon == std::string::npos ? "" : trim(std::string_view(part).substr(colon + 1)));
    const auto [stop, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    const std::string label(trim(std::string_view(part).substr(0, std::min(colon, part.size()))));
    if (number.empty() || error != std::errc() || stop != number.data() + number.size() || label.empty()) {
      problems.add("critic_labels: \"" + part + "\" is no LABEL:VALUE");
      continue;
    }
    labels.emplace_back(label, value);
  }
  if (labels.size() < 2) problems.add("critic_labels: two labels at least, as \"Same:1,Different:0\" in quotes");
  return labels;
}

void read_groups(const std::string& path, PeerSettings& settings, Problems& problems) {
  try {
    const Json groups = parse_json(read_file(path), path);
    for (const auto& [name, members] :
         {std::pair("good_faith", &settings.good_faith), std::pair("problematic", &settings.problematic)}) {
      const Json& listed = field(groups, name);
      const bool texts = listed.is_array() &&
                         std::all_of(listed.begin(), listed.end(), [](const Json& one) { return one.is_string(); });
      if (texts) {
        *members = listed.get<std::vector<std::string>>();
      } else {
        problems.add("groups: " + path + ": " + name + ": a list of agents' names is expected");
      }
    }
  } catch (const Error& error) {
    problems.add(error);
  }
}

void put_groups(PeerSettings& settings, std::vector<std::string>& warnings, Problems& problems) {
  if (const std::vector<std::string> unknown = unknown_members(settings); !unknown.empty()) {
    warnings.push_back("groups name agents that are not there: " + joined(unknown, ", "));
  }
  for (PeerAgent& agent : settings.agents) {
    const auto in = [&](const std::vector<std::string>& names) {
      return std::find(names.begin(), names.end(), agent.name) != names.end();
    };
    if (in(settings.good_faith) && in(settings.problematic)) problems.add("groups: " + agent.name + " is in both");
    if (in(settings.good_faith)) agent.group = "good_faith";
    if (in(settings.problematic)) agent.group = "problematic";
  }
}

void read_mechanisms(const Typed& typed, PeerSettings& settings, Problems& problems) {
  const auto named = typed.text("mechanisms");
  if (!named) return;
  settings.tvd_mi = false;
  bool judge = false;
  for (const std::string& mechanism : split(*named, '+')) {
    if (mechanism == "tvd_mi") {
      settings.tvd_mi = true;
    } else if (mechanism == "judge") {
      judge = true;
    } else if (mechanism == "mi") {
      settings.mi = true;
    } else if (mechanism == "gppm") {
      settings.gppm = true;
    } else {
      problems.add("mechanisms: " + mechanism + " is none of tvd_mi, judge, mi, gppm");
    }
  }
  if (!judge && typed.has("judge") && settings.judge != "none") {
    problems.add("judge=" + settings.judge + ", but mechanisms=" + *named + " has no judge");
  }
  if (!judge) settings.judge = "none";
}

/// Who compares and who judges, of what was typed and what the type of the experiment says.
void read_mechanism_settings(const Typed& typed, PeerSettings& settings, Problems& problems) {
  const bool synthetic = settings.exp_type == "synthetic";
  settings.critic = typed.text("critic").value_or(synthetic ? "preset" : "llm");
  settings.judge = typed.text("judge").value_or(synthetic ? "preset" : "llm");
  for (const char* allowed : {"llm", "preset", "keyword", "keyword_seed", "none", ""}) {
    if (settings.critic == allowed) break;
    if (*allowed == 0) {
      problems.add("critic=" + settings.critic +
                   ": llm, preset, keyword, keyword_seed or none is expected; a panel is critic_model=m1+m2");
    }
  }
  if (typed.has("critic_model") && settings.critic != "llm") {
    problems.add("critic_model= goes with critic=llm, not with critic=" + settings.critic);
  }
  if (typed.has("judge_model") && settings.judge != "llm") {
    problems.add("judge_model= goes with judge=llm, not with judge=" + settings.judge);
  }
  for (const auto& [who, what] : {std::pair("critic", &settings.critic), std::pair("judge", &settings.judge)}) {
    if (*what == "preset" && !synthetic) {
      problems.add(std::string(who) + "=preset knows the distribution of synthetic agents only: exp_type=synthetic");
    }
  }
  settings.critic_models = split(typed.text("critic_model").value_or(settings.model), '+');
  for (auto model = settings.critic_models.begin(); model != settings.critic_models.end(); ++model) {
    if (std::find(settings.critic_models.begin(), model, *model) == model) continue;
    problems.add("critic_model: " + *model + " stands twice: one critic has one voice, name each model once");
  }
  settings.judge_model = typed.text("judge_model").value_or(settings.model);
  if (const auto labels = typed.text("critic_labels")) settings.critic_labels = read_labels(*labels, problems);
  if (const auto count = typed.number("logprobs", 0)) settings.logprobs = static_cast<std::uint32_t>(*count);
  read_mechanisms(typed, settings, problems);
  const std::string context = typed.text("judge_context").value_or(settings.judge == "llm" ? "both" : "without");
  settings.judge_with = settings.judge != "none" && context != "without";
  settings.judge_without = settings.judge != "none" && context != "with";
  if (settings.critic == "none") settings.tvd_mi = false;
  if (!settings.tvd_mi) settings.critic = "none";
  settings.parse = typed.text("parse").value_or(settings.parse);
  settings.pairing = typed.text("pairing").value_or(settings.pairing);
  settings.reading = typed.text("reading").value_or(settings.reading);
  settings.null_response = typed.text("null_response").value_or(settings.null_response);
  settings.attack = typed.text("attack").value_or(settings.attack);
  for (const auto& [who, what] : {std::pair("critic", &settings.critic), std::pair("judge", &settings.judge)}) {
    if (*what == "preset" && settings.attack != "none") {
      problems.add("attack=" + settings.attack + ": " + who +
                   "=preset knows the texts of synthetic agents as they are and would read none of them; leave attack= "
                   "out, or take another " +
                   who + "=");
    }
  }
}

void read_common(const Typed& typed, PeerSettings& settings, std::vector<std::string>& warnings, Problems& problems) {
  if (const auto seed = typed.number("seed", 0)) settings.seed = *seed;
  if (const auto seed = typed.number("bootstrap_seed", 0)) settings.bootstrap_seed = *seed;
  settings.lost = typed.text("lost").value_or(settings.lost);
  if (const auto path = typed.text("groups")) read_groups(*path, settings, problems);
  put_groups(settings, warnings, problems);
}

/// The folder that is written to by itself; "" : none.
std::string autosave_folder(const Typed& typed, bool by_default) {
  const std::string said = typed.text("autosave").value_or(by_default ? "saves/" : "off");
  if (said == "off" || said == "false" || said == "none") return {};
  return said == "on" || said == "true" ? "saves/" : said;
}

std::string plan_line(const PeerPlan& plan, const PeerSettings& settings) {
  const auto n = [](std::uint64_t count, const char* one, const char* many) { return counted(count, one, many); };
  std::string line = "plan: " + n(plan.responses, "response", "responses") + ", " +
                     n(plan.preparations, "preparation", "preparations") + ", " +
                     n(plan.p, "p comparison", "p comparisons") + " and " + counted(plan.q, "of q", "of q") + ", " +
                     n(plan.with + plan.without, "judgement", "judgements");
  if (plan.with > 0 && plan.without > 0) line += " (half of them with the context)";
  if (plan.logp > 0) line += ", " + n(plan.logp, "log-probability call", "log-probability calls");
  line += ": " + n(plan.calls, "call", "calls") + " in all";
  if (settings.tvd_mi && settings.critic != "llm") line += "; the critic (" + settings.critic + ") calls no model";
  return line;
}

/// Recorded comparisons take what says how they are shown, nothing of what would run.
void refuse_for_recorded(const ParameterTexts& given, Problems& problems) {
  for (const auto& [name, text] : given) {
    bool taken = false;
    for (const char* known : {"format", "groups", "lost", "bootstrap_seed", "pairing", "exp_type", "task_description"})
      taken = taken || name == known;
    if (name.starts_with("synthetic.")) taken = true;
    if (!taken) problems.add(name + "=: these comparisons have been made; it is of what is to be run");
  }
}

LoadedBatch load_recorded(std::vector<PeerSource>& sources, const ParameterTexts& given, const Typed& typed,
                          Problems& problems) {
  LoadedBatch batch;
  refuse_for_recorded(given, problems);
  RecordedPeers recorded;
  switch (sources.front().form) {
    case PeerForm::items:
      recorded = recorded_items(sources, problems);
      break;
    case PeerForm::comparisons:
      recorded = recorded_comparisons(sources, problems);
      break;
    default:
      recorded = recorded_results(sources, problems);
  }
  PeerSettings settings;
  settings.recorded = true;
  // A results file tells it in its metadata, or not at all.
  const bool told = sources.front().form != PeerForm::cs329 || !recorded.exp_type.empty();
  settings.exp_type = typed.text("exp_type")
                          .value_or(recorded.exp_type == "synthetic" ? "synthetic"
                                    : told                           ? "llm"
                                                                     : "");
  settings.task_description = typed.text("task_description").value_or(recorded.task_description);
  settings.agents = std::move(recorded.agents);
  settings.critic = settings.judge = "none";
  settings.recorded_critic = std::move(recorded.critic);
  settings.recorded_judge = std::move(recorded.judge);
  settings.critic_models = std::move(recorded.critic_models);
  settings.judge_model = std::move(recorded.judge_model);
  settings.judge_with = settings.judge_without = false;
  settings.pairing = typed.text("pairing").value_or(recorded.pairing.empty() ? "other" : recorded.pairing);
  if (settings.exp_type == "synthetic" && settings.n() >= 2) {
    const Json config = overridden_config(Json::object(), given, problems);
    read_synthetic(field(config, "synthetic"), "", settings, problems);
  }
  read_common(typed, settings, recorded.warnings, problems);
  if (recorded.runs.empty()) problems.add(sources.front().name + ": there is no comparison in it");
  problems.refuse(sources.front().name);
  for (NewRun& run : recorded.runs) {
    RunView view;
    view.status = run.status;
    view.data = run.data;
    view.answer = run.answer;
    run.score = peer_score(peer_task(settings, view));
  }
  batch.info.params = to_json(settings);
  batch.runs = std::move(recorded.runs);
  batch.warnings = std::move(recorded.warnings);
  batch.notes = std::move(recorded.notes);
  batch.notes.push_back("recorded comparisons of " + counted(settings.n(), "agent", "agents") +
                        ": nothing is called; `report` shows what they come to");
  batch.facts = Json::object({{"calls", 0}, {"recorded", to_text(sources.front().form)}});
  return batch;
}

/// Agents that nobody has told what to do: all of them, where a configuration lists none.
void warn_of_silent_agents(const Json& config, const PeerSettings& settings, std::vector<std::string>& warnings) {
  if (settings.exp_type == "synthetic" || !field(config, "agent_perspectives").is_null()) return;
  const auto silent = static_cast<std::uint64_t>(
      std::count_if(settings.agents.begin(), settings.agents.end(),
                    [](const PeerAgent& agent) { return !agent.strategy && !agent.reference; }));
  if (silent == 0) return;
  warnings.push_back("there are no agent_perspectives: " +
                     counted(silent, "agent has no strategy and answers", "agents have no strategy and answer") +
                     " \"" + settings.null_response + "\" (null_response) without a call");
}

/// The one configuration that a data file without one stands for.
Json config_of_data(const Json& file) {
  Json config = Json::object();
  for (const char* key : {"task_description", "agent_perspectives"}) {
    if (file.contains(key)) config[key] = file[key];
  }
  const Json& metadata = field(file, "metadata");
  if (field(metadata, "model_config").is_object()) config["model_config"] = metadata["model_config"];
  if (const Json& type = field(metadata, "experiment_type"); type.is_string()) config["exp_type"] = type;
  return config;
}

std::string prefix_of(const PeerSource& source, bool several) {
  return several ? std::filesystem::path(source.name).stem().string() + "/" : std::string();
}

}  // namespace

PeerPlan peer_plan(const PeerSettings& settings, std::uint64_t tasks, bool given_responses) {
  const std::uint64_t n = settings.n(), pairs = n * (n == 0 ? 0 : n - 1) * tasks;
  const bool synthetic = settings.exp_type == "synthetic";
  PeerPlan plan;
  if (!given_responses && !synthetic) {
    for (const PeerAgent& agent : settings.agents) {
      if (agent.reference || !agent.strategy) continue;
      plan.responses += tasks;
      if (agent.reading && settings.reading != "ignore") plan.preparations += tasks;
    }
  }
  if (settings.tvd_mi) {
    const std::uint64_t critics = settings.critic == "llm" ? settings.critic_models.size() : 1;
    plan.p = pairs * critics;
    if (tasks > 1) {
      plan.q = plan.p * (settings.pairing == "all" ? tasks : settings.pairing == "all_other" ? tasks - 1 : 1);
    }
  }
  plan.with = settings.judge_with ? pairs : 0;
  plan.without = settings.judge_without ? pairs : 0;
  if (settings.mi || settings.gppm) plan.logp = pairs + n * tasks;
  plan.calls = plan.responses + plan.preparations + plan.logp;
  if (settings.critic == "llm") plan.calls += plan.p + plan.q;
  if (settings.judge == "llm") plan.calls += plan.with + plan.without;
  return plan;
}

std::vector<std::string> peer_models(const PeerSettings& settings, bool given_responses) {
  std::vector<std::string> names;
  const auto need = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  if (!given_responses && settings.exp_type != "synthetic") {
    for (const PeerAgent& agent : settings.agents) {
      if (!agent.reference && agent.strategy) need(agent.model.empty() ? settings.model : agent.model);
    }
  }
  if (settings.tvd_mi && settings.critic == "llm") {
    for (const std::string& name : settings.critic_models) need(name);
  }
  if (settings.judge == "llm" && (settings.judge_with || settings.judge_without)) need(settings.judge_model);
  if (settings.mi || settings.gppm) need(settings.model);
  return names;
}

LoadedBatch load_peers(const std::vector<Source>& sources, const ParameterTexts& given) {
  Problems problems;
  const Typed typed(given, problems);
  const std::string format = typed.text("format").value_or("");
  if (!format.empty() && format != "cs329" && format != "items" && format != "comparisons") {
    throw Error("usage", "format=" + format + ": cs329, items or comparisons is expected", "format",
                "leave it out: files are told by their content");
  }
  std::vector<PeerSource> read;
  std::size_t configs = 0, recorded = 0;
  for (const Source& source : sources) {
    read.push_back(read_peer_source(source, format));
    const PeerForm form = read.back().form;
    if (form == PeerForm::config) ++configs;
    if (form != PeerForm::config && form != PeerForm::data) ++recorded;
  }
  const std::string where = sources.front().name;
  for (const PeerSource& source : read) {
    if (recorded > 0 && source.form != read.front().form) {
      throw Error("usage",
                  source.name + " holds " + std::string(to_text(source.form)) + ", " + where + " holds " +
                      std::string(to_text(read.front().form)) + ": they can't be one batch",
                  "", "load them one by one, with as= for a name");
    }
  }
  if (recorded > 0 && sources.front().epochs > 1) {
    throw Error("usage", "epochs=: these comparisons have been made, a repeat of them tells nothing new", "",
                "leave it out");
  }
  if (recorded > 0) return load_recorded(read, given, typed, problems);
  if (configs > 1) {
    throw Error("usage", "two configurations can't be one batch", where, "load them one by one, with as= for a name");
  }

  LoadedBatch batch;
  PeerSettings settings;
  const auto config_at =
      std::find_if(read.begin(), read.end(), [](const PeerSource& source) { return source.form == PeerForm::config; });
  const bool with_data =
      std::any_of(read.begin(), read.end(), [](const PeerSource& source) { return source.form == PeerForm::data; });
  const bool by_config = config_at != read.end();
  PeerSource described = by_config ? *config_at : read.front();
  Json config = by_config ? described.value : config_of_data(described.value);
  if (!by_config) {
    described.folder.clear();
    if (!config.contains("exp_type") && !given.contains("exp_type")) config["exp_type"] = "llm";
    if (config.contains("agent_perspectives") && config["agent_perspectives"].is_array()) {
      config["num_agents"] = config["agent_perspectives"].size();
    } else if (const Json& tasks = field(described.value, "tasks"); tasks.is_array() && !tasks.empty()) {
      config["num_agents"] = field(tasks[0], "responses").size();
    }
  }
  config = overridden_config(std::move(config), given, problems);
  if (with_data) {
    // The files that were named are what is preloaded.
    const auto first =
        std::find_if(read.begin(), read.end(), [](const PeerSource& source) { return source.form == PeerForm::data; });
    config["data_config"]["preload"] = true;
    config["data_config"]["preload_path"] = std::filesystem::absolute(first->name).string();
    config["data_config"].erase("preload_type");
  }
  PeerData data = read_configuration(described, config, settings, batch.notes, problems);
  read_mechanism_settings(typed, settings, problems);
  read_common(typed, settings, batch.warnings, problems);
  settings.autosave = autosave_folder(typed, by_config);

  PeerTasks made;
  bool given_responses = false;
  try {
    if (with_data) {
      given_responses = true;
      std::size_t files = 0;
      for (const PeerSource& source : read) files += source.form == PeerForm::data ? 1 : 0;
      for (const PeerSource& source : read) {
        if (source.form != PeerForm::data) continue;
        std::optional<std::uint64_t> left;
        if (data.n_tasks) left = *data.n_tasks - std::min<std::uint64_t>(*data.n_tasks, made.tasks.size());
        PeerTasks more = given_tasks(source.value, source.name, prefix_of(source, files > 1), left, settings, problems);
        std::move(more.tasks.begin(), more.tasks.end(), std::back_inserter(made.tasks));
        std::move(more.warnings.begin(), more.warnings.end(), std::back_inserter(made.warnings));
      }
    } else if (data.preload == "full" && std::filesystem::exists(data.preload_path)) {
      given_responses = true;
      Source file;
      file.name = data.preload_path.string();
      file.path = data.preload_path;
      const PeerSource preload = read_peer_source(file, "");
      if (preload.form == PeerForm::data) {
        made = given_tasks(preload.value, preload.name, "", data.n_tasks.value_or(10), settings, problems);
      } else {
        problems.add(preload.name + ": holds " + std::string(to_text(preload.form)) +
                     ", a data file {tasks: [{context, responses}]} is expected (preload_path)");
      }
    } else if (settings.exp_type == "synthetic" && !settings.synthetic.joint.empty()) {
      made = synthetic_tasks(data, settings);
    } else if (settings.exp_type == "llm" && std::filesystem::exists(data.data_path)) {
      made = data_items(data, problems);
    }
  } catch (const Error& error) {
    problems.add(error);
  }
  problems.refuse(where);

  for (const Source& source : sources) {
    if (source.limit && *source.limit < made.tasks.size()) made.tasks.resize(*source.limit);
  }
  std::move(made.warnings.begin(), made.warnings.end(), std::back_inserter(batch.warnings));
  if (!given_responses) warn_of_silent_agents(config, settings, batch.warnings);
  const std::uint64_t epochs = sources.front().epochs;
  if (epochs > 1 && (given_responses || settings.exp_type != "synthetic")) {
    throw Error("usage",
                "epochs=" + std::to_string(epochs) +
                    ": repeats of a task would be compared as if they were different tasks, which biases TVD-MI",
                "", "leave it out and give more tasks (n_tasks=), or load again with another seed=");
  }
  if (made.tasks.size() * epochs < 2 && settings.tvd_mi) {
    batch.warnings.push_back("one task: there is no other to draw q from, so there will be no TVD-MI");
  }
  const PeerPlan plan = peer_plan(settings, made.tasks.size() * epochs, given_responses);
  batch.notes.push_back(plan_line(plan, settings));
  batch.facts = Json::object({{"calls", plan.calls},
                              {"responses", plan.responses},
                              {"preparations", plan.preparations},
                              {"p", plan.p},
                              {"q", plan.q},
                              {"judgements", plan.with + plan.without},
                              {"logp", plan.logp}});
  batch.info.params = to_json(settings);
  batch.info.params["given_responses"] = given_responses;
  for (auto& [id, task] : made.tasks) {
    NewRun run;
    run.id = std::move(id);
    run.data = std::move(task);
    batch.runs.push_back(std::move(run));
  }
  return batch;
}

}  // namespace assay
