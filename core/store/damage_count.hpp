#pragma once
// How many records of an experiment are damaged, as far as anybody has looked.

#include <cstddef>

namespace assay {

class Store;

/// Records set aside by this session or before it (the table `damaged`), each once; 0 for a store without a file. Any
/// thread.
std::size_t damaged_records(const Store& store);

}  // namespace assay
