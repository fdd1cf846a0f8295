#pragma once
// Reading transcripts of Du et al. 2023 (arXiv 2305.14325): an object, question text to [[chat of each agent], gold]; a
// third element is ignored. Specs: debate.md 9.2. Pure functions: any thread.

#include <cstddef>
#include <string>
#include <vector>

#include "experiments/debate/imported.hpp"

namespace assay {

/// The debates in file order, ids from 1. The gold is the number after the last "####" if that stands in it (the whole
/// text is kept as extra "solution"), else as it stands. `n_options`: letters from A are the answers; 0: an open
/// question. Throws Error with file and number of the debate; then nothing is loaded.
std::vector<ImportedDebate> read_du_file(const Source& source, std::size_t n_options,
                                         std::vector<std::string>& warnings);

}  // namespace assay
