#include "experiments/declared/study.hpp"

#include <algorithm>

#include "core/text/error.hpp"
#include "core/text/hash.hpp"
#include "core/text/pattern.hpp"
#include "core/text/utf8.hpp"
#include "core/text/words.hpp"
#include "experiments/declared/parameters.hpp"
#include "runners/llm/field_values.hpp"

namespace assay {
namespace {

constexpr std::size_t kMostSteps = 100, kMostMetrics = 100, kMostParameters = 100;
constexpr std::size_t kMostDepth = 50, kMostNodes = 200'000;
constexpr std::int64_t kMostCount = 1'000'000'000;
const std::vector<std::string> kKeys{"assay",   "name",   "description", "data",    "rows",    "parameters",
                                     "model",   "params", "system",      "steps",   "extract", "score",
                                     "metrics", "report", "limit",       "shuffle", "epochs"};
const std::vector<std::string> kParams{
    "temperature", "top_p", "frequency_penalty", "presence_penalty", "top_k",     "max_tokens",
    "seed",        "stop",  "logprobs",          "response_format",  "reasoning", "top_logprobs"};

bool is_name(const std::string& text) {
  static const Pattern name("[A-Za-z_][A-Za-z0-9_]{0,63}");
  return name.matches_whole(text);
}

class Reader {
 public:
  Reader(const YamlNode& root, const StudyDocument& document, Study& study)
      : document_(document), root_({&root, "", &document.file}, kKeys), study_(study) {}

  void read(StudyData* data) {
    read_head();
    read_parameters();
    if (const auto params = root_.find("params")) study_.params = read_params(*params);
    if (const auto system = root_.find("system")) study_.system = StudyTemplate(*system, document_);
    read_steps();
    if (const auto extract = root_.find("extract")) study_.extract = ReplyRule(*extract);
    check_from(study_.extract, "extract.from");
    if (const auto score = root_.find("score")) study_.score = AnswerRule(*score, document_);
    read_metrics();
    if (const auto report = root_.find("report")) {
      if (const auto by = StudyMap(*report, {"by"}).find("by")) {
        study_.by = by->texts();
        study_.by_line = by->node->line;
      }
    }
    for (const auto& [name, least] : {std::pair("limit", 1), std::pair("shuffle", 0), std::pair("epochs", 1)}) {
      if (const auto value = root_.find(name)) study_.shared[name] = std::to_string(value->count(least, kMostCount));
    }
    if (data != nullptr) read_data(*data);
  }

 private:
  void read_head() {
    const auto version = root_.find("assay");
    if (!version) root_.self().refuse("the key assay is missing", "the first line of a study is  assay: 1");
    if (version->text() != "1") version->refuse("found " + version->text() + ", this program reads 1");
    study_.name = root_.text("name");
    study_.description = root_.text("description");
    study_.model = root_.text("model");
    if (const auto model = root_.find("model")) study_.model_line = model->node->line;
  }

  void read_parameters() {
    const auto all = root_.find("parameters");
    if (!all) return;
    const std::vector<StudyValue> values = StudyMap(*all, {}).values();
    if (values.size() > kMostParameters) all->refuse("more than " + std::to_string(kMostParameters) + " of them");
    for (const StudyValue& value : values) {
      StudyParameter parameter;
      parameter.line = value.node->line;
      parameter.row.name = value.key.substr(value.key.find('.') + 1);
      const std::string& name = parameter.row.name;
      if (!is_name(name) || name != ascii_lower(name)) {
        value.refuse("is no name of a parameter", "small letters, digits and _, beginning with a letter");
      }
      const std::vector<std::string> taken = taken_parameter_names();
      if (std::find(taken.begin(), taken.end(), name) != taken.end()) {
        value.refuse("has a name with a meaning of its own", "another name; taken are " + joined(taken, ", "));
      }
      read_parameter(value, parameter);
      study_.parameters.push_back(std::move(parameter));
    }
  }

  static void read_parameter(const StudyValue& value, StudyParameter& parameter) {
    Parameter& row = parameter.row;
    Json given;
    std::optional<StudyValue> at;
    if (value.is_map()) {
      const StudyMap map(value, {"default", "choices", "type", "help"});
      at = map.find("default");
      row.help = map.text("help");
      if (const auto choices = map.find("choices")) {
        row.type = Parameter::Type::choice;
        row.choices = choices->texts();
        if (map.find("type")) map.find("type")->refuse("choices say the type already");
      } else if (const auto type = map.find("type")) {
        const std::vector<std::string> words{"text", "integer", "number", "boolean"};
        const std::string word = type->choice(words);
        row.type = static_cast<Parameter::Type>(std::find(words.begin(), words.end(), word) - words.begin());
      } else if (at) {
        row.type = type_of(*at);
      }
    } else {
      at = value;
      row.type = type_of(value);
    }
    parameter.needed = !at;
    if (!at) return;
    row.default_text = at->text();
    try {
      resolve_parameters({row}, {{row.name, row.default_text}}, "declared");
    } catch (const Error&) {
      const char* expected = row.type == Parameter::Type::integer   ? "a whole number"
                             : row.type == Parameter::Type::number  ? "a number"
                             : row.type == Parameter::Type::boolean ? "true or false"
                                                                    : "one of ";
      at->refuse("found '" + row.default_text + "', expected " + expected + joined(row.choices, ", "));
    }
  }

  static Parameter::Type type_of(const StudyValue& value) {
    const Json written = value.is_scalar() ? as_written(*value.node) : Json();
    if (written.is_boolean()) return Parameter::Type::boolean;
    if (written.is_number_integer()) return Parameter::Type::integer;
    if (written.is_number()) return Parameter::Type::number;
    return Parameter::Type::text;
  }

  static ChatParams read_params(const StudyValue& value) {
    for (const StudyValue& one : StudyMap(value, kParams).values()) {
      const std::string name = one.key.substr(one.key.rfind('.') + 1);
      if (const auto good = chat_params_from_json(Json::object({{name, yaml_to_json(*one.node)}})); !good) {
        one.refuse("'" + truncate_to_width(one.is_scalar() ? one.node->text : "..", 40) + "': " + good.error().message);
      }
    }
    return *chat_params_from_json(yaml_to_json(*value.node));
  }

  void read_steps() {
    const auto all = root_.find("steps");
    if (!all) root_.self().refuse("the key steps is missing", "steps:\n  - ask: \"What is ..?\"");
    if (all->is_scalar()) {  // one question
      add_step({}, *all, nullptr);
      return;
    }
    if (!all->is_list()) all->refuse("expected a list of steps, each after a dash", "steps:\n  - ask: \"What is ..?\"");
    if (all->node->items.empty()) all->refuse("is an empty list");
    if (all->node->items.size() > kMostSteps) all->refuse("more than " + std::to_string(kMostSteps) + " steps");
    for (const StudyValue& item : all->items()) {
      if (item.is_scalar()) {
        add_step({}, item, nullptr);
        continue;
      }
      const StudyMap map(item, {"name", "ask", "when", "fresh", "model", "params"});
      const auto ask = map.find("ask");
      if (!ask) item.refuse("has no ask: what is the model to be asked?", "- ask: \"What is ..?\"");
      StudyStep step;
      if (const auto name = map.find("name")) {
        step.name = name->text();
        if (!is_name(step.name))
          name->refuse("'" + truncate_to_width(step.name, 40) + "' is no name",
                       "letters, digits and _, beginning with a letter");
      }
      add_step(std::move(step), *ask, &map);
    }
  }

  void add_step(StudyStep step, const StudyValue& ask, const StudyMap* map) {
    step.line = ask.node->line;
    if (step.name.empty()) step.name = "step" + std::to_string(study_.steps.size() + 1);
    if (const StudyStep* other = study_.step(step.name)) {
      ask.refuse("there is a step " + step.name + " already, in line " + std::to_string(other->line),
                 "each step has a name of its own");
    }
    step.ask = StudyTemplate(ask, document_);
    if (map != nullptr) {
      if (const auto when = map->find("when")) step.when = StudyTemplate::condition(*when, document_);
      if (const auto fresh = map->find("fresh")) step.fresh = fresh->flag();
      step.model = map->text("model");
      if (const auto params = map->find("params")) step.params = read_params(*params);
    }
    study_.steps.push_back(std::move(step));
  }

  void check_from(const ReplyRule& rule, const std::string& key) const {
    if (rule.from().empty() || study_.step(rule.from()) != nullptr) return;
    std::vector<std::string> names;
    for (const StudyStep& step : study_.steps) names.push_back(step.name);
    refuse_study(document_.file, rule.line(), key, "there is no step '" + truncate_to_width(rule.from(), 40) + "'",
                 nearest_hint(rule.from(), names));
  }

  void read_metrics() {
    const auto all = root_.find("metrics");
    if (!all) return;
    const std::vector<StudyValue> values = StudyMap(*all, {}).values();
    if (values.size() > kMostMetrics) all->refuse("more than " + std::to_string(kMostMetrics) + " of them");
    const std::vector<std::string> taken{"correct", "unextracted"};
    for (const StudyValue& value : values) {
      StudyMetric metric;
      metric.name = value.key.substr(value.key.find('.') + 1);
      if (!is_name(metric.name))
        value.refuse("is no name of a metric", "letters, digits and _, beginning with a letter");
      if (std::find(taken.begin(), taken.end(), metric.name) != taken.end()) {
        value.refuse("every run has a metric of that name", "another name");
      }
      if (value.is_map()) {
        metric.rule = ReplyRule(value);
        check_from(*metric.rule, value.key + ".from");
      } else {
        const std::string text = value.text();
        metric.value =
            has_template(text) ? StudyTemplate(value, document_) : StudyTemplate::expression(value, document_);
      }
      study_.metrics.push_back(std::move(metric));
    }
  }

  void read_data(StudyData& data) {
    const auto value = root_.find("data"), rows = root_.find("rows");
    if (!value && !rows) {
      root_.self().refuse("there is no data", "data: FILE.csv names a file beside this one; rows: lists the rows here");
    }
    if (value && value->is_scalar()) {
      data.file = value->text();
      data.line = value->node->line;
    } else if (value) {
      read_data_map(StudyMap(*value, {"file", "id", "columns", "rows", "header", "delimiter", "split", "config"}),
                    data);
    }
    if (rows && !data.file.empty()) rows->refuse("there is a data file already", "leave out rows, or data.file");
    if (!rows && data.file.empty()) value->refuse("names no file", "data: {file: FILE.csv}");
    if (!rows) return;
    if (!rows->is_list())
      rows->refuse("expected a list of rows, each after a dash", "rows:\n  - {question: .., gold: ..}");
    data.line = rows->node->line;
    data.rows = Json::array();
    for (const StudyValue& row : rows->items()) {
      if (!row.is_map()) row.refuse("expected the columns of a row", "- {question: .., gold: ..}");
      data.rows.push_back(as_written(*row.node));
      data.row_lines.push_back(row.node->line);
    }
    if (data.rows.empty()) rows->refuse("is an empty list");
  }

  static void read_data_map(const StudyMap& map, StudyData& data) {
    data.file = map.text("file");
    data.line = map.self().node->line;
    if (const auto file = map.find("file")) data.line = file->node->line;
    if (const auto id = map.find("id")) {
      data.id = id->text();
      data.id_line = id->node->line;
    }
    for (const char* key : {"rows", "header", "delimiter", "split", "config"}) {
      const auto value = map.find(key);
      if (value && data.file.empty()) value->refuse("goes with file");
    }
    data.array = map.text("rows");
    data.delimiter = map.text("delimiter");
    data.split = map.text("split");
    data.config = map.text("config");
    if (const auto header = map.find("header")) data.header = header->flag();
    const auto columns = map.find("columns");
    if (!columns) return;
    for (const StudyValue& value : StudyMap(*columns, {}).values()) {
      StudyData::Renamed renamed{value.key.substr(std::string("data.columns.").size()), value.text(), value.node->line};
      if (!is_name(renamed.name)) {
        value.refuse("is no name for templates", "letters, digits and _; columns: {NAME: COLUMN OF THE FILE}");
      }
      const auto& names = study_names();
      if (std::find(names.begin(), names.end(), renamed.name) != names.end()) {
        value.refuse("templates have another use for this name", "another name; taken are " + joined(names, ", "));
      }
      data.columns.push_back(std::move(renamed));
    }
  }

  const StudyDocument& document_;
  StudyMap root_;
  Study& study_;
};

void check_template(const StudyTemplate& text, const std::set<std::string>& known, const std::string& missing,
                    const std::string& file) {
  if (!text) return;
  for (const std::string& name : text.variables()) {
    if (known.contains(name)) continue;
    const bool reply = name == "reply" || name == "steps";
    if (reply || name == "answer" || name == "correct") {
      refuse_study(file, text.line(), text.key(), name + " is not known here" + (reply ? missing : ""),
                   reply ? "the first step and the system message come before every reply"
                         : "answer is known in score and metrics, correct in metrics");
    }
    refuse_study(file, text.line(), text.key(),
                 "the variable " + truncate_to_width(name, 40) + " is no column and no parameter",
                 nearest_hint(name, {known.begin(), known.end()}));
  }
}

YamlNode parse_document(const StudyDocument& document, const YamlLimits& bounds) {
  try {
    return parse_yaml(document.text, document.file, bounds);
  } catch (const Error& error) {
    const std::size_t tab = document.text.starts_with('\t') ? 0 : document.text.find("\n\t");
    if (!error.hint().empty() || tab == std::string::npos) throw;
    const auto end = document.text.begin() + static_cast<std::ptrdiff_t>(tab) + 1;
    throw Error(error.kind(), error.message(), error.place(),
                "line " + std::to_string(std::count(document.text.begin(), end, '\n') + 1) +
                    " begins with a tab: indent with blanks");
  }
}

}  // namespace

const std::vector<std::string>& study_names() {
  static const std::vector<std::string> names{"reply", "steps", "answer", "correct", "id", "parameters", "forked_from"};
  return names;
}

const StudyStep* Study::step(const std::string& named) const {
  const auto found = std::find_if(steps.begin(), steps.end(), [&](const StudyStep& one) { return one.name == named; });
  return found == steps.end() ? nullptr : &*found;
}

Study read_study(std::string text, const std::string& file, const PromptLimits& limits, StudyData* data) {
  YamlLimits bounds;
  bounds.max_depth = kMostDepth;
  bounds.max_nodes = kMostNodes;
  bounds.name_keys = true;
  const StudyDocument document{std::move(text), file, limits};
  const YamlNode root = parse_document(document, bounds);
  Study study;
  Reader(root, document, study).read(data);
  study.written = as_written(root);
  for (const char* key : {"data", "rows"}) study.written.erase(key);
  return study;
}

Study kept_study(const Json& written, const PromptLimits& limits) {
  if (!written.is_object()) {
    throw Error("usage", "its study is not there: the file that it came from has only its runs", {},
                "load the study's own file");
  }
  const StudyDocument document{"", "study", limits};
  const YamlNode root = node_of(written);
  Study study;
  Reader(root, document, study).read(nullptr);
  study.written = written;
  return study;
}

bool is_study(std::string_view text) {
  static const Pattern version(R"((?m)^(?:\x{FEFF})?["']?assay["']?[ \t]*:[ \t]+["']?[0-9])");
  return version.matches(text);
}

void check_study_names(const Study& study, const std::set<std::string>& columns, const std::string& file) {
  std::set<std::string> known = columns;
  for (const StudyParameter& parameter : study.parameters) known.insert(parameter.row.name);
  known.insert({"id", "parameters"});
  const std::set<std::string> before = known;
  known.insert({"reply", "steps"});
  check_template(study.system, before, ": nothing has been asked", file);
  for (std::size_t i = 0; i < study.steps.size(); ++i) {
    for (const StudyTemplate* one : {&study.steps[i].ask, &study.steps[i].when}) {
      check_template(*one, i == 0 ? before : known, ": it is the first step", file);
    }
  }
  const auto check_gold = [&](const StudyGold* gold) {
    if (gold == nullptr) return;
    if (gold->text) return check_template(gold->text, known, "", file);
    if (before.contains(gold->name) && gold->name != "parameters") return;
    refuse_study(file, gold->line, gold->key, "there is no column '" + truncate_to_width(gold->name, 40) + "'",
                 nearest_hint(gold->name, {columns.begin(), columns.end()}));
  };
  check_gold(study.score.gold());
  check_gold(study.score.options());
  known.insert("answer");
  if (const StudyTemplate* test = study.score.test()) check_template(*test, known, "", file);
  known.insert("correct");
  for (const StudyMetric& metric : study.metrics) check_template(metric.value, known, "", file);
  for (const std::string& column : study.by) {
    if (columns.contains(column)) continue;
    refuse_study(file, study.by_line, "report.by", "there is no column '" + truncate_to_width(column, 40) + "'",
                 nearest_hint(column, {columns.begin(), columns.end()}));
  }
}

}  // namespace assay
