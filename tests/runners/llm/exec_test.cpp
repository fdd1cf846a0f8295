// A program as a model (models.md 2.13): it answers, errs, crashes, hangs, prints garbage, forks.

#include <doctest/doctest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <set>

#include "runners/llm/local_target.hpp"
#include "tests/runners/llm/local_room.hpp"

using namespace assay;
using namespace assay::test;

namespace {

std::string alias(const std::string& fields = "") {
  return "models:\n  m: {command: [\"" + exec_program() + "\"], price: {in: 1, out: 1}" + fields + "}\n";
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind() + ": " + error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a program answers: text, reasoning, usage and cost are what it says") {
  LocalRoom room(alias());
  const auto outcome = room.ask("m", "good day");
  REQUIRE(outcome.name() == "answered");
  const ChatReply& reply = *outcome.reply;
  CHECK(reply.text == "good day");
  CHECK(reply.reasoning == "because");
  CHECK(reply.stop == Stop::stop);
  REQUIRE(reply.usage);
  CHECK(reply.usage->in == 7);
  CHECK(reply.usage->out == 3);
  CHECK(reply.usage->cached == 2);
  CHECK(reply.usage->reasoning == 1);
  CHECK(reply.cost == 250'000'000'000);
  // What is hashed is the body that a compatible server would get.
  CHECK(outcome.kept.request.starts_with(
      R"({"body":{"max_tokens":16,"messages":[{"content":"good day","role":"user"}])"));
  CHECK(outcome.kept.request.find(R"("endpoint":"exec:)" + exec_program() +
                                  R"(","epoch":0,"path":"/","type":"exec")") != std::string::npos);
}

TEST_CASE("the line it is given has id, model, messages, params and epoch") {
  LocalRoom room(alias(", params: {temperature: 0, reasoning: {budget: 5}}, extra: {voice: low}"));
  const auto outcome = room.ask("m", "line");
  REQUIRE(outcome.name() == "answered");
  const Json line = Json::parse(outcome.reply->text);
  CHECK(line.size() == 5);
  CHECK(line.at("id") == "1.1");
  CHECK(line.at("model") == "m");
  CHECK(line.at("messages") == Json::parse(R"([{"content":"line","role":"user"}])"));
  CHECK(line.at("params") ==
        Json::parse(R"({"temperature":0.0,"max_tokens":16,"reasoning":{"budget":5},"voice":"low"})"));
  CHECK(line.at("epoch") == 0);
}

TEST_CASE("what it answers badly, and what becomes of the call") {
  struct Row {
    const char *text, *name, *message;
    std::size_t tries;
  };
  const Row rows[] = {
      {"error bad_request", "bad_request", "as you wish", 1},
      {"error context_length", "context_length", "as you wish", 1},
      {"error no such kind", "server", "as you wish", 1},
      {"error", "server", "as you wish", 1},
      {"plain", "server", "just a text", 1},
      {"empty", "bad_response/shape", "the line has neither a text nor an error", 2},
      {"garbage 99", "answered", "garbage 99", 1},
      {"strange id", "answered", "strange id", 1},
  };
  LocalRoom room(alias());
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto outcome = room.ask("m", row.text);
    CHECK(outcome.name() == row.name);
    CHECK(outcome.text() == row.message);
    CHECK(outcome.kept.tries.size() == row.tries);
  }
  // One process was enough for all of it.
  CHECK(room.log("m").find("exec_program has started") == room.log("m").rfind("exec_program has started"));
  CHECK(room.log("m").find("skipped, no JSON object: garbage, line 98") != std::string::npos);
  CHECK(room.log("m").find("skipped, nobody asked this: {\"id\":\"nobody\"") != std::string::npos);
}

TEST_CASE("a rate limit of the program is waited for as long as it says") {
  LocalRoom room(alias());
  const auto outcome = room.ask("m", "wait 0.3");
  CHECK(outcome.name() == "answered");
  REQUIRE(outcome.kept.tries.size() == 2);
  CHECK(outcome.kept.tries[0].kind == "rate_limit");
  CHECK(outcome.kept.tries[0].wait_ms >= 300);
  CHECK(outcome.kept.tries[0].wait_ms < 600);
}

TEST_CASE("a program that dies: its call is tried once more, then the target is held; others go on in a new process") {
  struct Row {
    const char *text, *message;
  };
  const Row rows[] = {{"crash", " was killed by signal 6 (Aborted)"},
                      {"exit 3", " ended with status 3"},
                      {"exit 0", " ended with status 0"},
                      {"close", " closed its output"}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    LocalRoom room(alias());
    const auto outcome = room.ask("m", row.text);
    CHECK(outcome.name() == "local/died");
    CHECK(outcome.text() == exec_program() + row.message);
    CHECK(outcome.kept.tries.size() == 2);
    CHECK(room.ask("m", "hello").name() == "held/local");
    room.resume();
    CHECK(room.ask("m", "hello").name() == "answered");
  }
}

TEST_CASE("a program that ends after each answer is started for each call") {
  LocalRoom room("models:\n  m: {command: [\"" + exec_program() + "\", --once]}\n");
  for (int i = 0; i < 20; ++i) {
    const auto outcome = room.ask("m", "hello");
    CHECK(outcome.name() == "answered");
  }
}

TEST_CASE("a hundred lines in a row that answer nothing end the call") {
  LocalRoom room(alias());
  const auto outcome = room.ask("m", "garbage 100");
  CHECK(outcome.name() == "local");
  CHECK(outcome.text().find("100 lines in a row") != std::string::npos);
  CHECK(outcome.kept.tries.size() == 1);
}

TEST_CASE("a program that hangs: the time limit holds, and nothing of it is left 2 s later") {
  LocalRoom room("models:\n  m: {command: [\"" + exec_program() + "\", --stubborn], timeouts: {attempt: 1s}}\n");
  CHECK(room.ask("m", "hello").name() == "answered");
  const pid_t pid = room.facts("m").pids.at(0);
  const auto outcome = room.ask("m", "hang");
  CHECK(outcome.name() == "timeout/attempt");
  CHECK(outcome.seconds > 0.99);
  CHECK(is_alive(pid));  // it does not listen to SIGTERM
  const auto begun = std::chrono::steady_clock::now();
  CHECK(room.ask("m", "hello").name() == "answered");  // by another process
  CHECK(LocalRoom::soon([&] { return !is_alive(pid); }));
  CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count() < 4);
  CHECK(room.facts("m").pids.at(0) != pid);
}

TEST_CASE("a call that is stopped ends the process it is in, and no other") {
  LocalRoom room(alias(", workers: 2"));
  WireRequest request;
  request.call = 100;
  request.url = url_of(exec_target(*room.registry.entry("m")));
  request.body = R"({"model":"m","messages":[{"role":"user","content":"sleep 60000"}],"params":{},"epoch":0})";
  room.local.send(std::move(request), [](WireReply) {});
  CHECK(room.ask("m", "hello").name() == "answered");
  const std::vector<pid_t> both = room.facts("m").pids;
  REQUIRE(both.size() == 2);
  room.local.cancel(100, 1);
  CHECK(LocalRoom::soon([&] { return room.facts("m").pids.size() == 1; }));
  const pid_t left = room.facts("m").pids.at(0);
  CHECK(LocalRoom::soon([&] { return !is_alive(both[0] == left ? both[1] : both[0]); }));
  CHECK(room.ask("m", "hello").name() == "answered");
  CHECK(room.facts("m").pids == std::vector<pid_t>{left});
}

TEST_CASE("what a dead program has started itself goes with it") {
  LocalRoom room(alias(", retry: {local: {attempts: 1}}"));
  const auto outcome = room.ask("m", "fork");
  CHECK(outcome.name() == "local/died");
  std::string log;
  REQUIRE(LocalRoom::soon([&] { return (log = room.log("m")).find("left behind ") != std::string::npos; }));
  const pid_t left = std::stoi(log.substr(log.find("left behind ") + 12));
  CHECK(LocalRoom::soon([&] { return !is_alive(left); }));
}

TEST_CASE("as many processes as workers, one call each at a time") {
  LocalRoom room(alias(", workers: 3"));
  const auto begun = std::chrono::steady_clock::now();
  std::vector<std::future<std::string>> calls;
  for (int i = 0; i < 9; ++i) {
    calls.push_back(std::async(std::launch::async, [&] { return room.ask("m", "sleep 200").name(); }));
  }
  for (auto& call : calls) CHECK(call.get() == "answered");
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  CHECK(seconds > 0.59);  // three rounds
  CHECK(room.facts("m").pids.size() == 3);
}

TEST_CASE("a process has its own three descriptors, no signal blocked or ignored, and a group of its own") {
  LocalRoom room(alias());
  room.ask("m", "hello");
  const pid_t pid = room.facts("m").pids.at(0);
  const std::string place = "/proc/" + std::to_string(pid);
  std::set<std::string> open;
  for (const auto& entry : std::filesystem::directory_iterator(place + "/fd")) open.insert(entry.path().filename());
  CHECK(open == std::set<std::string>{"0", "1", "2"});
  std::ifstream file(place + "/status");
  const std::string status((std::istreambuf_iterator<char>(file)), {});
  CHECK(status.find("SigBlk:\t0000000000000000") != std::string::npos);
  CHECK(status.find("SigIgn:\t0000000000000000") != std::string::npos);
  CHECK(getpgid(pid) == pid);
}

TEST_CASE("no key stands in its environment but those that env_keys names") {
  const std::map<std::string, std::string> canaries = {{"OPENAI_API_KEY", "CANARY-openai-1234"},
                                                       {"DEEPINFRA_TOKEN", "CANARY-deepinfra-1"},
                                                       {"LAB_SECRET", "CANARY-lab-12345678"},
                                                       {"SOME_API_KEY", "CANARY-some-1234567"},
                                                       {"COPY_OF_IT", "x CANARY-openai-1234"},
                                                       {"HF_TOKEN", "CANARY-hf-123456789"},
                                                       {"PLAIN", "harmless"}};
  for (const auto& [name, value] : canaries) setenv(name.c_str(), value.c_str(), 1);
  LocalRoom room(alias() + "  o: {command: [\"" + exec_program() + "\"], env_keys: [HF_TOKEN]}\n" +
                     "  lab: {model: openai/x, key_env: LAB_SECRET}\n",
                 {canaries.begin(), canaries.end()});
  room.registry.list();  // loads keys, as any use of the models does
  const auto has = [&](const char* model, const char* name) {
    return room.ask(model, std::string("environment ") + name).text();
  };
  for (const char* name :
       {"OPENAI_API_KEY", "DEEPINFRA_TOKEN", "LAB_SECRET", "SOME_API_KEY", "COPY_OF_IT", "HF_TOKEN"}) {
    CAPTURE(name);
    CHECK(has("m", name) == "not set");
  }
  CHECK(has("m", "PLAIN") == "harmless");
  const auto allowed = room.ask("o", "environment HF_TOKEN");
  CHECK(allowed.text() == "CANARY-hf-123456789");
  CHECK(allowed.kept.reply.find("CANARY") == std::string::npos);  // kept as [HF_TOKEN]
  CHECK(has("o", "OPENAI_API_KEY") == "not set");
  for (const auto& [name, value] : canaries) unsetenv(name.c_str());
}

TEST_CASE("a program that is not there is refused with its path, before anything runs") {
  struct Row {
    const char *command, *message;
  };
  const Row rows[] = {
      {"[/nowhere/tool]", "local/absent: m can't be started: /nowhere/tool: No such file or directory"},
      {"[nowhere-tool]", "local/absent: m can't be started: nowhere-tool: not in PATH"},
      {"[/etc/passwd]", "local/absent: m can't be started: /etc/passwd: not executable"},
      {"[/etc]", "local/absent: m can't be started: /etc: a folder"},
  };
  for (const Row& row : rows) {
    LocalRoom room("models:\n  m: {command: " + std::string(row.command) + "}\n");
    CHECK(message_of([&] { room.registry.entry("m"); }) == row.message);
    CHECK(message_of([&] { room.registry.callable("m"); }) == row.message);
  }
  LocalRoom room("");
  CHECK(message_of([&] { room.registry.entry("exec/ls 'open"); }).find("exec/ls 'open") != std::string::npos);
}

TEST_CASE("a command in a name is split as a shell would, and started only when a person has named it") {
  LocalRoom room("models:\n  mine: {model: \"exec/" + exec_program() + " --mine\"}\n");
  const std::string name = "exec/'" + exec_program() + "' \"a b\"";
  // As a saved experiment would name it.
  CHECK(message_of([&] { room.registry.callable(name); }).find("nobody has named here") != std::string::npos);
  const auto entry = room.registry.entry(name);  // as `load` does
  CHECK(entry->endpoint == "exec:" + exec_program() + " 'a b'");
  CHECK(room.ask(name, "hello").name() == "answered");
  CHECK(room.ask("mine", "hello").name() == "answered");
  Json pinned = to_json(*room.registry.entry("mine"));
  CHECK_NOTHROW(room.registry.callable_pinned(pinned));
  pinned["model"] = "/bin/evil";
  CHECK(message_of([&] { room.registry.callable_pinned(pinned); }).find("nobody has named here") != std::string::npos);
}

TEST_CASE("all processes end with the transport") {
  std::vector<pid_t> pids;
  {
    LocalRoom room(alias(", workers: 2"));
    auto one = std::async(std::launch::async, [&] { room.ask("m", "sleep 100"); });
    room.ask("m", "sleep 100");
    one.get();
    CHECK(LocalRoom::soon([&] { return room.facts("m").pids.size() == 2; }));
    pids = room.facts("m").pids;
  }
  REQUIRE(pids.size() == 2);
  for (const pid_t pid : pids) CHECK(kill(pid, 0) != 0);  // not even a zombie
}
