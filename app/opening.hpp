#pragma once
// What happens between the command line and the first prompt: settings, folders, what recovery found, pauses that an
// earlier session recorded. Main thread.

#include <cstdint>
#include <string>
#include <vector>

#include "core/model/run_table.hpp"
#include "core/model/settings.hpp"
#include "core/store/store.hpp"
#include "runners/llm/limiter.hpp"

namespace assay {

/// disk_reserve.
std::vector<SettingSpec> opening_settings();
/// $XDG_CONFIG_HOME/assay/settings when there is one, then ASSAY_* of the environment. Throws Error.
void read_settings(Settings& settings);
/// The folder of an experiment file, 0700 when it is made.
void make_folder_for(const std::string& path);
/// Where a file of that name is kept for this user ("history": what was typed); "" when there is no home.
std::string state_file(const std::string& name);

/// What an unclean end left behind (reliability.md 1.6), a line; none after a clean one.
std::vector<std::string> recovery_lines(Store& store);
/// Of an experiment that has just been made: others of the same name that were perhaps meant, with how many runs they
/// hold and how they are opened; a line each.
std::vector<std::string> sibling_lines(const Store& store);
/// The calls in doubt by the names of their runs, and damaged records; a line each.
std::vector<std::string> doubt_lines(Store& store, const RunTable& table);

std::vector<PauseInfo> stored_pauses(Store& store);
/// Whether the machine still runs since the recorded pauses were set.
bool same_boot(Store& store);
/// On disk before anybody waits for it; while the disk is full it is kept with what else waits for room.
void keep_pause(Store& store, const PauseInfo& pause);

/// What the lanes learned, for the next day.
std::vector<LearnedLimits> stored_limits(Store& store);
void keep_limits(Store& store, const std::vector<LearnedLimits>& learned);

}  // namespace assay
