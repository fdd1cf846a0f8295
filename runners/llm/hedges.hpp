#pragma once
// Hedging: a second request for a call that has not been answered when most others would have been. How long to wait
// for that, and how many may be sent. Specs: models.md 3.6. Thread rule: any thread.

#include <array>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "runners/llm/model_entry.hpp"

namespace assay {

class Hedges {
 public:
  /// A call of the lane has been sent: after how long a second request for it would be due; nullopt: not known yet.
  std::optional<std::chrono::nanoseconds> sent(const std::string& lane, const Hedge& rule);
  void answered(const std::string& lane, std::chrono::nanoseconds latency);
  /// Whether one more second request stays within a twentieth of the lane's calls; it is counted then.
  bool take(const std::string& lane);
  /// It was not sent after all.
  void give_back(const std::string& lane);

 private:
  static constexpr std::size_t kKept = 256;
  struct Lane {
    std::array<std::chrono::nanoseconds, kKept> latencies{};  // the last ones
    std::size_t count = 0, judged_at = 0;
    std::chrono::nanoseconds p95{0};
    double calls = 0, hedges = 0;
  };
  std::mutex mutex_;
  std::map<std::string, Lane, std::less<>> lanes_;
};

}  // namespace assay
