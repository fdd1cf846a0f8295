#pragma once
// The processes of one program that is a model: each answers one call at a time, one JSON line in, one out; they are
// started when needed and kept. Specs: models.md 2.13. Thread rule: as LocalProgram.

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runners/llm/child_process.hpp"
#include "runners/llm/local_program.hpp"
#include "runners/llm/local_target.hpp"

namespace assay {

class ExecPool final : public LocalProgram {
 public:
  /// `environment`: what the processes get, asked for at each start.
  ExecPool(ExecTarget target, EnvironmentLookup lookup, std::function<std::vector<std::string>()> environment,
           ProgramLog& log);
  ~ExecPool() override;

  void send(LocalCall call, LocalTime now) override;
  void cancel(CallId call, int try_no, LocalTime now) override;
  void watch(std::vector<pollfd>& descriptors) const override;
  LocalTime turn(LocalTime now) override;
  void stop(LocalTime now) override;
  bool stopped() const override { return workers_.empty(); }
  LocalFacts facts(LocalTime now) const override;

 private:
  struct Worker;
  void start_worker();
  void give(Worker& worker, LocalCall call, LocalTime now);
  void assign(LocalTime now);
  void look_after(Worker& worker, LocalTime now);
  void take_line(Worker& worker, const std::string& line, LocalTime now);
  void take_garbage(Worker& worker, const std::string& why, const std::string& line, LocalTime now);
  void write_to(Worker& worker);
  void answer(Worker& worker, WireReply reply, LocalTime now);
  void fail_call(Worker& worker, WireFault fault);
  void dismiss(Worker& worker, LocalTime now);

  const ExecTarget target_;
  EnvironmentLookup lookup_;
  std::function<std::vector<std::string>()> environment_;
  ProgramLog& log_;
  std::deque<LocalCall> queue_;
  std::vector<std::unique_ptr<Worker>> workers_;  // those that are being ended, too
  bool stopping_ = false;
};

}  // namespace assay
