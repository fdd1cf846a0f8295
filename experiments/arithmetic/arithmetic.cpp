#include "experiments/arithmetic/arithmetic.hpp"

#include "core/text/embedded.hpp"
#include "core/text/error.hpp"
#include "core/text/json_values.hpp"
#include "experiments/arithmetic/report.hpp"
#include "experiments/arithmetic/runner.hpp"

namespace assay {
namespace {

/// Where neither the load nor the model says one: a batch keeps max_tokens only where it was typed.
constexpr std::int64_t kUsualMaxTokens = 1024;

class ArithmeticKind final : public Kind {
 public:
  explicit ArithmeticKind(ArithmeticDependencies dependencies) : dependencies_(dependencies) {}

  std::string name() const override { return "arithmetic"; }
  std::string summary() const override { return "two numbers to add, one question each: the origin's example"; }
  std::vector<Parameter> parameters() const override {
    return {{"model", Parameter::Type::text, "", "model alias or PROVIDER/MODEL; none: the default model", {}},
            {"max_tokens",
             Parameter::Type::integer,
             std::to_string(kUsualMaxTokens),
             "of a reply; an alias's own goes before 1024",
             {}}};
  }
  std::vector<std::string> samples() const override { return {"sample"}; }
  std::string_view sample(const std::string& name) const override {
    return name == "sample" ? ASSAY_EMBEDDED(experiments_arithmetic_samples_sample_json) : std::string_view();
  }

  LoadedBatch load(const Source& source, const ParameterTexts& params) const override;
  bool accepts(const Json& data) const override {
    return data.is_object() && data.contains("A") && data.contains("B") && data["A"].is_number() &&
           data["B"].is_number();
  }
  std::shared_ptr<Runner> make_runner(const BatchInfo& batch, const ParameterTexts& overrides) const override;
  std::shared_ptr<Runner> make_evaluator(const BatchInfo& batch, const ParameterTexts& overrides) const override;
  Report report(const BatchView& batch) const override { return arithmetic_report(batch); }

 private:
  ArithmeticDependencies dependencies_;
};

/// One pair from an element of the file. A save file's element holds it under `data`.
Json pair_of(Json&& element, const std::string& place) {
  if (element.is_object() && element.contains("data") && element.contains("status")) {
    Json data = std::move(element["data"]);
    element = std::move(data);
  }
  if (!element.is_object()) {
    throw Error("data", "found " + std::string(element.type_name()) + R"(, expected {"A": number, "B": number})",
                place);
  }
  for (const char* key : {"A", "B"}) {
    const auto found = element.find(key);
    if (found == element.end())
      throw Error("data", std::string("no ") + key + R"(, expected {"A": number, "B": number})", place);
    if (!found->is_number())
      throw Error("data", std::string(key) + " is " + dump_json(*found) + ", expected a number", place);
  }
  return std::move(element);
}

LoadedBatch ArithmeticKind::load(const Source& source, const ParameterTexts& params) const {
  LoadedBatch batch;
  batch.info.kind = name();
  batch.info.params = resolve_parameters(parameters(), params, name());
  if (!params.contains("max_tokens")) batch.info.params.erase("max_tokens");
  const auto model = dependencies_.models.entry(batch.info.params.value("model", std::string()));
  batch.info.model = model->name;
  batch.info.params["model"] = model->name;
  batch.info.pinned = {{"model", to_json(*model)}};
  batch.info.source = source.name;

  const auto take = [&](Json&& element, const JsonPlace& at) {
    NewRun run;
    run.id = std::to_string(batch.runs.size() + 1);
    run.data = pair_of(std::move(element), source.name + ":" + std::to_string(at.line));
    batch.runs.push_back(std::move(run));
  };
  if (source.embedded) {
    InputText input(*source.embedded, source.name);
    read_json_values(input, {}, take);
  } else {
    InputFile input(source.path.string());
    read_json_values(input, {}, take);
  }
  if (batch.runs.empty()) throw Error("data", R"(no runs: expected {"A": number, "B": number} values)", source.name);
  return batch;
}

std::shared_ptr<Runner> ArithmeticKind::make_evaluator(const BatchInfo&, const ParameterTexts& overrides) const {
  resolve_parameters({}, overrides, name());
  return std::make_shared<ArithmeticRunner>(dependencies_.client, nullptr);
}

std::shared_ptr<Runner> ArithmeticKind::make_runner(const BatchInfo& batch, const ParameterTexts& overrides) const {
  resolve_parameters({}, overrides, name());
  const bool pinned = batch.pinned.is_object() && batch.pinned.contains("model");
  ModelHandle model = pinned ? dependencies_.models.callable_pinned(batch.pinned.at("model"))
                             : dependencies_.models.callable(batch.model);
  ChatParams chat;
  chat.max_tokens = batch.params.contains("max_tokens") ? batch.params["max_tokens"].get<std::int64_t>()
                                                        : model->params.max_tokens.value_or(kUsualMaxTokens);
  return std::make_shared<ArithmeticRunner>(dependencies_.client, std::move(model), chat);
}

}  // namespace

std::unique_ptr<Kind> make_arithmetic_kind(ArithmeticDependencies dependencies) {
  return std::make_unique<ArithmeticKind>(dependencies);
}

}  // namespace assay
