// A small program around the line editor, for the screen tests: echoes lines, with threads that speak meanwhile.
//   editor_demo [--lines-per-second N] [--stop-lines-after N] [--status] [--history FILE] [--wait]

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "repl/line_editor.hpp"
#include "repl/pager.hpp"

using namespace assay;

namespace {

bool quotes_are_closed(std::string_view text) {
  bool open = false;
  for (const char c : text) open = open != (c == '"');
  return !open;
}

Completions complete_words(std::string_view line, std::size_t cursor) {
  Completions out;
  const std::size_t space = cursor == 0 ? std::string_view::npos : line.rfind(' ', cursor - 1);
  out.begin = space == std::string_view::npos ? 0 : space + 1;
  const std::string_view word = line.substr(out.begin, cursor - out.begin);
  for (const char* candidate : {"status", "stats", "stop", "batches", "b\x1b[31mred"}) {
    if (std::string_view(candidate).starts_with(word)) out.candidates.push_back({candidate, {}, " "});
  }
  return out;
}

StyledText words(std::string_view text, TextRole role = TextRole::plain) { return StyledText().add(text, role); }

}  // namespace

int main(int argc, char** argv) {
  int lines_per_second = 0;
  int stop_lines_after = 1'000'000'000;
  bool status = false;
  std::string history;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--lines-per-second") == 0) lines_per_second = std::atoi(argv[++i]);
    if (std::strcmp(argv[i], "--stop-lines-after") == 0) stop_lines_after = std::atoi(argv[++i]);
    if (std::strcmp(argv[i], "--status") == 0) status = true;
    if (std::strcmp(argv[i], "--history") == 0) history = argv[++i];
  }
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTSTP, SIGWINCH, SIGHUP, SIGPIPE, SIGTTOU, SIGTTIN, SIGUSR1}) {
    sigaddset(&signals, number);
  }
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  const std::unique_ptr<LineEditor> editor = make_line_editor();
  Screen screen(1, terminal_facts(1));
  editor->set_is_complete(quotes_are_closed);
  editor->set_completer(complete_words);
  if (!history.empty()) editor->open_history(history);

  std::atomic<bool> leaving{false};
  std::thread signal_thread([&] {
    while (!leaving) {
      int number = 0;
      sigwait(&signals, &number);
      if (number == SIGINT) editor->interrupt();
      if (number == SIGWINCH) editor->resized();
      if (number == SIGTSTP) editor->suspend();
    }
  });
  std::atomic<int> printed{0};
  std::thread talker([&] {
    while (lines_per_second > 0 && !leaving && printed < stop_lines_after) {
      editor->print_above(words("event " + std::to_string(++printed), TextRole::dim));
      std::this_thread::sleep_for(std::chrono::microseconds(1'000'000 / lines_per_second));
    }
  });
  std::thread status_thread([&] {
    for (int i = 0; status && !leaving; ++i) {
      editor->set_status(
          {words("#1 " + std::to_string(i) + "/9,999,999 ok, a status line that is rather wide", TextRole::good)});
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });

  int code = 0;
  for (;;) {
    const ReadResult result = editor->read(words("demo> ", TextRole::prompt), words("  ... "));
    if (result.kind == ReadResult::Kind::interrupted) {
      screen.line("(interrupted)");
      continue;
    }
    if (result.kind == ReadResult::Kind::gone) code = 7;
    if (result.kind != ReadResult::Kind::line || result.text == "exit") break;
    if (result.text == "wait") {
      const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
      const WaitResult waited = editor->wait([&] { return std::chrono::steady_clock::now() >= end; });
      screen.line(waited == WaitResult::interrupted ? "wait: interrupted" : "wait: done");
    } else if (result.text == "sleep") {
      screen.line("sleeping");
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
    } else if (result.text == "page") {
      std::vector<StyledText> lines;
      for (int i = 1; i <= 100; ++i) lines.push_back(words("page line " + std::to_string(i), TextRole::good));
      show_paged(screen, lines, [] { return std::vector<std::string>{"TERM=xterm-256color", "PATH=/usr/bin:/bin"}; });
      screen.line("paged");
    } else {
      screen.line("got: [" + result.text + "]");
    }
  }
  leaving = true;
  kill(getpid(), SIGUSR1);
  signal_thread.join();
  talker.join();
  status_thread.join();
  if (code == 0) screen.line("bye");
  return code;
}
