#include "experiments/discussion/config_file.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <set>

#include "core/text/edit_distance.hpp"
#include "core/text/words.hpp"
#include "experiments/discussion/parameters.hpp"

namespace assay {
namespace {

/// Who takes a key.
enum class Taker { discussion, annotation, both, nobody, recorded_below };
struct KeyRow {
  std::string key, parameter;
  Taker taker = Taker::discussion;
};

void add_rows(std::vector<KeyRow>& rows, const std::string& block, const std::vector<KeyRow>& below) {
  for (const KeyRow& row : below) rows.push_back({block + "." + row.key, row.parameter, row.taker});
}

std::vector<KeyRow> model_rows(Taker taker, const std::string& name_key) {
  return {{"disallowed_strings", "disallowed", taker},
          {"max_tokens", "max_tokens", taker},
          {name_key, "pseudoname", taker},
          {"library_type", "library_type", taker},
          {"model_path", "", Taker::nobody},
          {"ctx_width_tokens", "", Taker::nobody}};
}

/// The keys of section 2.1 and 9.1 of a generation.
std::vector<KeyRow> key_rows(Generation generation) {
  std::vector<KeyRow> rows;
  if (generation == Generation::g0) {
    return {{"conv_len", "num_turns"},
            {"history_ctx_len", "history_ctx_len"},
            {"turn_manager_type", "turn_policy"},
            {"turn_manager_config.respond_probability", "p_respond"}};
  }
  rows = {{"logging", "", Taker::recorded_below}, {"actions", "", Taker::recorded_below}};
  if (generation == Generation::g1) {
    add_rows(rows, "generate_conv_configs",
             {{"paths.topics_dir", "topics"},
              {"paths.persona_dir", "personas"},
              {"paths.user_instructions_path", "user_instructions"},
              {"paths.mod_instructions_path", "mod_instructions"},
              {"paths.experiment_export_dir", "", Taker::nobody},
              {"experiment_variables.num_generated_files", "num_experiments"},
              {"experiment_variables.num_users", "num_users"},
              {"experiment_variables.include_mod", "include_mod"},
              {"experiment_variables.context_prompt", "context"},
              {"experiment_variables.moderator_attributes", "moderator_attributes"},
              {"turn_taking.conv_len", "num_turns"},
              {"turn_taking.history_ctx_len", "history_ctx_len"},
              {"turn_taking.turn_manager_type", "turn_policy"},
              {"turn_taking.rand_weighted_respond_probability", "p_respond"}});
    add_rows(rows, "generate_conversations",
             {{"paths", "", Taker::recorded_below}, {"model_parameters.llama_cpp", "", Taker::recorded_below}});
    add_rows(rows, "generate_conversations.model_parameters.general", model_rows(Taker::discussion, "model_name"));
    add_rows(rows, "generate_annotation_configs",
             {{"paths.persona_dir", "annotators", Taker::annotation},
              {"paths.instruction_path", "annotation_instructions", Taker::annotation},
              {"paths.annotation_export_dir", "", Taker::nobody},
              {"experiment_variables.include_mod_comments", "include_mod_comments", Taker::annotation},
              {"experiment_variables.history_ctx_len", "history_ctx_len", Taker::annotation}});
    add_rows(rows, "generate_annotations",
             {{"paths.conv_logs_dir", "discussions", Taker::annotation},
              {"paths.annotator_input_dir", "", Taker::nobody},
              {"paths.output_dir", "", Taker::nobody},
              {"paths.model_path", "", Taker::nobody},
              {"model_parameters.llama_cpp", "", Taker::recorded_below}});
    add_rows(rows, "generate_annotations.model_parameters.general", model_rows(Taker::annotation, "model_name"));
    rows.push_back({"export", "", Taker::recorded_below});
    return rows;
  }
  const std::string model = generation == Generation::g2   ? "model_parameters.general"
                            : generation == Generation::g3 ? "model"
                                                           : "discussion_model";
  add_rows(rows, model, model_rows(Taker::both, "model_pseudoname"));
  if (generation == Generation::g2) rows.push_back({"model_parameters.llama_cpp", "", Taker::recorded_below});
  add_rows(rows, "discussions",
           {{"files.user_persona_path", "personas"},
            {"files.user_instructions_path", "user_instructions"},
            {"files.mod_instructions_path", "mod_instructions"},
            {"files.output_dir", "discussions", Taker::annotation},
            {"experiment_variables.num_experiments", "num_experiments"},
            {"experiment_variables.num_users", "num_users"},
            {"experiment_variables.include_mod", "include_mod"},
            {"experiment_variables.context_prompt", "context"},
            {"experiment_variables.moderator_attributes", "moderator_attributes"},
            {"turn_taking.num_turns", "num_turns"},
            {"turn_taking.history_ctx_len", "history_ctx_len"},
            {"turn_taking.turn_manager_type", "turn_policy"},
            {"turn_taking.respond_probability", "p_respond"}});
  if (generation == Generation::g4) {
    add_rows(rows, "discussions.files", {{"topics_path", "topics"}, {"troll_instructions_path", "troll_instructions"}});
  } else {
    add_rows(rows, "discussions.files", {{"topics_dir", "topics"}});
  }
  add_rows(rows, "annotation",
           {{"files.annotator_persona_path", "annotators", Taker::annotation},
            {"files.instruction_path", "annotation_instructions", Taker::annotation},
            {"files.output_dir", "", Taker::nobody},
            {"experiment_variables.include_mod_comments", "include_mod_comments", Taker::annotation},
            {"experiment_variables.history_ctx_len", "history_ctx_len", Taker::annotation}});
  rows.push_back({"dataset_export", "", Taker::recorded_below});
  rows.push_back({"export", "", Taker::recorded_below});
  return rows;
}

/// The keys of a generated experiment and annotator (2.3, 9.1).
std::vector<KeyRow> generated_rows(bool annotator) {
  if (annotator) {
    return {{"instructions", "annotation_instructions", Taker::annotation},
            {"include_moderator_comments", "include_mod_comments", Taker::annotation},
            {"history_ctx_len", "history_ctx_len", Taker::annotation}};
  }
  return {{"context", "context"},
          {"user_instructions", "user_instructions"},
          {"turn_manager_type", "turn_policy"},
          {"turn_manager_config.respond_probability", "p_respond"},
          {"conv_len", "num_turns"},
          {"history_ctx_len", "history_ctx_len"},
          {"moderator_attributes", "moderator_attributes"},
          {"moderator_instructions", "mod_instructions"}};
}

class Reader {
 public:
  Reader(const Source& source, const ConfigDocument& document, Problems& problems, ConfigFile& config)
      : name_(source.name), document_(document), problems_(problems), config_(config) {
    config_.name = source.name;
    config_.folder = source.embedded ? std::filesystem::path() : source.path.parent_path();
    if (!document.repeated.empty()) {
      config_.warnings.push_back(name_ + ": keys that stand there more than once, of which the last counts: " +
                                 joined(document.repeated, ", "));
    }
  }

  void take(const std::vector<KeyRow>& rows, bool warn_of_unknown) {
    for (const KeyRow& row : rows) {
      known_.insert(row.key);
      for (std::size_t dot = row.key.find('.'); dot != std::string::npos; dot = row.key.find('.', dot + 1)) {
        blocks_.insert(row.key.substr(0, dot));
      }
    }
    rows_ = &rows;
    warn_of_unknown_ = warn_of_unknown;
    walk(document_.value, "");
  }

  void take_assay(const Json& value) {
    if (value.is_null()) return;
    if (!value.is_object()) return wrong_block("assay");
    std::vector<std::string> names = {"grid"};
    for (const auto* rows : {&discussion_rows(), &annotation_rows()}) {
      for (const ParameterRow& row : *rows) names.push_back(row.name);
    }
    for (const auto& [key, one] : value.items()) {
      const std::string path = "assay." + key;
      if (key == "grid") {
        take_grid(one, names);
      } else if (is_parameter(key)) {
        config_.own[key] = given(path, one);
      } else {
        unknown(path, key, names);
      }
    }
  }

  void take_logging(const Json& value) {
    if (value.is_null()) return;
    if (!value.is_object()) return wrong_block("logging");
    const std::vector<std::string> names = {"print_to_terminal", "write_to_file", "logs_dir", "level"};
    for (const auto& [key, one] : value.items()) {
      const std::string path = "logging." + key;
      if (one.is_null()) continue;
      if (key == "print_to_terminal" || key == "write_to_file") {
        if (!one.is_boolean()) {
          wrong(path, one, "true or false (yes, no, on, off)");
          continue;
        }
        (key == "write_to_file" ? config_.logging.write_to_file : config_.logging.print_to_terminal) = one.get<bool>();
      } else if (key == "logs_dir") {
        if (!one.is_string()) {
          wrong(path, one, "a path");
          continue;
        }
        config_.logging.folder = one.get<std::string>();
      } else if (key == "level") {
        take_level(path, one);
      } else {
        unknown(path, key, names);
      }
    }
  }

  void take_actions(const Json& value) {
    if (value.is_null()) return;
    if (!value.is_object()) return wrong_block("actions");
    const std::vector<std::string> names = {"generate_discussions", "generate_annotations", "export_dataset"};
    for (const auto& [key, one] : value.items()) {
      if (std::find(names.begin(), names.end(), key) == names.end()) {
        unknown("actions." + key, key, names);
      } else if (!one.is_boolean()) {
        wrong("actions." + key, one, "true or false (yes, no, on, off)");
      } else if (key == "generate_discussions") {
        config_.generates_discussions = one.get<bool>();
      } else if (key == "generate_annotations") {
        config_.generates_annotations = one.get<bool>();
      }
    }
  }

 private:
  GivenValue given(const std::string& path, const Json& value) const {
    GivenValue given{value, false, name_, path, document_.line_of(path), config_.folder};
    // Numbers beyond 63 bits have become doubles.
    if (const auto written = document_.written.find(path);
        value.is_number_float() && written != document_.written.end() &&
        written->second.find_first_not_of("0123456789") == std::string::npos) {
      given.value = written->second;
    }
    return given;
  }
  std::string place(const std::string& path) const {
    const std::size_t line = document_.line_of(path);
    return name_ + (line > 0 ? ":" + std::to_string(line) : "") + ": " + path;
  }
  void wrong(const std::string& path, const Json& value, const std::string& allowed) {
    problems_.add(place(path) + ": " + dump_json(value) + "; allowed: " + allowed);
  }
  void wrong_block(const std::string& path) { problems_.add(place(path) + ": a mapping of keys is expected here"); }

  void unknown(const std::string& path, const std::string& key, const std::vector<std::string>& names) {
    const auto near = nearest(key, names);
    config_.warnings.push_back(place(path) + " is not a known key, and is ignored" +
                               (near ? ": did you mean " + *near + "?" : ""));
  }

  static bool is_parameter(const std::string& name) {
    return find_row(discussion_rows(), name) != nullptr || find_row(annotation_rows(), name) != nullptr;
  }

  void take_grid(const Json& value, const std::vector<std::string>& names) {
    if (value.is_null()) return;
    if (!value.is_object()) return wrong_block("assay.grid");
    for (const auto& [key, list] : value.items()) {
      const std::string path = "assay.grid." + key;
      if (!is_parameter(key)) {
        unknown(path, key, names);
      } else if (!list.is_array() || list.empty()) {
        wrong(path, list, "a list of values, such as [a, b]");
      } else {
        config_.grid.emplace_back(key, list);
      }
    }
  }

  void take_level(const std::string& path, const Json& value) {
    static constexpr std::array<std::string_view, 7> kLevels = {"debug", "info",     "warning", "warn",
                                                                "error", "critical", "not_set"};
    if (!value.is_string()) return wrong(path, value, "a text");
    const std::string level = ascii_lower(value.get<std::string>());
    if (std::find(kLevels.begin(), kLevels.end(), level) != kLevels.end()) {
      config_.logging.level = level;
      return;
    }
    config_.warnings.push_back(place(path) + ": unknown level " + dump_json(value) +
                               ", not_set is used; known: debug, info, warning, warn, error, critical, not_set");
  }

  void walk(const Json& map, const std::string& path) {
    for (const auto& [key, value] : map.items()) {
      if (path.empty() && key == "assay") continue;
      const std::string here = path.empty() ? key : path + "." + key;
      if (known_.contains(here)) {
        take_key(here, value);
      } else if (!blocks_.contains(here)) {
        if (warn_of_unknown_) unknown(here, key, siblings(path));
      } else if (value.is_object()) {
        walk(value, here);
      } else if (!value.is_null()) {
        wrong_block(here);
      }
    }
  }

  std::vector<std::string> siblings(const std::string& path) const {
    std::vector<std::string> names;
    if (path.empty()) names.emplace_back("assay");
    for (const auto* set : {&known_, &blocks_}) {
      for (const std::string& key : *set) {
        const auto dot = key.rfind('.');
        const std::string parent = dot == std::string::npos ? "" : key.substr(0, dot);
        if (parent == path) names.push_back(dot == std::string::npos ? key : key.substr(dot + 1));
      }
    }
    return names;
  }

  void take_key(const std::string& path, const Json& value) {
    for (const KeyRow& row : *rows_) {
      if (row.key != path) continue;
      if (row.taker == Taker::discussion || row.taker == Taker::both) {
        config_.discussion[row.parameter] = given(path, value);
      }
      if (row.taker == Taker::annotation || row.taker == Taker::both) {
        config_.annotation[row.parameter] = given(path, value);
      }
      if (row.parameter.empty() || row.taker == Taker::annotation) config_.recorded[path] = value;
      if (path.ends_with(".ctx_width_tokens") && !value.is_null()) {
        if (value.is_number_integer() && value.get<std::int64_t>() > 0) {
          config_.context_width = value.get<std::int64_t>();
        } else {
          wrong(path, value, "a whole number, 1 or more");
        }
      }
    }
  }

  const std::string name_;
  const ConfigDocument& document_;
  Problems& problems_;
  ConfigFile& config_;
  const std::vector<KeyRow>* rows_ = nullptr;
  std::set<std::string> known_, blocks_;
  bool warn_of_unknown_ = true;
};

std::string grid_text(const Json& value) { return value.is_string() ? value.get<std::string>() : dump_json(value); }

}  // namespace

std::string ConfigFile::key_of(const std::string& parameter, bool of_annotation) const {
  // Read where they stand, but no g4 file has them.
  static constexpr std::array<std::string_view, 3> kNotOfG4 = {"personas", "user_instructions", "mod_instructions"};
  if (generation == Generation::g4 && std::find(kNotOfG4.begin(), kNotOfG4.end(), parameter) != kNotOfG4.end()) {
    return "";
  }
  for (const KeyRow& row : generated ? generated_rows(of_annotation) : key_rows(generation)) {
    const bool fits = row.taker == Taker::both || row.taker == (of_annotation ? Taker::annotation : Taker::discussion);
    if (row.parameter == parameter && fits) return row.key;
  }
  return "";
}

ConfigFile read_config(const Source& source, const ConfigDocument& document, Problems& problems) {
  ConfigFile config;
  const Json& value = document.value;
  config.generation = generation_of(value);
  Reader reader(source, document, problems, config);
  if (config.generation == Generation::g3 && !value.contains("model")) {
    config.warnings.push_back(source.name +
                              ": neither model_parameters, model nor discussion_model is there; read as g3");
  }
  const std::vector<KeyRow> rows = key_rows(config.generation);
  reader.take(rows, true);
  reader.take_logging(value.value("logging", Json()));
  reader.take_actions(value.value("actions", Json()));
  reader.take_assay(value.value("assay", Json()));
  return config;
}

ConfigFile read_generated(const Source& source, const ConfigDocument& document, Problems& problems) {
  ConfigFile config;
  config.generation = generation_of(document.value);
  config.generated = true;
  const bool annotator = !document.value.contains("user_names");
  Reader reader(source, document, problems, config);
  const std::vector<KeyRow> rows = generated_rows(annotator);
  reader.take(rows, false);
  for (auto* values : {&config.discussion, &config.annotation}) {
    for (auto& [name, given] : *values) given.content = name.ends_with("instructions");
  }
  return config;
}

std::uint64_t drawn_seed() {
  std::random_device system;
  return (std::uint64_t{system()} << 32U) | system();
}

void complete_grid_of(const Source& source, LoadGrid& grid, const std::vector<ParameterRow>& rows) {
  const auto find = [&](const std::string& name) {
    return std::find_if(grid.parameters.begin(), grid.parameters.end(),
                        [&](const auto& parameter) { return parameter.first == name; });
  };
  bool seeded = false, drawn = true;
  std::error_code none;
  if (source.embedded || std::filesystem::is_regular_file(source.path, none)) {
    ConfigDocument document = read_document(read_source_text(source), source.name);
    auto shape = shape_of(document.value);
    drawn = shape != SourceShape::discussion_result && shape != SourceShape::annotation_result;
    Source config_source = source;
    if (const auto named = find("config"); shape == SourceShape::design && named != grid.parameters.end()) {
      config_source = Source{named->second.front(), named->second.front(), {}};
      document = read_document(read_source_text(config_source), config_source.name);
      shape = shape_of(document.value);
    }
    if (shape == SourceShape::configuration) {
      Problems told_at_load;
      const ConfigFile config = read_config(config_source, document, told_at_load);
      for (const auto& [name, values] : config.grid) {
        if (find_row(rows, name) == nullptr || find(name) != grid.parameters.end()) continue;
        std::vector<std::string> texts;
        for (const Json& value : values) texts.push_back(grid_text(value));
        grid.parameters.emplace_back(name, std::move(texts));
      }
      seeded = config.own.contains("seed");
    }
  } else {
    drawn = !std::filesystem::is_directory(source.path, none);
  }
  const auto seed = find("seed");
  if (seed != grid.parameters.end()) {
    for (std::string& text : seed->second) {
      if (text == "random") text = "drawn:" + std::to_string(drawn_seed());
    }
  } else if (drawn && !seeded) {
    grid.parameters.emplace_back("seed", std::vector{"drawn:" + std::to_string(drawn_seed())});
  }
}

void put_typed(ParameterSheet& sheet, const ParameterTexts& given) {
  constexpr std::string_view kDrawn = "drawn:";
  for (const auto& [name, text] : given) {
    GivenValue value{text, true, {}, {}, 0, {}};
    if (name == "seed" && text.starts_with(kDrawn)) {
      value.value = text.substr(kDrawn.size());
      value.key = "drawn";
    }
    sheet.put(name, std::move(value));
  }
}

}  // namespace assay
