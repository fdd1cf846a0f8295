#include "runners/prompt/settings.hpp"

#include <charconv>
#include <cstdint>

#include "core/text/byte_size.hpp"
#include "core/text/duration.hpp"
#include "core/text/error.hpp"

namespace assay {
namespace {

// Nested templates and macros are walked on a stack of bounded size.
constexpr std::uint64_t kDeepest = 1000;
constexpr std::uint64_t kMost = 1'000'000'000'000;

std::uint64_t count_of(const std::string& text, std::uint64_t most) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, value);
  if (problem != std::errc() || stop != end || value < 1 || value > most) {
    throw Error("usage", "expected a whole number from 1 to " + format_count(static_cast<std::int64_t>(most)) +
                             ", not \"" + text + "\"");
  }
  return value;
}

void check_depth(const std::string& text) { count_of(text, kDeepest); }
void check_count(const std::string& text) { count_of(text, kMost); }
void check_bytes(const std::string& text) { parse_bytes(text); }

}  // namespace

std::vector<SettingSpec> prompt_settings() {
  return {
      {"prompt.max_template", "1MiB", "size of a template, and of a prompt file", check_bytes},
      {"prompt.max_nesting", "200", "parentheses, blocks and chains within one another in a template", check_depth},
      {"prompt.max_output", "16MiB", "size of a rendered prompt, and of every text built on the way", check_bytes},
      {"prompt.max_iterations", "1000000", "loop passes of one rendering", check_count},
      {"prompt.max_depth", "100", "macro calls within macro calls", check_depth},
      {"prompt.max_operations", "10000000", "evaluated parts of one rendering", check_count},
  };
}

PromptLimits prompt_limits(const std::function<std::string(std::string_view)>& get) {
  PromptLimits limits;
  limits.max_template = parse_bytes(get("prompt.max_template"));
  limits.max_nesting = count_of(get("prompt.max_nesting"), kDeepest);
  limits.max_output = parse_bytes(get("prompt.max_output"));
  limits.max_iterations = count_of(get("prompt.max_iterations"), kMost);
  limits.max_depth = count_of(get("prompt.max_depth"), kDeepest);
  limits.max_operations = count_of(get("prompt.max_operations"), kMost);
  return limits;
}

}  // namespace assay
