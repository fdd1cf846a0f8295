#include "experiments/debate/mad_export.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "core/text/error.hpp"
#include "core/text/python_json.hpp"
#include "experiments/debate/imported.hpp"

namespace assay {
namespace {

constexpr const char* kStored = "stored_answers";

/// Parameters in which batches of one configuration may differ: they say which questions, not how.
constexpr std::array<std::string_view, 16> kWhichQuestions{
    "format",    "rows",   "header", "delimiter", "bad_rows", "split",   "config", "categories",
    "n_options", "sample", "seed",   "answer_is", "limit",    "shuffle", "epochs", "as"};

std::string text_in(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key) || !object[key].is_string()) return {};
  return object[key].get<std::string>();
}

std::string protocol_of(const BatchInfo& batch) {
  const std::string protocol = text_in(batch.params, "protocol");
  return protocol.empty() ? "collaborative" : protocol;
}

/// MAD's keys and the parameters whose prompts they name, in the order of the file.
std::vector<std::pair<std::string, std::string>> prompt_keys(const std::string& protocol) {
  if (protocol == "adversarial") return {{"initial", "initial_judge_prompt"}, {"collaborative", "debater_1_prompt"}};
  if (protocol == "critic_synth") {
    return {{"initial", "initial_prompt"}, {"critic", "critic_prompt"}, {"synthesizer", "synthesizer_prompt"}};
  }
  return {{"initial", "initial_prompt"}, {"collaborative", "collaborative_prompt"}};
}

/// Name and path of a prompt: as the batch keeps it, else (it came from a save) as its runs do.
const Json& pinned_prompt(const BatchInfo& batch, const Json& data, const std::string& parameter) {
  static const Json none;
  for (const Json* where : {&batch.pinned, &data}) {
    if (!where->is_object() || !where->contains("prompts")) continue;
    const Json& prompts = (*where)["prompts"];
    if (prompts.is_object() && prompts.contains(parameter)) return prompts[parameter];
  }
  return none;
}

/// Whether what `key` names was said before a debate went on from an imported one.
bool is_shared(const Json& data, const std::string& key) {
  const auto fork = data.find("forked_from");
  if (fork == data.end() || !fork->is_object()) return false;
  const Json step = fork->value("step", Json());
  return step.is_number() &&
         (step >= 2 ? key != "synthesizer" && key != "collaborative" : key == "initial" && step > 0);
}

/// A record's name and path of a prompt: those it came with, as far as it still stands as it came.
void add_prompt(Json& record, const BatchInfo& batch, const RunView& run, const std::string& key,
                const std::string& parameter) {
  const Json* mark = imported_mark(run.data);
  const Json& pin = pinned_prompt(batch, run.data, parameter);
  const std::string used = key + "_prompt_used", file = key + "_prompt_file";
  const bool came_so = mark != nullptr && mark->contains(used) &&
                       (is_as_imported(run.data, run.context) || is_shared(run.data, key) || !pin.is_object());
  if (came_so) {
    record[used] = mark->at(used);
    record[file] = mark->value(file, Json());
  } else {
    record[used] = pin.is_object() ? pin.value("name", Json()) : Json();
    record[file] = pin.is_object() ? pin.value("path", Json()) : Json();
  }
}

Json options_of(const Item& item) {
  if (item.format.starts_with("csqa")) return {{"label", labels_of(item.options.size())}, {"text", item.options}};
  return item.options;
}

Json extracted(const Item& item, const Json& content) {
  static const Extractor mad("mad"), csqa("csqa");
  if (!content.is_string()) return nullptr;
  const Extractor& rule = item.format.starts_with("csqa") ? csqa : mad;
  const Found found = rule.find(content.get_ref<const std::string&>(), answer_form(item));
  return found.value ? Json(*found.value) : Json();
}

bool is_of(const ContextMessage& message, const Json& agent) {
  return message.more.is_object() && message.more.value("agent", Json()) == agent;
}

/// The chat of an agent as MAD keeps it.
Json chat_of(const RunView& run, std::size_t agent) {
  Json chat = Json::array();
  for (const ContextMessage& message : run.context) {
    if (is_of(message, agent)) chat.push_back({{"role", message.role}, {"content", message.content}});
  }
  return chat;
}

Json last_reply(const RunView& run, std::string_view part) {
  Json reply;
  for (const ContextMessage& message : run.context) {
    if (message.role == "assistant" && is_of(message, part)) {
      reply = {{"role", message.role}, {"content", message.content}};
    }
  }
  return reply;
}

Json record_of(const BatchInfo& batch, const RunView& run) {
  const Item item = from_data(run.data);
  const std::string protocol = protocol_of(batch);
  const Json* mark = is_as_imported(run.data, run.context) ? imported_mark(run.data) : nullptr;
  const std::size_t agents = agent_count(batch, run.data, Transcript(run.context));
  Json record;
  record["question"] = item.question ? Json(*item.question) : Json();
  const bool phased = protocol == "critic_synth";
  if (phased) {
    record["question_formatted"] =
        mark ? mark->value("question_formatted", Json(question_block(item))) : Json(question_block(item));
  }
  record["options"] = options_of(item);
  record["answer"] = item.answer;
  record["category"] = item.category;
  for (const auto& [key, parameter] : prompt_keys(protocol)) add_prompt(record, batch, run, key, parameter);
  if (phased) {
    record["num_initial_agents"] = agents;
    Json& solutions = record["initial_solutions"] = Json::array();
    const Transcript transcript(run.context);
    for (std::size_t i = 0; i < agents; ++i) {
      if (const auto reply = transcript.reply(i, 1)) solutions.push_back({{"role", "assistant"}, {"content", *reply}});
    }
    record["critic_response"] = last_reply(run, kCritic);
    record["synthesizer_response"] = last_reply(run, kSynthesizer);
    record["extracted_answer_synthesizer"] = mad_answers(batch, run);
  } else {
    Json& chats = record["agent_contexts"] = Json::array();
    for (std::size_t i = 0; i < agents; ++i) chats.push_back(chat_of(run, i));
    record["extracted_answers"] = mad_answers(batch, run);
  }
  return record;
}

/// What all agents have in common, "mixed" where they differ.
std::string common(const BatchInfo& batch, const std::string& key,
                   const std::function<std::string(const Json&)>& text) {
  std::set<std::string> seen;
  const Json general = batch.params.is_object() ? batch.params.value(key, Json()) : Json();
  if (batch.pinned.is_object() && batch.pinned.contains("agents") && batch.pinned["agents"].is_array()) {
    for (const Json& agent : batch.pinned["agents"]) {
      const Json own = agent.is_object() ? agent.value(key, Json()) : Json();
      seen.insert(text(own.is_null() ? general : own));
    }
  }
  if (seen.empty()) seen.insert(text(general));
  return seen.size() == 1 ? *seen.begin() : "mixed";
}

std::string temperature_of(const BatchInfo& batch) {
  return common(batch, "temperature", [](const Json& value) {
    return value.is_number() ? python_float(value.get<double>()) : std::string("None");
  });
}

std::string model_of(const BatchInfo& batch) {
  if (std::string typed = text_in(batch.params, "mad_model"); !typed.empty()) return typed;
  return common(batch, "model", [&](const Json& value) {
    const std::string name = value.is_string() ? value.get<std::string>() : batch.model;
    const auto slash = name.find('/');
    return slash == std::string::npos ? name : name.substr(slash + 1);
  });
}

/// The name of the file that a run's question stood in ("FILE:ROW"), without folder, packing and ending.
std::string stem_of(const BatchInfo& batch, const Json& data) {
  std::string source = text_in(data, "source");
  const auto colon = source.rfind(':');
  if (colon != std::string::npos && source.find_first_not_of("0123456789", colon + 1) == std::string::npos) {
    source.resize(colon);
  }
  std::filesystem::path path(source.empty() ? batch.source : source);
  path = path.filename();
  if (path.extension() == ".gz" || path.extension() == ".zst") path = path.stem();
  return path.stem().string();
}

std::string set_of(const BatchInfo& batch, const Json& data) {
  const std::string format = text_in(data, "format");
  if (format == "mmlu_pro") return "mmlu_pro";
  return format.starts_with("csqa") ? "commonsense_qa" : stem_of(batch, data);
}

std::string without(std::string text, std::string_view unwanted) {
  for (char& c : text) {
    if (unwanted.find(c) != std::string_view::npos || static_cast<unsigned char>(c) < ' ') c = '_';
  }
  return text;
}

/// `first`: data of a run. Debates from a file go back under that file's name: what else was in it, nobody knows.
std::string file_name(const BatchInfo& batch, const Json& first) {
  if (imported_mark(first) != nullptr && !first.contains("forked_from"))
    return without(stem_of(batch, first), "/") + ".json";
  const std::string protocol = protocol_of(batch);
  const std::string set = set_of(batch, first);
  std::vector<std::string> prompts;
  for (const auto& [key, parameter] : prompt_keys(protocol)) {
    prompts.push_back(text_in(pinned_prompt(batch, first, parameter), "name"));
  }
  if (protocol == "adversarial" && text_in(first, "format").starts_with("csqa")) {
    prompts.push_back(text_in(pinned_prompt(batch, first, "debater_2_prompt"), "name"));
  }
  const std::string agents = std::to_string(agent_count(batch, Json(), Transcript({})));
  std::string name;
  if (protocol == "critic_synth") {
    name = set + "_phased_" + agents + "initial_" + temperature_of(batch) + "temp_" + without(model_of(batch), ":");
  } else {
    const Json rounds = batch.params.is_object() ? batch.params.value("rounds", Json()) : Json();
    name = set + "_" + agents + "agents_" + dump_json(rounds) + "rounds_" + temperature_of(batch) + "temp_" +
           model_of(batch);
  }
  for (const std::string& prompt : prompts) name += "_" + prompt;
  return without(name, "/") + ".json";
}

/// Throws when two batches are more apart than by which questions they hold.
void require_same(const BatchInfo& a, const BatchInfo& b) {
  const auto refuse = [&](const std::string& what) {
    throw Error(
        "usage",
        "batches " + a.name + " and " + b.name + " differ in " + what + ": one file holds one " + "configuration", {},
        "a PATH that does not end in .json is a folder with a file for each batch");
  };
  const auto pinned = [](const BatchInfo& batch, const char* key) {
    return batch.pinned.is_object() ? batch.pinned.value(key, Json()) : Json();
  };
  std::set<std::string> names;
  for (const BatchInfo* batch : {&a, &b}) {
    if (!batch->params.is_object()) continue;
    for (const auto& [name, value] : batch->params.items()) {
      const bool which = name.starts_with("map.") ||
                         std::find(kWhichQuestions.begin(), kWhichQuestions.end(), name) != kWhichQuestions.end();
      if (!which) names.insert(name);
    }
  }
  const Json none = Json::object();
  const Json &of_a = a.params.is_object() ? a.params : none, &of_b = b.params.is_object() ? b.params : none;
  for (const std::string& name : names) {
    if (of_a.value(name, Json()) != of_b.value(name, Json())) refuse(name);
  }
  if (pinned(a, "prompts") != pinned(b, "prompts")) refuse("their prompts");
  if (pinned(a, "agents") != pinned(b, "agents")) refuse("their agents");
}

}  // namespace

Json mad_answers(const BatchInfo& batch, const RunView& run) {
  if (run.data.is_object() && run.data.contains(kStored) && is_as_imported(run.data, run.context)) {
    return run.data[kStored];
  }
  const Item item = from_data(run.data);
  if (protocol_of(batch) == "critic_synth") {
    const Json reply = last_reply(run, kSynthesizer);
    return reply.is_object() ? extracted(item, reply["content"]) : Json();
  }
  Json answers = Json::array();
  const std::size_t agents = agent_count(batch, run.data, Transcript(run.context));
  for (std::size_t i = 0; i < agents; ++i) {
    const Json chat = chat_of(run, i);
    const bool replied = !chat.empty() && chat.back()["role"] == "assistant";
    answers.push_back(replied ? extracted(item, chat.back()["content"]) : Json());
  }
  return answers;
}

ExportedFile export_mad(const std::vector<const BatchView*>& batches) {
  ExportedFile file;
  file.text = "{";
  std::set<std::string> ids;
  for (const BatchView* batch : batches) {
    const BatchInfo& info = batch->info();
    require_same(batches.front()->info(), info);
    batch->each(true, [&](const RunView& run) {
      if (file.name.empty()) file.name = file_name(info, run.data);
      if (run.status != Status::complete) {
        ++file.left_out;
        return;
      }
      if (!ids.insert(run.run_id).second) {
        throw Error("usage", "question " + run.run_id + " is in two of the batches: a file holds it once", info.name,
                    "a PATH that does not end in .json is a folder with a file for each batch");
      }
      if (file.runs++ > 0) file.text += ',';
      file.text += "\n    ";
      append_python_json(file.text, run.run_id);
      file.text += ": ";
      append_python_json(file.text, record_of(info, run), 1);
    });
  }
  file.text += file.runs > 0 ? "\n}" : "}";
  return file;
}

}  // namespace assay
