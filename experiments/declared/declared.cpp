#include "experiments/declared/declared.hpp"

#include <algorithm>

#include "core/model/own_files.hpp"
#include "core/text/embedded.hpp"
#include "core/text/error.hpp"
#include "core/text/hash.hpp"
#include "core/text/input.hpp"
#include "core/text/words.hpp"
#include "experiments/declared/parameters.hpp"
#include "experiments/declared/report.hpp"
#include "experiments/declared/runner.hpp"
#include "experiments/declared/study_fork.hpp"
#include "experiments/declared/study_rows.hpp"

namespace assay {
namespace {

constexpr std::size_t kMostBytes = 1U << 20U;

Json params_of(const BatchInfo& batch) { return batch.params.is_object() ? batch.params : Json::object(); }

/// Those of the rows that it was loaded from.
std::set<std::string> columns_of(const BatchInfo& batch) {
  const Json params = params_of(batch);
  const auto columns = params.find("columns");
  std::set<std::string> names;
  if (columns == params.end() || !columns->is_array()) return names;
  for (const Json& name : *columns) {
    if (name.is_string()) names.insert(name.get<std::string>());
  }
  return names;
}

std::string pin_name(const StudyStep& step) { return "step:" + step.name; }

std::string text_of(const Source& source) {
  return source.embedded ? std::string(*source.embedded) : read_file(source.path.string(), kMostBytes);
}

class DeclaredKind final : public Kind, public OwnFiles {
 public:
  explicit DeclaredKind(DeclaredDependencies dependencies) : dependencies_(std::move(dependencies)) {}

  std::string name() const override { return "declared"; }
  std::string summary() const override {
    return "a study that one YAML file declares; its own parameters are given by their names";
  }
  std::vector<Parameter> parameters() const override { return declared_parameters(); }
  std::vector<std::string> samples() const override { return {"sample", "sample.yaml"}; }
  std::string_view sample(const std::string& name) const override {
    return name.starts_with("sample") ? ASSAY_EMBEDDED(experiments_declared_samples_sample_yaml) : std::string_view();
  }
  bool claims(std::string_view text) const override { return is_study(text); }
  std::string claim_rule() const override { return "a study has a line `assay: 1`, and steps:"; }
  std::string check_file(const Source& source) const override;
  ParameterTexts file_defaults(const Source& source) const override {
    return read_study(text_of(source), source.name, dependencies_.limits(), nullptr).shared;
  }
  bool accepts(const Json&) const override { return false; }  // nothing is known of its columns

  LoadedBatch load(const Source& source, const ParameterTexts& given) const override;
  std::shared_ptr<Runner> make_runner(const BatchInfo& batch, const ParameterTexts& overrides) const override;
  std::shared_ptr<Runner> make_evaluator(const BatchInfo& batch, const ParameterTexts& overrides) const override;
  Report report(const BatchView& batch) const override { return declared_report(batch, study_of(batch.info())); }
  LoadedBatch fork_batch(const BatchInfo& parent, std::uint32_t step, const ParameterTexts& changes) const override;

 private:
  Study study_of(const BatchInfo& batch) const {
    const Json params = params_of(batch);
    const auto kept = params.find("study");
    return kept_study(kept == params.end() ? Json() : *kept, dependencies_.limits());
  }
  Study study_of_file(const std::string& path) const {
    return read_study(read_file(path, kMostBytes), path, dependencies_.limits(), nullptr);
  }
  void pin(const Study& study, Json params, BatchInfo& info) const;
  std::unique_ptr<Runner> evaluator(const BatchInfo& batch, Study study) const;

  DeclaredDependencies dependencies_;
};

/// Facets: `stats by COLUMN` and `COLUMN:VALUE` in a query.
void add_facets(const Study& study, NewRun& run) {
  for (const std::string& column : study.by) {
    const auto value = run.data.find(column);
    if (value == run.data.end() || value->is_null()) continue;
    run.facets.emplace_back(column, value->is_string() ? value->get<std::string>() : dump_json(*value));
  }
}

/// What only a row can tell of the first question: found before anything is stored.
void try_first_row(const Study& study, const Json& own, const NewRun& first, const std::string& file) {
  Run run;
  run.id = first.id;
  run.data = first.data;
  NoRandom random;
  const Json variables = study_variables(study, own, run);
  const StudyStep& step = study.steps.front();
  const auto attempt = [&](const StudyTemplate& text, bool condition) {
    if (!text) return;
    try {
      condition ? static_cast<void>(text.holds(variables, random)) : static_cast<void>(text.render(variables, random));
    } catch (const RunFailure& failure) {
      throw Error(failure.kind(), std::string(failure.what()) + " (row " + first.id + ")",
                  file + ":" + std::to_string(text.line()));
    }
  };
  attempt(study.system, false);
  attempt(step.when, true);
  attempt(step.ask, false);
}

LoadedBatch DeclaredKind::load(const Source& source, const ParameterTexts& given) const {
  LoadedBatch batch;
  std::optional<std::filesystem::path> folder;
  if (!source.embedded) folder = source.path.parent_path();
  const std::string text = text_of(source);
  StudyData data;
  const Study study = read_study(text, source.name, dependencies_.limits(), &data);
  Json params = resolve_study(study, given);
  std::optional<HubReading> hub;
  if (dependencies_.hub != nullptr) hub.emplace(HubReading{*dependencies_.hub});
  StudyRows rows = read_study_rows(data, source.name, folder, source, hub ? &*hub : nullptr, batch.warnings);
  for (const StudyParameter& parameter : study.parameters) {
    if (rows.columns.contains(parameter.row.name)) {
      throw Error("yaml", "parameters." + parameter.row.name + ": a column of the data has that name, too",
                  source.name + ":" + std::to_string(parameter.line),
                  "data: {columns: {ANOTHER: " + parameter.row.name + "}} gives the column another");
    }
  }
  check_study_names(study, rows.columns, source.name);
  try_first_row(study, own_values(study, params), rows.runs.front(), source.name);
  batch.runs = std::move(rows.runs);
  params["columns"] = rows.columns;
  for (NewRun& run : batch.runs) add_facets(study, run);

  batch.info.source = source.name;
  pin(study, std::move(params), batch.info);
  batch.info.pinned["study"] = {{"file", source.name}, {"hash", to_hex(xxh3_128(text)).substr(0, 12)}};
  if (hub && !hub->pin.is_null()) batch.info.pinned["hub"] = hub->pin;
  batch.info.name = study.name;
  std::vector<std::string> steps;
  for (const StudyStep& step : study.steps) steps.push_back(step.name);
  batch.notes.push_back(counted(steps.size(), "step: ", "steps: ") + joined(steps, ", ") +
                        (study.score.scores() ? "" : "; nothing is scored (no score: in the file)"));
  return batch;
}

std::string DeclaredKind::check_file(const Source& source) const {
  ParameterTexts given;
  for (const StudyParameter& parameter :
       read_study(text_of(source), source.name, dependencies_.limits(), nullptr).parameters) {
    const Parameter& row = parameter.row;
    if (!parameter.needed) continue;
    given[row.name] = row.choices.empty() ? "1" : row.choices.front();
  }
  const LoadedBatch batch = load(source, given);
  return "a study, " + counted(batch.runs.size(), "row", "rows") + ", " + batch.notes.front();
}

void DeclaredKind::pin(const Study& study, Json params, BatchInfo& info) const {
  const std::string wanted = params.value("model", study.model);
  const auto entry_of = [&](const std::string& named, const std::string& key, std::size_t line) {
    try {
      return dependencies_.models.entry(named);
    } catch (const Error& error) {
      if (params.contains("model") && line == study.model_line) throw;  // it was typed
      throw Error(error.kind(), key + ": " + error.what(), info.source + ":" + std::to_string(line), error.hint());
    }
  };
  const auto model = entry_of(wanted, "model", study.model_line);
  params["model"] = model->name;
  params["study"] = study.written;
  info.kind = name();
  info.model = model->name;
  info.pinned = Json::object({{"model", to_json(*model)}});
  for (const StudyStep& step : study.steps) {
    if (!step.model.empty())
      info.pinned[pin_name(step)] = to_json(*entry_of(step.model, "steps." + step.name + ".model", step.line));
  }
  info.params = std::move(params);
}

std::shared_ptr<Runner> DeclaredKind::make_runner(const BatchInfo& batch, const ParameterTexts& overrides) const {
  if (!overrides.empty()) return make_evaluator(batch, overrides);
  Study study = study_of(batch);
  const Json params = params_of(batch);
  const auto callable = [&](const std::string& pinned, const std::string& named) {
    const bool kept = batch.pinned.is_object() && batch.pinned.contains(pinned);
    return kept ? dependencies_.models.callable_pinned(batch.pinned.at(pinned)) : dependencies_.models.callable(named);
  };
  const ModelHandle model = callable("model", batch.model);
  std::vector<ModelHandle> models;
  std::vector<ChatParams> sent;
  for (std::size_t i = 0; i < study.steps.size(); ++i) {
    const StudyStep& step = study.steps[i];
    models.push_back(step.model.empty() ? model : callable(pin_name(step), step.model));
    sent.push_back(params_of_step(study, i, params));
  }
  Json own = own_values(study, params);
  return std::make_shared<DeclaredRunner>(dependencies_.client, std::move(models), std::move(sent), std::move(study),
                                          std::move(own));
}

std::shared_ptr<Runner> DeclaredKind::make_evaluator(const BatchInfo& batch, const ParameterTexts& overrides) const {
  resolve_parameters(declared_evaluation_parameters(), overrides, "declared evaluate");
  Study study = study_of(batch);
  if (!overrides.empty()) {
    std::optional<Study> from;
    if (const auto file = overrides.find("file"); file != overrides.end()) from = study_of_file(file->second);
    study =
        kept_study(changed_scoring(study.written, from ? &from->written : nullptr, overrides), dependencies_.limits());
    check_study_names(study, columns_of(batch), "study");
  }
  Json own = own_values(study, params_of(batch));
  return std::make_shared<DeclaredRunner>(dependencies_.client, std::vector<ModelHandle>{}, std::vector<ChatParams>{},
                                          std::move(study), std::move(own));
}

LoadedBatch DeclaredKind::fork_batch(const BatchInfo& parent, std::uint32_t step, const ParameterTexts& changes) const {
  LoadedBatch batch;
  const Study before = study_of(parent);
  ParameterTexts given = changes;
  std::optional<Study> after;
  if (const auto file = given.find("file"); file != given.end()) {
    after = study_of_file(file->second);
    given.erase(file);
  }
  Json params = forked_study_params(before, after ? *after : before, step, params_of(parent), given);
  check_study_names(after ? *after : before, columns_of(parent), after ? changes.at("file") : "study");
  params["columns"] = columns_of(parent);
  batch.info.source = after ? changes.at("file") : parent.source;
  pin(after ? *after : before, std::move(params), batch.info);
  batch.info.source = parent.source;
  return batch;
}

}  // namespace

std::unique_ptr<Kind> make_declared_kind(DeclaredDependencies dependencies) {
  return std::make_unique<DeclaredKind>(std::move(dependencies));
}

}  // namespace assay
