#include "repl/pager.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>

#include "core/text/error.hpp"
#include "core/text/shell_words.hpp"

namespace assay {

namespace {

bool is_less(const std::string& program) { return std::filesystem::path(program).filename() == "less"; }

// Writes to a reader that may leave: its SIGPIPE is taken back before the mask is.
void feed(int fd, const std::vector<StyledText>& lines, bool colours) {
  sigset_t pipe_signal, before, pending;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  sigpending(&pending);
  const bool was_pending = sigismember(&pending, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  for (const StyledText& line : lines) {
    if (!write_fully(fd, line.render(colours) + "\n")) break;
  }
  const timespec now{};
  if (!was_pending) {
    while (sigtimedwait(&pipe_signal, nullptr, &now) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

std::vector<std::string> pager_environment(std::vector<std::string> out, bool utf8) {
  std::erase_if(out, [](const std::string& text) { return text.starts_with("LESSSECURE="); });
  const bool has_charset =
      std::any_of(out.begin(), out.end(), [](const std::string& text) { return text.starts_with("LESSCHARSET="); });
  out.emplace_back("LESSSECURE=1");
  if (utf8 && !has_charset) out.emplace_back("LESSCHARSET=utf-8");
  return out;
}

pid_t spawn_pager(std::vector<std::string> argv, std::vector<std::string> given, int input, int terminal) {
  std::vector<std::string> environment = pager_environment(std::move(given), is_less(argv.front()));
  std::vector<char*> arguments, variables;
  for (std::string& word : argv) arguments.push_back(word.data());
  for (std::string& word : environment) variables.push_back(word.data());
  arguments.push_back(nullptr);
  variables.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addtcsetpgrp_np(&actions, terminal);
  posix_spawn_file_actions_adddup2(&actions, input, 0);
  posix_spawn_file_actions_adddup2(&actions, terminal, 1);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  pid_t child = -1;
  const int error = posix_spawnp(&child, arguments[0], &actions, &attributes, arguments.data(), variables.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error == 0 ? child : -1;
}

void take_terminal_back(int terminal) {
  sigset_t output_stop, before;
  sigemptyset(&output_stop);
  sigaddset(&output_stop, SIGTTOU);
  pthread_sigmask(SIG_BLOCK, &output_stop, &before);
  tcsetpgrp(terminal, getpgrp());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void wait_for_pager(pid_t child) {
  int status = 0;
  for (;;) {
    const pid_t got = waitpid(child, &status, WUNTRACED);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 || !WIFSTOPPED(status)) return;
    // Ctrl-Z in the pager: there is no job control here to come back to it by, so it ends.
    kill(-child, SIGTERM);
    kill(-child, SIGCONT);
  }
}

}  // namespace

std::vector<std::string> pager_command(const TerminalEnvironment& environment, const TerminalFacts& facts) {
  if (!facts.is_terminal || !facts.moves_cursor) return {};
  std::vector<std::string> argv;
  const std::string wanted = environment("PAGER");
  try {
    for (const ShellWord& word : split_shell_words(wanted)) argv.push_back(word.text);
  } catch (const Error&) {
    argv.clear();  // an unfinished quote in PAGER: as if it weren't set
  }
  if (argv.empty()) argv = {"less"};
  if (std::filesystem::path(argv.front()).filename() == "cat") return {};
  if (facts.colours && is_less(argv.front()) && std::find(argv.begin(), argv.end(), "-R") == argv.end()) {
    argv.emplace_back("-R");
  }
  return argv;
}

bool is_longer_than(const std::vector<StyledText>& lines, TerminalSize size) {
  const auto columns = static_cast<std::size_t>(size.columns);
  const auto room = static_cast<std::size_t>(size.rows) - 1;
  std::size_t rows = 0;
  for (const StyledText& text : lines) {
    const std::string plain = text.plain();
    for (std::size_t begin = 0; begin <= plain.size();) {
      const std::size_t end = std::min(plain.find('\n', begin), plain.size());
      const std::size_t width = safe(std::string_view(plain).substr(begin, end - begin)).width();
      rows += std::max<std::size_t>(1, (width + columns - 1) / columns);
      if (rows > room) return true;
      begin = end + 1;
    }
  }
  return false;
}

void show_paged(Screen& screen, const std::vector<StyledText>& lines,
                const std::function<std::vector<std::string>()>& variables, int in,
                const TerminalEnvironment& environment) {
  const auto write_all = [&] {
    for (const StyledText& line : lines) screen.line(line);
  };
  const std::vector<std::string> argv = pager_command(environment, screen.facts());
  if (argv.empty() || isatty(in) != 1 || !is_longer_than(lines, screen.size())) return write_all();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return write_all();
  const bool colours = screen.facts().colours && is_less(argv.front());
  const pid_t child = spawn_pager(argv, variables(), ends[0], screen.fd());
  ::close(ends[0]);
  if (child < 0) {
    ::close(ends[1]);
    take_terminal_back(screen.fd());
    return write_all();
  }
  feed(ends[1], lines, colours);
  ::close(ends[1]);
  wait_for_pager(child);
  take_terminal_back(screen.fd());
}

}  // namespace assay
