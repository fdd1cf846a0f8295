#pragma once
// The system messages of a discussion, from what its run keeps. Specs: discussion.md 7. Pure: any thread.

#include <optional>
#include <string>
#include <vector>

#include "core/text/json.hpp"
#include "experiments/discussion/design.hpp"
#include "experiments/discussion/settings.hpp"

namespace assay {

struct SystemPrompts {
  std::vector<std::string> users;  ///< in the order of the design's users
  std::optional<std::string> moderator;
};
std::string user_system_prompt(const DiscussionSettings& settings, const DiscussionDesign& design, std::size_t user);
/// nullopt: there is no moderator.
std::optional<std::string> moderator_system_prompt(const DiscussionSettings& settings, const DiscussionDesign& design);
SystemPrompts system_prompts(const DiscussionSettings& settings, const DiscussionDesign& design);

/// A system message with other instructions in place of its own.
std::string with_instructions(Generation format, const std::string& prompt, const std::string& instructions);

/// Whether a model chooses who speaks: speakers that the design names come before any policy.
bool asks_selector(const DiscussionSettings& settings, const DiscussionDesign& design);

/// What a run is made of, from its data. Of a result file that goes on (a fork): its users and prompts, round robin.
struct DiscussionParts {
  DiscussionDesign design;
  DiscussionSettings settings;
  bool from_file = false;  ///< its turns so far are those of the file, not drawn
};
/// Throws Error "file" when data is that of no discussion, or of a result without prompts.
DiscussionParts parts_of(const Json& data);

}  // namespace assay
