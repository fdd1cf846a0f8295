#include "experiments/debate/debate.hpp"

#include <algorithm>

#include "core/text/embedded.hpp"
#include "core/text/error.hpp"
#include "experiments/debate/legacy_rules.hpp"
#include "experiments/debate/loading.hpp"
#include "experiments/debate/mad_export.hpp"
#include "experiments/debate/parameters.hpp"
#include "experiments/debate/recorded.hpp"
#include "experiments/debate/report.hpp"
#include "experiments/debate/turns.hpp"
#include "experiments/qa/loading.hpp"
#include "experiments/qa/parameters.hpp"

namespace assay {
namespace {

class DebateKind final : public Kind {
 public:
  explicit DebateKind(DebateDependencies dependencies) : dependencies_(std::move(dependencies)) {}

  std::string name() const override { return "debate"; }
  std::string summary() const override {
    return "several agents on one question, in rounds: exchange, critic and synthesizer, debaters with a judge";
  }
  std::vector<Parameter> parameters() const override { return debate_parameters(); }
  std::vector<std::string> samples() const override { return {"sample"}; }
  std::string_view sample(const std::string& name) const override {
    return name == "sample" ? ASSAY_EMBEDDED(experiments_qa_samples_sample_jsonl) : std::string_view();
  }
  std::vector<ShippedPrompt> prompts() const override { return debate_prompts(); }
  bool accepts(const Json& data) const override {
    return data.is_object() && data.contains("question") && data.contains("prompts");
  }

  LoadedBatch load(const Source& source, const ParameterTexts& params) const override;
  std::shared_ptr<Runner> make_runner(const BatchInfo& batch, const ParameterTexts& overrides) const override;
  std::shared_ptr<Runner> make_evaluator(const BatchInfo& batch, const ParameterTexts& overrides) const override;
  Report report(const BatchView& batch) const override { return debate_report(batch); }
  std::vector<RunTurn> transcript(const BatchInfo& batch, const RunView& run,
                                  const std::vector<CallRecord>& calls) const override {
    return debate_turns(batch, run, calls);
  }
  std::vector<std::string> export_formats() const override { return {"mad"}; }
  ExportedFile export_runs(const std::string& format, const std::vector<const BatchView*>& batches) const override {
    return format == "mad" ? export_mad(batches) : Kind::export_runs(format, batches);
  }
  std::optional<RuleOutcome> apply_rule(const BatchView& runs, const ParameterTexts& given) const override;
  std::optional<RebuiltMessages> rebuild(const BatchInfo& batch, const RunView& run) const override;
  LoadedBatch fork_batch(const BatchInfo& parent, std::uint32_t step, const ParameterTexts& changes) const override;
  std::optional<NewRun::Start> fork_start(const BatchInfo& batch, const RunView& run,
                                          std::uint32_t step) const override;

 private:
  LoadedBatch load_recorded(const Source& source, const ParameterTexts& given, Json params) const;

  DebateDependencies dependencies_;
};

/// What of MAD's settings depends on the questions.
void fill_compat(Json& params, const std::vector<Item>& items) {
  if (params.value("compat", std::string()) != "mad") return;
  const bool csqa = !items.empty() && items.front().format.starts_with("csqa");
  if (!params.contains("extract")) params["extract"] = csqa ? "csqa" : "mad_eval";
  if (params["rule"] == "majority") params["rule"] = csqa ? "mad_csqa" : "mad_mmlu";
  constexpr std::int64_t kTokens = 3000, kCsqaTokens = 2048;
  if (!params.contains("max_tokens")) {
    params["max_tokens"] = csqa && params["protocol"] == "collaborative" ? kCsqaTokens : kTokens;
  }
}

/// What a batch has pinned; of one that came from a save, what its parameters name now.
Json pinned_of(const BatchInfo& batch, const DebateDependencies& dependencies) {
  if (batch.pinned.is_object() && batch.pinned.contains("prompts")) return batch.pinned;
  std::vector<std::string> warnings;
  Json params = resolve_debate({});
  if (batch.params.is_object()) params.update(batch.params);
  if (params.contains("agents_file")) params["agents"] = params["agents_file"];
  Json pinned = pin_debate(params, agents_of(params), dependencies.limits(), warnings);
  params["model"] = batch.model;
  pin_models(params, pinned, dependencies.models);
  return pinned;
}

Json params_of(const BatchInfo& batch) { return batch.params.is_object() ? batch.params : Json::object(); }

Composer composer_of(const Json& params, const Json& pinned, const PromptLimits& limits) {
  return {plan_debate(params, pinned.value("agents", Json())), params, pinned, limits};
}

LoadedBatch DebateKind::load(const Source& source, const ParameterTexts& given) const {
  Json params = resolve_debate(given);
  if (params["format"] == "mad" || params["format"] == "du") return load_recorded(source, given, std::move(params));
  LoadedBatch batch;
  const auto agents = agents_of(params);
  Json pinned = pin_debate(params, agents, dependencies_.limits(), batch.warnings);
  std::optional<HubReading> hub;
  if (dependencies_.hub != nullptr) hub.emplace(HubReading{*dependencies_.hub});
  std::vector<Item> items;
  try {
    items = read_items(source, params, batch.warnings, hub ? &*hub : nullptr);
  } catch (const Error&) {
    const std::string recorded = source.name.starts_with("hf:") ? "" : recorded_format(source);
    if (recorded.empty()) throw;
    throw Error("usage", "it holds finished debates, no questions", source.name, "load it with format=" + recorded);
  }
  if (hub && !hub->pin.is_null()) pinned["hub"] = hub->pin;
  fill_compat(params, items);
  const Composer checked = composer_of(params, pinned, dependencies_.limits());
  pin_models(params, pinned, dependencies_.models);
  const Json run_params = debate_run_parameters(params);
  for (Item& item : items) batch.runs.push_back(debate_run(std::move(item), run_params, pinned));
  batch.info.kind = name();
  batch.info.model = params["model"].get<std::string>();
  batch.info.params = std::move(params);
  batch.info.pinned = std::move(pinned);
  batch.info.source = source.name;
  return batch;
}

LoadedBatch DebateKind::load_recorded(const Source& source, const ParameterTexts& given, Json params) const {
  LoadedBatch batch;
  auto debates = read_recorded(source, params, batch.warnings);
  fill_recorded(params, given, debates);
  std::vector<Item> items;
  if (!debates.empty()) items.push_back(debates.front().item);
  fill_compat(params, items);
  const auto agents = agents_of(params);
  Json pinned = pin_debate(params, agents, dependencies_.limits(), batch.warnings);
  const Composer checked = composer_of(params, pinned, dependencies_.limits());
  // Recorded debates need no model; it is asked for only where something is to be run.
  if (params.contains("reuse_round") || given.contains("model")) {
    pin_models(params, pinned, dependencies_.models);
    batch.info.model = params["model"].get<std::string>();
  }
  batch.runs = recorded_runs(std::move(debates), params, pinned, source.name);
  batch.info.kind = name();
  batch.info.params = std::move(params);
  batch.info.pinned = std::move(pinned);
  batch.info.source = source.name;
  return batch;
}

std::shared_ptr<Runner> DebateKind::make_runner(const BatchInfo& batch, const ParameterTexts& overrides) const {
  if (!overrides.empty()) return make_evaluator(batch, overrides);
  const Json params = params_of(batch);
  const Json pinned = pinned_of(batch, dependencies_);
  Composer composer = composer_of(params, pinned, dependencies_.limits());
  DebateModels models = callable_models(params, pinned, composer.plan(), dependencies_.models);
  return std::make_shared<DebateRunner>(dependencies_.client, std::move(models), std::move(composer), batch,
                                        std::nullopt);
}

std::shared_ptr<Runner> DebateKind::make_evaluator(const BatchInfo& batch, const ParameterTexts& overrides) const {
  Json params = params_of(batch);
  // Without its defaults: only what was typed changes.
  const Json changes = resolve_parameters(debate_scoring_parameters(), overrides, "debate evaluate");
  for (const auto& [name, text] : overrides) {
    if (changes.contains(name)) {
      params[name] = changes[name];
    } else {
      params.erase(name);
    }
  }
  std::optional<std::uint32_t> round;
  if (params.contains("round")) round = params["round"].get<std::uint32_t>();
  Json pinned = Json::object();  // no message is written: no prompt is needed
  if (batch.pinned.is_object() && batch.pinned.contains("agents")) pinned["agents"] = batch.pinned["agents"];
  Composer composer = composer_of(params, pinned, dependencies_.limits());
  check_reading(params, composer.plan().agents.size());
  return std::make_shared<DebateRunner>(dependencies_.client, DebateModels{}, std::move(composer), batch, round);
}

std::optional<RuleOutcome> DebateKind::apply_rule(const BatchView& runs, const ParameterTexts& given) const {
  const auto rule = given.find("rule");
  if (rule == given.end() || rule->second == "majority") return std::nullopt;
  std::vector<Parameter> taken = debate_scoring_parameters();
  std::erase_if(
      taken, [](const Parameter& row) { return row.name != "rule" && row.name != "round" && row.name != "as_score"; });
  const Json params = resolve_parameters(taken, given, "debate evaluate rule=" + rule->second);
  std::optional<std::uint32_t> round;
  if (params.contains("round")) round = params["round"].get<std::uint32_t>();
  return apply_debate_rule(runs, rule->second, round, params["as_score"].get<bool>());
}

std::optional<RebuiltMessages> DebateKind::rebuild(const BatchInfo& batch, const RunView& run) const {
  if (run.context.empty()) return std::nullopt;
  const Json params = params_of(batch);
  const Json pinned = pinned_of(batch, dependencies_);
  std::uint32_t forked_at = 0;
  std::string added;
  if (const auto fork = run.data.find("forked_from"); fork != run.data.end() && fork->is_object()) {
    forked_at = fork->value("step", 0U);
    added = fork->value("message", std::string());
  }
  return rebuild_debate(composer_of(params, pinned, dependencies_.limits()), from_data(run.data), run.context,
                        forked_at, added);
}

LoadedBatch DebateKind::fork_batch(const BatchInfo& parent, std::uint32_t step, const ParameterTexts& changes) const {
  LoadedBatch batch;
  Json params = forked_params(parent, step, changes);
  Json pinned = pinned_of(parent, dependencies_);
  const bool new_agents = changes.contains("agents") || changes.contains("protocol");  // refused beyond step 0
  const auto agents = [&] {
    if (new_agents) return agents_of(params);
    std::vector<DebateAgent> kept;
    for (const Json& pin : pinned["agents"]) kept.push_back(agent_from_json(pin));
    return kept;
  }();
  // What was read from a file stays as it was read; what is named anew is read now.
  Json named = Json::object();
  for (const PromptParameter& row : prompt_parameters()) {
    if (!params.contains(row.name)) continue;
    const bool kept = pinned["prompts"].contains(row.name) && !changes.contains(row.name);
    if (kept) named[row.name] = pinned["prompts"][row.name];
  }
  Json reading = params;
  for (const auto& [name, pin] : named.items()) reading.erase(name);
  Json fresh = pin_debate(reading, agents, dependencies_.limits(), batch.warnings);
  fresh["prompts"].update(named);
  if (!new_agents) {
    for (std::size_t i = 0; i < agents.size(); ++i) {
      if (pinned["agents"][i].contains("prompts")) fresh["agents"][i]["prompts"] = pinned["agents"][i]["prompts"];
    }
  }
  const std::string before = parent.params.value("model", parent.model);
  if (changes.contains("model")) {
    for (Json& agent : fresh["agents"]) {
      if (agent.value("model", std::string()) == before) agent["model"] = "";
    }
  }
  pin_models(params, fresh, dependencies_.models);
  const Composer checked = composer_of(params, fresh, dependencies_.limits());
  batch.info.kind = name();
  batch.info.model = params["model"].get<std::string>();
  batch.info.params = std::move(params);
  batch.info.pinned = std::move(fresh);
  batch.info.source = parent.source;
  return batch;
}

std::optional<NewRun::Start> DebateKind::fork_start(const BatchInfo&, const RunView& run, std::uint32_t step) const {
  const std::uint32_t rounds = Transcript(run.context).rounds();
  if (step > rounds) {
    throw Error("usage", run.run_id + " has " + std::to_string(rounds) +
                             " completed rounds: it can't be forked at step " + std::to_string(step));
  }
  NewRun::Start start{step, nullptr, Json::object(), {}};
  for (const ContextMessage& message : run.context) {
    const bool shared = message.more.is_object() && message.more.value("round", 0U) <= step;
    if (shared) start.context.push_back(message);
  }
  return start;
}

}  // namespace

std::unique_ptr<Kind> make_debate_kind(DebateDependencies dependencies) {
  return std::make_unique<DebateKind>(std::move(dependencies));
}

}  // namespace assay
