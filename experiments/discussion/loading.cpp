#include "experiments/discussion/loading.hpp"

#include <algorithm>
#include <functional>
#include <map>

#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/words.hpp"
#include "experiments/discussion/config_file.hpp"
#include "experiments/discussion/inputs.hpp"
#include "experiments/discussion/load_values.hpp"
#include "experiments/discussion/parameters.hpp"
#include "experiments/discussion/text_rules.hpp"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr const char* kG0Context =
    "You are a human participating in an online chatroom. You see the following post on a social media site: ";

bool all_texts(const Json& list) {
  return list.is_array() && std::all_of(list.begin(), list.end(), [](const Json& one) { return one.is_string(); });
}

/// A text of an object; `otherwise` where it is something else.
std::string text_in(const Json& object, const char* key, std::string otherwise) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::move(otherwise);
}

std::vector<std::string> texts_of(const Json& list) {
  return list.is_array() ? list.get<std::vector<std::string>>() : std::vector<std::string>();
}

class Planner {
 public:
  Planner(const Source& source, const ParameterTexts& given) : source_(source), given_(given) {}

  DiscussionPlan plan() {
    check_names(discussion_rows(), given_, "discussion");
    read_file_of_source();
    put_layers();
    sheet_.check(problems_);
    choose_generation();
    fill_defaults();
    choose_policy();
    check_needed();
    read_inputs();
    check_together();
    problems_.refuse(source_.name);
    fill_settings();
    fill_request();
    if (generated_) make_generated();
    fill_log();
    if (const auto warning = width_warning(plan_)) plan_.warnings.push_back(*warning);
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
      case SourceShape::generated:
        generated_ = document.value;
        check_generated(document.value);
        config_ = read_generated(source_, document, problems_);
        break;
      case SourceShape::personas: {
        GivenValue personas{source_.path.string(), true, {}, {}, 0, {}};
        sheet_.put("personas", std::move(personas));
        break;
      }
      case SourceShape::design:
        design_ = document.value;
        design_place_ = source_.name;
        read_config_parameter();
        break;
      case SourceShape::annotator:
        throw Error("file", "this is a generated annotator", source_.name, "load annotation takes it");
      case SourceShape::discussion_result:
      case SourceShape::annotation_result:
      case SourceShape::folder:
        throw Error("file", "no configuration of discussions", source_.name);
    }
    if (!design_.is_object() && given_.contains("config")) {
      throw Error("usage", "config= names the configuration of a design file, and " + source_.name + " is none");
    }
  }

  void check_generated(const Json& file) const {
    const Json &names = file["user_names"], &attributes = file["user_attributes"];
    if (!all_texts(names) || names.empty())
      throw Error("file", "user_names: a list of names is expected", source_.name);
    if (!attributes.is_array() || !std::all_of(attributes.begin(), attributes.end(), all_texts)) {
      throw Error("file", "user_attributes: a list of lists of texts is expected", source_.name);
    }
    if (names.size() != attributes.size()) {
      throw Error("file",
                  "user_names has " + std::to_string(names.size()) + " entries, user_attributes " +
                      std::to_string(attributes.size()),
                  source_.name);
    }
  }

  void read_config_parameter() {
    const auto named = given_.find("config");
    if (named == given_.end()) return;
    const Source other{named->second, named->second, {}};
    config_source_ = named->second;
    const ConfigDocument document = read_document(read_source_text(other), other.name);
    if (shape_of(document.value) != SourceShape::configuration) {
      throw Error("file", "this is no configuration", "config=" + named->second,
                  "YAML with `discussions` or `generate_conv_configs` is one");
    }
    config_ = read_config(other, document, problems_);
  }

  void put_layers() {
    if (config_) {
      for (const auto* layer : {&config_->discussion, &config_->own}) {
        for (const auto& [name, value] : *layer) sheet_.put(name, value);
      }
      plan_.warnings = config_->warnings;
      plan_.recorded = config_->recorded;
      plan_.context_width = config_->context_width;
    }
    put_typed(sheet_, given_);
  }

  void choose_generation() {
    const auto typed = generation_from(sheet_.get<std::string>("format", "auto"));
    plan_.generation = config_ ? config_->generation : typed.value_or(Generation::g2);
    plan_.settings.format = typed.value_or(plan_.generation);
    sheet_.use("format", "auto");
    sheet_.replace("format", std::string(to_text(plan_.settings.format)));
  }

  void fill_defaults() {
    const Generation from = plan_.generation, format = plan_.settings.format;
    sheet_.use("behaviour", "fixed");
    if (from == Generation::g0 && !generated_) {
      sheet_.use("num_experiments", 20);
      sheet_.use("num_users", 4);
      sheet_.use("context", kG0Context);
    }
    if (generated_) {
      for (const char* name : {"num_turns", "history_ctx_len"}) sheet_.use(name, 4);
    }
    sheet_.use("turn_policy", from == Generation::g4 ? "random_weighted" : "round_robin");
    sheet_.use("include_mod", generated_ ? !generated_->value("moderator_name", Json()).is_null() : true);
    sheet_.use("moderator_attributes",
               from == Generation::g4 ? Json::array() : Json::array({"just", "strict", "understanding"}));
    use_text_defaults(sheet_, from, format);
    use_behaviour_defaults(
        sheet_, {{"silence", "quotes", "blank"}, {"mod_silence_slot", false, true}, {"biased_start", false, true}});
    sheet_.use("troll_chance", 0.3);
    for (const ParameterRow& row : discussion_rows()) use_shown_default(sheet_, row);
    if (!sheet_.has("seed")) sheet_.use("seed", drawn_seed(), "drawn");
  }

  void choose_policy() {
    const bool syndisco = sheet_.get<std::string>("behaviour") == "syndisco";
    std::string policy = sheet_.get<std::string>("turn_policy", "round_robin");
    if (policy == "random_weighted") {
      policy = syndisco ? "random_weighted_legacy" : "respond";
      sheet_.replace("turn_policy", policy);
      policy_note_ =
          std::string(
              "random_weighted: SynDisco up to 2.1.0 never threw its coin and in fact drew uniformly among the "
              "others; ") +
          (syndisco ? "behaviour=syndisco does so (turn_policy=random_weighted_legacy)"
                    : "turn_policy=random_weighted_legacy (or behaviour=syndisco) reproduces that");
    }
    if (policy == "respond" && !sheet_.has("p_respond") && !sheet_.bad("p_respond")) {
      plan_.warnings.push_back("p_respond is not given, and turn_policy=respond needs it: 0.5 is used");
    }
    sheet_.use("p_respond", 0.5);
    if (policy == "respond" && sheet_.get<double>("p_respond") >= 1) {
      plan_.warnings.push_back("p_respond=1: two users alternate for ever");
    }
  }

  bool with_moderator() const { return sheet_.get<bool>("include_mod", true); }
  bool is_g0() const { return plan_.settings.format == Generation::g0; }

  /// The design file says all that `entry` says, in every discussion of it.
  bool all_designed(const char* entry) const {
    const auto list = design_.is_object() ? design_.find("discussions") : design_.end();
    return design_.is_object() && list != design_.end() && list->is_array() &&
           std::all_of(list->begin(), list->end(), [&](const Json& one) { return one.contains(entry); });
  }

  bool topics_needed() const {
    if (generated_) return false;
    if (design_.is_object()) {
      const Json discussions = design_.value("discussions", Json());
      for (const Json& one : discussions) {
        const Json seeds = one.is_object() ? one.value("seeds", Json()) : Json();
        for (const Json& seed : seeds) {
          if (seed.contains("topic") && !seed.contains("text")) return true;
        }
      }
      return false;
    }
    return !sheet_.has("seed_comments") && sheet_.get<bool>("include_seed", true);
  }

  void check_needed() {
    read_design_parameter();
    const bool designed = design_.is_object();
    std::vector<std::string> needed;
    if (!designed && !generated_) needed = {"num_experiments", "num_users"};
    if (!all_designed("speakers")) needed.emplace_back("num_turns");
    needed.insert(needed.end(), {"history_ctx_len", "context"});
    if (!generated_) needed.emplace_back("personas");
    needed.emplace_back("user_instructions");
    if (with_moderator()) needed.emplace_back("mod_instructions");
    if (topics_needed()) needed.emplace_back("topics");
    for (const std::string& name : needed) {
      if (sheet_.has(name) || sheet_.bad(name) || !sheet_[name].is_null()) continue;
      std::string text = missing_parameter(name, config_ ? &*config_ : nullptr, false);
      if (name == "mod_instructions") text += "; include_mod=false does without";
      if (name == "topics") text += "; include_seed=false does without";
      problems_.add(text);
    }
  }

  void read_design_parameter() {
    if (!sheet_.has("design") || generated_) return;
    const fs::path path = sheet_.get<std::string>("design");
    try {
      PathFinder finder(sheet_, plan_.moved);
      const auto found = finder.find(sheet_, "design", true, problems_);
      if (!found) return;
      const ConfigDocument document = read_document(read_file(found->string()), found->string());
      if (shape_of(document.value) != SourceShape::design) {
        throw Error("file", "this is no design file: there is no key assay_design", found->string());
      }
      design_ = document.value;
      design_place_ = found->string();
      plan_.inputs["design"] = hashed_input(*found);
    } catch (const Error& error) {
      problems_.add(error);
    }
  }

  /// Finds and reads the file of a parameter; what a file names without need and can't be read is passed over.
  void read_path(const std::string& name, bool needed, const std::function<void(const fs::path&)>& read) {
    if (const GivenValue* given = sheet_.given(name); given != nullptr && given->typed) needed = true;
    try {
      const auto path = finder_->find(sheet_, name, needed, problems_);
      if (!path) return;
      read(*path);
      plan_.inputs[name] = hashed_input(*path);
    } catch (const Error& error) {
      if (needed) problems_.add(error);
    }
  }

  std::string instructions(const std::string& name, bool needed) {
    std::string text;
    if (const GivenValue* given = sheet_.given(name); given != nullptr && given->content) {
      text = sheet_.get<std::string>(name);
    } else {
      bool read = false;
      read_path(name, needed, [&](const fs::path& path) {
        text = read_input_text(path);
        read = true;
      });
      if (!read) return "";
    }
    if (needed && is_blank(text)) plan_.warnings.push_back(sheet_.named(name) + ": the instructions are blank");
    return text;
  }

  void read_inputs() {
    plan_.inputs = plan_.inputs.is_object() ? plan_.inputs : Json::object();
    if (!source_.embedded) add_input("file", source_.path);
    if (!config_source_.empty()) add_input("config", config_source_);
    try {
      finder_.emplace(sheet_, plan_.moved);
    } catch (const Error& error) {
      problems_.add(error);
      return;
    }
    DiscussionSettings& settings = plan_.settings;
    read_topics_of(topics_needed());
    if (!generated_) {
      read_path("personas", true, [&](const fs::path& path) {
        plan_.pools.personas = read_personas(path, settings.format, plan_.warnings, &plan_.notes);
        pool_file_ = path.string();
      });
    }
    settings.user_instructions = instructions("user_instructions", true);
    settings.mod_instructions = instructions("mod_instructions", with_moderator());
    settings.troll_instructions = instructions("troll_instructions", sheet_.get<double>("troll_chance") > 0);
    settings.moderator_persona = moderator_persona_of();
  }

  void add_input(const std::string& name, const fs::path& path) {
    std::error_code none;
    if (fs::is_regular_file(path, none)) plan_.inputs[name] = hashed_input(path);
  }

  void read_topics_of(bool needed) {
    const bool wanted = needed || (is_g0() && !sheet_.has("seed_comments")) || design_.is_object();
    if (sheet_.has("seed_comments") && sheet_.get<bool>("include_seed", true)) {
      for (const Json& one : sheet_["seed_comments"]) {
        std::vector<Opening> openings;
        for (const std::string& text : texts_of(one)) openings.push_back({"", text, ""});
        plan_.pools.openings.push_back(std::move(openings));
      }
    }
    if (!wanted || generated_) return;
    read_path("topics", needed, [&](const fs::path& path) {
      Topics topics = read_topics(path, plan_.notes);
      plan_.topics = std::move(topics.texts);
      plan_.pools.candidates = std::move(topics.candidates);
      for (const auto& [file, text] : plan_.topics) plan_.pools.openings.push_back({Opening{"", text, file}});
    });
  }

  Json moderator_persona_of() {
    const Json& value = sheet_["moderator_persona"];
    if (!value.is_string()) return value;
    Json persona;
    read_path("moderator_persona", true, [&](const fs::path& path) {
      persona = parse_json(read_input_text(path), path.string());
      if (!persona.is_object()) throw Error("file", "a JSON object is expected", path.string());
    });
    return persona;
  }

  void check_together() {
    const auto& pool = plan_.pools.personas;
    const auto users = sheet_.get<std::uint64_t>("num_users");
    if (!pool.empty() && !design_.is_object() && users > pool.size()) {
      problems_.add(sheet_.named("num_users") + " users are wanted, and " + pool_file_ + " has " +
                    counted(pool.size(), "persona", "personas"));
    }
    std::size_t openings = 0;
    for (const auto& one : plan_.pools.openings) openings = std::max(openings, one.size());
    for (const auto& one : plan_.pools.candidates) openings = std::max(openings, one.front().size());
    if (users > 0 && openings > users && !design_.is_object()) {
      problems_.add("a discussion opens with " + std::to_string(openings) + " comments, each of another user, and " +
                    sheet_.named("num_users") + " users take part");
    }
    const std::string policy = sheet_.get<std::string>("turn_policy");
    if (policy == "fixed" && sheet_["speakers"].is_null() && !sheet_.bad("speakers") && !all_designed("speakers")) {
      problems_.add(R"(turn_policy=fixed needs speakers=["A","B",..] or a design file that names them)");
    }
    for (const std::string& name : texts_of(sheet_["speakers"])) check_name("speakers", name);
    if (sheet_["weights"].is_object()) {
      for (const auto& [name, weight] : sheet_["weights"].items()) check_name("weights", name);
    }
    if (design_.is_object() && !pool.empty()) {
      try {
        plan_.design = read_design(design_, design_place_, plan_.pools, plan_.topics);
      } catch (const Error& error) {
        problems_.add(error);
      }
    }
    warn_of_equal_names();
  }

  /// A name of `speakers` or `weights`: of a persona, or NAME_2 of names that are there twice.
  void check_name(const std::string& parameter, const std::string& name) {
    std::vector<std::string> known;
    if (generated_) {
      known = texts_of(generated_->value("user_names", Json()));
    } else {
      for (const Participant& one : plan_.pools.personas) known.push_back(one.name);
    }
    if (known.empty()) return;
    const auto stem = name.substr(0, name.rfind('_'));
    for (const std::string& one : known) {
      if (one == name || (one == stem && std::count(known.begin(), known.end(), stem) > 1)) return;
    }
    const auto near = nearest(name, known);
    problems_.add(sheet_.named(parameter) + ": \"" + name + "\" is none of the personas" +
                  (near ? "; did you mean " + *near + "?" : ""));
  }

  void warn_of_equal_names() {
    std::map<std::string, std::size_t> names;
    for (const Participant& one : plan_.pools.personas) ++names[one.name];
    for (const auto& [name, n] : names) {
      if (n > 1) plan_.warnings.push_back(pool_file_ + ": " + std::to_string(n) + " personas have the name " + name);
    }
  }

  void fill_settings() {
    DiscussionSettings& settings = plan_.settings;
    fill_text_settings(sheet_, settings.text);
    fill_decoding(sheet_, settings.decoding);
    settings.turn_policy = sheet_.get<std::string>("turn_policy");
    settings.p_respond = sheet_.get<double>("p_respond");
    settings.biased_start = sheet_.get<bool>("biased_start");
    settings.weights = sheet_["weights"];
    settings.speakers = texts_of(sheet_["speakers"]);
    settings.num_turns = sheet_.get<std::uint32_t>("num_turns", 1);
    settings.include_mod = with_moderator();
    settings.mod_first = sheet_.get<bool>("mod_first");
    settings.mod_every = sheet_.get<std::uint32_t>("mod_every", 1);
    settings.mod_silence_slot = sheet_.get<bool>("mod_silence_slot");
    settings.moderator_attributes = texts_of(sheet_["moderator_attributes"]);
    settings.context = sheet_.get<std::string>("context");
    settings.persona_style = sheet_.get<std::string>("persona_style", "auto");
    // Only g0 lists personas in more than one way.
    if (settings.persona_style == "auto" && !is_g0()) settings.persona_style = "fields";
    settings.pseudoname = sheet_.get<std::string>("pseudoname");
    settings.mod_pseudoname = sheet_.get<std::string>("mod_pseudoname");
    settings.stop_phrase = sheet_.get<std::string>("stop_phrase");
    settings.ban_phrase = sheet_.get<std::string>("ban_phrase");
    settings.stop_silent = sheet_.get<std::uint32_t>("stop_silent");
    settings.stop_comments = sheet_.get<std::uint64_t>("stop_comments");
    settings.stop_tokens = sheet_.get<std::uint64_t>("stop_tokens");
    settings.stop_repeat = sheet_.get<double>("stop_repeat");
    settings.write_dir = written_folder(sheet_, "write_dir");
    plan_.model = sheet_.get<std::string>("model");
    plan_.mod_model = sheet_.get<std::string>("mod_model");
    plan_.selector_model = sheet_.get<std::string>("selector_model");
  }

  void fill_request() {
    DesignRequest& request = plan_.request;
    request.seed = sheet_.get<std::uint64_t>("seed");
    if (plan_.design && plan_.design->seed && sheet_.sources()["seed"] == "drawn") {
      request.seed = *plan_.design->seed;
      sheet_.replace("seed", request.seed, design_place_);
    }
    if (sheet_.get<std::string>("pairing") == "independent") {
      std::vector<std::string> pairs;
      for (const auto& [key, value] : source_.cell) pairs.push_back(key + "=" + value);
      request.cell = joined(pairs, ",");
    }
    request.num_experiments = sheet_.get<std::uint64_t>("num_experiments", 1);
    request.num_users = sheet_.get<std::size_t>("num_users", 1);
    request.balanced_topics = sheet_.get<std::string>("topic_order") == "balanced";
    request.first_users_open = plan_.settings.format == Generation::g5;
    request.troll_chance = plan_.inputs.contains("troll_instructions") ? sheet_.get<double>("troll_chance") : 0;
    request.refuse_equal_names = sheet_.get<std::string>("names") == "error";
  }

  void make_generated() {
    const Json& file = *generated_;
    DiscussionDesign design;
    design.id = random_uuid();
    design.seed = plan_.request.seed;
    design.cell = plan_.request.cell;
    const std::vector<std::string> names = texts_of(file["user_names"]);
    for (std::size_t i = 0; i < names.size(); ++i) {
      design.users.push_back({names[i], nullptr, texts_of(file["user_attributes"][i]), false});
    }
    design.moderator = text_in(file, "moderator_name", design.moderator);
    DiscussionSettings& settings = plan_.settings;
    const std::string opinion = text_in(file, "seed_opinion", "");
    if (plan_.generation == Generation::g0) {
      // The file's context holds the topic already: CONTEXT 'TOPIC'.
      const auto quote = settings.context.find(" '");
      if (quote != std::string::npos && settings.context.ends_with('\'') && quote + 2 < settings.context.size()) {
        const std::string topic = settings.context.substr(quote + 2, settings.context.size() - quote - 3);
        design.openings.push_back({names.front(), topic, ""});
        settings.context.resize(quote);
      } else {
        plan_.warnings.push_back(source_.name + ": context ends with no 'topic', so that prompts hold an empty one");
      }
    } else if (!opinion.empty() && sheet_.get<bool>("include_seed", true)) {
      design.openings.push_back({text_in(file, "seed_opinion_username", "FirstUser"), opinion, ""});
    }
    plan_.request.num_users = design.users.size();
    plan_.request.num_experiments = 1;
    plan_.design = DesignFile{plan_.request.seed, {{"d001", std::move(design)}}};
  }

  void fill_log() {
    if (config_) plan_.log = config_->logging;
    use_log_folder(sheet_, config_ ? config_->folder : fs::path(), plan_.log, plan_.notes);
  }

  void make_notes() {
    const DiscussionSettings& settings = plan_.settings;
    std::vector<std::string> notes;
    const std::string from =
        config_ ? std::string(to_text(plan_.generation)) + (generated_ ? " experiment" : " configuration")
                : "no configuration";
    notes.push_back(from + ", format " + std::string(to_text(settings.format)) +
                    (sheet_.get<std::string>("behaviour") == "syndisco" ? ", behaviour syndisco" : ""));
    std::vector<std::string> parts;
    if (generated_) {
      parts.push_back(counted(plan_.request.num_users, "user", "users"));
    } else if (plan_.design) {
      parts.push_back("users of " + design_place_);
    } else {
      parts.push_back(std::to_string(plan_.request.num_users) + " of " + std::to_string(plan_.pools.personas.size()) +
                      " users");
    }
    if (!plan_.pools.candidates.empty()) {
      parts.push_back(counted(plan_.pools.candidates.size(), "thread", "threads") + " to open with");
    } else if (!plan_.topics.empty()) {
      parts.push_back(counted(plan_.topics.size(), "topic", "topics"));
    } else if (!plan_.pools.openings.empty()) {
      parts.push_back(counted(plan_.pools.openings.size(), "opening", "openings"));
    } else if (!plan_.design) {
      parts.emplace_back("no opening");
    }
    parts.emplace_back(!settings.include_mod ? "no moderator"
                       : settings.mod_every == 1
                           ? "moderator after every comment"
                           : "moderator after every " + std::to_string(settings.mod_every) + " comments");
    if (!sheet_["num_turns"].is_null()) parts.push_back(counted(settings.num_turns, "turn", "turns"));
    parts.push_back("history " + (settings.text.history ? std::to_string(*settings.text.history) : "all"));
    const bool designed = all_designed("speakers");
    parts.push_back(designed ? "speakers as designed"
                             : settings.turn_policy +
                                   (settings.turn_policy == "respond" ? " p " + dump_json(sheet_["p_respond"]) : ""));
    parts.push_back("seed " + std::to_string(plan_.request.seed));
    notes.push_back(joined(parts, ", "));
    for (const MovedPath& path : plan_.moved) notes.push_back(path.key + ": " + path.from + " -> " + path.to);
    if (!policy_note_.empty() && !designed) notes.push_back(policy_note_);
    if (config_ && !config_->generates_discussions) {
      notes.emplace_back("actions.generate_discussions is false in the file: loaded all the same");
    }
    plan_.notes.insert(plan_.notes.begin(), notes.begin(), notes.end());
  }

  const Source& source_;
  const ParameterTexts& given_;
  DiscussionPlan plan_;
  Problems problems_;
  ParameterSheet sheet_{discussion_rows()};
  std::optional<ConfigFile> config_;
  std::optional<Json> generated_;
  std::optional<PathFinder> finder_;
  Json design_;
  std::string design_place_, config_source_, pool_file_, policy_note_;
};

}  // namespace

DiscussionPlan plan_discussions(const Source& source, const ParameterTexts& given) {
  return Planner(source, given).plan();
}

void complete_discussion_grid(const Source& source, LoadGrid& grid) {
  complete_grid_of(source, grid, discussion_rows());
}

}  // namespace assay
