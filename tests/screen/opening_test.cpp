// The prompt before the experiment is open (shell.md 4): another process's lock on the file holds the opening back.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "tests/support/process.hpp"
#include "tests/support/pty.hpp"

using namespace assay::test;
using namespace std::chrono_literals;

namespace {

/// The locks under which SQLite lets nobody read: its pending, reserved and shared bytes
/// (https://www.sqlite.org/src/file/src/os.h, PENDING_BYTE).
class HeldFile {
 public:
  explicit HeldFile(const std::string& path) : file_(open(path.c_str(), O_RDWR | O_CLOEXEC)) {
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = 0x40000000;
    lock.l_len = 512;
    REQUIRE(fcntl(file_, F_SETLK, &lock) == 0);
  }
  ~HeldFile() { let_go(); }
  void let_go() {
    if (file_ >= 0) close(file_);
    file_ = -1;
  }

 private:
  int file_;
};

/// An experiment of 50 runs, whose opening is held back.
struct Room {
  TemporaryFolder folder;
  std::optional<HeldFile> held;
  std::optional<Pty> pty;

  Room() {
    REQUIRE(run({assay_program(), "x", "-c", "load arithmetic sample"}, folder.path()).status == 0);
    held.emplace(folder.file("saves/x.assay"));
    PtyOptions options;
    options.folder = folder.path().string();
    options.environment = {"HOME=" + folder.path().string()};
    pty.emplace(std::vector<std::string>{assay_program(), "x"}, options);
  }
  bool shows(const std::string& text) {
    const bool shown = pty->wait_for(text, 10s);
    INFO(pty->describe());
    CHECK(shown);
    return shown;
  }
};

}  // namespace

TEST_CASE("a prompt comes while the experiment still opens; what is entered there is carried out when it is open") {
  Room room;
  REQUIRE(room.shows("assay> "));
  CHECK(room.shows("opening .."));
  room.pty->send("ls 'arithmetic:1'xx\x7f\x7f --limit 1\r");
  room.pty->pump(300ms);
  CHECK(room.pty->all_text().find("COMPLETE") == std::string::npos);
  CHECK(room.pty->all_text().find("READY") == std::string::npos);
  room.held->let_go();
  room.shows("50 runs; `help` lists the commands");
  room.shows("READY");
  CHECK(room.pty->wait_until([&] { return room.pty->all_text().find("opening") == std::string::npos; }, 10s));
  room.pty->send("exit\r");
  CHECK(room.pty->exit_status(10s) == 0);
}

TEST_CASE("a line that is half typed when the experiment opens stays; Tab knows its batches from then on") {
  Room room;
  REQUIRE(room.shows("assay> "));
  room.pty->send("stats batch:ari");
  room.shows("stats batch:ari");
  room.held->let_go();
  room.shows("50 runs; ");
  room.pty->send("\t");
  room.shows("assay> stats batch:arithmetic");
  room.pty->send("\r");
  room.shows("score [95 %]");
  room.pty->send("exit\r");
  CHECK(room.pty->exit_status(10s) == 0);
}

TEST_CASE("Ctrl-C takes a line back that waits for the opening") {
  Room room;
  REQUIRE(room.shows("assay> "));
  room.pty->send("drop all --yes\r");
  room.pty->pump(200ms);
  room.pty->send("\x03");
  room.shows("not carried out: drop all --yes");
  room.held->let_go();
  room.shows("50 runs; ");
  room.pty->send("stats\r");
  room.shows("score [95 %]");
  room.pty->send("ls --limit 1\r");
  room.shows("+49 more: ls . --limit 1 --page 2");
  room.pty->send("exit\r");
  CHECK(room.pty->exit_status(10s) == 0);
}

TEST_CASE("an opening that fails takes its prompt away and says why") {
  Room room;
  REQUIRE(room.shows("assay> "));
  CHECK(room.pty->exit_status(30s) == 1);
  INFO(room.pty->describe());
  CHECK(room.pty->all_text().find("assay: ") != std::string::npos);
  CHECK(room.pty->all_text().find("locked") != std::string::npos);
  CHECK(room.pty->all_text().find("assay> ") == std::string::npos);
}

TEST_CASE("a signal that ends the program while it opens ends it when it is open") {
  Room room;
  REQUIRE(room.shows("assay> "));
  room.pty->signal(SIGTERM);
  room.pty->pump(100ms);
  room.held->let_go();
  CHECK(room.pty->exit_status(10s) == 143);
}
