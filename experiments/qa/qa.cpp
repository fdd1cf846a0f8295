#include "experiments/qa/qa.hpp"

#include <algorithm>

#include "core/text/embedded.hpp"
#include "core/text/error.hpp"
#include "experiments/qa/loading.hpp"
#include "experiments/qa/parameters.hpp"
#include "experiments/qa/report.hpp"
#include "experiments/qa/runner.hpp"
#include "experiments/qa/tiger.hpp"
#include "runners/llm/completions.hpp"

namespace assay {
namespace {

class QaKind final : public Kind {
 public:
  explicit QaKind(QaDependencies dependencies) : dependencies_(std::move(dependencies)) {}

  std::string name() const override { return "qa"; }
  std::string summary() const override {
    return "questions with a known answer: MMLU-Pro, CommonsenseQA, GSM8K, any table";
  }
  std::vector<Parameter> parameters() const override { return qa_parameters(); }
  std::vector<std::string> samples() const override { return {"sample"}; }
  std::string_view sample(const std::string& name) const override {
    return name == "sample" ? ASSAY_EMBEDDED(experiments_qa_samples_sample_jsonl) : std::string_view();
  }

  LoadedBatch load(const Source& source, const ParameterTexts& params) const override;
  bool accepts(const Json& data) const override {
    return data.is_object() && data.contains("answer") && (data.contains("question") || data.contains("n_options"));
  }
  std::shared_ptr<Runner> make_runner(const BatchInfo& batch, const ParameterTexts& overrides) const override;
  std::shared_ptr<Runner> make_evaluator(const BatchInfo& batch, const ParameterTexts& overrides) const override;
  Report report(const BatchView& batch) const override { return qa_report(batch); }
  std::vector<RunTurn> transcript(const BatchInfo& batch, const RunView& run,
                                  const std::vector<CallRecord>& calls) const override;
  std::vector<ShippedPrompt> prompts() const override { return qa_prompts(); }
  std::vector<std::string> export_formats() const override { return {"tiger"}; }
  ExportedFile export_runs(const std::string& format, const std::vector<const BatchView*>& batches) const override;
  std::optional<RuleOutcome> apply_rule(const BatchView& batch, const ParameterTexts& params) const override;

 private:
  QaDependencies dependencies_;
};

void check(const Json& params) {
  const auto positive = [&](const char* name) {
    if (params.contains(name) && params[name].get<std::int64_t>() < 1) {
      throw Error("usage", std::string(name) + "=" + dump_json(params[name]) + ", expected at least 1", name);
    }
  };
  positive("samples");
  positive("max_tokens");
  positive("max_prompt_tokens");
  if (params.value("shots", std::int64_t{0}) < 0) throw Error("usage", "shots is negative", "shots");
  stop_words(params);
}

bool is_completion(const Json& params) { return params.value("mode", std::string()) == "completion"; }

LoadedBatch QaKind::load(const Source& source, const ParameterTexts& given) const {
  LoadedBatch batch;
  Json params = resolve_parameters(qa_parameters(), given, name());
  const PromptLimits limits = dependencies_.limits();
  PinnedPrompt prompt = pin_prompt(params, limits, batch.warnings);
  for (const auto& [key, value] : prompt.defaults.items()) {
    if (!params.contains(key)) params[key] = value;
  }
  if (params.value("shots", std::int64_t{0}) > 0 && !prompt.takes_examples) {
    batch.warnings.push_back("shots are given, but the prompt " + prompt.pin["name"].get<std::string>() +
                             " shows no examples");
  }
  check(params);
  if (!given.contains("max_tokens")) params.erase("max_tokens");
  const Scorer scorer(params);
  std::optional<HubReading> hub;
  if (dependencies_.hub != nullptr) hub.emplace(HubReading{*dependencies_.hub});
  auto items = read_items(source, params, batch.warnings, hub ? &*hub : nullptr);

  Json pinned = Json::object();
  if (hub && !hub->pin.is_null()) pinned["hub"] = hub->pin;
  pinned["prompt"] = std::move(prompt.pin);
  if (Json examples = pin_examples(params, items, batch.warnings); !examples.is_null()) {
    pinned["shots"] = std::move(examples);
  }
  const Prompting checked(params, pinned, limits);

  // Recorded replies need no model; it is asked for only where something is to be run.
  const bool runnable = std::any_of(items.begin(), items.end(), [](const Item& item) { return !item.replies; });
  if (runnable || params.contains("model")) {
    const auto model = dependencies_.models.entry(params.value("model", std::string()));
    if (is_completion(params)) completions_of(*model);
    params["model"] = model->name;
    batch.info.model = model->name;
    pinned["model"] = to_json(*model);
  }
  if (params.value("samples", std::int64_t{1}) > 1 && params.contains("temperature") && params["temperature"] == 0.0) {
    batch.warnings.push_back("samples at temperature 0 are near copies of one another");
  }
  const Json run_params = qa_run_parameters(params);
  for (auto& item : items) batch.runs.push_back(make_run(std::move(item), run_params, scorer));
  batch.info.kind = name();
  batch.info.params = std::move(params);
  batch.info.pinned = std::move(pinned);
  batch.info.source = source.name;
  return batch;
}

std::shared_ptr<Runner> QaKind::make_runner(const BatchInfo& batch, const ParameterTexts& overrides) const {
  if (!overrides.empty()) return make_evaluator(batch, overrides);
  const Json params = batch.params.is_object() ? batch.params : Json::object();
  ModelHandle model;
  std::unique_ptr<const Prompting> prompting;
  const bool pinned = batch.pinned.is_object() && batch.pinned.contains("model");
  if (pinned || !batch.model.empty()) {
    model = pinned ? dependencies_.models.callable_pinned(batch.pinned.at("model"))
                   : dependencies_.models.callable(batch.model);
    if (is_completion(params)) model = completions_of(*model);
    prompting = std::make_unique<Prompting>(params, batch.pinned, dependencies_.limits());
  }
  return std::make_shared<QaRunner>(dependencies_.client, std::move(model), std::move(prompting), params, params);
}

std::shared_ptr<Runner> QaKind::make_evaluator(const BatchInfo& batch, const ParameterTexts& overrides) const {
  Json params = batch.params.is_object() ? batch.params : Json::object();
  // Without its defaults: only what was typed changes.
  const Json changes = resolve_parameters(qa_evaluation_parameters(), overrides, "qa evaluate");
  if (overrides.contains("scheme")) throw Error("usage", "scheme=tiger adds figures, it is no way to score", "scheme");
  if (overrides.contains("seed")) throw Error("usage", "seed goes with scheme=tiger", "seed");
  for (const auto& [name, text] : overrides) {
    if (changes.contains(name)) {
      params[name] = changes[name];
    } else {
      params.erase(name);
    }
  }
  return std::make_shared<QaRunner>(dependencies_.client, nullptr, nullptr, params, params);
}

std::vector<RunTurn> QaKind::transcript(const BatchInfo& batch, const RunView& run,
                                        const std::vector<CallRecord>& calls) const {
  std::vector<RunTurn> turns = Kind::transcript(batch, run, calls);
  if (!run.answer.is_object() || !run.answer.contains("samples") || !run.answer["samples"].is_array()) return turns;
  const Scorer scorer(batch.params.is_object() ? batch.params : Json::object());
  const Item item = from_data(run.data);
  const Json& samples = run.answer["samples"];
  std::size_t next = 0;
  for (RunTurn& turn : turns) {
    if (turn.role != "assistant" || next == samples.size()) continue;
    const Json& sample = samples[next++];
    if (samples.size() > 1) turn.part = "sample " + std::to_string(next);
    if (!sample.is_object() || !sample.contains("value") || !sample["value"].is_string()) continue;
    turn.answer = sample["value"].get<std::string>();
    if (!item.answer.is_null()) turn.right = scorer.matches(item, turn.answer);
  }
  return turns;
}

std::optional<RuleOutcome> QaKind::apply_rule(const BatchView& batch, const ParameterTexts& params) const {
  if (!params.contains("scheme")) return std::nullopt;
  for (const auto& [name, text] : params) {
    if (name == "scheme" || name == "seed") continue;
    resolve_parameters(qa_evaluation_parameters(), {{name, text}}, "qa evaluate");
    throw Error("usage", name + "=" + text + " does not go with scheme=tiger, which reads by its own rules", {},
                "scheme=tiger [seed=12345]");
  }
  const Json resolved = resolve_parameters(qa_evaluation_parameters(), params, "qa evaluate");
  return tiger_outcome(batch, resolved.value("seed", kTigerSeed));
}

ExportedFile QaKind::export_runs(const std::string& format, const std::vector<const BatchView*>& batches) const {
  if (format != "tiger") return Kind::export_runs(format, batches);
  return export_tiger(batches);
}

}  // namespace

std::unique_ptr<Kind> make_qa_kind(QaDependencies dependencies) {
  return std::make_unique<QaKind>(std::move(dependencies));
}

}  // namespace assay
