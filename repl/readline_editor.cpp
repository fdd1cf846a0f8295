#include "repl/readline_editor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <readline/history.h>
#include <readline/readline.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "core/text/utf8.hpp"

namespace assay {

namespace {

using namespace std::chrono_literals;

constexpr auto kLinesEvery = 20ms;
constexpr auto kStatusEvery = 100ms;
constexpr auto kLongestUndrawn = 50ms;  // while input never pauses (a paste)
constexpr int kBackgroundLookMs = 200;
constexpr int kCtrlC = 3;
constexpr int kCtrlD = 4;
constexpr std::size_t kMaxListed = 200;
constexpr const char* kOwnPrompt = "assay";  // never drawn; tells our prompt from the library's messages

// The library has one state and C callbacks without an argument: this is how they find their editor.
ReadlineEditor* the_editor = nullptr;

std::string_view typed_text() { return {rl_line_buffer, static_cast<std::size_t>(rl_end)}; }

}  // namespace

struct ReadlineEditor::Callbacks {
  static int get_byte(std::FILE* /*stream*/) {
    ReadlineEditor& editor = *the_editor;
    for (;;) {
      const Event event = editor.next_event();
      if (event == Event::interrupted) editor.interrupted_ = true;
      if (event != Event::input) return EOF;
      unsigned char byte = 0;
      const ssize_t count = ::read(editor.in_, &byte, 1);
      if (count == 1) {
        const bool typed_ahead = editor.typed_ahead_ > 0;
        if (typed_ahead) --editor.typed_ahead_;
        // The kernel keeps a Ctrl-D that came in the usual mode as a NUL.
        return typed_ahead && byte == 0 ? kCtrlD : byte;
      }
      if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (count < 0 && errno == EIO && !editor.in_foreground() && editor.wait_for_foreground()) continue;
      editor.gone_ = true;
      return EOF;
    }
  }
  static void redisplay() {
    if (!the_editor->changed_) the_editor->changed_at_ = Clock::now();
    the_editor->changed_ = true;
  }
  static void line_done(char* line) {
    rl_callback_handler_remove();
    ReadlineEditor& editor = *the_editor;
    editor.has_result_ = true;
    editor.result_ = line == nullptr ? ReadResult{} : ReadResult{ReadResult::Kind::line, line};
    std::free(line);
  }
  static int enter_key(int /*count*/, int /*key*/) {
    the_editor->accept_or_continue();
    return 0;
  }
  static int tab_key(int /*count*/, int /*key*/) {
    the_editor->complete();
    return 0;
  }
  static int interrupt_key(int /*count*/, int /*key*/) {
    the_editor->interrupted_ = true;
    return 0;
  }
  static int clear_key(int /*count*/, int /*key*/) {
    the_editor->area_.send("\x1b[H\x1b[2J");
    the_editor->area_.forget();
    redisplay();
    return 0;
  }
  // Nothing of ours may be thrown through the library's frames.
  template <typename Function>
  static void guarded(Function&& function) {
    try {
      function();
    } catch (...) {
      the_editor->callback_error_ = std::current_exception();
    }
  }
};

ReadlineEditor::ReadlineEditor(const LineEditorOptions& options)
    : in_(options.in),
      out_(options.out),
      facts_(terminal_facts(options.out, options.environment)),
      area_(options.out, facts_.reflows) {
  if (the_editor != nullptr) throw std::logic_error("a second ReadlineEditor");
  const int copy = fcntl(in_, F_DUPFD_CLOEXEC, 3);
  library_in_ = copy < 0 ? nullptr : fdopen(copy, "r");
  library_out_ = std::fopen("/dev/null", "we");
  if (library_in_ == nullptr || library_out_ == nullptr) throw std::runtime_error("no descriptor for the line editor");
  the_editor = this;
  remember_terminal_mode(in_);
}

ReadlineEditor::~ReadlineEditor() {
  for (const StyledText& line : messages_.take_lines()) area_.send(line.render(facts_.colours) + "\n");
  rl_instream = nullptr;
  rl_outstream = nullptr;
  std::fclose(library_in_);
  std::fclose(library_out_);
  the_editor = nullptr;
}

void ReadlineEditor::load_library() {
  if (loaded_) return;
  loaded_ = true;
  rl_instream = library_in_;
  rl_outstream = library_out_;
  rl_readline_name = "assay";
  rl_catch_signals = 0;
  rl_catch_sigwinch = 0;
  rl_change_environment = 0;
  rl_getc_function = &Callbacks::get_byte;
  rl_redisplay_function = &Callbacks::redisplay;
  std::setlocale(LC_CTYPE, "");
  rl_initialize();
  if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
  for (const auto& [name, value] : {std::pair{"enable-bracketed-paste", "on"},
                                    {"input-meta", "on"},
                                    {"output-meta", "on"},
                                    {"convert-meta", "off"},
                                    {"bell-style", "none"}}) {
    rl_variable_bind(name, value);
  }
  for (Keymap map : {emacs_standard_keymap, vi_insertion_keymap, vi_movement_keymap}) {
    rl_bind_key_in_map('\r', &Callbacks::enter_key, map);
    rl_bind_key_in_map('\n', &Callbacks::enter_key, map);
    rl_bind_key_in_map('\f', &Callbacks::clear_key, map);
    if (map != vi_movement_keymap) rl_bind_key_in_map('\t', &Callbacks::tab_key, map);
    rl_bind_key_in_map(kCtrlC, &Callbacks::interrupt_key, map);
    rl_bind_keyseq_in_map("\\e[200~", rl_bracketed_paste_begin, map);
  }
  for (Keymap map : {emacs_meta_keymap, emacs_ctlx_keymap}) rl_bind_key_in_map(kCtrlC, &Callbacks::interrupt_key, map);
  using_history();
}

void ReadlineEditor::open_history(const std::string& path) {
  history_ = LineHistory::open(path);
  clear_history();
  for (const std::string& entry : history_.entries()) add_history(entry.c_str());
}

void ReadlineEditor::let_go() {
  gone_ = true;
  dup2(fileno(library_out_), fileno(library_in_));  // the library's own hold on the terminal
}

ReadResult ReadlineEditor::read(const StyledText& prompt, const StyledText& continuation) {
  load_library();
  prompt_ = prompt;
  continuation_ = continuation;
  messages_.take_interrupt();  // it was meant for what ran before
  if (gone_ || !wait_for_foreground()) return {ReadResult::Kind::gone, {}};
  has_result_ = interrupted_ = false;
  result_ = {};
  callback_error_ = nullptr;
  area_.forget();
  area_.set_size(terminal_size(out_));
  phase_ = Phase::reading;
  using_history();
  rl_callback_handler_install(kOwnPrompt, &Callbacks::line_done);
  take_ctrl_c_as_typed();
  typed_ahead_ = 0;
  ioctl(in_, FIONREAD, &typed_ahead_);
  area_.send("\x1b[?2004h");
  messages_.take_status(status_);
  draw();
  while (!has_result_ && !interrupted_ && !gone_) {
    const Event event = next_event();
    if (event == Event::interrupted) interrupted_ = true;
    if (event == Event::gone) gone_ = true;
    if (event != Event::input) break;
    rl_callback_read_char();
    if (callback_error_) break;
  }
  gone_ = gone_ || area_.gone();
  if (gone_ || interrupted_ || callback_error_) {
    if (taken_away_.exchange(false)) {
      area_.erase();
    } else {
      finish_line(interrupted_ ? "^C" : "");
    }
    rl_free_line_state();
    rl_callback_sigcleanup();
    rl_callback_handler_remove();
    result_ = {gone_ ? ReadResult::Kind::gone : ReadResult::Kind::interrupted, {}};
  } else if (result_.kind == ReadResult::Kind::end) {
    finish_line("");
  }
  area_.send("\x1b[?2004l");
  phase_ = Phase::outside;
  if (callback_error_) std::rethrow_exception(std::exchange(callback_error_, nullptr));
  if (result_.kind == ReadResult::Kind::line && history_.add(result_.text)) add_history(result_.text.c_str());
  return result_;
}

WaitResult ReadlineEditor::wait(const std::function<bool()>& done) {
  if (gone_) return WaitResult::gone;
  area_.forget();
  area_.set_size(terminal_size(out_));
  phase_ = Phase::waiting;
  termios before{};
  const bool quiet = in_foreground() && tcgetattr(in_, &before) == 0;
  if (quiet) {
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON);  // a Ctrl-D typed ahead stays a character
    silent.c_cc[VMIN] = 1;
    silent.c_cc[VTIME] = 0;
    tcsetattr(in_, TCSADRAIN, &silent);
    area_.send("\x1b[?25l");
  }
  messages_.take_status(status_);
  draw();
  WaitResult result = WaitResult::done;
  const auto finish = [&] {
    area_.erase();
    if (quiet) {
      area_.send("\x1b[?25h");
      tcsetattr(in_, TCSADRAIN, &before);
    }
    phase_ = Phase::outside;
  };
  try {
    while (!done()) {
      if (area_.gone() || (wait_for_bytes(until_next_drawing_ms(), false) & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
        gone_ = true;
        result = WaitResult::gone;
        break;
      }
      if (messages_.take_suspend()) {
        finish();
        stop_process();
        return wait(done);
      }
      if (serve_messages()) {
        result = WaitResult::interrupted;
        break;
      }
      draw_if_due(false);
    }
    const std::string lines = take_lines_above();
    if (!lines.empty()) area_.print_above(lines, current_block());
  } catch (...) {
    finish();
    throw;
  }
  finish();
  return result;
}

void ReadlineEditor::suspend() {
  if (phase_ == Phase::outside) {
    stop_process();
  } else {
    messages_.suspend();
  }
}

// Sleeps until there is input or something to say; draws what is due meanwhile.
ReadlineEditor::Event ReadlineEditor::next_event() {
  for (;;) {
    if (area_.gone()) return Event::gone;
    int input = wait_for_bytes(0, true);
    if (serve_messages()) return Event::interrupted;
    if (messages_.take_suspend()) stop_and_come_back();
    draw_if_due((input & POLLIN) != 0);
    if (input == 0) input = wait_for_bytes(until_next_drawing_ms(), true);
    if ((input & POLLIN) != 0) return Event::input;
    if ((input & (POLLHUP | POLLERR | POLLNVAL)) != 0) return Event::gone;
    if (!in_foreground() && !wait_for_foreground()) return Event::gone;
  }
}

// What poll says of the input; wakes for messages as well.
int ReadlineEditor::wait_for_bytes(int timeout_ms, bool with_input) {
  pollfd waits[2] = {{in_, static_cast<short>(with_input ? POLLIN : 0), 0}, {messages_.wake_fd(), POLLIN, 0}};
  const int count = poll(waits, 2, timeout_ms);
  if (count < 0) return errno == EINTR || errno == EAGAIN ? 0 : POLLERR;
  if ((waits[1].revents & POLLIN) != 0) messages_.clear_wake();
  return waits[0].revents;
}

// True: Ctrl-C.
bool ReadlineEditor::serve_messages() {
  if (messages_.take_interrupt()) return true;
  if (messages_.take_resize()) {
    area_.invalidate();
    draw();
  }
  return false;
}

int ReadlineEditor::until_next_drawing_ms() const {
  const auto now = Clock::now();
  const auto until = [&](Clock::time_point last, std::chrono::milliseconds every) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(last + every - now);
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, every.count()));
  };
  int timeout = phase_ == Phase::waiting ? 100 : (in_foreground() ? 1'000 : kBackgroundLookMs);
  if (messages_.has_lines()) timeout = std::min(timeout, until(lines_drawn_, kLinesEvery));
  if (messages_.status_waits()) timeout = std::min(timeout, until(status_drawn_, kStatusEvery));
  return timeout;
}

void ReadlineEditor::draw_if_due(bool input_waits) {
  const auto now = Clock::now();
  const bool lines_due = messages_.has_lines() && now - lines_drawn_ >= kLinesEvery;
  const bool status_due = messages_.status_waits() && now - status_drawn_ >= kStatusEvery;
  const bool line_due = changed_ && (!input_waits || now - changed_at_ >= kLongestUndrawn);
  if (lines_due || status_due || line_due) draw();
}

// The times are taken after drawing, so that a slow terminal or a very long line leaves time for what is typed.
void ReadlineEditor::draw() {
  if (!in_foreground()) return;
  const auto now = Clock::now();
  const bool new_status = now - status_drawn_ >= kStatusEvery && messages_.take_status(status_);
  area_.set_size(terminal_size(out_));
  changed_ = false;
  const std::string lines = now - lines_drawn_ >= kLinesEvery ? take_lines_above() : std::string();
  if (lines.empty()) {
    area_.show(current_block());
  } else {
    area_.print_above(lines, current_block());
    lines_drawn_ = Clock::now();
  }
  if (new_status) status_drawn_ = Clock::now();
}

Block ReadlineEditor::current_block() const {
  LineView view;
  view.status = status_;
  view.size = area_.size();
  view.colours = facts_.colours;
  if (phase_ == Phase::reading) {
    const bool message = rl_display_prompt != nullptr && std::strcmp(rl_display_prompt, kOwnPrompt) != 0;
    view.prompt = message ? StyledText(safe(rl_display_prompt), TextRole::dim) : prompt_;
    view.continuation = continuation_;
    view.text = typed_text();
    view.cursor = static_cast<std::size_t>(rl_point);
    return layout_line(view);
  }
  Block block = layout_line(view);
  block.rows.erase(block.rows.begin());  // no prompt, no typed text
  return block;
}

std::string ReadlineEditor::take_lines_above() {
  std::string out;
  for (const StyledText& line : messages_.take_lines()) {
    for (const char c : line.render(facts_.colours)) {
      if (c == '\n') out += '\r';
      out += c;
    }
    out += "\r\n";
  }
  return out;
}

// Leaves the typed line on the screen, whole and without live lines, and goes to the row below it.
void ReadlineEditor::finish_line(std::string_view tail) {
  const std::string text = std::string(typed_text()) + std::string(tail);
  LineView view{prompt_, continuation_, text, text.size(), {}, terminal_size(out_), facts_.colours};
  area_.set_size(view.size);
  area_.finish(layout_whole_line(view));
}

void ReadlineEditor::accept_or_continue() {
  bool complete = true;
  Callbacks::guarded([&] {
    const IsComplete is_complete = [&] {
      const std::lock_guard lock(functions_mutex_);
      return is_complete_;
    }();
    complete = !is_complete || is_complete(typed_text());
  });
  if (!complete) {
    rl_insert_text("\n");
    return;
  }
  rl_point = rl_end;
  finish_line("");
  rl_done = 1;
}

// As a signal Ctrl-C would overtake what was typed after it, and take that away with the line.
void ReadlineEditor::take_ctrl_c_as_typed() {
  termios mode{};
  if (tcgetattr(in_, &mode) != 0) return;
  mode.c_cc[VINTR] = _POSIX_VDISABLE;
  tcsetattr(in_, TCSADRAIN, &mode);
}

void ReadlineEditor::enter_line_mode() {
  rl_prep_terminal(1);
  take_ctrl_c_as_typed();
  area_.send("\x1b[?2004h");
}

void ReadlineEditor::leave_line_mode() {
  area_.erase();
  area_.send("\x1b[?2004l");
  rl_deprep_terminal();
}

void ReadlineEditor::stop_and_come_back() {
  leave_line_mode();
  stop_process();
  if (!wait_for_foreground()) gone_ = true;
  enter_line_mode();
  area_.forget();
  draw();
}

bool ReadlineEditor::in_foreground() const {
  const pid_t group = tcgetpgrp(in_);
  return group < 0 || group == getpgrp();
}

// Put in the background, the shell goes on without the terminal and looks now and then. False: the terminal is gone.
bool ReadlineEditor::wait_for_foreground() {
  if (in_foreground()) return isatty(in_) == 1;
  const bool was_reading = RL_ISSTATE(RL_STATE_CALLBACK) && phase_ == Phase::reading;
  while (!in_foreground()) {
    pollfd nothing{in_, 0, 0};
    if (poll(&nothing, 1, kBackgroundLookMs) > 0) return false;
  }
  if (isatty(in_) != 1) return false;
  if (was_reading) {
    rl_deprep_terminal();
    rl_prep_terminal(1);
    take_ctrl_c_as_typed();
    area_.forget();
    changed_ = true;
  }
  return true;
}

void ReadlineEditor::complete() {
  const Completer completer = [&] {
    const std::lock_guard lock(functions_mutex_);
    return completer_;
  }();
  if (!completer) return;
  Callbacks::guarded([&] {
    const std::string line(typed_text());
    const auto cursor = static_cast<std::size_t>(rl_point);
    Completions found = completer(line, cursor);
    found.begin = std::min(found.begin, cursor);
    if (found.candidates.empty()) return;
    std::string common = found.candidates.front().text;
    for (const Candidate& candidate : found.candidates) {
      const auto end = std::mismatch(common.begin(), common.end(), candidate.text.begin(), candidate.text.end()).first;
      common.erase(end, common.end());
    }
    while (!common.empty() && !is_valid_utf8(common) && found.candidates.size() > 1) common.pop_back();
    const bool only_one = found.candidates.size() == 1;
    if (only_one) common += found.candidates.front().suffix;
    const std::string typed = line.substr(found.begin, cursor - found.begin);
    if (only_one || (common != typed && !common.empty())) {
      rl_begin_undo_group();
      rl_delete_text(static_cast<int>(found.begin), static_cast<int>(cursor));
      rl_point = static_cast<int>(found.begin);
      rl_insert_text(common.c_str());
      rl_end_undo_group();
    } else {
      list_candidates(found);
    }
  });
}

void ReadlineEditor::list_candidates(const Completions& completions) {
  const auto columns = static_cast<std::size_t>(area_.size().columns);
  const std::size_t count = std::min(completions.candidates.size(), kMaxListed);
  std::size_t widest = 0;
  bool notes = false;
  for (std::size_t i = 0; i < count; ++i) {
    widest = std::max(widest, safe(completions.candidates[i].text).width());
    notes = notes || !completions.candidates[i].note.empty();
  }
  const std::size_t per_row = notes ? 1 : std::max<std::size_t>(1, columns / (widest + 2));
  StyledText row;
  for (std::size_t i = 0; i < count; ++i) {
    const Candidate& candidate = completions.candidates[i];
    const Printable name = safe(candidate.text);
    row.add(name, TextRole::name);
    const bool last_of_row = (i + 1) % per_row == 0 || i + 1 == count;
    if (!last_of_row || notes) row.add(std::string(widest + 2 - name.width(), ' '));
    if (notes) row.add(candidate.note, TextRole::dim);
    if (!last_of_row) continue;
    messages_.print(row.truncated(columns));
    row = {};
  }
  if (count < completions.candidates.size()) {
    messages_.print(
        StyledText().add("+" + std::to_string(completions.candidates.size() - count) + " more", TextRole::dim));
  }
}

}  // namespace assay
