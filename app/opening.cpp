#include "app/opening.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "core/store/damage_count.hpp"
#include "core/store/sqlite_store.hpp"
#include "core/text/byte_size.hpp"
#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "core/text/file_there.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

constexpr const char* kLimitsNote = "limits";

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  file >> id;
  return id;
}

std::string folder_of_environment(const char* variable, const char* fallback) {
  const char* set = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): before the first thread
  if (set != nullptr && *set != '\0') return std::string(set) + "/assay";
  const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe)
  return home == nullptr ? std::string() : std::string(home) + fallback;
}

std::string place_text(std::uint32_t step) {
  if (step == 0) return "setup";
  return step == kEvaluateStep ? "evaluate" : "step " + std::to_string(step);
}

void make_folders(const std::string& path) {
  std::filesystem::path built;
  for (const auto& part : std::filesystem::path(path)) {
    built /= part;
    if (!built.empty()) ::mkdir(built.c_str(), 0700);
  }
}

}  // namespace

std::vector<SettingSpec> opening_settings() {
  return {{"disk_reserve", "64MiB",
           "room kept free beside the experiment file, so that answers in flight can be kept; read at the start",
           [](const std::string& text) { parse_bytes(text); }}};
}

void read_settings(Settings& settings) {
  const std::string folder = folder_of_environment("XDG_CONFIG_HOME", "/.config/assay");
  if (!folder.empty() && file_is_there(folder + "/settings")) settings.read_file(folder + "/settings");
  // $ASSAY_MODELS names a file of models (models.md 1); the setting `models` has no variable.
  std::vector<const char*> variables;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with("ASSAY_MODELS=")) variables.push_back(*variable);
  }
  variables.push_back(nullptr);
  settings.read_environment(variables.data());
}

void make_folder_for(const std::string& path) {
  if (path == ":memory:") return;
  const std::string folder = std::filesystem::path(path).parent_path().string();
  if (!folder.empty()) make_folders(folder);
}

std::string state_file(const std::string& name) {
  const std::string folder = folder_of_environment("XDG_STATE_HOME", "/.local/state/assay");
  if (folder.empty()) return {};
  make_folders(folder);
  return folder + "/" + name;
}

std::vector<std::string> recovery_lines(Store& store) {
  const Recovery& found = store.recovery();
  std::vector<std::string> lines;
  if (found.unclean) {
    std::string line = "recovered " + store.path() + ": the last program (pid " + std::to_string(found.pid) +
                       (found.host.empty() ? "" : ", " + found.host) + ") ended without closing";
    if (found.last_record != 0) line += "; last record " + format_clock(found.last_record);
    if (found.restarted) line += "; the machine restarted since";
    line += ". Kept: " + counted(found.runs, "run", "runs") + ", " + counted(found.calls, "call", "calls") + ". " +
            counted(found.resumable, "run goes", "runs go") + " on from where they were.";
    lines.push_back(line);
  }
  return lines;
}

std::vector<std::string> sibling_lines(const Store& store) {
  std::vector<std::string> lines;
  if (!store.recovery().created || store.path() == ":memory:") return lines;
  std::string base = std::filesystem::path(store.path()).filename().string();
  if (base.ends_with(".assay")) base.resize(base.size() - std::string_view(".assay").size());
  for (const auto& [path, opens] : {std::pair("saves/" + base + ".assay", base),
                                    std::pair(base + ".assay", base + ".assay"), std::pair(base, "./" + base)}) {
    std::error_code problem;
    if (!std::filesystem::is_regular_file(path, problem) || std::filesystem::equivalent(path, store.path(), problem))
      continue;
    try {
      StoreOptions options;
      options.path = path;
      options.read_only = true;
      const RunId runs = open_sqlite_store(options)->next_run();
      if (runs > 0) {
        lines.push_back("new experiment " + store.path() + "; " + path + " holds " + counted(runs, "run", "runs") +
                        ": `assay " + opens + "` opens it");
      }
    } catch (const Error&) {  // no experiment, or one that can't be read now: nothing is known of it
      continue;
    }
  }
  return lines;
}

std::vector<std::string> doubt_lines(Store& store, const RunTable& table) {
  const Recovery& found = store.recovery();
  std::vector<std::string> lines;
  if (found.unclean && found.in_doubt > 0) {
    std::string doubt =
        counted(found.in_doubt, "call", "calls") + " in doubt (at most " + format_usd(found.in_doubt_max) + "):";
    std::size_t shown = 0;
    const RunTable::Reader names = table.read();
    for (const CallRecord& call : store.calls_in_doubt()) {
      if (call.doubt != CallDoubt::crash || call.state != CallState::sent) continue;
      if (++shown > 3) break;
      doubt += (shown > 1 ? ", " : " ") + std::string(names.name(call.run)) + " " + place_text(call.step) +
               (call.key.empty() ? "" : " " + call.key) + " " + call.model + " " + format_clock(call.last_try.sent_at);
    }
    if (found.in_doubt > 3) doubt += " ..";
    lines.push_back(doubt + "; `calls --in-doubt` lists them");
  }
  if (const std::size_t damaged = damaged_records(store); damaged > 0) {
    lines.push_back(counted(damaged, "record", "records") +
                    " damaged and set aside: `check` names them; `ls err:damaged` shows their runs");
  }
  return lines;
}

std::vector<PauseInfo> stored_pauses(Store& store) {
  std::vector<PauseInfo> pauses;
  for (const StoredPause& stored : store.pauses()) {
    const PutPause& pause = stored.pause;
    pauses.push_back(
        {pause.lane, pause.reason, pause.source, pause.set_at, pause.until, pause.duration_ms, pause.until_boot_us});
  }
  return pauses;
}

bool same_boot(Store& store) {
  const std::vector<StoredPause> pauses = store.pauses();
  return !pauses.empty() && pauses.back().pause.boot_id == boot_id();
}

void keep_pause(Store& store, const PauseInfo& pause) {
  const PutPause stored{pause.lane,  pause.reason,      pause.source, pause.set_at,
                        pause.until, pause.duration_ms, boot_id(),    pause.until_boot_us};
  try {
    store.write({stored});
  } catch (const Error&) {
    store.submit({stored}, {});
  }
}

std::vector<LearnedLimits> stored_limits(Store& store) { return learned_limits_from_text(store.note(kLimitsNote)); }

void keep_limits(Store& store, const std::vector<LearnedLimits>& learned) {
  if (store.read_only() || (learned.empty() && store.note(kLimitsNote).empty())) return;
  std::string text = to_text(learned);
  if (text != store.note(kLimitsNote)) store.submit({PutNote{kLimitsNote, std::move(text)}}, {});
}

}  // namespace assay
