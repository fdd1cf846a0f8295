#pragma once
// A program that assay starts and talks to: pipes, a process group of its own, an end that is noticed, and nothing left
// behind. Specs: models.md 2.13, 8.2.
//
// Promises: no shell, no look-up; no descriptor of ours is open in it but its own three; signals as at the start of any
// program; its group is killed when its leader has ended and when the object goes, and it is always reaped. The kernel
// kills it (PR_SET_PDEATHSIG) when the thread that started it ends, however that comes about: start it from a thread
// that lives as long as it is wanted. What it has started itself outlives that, but reads the end of its input.
//
// Thread rule: one thread at a time, the one that made it; pid() any.

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace assay {

struct ChildCommand {
  std::string program;  // a path; nothing is looked up
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // "NAME=value", the whole of it
  /// Standard input and output are pipes of their own. Else the input is empty and the output goes where errors go.
  bool talks = true;
  bool no_new_privileges = false;  // PR_SET_NO_NEW_PRIVS
  std::string folder = {};         // where it works; "": where assay does
  bool outlives_us = false;        // not killed with the thread that starts it: it sees the end of its input
};

class ChildProcess {
 public:
  /// Starts it; it runs the program when this returns. Throws Error "local/absent" with the path and the reason.
  explicit ChildProcess(const ChildCommand& command);
  /// SIGKILL to its group, if there is still something of it.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // Our ends, non-blocking; -1 when there is none. `ended` becomes readable at its end (-1 where the kernel has no
  // pidfd: ask take_end now and then).
  int input() const { return input_; }
  int output() const { return output_; }
  int errors() const { return errors_; }
  int ended() const { return ended_; }

  /// It reads the end of its input; to be called once.
  void close_input();
  /// To its whole group; nothing once it has been reaped.
  void signal(int number) const;
  /// Once it has ended: what wait(2) says, and the rest of its group is gone. Doesn't wait; the same again later.
  std::optional<int> take_end();

 private:
  pid_t pid_ = -1;
  int input_ = -1, output_ = -1, errors_ = -1, ended_ = -1;
  std::optional<int> status_;
};

/// "ended with status 3", "was killed by signal 11 (Segmentation fault)".
std::string end_text(int wait_status);

/// Lines of a byte stream, without their ends (LF, CRLF).
class LineReader {
 public:
  explicit LineReader(std::size_t longest) : longest_(longest) {}
  enum class State { open, closed, too_long };
  /// Reads what is there from a non-blocking descriptor (-1: closed) and appends whole lines. An unfinished last line
  /// is one when the stream ends.
  State read(int fd, std::vector<std::string>& lines);

 private:
  std::size_t longest_;
  std::string rest_;
};

}  // namespace assay
