#pragma once
// The client's settings: their rows for `set`, and their values in force, so that a change reaches a running job.
// LiveSettings: any thread.

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/clock.hpp"
#include "core/model/settings.hpp"
#include "runners/llm/retry_policy.hpp"

namespace assay {

/// model, timeout.*, limit.*, retry.*.
std::vector<SettingSpec> llm_settings();

/// The text of a setting; "" when it is not declared.
using SettingLookup = std::function<std::string(std::string_view)>;
SettingLookup default_llm_settings();

struct ClientValues {
  std::chrono::milliseconds connect{10'000}, stall{60'000}, total{1'800'000}, max_hint{600'000};
  std::chrono::milliseconds first_byte{0}, attempt{0};  // 0: auto (by kind of request and address)
  double rpm = 0;
  std::int64_t concurrency = 0;
  std::chrono::milliseconds longest_wait{300'000};
  bool retry_ambiguous = true;
  std::map<ErrorKind, RetryRule> rules;
  RetryRule rule(ErrorKind kind) const;
};

/// Those in force now.
ClientValues read_client_values(const SettingLookup& lookup);

/// Reads the settings again when what it has is older than 50 ms.
class LiveSettings {
 public:
  /// `version` changes when a setting does; without it they are looked at again every 50 ms.
  LiveSettings(SettingLookup lookup, Clock& clock, std::function<std::uint64_t()> version = {})
      : lookup_(std::move(lookup)), clock_(clock), version_(std::move(version)) {}
  std::shared_ptr<const ClientValues> values();

 private:
  SettingLookup lookup_;
  Clock& clock_;
  std::function<std::uint64_t()> version_;
  std::mutex mutex_;
  std::shared_ptr<const ClientValues> values_;
  SteadyTime read_at_{};
  std::uint64_t read_version_ = 0;
};

}  // namespace assay
