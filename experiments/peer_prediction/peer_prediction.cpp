#include "experiments/peer_prediction/peer_prediction.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "core/text/duration.hpp"
#include "core/text/embedded.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/peer_prediction/cost.hpp"
#include "experiments/peer_prediction/exports.hpp"
#include "experiments/peer_prediction/loading.hpp"
#include "experiments/peer_prediction/prompts.hpp"
#include "experiments/peer_prediction/record.hpp"
#include "experiments/peer_prediction/report.hpp"
#include "experiments/peer_prediction/runner.hpp"
#include "runners/llm/model_entry.hpp"
#include "runners/llm/prompt_logprobs.hpp"
#include "runners/prompt/prompt_choice.hpp"

namespace assay {
namespace {

constexpr const char* kPrompts[] = {"critic", "judge_with", "judge_without"};

class PeerPredictionKind final : public Kind {
 public:
  explicit PeerPredictionKind(PeerDependencies dependencies) : dependencies_(std::move(dependencies)) {}

  std::string name() const override { return "peer_prediction"; }
  std::string summary() const override {
    return "agents answer the same tasks; what their answers have in common scores them, without a right answer";
  }
  std::vector<Parameter> parameters() const override { return peer_parameters(); }
  std::vector<ShippedPrompt> prompts() const override { return peer_prompts(); }
  std::vector<std::string> samples() const override { return {"sample"}; }
  std::string_view sample(const std::string& sample_name) const override {
    return sample_name == "sample" ? ASSAY_EMBEDDED(experiments_peer_prediction_samples_synthetic_json)
                                   : std::string_view();
  }
  bool accepts(const Json& data) const override {
    if (!data.is_object()) return false;
    if (data.contains("recorded") && data["recorded"].is_string()) return data.contains("items") || data.size() == 1;
    return data.contains("context") && (data.contains("responses") || data.contains("values"));
  }

  bool joins_sources() const override { return true; }
  LoadedBatch load(const Source& source, const ParameterTexts& given) const override {
    return load_sources({source}, given);
  }
  LoadedBatch load_sources(const std::vector<Source>& sources, const ParameterTexts& given) const override;
  /// A repeat of a synthetic task draws its own answers.
  void make_repeat(NewRun& run, std::uint64_t epoch) const override {
    if (epoch > 1 && run.data.is_object()) run.data.erase("values");
  }
  std::shared_ptr<Runner> make_runner(const BatchInfo& batch, const ParameterTexts& overrides) const override;
  std::shared_ptr<Runner> make_evaluator(const BatchInfo& batch, const ParameterTexts& overrides) const override;
  Report report(const BatchView& batch) const override { return peer_report(batch); }
  std::vector<RunTurn> transcript(const BatchInfo&, const RunView& run, const std::vector<CallRecord>&) const override {
    return peer_turns(run);
  }

  std::vector<JointFormat> joint_formats() const override { return peer_joint_formats(); }
  JointExport export_joint(const std::string& format, const std::string& path,
                           const std::vector<const BatchView*>& batches) const override {
    return export_peers(format, path, batches);
  }
  std::vector<std::string> reached(const BatchView& batch, Milestone milestone) const override {
    return autosave_peers(batch, milestone);
  }
  bool wants_milestones(const BatchInfo& batch) const override {
    return batch.params.is_object() && !batch.params.value("autosave", std::string()).empty();
  }

 private:
  PromptOverrides bounds() const {
    PromptOverrides overrides;
    overrides.limits = dependencies_.limits();
    return overrides;
  }
  void pin_models(LoadedBatch& batch, const PeerSettings& settings, const ParameterTexts& given) const;
  void pin_prompts(LoadedBatch& batch, const PeerSettings& settings, const ParameterTexts& given) const;

  PeerDependencies dependencies_;
};

bool has_given_responses(const Json& params) { return params.is_object() && params.value("given_responses", false); }

/// What was typed must be right; a name that a file brings along may be unknown here until it is run.
void PeerPredictionKind::pin_models(LoadedBatch& batch, const PeerSettings& settings,
                                    const ParameterTexts& given) const {
  Json& pinned = batch.info.pinned["models"] = Json::object();
  const bool typed = given.contains("model") || given.contains("model_config.model_name");
  for (const std::string& name : peer_models(settings, has_given_responses(batch.info.params))) {
    ModelHandle entry;
    try {
      entry = dependencies_.models.entry(name);
    } catch (const Error& error) {
      const bool by_file = !typed && (name == settings.model ||
                                      std::any_of(settings.agents.begin(), settings.agents.end(),
                                                  [&](const PeerAgent& agent) { return agent.model == name; }));
      if (!by_file || settings.mi || settings.gppm) throw;
      batch.warnings.push_back("model " + name + ": " + error.message() +
                               "; nothing can run before it is known: load with model=PROVIDER/MODEL, or give it that "
                               "name in models.yaml");
      continue;
    }
    if (name == settings.model && (settings.mi || settings.gppm) && !gives_prompt_logprobs(*entry)) {
      throw Error("usage",
                  entry->name + " gives no log-probabilities of a prompt's own tokens, which " +
                      (settings.mi ? "mi" : "gppm") + " needs",
                  "mechanisms", "together/.. and vllm/.. models do; without mi and gppm any model will do");
    }
    if (settings.logprobs > 0 && settings.critic == "llm" &&
        std::find(settings.critic_models.begin(), settings.critic_models.end(), name) != settings.critic_models.end() &&
        !gives_top_logprobs(*entry)) {
      throw Error("usage", entry->name + " gives no alternatives of its tokens", "logprobs",
                  "leave logprobs= out, or take another critic_model=");
    }
    pinned[name] = to_json(*entry);
    if (batch.info.model.empty()) batch.info.model = entry->name;
  }
}

void PeerPredictionKind::pin_prompts(LoadedBatch& batch, const PeerSettings& settings,
                                     const ParameterTexts& given) const {
  Json& pinned = batch.info.pinned["prompts"] = Json::object();
  for (const auto& [name, text] : given) {
    if (!name.starts_with("prompt.")) continue;
    const std::string which = name.substr(7);
    if (std::find(std::begin(kPrompts), std::end(kPrompts), which) == std::end(kPrompts)) {
      throw Error("usage", "there is no such prompt", name, "prompt.critic, prompt.judge_with, prompt.judge_without");
    }
  }
  for (const char* which : kPrompts) {
    const bool critic = std::string_view(which) == "critic";
    const bool asked = critic ? settings.tvd_mi && settings.critic == "llm" : settings.judge == "llm";
    const auto named = given.find("prompt." + std::string(which));
    if (!asked && named != given.end()) {
      batch.warnings.push_back(named->first + ": no model is asked that, so it is not used");
    }
    if (!asked) continue;
    PromptChoice choice = choose_prompt(named == given.end() ? which : named->second, peer_prompts(), name(),
                                        "prompt." + std::string(which), bounds());
    batch.warnings.insert(batch.warnings.end(), choice.file.warnings.begin(), choice.file.warnings.end());
    pinned[which] = std::move(choice.pin);
  }
}

/// Beside the plan; nothing where no call is made, or a price is not known.
void tell_cost(LoadedBatch& batch, const PeerSettings& settings) {
  std::map<std::string, std::optional<Price>> prices;
  for (const auto& [name, entry] : batch.info.pinned["models"].items()) prices[name] = model_from_json(entry)->price;
  if (prices.empty()) return;
  const auto cost = peer_cost(settings, batch.runs, has_given_responses(batch.info.params), prices);
  batch.facts["usd"] = cost ? Json::array({to_usd(cost->first), to_usd(cost->second)}) : Json();
  if (!cost) {
    batch.notes.push_back("cost: a price is not known (`price` in models.yaml)");
  } else if (cost->second > 0) {
    batch.notes.push_back("cost: " + format_usd(cost->first) + " with short replies, at most about " +
                          format_usd(cost->second));
  }
}

LoadedBatch PeerPredictionKind::load_sources(const std::vector<Source>& sources, const ParameterTexts& given) const {
  LoadedBatch batch = load_peers(sources, given);
  batch.info.kind = name();
  batch.info.pinned = Json::object();
  const PeerSettings settings = peer_settings(batch.info.params);
  if (settings.recorded) return batch;
  pin_models(batch, settings, given);
  pin_prompts(batch, settings, given);
  tell_cost(batch, settings);
  return batch;
}

std::shared_ptr<Runner> PeerPredictionKind::make_runner(const BatchInfo& batch, const ParameterTexts& overrides) const {
  if (!overrides.empty()) return make_evaluator(batch, overrides);
  PeerSettings settings = peer_settings(batch.params);
  if (settings.recorded) {
    throw Error("usage", batch.name + " holds recorded comparisons: there is nothing to run again", "",
                "load the data file that they were made from to compare anew");
  }
  PeerTools tools;
  tools.tasks = batch.count;
  const Json pins = batch.pinned.is_object() ? batch.pinned : Json::object();
  const Json models = pins.value("models", Json::object()), prompts = pins.value("prompts", Json::object());
  for (const std::string& name : peer_models(settings, has_given_responses(batch.params))) {
    tools.models[name] = models.contains(name) ? dependencies_.models.callable_pinned(models[name])
                                               : dependencies_.models.callable(name);
  }
  const auto prompt = [&](const char* which) -> std::shared_ptr<const PromptFile> {
    if (prompts.contains(which)) return std::make_shared<PromptFile>(pinned_prompt(prompts[which], bounds()));
    return std::make_shared<PromptFile>(choose_prompt(which, peer_prompts(), name(), which, bounds()).file);
  };
  tools.critic = prompt("critic");
  tools.judge_with = prompt("judge_with");
  tools.judge_without = prompt("judge_without");
  return make_peer_runner(dependencies_.client, std::move(settings), std::move(tools));
}

std::shared_ptr<Runner> PeerPredictionKind::make_evaluator(const BatchInfo& batch,
                                                           const ParameterTexts& overrides) const {
  PeerSettings settings = peer_settings(batch.params);
  for (const auto& [name, text] : overrides) {
    if (name == "parse" && (text == "strict" || text == "upstream")) {
      settings.parse = text;
      continue;
    }
    throw Error("usage", name + "=" + text +
                             ": replies of peer prediction are read again with parse=strict or "
                             "parse=upstream, nothing else");
  }
  return make_peer_runner(dependencies_.client, std::move(settings), {});
}

}  // namespace

std::unique_ptr<Kind> make_peer_prediction_kind(PeerDependencies dependencies) {
  return std::make_unique<PeerPredictionKind>(std::move(dependencies));
}

}  // namespace assay
