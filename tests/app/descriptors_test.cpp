// Few file descriptors: fewer calls at a time, none of them lost, and a person is told (models.md 2.2, acceptance 14).
#include <doctest/doctest.h>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

TEST_CASE("with few descriptors it works with fewer connections, and says so once; `models` says it too") {
  TemporaryFolder folder;
  folder.write("questions.jsonl", questions(400));
  for (const auto& [files, connections] : {std::pair{"40", "20"}, std::pair{"200", "152"}}) {
    INFO(files);
    MockServer server;
    server.config(R"({"reply":"qa","latency":"const:50ms"})");
    const Finished done =
        run({"/bin/sh", "-c",
             std::string("ulimit -n ") + files + " && exec " + assay_program() +
                 " :memory: -c 'load qa questions.jsonl model=openai/any as=job; run_n 300; models; run_n 300 job:q1'"},
            folder.path(), server_environment(server));
    const std::string line = std::string("only ") + connections + " connections at a time: the program may open " +
                             files + " files (ulimit -n); the other calls wait";
    CHECK(done.out.find("400 COMPLETE") != std::string::npos);
    CHECK(done.out.find(line) != std::string::npos);  // models
    const std::size_t told = done.error.find(line);
    CHECK(told != std::string::npos);
    CHECK(done.error.find(line, told + 1) == std::string::npos);
    const auto most = server.stats().at("in_flight").at("largest").get<int>();
    CHECK(most <= std::stoi(connections));
    CHECK(most > std::stoi(connections) / 2);
  }
  MockServer server;
  server.config(R"({"reply":"qa","latency":"const:50ms"})");
  const Finished wide =
      run({assay_program(), ":memory:", "-c", "load qa questions.jsonl model=openai/any as=job; run_n 300; models"},
          folder.path(), server_environment(server));
  CHECK(wide.out.find("connections at a time") == std::string::npos);
  CHECK(wide.error.find("connections at a time") == std::string::npos);
}

TEST_CASE("a configuration folder that can't be looked at is one clear line with what to do") {
  TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "config");
  // A link to itself: refused for every user, as a folder without rights is for most.
  std::filesystem::create_symlink("assay", folder.path() / "config" / "assay");
  const Finished done =
      run({assay_program(), ":memory:", "-c", "status"}, folder.path(), {{"XDG_CONFIG_HOME", folder.file("config")}});
  CHECK(done.status == 1);
  CHECK(done.error.find("config/assay/settings: can't be looked at: ") != std::string::npos);
  CHECK(done.error.find("make " + folder.file("config/assay") + " one that you may enter and read") !=
        std::string::npos);
  CHECK(done.error.find("filesystem error") == std::string::npos);
}
