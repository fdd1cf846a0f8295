#pragma once
// Python format strings as prompts: {name} inserts, {{ and }} are braces, nothing else. Bytes as they are. Specs:
// judge.md 4. A FormatString never changes: any thread.

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

class FormatString {
 public:
  struct Field {
    std::string name;
    std::size_t offset = 0;  ///< of its brace, in bytes
  };

  FormatString() = default;
  /// `place`: of the text, for errors: "PLACE:LINE:COLUMN". Throws Error "syntax": a lone brace, a field without a
  /// name, attributes, indices, conversions and format specs.
  FormatString(std::string text, std::string place);

  const std::vector<Field>& fields() const { return fields_; }
  bool uses(std::string_view name) const;
  /// "PLACE:LINE:COLUMN" of a byte; the column in code points, both from 1.
  std::string place_of(std::size_t offset) const;

  /// The text with the values; `value` is asked once for each place, in order. Throws Error "limit" beyond
  /// `max_bytes`, and what `value` throws.
  std::string format(const std::function<std::string(const std::string& name)>& value, std::size_t max_bytes) const;

 private:
  std::string text_, place_;
  std::vector<std::string> literals_;  ///< before each field, and after the last: one more than fields
  std::vector<Field> fields_;
};

}  // namespace assay
