#pragma once
// The shell: reads lines, splits them into commands, runs one after the other, shows what they say. Scripts, -c and
// the terminal go through the same door.
//
// Thread rule: everything on the UI thread, but interrupt(), end_by_signal(), job_ended() and notice(): any thread.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/engine/experiment.hpp"
#include "core/model/bulk.hpp"
#include "core/model/models.hpp"
#include "core/query/select.hpp"
#include "repl/command.hpp"
#include "repl/progress.hpp"
#include "repl/score_watch.hpp"

namespace assay {

struct ShellOptions {
  bool json = false;
  bool interactive = false;  // a person at a terminal; else a script
  int out = 1, error = 2;
  std::string history_path;  // "" keeps none
  std::string version = "0.1.0";
};

struct ShellParts {
  Experiment& experiment;
  const KindRegistry& kinds;
  const ModelCatalog& models;
  Settings& settings;
  LineEditor& editor;
  BulkDesk* bulk = nullptr;  // none: there is no lane of files
};

/// Settings of the shell itself.
std::vector<SettingSpec> shell_settings();

class Shell {
 public:
  Shell(ShellParts parts, ShellOptions options);
  ~Shell();

  CommandTable& commands() { return commands_; }
  /// Runs the commands of a text; false when `exit` or a signal ended the shell.
  bool run_script(std::string_view text, const std::string& name);
  /// Reads and runs until the end of input.
  void run_interactive();
  /// The first line on a terminal.
  void greet();
  /// Winds down what still runs, as the way of leaving asks for. Called once, before the experiment is closed.
  void wind_down();
  /// shell.md 1: 0, 1, 3, 130, 143 ..
  int exit_status() const;

  // --- for commands ---------------------------------------------------------------------------------------------
  Experiment& experiment() { return parts_.experiment; }
  Engine& engine() { return parts_.experiment.engine(); }
  Store& store() { return parts_.experiment.store(); }
  RunTable& table() { return parts_.experiment.table(); }
  const KindRegistry& kinds() const { return parts_.kinds; }
  const ModelCatalog& models() const { return parts_.models; }
  Settings& settings() { return parts_.settings; }
  LineEditor& editor() { return parts_.editor; }
  /// Throws Error when this program has no lane of files.
  BulkDesk& bulk();
  /// Ctrl-C since the command began, or the shell is to end: commands that take long poll it.
  bool interrupted() const { return interrupts_ > 0 || ending_ != 0; }
  const ShellOptions& options() const { return options_; }

  /// Selects by a query under the scope rules of shell.md 3 (`all_runs`: the listing does not matter). Throws Error
  /// with a caret line under a bad place; says why nothing was selected when `must_match`.
  Selection select(const std::string& query, bool all_runs = false, bool must_match = true);
  /// Exactly one run.
  RunId select_one(const std::string& query);
  /// Runs as their batches, a view of each, in the order of the batches.
  std::vector<std::unique_ptr<BatchView>> views(const std::vector<RunId>& runs);
  const std::optional<std::vector<RunId>>& listing() const { return listing_; }
  void set_listing(std::vector<RunId> runs) { listing_ = std::move(runs); }

  /// Waits for a job as a foreground command does; 0: for all. Ctrl-C drains, stops, leaves.
  void wait_for_job(JobId job);
  /// Begins a job; waits for it in a script. Fills the reply. `until_narrower` than that: no new runs begin when the
  /// score's confidence sequence is; 0: never.
  void run_job(JobRequest request, const Selection& selection, Reply& reply, double until_narrower = 0);
  /// Of a job begun here that executes runs for their first time; nullptr: there is none.
  std::shared_ptr<ScoreWatch> score_watch(JobId job);
  /// Work beside the prompt, one at a time (else throws Error); ends by its stop token when the shell does. What it
  /// throws is told as a notice that begins with `name`.
  void in_background(const std::string& name, std::function<void(const std::stop_token&)> work);
  /// A question that needs an answer: true when a person says y. In a script: false.
  bool confirm(const std::string& question);
  /// Leaves; on a terminal with runs in flight it asks first what is to become of them.
  void ask_before_leaving();
  bool leaving() const { return leaving_ || ending_ != 0; }
  void stop_at_first_error(bool on) { stop_at_error_ = on; }
  /// Runs one command line; false when it failed.
  bool run_command(const std::string& line);
  std::vector<std::string> history() const;
  /// Whether jobs are waited for: in a script, but for a command with a trailing `&`.
  bool foreground() const { return !options_.interactive && !beside_; }

  // --- any thread -------------------------------------------------------------------------------------------------
  void interrupt();
  /// SIGTERM, SIGHUP, SIGQUIT: ends the shell as reliability.md 8 says.
  void end_by_signal(int signal);
  void job_ended(const JobFacts& facts);
  void notice(const std::string& text);

 private:
  void show(const Command& command, const Reply& reply, const std::string& line);
  void show_error(const std::string& line, const std::string& kind, const std::string& message,
                  const std::string& hint);
  Completions complete(std::string_view line, std::size_t cursor);
  void tick(const std::stop_token& stop);
  StyledText job_line(const JobFacts& facts) const;
  ProgressFacts progress_of(const JobFacts& facts, double now_s);
  SteadyTime engine_now();

  ShellParts parts_;
  ShellOptions options_;
  CommandTable commands_;
  Screen out_, error_;
  std::optional<std::vector<RunId>> listing_;
  bool leaving_ = false, stop_at_error_ = false, failed_ = false, last_run_failed_ = false, interrupted_exit_ = false;
  int depth_ = 0;        // of scripts within scripts
  bool beside_ = false;  // the command under way ends with `&`
  std::atomic<int> interrupts_{0};
  std::atomic<int> ending_{0};
  std::mutex rates_mutex_;
  struct Rates {
    SmoothedRate runs, calls, tokens;
    std::uint64_t seen_runs = 0, seen_calls = 0, seen_tokens = 0;
  };
  std::map<JobId, Rates> rates_;
  std::map<JobId, std::shared_ptr<ScoreWatch>> watches_;  // guarded by rates_mutex_
  std::jthread ticker_;
  std::atomic<bool> background_busy_{false};
  std::jthread background_;
};

/// Candidates for a word of a query: fields, their values, batch names.
std::vector<Candidate> complete_query(Shell& shell, const std::vector<std::string>& before, std::string_view word);
/// Names of batches.
std::vector<Candidate> complete_batch(Shell& shell, const std::vector<std::string>& before, std::string_view word);

/// Registers every command of the shell.
void add_session_commands(CommandTable& table);
void add_batch_commands(CommandTable& table);
void add_running_commands(CommandTable& table);
void add_looking_commands(CommandTable& table);
void add_run_commands(CommandTable& table);
void add_call_commands(CommandTable& table);
void add_scoring_commands(CommandTable& table);
void add_file_commands(CommandTable& table);
void add_fork_command(CommandTable& table);

}  // namespace assay
