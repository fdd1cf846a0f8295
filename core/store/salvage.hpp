#pragma once
// `repair`: what can be read of a damaged experiment file, in a new one (reliability.md 1.4). The damaged file is only
// read, without SQLite: first the records that its pages list, then every byte offset of every page, in use or not, and
// of every frame of the write-ahead log. A record is taken when its checksum holds; of several of one key the one of
// the latest commit. What other records show to be missing is rebuilt where it can be (a run from its attempts), and
// listed.

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace assay {

struct SalvageOptions {
  std::string path, out;
  std::string version = "0.1.0";  // of the program, for the new file
  /// Told now and then, with the part that is done (0 to 1) and the records found; false: stop.
  std::function<bool(double, std::uint64_t)> go_on;
};

struct SalvageLoss {
  std::string table, row;  // of the schema, and its key: as in the table `damaged`
  std::string run;         // the name of the run it belongs to; "": none, or not known
  std::string what;        // "its record is lost, ..": a line for a person
};

struct SalvageReport {
  std::vector<std::pair<std::string, std::uint64_t>> records;  // in the new file, by table
  std::vector<std::string> notes;                              // about the file as a whole
  std::vector<SalvageLoss> losses;                             // the first kMostLosses
  std::uint64_t lost = 0;                                      // all of them
  std::uint64_t bytes = 0;                                     // of the new file
};
inline constexpr std::size_t kMostLosses = 10'000;

/// Makes `out` from `path`: whole or not at all. Throws Error: "store" (`path` can't be read or is open elsewhere,
/// `out` exists or can't be written), "damaged" (no record was found, or the file is another program's), "interrupted".
SalvageReport salvage(const SalvageOptions& options);

}  // namespace assay
