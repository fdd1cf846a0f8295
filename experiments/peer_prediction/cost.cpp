#include "experiments/peer_prediction/cost.hpp"

#include <algorithm>

#include "experiments/peer_prediction/asking.hpp"
#include "experiments/peer_prediction/loading.hpp"

namespace assay {
namespace {

constexpr double kCharactersPerToken = 4, kPromptTokens = 350, kMost = 9e18;

double tokens_of(std::size_t bytes) { return static_cast<double>(bytes) / kCharactersPerToken; }

/// Mean of what the tasks have.
struct Sizes {
  double context = 0, response = 0;
  bool known = false;
};

Sizes sizes_of(const std::vector<NewRun>& runs) {
  Sizes sizes;
  double texts = 0, length = 0;
  for (const NewRun& run : runs) {
    sizes.context += tokens_of(run.data.value("context", std::string()).size());
    if (!run.data.contains("responses")) continue;
    for (const Json& text : run.data["responses"]) {
      if (!text.is_string()) continue;
      length += tokens_of(text.get_ref<const std::string&>().size());
      ++texts;
    }
  }
  if (!runs.empty()) sizes.context /= static_cast<double>(runs.size());
  sizes.known = texts > 0;
  if (sizes.known) sizes.response = length / texts;
  return sizes;
}

/// The sum for replies of one length.
class Sum {
 public:
  explicit Sum(const std::map<std::string, std::optional<Price>>& prices) : prices_(prices) {}

  void add(double calls, const std::string& model, double in, double out) {
    if (calls <= 0) return;
    const auto found = prices_.find(model);
    if (found == prices_.end() || !found->second) {
      known_ = false;
      return;
    }
    const Price& price = *found->second;
    sum_ += calls * (static_cast<double>(price.request) + in * static_cast<double>(price.in) +
                     out * static_cast<double>(price.out));
  }
  std::optional<Pico> total() const {
    return known_ ? std::optional(static_cast<Pico>(std::min(sum_, kMost))) : std::nullopt;
  }

 private:
  const std::map<std::string, std::optional<Price>>& prices_;
  double sum_ = 0;
  bool known_ = true;
};

std::optional<Pico> cost_with(const PeerSettings& settings, const std::vector<NewRun>& runs, bool given,
                              const std::map<std::string, std::optional<Price>>& prices, bool longest) {
  const Sizes sizes = sizes_of(runs);
  const auto reply = [longest](std::int64_t most) {
    const auto limit = static_cast<double>(most);
    return longest ? limit : std::min(limit, static_cast<double>(kShortReply));
  };
  const auto tasks = static_cast<double>(runs.size());
  const double said = sizes.known ? sizes.response : reply(settings.max_tokens);
  const double task = tokens_of(settings.task_description.size());
  const PeerPlan plan = peer_plan(settings, runs.size(), given);
  Sum sum(prices);
  for (const PeerAgent& agent : settings.agents) {
    if (given || settings.exp_type == "synthetic" || agent.reference || !agent.strategy) continue;
    const std::string& model = agent.model.empty() ? settings.model : agent.model;
    const double out = reply(settings.max_tokens);
    double shown = sizes.context;
    if (agent.reading && settings.reading != "ignore") {
      sum.add(tasks, model, tokens_of(agent.reading->size()) + sizes.context, out);
      shown += out;
    }
    sum.add(tasks, model, tokens_of(agent.strategy->size()) + shown, out);
  }
  if (settings.tvd_mi && settings.critic == "llm") {
    const double each = static_cast<double>(plan.p + plan.q) /
                        static_cast<double>(std::max<std::size_t>(1, settings.critic_models.size()));
    for (const std::string& model : settings.critic_models) {
      sum.add(each, model, kPromptTokens + task + 2 * said, reply(kCriticTokens));
    }
  }
  if (settings.judge == "llm") {
    const double in = kPromptTokens + task + 2 * said;
    sum.add(static_cast<double>(plan.with), settings.judge_model, in + sizes.context, reply(kJudgeTokens));
    sum.add(static_cast<double>(plan.without), settings.judge_model, in, reply(kJudgeTokens));
  }
  sum.add(static_cast<double>(plan.logp), settings.model, 2 * said, 1);
  return sum.total();
}

}  // namespace

std::optional<std::pair<Pico, Pico>> peer_cost(const PeerSettings& settings, const std::vector<NewRun>& runs,
                                               bool given_responses,
                                               const std::map<std::string, std::optional<Price>>& prices) {
  const auto low = cost_with(settings, runs, given_responses, prices, false);
  const auto high = cost_with(settings, runs, given_responses, prices, true);
  if (!low || !high) return std::nullopt;
  return std::pair(*low, *high);
}

}  // namespace assay
