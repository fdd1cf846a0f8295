// Scripts of replies that are addressed by call or by run (debate.md 8, discussion.md 13.6).
#include "runners/llm/sim_script.hpp"

#include <doctest/doctest.h>

#include <optional>

#include "core/text/atomic_file.hpp"
#include "core/text/error.hpp"
#include "tests/core/text/temporary_folder.hpp"
#include "tests/runners/llm/client_world.hpp"

using namespace assay;
using namespace assay::test;

namespace {

/// A client whose model is a script, and a step at any place.
struct Scripted {
  explicit Scripted(const std::string& text, const std::string& name = "script.jsonl") : path(folder.path(name)) {
    write_file(path, text);
    model = w.registry.callable("sim/script:" + path);
  }
  tl::expected<ChatReply, CallError> call(const std::string& id, std::uint32_t number, const std::string& key,
                                          std::uint64_t job = 1, RunId run = 0) {
    step.emplace(w.clock, &w.clock, ++calls);
    step->id = id;
    step->at = number;
    step->job = job;
    step->run = run;
    return w.client.call(*step, key, model, ask("?"));
  }
  std::string said(const std::string& id, std::uint32_t number, const std::string& key, std::uint64_t job = 1,
                   RunId run = 0) {
    const auto reply = call(id, number, key, job, run);
    return reply ? reply->text : reply.error().name() + ": " + reply.error().message;
  }

  TemporaryFolder folder;
  std::string path;
  World w;
  ModelHandle model;
  std::optional<FakeStep> step;
  CallId calls = 0;
};

}  // namespace

TEST_CASE("a line is found by the run's or its item's id, step and key; a call without one fails and says where") {
  Scripted script(R"({"id":"q1","step":1,"key":"agent/0","content":"one"}
{"id":"q1","step":2,"key":"agent/0","content":"two"}

{"id":"q1@2","step":1,"key":"agent/0","content":"of the repeat"}
{"id":17,"content":"bare"}
)");
  CHECK(script.said("q1", 1, "agent/0") == "one");
  CHECK(script.said("q1", 2, "agent/0") == "two");
  CHECK(script.said("q1@1", 1, "agent/0", 1, 1) == "one");
  CHECK(script.said("q1@2", 1, "agent/0", 1, 2) == "of the repeat");
  CHECK(script.said("q1@2", 2, "agent/0", 1, 2) == "two");
  CHECK(script.said("17", 1, "") == "bare");
  CHECK(script.said("q1", 3, "judge") == R"(bad_request: the script has no line for id "q1", step 3, key "judge")");
  CHECK(script.said("q1", 1, "agent/0") ==
        R"(bad_request: the script has no further line for id "q1", step 1, key "agent/0": 1 was used)");
  CHECK(script.said("q1", 1, "agent/0", 1, 9) == "one");  // another run's: in its own batch it has all of them
}

TEST_CASE("lines of one address are used in order, one per try; an error is that status, with the client's own waits") {
  Scripted script(R"({"id":"t","step":2,"key":"a","error":{"status":429,"message":"too many requests"}}
{"id":"t","step":2,"key":"a","error":{"status":503,"message":"overloaded"}}
{"id":"t","step":2,"key":"a","content":"at last"}
)");
  const auto reply = script.call("t", 2, "a");
  REQUIRE(reply);
  CHECK(reply->text == "at last");
  REQUIRE(reply->tries.size() == 3);
  CHECK(reply->tries[0].http_status == 429);
  CHECK(reply->tries[0].kind == "rate_limit");
  CHECK(reply->tries[1].http_status == 503);
  CHECK(reply->tries[1].kind == "overloaded");
  CHECK(reply->tries[0].wait_ms + reply->tries[1].wait_ms > 0);
  CHECK(script.w.pauses.empty());
}

TEST_CASE("a scripted error is its call's alone: the model is neither held nor cooled, and no other call waits") {
  std::string text;
  for (const int status : {401, 403, 404, 402, 500}) {
    for (int i = 0; i < 12; ++i) {
      text += R"({"id":"x","key":")" + std::to_string(status) + R"(","error":{"status":)" + std::to_string(status) +
              R"(,"message":"no"}})" + "\n";
    }
  }
  text += R"({"id":"y","content":"fine"})";
  Scripted script(text);
  for (const auto& [key, kind] :
       {std::pair{"401", "auth"}, std::pair{"403", "permission"}, std::pair{"404", "not_found"},
        std::pair{"402", "quota"}, std::pair{"500", "server"}}) {
    CAPTURE(key);
    const auto reply = script.call("x", 1, key);
    REQUIRE(!reply);
    CHECK(reply.error().name().starts_with(kind));
    CHECK(reply.error().held.empty());
    CHECK(script.w.client.target_states().empty());
  }
  const SteadyTime before = script.w.clock.steady();
  CHECK(script.said("y", 1, "") == "fine");
  CHECK(script.w.clock.steady() == before);
}

TEST_CASE("each job reads the file anew and begins at its first lines; one under way keeps what it has read") {
  Scripted script(R"({"id":"a","content":"old"})"
                  "\n"
                  R"({"id":"a","content":"older"})");
  CHECK(script.said("a", 1, "", 1) == "old");
  CHECK(script.said("a", 1, "", 2) == "old");
  CHECK(script.said("a", 1, "", 1) == "older");
  write_file(script.path, R"({"id":"a","content":"new"})");
  CHECK(script.said("a", 1, "", 2) == "older");
  CHECK(script.said("a", 1, "", 3) == "new");
  write_file(script.path, R"({"id":"a","contents":"x"})");
  CHECK(script.said("a", 1, "", 4) ==
        "bad_request: " + script.path + ":1: unknown key \"contents\" or wrong type: id, step, key, content or error");
  CHECK(script.said("a", 1, "", 2).find("no further line") != std::string::npos);
}

TEST_CASE("a script may be packed") {
  Scripted script(R"({"id":"a","content":"plain"})", "script.jsonl.gz");
  CHECK(script.said("a", 1, "") == "plain");
  Scripted other(R"({"id":"a","content":"plain"})", "script.jsonl.zst");
  CHECK(other.said("a", 1, "") == "plain");
}

TEST_CASE("replies by run are given in the order of the run's calls, whoever calls between") {
  Scripted script(R"({"replies":
  {"r1": ["first", "second"],
   "*": ["any"]}})");
  script.calls = 0;
  script.step.emplace(script.w.clock, &script.w.clock, 1);
  script.step->id = "r1";
  CHECK(script.w.client.call(*script.step, "1", script.model, ask("?"))->text == "first");
  FakeStep other(script.w.clock, &script.w.clock, 50);
  other.id = "r2";
  CHECK(script.w.client.call(other, "1", script.model, ask("?"))->text == "any");
  CHECK(script.w.client.call(*script.step, "2", script.model, ask("?"))->text == "second");
  CHECK(script.w.client.call(*script.step, "3", script.model, ask("?")).error().message ==
        "script exhausted at call 3");
  CHECK(script.w.client.call(other, "2", script.model, ask("?")).error().message == "script exhausted at call 2");
}

TEST_CASE("a bad line of a script is refused with its place") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"id":"a"})", "1: a script line has a reply (content) or an error"},
      {R"({"id":"a","step":-1,"content":""})", "1: unknown key \"step\" or wrong type"},
      {R"({"id":"a","error":{"status":200}})", "1: the status of an error is a number from 400 to 599, not 200"},
      {"{\"id\":\"a\",\"content\":\"\"}\n{\"reply\":\"x\"}", "2: lines with an address (\"id\") and lines of a list"},
      {"{\"reply\":\"x\"}\n{\"id\":\"a\",\"content\":\"\"}", "2: lines with an address (\"id\") and lines of a list"},
      {"{\"id\":\"a\",\"content\":\"\"}\n[1]", "2: a script line is an object"},
      {R"({"replies":["a"]})", "\"replies\" is an object"},
      {R"({"replies":{"a":"b"}})", "the replies of \"a\" are an array of texts"},
  };
  for (const auto& [text, message] : cases) {
    CAPTURE(text);
    Scripted script(text);
    CHECK(script.said("a", 1, "").find(message) != std::string::npos);
  }
}
