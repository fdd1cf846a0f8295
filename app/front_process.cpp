#include "app/front_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "repl/terminal.hpp"

namespace assay {
namespace {

constexpr char kDetached = 'd';

/// Ends this process as the program ended.
[[noreturn]] void end_as(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    const rlimit none{0, 0};  // the program's own core, if any, is enough
    setrlimit(RLIMIT_CORE, &none);
    ::signal(signal, SIG_DFL);
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, signal);
    sigprocmask(SIG_UNBLOCK, &only, nullptr);
    ::raise(signal);
    _exit(128 + signal);
  }
  _exit(WEXITSTATUS(status));
}

/// Signals that the terminal sends reach the program by themselves: both are in its foreground group. Those sent to
/// this process alone are handed on. A lost terminal is told to the leader of its session alone, which this may be.
void hand_on(const signalfd_siginfo& info, pid_t program) {
  const auto signal = static_cast<int>(info.ssi_signo);
  if (signal == SIGHUP || signal == SIGCONT || info.ssi_code <= 0) ::kill(program, signal);
}

[[noreturn]] void stand_in_front(pid_t program, int pipe) {
  sigset_t all;
  sigemptyset(&all);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT, SIGUSR1, SIGUSR2, SIGCHLD})
    sigaddset(&all, signal);
  sigprocmask(SIG_BLOCK, &all, nullptr);
  const int signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
  for (;;) {
    pollfd waits[2] = {{signals, POLLIN, 0}, {pipe, POLLIN, 0}};
    if (::poll(waits, 2, -1) < 0 && errno != EINTR) _exit(1);
    char word = 0;
    if (waits[1].revents != 0) {
      if (::read(pipe, &word, 1) == 1 && word == kDetached) _exit(0);
      int status = 0;  // the program has ended
      while (::waitpid(program, &status, 0) < 0 && errno == EINTR) {
      }
      end_as(status);
    }
    signalfd_siginfo info{};
    while (::read(signals, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      if (info.ssi_signo != SIGCHLD) {
        hand_on(info, program);
        continue;
      }
      int status = 0;
      while (::waitpid(program, &status, WNOHANG | WUNTRACED) > 0) {
        if (!WIFSTOPPED(status)) end_as(status);
        if (WSTOPSIG(status) != SIGSTOP) stop_process();  // until the person's shell continues both
      }
    }
  }
}

}  // namespace

std::unique_ptr<FrontProcess> FrontProcess::start() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return nullptr;
  const pid_t front = ::getpid(), child = ::fork();
  if (child < 0) {
    ::close(ends[0]);
    ::close(ends[1]);
    return nullptr;
  }
  if (child > 0) {
    ::close(ends[1]);
    stand_in_front(child, ends[0]);
  }
  ::close(ends[0]);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // who kills the one in front means the program
  if (::getppid() != front) ::raise(SIGKILL);
  return std::unique_ptr<FrontProcess>(new FrontProcess(ends[1], front));
}

FrontProcess::~FrontProcess() {
  if (pipe_ >= 0) ::close(pipe_);
}

void FrontProcess::leave_terminal() {
  ::prctl(PR_SET_PDEATHSIG, 0);
  ::setsid();
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int fd : {0, 1, 2}) ::dup2(nothing, fd);
  if (nothing > 2) ::close(nothing);
  static_cast<void>(!::write(pipe_, &kDetached, 1));
  ::close(pipe_);
  pipe_ = -1;
}

}  // namespace assay
