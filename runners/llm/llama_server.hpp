#pragma once
// A llama-server that assay starts for a GGUF file, asks until it is ready, gives no more calls at a time than it has
// slots, starts again when it dies, and ends when nobody has asked for long. Specs: models.md 8.2. Calls go to it by
// HTTP, over the transport beyond. Thread rule: as LocalProgram.

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runners/llm/child_process.hpp"
#include "runners/llm/local_program.hpp"
#include "runners/llm/local_target.hpp"

namespace assay {

/// What it works with; all of it outlives the server.
struct LlamaParts {
  Transport& beyond;
  SecretStore& secrets;
  ProgramLog& log;
  std::shared_ptr<LocalInbox> inbox;
  std::shared_ptr<std::atomic<std::int64_t>> width;  // calls it may be given, as it has told
  EnvironmentLookup lookup;
  std::function<std::vector<std::string>()> environment;  // of the process, without keys
  std::function<void(const std::string&)> notice;
  std::function<std::uint64_t()> random;
};

class LlamaServer final : public LocalProgram {
 public:
  LlamaServer(LlamaTarget target, LlamaParts parts);

  void send(LocalCall call, LocalTime now) override;
  void cancel(CallId call, int try_no, LocalTime now) override;
  void watch(std::vector<pollfd>& descriptors) const override;
  LocalTime turn(LocalTime now) override;
  void try_again() override;
  void stop(LocalTime now) override;
  bool stopped() const override { return child_ == nullptr; }
  LocalFacts facts(LocalTime now) const override;

 private:
  enum class State { stopped, loading, ready, waiting, held };
  using Probe = void (LlamaServer::*)(const WireReply&, LocalTime);

  void start(LocalTime now);
  void end_child(LocalTime now);
  void hold(const char* sub, const std::string& why);
  void read_errors();
  void on_end(int status, LocalTime now);
  void probe(const std::string& path, Probe then);
  void on_health(const WireReply& reply, LocalTime now);
  void on_props(const WireReply& reply, LocalTime now);
  void forward(LocalTime now);
  void pass_on(LocalCall call);
  void finished(CallId call, int try_no, double tokens_per_s);
  void look_at_prompt(const std::string& body);
  std::string origin() const { return "http://127.0.0.1:" + std::to_string(port_); }

  LlamaTarget target_;
  LlamaParts parts_;
  const std::string secret_;  // its name

  State state_ = State::stopped;
  bool stopping_ = false;  // for good
  std::unique_ptr<ChildProcess> child_;
  std::unique_ptr<LineReader> errors_;
  std::optional<LocalTime> kill_at_;  // it has been asked to end
  std::uint64_t generation_ = 0, probes_ = 0;
  int port_ = 0, ports_tried_ = 0;
  bool bind_failed_ = false, probing_ = false, gpu_ = false;
  LocalTime started_{}, next_probe_{}, start_at_{}, idle_since_{};
  bool told_loading_ = false, told_context_ = false;
  std::deque<LocalTime> deaths_;
  std::string held_sub_, held_;

  std::deque<LocalCall> waiting_;
  std::vector<std::pair<CallId, int>> in_flight_;
  std::int64_t slots_ = 0, context_ = 0;  // as told; 0: not known
  bool vision_ = true;
  double tokens_per_s_ = 0;
};

}  // namespace assay
