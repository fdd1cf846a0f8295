// A thousand runs forked at once with one changed prompt: what is shared costs nothing, children are compared with
// their parents, and all of it can be executed again without a server.
#include <doctest/doctest.h>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

namespace {

constexpr int kRuns = 1'000;

/// Three questions in a row; the last one as given.
std::string study(const std::string& last) {
  return R"(assay: 1
name: base
data: rows.csv
model: openai/any
steps:
  - {name: first, ask: "What is {{ x }}?"}
  - {name: second, ask: "And twice that?"}
  - {name: third, ask: ")" +
         last + R"("}
extract: {pattern: '(\d+) please'}
score: {equals: gold}
)";
}

std::string rows() {
  std::string text = "id,x,gold\n";
  for (int i = 1; i <= kRuns; ++i) {
    const std::string number = std::to_string(i);
    text += number + "," + number + "," + (i % 4 == 0 ? "none" : number) + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("1,000 runs forked at step 2 with another third prompt: 1,000 calls, pairs, and a replay offline") {
  TemporaryFolder folder;
  folder.write("study.yaml", study("Nothing to read."));
  folder.write("other.yaml", study("{{ x }} please"));
  folder.write("rows.csv", rows());
  const std::string file = folder.file("x.assay");
  Environment environment;
  {
    MockServer server;
    server.config(R"({"reply":"{echo}"})");
    environment = server_environment(server);
    const Finished base =
        run({assay_program(), file, "--json", "-c", "load study.yaml; run_n 100"}, folder.path(), environment);
    INFO(base.out);
    INFO(base.error);
    REQUIRE(base.status == 0);
    CHECK(server.stats().at("requests") == 3 * kRuns);
    const Finished forked = run({assay_program(), file, "--json", "-c",
                                 "fork batch:base step=2 file=other.yaml as=variant; run_n 100 all batch:variant; "
                                 "compare base variant"},
                                folder.path(), environment);
    INFO(forked.out);
    INFO(forked.error);
    REQUIRE(forked.status == 0);
    CHECK(server.stats().at("requests") == 4 * kRuns);
    const std::vector<Json> said = results(forked.out);
    REQUIRE(said.size() == 3);
    CHECK(said[1].at("complete") == kRuns);
    const Json& compared = said[2];
    CHECK(compared.at("pairs") == kRuns);
    CHECK(compared.at("b").at("forked") == true);
    CHECK(compared.at("b").at("calls") == kRuns);
    CHECK(compared.at("gained") == kRuns / 4 * 3);
    CHECK(compared.at("lost") == 0);
  }
  // The server is gone.
  const Finished again = run({assay_program(), file, "--json", "-c", "replay all; check"}, folder.path(), environment);
  INFO(again.out);
  INFO(again.error);
  CHECK(again.status == 0);
  const std::vector<Json> said = results(again.out);
  REQUIRE(said.size() == 2);
  CHECK(said[0].at("same") == 2 * kRuns);
  CHECK(said[0].at("calls") == 4 * kRuns);
  CHECK(said[0].at("sent") == 0);
}
