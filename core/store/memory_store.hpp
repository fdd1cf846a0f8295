#pragma once
// A Store that keeps nothing: the same semantics as the experiment file, in plain containers. For tests of what stands
// on a Store, and the second implementation that the conformance suite runs against.

#include <memory>

#include "core/store/store.hpp"

namespace assay {

/// Thread rule as Store: changes are applied, and callbacks called, on a thread of its own.
std::unique_ptr<Store> open_memory_store();

}  // namespace assay
