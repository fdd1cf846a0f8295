#include "app/signals.hpp"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <map>

#include "repl/terminal.hpp"

namespace assay {
namespace {

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1})
    sigaddset(&set, signal);
  return set;
}

constexpr auto kTwins = std::chrono::milliseconds(250);

/// Async-signal-safe only.
extern "C" void crashed(int signal) {
  restore_terminal_mode();
  char line[] = "\nassay failed (signal   ); what is recorded is safe; start it again to go on\n";
  char* digits = std::strchr(line, '(') + 8;
  digits[0] = static_cast<char>('0' + signal / 10);
  digits[1] = static_cast<char>('0' + signal % 10);
  static_cast<void>(!write(STDERR_FILENO, line, sizeof line - 1));
  ::signal(signal, SIG_DFL);
  raise(signal);
}

}  // namespace

void prepare_process() {
  umask(077);
  // Ten thousand threads that mostly sleep: few arenas, which keep what they have, instead of one for each.
  mallopt(M_ARENA_MAX, 4);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
  const sigset_t set = handled_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  prctl(PR_SET_DUMPABLE, 0);  // keys are in memory; the leak checker of sanitizer builds needs it on
  struct sigaction action = {};
  action.sa_handler = crashed;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL}) sigaction(signal, &action, nullptr);
#endif
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

SignalThread::SignalThread(std::function<void(int)> handle, pid_t front)
    : thread_([handle = std::move(handle), front](const std::stop_token& stop) {
        using Clock = std::chrono::steady_clock;
        struct Seen {
          bool from_front = false;
          Clock::time_point at;
        };
        std::map<int, Seen> last;
        const sigset_t set = handled_signals();
        while (!stop.stop_requested()) {
          siginfo_t info{};
          const int signal = sigwaitinfo(&set, &info);
          if (signal < 0 || signal == SIGUSR1) continue;
          if (front != 0) {
            const Seen seen{info.si_code <= 0 && info.si_pid == front, Clock::now()};
            const auto before = last.find(signal);
            const bool twin = before != last.end() && before->second.from_front != seen.from_front &&
                              seen.at - before->second.at < kTwins;
            last[signal] = seen;
            if (twin) continue;
          }
          handle(signal);
        }
      }) {}

SignalThread::~SignalThread() {
  thread_.request_stop();
  pthread_kill(thread_.native_handle(), SIGUSR1);
}

}  // namespace assay
