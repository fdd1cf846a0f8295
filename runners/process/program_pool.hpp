#pragma once
// The processes of one command: lent to one step of one run at a time, kept between them, as many as are needed at the
// same time. Who gets one back broken (a crash, a time limit, a stop in the middle) doesn't: a new one is started for
// the next.
//
// Thread rule: any thread; take on the worker of its step. Outlives what it has lent.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/model/outside_step.hpp"
#include "runners/process/program_host.hpp"

namespace assay {

class ProgramPool {
 public:
  /// `name`: for people. `command`: asked for at each start. `most`: processes at the same time; 0: as many as are
  /// asked for.
  ProgramPool(ProgramHost& host, std::string name, std::function<ChildCommand()> command, std::size_t most);
  /// Lets the idle ones go: they read the end of their input.
  ~ProgramPool();
  ProgramPool(const ProgramPool&) = delete;
  ProgramPool& operator=(const ProgramPool&) = delete;

  class Lease {
   public:
    /// Ends the process, unless it was given back.
    ~Lease();
    Lease(Lease&& other) noexcept = default;
    Lease(const Lease&) = delete;
    HostedProgram& operator*() const { return *program_; }
    HostedProgram* operator->() const { return program_.get(); }
    /// It has served before: its end, if that comes now, need have nothing to do with what it is asked.
    bool used() const { return used_; }
    /// For the next; what it has said that nobody read makes it unfit for that.
    void give_back();

   private:
    friend class ProgramPool;
    Lease(ProgramPool& pool, std::unique_ptr<HostedProgram> program, bool used)
        : pool_(&pool), program_(std::move(program)), used_(used) {}
    ProgramPool* pool_;
    std::unique_ptr<HostedProgram> program_;
    bool used_;
  };
  /// An idle process, or a new one (which may turn out to be absent). Waits for one where `most` are lent; throws what
  /// OutsideStep::wait_until does.
  Lease take(OutsideStep& step);
  const std::string& name() const { return name_; }

 private:
  void free_place();
  void wait_for_place(OutsideStep& step, const std::function<void()>& wake);
  void wake_next(std::unique_lock<std::mutex> lock);

  ProgramHost& host_;
  const std::string name_;
  const std::function<ChildCommand()> command_;
  const std::size_t most_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<std::unique_ptr<HostedProgram>> idle_;  // the last given back is the first to be lent
  std::size_t lent_ = 0;
  std::map<std::uint64_t, std::function<void()>> waiting_;  // in the order of their coming
  std::uint64_t last_waiting_ = 0;
};

}  // namespace assay
