#include "experiments/annotation/loading.hpp"

#include <algorithm>
#include <optional>

#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/discussion/config_file.hpp"
#include "experiments/discussion/inputs.hpp"
#include "experiments/discussion/load_values.hpp"
#include "experiments/discussion/parameters.hpp"
#include "experiments/discussion/prompt_forms.hpp"
#include "experiments/discussion/text_rules.hpp"

namespace assay {
namespace {

namespace fs = std::filesystem;

class Planner {
 public:
  Planner(const Source& source, const ParameterTexts& given) : source_(source), given_(given) {}

  AnnotationPlan plan() {
    check_names(annotation_rows(), given_, "annotation");
    read_file_of_source();
    if (config_) {
      for (const auto* layer : {&config_->annotation, &config_->own}) {
        for (const auto& [name, value] : *layer) sheet_.put(name, value);
      }
      plan_.warnings = config_->warnings;
      plan_.recorded = config_->recorded;
    }
    put_typed(sheet_, given_);
    sheet_.check(problems_);
    choose_generation();
    fill_defaults();
    check_needed();
    read_inputs();
    problems_.refuse(source_.name);
    fill_settings();
    fill_log();
    make_notes();
    plan_.params = sheet_.values();
    plan_.sources = sheet_.sources();
    return std::move(plan_);
  }

 private:
  void read_file_of_source() {
    const ConfigDocument document = read_document(read_source_text(source_), source_.name);
    const auto shape = shape_of(document.value);
    switch (shape.value_or(SourceShape::folder)) {
      case SourceShape::configuration:
        config_ = read_config(source_, document, problems_);
        break;
      case SourceShape::annotator:
        generated_ = document.value;
        config_ = read_generated(source_, document, problems_);
        break;
      case SourceShape::personas:
        sheet_.put("annotators", {source_.path.string(), true, {}, {}, 0, {}});
        break;
      case SourceShape::generated:
        throw Error("file", "this is a generated experiment", source_.name, "load discussion takes it");
      case SourceShape::design:
      case SourceShape::discussion_result:
      case SourceShape::annotation_result:
      case SourceShape::folder:
        throw Error("file", "no configuration of annotations", source_.name);
    }
  }

  void choose_generation() {
    const auto typed = generation_from(sheet_.get<std::string>("format", "auto"));
    // A generated annotator has the same keys in g0 and g1.
    plan_.generation = config_ && !(generated_ && typed) ? config_->generation : typed.value_or(Generation::g2);
    plan_.settings.format = typed.value_or(plan_.generation);
    sheet_.use("format", "auto");
    sheet_.replace("format", std::string(to_text(plan_.settings.format)));
  }

  void fill_defaults() {
    const Generation format = plan_.settings.format;
    const bool old = plan_.generation == Generation::g0;
    constexpr int kHistory = 3, kOldHistory = 4;
    sheet_.use("behaviour", "fixed");
    sheet_.use("history_ctx_len", old || generated_ ? kOldHistory : kHistory);
    sheet_.use("include_mod_comments", !old);
    sheet_.use("annotator_context", std::string(annotator_context(format)));
    use_text_defaults(sheet_, plan_.generation, format);
    use_behaviour_defaults(sheet_, {{"moderator_by_name", false, true}, {"drop_malformed", false, true}});
    for (const ParameterRow& row : annotation_rows()) use_shown_default(sheet_, row);
    if (!sheet_.has("seed")) sheet_.use("seed", drawn_seed(), "drawn");
  }

  void check_needed() {
    for (const char* name : {"annotators", "annotation_instructions"}) {
      if (sheet_.has(name) || sheet_.bad(name) || (generated_ && std::string(name) == "annotators")) continue;
      problems_.add(missing_parameter(name, config_ ? &*config_ : nullptr, true));
    }
  }

  void read_inputs() {
    plan_.inputs = Json::object();
    std::error_code none;
    if (!source_.embedded && fs::is_regular_file(source_.path, none)) plan_.inputs["file"] = hashed_input(source_.path);
    try {
      PathFinder finder(sheet_, plan_.moved);
      read_annotators(finder);
      read_instructions(finder);
      find_discussions(finder);
    } catch (const Error& error) {
      problems_.add(error);
    }
  }

  void read_annotators(PathFinder& finder) {
    if (generated_) {
      const Json& attributes = generated_->at("attributes");
      const auto is_text = [](const Json& one) { return one.is_string(); };
      if (!attributes.is_array() || !std::all_of(attributes.begin(), attributes.end(), is_text)) {
        problems_.add(source_.name + ": attributes: a list of texts is expected");
        return;
      }
      Participant annotator;
      annotator.name = annotator_name(plan_.settings.format);
      annotator.attributes = attributes.get<std::vector<std::string>>();
      plan_.annotators.push_back(std::move(annotator));
      return;
    }
    try {
      const auto path = finder.find(sheet_, "annotators", true, problems_);
      if (!path) return;
      plan_.annotators = read_personas(*path, plan_.settings.format, plan_.warnings, &plan_.notes);
      plan_.inputs["annotators"] = hashed_input(*path);
    } catch (const Error& error) {
      problems_.add(error);
    }
  }

  void read_instructions(PathFinder& finder) {
    const std::string name = "annotation_instructions";
    std::string& text = plan_.settings.instructions;
    const GivenValue* given = sheet_.given(name);
    if (given == nullptr || sheet_.bad(name)) return;
    if (given->content) {
      text = sheet_.get<std::string>(name);
    } else {
      try {
        const auto path = finder.find(sheet_, name, true, problems_);
        if (!path) return;
        text = read_input_text(*path);
        plan_.inputs[name] = hashed_input(*path);
      } catch (const Error& error) {
        problems_.add(error);
        return;
      }
    }
    if (is_blank(text)) plan_.warnings.push_back(sheet_.named(name) + ": the instructions are blank");
  }

  void find_discussions(PathFinder& finder) {
    const GivenValue* given = sheet_.given("discussions");
    if (given == nullptr || sheet_.bad("discussions")) return;
    const std::string written = sheet_.get<std::string>("discussions");
    // The folder that the file's discussions went to: looked at only where the experiment has none of them.
    const bool of_file = config_ && !given->typed && given->key == config_->key_of("discussions", true);
    if (written.starts_with('@') && !of_file) {
      plan_.query = written.substr(1);
      if (plan_.query.empty()) problems_.add(sheet_.named("discussions") + "; allowed: @BATCH, @QUERY or a path");
      return;
    }
    const auto path = finder.find(sheet_, "discussions", !of_file, problems_);
    if (of_file) {
      plan_.fallback = path.value_or(given->folder / written);
    } else if (path) {
      plan_.path = *path;
    }
  }

  void fill_settings() {
    AnnotationSettings& settings = plan_.settings;
    fill_text_settings(sheet_, settings.text);
    fill_decoding(sheet_, settings.decoding);
    const auto range = [](const Json& pair) { return std::pair(pair[0].get<double>(), pair[1].get<double>()); };
    constexpr std::string_view kFamily = "scale.";
    for (const auto& [name, value] : sheet_.values().items()) {
      if (name.starts_with(kFamily)) settings.parsing.scales[ascii_lower(name.substr(kFamily.size()))] = range(value);
    }
    settings.parsing.scale = range(sheet_["scale"]);
    settings.parsing.pattern = sheet_.get<std::string>("parse");
    settings.parsing.drop_all_malformed = sheet_.get<bool>("drop_malformed");
    settings.context = sheet_.get<std::string>("annotator_context");
    settings.persona_style = sheet_.get<std::string>("persona_style", "auto");
    if (settings.persona_style == "auto" && settings.format != Generation::g0) settings.persona_style = "fields";
    settings.pseudoname = sheet_.get<std::string>("pseudoname");
    settings.include_mod_comments = sheet_.get<bool>("include_mod_comments");
    settings.moderator_by_name = sheet_.get<bool>("moderator_by_name");
    settings.skip_silent = sheet_.get<bool>("skip_silent");
    settings.whole_discussion = sheet_.get<std::string>("unit") == "discussion";
    settings.write_dir = written_folder(sheet_, "write_dir");
    plan_.model = sheet_.get<std::string>("model");
    plan_.seed = sheet_.get<std::uint64_t>("seed");
  }

  void fill_log() {
    if (config_) plan_.log = config_->logging;
    use_log_folder(sheet_, config_ ? config_->folder : fs::path(), plan_.log, plan_.notes);
  }

  void make_notes() {
    const AnnotationSettings& settings = plan_.settings;
    std::vector<std::string> notes;
    const std::string from = !config_     ? "no configuration"
                             : generated_ ? "generated annotator"
                                          : std::string(to_text(plan_.generation)) + " configuration";
    notes.push_back(from + ", format " + std::string(to_text(settings.format)) +
                    (sheet_.get<std::string>("behaviour") == "syndisco" ? ", behaviour syndisco" : ""));
    std::vector<std::string> parts = {counted(plan_.annotators.size(), "annotator", "annotators")};
    parts.emplace_back(settings.include_mod_comments ? "moderator's comments too" : "without moderator's comments");
    parts.emplace_back("history " + (settings.text.history ? std::to_string(*settings.text.history) : "all"));
    if (settings.whole_discussion) parts.emplace_back("one annotation a discussion");
    parts.emplace_back("seed " + std::to_string(plan_.seed));
    notes.push_back(joined(parts, ", "));
    for (const MovedPath& path : plan_.moved) notes.push_back(path.key + ": " + path.from + " -> " + path.to);
    if (config_ && !config_->generates_annotations) {
      notes.emplace_back("actions.generate_annotations is false in the file: loaded all the same");
    }
    plan_.notes.insert(plan_.notes.begin(), notes.begin(), notes.end());
  }

  const Source& source_;
  const ParameterTexts& given_;
  AnnotationPlan plan_;
  Problems problems_;
  ParameterSheet sheet_{annotation_rows()};
  std::optional<ConfigFile> config_;
  std::optional<Json> generated_;
};

}  // namespace

AnnotationPlan plan_annotations(const Source& source, const ParameterTexts& given) {
  return Planner(source, given).plan();
}

}  // namespace assay
