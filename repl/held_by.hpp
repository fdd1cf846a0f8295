#pragma once
// What holds the runs in flight back now: what `why` says of each of them, added up. Any thread; no lock of the run
// table held.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/engine.hpp"

namespace assay {

struct Holding {
  std::string what;                               // "the limits of openai/gpt-4o, the limit rpm", "the width of job #1"
  std::string now;                                // how it is now, and what would change it; may be empty
  std::uint64_t runs = 0;                         // that wait for it: in flight, or, for a width, for a slot
  bool slot = false;                              // runs have not begun for it
  std::optional<std::chrono::milliseconds> left;  // the longest, where it is known
};

struct HeldBy {
  std::vector<Holding> list;    // the strongest first: by runs, a width last unless nothing else holds half of them
  std::uint64_t in_flight = 0;  // runs
  std::uint64_t looked_at = 0;  // of them; the others are taken to be alike
};

/// Empty when nothing runs, or nothing but the models' answers is waited for and no run waits for a slot.
HeldBy held_by(const Engine& engine, const RunTable& table);

}  // namespace assay
