#include "runners/process/program_host.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "core/text/error.hpp"

namespace assay {
namespace {

using std::chrono::milliseconds;
using Time = std::chrono::steady_clock::time_point;

constexpr std::uint64_t kInbox = 0;          // what epoll says instead of a program's number
constexpr milliseconds kPatience{1'000};     // between SIGTERM and SIGKILL
constexpr milliseconds kTimeToLeave{1'000};  // between the end of its input and SIGTERM
constexpr milliseconds kEndIsNear{1'000};    // between the end of its output and its own
constexpr milliseconds kLook{50};            // at processes that no pidfd speaks for

/// Kills the groups that stand in its list when its input ends: then assay has, in whatever way.
constexpr const char* kGuard = R"(trap '' INT TERM HUP QUIT
groups=
while read -r change group; do
  case $change in
    +) groups="$groups $group" ;;
    -) left=
       for one in $groups; do [ "$one" = "$group" ] || left="$left $one"; done
       groups=$left ;;
  esac
done
for one in $groups; do kill -s KILL -- "-$one" 2>/dev/null; done
)";

}  // namespace

struct HostedProgram::State {
  explicit State(std::weak_ptr<ProgramHost::Impl> owner) : host(std::move(owner)) {}
  const std::weak_ptr<ProgramHost::Impl> host;
  std::uint64_t id = 0;  // constant once it is asked for

  mutable std::mutex mutex;
  // All below: guarded by mutex.
  std::unique_ptr<ChildProcess> process;  // null: not yet, or no more
  LineReader reader{kLongestLine};
  std::string to_write;
  std::size_t written = 0;
  std::deque<std::string> lines;
  std::size_t unread = 0;  // bytes of lines
  std::string errors;
  bool reads_output = false, reads_errors = false, waits_to_write = false;  // what epoll looks at
  bool output_open = true, too_long = false, silent = false;
  std::string absent;
  std::optional<int> end;
  std::optional<Time> closed_at, term_at, kill_at;
  bool unwanted = false;
  std::function<void()> wake;

  bool has_trouble() const { return !absent.empty() || too_long || end.has_value() || silent; }
};

struct ProgramHost::Impl : std::enable_shared_from_this<ProgramHost::Impl> {
  using State = HostedProgram::State;

  Impl() : epoll(epoll_create1(EPOLL_CLOEXEC)), inbox(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (epoll < 0 || inbox < 0) throw Error("file", "no descriptors left for programs");
    watch(EPOLL_CTL_ADD, inbox, EPOLLIN, kInbox);
  }
  ~Impl() {
    close(epoll);
    close(inbox);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void begin();
  void main();
  void notify() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto put = write(inbox, &one, sizeof one);
  }
  void watch(int change, int fd, std::uint32_t events, std::uint64_t id) const {
    epoll_event event{};
    event.events = events;
    event.data.u64 = id;
    epoll_ctl(epoll, change, fd, &event);
  }
  // Under the program's mutex, any thread.
  void watch_output(State& program) const;
  void flush(State& program) const;

  // The host's thread only.
  void start(State& program, const ChildCommand& command);
  /// False: it has ended.
  bool look_after(State& program, Time now);
  void read_errors(State& program) const;
  void stop_watching(State& program) const;
  static void end_soon(State& program, Time now);
  void tell_guard(char change, pid_t group);
  Time next_turn(Time now) const;

  const int epoll, inbox;
  std::map<std::uint64_t, std::shared_ptr<State>> programs;
  std::unique_ptr<ChildProcess> guard;

  std::mutex mutex;
  // Guarded by mutex.
  std::vector<std::pair<std::shared_ptr<State>, ChildCommand>> wanted;
  bool ending = false, begun = false;
  std::uint64_t last_id = 0;
  std::atomic<std::size_t> alive{0};
  std::thread thread;
};

void ProgramHost::Impl::watch_output(State& program) const {
  const bool wanted_now = program.process && program.output_open && !program.too_long && program.unread < kMostUnread;
  if (wanted_now == program.reads_output || !program.process) return;
  program.reads_output = wanted_now;
  watch(wanted_now ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, program.process->output(), EPOLLIN, program.id);
}

void ProgramHost::Impl::flush(State& program) const {
  if (!program.process) return;
  const int fd = program.process->input();
  while (fd >= 0 && program.written < program.to_write.size()) {
    const ssize_t put =
        ::write(fd, program.to_write.data() + program.written, program.to_write.size() - program.written);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) break;
    if (put <= 0) program.written = program.to_write.size();  // it reads no more; its end is seen elsewhere
    if (put > 0) program.written += static_cast<std::size_t>(put);
  }
  const bool more = fd >= 0 && program.written < program.to_write.size();
  if (!more) {
    program.to_write.clear();
    program.written = 0;
  }
  if (more == program.waits_to_write) return;
  program.waits_to_write = more;
  watch(more ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd, EPOLLOUT, program.id);
}

void ProgramHost::Impl::begin() {
  const std::lock_guard lock(mutex);
  if (begun) return;
  begun = true;
  // SIGPIPE of a program that reads no more; whatever else comes is for the thread of signals.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread = std::thread([this] { main(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void ProgramHost::Impl::tell_guard(char change, pid_t group) {
  if (!guard) {
    ChildCommand command;
    command.program = "/bin/sh";
    command.argv = {"sh", "-c", kGuard};
    command.environment = {"PATH=/usr/bin:/bin"};
    command.outlives_us = true;
    try {
      guard = std::make_unique<ChildProcess>(command);
    } catch (const Error&) {  // without sh programs still end with us; what they have started may not
      return;
    }
  }
  const std::string line = std::string(1, change) + " " + std::to_string(group) + "\n";
  pollfd room{guard->input(), POLLOUT, 0};
  poll(&room, 1, 1000);  // it reads at once; a pipe holds 6,000 lines
  [[maybe_unused]] const auto put = write(guard->input(), line.data(), line.size());
}

void ProgramHost::Impl::start(State& program, const ChildCommand& command) {
  std::function<void()> wake;
  {
    const std::lock_guard lock(program.mutex);
    if (program.unwanted) {
      program.end = 0;
      --alive;
      return;
    }
    try {
      program.process = std::make_unique<ChildProcess>(command);
      tell_guard('+', program.process->pid());
      const ChildProcess& process = *program.process;
      if (process.ended() >= 0) watch(EPOLL_CTL_ADD, process.ended(), EPOLLIN, program.id);
      watch(EPOLL_CTL_ADD, process.errors(), EPOLLIN, program.id);
      program.reads_errors = true;
      watch_output(program);
      flush(program);
    } catch (const Error& error) {
      program.absent = error.message();
      --alive;
      wake = program.wake;
    }
  }
  if (wake) wake();
}

void ProgramHost::Impl::read_errors(State& program) const {
  std::array<char, 16384> buffer;
  while (program.reads_errors) {
    const ssize_t got = read(program.process->errors(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      program.reads_errors = false;
      watch(EPOLL_CTL_DEL, program.process->errors(), 0, 0);
      return;
    }
    program.errors.append(buffer.data(), static_cast<std::size_t>(got));
    if (program.errors.size() > 2 * kErrorsKept) program.errors.erase(0, program.errors.size() - kErrorsKept);
  }
}

/// Closed descriptors leave epoll by themselves, unless a child that was just forked holds a copy.
void ProgramHost::Impl::stop_watching(State& program) const {
  const ChildProcess& process = *program.process;
  if (program.reads_output) watch(EPOLL_CTL_DEL, process.output(), 0, 0);
  if (program.reads_errors) watch(EPOLL_CTL_DEL, process.errors(), 0, 0);
  if (program.waits_to_write) watch(EPOLL_CTL_DEL, process.input(), 0, 0);
  if (process.ended() >= 0) watch(EPOLL_CTL_DEL, process.ended(), 0, 0);
  program.reads_output = program.reads_errors = program.waits_to_write = false;
}

bool ProgramHost::Impl::look_after(State& program, Time now) {
  std::function<void()> wake;
  bool goes_on = true;
  {
    const std::lock_guard lock(program.mutex);
    if (!program.process) return false;
    const std::size_t lines_before = program.lines.size();
    const bool trouble_before = program.has_trouble();
    // Asked first: what it said before its end is all there then, also what is beyond the usual limit of the unread.
    const std::optional<int> end = program.process->take_end();
    if (program.output_open && !program.too_long && (end || program.unread < kMostUnread)) {
      std::vector<std::string> lines;
      const LineReader::State state = program.reader.read(program.process->output(), lines);
      for (std::string& line : lines) {
        program.unread += line.size() + 1;
        program.too_long = program.too_long || line.size() > kLongestLine;
        if (!program.too_long) program.lines.push_back(std::move(line));
      }
      program.too_long = program.too_long || state == LineReader::State::too_long;
      program.output_open = state == LineReader::State::open;
      if (!program.output_open && !program.too_long) program.closed_at = now;
      watch_output(program);
    }
    read_errors(program);  // after its lines: what it wrote before them is there
    flush(program);
    if (end) {
      stop_watching(program);
      tell_guard('-', program.process->pid());
      program.end = end;
      program.process.reset();
      --alive;
      goes_on = false;
    } else if (program.kill_at && now >= *program.kill_at) {
      program.process->signal(SIGKILL);
      program.kill_at = now + kPatience;
    } else if (program.term_at && now >= *program.term_at) {
      program.process->signal(SIGTERM);
      program.term_at.reset();
      program.kill_at = now + kPatience;
    }
    if (program.closed_at && now >= *program.closed_at + kEndIsNear) program.silent = true;
    if (program.lines.size() != lines_before || program.has_trouble() != trouble_before) wake = program.wake;
  }
  if (wake) wake();
  return goes_on;
}

/// Asked to end, if nobody has yet.
void ProgramHost::Impl::end_soon(State& program, Time now) {
  const std::lock_guard lock(program.mutex);
  program.unwanted = true;
  if (!program.process || program.kill_at) return;
  program.term_at.reset();
  program.process->signal(SIGTERM);
  program.kill_at = now + kPatience;
}

Time ProgramHost::Impl::next_turn(Time now) const {
  Time next = now + std::chrono::hours(1);
  for (const auto& [id, program] : programs) {
    const std::lock_guard lock(program->mutex);
    if (!program->process) continue;
    if (program->term_at) next = std::min(next, *program->term_at);
    if (program->kill_at) next = std::min(next, *program->kill_at);
    if (program->closed_at && !program->silent) next = std::min(next, *program->closed_at + kEndIsNear);
    if (program->process->ended() < 0) next = std::min(next, now + kLook);
  }
  return next;
}

void ProgramHost::Impl::main() {
  std::array<epoll_event, 256> events;
  Time next = std::chrono::steady_clock::now();
  bool over = false;
  while (!over || !programs.empty()) {
    const auto left = std::chrono::ceil<milliseconds>(next - std::chrono::steady_clock::now()).count();
    const int n = epoll_wait(epoll, events.data(), static_cast<int>(events.size()),
                             static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000)));
    const Time now = std::chrono::steady_clock::now();
    bool all = now >= next;
    for (int i = 0; i < n; ++i) {
      const std::uint64_t id = events[static_cast<std::size_t>(i)].data.u64;
      if (id == kInbox) {
        std::uint64_t count = 0;
        [[maybe_unused]] const auto got = read(inbox, &count, sizeof count);
        all = true;
      } else if (const auto found = programs.find(id); found != programs.end()) {
        if (!look_after(*found->second, now)) {
          programs.erase(found);
          continue;
        }
        const std::lock_guard lock(found->second->mutex);
        if (found->second->closed_at) next = std::min(next, now + kEndIsNear);
      }
    }
    if (!all) continue;
    std::vector<std::pair<std::shared_ptr<State>, ChildCommand>> to_start;
    {
      const std::lock_guard lock(mutex);
      to_start = std::exchange(wanted, {});
      over = ending;
    }
    for (auto& [program, command] : to_start) {
      programs.emplace(program->id, program);
      start(*program, command);
    }
    std::erase_if(programs, [&](const auto& entry) {
      if (over) end_soon(*entry.second, now);
      return !look_after(*entry.second, now);
    });
    // What has a time is set by others only together with a notice, which brings us here.
    next = next_turn(now);
  }
  guard.reset();
}

HostedProgram::~HostedProgram() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->wake = {};
    if (state_->unwanted) return;  // it has been told to end
  }
  terminate();
}

void HostedProgram::send(std::string_view line) {
  const std::lock_guard lock(state_->mutex);
  if (state_->end || state_->unwanted) return;
  state_->to_write += line;
  state_->to_write += '\n';
  if (const auto host = state_->host.lock()) host->flush(*state_);
}

std::optional<std::string> HostedProgram::next_line() {
  const std::lock_guard lock(state_->mutex);
  if (state_->lines.empty()) return std::nullopt;
  std::string line = std::move(state_->lines.front());
  state_->lines.pop_front();
  state_->unread -= line.size() + 1;
  if (const auto host = state_->host.lock()) host->watch_output(*state_);
  return line;
}

bool HostedProgram::has_news() const {
  const std::lock_guard lock(state_->mutex);
  return !state_->lines.empty() || state_->has_trouble();
}

std::optional<HostedProgram::Trouble> HostedProgram::trouble() const {
  const std::lock_guard lock(state_->mutex);
  using Kind = Trouble::Kind;
  if (!state_->absent.empty()) return Trouble{Kind::absent, state_->absent, 0};
  if (!state_->lines.empty()) return std::nullopt;
  if (state_->too_long) return Trouble{Kind::too_long, {}, 0};
  if (state_->end) return Trouble{Kind::ended, end_text(*state_->end), *state_->end};
  if (state_->silent) return Trouble{Kind::closed, {}, 0};
  return std::nullopt;
}

std::string HostedProgram::take_errors() {
  const std::lock_guard lock(state_->mutex);
  std::string errors = std::exchange(state_->errors, {});
  if (errors.size() > kErrorsKept) errors.erase(0, errors.size() - kErrorsKept);
  return errors;
}

void HostedProgram::listen(std::function<void()> wake) {
  const std::lock_guard lock(state_->mutex);
  state_->wake = std::move(wake);
}

void HostedProgram::terminate() {
  const auto host = state_->host.lock();
  {
    const std::lock_guard lock(state_->mutex);
    if (!host || state_->end || !state_->absent.empty() || state_->kill_at) return;
    state_->unwanted = true;
    state_->term_at.reset();
    state_->kill_at = std::chrono::steady_clock::now() + kPatience;
    if (state_->process) state_->process->signal(SIGTERM);
  }
  host->notify();
}

void HostedProgram::retire() {
  const auto host = state_->host.lock();
  {
    const std::lock_guard lock(state_->mutex);
    if (!host || state_->unwanted || !state_->process) return;
    state_->unwanted = true;
    if (state_->waits_to_write) host->watch(EPOLL_CTL_DEL, state_->process->input(), 0, 0);
    state_->waits_to_write = false;
    state_->process->close_input();
    state_->term_at = std::chrono::steady_clock::now() + kTimeToLeave;
  }
  host->notify();
}

ProgramHost::ProgramHost() : impl_(std::make_shared<Impl>()) {}

ProgramHost::~ProgramHost() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->ending = true;
    if (!impl_->begun) return;
  }
  impl_->notify();
  impl_->thread.join();
}

std::unique_ptr<HostedProgram> ProgramHost::start(ChildCommand command) {
  impl_->begin();
  command.talks = true;
  const auto state = std::make_shared<HostedProgram::State>(impl_);
  ++impl_->alive;
  {
    const std::lock_guard lock(impl_->mutex);
    state->id = ++impl_->last_id;
    impl_->wanted.emplace_back(state, std::move(command));
  }
  impl_->notify();
  return std::unique_ptr<HostedProgram>(new HostedProgram(state));
}

std::size_t ProgramHost::running() const { return impl_->alive; }

}  // namespace assay
