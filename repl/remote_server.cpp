#include "repl/remote_server.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <deque>

#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "repl/remote_editor.hpp"
#include "repl/remote_text.hpp"

namespace assay {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxTerminals = 32;
constexpr auto kHelloPatience = 5s;
constexpr auto kByePatience = 2s;
constexpr int kLookMs = 1'000;

}  // namespace

/// One connection. Its thread is the shell's; a second one reads what comes.
class RemoteServer::Session {
 public:
  Session(RemoteServerParts& parts, std::atomic<std::size_t>& attached, int fd, pid_t pid)
      : parts_(parts), attached_(attached), pid_(pid), channel_(fd), thread_([this] { live(); }) {}
  ~Session() {
    end("");
    channel_.close();
    thread_.join();
  }

  void end(const std::string& why) {
    {
      const std::lock_guard lock(mutex_);
      if (ended_) return;
      ended_ = true;
      why_ = why;
      if (shell_ != nullptr) shell_->end_by_signal(SIGTERM);
      if (editor_ != nullptr) editor_->close();
      if (shell_ == nullptr) channel_.close();  // still at its greeting
    }
    scripts_changed_.notify_all();
  }
  bool over() const { return over_; }

 private:
  void live() {
    try {
      if (const std::optional<Json> hello = greet()) serve(*hello);
    } catch (const std::exception& error) {
      channel_.send(Json::object({{"t", "bye"}, {"status", 1}, {"why", error.what()}}));
    }
    channel_.finish(kByePatience);
    over_ = true;
  }

  std::optional<Json> greet() {
    std::optional<Json> hello = channel_.receive(kHelloPatience);
    if (!hello || text_field(*hello, "t") != "hello") return {};
    if (number_field(*hello, "protocol") != kRemoteProtocol) {
      refuse("the program is assay " + parts_.version + ", this terminal is assay " + text_field(*hello, "version") +
             ": they don't understand each other; start `assay attach` of the program's version");
      return {};
    }
    if (attached_ >= kMaxTerminals) {
      refuse(counted(kMaxTerminals, "terminal is", "terminals are") + " attached already: leave one of them");
      return {};
    }
    return hello;
  }
  void refuse(const std::string& why) { channel_.send(Json::object({{"t", "refused"}, {"why", why}})); }

  void serve(const Json& hello) {
    const bool interactive = flag_field(hello, "interactive");
    RemoteEditor editor(channel_, TerminalSize(), interactive);
    Json size = hello;
    size["t"] = "resize";
    editor.take(size);
    ShellOptions options;
    options.json = flag_field(hello, "json");
    options.interactive = interactive;
    options.version = parts_.version;
    options.attached = true;
    options.read_only = flag_field(hello, "read_only");
    options.pid = pid_;
    options.port = &editor;
    options.port_facts = {flag_field(hello, "terminal"), flag_field(hello, "colours"),
                          flag_field(hello, "moves_cursor"), true};
    const std::unique_ptr<Shell> shell = parts_.make_shell(editor, options);
    {
      const std::lock_guard lock(mutex_);
      if (ended_) return;
      shell_ = shell.get();
      editor_ = &editor;
    }
    channel_.send(Json::object({{"t", "welcome"}, {"pid", ::getpid()}}));
    ++attached_;
    std::thread reader([this] { read(); });
    std::string problem;
    try {
      shell->join_terminals();
      if (interactive) shell->greet();
      if (flag_field(hello, "scripts")) {
        run_scripts(*shell);
      } else {
        shell->run_interactive();
      }
    } catch (const std::exception& error) {
      problem = error.what();
    }
    shell->leave_terminals();
    editor.flush();
    std::string why;
    {
      const std::lock_guard lock(mutex_);
      shell_ = nullptr;
      editor_ = nullptr;
      why = why_;
    }
    int status = why.empty() ? shell->exit_status() : (interactive ? 0 : 1);
    if (!problem.empty()) status = 1;
    channel_.send(Json::object({{"t", "bye"}, {"status", status}, {"why", problem.empty() ? why : problem}}));
    channel_.finish(kByePatience);
    reader.join();
    --attached_;
  }

  void run_scripts(Shell& shell) {
    while (!shell.leaving()) {
      Json script;
      {
        std::unique_lock lock(mutex_);
        scripts_changed_.wait(lock, [&] { return ended_ || !scripts_.empty(); });
        if (ended_) return;
        script = std::move(scripts_.front());
        scripts_.pop_front();
      }
      if (script.at("t") == "scripts_end") return;
      if (!shell.run_script(text_field(script, "text"), text_field(script, "name"))) return;
    }
  }

  void read() {
    while (std::optional<Json> frame = channel_.receive()) {
      const std::string kind = text_field(*frame, "t");
      const std::lock_guard lock(mutex_);
      if (shell_ == nullptr) return;
      if (kind == "interrupt") {
        shell_->interrupt();
      } else if (kind == "script" || kind == "scripts_end") {
        scripts_.push_back(std::move(*frame));
        scripts_changed_.notify_all();
      } else {
        editor_->take(std::move(*frame));
      }
    }
    // The terminal has gone: what its shell computes is given up, jobs go on.
    const std::lock_guard lock(mutex_);
    ended_ = true;
    if (shell_ != nullptr) {
      shell_->end_by_signal(SIGHUP);
      editor_->close();
    }
    scripts_changed_.notify_all();
    channel_.close();
  }

  RemoteServerParts& parts_;
  std::atomic<std::size_t>& attached_;
  const pid_t pid_;
  Channel channel_;
  std::atomic<bool> over_{false};
  std::mutex mutex_;
  std::condition_variable scripts_changed_;
  // guarded by mutex_
  bool ended_ = false;
  std::string why_;
  Shell* shell_ = nullptr;
  RemoteEditor* editor_ = nullptr;
  std::deque<Json> scripts_;
  std::thread thread_;
};

RemoteServer::RemoteServer(RemoteServerParts parts)
    : parts_(std::move(parts)), socket_(socket_path(parts_.experiment)) {
  listener_ = std::jthread([this](const std::stop_token& stop) { listen(stop); });
}

RemoteServer::~RemoteServer() { stop(""); }

void RemoteServer::listen(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const bool somebody = socket_.wait(kLookMs);
    sweep();
    if (!somebody) continue;
    pid_t pid = 0;
    const int fd = socket_.accept(pid);
    if (fd < 0) continue;
    const std::lock_guard lock(mutex_);
    if (sessions_.size() >= 2 * kMaxTerminals) {
      ::close(fd);
      continue;
    }
    sessions_.push_back(std::make_unique<Session>(parts_, attached_, fd, pid));
  }
}

void RemoteServer::sweep() {
  const std::lock_guard lock(mutex_);
  std::erase_if(sessions_, [](const std::unique_ptr<Session>& session) { return session->over(); });
}

void RemoteServer::stop(const std::string& why) {
  listener_.request_stop();
  socket_.shut();
  if (listener_.joinable()) listener_.join();
  const std::lock_guard lock(mutex_);
  for (const std::unique_ptr<Session>& session : sessions_) session->end(why);
  // One whose process is stopped takes no farewell.
  const auto until = std::chrono::steady_clock::now() + kByePatience;
  const auto over = [](const std::unique_ptr<Session>& session) { return session->over(); };
  while (!std::all_of(sessions_.begin(), sessions_.end(), over) && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(5ms);
  sessions_.clear();
}

}  // namespace assay
