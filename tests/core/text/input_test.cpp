#include "core/text/input.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "core/text/atomic_file.hpp"
#include "core/text/csv.hpp"
#include "core/text/error.hpp"
#include "core/text/json_values.hpp"
#include "tests/core/text/temporary_folder.hpp"

namespace assay {
namespace {

void put(const std::string& path, std::string_view bytes) { std::ofstream(path, std::ios::binary) << bytes; }

TEST_CASE("plain, gzip and zstd files read the same, whatever their names") {
  TemporaryFolder folder;
  std::string text;
  std::mt19937 random(1);
  for (int i = 0; i < 300'000; ++i) text += static_cast<char>('a' + random() % 20);
  for (const std::string ending : {"", ".gz", ".zst"}) {
    const std::string path = folder.path("x" + ending), renamed = folder.path("renamed" + ending + ".json");
    write_file(path, text);
    CHECK((ending.empty() || std::filesystem::file_size(path) < text.size()));
    std::filesystem::rename(path, renamed);
    CHECK(read_file(renamed) == text);
    InputFile input(renamed);
    CHECK(input.compressed() == !ending.empty());
    CHECK(input.packed_size() == std::filesystem::file_size(renamed));
    CHECK(read_all(input) == text);
    CHECK(input.packed_read() == input.packed_size());
    CHECK(read_file(renamed, text.size()) == text);
    CHECK_THROWS_WITH_AS(read_file(renamed, text.size() - 1), doctest::Contains("more than 299999 bytes"), Error);
  }
}

TEST_CASE("empty and tiny files are read as they are") {
  TemporaryFolder folder;
  for (const std::string text : {"", "\x1F", "\x1F\x8B", "(\xB5", "abc"}) {
    put(folder.path("f"), text);
    CHECK(read_file(folder.path("f")) == text);
  }
}

TEST_CASE("several members follow each other, padding is skipped, other bytes are damage") {
  TemporaryFolder folder;
  for (const std::string ending : {".gz", ".zst"}) {
    write_file(folder.path("a" + ending), "first ");
    write_file(folder.path("b" + ending), "second");
    const auto raw = [&](const std::string& name) {
      std::ifstream file(folder.path(name + ending), std::ios::binary);
      return std::string(std::istreambuf_iterator<char>(file), {});
    };
    put(folder.path("c"), raw("a") + raw("b"));
    CHECK(read_file(folder.path("c")) == "first second");
    put(folder.path("c"), raw("a") + "junk");
    CHECK_THROWS_AS(read_file(folder.path("c")), Error);
    for (std::size_t size = 4; size < raw("a").size(); ++size) {
      put(folder.path("c"), raw("a").substr(0, size));
      CHECK_THROWS_WITH_AS(read_file(folder.path("c")), doctest::Contains("damaged"), Error);
    }
  }
  write_file(folder.path("a.gz"), "x");
  std::ofstream(folder.path("a.gz"), std::ios::binary | std::ios::app) << std::string(600'000, '\0');
  CHECK(read_file(folder.path("a.gz")) == "x");
}

TEST_CASE("a bomb is refused after 64 MiB, a well packed file of less is not") {
  TemporaryFolder folder;
  for (const std::string ending : {".gz", ".zst"}) {
    for (const int mebibytes : {60, 200}) {
      const std::string path = folder.path("bomb" + ending);
      AtomicFile file(path);
      const std::string zeros(1 << 20, '\0');
      for (int i = 0; i < mebibytes; ++i) file.append(zeros);
      file.commit();
      InputFile input(path);
      std::string buffer(1 << 20, '\0');
      std::size_t total = 0;
      const auto drain = [&] {
        while (const std::size_t count = input.read(buffer.data(), buffer.size())) total += count;
      };
      if (mebibytes < 64) {
        CHECK_NOTHROW(drain());
      } else {
        CHECK_THROWS_WITH_AS(drain(), doctest::Contains("1000 times"), Error);
        CHECK(total < (66U << 20));
      }
    }
  }
}

TEST_CASE("folders, devices, sockets and missing files are refused") {
  TemporaryFolder folder;
  const std::string socket_path = folder.path("s");
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket_path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  struct Case {
    std::string path, message;
  };
  for (const Case& c : std::vector<Case>{{folder.path(""), "is a folder"},
                                         {"/dev/zero", "is a device"},
                                         {socket_path, "is a socket"},
                                         {folder.path("none"), "No such file"}}) {
    CAPTURE(c.path);
    try {
      InputFile input(c.path);
      FAIL("opened");
    } catch (const Error& error) {
      CHECK(error.kind() == "file");
      CHECK(error.place() == c.path);
      CHECK(error.message().find(c.message) != std::string::npos);
    }
  }
  ::close(fd);
}

TEST_CASE("a pipe is read to its end, and JSON lines come out of a packed file") {
  TemporaryFolder folder;
  const std::string fifo = folder.path("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  std::thread writer([&] {
    std::FILE* const file = std::fopen(fifo.c_str(), "w");
    for (int i = 0; i < 100'000; ++i) std::fprintf(file, "%d\n", i);
    std::fclose(file);
  });
  CHECK(read_file(fifo).size() == 588'890);
  writer.join();
  AtomicFile file(folder.path("lines.jsonl.zst"));
  for (int i = 0; i < 50'000; ++i) file.append("{\"i\":" + std::to_string(i) + "}\n");
  file.commit();
  InputFile input(folder.path("lines.jsonl.zst"));
  std::size_t sum = 0;
  CHECK(read_json_values(input, {}, [&](Json&& value, const JsonPlace&) { sum += value["i"].get<std::size_t>(); }) ==
        JsonShape::lines);
  CHECK(sum == 1'249'975'000);
}

TEST_CASE("random damage in packed files ends in an error or in other text, never in a crash or a hang") {
  TemporaryFolder folder;
  std::mt19937 random(9);
  for (const std::string ending : {".gz", ".zst"}) {
    write_file(folder.path("a" + ending), std::string(2000, 'x') + "some text that packs less well 0123456789");
    std::ifstream file(folder.path("a" + ending), std::ios::binary);
    const std::string good(std::istreambuf_iterator<char>(file), {});
    for (int i = 0; i < 500; ++i) {
      std::string bad = good;
      bad[random() % bad.size()] = static_cast<char>(random());
      put(folder.path("b"), bad);
      try {
        read_file(folder.path("b"));
      } catch (const Error& error) {
        REQUIRE(error.kind() == "file");
      }
    }
  }
}

}  // namespace
}  // namespace assay
