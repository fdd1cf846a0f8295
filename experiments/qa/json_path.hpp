#pragma once
// A dotted path into JSON: numbers index arrays ("vanilla.generation.0"). Immutable: any thread.

#include <string>
#include <string_view>
#include <vector>

#include "core/text/json.hpp"

namespace assay {

class JsonPath {
 public:
  /// "" is the value itself.
  explicit JsonPath(std::string_view path);
  /// nullptr when there is nothing. A key that holds dots as a whole is found first.
  const Json* find(const Json& value) const;
  const std::string& text() const { return text_; }
  /// Whether it names a key of the value itself, not something within.
  bool is_plain() const { return parts_.size() == 1; }

 private:
  std::string text_;
  std::vector<std::string> parts_;
};

}  // namespace assay
