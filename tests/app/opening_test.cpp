// Starting: alone, copied elsewhere, beside another, on what is no experiment.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <thread>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;
using namespace std::chrono_literals;

TEST_CASE("the binary alone, copied elsewhere, has its prompts and samples") {
  TemporaryFolder folder;
  std::filesystem::copy_file(assay_program(), folder.path() / "alone");
  const Finished done = run(
      {folder.file("alone"), ":memory:", "-c", "load qa sample; run_n 8; load arithmetic sample; run_n 8; prompt list"},
      folder.path());
  CHECK(done.status == 0);
  CHECK(done.out.find("40 COMPLETE") != std::string::npos);
  CHECK(done.out.find("50 COMPLETE") != std::string::npos);
}

TEST_CASE("a second writer is refused with the pid of the first; --read-only works beside it") {
  TemporaryFolder folder;
  const std::string file = folder.file("x.assay");
  Child first({assay_program(), file, "-c", "load arithmetic sample model=sim/default?latency=const:400ms; run_n 5"},
              folder.path());
  for (int i = 0; i < 400 && !std::filesystem::exists(file + "-lock"); ++i) std::this_thread::sleep_for(5ms);
  std::this_thread::sleep_for(700ms);
  const Finished second = run({assay_program(), file, "-c", "status"}, folder.path());
  CHECK(second.status == 1);
  CHECK(second.error.find("pid " + std::to_string(first.pid())) != std::string::npos);
  CHECK(second.error.find("--read-only") != std::string::npos);
  const Finished reader = run({assay_program(), file, "--read-only", "--json", "-c", "status; run_n 3"}, folder.path());
  CHECK(results(reader.out).at(0).at("runs") == 50);
  CHECK(results(reader.out).at(1).is_null());
  CHECK(first.wait() == 0);
}

TEST_CASE("files and folders that the program makes are for their owner only") {
  TemporaryFolder folder;
  run({assay_program(), "mine", "-c", "load arithmetic sample; run_n 4; save; export csv t.csv"}, folder.path());
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
    struct stat facts{};
    stat(entry.path().c_str(), &facts);
    INFO(entry.path().string());
    CHECK((facts.st_mode & 077) == 0);
  }
}

TEST_CASE("what is no experiment is refused with what was found, and left as it is") {
  TemporaryFolder folder;
  folder.write("text.assay",
               "this is no database at all, but a text that is long enough to be read as a header of one ............");
  folder.write("empty.assay", "");
  const Finished text = run({assay_program(), folder.file("text.assay"), "-c", "status"}, folder.path());
  CHECK(text.status == 1);
  CHECK(text.error.find("text.assay") != std::string::npos);
  CHECK(folder.read("text.assay").starts_with("this is no database"));
  const Finished missing = run({assay_program(), folder.file("nofolder/deep/x.assay"), "-c", "status"}, folder.path());
  CHECK(missing.status == 0);
}

TEST_CASE("a bad command line is 2, --help and --version are 0") {
  TemporaryFolder folder;
  CHECK(run({assay_program(), "--threads", "x"}, folder.path()).status == 2);
  CHECK(run({assay_program(), "--help"}, folder.path()).status == 0);
  CHECK(run({assay_program(), "--version"}, folder.path()).out.starts_with("assay "));
}
