#pragma once
// The line editor without a terminal that can be drawn on: lines as they come from a file, a pipe or a dumb terminal.
// Contract: line_editor.hpp. Live lines go to the error output as plain text, at most one a second.

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <vector>

#include "repl/line_editor.hpp"
#include "repl/line_history.hpp"
#include "repl/line_messages.hpp"

namespace assay {

class PlainEditor final : public LineEditor {
 public:
  explicit PlainEditor(const LineEditorOptions& options);

  ReadResult read(const StyledText& prompt, const StyledText& continuation) override;
  WaitResult wait(const std::function<bool()>& done) override;
  bool take_interrupt() override { return messages_.take_interrupt(); }
  void set_completer(Completer /*completer*/) override {}
  void set_is_complete(IsComplete is_complete) override { is_complete_ = std::move(is_complete); }
  void open_history(const std::string& path) override { history_ = LineHistory::open(path); }
  std::vector<std::string> history() const override { return history_.entries(); }

  void print_above(StyledText text) override { messages_.print(std::move(text)); }
  void set_status(std::vector<StyledText> lines) override;
  void interrupt() override { messages_.interrupt(); }
  void resized() override {}
  void suspend() override { stop_process(); }
  void wake() override { messages_.wake(); }
  bool is_interactive() const override { return false; }

 private:
  enum class Wait { input, woken, time_out, gone };
  Wait wait_for_bytes(int timeout_ms, bool with_input);
  ReadResult::Kind next_line(std::string& line);
  void print_waiting_lines();

  const int in_, out_, error_;
  const bool prompts_;
  const bool keeps_history_;
  LineMessages messages_;
  LineHistory history_;
  IsComplete is_complete_;
  std::string buffer_;  // read and not yet given out
  bool at_end_ = false;
  std::mutex status_mutex_;
  std::chrono::steady_clock::time_point status_written_;  // guarded by status_mutex_
  std::string status_last_;                               // guarded by status_mutex_
};

}  // namespace assay
