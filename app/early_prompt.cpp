#include "app/early_prompt.hpp"

#include <signal.h>

#include <chrono>

#include "core/text/duration.hpp"
#include "repl/command.hpp"
#include "repl/shell.hpp"

namespace assay {
namespace {

/// What opens within it needs no early prompt.
constexpr auto kPatience = std::chrono::milliseconds(50);

StyledText opening_line(const std::string& rest) { return StyledText().add("opening" + rest, TextRole::dim); }

}  // namespace

EarlyPrompt::EarlyPrompt(LineEditor& editor, StyledText title, pid_t front)
    : editor_(editor), title_(std::move(title)) {
  editor_.prepare();
  editor_.set_is_complete([](std::string_view text) { return !has_open_quote(text); });
  signals_.emplace([this](int signal) { on_signal(signal); }, front);
  thread_ = std::thread([this] { converse(); });
}

EarlyPrompt::~EarlyPrompt() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::opening) state_ = State::failed;
    if (begun_) {
      editor_.set_status({});
      editor_.take_away();
    }
  }
  changed_.notify_all();
  thread_.join();
}

void EarlyPrompt::at(std::size_t done, std::size_t all) {
  editor_.set_status({opening_line(": " + format_count(static_cast<std::int64_t>(done)) + " of " +
                                   format_count(static_cast<std::int64_t>(all)) + " runs")});
}

bool EarlyPrompt::tell(const std::string& line) {
  const std::lock_guard lock(mutex_);
  if (!begun_ || state_ != State::opening) return false;
  editor_.print_above(StyledText().add(line, TextRole::warn));
  return true;
}

bool EarlyPrompt::opened() {
  signals_.reset();  // what comes before the shell has its own waits: signals are blocked
  const std::lock_guard lock(mutex_);
  state_ = State::opened;
  changed_.notify_all();
  editor_.set_status({});
  editor_.wake();
  return begun_;
}

ReadResult EarlyPrompt::first_line() {
  thread_.join();
  const std::lock_guard lock(mutex_);
  return result_;
}

void EarlyPrompt::converse() {
  {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, kPatience, [this] { return state_ != State::opening; })) return;
    begun_ = true;
    editor_.print_above(title_);
    editor_.set_status({opening_line(" ..")});
  }
  std::optional<ReadResult> read;
  while (!read) read = read_one();
  const std::lock_guard lock(mutex_);
  result_ = std::move(*read);
}

/// Nothing: once more.
std::optional<ReadResult> EarlyPrompt::read_one() {
  const ReadResult read = editor_.read(shell_prompt(), shell_continuation());
  const auto is_over = [this] {
    const std::lock_guard lock(mutex_);
    return state_ != State::opening;
  };
  if (is_over()) return read;
  if (read.kind == ReadResult::Kind::interrupted) return std::nullopt;
  if (read.kind == ReadResult::Kind::line && read.text.find_first_not_of(" \t\n") == std::string::npos)
    return std::nullopt;
  if (editor_.wait(is_over) == WaitResult::interrupted && !is_over()) {
    if (read.kind == ReadResult::Kind::line)
      editor_.print_above(StyledText().add("not carried out: " + read.text, TextRole::dim));
    return std::nullopt;
  }
  std::unique_lock lock(mutex_);  // of a terminal that is gone nothing was waited for
  changed_.wait(lock, [this] { return state_ != State::opening; });
  return read;
}

void EarlyPrompt::on_signal(int signal) {
  if (signal == SIGINT) editor_.interrupt();
  if (signal == SIGWINCH) editor_.resized();
  if (signal == SIGTSTP) editor_.suspend();
  if (signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT) ended_by_ = signal;
}

}  // namespace assay
