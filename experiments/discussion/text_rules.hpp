#pragma once
// Text rules of discussions: what of a reply is kept, what counts as silence, how an entry looks to the next speaker.
// Specs: discussion.md 6. Pure functions and immutable values: any thread. Lengths are code points.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/text/pattern.hpp"
#include "experiments/discussion/settings.hpp"

namespace assay {

/// Blanks of Python's str.strip at both ends removed: Unicode White_Space and U+001C..U+001F.
std::string_view stripped(std::string_view text);
/// Nothing but such blanks.
bool is_blank(std::string_view text);

/// With `trim` stripped; then every occurrence of each disallowed string removed, in their order.
std::string filtered(std::string_view reply, const TextSettings& settings);

/// settings.silence. Throws Error "usage" for a rule that is none, and as Pattern does.
class SilenceRule {
 public:
  explicit SilenceRule(const std::string& rule);
  bool operator()(std::string_view text) const;

 private:
  enum class Form { quotes, blank, pattern } form_;
  std::optional<Pattern> pattern_;
};

/// Python 3.11's textwrap.fill(text, width). width >= 1.
std::string wrapped(std::string_view text, std::size_t width);

/// An entry as it stands in the window: "" when the text is blank.
std::string history_item(Generation format, std::string_view name, std::string_view text,
                         std::optional<std::size_t> wrap);

}  // namespace assay
