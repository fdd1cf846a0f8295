// SIGTERM, SIGHUP, SIGINT while a job runs (reliability.md 8): what is on its way is kept, the rest goes on later.
#include <doctest/doctest.h>
#include <signal.h>

#include <thread>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;
using namespace std::chrono_literals;

namespace {

struct Row {
  int signal;
  int status;
  const char* name;
};

}  // namespace

TEST_CASE("a signal ends the program in time, with its status; every answer is recorded once and the job goes on") {
  for (const Row& row : {Row{SIGTERM, 143, "SIGTERM"}, Row{SIGHUP, 129, "SIGHUP"}, Row{SIGQUIT, 131, "SIGQUIT"},
                         Row{SIGINT, 130, "SIGINT"}}) {
    INFO(row.name);
    TemporaryFolder folder;
    folder.write("questions.jsonl", questions(300));
    MockServer server;
    server.config(R"({"reply":"qa","latency":"const:150ms"})");
    const Environment environment = server_environment(server);
    const std::string file = folder.file("x.assay");
    Child child({assay_program(), file, "-c", "load qa questions.jsonl model=openai/any as=job; run_n 20"},
                folder.path(), environment);
    for (int i = 0; i < 500 && server.stats().at("requests").get<int>() < 60; ++i) std::this_thread::sleep_for(5ms);
    child.signal(row.signal);
    const auto asked = std::chrono::steady_clock::now();
    CHECK(child.wait_for(6s) == row.status);
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - asked).count();
    CHECK(took < 3);

    server.config(R"({"reply":"qa","latency":"const:0ms"})");
    const Finished again = run({assay_program(), file, "--json", "-c", "status; run_n 50; calls --in-doubt; status"},
                               folder.path(), environment);
    CHECK(again.error.find("recovered") == std::string::npos);  // it was closed
    const std::vector<Json> said = results(again.out);
    REQUIRE(said.size() == 4);
    CHECK(said[3].at("by_status").at("COMPLETE") == 300);
    const auto requests = server.stats().at("requests").get<std::size_t>();
    const std::size_t named = said[2].at("calls").size();
    if (row.signal == SIGQUIT) {
      CHECK(requests <= 300 + named);
    } else {  // what was on its way has been waited for and recorded: nothing is asked twice
      CHECK(requests == 300);
      CHECK(named == 0);
    }
  }
}

TEST_CASE("Ctrl-C three times in a script: drain, stop, leave; nothing recorded is lost") {
  TemporaryFolder folder;
  folder.write("questions.jsonl", questions(40));
  MockServer server;
  server.config(R"({"reply":"qa","latency":"const:20000ms"})");
  const Environment environment = server_environment(server);
  const std::string file = folder.file("x.assay");
  Child child({assay_program(), file, "-c", "load qa questions.jsonl model=openai/any as=job; run_n 10"}, folder.path(),
              environment);
  for (int i = 0; i < 500 && server.stats().at("requests").get<int>() < 10; ++i) std::this_thread::sleep_for(5ms);
  child.signal(SIGINT);
  CHECK(child.wait_for(400ms) == -1);  // waits for those in flight
  child.signal(SIGINT);
  CHECK(child.wait_for(2s) == 130);
  server.config(R"({"reply":"qa","latency":"const:0ms"})");
  const std::vector<Json> said =
      results(run({assay_program(), file, "--json", "-c", "status; calls --in-doubt; run_n 10; status"}, folder.path(),
                  environment)
                  .out);
  REQUIRE(said.size() == 4);
  CHECK(said[0].at("by_status").at("INCOMPLETE") == 10);
  CHECK(said[1].at("calls").size() == 10);  // they had been sent: named
  CHECK(said[3].at("by_status").at("COMPLETE") == 40);
}

TEST_CASE("a closed standard output doesn't keep commands that act from acting") {
  TemporaryFolder folder;
  const std::string file = folder.file("x.assay");
  const Finished done = run(
      {"/bin/sh", "-c",
       "'" + assay_program() + "' '" + file + "' -c 'load arithmetic sample; ls; run_n 8; ls' | head -c 1 > /dev/null"},
      folder.path());
  CHECK(done.status == 0);
  const std::vector<Json> said = results(run({assay_program(), file, "--json", "-c", "status"}, folder.path()).out);
  CHECK(said.at(0).at("by_status").at("READY") == 0);
}
