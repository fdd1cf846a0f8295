#include "experiments/discussion/run_log.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <vector>

#include "core/text/local_time.hpp"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kKeptFiles = 7;
/// As files name them; LogLevel has the first four.
constexpr std::array<std::string_view, 5> kLevels = {"debug", "info", "warning", "error", "critical"};
constexpr std::size_t kLevelWidth = 8;

/// "25-02-12.log"
bool is_log_name(const std::string& name) {
  constexpr std::string_view kForm = "00-00-00.log";
  return name.size() == kForm.size() && std::equal(name.begin(), name.end(), kForm.begin(), [](char c, char form) {
           return form == '0' ? c >= '0' && c <= '9' : c == form;
         });
}

std::string upper(std::string_view word) {
  std::string text(word);
  std::transform(text.begin(), text.end(), text.begin(), [](char c) { return static_cast<char>(c - 'a' + 'A'); });
  return text;
}

}  // namespace

Json to_json(const LogSettings& settings) {
  return Json::object({{"print_to_terminal", settings.print_to_terminal},
                       {"write_to_file", settings.write_to_file},
                       {"folder", settings.folder},
                       {"level", settings.level}});
}

LogSettings log_settings_from(const Json& value) {
  LogSettings settings;
  if (!value.is_object()) return settings;
  settings.print_to_terminal = value.value("print_to_terminal", settings.print_to_terminal);
  settings.write_to_file = value.value("write_to_file", settings.write_to_file);
  settings.folder = value.value("folder", settings.folder);
  settings.level = value.value("level", settings.level);
  return settings;
}

std::optional<std::string> check_log_folder(LogSettings& settings) {
  if (!settings.write_to_file) return std::nullopt;
  std::error_code none;
  while (settings.folder.size() > 1 && settings.folder.ends_with('/')) settings.folder.pop_back();
  const fs::path folder(settings.folder);
  if (!settings.folder.empty() &&
      (fs::is_directory(folder, none) || (!fs::exists(folder, none) && fs::is_directory(folder.parent_path(), none)))) {
    return std::nullopt;
  }
  settings.write_to_file = false;
  if (settings.folder.empty()) return "no log file: `logging` names no logs_dir; logs_dir=FOLDER does";
  return "no log file: neither " + settings.folder + " nor its parent is a folder; logs_dir=FOLDER names another";
}

RunLog::RunLog(LogSettings settings) : settings_(std::move(settings)) {}

void RunLog::line(LogLevel level, std::string_view message, WallTime now) {
  if (!settings_.write_to_file) return;
  const std::string wanted = settings_.level == "warn" ? "warning" : settings_.level;
  const auto least = std::find(kLevels.begin(), kLevels.end(), wanted);
  if (least != kLevels.end() && static_cast<std::size_t>(level) < static_cast<std::size_t>(least - kLevels.begin())) {
    return;
  }
  std::string name = upper(kLevels[static_cast<std::size_t>(level)]);
  name.resize(kLevelWidth, ' ');
  std::string text(message);
  std::replace(text.begin(), text.end(), '\n', ' ');
  const std::string whole = local_time(now, "%Y-%m-%d %H:%M:%S ") + name + " " + text + "\n";
  const std::string file = local_time(now, "%y-%m-%d.log");

  const std::lock_guard lock(mutex_);
  std::error_code none;
  const bool fresh = file != today_;
  if (fresh) fs::create_directory(settings_.folder, none);
  // One write a line: programs that share a file don't mix their lines.
  std::ofstream out(fs::path(settings_.folder) / file, std::ios::app | std::ios::binary);
  out << whole << std::flush;
  if (!fresh) return;
  today_ = file;
  keep_newest();
}

void RunLog::keep_newest() const {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator at(settings_.folder, error), end; !error && at != end; at.increment(error)) {
    if (is_log_name(at->path().filename().string())) files.push_back(at->path());
  }
  std::sort(files.begin(), files.end());
  for (std::size_t i = 0; i + kKeptFiles < files.size(); ++i) fs::remove(files[i], error);
}

}  // namespace assay
