#pragma once
// The process that a person's shell waits for while the program runs as its child, so that `detach` can give the
// terminal back and the program goes on. It waits, hands on signals that were meant for the program, stops when the
// program stops (Ctrl-Z), and ends as the program ends: same status, same signal. It touches neither terminal nor
// files.
//
// Thread rule: the main thread, before any other exists; leave_terminal() later, on the main thread too.

#include <sys/types.h>

#include <memory>

namespace assay {

class FrontProcess {
 public:
  /// Forks: the parent never returns from here. nullptr: the process can't be doubled, the program runs as it is.
  static std::unique_ptr<FrontProcess> start();
  ~FrontProcess();
  FrontProcess(const FrontProcess&) = delete;
  FrontProcess& operator=(const FrontProcess&) = delete;

  pid_t pid() const { return front_; }
  /// The front process ends with status 0, and this one goes on in a session of its own, with /dev/null for its
  /// standard input and outputs.
  void leave_terminal();

 private:
  FrontProcess(int pipe, pid_t front) : pipe_(pipe), front_(front) {}
  int pipe_;
  pid_t front_;
};

}  // namespace assay
