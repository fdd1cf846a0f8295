// A full disk (reliability.md 8): a clear line, no call begun that could not be kept, and it goes on when there is
// room.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;
using namespace std::chrono_literals;

namespace {

/// A small file system of its own; needs root.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& folder, const char* size) : folder_(folder) {
    std::filesystem::create_directories(folder);
    mounted_ = mount("tmpfs", folder.c_str(), "tmpfs", 0, size) == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount2(folder_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }

 private:
  std::string folder_;
  bool mounted_;
};

}  // namespace

TEST_CASE("a full disk stops the work, not the results, and the job goes on by itself when there is room") {
  TemporaryFolder folder;
  SmallDisk disk(folder.file("disk"), "size=24m");
  if (!disk.mounted()) {
    MESSAGE("skipped: no right to mount a small tmpfs here (root needed)");
    return;
  }
  folder.write("questions.jsonl", questions(1500));
  MockServer server;
  server.config(R"({"reply":"qa","latency":"const:40ms"})");
  Environment environment = server_environment(server);
  environment.emplace_back("ASSAY_DISK_RESERVE", "512KiB");
  const std::string file = folder.file("disk/x.assay");
  REQUIRE(
      run({assay_program(), file, "-c", "load qa questions.jsonl model=openai/any as=job"}, folder.path(), environment)
          .status == 0);
  // Somebody else fills the disk while the job runs.
  Child child({assay_program(), file, "-c", "run_n 16"}, folder.path(), environment);
  for (int i = 0; i < 500 && server.stats().at("requests").get<int>() < 20; ++i) std::this_thread::sleep_for(5ms);
  {
    std::ofstream filler(folder.file("disk/filler"), std::ios::binary);
    const std::string block(4096, 'x');
    while (filler.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  std::this_thread::sleep_for(2500ms);
  const auto stuck = server.stats().at("requests").get<int>();
  std::this_thread::sleep_for(1500ms);
  CHECK(child.running());
  CHECK(server.stats().at("requests").get<int>() <= stuck + 16);  // nothing new begins
  CHECK(stuck < 1500);
  CHECK(child.error().find("disk full") != std::string::npos);
  std::filesystem::remove(folder.file("disk/filler"));
  CHECK(child.wait_for(20s) == 0);
  const std::vector<Json> said = results(
      run({assay_program(), file, "--json", "-c", "status; check; calls --in-doubt"}, folder.path(), environment).out);
  REQUIRE(said.size() == 3);
  CHECK(said[0].at("by_status").at("COMPLETE") == 1500);
  CHECK(said[1].at("findings").empty());
  CHECK(server.stats().at("requests") == 1500);
}
