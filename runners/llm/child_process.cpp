#include "runners/llm/child_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/text/error.hpp"

namespace assay {
namespace {

constexpr int kFirstFree = 3;
constexpr int kMostSignals = 64;

/// Closed when it goes; never 0, 1 or 2, so that a dup2 onto those can't hit another end.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) {
    if (fd < 0) return;
    fd_ = fd >= kFirstFree ? fd : fcntl(fd, F_DUPFD_CLOEXEC, kFirstFree);
    if (fd < kFirstFree) ::close(fd);
  }
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

struct Pipe {
  Descriptor read, write;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw Error("file", "no descriptors left for a program's pipes");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

int nonblocking(Descriptor& end) {
  fcntl(end.get(), F_SETFL, fcntl(end.get(), F_GETFL) | O_NONBLOCK);
  return end.release();
}

/// All that the child needs between fork and exec, where it may neither allocate nor lock.
struct Plan {
  const char* program;
  char* const* argv;
  char* const* environment;
  int input, output, errors, report;
  pid_t parent;
  bool no_new_privileges, outlives_us;
  const char* folder;
};

void close_all_but(int kept) {
  const bool below = kept == kFirstFree || syscall(SYS_close_range, kFirstFree, kept - 1, 0) == 0;
  if (below && syscall(SYS_close_range, kept + 1, ~0U, 0) == 0) return;
  for (int fd = kFirstFree; fd < 65536; ++fd) {  // a kernel without close_range
    if (fd != kept) close(fd);
  }
}

[[noreturn]] void become(const Plan& plan) {
  setpgid(0, 0);
  if (!plan.outlives_us) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != plan.parent) _exit(127);  // it ended before the line above
  }
  if (plan.no_new_privileges) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  struct sigaction usual{};
  usual.sa_handler = SIG_DFL;
  for (int number = 1; number <= kMostSignals; ++number) sigaction(number, &usual, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const bool there = plan.folder == nullptr || chdir(plan.folder) == 0;
  if (there && dup2(plan.input, 0) >= 0 && dup2(plan.output, 1) >= 0 && dup2(plan.errors, 2) >= 0) {
    close_all_but(plan.report);
    execve(plan.program, plan.argv, plan.environment);
  }
  const int problem = errno;
  [[maybe_unused]] const auto written = write(plan.report, &problem, sizeof problem);
  _exit(127);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace

ChildProcess::ChildProcess(const ChildCommand& command) {
  const std::vector<char*> argv = pointers(command.argv), environment = pointers(command.environment);
  Pipe input, output, errors = make_pipe(), report = make_pipe();
  if (command.talks) {
    input = make_pipe();
    output = make_pipe();
  } else {
    input.read = Descriptor(open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  const Plan plan{command.program.c_str(),
                  argv.data(),
                  environment.data(),
                  input.read.get(),
                  command.talks ? output.write.get() : errors.write.get(),
                  errors.write.get(),
                  report.write.get(),
                  getpid(),
                  command.no_new_privileges,
                  command.outlives_us,
                  command.folder.empty() ? nullptr : command.folder.c_str()};
  // A signal that comes before the child has its own mask and handlers is not ours to take there.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_ = fork();
  if (pid_ == 0) become(plan);
  const int fork_problem = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid_ < 0) {
    throw Error("local/absent", command.program + " can't be started: " + std::string(strerrordesc_np(fork_problem)));
  }
  report.write.close();
  int problem = 0;
  ssize_t got = 0;
  do {
    got = read(report.read.get(), &problem, sizeof problem);
  } while (got < 0 && errno == EINTR);
  if (got == sizeof problem) {
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    throw Error("local/absent", command.program + " can't be started: " + std::string(strerrordesc_np(problem)));
  }
  if (command.talks) {
    input_ = nonblocking(input.write);
    output_ = nonblocking(output.read);
  }
  errors_ = nonblocking(errors.read);
  ended_ = Descriptor(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0))).release();
}

ChildProcess::~ChildProcess() {
  if (!status_) {
    signal(SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  for (const int fd : {input_, output_, errors_, ended_}) {
    if (fd >= 0) close(fd);
  }
}

void ChildProcess::close_input() {
  if (input_ >= 0) close(std::exchange(input_, -1));
}

void ChildProcess::signal(int number) const {
  if (!status_) kill(-pid_, number);
}

std::optional<int> ChildProcess::take_end() {
  if (status_) return status_;
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) {
    return std::nullopt;
  }
  // While the leader is a zombie, nobody else can have its group's number.
  kill(-pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  status_ = status;
  return status_;
}

std::string end_text(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    const int number = WTERMSIG(wait_status);
    const char* name = sigdescr_np(number);
    return "was killed by signal " + std::to_string(number) + (name == nullptr ? "" : " (" + std::string(name) + ")");
  }
  return "ended with status " + std::to_string(WEXITSTATUS(wait_status));
}

LineReader::State LineReader::read(int fd, std::vector<std::string>& lines) {
  constexpr int kMostReads = 512;  // others wait
  std::array<char, 65536> buffer;
  State state = fd < 0 ? State::closed : State::open;
  for (int i = 0; i < kMostReads && state == State::open; ++i) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) break;
    if (got <= 0) {
      state = State::closed;
      break;
    }
    std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    for (std::size_t end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
      rest_ += bytes.substr(0, end);
      if (rest_.ends_with('\r')) rest_.pop_back();
      lines.push_back(std::move(rest_));
      rest_.clear();
      bytes.remove_prefix(end + 1);
    }
    rest_ += bytes;
    if (rest_.size() > longest_) {
      rest_.clear();
      return State::too_long;
    }
  }
  if (state == State::closed && !rest_.empty()) lines.push_back(std::exchange(rest_, {}));
  return state;
}

}  // namespace assay
