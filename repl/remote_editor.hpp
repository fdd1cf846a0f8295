#pragma once
// The line editor and the screen of a terminal that is attached: what the shell asks and shows goes out as frames, what
// the person there types comes in by take(). Contract: line_editor.hpp.
//
// Frames out: text, json, paged, clear, read, shell, above, status, completions. In: line, interrupted, end, ran,
// complete, resize.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "repl/line_editor.hpp"
#include "repl/remote/channel.hpp"

namespace assay {

class RemoteEditor final : public LineEditor, public OutputPort {
 public:
  /// `channel` outlives it.
  RemoteEditor(Channel& channel, TerminalSize size, bool interactive)
      : channel_(channel), interactive_(interactive), size_(size) {}

  /// A frame from the terminal that is for the editor; any thread.
  void take(Json frame);
  /// The terminal has gone, or the program ends: read() and wait() return "gone". Any thread.
  void close();
  /// What was shown so far goes out. The shell's thread.
  void flush();

  // LineEditor
  ReadResult read(const StyledText& prompt, const StyledText& continuation) override;
  WaitResult wait(const std::function<bool()>& done) override;
  bool take_interrupt() override { return interrupt_.exchange(false); }
  void set_completer(Completer completer) override { completer_ = std::move(completer); }
  void set_is_complete(IsComplete /*is_complete*/) override {}  // judged where it is typed
  void open_history(const std::string& /*path*/) override {}    // kept where it is typed
  std::vector<std::string> history() const override { return history_; }
  void print_above(StyledText text) override;
  void set_status(std::vector<StyledText> lines) override;
  void interrupt() override;
  void resized() override {}
  void suspend() override {}
  void wake() override;
  bool is_interactive() const override { return interactive_; }

  // OutputPort
  void line(const StyledText& text, bool to_error) override;
  void json_line(std::string_view json) override;
  void paged(const std::vector<StyledText>& lines) override;
  void clear() override;
  int run_shell_line(const std::string& line) override;
  TerminalSize size() override;

 private:
  std::optional<Json> next_input(std::int64_t id);
  void answer(const Json& request);

  Channel& channel_;
  const bool interactive_;
  Completer completer_;
  std::vector<std::string> history_;  // typed at this terminal
  std::int64_t reads_ = 0;
  std::vector<StyledText> shown_;  // not yet sent; all to the same output
  std::size_t shown_bytes_ = 0;
  bool shown_to_error_ = false;
  std::atomic<bool> interrupt_{false}, woken_{false}, closed_{false};
  std::atomic<std::size_t> not_shown_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Json> inputs_;  // guarded by mutex_
  TerminalSize size_;        // guarded by mutex_
};

}  // namespace assay
