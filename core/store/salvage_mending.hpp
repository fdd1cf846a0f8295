#pragma once
// The second half of `repair`: records that were found are made an experiment again. What they show to be missing is
// rebuilt from what is there, and set down in the table `damaged` of the new file. Internal to core/store. One thread.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/store/salvage.hpp"
#include "core/store/sqlite.hpp"

namespace assay {

/// A cell that a page lists and that is no record any more.
struct LostCell {
  std::uint32_t tables = 0;           // which it may have been of (RecordHead); 0: nobody knows
  std::optional<std::int64_t> rowid;  // its key, in tables by number
  std::uint32_t page = 0;
};

struct MendingFacts {
  const std::vector<LostCell>& lost;
  std::string version;  // of this program
};

/// Inside the transaction that makes the new file. Adds to `report`: losses, notes.
///
/// - A batch without a row becomes `damaged-N`, with the runs that lie between its neighbours.
/// - A run without a row, or with one older than its newest attempt that has ended, is rebuilt from that attempt.
/// - An attempt without a row, of which calls are there, goes on if it is newer than what its run knows; the run's
///   last one is rebuilt from the run.
/// - Set digests (reliability.md 1.3) become those of what is there.
/// - The last session says so; when it is not known how it ended, the new file is recovered at its first opening.
void mend(Connection& connection, const MendingFacts& facts, SalvageReport& report);

}  // namespace assay
