#include "repl/line_history.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/text/error.hpp"

using namespace assay;

namespace {
struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "assay_history_XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};
}  // namespace

TEST_CASE("history keeps entries of several lines, as they were, and leaves out what is not wanted") {
  const Folder folder;
  const std::string path = folder.path + "/a/b/history";
  LineHistory history = LineHistory::open(path);
  CHECK(history.add("ls \"two\nlines\" \\n #1"));
  CHECK_FALSE(history.add("ls \"two\nlines\" \\n #1"));
  CHECK_FALSE(history.add(""));
  CHECK_FALSE(history.add(" secret"));
  CHECK(history.add("漢字"));
  LineHistory other = LineHistory::open(path);
  CHECK(other.entries() == history.entries());
  CHECK(other.add("from another shell"));
  CHECK(history.add("from this one"));
  CHECK(LineHistory::open(path).entries().size() == 4);
}

TEST_CASE("a long history keeps the newest") {
  const Folder folder;
  {
    std::ofstream out(folder.path + "/h");
    for (std::size_t i = 0; i < 2 * kMaxHistoryEntries + 5; ++i) out << "entry " << i << "\n";
  }
  CHECK(LineHistory::open(folder.path + "/h").entries().size() == kMaxHistoryEntries);
  std::ifstream in(folder.path + "/h");
  std::string first;
  std::getline(in, first);
  CHECK(first == "entry 10005");
}

TEST_CASE("a history that can't be a file is an error that names it") {
  const Folder folder;
  CHECK_THROWS_AS(LineHistory::open(folder.path), Error);
}
