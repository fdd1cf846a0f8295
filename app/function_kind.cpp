#include "app/function_kind.hpp"

#include <algorithm>

namespace assay {
namespace {

class FunctionKind final : public Kind {
 public:
  FunctionKind(FunctionKindParts parts, const Services& services) : parts_(std::move(parts)), services_(services) {
    const bool has_model = std::any_of(parts_.parameters.begin(), parts_.parameters.end(),
                                       [](const Parameter& parameter) { return parameter.name == "model"; });
    if (!has_model) {
      parts_.parameters.push_back(
          {"model", Parameter::Type::text, "", "model alias or PROVIDER/MODEL; none: the default model", {}});
    }
  }

  std::string name() const override { return parts_.name; }
  std::string summary() const override { return parts_.summary; }
  std::vector<Parameter> parameters() const override { return parts_.parameters; }

  LoadedBatch load(const Source& source, const ParameterTexts& params) const override {
    LoadedBatch batch;
    batch.info.params = resolve_parameters(parts_.parameters, params, parts_.name);
    batch.info.model = batch.info.params.value("model", std::string());
    batch.runs = parts_.load(source, params);
    for (std::size_t i = 0; i < batch.runs.size(); ++i) {
      if (batch.runs[i].id.empty()) batch.runs[i].id = std::to_string(i + 1);
    }
    return batch;
  }
  /// Nothing is known of a function's data: a save must name its kind.
  bool accepts(const Json&) const override { return false; }
  std::shared_ptr<Runner> make_runner(const BatchInfo& batch, const ParameterTexts& overrides) const override {
    BatchInfo changed = batch;
    const Json resolved = resolve_parameters(parts_.parameters, overrides, parts_.name);
    for (const auto& [name, text] : overrides) changed.params[name] = resolved.value(name, Json(text));
    return parts_.make_runner(changed, services_);
  }
  Report report(const BatchView& batch) const override {
    std::uint64_t n = 0, complete = 0, fail = 0, scored = 0, correct = 0;
    batch.each(false, [&](const RunView& run) {
      ++n;
      if (run.status == Status::complete) ++complete;
      if (run.status == Status::fail) ++fail;
      if (run.score.verdict != Verdict::none) ++scored;
      if (run.score.verdict == Verdict::correct) ++correct;
    });
    Report report;
    report.heading(1, batch.info().name);
    ReportTable table;
    table.columns = {{"runs", ReportTable::Form::count},    {"COMPLETE", ReportTable::Form::count},
                     {"FAIL", ReportTable::Form::count},    {"scored", ReportTable::Form::count},
                     {"correct", ReportTable::Form::count}, {"score", ReportTable::Form::ratio}};
    const Json score = scored == 0 ? Json() : Json(static_cast<double>(correct) / static_cast<double>(scored));
    table.rows.push_back({n, complete, fail, scored, correct, score});
    report.table(std::move(table));
    report.figures = Json::object({{"n", n},
                                   {"complete", complete},
                                   {"failed", fail},
                                   {"scored", scored},
                                   {"correct", correct},
                                   {"accuracy", score}});
    return report;
  }

 private:
  FunctionKindParts parts_;
  const Services& services_;
};

}  // namespace

std::unique_ptr<Kind> make_function_kind(FunctionKindParts parts, const Services& services) {
  return std::make_unique<FunctionKind>(std::move(parts), services);
}

}  // namespace assay
