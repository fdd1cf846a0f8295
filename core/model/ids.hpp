#pragma once
// Small names used everywhere: identities, times, money.

#include <cstdint>

namespace assay {

/// Index of a run in its experiment: dense, from 0, never reused. The store's row id is this plus 1.
using RunId = std::uint32_t;
/// Index of a batch in its experiment: dense, from 0, never reused.
using BatchId = std::uint32_t;
/// Identity of a model call in its experiment, from 1, never reused.
using CallId = std::uint64_t;

/// UTC, microseconds since 1970-01-01. Only for what is shown and stored; durations are measured by Clock::steady.
using WallTime = std::int64_t;

/// Money: 1e-12 USD (specs: models.md 6.1).
using Pico = std::int64_t;
/// In USD, for outputs that are read by programs: the double next to it, so that $0.1 is 0.1.
inline double to_usd(Pico pico) { return static_cast<double>(pico) / 1e12; }

inline constexpr RunId kNoRun = 0xFFFFFFFF;

}  // namespace assay
