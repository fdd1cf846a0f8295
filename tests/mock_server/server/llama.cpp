#include "tests/mock_server/server/llama.hpp"

#include "core/text/error.hpp"
#include "tests/mock_server/server/latency.hpp"

namespace assay::mock {

void Llama::take(const Json& setting, double now_s) {
  Llama fresh;
  for (const auto& [key, value] : setting.items()) {
    if (key == "slots") {
      fresh.slots = value.get<std::uint64_t>();
    } else if (key == "n_ctx") {
      fresh.n_ctx = value.get<std::uint64_t>();
      fresh.bounded = true;
    } else if (key == "vision") {
      fresh.vision = value.get<bool>();
    } else if (key == "loading") {
      fresh.ready_at_s = now_s + parse_latency(value).a_ms / 1e3;
    } else {
      throw Error("usage", "unknown key of llama: " + key, "llama", "slots, n_ctx, vision, loading");
    }
  }
  *this = fresh;
}

}  // namespace assay::mock
