#include "experiments/debate/recorded.hpp"

#include <algorithm>

#include "core/text/error.hpp"
#include "experiments/debate/du_file.hpp"
#include "experiments/debate/loading.hpp"
#include "experiments/debate/mad_file.hpp"
#include "experiments/debate/outcome.hpp"
#include "experiments/debate/parameters.hpp"

namespace assay {
namespace {

/// The context of a debate up to a round.
std::vector<ContextMessage> up_to(const std::vector<ContextMessage>& context, std::uint32_t round) {
  std::vector<ContextMessage> kept;
  std::copy_if(context.begin(), context.end(), std::back_inserter(kept), [&](const ContextMessage& message) {
    return message.more.is_object() && message.more.value("round", 0U) <= round;
  });
  return kept;
}

void check_reuse(const ImportedDebate& debate, std::uint32_t round, const Json& params, const Json& pinned) {
  const std::uint32_t rounds = Transcript(debate.context).rounds();
  const std::string place = debate.item.source.empty() ? debate.item.id : debate.item.source;
  if (round > rounds) {
    throw Error("usage",
                "reuse_round=" + std::to_string(round) + ": debate " + debate.item.id + " has " +
                    std::to_string(rounds) + " rounds",
                place);
  }
  const Json* mark = debate.item.extra.contains("imported") ? &debate.item.extra["imported"] : nullptr;
  const std::string before = mark ? mark->value("collaborative_prompt_used", std::string()) : std::string();
  const Json& prompts = pinned.at("prompts");
  const std::string now = prompts.contains("collaborative_prompt")
                              ? prompts["collaborative_prompt"].value("name", std::string())
                              : std::string();
  if (round > 1 && !before.empty() && now != before && !params.value("mixed", false)) {
    throw Error("usage",
                "reuse_round=" + std::to_string(round) + ": its rounds were held with " + before + ", not " + now,
                place, "mixed=yes if that is meant");
  }
}

}  // namespace

std::vector<ImportedDebate> read_recorded(const Source& source, const Json& params,
                                          std::vector<std::string>& warnings) {
  if (params["format"] == "mad") return read_mad_file(source, params["protocol"].get<std::string>(), warnings);
  return read_du_file(source, params.value("n_options", std::size_t{0}), warnings);
}

void fill_recorded(Json& params, const ParameterTexts& given, const std::vector<ImportedDebate>& debates) {
  std::size_t agents = 1;
  std::uint32_t rounds = 1;
  for (const ImportedDebate& debate : debates) {
    if (debate.critic_synth) params["protocol"] = "critic_synth";
    agents = std::max(agents, debate.agents);
    rounds = std::max(rounds, Transcript(debate.context).rounds());
  }
  if (!given.contains("agents")) params["agents"] = agents;
  if (!given.contains("rounds")) {
    const std::uint32_t reused = params.value("reuse_round", 0U);
    params["rounds"] = reused > 0 ? reused + 1 : rounds;
  }
  // What they were held with stands in the file; a prompt is needed only to go on, or to rebuild.
  if (params.contains("reuse_round")) return;
  for (const PromptParameter& row : prompt_parameters()) {
    if (!given.contains(row.name)) params.erase(row.name);
  }
}

std::vector<std::pair<std::string, std::string>> agents_in(
    const std::vector<std::pair<std::string, std::string>>& of_batch, const Json& data) {
  auto agents = of_batch;
  const Json* mark = imported_mark(data);
  if (mark == nullptr || !mark->contains("agents")) return agents;
  const auto n = mark->at("agents").get<std::size_t>();
  while (agents.size() < n) agents.emplace_back("agent " + std::to_string(agents.size()), "");
  agents.resize(n);
  return agents;
}

std::vector<NewRun> recorded_runs(std::vector<ImportedDebate>&& debates, const Json& params, const Json& pinned,
                                  const std::string& source) {
  const DebatePlan plan = plan_debate(params, pinned.value("agents", Json()));
  const DebateReader reader(params, plan.weights());
  const Json run_params = debate_run_parameters(params);
  const std::uint32_t reused = params.value("reuse_round", 0U);
  std::vector<NewRun> runs;
  for (ImportedDebate& debate : debates) {
    if (reused > 0) check_reuse(debate, reused, params, pinned);
    const Item item = debate.item;
    NewRun run = debate_run(std::move(debate.item), run_params, pinned);
    if (reused > 0) {
      run.data["forked_from"] = {{"run", source + ":" + run.id}, {"step", reused}};
      run.start = NewRun::Start{reused, nullptr, Json::object(), up_to(debate.context, reused)};
    } else {
      auto outcome = evaluate_debate(item, debate.context, reader, agents_in(plan.names_and_models(), run.data),
                                     Json{{"stopped", "rounds"}}, draw_of(run.id));
      run.answer = std::move(outcome.answer);
      run.score = std::move(outcome.score);
      run.status = Status::complete;
      run.steps = Transcript(debate.context).rounds();
      run.context = std::move(debate.context);
    }
    runs.push_back(std::move(run));
  }
  return runs;
}

}  // namespace assay
