#pragma once
// What a batch of debates came to. Specs: debate.md 11, 12. Pure: any thread.

#include "core/model/kind.hpp"

namespace assay {

/// Figures are named as in the specification. Values are those of the last evaluation; of runs that have not come to
/// their end, by the batch's parameters. Calls count every try of the newest attempt, money is of all attempts; where
/// nothing is recorded (debates from files) replies are counted, and tokens and money are null.
Report debate_report(const BatchView& batch);

}  // namespace assay
