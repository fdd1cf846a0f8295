#pragma once
// A batch: the runs that one load made, of one kind, with one set of parameters. Data only.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/model/ids.hpp"
#include "core/model/run.hpp"
#include "core/model/score.hpp"

namespace assay {

/// What a batch is, as stored. Runs of a batch have consecutive ids: first .. first + count - 1.
struct BatchInfo {
  BatchId id = 0;
  std::string name;    // unique among the batches that are not dropped; any characters
  std::string kind;    // "" when a save was loaded whose kind nobody knows: such runs can be read, not run
  std::string model;   // as the person named it; "" when the kind needs none
  Json params;         // all parameters of the load, resolved, defaults included; object
  Json pinned;         // texts and settings fixed at load: prompts with their hash, resolved model entry (without key)
  std::string source;  // the file(s) as typed
  WallTime created_at = 0;
  RunId first = 0;
  std::uint32_t count = 0;
  bool dropped = false;
};

/// Earlier attempts of a run that came with a save file.
struct AttemptSummary {
  std::uint32_t number = 1;
  Status outcome = Status::incomplete;
  RunError error;
  double seconds = 0;
};

/// Sums over a run's calls.
struct UsageSum {
  std::uint32_t calls = 0;
  std::int64_t in = 0, cached = 0, out = 0, reasoning = 0;
  Pico cost = 0, possible = 0;
  bool operator==(const UsageSum&) const = default;
  UsageSum& operator+=(const UsageSum& other) {
    calls += other.calls;
    in += other.in;
    cached += other.cached;
    out += other.out;
    reasoning += other.reasoning;
    cost += other.cost;
    possible += other.possible;
    return *this;
  }
};

/// A run that enters an experiment. A fresh one has only id and data; one from a save, or with a recorded reply, has
/// what it had.
struct NewRun {
  std::string id;  // unique in its batch; any characters
  Json data;
  std::vector<std::pair<std::string, std::string>> facets;  // short texts to group and filter by: {"category","math"}
  Json answer;
  Status status = Status::ready;  // INCOMPLETE is taken as it is: it can be run
  Score score;
  std::vector<ContextMessage> context;
  std::vector<Json> logs;
  RunError error;
  std::vector<AttemptSummary> attempts;
  std::uint32_t steps = 0;
  UsageSum usage;
  /// Where its attempts begin instead of at their setup: after step `number`, with this answer, context and state.
  /// For runs that share their first steps with another (a fork): what led there was paid for there.
  struct Start {
    std::uint32_t number = 0;
    Json answer, state;
    std::vector<ContextMessage> context;
  };
  std::optional<Start> start = {};
  /// What it shows the other runs of its batch (Step::publish), by name: of a save, or of a fork's shared steps.
  std::vector<std::pair<std::string, Json>> published = {};
};

/// A batch as a kind's loader hands it over.
struct LoadedBatch {
  BatchInfo info;  // id, first, count and created_at are set by the experiment
  std::vector<NewRun> runs;
  std::vector<std::string> warnings;
  std::vector<std::string> notes = {};   // what else the person is told of it
  Json facts = nullptr;                  // an object whose keys stand beside the batch's in --json
  std::vector<LoadedBatch> before = {};  // batches that it builds on, made first
  bool may_be_empty = false;             // no run: nothing is made of it, its notes say why
};

}  // namespace assay
