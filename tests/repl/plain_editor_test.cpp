#include "repl/plain_editor.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <thread>

using namespace assay;

namespace {
struct Pipes {
  Pipes() {
    REQUIRE(pipe(in) == 0);
    REQUIRE(pipe(out) == 0);
    REQUIRE(pipe(error) == 0);
    editor = make_line_editor({.in = in[0], .out = out[1], .error = error[1]});
  }
  ~Pipes() {
    for (const int fd : {in[0], in[1], out[0], out[1], error[0], error[1]}) close(fd);
  }
  void give(std::string_view text) const { REQUIRE(write_fully(in[1], text)); }
  void give_end() {
    close(in[1]);
    in[1] = open("/dev/null", O_RDWR);
  }
  static std::string taken(int fd) {
    fcntl(fd, F_SETFL, O_NONBLOCK);
    char bytes[4096];
    const ssize_t count = ::read(fd, bytes, sizeof bytes);
    return {bytes, static_cast<std::size_t>(count < 0 ? 0 : count)};
  }
  int in[2], out[2], error[2];
  std::unique_ptr<LineEditor> editor;
};
using Kind = ReadResult::Kind;
}  // namespace

TEST_CASE("without a terminal lines come as they are, no prompt is shown, and the end is the end every time") {
  Pipes pipes;
  pipes.give("one\r\n\ntwo words");
  pipes.give_end();
  CHECK_FALSE(pipes.editor->is_interactive());
  CHECK(pipes.editor->read(StyledText().add("> "), {}).text == "one");
  CHECK(pipes.editor->read({}, {}).text == "");
  const ReadResult last = pipes.editor->read({}, {});
  CHECK(last.kind == Kind::line);
  CHECK(last.text == "two words");
  CHECK(pipes.editor->read({}, {}).kind == Kind::end);
  CHECK(pipes.editor->read({}, {}).kind == Kind::end);
  CHECK(Pipes::taken(pipes.out[0]).empty());
}

TEST_CASE("an unfinished quote goes on in the next line of a file, and its end gives what there is") {
  Pipes pipes;
  pipes.editor->set_is_complete([](std::string_view text) {
    return text.find('"') == text.rfind('"') ? text.find('"') == std::string_view::npos : true;
  });
  pipes.give("say \"a\nb\"\nsay \"open");
  pipes.give_end();
  CHECK(pipes.editor->read({}, {}).text == "say \"a\nb\"");
  const ReadResult open = pipes.editor->read({}, {});
  CHECK(open.kind == Kind::line);
  CHECK(open.text == "say \"open");
}

TEST_CASE("other threads' lines go to the output, progress to the error output once a second") {
  Pipes pipes;
  std::thread other([&] {
    for (int i = 0; i < 5'000; ++i) pipes.editor->set_status({StyledText().add("done " + std::to_string(i))});
    pipes.editor->print_above(StyledText().add("job \x1b ended"));
    pipes.give("x\n");
  });
  CHECK(pipes.editor->read({}, {}).text == "x");
  other.join();
  CHECK(pipes.editor->wait([] { return true; }) == WaitResult::done);
  CHECK(Pipes::taken(pipes.out[0]) == "job \\x1b ended\n");
  CHECK(Pipes::taken(pipes.error[0]) == "done 0\n");
}

TEST_CASE("Ctrl-C leaves a read and a wait, and one that came before a read is not for it") {
  Pipes pipes;
  pipes.editor->interrupt();
  CHECK(pipes.editor->take_interrupt());
  CHECK_FALSE(pipes.editor->take_interrupt());
  pipes.editor->interrupt();
  CHECK(pipes.editor->wait([] { return false; }) == WaitResult::interrupted);
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    pipes.editor->interrupt();
  });
  CHECK(pipes.editor->read({}, {}).kind == Kind::interrupted);
  other.join();
}

TEST_CASE("of too many waiting lines the oldest are dropped and counted") {
  LineMessages messages;
  for (std::size_t i = 0; i < LineMessages::kMaxLines + 3; ++i) {
    messages.print(StyledText().add("line " + std::to_string(i)));
  }
  const std::vector<StyledText> lines = messages.take_lines();
  REQUIRE(lines.size() == LineMessages::kMaxLines + 1);
  CHECK(lines[0].plain() == "3 lines not shown");
  CHECK(lines[1].plain() == "line 3");
  CHECK(messages.take_lines().empty());
}
