#include "experiments/qa/mapping.hpp"

#include <algorithm>
#include <array>

#include "core/text/edit_distance.hpp"
#include "core/text/utf8.hpp"
#include "experiments/qa/gold.hpp"
#include "experiments/qa/numbers.hpp"

namespace assay {
namespace {

struct Default {
  std::string_view format, field;
  std::vector<std::string> paths;
};

const std::vector<Default>& defaults() {
  static const std::vector<Default> kDefaults{
      {"mmlu_pro", "id", {"question_id"}},
      {"mmlu_pro", "question", {"question"}},
      {"mmlu_pro", "options", {"options"}},
      {"mmlu_pro", "n_options", {"n_options"}},
      {"mmlu_pro", "answer", {"answer"}},
      {"mmlu_pro", "category", {"category"}},
      {"csqa", "id", {"id"}},
      {"csqa", "question", {"question"}},
      {"csqa", "options", {"choices.text"}},
      {"csqa", "labels", {"choices.label"}},
      {"csqa", "answer", {"answerKey"}},
      {"csqa", "category", {"question_concept"}},
      {"csqa_orig", "id", {"id"}},
      {"csqa_orig", "question", {"question.stem"}},
      {"csqa_orig", "options", {"question.choices"}},
      {"csqa_orig", "answer", {"answerKey"}},
      {"csqa_orig", "category", {"question.question_concept"}},
      {"gsm8k", "id", {"id"}},
      {"gsm8k", "question", {"question"}},
      {"gsm8k", "answer", {"answer"}},
      {"gsm8k", "category", {"category"}},
      {"generic", "id", {"id", "question_id"}},
      {"generic", "question", {"question", "question.stem"}},
      {"generic", "options", {"options", "choices.text", "choices", "question.choices"}},
      {"generic", "labels", {"labels", "choices.label"}},
      {"generic", "n_options", {"n_options"}},
      {"generic", "answer", {"answer", "answerKey"}},
      {"generic", "category", {"category", "question_concept", "question.question_concept"}},
      {"generic", "cot", {"cot"}},
  };
  return kDefaults;
}

constexpr std::array<std::string_view, 11> kFields{"id",        "question",    "options",     "labels",
                                                   "n_options", "answer",      "category",    "cot",
                                                   "reply",     "option_text", "option_label"};

std::string shown(const Json& value) {
  std::string text = dump_json(value);
  if (text.size() > 80) text = repair_utf8(text.substr(0, 77)) + "..";
  return text;
}

std::string columns_of(const Json& row) {
  std::string names;
  for (const auto& [name, value] : row.items()) names += (names.empty() ? "" : ", ") + name;
  return names.empty() ? "none" : names;
}

bool is_text_or_number(const Json& value) { return value.is_string() || value.is_number() || value.is_boolean(); }

std::string as_text(const Json& value) { return value.is_string() ? value.get<std::string>() : dump_json(value); }

/// A list that came as a text, as in a CSV cell.
std::optional<Json> as_list(const Json& value) {
  if (value.is_array()) return value;
  if (value.is_string() && value.get_ref<const std::string&>().starts_with('[')) {
    auto parsed = parse_json_lenient(value.get_ref<const std::string&>());
    if (parsed && parsed->is_array()) return parsed;
  }
  return std::nullopt;
}

[[noreturn]] void refuse(const Row& row, const std::string& column, const std::string& found,
                         const std::string& expected, std::string hint = {}) {
  throw Error(
      "data",
      "row " + std::to_string(row.number) + ", column '" + column + "': found " + found + ", expected " + expected,
      row.place, std::move(hint));
}

[[noreturn]] void missing(const Row& row, const std::string& column) {
  std::vector<std::string> names;
  for (const auto& [name, value] : row.value.items()) names.push_back(name);
  const auto near = nearest(column, names);
  throw BadRow("data",
               "row " + std::to_string(row.number) + " has no column '" + column + "'; it has " + columns_of(row.value),
               row.place, near ? "did you mean " + *near + "?" : "map.FIELD=COLUMN names the column of a field");
}

bool has(const Json& row, const char* name) { return row.contains(name) && !row[name].is_null(); }

}  // namespace

struct ItemReader::Choices {
  std::vector<std::string> texts;    // as in the source
  std::vector<std::string> names;    // labels as in the source, may be empty
  std::vector<std::size_t> letters;  // position among those kept; kGone: dropped
  std::size_t count = 0;             // kept, or given without texts
  std::string column = "options";
  static constexpr std::size_t kGone = 99;

  GoldChoices gold() const {
    return {.texts = texts, .names = names, .letters = letters, .count = count, .gone = kGone};
  }
};

ItemReader::ItemReader(MappingOptions options) : options_(std::move(options)) {
  for (const auto& [field, path] : options_.paths) {
    if (std::find(kFields.begin(), kFields.end(), field) != kFields.end()) continue;
    const std::vector<std::string> names(kFields.begin(), kFields.end());
    const auto near = nearest(field, names);
    std::string all;
    for (const auto& name : names) all += (all.empty() ? "" : " ") + name;
    throw Error("usage", "no field '" + field + "' can be mapped" + (near ? ": did you mean " + *near + "?" : ""),
                "map." + field, "fields: " + all);
  }
}

std::string ItemReader::detect(const Json& row) const {
  if (row.contains("question") && row["question"].is_object() && row["question"].contains("stem")) return "csqa_orig";
  if (row.contains("choices") && row["choices"].is_object() && row["choices"].contains("text")) return "csqa";
  if (has(row, "question_id") && has(row, "options") && (row.contains("answer") || row.contains("answer_index"))) {
    return "mmlu_pro";
  }
  const bool worked = has(row, "answer") && row["answer"].is_string() && !row.contains("options") &&
                      row["answer"].get_ref<const std::string&>().find("####") != std::string::npos;
  if (worked && has(row, "question") && !options_.paths.contains("answer")) return "gsm8k";
  return "generic";
}

void ItemReader::choose_format(const Json& row) {
  format_ = options_.format == "auto" ? detect(row) : options_.format;
  for (const auto& [format, field, paths] : defaults()) {
    if (format != format_) continue;
    for (const auto& path : paths) fields_[std::string(field)].push_back({JsonPath(path), false});
  }
  for (const auto& [field, path] : options_.paths) {
    if (field == "options" && path.find('+') != std::string::npos) continue;
    fields_[field] = {{JsonPath(path), true}};
  }
}

const Json* ItemReader::find(const Row& row, const std::string& field) {
  const auto candidates = fields_.find(field);
  if (candidates == fields_.end()) return nullptr;
  for (const auto& [path, given] : candidates->second) {
    const Json* value = path.find(row.value);
    if (value == nullptr) {
      if (given && field != "reply") missing(row, path.text());
      continue;
    }
    // A column that only happens to be named like a field is kept as it is when it can't be that field.
    if (!given && (field == "cot" || field == "category") && !value->is_null() && !is_text_or_number(*value)) continue;
    const std::string top = path.text().substr(0, path.text().find('.'));
    used_.insert(row.value.contains(path.text()) ? path.text() : top);
    if (row.value.contains(path.text())) {
      if (field != "category" || path.text() == "category") consumed_.insert(path.text());
    } else if (!given) {
      consumed_.insert(top);
    }
    return value;
  }
  return nullptr;
}

/// Positions in a list of names (the hub's ClassLabel) become those names; -1 says that there is none. A gold answer
/// stays a position: what it means depends on the options.
void ItemReader::name_classes(Row& row) const {
  const auto gold = fields_.find("answer");
  const auto is_gold = [&](const std::string& column) {
    return gold != fields_.end() && std::any_of(gold->second.begin(), gold->second.end(),
                                                [&](const Candidate& c) { return c.path.text() == column; });
  };
  for (const auto& [column, names] : *row.classes) {
    const auto cell = row.value.find(column);
    if (cell == row.value.end() || !cell->is_number_integer()) continue;
    const auto at = cell->get<std::int64_t>();
    if (at == -1) {
      *cell = nullptr;
    } else if (at >= 0 && static_cast<std::size_t>(at) < names.size() && !is_gold(column)) {
      *cell = names[static_cast<std::size_t>(at)];
    }
  }
}

/// The name that a gold answer stands for where there are no options.
std::optional<std::string> ItemReader::class_name(const Row& row, const Json& value) const {
  const auto gold = fields_.find("answer");
  if (row.classes == nullptr || gold == fields_.end() || !value.is_number_unsigned()) return std::nullopt;
  for (const Candidate& candidate : gold->second) {
    if (candidate.path.find(row.value) != &value) continue;
    const auto names = row.classes->find(candidate.path.text());
    const auto at = value.get<std::size_t>();
    if (names != row.classes->end() && at < names->second.size()) return names->second[at];
  }
  return std::nullopt;
}

/// The hub shortens long cells; half a question is no question.
void ItemReader::check_whole(const Row& row) {
  for (const std::string& column : row.cut) {
    if (used_.contains(column)) {
      throw Error("data",
                  "row " + std::to_string(row.number) + ", column '" + column +
                      "': the hub sends only the beginning of this cell (truncated_cells)",
                  row.place, "download the file from the hub and load that: Parquet, JSONL or CSV");
    }
    if (cut_.insert(column).second) {
      warnings_.push_back(row.place + ": column '" + column + "' is kept as the hub sends it: cut off");
    }
  }
}

std::string ItemReader::read_text(const Row& row, const std::string& field) {
  const Json* value = find(row, field);
  if (value == nullptr || value->is_null()) return {};
  if (!is_text_or_number(*value)) refuse(row, field, shown(*value), "a text");
  return as_text(*value);
}

std::string ItemReader::read_id(const Row& row) {
  std::string id = read_text(row, "id");
  return id.empty() ? std::to_string(row.number) : id;
}

void ItemReader::read_replies(const Row& row, Item& item) {
  const Json* value = find(row, "reply");
  if (value == nullptr || value->is_null()) return;
  std::vector<std::string> replies;
  const auto add = [&](const Json& one) {
    if (!one.is_null() && !is_text_or_number(one)) refuse(row, options_.paths.at("reply"), shown(one), "a text");
    replies.push_back(one.is_null() ? std::string() : as_text(one));
  };
  if (value->is_array()) {
    for (const Json& one : *value) add(one);
  } else {
    add(*value);
  }
  if (!replies.empty()) item.replies = std::move(replies);
}

void ItemReader::read_question(const Row& row, Item& item) {
  const Json* value = find(row, "question");
  if (value == nullptr || value->is_null()) {
    if (!item.replies) missing(row, options_.paths.contains("question") ? options_.paths.at("question") : "question");
    return;
  }
  if (!is_text_or_number(*value)) refuse(row, "question", shown(*value), "a text");
  item.question = as_text(*value);
  if (item.question->find_first_not_of(" \t\r\n") == std::string::npos && !item.replies) {
    refuse(row, "question", "an empty text", "a question");
  }
}

ItemReader::Choices ItemReader::read_choices(const Row& row) {
  Choices choices;
  const auto given = options_.paths.find("options");
  const Json* labels = find(row, "labels");
  if (given != options_.paths.end() && given->second.find('+') != std::string::npos) {
    choices.column = given->second;
    std::size_t begin = 0;
    while (begin <= given->second.size()) {
      const auto end = std::min(given->second.find('+', begin), given->second.size());
      const JsonPath path(given->second.substr(begin, end - begin));
      const Json* value = path.find(row.value);
      if (value == nullptr) missing(row, path.text());
      if (path.is_plain()) consumed_.insert(path.text());
      used_.insert(row.value.contains(path.text()) ? path.text() : path.text().substr(0, path.text().find('.')));
      if (!value->is_null() && !is_text_or_number(*value)) refuse(row, path.text(), shown(*value), "a text");
      // An empty cell is no option, as "N/A" is none.
      const std::string text = value->is_null() ? std::string() : as_text(*value);
      choices.texts.push_back(text.empty() ? "N/A" : text);
      begin = end + 1;
    }
  } else if (const Json* value = find(row, "options"); value != nullptr && !value->is_null()) {
    const std::string text_key = options_.paths.contains("option_text") ? options_.paths.at("option_text") : "text";
    const std::string label_key = options_.paths.contains("option_label") ? options_.paths.at("option_label") : "label";
    const JsonPath text_path(text_key);
    const JsonPath label_path(label_key);
    if (value->is_object()) {
      for (const auto& [label, text] : value->items()) {
        if (!is_text_or_number(text)) refuse(row, "options", shown(text), "a text for each label");
        choices.names.push_back(label);
        choices.texts.push_back(as_text(text));
      }
    } else if (const auto list = as_list(*value)) {
      for (const Json& option : *list) {
        if (option.is_object()) {
          const Json* text = text_path.find(option);
          if (text == nullptr || !is_text_or_number(*text)) {
            refuse(row, "options", shown(option), "an object with a text at '" + text_key + "'", "map.option_text=KEY");
          }
          choices.texts.push_back(as_text(*text));
          if (const Json* label = label_path.find(option)) choices.names.push_back(as_text(*label));
        } else if (is_text_or_number(option)) {
          choices.texts.push_back(as_text(option));
        } else {
          refuse(row, "options", shown(option), "a text");
        }
      }
    } else if (!(value->is_string() && value->get_ref<const std::string&>().empty())) {
      refuse(row, "options", shown(*value), "a list of texts", "map.options=A+B+C+D takes separate columns");
    }
  }
  if (labels != nullptr && !labels->is_null()) {
    const auto list = as_list(*labels);
    if (!list || list->size() != choices.texts.size()) {
      refuse(row, "labels", shown(*labels), "a list of as many labels as options");
    }
    choices.names.clear();
    for (const Json& label : *list) choices.names.push_back(as_text(label));
  }
  for (const auto& text : choices.texts) {
    choices.letters.push_back(text == "N/A" ? Choices::kGone : choices.count++);
  }
  dropped_options_ += choices.texts.size() - choices.count;
  if (!choices.texts.empty() && (choices.count < 1 || choices.count > 26)) {
    refuse(row, choices.column, std::to_string(choices.count) + " options", "1 to 26");
  }
  if (!choices.texts.empty()) return choices;

  choices.count = options_.n_options;
  if (const Json* value = find(row, "n_options"); value != nullptr && !value->is_null()) {
    const double n = number_of(as_text(*value));
    if (!(n >= 1 && n <= 26) || n != static_cast<double>(static_cast<int>(n))) {
      refuse(row, "n_options", shown(*value), "a whole number from 1 to 26");
    }
    choices.count = static_cast<std::size_t>(n);
  }
  for (std::size_t i = 0; i < choices.count; ++i) choices.letters.push_back(i);
  return choices;
}

Json ItemReader::worked_gold(const Row& row, const std::string& text, Item& item) const {
  const auto at = text.rfind("####");
  const auto value = at == std::string::npos ? std::nullopt : number_value(std::string_view(text).substr(at + 4));
  if (!value) refuse(row, "answer", shown(text), "a solution with its number after ####");
  item.extra["solution"] = text;
  return *value;
}

Json ItemReader::gold_of(const Row& row, const Json& value, const Choices& choices, Item& item) const {
  if (value.is_null()) return nullptr;
  if (!is_text_or_number(value)) refuse(row, "answer", shown(value), "a text or a number");
  if (value.is_string() && value.get_ref<const std::string&>().find_first_not_of(" \t\r\n") == std::string::npos) {
    return nullptr;
  }
  if (format_ == "gsm8k" && options_.answer_is == "auto" && value.is_string())
    return worked_gold(row, as_text(value), item);
  Gold gold = read_gold_value(value, choices.gold(), options_.answer_is, worked_solution_);
  if (!gold.error.empty()) refuse(row, "answer", shown(value), gold.error, gold.hint);
  if (gold.worked) item.extra["solution"] = as_text(value);
  return gold.value;
}

Json ItemReader::read_gold(const Row& row, const Choices& choices, Item& item) {
  const Json* value = find(row, "answer");
  std::optional<std::string> name;
  if (value != nullptr && choices.count == 0 && options_.answer_is == "auto") name = class_name(row, *value);
  const Json gold = name ? Json(*name) : value == nullptr ? Json() : gold_of(row, *value, choices, item);
  const bool indexed = !options_.paths.contains("answer") && row.value.contains("answer_index") && choices.count > 0 &&
                       row.value["answer_index"].is_number_integer();
  if (!indexed) return gold;
  used_.insert("answer_index");
  const Gold by_index = read_gold_value(row.value["answer_index"], choices.gold(), "index0", worked_solution_);
  if (gold.is_null()) {
    if (!by_index.error.empty()) refuse(row, "answer_index", shown(row.value["answer_index"]), by_index.error);
    return by_index.value;
  }
  if (format_ == "mmlu_pro" && by_index.value != gold) {
    warnings_.push_back(row.place + ": id " + item.id + ": answer " + as_text(gold) + " but answer_index " +
                        dump_json(row.value["answer_index"]) + "; the letter counts");
  }
  return gold;
}

Item ItemReader::read(Row&& row) {
  if (!row.value.is_object()) {
    throw BadRow(
        "data",
        "row " + std::to_string(row.number) + ": found " + std::string(row.value.type_name()) + ", expected an object",
        row.place);
  }
  if (format_.empty()) choose_format(row.value);
  consumed_.clear();
  used_.clear();
  if (row.classes != nullptr) name_classes(row);
  Item item;
  item.format = format_;
  item.source = row.place;
  item.id = read_id(row);
  read_replies(row, item);
  read_question(row, item);
  const Choices choices = read_choices(row);
  const bool needs_options = format_ == "mmlu_pro" || format_.starts_with("csqa");
  if (needs_options && choices.count == 0) missing(row, format_ == "mmlu_pro" ? "options" : "choices");
  for (std::size_t i = 0; i < choices.texts.size(); ++i) {
    if (choices.letters[i] != Choices::kGone) item.options.push_back(choices.texts[i]);
  }
  item.n_options = choices.count;
  item.category = read_text(row, "category");
  item.cot = read_text(row, "cot");
  item.answer = read_gold(row, choices, item);
  if (format_ == "csqa_orig") item.extra["question_concept"] = item.category;
  check_whole(row);
  for (const auto& [name, value] : row.value.items()) {
    if (!consumed_.contains(name)) item.extra[name] = value;
  }
  return item;
}

}  // namespace assay
