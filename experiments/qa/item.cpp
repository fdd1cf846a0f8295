#include "experiments/qa/item.hpp"

#include <algorithm>
#include <array>

namespace assay {
namespace {

constexpr std::array<std::string_view, 10> kKeys{"id",     "question", "options", "labels", "n_options",
                                                 "answer", "category", "format",  "source", "params"};

std::string text_at(const Json& data, const char* key) {
  const auto found = data.find(key);
  return found != data.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::vector<std::string> labels_of(std::size_t n_options) {
  std::vector<std::string> labels;
  for (std::size_t i = 0; i < std::min<std::size_t>(n_options, 26); ++i) {
    labels.emplace_back(1, static_cast<char>('A' + i));
  }
  return labels;
}

AnswerForm answer_form(const Item& item) {
  if (item.n_options > 0) return AnswerForm::choice(item.n_options);
  if (item.answer.is_number()) return AnswerForm::number();
  return {};
}

Json to_data(const Item& item, const Json& params) {
  Json data = Json::object();
  data["id"] = item.id;
  if (item.question) data["question"] = *item.question;
  if (!item.options.empty()) {
    data["options"] = item.options;
    data["labels"] = labels_of(item.options.size());
  }
  if (item.n_options > 0) data["n_options"] = item.n_options;
  data["answer"] = item.answer;
  data["category"] = item.category;
  if (!item.cot.empty()) data["cot"] = item.cot;
  for (const auto& [name, value] : item.extra.items()) {
    const bool taken = std::find(kKeys.begin(), kKeys.end(), name) != kKeys.end() || data.contains(name);
    data[taken ? name + "_column" : name] = value;
  }
  data["format"] = item.format;
  data["source"] = item.source;
  if (!params.empty()) data["params"] = params;
  return data;
}

Item from_data(const Json& data) {
  Item item;
  if (!data.is_object()) return item;
  item.id = text_at(data, "id");
  if (const auto found = data.find("question"); found != data.end() && found->is_string()) {
    item.question = found->get<std::string>();
  }
  if (const auto found = data.find("options"); found != data.end() && found->is_array()) {
    for (const Json& option : *found)
      item.options.push_back(option.is_string() ? option.get<std::string>() : dump_json(option));
  }
  item.n_options = item.options.size();
  if (const auto found = data.find("n_options"); found != data.end() && found->is_number_integer()) {
    if (item.options.empty()) item.n_options = static_cast<std::size_t>(std::clamp<std::int64_t>(*found, 0, 26));
  }
  if (const auto found = data.find("answer"); found != data.end()) item.answer = *found;
  item.category = text_at(data, "category");
  item.format = text_at(data, "format");
  item.source = text_at(data, "source");
  item.cot = text_at(data, "cot");
  for (const auto& [name, value] : data.items()) {
    if (name == "cot" && value.is_string()) continue;
    if (std::find(kKeys.begin(), kKeys.end(), name) == kKeys.end()) item.extra[name] = value;
  }
  return item;
}

std::string question_block(const Item& item) {
  if (item.options.empty()) return item.question.value_or("");
  std::string text = "Question: " + item.question.value_or("") + "\nOptions:\n";
  const auto labels = labels_of(item.options.size());
  for (std::size_t i = 0; i < item.options.size(); ++i) text += labels[i] + ". " + item.options[i] + "\n";
  return text;
}

}  // namespace assay
