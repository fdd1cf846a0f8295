#include "repl/remote_client.hpp"

#include <signal.h>
#include <unistd.h>

#include <thread>

#include "core/text/error.hpp"
#include "repl/command.hpp"
#include "repl/pager.hpp"
#include "repl/remote_text.hpp"
#include "repl/shell_line.hpp"

namespace assay {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxFrames = 256;
constexpr auto kCompletionPatience = 2s;
constexpr auto kWelcomePatience = 10s;
constexpr auto kBeforeDrawing = 30ms;  // an answer that comes sooner isn't waited for with live lines
constexpr int kHowOftenWoken = 50;     // ms

}  // namespace

RemoteClient::RemoteClient(int fd, RemoteClientParts parts)
    : parts_(std::move(parts)),
      channel_(fd),
      out_(1, terminal_facts(1)),
      error_(2, terminal_facts(2)),
      notices_(error_) {
  parts_.editor.set_is_complete([](std::string_view text) { return !has_open_quote(text); });
  parts_.editor.set_completer([this](std::string_view line, std::size_t cursor) { return complete(line, cursor); });
}

void RemoteClient::say_hello() {
  const TerminalSize size = out_.size();
  channel_.send(Json::object({{"t", "hello"},
                              {"protocol", kRemoteProtocol},
                              {"version", parts_.version},
                              {"read_only", parts_.read_only},
                              {"interactive", parts_.interactive},
                              {"json", parts_.json},
                              {"scripts", parts_.scripts.has_value()},
                              {"columns", size.columns},
                              {"rows", size.rows},
                              {"terminal", out_.is_terminal()},
                              {"colours", out_.facts().colours},
                              {"moves_cursor", out_.facts().moves_cursor}}));
  std::optional<Json> answer;
  do {  // live lines may be first
    answer = channel_.receive(kWelcomePatience);
  } while (answer && (text_field(*answer, "t") == "status" || text_field(*answer, "t") == "above"));
  if (answer && text_field(*answer, "t") == "refused")
    throw Error("attach", text_field(*answer, "why"), parts_.experiment);
  if (!answer || text_field(*answer, "t") != "welcome") {
    const std::string problem = channel_.problem();
    throw Error("attach", "the program there does not answer" + (problem.empty() ? "" : ": " + problem),
                parts_.experiment, "it may be ending: try again in a moment");
  }
  program_ = static_cast<pid_t>(number_field(*answer, "pid"));
}

int RemoteClient::converse() {
  say_hello();
  std::thread receiver([this] { receive_all(); });
  std::optional<Json> bye;
  std::exception_ptr problem;
  try {
    if (parts_.scripts) {
      for (const auto& script : *parts_.scripts) {
        const Json frame = Json::object({{"t", "script"}, {"text", script.text}, {"name", script.name}});
        if (!channel_.send(frame)) break;
        typed_ += script.text + "\n";
      }
      channel_.send(Json::object({{"t", "scripts_end"}}));
    }
    while (std::optional<Json> frame = next()) {
      const std::string kind = text_field(*frame, "t");
      if (kind == "bye") {
        bye = std::move(frame);
        break;
      }
      if (kind == "read") {
        read_line(*frame);
      } else if (kind == "shell") {
        run_shell(*frame);
      } else {
        show(*frame);
      }
    }
  } catch (...) {
    problem = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  channel_.finish(1s);
  changed_.notify_all();
  receiver.join();
  if (problem) std::rethrow_exception(problem);
  return farewell(bye);
}

int RemoteClient::farewell(const std::optional<Json>& bye) {
  parts_.editor.set_status({});
  if (signal_ != 0) return 128 + signal_;
  if (bye) {
    const std::string why = text_field(*bye, "why");
    if (!why.empty()) (parts_.interactive ? out_ : error_).line(StyledText().add(why, TextRole::warn));
    return static_cast<int>(number_field(*bye, "status", 1));
  }
  const std::string problem = channel_.problem();
  throw Error("attach",
              "the program (pid " + std::to_string(program_) + ") has gone" +
                  (problem.empty() ? " without a word" : ": " + problem) + "; what it had recorded is safe",
              parts_.experiment, "`assay " + parts_.experiment + "` opens the experiment again");
}

void RemoteClient::receive_all() {
  while (std::optional<Json> frame = channel_.receive()) {
    const std::string kind = text_field(*frame, "t");
    if (kind == "above") {
      const StyledText line = text_of_frame(frame->value("line", Json()));
      if (parts_.interactive) {
        parts_.editor.print_above(line);
      } else {
        notices_.line(line);
      }
      continue;
    }
    if (kind == "status") {
      parts_.editor.set_status(lines_of_frame(frame->value("lines", Json())));
      continue;
    }
    const bool last = kind == "bye";
    {
      std::unique_lock lock(mutex_);
      if (kind == "completions") {
        completions_ = std::move(frame);
      } else {
        changed_.wait(lock, [&] { return done_ || frames_.size() < kMaxFrames; });
        frames_.push_back(std::move(*frame));
      }
      closed_ = closed_ || last;
    }
    changed_.notify_all();
    parts_.editor.wake();
    if (last) break;
  }
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
  // Out of a line that is being typed; an interrupt that comes just before the editor reads is forgotten by it.
  while (!done_) {
    parts_.editor.interrupt();
    parts_.editor.wake();
    std::this_thread::sleep_for(std::chrono::milliseconds(kHowOftenWoken));
  }
}

std::optional<Json> RemoteClient::next() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, kBeforeDrawing, [&] { return closed_ || !frames_.empty(); });
      if (!frames_.empty()) {
        Json frame = std::move(frames_.front());
        frames_.pop_front();
        changed_.notify_all();
        return frame;
      }
      if (closed_) return {};
    }
    const WaitResult result = parts_.editor.wait([this] {
      const std::lock_guard lock(mutex_);
      return closed_ || !frames_.empty();
    });
    if (result == WaitResult::interrupted) channel_.send(Json::object({{"t", "interrupt"}}));
    if (result == WaitResult::gone) return {};
  }
}

void RemoteClient::show(const Json& frame) {
  const std::string kind = text_field(frame, "t");
  if (kind == "text") {
    Screen& screen = flag_field(frame, "error") && !parts_.interactive ? error_ : out_;
    for (const StyledText& line : lines_of_frame(frame.value("lines", Json()))) screen.line(line);
  } else if (kind == "paged") {
    show_paged(out_, lines_of_frame(frame.value("lines", Json())), parts_.child_environment);
  } else if (kind == "json") {
    json_ += text_field(frame, "text");
    if (flag_field(frame, "last")) out_.json_line(std::exchange(json_, {}));
  } else if (kind == "clear") {
    out_.clear();
  }
}

void RemoteClient::read_line(const Json& frame) {
  const ReadResult result =
      parts_.editor.read(text_of_frame(frame.value("prompt", Json())), text_of_frame(frame.value("more", Json())));
  Json answer = Json::object({{"t", "line"}, {"id", number_field(frame, "id")}});
  switch (result.kind) {
    case ReadResult::Kind::line:
      answer["text"] = typed_ = result.text;
      break;
    case ReadResult::Kind::interrupted:
      answer["t"] = "interrupted";
      break;
    case ReadResult::Kind::end:
      answer["t"] = "end";
      break;
    case ReadResult::Kind::gone:
      end_by_signal(SIGHUP);
      return;
  }
  channel_.send(answer);
}

// Of what comes from the program only that is executed which was typed here.
void RemoteClient::run_shell(const Json& frame) {
  const std::string line = text_field(frame, "line");
  int status = 126;
  try {
    if (typed_.find("!" + line) == std::string::npos)
      throw Error("shell", "! " + line + " was not typed here: it is not executed");
    status = run_shell_line(line, parts_.child_environment(), parts_.json ? 2 : 1);
  } catch (const Error& error) {
    error_.line(StyledText().add(error.what(), TextRole::bad));
  }
  channel_.send(Json::object({{"t", "ran"}, {"id", number_field(frame, "id")}, {"status", status}}));
}

Completions RemoteClient::complete(std::string_view line, std::size_t cursor) {
  Completions found;
  std::unique_lock lock(mutex_);
  const std::int64_t id = ++completing_;
  completions_.reset();
  lock.unlock();
  channel_.send(Json::object({{"t", "complete"}, {"id", id}, {"line", line}, {"cursor", cursor}}));
  lock.lock();
  const auto answered = [&] { return completions_ && number_field(*completions_, "id") == id; };
  changed_.wait_for(lock, kCompletionPatience, [&] { return closed_ || answered(); });
  if (!answered()) return found;
  found.begin = static_cast<std::size_t>(std::max<std::int64_t>(0, number_field(*completions_, "begin")));
  for (const Json& one : completions_->value("candidates", Json::array())) {
    if (!one.is_array() || one.size() != 3 || !one[0].is_string() || !one[1].is_string() || !one[2].is_string())
      continue;
    found.candidates.push_back({one[0].get<std::string>(), one[1].get<std::string>(), one[2].get<std::string>()});
  }
  return found;
}

void RemoteClient::resized() {
  parts_.editor.resized();
  const TerminalSize size = terminal_size(1);
  channel_.post(Json::object({{"t", "resize"}, {"columns", size.columns}, {"rows", size.rows}}));
}

void RemoteClient::end_by_signal(int signal) {
  signal_ = signal;
  channel_.close();
}

}  // namespace assay
