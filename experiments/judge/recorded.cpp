#include "experiments/judge/recorded.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "core/text/csv.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/judge/record.hpp"
#include "experiments/judge/recorded_parts.hpp"
#include "experiments/qa/rows.hpp"

namespace assay {
namespace {

constexpr std::array<std::string_view, 12> kItemFields = {"item", "a",       "b",    "model", "question", "category",
                                                          "turn", "cluster", "gold", "len_a", "len_b",    "mode"};
/// Those of one judgement, kept as they are; `attempts` and what follows are written by our own export.
constexpr std::array<std::string_view, 25> kLineFields = {
    "judge",       "order",      "sample",   "raw",    "verdict",  "value",     "values",
    "scores",      "logprobs",   "status",   "games",  "mass",     "weighted",  "probabilities",
    "stop_reason", "model_used", "fallback", "reask",  "attempts", "tokens_in", "tokens_out",
    "cost_usd",    "error",      "upstream", "unknown"};

template <typename List>
bool is_in(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

bool is_absent(const Json& line, const char* name) {
  const auto found = line.find(name);
  return found == line.end() || found->is_null();
}

bool is_two_numbers(const Json& value) {
  return value.is_array() && value.size() == 2 && value[0].is_number() && value[1].is_number();
}

/// The types of a line's fields. Throws Error "file".
void check_line(const Json& line, const std::string& place) {
  const auto check = [&](const char* name, const char* expected, auto&& is_right) {
    if (!is_absent(line, name) && !is_right(line.at(name))) refuse_field(line, name, expected, place);
  };
  const auto text = [](const Json& value) { return value.is_string(); };
  const auto number = [](const Json& value) { return value.is_number(); };
  const auto count = [](const Json& value) {
    return value.is_number_integer() && value >= 0 && value <= Json(1'000'000'000'000);
  };
  check("judge", "a name, or [NAME, PROMPT]", [](const Json& value) {
    return value.is_string() || (value.is_array() && !value.empty() && value.front().is_string());
  });
  check("order", "ab or ba", [](const Json& value) { return value == "ab" || value == "ba"; });
  check("sample", "a number from 0", [&](const Json& value) { return count(value) && value <= 1'000'000; });
  check("raw", "the reply as text", text);
  check("verdict", "a label as text, a number, or null",
        [](const Json& value) { return value.is_string() || value.is_number(); });
  check("value", "a number, or two", [](const Json& value) { return value.is_number() || is_two_numbers(value); });
  check("values", "two numbers", is_two_numbers);
  check("scores", "an object of numbers", [](const Json& value) {
    return value.is_object() && std::all_of(value.begin(), value.end(), [](const Json& one) {
             return one.is_number() || one.is_null() || one.is_string();
           });
  });
  check("probabilities", "an object of numbers", [](const Json& value) {
    return value.is_object() &&
           std::all_of(value.begin(), value.end(), [](const Json& one) { return one.is_number(); });
  });
  check("logprobs", "a list of [token, logarithm]", [](const Json& value) {
    return value.is_array() && std::all_of(value.begin(), value.end(), [](const Json& one) {
             return one.is_array() && one.size() == 2 && one[0].is_string() && one[1].is_number();
           });
  });
  check("status", "a status of judgements", [](const Json& value) {
    return value.is_string() && read_status(value.get_ref<const std::string&>()).has_value();
  });
  check("mass", "a number", number);
  check("weighted", "true or false", [](const Json& value) { return value.is_boolean(); });
  check("games", "1 or 3", [](const Json& value) { return value == 1 || value == 2 || value == 3; });
  for (const char* name : {"stop_reason", "model_used", "error"}) check(name, "text", text);
  check("fallback", "0 or 1", [&](const Json& value) { return count(value) || value.is_boolean(); });
  for (const char* name : {"reask", "attempts"})
    check(name, "a number from 0", [&](const Json& value) { return count(value) && value <= 1'000'000; });
  for (const char* name : {"tokens_in", "tokens_out"}) check(name, "a number from 0", count);
  check("cost_usd", "a number", number);
  check("len_a", "a number", number);
  check("len_b", "a number", number);
  check("turn", "a number from 0", [&](const Json& value) { return count(value) && value <= 1'000'000; });
  check("mode", "a mode", [](const Json& value) {
    return value.is_string() && judge_mode(value.get_ref<const std::string&>()).has_value();
  });
}

/// A fact of the item: the first line that has it says it, the others agree.
template <typename T>
void take_once(T& to, const T& empty, const T& value, const char* name, const std::string& place) {
  if (value == empty) return;
  if (to != empty && to != value)
    throw Error("file", std::string(name) + " is not what an earlier line of this item says", place,
                "lines of one item judge the same answers");
  to = value;
}

std::optional<JudgeMode> mode_of_line(const Json& line) {
  if (!is_absent(line, "mode")) return judge_mode(line.at("mode").get<std::string>());
  if (!is_absent(line, "values") || (!is_absent(line, "value") && line.at("value").is_array()))
    return JudgeMode::compare;
  if (!is_absent(line, "scores")) return JudgeMode::rubric;
  if (!is_absent(line, "b") || (!is_absent(line, "order") && line.at("order") == "ba")) return JudgeMode::pairwise;
  if (!is_absent(line, "verdict") && line.at("verdict").is_number())
    return line.at("verdict") == 0 || line.at("verdict") == 1 ? JudgeMode::binary : JudgeMode::score;
  const std::string verdict = ascii_lower(is_absent(line, "verdict") ? "" : line.at("verdict").get<std::string>());
  for (const char* word : {"1", "0", "yes", "no", "positive", "negative"}) {
    if (verdict == word) return JudgeMode::binary;
  }
  if (verdict.empty() && !is_absent(line, "value")) return JudgeMode::score;
  return std::nullopt;
}

/// A number as a label is written.
std::string label_text(const Json& number) {
  const double value = number.get<double>();
  return value == std::floor(value) && std::abs(value) < 1e15 ? std::to_string(static_cast<long long>(value))
                                                              : dump_json(number);
}

/// What exported lines carry of their settings; the first line that has one says it.
class CarriedSettings {
 public:
  /// false: the object is none of ours.
  bool take(const Json& object, const std::string& place) {
    Json params;
    try {
      params = carried_parameters(object);
    } catch (const Error& error) {
      throw Error("file", "settings: " + error.message(), place, error.hint());
    }
    if (params.is_null()) return false;
    // Which orders are there may differ from item to item.
    for (const auto& [name, value] : params.items()) {
      if (!all_.contains(name)) all_[name] = value;
    }
    params.erase("swap");
    note(std::move(params));
    return true;
  }
  void none() { note(Json::object()); }
  void settle(const Json& given, RecordedSource& result) const {
    if (different_ > 0)
      result.warnings.push_back(counted(different_, "judgement was", "judgements were") +
                                " read by other settings than the first; those of the first count");
    const bool other_mode =
        given.contains("mode") && result.mode && given["mode"] != std::string(to_text(*result.mode));
    for (const auto& [name, value] : all_.items()) {
      // What goes with a mode, or with a parser, that the person did not take.
      if (other_mode) continue;
      if (name.starts_with("regex.") && given.value("parse", std::string("regex")) != "regex") continue;
      if (name == "ties" && given.contains("labels")) continue;
      if (name == "labels" && given.contains("ties")) continue;
      result.defaults[name] = value;
    }
  }

 private:
  void note(Json params) {
    if (!first_)
      first_ = std::move(params);
    else if (*first_ != params)
      ++different_;
  }

  Json all_ = Json::object();
  std::optional<Json> first_;
  std::uint64_t different_ = 0;
};

/// `swap`: both, where each judge has both orders of some item. All judges are asked about every item.
void settle_orders(const std::vector<JudgeItem>& items, RecordedSource& result) {
  std::map<std::string, bool> both;
  for (const JudgeItem& item : items) {
    std::map<std::string, int> orders;
    for (const Json& line : item.recorded)
      orders[line.value("judge", std::string("judge"))] |= line.value("order", std::string("ab")) == "ba" ? 2 : 1;
    for (const auto& [judge, seen] : orders) both[judge] = both[judge] || seen == 3;
  }
  const bool all = std::all_of(both.begin(), both.end(), [](const auto& one) { return one.second; });
  if (!result.defaults.contains("swap")) result.defaults["swap"] = all ? "both" : "off";
  std::vector<std::string> judges;
  std::set<std::string> known;
  for (const JudgeItem& item : items) {
    for (const Json& line : item.recorded) {
      std::string judge = line.value("judge", std::string("judge"));
      if (known.insert(judge).second) judges.push_back(std::move(judge));
    }
  }
  result.defaults["judges"] = judges;
}

/// With a baseline only what was judged against it is there, as where judgements are made.
void keep_baseline(const std::string& baseline, std::vector<JudgeItem>& items, RecordedSource& result) {
  const auto before = items.size();
  std::erase_if(items, [&](const JudgeItem& item) { return item.model_a != baseline && item.model_b != baseline; });
  if (items.empty())
    throw Error("usage", "baseline=" + baseline + ": nothing was judged against an answer of that model", "baseline");
  if (const auto left_out = before - items.size(); left_out > 0)
    result.notes.push_back(counted(left_out, "item is", "items are") + " left out: not judged against " + baseline);
}

/// The settings that items are read by: what the person gave before what the files say.
JudgeSettings settled(const Json& params, const RecordedSource& result) {
  Json merged = result.defaults;
  for (const auto& [name, value] : params.items()) merged[name] = value;
  if (!merged.contains("mode")) merged["mode"] = to_text(result.mode.value_or(JudgeMode::pairwise));
  return judge_settings(merged);
}

/// Gold that says nothing in this mode is counted; who gave it should know.
void check_gold(const JudgeSettings& settings, const std::vector<JudgeItem>& items, RecordedSource& result) {
  std::uint64_t unknown = 0;
  std::string first;
  const ReadingRules rules = settings.reading(JudgeItem{});
  for (const JudgeItem& item : items) {
    if (item.gold.is_null() || !item_gold(rules, item).is_null()) continue;
    if (unknown++ == 0) first = item.id + ": " + dump_json(item.gold).substr(0, 40);
  }
  if (unknown == 0) return;
  result.warnings.push_back("the gold of " + counted(unknown, "item is", "items is") + " no verdict of mode=" +
                            std::string(to_text(settings.mode)) + " (" + first + (unknown > 1 ? ", .." : "") +
                            "): " + (unknown == 1 ? "it counts" : "they count") + " as without gold");
}

/// Labels that no rule of this batch knows are a slip of the file, or of labels=.
void check_verdicts(const JudgeSettings& settings, const RecordedItems& items) {
  const ReadingRules rules = settings.reading(JudgeItem{});
  for (const JudgeItem& item : items.items) {
    for (std::size_t i = 0; i < item.recorded.size(); ++i) {
      const Json& line = item.recorded[i];
      if (is_absent(line, "verdict") || !is_absent(line, "raw")) continue;
      const std::string verdict = line.at("verdict").get<std::string>();
      if (has_two_answers(rules.mode) && !gold_verdict(rules, verdict).is_null()) continue;
      if (rules.labels.labels.empty() || label_of(rules.labels, verdict) != nullptr) continue;
      throw Error("file", "verdict: found \"" + verdict + "\", expected a label of " + rules.labels.name,
                  items.places(item.id)[i], "labels= names another alphabet; null where the judge gave none");
    }
  }
}

}  // namespace

JudgeItem& RecordedItems::item(const std::string& id, const std::string& place, bool* is_new) {
  if (id.empty()) throw Error("file", "item is missing or empty", place, "item says which lines judge the same");
  const auto [at, fresh] = numbers_.try_emplace(id, items.size());
  if (is_new != nullptr) *is_new = fresh;
  if (fresh) {
    items.emplace_back();
    items.back().id = id;
  }
  return items[at->second];
}

std::string RecordedItems::free_id(const std::string& id) const {
  std::string free = id;
  for (int n = 2; numbers_.contains(free); ++n) free = id + "." + std::to_string(n);
  return free;
}

void RecordedItems::judgement(JudgeItem& item, Json line, const std::string& place) {
  const std::string order = line.value("order", std::string("ab"));
  const std::string judge = line.value("judge", std::string("judge"));
  const std::uint64_t sample = line.value("sample", std::uint64_t{0});
  const std::string key = item.id + '\n' + judge + '\n' + order + std::to_string(sample);
  const auto [at, fresh] = judgements_.try_emplace(key, place);
  if (!fresh) {
    throw Error("file",
                "item " + item.id + " has a judgement of " + judge + ", order " + order + ", sample " +
                    std::to_string(sample) + " already: " + at->second,
                place, "sample=0, 1, .. tells repeated judgements apart");
  }
  item.recorded.push_back(std::move(line));
  places_[item.id].push_back(place);
}

std::unique_ptr<InputBytes> open_source(const Source& source) {
  if (source.embedded) return std::make_unique<InputText>(*source.embedded, source.name);
  return std::make_unique<InputFile>(source.path.string());
}

void each_object(InputBytes& input, const std::function<void(Json&&, const std::string& place)>& each) {
  read_json_values(input, {}, [&](Json&& value, const JsonPlace& at) {
    const std::string place = input.name() + ":" + std::to_string(at.line);
    if (!value.is_object())
      throw Error("file", "column 1: found " + dump_json(value).substr(0, 40) + ", expected an object", place);
    each(std::move(value), place);
  });
}

std::string line_text(const Json& line, const char* name, const std::string& place) {
  if (is_absent(line, name)) return {};
  const Json& value = line.at(name);
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_number()) refuse_field(line, name, "text", place);
  return dump_json(value);
}

double line_number(const Json& line, const char* name, const std::string& place) {
  if (is_absent(line, name)) return kUndefined;
  if (!line.at(name).is_number()) refuse_field(line, name, "a number", place);
  return line.at(name).get<double>();
}

void refuse_field(const Json& line, const char* name, const std::string& expected, const std::string& place) {
  constexpr std::size_t kShown = 60;
  std::string found = line.contains(name) ? dump_json(line.at(name)) : "nothing";
  if (found.size() > kShown) found = found.substr(0, kShown) + "..";
  throw Error("file", std::string(name) + ": found " + found + ", expected " + expected, place, "nothing was loaded");
}

void read_judgement_lines(const std::vector<Source>& sources, const Json& params, RecordedItems& into,
                          RecordedSource& result) {
  std::set<std::string> baselines;
  CarriedSettings settings;
  bool any_without = false;
  for (const Source& source : sources) {
    const auto input = open_source(source);
    each_object(*input, [&](Json&& line, const std::string& place) {
      check_line(line, place);
      if (!result.mode) result.mode = mode_of_line(line);
      if (!is_absent(line, "judge") && line.at("judge").is_array()) line["judge"] = Json(line["judge"].front());
      if (!is_absent(line, "verdict") && line.at("verdict").is_number()) line["verdict"] = label_text(line["verdict"]);
      JudgeItem& item = into.item(line_text(line, "item", place), place);
      const std::string model = line_text(line, "model", place), a = line_text(line, "a", place);
      take_once(item.model_a, {}, a, "a", place);
      take_once(item.model_b, {}, line_text(line, "b", place), "b", place);
      take_once(item.model, {}, model.empty() ? a : model, "model", place);
      take_once(item.question, {}, line_text(line, "question", place), "question", place);
      take_once(item.category, {}, line_text(line, "category", place), "category", place);
      take_once(item.turn, 0U, is_absent(line, "turn") ? 0U : line.at("turn").get<std::uint32_t>(), "turn", place);
      take_once(item.cluster, Json(), line.value("cluster", Json()), "cluster", place);
      take_once(item.gold, Json(), line.value("gold", Json()), "gold", place);
      if (std::isnan(item.len_a)) item.len_a = line_number(line, "len_a", place);
      if (std::isnan(item.len_b)) item.len_b = line_number(line, "len_b", place);
      Json kept = Json::object();
      bool is_carried = false;
      for (auto& [name, value] : line.items()) {
        if (is_in(kItemFields, name) || value.is_null()) continue;
        if (is_in(kLineFields, name)) {
          // What is read again is not kept twice.
          if (name != "upstream" && name != "unknown") kept[name] = std::move(value);
        } else if (name == "human" && value.is_object()) {
          for (const auto& [rater, verdict] : value.items()) item.human.emplace(rater, verdict);
        } else if (name == "probe" && value.is_string()) {
          item.probe = value.get<std::string>();
        } else if (name == "settings" && value.is_object() && settings.take(value, place)) {
          is_carried = true;
        } else if (name == "source") {
          item.source = std::move(value);
        } else if (name == "baseline" && value.is_string()) {
          baselines.insert(value.get<std::string>());
        } else if (!item.extra.contains(name)) {
          item.extra[name] = std::move(value);
        }
      }
      if (!is_carried) settings.none();
      any_without = any_without || is_absent(line, "baseline");
      into.judgement(item, std::move(kept), place);
    });
  }
  settings.settle(params, result);
  if (baselines.size() == 1 && !any_without) result.defaults["baseline"] = *baselines.begin();
}

RecordedSource read_recorded(const std::string& format, const std::vector<Source>& sources, const Json& params) {
  RecordedSource result;
  RecordedItems items;
  if (format == "fastchat") {
    read_fastchat(sources, params, items, result);
  } else if (format == "alpaca") {
    read_alpaca(sources, items, result);
  } else {
    read_judgement_lines(sources, params, items, result);
  }
  if (items.items.empty()) {
    throw Error("file", "there is no judgement", sources.empty() ? "" : sources.front().name,
                "format=" + format + " expects one in each line or element");
  }
  settle_orders(items.items, result);
  const JudgeSettings settings = settled(params, result);
  check_verdicts(settings, items);
  const bool two = has_two_answers(settings.mode);
  for (JudgeItem& item : items.items) {
    (two ? item.model : item.model_a).clear();
    if (!two) item.model_b.clear();
  }
  if (format == "fastchat") compare_with_winners(settings, items, result);
  result.items = std::move(items.items);
  const std::string baseline = params.value("baseline", std::string());
  if (two && !baseline.empty()) keep_baseline(baseline, result.items, result);
  check_gold(settings, result.items, result);
  return result;
}

std::string recorded_format_of(const Json& row) {
  if (!row.is_object()) return "";
  const auto any = [&](std::initializer_list<const char*> names) {
    return std::any_of(names.begin(), names.end(), [&](const char* name) { return row.contains(name); });
  };
  if (any({"g1_judgment", "g1_winner"}) || (row.contains("judgment") && any({"question_id", "model"})))
    return "fastchat";
  if (row.contains("preference") && row.contains("instruction") && any({"generator_1", "generator_2", "annotator"}))
    return "alpaca";
  const bool said = any({"raw", "verdict", "value", "values", "scores", "logprobs", "status"});
  return row.contains("item") && said ? "judgements" : "";
}

std::map<std::string, std::map<std::string, Json>> read_human(const std::string& path) {
  std::map<std::string, std::map<std::string, Json>> verdicts;
  std::map<std::pair<std::string, std::string>, std::string> places;
  Source source;
  source.name = path;
  source.path = path;
  std::vector<std::string> warnings;
  const auto cell = [](const Json& row, std::initializer_list<const char*> names) {
    for (const char* name : names) {
      const auto found = row.find(name);
      if (found == row.end() || found->is_null()) continue;
      if (found->is_string() && trim(found->get_ref<const std::string&>()).empty()) continue;
      return *found;
    }
    return Json();
  };
  const auto text = [](const Json& value) {
    return value.is_string() ? std::string(trim(value.get_ref<const std::string&>()))
           : value.is_null() ? std::string()
                             : dump_json(value);
  };
  bool any = false;
  read_rows(source, {}, warnings, [&](Row&& row) {
    if (!row.value.is_object()) throw Error("file", "expected item, rater, verdict or score", row.place);
    const std::string item = text(cell(row.value, {"item", "id", "question_id"}));
    if (item.empty())
      throw Error("file", "item is missing", row.place, "human= takes CSV or JSON lines of item, rater, verdict");
    any = any || row.value.contains("verdict") || row.value.contains("score") || row.value.contains("winner");
    Json verdict = cell(row.value, {"verdict", "winner", "score"});
    if (verdict.is_null()) return;
    if (verdict.is_string()) verdict = text(verdict);
    std::string rater = text(cell(row.value, {"rater"}));
    if (rater.empty()) rater = "human";
    const auto [at, fresh] = places.try_emplace({item, rater}, row.place);
    if (!fresh) throw Error("file", rater + " judges item " + item + " twice: " + at->second, row.place);
    const std::string a = text(cell(row.value, {"a"})), b = text(cell(row.value, {"b"}));
    if (!a.empty() || !b.empty()) {
      Json turned = Json::object({{"verdict", verdict}});
      if (!a.empty()) turned["a"] = a;
      if (!b.empty()) turned["b"] = b;
      verdict = std::move(turned);
    }
    verdicts[item][rater] = std::move(verdict);
  });
  if (!any)
    throw Error("file", "there is no column verdict or score", path,
                "human= takes CSV or JSON lines of item, rater, verdict or score");
  return verdicts;
}

}  // namespace assay
