#pragma once
// The machine form of the report on debates. Pure: any thread.

#include "core/model/kind.hpp"

namespace assay {

/// {"n","scored","correct","accuracy","ci95","unextracted","failed","not_run","unscored","bounds","dropped",
/// "baselines","rounds","flips","question_flips","effect","early_stop","rules","cost","majority","categories"}: as
/// report.hpp says of them. "majority": beside a judge, the vote of the debaters.
Json debate_figures(const BatchView& batch);

}  // namespace assay
