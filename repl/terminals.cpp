#include "repl/terminals.hpp"

#include "core/text/error.hpp"
#include "repl/shell.hpp"

namespace assay {
namespace {

constexpr std::size_t kKept = 20;

}  // namespace

Terminals::~Terminals() {
  stop_background();
  join_background();
}

std::size_t Terminals::add(Shell& shell, TerminalEntry entry) {
  const std::lock_guard lock(mutex_);
  entry.number = next_++;
  known_[entry.number] = {entry, &shell};
  for (const std::string& text : kept_) shell.notice(text);
  for (const JobFacts& facts : kept_jobs_) shell.job_ended(facts);
  kept_.clear();
  kept_jobs_.clear();
  return entry.number;
}

void Terminals::remove(std::size_t number) {
  const std::lock_guard lock(mutex_);
  known_.erase(number);
}

void Terminals::set_does(std::size_t number, const std::string& line) {
  const std::lock_guard lock(mutex_);
  if (const auto found = known_.find(number); found != known_.end()) found->second.entry.does = line;
}

std::vector<TerminalEntry> Terminals::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<TerminalEntry> entries;
  for (const auto& [number, known] : known_) entries.push_back(known.entry);
  return entries;
}

void Terminals::tell(const std::string& text) {
  const std::lock_guard lock(mutex_);
  for (const auto& [number, known] : known_) known.shell->notice(text);
  if (!known_.empty()) return;
  kept_.push_back(text);
  if (kept_.size() > kKept) kept_.pop_front();
}

void Terminals::job_ended(const JobFacts& facts) {
  const std::lock_guard lock(mutex_);
  if (facts.state == JobFacts::State::done) begun_.erase(facts.id);
  for (const auto& [number, known] : known_) known.shell->job_ended(facts);
  if (known_.empty() && kept_jobs_.size() < kKept) kept_jobs_.push_back(facts);
}

void Terminals::began(JobId job, std::size_t number, std::vector<RunId> runs) {
  const std::lock_guard lock(mutex_);
  begun_[job] = {number, std::move(runs)};
}

void Terminals::forget(JobId job) {
  const std::lock_guard lock(mutex_);
  begun_.erase(job);
}

std::size_t Terminals::beginner(JobId job) const {
  const std::lock_guard lock(mutex_);
  const auto found = begun_.find(job);
  return found == begun_.end() ? 0 : found->second.number;
}

std::vector<RunId> Terminals::runs_of(JobId job) const {
  const std::lock_guard lock(mutex_);
  const auto found = begun_.find(job);
  return found == begun_.end() ? std::vector<RunId>() : found->second.runs;
}

void Terminals::in_background(const std::string& name, std::function<void(const std::stop_token&)> work) {
  if (background_busy_.exchange(true)) {
    throw Error("usage", "lane=auto is at work already", {}, "it ends with its runs, or when the program is left");
  }
  const std::lock_guard lock(background_mutex_);
  background_ = std::jthread([this, name, work = std::move(work)](const std::stop_token& stop) {
    try {
      work(stop);
    } catch (const Error& error) {
      tell(name + ": " + error.what() + (error.hint().empty() ? "" : " [" + error.hint() + "]"));
    } catch (const std::exception& error) {
      tell(name + ": " + error.what());
    }
    background_busy_ = false;
  });
}

void Terminals::stop_background() {
  const std::lock_guard lock(background_mutex_);
  background_.request_stop();
}

void Terminals::join_background() {
  const std::lock_guard lock(background_mutex_);
  if (background_.joinable()) background_.join();
}

}  // namespace assay
