// The response cache and replays, through the real program (models.md 5.5, 5.6).
#include <doctest/doctest.h>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

namespace {

constexpr const char* kPriced = "prices:\n  \"openai/any\": {in: 2, out: 8}\n";

/// n lines that ask the same, each under an id of its own.
std::string identical(int n) {
  std::string text;
  for (int i = 1; i <= n; ++i) {
    text += R"({"id":"q)" + std::to_string(i) +
            R"(","question":"Which letter?","options":["north","south"],"answer":"B"})" + "\n";
  }
  return text;
}

struct Room {
  TemporaryFolder folder;
  MockServer server;
  Environment environment = server_environment(server);
  std::string file = folder.file("x.assay");
  Room() {
    server.config(R"({"reply":"qa","latency":"const:50ms"})");
    folder.write("models.yaml", kPriced);
  }
  std::vector<Json> say(const std::string& commands) {
    const Finished done = run({assay_program(), file, "--json", "-c", commands}, folder.path(), environment);
    INFO(done.out);
    INFO(done.error);
    return results(done.out);
  }
  std::string tell(const std::string& commands) {
    const Finished done = run({assay_program(), file, "-c", commands}, folder.path(), environment);
    return done.out + done.error;
  }
  int requests() { return server.stats().at("requests").get<int>(); }
};

constexpr const char* kLoad = "load qa same.jsonl model=openai/any temperature=0 max_tokens=64 as=job; ";

}  // namespace

TEST_CASE("cache item: 30 identical items are 30 requests, a second attempt none; hits are seen everywhere") {
  Room room;
  room.folder.write("same.jsonl", identical(30));
  REQUIRE(room.say(std::string("cache item; ") + kLoad + "run_n 8").at(2).at("complete") == 30);
  CHECK(room.requests() == 30);
  const Json bill = room.say("cost").at(0).at("groups").at(0);
  const std::vector<Json> said = room.say("rerun 8 all; cache; cost; calls job:q7; log job:q7");  // a new process
  CHECK(said[0].at("complete") == 30);
  CHECK(room.requests() == 30);
  CHECK(said[1].at("mode") == "item");
  CHECK(said[1].at("entries") == 30);
  CHECK(said[1].at("hits") == 30);
  CHECK(said[1].at("bytes").get<int>() > 30 * 100);
  CHECK(said[1].at("saved_usd") == bill.at("cost_usd"));
  const Json& cost = said[2].at("groups").at(0);
  CHECK(cost.at("calls") == 60);
  CHECK(cost.at("from_cache") == 30);
  CHECK(cost.at("saved_usd") == bill.at("cost_usd"));
  CHECK(cost.at("cost_usd") == bill.at("cost_usd"));
  CHECK(cost.at("input_tokens") == bill.at("input_tokens"));  // what was used, not what was read again
  REQUIRE(said[3].size() == 2);
  CHECK(said[3].at(0).at("source") == "live");
  CHECK(said[3].at(1).at("source") == "cache");
  CHECK(said[3].at(1).at("tries") == 0);
  CHECK(said[3].at(1).at("saved_usd") == said[3].at(0).at("cost_usd"));
  CHECK(dump_json(said[4]).find("was answered from the cache (as job:q7)") != std::string::npos);
  CHECK(room.tell("cost").find("30 of the calls were served from the cache or an earlier attempt") !=
        std::string::npos);
  CHECK(room.tell("check").find("every record is as it was written") != std::string::npos);
  CHECK(room.say("replay all").at(0).at("same") == 30);
  CHECK(sql(room.file, "SELECT count(*), sum(tries) FROM call_list WHERE source = 'cache' AND saved_usd > 0") ==
        std::vector<std::vector<std::string>>{{"30", "0"}});
}

TEST_CASE("cache shared at temperature 0: 30 identical items at the same time are 1 request") {
  Room room;
  room.folder.write("same.jsonl", identical(30));
  const std::vector<Json> said = room.say(std::string("cache shared; ") + kLoad + "run_n 30; cache");
  CHECK(said[2].at("complete") == 30);
  CHECK(room.requests() == 1);
  CHECK(said[3].at("entries") == 1);
  CHECK(said[3].at("hits") == 29);
  CHECK(room.say("rerun 30 all").at(0).at("complete") == 30);
  CHECK(room.requests() == 1);
}

TEST_CASE("off, the default: everything is asked and nothing is kept; answers of before are not in it") {
  Room room;
  room.folder.write("same.jsonl", identical(3));
  REQUIRE(room.say(std::string(kLoad) + "run_n 3; rerun 3 all").at(2).at("complete") == 3);
  CHECK(room.requests() == 6);
  CHECK(room.say("cache").at(0).at("entries") == 0);
  CHECK(sql(room.file, "SELECT name FROM sqlite_master WHERE name = 'answer'").empty());
  CHECK(room.say("cache item; rerun 3 all").at(1).at("complete") == 3);
  CHECK(room.requests() == 9);
}

TEST_CASE("errors, refusals and filtered replies never enter; an answer that was cut at max_tokens does") {
  struct Row {
    const char* does;
    bool enters;
  };
  for (const Row& row : {Row{R"({"error":"bad_request"})", false}, Row{R"({"body":"refusal"})", false},
                         Row{R"({"body":"content_filter"})", false}, Row{R"({"body":"malformed"})", false},
                         Row{R"({"body":"length"})", true}}) {
    INFO(row.does);
    Room room;
    room.folder.write("same.jsonl", identical(1));
    room.server.rules(std::string(R"([{"match":{},"do":)") + row.does + "}]");
    const std::vector<Json> said =
        room.say(std::string("set retry.bad_response '1 1ms 1ms'; cache shared; ") + kLoad + "run_n 1; cache");
    CHECK(said.back().at("entries") == (row.enters ? 1 : 0));
    const int before = room.requests();
    room.say("set retry.bad_response '1 1ms 1ms'; rerun 1 all");
    CHECK(room.requests() == before + (row.enters ? 0 : 1));
  }
}

TEST_CASE("identical calls wait for the first; when that is refused each asks for itself, none is lost") {
  Room room;
  room.folder.write("same.jsonl", identical(10));
  room.server.rules(R"([{"match":{"first":1},"do":{"error":"bad_request","latency":"const:500ms"}}])");
  const std::vector<Json> said = room.say(std::string("cache shared; ") + kLoad + "run_n 10; rerun_fails 1");
  CHECK(said[2].at("fail") == 1);
  CHECK(said[2].at("complete") == 9);
  CHECK(said[3].at("complete") == 1);
  CHECK(room.requests() == 10);
}

TEST_CASE("cache clear forgets answers of a query or all; another temperature is another request") {
  Room room;
  room.folder.write("same.jsonl", identical(6));
  REQUIRE(room.say(std::string("cache item; ") + kLoad + "run_n 6").at(2).at("complete") == 6);
  std::vector<Json> said = room.say("cache clear job:q2; rerun 6 all");
  CHECK(said[0].at("cleared") == 1);
  CHECK(room.requests() == 7);
  said = room.say("cache clear; rerun 6 all");
  CHECK(said[0].at("cleared") == 6);
  CHECK(room.requests() == 13);
  room.say("load qa same.jsonl model=openai/any temperature=1 max_tokens=64 as=warm; run_n 6 batch:warm");
  CHECK(room.requests() == 19);
  room.say("load qa same.jsonl model=openai/any temperature=0 max_tokens=64 as=twice; run_n 6 batch:twice");
  CHECK(room.requests() == 19);  // the same items in another batch
  CHECK(room.tell("cache on").find("usage: cache [off | item | shared]") != std::string::npos);
}

TEST_CASE("samples of one item are asked one by one: each has its epoch and its place") {
  Room room;
  room.folder.write("same.jsonl", identical(2));
  const std::string load = "load qa same.jsonl model=openai/any temperature=1 samples=3 max_tokens=64 as=job; ";
  REQUIRE(room.say("cache shared; " + load + "run_n 2").at(2).at("complete") == 2);
  CHECK(room.requests() == 3);  // two items ask the same three times
}

TEST_CASE("a hit needs no money: a spent budget stops what is asked, not what is known") {
  Room room;
  room.folder.write("same.jsonl", identical(4));
  REQUIRE(room.say(std::string("cache item; ") + kLoad + "run_n 4").at(2).at("complete") == 4);
  CHECK(room.say("budget 0.000001; rerun 4 all").at(1).at("complete") == 4);
  CHECK(room.requests() == 4);
}

TEST_CASE("1,000 recorded runs are replayed without a key and without a connection, and come out the same") {
  Room room;
  room.folder.write("questions.jsonl", questions(1000));
  room.server.config(R"({"latency":"const:0ms"})");
  REQUIRE(room.say("load qa questions.jsonl model=openai/any samples=2 as=job; run_n 50").at(1).at("complete") == 1000);
  const Json before = room.server.stats();
  room.environment = {{"OPENAI_BASE_URL", room.server.base_url()}, {"OPENAI_API_KEY", ""}};
  const std::string changes = sql(room.file, "SELECT max(ver) FROM call").at(0).at(0);
  const std::vector<Json> said = room.say("replay all; replay job:q5 --step 1");
  CHECK(said[0].at("runs") == 1000);
  CHECK(said[0].at("same") == 1000);
  CHECK(said[0].at("calls") == 2000);
  CHECK(said[1].at("calls") == 2);
  const Json after = room.server.stats();
  CHECK(after.at("requests") == before.at("requests"));
  CHECK(after.at("other_requests") == before.at("other_requests"));
  CHECK(after.at("connections").at("opened") <= before.at("connections").at("opened").get<int>() + 1);  // our own look
  CHECK(sql(room.file, "SELECT max(ver) FROM call").at(0).at(0) == changes);
  CHECK(room.tell("replay job:q5")
            .find("job:q5, attempt 1, COMPLETE: came out the same; 2 recorded calls served, "
                  "nothing sent") != std::string::npos);
}

TEST_CASE("a run that was interrupted is replayed as far as it is recorded, and says where that ends") {
  Room room;
  room.folder.write("questions.jsonl", questions(1));
  room.server.rules(R"([{"match":{"nth":2},"do":{"error":"insufficient_quota"}}])");
  room.say("load qa questions.jsonl model=openai/any samples=2 as=job; run_n 1");
  const Finished done = run({assay_program(), room.file, "--json", "-c", "replay all"}, room.folder.path(), {});
  CHECK(done.status == 1);
  INFO(done.out);
  CHECK(done.out.find("\"kind\":\"replay") != std::string::npos);
  CHECK(done.out.find("job:q1: ") != std::string::npos);
}
