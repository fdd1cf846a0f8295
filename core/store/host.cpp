#include "core/store/host.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>

#include "core/text/error.hpp"
#include "core/text/hash.hpp"

namespace assay {

WallTime wall_now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name[0] ? name.data() : "unknown";
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  file >> id;
  return id.empty() ? "unknown" : id;
}

std::string random_id() {
  std::uint64_t value = 0;
  if (::getrandom(&value, sizeof value, 0) != sizeof value) value = static_cast<std::uint64_t>(wall_now());
  return to_hex(value);
}

std::string network_file_system(const std::string& folder) {
  struct Kind {
    unsigned long magic;
    const char* name;
  };
  constexpr std::array<Kind, 11> kinds = {{{0x6969, "NFS"},
                                           {0x517B, "SMB"},
                                           {0xFF534D42, "CIFS"},
                                           {0xFE534D42, "SMB2"},
                                           {0x0BD00BD0, "Lustre"},
                                           {0x47504653, "GPFS"},
                                           {0x19830326, "BeeGFS"},
                                           {0x00C36400, "Ceph"},
                                           {0x5346414F, "AFS"},
                                           {0x01021997, "9p"},
                                           {0x65735546, "FUSE"}}};
  struct statfs info{};
  if (::statfs(folder.c_str(), &info) != 0) return {};
  for (const Kind& kind : kinds) {
    if ((static_cast<unsigned long>(info.f_type) & 0xFFFFFFFFUL) == kind.magic) return kind.name;
  }
  return {};
}

std::optional<std::uint64_t> free_bytes(const std::string& folder) {
  struct statvfs info{};
  if (::statvfs(folder.c_str(), &info) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::uint64_t file_bytes(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

void sync_folder(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> units = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < units.size()) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes) + " " + units.at(unit);
}

std::string clock_text(WallTime at) {
  const std::time_t seconds = static_cast<std::time_t>(at / 1'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 16> text{};
  std::strftime(text.data(), text.size(), "%H:%M:%S", &parts);
  return text.data();
}

namespace {

struct LockLine {
  std::string pid, host, boot, start;
};

LockLine read_line(int fd) {
  std::array<char, 512> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size() - 1, 0);
  LockLine line;
  std::istringstream(std::string(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0)) >> line.pid >>
      line.host >> line.boot >> line.start;
  return line;
}

std::string minutes_of(const std::string& start) {
  return start.size() > 0 && start.find_first_not_of("0123456789") == std::string::npos && start.size() < 19
             ? clock_text(std::stoll(start)).substr(0, 5)
             : std::string("?");
}

}  // namespace

WriterLock::WriterLock(const std::string& database, const std::string& version, bool take_over) {
  take(database, version, take_over);
}

void WriterLock::take(const std::string& database, const std::string& version, bool take_over) {
  path_ = database + "-lock";
  version_ = version;
  for (;;) {
    fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd_ < 0) {
      throw Error("store", std::string("the lock file can't be opened: ") + std::strerror(errno), path_,
                  "is the folder writable? --read-only opens the experiment without a lock");
    }
    struct flock claim{};
    claim.l_type = F_WRLCK;
    claim.l_whence = SEEK_SET;
    if (::fcntl(fd_, F_OFD_SETLK, &claim) != 0) {
      const int code = errno;
      const LockLine line = read_line(fd_);
      close();
      if (code != EAGAIN && code != EACCES) {
        throw Error("store", std::string("this file system can't lock files: ") + std::strerror(code), path_,
                    "keep the experiment on a local disk");
      }
      const std::string who = line.pid.empty()
                                  ? "open in another program that is just starting"
                                  : "open in pid " + line.pid + " on " + line.host + " since " + minutes_of(line.start);
      throw Error("store", "is " + who, database, "--read-only works beside it");
    }
    // The holder before us may have removed the file between our open and our lock.
    struct stat ours{}, there{};
    if (::fstat(fd_, &ours) == 0 && ::stat(path_.c_str(), &there) == 0 && ours.st_ino == there.st_ino &&
        ours.st_dev == there.st_dev) {
      break;
    }
    close();
  }
  const LockLine line = read_line(fd_);
  fresh_ = line.pid.empty();
  if (!line.host.empty() && line.host != host_name() && !take_over) {
    close();
    throw Error("store", "was left open by pid " + line.pid + " on " + line.host + ", which can't be asked from here",
                database, "when that program is gone: --take-over");
  }
}

void WriterLock::announce() {
  fresh_ = false;
  const std::string line = std::to_string(::getpid()) + " " + host_name() + " " + boot_id() + " " +
                           std::to_string(wall_now()) + " " + version_ + "\n";
  if (::ftruncate(fd_, 0) != 0 || ::pwrite(fd_, line.data(), line.size(), 0) < 0) {
    // A disk too full for one line: the lock itself holds; only its holder's name is missing.
  }
}

void WriterLock::release() {
  if (fd_ >= 0) ::unlink(path_.c_str());
  close();
}

void WriterLock::close() {
  if (fd_ >= 0 && fresh_) ::unlink(path_.c_str());
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

bool DiskReserve::make() {
  if (bytes_ == 0) return true;
  const int fd = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return present_ = false;
  present_ = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes_)) == 0;
  ::close(fd);
  if (!present_) ::unlink(path_.c_str());
  return present_;
}

void DiskReserve::remove() {
  if (bytes_ != 0) ::unlink(path_.c_str());
  present_ = false;
}

}  // namespace assay
