#pragma once
// Which commands of exec batches this user has typed, or has said to trust: an experiment file that comes from somebody
// else carries commands, too, and opening it must start nothing. Kept beside the history, one identity a line
// (experiments/exec/command.hpp), readable by the user only; never in an experiment file.
//
// Thread rule: any thread.

#include <mutex>
#include <set>
#include <string>

#include "repl/command.hpp"

namespace assay {

class TrustedCommands {
 public:
  /// `file`: "" keeps nothing beyond this session.
  explicit TrustedCommands(std::string file);
  bool has(const std::string& identity) const;
  void add(const std::string& identity);

 private:
  const std::string file_;
  mutable std::mutex mutex_;
  std::set<std::string, std::less<>> known_;  // guarded by mutex_
};

/// `trust BATCH`: shows the command of a batch and lets it run.
void add_trust_command(CommandTable& table, TrustedCommands& trusted);

}  // namespace assay
