#include "runners/process/program_host.hpp"

#include <doctest/doctest.h>

#include "tests/runners/process/programs.hpp"

using namespace assay;
using namespace assay::test;
using Kind = HostedProgram::Trouble::Kind;

TEST_CASE("what is sent is read, and a line said in parts is one line") {
  ProgramHost host;
  const auto program = host.start(shell("read -r x; printf '%s, ' \"$x\"; sleep 0.1; printf 'b\\nc\\n'; read -r x"));
  program->send("a");
  CHECK(hear(*program) == "a, b");
  CHECK(hear(*program) == "c");
  CHECK_FALSE(program->has_news());
}

TEST_CASE("what waits for a line is woken when it comes, and when the program ends") {
  ProgramHost host;
  PatientStep step;
  const auto program = host.start(shell("read -r x; echo \"$x\"; exit 0"));
  program->listen(step.waker());
  program->send("hello");
  CHECK(step.wait_until("it", [&] { return program->has_news(); }, SteadyTime::max()));
  CHECK(hear(*program) == "hello");
  CHECK(step.wait_until("it", [&] { return program->trouble().has_value(); }, SteadyTime::max()));
}

TEST_CASE("a line of 10 MB is trouble, one of 7 MB is none") {
  ProgramHost host;
  const auto long_line = [](int megabytes) {
    return shell("echo first; head -c " + std::to_string(megabytes) +
                 "000000 /dev/zero | tr '\\0' x; echo; echo last; cat");
  };
  const auto fits = host.start(long_line(7)), bursts = host.start(long_line(10));
  CHECK(hear(*fits) == "first");
  CHECK(hear(*fits).size() == 7'000'000);
  CHECK(hear(*fits) == "last");
  CHECK(hear(*bursts) == "first");
  CHECK(hear(*bursts) == "");
  CHECK(trouble_of(*bursts).kind == Kind::too_long);
}

TEST_CASE("who is not read from waits, and loses nothing") {
  ProgramHost host;
  const auto program =
      host.start(shell("head -c 80000000 /dev/zero | tr '\\0' x | fold -w 1000000; echo; echo all >&2; cat"));
  REQUIRE(soon([&] { return program->has_news(); }));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  CHECK(program->take_errors() == "");  // it has not come to the end
  for (int i = 0; i < 80; ++i) REQUIRE(hear(*program).size() == 1'000'000);
  std::string errors;
  CHECK(soon([&] { return !(errors += program->take_errors()).empty(); }));
  CHECK(errors == "all\n");
}

TEST_CASE("how it ended is told after all that it had said") {
  ProgramHost host;
  struct Row {
    const char *script, *text;
  };
  for (const Row& row :
       {Row{"echo last words; echo oh >&2; exit 3", "ended with status 3"},
        Row{"echo last words; echo oh >&2; kill -SEGV $$", "was killed by signal 11 (Segmentation fault)"},
        Row{"echo last words; echo oh >&2", "ended with status 0"}}) {
    CAPTURE(row.script);
    const auto program = host.start(shell(row.script));
    REQUIRE(soon([&] { return program->has_news(); }));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    CHECK_FALSE(program->trouble().has_value());
    CHECK(hear(*program) == "last words");
    const auto trouble = trouble_of(*program);
    CHECK(trouble.kind == Kind::ended);
    CHECK(trouble.text == row.text);
    CHECK(program->take_errors() == "oh\n");
  }
}

TEST_CASE("one that can't be started says why; one whose output is closed is not waited for") {
  ProgramHost host;
  ChildCommand nowhere = shell("");
  nowhere.program = "/nowhere/tool";
  const auto absent = host.start(nowhere);
  CHECK(trouble_of(*absent).kind == Kind::absent);
  CHECK(trouble_of(*absent).text == "/nowhere/tool can't be started: No such file or directory");
  ChildCommand homeless = shell("pwd");
  homeless.folder = "/nowhere";
  CHECK(trouble_of(*host.start(homeless)).kind == Kind::absent);
  const auto closed = host.start(shell("exec >&-; sleep 60"));
  CHECK(trouble_of(*closed).kind == Kind::closed);
}

TEST_CASE("it works in the folder that it is given") {
  ProgramHost host;
  ChildCommand command = shell("pwd; cat");
  command.folder = "/usr";
  CHECK(hear(*host.start(command)) == "/usr");
}

TEST_CASE("of its errors the last 64 KiB are kept") {
  ProgramHost host;
  const auto program = host.start(shell("head -c 1000000 /dev/zero | tr '\\0' x >&2; echo end >&2; echo done; cat"));
  CHECK(hear(*program) == "done");
  const std::string errors = program->take_errors();
  CHECK(errors.size() == kErrorsKept);
  CHECK(errors.ends_with("xxend\n"));
  CHECK(program->take_errors() == "");
}

TEST_CASE("one that would stay is ended with all that it has started") {
  ProgramHost host;
  auto program = host.start(shell(
      "trap '' TERM; sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1; done' & echo $$; while :; do sleep 1; done"));
  const pid_t one = std::stoi(hear(*program)), other = std::stoi(hear(*program));
  CHECK(runs(one));
  CHECK(runs(other));
  program.reset();
  CHECK(soon([&] { return !runs(one) && !runs(other); }));
  CHECK(soon([&] { return host.running() == 0; }));
}

TEST_CASE("what it has started goes with it when it ends by itself") {
  ProgramHost host;
  const auto program = host.start(shell("sleep 1000 & echo $!; exit 0"));
  const pid_t left = std::stoi(hear(*program));
  CHECK(trouble_of(*program).kind == Kind::ended);
  CHECK(soon([&] { return !runs(left); }));
}

TEST_CASE("one that is retired reads the end of its input, and has time to leave") {
  ProgramHost host;
  auto program = host.start(shell("echo $$; cat >/dev/null; sleep 0.2; exit 0"));
  const pid_t pid = std::stoi(hear(*program));
  program->retire();
  CHECK(trouble_of(*program).text == "ended with status 0");
  CHECK_FALSE(runs(pid));
  auto stays = host.start(shell("echo $$; exec sleep 1000"));
  const pid_t other = std::stoi(hear(*stays));
  stays->retire();
  stays.reset();
  CHECK(soon([&] { return !runs(other); }));
}

TEST_CASE("all of them end with the host, whoever still holds them") {
  auto host = std::make_unique<ProgramHost>();
  std::vector<std::unique_ptr<HostedProgram>> programs;
  std::vector<pid_t> pids;
  for (int i = 0; i < 5; ++i) programs.push_back(host->start(shell("echo $$; sleep 1000")));
  for (const auto& program : programs) pids.push_back(std::stoi(hear(*program)));
  host.reset();
  for (const pid_t pid : pids) CHECK_FALSE(runs(pid));
  for (const auto& program : programs) CHECK(program->trouble().has_value());
}

TEST_CASE("a hundred programs answer at the same time") {
  ProgramHost host;
  std::vector<std::unique_ptr<HostedProgram>> programs;
  for (int i = 0; i < 100; ++i) programs.push_back(host.start(shell("while read -r x; do echo \"$x back\"; done")));
  for (int round = 0; round < 5; ++round) {
    for (std::size_t i = 0; i < programs.size(); ++i) programs[i]->send(std::to_string(i));
    for (std::size_t i = 0; i < programs.size(); ++i) REQUIRE(hear(*programs[i]) == std::to_string(i) + " back");
  }
}
