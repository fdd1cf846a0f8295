#pragma once
// The history file: one entry a line, backslash and LF written as \\ and \n, appended to as lines are typed, so that
// a killed shell keeps it and several shells share it. 0600. One thread.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

inline constexpr std::size_t kMaxHistoryEntries = 10'000;

class LineHistory {
 public:
  /// The newest kMaxHistoryEntries of `path`; a file with more than twice as many is written anew with those. A missing
  /// file and its folder (0700) are made. Throws Error "file".
  static LineHistory open(const std::string& path);
  LineHistory() = default;  ///< in memory alone

  /// False: empty, a repeat of the last, or begun with a space: not kept. A file that can't be written is let be.
  bool add(std::string_view entry);
  const std::vector<std::string>& entries() const { return entries_; }

 private:
  std::string path_;
  std::vector<std::string> entries_;
};

}  // namespace assay
