#pragma once
// The line editor on a terminal: GNU readline 8.2 decodes keys and edits the line, LiveArea draws it. The library gets
// /dev/null as its output, so that nothing but LiveArea ever writes to the terminal. Contract: line_editor.hpp.

#include <termios.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "repl/line_editor.hpp"
#include "repl/line_history.hpp"
#include "repl/line_messages.hpp"
#include "repl/live_area.hpp"

namespace assay {

class ReadlineEditor final : public LineEditor {
 public:
  /// Asserts that no other exists. Sets LC_CTYPE to a UTF-8 locale when the environment's is none.
  explicit ReadlineEditor(const LineEditorOptions& options);
  ~ReadlineEditor() override;

  void prepare() override { load_library(); }
  ReadResult read(const StyledText& prompt, const StyledText& continuation) override;
  WaitResult wait(const std::function<bool()>& done) override;
  bool take_interrupt() override { return messages_.take_interrupt(); }
  void set_completer(Completer completer) override {
    const std::lock_guard lock(functions_mutex_);
    completer_ = std::move(completer);
  }
  void set_is_complete(IsComplete is_complete) override {
    const std::lock_guard lock(functions_mutex_);
    is_complete_ = std::move(is_complete);
  }
  void open_history(const std::string& path) override;
  std::vector<std::string> history() const override { return history_.entries(); }
  void let_go() override;

  void print_above(StyledText text) override { messages_.print(std::move(text)); }
  void set_status(std::vector<StyledText> lines) override { messages_.set_status(std::move(lines)); }
  void interrupt() override { messages_.interrupt(); }
  void take_away() override {
    taken_away_ = true;
    messages_.interrupt();
  }
  void resized() override { messages_.resized(); }
  void suspend() override;
  void wake() override { messages_.wake(); }
  bool is_interactive() const override { return true; }

 private:
  using Clock = std::chrono::steady_clock;
  enum class Event { input, interrupted, gone };
  enum class Phase { outside, reading, waiting };
  struct Callbacks;  // the functions that the C library calls

  Event next_event();
  int wait_for_bytes(int timeout_ms, bool with_input);
  bool serve_messages();
  int until_next_drawing_ms() const;
  void draw_if_due(bool input_waits);
  void draw();
  Block current_block() const;
  std::string take_lines_above();
  void finish_line(std::string_view tail);
  void take_ctrl_c_as_typed();
  void enter_line_mode();
  void leave_line_mode();
  void stop_and_come_back();
  bool in_foreground() const;
  bool wait_for_foreground();
  void complete();
  void list_candidates(const Completions& completions);
  void accept_or_continue();
  void load_library();

  const int in_, out_;
  const TerminalFacts facts_;
  std::FILE* library_in_ = nullptr;
  std::FILE* library_out_ = nullptr;
  LineMessages messages_;
  LiveArea area_;
  LineHistory history_;
  std::mutex functions_mutex_;
  Completer completer_;     // guarded by functions_mutex_
  IsComplete is_complete_;  // guarded by functions_mutex_
  std::atomic<bool> taken_away_{false};
  StyledText prompt_, continuation_;
  std::vector<StyledText> status_;
  Clock::time_point lines_drawn_, status_drawn_, changed_at_;
  std::atomic<Phase> phase_{Phase::outside};
  int typed_ahead_ = 0;       // bytes that came before this read()
  bool changed_ = false;      // the line since the last drawing
  bool interrupted_ = false;  // inside of a call into the library
  bool gone_ = false;
  bool loaded_ = false;
  bool has_result_ = false;
  ReadResult result_;
  std::exception_ptr callback_error_;
};

}  // namespace assay
