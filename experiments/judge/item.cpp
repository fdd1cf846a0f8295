#include "experiments/judge/item.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/text/error.hpp"

namespace assay {
namespace {

/// What run.data calls its own; other columns of these names stand under "extra".
constexpr std::array<std::string_view, 27> kOwn = {
    "id",      "question", "reference", "prediction", "response1", "response2", "model",    "model_a", "model_b",
    "context", "options",  "turns",     "category",   "cluster",   "turn",      "images",   "rubric",  "gold",
    "len_a",   "len_b",    "messages",  "source",     "probe",     "human",     "recorded", "mode",    "extra"};

bool is_own(std::string_view name) { return std::find(kOwn.begin(), kOwn.end(), name) != kOwn.end(); }

class Reader {
 public:
  explicit Reader(const Json& data) : data_(data) {
    if (!data.is_object()) throw Error("file", "found " + dump_json(data).substr(0, 80) + ", expected an item", "data");
  }

  const Json* at(const char* name) const {
    const auto found = data_.find(name);
    return found == data_.end() || found->is_null() ? nullptr : &*found;
  }
  void text(const char* name, std::string& to) const {
    const Json* found = at(name);
    if (found == nullptr) return;
    to = text_of(name, *found);
  }
  void texts(const char* name, std::vector<std::string>& to) const {
    const Json* found = at(name);
    if (found == nullptr) return;
    if (!found->is_array()) wrong(name, *found);
    for (const Json& one : *found) to.push_back(text_of(name, one));
  }
  /// A text, or one per turn.
  void answer(const char* name, std::optional<std::string>& one, std::vector<std::string>& each) const {
    const Json* found = at(name);
    if (found == nullptr) return;
    if (found->is_array()) {
      texts(name, each);
    } else {
      one = text_of(name, *found);
    }
  }
  void number(const char* name, double& to) const {
    const Json* found = at(name);
    if (found == nullptr) return;
    if (!found->is_number()) wrong(name, *found);
    to = found->get<double>();
  }
  const Json* object(const char* name) const {
    const Json* found = at(name);
    if (found != nullptr && !found->is_object()) wrong(name, *found);
    return found;
  }
  const Json* array(const char* name) const {
    const Json* found = at(name);
    if (found != nullptr && !found->is_array()) wrong(name, *found);
    return found;
  }
  [[noreturn]] static void wrong(const char* name, const Json& found) {
    throw Error("file", "found " + dump_json(found).substr(0, 80) + ", which it can't be", std::string("data.") + name);
  }

 private:
  static std::string text_of(const char* name, const Json& value) {
    if (value.is_string()) return value.get<std::string>();
    if (value.is_number()) return dump_json(value);
    wrong(name, value);
  }

  const Json& data_;
};

}  // namespace

Json to_data(const JudgeItem& item) {
  Json data = Json::object();
  const auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) data[name] = value;
  };
  const auto answer = [&](const char* name, const std::optional<std::string>& one,
                          const std::vector<std::string>& each) {
    if (!each.empty()) {
      data[name] = each;
    } else if (one) {
      data[name] = *one;
    }
  };
  const auto any = [&](const char* name, const Json& value) {
    if (!value.is_null()) data[name] = value;
  };
  data["id"] = item.id;
  text("question", item.question);
  answer("reference", item.reference, item.references);
  answer("prediction", item.prediction, item.predictions);
  answer("response1", item.response1, item.responses1);
  answer("response2", item.response2, item.responses2);
  text("model", item.model);
  text("model_a", item.model_a);
  text("model_b", item.model_b);
  text("context", item.context);
  if (!item.options.empty()) data["options"] = item.options;
  if (!item.turns.empty()) data["turns"] = item.turns;
  text("category", item.category);
  any("cluster", item.cluster);
  if (item.turn > 0) data["turn"] = item.turn;
  if (!item.images.empty()) data["images"] = item.images;
  if (!item.rubric.empty()) {
    Json& rubric = data["rubric"] = Json::object();
    for (const auto& [name, description] : item.rubric) rubric[name] = description;
  }
  any("gold", item.gold);
  if (item.len_a == item.len_a) data["len_a"] = item.len_a;
  if (item.len_b == item.len_b) data["len_b"] = item.len_b;
  any("messages", item.messages);
  any("source", item.source);
  text("probe", item.probe);
  if (!item.human.empty()) data["human"] = Json(item.human);
  Json hidden = Json::object();
  if (item.extra.is_object()) {
    for (const auto& [name, value] : item.extra.items()) (is_own(name) ? hidden : data)[name] = value;
  }
  if (!hidden.empty()) data["extra"] = std::move(hidden);
  if (!item.recorded.empty()) data["recorded"] = item.recorded;
  return data;
}

JudgeItem judge_item(const Json& data) {
  const Reader read(data);
  JudgeItem item;
  read.text("id", item.id);
  read.text("question", item.question);
  read.answer("reference", item.reference, item.references);
  read.answer("prediction", item.prediction, item.predictions);
  read.answer("response1", item.response1, item.responses1);
  read.answer("response2", item.response2, item.responses2);
  read.text("model", item.model);
  read.text("model_a", item.model_a);
  read.text("model_b", item.model_b);
  read.text("context", item.context);
  read.texts("options", item.options);
  read.texts("turns", item.turns);
  read.text("category", item.category);
  if (const Json* cluster = read.at("cluster")) item.cluster = *cluster;
  if (const Json* turn = read.at("turn")) {
    if (!turn->is_number_integer() || *turn < 0) Reader::wrong("turn", *turn);
    item.turn = turn->get<std::uint32_t>();
  }
  read.texts("images", item.images);
  if (const Json* rubric = read.object("rubric")) {
    for (const auto& [name, what] : rubric->items())
      item.rubric.emplace_back(name, what.is_string() ? what.get<std::string>() : dump_json(what));
  }
  if (const Json* gold = read.at("gold")) item.gold = *gold;
  read.number("len_a", item.len_a);
  read.number("len_b", item.len_b);
  if (const Json* messages = read.at("messages")) item.messages = *messages;
  if (const Json* source = read.at("source")) item.source = *source;
  read.text("probe", item.probe);
  if (const Json* human = read.object("human")) {
    for (const auto& [rater, verdict] : human->items()) item.human[rater] = verdict;
  }
  for (const auto& [name, value] : data.items()) {
    if (!is_own(name)) item.extra[name] = value;
  }
  if (const Json* hidden = read.object("extra")) {
    for (const auto& [name, value] : hidden->items()) item.extra[name] = value;
  }
  if (const Json* recorded = read.array("recorded")) {
    for (const Json& line : *recorded) item.recorded.push_back(line);
  }
  return item;
}

}  // namespace assay
