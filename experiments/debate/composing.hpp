#pragma once
// What the agents of a debate are told: each user message from its prompt, the item, and what has been said. The same
// code writes the messages that are sent and rebuilds those of recorded debates. Specs: debate.md 2, 4, 9.3.
// A Composer is immutable: any thread.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/debate/plan.hpp"
#include "experiments/debate/transcript.hpp"
#include "experiments/debate/verdict.hpp"
#include "experiments/qa/item.hpp"
#include "runners/prompt/prompt_file.hpp"
#include "runners/prompt/random_source.hpp"

namespace assay {

/// The prompts that come with the kind.
std::vector<ShippedPrompt> debate_prompts();

/// Peers as templates see them, by agent and round: one reply is read by many.
using PeerMemo = std::map<std::pair<std::size_t, std::uint32_t>, Json>;

/// Where in a debate a message is written. `said`: all that comes before it.
struct DebateMoment {
  const Item& item;
  const Transcript& said;
  std::uint32_t round = 1;
  RandomSource& random;
  std::string added = {};    ///< put at the end of the message
  PeerMemo* memo = nullptr;  ///< of this debate; null: nothing is remembered
};

class Composer {
 public:
  /// `pinned`: {"prompts":{PARAMETER: pin},"agents":[{.., "prompts":{..}}]}. Throws Error, TemplateError when a pinned
  /// text is no prompt.
  Composer(DebatePlan plan, const Json& params, const Json& pinned, const PromptLimits& limits = {});

  // All throw RunFailure with the template's error kind ("undefined", "type", "limit"): that run FAILs.

  /// The system message of an agent; "" : none.
  std::string system(std::size_t agent, const DebateMoment& moment) const;
  /// The new messages of an agent (the judge is the last one) in a round, mostly one of the user.
  std::vector<RenderedMessage> turn(std::size_t agent, const DebateMoment& moment) const;
  /// critic_synth, phases 2 and 3.
  std::vector<RenderedMessage> critic(const DebateMoment& moment) const;
  std::vector<RenderedMessage> synthesizer(const DebateMoment& moment) const;
  /// peers=summary: of what all agents said in the round before, or of what `reader` reads.
  std::vector<RenderedMessage> summary(std::optional<std::size_t> reader, const DebateMoment& moment) const;

  /// What goes along with an agent's new messages.
  std::vector<Transcript::Message> history(std::size_t agent, const DebateMoment& moment) const;

  const DebatePlan& plan() const { return plan_; }
  const DebateReader& reader() const { return reader_; }

 private:
  struct Prompts;
  const PromptFile& prompt(const std::string& parameter, std::optional<std::size_t> agent) const;
  std::vector<RenderedMessage> render(const std::string& parameter, std::optional<std::size_t> agent,
                                      const Json& context, const DebateMoment& moment) const;
  Json variables(std::optional<std::size_t> agent, const DebateMoment& moment) const;
  Json peer(const Transcript::Turn& turn, const DebateMoment& moment) const;
  std::vector<Transcript::Turn> read_by(std::size_t agent, const DebateMoment& moment) const;
  std::string shown(const Transcript::Turn& turn, const Item& item) const;
  void add_peers(std::size_t agent, const DebateMoment& moment, Json& context) const;
  void add_chain(std::size_t agent, const DebateMoment& moment, Json& context) const;
  Json solutions(const DebateMoment& moment) const;

  DebatePlan plan_;
  DebateReader reader_;
  std::shared_ptr<const Prompts> prompts_;
};

/// Writes the user messages of a recorded debate again.
RebuiltMessages rebuild_debate(const Composer& composer, const Item& item, const std::vector<ContextMessage>& context,
                               std::uint32_t forked_at = 0, const std::string& added = {});

}  // namespace assay
