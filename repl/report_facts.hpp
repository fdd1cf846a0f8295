#pragma once
// What there is to say of any batch, whatever its kind: what it is, how many of its runs are scored, what stands in the
// way of the others, what it cost. In front of the kind's own report. One thread.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/model/kind.hpp"
#include "repl/views.hpp"

namespace assay {

struct BatchFacts {
  BatchInfo info;
  Tally tally;
  UsageSum usage;
  std::uint64_t unpriced = 0;    // calls of models whose price is not known
  std::uint64_t unreadable = 0;  // runs of which a part can't be read back; counted as they are known
  std::map<std::pair<std::string, std::string>, std::uint64_t> errors;  // kind and message -> runs that FAILed so
};
/// Reads no payloads; `unreadable` are the runs of which that is known without.
BatchFacts facts_of(const BatchView& batch, std::uint64_t unpriced);

/// "$1.23, and possibly $0.10 more; the price of 12 calls is not known"; "not known" where no call has a price, ""
/// where there is no call.
std::string cost_words(const BatchFacts& facts);
/// "12 calls, 1,024 tokens in, 96 out".
std::string calls_words(const UsageSum& usage);
/// "393 runs: 380 COMPLETE, 10 FAIL, 3 READY".
std::string status_words(const Tally& tally);
/// The score as tally_words has it; without one why there is none.
std::string score_words(const Tally& tally);
/// "2 runs can't be read back ..", "" when all can.
std::string unreadable_words(std::uint64_t runs);

/// Several batches side by side: score, interval, bounds, cost.
ReportTable batches_table(const std::vector<BatchFacts>& batches);
/// The same facts of one, a row each.
ReportTable facts_table(const BatchFacts& facts);
/// Why runs FAILed, most frequent first; no rows where none did.
ReportTable errors_table(const BatchFacts& facts);

}  // namespace assay
