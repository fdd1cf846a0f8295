#pragma once
// The log file that a configuration asks for: one a day, seven kept. A log that can't be written is never a failure.
// Specs: discussion.md 13.5. RunLog: any thread.

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/model/ids.hpp"
#include "core/model/step.hpp"
#include "core/text/json.hpp"

namespace assay {

/// The `logging` block.
struct LogSettings {
  bool print_to_terminal = true;  ///< false: nothing goes to the terminal
  bool write_to_file = false;
  std::string folder;             ///< of the files; absolute once checked
  std::string level = "not_set";  ///< the least that is written: debug, info, warning, error, critical; not_set: all
};
Json to_json(const LogSettings& settings);
/// Absent keys are the defaults.
LogSettings log_settings_from(const Json& value);

/// Whether the folder is there or can be made beside an existing parent. Else the file log is switched off, and what to
/// tell the person is returned.
std::optional<std::string> check_log_folder(LogSettings& settings);

/// Lines for a log, from any thread; may be empty.
using TellLog = std::function<void(LogLevel, std::string_view, WallTime)>;

class RunLog {
 public:
  explicit RunLog(LogSettings settings);

  /// "2025-02-12 10:00:00 INFO     message" at the end of FOLDER/25-02-12.log; local time. Nothing when the settings
  /// ask for no file or the level is below theirs.
  void line(LogLevel level, std::string_view message, WallTime now);

 private:
  void keep_newest() const;

  const LogSettings settings_;
  std::mutex mutex_;
  std::string today_;  ///< guarded by mutex_: name of the file that was written last
};

}  // namespace assay
