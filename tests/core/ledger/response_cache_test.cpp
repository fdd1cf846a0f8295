// Identical calls under way at the same time, and the mode that an experiment keeps.
#include "core/ledger/response_cache.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "core/store/memory_store.hpp"
#include "core/text/error.hpp"

using namespace assay;

namespace {

struct Port final : EffectPort {
  explicit Port(RunId run = 0, std::string key = "") : run_(run), key_(std::move(key)) {}
  EffectOrigin origin() const override { return {run_, 0, false}; }
  std::string_view key() const override { return key_; }
  void post(std::unique_ptr<EffectMessage> message) override {
    auto* turn = dynamic_cast<CacheTurn*>(message.get());
    REQUIRE(turn != nullptr);
    CHECK_FALSE(turn->quick());  // it may read the file
    turns.push_back(*turn);
  }
  RunId run_;
  std::string key_;
  std::vector<CacheTurn> turns;
};

struct Room {
  std::unique_ptr<Store> store = open_memory_store();
  ResponseCache cache{*store};
  Hash128 request = xxh3_128("R");
  Room() { cache.set_mode(CacheMode::shared); }
};

}  // namespace

TEST_CASE("the first of identical calls asks, the others get its answer") {
  Room room;
  const auto first = std::make_shared<Port>(0), second = std::make_shared<Port>(1), third = std::make_shared<Port>(2);
  ResponseCache::Found asks = room.cache.ask(room.request, first);
  REQUIRE(asks.claim);
  CHECK_FALSE(room.cache.ask(room.request, second).claim);
  CHECK(room.cache.ask(xxh3_128("another"), third).claim);
  asks.claim->answered({"reply", "m", {}, 7});
  REQUIRE(second->turns.size() == 1);
  REQUIRE(second->turns[0].answer);
  CHECK(second->turns[0].answer->reply == "reply");
  // Who comes while its commit may be under way gets it, too.
  REQUIRE(room.cache.ask(room.request, third).answer);
  asks.claim.reset();
  CHECK(room.cache.ask(room.request, third).claim);  // from now on the file says
}

TEST_CASE("the next asks when the first was given up; all ask for themselves when its answer is for it alone") {
  Room room;
  const auto first = std::make_shared<Port>(0), second = std::make_shared<Port>(1), third = std::make_shared<Port>(2);
  ResponseCache::Found asks = room.cache.ask(room.request, first);
  static_cast<void>(room.cache.ask(room.request, second));
  static_cast<void>(room.cache.ask(room.request, third));
  SUBCASE("given up") {
    asks.claim.reset();
    for (const auto& port : {second, third}) {
      REQUIRE(port->turns.size() == 1);
      CHECK_FALSE(port->turns[0].answer);
      CHECK_FALSE(port->turns[0].alone);
    }
    CHECK(room.cache.ask(room.request, second).claim);
  }
  SUBCASE("unfit") {
    asks.claim->unfit();
    for (const auto& port : {second, third}) {
      REQUIRE(port->turns.size() == 1);
      CHECK(port->turns[0].alone);
    }
  }
}

TEST_CASE("per item, other items and places ask for themselves") {
  Room room;
  room.cache.set_mode(CacheMode::item);
  const ResponseCache::Found held = room.cache.ask(room.request, std::make_shared<Port>(0, "a"));
  CHECK(held.claim);
  CHECK(room.cache.ask(room.request, std::make_shared<Port>(0, "b")).claim);
  CHECK(room.cache.ask(room.request, std::make_shared<Port>(1, "a")).claim);
  const ResponseCache::Found again = room.cache.ask(room.request, std::make_shared<Port>(0, "a"));
  CHECK_FALSE(again.claim);
}

TEST_CASE("the mode is kept with the experiment") {
  const std::unique_ptr<Store> store = open_memory_store();
  CHECK(ResponseCache(*store).mode() == CacheMode::off);
  ResponseCache(*store).set_mode(CacheMode::item);
  CHECK(ResponseCache(*store).mode() == CacheMode::item);
  CHECK(cache_mode_from_text("shared") == CacheMode::shared);
  CHECK_THROWS_AS(cache_mode_from_text("on"), Error);
}

TEST_CASE("of 64 threads that ask at once, again and again, one asks at a time and none is forgotten") {
  Room room;
  struct Waiting final : EffectPort {
    void post(std::unique_ptr<EffectMessage>) override { ++turns; }
    EffectOrigin origin() const override { return {0, 0, false}; }
    std::atomic<int> turns{0};
  };
  std::atomic<int> asking{0}, claims{0}, answers{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 64; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 50; ++round) {
        const auto port = std::make_shared<Waiting>();
        ResponseCache::Found found = room.cache.ask(room.request, port);
        if (found.claim) {
          CHECK(++asking == 1);
          ++claims;
          if ((i + round) % 3 == 0) found.claim->answered({"r", "m", {}, 0});
          --asking;
          found.claim.reset();
        } else if (found.answer) {
          ++answers;
        } else {
          const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
          while (port->turns == 0 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
          CHECK(port->turns == 1);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(claims > 0);
}
