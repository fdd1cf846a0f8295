// Frames over a socket: whole or not at all, bounded, never in the way of who speaks.
#include "repl/remote/channel.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <thread>

using namespace assay;
using namespace std::chrono_literals;

namespace {

/// A channel and the bare other end of its socket.
struct Line {
  std::array<int, 2> ends{-1, -1};
  std::unique_ptr<Channel> channel;
  Line() {
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    channel = std::make_unique<Channel>(ends[0]);
  }
  ~Line() { hang_up(); }
  void hang_up() {
    if (ends[1] >= 0) ::close(ends[1]);
    ends[1] = -1;
  }
  void write(const std::string& bytes) const {
    REQUIRE(::send(ends[1], bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
};

struct Pair {
  std::unique_ptr<Channel> a, b;
  Pair() {
    std::array<int, 2> ends{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    a = std::make_unique<Channel>(ends[0]);
    b = std::make_unique<Channel>(ends[1]);
  }
};

std::string head(std::size_t size) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>((size >> shift) & 0xff);
  return bytes;
}

Json frame(std::size_t i, std::size_t bytes = 0) {
  return Json::object({{"t", "x"}, {"i", i}, {"text", std::string(bytes, 'x')}});
}

}  // namespace

TEST_CASE("frames of any size up to the bound come out whole and in order, both ways at once") {
  Pair pair;
  const std::array<std::size_t, 6> sizes{0, 1, 70'000, 1'500'000, 5, 300'000};
  const auto talk = [&](Channel& channel) {
    for (std::size_t i = 0; i < sizes.size(); ++i) CHECK(channel.send(frame(i, sizes[i])));
  };
  const auto listen = [&](Channel& channel) {
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const auto got = channel.receive();
      REQUIRE(got);
      CHECK(got->at("i") == i);
      CHECK(got->at("text").get_ref<const std::string&>().size() == sizes[i]);
    }
  };
  std::thread a_talks([&] { talk(*pair.a); }), b_talks([&] { talk(*pair.b); }), b_listens([&] { listen(*pair.b); });
  listen(*pair.a);
  for (std::thread* thread : {&a_talks, &b_talks, &b_listens}) thread->join();
}

TEST_CASE("what is no frame ends the conversation and says why; an orderly end says nothing") {
  struct Row {
    std::string bytes;
    std::string says;
  };
  const Row rows[] = {
      {"", ""},
      {std::string("\0\0", 2), "within a frame"},
      {head(10) + "{\"t\"", "within a frame"},
      {head(17U << 20), "at most 16 MiB"},
      {std::string("GET / HTTP/1.1\r\n\r\n"), "at most 16 MiB"},
      {head(4) + "nope", "can't be read"},
      {head(2) + "[]", "can't be read"},
      {head(2) + "{}", "it has no type"},
      {head(7) + "{\"t\":1}", "it has no type"},
      {head(0), "can't be read"},
      {head(200) + std::string(200, '['), "can't be read"},
  };
  for (const Row& row : rows) {
    INFO(row.says << " for " << row.bytes.substr(0, 24));
    const Line line;
    line.write(row.bytes);
    ::shutdown(line.ends[1], SHUT_WR);
    CHECK_FALSE(line.channel->receive());
    const std::string problem = line.channel->problem();
    if (row.says.empty()) {
      CHECK(problem.empty());
    } else {
      CHECK(problem.find(row.says) != std::string::npos);
    }
  }
}

TEST_CASE("a frame that comes byte by byte is one frame") {
  const Line line;
  const std::string bytes = head(9) + "{\"t\":\"y\"}";
  std::thread slow([&] {
    for (const char byte : bytes) {
      line.write(std::string(1, byte));
      std::this_thread::sleep_for(1ms);
    }
  });
  const auto got = line.channel->receive();
  slow.join();
  REQUIRE(got);
  CHECK(got->at("t") == "y");
}

TEST_CASE("who says nothing for longer than one has patience is given up") {
  const Line line;
  CHECK_FALSE(line.channel->receive(20ms));
  CHECK(line.channel->problem() == "it said nothing in time");
}

TEST_CASE("a frame beyond the bound is refused where it is made") {
  Pair pair;
  CHECK_FALSE(pair.a->send(frame(1, kMaxFrameBytes)));
  CHECK(pair.a->send(frame(2)));
  const auto got = pair.b->receive();
  REQUIRE(got);
  CHECK(got->at("i") == 2);
}

TEST_CASE("a reader that is stopped keeps nobody: posting is refused when much waits, sending goes on when it reads") {
  Pair pair;
  std::size_t posted = 0;
  while (posted < 1'000 && pair.a->post(frame(posted, 100'000))) ++posted;
  REQUIRE(posted < 1'000);
  std::thread sender([&] { CHECK(pair.a->send(frame(posted))); });
  for (std::size_t i = 0; i <= posted; ++i) {
    const auto got = pair.b->receive();
    REQUIRE(got);
    CHECK(got->at("i") == i);
  }
  sender.join();
}

TEST_CASE("of live lines the newest is what arrives, after what was queued") {
  Pair pair;
  std::size_t posted = 0;
  while (posted < 1'000 && pair.a->post(frame(posted, 100'000))) ++posted;
  for (std::size_t i = 0; i < 50; ++i) pair.a->post_latest(Json::object({{"t", "live"}, {"i", i}}));
  std::size_t live = 0;
  for (;;) {
    const auto got = pair.b->receive();
    REQUIRE(got);
    if (got->at("t") != "live") continue;
    ++live;
    if (got->at("i") == 49) break;
  }
  CHECK(live == 1);
}

TEST_CASE("closing wakes who waits to receive and who waits to send; the other side sees an end") {
  Pair pair;
  std::thread receiver([&] { CHECK_FALSE(pair.a->receive()); });
  std::thread sender([&] {
    std::size_t i = 0;
    while (pair.a->send(frame(i, 500'000))) ++i;
    CHECK(i < 1'000);
  });
  std::this_thread::sleep_for(20ms);
  pair.a->close();
  receiver.join();
  sender.join();
  CHECK_FALSE(pair.a->send(frame(1)));
  while (pair.b->receive()) {
  }
}

TEST_CASE("what was queued before a farewell arrives") {
  Pair pair;
  for (std::size_t i = 0; i < 100; ++i) pair.a->send(frame(i, 10'000));
  std::thread finisher([&] { pair.a->finish(30s); });
  std::size_t got = 0;
  while (pair.b->receive()) ++got;
  finisher.join();
  CHECK(got == 100);
}

TEST_CASE("a peer that was killed is an end, and sending to it is refused") {
  Line line;
  line.hang_up();
  CHECK_FALSE(line.channel->receive());
  while (line.channel->send(frame(1, 100'000))) {
  }
  CHECK_FALSE(line.channel->post(frame(2)));
}
