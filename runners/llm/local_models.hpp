#pragma once
// The transport in front of the transport: requests whose URL is a program (local_target.hpp) are answered by processes
// that this starts and looks after, all others go on to the one beyond. A program as a model (exec_pool.hpp) and a
// managed llama-server (llama_server.hpp) are its two kinds. Specs: models.md 2.13, 8.
//
// Promises: one pool for each (argv, workers, env_keys), one server for each (file, slots, ctx, gpu_layers, args),
// whoever asks; no process outlives this object, nor assay however it ends; no key in their environments but those
// that an entry names.
//
// Thread rule: any thread. One thread of its own starts every process (the kernel ends them with it), lives as long as
// the object, and calls what was given to send.

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runners/llm/environment.hpp"
#include "runners/llm/local_program.hpp"
#include "runners/llm/model_entry.hpp"
#include "runners/llm/secret.hpp"
#include "runners/llm/transport.hpp"

namespace assay {

struct LocalOptions {
  EnvironmentLookup lookup;  // PATH, LLAMA_SERVER, what env_keys name
  /// The environment of a program that may see the keys of these variables (child_environment.hpp).
  std::function<std::vector<std::string>(const std::vector<std::string>& env_keys)> environment;
  /// One line for the person at the shell, from any thread.
  std::function<void(const std::string&)> notice;
  std::function<std::uint64_t()> random;  // the key of a server is drawn from it
};

class LocalModels final : public Transport {
 public:
  /// All that is given must outlive it.
  LocalModels(Transport& beyond, SecretStore& secrets, LocalOptions options);
  /// SIGTERM to all programs, SIGKILL to those that still run after 2 s (workers) or 5 s (servers).
  ~LocalModels() override;
  LocalModels(const LocalModels&) = delete;
  LocalModels& operator=(const LocalModels&) = delete;

  void send(WireRequest request, std::function<void(WireReply)> done) override;
  void cancel(CallId call, int try_no) override;
  Lookup lookup(CallId call, int try_no) override { return beyond_.lookup(call, try_no); }
  void settled(CallId call, int try_no) override { beyond_.settled(call, try_no); }

  /// Throws Error "local/absent" or "local/load" when the program behind an entry could not be started: no such
  /// program, for a managed one also no such file or no llama-server.
  void check(const ModelEntry& entry) const;
  /// For ModelEntry::width.
  std::shared_ptr<const std::atomic<std::int64_t>> width(const ModelEntry& entry);
  /// nullopt: not asked for anything yet.
  std::optional<LocalFacts> facts(const ModelEntry& entry) const;
  std::vector<std::string> log(const ModelEntry& entry) const;
  /// Programs that are held may be started again.
  void try_again();

 private:
  struct Slot;  // of one program
  std::shared_ptr<Slot> slot(const std::string& key, std::int64_t width);
  std::shared_ptr<Slot> find(const ModelEntry& entry) const;
  std::vector<std::shared_ptr<Slot>> running() const;
  LocalProgram& program(const std::shared_ptr<Slot>& slot, const std::string& url);
  void run();

  Transport& beyond_;
  SecretStore& secrets_;
  const LocalOptions options_;
  const std::shared_ptr<LocalInbox> inbox_;  // shared with calls that are still on their way
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Slot>, std::less<>> slots_;  // guarded by mutex_; none is ever taken out
  std::atomic<bool> used_{false};                                    // some program has been asked for something
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

/// Resident bytes of processes (/proc/PID/statm).
std::uint64_t resident_bytes(const std::vector<pid_t>& pids);

}  // namespace assay
