// What status says of a job that runs: the limit that holds it (shell.md 2).
#include <doctest/doctest.h>

#include <sstream>
#include <string>

#include "tests/support/pty.hpp"

using namespace assay::test;
using namespace std::chrono_literals;

namespace {

PtyOptions wide() {
  PtyOptions options;
  options.rows = 50;
  options.columns = 160;
  options.environment = {"HOME=/nonexistent"};
  return options;
}

/// Types the command again until its answer holds `what`: how soon runs are in flight is not asked here.
bool comes_to_say(Pty& pty, const std::string& command, const std::string& what) {
  for (int i = 0; i < 40; ++i) {
    pty.send(command + "\r");
    if (pty.wait_for(what, 500ms)) return true;
  }
  return false;
}

const std::string kProgram = ASSAY_BUILD_DIR "/app/assay";

}  // namespace

TEST_CASE("status names the limit that holds the runs in flight, and what changes it") {
  Pty pty({kProgram, ":memory:"}, wide());
  REQUIRE(pty.wait_for("assay> "));
  pty.send("set limit.rpm 6\r");
  REQUIRE(pty.wait_for("limit.rpm = 6"));
  pty.send("load arithmetic sample as=sums limit=12 model=sim/default\r");
  REQUIRE(pty.wait_for("12 runs, kind arithmetic"));
  pty.send("run_n 4\r");
  REQUIRE(pty.wait_for("job #1"));
  INFO(pty.describe());
  CHECK(comes_to_say(pty, "status",
                     "held by     the limits of sim/default, the limit rpm (4 of 4 runs in flight): 6 rpm"));
  std::string words;  // however the line is broken
  std::istringstream said(pty.all_text());
  for (std::string word; said >> word;) words += word + " ";
  CHECK(words.find("`set limit.rpm N` or the models file changes it") != std::string::npos);
  CHECK(pty.all_text().find("            the width of job #1 (") != std::string::npos);
}

TEST_CASE("where only answers are waited for it is the width, and with a slot for every run nothing") {
  Pty pty({kProgram, ":memory:"}, wide());
  REQUIRE(pty.wait_for("assay> "));
  pty.send("load arithmetic sample as=slow limit=6 model=sim/default?latency=const:600s\r");
  REQUIRE(pty.wait_for("6 runs, kind arithmetic"));
  pty.send("run_n 2\r");
  REQUIRE(pty.wait_for("job #1"));
  INFO(pty.describe());
  CHECK(comes_to_say(pty, "status", "held by     the width of job #1 (4 runs wait for a slot): 2 of 2 slots are busy"));
  pty.send("width #1 6\r");
  REQUIRE(pty.wait_for("runs at most 6 at a time"));
  CHECK(comes_to_say(pty, "status", "6 in flight of 6"));
  pty.pump(500ms);  // until all of them wait for their answers
  pty.send("status\r");
  pty.send("kinds arithmetic\r");
  REQUIRE(pty.wait_for("samples that come with it"));
  const std::string seen = pty.all_text();
  CHECK(seen.substr(seen.rfind("experiment  ")).find("held by") == std::string::npos);
}
