// The socket beside an experiment: for its owner alone, never left behind by who ends well, never in the way of a file.
#include "repl/remote/socket_place.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "core/text/error.hpp"

using namespace assay;

namespace {

struct SocketFolder {
  std::filesystem::path path;
  SocketFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "assay_socket_XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  ~SocketFolder() {
    std::error_code problem;
    std::filesystem::remove_all(path, problem);
  }
  std::string socket() const { return socket_path((path / "x.assay").string()); }
};

}  // namespace

TEST_CASE("a socket is 0600, lets this user in with its pid, and is gone with who made it") {
  const SocketFolder folder;
  {
    const ListeningSocket socket(folder.socket());
    struct stat facts{};
    REQUIRE(stat(folder.socket().c_str(), &facts) == 0);
    CHECK(S_ISSOCK(facts.st_mode));
    CHECK((facts.st_mode & 0777) == 0600);
    pid_t pid = 0;
    CHECK(socket.accept(pid) == -1);  // nobody yet
    const int there = connect_to(folder.socket());
    const int here = socket.accept(pid);
    CHECK(here >= 0);
    CHECK(pid == getpid());
    ::close(here);
    ::close(there);
    CHECK(is_answered(folder.socket()));
    CHECK(socket.wait(1'000));
    CHECK(socket.accept(pid) >= 0);
    CHECK_FALSE(socket.wait(10));
    std::thread shuts([&] { socket.shut(); });
    CHECK_FALSE(socket.wait(60'000));
    shuts.join();
    CHECK_FALSE(is_answered(folder.socket()));
  }
  CHECK_FALSE(std::filesystem::exists(folder.socket()));
  CHECK_THROWS_WITH_AS(connect_to(folder.socket()), doctest::Contains("no program listens"), Error);
}

TEST_CASE("a socket that a killed program left is replaced; a file of that name is left alone") {
  const SocketFolder folder;
  {
    auto left = std::make_unique<ListeningSocket>(folder.socket());
    std::filesystem::rename(folder.socket(), folder.socket() + ".kept");
    left.reset();  // finds nothing of its own to remove
    std::filesystem::rename(folder.socket() + ".kept", folder.socket());
  }
  REQUIRE(std::filesystem::exists(folder.socket()));
  CHECK_FALSE(is_answered(folder.socket()));
  {
    const ListeningSocket socket(folder.socket());
    CHECK(is_answered(folder.socket()));
  }
  std::ofstream(folder.socket()) << "a file";
  CHECK_THROWS_WITH_AS(ListeningSocket(folder.socket()), doctest::Contains("something else is there"), Error);
  CHECK(std::filesystem::file_size(folder.socket()) == 6);
}

TEST_CASE("a path longer than a socket's name may be is no hindrance; a name that long is said") {
  const SocketFolder folder;
  const std::filesystem::path deep = folder.path / std::string(120, 'd') / std::string(120, 'e');
  std::filesystem::create_directories(deep);
  const std::string path = socket_path((deep / "x.assay").string());
  const ListeningSocket socket(path);
  CHECK(is_answered(path));
  const std::string name = socket_path((folder.path / std::string(150, 'n')).string());
  CHECK_THROWS_WITH_AS(ListeningSocket{name}, doctest::Contains("too long"), Error);
}

TEST_CASE("a folder where nothing can be made is an error with its reason") {
  CHECK_THROWS_WITH_AS(ListeningSocket("/nowhere/x.assay.sock"), doctest::Contains("can't be opened"), Error);
  CHECK_THROWS_WITH_AS(ListeningSocket("/proc/x.assay.sock"), doctest::Contains("no socket can be made"), Error);
}
