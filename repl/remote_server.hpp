#pragma once
// Lets terminals attach to this program: listens at FILE.sock and gives each connection a shell of its own over the
// same experiment, on a thread of its own. What happens to a connection touches no job and no other terminal.
//
// The conversation (JSON frames, remote/channel.hpp): the terminal says hello {protocol, version, read_only,
// interactive, json, scripts, columns, rows, terminal, colours, moves_cursor}; the answer is welcome {pid} or refused
// {why}. Then frames of remote_editor.hpp both ways, and script {text, name}, scripts_end, interrupt from the terminal.
// It ends with bye {status, why}.
//
// Thread rule: made, stopped and ended by the main thread; attached() by any.

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "repl/remote/socket_place.hpp"
#include "repl/shell.hpp"

namespace assay {

struct RemoteServerParts {
  std::string experiment;  // the path of its file
  Terminals& terminals;
  /// A shell with all commands over the experiment that is open.
  std::function<std::unique_ptr<Shell>(LineEditor&, const ShellOptions&)> make_shell;
  std::string version;
};

class RemoteServer {
 public:
  /// Throws Error "socket" when there can be no socket here.
  explicit RemoteServer(RemoteServerParts parts);
  /// stop()
  ~RemoteServer();

  /// Takes nobody in any more, tells those who are attached `why` the program ends, and waits until they are gone.
  void stop(const std::string& why);
  /// How many terminals are attached.
  std::size_t attached() const { return attached_; }

 private:
  class Session;
  void listen(const std::stop_token& stop);
  void sweep();

  RemoteServerParts parts_;
  ListeningSocket socket_;
  std::atomic<std::size_t> attached_{0};
  std::mutex mutex_;
  std::list<std::unique_ptr<Session>> sessions_;  // guarded by mutex_
  std::jthread listener_;
};

}  // namespace assay
