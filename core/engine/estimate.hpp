#pragma once
// What an execution would take, without a single request: first prompts are rendered by the runners themselves, on a
// step that notes what would go out and stops there. Specs: models.md 6.4, acceptance 26.
//
// Where runs of a batch have finished, their tokens and times are what is expected of the others; else 0.30 tokens a
// byte go in and max_tokens come out. A range is meant to hold what it will be in more than 95 of 100 cases; `most` is
// what would be reserved, above which no bill goes unless a call has to be paid twice.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/experiment.hpp"

namespace assay {

struct EstimateRange {
  double low = 0, expected = 0, high = 0;
  EstimateRange& operator+=(const EstimateRange& other);
};

struct Estimate {
  std::uint64_t runs = 0;      // that would be executed
  std::uint64_t rendered = 0;  // whose first prompts were; the others are taken for like these
  std::uint64_t calls = 0;
  EstimateRange tokens_in;
  std::optional<EstimateRange> tokens_out;  // nullopt: nothing bounds the answers
  std::optional<EstimateRange> cost;        // pico-USD; nullopt: of no call is the price known, or tokens_out is not
  std::optional<double> cost_most;          // nullopt: not bounded, or prompts after the first are not known
  std::uint64_t calls_unpriced = 0;
  std::uint64_t finished = 0;  // runs that tokens out and times are drawn from
  std::optional<double> seconds;
  std::string seconds_by;             // "500 requests a minute", ..; what takes longest
  std::vector<std::string> problems;  // runs whose prompts can't be rendered, by reason
};

/// For `runs`, those that are COMPLETE left out, with at most `width` in flight. Throws Error as Engine::start does.
/// The caller's thread; makes no request and writes nothing.
Estimate estimate(Experiment& experiment, const std::vector<RunId>& runs, std::size_t width);

}  // namespace assay
