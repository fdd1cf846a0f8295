#pragma once
// Finished debates as files have them: one chat per agent. Specs: debate.md 9. Pure functions: any thread.

#include <cstddef>
#include <string>
#include <vector>

#include "core/model/batch.hpp"
#include "core/model/kind.hpp"
#include "experiments/debate/transcript.hpp"
#include "experiments/qa/item.hpp"

namespace assay {

/// A debate that was held elsewhere. `item.extra`, and so run.data, has "imported": {"agents", "context" (a hash of the
/// context below), ..what its file says beside that}, and from MAD "stored_answers".
struct ImportedDebate {
  Item item;
  std::vector<ContextMessage> context;
  std::size_t agents = 0;     // of this one: they may differ within a file
  bool critic_synth = false;  // phases instead of rounds
};

/// The one JSON document of a source, plain or packed. Throws Error; `warnings`: repeated keys (the last counts), what
/// had to be mended.
Json read_document(const Source& source, std::vector<std::string>& warnings);

/// Chats of agents ([[{"role","content"}..]..]) as one context: round by round, in it agent by agent. The round of a
/// message is the number of user messages up to it. `judged`: the last agent's first message does not count when the
/// one after it is from the user too. Throws Error "data" at `place`, saying which message is none.
std::vector<ContextMessage> flat_context(const Json& chats, bool judged, const std::string& place);

/// Sets item.extra["imported"], `more` included.
void mark_imported(ImportedDebate& debate, Json more);
/// What mark_imported wrote, nullptr when there is nothing; and whether this context is still the one that came with it
/// (a fork, or a run that was run again, has another).
const Json* imported_mark(const Json& data);
bool is_as_imported(const Json& data, const std::vector<ContextMessage>& context);

/// How many agents a run has: as its file says, else as its batch says; at least as many as spoke.
std::size_t agent_count(const BatchInfo& batch, const Json& data, const Transcript& transcript);

}  // namespace assay
