#pragma once
// A discussion that has run (or has come so far), whether it ran here or came from a file: what metrics, exports,
// reports and annotators read. Specs: discussion.md 8, 13.1. Values; pure functions: any thread.
//
// run.data of a drawn run: {"design": design.hpp, "settings": settings.hpp, "inputs": {..}}; of a loaded result:
// {"source": its JSON, "file": relative path without .json, "format": "g2"} and "source_text" where writing the JSON
// again would not give the file's bytes.
//
// run.context is the log: a message for each event, role "user" for openings, "assistant" for what a model wrote;
// content is the filtered text; `more`:
//   name, model    as files call them
//   kind           "seed", "user", "moderator"
//   turn           number of the turn, from 1; 0 before the first
//   index          position in the log, from 0. A silent user turn is a message without index: it is no log entry
//   silent         true, else absent
//   banned         who leaves by this moderator comment, else absent
//   stop           on the last message of a finished discussion: why it ended ("turns", "stop_phrase", ..)
//   at             on that message: when it ended, UTC microseconds

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/kind.hpp"
#include "experiments/discussion/settings.hpp"

namespace assay {

struct DiscussionEvent {
  enum class Kind { seed, user, moderator } kind = Kind::user;
  std::string name, text, model;
  std::uint32_t turn = 0;
  bool silent = false;
  bool logged = true;  ///< false: a silent user turn, which is in no file
  std::string banned;
  std::string prompt = {};  ///< of g5 files: the speaker's system message
};
ContextMessage to_message(const DiscussionEvent& event, std::optional<std::size_t> index);
DiscussionEvent event_of(const ContextMessage& message);

/// What files call the model of an opening.
inline constexpr const char* kOpeningModel = "hardcoded";

struct DiscussionRecord {
  Generation format = Generation::g2;
  bool loaded = false;                    ///< came from a result file
  std::string file;                       ///< of a loaded one: its relative path without .json
  std::string id;                         ///< of g5 the file
  std::string timestamp;                  ///< "25-02-02-10-09"; "" while it has not ended
  std::vector<std::string> users;         ///< of g5 files: who speaks in them
  std::vector<Json> personas;             ///< one a user: the object, or what its prompt says of it; null: unknown
  std::optional<std::string> moderator;   ///< of g5 files: the speaker whose name holds "moderator"
  std::vector<std::string> user_prompts;  ///< in the order of users; empty for g5 files
  std::optional<std::string> moderator_prompt;
  Json ctx_length;
  std::vector<DiscussionEvent> events;  ///< in order, silent user turns too
  std::string stop_reason;              ///< "" of loaded ones
  Json source;                          ///< of a loaded one its JSON, else null
  std::string source_text;              ///< its bytes where writing `source` would not give them, else ""

  /// Log entries only, in order.
  std::vector<const DiscussionEvent*> log() const;
};

/// Whether it is an item of the window that later speakers see: all of the log, but for a silent moderator's texts
/// where these take no place.
bool takes_place(const DiscussionEvent& event, const DiscussionSettings& settings);

/// Throws Error "file" when data is that of no discussion. `settings`: those that hold at its end where they are not
/// those of its data (a fork).
DiscussionRecord discussion_record(const RunView& run, const DiscussionSettings* settings = nullptr);
/// What a result file of a generation says. Throws Error "file" naming the key or log entry that is not as it must be.
DiscussionRecord record_of_file(Json source, Generation format, const std::string& file);

/// The persona behind a system prompt (10, "comments"): JSON prompts are parsed, texts split at the known field names;
/// null: it tells none.
Json persona_in_prompt(std::string_view prompt);
/// A system message that is a JSON object with a persona (g4, g5); nullopt: it is a text.
std::optional<Json> json_prompt(std::string_view prompt);

}  // namespace assay
