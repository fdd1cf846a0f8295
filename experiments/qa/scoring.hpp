#pragma once
// From replies to an answer and a score: extraction, majority, comparison. Specs: qa.md 5-7. A Scorer is immutable: any
// thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/run.hpp"
#include "core/model/score.hpp"
#include "experiments/qa/extract.hpp"
#include "experiments/qa/item.hpp"

namespace assay {

/// One reply of a run. `stop`: why it ended, "" when that is not known.
struct SampleReply {
  std::string text;
  std::string stop;
};

/// The replies of a run as its context holds them, with the stop words that `answer` keeps.
std::vector<SampleReply> recorded_replies(const std::vector<ContextMessage>& context, const Json& answer);

class Scorer {
 public:
  /// From resolved parameters: extract ("" = by item), match, tol, unextracted, tie. Throws Error "usage".
  explicit Scorer(const Json& params);

  struct Outcome {
    Json answer;  ///< {"value","rule","extractor","samples":[{"value","rule"}],"votes","tied"}
    Score score;
  };
  /// `random` breaks ties under tie=random; called for nothing else.
  Outcome score(const Item& item, const std::vector<SampleReply>& replies,
                const std::function<std::uint64_t()>& random) const;

  /// What the item's rule finds in a reply; a number in canonical form.
  Found find(const Item& item, std::string_view reply) const;
  const Extractor& extractor(const Item& item) const;
  bool unextracted_is_null() const { return unextracted_is_null_; }

  /// Whether a value is the gold answer; the item has one.
  bool matches(const Item& item, const std::string& value) const;

 private:
  std::shared_ptr<const Extractor> given_, letter_, number_, text_;
  std::string match_, tie_;
  std::optional<double> tolerance_;
  bool unextracted_is_null_ = false;
};

}  // namespace assay
