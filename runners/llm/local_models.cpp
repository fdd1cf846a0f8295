#include "runners/llm/local_models.hpp"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "core/text/error.hpp"
#include "runners/llm/exec_pool.hpp"
#include "runners/llm/llama_server.hpp"
#include "runners/llm/local_target.hpp"

namespace assay {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// One program and what others may see of it.
struct LocalModels::Slot {
  Slot(std::string name, const SecretStore& secrets, std::int64_t first_width)
      : key(std::move(name)), log(secrets), width(std::make_shared<std::atomic<std::int64_t>>(first_width)) {}
  const std::string key;
  ProgramLog log;
  const std::shared_ptr<std::atomic<std::int64_t>> width;
  std::unique_ptr<LocalProgram> program;  // the thread's own
  std::mutex mutex;
  std::optional<LocalFacts> facts;  // guarded by mutex
};

namespace {

struct Identity {
  std::string key, url;
  std::int64_t width = 1;
};

std::optional<Identity> identity_of(const ModelEntry& entry) {
  if (entry.type == "exec") {
    const ExecTarget target = exec_target(entry);
    const std::string url = url_of(target);
    return Identity{url, url, target.workers};
  }
  if (!entry.managed()) return std::nullopt;
  const LlamaTarget target = llama_target(entry);
  return Identity{target.key(), url_of(target), target.server.slots.value_or(1)};
}

}  // namespace

LocalModels::LocalModels(Transport& beyond, SecretStore& secrets, LocalOptions options)
    : beyond_(beyond), secrets_(secrets), options_(std::move(options)), inbox_(std::make_shared<LocalInbox>()) {
  thread_ = std::thread([this] { run(); });
}

LocalModels::~LocalModels() {
  stop_.store(true);
  inbox_->post([] {});
  thread_.join();
}

std::shared_ptr<LocalModels::Slot> LocalModels::slot(const std::string& key, std::int64_t width) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Slot>& found = slots_[key];
  if (!found) found = std::make_shared<Slot>(key, secrets_, width);
  return found;
}

std::shared_ptr<LocalModels::Slot> LocalModels::find(const ModelEntry& entry) const {
  const auto identity = identity_of(entry);
  if (!identity) return nullptr;
  const std::lock_guard lock(mutex_);
  const auto found = slots_.find(identity->key);
  return found == slots_.end() ? nullptr : found->second;
}

/// Of the programs that have been asked for something. The thread's own.
std::vector<std::shared_ptr<LocalModels::Slot>> LocalModels::running() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Slot>> all;
  for (const auto& [key, slot] : slots_) {
    if (slot->program) all.push_back(slot);
  }
  return all;
}

LocalProgram& LocalModels::program(const std::shared_ptr<Slot>& slot, const std::string& url) {
  if (slot->program) return *slot->program;
  if (auto exec = exec_target(url)) {
    auto environment = [this, keys = exec->env_keys] { return options_.environment(keys); };
    slot->program = std::make_unique<ExecPool>(std::move(*exec), options_.lookup, std::move(environment), slot->log);
  } else {
    LlamaParts parts{beyond_,
                     secrets_,
                     slot->log,
                     inbox_,
                     slot->width,
                     options_.lookup,
                     [this] { return options_.environment({}); },
                     options_.notice,
                     options_.random};
    slot->program = std::make_unique<LlamaServer>(llama_target(url).value(), std::move(parts));
  }
  return *slot->program;
}

void LocalModels::send(WireRequest request, std::function<void(WireReply)> done) {
  if (!is_local_url(request.url)) return beyond_.send(std::move(request), std::move(done));
  used_.store(true, std::memory_order_relaxed);
  const auto exec = exec_target(request.url);
  const auto llama = llama_target(request.url);
  const auto slot =
      this->slot(exec ? request.url : llama->key(), exec ? exec->workers : llama->server.slots.value_or(1));
  // In a shared_ptr because std::function wants to be copied.
  auto call = std::make_shared<LocalCall>(LocalCall{std::move(request), std::move(done), Steady::now()});
  inbox_->post([this, slot, call] { program(slot, call->request.url).send(std::move(*call), Steady::now()); });
}

void LocalModels::cancel(CallId call, int try_no) {
  beyond_.cancel(call, try_no);
  if (!used_.load(std::memory_order_relaxed)) return;
  inbox_->post([this, call, try_no] {
    for (const auto& slot : running()) slot->program->cancel(call, try_no, Steady::now());
  });
}

void LocalModels::check(const ModelEntry& entry) const {
  if (entry.type == "exec") {
    const ExecTarget target = exec_target(entry);
    if (target.argv.empty()) throw Error("bad_request", entry.name + " names no program");
    try {
      find_program(target.argv.front(), options_.lookup);
    } catch (const Error& error) {
      throw Error(error.kind(), entry.name + " can't be started: " + error.message(), "",
                  "the program of a model is a path, or a name in PATH, and executable (chmod +x)");
    }
  } else if (entry.managed()) {
    gguf_identity(entry.local_server.path);
    find_llama_server(llama_target(entry), options_.lookup);
  }
}

std::shared_ptr<const std::atomic<std::int64_t>> LocalModels::width(const ModelEntry& entry) {
  const auto identity = identity_of(entry);
  if (!identity) return nullptr;
  return slot(identity->key, identity->width)->width;
}

std::optional<LocalFacts> LocalModels::facts(const ModelEntry& entry) const {
  const auto slot = find(entry);
  if (!slot) return std::nullopt;
  const std::lock_guard lock(slot->mutex);
  return slot->facts;
}

std::vector<std::string> LocalModels::log(const ModelEntry& entry) const {
  const auto slot = find(entry);
  return slot ? slot->log.lines() : std::vector<std::string>();
}

void LocalModels::try_again() {
  inbox_->post([this] {
    for (const auto& slot : running()) slot->program->try_again();
  });
}

void LocalModels::run() {
  pthread_setname_np(pthread_self(), "local models");
  // SIGPIPE of a program that reads no more; whatever else comes is for the thread of signals.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  bool told = false;
  std::vector<pollfd> descriptors;
  for (;;) {
    for (const auto& work : inbox_->take()) work();
    const std::vector<std::shared_ptr<Slot>> active = running();
    LocalTime now = Steady::now();
    if (stop_.load() && !told) {
      told = true;
      for (const auto& slot : active) slot->program->stop(now);
    }
    LocalTime next = now + std::chrono::hours(1);
    descriptors.assign(1, {inbox_->fd(), POLLIN, 0});
    for (const auto& slot : active) {
      next = std::min(next, slot->program->turn(now));
      slot->program->watch(descriptors);
      LocalFacts facts = slot->program->facts(now);
      const std::lock_guard lock(slot->mutex);
      slot->facts = std::move(facts);
    }
    if (told && std::all_of(active.begin(), active.end(), [](const auto& slot) { return slot->program->stopped(); })) {
      return;
    }
    now = Steady::now();
    const auto wait = std::chrono::ceil<milliseconds>(next - now).count();
    poll(descriptors.data(), descriptors.size(), static_cast<int>(std::clamp<std::int64_t>(wait, 0, 3'600'000)));
  }
}

std::uint64_t resident_bytes(const std::vector<pid_t>& pids) {
  std::uint64_t sum = 0;
  for (const pid_t pid : pids) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
    std::uint64_t size = 0, resident = 0;
    if (file >> size >> resident) sum += resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  }
  return sum;
}

}  // namespace assay
