#pragma once
// Regular expressions that a person or a file gives: RE2, linear time, so no input hangs the shell.
// \b \w \s \d are ASCII; there is no look-ahead and no back-reference. Immutable: any thread.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay {

class Pattern {
 public:
  /// Throws Error "query": what is wrong, with a caret under the place in the hint; more than 10,000 bytes
  /// (limit.regex); more than 8 MiB of program.
  explicit Pattern(std::string_view source, bool ignore_case = false);
  ~Pattern();
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;
  Pattern(const Pattern&);
  Pattern& operator=(const Pattern&);

  /// Whether the pattern occurs anywhere in the text.
  bool matches(std::string_view text) const;
  /// Whether it matches the text from its beginning to its end.
  bool matches_whole(std::string_view text) const;

  struct Match {
    std::size_t begin = 0, end = 0;                       ///< byte offsets in the text
    std::vector<std::optional<std::string_view>> groups;  ///< [0] the whole match; unset groups are nullopt
  };
  /// The first match at or after `from`, and all that do not overlap (at most `limit`).
  std::optional<Match> find(std::string_view text, std::size_t from = 0) const;
  std::vector<Match> find_all(std::string_view text, std::size_t limit = static_cast<std::size_t>(-1)) const;

  /// Number of groups without the whole match, and the names of those that have one.
  std::size_t group_count() const;
  std::vector<std::pair<std::string, std::size_t>> group_names() const;

  const std::string& source() const { return source_; }

  /// The text as a pattern that matches just it.
  static std::string quote(std::string_view text);

 private:
  struct Impl;
  std::string source_;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace assay
