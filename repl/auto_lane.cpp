#include "repl/auto_lane.hpp"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <thread>

#include "core/text/duration.hpp"
#include "core/text/error.hpp"

namespace assay {
namespace {

namespace fs = std::filesystem;

using std::chrono::milliseconds;

constexpr auto kLook = milliseconds(50);
// Files in a row that bring nothing, before it is taken for more than bad luck: few when they held many calls.
constexpr int kFruitless = 3, kFruitlessCalls = 20, kFruitlessSmall = 12;

/// Worth another attempt at the next look: the way to the provider, not what was sent.
bool passes(const Error& error) {
  for (const char* kind : {"network", "timeout", "server", "overloaded", "rate_limit", "bad_response"}) {
    if (error.kind() == kind) return true;
  }
  return false;
}

std::string runs_text(std::size_t n) {
  return format_count(static_cast<std::int64_t>(n)) + (n == 1 ? " run" : " runs");
}

}  // namespace

WallTime next_time_of_day(const std::string& text, WallTime now) {
  const auto digit = [&](std::size_t i) { return i < text.size() && text[i] >= '0' && text[i] <= '9'; };
  const bool formed = text.size() == 5 && digit(0) && digit(1) && text[2] == ':' && digit(3) && digit(4);
  const int hour = formed ? (text[0] - '0') * 10 + text[1] - '0' : 24;
  const int minute = formed ? (text[3] - '0') * 10 + text[4] - '0' : 60;
  if (hour > 23 || minute > 59) throw Error("usage", "deadline=" + text + " is no time of day", {}, "deadline=07:30");
  const auto seconds = static_cast<std::time_t>(now / 1'000'000);
  for (int days = 0;; ++days) {
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    parts.tm_mday += days;
    parts.tm_hour = hour;
    parts.tm_min = minute;
    parts.tm_sec = 0;
    parts.tm_isdst = -1;
    const WallTime at = static_cast<WallTime>(std::mktime(&parts)) * 1'000'000;
    if (at > now || days > 2) return at;
  }
}

std::vector<RunId> AutoLane::unfinished() const {
  std::vector<RunId> rest;
  const RunTable::Reader table = parts_.table.read();
  for (const RunId run : plan_.runs) {
    const Status status = table.row(run).status;
    if (status == Status::ready || status == Status::incomplete) rest.push_back(run);
  }
  return rest;
}

bool AutoLane::rest(milliseconds duration, bool until_live) const {
  const SteadyTime until = parts_.clock.steady() + duration;
  while (parts_.clock.steady() < until && !(until_live && time_is_up())) {
    if (parts_.interrupted()) return false;
    std::this_thread::sleep_for(std::min(duration, kLook));
  }
  return !parts_.interrupted();
}

bool AutoLane::execute(std::vector<RunId> runs, std::shared_ptr<CallFiles> files) const {
  JobRequest request;
  request.runs = std::move(runs);
  request.width = plan_.width;
  request.files = std::move(files);
  const JobId job = parts_.engine.start(request);
  request.files.reset();
  bool stopping = false;
  parts_.engine.wait(job, SteadyTime::max(), [&] {
    if (parts_.interrupted() && !std::exchange(stopping, true)) parts_.engine.cancel(job);
    return false;
  });
  const JobFacts facts = parts_.engine.facts(job);
  if (facts.state == JobFacts::State::paused && !facts.paused_because.empty()) {
    parts_.engine.cancel(job);
    throw Error("held", "job #" + std::to_string(job) + " paused: " + facts.paused_because, {},
                "nothing is lost; put it right, then the same command again");
  }
  return !parts_.interrupted();
}

std::vector<BulkFileFacts> AutoLane::ours() const {
  const fs::path folder = fs::absolute(plan_.folder).lexically_normal();
  std::vector<BulkFileFacts> files = parts_.desk.list();
  std::erase_if(files, [&](const BulkFileFacts& file) {
    return fs::absolute(file.path).lexically_normal().parent_path() != folder;
  });
  return files;
}

bool AutoLane::out(const BulkFileFacts& file) { return file.waiting > 0 && file.state.starts_with("sent"); }

std::size_t AutoLane::under_way() const {
  const std::vector<BulkFileFacts> files = ours();
  return static_cast<std::size_t>(std::count_if(files.begin(), files.end(), out));
}

void AutoLane::submit() {
  for (const std::string& line : parts_.desk.wait_written()) parts_.tell(line);
  std::vector<std::string> names;
  for (const BulkFileFacts& file : ours()) {
    if (file.batch_id.empty() && file.waiting > 0) names.push_back(file.name);
  }
  if (names.empty()) return;
  try {
    for (const std::string& line : parts_.desk.submit(names, parts_.interrupted)) parts_.tell(line);
  } catch (const Error& error) {
    if (!passes(error)) throw;
    parts_.tell(std::string(error.what()) + "; tried again later");
  }
}

bool AutoLane::collect() {
  std::vector<std::string> names, lines;
  for (const BulkFileFacts& file : ours()) {
    if (out(file)) names.push_back(file.name);
  }
  if (names.empty()) return true;
  BulkImport came;
  try {
    came = parts_.desk.collect(names, lines, parts_.interrupted);
  } catch (const Error& error) {
    if (!passes(error)) throw;
    parts_.tell(std::string(error.what()) + "; asked again later");
    return false;
  }
  bool back = false;
  for (const BulkFileFacts& file : ours()) {
    if (out(file) || std::find(names.begin(), names.end(), file.name) == names.end()) continue;
    back = true;
    const bool nothing = came.answered + came.refused == 0;
    fruitless_ = nothing ? fruitless_ + 1 : 0;
    fruitless_calls_ = nothing ? fruitless_calls_ + file.calls : 0;
    if (file.waiting > 0) parts_.desk.release(file.name, false);
    for (const std::string& line : lines) {
      if (line.starts_with(file.name + ": ")) parts_.tell(line);
    }
    if (fruitless_ >= (fruitless_calls_ >= kFruitlessCalls ? kFruitless : kFruitlessSmall)) {
      throw Error("bulk", "the provider brings nothing for the files: " + lines.front(), {},
                  "`bulk list` shows them; `run_n N` sends the calls live");
    }
  }
  return back;
}

bool AutoLane::wait_for_files() {
  while (!time_is_up()) {
    if (collect()) return true;
    if (!rest(plan_.poll, true)) return false;
    submit();  // what could not be submitted before
  }
  return true;
}

bool AutoLane::go_live() {
  std::vector<std::string> names;
  for (const BulkFileFacts& file : ours()) {
    if (out(file)) names.push_back(file.name);
  }
  if (!names.empty()) {
    parts_.tell("time for the files is up: what is still out is cancelled");
    try {
      for (const std::string& line : parts_.desk.cancel(names, parts_.interrupted)) parts_.tell(line);
    } catch (const Error& error) {
      parts_.tell(error.what());
    }
    // What was answered by then comes with the cancelled batch; that takes minutes.
    const SteadyTime until = parts_.clock.steady() + std::chrono::minutes(10);
    const milliseconds look = std::min<milliseconds>(plan_.poll, std::chrono::seconds(10));
    while (under_way() > 0 && parts_.clock.steady() < until) {
      collect();
      if (under_way() > 0 && !rest(look, false)) return false;
    }
  }
  for (const BulkFileFacts& file : ours()) {
    if (file.waiting > 0) parts_.desk.release(file.name, true);
  }
  const std::vector<RunId> left = unfinished();
  if (left.empty()) return true;
  parts_.tell(runs_text(left.size()) + " go on live");
  return execute(left, nullptr);
}

bool AutoLane::run() {
  if (under_way() > 0) parts_.tell("taking up the files that are with the provider");
  while (!parts_.interrupted()) {
    if (time_is_up()) return go_live();
    if (under_way() > 0 && !wait_for_files()) return false;
    if (time_is_up()) continue;
    const std::vector<RunId> left = unfinished();
    if (left.empty()) return true;
    if (!execute(left, parts_.desk.open(plan_.folder, plan_.batches))) return false;
    submit();
    if (under_way() == 0 && !unfinished().empty() && !rest(plan_.poll, true)) return false;
  }
  return false;
}

}  // namespace assay
