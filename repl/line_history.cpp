#include "repl/line_history.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "core/text/atomic_file.hpp"
#include "core/text/error.hpp"
#include "repl/terminal.hpp"

namespace assay {

namespace {

std::string escape_entry(std::string_view entry) {
  std::string out;
  for (const char c : entry) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c != '\0') {
      out += c;
    }
  }
  return out + "\n";
}

std::string unescape_entry(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size() && (line[i + 1] == '\\' || line[i + 1] == 'n')) {
      out += line[++i] == 'n' ? '\n' : '\\';
    } else if (line[i] != '\0') {
      out += line[i];
    }
  }
  return out;
}

[[noreturn]] void fail(const std::string& path, int error) {
  throw Error("file", std::system_category().message(error), path, "history is kept in memory only");
}

void make_folder(const std::filesystem::path& folder) {
  if (folder.empty() || std::filesystem::exists(folder)) return;
  make_folder(folder.parent_path());
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) fail(folder.string(), errno);
}

}  // namespace

LineHistory LineHistory::open(const std::string& path) {
  LineHistory history;
  make_folder(std::filesystem::path(path).parent_path());
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) fail(path, errno);
  struct stat info{};
  const bool plain_file = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  if (plain_file && (info.st_mode & 077) != 0) fchmod(fd, 0600);
  ::close(fd);
  if (!plain_file) throw Error("file", "is not a regular file", path, "history is kept in memory only");

  std::ifstream in(path, std::ios::binary);
  std::string line;
  while (std::getline(in, line)) {
    std::string entry = unescape_entry(line);
    if (!entry.empty()) history.entries_.push_back(std::move(entry));
  }
  const std::size_t count = history.entries_.size();
  if (count > kMaxHistoryEntries) {
    history.entries_.erase(history.entries_.begin(),
                           history.entries_.end() - static_cast<std::ptrdiff_t>(kMaxHistoryEntries));
  }
  if (count > 2 * kMaxHistoryEntries) {
    std::string bytes;
    for (const std::string& entry : history.entries_) bytes += escape_entry(entry);
    write_file(path, bytes, {.compress_by_name = false});
  }
  history.path_ = path;
  return history;
}

bool LineHistory::add(std::string_view entry) {
  if (entry.empty() || entry.front() == ' ' || entry.find_first_not_of(" \t\n") == std::string_view::npos) return false;
  if (!entries_.empty() && entries_.back() == entry) return false;
  entries_.emplace_back(entry);
  if (path_.empty()) return true;
  const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd >= 0) {
    write_fully(fd, escape_entry(entry));
    ::close(fd);
  }
  return true;
}

}  // namespace assay
