// The tasks of a configuration or a data file: items to be answered, drawn ones, given responses.

#include <algorithm>
#include <set>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/json_values.hpp"
#include "core/text/words.hpp"
#include "experiments/peer_prediction/configuration.hpp"
#include "experiments/peer_prediction/critics.hpp"

namespace assay {
namespace {

const Json kNothing;
constexpr std::uint64_t kDefaultTasks = 10;
/// Missing answers that are named one by one; the others are counted.
constexpr std::size_t kMostNulls = 5;

const Json& field(const Json& object, const char* name) {
  if (!object.is_object()) return kNothing;
  const auto found = object.find(name);
  return found == object.end() ? kNothing : *found;
}

std::string id_of(const Json& item, std::size_t position) {
  const Json& id = field(item, "id");
  if (id.is_string() && !id.get_ref<const std::string&>().empty()) return id.get<std::string>();
  return id.is_number() ? dump_json(id) : std::to_string(position + 1);
}

/// The other keys of an item or task.
void keep_rest(const Json& item, Json& data, std::initializer_list<const char*> taken) {
  Json rest = Json::object();
  for (const auto& [key, value] : item.items()) {
    if (std::none_of(taken.begin(), taken.end(), [&key = key](const char* name) { return key == name; })) {
      rest[key] = value;
    }
  }
  if (!rest.empty()) data["metadata"] = std::move(rest);
}

std::string too_few(const std::string& place, std::size_t found, std::uint64_t wanted) {
  return place + ": " + counted(found, "task", "tasks") + " there, n_tasks is " + std::to_string(wanted) +
         ": all of them are taken";
}

}  // namespace

PeerTasks data_items(const PeerData& data, Problems& problems) {
  PeerTasks made;
  const std::string place = data.data_path.string();
  const std::uint64_t wanted = data.n_tasks.value_or(kDefaultTasks);
  const bool needs_reference = data.add_references || data.preload == "partial";
  std::size_t there = 0;
  std::set<std::string> ids;
  InputFile input(place);
  read_json_values(input, {}, [&](Json&& item, const JsonPlace& at) {
    ++there;
    if (made.tasks.size() >= wanted) return;
    const std::string here = place + ": item " + std::to_string(at.index + 1);
    const Json& instruction = field(item, "instruction");
    const Json& question = instruction.is_string() ? instruction : field(item, "input");
    if (!question.is_string()) return problems.add(here + ": neither instruction nor input is a text");
    Json task = Json::object({{"context", question}});
    if (instruction.is_string() && field(item, "input").is_string()) task["input"] = item["input"];
    const Json& reference = field(item, "reference");
    if (reference.is_string()) {
      task["reference"] = reference;
    } else if (needs_reference) {
      problems.add(here + ": reference is missing, which " +
                   (data.add_references ? "add_references" : "preload_type partial") + " takes as an answer");
    }
    keep_rest(item, task, {"id", "instruction", "input", "reference"});
    std::string id = id_of(item, at.index);
    if (!ids.insert(id).second) return problems.add(here + ": a second item of the id " + id);
    made.tasks.emplace_back(std::move(id), std::move(task));
  });
  if (there == 0) problems.add(place + ": there is no item in it");
  if (there > 0 && there < wanted) made.warnings.push_back(too_few(place, there, wanted));
  return made;
}

PeerTasks synthetic_tasks(const PeerData& data, const PeerSettings& settings) {
  PeerTasks made;
  for (std::uint64_t k = 1; k <= data.n_tasks.value_or(kDefaultTasks); ++k) {
    const std::string id = std::to_string(k);
    made.tasks.emplace_back(id, Json::object({{"context", "Synthetic context " + id},
                                              {"values", synthetic_values(settings.synthetic, settings.seed, id)}}));
  }
  return made;
}

PeerTasks given_tasks(const Json& file, const std::string& place, const std::string& prefix,
                      std::optional<std::uint64_t> n_tasks, PeerSettings& settings, Problems& problems) {
  PeerTasks made;
  const Json& tasks = field(file, "tasks");
  if (!tasks.is_array() || tasks.empty()) {
    problems.add(place + ": tasks: a list of {context, responses} is expected" +
                 (tasks.is_array() ? ", it is empty" : ""));
    return made;
  }
  std::vector<std::set<std::string>> texts(settings.n());
  std::size_t nulls = 0;
  std::set<std::string> ids;
  for (std::size_t t = 0; t < tasks.size() && (!n_tasks || t < *n_tasks); ++t) {
    const Json& task = tasks[t];
    const std::string here = place + ": tasks[" + std::to_string(t) + "]";
    const Json& responses = field(task, "responses");
    if (!field(task, "context").is_string()) problems.add(here + ".context: a text is expected");
    if (!responses.is_array() || responses.size() != settings.n()) {
      problems.add(here + ".responses: " + std::to_string(settings.n()) + " texts are expected, one per agent, found " +
                   (responses.is_array() ? std::to_string(responses.size()) : dump_json(responses).substr(0, 40)));
      continue;
    }
    for (std::size_t i = 0; i < responses.size(); ++i) {
      if (responses[i].is_string()) {
        texts[i].insert(responses[i].get<std::string>());
        continue;
      }
      const std::string cell = here + ".responses[" + std::to_string(i) + "] (" + settings.agents[i].name + "): ";
      if (!responses[i].is_null()) {
        problems.add(cell + "a text is expected; leave the task out, or answer it");
      } else if (nulls++ < kMostNulls) {
        made.warnings.push_back(cell + "null: this answer is missing, and so is what would be compared with it");
      }
    }
    Json data = Json::object({{"context", field(task, "context")}, {"responses", responses}});
    const Json& preparations = field(task, "preparations");
    if (preparations.is_array()) data["preparations"] = preparations;
    if (field(task, "reference").is_string()) data["reference"] = task["reference"];
    if (task.is_object()) keep_rest(task, data, {"id", "context", "responses", "preparations", "reference"});
    std::string id = prefix + id_of(task, t);
    if (!ids.insert(id).second) problems.add(here + ": a second task of the id " + id);
    made.tasks.emplace_back(std::move(id), std::move(data));
  }
  if (nulls > kMostNulls) {
    made.warnings.push_back(place + ": " + counted(nulls - kMostNulls, "more answer is", "more answers are") +
                            " missing (null)");
  }
  if (n_tasks && made.tasks.size() < *n_tasks && tasks.size() < *n_tasks) {
    made.warnings.push_back(too_few(place, tasks.size(), *n_tasks));
  }
  for (std::size_t i = 0; i < settings.n(); ++i) {
    PeerAgent& agent = settings.agents[i];
    agent.null_agent = !agent.strategy && !agent.reference && texts[i].size() == 1 && made.tasks.size() > 1 &&
                       settings.exp_type != "synthetic";
  }
  return made;
}

}  // namespace assay
