#include "experiments/peer_prediction/recorded.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "core/text/error.hpp"
#include "core/text/utf8.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

const Json kNothing;
constexpr const char* kNotTold = "recorded";
constexpr std::size_t kMostAgents = 10'000, kShown = 60;

const Json& field(const Json& object, const char* name) {
  if (!object.is_object()) return kNothing;
  const auto found = object.find(name);
  return found == object.end() ? kNothing : *found;
}

std::string text_of(const Json& object, const char* name) {
  const Json& value = field(object, name);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::string shown(const Json& value) { return truncate_to_width(dump_json(value), kShown); }

/// A result as a number; null for one that is missing. false: neither.
bool number_of(const Json& value, Json& number) {
  if (value.is_boolean()) {
    number = value.get<bool>() ? 1 : 0;
    return true;
  }
  number = value;
  return value.is_null() || value.is_number();
}

/// One agent_pair, from 1, of two of `n` agents.
bool good_pair(const Json& pair, std::size_t n) {
  if (!pair.is_array() || pair.size() != 2) return false;
  for (const Json& agent : pair) {
    if (!agent.is_number_integer() || agent.get<std::int64_t>() < 1 || agent.get<std::size_t>() > n) return false;
  }
  return pair[0] != pair[1];
}

NewRun complete_run(std::string id, const char* form) {
  NewRun run;
  run.id = std::move(id);
  run.data = Json::object({{"recorded", form}});
  run.status = Status::complete;
  run.steps = 3;
  return run;
}

Json empty_answer() { return Json::object({{"comparisons", Json::array()}, {"judgements", Json::array()}}); }

/// What is kept of a comparison besides its pair and result.
void copy_keys(const Json& from, Json& to, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (const Json& value = field(from, key); !value.is_null()) to[key] = value;
  }
}

std::string status_of(const Json& entry, const Json& result) {
  const std::string status = text_of(entry, "status");
  if (!status.empty()) return status;
  return result.is_null() ? "no_response" : "exact";
}

/// The agents of several files are the same people.
bool same_agents(const std::vector<PeerAgent>& a, const std::vector<PeerAgent>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const PeerAgent& x, const PeerAgent& y) {
    return x.name == y.name && x.reading == y.reading && x.strategy == y.strategy;
  });
}

/// The runs of one results file.
class Results {
 public:
  Results(const PeerSource& source, std::size_t agents, std::string prefix, std::vector<std::string>& warnings,
          Problems& problems)
      : source_(source), agents_(agents), prefix_(std::move(prefix)), problems_(problems), warnings_(warnings) {}

  std::vector<NewRun> runs() {
    const Json& comparisons = field(source_.value, "comparisons");
    if (!comparisons.is_array()) {
      problems_.add(source_.name + ": comparisons is no list");
      return {};
    }
    for (std::size_t i = 0; i < comparisons.size(); ++i) take(comparisons[i], i);
    for (NewRun& run : runs_) answers_to(run);
    compare_numbers();
    return std::move(runs_);
  }

 private:
  void take(const Json& entry, std::size_t index) {
    const std::string place = source_.name + ": comparisons[" + std::to_string(index) + "]";
    const std::string type = text_of(entry, "comparison_type"), distribution = text_of(entry, "distribution");
    Json result;
    if (!good_pair(field(entry, "agent_pair"), agents_)) {
      return problems_.add(place + ": agent_pair " + shown(field(entry, "agent_pair")) + " is no pair of two of the " +
                           std::to_string(agents_) + " agents, counted from 1");
    }
    if (type != "judge" && (type != "critic" || (distribution != "p" && distribution != "q"))) {
      return problems_.add(place + ": comparison_type " + shown(field(entry, "comparison_type")) + ", distribution " +
                           shown(field(entry, "distribution")) + "; expected critic with p or q, or judge");
    }
    if (!number_of(field(entry, "result"), result)) {
      return problems_.add(place + ": result " + shown(field(entry, "result")) + " is no number");
    }
    const bool with = type == "judge" && text_of(field(entry, "metadata"), "context") == "with";
    const std::string key = type + distribution + (with ? "with" : "") + dump_json(entry["agent_pair"]);
    const std::size_t t = seen_[key]++;
    while (runs_.size() <= t) {
      runs_.push_back(complete_run(prefix_ + std::to_string(runs_.size() + 1), "cs329"));
      answers_.push_back(empty_answer());
    }
    Json kept = Json::object({{"agent_pair", entry["agent_pair"]}});
    if (type == "judge") {
      kept["context"] = with ? "with" : "without";
    } else {
      kept["distribution"] = distribution;
      kept["partner"] = nullptr;
    }
    kept["result"] = result;
    kept["status"] = status_of(entry, result);
    if (const Json& raw = field(entry, "raw_response"); raw.is_string()) kept["raw"] = raw;
    copy_keys(entry, kept, {"x", "y", "prompt", "metadata"});
    answers_[t][type == "judge" ? "judgements" : "comparisons"].push_back(std::move(kept));
  }

  /// Task t holds the t-th entry of every pair: where a pair lacks one, its later ones stand with other tasks.
  void compare_numbers() {
    for (const auto& [sort, words] :
         {std::pair("criticp", "p"), std::pair("criticq", "q"), std::pair("judge", "judgements")}) {
      std::size_t least = runs_.size() + 1, most = 0;
      for (const auto& [key, number] : seen_) {
        if (!key.starts_with(sort)) continue;
        least = std::min(least, number);
        most = std::max(most, number);
      }
      if (least >= most) continue;
      warnings_.push_back(source_.name + ": " + words + ": pairs of agents have " + std::to_string(least) + " to " +
                          counted(most, "entry", "entries") +
                          "; which tasks some lack is not told, so entries may stand with other tasks than their own");
    }
  }

  void answers_to(NewRun& run) { run.answer = std::move(answers_[static_cast<std::size_t>(&run - runs_.data())]); }

  const PeerSource& source_;
  const std::size_t agents_;
  const std::string prefix_;
  Problems& problems_;
  std::vector<std::string>& warnings_;
  std::map<std::string, std::size_t> seen_;
  std::vector<NewRun> runs_;
  std::vector<Json> answers_;
};

/// The agents that a results file speaks of: as it lists them, else as many as its pairs name.
std::vector<PeerAgent> agents_of_results(const PeerSource& source, Problems& problems) {
  if (const Json& listed = field(source.value, "agent_perspectives"); !listed.is_null()) {
    return peer_agents(listed, source.name + ": agent_perspectives", problems);
  }
  std::size_t most = 0;
  for (const Json& entry : field(source.value, "comparisons")) {
    for (const Json& agent : field(entry, "agent_pair")) {
      if (agent.is_number_unsigned() && agent.get<std::size_t>() <= kMostAgents) {
        most = std::max(most, agent.get<std::size_t>());
      }
    }
  }
  Json listed = Json::array();
  for (std::size_t i = 0; i < most; ++i) listed.push_back(Json::object());
  return peer_agents(listed, source.name, problems);
}

/// A line's agents as a pair from 1: by numbers, whose names it may tell too, or by names, which become known in the
/// order of their coming.
Json pair_of_line(const Json& line, std::vector<std::string>& names) {
  const Json &pair = field(line, "agent_pair"), &agents = field(line, "agents");
  const auto name_at = [&](std::size_t k) {
    return agents.is_array() && k < agents.size() && agents[k].is_string() ? agents[k].get<std::string>()
                                                                           : std::string();
  };
  if (pair.is_array()) {
    for (std::size_t k = 0; k < pair.size(); ++k) {
      const bool known = pair[k].is_number_unsigned() && pair[k] > 0 && pair[k] <= kMostAgents;
      if (!known || name_at(k).empty()) continue;
      const auto at = pair[k].get<std::size_t>();
      if (names.size() < at) names.resize(at);
      names[at - 1] = name_at(k);
    }
    return pair;
  }
  Json found = Json::array();
  for (std::size_t k = 0; agents.is_array() && k < agents.size(); ++k) {
    const std::string name = name_at(k);
    if (name.empty()) return nullptr;
    auto known = std::find(names.begin(), names.end(), name);
    if (known == names.end()) known = names.insert(names.end(), name);
    found.push_back(known - names.begin() + 1);
  }
  return found;
}

std::string task_of_line(const Json& line) {
  const Json& task = field(line, "task");
  if (task.is_string()) return task.get<std::string>();
  return task.is_null() ? std::string() : dump_json(task);
}

/// A line that stands for many comparisons (free critics keep sums): into the sums of its run.
void take_sum(Json& answer, std::size_t n, const std::string& sort, const Json& line, const Json& pair,
              const Json& result) {
  Json& sums = answer["sums"][sort];
  if (sums.is_null()) {
    for (const char* key : {"sum", "count", "missing"}) {
      sums[key] = Json::array();
      for (std::size_t i = 0; i < n; ++i) sums[key].push_back(Json(std::vector<double>(n, 0.0)));
    }
  }
  const auto i = pair[0].get<std::size_t>() - 1, j = pair[1].get<std::size_t>() - 1;
  const double count = field(line, "count").is_number() ? line["count"].get<double>() : 0;
  if (result.is_number()) {
    sums["sum"][i][j] = result.get<double>() * count;
    sums["count"][i][j] = count;
  }
  if (field(line, "missing").is_number()) sums["missing"][i][j] = line["missing"];
}

/// What a line tells besides its result: who made it, of which groups and how long the answers are.
void take_makers(const Json& line, const Json& pair, RecordedPeers& recorded, NewRun& run) {
  const bool judge = text_of(line, "comparison_type") == "judge";
  const std::string by = text_of(line, "by"), model = text_of(line, "model"), pairing = text_of(line, "pairing");
  std::string& who = judge ? recorded.judge : recorded.critic;
  if (!by.empty() || who.empty()) who = by.empty() ? kNotTold : by;
  if (judge && !model.empty()) recorded.judge_model = model;
  auto& critics = recorded.critic_models;
  if (!judge && !model.empty() && std::find(critics.begin(), critics.end(), model) == critics.end()) {
    critics.push_back(model);
  }
  for (const char* known : {"other", "derangement", "all_other", "product", "permutation", "all", "recorded"}) {
    if (pairing == known) recorded.pairing = pairing;
  }
  const Json &groups = field(line, "groups"), &lengths = field(line, "lengths");
  for (std::size_t k = 0; k < 2; ++k) {
    const auto agent = pair[k].get<std::size_t>() - 1;
    if (groups.is_array() && k < groups.size() && (groups[k] == "good_faith" || groups[k] == "problematic")) {
      recorded.agents[agent].group = groups[k].get<std::string>();
    }
    if (!lengths.is_array() || k >= lengths.size() || !lengths[k].is_number()) continue;
    Json& known = run.data["lengths"];
    if (known.is_null()) known = Json(std::vector<Json>(recorded.agents.size(), Json()));
    known[agent] = lengths[k];
  }
}

}  // namespace

std::vector<PeerAgent> peer_agents(const Json& perspectives, const std::string& place, Problems& problems) {
  std::vector<PeerAgent> agents;
  if (!perspectives.is_array()) {
    problems.add(place + ": a list of {reading, strategy} is expected, found " + shown(perspectives));
    return agents;
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < perspectives.size(); ++i) {
    const Json& one = perspectives[i];
    const std::string here = place + "[" + std::to_string(i) + "]";
    PeerAgent agent;
    agent.name = "Agent " + std::to_string(i + 1);
    if (!one.is_object()) {
      problems.add(here + ": an object {reading, strategy} is expected, found " + shown(one));
    }
    const auto text = [&](const char* key) -> std::optional<std::string> {
      const Json& value = field(one, key);
      if (value.is_string()) return value.get<std::string>();
      if (!value.is_null()) {
        problems.add(here + "." + key + ": a text or null is expected, found " + shown(value));
      }
      return std::nullopt;
    };
    agent.reading = text("reading");
    agent.strategy = text("strategy");
    if (const auto name = text("condition"); name && !trim(*name).empty()) agent.name = *name;
    agent.model = text("model_name").value_or("");
    agent.group = text("group").value_or("");
    if (!agent.group.empty() && agent.group != "good_faith" && agent.group != "problematic") {
      problems.add(here + ".group: \"" + agent.group + "\", expected good_faith or problematic");
    }
    agent.reference = agent.name == "Reference" && !agent.strategy;
    agent.null_agent = !agent.strategy && !agent.reference;
    if (!names.insert(agent.name).second) problems.add(here + ": a second agent of the name \"" + agent.name + "\"");
    agents.push_back(std::move(agent));
  }
  return agents;
}

RecordedPeers recorded_results(const std::vector<PeerSource>& sources, Problems& problems) {
  RecordedPeers recorded;
  recorded.pairing = "recorded";
  for (const PeerSource& source : sources) {
    std::vector<PeerAgent> agents = agents_of_results(source, problems);
    if (&source != &sources.front() && !same_agents(agents, recorded.agents)) {
      problems.add(source.name + ": its agents are not those of " + sources.front().name);
      continue;
    }
    recorded.agents = std::move(agents);
    if (const std::string told = text_of(source.value, "task_description"); !told.empty()) {
      recorded.task_description = told;
    }
    recorded.exp_type = text_of(field(source.value, "metadata"), "experiment_type");
    const std::string prefix = sources.size() > 1 ? std::filesystem::path(source.name).stem().string() + "/" : "";
    std::vector<NewRun> runs = Results(source, recorded.agents.size(), prefix, recorded.warnings, problems).runs();
    std::move(runs.begin(), runs.end(), std::back_inserter(recorded.runs));
  }
  return recorded;
}

RecordedPeers recorded_comparisons(const std::vector<PeerSource>& sources, Problems& problems) {
  RecordedPeers recorded;
  std::vector<std::string> names;
  std::size_t most = 0;
  for (const PeerSource& source : sources) {
    for (const PeerPart& part : source.parts) {
      for (const Json& agent : pair_of_line(part.value, names)) {
        if (agent.is_number_integer() && agent.get<std::int64_t>() > 0 && agent.get<std::size_t>() <= kMostAgents) {
          most = std::max(most, agent.get<std::size_t>());
        }
      }
    }
  }
  for (std::size_t i = 0; i < most; ++i) {
    PeerAgent agent;
    agent.name = i < names.size() && !names[i].empty() ? names[i] : "Agent " + std::to_string(i + 1);
    recorded.agents.push_back(std::move(agent));
  }
  std::map<std::string, std::size_t> index;
  std::vector<Json> answers;
  for (const PeerSource& source : sources) {
    for (const auto& [place, line] : source.parts) {
      const std::string type = text_of(line, "comparison_type"), distribution = text_of(line, "distribution");
      const std::string context = text_of(line, "context"), task = task_of_line(line);
      const Json pair = pair_of_line(line, names);
      Json result;
      if (task.empty()) {
        problems.add(place + ": task is missing");
      } else if (!good_pair(pair, most)) {
        problems.add(place + ": agent_pair or agents: two different agents are expected, found " + dump_json(pair));
      } else if (type != "judge" && (type != "critic" || (distribution != "p" && distribution != "q"))) {
        problems.add(place + ": comparison_type critic with distribution p or q, or judge, is expected");
      } else if (!number_of(field(line, "result"), result)) {
        problems.add(place + ": result " + shown(field(line, "result")) + " is no number");
      } else {
        const auto [at, fresh] = index.try_emplace(task, answers.size());
        if (fresh) {
          recorded.runs.push_back(complete_run(task, "comparisons"));
          answers.push_back(empty_answer());
        }
        Json& answer = answers[at->second];
        take_makers(line, pair, recorded, recorded.runs[at->second]);
        const bool with = context == "with" || context == "with_context";
        if (field(line, "count").is_number() || field(line, "missing").is_number()) {
          take_sum(answer, most, type == "judge" ? (with ? "with" : "without") : distribution, line, pair, result);
          continue;
        }
        Json kept = Json::object({{"agent_pair", pair}});
        if (type == "judge") {
          kept["context"] = with ? "with" : "without";
        } else {
          kept["distribution"] = distribution;
          copy_keys(line, kept, {"critic"});
          kept["partner"] = field(line, "partner");
        }
        kept["result"] = result;
        kept["status"] = status_of(line, result);
        copy_keys(line, kept, {"raw", "x", "y"});
        answer[type == "judge" ? "judgements" : "comparisons"].push_back(std::move(kept));
      }
    }
  }
  for (std::size_t i = 0; i < answers.size(); ++i) recorded.runs[i].answer = std::move(answers[i]);
  // Lines that name who made them are ours: of whom there is none, there was none.
  const auto told = [](const std::string& who) { return !who.empty() && who != kNotTold; };
  if (told(recorded.critic) && recorded.judge.empty()) recorded.judge = "none";
  if (told(recorded.judge) && recorded.critic.empty()) recorded.critic = "none";
  return recorded;
}

}  // namespace assay
