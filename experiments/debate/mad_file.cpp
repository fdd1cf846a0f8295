#include "experiments/debate/mad_file.hpp"

#include <algorithm>
#include <array>

#include "core/text/error.hpp"
#include "core/text/utf8.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

constexpr const char* kStored = "stored_answers";

/// Columns of a question's id in a message.
constexpr std::size_t kMostPlace = 60;

/// Keys of a record that become something else than an extra column.
constexpr std::array<std::string_view, 12> kRead{"question",
                                                 "question_formatted",
                                                 "options",
                                                 "answer",
                                                 "category",
                                                 "agent_contexts",
                                                 "extracted_answers",
                                                 "num_initial_agents",
                                                 "initial_solutions",
                                                 "critic_response",
                                                 "synthesizer_response",
                                                 "extracted_answer_synthesizer"};

bool ends_as_prompt(std::string_view key) { return key.ends_with("_prompt_used") || key.ends_with("_prompt_file"); }

class RecordReader {
 public:
  RecordReader(const std::string& file, const std::string& id, const Json& record)
      : record_(record), place_(file + ", question " + std::string(truncate_to_width(id, kMostPlace))) {}

  ImportedDebate read(bool judged) {
    if (!record_.is_object()) refuse("it is no object", "a record of a debate");
    ImportedDebate debate;
    debate.critic_synth = record_.contains("initial_solutions");
    read_item(debate.item);
    Json more = Json::object();
    for (const auto& [key, value] : record_.items()) {
      if (ends_as_prompt(key)) {
        more[key] = value;
      } else if (std::find(kRead.begin(), kRead.end(), key) == kRead.end()) {
        debate.item.extra[key] = value;
      }
    }
    if (debate.critic_synth) {
      read_phases(debate);
      const auto block = record_.find("question_formatted");
      if (block != record_.end() && *block != question_block(debate.item)) more["question_formatted"] = *block;
    } else {
      const Json& chats = need("agent_contexts", "a list with one chat for each agent");
      debate.context = flat_context(chats, judged, place_);
      debate.agents = chats.size();
      debate.item.extra[kStored] = record_.value("extracted_answers", Json());
    }
    mark_imported(debate, std::move(more));
    return debate;
  }

 private:
  [[noreturn]] void refuse(const std::string& what, const std::string& expected) const {
    throw Error("data", what + ", expected " + expected, place_, "format=mad reads result files of MAD");
  }

  const Json& need(const char* key, const std::string& expected) const {
    const auto found = record_.find(key);
    if (found == record_.end()) refuse(std::string("there is no '") + key + "'", expected);
    return *found;
  }

  void read_item(Item& item) const {
    const Json& question = need("question", "its text");
    if (!question.is_string()) refuse("'question' is no text", "its text");
    item.question = question.get<std::string>();
    item.format = "mad";
    const Json& options = need("options", "a list, or {\"label\",\"text\"}");
    if (options.is_object()) {
      item.format = "csqa";
      if (!options.contains("text") || !options.contains("label")) refuse("'options' misses one", "label and text");
      item.options = texts(options["text"]);
      if (texts(options["label"]) != labels_of(item.options.size())) refuse("'label' is another", "A, B, .. in order");
    } else {
      item.options = texts(options);
    }
    if (item.options.size() == 1 || item.options.size() > 26) {
      refuse(std::to_string(item.options.size()) + " options", "2 to 26, or none");
    }
    item.n_options = item.options.size();
    item.answer = need("answer", "a letter, or null");
    const auto labels = labels_of(item.n_options);
    if (!item.options.empty() && !item.answer.is_null() &&
        std::find(labels.begin(), labels.end(), item.answer) == labels.end()) {
      refuse("the answer is " + dump_json(item.answer), "one of A to " + labels.back());
    }
    if (item.answer.is_structured()) refuse("the answer is no text or number", "one of these");
    const Json category = record_.value("category", Json());
    if (category.is_string()) item.category = category.get<std::string>();
  }

  std::vector<std::string> texts(const Json& list) const {
    if (!list.is_array()) refuse("'options' is no list", "a list of texts");
    std::vector<std::string> texts;
    for (const Json& text : list) {
      if (!text.is_string()) refuse("an option is no text: " + dump_json(text), "a list of texts");
      texts.push_back(text.get<std::string>());
    }
    return texts;
  }

  void read_phases(ImportedDebate& debate) const {
    const Json& solutions = record_["initial_solutions"];
    if (!solutions.is_array()) refuse("'initial_solutions' is no list", "a list of messages");
    debate.agents = solutions.size();
    for (std::size_t i = 0; i < solutions.size(); ++i) {
      debate.context.push_back(debate_message("assistant", text_of(solutions[i], "initial_solutions"), i, 1));
    }
    for (const auto& [key, part, round] :
         {std::tuple{"critic_response", kCritic, 2U}, std::tuple{"synthesizer_response", kSynthesizer, 3U}}) {
      const Json& message = need(key, "a message, or null");
      if (!message.is_null()) debate.context.push_back(debate_message("assistant", text_of(message, key), part, round));
    }
    debate.item.extra[kStored] = record_.value("extracted_answer_synthesizer", Json());
  }

  std::string text_of(const Json& message, const char* key) const {
    const bool whole = message.is_object() && message.contains("content") && message["content"].is_string();
    if (!whole) refuse(std::string("'") + key + "' holds what is no message", R"({"role","content"})");
    return message["content"].get<std::string>();
  }

  const Json& record_;
  const std::string place_;
};

}  // namespace

std::vector<ImportedDebate> read_mad_file(const Source& source, const std::string& protocol,
                                          std::vector<std::string>& warnings) {
  const Json document = read_debates(source, "mad", warnings);
  std::vector<ImportedDebate> debates;
  debates.reserve(document.size());
  std::size_t row = 0;
  for (const auto& [id, record] : document.items()) {
    ImportedDebate debate = RecordReader(source.name, id, record).read(protocol == "adversarial");
    debate.item.id = id;
    debate.item.source = source.name + ":" + std::to_string(++row);
    if (!debates.empty() && debates.front().critic_synth != debate.critic_synth) {
      throw Error("data", "this one is of another protocol than those before it", source.name + ", question " + id,
                  "one file holds debates in rounds, or critics and synthesizers");
    }
    debates.push_back(std::move(debate));
  }
  return debates;
}

}  // namespace assay
