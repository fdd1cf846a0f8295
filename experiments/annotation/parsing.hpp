#pragma once
// What an annotator's reply says: KEY=NUMBER pairs. Specs: discussion.md 9.3. Immutable: any thread.
//
// The reply is lower-cased, as Python's str.lower does; the last value of a key counts, and where that is no number the
// key has none. Digits of any script are read; a value with a point is a double, else an integer, beyond 64 bits a
// double too.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text/json.hpp"
#include "core/text/pattern.hpp"
#include "experiments/annotation/settings.hpp"

namespace assay {

struct ParsedAnnotation {
  std::vector<std::pair<std::string, Json>> values;  ///< key (lower case) -> integer or double, in order of appearance
  std::size_t malformed = 0;                         ///< values that are no number, wherever they stand
  std::size_t out_of_scale = 0;                      ///< pairs of `values` outside their scale: kept, but missing
  bool missing() const { return values.empty(); }
};

class AnnotationParser {
 public:
  /// Throws Error "query" for a bad pattern, "usage" for one without two groups.
  explicit AnnotationParser(AnnotationParsing parsing);
  ParsedAnnotation operator()(std::string_view reply) const;
  const AnnotationParsing& settings() const { return parsing_; }

 private:
  AnnotationParsing parsing_;
  std::optional<Pattern> pattern_;
};

}  // namespace assay
