#pragma once
// The shell: reads lines, splits them into commands, runs one after the other, shows what they say. Scripts, -c and
// the terminal go through the same door.
//
// A program may have several: one of the terminal that owns it, one for each terminal that is attached (terminals.hpp,
// remote_server.hpp). Their commands take turns.
//
// Thread rule: everything on one thread of its own, but interrupt(), end_by_signal(), job_ended() and notice(): any.

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
#include "repl/payload_reader.hpp"
#include "repl/progress.hpp"
#include "repl/score_watch.hpp"
#include "repl/terminals.hpp"

namespace assay {

struct ShellOptions {
  bool json = false;
  bool interactive = false;  // a person at a terminal; else a script
  int out = 1, error = 2;
  std::string history_path;  // "" keeps none
  std::string version = "0.1.0";
  /// Why `detach` can't leave the program alone; "": it can.
  std::string cannot_detach = "the program was started as a script";
  // Of a terminal that is attached to a program which another owns:
  bool attached = false;
  bool read_only = false;
  pid_t pid = 0;               // of its process
  OutputPort* port = nullptr;  // takes what is shown, instead of `out` and `error`
  TerminalFacts port_facts = {};
};

struct ShellParts {
  Experiment& experiment;
  const KindRegistry& kinds;
  const ModelCatalog& models;
  Settings& settings;
  LineEditor& editor;
  Terminals& terminals;
  BulkDesk* bulk = nullptr;  // none: there is no lane of files
};

/// What stands before a line to be typed, and before its further lines.
StyledText shell_prompt();
StyledText shell_continuation();
/// What a person is greeted with: the program and the file.
StyledText shell_title(const std::string& version, const std::string& path);

/// Settings of the shell itself.
std::vector<SettingSpec> shell_settings();

class Shell {
 public:
  Shell(ShellParts parts, ShellOptions options);
  ~Shell();

  CommandTable& commands() { return commands_; }
  /// Runs the commands of a text; false when `exit` or a signal ended the shell.
  bool run_script(std::string_view text, const std::string& name);
  /// Reads and runs until the end of input. `first`: what has been read already.
  void run_interactive(std::optional<ReadResult> first = {});
  /// The first lines on a terminal. `titled`: the title stands there, and perhaps a prompt.
  void greet(bool titled = false);
  /// Makes it known to the others and told of what happens; until leave_terminals().
  void join_terminals();
  void leave_terminals();
  std::size_t number() const { return number_; }
  /// `detach` was said at the terminal that owns the program: the jobs go on without it.
  bool detached() const { return detached_; }
  /// Winds down what still runs, as the way of leaving asks for. Called once, before the experiment is closed, of the
  /// shell that owns the program.
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
  Terminals& terminals() { return parts_.terminals; }
  /// Throws Error "read_only" when this terminal or the whole program may not change the experiment. `what`: begins the
  /// message ("run_n changes the experiment").
  void require_writable(const std::string& what) const;
  /// Long work that only reads what is safe to read from any thread: other terminals' commands go on meanwhile.
  void work(const std::function<void()>& function) { outside_turn(function); }
  void clear_screen();

  /// Selects by a query under the scope rules of shell.md 3 (`all_runs`: the listing does not matter). Throws Error
  /// with a caret line under a bad place; says why nothing was selected when `must_match`.
  Selection select(const std::string& query, bool all_runs = false, bool must_match = true);
  /// For what may take long, by reading much: `reading` runs on a thread of its own, the terminal shows what it does
  /// and how far it is, and keeps what is typed. It calls its Advance often (that is where Ctrl-C ends it, as an Error)
  /// and prints nothing. In a script: on this thread. Other terminals' commands go on meanwhile (as of work()).
  void compute(const std::string& what, const std::function<void(const Advance&)>& reading);
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
  /// A question that needs an answer: true when a person says y. In a script: false.
  bool confirm(const std::string& question);
  /// Leaves; on a terminal with runs in flight it asks first what is to become of them.
  void ask_before_leaving();
  /// Leaves the terminal; the jobs go on. Throws Error when that can't be, or there is nothing to go on with.
  void detach();
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
  /// Runs `function` as this terminal's turn; throws Error when Ctrl-C came while another's command was at work.
  void in_turn(const std::function<void()>& function);
  /// Runs `function`, which waits, while others have their turn.
  void outside_turn(const std::function<void()>& function);
  bool is_of_another(JobId job);
  /// What Ctrl-C does for the `count`-th time while `job` (0: all) is waited for; true: the wait is over.
  bool react_to_interrupt(JobId job, int count);
  ProgressFacts progress_of(const JobFacts& facts, double now_s);
  SteadyTime engine_now();

  ShellParts parts_;
  ShellOptions options_;
  CommandTable commands_;
  Screen out_, error_;
  std::optional<std::vector<RunId>> listing_;
  std::size_t number_ = 0;  // among the terminals; 0 before it joins them
  CommandGate::Turn turn_;
  int doing_ = 0;  // commands within commands
  bool detached_ = false;
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
  std::string computing_;                                 // a line of the status; guarded by rates_mutex_
  std::jthread ticker_;
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
void add_terminal_commands(CommandTable& table);

}  // namespace assay
