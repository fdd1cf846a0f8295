// Days without anybody there, under virtual time: a server that refuses, resets, hangs and is away for a minute. Every
// discussion is held to its end, and says what it says when nothing goes wrong.

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <iostream>

#include "core/statistics/named_stream.hpp"
#include "tests/experiments/discussion/discussion_room.hpp"

using namespace assay;
using namespace assay::test;

namespace {

/// Answers by what is asked alone; goes wrong by the number of the request and by the time.
class FaultyServer final : public Transport {
 public:
  explicit FaultyServer(FakeClock& clock) : clock_(clock) {}

  bool faults = false;
  std::size_t requests = 0, refused = 0, resets = 0, hangs = 0, away = 0;
  SteadyTime outage_from{}, outage_to{};

  void send(WireRequest request, std::function<void(WireReply)> done) override {
    constexpr auto kLatency = std::chrono::milliseconds(900);
    clock_.advance(kLatency);
    ++requests;
    if (faults) {
      const SteadyTime now = clock_.steady();
      NamedStream draw("fault/" + std::to_string(requests));
      const double luck = draw.unit();
      if (now >= outage_from && now < outage_to) {
        ++away;
        return done(reply_with(503, R"({"error":{"message":"overloaded"}})"));
      }
      if (requests % 500 == 0) {
        ++hangs;  // nothing comes until the limit of a try, which the transport keeps
        clock_.advance(std::chrono::minutes(10));
        return done(faulty("timeout", "attempt", true));
      }
      if (luck < 0.02) {
        ++refused;
        return done(reply_with(500, R"({"error":{"message":"internal"}})"));
      }
      if (luck < 0.03) {
        ++resets;
        return done(faulty("network", "reset", true));
      }
    }
    const Json messages = Json::parse(request.body).at("messages");
    const std::uint64_t told = NamedStream(dump_json(messages)).state();
    done(chat(told % 10 == 0 ? "" : "I say " + std::to_string(told % 100'000)));
  }
  void cancel(CallId, int) override {}
  Lookup lookup(CallId, int) override { return {}; }
  void settled(CallId, int) override {}

 private:
  FakeClock& clock_;
};

struct Unattended : ModelRoom {
  FaultyServer server{clock};
  ChatClient served{
      ClientOptions{clock, entropy, server, secrets, limiter, default_llm_settings(), "0123456789abcdef", "1.0", {}}};
  std::unique_ptr<Kind> kind = make_discussion_kind({served, registry});

  Unattended() { environment["OPENAI_API_KEY"] = "sk-test"; }
};

std::vector<NewRun> discussions(int n) {
  DiscussionRoom room;
  room.settings.num_turns = 28;
  room.settings.turn_policy = "respond";
  room.settings.p_respond = 0.4;
  room.settings.decoding.model_seed = "run";
  std::vector<NewRun> runs;
  for (int i = 0; i < n; ++i) {
    room.design.index = static_cast<std::uint64_t>(i);
    runs.push_back(room.fresh());
    runs.back().id = "d" + std::to_string(i);
  }
  return runs;
}

TEST_CASE("200 discussions of 28 turns with a server that fails: all complete, and as if it never had") {
  constexpr int kDiscussions = 200;
  std::vector<std::vector<std::string>> calm, stormy;
  std::size_t turns = 0;
  for (const bool faults : {false, true}) {
    Unattended room;
    room.server.faults = faults;
    room.server.outage_from = room.clock.steady() + std::chrono::hours(1);
    room.server.outage_to = room.server.outage_from + std::chrono::seconds(60);
    BatchInfo info = DiscussionRoom().batch();
    const auto runner = room.kind->make_runner(info, {});
    for (NewRun& fresh : discussions(kDiscussions)) {
      const NewRun run = execute(room, *runner, std::move(fresh));
      REQUIRE_MESSAGE(run.status == Status::complete, run.error.message);
      (faults ? stormy : calm).push_back(said(run));
      turns += faults ? run.steps : 0;
    }
    if (!faults) {
      CHECK(room.server.requests == kDiscussions * 28);
      continue;
    }
    CHECK(room.server.refused > 80);
    CHECK(room.server.resets > 30);
    CHECK(room.server.hangs >= 11);
    CHECK(room.server.away > 0);
    const double hours =
        std::chrono::duration<double, std::ratio<3600>>(room.clock.steady() - FakeClock().steady()).count();
    std::cout << "unattended: " << room.server.requests << " requests for " << turns << " turns in " << hours
              << " virtual hours; " << room.server.refused << " refused, " << room.server.resets << " reset, "
              << room.server.hangs << " hung, " << room.server.away << " while it was away\n";
  }
  CHECK(turns == kDiscussions * 28);
  CHECK(calm == stormy);
}

}  // namespace
