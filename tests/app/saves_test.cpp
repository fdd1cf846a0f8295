// Saves: what the origin wrote runs on; save -> load -> save is byte-identical, whatever is in it.
#include <doctest/doctest.h>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

TEST_CASE(
    "save -> load -> save is byte-identical with odd values: NUL, invalid UTF-8 replaced, 1 MB strings, big numbers") {
  TemporaryFolder folder;
  const std::string long_text(1 << 20, 'a');
  folder.write(
      "odd.json",
      R"([{"data":{"A":1,"B":2,"note":"nul \u0000 lone \ud800 tab \t","long":")" + long_text +
          R"(","n":1e-7,"i":9007199254740993,"u":18446744073709551615,"z":-0.0},"answer":{"x":[1.0,null,true]},)"
          R"("status":"COMPLETE","score":"CORRECT","context":[{"role":"user","content":[1,{"a":"b"}]}],"logs":["l",{"k":1},3]},)"
          R"({"data":{"A":5,"B":6},"answer":null,"status":"FAIL","score":null,"context":[],"logs":[]}])");
  const Finished done = run(
      {assay_program(), folder.file("x.assay"), "--json", "-c", "load odd.json as=odd; save a.json"}, folder.path());
  CHECK(done.status == 0);
  const Finished again = run({assay_program(), folder.file("y.assay"), "--json", "-c",
                              "load a.json; save b.json; save b.jsonl.gz; rerun 1 odd:2"},
                             folder.path());
  CHECK(again.status == 0);
  CHECK(folder.read("a.json") == folder.read("b.json"));
  CHECK(folder.read("a.json").find("9007199254740993") != std::string::npos);
  const Finished packed =
      run({assay_program(), folder.file("z.assay"), "--json", "-c", "load b.jsonl.gz; save c.json"}, folder.path());
  CHECK(packed.status == 0);
  CHECK(folder.read("a.json") == folder.read("c.json"));
}

TEST_CASE("100,000 runs that were executed: save -> load -> save is byte-identical") {
  TemporaryFolder folder;
  std::string pairs;
  for (int i = 0; i < 100'000; ++i)
    pairs += "{\"A\":" + std::to_string(i) + ",\"B\":" + std::to_string(i % 7) + ".5}\n";
  folder.write("pairs.jsonl", pairs);
  const Finished done = run({assay_program(), folder.file("x.assay"), "--json", "-c",
                             "load arithmetic pairs.jsonl model=sim/default as=many; run_n 50 r:[05]$; save a.json"},
                            folder.path());
  const std::vector<Json> said = results(done.out);
  REQUIRE(said.size() == 3);
  CHECK(said[1].at("complete") == 20'000);
  const Finished again =
      run({assay_program(), folder.file("y.assay"), "--json", "-c", "load a.json; save b.json; status"}, folder.path());
  CHECK(again.status == 0);
  const std::string a = folder.read("a.json");
  CHECK(a.size() > 10'000'000);
  CHECK((a == folder.read("b.json")));
  CHECK(results(again.out).at(2).at("runs") == 100'000);
}

TEST_CASE("a save is an input of its kind, and never written over the open experiment") {
  TemporaryFolder folder;
  const Finished done = run({assay_program(), folder.file("x.assay"), "-c",
                             "load arithmetic sample limit=4 as=one; run_n 2; save a.json; load arithmetic a.json "
                             "as=two; run_n 2; save x.assay; save /nowhere/a.json; batches"},
                            folder.path());
  CHECK(done.status == 1);
  CHECK(done.out.find("two") != std::string::npos);
  CHECK(done.error.find("the open experiment itself") != std::string::npos);
  CHECK(done.error.find("/nowhere") != std::string::npos);
}
