// The line editor as a person meets it: typed text stays whole whatever else is printed, and is what the program gets.

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/pty.hpp"

using assay::test::Pty;
using assay::test::PtyOptions;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> demo(std::vector<std::string> arguments = {}) {
  arguments.insert(arguments.begin(), EDITOR_DEMO);
  return arguments;
}

bool has_row(const Pty& pty, std::string_view row) {
  for (const std::string& shown : pty.screen()) {
    if (shown == row) return true;
  }
  return false;
}

std::size_t count_of(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

bool same_mode(const termios& a, const termios& b) {
  return a.c_iflag == b.c_iflag && a.c_oflag == b.c_oflag && a.c_cflag == b.c_cflag && a.c_lflag == b.c_lflag &&
         std::memcmp(a.c_cc, b.c_cc, sizeof a.c_cc) == 0;
}

double cpu_seconds(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(in)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string field;
  double ticks = 0;
  for (int i = 3; i <= 15 && fields >> field; ++i) {
    if (i >= 14) ticks += std::stod(field);
  }
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "assay_screen_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

const std::string kLeft = "\x1b[D";
const std::string kUp = "\x1b[A";

}  // namespace

TEST_CASE("a line typed in slow pieces stays whole while 200 lines a second come in above it and the status changes") {
  Pty pty(demo({"--lines-per-second", "200", "--status"}));
  REQUIRE(pty.wait_for("demo> "));
  const std::string text =
      "ls status:FAIL batch:café 漢字 😀 data.k=3 and then a good deal more of it, wider than the row";
  std::string typed;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(at + 9, text.size());
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    const std::string piece = text.substr(at, end - at);
    pty.type(piece, 3ms);
    typed += piece;
    at = end;
    // Not only in the end: at each pause the screen shows the prompt with all that has been typed.
    const bool whole =
        pty.wait_until([&] { return pty.joined_text().find("demo> " + typed) != std::string::npos; }, 30s);
    INFO(pty.describe());
    REQUIRE(whole);
  }
  CHECK(pty.joined_text().find("\n#1 ") != std::string::npos);
  for (int i = 0; i < 4; ++i) pty.send(kLeft);
  pty.type("(", 20ms);
  pty.send("\x05)\r");  // Ctrl-E
  const std::string expected = text.substr(0, text.size() - 4) + "(" + text.substr(text.size() - 4) + ")";
  INFO(pty.describe());
  CHECK(pty.wait_until([&] { return pty.joined_text().find("got: [" + expected + "]") != std::string::npos; }));
  CHECK(count_of(pty.all_text(), "status:FAIL") == 2);  // the line as it was finished, and the echo
}

TEST_CASE("every line from other threads is shown once, in order, and none of the live line stays behind") {
  Pty pty(demo({"--lines-per-second", "300", "--stop-lines-after", "300", "--status"}));
  REQUIRE(pty.wait_for("demo> "));
  pty.type("some text that is being typed while lines come in", 15ms);
  REQUIRE(pty.wait_for("event 300\n"));
  pty.send("\x03");
  REQUIRE(pty.wait_for("(interrupted)"));
  pty.send("\x04");
  CHECK(pty.exit_status() == 0);
  const std::string all = pty.all_text() + "\n";
  INFO(all);
  std::size_t at = 0;
  for (int i = 1; i <= 300; ++i) {
    const std::string line = "event " + std::to_string(i) + "\n";
    REQUIRE(count_of(all, line) == 1);
    REQUIRE(all.find(line) >= at);
    at = all.find(line);
  }
  CHECK(count_of(all, "#1 ") == 0);
  CHECK(count_of(all, "some text") == 1);
}

TEST_CASE("keys edit where the cursor is, in wide characters too") {
  struct Case {
    const char* what;
    std::string keys, expected;
    int column;  // of the cursor before Enter, after "demo> "
  };
  const Case cases[] = {
      {"left and insert", "abc" + kLeft + "X", "abXc", 3},
      {"left over a wide character", "漢字" + kLeft + "é", "漢é字", 3},
      {"backspace over an emoji", "a😀b" + kLeft + "\x7f", "ab", 1},
      {"home, delete", "漢字\x01\x04", "字", 0},
      {"kill to the end and yank twice", "one two\x01\x0b\x19\x19", "one twoone two", 14},
      {"a word back", "alpha beta\x1b\x7fgamma", "alpha gamma", 11},
      {"undo", "ab" + kLeft + "c\x1f", "ab", 1},
      {"a control character is shown, not obeyed", "a\x16\x1b[31mb", "a\\x1b[31mb", 10},
  };
  Pty pty(demo());
  REQUIRE(pty.wait_for("demo> "));
  for (const Case& one : cases) {
    INFO(one.what);
    pty.send(one.keys);
    pty.pump(60ms);
    INFO(pty.describe());
    CHECK(pty.cursor().column == 6 + one.column);
    pty.send("\r");
    CHECK(pty.wait_for("got: [" + one.expected + "]", 30s));
    pty.send("\x0c");  // Ctrl-L: an empty screen for the next
    CHECK(pty.wait_until([&] { return pty.screen()[0] == "demo> "; }, 30s));
  }
}

TEST_CASE("a resize draws the line anew, whole, at the new width, and leaves what was printed above") {
  Pty pty(demo({"--status"}), {.rows = 12, .columns = 60});
  REQUIRE(pty.wait_for("demo> "));
  pty.type("first\r");
  REQUIRE(pty.wait_for("got: [first]"));
  const std::string text = "abcdefghij klmnopqrst 漢字漢字 uvwxyz 0123456789 ABCDEFGHIJ KLMNOPQRST end";
  pty.type(text, 1ms);
  for (const auto& [rows, columns] : {std::pair{12, 33}, {10, 21}, {14, 47}, {14, 90}, {8, 30}}) {
    pty.resize(rows, columns);
    pty.pump(150ms);
    INFO(columns, " columns\n", pty.describe());
    CHECK(pty.wait_until([&] { return pty.joined_text().find("demo> " + text) != std::string::npos; }, 30s));
    CHECK(count_of(pty.joined_text(), "abcdefghij") == 1);
  }
  CHECK(pty.all_text().find("got: [first]") != std::string::npos);
  pty.send("\r");
  CHECK(pty.wait_until([&] { return pty.joined_text().find("got: [" + text + "]") != std::string::npos; }, 30s));
}

TEST_CASE("a line of exactly the row's width, and one more, and a wide character at the edge") {
  for (const char* text : {"12345678901234", "123456789012345", "1234567890123漢", "1234567890123é漢字"}) {
    Pty pty(demo({"--lines-per-second", "100"}), {.rows = 10, .columns = 20});
    REQUIRE(pty.wait_for("demo> "));
    pty.type(text, 10ms);
    const bool drawn =
        pty.wait_until([&] { return pty.joined_text().find(std::string("demo> ") + text) != std::string::npos; }, 30s);
    INFO(pty.describe());
    CHECK(drawn);
    pty.send("\x7f!\r");
    std::string expected = text;
    do expected.pop_back();
    while ((static_cast<unsigned char>(expected.back()) & 0xC0) == 0x80 && expected.size() > 13);
    if ((static_cast<unsigned char>(expected.back()) & 0xC0) == 0xC0) expected.pop_back();
    CHECK(pty.wait_until([&] { return pty.joined_text().find("got: [" + expected + "!]") != std::string::npos; }, 30s));
  }
}

TEST_CASE("a line higher than the screen is edited in a window and comes back whole") {
  Pty pty(demo({"--lines-per-second", "50", "--status"}), {.rows = 6, .columns = 20});
  REQUIRE(pty.wait_for("demo> "));
  std::string text;
  for (int i = 0; i < 60; ++i) text += "w" + std::to_string(i) + " ";
  pty.type(text, 1ms);
  pty.type("\x01<\x05>", 30ms);
  pty.send("\r");
  CHECK(pty.wait_for("demo> ", 30s));
  std::string all;
  CHECK(pty.wait_until(
      [&] {
        all = pty.all_text();
        std::erase(all, '\n');
        std::erase(all, ' ');
        std::string packed = "got:[<" + text + ">]";
        std::erase(packed, ' ');
        return all.find(packed) != std::string::npos;
      },
      3s));
}

TEST_CASE("an unfinished quote goes on in a further line, and history brings it back whole") {
  Folder folder;
  const std::string history = folder.path + "/state/history";
  {
    Pty pty(demo({"--history", history}));
    REQUIRE(pty.wait_for("demo> "));
    pty.type("note \"one\r");
    REQUIRE(pty.wait_for("\n  ..."));
    pty.type("#2 back\\slash\"\r");
    CHECK(pty.wait_for("got: [note \"one\\n#2 back\\slash\"]"));
    pty.type("second\rsecond\r secret\r");
    REQUIRE(pty.wait_for("got: [ secret]"));
    pty.signal(SIGKILL);  // history is on disk all the same
    CHECK(pty.exit_status() == 128 + SIGKILL);
  }
  struct stat info{};
  REQUIRE(stat(history.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  REQUIRE(stat((folder.path + "/state").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);

  Pty pty(demo({"--history", history}));
  REQUIRE(pty.wait_for("demo> "));
  pty.send(kUp);
  REQUIRE(pty.wait_for("demo> second"));
  pty.send(kUp);
  INFO(pty.describe());
  CHECK(pty.wait_for("demo> note \"one\n  ... #2 back\\slash\""));
  pty.send("\r");
  CHECK(pty.wait_for("got: [note \"one\\n#2 back\\slash\"]"));
}

TEST_CASE("Ctrl-R searches the history while lines come in above") {
  Folder folder;
  std::ofstream(folder.path + "/h") << "run_n 20 status:FAIL\nls r:alpha\nstats by model\n";
  Pty pty(demo({"--history", folder.path + "/h", "--lines-per-second", "50"}));
  REQUIRE(pty.wait_for("demo> "));
  pty.type("\x12run", 20ms);
  INFO(pty.describe());
  CHECK(pty.wait_for("(reverse-i-search)`run': run_n 20 status:FAIL"));
  pty.send("\x05 x");
  CHECK(pty.wait_for("demo> run_n 20 status:FAIL x"));
  pty.send("\r");
  CHECK(pty.wait_for("got: [run_n 20 status:FAIL x]"));
  // Before the next prompt the terminal itself would take Ctrl-R for its own.
  CHECK(pty.wait_until([&] {
    const auto at = pty.cursor();
    return pty.screen().at(static_cast<std::size_t>(at.row)).starts_with("demo> ") && at.column == 6;
  }));
  pty.type("\x12zzz", 20ms);
  CHECK(pty.wait_for("failed reverse-i-search"));
  pty.send("\x03");
  CHECK(pty.wait_for("(interrupted)"));
  pty.type("ok\r");
  CHECK(pty.wait_for("got: [ok]"));
}

TEST_CASE("Tab completes what is common, lists what is left, and shows hostile candidates escaped") {
  Pty pty(demo());
  REQUIRE(pty.wait_for("demo> "));
  pty.type("x sta\t", 10ms);
  CHECK(pty.wait_for("demo> x stat"));
  pty.type("\t", 10ms);
  CHECK(pty.wait_for("status  stats\ndemo> x stat"));
  pty.type("u\t!\r", 10ms);
  CHECK(pty.wait_for("got: [x status !]"));
  pty.type("b\t", 10ms);
  CHECK(pty.wait_for("batches       b\\x1b[31mred"));
  CHECK(pty.raw().find("\x1b[31m") == std::string::npos);
}

TEST_CASE("Ctrl-C clears the line and stays, Ctrl-D on an empty line ends, and the terminal's mode is what it was") {
  Pty pty(demo({"--status"}));
  const termios before = [&] {
    // The mode before the program changes it is the mode that it has between two reads.
    Pty other({"/bin/sleep", "5"});
    other.pump(50ms);
    return other.mode();
  }();
  REQUIRE(pty.wait_for("demo> "));
  CHECK_FALSE(same_mode(pty.mode(), before));
  pty.type("half a li", 10ms);
  pty.send("\x03");
  REQUIRE(pty.wait_for("demo> half a li^C\n(interrupted)"));
  pty.type("next\r");
  CHECK(pty.wait_for("got: [next]"));
  pty.type("x\x04", 20ms);  // on a line with text Ctrl-D is delete
  pty.send("\x7f");
  pty.pump(50ms);
  pty.send("\x04");
  CHECK(pty.exit_status() == 0);
  CHECK(pty.all_text().ends_with("\nbye"));
  CHECK(same_mode(pty.mode(), before));
  CHECK(pty.raw().rfind("\x1b[?2004l") > pty.raw().rfind("\x1b[?2004h"));
}

TEST_CASE("a paste of several lines is text, not Enter, and control characters in it do nothing") {
  Pty pty(demo());
  REQUIRE(pty.wait_for("demo> "));
  pty.send("\x1b[200~one\rtwo \x1b[31mred\x1b[201~");
  CHECK(pty.wait_for("demo> one\n  ... two \\x1b[31mred"));
  pty.send("\r");
  CHECK(pty.wait_for("got: [one\\ntwo \\x1b[31mred]"));
}

TEST_CASE("what is typed while a command runs is read after it, Ctrl-D too") {
  Pty pty(demo());
  REQUIRE(pty.wait_for("demo> "));
  pty.send("sleep\r");
  REQUIRE(pty.wait_for("sleeping"));
  pty.send("later\r\x04");
  CHECK(pty.wait_for("got: [later]\ndemo> \nbye"));
  CHECK(pty.exit_status() == 0);
}

TEST_CASE("a large paste without bracketing is taken quickly and whole") {
  Pty pty(demo({"--lines-per-second", "50"}));
  REQUIRE(pty.wait_for("demo> "));
  std::string text;
  std::string last;
  while (text.size() < 20'000) text += last = "word" + std::to_string(text.size()) + " ";
  pty.send(text);
  pty.send("\r");
  CHECK(pty.wait_for(last, 30s));
  CHECK(pty.wait_until([&] { return count_of(pty.raw(), "got: [") == 1; }, 30s));
}

TEST_CASE("a foreground wait shows lines and status, keeps what is typed, and Ctrl-C leaves it") {
  Pty pty(demo({"--lines-per-second", "20", "--status"}));
  REQUIRE(pty.wait_for("demo> "));
  pty.type("wait\r");
  REQUIRE(pty.wait_for("#1 "));
  pty.type("typed aheadd\x7f\r", 10ms);
  REQUIRE(pty.wait_for("wait: done"));
  CHECK(pty.wait_for("got: [typed ahead]"));
  CHECK(pty.cursor().visible);
  pty.type("wait\r");
  pty.pump(300ms);
  CHECK_FALSE(pty.cursor().visible);
  pty.send("\x03");
  CHECK(pty.wait_for("wait: interrupted", 30s));
  CHECK(pty.wait_until([&] { return pty.cursor().visible; }, 30s));
}

TEST_CASE("Ctrl-Z gives the terminal back and stops; after CONT the line is there again") {
  // Under a shell with job control, so that the stop has someone to go to.
  Pty pty({"/bin/bash", "--norc", "--noprofile", "-i"}, {.environment = {"PS1=sh$ ", "HISTFILE=", "XTERM_VERSION=x"}});
  REQUIRE(pty.wait_for("sh$ "));
  pty.send(std::string(EDITOR_DEMO) + " --status\r");
  REQUIRE(pty.wait_for("demo> "));
  pty.type("not lost", 10ms);
  pty.send("\x1a");
  CHECK(pty.wait_for("Stopped"));
  pty.send("echo in-$((40+2))\r");
  CHECK(pty.wait_for("in-42"));
  pty.send("fg\r");
  INFO(pty.describe());
  CHECK(pty.wait_until(
      [&] { return pty.screen().size() > 0 && pty.all_text().rfind("demo> not lost") > pty.all_text().rfind("in-42"); },
      3s));
  pty.send(" at all\r");
  CHECK(pty.wait_for("got: [not lost at all]\ndemo> "));
  pty.send("\x04");
  CHECK(pty.wait_for("bye"));
}

TEST_CASE("a dead terminal ends the program and does not keep it busy") {
  for (const bool waiting : {false, true}) {
    Pty pty(demo({"--lines-per-second", "50", "--status"}));
    REQUIRE(pty.wait_for("demo> "));
    if (waiting) {
      pty.type("wait\r");
      pty.pump(200ms);
    }
    pty.close_terminal();
    const auto status = pty.exit_status(3s);
    INFO("waiting: ", waiting);
    REQUIRE(status.has_value());
    CHECK(*status == 7);  // ReadResult::Kind::gone
  }
}

TEST_CASE("an idle prompt costs nothing") {
  Pty idle(demo());
  REQUIRE(idle.wait_for("demo> "));
  const double start = cpu_seconds(idle.pid());
  idle.pump(1s);
  CHECK(cpu_seconds(idle.pid()) - start <= 0.02);
}

TEST_CASE("long output goes through the pager with our colours, and the prompt comes back") {
  Pty pty(demo(), {.environment = {"PAGER=less"}});
  REQUIRE(pty.wait_for("demo> "));
  pty.type("page\r");
  REQUIRE(pty.wait_until([&] { return has_row(pty, "page line 1") && !has_row(pty, "page line 40"); }, 30s));
  pty.send("G");
  REQUIRE(pty.wait_until([&] { return has_row(pty, "page line 100"); }, 30s));
  pty.send("\x03");  // less's own
  pty.pump(100ms);
  pty.send("!");  // LESSSECURE
  CHECK(pty.wait_for("not available"));
  pty.send("\rq");
  CHECK(pty.wait_for("paged"));
  CHECK(pty.all_text().find("(interrupted)") == std::string::npos);
  pty.type("after\r");
  CHECK(pty.wait_for("got: [after]"));
}

TEST_CASE("TERM=dumb and NO_COLOR are honoured") {
  Pty dumb(demo({"--lines-per-second", "5"}), {.environment = {"TERM=dumb"}});
  REQUIRE(dumb.wait_for("demo> "));
  dumb.type("hello\r");
  CHECK(dumb.wait_for("got: [hello]"));
  CHECK(dumb.wait_for("event 2"));
  dumb.send("\x04");
  CHECK(dumb.exit_status() == 0);
  CHECK(dumb.raw().find('\x1b') == std::string::npos);

  Pty plain(demo({"--status"}), {.environment = {"NO_COLOR=1"}});
  REQUIRE(plain.wait_for("#1 "));
  plain.send("\x04");
  CHECK(plain.exit_status() == 0);
  for (std::size_t at = 0; (at = plain.raw().find("\x1b[", at)) != std::string::npos;) {
    at = plain.raw().find_first_not_of("0123456789;?", at + 2);
    CHECK(plain.raw()[at] != 'm');
  }
}

TEST_CASE("without a locale UTF-8 is typed all the same") {
  Pty pty(demo(), {.environment = {"LANG="}});
  REQUIRE(pty.wait_for("demo> "));
  pty.type("é漢" + kLeft, 10ms);
  pty.pump(50ms);
  CHECK(pty.cursor().column == 7);
  pty.send("x\r");
  CHECK(pty.wait_for("got: [éx漢]"));
}
