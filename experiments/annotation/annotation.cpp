#include "experiments/annotation/annotation.hpp"

#include <set>
#include <tuple>

#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/annotation/estimate.hpp"
#include "experiments/annotation/exports.hpp"
#include "experiments/annotation/loading.hpp"
#include "experiments/annotation/pairing.hpp"
#include "experiments/annotation/record.hpp"
#include "experiments/annotation/report.hpp"
#include "experiments/annotation/runner.hpp"
#include "experiments/discussion/config_file.hpp"
#include "experiments/discussion/parameters.hpp"
#include "experiments/discussion/result_file.hpp"

namespace assay {
namespace {

/// Fields of AnnotationParsing that `evaluate` changes: parse=REGEX, scale=LO..HI, scale.KEY=LO..HI.
Json changed_reading(const ParameterTexts& given) {
  constexpr std::string_view kFamily = "scale.";
  ParameterSheet sheet(annotation_rows());
  for (const auto& [name, text] : given) {
    if (name != "parse" && name != "scale" && !name.starts_with(kFamily))
      throw Error("usage", name + ": annotations are evaluated with parse=, scale= and scale.KEY= only");
  }
  put_typed(sheet, given);
  Problems problems;
  sheet.check(problems);
  problems.refuse("evaluate", "nothing was evaluated");
  Json reading = Json::object();
  for (const auto& [name, value] : sheet.values().items()) {
    if (name.starts_with(kFamily)) {
      reading["scales"][ascii_lower(name.substr(kFamily.size()))] = value;
    } else {
      reading[name] = value;
    }
  }
  return reading;
}

class AnnotationKind final : public Kind {
 public:
  explicit AnnotationKind(DiscussionDependencies dependencies) : dependencies_(std::move(dependencies)) {}

  std::string name() const override { return "annotation"; }
  std::string summary() const override { return "personas judge every comment of finished discussions"; }
  std::vector<Parameter> parameters() const override { return annotation_parameters(); }
  bool accepts(const Json& data) const override {
    if (!data.is_object()) return false;
    if (data.contains("annotator") && data.contains("discussion")) return true;
    return data.contains("source") && result_shape(data["source"]) == ResultShape::annotation;
  }

  void complete_grid(const Source& source, LoadGrid& grid) const override { complete_annotation_grid(source, grid); }
  LoadedBatch load(const Source& source, const ParameterTexts& given) const override;
  void make_repeat(NewRun& run, std::uint64_t epoch) const override {
    if (run.data.contains("annotator")) run.data["epoch"] = epoch;
  }
  std::shared_ptr<Runner> make_runner(const BatchInfo& batch, const ParameterTexts& overrides) const override;
  std::shared_ptr<Runner> make_evaluator(const BatchInfo& batch, const ParameterTexts& overrides) const override;
  Report report(const BatchView& batch) const override { return annotation_report(batch); }
  std::vector<JointFormat> joint_formats() const override { return annotation_joint_formats(); }
  JointExport export_joint(const std::string& format, const std::string& path,
                           const std::vector<const BatchView*>& batches) const override {
    return export_discussions(format, path, batches);
  }

 private:
  LoadedBatch load_results(const Source& source, const ParameterTexts& given) const;
  LoadedBatch pair(const Source& source, const ParameterTexts& given) const;

  DiscussionDependencies dependencies_;
};

LoadedBatch AnnotationKind::load(const Source& source, const ParameterTexts& given) const {
  switch (read_source(source).shape) {
    case SourceShape::folder:
    case SourceShape::annotation_result:
      return load_results(source, given);
    case SourceShape::discussion_result:
      throw Error("usage", "it holds a finished discussion", source.name,
                  "load discussion " + source.name + ", then load annotation ANNOTATORS discussions=@BATCH");
    default:
      return pair(source, given);
  }
}

LoadedBatch AnnotationKind::load_results(const Source& source, const ParameterTexts& given) const {
  LoadedBatch batch;
  batch.runs = load_annotation_results(source.path, skips_bad(given, "load annotation " + source.name), batch.warnings);
  batch.info.kind = name();
  batch.info.params = Json::object({{"results", source.name}});
  batch.info.source = source.name;
  // Which of them belong to a discussion of the experiment.
  std::set<std::string> discussions;
  if (source.experiment != nullptr) {
    for (const BatchInfo& info : source.experiment->batches()) {
      if (info.kind != "discussion") continue;
      source.experiment->view(info.id)->each(true, [&](const RunView& run) {
        if (run.status == Status::complete) discussions.insert(discussion_record(run).id);
      });
    }
  }
  std::size_t alone = 0;
  std::set<std::string> generations;
  for (NewRun& run : batch.runs) {
    generations.insert(run.data.value("format", std::string()));
    std::tie(run.answer, run.score) = read_annotations(annotation_record(loaded_view(run)), {});
    alone += discussions.contains(run.data["source"].value("conv_id", std::string())) ? 0 : 1;
  }
  const std::vector<std::string> list(generations.begin(), generations.end());
  batch.notes.push_back("finished annotations of " + joined(list, ", "));
  warn_of_known(source, batch);
  if (alone > 0) {
    batch.warnings.push_back(counted(alone, "annotation has", "annotations have") +
                             " no discussion here: load discussion FOLDER, then they join it");
  }
  batch.facts =
      Json::object({{"generation", list.size() == 1 ? Json(list.front()) : Json(list)}, {"without_discussion", alone}});
  return batch;
}

LoadedBatch AnnotationKind::pair(const Source& source, const ParameterTexts& given) const {
  AnnotationPlan plan = plan_annotations(source, given);
  LoadedBatch batch;
  batch.warnings = std::move(plan.warnings);
  batch.notes = std::move(plan.notes);
  FoundDiscussions found = find_discussions(source, plan, plan.params.value("skip_bad", false));
  batch.warnings.insert(batch.warnings.end(), found.warnings.begin(), found.warnings.end());
  batch.info.pinned = Json::object();
  batch.info.pinned["model"] = pin_model(dependencies_.models, plan.model, plan.settings.pseudoname);
  batch.info.model = batch.info.pinned["model"].value("name", std::string());
  Pairing pairing = pair_up(source, plan, found, batch.info.model);
  batch.notes.push_back(
      counted(plan.annotators.size(), "annotator", "annotators") + ", " +
      counted(found.complete.size(), "discussion", "discussions") + ": " +
      counted(pairing.runs.size(), "new annotation", "new annotations") +
      (pairing.skipped > 0 ? ", " + std::to_string(pairing.skipped) + " skipped (they are here already)" : ""));
  if (found.unfinished > 0) {
    batch.notes.push_back(counted(found.unfinished, "discussion is", "discussions are") + " not COMPLETE and left out");
  }
  DiscussionEstimate estimate;
  if (source.limit && *source.limit < pairing.runs.size()) pairing.runs.resize(*source.limit);
  for (const NewRun& run : pairing.runs) {
    const DiscussionEstimate one = estimate_annotation(run.data);
    for (std::uint64_t epoch = 0; epoch < source.epochs; ++epoch) estimate += one;
  }
  batch.facts = Json::object({{"generation", to_text(plan.generation)},
                              {"format", to_text(plan.settings.format)},
                              {"seed", plan.seed},
                              {"moved", moved_json(plan.moved)}});
  if (!pairing.runs.empty()) tell_estimate(estimate, dependencies_.budget_left, batch);
  batch.facts["skipped"] = pairing.skipped;
  batch.facts["unfinished"] = found.unfinished;
  batch.runs = std::move(pairing.runs);
  batch.before = std::move(found.before);
  batch.may_be_empty = true;
  batch.info.name = std::filesystem::path(source.name).stem().string() + "-annotation";
  batch.info.kind = name();
  batch.info.source = source.name;
  batch.info.params = std::move(plan.params);
  batch.info.params["sources"] = std::move(plan.sources);
  batch.info.params["recorded"] = std::move(plan.recorded);
  batch.info.params["logging"] = to_json(plan.log);
  if (source.grid != 0) {
    batch.info.params["grid"] = Json::object({{"load", source.grid}, {"cell", source.cell}});
  }
  return batch;
}

std::shared_ptr<Runner> AnnotationKind::make_runner(const BatchInfo& batch, const ParameterTexts& overrides) const {
  if (!overrides.empty()) return make_evaluator(batch, overrides);
  refuse_results(batch, "load annotation with a configuration to annotate anew");
  const bool pinned = batch.pinned.is_object() && batch.pinned.contains("model");
  ModelHandle model = pinned ? dependencies_.models.callable_pinned(batch.pinned.at("model"))
                             : dependencies_.models.callable(batch.model);
  return std::make_shared<AnnotationRunner>(dependencies_.client, taking_silence(model), Json::object(),
                                            log_of(batch.params));
}

std::shared_ptr<Runner> AnnotationKind::make_evaluator(const BatchInfo&, const ParameterTexts& overrides) const {
  return std::make_shared<AnnotationRunner>(dependencies_.client, nullptr, changed_reading(overrides));
}

}  // namespace

std::unique_ptr<Kind> make_annotation_kind(DiscussionDependencies dependencies) {
  return std::make_unique<AnnotationKind>(std::move(dependencies));
}

}  // namespace assay
