#pragma once
// Finding the answer in a reply. A rule is a name of the table (`letter`, `gsm8k`, `tiger_l2`, ..), `regex:PATTERN`,
// `regexfirst:PATTERN`, `json:PATH`, `exact`, or a chain of them: `NAME>NAME`, the first that finds something.
// Specs: qa.md 5. All rules take time linear in the reply. Immutable: any thread.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

/// What an item's answer looks like. `labels`: the letters of its options in order; empty: unknown.
struct AnswerForm {
  enum class Kind { choice, number, text };
  Kind kind = Kind::text;
  std::string labels;

  static AnswerForm choice(std::size_t n_options);
  static AnswerForm number() { return {Kind::number, {}}; }
};

/// What a rule found, and which part of it did: `rule` is "cue", "boxed", "level3", ..; empty when nothing was found.
struct Found {
  std::optional<std::string> value;
  std::string rule;
};

class Extractor {
 public:
  /// Throws Error "usage" for an unknown name (with the nearest) and Error "query" for a bad pattern.
  explicit Extractor(const std::string& spec);

  /// Bytes that are no UTF-8 count as U+FFFD.
  Found find(std::string_view reply, const AnswerForm& form) const;
  const std::string& spec() const { return spec_; }

  /// The names of the table.
  static std::vector<std::string> names();

 private:
  using Rule = std::function<Found(std::string_view reply, const AnswerForm& form)>;
  std::string spec_;
  std::vector<Rule> chain_;
};

/// The content of the last `\boxed{..}` whose braces close.
std::optional<std::string_view> last_boxed(std::string_view text);

}  // namespace assay
