#pragma once
// The two messages of every call that a discussion made, or, of a result file, must have made: written again from what
// was said. Specs: discussion.md 10, "prompts". Pure functions: any thread.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "experiments/discussion/record.hpp"

namespace assay {

struct PromptRow {
  std::optional<std::size_t> index;  ///< of the log entry that the reply became; nullopt: it became none
  std::string name;                  ///< who was asked; "selector": the model that chooses who speaks
  std::string system, user;
};

/// The settings that held in a turn, where they are not those of the run's data (forks).
using SettingsAt = std::function<DiscussionSettings(std::uint32_t turn)>;

/// In the order of the calls. Of a result file by the rules of its SynDisco: all entries, silent ones too, take a place
/// in a window of `ctx_length` items. Throws Error "usage" for a file that does not tell that length (g5).
std::vector<PromptRow> discussion_prompts(const RunView& run, const SettingsAt& settings_at = {});
std::vector<PromptRow> file_prompts(const DiscussionRecord& loaded);

/// What result files of a generation were wrapped to.
std::size_t wrap_of(Generation format);
/// ctx_length of a result file. Throws Error "usage" where `file` names none.
std::size_t window_of(const Json& ctx_length, const std::string& file);

}  // namespace assay
