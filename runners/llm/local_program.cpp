#include "runners/llm/local_program.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "core/text/error.hpp"

namespace assay {
namespace {

constexpr std::size_t kLines = 200, kLineBytes = 2000;

/// "exiting due to model loading error" only repeats what stands above it.
bool speaks_of_error(std::string_view line) {
  const auto has = [&](std::string_view word) {
    return std::search(line.begin(), line.end(), word.begin(), word.end(), [](char a, char b) {
             return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
           }) != line.end();
  };
  return (has("error") || has("fail") || has("couldn't")) && !has("exiting due to");
}

}  // namespace

void ProgramLog::add(std::string_view line) {
  std::string text = secrets_.redact(line.substr(0, kLineBytes));
  const std::lock_guard lock(mutex_);
  lines_.push_back(std::move(text));
  if (lines_.size() > kLines) lines_.pop_front();
}

std::vector<std::string> ProgramLog::lines() const {
  const std::lock_guard lock(mutex_);
  return {lines_.begin(), lines_.end()};
}

std::string ProgramLog::last_error() const {
  const std::lock_guard lock(mutex_);
  const auto its_own = [](const std::string& line) { return !line.starts_with("assay: "); };
  auto found = std::find_if(lines_.rbegin(), lines_.rend(),
                            [&](const std::string& line) { return its_own(line) && speaks_of_error(line); });
  if (found == lines_.rend()) found = std::find_if(lines_.rbegin(), lines_.rend(), its_own);
  return found == lines_.rend() ? "it said nothing" : *found;
}

void ProgramLog::clear() {
  const std::lock_guard lock(mutex_);
  lines_.clear();
}

void fail(LocalCall& call, WireFault fault) {
  WireReply reply;
  reply.fault = std::move(fault);
  call.done(std::move(reply));
}

LocalInbox::LocalInbox() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw Error("file", "no descriptors left for the thread of local models");
}

LocalInbox::~LocalInbox() { close(fd_); }

void LocalInbox::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
    if (work_.size() > 1) return;
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(fd_, &one, sizeof one);
}

std::vector<std::function<void()>> LocalInbox::take() {
  std::uint64_t ignored = 0;
  [[maybe_unused]] const auto got = read(fd_, &ignored, sizeof ignored);
  const std::lock_guard lock(mutex_);
  return std::exchange(work_, {});
}

}  // namespace assay
