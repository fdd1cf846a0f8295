#include "experiments/discussion/discussion.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "core/model/own_files.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/discussion/config_file.hpp"
#include "experiments/discussion/document.hpp"
#include "experiments/discussion/fork.hpp"
#include "experiments/discussion/parameters.hpp"
#include "experiments/discussion/record.hpp"
#include "experiments/discussion/report.hpp"
#include "experiments/discussion/result_file.hpp"
#include "experiments/discussion/run_log.hpp"
#include "experiments/discussion/text_rules.hpp"

namespace assay {
namespace {

constexpr std::size_t kDigits = 3;

/// d001, d002, ..: at least three digits.
std::string drawn_id(std::uint64_t index) {
  std::string digits = std::to_string(index + 1);
  if (digits.size() < kDigits) digits.insert(0, kDigits - digits.size(), '0');
  return "d" + digits;
}

/// Whether a text is a configuration, a design or a generated experiment of discussions.
bool is_discussion_file(std::string_view text) {
  try {
    const auto shape = shape_of(read_document(std::string(text), "").value);
    return shape == SourceShape::configuration || shape == SourceShape::design || shape == SourceShape::generated;
  } catch (const Error&) {
    return false;
  }
}

class DiscussionKind final : public Kind, public OwnFiles {
 public:
  explicit DiscussionKind(DiscussionDependencies dependencies) : dependencies_(std::move(dependencies)) {}

  std::string name() const override { return "discussion"; }
  std::string summary() const override {
    return "personas, with or without a moderator, discuss an opening post turn by turn";
  }
  std::vector<Parameter> parameters() const override { return discussion_parameters(); }
  bool claims(std::string_view text) const override { return is_discussion_file(text); }
  std::string claim_rule() const override {
    return "a configuration of discussions has discussions:, or user_names: with user_attributes:";
  }
  bool accepts(const Json& data) const override {
    if (!data.is_object()) return false;
    if (data.contains("design") && data.contains("settings")) return true;
    return data.contains("source") && result_shape(data["source"]) == ResultShape::discussion;
  }

  void complete_grid(const Source& source, LoadGrid& grid) const override { complete_discussion_grid(source, grid); }
  LoadedBatch load(const Source& source, const ParameterTexts& given) const override;
  void make_repeat(NewRun& run, std::uint64_t epoch) const override;
  void make_fork(NewRun& run) const override;
  std::shared_ptr<Runner> make_runner(const BatchInfo& batch, const ParameterTexts& overrides) const override;
  std::shared_ptr<Runner> make_evaluator(const BatchInfo& batch, const ParameterTexts& overrides) const override;
  Report report(const BatchView& batch) const override { return discussion_report(batch); }
  std::vector<RunTurn> transcript(const BatchInfo& batch, const RunView& run,
                                  const std::vector<CallRecord>& calls) const override;
  LoadedBatch fork_batch(const BatchInfo& parent, std::uint32_t step, const ParameterTexts& changes) const override;
  std::optional<NewRun::Start> fork_start(const BatchInfo&, const RunView& run, std::uint32_t step) const override {
    return discussion_start(run, step);
  }

 private:
  LoadedBatch load_results(const Source& source, const ParameterTexts& given) const;
  LoadedBatch draw(const Source& source, const ParameterTexts& given) const;
  void pin_models(LoadedBatch& batch, DiscussionSettings& settings, const DiscussionPlan& plan) const;

  DiscussionDependencies dependencies_;
};

std::string named_in(const Json& params, const char* name) {
  const auto found = params.is_object() ? params.find(name) : params.end();
  return params.is_object() && found != params.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// Where result files will go. Throws Error when it can't be.
void make_folder(const std::string& path) {
  std::error_code problem;
  std::filesystem::create_directories(path, problem);
  if (!std::filesystem::is_directory(path, problem) || access(path.c_str(), W_OK) != 0) {
    throw Error("file", "no files can be written there", path,
                "write_dir= names a folder, which is made where it is not");
  }
}

/// turn_policy=fixed: whoever is to speak takes part.
void check_speakers(const DiscussionSettings& settings, const std::string& id, const DiscussionDesign& design) {
  if (settings.turn_policy != "fixed" || !design.speakers.empty()) return;
  for (const std::string& name : settings.speakers) {
    const auto is_named = [&](const Participant& user) { return user.name == name; };
    if (std::any_of(design.users.begin(), design.users.end(), is_named)) continue;
    throw Error("usage", name + " was not drawn into discussion " + id, "speakers",
                "a design file (design=) says who takes part; num_users= as many as there are personas takes all");
  }
}

std::vector<RunTurn> DiscussionKind::transcript(const BatchInfo& batch, const RunView& run,
                                                const std::vector<CallRecord>& calls) const {
  std::vector<RunTurn> turns;
  try {
    for (const DiscussionEvent& event : discussion_record(run).events) {
      RunTurn turn;
      const bool opening = event.kind == DiscussionEvent::Kind::seed;
      turn.role = opening ? "user" : "assistant";
      turn.speaker = event.name;
      turn.part = event.turn > 0 ? "turn " + std::to_string(event.turn) : opening ? "opening" : "";
      turn.text = event.silent ? "(silent)" : event.text;
      if (event.model != kOpeningModel) turn.model = event.model;
      if (!event.banned.empty()) turn.answer = event.banned + " has to leave";
      turns.push_back(std::move(turn));
    }
  } catch (const Error&) {  // not what a discussion holds: shown as it is
    return Kind::transcript(batch, run, calls);
  }
  add_calls(turns, calls);
  return turns;
}

LoadedBatch DiscussionKind::load(const Source& source, const ParameterTexts& given) const {
  switch (read_source(source).shape) {
    case SourceShape::folder:
    case SourceShape::discussion_result:
      return load_results(source, given);
    case SourceShape::annotation_result:
      throw Error("usage", "it holds annotations of a discussion", source.name,
                  "load annotation " + source.name + "; the discussion itself with load discussion");
    case SourceShape::annotator:
      throw Error("usage", "it holds an annotator", source.name, "load annotation " + source.name + " discussions=..");
    default:
      return draw(source, given);
  }
}

LoadedBatch DiscussionKind::load_results(const Source& source, const ParameterTexts& given) const {
  LoadedBatch batch;
  batch.runs = load_discussion_results(source.path, skips_bad(given, "load discussion " + source.name), batch.warnings);
  batch.info.kind = name();
  batch.info.params = Json::object({{"results", source.name}});
  batch.info.source = source.name;
  std::set<std::string> generations;
  for (NewRun& run : batch.runs) {
    generations.insert(run.data.value("format", std::string()));
    run.score = discussion_score(discussion_record(loaded_view(run)));
  }
  const std::vector<std::string> list(generations.begin(), generations.end());
  const std::string form = joined(list, ", ");
  batch.notes.push_back("finished discussions of " + (form == "g2" ? "g1, g2 or g3 (their files look alike)" : form));
  warn_of_known(source, batch);
  batch.facts = Json::object({{"generation", list.size() == 1 ? Json(list.front()) : Json(list)}});
  return batch;
}

void DiscussionKind::pin_models(LoadedBatch& batch, DiscussionSettings& settings, const DiscussionPlan& plan) const {
  Json& pinned = batch.info.pinned;
  pinned = Json::object();
  pinned["model"] = pin_model(dependencies_.models, plan.model, settings.pseudoname);
  batch.info.model = pinned["model"].value("name", std::string());
  if (!plan.mod_model.empty()) {
    pinned["mod_model"] = pin_model(dependencies_.models, plan.mod_model, settings.mod_pseudoname);
  } else if (settings.mod_pseudoname.empty()) {
    settings.mod_pseudoname = settings.pseudoname;
  }
  if (!plan.selector_model.empty()) {
    std::string unused = "-";
    pinned["selector_model"] = pin_model(dependencies_.models, plan.selector_model, unused);
  }
}

LoadedBatch DiscussionKind::draw(const Source& source, const ParameterTexts& given) const {
  DiscussionPlan plan = plan_discussions(source, given);
  LoadedBatch batch;
  batch.warnings = std::move(plan.warnings);
  batch.notes = std::move(plan.notes);
  constexpr std::uint64_t kMost = 100'000;
  if (plan.request.num_experiments > kMost && !plan.design) {
    throw Error("usage", std::to_string(plan.request.num_experiments) + ", at most 100,000 at a time",
                "num_experiments",
                "each discussion keeps its personas and prompts, 20 KB or so; load with other seeds for more");
  }
  if (!plan.settings.write_dir.empty()) make_folder(plan.settings.write_dir);
  for (const auto& [name, text] : plan.topics) {
    if (is_blank(text)) batch.warnings.push_back("topics: " + name + " is blank: discussions of it have no opening");
  }
  pin_models(batch, plan.settings, plan);
  std::vector<std::pair<std::string, DiscussionDesign>> designs;
  if (plan.design) {
    designs = std::move(plan.design->discussions);
    if (source.limit && *source.limit < designs.size()) designs.resize(*source.limit);
    for (auto& [id, design] : designs) {
      design.seed = plan.request.seed;
      design.cell = plan.request.cell;
    }
  } else {
    if (source.limit) plan.request.num_experiments = std::min(plan.request.num_experiments, *source.limit);
    std::size_t renamed = 0;
    for (DiscussionDesign& design : draw_designs(plan.pools, plan.request, &renamed)) {
      designs.emplace_back(drawn_id(design.index), std::move(design));
    }
    if (renamed > 0) {
      batch.warnings.push_back(counted(renamed, "user was", "users were") +
                               " drawn beside another of the same name, or has the moderator's: NAME_2, NAME_3 ..");
    }
  }
  Json settings_json = to_json(plan.settings);
  DiscussionEstimate estimate;
  for (auto& [id, design] : designs) {
    DiscussionSettings settings = plan.settings;
    if (!design.speakers.empty()) settings.num_turns = static_cast<std::uint32_t>(design.speakers.size());
    settings_json["num_turns"] = settings.num_turns;
    check_speakers(settings, id, design);
    const DiscussionEstimate one = estimate_discussion({design, settings});
    for (std::uint64_t epoch = 0; epoch < source.epochs; ++epoch) estimate += one;
    NewRun run;
    run.id = id;
    if (!design.openings.empty() && !design.openings.front().topic.empty())
      run.facets.emplace_back("topic", design.openings.front().topic);
    run.data = Json::object({{"design", to_json(design)}, {"settings", settings_json}, {"inputs", plan.inputs}});
    batch.runs.push_back(std::move(run));
  }
  batch.info.kind = name();
  batch.info.source = source.name;
  batch.info.params = std::move(plan.params);
  batch.info.params["sources"] = std::move(plan.sources);
  batch.info.params["recorded"] = std::move(plan.recorded);
  batch.info.params["logging"] = to_json(plan.log);
  if (source.grid != 0) {
    batch.info.params["grid"] = Json::object({{"load", source.grid}, {"cell", source.cell}});
  }
  batch.facts = Json::object({{"generation", to_text(plan.generation)},
                              {"format", to_text(plan.settings.format)},
                              {"seed", plan.request.seed},
                              {"moved", moved_json(plan.moved)}});
  tell_estimate(estimate, dependencies_.budget_left, batch);
  return batch;
}

void DiscussionKind::make_repeat(NewRun& run, std::uint64_t epoch) const {
  const auto design = run.data.find("design");
  if (design == run.data.end()) return;
  (*design)["epoch"] = epoch;
  if (epoch > 1) (*design)["id"] = random_uuid();
}

void DiscussionKind::make_fork(NewRun& run) const {
  if (const auto design = run.data.find("design"); design != run.data.end()) {
    (*design)["id"] = random_uuid();
  } else {
    run.data["id"] = random_uuid();
  }
}

std::shared_ptr<Runner> DiscussionKind::make_runner(const BatchInfo& batch, const ParameterTexts& overrides) const {
  if (!overrides.empty()) return make_evaluator(batch, overrides);
  refuse_results(batch, "fork them to go on from a turn");
  // A batch that came with a save has names only.
  const auto callable = [&](const char* key, const std::string& name) -> ModelHandle {
    const ModelRegistry& models = dependencies_.models;
    if (batch.pinned.is_object() && batch.pinned.contains(key)) return models.callable_pinned(batch.pinned.at(key));
    return name.empty() ? nullptr : models.callable(name);
  };
  DiscussionModels called;
  called.user = taking_silence(callable("model", batch.model));
  if (!called.user) called.user = taking_silence(dependencies_.models.callable(""));
  called.moderator = taking_silence(callable("mod_model", named_in(batch.params, "mod_model")));
  if (!called.moderator) called.moderator = called.user;
  called.selector = taking_silence(callable("selector_model", named_in(batch.params, "selector_model")));
  if (!called.selector) called.selector = called.user;
  return std::make_shared<DiscussionRunner>(dependencies_.client, std::move(called), forks_of(batch.params),
                                            log_of(batch.params));
}

std::shared_ptr<Runner> DiscussionKind::make_evaluator(const BatchInfo& batch, const ParameterTexts& overrides) const {
  if (!overrides.empty()) {
    throw Error("usage", overrides.begin()->first + ": discussions are evaluated as they are, without parameters");
  }
  return std::make_shared<DiscussionRunner>(dependencies_.client, DiscussionModels{}, forks_of(batch.params));
}

LoadedBatch DiscussionKind::fork_batch(const BatchInfo& parent, std::uint32_t step,
                                       const ParameterTexts& changes) const {
  ForkedDiscussions forked = read_fork(step, changes);
  LoadedBatch batch;
  batch.info.kind = name();
  batch.info.source = parent.source;
  batch.info.params = parent.params.is_object() ? parent.params : Json::object();
  batch.info.params.erase("grid");
  batch.info.pinned = parent.pinned.is_object() ? parent.pinned : Json::object();
  batch.info.model = parent.model;
  Json& pinned = batch.info.pinned;
  Json& settings = forked.fork.settings;
  const ModelRegistry& models = dependencies_.models;
  // A batch that came with a save has names only; one of result files has no model at all.
  const auto pin = [&](const char* key, const std::string& name) {
    std::string unused = "-";
    if (!pinned.contains(key) && !name.empty()) pinned[key] = pin_model(models, name, unused);
  };
  pin("model", parent.model);
  pin("mod_model", named_in(parent.params, "mod_model"));
  pin("selector_model", named_in(parent.params, "selector_model"));
  if (!forked.model.empty() || !pinned.contains("model")) {
    std::string pseudoname;
    // The moderator stays with the model that it had.
    if (pinned.contains("model") && !pinned.contains("mod_model")) pinned["mod_model"] = pinned["model"];
    pinned["model"] = pin_model(models, forked.model, pseudoname);
    settings["pseudoname"] = pseudoname;
    batch.info.model = pinned["model"].value("name", std::string());
  }
  if (!forked.mod_model.empty()) {
    std::string pseudoname;
    pinned["mod_model"] = pin_model(models, forked.mod_model, pseudoname);
    settings["mod_pseudoname"] = pseudoname;
  }
  bool moderated = true;  // of result files nobody knows before each is looked at
  if (const auto told = batch.info.params.find("include_mod"); told != batch.info.params.end() && told->is_boolean())
    moderated = told->get<bool>();
  DiscussionForks forks = forks_of(batch.info.params);
  for (const DiscussionFork& earlier : forks) moderated = earlier.settings.value("include_mod", moderated);
  moderated = settings.value("include_mod", moderated);
  const bool changes_moderator = std::any_of(changes.begin(), changes.end(), [](const auto& change) {
    return change.first.starts_with("mod_") || change.first == "ban_phrase";
  });
  if (!moderated && changes_moderator) {
    throw Error("usage", "these discussions have no moderator: the fork would change nothing", "fork",
                "include_mod=true adds one from here on");
  }
  forks.push_back(std::move(forked.fork));
  batch.info.params["forks"] = to_json(forks);
  if (!forked.mod_model.empty()) batch.info.params["mod_model"] = forked.mod_model;
  return batch;
}

}  // namespace

Json pin_model(const ModelRegistry& models, const std::string& name, std::string& pseudoname) {
  const ModelHandle entry = models.entry(name);
  if (pseudoname.empty()) pseudoname = entry->name;
  return to_json(*entry);
}

bool skips_bad(const ParameterTexts& given, const std::string& command) {
  ParameterTexts taken;
  for (const auto& [name, text] : given) {
    if (name == "seed" && text.starts_with("drawn:")) continue;  // nobody typed it
    if (name != "skip_bad") {
      throw Error("usage", name + " is of what is to be run; this has been done", "",
                  command + " takes skip_bad=true only");
    }
    taken[name] = text;
  }
  ParameterSheet sheet(discussion_rows());
  put_typed(sheet, taken);
  Problems problems;
  sheet.check(problems);
  problems.refuse(command);
  return sheet.get<bool>("skip_bad", false);
}

void warn_of_known(const Source& source, LoadedBatch& batch) {
  if (source.experiment == nullptr) return;
  for (const BatchInfo& info : source.experiment->batches()) {
    if (info.kind != batch.info.kind || !info.params.is_object() || !info.params.contains("results")) continue;
    std::map<std::string, Json> known;
    source.experiment->view(info.id)->each(true, [&](const RunView& run) {
      if (run.data.contains("source")) known[run.run_id] = run.data["source"];
    });
    const auto again = std::count_if(batch.runs.begin(), batch.runs.end(), [&](const NewRun& run) {
      const auto found = known.find(run.id);
      return found != known.end() && found->second == run.data["source"];
    });
    if (again > 0) {
      batch.warnings.push_back(std::to_string(again) + " of " + counted(batch.runs.size(), "file", "files") +
                               " are in batch " + info.name +
                               " already: they count twice in reports and exports (`drop` one)");
    }
  }
}

RunView loaded_view(const NewRun& run) {
  RunView view;
  view.run_id = run.id;
  view.status = run.status;
  view.data = run.data;
  view.context = run.context;
  return view;
}

void refuse_results(const BatchInfo& batch, const std::string& instead) {
  if (!batch.params.is_object() || !batch.params.contains("results") || batch.params.contains("forks")) return;
  throw Error("usage", batch.name + " holds finished work of files: there is nothing to run again", {}, instead);
}

void tell_estimate(const DiscussionEstimate& estimate, const std::function<std::optional<Pico>()>& budget_left,
                   LoadedBatch& batch) {
  const EstimatePrices prices = prices_of(batch.info.pinned);
  batch.notes.push_back(estimate_line(estimate, prices, budget_left ? budget_left() : std::nullopt));
  batch.facts["estimate"] = to_json(estimate, prices);
}

Json moved_json(const std::vector<MovedPath>& moved) {
  Json list = Json::array();
  for (const MovedPath& path : moved) list.push_back({{"key", path.key}, {"from", path.from}, {"to", path.to}});
  return list;
}

TellLog log_of(const Json& params) {
  const LogSettings settings = log_settings_from(params.is_object() ? params.value("logging", Json()) : Json());
  if (!settings.write_to_file) return {};
  return [log = std::make_shared<RunLog>(settings)](LogLevel level, std::string_view line, WallTime now) {
    log->line(level, line, now);
  };
}

std::unique_ptr<Kind> make_discussion_kind(DiscussionDependencies dependencies) {
  return std::make_unique<DiscussionKind>(std::move(dependencies));
}

}  // namespace assay
