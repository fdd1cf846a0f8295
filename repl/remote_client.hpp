#pragma once
// A terminal attached to a program that runs elsewhere on this machine: edits lines here, has them executed there, and
// shows what comes back. The other side and the frames: remote_server.hpp.
//
// Thread rule: made and converse() on the main thread; the rest by any.

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "repl/line_editor.hpp"
#include "repl/remote/channel.hpp"

namespace assay {

struct RemoteClientParts {
  std::string experiment;  // for messages
  LineEditor& editor;
  bool interactive = false, json = false, read_only = false;
  struct Script {
    std::string text, name;
  };
  std::optional<std::vector<Script>> scripts = {};  // none: lines are read
  std::string version;
  std::function<std::vector<std::string>()> child_environment;  // of the pager, and of `! COMMAND`
};

class RemoteClient {
 public:
  /// Owns `fd`, a connection to the program's socket; `parts.editor` outlives it.
  RemoteClient(int fd, RemoteClientParts parts);

  /// Until it is left, or the program ends; the exit status.
  int converse();

  void interrupt() { parts_.editor.interrupt(); }
  void resized();
  /// SIGTERM, SIGHUP, SIGQUIT: leaves at once; the program goes on.
  void end_by_signal(int signal);

 private:
  void say_hello();
  void receive_all();
  std::optional<Json> next();
  void show(const Json& frame);
  void read_line(const Json& frame);
  void run_shell(const Json& frame);
  Completions complete(std::string_view line, std::size_t cursor);
  int farewell(const std::optional<Json>& bye);

  RemoteClientParts parts_;
  Channel channel_;
  Screen out_, error_;
  Screen notices_;  // the receiving thread's
  pid_t program_ = 0;
  std::atomic<int> signal_{0};
  std::atomic<bool> done_{false};  // the main thread needs no waking any more
  std::string json_;               // pieces so far
  std::string typed_;              // the last line, or all scripts
  std::mutex mutex_;
  std::condition_variable changed_;
  // guarded by mutex_
  std::deque<Json> frames_;
  std::optional<Json> completions_;
  bool closed_ = false;
  std::int64_t completing_ = 0;
};

}  // namespace assay
