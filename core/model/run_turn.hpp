#pragma once
// A run as something to read: who said what, in order, whatever its kind. Reports and exporters show it; kinds say it
// (Kind::transcript). Values; pure functions: any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/batch.hpp"
#include "core/model/call.hpp"

namespace assay {

struct RunTurn {
  std::string role;     // "system", "user", "assistant": as in the run's context
  std::string speaker;  // a name, where there is one: an agent's, a persona's
  std::string to;       // whom it is said to, where that is one of several: the agent that a prompt is for
  std::string part;     // what of the run it belongs to: "round 2", "turn 5", "judge 1"; "": it is not divided
  std::string text;     // what was said; of what is no text, its JSON
  std::string model;    // of the call behind it; "": not known
  std::string answer;   // what was read out of it; "": nothing
  std::optional<bool> right = {};      // the answer against the gold; nullopt: not known
  std::optional<UsageSum> usage = {};  // of the call behind it; nullopt: none is known
};

/// A message's content: a text as it is, anything else as JSON; "" for null.
std::string content_text(const Json& content);

/// The messages of a context. What its runner says of them beside role and content gives speaker ("name"), part
/// ("round", "turn"), model ("model"), and of a reply the speaker, of a prompt whom it is for ("agent", "judge").
std::vector<RunTurn> turns_of_context(const std::vector<ContextMessage>& context);

/// Calls of the newest attempt that brought something, in order.
std::vector<const CallRecord*> answered_calls(const std::vector<CallRecord>& calls);
/// What a call took, and its model, onto the turn that it brought.
void add_call(RunTurn& turn, const CallRecord& call);
/// The same for all replies (role "assistant"), in order, where there are as many as answered calls.
void add_calls(std::vector<RunTurn>& turns, const std::vector<CallRecord>& calls);

}  // namespace assay
