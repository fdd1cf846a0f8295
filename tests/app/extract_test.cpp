// `extract` through the real program, on the texts that other people's rules were recorded on.
#include <doctest/doctest.h>

#include <filesystem>
#include <iostream>

#include "core/text/input.hpp"
#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

TEST_CASE("every rule finds in the shared texts what its original finds") {
  const std::string path = std::string(ASSAY_SHARED_DATA) + "/qa/vectors/answer_extraction.json";
  if (!std::filesystem::exists(path)) {
    std::cout << "skipped: no " << path << "\n";
    return;
  }
  const Json cases = parse_json(read_file(path), "cases").at("cases");
  REQUIRE(cases.size() >= 225);
  TemporaryFolder folder;
  std::vector<std::string> rules;
  std::string commands;
  for (const auto& [name, unused] : cases.at(0).items()) {
    if (name == "text") continue;
    rules.push_back(name);
    commands += "extract " + name + " '" + path + "' rows=cases n_options=10\n";
  }
  CHECK(rules.size() == 13);
  const Finished done = run({assay_program(), ":memory:", "--json", "-c", commands}, folder.path());
  CHECK(done.status == 0);
  const std::vector<Json> found = results(done.out);
  REQUIRE(found.size() == rules.size());
  for (std::size_t r = 0; r < rules.size(); ++r) {
    CAPTURE(rules[r]);
    REQUIRE(found[r].size() == cases.size());
    for (std::size_t i = 0; i < cases.size(); ++i) {
      CHECK_MESSAGE(found[r][i].at("value") == cases[i].at(rules[r]),
                    cases[i].at("text").get<std::string>().substr(0, 200));
    }
  }
}
