// The real program in a pseudo-terminal, while a job prints (shell.md 4, reliability.md 8).
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/pty.hpp"

using namespace assay::test;
using namespace std::chrono_literals;

namespace {

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "assay_screen_XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  ~Folder() {
    std::error_code problem;
    std::filesystem::remove_all(path, problem);
  }
};

PtyOptions options_in(const Folder& folder) {
  PtyOptions options;
  options.rows = 30;
  options.columns = 100;
  options.folder = folder.path.string();
  options.environment = {"HOME=" + folder.path.string()};
  return options;
}

const std::string kProgram = ASSAY_BUILD_DIR "/app/assay";

}  // namespace

TEST_CASE("what is typed while jobs run and end stays whole, and is what the shell gets") {
  Folder folder;
  Pty pty({kProgram, "x"}, options_in(folder));
  REQUIRE(pty.wait_for("assay> "));
  pty.send("load arithmetic sample model=sim/default?latency=uniform:20ms..120ms\r");
  REQUIRE(pty.wait_for("50 runs, kind arithmetic"));
  for (int i = 0; i < 3; ++i) {
    pty.send(i == 0 ? "run_n 2\r" : "rerun 3 all\r");
    REQUIRE(pty.wait_for(i == 0 ? "job #1" : "at most 3 in flight"));
  }
  const std::string typed = "ls r:arithmetic:1[0-9]$ status:COMPLETE | s:never";
  std::string so_far;
  for (const char c : typed) {
    pty.send(std::string(1, c));
    so_far += c;
    pty.pump(25ms);
    INFO(pty.describe());
    // Waited for: the screen may be read between a line above and the prompt that is drawn again under it.
    CHECK(pty.wait_until([&] { return pty.joined_text().find("assay> " + so_far) != std::string::npos; }, 30s));
  }
  CHECK(pty.wait_for("#1 done", 30s));
  CHECK(pty.wait_until([&] { return pty.joined_text().find("assay> " + typed) != std::string::npos; }, 30s));
  pty.send("\r");
  CHECK(pty.wait_for("arithmetic:10"));
  pty.send("exit\r");
  CHECK(pty.exit_status(10s) == 0);
}

TEST_CASE("a terminal that is closed under a job: the runs in flight end, nothing new begins, it goes on next time") {
  Folder folder;
  {
    Pty pty({kProgram, "x"}, options_in(folder));
    REQUIRE(pty.wait_for("assay> "));
    pty.send("load arithmetic sample model=sim/default?latency=const:300ms\r");
    REQUIRE(pty.wait_for("50 runs, kind arithmetic"));
    pty.send("run_n 5\r");
    REQUIRE(pty.wait_for("job #1"));
    pty.pump(500ms);
    pty.close_terminal();
    const auto status = pty.exit_status(5s);
    REQUIRE(status);
    CHECK(*status == 129);
  }
  Pty pty({kProgram, "x"}, options_in(folder));
  REQUIRE(pty.wait_for("assay> "));
  CHECK(pty.all_text().find("recovered") == std::string::npos);  // it was closed
  pty.send("run_n 50\r");
  CHECK(pty.wait_for("0 FAIL", 30s));
  pty.send("ls !status:COMPLETE\r");
  CHECK(pty.wait_for("no run matches"));
}

TEST_CASE("exit with runs in flight asks once; a prompt answers while the pool is busy") {
  Folder folder;
  Pty pty({kProgram, "x"}, options_in(folder));
  REQUIRE(pty.wait_for("assay> "));
  pty.send("load arithmetic sample model=sim/default?latency=const:5s\r");
  REQUIRE(pty.wait_for("50 runs, kind arithmetic"));
  pty.send("run_n 50\r");
  REQUIRE(pty.wait_for("job #1"));
  pty.pump(500ms);  // workers are made one after the other
  pty.send("status\r");
  const bool answered = pty.wait_for("50 INCOMPLETE (50 in flight)");
  INFO(pty.describe());
  CHECK(answered);
  pty.send("exit\r");
  REQUIRE(pty.wait_for("[d]rain"));
  pty.send("s\r");
  CHECK(pty.exit_status(5s) == 0);
}
