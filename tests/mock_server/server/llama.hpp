#pragma once
// What a llama-server tells about itself, from the setting `llama`:
//   {"slots":2,"n_ctx":4096,"vision":false,"loading":"2s"}
// `loading`: for so long after the setting came, all its paths answer 503. A prompt above n_ctx is refused, but only if
// n_ctx was set. Plain data.

#include <cstdint>

#include "core/text/json.hpp"

namespace assay::mock {

struct Llama {
  std::uint64_t slots = 2, n_ctx = 4096;
  bool vision = false, bounded = false;
  double ready_at_s = 0;

  /// Throws Error("usage").
  void take(const Json& setting, double now_s);
};

}  // namespace assay::mock
