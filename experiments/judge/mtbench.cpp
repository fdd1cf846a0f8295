#include <algorithm>
#include <filesystem>
#include <map>

#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/json_values.hpp"
#include "core/text/utf8.hpp"
#include "core/text/words.hpp"
#include "experiments/judge/prompts.hpp"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kNamed = 5;  // questions in a message

struct Question {
  Json id;  ///< as the file has it: a number or a text
  std::string name, category;
  std::vector<std::string> turns;
};
/// Question -> an answer per turn.
using Answers = std::map<std::string, std::vector<std::string>>;

/// "phi-3" of "phi-3.jsonl.gz"; "" : no file of lines.
std::string stem_of(const fs::path& path) {
  std::string name = path.filename().string();
  for (const char* packed : {".gz", ".zst"}) {
    if (name.ends_with(packed)) name.resize(name.size() - std::string_view(packed).size());
  }
  constexpr std::string_view kLines = ".jsonl";
  return name.ends_with(kLines) ? name.substr(0, name.size() - kLines.size()) : "";
}

/// Files of lines in a folder by their stems; empty when it is not there. A plain file stands before its packed copy.
std::map<std::string, std::string> line_files(const fs::path& folder) {
  std::map<std::string, std::string> files;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    const std::string stem = stem_of(entry.path());
    if (stem.empty()) continue;
    std::string& file = files[stem];
    if (file.empty() || entry.path().string().size() < file.size()) file = entry.path().string();
  }
  return files;
}

std::string shown(const std::vector<std::string>& names) {
  const std::size_t n = std::min(names.size(), kNamed);
  return joined({names.begin(), names.begin() + static_cast<std::ptrdiff_t>(n)}, ", ") +
         (n < names.size() ? ", .." : "");
}

class Folder {
 public:
  Folder(const std::string& folder, std::vector<std::string>& warnings) : folder_(folder), warnings_(warnings) {}

  std::vector<Question> questions() const {
    const auto files = line_files(folder_);
    const auto found = files.find("question");
    if (found == files.end()) {
      throw Error("file", "no question.jsonl", folder_,
                  "an MT-Bench folder has question.jsonl, model_answer/MODEL.jsonl and reference_answer/*.jsonl, each "
                  "also .gz or .zst");
    }
    std::vector<Question> questions;
    std::map<std::string, std::string> places;
    each_row(found->second, [&](const Json& row, const std::string& place) {
      Question question{row.at("question_id"), question_name(row), "", texts(row, "turns", place)};
      const auto category = row.find("category");
      if (category != row.end() && category->is_string()) question.category = category->get<std::string>();
      once(places, question.name, place);
      questions.push_back(std::move(question));
    });
    return questions;
  }

  Answers answers(const std::string& file) const {
    Answers answers;
    std::map<std::string, std::string> places;
    each_row(file, [&](const Json& row, const std::string& place) {
      const auto choices = row.find("choices");
      if (choices == row.end() || !choices->is_array() || choices->empty() || !choices->front().is_object()) {
        throw Error("file", "an answer without choices", place, R"(expected {"question_id", "choices": [{"turns"}]})");
      }
      once(places, question_name(row), place);
      answers[question_name(row)] = texts(choices->front(), "turns", place);
    });
    return answers;
  }

  /// The names of models= in its order, else all by name.
  std::vector<std::pair<std::string, Answers>> models(const std::string& wanted) const {
    const auto files = line_files(fs::path(folder_) / "model_answer");
    std::vector<std::string> all, names;
    for (const auto& [name, file] : files) all.push_back(name);
    for (std::size_t from = 0; from < wanted.size();) {
      const std::size_t end = std::min(wanted.find('+', from), wanted.size());
      if (end > from) names.push_back(wanted.substr(from, end - from));
      from = end + 1;
    }
    if (names.empty()) names = all;
    if (names.empty()) throw Error("file", "no model_answer/*.jsonl", folder_);
    std::vector<std::pair<std::string, Answers>> models;
    for (const std::string& name : names) {
      const auto file = files.find(name);
      if (file == files.end()) {
        const auto near = nearest(name, all);
        throw Error("usage", "no model_answer/" + name + ".jsonl in " + folder_, "models",
                    (near ? "did you mean " + *near + "? " : std::string()) + "there are: " + joined(all, ", "));
      }
      models.emplace_back(name, answers(file->second));
    }
    return models;
  }

  /// Of several files, the first by name that has the question counts.
  Answers references() const {
    Answers all;
    std::vector<std::string> twice;
    for (const auto& [name, file] : line_files(fs::path(folder_) / "reference_answer")) {
      for (auto& [question, turns] : answers(file)) {
        if (!all.emplace(question, std::move(turns)).second) twice.push_back(question);
      }
    }
    if (!twice.empty()) {
      warnings_.push_back("reference_answer has several references to " +
                          counted(twice.size(), "question", "questions") + ": " + shown(twice) +
                          "; that of the first file by name counts");
    }
    return all;
  }

 private:
  static void each_row(const std::string& file, const std::function<void(const Json&, const std::string&)>& visit) {
    InputFile input(file);
    read_json_values(input, {}, [&](Json&& row, const JsonPlace& at) {
      const std::string place = file + ":" + std::to_string(at.line);
      if (!row.is_object() || !row.contains("question_id") ||
          (!row["question_id"].is_string() && !row["question_id"].is_number_integer())) {
        throw Error("file", "a row without question_id (a number or a text)", place);
      }
      visit(row, place);
    });
  }
  static std::string question_name(const Json& row) {
    const Json& id = row.at("question_id");
    return id.is_string() ? id.get<std::string>() : dump_json(id);
  }
  static std::vector<std::string> texts(const Json& row, const char* name, const std::string& place) {
    const auto found = row.find(name);
    const bool is_list = found != row.end() && found->is_array() && !found->empty() &&
                         std::all_of(found->begin(), found->end(), [](const Json& text) { return text.is_string(); });
    if (!is_list) throw Error("file", std::string(name) + ": expected a list of texts", place);
    return found->get<std::vector<std::string>>();
  }
  static void once(std::map<std::string, std::string>& places, const std::string& name, const std::string& place) {
    const auto [first, is_new] = places.emplace(name, place);
    if (!is_new) throw Error("file", "the question " + name + " is there twice", place, "first at " + first->second);
  }

  std::string folder_;
  std::vector<std::string>& warnings_;
};

/// One question and turn; what concerns its answers is not in it yet.
JudgeItem item_of(const Question& question, std::size_t turn, const Answers& references) {
  JudgeItem item;
  item.id = question.name + "/" + std::to_string(turn);
  item.question = question.turns[turn - 1];
  item.category = question.category;
  item.cluster = question.id;
  item.turn = static_cast<std::uint32_t>(turn);
  item.extra["format"] = "mtbench";
  const auto until = static_cast<std::ptrdiff_t>(turn);
  if (turn > 1) item.turns.assign(question.turns.begin(), question.turns.begin() + until);
  const auto reference = references.find(question.name);
  if (reference != references.end() && reference->second.size() >= turn) {
    item.reference = reference->second[turn - 1];
    if (turn > 1) item.references.assign(reference->second.begin(), reference->second.begin() + until);
  }
  return item;
}

/// The answers of a question up to a turn; nullptr: there are fewer.
const std::vector<std::string>* answers_of(const Answers& answers, const Question& question, std::size_t turn) {
  const auto found = answers.find(question.name);
  return found == answers.end() || found->second.size() < turn ? nullptr : &found->second;
}

void put(std::optional<std::string>& text, std::vector<std::string>& turns, const std::vector<std::string>& answers,
         std::size_t turn) {
  text = answers[turn - 1];
  if (turn > 1) turns.assign(answers.begin(), answers.begin() + static_cast<std::ptrdiff_t>(turn));
}

}  // namespace

std::vector<JudgeItem> read_mtbench(const std::string& folder, const std::string& models, std::uint32_t turn,
                                    JudgeMode mode, const std::string& baseline, std::vector<std::string>& warnings) {
  const Folder files(folder, warnings);
  const auto questions = files.questions();
  const auto answers = files.models(models);
  const auto references = files.references();
  using Model = std::pair<std::string, Answers>;
  std::vector<std::pair<const Model*, const Model*>> sides;  // second: nullptr where one answer is judged
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!has_two_answers(mode)) sides.emplace_back(&answers[i], nullptr);
    for (std::size_t j = i + 1; has_two_answers(mode) && j < answers.size(); ++j) {
      if (baseline.empty() || answers[i].first == baseline || answers[j].first == baseline) {
        sides.emplace_back(&answers[i], &answers[j]);
      }
    }
  }
  if (has_two_answers(mode) && answers.size() < 2) {
    throw Error("usage", "mode=" + std::string(to_text(mode)) + " needs the answers of two models", "models",
                folder + " gives " + answers.front().first + " only");
  }
  if (questions.empty()) throw Error("file", "question.jsonl is empty", folder);
  if (sides.empty()) throw Error("usage", "baseline=" + baseline + " is none of the models", "baseline");

  std::vector<JudgeItem> items;
  std::map<std::string, std::vector<std::string>> missing;  // model -> questions
  const std::size_t most = std::max_element(questions.begin(), questions.end(), [](const auto& a, const auto& b) {
                             return a.turns.size() < b.turns.size();
                           })->turns.size();
  for (std::size_t t = 1; t <= most; ++t) {
    if (turn != 0 && t != turn) continue;
    for (const auto& [first, second] : sides) {
      for (const Question& question : questions) {
        if (question.turns.size() < t) continue;
        bool complete = true;
        for (const Model* side : {first, second}) {
          if (side == nullptr || answers_of(side->second, question, t) != nullptr) continue;
          missing[side->first].push_back(question.name + "/" + std::to_string(t));
          complete = false;
        }
        if (!complete) continue;
        JudgeItem item = item_of(question, t, references);
        const auto& one = *answers_of(first->second, question, t);
        if (second == nullptr) {
          item.id += "/" + first->first;
          item.model = first->first;
          put(item.prediction, item.predictions, one, t);
        } else {
          const auto& other = *answers_of(second->second, question, t);
          if (sides.size() > 1) item.id += "/" + first->first + "+" + second->first;
          item.model_a = first->first;
          item.model_b = second->first;
          put(item.response1, item.responses1, one, t);
          put(item.response2, item.responses2, other, t);
          item.len_a = static_cast<double>(count_code_points(*item.response1));
          item.len_b = static_cast<double>(count_code_points(*item.response2));
        }
        items.push_back(std::move(item));
      }
    }
  }
  for (auto& [model, names] : missing) {
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    warnings.push_back(model + " has no answer to " + counted(names.size(), "question", "questions") +
                       ", left out: " + shown(names));
  }
  if (items.empty()) throw Error("file", "no question has the answers it needs", folder);
  return items;
}

}  // namespace assay
