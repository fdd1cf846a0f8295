// Second terminals, and programs whose terminal was left: the real program in pseudo-terminals (shell.md 2).
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "core/text/json.hpp"
#include "repl/remote/channel.hpp"
#include "repl/remote/socket_place.hpp"
#include "tests/support/process.hpp"
#include "tests/support/pty.hpp"

using namespace assay;
using namespace assay::test;
using namespace std::chrono_literals;

namespace {

const std::string kShell = ASSAY_BUILD_DIR "/app/assay";

/// A folder with an experiment x.assay; who still writes it at the end is killed.
struct Place {
  TemporaryFolder folder;
  std::string file = folder.file("x.assay");
  ~Place() {
    if (const pid_t pid = writer(); pid > 0) ::kill(pid, SIGKILL);
  }

  /// The pid in its lock; 0: nobody has it open.
  pid_t writer() const {
    std::ifstream lock(file + "-lock");
    pid_t pid = 0;
    lock >> pid;
    return pid > 0 && ::kill(pid, 0) == 0 ? pid : 0;
  }
  bool has_socket() const { return std::filesystem::exists(file + ".sock"); }
  bool wait_until(const std::function<bool()>& condition) const {
    for (int i = 0; i < 1'500 && !condition(); ++i) std::this_thread::sleep_for(20ms);
    return condition();
  }
  PtyOptions options() const {
    PtyOptions options;
    options.rows = 30;
    options.columns = 110;
    options.folder = folder.path().string();
    options.environment = {"HOME=" + folder.path().string()};
    return options;
  }
  std::vector<std::string> attach(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> argv{kShell, "attach", file};
    argv.insert(argv.end(), more.begin(), more.end());
    return argv;
  }
  Finished run(const std::vector<std::string>& argv) const { return assay::test::run(argv, folder.path()); }
  /// Reads the file after the program has gone.
  Json status() const {
    const Finished done = run({kShell, file, "--read-only", "--json", "-c", "status"});
    INFO(done.out << done.error);
    REQUIRE(done.status == 0);
    return parse_json(done.out, "status").at("result");
  }
};

/// A program at its prompt with a job of 50 runs, `latency` each, `width` in flight.
void begin_job(Pty& pty, const std::string& latency, int width) {
  REQUIRE(pty.wait_for("assay> "));
  pty.send("load arithmetic sample model=sim/default?latency=const:" + latency + "\r");
  REQUIRE(pty.wait_for("50 runs, kind arithmetic"));
  pty.send("run_n " + std::to_string(width) + "\r");
  REQUIRE(pty.wait_for("job #1, at most"));
}

}  // namespace

TEST_CASE("a second terminal looks at a running experiment and steers it; both are told when the job ends") {
  const Place place;
  Pty first({kShell, place.file}, place.options());
  begin_job(first, "400ms", 5);
  struct stat socket{};
  REQUIRE(stat((place.file + ".sock").c_str(), &socket) == 0);
  CHECK((socket.st_mode & 0777) == 0600);

  Pty second(place.attach(), place.options());
  REQUIRE(second.wait_for("in control"));
  REQUIRE(second.wait_for("#1 "));  // the live line
  second.send("ls s:arithmetic:1 --limit 3\r");
  CHECK(second.wait_for("arithmetic:11"));
  second.send("termi\t\r");  // completed by the program, listed here
  CHECK(second.wait_for("(this one)"));
  CHECK(second.wait_for("began the program"));
  second.send("! echo by $((6 * 7))\r");  // executed where it is typed
  CHECK(second.wait_for("by 42"));
  second.send("width #1 20\r");
  CHECK(second.wait_for("#1 runs at most 20"));
  CHECK(first.wait_for("#1 done"));
  CHECK(second.wait_for("#1 done"));

  // Each has its own listing.
  first.send("stats\r");
  CHECK(first.wait_for("n 50"));
  second.send("stats\r");
  CHECK(second.wait_for("n 11"));
  second.send("exit\r");
  CHECK(second.exit_status() == 0);
  first.send("terminals\r");
  CHECK(first.wait_for("joins"));  // alone again
  first.send("exit\r");
  CHECK(first.exit_status() == 0);
  CHECK_FALSE(place.has_socket());
}

TEST_CASE("a terminal for reading only looks, and changes nothing") {
  const Place place;
  Pty first({kShell, place.file}, place.options());
  begin_job(first, "300ms", 5);
  Pty second(place.attach({"--read-only"}), place.options());
  REQUIRE(second.wait_for("read-only;"));
  for (const std::string command : {"drop all", "cancel", "run_n 5", "budget 1", "cache on", "set model sim/default"}) {
    INFO(command);
    second.send("clear\r" + command + "\r");
    CHECK(second.wait_for("this terminal is attached for reading only"));
    CHECK(second.wait_for("attach without --read-only"));
  }
  second.send("clear\r");
  second.send("ls --limit 2\r");
  CHECK(second.wait_for("arithmetic:2"));
  second.send("wait\r");
  second.pump(300ms);
  second.send("\x03");
  CHECK(second.wait_for("was begun at another terminal and goes on"));
  CHECK(first.wait_for("#1 done"));
  second.send("exit\r");
  CHECK(second.exit_status() == 0);
  first.send("exit\r");
  CHECK(first.exit_status() == 0);
  CHECK(place.status().at("by_status").at("COMPLETE") == 50);
}

TEST_CASE("an attached terminal that is killed or closed leaves jobs and others as they are") {
  const Place place;
  Pty first({kShell, place.file}, place.options());
  begin_job(first, "300ms", 5);
  {
    Pty killed(place.attach(), place.options());
    REQUIRE(killed.wait_for("in control"));
    killed.send("wait\r");
    killed.pump(200ms);
    killed.signal(SIGKILL);
    CHECK(killed.exit_status() == 128 + SIGKILL);
    Pty closed(place.attach(), place.options());
    REQUIRE(closed.wait_for("in control"));
    closed.send("drop al");
    closed.close_terminal();
    CHECK(closed.exit_status());
  }
  first.send("terminals\r");
  CHECK(first.wait_for("joins"));
  CHECK(first.wait_for("#1 done"));
  first.send("exit\r");
  CHECK(first.exit_status() == 0);
  CHECK(place.status().at("by_status").at("COMPLETE") == 50);
}

TEST_CASE(
    "detach gives the terminal back, the job goes on, attach comes back to it, and the program ends when all is done") {
  const Place place;
  {
    Pty first({kShell, place.file}, place.options());
    begin_job(first, "200ms", 2);
    first.send("detach\r");
    CHECK(first.wait_for("comes back to them"));
    CHECK(first.exit_status(5s) == 0);  // the person's shell has its prompt again
  }
  const pid_t program = place.writer();
  REQUIRE(program > 0);
  CHECK(getsid(program) == program);
  for (const char* fd : {"0", "1", "2"})
    CHECK(std::filesystem::read_symlink("/proc/" + std::to_string(program) + "/fd/" + fd) == "/dev/null");
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(program) + "/fd"))
    CHECK(std::filesystem::read_symlink(entry).string().find("/dev/pts/") == std::string::npos);

  Pty back(place.attach(), place.options());
  REQUIRE(back.wait_for("in control"));
  REQUIRE(back.wait_for("#1 "));
  back.send("detach\r");  // and away again
  CHECK(back.exit_status() == 0);
  REQUIRE(place.writer() == program);

  Pty again(place.attach(), place.options());
  REQUIRE(again.wait_for("in control"));
  CHECK(again.wait_for("#1 done"));
  again.send("status\r");
  CHECK(again.wait_for("50 COMPLETE"));
  CHECK(place.writer() == program);  // while somebody is there
  again.send("exit\r");
  CHECK(again.exit_status() == 0);
  CHECK(place.wait_until([&] { return place.writer() == 0; }));
  CHECK_FALSE(place.has_socket());
  const Json status = place.status();
  CHECK(status.at("by_status").at("COMPLETE") == 50);
  CHECK(status.at("calls").at("answered") == 50);
  CHECK(status.at("calls").at("in_doubt") == 0);
}

TEST_CASE("a program without a terminal ends by itself when its job is done, and a signal ends it as any other") {
  for (const bool signalled : {false, true}) {
    INFO(signalled);
    const Place place;
    Pty first({kShell, place.file}, place.options());
    begin_job(first, signalled ? "500ms" : "100ms", 5);
    first.send("detach\r");
    CHECK(first.exit_status(5s) == 0);
    const pid_t program = place.writer();
    REQUIRE(program > 0);
    if (signalled) ::kill(program, SIGTERM);
    CHECK(place.wait_until([&] { return place.writer() == 0; }));
    const Json status = place.status();
    CHECK(status.at("calls").at("in_doubt") == 0);
    if (signalled) {
      CHECK(status.at("by_status").at("COMPLETE") < 50);
    } else {
      CHECK(status.at("by_status").at("COMPLETE") == 50);
    }
  }
}

TEST_CASE("kill -9 of a program without a terminal: what it had recorded is there, and the job goes on") {
  const Place place;
  {
    Pty first({kShell, place.file}, place.options());
    begin_job(first, "150ms", 3);
    first.send("detach\r");
    CHECK(first.exit_status(5s) == 0);
  }
  const auto answered = [&] {
    const Finished done = place.run(place.attach({"--json", "-c", "status"}));
    return done.status == 0 ? parse_json(done.out, "status").at("result").at("calls").at("answered").get<int>() : 0;
  };
  REQUIRE(place.wait_until([&] { return answered() >= 6; }));
  const int before = answered();
  ::kill(place.writer(), SIGKILL);
  REQUIRE(place.wait_until([&] { return place.writer() == 0; }));
  CHECK(place.has_socket());  // left behind
  const Finished lost = place.run(place.attach({"-c", "status"}));
  CHECK(lost.status == 1);
  CHECK(lost.error.find("no program listens there") != std::string::npos);
  const Finished again = place.run({kShell, place.file, "--json", "-c", "status; run_n 20; status"});
  CHECK(again.status == 0);
  CHECK(again.error.find("recovered") != std::string::npos);
  const Json first_status = parse_json(again.out.substr(0, again.out.find('\n')), "status").at("result");
  CHECK(first_status.at("calls").at("answered").get<int>() >= before);
  CHECK(place.status().at("by_status").at("COMPLETE") == 50);
  CHECK_FALSE(place.has_socket());
}

TEST_CASE("detach refuses where there is nothing to go on with, or nobody could come back") {
  const Place place;
  Pty first({kShell, place.file}, place.options());
  REQUIRE(first.wait_for("assay> "));
  first.send("detach\r");
  CHECK(first.wait_for("nothing to go on with"));
  first.send("exit\r");
  CHECK(first.exit_status() == 0);
  Pty memory({kShell, ":memory:"}, place.options());
  REQUIRE(memory.wait_for("assay> "));
  memory.send("detach\r");
  CHECK(memory.wait_for("nobody could come back"));
  memory.send("exit\r");
  CHECK(memory.exit_status() == 0);
  CHECK(place.run({kShell, place.file, "-c", "detach"}).status == 1);
}

TEST_CASE("a program that ends says so to those who are attached; one that was killed is missed, and no mode is left") {
  for (const int signal : {SIGTERM, SIGKILL}) {
    INFO(signal);
    const Place place;
    Pty first({kShell, place.file}, place.options());
    begin_job(first, "2s", 5);
    Pty second(place.attach(), place.options());
    const termios before = second.mode();
    REQUIRE(second.wait_for("in control"));
    REQUIRE(second.wait_for("assay> "));
    second.send("half a line");
    second.pump(200ms);
    ::kill(place.writer(), signal);
    CHECK(second.wait_for(signal == SIGTERM ? "it got SIGTERM" : "has gone without a word"));
    CHECK(second.exit_status() == (signal == SIGTERM ? 0 : 1));
    const termios after = second.mode();
    CHECK(after.c_lflag == before.c_lflag);
    CHECK(after.c_cc[VINTR] == before.c_cc[VINTR]);
    CHECK(first.exit_status() == 128 + (signal == SIGTERM ? 15 : 9));
  }
}

TEST_CASE("Ctrl-C: one's own job is drained, another terminal's goes on") {
  const Place place;
  Pty first({kShell, place.file}, place.options());
  begin_job(first, "400ms", 2);
  Pty second(place.attach(), place.options());
  REQUIRE(second.wait_for("in control"));
  second.send("wait #1\r");
  second.pump(400ms);
  second.send("\x03");
  CHECK(second.wait_for("job #1 was begun at another terminal and goes on; `cancel #1` ends it"));
  second.send("jobs\r");
  CHECK(second.wait_for("running"));
  // While that terminal waits for its own, the other one's commands are answered.
  second.send("clear\rrerun 2 arithmetic:1\r");
  second.pump(100ms);
  first.send("wait #1\r");
  first.pump(300ms);
  second.send("terminals\r");
  CHECK(second.wait_for("wait #1"));
  first.send("\x03");
  CHECK(first.wait_for("no new runs begin"));
  CHECK(first.wait_for("#1 cancelled"));
  CHECK(second.wait_for("#1 cancelled"));
  first.send("exit\r");
  first.pump(500ms);
  if (!first.exit_status(2s)) {  // the other terminal's job: it asks
    first.send("s\r");
    CHECK(first.exit_status() == 0);
  }
  CHECK(second.wait_for("it was left at the terminal that began it"));
  CHECK(second.exit_status() == 0);
}

TEST_CASE("attach -c is a script: its output, its status; two at once, beside a person") {
  const Place place;
  Pty first({kShell, place.file}, place.options());
  begin_job(first, "300ms", 2);
  const Finished status = place.run(place.attach({"--json", "-c", "status; ls --limit 1", "-c", "batches"}));
  CHECK(status.status == 0);
  CHECK(std::count(status.out.begin(), status.out.end(), '\n') == 3);
  CHECK(status.out.starts_with(R"({"command":"status","ok":true)"));
  const Finished wrong = place.run(place.attach({"-c", "nonsense; echo"}));
  CHECK(wrong.status == 1);
  CHECK(wrong.error.find("nonsense") != std::string::npos);
  CHECK(wrong.out.empty());
  // A script that waits keeps nobody from anything.
  Child waits(place.attach({"-c", "wait; stats"}), place.folder.path());
  Child loads(place.attach({"-c", "load arithmetic sample model=sim/default as=other; run_n 9 batch:other"}),
              place.folder.path());
  CHECK(loads.wait() == 0);
  CHECK(loads.out().find("50 COMPLETE") != std::string::npos);
  CHECK(waits.running());
  first.send("cancel\r");
  CHECK(waits.wait() == 0);
  CHECK(waits.out().find("score [95 %]") != std::string::npos);
  // A large answer comes whole.
  const Finished large = place.run(place.attach({"--json", "-c", "ls all --limit 1000"}));
  CHECK(parse_json(large.out, "ls").at("result").at("matched") == 100);
  first.send("exit\r");
  first.pump(300ms);
  if (!first.exit_status(2s)) first.send("s\r");
  CHECK(first.exit_status() == 0);
}

TEST_CASE("an attached terminal that is stopped and reads nothing keeps neither others nor the program's end waiting") {
  const Place place;
  Pty first({kShell, place.file}, place.options());
  REQUIRE(first.wait_for("assay> "));
  first.send("load arithmetic sample\r");
  REQUIRE(first.wait_for("50 runs, kind arithmetic"));
  std::string much;
  for (int i = 0; i < 3'000; ++i) much += "ls all;";
  Child stopped(place.attach({"--json", "-c", much}), place.folder.path());
  REQUIRE(place.wait_until([&] { return stopped.out().size() > 1'000; }));
  stopped.signal(SIGSTOP);
  first.pump(500ms);
  first.send("run_n 8\r");
  CHECK(first.wait_for("#1 done"));
  first.send("exit\r");
  CHECK(first.exit_status() == 0);
  stopped.signal(SIGCONT);
  CHECK(stopped.wait() == 1);
}

TEST_CASE("a terminal of another version is refused with both versions; odd frames harm nobody") {
  const Place place;
  Pty first({kShell, place.file}, place.options());
  REQUIRE(first.wait_for("assay> "));
  REQUIRE(place.wait_until([&] { return place.has_socket(); }));  // the prompt may come before all is open
  {
    Channel other(connect_to(socket_path(place.file)));
    other.send(Json::object({{"t", "hello"}, {"protocol", 99}, {"version", "9.9"}}));
    const auto answer = other.receive(30s);
    REQUIRE(answer);
    CHECK(answer->at("t") == "refused");
    CHECK(answer->at("why").get<std::string>().find("this terminal is assay 9.9") != std::string::npos);
    CHECK_FALSE(other.receive(30s));
  }
  {
    const int fd = connect_to(socket_path(place.file));
    const std::string bytes = "GET / HTTP/1.1\r\n\r\n";
    REQUIRE(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
    char end = 0;
    CHECK(::recv(fd, &end, 1, 0) == 0);
    ::close(fd);
  }
  {
    Channel odd(connect_to(socket_path(place.file)));
    odd.send(Json::object({{"t", "hello"}, {"protocol", kRemoteProtocol}, {"columns", -5}, {"rows", "x"}}));
    std::optional<Json> frame = odd.receive(30s);
    REQUIRE(frame);
    CHECK(frame->at("t") == "welcome");
    for (const Json& one :
         {Json::object({{"t", "resize"}, {"columns", 1'000'000'000'000}}), Json::object({{"t", "nonsense"}}),
          Json::object({{"t", "complete"}, {"id", 1}, {"line", "ls "}, {"cursor", -7}}),
          Json::object({{"t", "complete"}, {"id", 2}, {"line", "ls "}, {"cursor", 7'000}}),
          Json::object({{"t", "ran"}, {"id", 1'000}}), Json::object({{"t", "line"}, {"id", 77}, {"text", "drop all"}}),
          Json::object({{"t", "interrupt"}}), Json::object({{"t", "line"}, {"id", 1}, {"text", "nonsense here"}})}) {
      CHECK(odd.send(one));
    }
    std::string said;
    while ((frame = odd.receive(30s)) && said.find("unknown command nonsense") == std::string::npos)
      said += dump_json(*frame);
    CHECK(said.find("unknown command nonsense") != std::string::npos);
    CHECK(said.find("--yes") == std::string::npos);  // the answer to a question that was never asked isn't carried out
  }
  CHECK(place.run(place.attach({"-c", "status"})).status == 0);
  first.send("exit\r");
  CHECK(first.exit_status() == 0);
}

TEST_CASE("who opens what another program writes is told how to join it; who attaches to nothing, how to open it") {
  const Place place;
  Pty first({kShell, place.file}, place.options());
  REQUIRE(first.wait_for("assay> "));
  REQUIRE(place.wait_until([&] { return place.has_socket(); }));  // the prompt may come before all is open
  const Finished refused = place.run({kShell, place.file, "-c", "status"});
  CHECK(refused.status == 1);
  CHECK(refused.error.find("pid " + std::to_string(place.writer())) != std::string::npos);
  CHECK(refused.error.find("`assay attach " + place.file + "` joins it") != std::string::npos);
  first.send("exit\r");
  CHECK(first.exit_status() == 0);
  const Finished nobody = place.run(place.attach({"-c", "status"}));
  CHECK(nobody.status == 1);
  CHECK(nobody.error.find("no program listens there") != std::string::npos);
  CHECK(nobody.error.find("opens it") != std::string::npos);
}

TEST_CASE("a command typed right after Ctrl-C is executed, and the line before it is not") {
  const Place place;
  Pty pty({kShell, place.file}, place.options());
  REQUIRE(pty.wait_for("assay> "));
  for (int i = 0; i < 20; ++i) {
    INFO(i);
    const std::string name = "after" + std::to_string(i);
    pty.send("never typed\x03" + name + "\r");
    CHECK(pty.wait_for("unknown command " + name));
  }
  CHECK(pty.all_text().find("unknown command never") == std::string::npos);
  CHECK(pty.all_text().find("assay> never typed^C\nassay> after19") != std::string::npos);
  pty.send("exit\r");
  CHECK(pty.exit_status() == 0);
}

TEST_CASE("Ctrl-Z and signals to the process in front reach the program") {
  const Place place;
  // A shell with job control stands between.
  Pty pty({"/bin/bash", "--norc", "-i"}, place.options());
  pty.send("PS1='shell$ '\r");
  REQUIRE(pty.wait_for("shell$ "));
  pty.send(kShell + " " + place.file + "; echo status=$?\r");
  REQUIRE(pty.wait_for("assay> "));
  pty.send("\x1a");
  REQUIRE(pty.wait_for("Stopped"));
  pty.send("fg; echo status=$?\r");
  REQUIRE(pty.wait_until([&] { return pty.joined_text().rfind("assay> ") > pty.joined_text().rfind("fg; echo"); }));
  pty.send("load arithmetic sample model=sim/default?latency=const:200ms\r");
  REQUIRE(pty.wait_for("50 runs, kind arithmetic"));
  pty.send("run_n 5\rdetach\r");
  REQUIRE(pty.wait_for("status=0"));
  pty.send("exit\r");
  CHECK(pty.exit_status() == 0);
  CHECK(place.writer() > 0);  // a shell that ends takes nothing with it
  const Finished rest = place.run(place.attach({"-c", "wait; status"}));
  CHECK(rest.status == 0);
  CHECK(rest.out.find("50 COMPLETE") != std::string::npos);
}
