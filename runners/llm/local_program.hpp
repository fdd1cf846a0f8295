#pragma once
// What the programs behind models have in common: they take calls, have processes to look after, and say things that
// are kept. One thread of LocalModels owns them all and gives each its turn; nothing in a turn waits.
//
// Thread rule: ProgramLog and LocalInbox any thread, the rest LocalModels' own.

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "runners/llm/secret.hpp"
#include "runners/llm/transport.hpp"

namespace assay {

using LocalTime = std::chrono::steady_clock::time_point;

/// The last 200 lines that a program has said, keys taken out, at most 2,000 bytes each.
class ProgramLog {
 public:
  explicit ProgramLog(const SecretStore& secrets) : secrets_(secrets) {}
  void add(std::string_view line);
  std::vector<std::string> lines() const;
  /// Of what it said (our own remarks begin with "assay: "): the last line that speaks of an error, else the last.
  std::string last_error() const;
  void clear();

 private:
  const SecretStore& secrets_;
  mutable std::mutex mutex_;
  std::deque<std::string> lines_;  // guarded by mutex_
};

/// What `models` shows of a program.
struct LocalFacts {
  std::string state;    // "not started", "loading 3 s", "running", "held: ..", ..
  std::string address;  // of a server that runs
  std::vector<pid_t> pids;
  std::int64_t slots = 0, context = 0;  // context of one slot; 0: not known
  double tokens_per_s = 0;
  bool cpu_only = false;
};

/// A call that waits for a program or is in one.
struct LocalCall {
  WireRequest request;
  std::function<void(WireReply)> done;
  LocalTime came;
  bool is(CallId call, int try_no) const { return request.call == call && request.try_no == try_no; }
};

/// Ends a call with a fault.
void fail(LocalCall& call, WireFault fault);

/// Work for the owning thread, from any: run in order, in its next turn.
class LocalInbox {
 public:
  LocalInbox();
  ~LocalInbox();
  LocalInbox(const LocalInbox&) = delete;
  LocalInbox& operator=(const LocalInbox&) = delete;
  void post(std::function<void()> work);
  std::vector<std::function<void()>> take();
  int fd() const { return fd_; }

 private:
  int fd_;
  std::mutex mutex_;
  std::vector<std::function<void()>> work_;  // guarded by mutex_
};

class LocalProgram {
 public:
  virtual ~LocalProgram() = default;
  /// The request's URL may tell anew what is not part of the program's identity.
  virtual void send(LocalCall call, LocalTime now) = 0;
  /// What has not been answered yet is not; nothing happens for a call it has not.
  virtual void cancel(CallId call, int try_no, LocalTime now) = 0;
  virtual void watch(std::vector<pollfd>& descriptors) const = 0;
  /// Looks after its processes; when it wants its next turn at the latest.
  virtual LocalTime turn(LocalTime now) = 0;
  /// What a person put right may be tried again.
  virtual void try_again() {}
  /// No more calls: ends its processes in the following turns.
  virtual void stop(LocalTime now) = 0;
  virtual bool stopped() const = 0;
  virtual LocalFacts facts(LocalTime now) const = 0;
};

}  // namespace assay
