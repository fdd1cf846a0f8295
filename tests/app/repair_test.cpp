// A damaged experiment file, as its user meets it: told at once, refused with the way out, repaired.
#include <doctest/doctest.h>

#include <fstream>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

namespace {

std::string make(const TemporaryFolder& folder) {
  const std::string file = folder.file("saves/x.assay");
  const Finished done = run(
      {assay_program(), "x", "-c", "load qa sample; run_n 8; load arithmetic sample as=sums; run_n 8"}, folder.path());
  REQUIRE(done.status == 0);
  return file;
}

void overwrite(const std::string& file, std::size_t at, const std::string& bytes) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(static_cast<std::streamoff>(at));
  stream << bytes;
}

/// The offset in a file of a run's id in its row; in its data it stands between quotes.
std::size_t place_of_id(const std::string& file, const std::string& id) {
  const std::string bytes = read_file(file);
  std::size_t at = bytes.find(id);
  while (at != std::string::npos && bytes.substr(at + id.size(), 1) == "\"") at = bytes.find(id, at + 1);
  REQUIRE(at != std::string::npos);
  return at;
}

}  // namespace

TEST_CASE("a file without its header is refused with the command that mends it, and that mends it") {
  TemporaryFolder folder;
  const std::string file = make(folder);
  overwrite(file, 0, std::string(4096, '\0'));
  const Finished refused = run({assay_program(), "x", "-c", "status"}, folder.path());
  CHECK(refused.status == 1);
  CHECK(refused.error.find("assay repair saves/x.assay") != std::string::npos);
  const Finished repaired = run({assay_program(), "repair", "x"}, folder.path());
  INFO(repaired.out);
  INFO(repaired.error);
  CHECK(repaired.status == 0);
  CHECK(repaired.out.find("saves/x.assay.repaired: 2 batches, 90 runs, 90 attempts, 90 calls") != std::string::npos);
  CHECK(repaired.out.find("next: assay saves/x.assay.repaired") != std::string::npos);
  const Finished opened =
      run({assay_program(), file + ".repaired", "--json", "-c", "status; check; run_n 8"}, folder.path());
  CHECK(results(opened.out).at(0).at("by_status").at("COMPLETE") == 90);
  CHECK(!results(opened.out).at(1).is_null());
  // Once more: what is there stays.
  const Finished again = run({assay_program(), "repair", "x"}, folder.path());
  CHECK(again.status == 1);
  CHECK(again.error.find("is there already") != std::string::npos);
  CHECK(run({assay_program(), "repair", "x", "other.assay"}, folder.path()).status == 0);
  CHECK(run({assay_program(), "repair", "nowhere"}, folder.path()).status == 1);
  CHECK(run({assay_program(), "repair", "a", "b", "c"}, folder.path()).status == 2);
  CHECK(run({assay_program(), "repair", "--help"}, folder.path()).status == 0);
}

TEST_CASE("a damaged record is told of at the first start, and by the command that meets it") {
  TemporaryFolder folder;
  const std::string file = make(folder);
  {
    // The item of a run: its row is read at every start.
    const std::size_t at = place_of_id(file, "geography-3");
    overwrite(file, at, "geografy-3");
  }
  const Finished first = run({assay_program(), "x", "-c", "ls err:damaged"}, folder.path());
  INFO(first.error);
  CHECK(first.error.find("1 record damaged and set aside: `check` names them") != std::string::npos);
  CHECK(first.out.find("damaged-") != std::string::npos);

  const Finished repaired = run({assay_program(), "repair", "saves/x.assay", "new.assay", "--json"}, folder.path());
  REQUIRE(repaired.status == 0);
  const Json report = parse_json(repaired.out, "output");
  CHECK(report.at("lost") == 1);
  CHECK(report.at("losses").at(0).at("table") == "run");
  CHECK(report.at("losses").at(0).at("run").get<std::string>().starts_with("qa:damaged-"));
  CHECK(report.at("records").at("run") == 90);
}

TEST_CASE("a shell repairs another file, never the one that it has open") {
  TemporaryFolder folder;
  const std::string file = make(folder);
  const Finished open = run({assay_program(), "x", "-c", "repair saves/x.assay"}, folder.path());
  CHECK(open.status == 1);
  CHECK(open.error.find("is open here") != std::string::npos);
  CHECK(open.error.find("assay repair saves/x.assay") != std::string::npos);
  const Finished other =
      run({assay_program(), ":memory:", "--json", "-c", "repair x; repair x; repair README"}, folder.path());
  const std::vector<Json> said = results(other.out);
  CHECK(said.at(0).at("lost") == 0);
  CHECK(said.at(1).is_null());
  CHECK(said.at(2).is_null());
  CHECK(read_file(file + ".repaired").starts_with("SQLite format 3"));
}
