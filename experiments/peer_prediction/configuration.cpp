#include "experiments/peer_prediction/configuration.hpp"

#include <algorithm>
#include <cmath>

#include "core/text/error.hpp"
#include "core/text/file_there.hpp"
#include "core/text/utf8.hpp"
#include "core/text/words.hpp"
#include "experiments/peer_prediction/recorded.hpp"

namespace assay {
namespace {

const Json kNothing;
constexpr double kSumsToOne = 1e-9;
constexpr std::size_t kShown = 60;
constexpr const char* kDefaultModel = "gpt-4o-mini";

const Json& field(const Json& object, const std::string& name) {
  if (!object.is_object()) return kNothing;
  const auto found = object.find(name);
  return found == object.end() ? kNothing : *found;
}

std::string shown(const Json& value) { return truncate_to_width(dump_json(value), kShown); }

/// A value as it was typed: a number, true, null, a list, an object, else a text.
Json typed_value(const std::string& text) {
  try {
    return parse_json(text, "");
  } catch (const Error&) {
    return text;
  }
}

/// Reads keys of one object, each with its type; what it has not asked for is unknown.
class Keys {
 public:
  Keys(const Json& object, std::string place, Problems& problems)
      : object_(object), place_(std::move(place)), problems_(problems) {
    if (!object.is_null() && !object.is_object()) expected("", "an object");
  }

  const Json& any(const std::string& key) {
    known_.push_back(key);
    return field(object_, key);
  }
  std::optional<std::string> text(const std::string& key) {
    const Json& value = any(key);
    if (value.is_string()) return value.get<std::string>();
    if (!value.is_null()) expected(key, "a text");
    return std::nullopt;
  }
  std::optional<bool> truth(const std::string& key) {
    const Json& value = any(key);
    if (value.is_boolean()) return value.get<bool>();
    if (!value.is_null()) expected(key, "true or false");
    return std::nullopt;
  }
  std::optional<std::int64_t> whole(const std::string& key, std::int64_t least) {
    const Json& value = any(key);
    if (value.is_number_integer() && value.get<std::int64_t>() >= least) return value.get<std::int64_t>();
    if (!value.is_null()) expected(key, "a whole number, " + std::to_string(least) + " or more");
    return std::nullopt;
  }
  std::optional<double> number(const std::string& key, double least) {
    const Json& value = any(key);
    if (value.is_number() && value.get<double>() >= least) return value.get<double>();
    if (!value.is_null()) expected(key, "a number, " + dump_json(Json(least)) + " or more");
    return std::nullopt;
  }
  void expected(const std::string& key, const std::string& what) {
    problems_.add(place_ + key + ": found " + shown(key.empty() ? object_ : field(object_, key)) + ", expected " +
                  what);
  }
  void add(const std::string& key, const std::string& problem) { problems_.add(place_ + key + ": " + problem); }
  /// Keys that nobody asked for.
  std::vector<std::string> unknown() const {
    std::vector<std::string> names;
    if (!object_.is_object()) return names;
    for (const auto& [key, value] : object_.items()) {
      if (std::find(known_.begin(), known_.end(), key) == known_.end()) names.push_back(key);
    }
    return names;
  }

 private:
  const Json& object_;
  const std::string place_;
  Problems& problems_;
  std::vector<std::string> known_;
};

/// The levels of a nested array; entries appended in row-major order. false: no such array.
bool flatten(const Json& value, std::size_t depth, std::size_t agents, PeerSynthetic& synthetic) {
  if (depth == agents) {
    if (!value.is_number()) return false;
    synthetic.joint.push_back(value.get<double>());
    return true;
  }
  if (!value.is_array() || value.empty()) return false;
  if (synthetic.levels.size() == depth) synthetic.levels.push_back(value.size());
  if (synthetic.levels[depth] != value.size()) return false;
  return std::all_of(value.begin(), value.end(),
                     [&](const Json& inner) { return flatten(inner, depth + 1, agents, synthetic); });
}

void read_model(Keys& keys, const Json& provider, PeerSettings& settings) {
  settings.model = keys.text("model_name").value_or(kDefaultModel);
  const Json& own = keys.any("api_provider");
  for (const Json* named : {&own, &provider}) {
    if (!named->is_string()) continue;
    // "together" and "meta-llama/..": the name says whose model it is, not who serves it.
    const std::string prefix = named->get<std::string>() + "/";
    if (!settings.model.starts_with(prefix)) settings.model = prefix + settings.model;
    break;
  }
  if (const auto tokens = keys.whole("max_tokens", 1)) settings.max_tokens = *tokens;
  if (const auto temperature = keys.number("temperature", 0)) settings.temperature = *temperature;
}

std::filesystem::path beside(const std::filesystem::path& folder, const std::string& path) {
  const std::filesystem::path named(path);
  return named.is_absolute() || folder.empty() ? named : folder / named;
}

PeerData read_data(Keys& keys, Keys& all, const std::filesystem::path& folder) {
  PeerData data;
  const auto path = [&](const char* key, const char* alias) {
    std::optional<std::string> text = keys.text(key);
    if (!text && alias != nullptr) text = keys.text(alias);
    if (!text && alias != nullptr) text = all.text(alias);
    return text && !text->empty() ? beside(folder, *text) : std::filesystem::path();
  };
  data.data_path = path("data_path", "input_data_path");
  data.preload_path = path("preload_path", nullptr);
  std::optional<std::int64_t> tasks = keys.whole("n_tasks", 1);
  if (!tasks) tasks = keys.whole("sample_size", 1);
  if (!tasks) tasks = all.whole("sample_size", 1);
  if (tasks) data.n_tasks = static_cast<std::uint64_t>(*tasks);
  const bool preload = keys.truth("preload").value_or(false);
  data.preload = keys.text("preload_type").value_or(preload ? "full" : "none");
  if (data.preload != "none" && data.preload != "full" && data.preload != "partial") {
    keys.expected("preload_type", "none, full or partial");
  } else if (preload && data.preload == "none") {
    keys.add("preload_type", "none, but preload is true");
  }
  if (data.preload == "full" && data.preload_path.empty()) {
    keys.add("preload_path", "is missing, but the responses are to be taken from it (preload)");
  }
  if (data.preload == "full" && !data.preload_path.empty() && !file_is_there(data.preload_path.string())) {
    keys.add("preload_path", "there is no file " + data.preload_path.string());
  }
  return data;
}

void read_agents(Keys& keys, const std::string& place, bool of_tasks, PeerData& data, PeerSettings& settings,
                 Problems& problems) {
  const Json& listed = keys.any("agent_perspectives");
  const std::optional<std::int64_t> number = keys.whole("num_agents", 2);
  if (keys.any("num_agents").is_null() && !of_tasks) {
    keys.add("num_agents", "is missing: how many agents there are, 2 or more");
  }
  if (!listed.is_null()) {
    settings.agents = peer_agents(listed, place + "agent_perspectives", problems);
    if (number && listed.is_array() && static_cast<std::size_t>(*number) != listed.size()) {
      keys.add("num_agents", std::to_string(*number) + ", but agent_perspectives lists " +
                                 counted(listed.size(), "agent", "agents") + ": they must be equal");
    }
  } else if (number && *number <= 10'000) {
    Json none = Json::array();
    for (std::int64_t i = 0; i < *number; ++i) none.push_back(Json::object());
    settings.agents = peer_agents(none, place + "agent_perspectives", problems);
  }
  data.add_references = keys.truth("add_references").value_or(false);
  if (data.add_references && !(settings.agents.size() > 0 && settings.agents.front().reference)) {
    PeerAgent reference;
    reference.name = "Reference";
    settings.agents.insert(settings.agents.begin(), reference);
  }
  if (data.add_references) {
    settings.agents.front().reference = true;
    settings.agents.front().null_agent = false;
  }
  if (!number && !listed.is_null() && listed.is_array() && settings.agents.size() < 2) {
    keys.add("agent_perspectives",
             "two agents are the least that can be compared, found " + std::to_string(settings.agents.size()));
  }
}

}  // namespace

Json overridden_config(Json config, const ParameterTexts& given, Problems& problems) {
  if (!config.is_object()) config = Json::object();
  const auto put = [&](const std::string& group, const std::string& key, Json value) {
    Json& at = config[group];
    if (at.is_null()) at = Json::object();
    if (at.is_object()) at[key] = std::move(value);
  };
  constexpr const char* kTexts[] = {"model_name",      "api_provider", "data_path",
                                    "input_data_path", "preload_path", "preload_type"};
  for (const auto& [name, text] : given) {
    const std::size_t dot = name.find('.');
    const std::string group = name.substr(0, dot);
    if (dot != std::string::npos && (group == "model_config" || group == "data_config" || group == "synthetic")) {
      const std::string key = name.substr(dot + 1);
      const bool is_text = std::find(std::begin(kTexts), std::end(kTexts), key) != std::end(kTexts);
      put(group, key, is_text ? Json(text) : typed_value(text));
      // The file's own word for it stands back.
      if (key == "data_path") config[group].erase("input_data_path");
      if (key == "n_tasks") config[group].erase("sample_size");
      if (key == "preload" && text == "false") config[group].erase("preload_type");
      // What was typed is looked for where one is, then beside the file.
      if (key.ends_with("_path") && !text.empty() && std::filesystem::exists(text)) {
        config[group][key] = std::filesystem::absolute(text).string();
      }
    } else if (name == "n_tasks") {
      put("data_config", "n_tasks", typed_value(text));
      config["data_config"].erase("sample_size");
    } else if (name == "model") {
      put("model_config", "model_name", text);
      config["model_config"].erase("api_provider");
      config.erase("api_provider");
    } else if (name == "agents") {
      const Json value = typed_value(text);
      config[value.is_array() ? "agent_perspectives" : "num_agents"] = value;
      if (value.is_array()) config["num_agents"] = value.size();
    } else if (name == "agent_perspectives" || name == "num_agents" || name == "add_references") {
      config[name] = typed_value(text);
      if (name == "agent_perspectives" && !config[name].is_array()) {
        problems.add("agent_perspectives=" + text.substr(0, kShown) + ": a JSON list is expected");
        config.erase(name);
      }
    } else if (name == "exp_type" || name == "task_description") {
      config[name] = text;
    }
  }
  return config;
}

void read_synthetic(const Json& value, const std::string& place, PeerSettings& settings, Problems& problems) {
  Keys keys(value, place + "synthetic.", problems);
  const std::size_t agents = settings.n();
  Json joint = keys.any("p_joint"), texts = keys.any("texts");
  if (joint.is_null() && agents != 3) {
    return problems.add(place + "synthetic.p_joint: is missing; the seed's distribution is of 3 agents, these are " +
                        std::to_string(agents) + ": give a nested list, one level per agent");
  }
  if (joint.is_null()) joint = Json::parse("[[[0.3,0],[0,0.3]],[[0.05,0.05],[0.2,0.1]]]");
  PeerSynthetic synthetic;
  if (!flatten(joint, 0, agents, synthetic)) {
    return problems.add(place + "synthetic.p_joint: a nested list of numbers with " + std::to_string(agents) +
                        " levels, one per agent, is expected, each level as long everywhere");
  }
  double sum = 0;
  for (const double p : synthetic.joint) sum += p;
  if (std::any_of(synthetic.joint.begin(), synthetic.joint.end(), [](double p) { return p < 0; })) {
    return problems.add(place + "synthetic.p_joint: a probability is negative");
  }
  if (std::abs(sum - 1) > kSumsToOne) {
    return problems.add(place + "synthetic.p_joint: the probabilities sum to " + dump_json(Json(sum)) + ", not to 1");
  }
  const std::size_t most = *std::max_element(synthetic.levels.begin(), synthetic.levels.end());
  if (texts.is_null() && most <= 2) texts = Json::array({"I really dislike it!", "I really like it!"});
  const bool are_texts =
      texts.is_array() && std::all_of(texts.begin(), texts.end(), [](const Json& text) { return text.is_string(); });
  if (!are_texts || texts.size() < most) {
    return problems.add(place + "synthetic.texts: " + std::to_string(most) + " texts are expected, one per value");
  }
  synthetic.texts = texts.get<std::vector<std::string>>();
  std::vector<std::string> sorted = synthetic.texts;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    return problems.add(place + "synthetic.texts: two values have the same text, so nobody could tell them apart");
  }
  settings.synthetic = std::move(synthetic);
}

PeerData read_configuration(const PeerSource& source, const Json& config, PeerSettings& settings,
                            std::vector<std::string>& notes, Problems& problems) {
  const std::string place = source.name + ": ";
  Keys keys(config, place, problems);
  const bool of_tasks = keys.any("task_type").is_string();
  const Json& type = keys.any("exp_type");
  if (type.is_string() && (type == "llm" || type == "synthetic")) {
    settings.exp_type = type.get<std::string>();
  } else if (!type.is_null()) {
    keys.expected("exp_type", "\"llm\" or \"synthetic\"");
  } else if (!of_tasks) {
    keys.add("exp_type", "is missing: \"llm\" or \"synthetic\"");
  }
  if (const auto text = keys.text("task_description")) settings.task_description = *text;
  Keys model(keys.any("model_config"), place + "model_config.", problems);
  read_model(model, keys.any("api_provider"), settings);
  Keys data_keys(keys.any("data_config"), place + "data_config.", problems);
  PeerData data = read_data(data_keys, keys, source.folder);
  read_agents(keys, place, of_tasks, data, settings, problems);
  const Json& synthetic = keys.any("synthetic");
  if (settings.exp_type == "synthetic" && settings.n() >= 2) {
    for (PeerAgent& agent : settings.agents) agent.null_agent = false;
    read_synthetic(synthetic, place, settings, problems);
  } else if (settings.exp_type == "llm" && data.preload != "full") {
    if (data.data_path.empty()) {
      data_keys.add("data_path", "is missing: a JSON list of {instruction, reference} that the agents answer");
    } else if (!file_is_there(data.data_path.string())) {
      data_keys.add("data_path", "there is no file " + data.data_path.string() +
                                     " (relative paths count from the configuration's folder)");
    }
  }
  if (data.preload == "partial" && !settings.agents.empty()) {
    settings.agents.front().reference = true;
    settings.agents.front().null_agent = false;
  }
  std::vector<std::string> kept = keys.unknown();
  if (of_tasks) kept.insert(kept.begin(), "task_type");
  for (const std::string& key : model.unknown()) kept.push_back("model_config." + key);
  for (const std::string& key : data_keys.unknown()) kept.push_back("data_config." + key);
  if (!kept.empty()) notes.push_back(source.name + ": kept, not acted on: " + joined(kept, ", "));
  settings.exp_config = config;
  return data;
}

}  // namespace assay
