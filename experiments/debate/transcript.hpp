#pragma once
// A debate as its run's context holds it: messages {role, content, agent, round}, `agent` an index (the judge is the
// last one) or "critic", "synthesizer", "summary"; system messages first, with round 0. Specs: debate.md 8.
//
// A Transcript refers to the context it was made of, which outlives it. One thread, or many that only read.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/run.hpp"

namespace assay {

inline constexpr std::string_view kCritic = "critic", kSynthesizer = "synthesizer", kSummary = "summary";

/// A message of agent `agent`, or of one of the parts named above (a summary made for one agent: its `reader`).
ContextMessage debate_message(std::string role, std::string content, std::size_t agent, std::uint32_t round);
ContextMessage debate_message(std::string role, std::string content, std::string_view part, std::uint32_t round,
                              std::optional<std::size_t> reader = {});

class Transcript {
 public:
  struct Message {
    std::string_view role, content;
    std::uint32_t round = 0;
    std::optional<std::size_t> reader = {};  // of a summary that was made for one agent
  };
  struct Turn {
    std::size_t agent = 0;
    std::uint32_t round = 0;
    std::string_view content;
  };

  /// Messages without an `agent`, or whose content is no text, are left out.
  explicit Transcript(const std::vector<ContextMessage>& context);

  /// 1 + the highest index of an agent that has a message.
  std::size_t agents() const { return chats_.size(); }
  /// The highest round in which an agent, or a part, has replied; 0: none.
  std::uint32_t rounds() const { return rounds_; }
  /// The whole chat of an agent, system message included, in order; up to and with round `last`.
  std::vector<Message> chat(std::size_t agent, std::uint32_t last = UINT32_MAX) const;
  /// What an agent replied in a round; nullopt: nothing (a failed call, a dropped agent).
  std::optional<std::string_view> reply(std::size_t agent, std::uint32_t round) const;
  /// Its reply in the last round up to `round` in which it has one, and that round.
  std::optional<Turn> latest(std::size_t agent, std::uint32_t round) const;
  /// Replies of agents in the order of speaking, as the context has them.
  const std::vector<Turn>& turns() const { return turns_; }
  /// Messages of "critic", "synthesizer", "summary", in order.
  std::vector<Message> part(std::string_view name) const;

 private:
  std::vector<std::vector<Message>> chats_;
  std::vector<std::pair<std::string_view, Message>> parts_;
  std::vector<Turn> turns_;
  std::vector<std::vector<std::size_t>> turns_of_;  // agent -> positions in turns_
  std::uint32_t rounds_ = 0;
};

}  // namespace assay
