#pragma once
// Where the terminals of an experiment meet: the socket FILE.sock beside its file, 0600, for this user alone. A path
// longer than a socket's name may be (108 bytes) goes through a descriptor of its folder. Any thread.

#include <sys/types.h>

#include <string>

namespace assay {

/// "FILE.sock"
std::string socket_path(const std::string& experiment);

class ListeningSocket {
 public:
  /// Makes the socket; one that a program left behind is replaced (the caller is the file's one writer). Throws Error
  /// "socket" when there can be none here.
  explicit ListeningSocket(const std::string& path);
  /// Removes it, unless another has taken its place.
  ~ListeningSocket();
  ListeningSocket(const ListeningSocket&) = delete;
  ListeningSocket& operator=(const ListeningSocket&) = delete;

  /// The next connection of this user; -1 when there is none (others are turned away). `pid`: who it is.
  int accept(pid_t& pid) const;
  /// Waits for a connection; false when the time is over or shut() was called.
  bool wait(int timeout_ms) const;
  /// Nobody is let in any more; who waits is woken. Any thread.
  void shut() const;

 private:
  const std::string path_;
  int fd_ = -1, folder_ = -1;
  std::string name_;  // within the folder
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

/// A connection to the program behind a socket. Throws Error "socket": none there, nobody listens, another user's.
int connect_to(const std::string& path);
/// Whether a program listens there.
bool is_answered(const std::string& path);

}  // namespace assay
