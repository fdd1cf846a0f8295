#include "core/text/atomic_file.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "tests/core/text/temporary_folder.hpp"

namespace assay {
namespace {

std::size_t entries(const std::string& folder) {
  const std::filesystem::directory_iterator begin(folder);
  return static_cast<std::size_t>(std::distance(begin, std::filesystem::directory_iterator()));
}

mode_t mode_of(const std::string& path) {
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777U;
}

TEST_CASE("the target is the old file until commit, the new one after it") {
  TemporaryFolder folder;
  const std::string path = folder.path("save.json");
  write_file(path, "old");
  CHECK(mode_of(path) == 0600);
  {
    AtomicFile file(path);
    file.append("new");
    file.append(std::string(600'000, 'x'));
    CHECK(entries(folder.path("")) == 2);
    CHECK(read_file(path) == "old");
    CHECK(file.plain_bytes() == 600'003);
  }
  CHECK(read_file(path) == "old");
  CHECK(entries(folder.path("")) == 1);
  {
    AtomicFile file(path), second(path);
    file.append("new");
    second.append("newer");
    file.commit();
    CHECK(read_file(path) == "new");
    second.commit();
  }
  CHECK(read_file(path) == "newer");
  CHECK(entries(folder.path("")) == 1);
  AtomicFileOptions fresh;
  fresh.may_replace = false;
  CHECK_THROWS_WITH_AS(AtomicFile(path, fresh), doctest::Contains("exists"), Error);
  ::chmod(path.c_str(), 0640);
  write_file(path, "x");
  CHECK(mode_of(path) == 0640);
}

TEST_CASE("many files need not wait for the disk one by one") {
  TemporaryFolder folder;
  const AtomicFileOptions together{.sync = false};
  for (const char* name : {"a", "b"}) write_file(folder.path(name), name, together);
  sync_files(folder.path(""));
  CHECK(read_file(folder.path("b")) == "b");
  CHECK(entries(folder.path("")) == 2);
  CHECK_THROWS_AS(sync_files(folder.path("absent")), Error);
}

TEST_CASE("equal texts pack to equal files") {
  TemporaryFolder folder;
  for (const std::string name : {"a.gz", "a.zst"}) {
    write_file(folder.path(name), "text");
    write_file(folder.path("b" + name), "text");
    AtomicFileOptions plain;
    plain.compress_by_name = false;
    write_file(folder.path("plain" + name), "text", plain);
    CHECK(read_file(folder.path(name)) == "text");
    CHECK(std::filesystem::file_size(folder.path("plain" + name)) == 4);
    std::ifstream a(folder.path(name), std::ios::binary), b(folder.path("b" + name), std::ios::binary);
    CHECK(std::string(std::istreambuf_iterator<char>(a), {}) == std::string(std::istreambuf_iterator<char>(b), {}));
  }
}

TEST_CASE("links are followed and named, other kinds of target are refused") {
  TemporaryFolder folder;
  std::filesystem::create_directory(folder.path("real"));
  std::filesystem::create_symlink("real/target.json", folder.path("link"));
  AtomicFile file(folder.path("link"));
  CHECK(file.path() == folder.path("real/target.json"));
  file.append("x");
  file.commit();
  CHECK(std::filesystem::is_symlink(folder.path("link")));
  CHECK(read_file(folder.path("real/target.json")) == "x");

  AtomicFileOptions no_links;
  no_links.follow_links = false;
  CHECK_THROWS_WITH_AS(AtomicFile(folder.path("link"), no_links), doctest::Contains("is a link"), Error);

  std::filesystem::create_symlink("loop", folder.path("loop"));
  ::mkfifo(folder.path("fifo").c_str(), 0600);
  for (const std::string& bad : {folder.path("real"), folder.path("real/"), folder.path("."), folder.path("loop"),
                                 folder.path("fifo"), folder.path("none/x"), std::string("/dev/null"), std::string()}) {
    CAPTURE(bad);
    try {
      AtomicFile refused(bad);
      FAIL("opened");
    } catch (const Error& error) {
      CHECK(error.kind() == "file");
    }
  }
  CHECK(entries(folder.path("")) == 4);
}

TEST_CASE("temporaries of dead processes go, those of living ones stay") {
  TemporaryFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    AtomicFile file(folder.path("x"));
    file.append("half");
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(entries(folder.path("")) == 1);
  AtomicFile living(folder.path("x"));
  CHECK(entries(folder.path("")) == 1);
  write_file(folder.path("x"), "whole");
  CHECK(entries(folder.path("")) == 2);
  living.commit();
  CHECK(read_file(folder.path("x")).empty());
}

TEST_CASE("a name from data is one harmless component, different for different texts") {
  struct Case {
    std::string text, name;
  };
  for (const Case& c : std::vector<Case>{{"run-1_a.b", "run-1_a.b"},
                                         {"../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"},
                                         {".hidden", "%2Ehidden"},
                                         {"", "%empty"},
                                         {"%empty", "%25empty"},
                                         {"a b\n\xC3\xA9", "a%20b%0A%C3%A9"},
                                         {std::string("\0", 1), "%00"}}) {
    CHECK(safe_file_name(c.text) == c.name);
  }
  CHECK(safe_file_name(std::string(200, 'a')) == std::string(200, 'a'));
  const std::string cut = safe_file_name(std::string(201, 'a'));
  CHECK(cut.size() == 200);
  CHECK(safe_file_name(cut) != cut);
  std::mt19937 random(2);
  std::set<std::string> texts, names;
  for (int i = 0; i < 20'000; ++i) {
    std::string text(random() % 4 == 0 ? random() % 400 : random() % 3, ' ');
    for (char& c : text) c = static_cast<char>(random());
    const std::string name = safe_file_name(text);
    REQUIRE(name.size() <= 200);
    REQUIRE(!name.empty());
    REQUIRE(name[0] != '.');
    REQUIRE(name.find('/') == std::string::npos);
    texts.insert(text), names.insert(name);
  }
  CHECK(texts.size() == names.size());
}

}  // namespace
}  // namespace assay
