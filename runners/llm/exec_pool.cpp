#include "runners/llm/exec_pool.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/text/error.hpp"
#include "core/text/json.hpp"
#include "runners/llm/reply_json.hpp"

namespace assay {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPatience{2'000};  // between SIGTERM and SIGKILL
constexpr milliseconds kEndIsNear{1'000};
constexpr milliseconds kLook{50};  // at processes that no pidfd speaks for
constexpr int kMostGarbage = 100;
constexpr std::size_t kLongestComplaint = 64U << 10U;
constexpr std::size_t kShown = 200;

/// {"id","model","messages","params","epoch"} of a request's body (providers/exec.cpp).
std::string line_of(const WireRequest& request, const std::string& id) {
  const Json body = parse_json(request.body, "request");
  Json line = Json::object({{"id", id}});
  for (const char* name : {"model", "messages", "params", "epoch"}) {
    if (const auto found = body.find(name); found != body.end()) line[name] = *found;
  }
  return dump_json(line) + "\n";
}

std::int64_t since(LocalTime begin, LocalTime now) {
  return std::chrono::duration_cast<std::chrono::microseconds>(now - begin).count();
}

}  // namespace

struct ExecPool::Worker {
  explicit Worker(const ChildCommand& command) : process(command) {}
  ChildProcess process;
  LineReader output{16U << 20U}, errors{kLongestComplaint};
  bool output_open = true, errors_open = true;
  std::optional<LocalCall> call;
  std::string id, to_write;
  std::size_t written = 0;
  LocalTime began{};
  std::optional<LocalTime> first_byte, closed_at;  // closed_at: of its output
  int garbage = 0;                                 // lines in a row
  bool answered = false;                           // a call, at some time
  bool over = false;                               // it has ended, and all that it said has been read
  std::optional<LocalTime> kill_at;                // it has been asked to end
};

ExecPool::ExecPool(ExecTarget target, EnvironmentLookup lookup, std::function<std::vector<std::string>()> environment,
                   ProgramLog& log)
    : target_(std::move(target)), lookup_(std::move(lookup)), environment_(std::move(environment)), log_(log) {}

ExecPool::~ExecPool() = default;

void ExecPool::send(LocalCall call, LocalTime) {
  if (stopping_) return fail(call, {"cancelled", "", "the program is being ended", false});
  queue_.push_back(std::move(call));
}

void ExecPool::cancel(CallId call, int try_no, LocalTime now) {
  std::erase_if(queue_, [&](const LocalCall& one) { return one.is(call, try_no); });
  for (const auto& worker : workers_) {
    if (!worker->call || !worker->call->is(call, try_no)) continue;
    worker->call.reset();
    dismiss(*worker, now);
  }
}

void ExecPool::watch(std::vector<pollfd>& descriptors) const {
  for (const auto& worker : workers_) {
    const ChildProcess& process = worker->process;
    if (worker->output_open) descriptors.push_back({process.output(), POLLIN, 0});
    if (worker->errors_open) descriptors.push_back({process.errors(), POLLIN, 0});
    if (process.ended() >= 0) descriptors.push_back({process.ended(), POLLIN, 0});
    if (worker->written < worker->to_write.size()) descriptors.push_back({process.input(), POLLOUT, 0});
  }
}

LocalTime ExecPool::turn(LocalTime now) {
  for (const auto& worker : workers_) look_after(*worker, now);
  std::erase_if(workers_, [](const auto& worker) { return worker->over; });
  assign(now);
  LocalTime next = now + std::chrono::hours(1);
  for (const auto& worker : workers_) {
    if (worker->kill_at) next = std::min(next, std::max(*worker->kill_at, now + milliseconds(1)));
    if (worker->process.ended() < 0) next = std::min(next, now + kLook);
    if (worker->closed_at && !worker->kill_at) next = std::min(next, *worker->closed_at + kEndIsNear);
    if (!worker->call) continue;
    const Deadlines& limits = worker->call->request.deadlines;
    if (limits.attempt.count() > 0) next = std::min(next, worker->began + limits.attempt);
    if (limits.first_byte.count() > 0 && !worker->first_byte) next = std::min(next, worker->began + limits.first_byte);
  }
  return next;
}

void ExecPool::start_worker() {
  ChildCommand command;
  command.argv = target_.argv;
  command.program = find_program(target_.argv.front(), lookup_);
  command.environment = environment_();
  workers_.push_back(std::make_unique<Worker>(command));
}

/// Waiting calls to idle processes, new ones as long as there may be more.
void ExecPool::assign(LocalTime now) {
  while (!queue_.empty()) {
    const auto idle = std::find_if(workers_.begin(), workers_.end(), [](const auto& worker) {
      return !worker->call && !worker->kill_at && worker->output_open;
    });
    if (idle != workers_.end()) {
      LocalCall call = std::move(queue_.front());
      queue_.pop_front();
      give(**idle, std::move(call), now);
      continue;
    }
    const auto running =
        std::count_if(workers_.begin(), workers_.end(), [](const auto& worker) { return !worker->kill_at; });
    if (running >= target_.workers) return;
    try {
      start_worker();
    } catch (const Error& error) {
      log_.add("assay: " + error.message());
      fail(queue_.front(), {"local", "absent", error.message(), false});
      queue_.pop_front();
    }
  }
}

void ExecPool::give(Worker& worker, LocalCall call, LocalTime now) {
  worker.id = std::to_string(call.request.call) + "." + std::to_string(call.request.try_no);
  try {
    worker.to_write = line_of(call.request, worker.id);
  } catch (const Error& error) {  // nested more deeply than we read back
    return fail(call, {"bad_request", "", error.message(), false});
  }
  worker.written = 0;
  worker.began = now;
  worker.first_byte.reset();
  worker.call = std::move(call);
  write_to(worker);
}

void ExecPool::write_to(Worker& worker) {
  while (worker.written < worker.to_write.size()) {
    const ssize_t put = ::write(worker.process.input(), worker.to_write.data() + worker.written,
                                worker.to_write.size() - worker.written);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EPIPE) worker.to_write.clear();  // it reads no more; its end is seen elsewhere
    if (put <= 0) return;
    worker.written += static_cast<std::size_t>(put);
  }
}

void ExecPool::look_after(Worker& worker, LocalTime now) {
  // Asked first: what it said before its end is all there then.
  const std::optional<int> end = worker.process.take_end();
  std::vector<std::string> lines;
  if (worker.errors_open) {
    worker.errors_open = worker.errors.read(worker.process.errors(), lines) != LineReader::State::closed;
    for (const std::string& line : lines) log_.add(line);
    lines.clear();
  }
  if (worker.output_open) {
    const LineReader::State state = worker.output.read(worker.process.output(), lines);
    worker.output_open = state != LineReader::State::closed;
    for (const std::string& line : lines) take_line(worker, line, now);
    if (state == LineReader::State::too_long) {
      fail_call(worker, {"bad_response", "too_big", "a line of more than 16 MiB", true});
      dismiss(worker, now);
    }
  }
  if (end) {
    worker.over = true;
    const std::string what = target_.argv.front() + " " + end_text(*end);
    if (!worker.kill_at) log_.add("assay: process " + std::to_string(worker.process.pid()) + " " + end_text(*end));
    if (worker.call && worker.written == 0 && worker.answered) {
      queue_.push_front(std::move(*worker.call));  // it had gone before there was this call
      worker.call.reset();
    }
    return fail_call(worker, {"local", "died", what, true});
  }
  if (worker.kill_at) {
    if (now >= *worker.kill_at) {
      worker.process.signal(SIGKILL);
      worker.kill_at = now + kPatience;
    }
    return;
  }
  write_to(worker);
  if (!worker.output_open) {
    // Usually its end, which is a better reason, is a moment away.
    if (!worker.closed_at) worker.closed_at = now;
    if (now < *worker.closed_at + kEndIsNear) return;
    fail_call(worker, {"local", "died", target_.argv.front() + " closed its output", true});
    return dismiss(worker, now);
  }
  if (!worker.call) return;
  const Deadlines& limits = worker.call->request.deadlines;
  const bool late = limits.attempt.count() > 0 && now >= worker.began + limits.attempt;
  const bool silent = limits.first_byte.count() > 0 && !worker.first_byte && now >= worker.began + limits.first_byte;
  if (!late && !silent) return;
  fail_call(worker, {"timeout", late ? "attempt" : "first_byte",
                     target_.argv.front() + " did not answer within " +
                         std::to_string((late ? limits.attempt : limits.first_byte).count()) + " ms",
                     true});
  dismiss(worker, now);
}

void ExecPool::take_line(Worker& worker, const std::string& line, LocalTime now) {
  if (worker.kill_at) return;  // nobody waits for it any more
  if (line.find_first_not_of(" \t") == std::string::npos) return;
  if (worker.call && !worker.first_byte) worker.first_byte = now;
  const std::optional<Json> value = parse_json_lenient(line);
  if (!value || !value->is_object()) return take_garbage(worker, "no JSON object", line, now);
  if (!worker.call || json_text(json_member(*value, "id")) != worker.id) {
    return take_garbage(worker, "nobody asked this", line, now);
  }
  worker.garbage = 0;
  worker.answered = true;
  WireReply reply;
  reply.body = line;
  const Json* error = json_member(*value, "error");
  if (error == nullptr) {
    reply.http = 200;
  } else if (const Json* wait = error->is_object() ? json_member(*error, "retry_after") : nullptr;
             wait != nullptr && wait->is_number()) {
    reply.headers.push_back({"retry-after", dump_json(*wait), ""});
  }
  answer(worker, std::move(reply), now);
}

void ExecPool::take_garbage(Worker& worker, const std::string& why, const std::string& line, LocalTime now) {
  log_.add("assay: skipped, " + why + ": " + line.substr(0, kShown));
  if (++worker.garbage < kMostGarbage) return;
  fail_call(worker, {"local", "",
                     target_.argv.front() + " printed " + std::to_string(kMostGarbage) +
                         " lines in a row that answer nothing, the last: " + line.substr(0, kShown),
                     true});
  dismiss(worker, now);
}

void ExecPool::answer(Worker& worker, WireReply reply, LocalTime now) {
  reply.t.sent_us = since(worker.call->came, worker.began);
  reply.t.first_byte_us = reply.t.done_us = since(worker.call->came, now);
  reply.t.reused_connection = true;
  LocalCall call = std::move(*worker.call);
  worker.call.reset();
  call.done(std::move(reply));
}

void ExecPool::fail_call(Worker& worker, WireFault fault) {
  if (!worker.call) return;
  LocalCall call = std::move(*worker.call);
  worker.call.reset();
  fail(call, std::move(fault));
}

void ExecPool::dismiss(Worker& worker, LocalTime now) {
  if (worker.kill_at) return;
  worker.process.signal(SIGTERM);
  worker.kill_at = now + kPatience;
}

void ExecPool::stop(LocalTime now) {
  stopping_ = true;
  for (LocalCall& call : queue_) fail(call, {"cancelled", "", "the program is being ended", false});
  queue_.clear();
  for (const auto& worker : workers_) {
    fail_call(*worker, {"cancelled", "", "the program is being ended", true});
    dismiss(*worker, now);
  }
}

LocalFacts ExecPool::facts(LocalTime) const {
  LocalFacts facts;
  for (const auto& worker : workers_) {
    if (!worker->kill_at) facts.pids.push_back(worker->process.pid());
  }
  facts.slots = target_.workers;
  facts.state = facts.pids.empty() ? "not started" : "running";
  return facts;
}

}  // namespace assay
