#include "experiments/judge/loading.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "core/model/serialized_run.hpp"
#include "core/text/error.hpp"
#include "core/text/hash.hpp"
#include "core/text/input.hpp"
#include "core/text/json_values.hpp"
#include "core/text/words.hpp"
#include "experiments/judge/field_map.hpp"
#include "experiments/judge/prompts.hpp"
#include "experiments/judge/recorded.hpp"
#include "experiments/qa/rows.hpp"
#include "runners/yaml/yaml.hpp"

namespace assay {
namespace {

constexpr std::size_t kNamed = 5;  // of many, so many are named

std::string as_text(const Json& value) { return value.is_string() ? value.get<std::string>() : dump_json(value); }

/// An answer of a run as a text.
std::optional<std::string> answer_text(const Json& answer) {
  if (answer.is_null()) return std::nullopt;
  if (answer.is_object()) {
    for (const char* key : {"value", "text", "final"}) {
      const auto found = answer.find(key);
      if (found == answer.end()) continue;
      if (found->is_null()) return std::nullopt;
      return as_text(*found);
    }
  }
  return as_text(answer);
}

/// A run as map.FIELD=PATH sees it.
Json whole_run(const std::string& id, const Json& data, const Json& answer, const std::vector<ContextMessage>& context,
               const std::string& model) {
  Json messages = Json::array();
  for (const ContextMessage& message : context)
    messages.push_back(Json::object({{"role", message.role}, {"content", message.content}}));
  return Json::object(
      {{"id", id}, {"data", data}, {"answer", answer}, {"context", std::move(messages)}, {"model", model}});
}

/// One place that answers come from: a file, or a batch.
struct AnswerSource {
  std::string name;
  std::vector<JudgeItem> items;
};

class ItemReading {
 public:
  explicit ItemReading(const Json& params)
      : params_(params), fields_(params), skip_bad_(params.value("bad_rows", std::string("fail")) == "skip") {}

  std::vector<AnswerSource> read(const Source& source) {
    if (source.name.starts_with("@")) return read_runs(source);
    std::vector<AnswerSource> read(1);
    read[0].name = source.path.stem().string();
    read_file_rows(source, read[0]);
    return read;
  }

  std::map<std::string, std::uint64_t> missing;
  std::vector<std::string> warnings;
  std::uint64_t skipped = 0;

  /// Says that a row can't be judged; skips it where that is wanted.
  void refuse(const std::string& place, const std::string& field, const std::string& message) {
    if (!skip_bad_) throw Error("data", field + ": " + message, place, "bad_rows=skip leaves such rows out");
    ++skipped;
  }

 private:
  std::vector<AnswerSource> read_runs(const Source& source) {
    if (!source.select) throw Error("usage", source.name + " needs an experiment", source.name);
    std::vector<AnswerSource> read;
    for (const auto& view : source.select(source.name.substr(1))) {
      AnswerSource one;
      one.name = view->info().name;
      const std::string model = view->info().model;
      view->each(true, [&](const RunView& run) {
        if (run.status != Status::complete) {
          ++missing[std::string(to_text(run.status))];
          return;
        }
        std::optional<JudgeItem> item =
            from_run(whole_run(run.run_id, run.data, run.answer, run.context, model), run.score.verdict);
        if (!item) {
          ++missing["COMPLETE"];
          return;
        }
        item->source = Json::object({{"batch", one.name},
                                     {"id", run.run_id},
                                     {"attempt", run.attempts},
                                     {"answer_hash", to_hex(xxh3_128(dump_json(run.answer)))}});
        one.items.push_back(std::move(*item));
      });
      read.push_back(std::move(one));
    }
    return read;
  }

  /// A run as {"id","data","answer","context","model"}; nullopt: it has no answer.
  std::optional<JudgeItem> from_run(const Json& run, Verdict verdict) const {
    JudgeItem item;
    const Json& data = run.at("data");
    const auto mapped = [&](const char* field) { return fields_.maps(field) ? fields_.find(run, field) : nullptr; };
    const auto of_data = [&](const char* field) -> const Json* {
      if (fields_.maps(field)) return mapped(field);
      if (!data.is_object()) return nullptr;
      const auto found = data.find(field);
      return found == data.end() || found->is_null() ? nullptr : &*found;
    };
    item.id = as_text(run.at("id"));
    if (fields_.maps("prediction")) {
      if (const Json* found = mapped("prediction")) item.prediction = as_text(*found);
    } else {
      item.prediction = answer_text(run.at("answer"));
    }
    if (!item.prediction) return std::nullopt;
    if (const Json* question = of_data("question")) {
      item.question = as_text(*question);
    } else {
      const Json& context = run.at("context");
      for (auto message = context.rbegin(); message != context.rend(); ++message) {
        if (message->value("role", std::string()) != "user") continue;
        item.question = as_text(message->at("content"));
        break;
      }
    }
    const Json* reference = fields_.maps("reference") ? mapped("reference") : of_data("answer");
    if (reference == nullptr && !fields_.maps("reference")) reference = of_data("reference");
    if (reference != nullptr) item.reference = as_text(*reference);
    if (const Json* options = of_data("options"); options != nullptr && options->is_array()) {
      for (const Json& option : *options) item.options.push_back(as_text(option));
    }
    if (const Json* context = mapped("context")) item.context = as_text(*context);
    if (const Json* category = of_data("category")) item.category = as_text(*category);
    if (const Json* cluster = of_data("cluster")) item.cluster = *cluster;
    const Json* model = fields_.maps("model") ? mapped("model") : &run.at("model");
    if (model != nullptr && model->is_string()) item.model = model->get<std::string>();
    if (const Json* gold = mapped("gold")) {
      item.gold = *gold;
    } else if (verdict != Verdict::none) {
      item.gold = std::string(to_text(verdict));
    }
    return item;
  }

  void read_file_rows(const Source& source, AnswerSource& into) {
    std::vector<std::string> notes;
    // A save is told by its elements; rows of other files are items.
    bool first = true, save = false;
    std::uint64_t number = 0;
    const auto row = [&](Json&& value, const std::string& place) {
      ++number;
      if (first) {
        save = is_saved_run(value);
        if (const std::string format = recorded_format_of(value); !save && !format.empty())
          throw Error("usage", "these are judgements that were recorded, no items", place,
                      "format=" + format + " reads them");
      }
      first = false;
      if (save) {
        take_saved(value, source.name, place, number, into);
      } else {
        take_item(std::move(value), source, place, number, into);
      }
    };
    if (is_table(source)) {
      read_rows(source, {}, notes, [&](Row&& one) { row(std::move(one.value), one.place); });
    } else {
      std::unique_ptr<InputBytes> input;
      if (source.embedded) {
        input = std::make_unique<InputText>(*source.embedded, source.name);
      } else {
        input = std::make_unique<InputFile>(source.path.string());
      }
      JsonValuesOptions options;
      options.json.replace_invalid_utf8 = true;  // an answer is judged as it is
      JsonNotes found;
      read_json_values(
          *input, options,
          [&](Json&& value, const JsonPlace& place) {
            row(std::move(value), input->name() + ":" + std::to_string(place.line));
          },
          &found);
      if (found.utf8_repaired) notes.push_back(input->name() + ": bytes that are no UTF-8 are judged as U+FFFD");
    }
    warnings.insert(warnings.end(), notes.begin(), notes.end());
  }

  static bool is_table(const Source& source) {
    const std::string name = source.embedded ? source.name : source.path.filename().string();
    return name.find(".csv") != std::string::npos || name.find(".tsv") != std::string::npos ||
           name.find(".parquet") != std::string::npos;
  }
  static bool is_saved_run(const Json& value) {
    if (!value.is_object()) return false;
    const auto has = [&](const char* key) { return value.contains(key); };
    return has("data") && has("answer") && has("status") && has("score") && has("context") && has("logs");
  }

  void take_saved(const Json& value, const std::string& file, const std::string& place, std::uint64_t number,
                  AnswerSource& into) {
    SerializedRun saved = from_json_value(value, place);
    if (saved.run.status != Status::complete) {
      ++missing[std::string(to_text(saved.run.status))];
      return;
    }
    if (saved.run.id.empty()) saved.run.id = std::to_string(number);
    std::optional<JudgeItem> item =
        from_run(whole_run(saved.run.id, saved.run.data, saved.run.answer, saved.run.context, saved.model),
                 saved.run.score.verdict);
    if (!item) {
      ++missing["COMPLETE"];
      return;
    }
    item->source = Json::object({{"batch", saved.batch},
                                 {"id", saved.run.id},
                                 {"attempt", saved.run.attempts.empty() ? 1 : saved.run.attempts.back().number},
                                 {"answer_hash", to_hex(xxh3_128(dump_json(saved.run.answer)))},
                                 {"file", file}});
    into.items.push_back(std::move(*item));
  }

  void take_item(Json&& row, const Source& source, const std::string& place, std::uint64_t number, AnswerSource& into) {
    if (!row.is_object())
      return refuse(place, "row " + std::to_string(number),
                    "found " + dump_json(row).substr(0, 40) + ", expected an object");
    JudgeItem item;
    std::set<std::string> used;
    const auto find = [&](const char* field) { return fields_.find(row, field, &used); };
    const auto text = [&](const char* field, std::string& to) {
      if (const Json* found = find(field)) to = as_text(*found);
    };
    item.id = std::to_string(number);
    text("id", item.id);
    text("question", item.question);
    text("model", item.model);
    text("model_a", item.model_a);
    text("model_b", item.model_b);
    text("context", item.context);
    text("category", item.category);
    const auto texts = [&](const Json& list) {
      std::vector<std::string> all;
      for (const Json& one : list) all.push_back(as_text(one));
      return all;
    };
    if (const Json* turns = find("turns"); turns != nullptr && turns->is_array()) item.turns = texts(*turns);
    const auto answer = [&](const char* field, std::optional<std::string>& one, std::vector<std::string>& each) {
      const Json* found = find(field);
      if (found == nullptr) return;
      if (found->is_array() && !item.turns.empty()) {
        each = texts(*found);
      } else {
        one = as_text(*found);
      }
    };
    answer("reference", item.reference, item.references);
    answer("prediction", item.prediction, item.predictions);
    answer("response1", item.response1, item.responses1);
    answer("response2", item.response2, item.responses2);
    if (const Json* options = find("options"); options != nullptr && options->is_array())
      item.options = texts(*options);
    if (const Json* cluster = find("cluster")) item.cluster = *cluster;
    if (const Json* turn = find("turn")) {
      const std::string shown = as_text(*turn);
      if (shown.empty() || shown.find_first_not_of("0123456789") != std::string::npos || shown.size() > 4)
        return refuse(place, "turn", "found " + dump_json(*turn).substr(0, 40) + ", expected a number from 1");
      item.turn = static_cast<std::uint32_t>(std::stoul(shown));
    }
    if (!item.turns.empty()) {
      if (item.turn == 0) item.turn = static_cast<std::uint32_t>(item.turns.size());
      if (item.turn > item.turns.size())
        return refuse(place, "turn", std::to_string(item.turn) + " of " + std::to_string(item.turns.size()) + " turns");
      if (item.question.empty()) item.question = item.turns[item.turn - 1];
    }
    if (const Json* images = find("images")) {
      const auto add = [&](const std::string& path) {
        if (path.starts_with("data:") || path.find("://") != std::string::npos || source.embedded) {
          item.images.push_back(path);
          return true;
        }
        const std::filesystem::path full =
            std::filesystem::path(path).is_absolute() ? std::filesystem::path(path) : source.path.parent_path() / path;
        if (!std::filesystem::is_regular_file(full)) return false;
        item.images.push_back(full.string());
        return true;
      };
      for (const std::string& path : images->is_array() ? texts(*images) : std::vector<std::string>{as_text(*images)}) {
        if (!path.empty() && !add(path)) return refuse(place, "images", "there is no file " + path);
      }
    }
    if (const Json* rubric = find("rubric")) {
      const Json criteria = rubric->is_string() ? read_rubric(rubric->get<std::string>()) : *rubric;
      if (!criteria.is_object()) return refuse(place, "rubric", "expected an object of criteria");
      for (const auto& [name, what] : criteria.items()) item.rubric.emplace_back(name, as_text(what));
    }
    if (const Json* gold = find("gold")) item.gold = *gold;
    if (const Json* messages = find("messages")) item.messages = *messages;
    for (const auto& [name, value] : row.items()) {
      if (!used.contains(name)) item.extra[name] = value;
    }
    item.extra["row"] = place;
    into.items.push_back(std::move(item));
  }

  const Json& params_;
  const JudgeFieldMap fields_;
  const bool skip_bad_;
};

bool has_pair(const JudgeItem& item) {
  return (item.response1 && item.response2) || (!item.responses1.empty() && !item.responses2.empty());
}
bool has_answer(const JudgeItem& item) { return item.prediction || !item.predictions.empty(); }
bool has_reference(const JudgeItem& item) { return item.reference || !item.references.empty(); }

JudgeMode mode_of(const Json& params, const std::vector<AnswerSource>& sources) {
  const std::string given = params.value("mode", std::string());
  if (given == "correctness") return JudgeMode::binary;
  if (!given.empty()) return judge_mode(given).value_or(JudgeMode::binary);
  bool references = false;
  for (const AnswerSource& source : sources) {
    for (const JudgeItem& item : source.items) {
      if (has_pair(item)) return JudgeMode::pairwise;
      references = references || has_reference(item);
    }
  }
  return references ? JudgeMode::binary : JudgeMode::score;
}

/// The name of a source's answerer in a pair.
std::string answerer(const JudgeItem& item, const AnswerSource& source, bool alike) {
  return item.model.empty() || alike ? source.name : item.model;
}

JudgeItem paired(const AnswerSource& a, const JudgeItem& first, const AnswerSource& b, const JudgeItem& second,
                 bool many) {
  JudgeItem item = first;
  const bool alike = first.model == second.model;
  item.model_a = answerer(first, a, alike);
  item.model_b = answerer(second, b, alike);
  item.model.clear();
  if (item.question.empty()) item.question = second.question;
  if (!item.reference) item.reference = second.reference;
  if (item.references.empty()) item.references = second.references;
  item.response1 = first.prediction;
  item.response2 = second.prediction;
  item.responses1 = first.predictions;
  item.responses2 = second.predictions;
  item.prediction.reset();
  item.predictions.clear();
  if (item.category.empty()) item.category = second.category;
  if (item.cluster.is_null() && many) item.cluster = first.id;  // its pairs are of one question
  // Which of two is right is known only where one is and the other is not.
  item.gold = nullptr;
  const std::string right(to_text(Verdict::correct)), wrong(to_text(Verdict::incorrect));
  if (first.gold == right && second.gold == wrong) item.gold = "A";
  if (first.gold == wrong && second.gold == right) item.gold = "B";
  if (!first.source.is_null() || !second.source.is_null()) item.source = Json::array({first.source, second.source});
  if (many) item.id = first.id + "/" + item.model_a + "/" + item.model_b;
  return item;
}

std::string named(const std::vector<std::string>& ids) {
  std::vector<std::string> shown(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(std::min(ids.size(), kNamed)));
  return joined(shown, ", ") + (ids.size() > kNamed ? " .." : "");
}

/// Pairs of the sources by item id.
std::vector<JudgeItem> pair_up(const std::vector<AnswerSource>& sources, const std::string& baseline,
                               std::vector<std::string>& warnings) {
  if (sources.size() < 2) {
    throw Error("usage",
                "two answers are compared, and there is one source of answers" +
                    (sources.empty() ? std::string() : ": " + sources.front().name),
                {}, "name two: judge QUERY vs QUERY, or items with response1 and response2");
  }
  std::vector<JudgeItem> items;
  const bool many = sources.size() > 2;
  bool met = baseline.empty();
  for (std::size_t a = 0; a < sources.size(); ++a) {
    for (std::size_t b = a + 1; b < sources.size(); ++b) {
      std::unordered_map<std::string, const JudgeItem*> others;
      for (const JudgeItem& item : sources[b].items) others.emplace(item.id, &item);
      std::vector<std::string> only_a;
      std::unordered_set<std::string> taken;
      for (const JudgeItem& item : sources[a].items) {
        const auto found = others.find(item.id);
        if (found == others.end()) {
          only_a.push_back(item.id);
          continue;
        }
        taken.insert(item.id);
        JudgeItem pair = paired(sources[a], item, sources[b], *found->second, many);
        if (!baseline.empty() && pair.model_a != baseline && pair.model_b != baseline) continue;
        met = true;
        items.push_back(std::move(pair));
      }
      std::vector<std::string> only_b;
      for (const JudgeItem& item : sources[b].items) {
        if (!taken.contains(item.id)) only_b.push_back(item.id);
      }
      const auto say = [&](const std::vector<std::string>& only, const std::string& of) {
        if (only.empty()) return;
        warnings.push_back(counted(only.size(), "item has", "items have") + " an answer in " + of + " only and " +
                           (only.size() == 1 ? "is" : "are") + " left out: " + named(only));
      };
      say(only_a, sources[a].name);
      say(only_b, sources[b].name);
    }
  }
  if (!met) throw Error("usage", "baseline=" + baseline + ": no source has answers of that model", "baseline");
  return items;
}

/// What an item lacks for its mode: a field and what is wrong; "" : nothing.
std::pair<std::string, std::string> lacking(const JudgeItem& item, JudgeMode mode, const Json& params) {
  if (!item.messages.is_null()) return {};
  if (has_two_answers(mode)) {
    if (!has_pair(item)) return {has_answer(item) ? "response2" : "response1", "missing: two answers are compared"};
  } else if (!has_answer(item)) {
    return {"prediction", "missing: there is no answer to judge"};
  }
  const std::string with = params.value("with_reference", std::string("auto"));
  if (!has_reference(item)) {
    if (mode == JudgeMode::binary && with != "off" && !params.contains("prompt"))
      return {"reference", "missing: right or wrong is judged against it"};
    if (with == "on") return {"reference", "missing, and with_reference=on asks for it"};
  }
  if (mode == JudgeMode::rubric && item.rubric.empty() && !params.contains("rubric"))
    return {"rubric", "missing: criteria are needed (rubric=FILE, or a column)"};
  return {};
}

void make_ids_unique(std::vector<JudgeItem>& items, std::vector<std::string>& warnings) {
  std::unordered_set<std::string> ids;
  std::size_t repeats = 0;
  for (JudgeItem& item : items) {
    if (ids.insert(item.id).second) continue;
    ++repeats;
    for (int n = 2;; ++n) {
      const std::string fresh = item.id + "." + std::to_string(n);
      if (!ids.insert(fresh).second) continue;
      item.id = fresh;
      break;
    }
  }
  if (repeats > 0)
    warnings.push_back(counted(repeats, "item has an id", "items have ids") +
                       " that another has too: named ID.2, ID.3 ..");
}

}  // namespace

Json read_rubric(const std::string& text) {
  Json rubric;
  if (text.find(':') == std::string::npos || std::filesystem::is_regular_file(text)) {
    rubric = yaml_to_json(read_file(text, std::size_t{1} << 20), text);
  } else {
    rubric = Json::object();
    std::size_t from = 0;
    while (from < text.size()) {
      const auto end = std::min(text.find(';', from), text.size());
      const std::string one(trim(std::string_view(text).substr(from, end - from)));
      from = end + 1;
      if (one.empty()) continue;
      const auto colon = one.find(':');
      if (colon == std::string::npos)
        throw Error("usage", "rubric: \"" + one + "\" has no colon, expected \"name: text; name: text\"", "rubric");
      rubric[std::string(trim(std::string_view(one).substr(0, colon)))] =
          std::string(trim(std::string_view(one).substr(colon + 1)));
    }
  }
  if (!rubric.is_object() || rubric.empty())
    throw Error("usage", "rubric: expected a mapping of criterion: description", text);
  for (const auto& [name, what] : rubric.items()) {
    if (name.empty() || (!what.is_string() && !what.is_null()))
      throw Error("usage", "rubric: criterion \"" + name + "\" has no text for a description", text);
  }
  return rubric;
}

JudgeItems read_judge_items(const std::vector<Source>& sources, const Json& params) {
  JudgeItems read;
  const std::string format = params.value("format", std::string());
  const bool folders = std::any_of(sources.begin(), sources.end(), [](const Source& source) {
    return !source.embedded && !source.name.starts_with("@") && std::filesystem::is_directory(source.path);
  });
  const std::string baseline = params.value("baseline", std::string());
  if (format == "mtbench" || folders) {
    if (sources.size() != 1) throw Error("usage", "format=mtbench takes one folder", sources.front().name);
    if (!folders) throw Error("usage", "format=mtbench takes a folder", sources.front().name);
    const std::string mode = params.value("mode", std::string("pairwise"));
    read.mode = judge_mode(mode).value_or(JudgeMode::binary);
    if (read.mode != JudgeMode::pairwise && read.mode != JudgeMode::score && read.mode != JudgeMode::compare)
      throw Error("usage", "an MT-Bench folder is judged with mode=pairwise, score or compare, not " + mode, "mode");
    read.items = read_mtbench(sources.front().path.string(), params.value("models", std::string()),
                              static_cast<std::uint32_t>(params.value("turn", std::int64_t{0})), read.mode, baseline,
                              read.warnings);
    make_ids_unique(read.items, read.warnings);
    return read;
  }
  ItemReading reading(params);
  std::vector<AnswerSource> answers;
  for (const Source& source : sources) {
    for (AnswerSource& one : reading.read(source)) answers.push_back(std::move(one));
  }
  read.mode = mode_of(params, answers);
  const bool pairs = std::any_of(answers.begin(), answers.end(), [](const AnswerSource& source) {
    return std::any_of(source.items.begin(), source.items.end(),
                       [](const JudgeItem& i) { return has_pair(i) || !i.messages.is_null(); });
  });
  if (has_two_answers(read.mode) && !pairs) {
    read.items = pair_up(answers, baseline, reading.warnings);
  } else {
    for (AnswerSource& source : answers) {
      std::move(source.items.begin(), source.items.end(), std::back_inserter(read.items));
    }
  }
  std::vector<JudgeItem> kept;
  for (JudgeItem& item : read.items) {
    const auto [field, what] = lacking(item, read.mode, params);
    const std::string place = item.extra.value("row", std::string("item ") + item.id);
    item.extra.erase("row");
    if (!field.empty()) {
      reading.refuse(place, field, what);
      continue;
    }
    kept.push_back(std::move(item));
  }
  read.items = std::move(kept);
  read.missing = std::move(reading.missing);
  read.warnings = std::move(reading.warnings);
  if (reading.skipped > 0) {
    read.missing["bad_rows"] = reading.skipped;
    read.warnings.push_back(counted(reading.skipped, "row", "rows") + " left out (bad_rows=skip)");
  }
  make_ids_unique(read.items, read.warnings);
  return read;
}

}  // namespace assay
