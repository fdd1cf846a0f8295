#include "repl/remote/socket_place.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/text/error.hpp"

namespace assay {
namespace {

std::string why(int code) { return strerrordesc_np(code); }

int open_folder(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return ::open(folder.empty() ? "." : folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/// The name of the socket for bind and connect: short, whatever its folder. Throws Error.
sockaddr_un address_in(int folder, const std::string& path) {
  const std::string text =
      "/proc/self/fd/" + std::to_string(folder) + "/" + std::filesystem::path(path).filename().string();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (text.size() >= sizeof address.sun_path) throw Error("socket", "the name is too long for a socket", path);
  std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
  return address;
}

bool peer_is_ours(int fd, pid_t& pid) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  pid = peer.pid;
  return peer.uid == ::geteuid();
}

}  // namespace

std::string socket_path(const std::string& experiment) { return experiment + ".sock"; }

ListeningSocket::ListeningSocket(const std::string& path)
    : path_(path), name_(std::filesystem::path(path).filename().string()) {
  const auto fail = [&](const std::string& what) {
    const std::string reason = what + ": " + why(errno);
    if (fd_ >= 0) ::close(fd_);
    if (folder_ >= 0) ::close(folder_);
    throw Error("socket", reason, path);
  };
  folder_ = open_folder(path);
  if (folder_ < 0) fail("its folder can't be opened");
  struct stat there{};
  if (::fstatat(folder_, name_.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0) {
    if (!S_ISSOCK(there.st_mode)) {
      errno = EEXIST;
      fail("something else is there");
    }
    ::unlinkat(folder_, name_.c_str(), 0);
  }
  fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd_ < 0) fail("no socket");
  sockaddr_un address{};
  try {
    address = address_in(folder_, path);
  } catch (...) {
    ::close(fd_);
    ::close(folder_);
    throw;
  }
  if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail("no socket can be made");
  ::fchmodat(folder_, name_.c_str(), 0600, 0);
  if (::listen(fd_, 16) != 0 || ::fstatat(folder_, name_.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) {
    const int code = errno;
    ::unlinkat(folder_, name_.c_str(), 0);
    errno = code;
    fail("nobody can be let in");
  }
  device_ = there.st_dev;
  inode_ = there.st_ino;
}

ListeningSocket::~ListeningSocket() {
  struct stat there{};
  if (::fstatat(folder_, name_.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 && there.st_dev == device_ &&
      there.st_ino == inode_) {
    ::unlinkat(folder_, name_.c_str(), 0);
  }
  ::close(fd_);
  ::close(folder_);
}

int ListeningSocket::accept(pid_t& pid) const {
  const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) return -1;
  if (peer_is_ours(fd, pid)) return fd;
  ::close(fd);
  return -1;
}

bool ListeningSocket::wait(int timeout_ms) const {
  pollfd wait{fd_, POLLIN, 0};
  return ::poll(&wait, 1, timeout_ms) > 0 && (wait.revents & POLLHUP) == 0;
}

void ListeningSocket::shut() const { ::shutdown(fd_, SHUT_RDWR); }

int connect_to(const std::string& path) {
  const int folder = open_folder(path);
  if (folder < 0) throw Error("socket", "its folder can't be opened: " + why(errno), path);
  int fd = -1;
  int code = 0;
  try {
    const sockaddr_un address = address_in(folder, path);
    fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) code = errno;
  } catch (...) {
    ::close(folder);
    throw;
  }
  ::close(folder);
  pid_t pid = 0;
  if (code == 0 && peer_is_ours(fd, pid)) return fd;
  if (fd >= 0) ::close(fd);
  if (code == 0 || code == EACCES) throw Error("socket", "it is another user's", path);
  throw Error("socket", code == ENOENT || code == ECONNREFUSED ? "no program listens there" : why(code), path);
}

bool is_answered(const std::string& path) {
  try {
    ::close(connect_to(path));
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace assay
