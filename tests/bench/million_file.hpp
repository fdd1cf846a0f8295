#pragma once
// An experiment file of many runs, made through the store's own interface in seconds: what a researcher has after
// weeks, without the weeks.

#include <cstddef>
#include <string>

namespace assay::bench {

/// Makes `path` anew, with about `runs` runs in four batches:
///   small    a fifth: questions that a model has answered (kind qa), each with its attempt and its call as the engine
///            records them, in the order of their ends
///   large    the same questions, better answered; came with a save (no calls)
///   survey   three tenths: open questions, all answers different, with metrics; a tenth FAIL
///   planned  three tenths: sums that have not been run, `model` as given
void make_million(const std::string& path, std::size_t runs, const std::string& model);

}  // namespace assay::bench
