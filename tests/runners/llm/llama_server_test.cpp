// A managed llama-server (models.md 8), against the stand-in of tests/local_programs.

#include <doctest/doctest.h>
#include <signal.h>

#include <fstream>
#include <future>

#include "core/text/hash.hpp"
#include "runners/llm/local_target.hpp"
#include "tests/core/text/temporary_folder.hpp"
#include "tests/runners/llm/local_room.hpp"

using namespace assay;
using namespace assay::test;
using std::chrono::milliseconds;

namespace {

/// A file that begins as a model does.
std::string gguf(const TemporaryFolder& folder, const std::string& rest = "weights") {
  const std::string path = folder.path("m.gguf");
  std::ofstream(path, std::ios::binary) << "GGUF" << std::string("\3\0\0\0", 4) << rest;
  return path;
}

std::string yaml(const std::string& path, const std::string& fields = "", const std::string& args = "") {
  return "models:\n  qwen: {model: llama/qwen, path: \"" + path + "\"" + fields +
         (args.empty() ? "" : ", args: [" + args + "]") + "}\n";
}

std::string line_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind() + ": " + error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a server is started at its first call, asked until it is ready, told by its slots, and shared") {
  const TemporaryFolder folder;
  LocalRoom room(yaml(gguf(folder), ", slots: 2, ctx: 512, gpu_layers: 0") +
                     "  again: {extends: qwen}\n  wider: {extends: qwen, slots: 3}\n",
                 {{"LLAMA_API_KEY", "CANARY-of-another-server"}});
  CHECK(room.facts("qwen").state.empty());
  const auto outcome = room.ask("qwen", "12+30");
  REQUIRE(outcome.name() == "answered");
  CHECK(outcome.reply->text == "42");
  CHECK(outcome.kept.request.find(R"("endpoint":"gguf:m.gguf:15:)") != std::string::npos);
  CHECK(outcome.kept.request.find(R"("path":"/v1/chat/completions","type":"llama")") != std::string::npos);
  REQUIRE(LocalRoom::soon([&] { return room.facts("qwen").state == "running"; }));
  const LocalFacts facts = room.facts("qwen");
  CHECK(facts.slots == 2);
  CHECK(facts.context == 256);  // of one slot
  CHECK(facts.cpu_only);
  REQUIRE(LocalRoom::soon([&] { return room.facts("qwen").tokens_per_s == 500; }));
  REQUIRE(facts.pids.size() == 1);
  CHECK(resident_bytes(facts.pids) > 100'000);
  CHECK(room.ask("again", "1+1").name() == "answered");
  CHECK(room.facts("again").pids == facts.pids);  // the same file, slots, ctx, args
  CHECK(room.ask("wider", "1+1").name() == "answered");
  CHECK(room.facts("wider").pids != facts.pids);
  // Its key is its own, and not on its command line.
  std::ifstream file("/proc/" + std::to_string(facts.pids[0]) + "/cmdline", std::ios::binary);
  std::string words((std::istreambuf_iterator<char>(file)), {});
  std::replace(words.begin(), words.end(), '\0', ' ');
  CHECK(words.find("-m " + folder.path("m.gguf") + " --host 127.0.0.1 --port ") != std::string::npos);
  CHECK(words.find(" -np 2 -c 512 -ngl 0 --alias qwen ") != std::string::npos);
  CHECK(room.log("qwen").find("with a key of 32 characters") != std::string::npos);
  // A group of its own, and no new privileges.
  CHECK(getpgid(facts.pids[0]) == facts.pids[0]);
  std::ifstream status("/proc/" + std::to_string(facts.pids[0]) + "/status");
  const std::string text((std::istreambuf_iterator<char>(status)), {});
  CHECK(text.find("NoNewPrivs:\t1") != std::string::npos);
}

TEST_CASE("it gets no more calls at a time than it has slots, however many wait") {
  const TemporaryFolder folder;
  LocalRoom room(yaml(gguf(folder), ", slots: 2", "--stand-in-latency, 100ms"));
  std::vector<std::future<std::string>> calls;
  for (int i = 0; i < 12; ++i) {
    calls.push_back(
        std::async(std::launch::async, [&room, i] { return room.ask("qwen", std::to_string(i) + "+1").text(); }));
  }
  for (int i = 0; i < 12; ++i) CHECK(calls[static_cast<std::size_t>(i)].get() == std::to_string(i + 1));
  // The server's own count.
  WireRequest request;
  request.call = 1'000'000;
  request.method = "GET";
  request.url = room.facts("qwen").address + "/_mock/stats";
  std::promise<std::string> stats;
  room.http.send(std::move(request), [&](WireReply reply) { stats.set_value(reply.body); });
  CHECK(Json::parse(stats.get_future().get()).at("in_flight").at("largest") == 2);
}

TEST_CASE("what is no model, and what is no server, is told before anything starts") {
  const TemporaryFolder folder;
  const std::string good = gguf(folder);
  const auto write = [&](const char* name, const std::string& bytes) {
    const std::string path = folder.path(name);
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  };
  struct Row {
    std::string path, message;
  };
  const std::string text = write("text.gguf", "not a model"), old = write("old.gguf", std::string("GGUF\1\0\0\0", 8)),
                    none = folder.path("none.gguf"), empty = write("empty.gguf", "");
  const Row rows[] = {{text, "local/load: " + text + ": no GGUF file: it does not begin with GGUF"},
                      {empty, "local/load: " + empty + ": no GGUF file: it does not begin with GGUF"},
                      {old, "local/load: " + old + ": GGUF version 1, known are 2 and 3"},
                      {none, "local/load: " + none + ": No such file or directory"},
                      {folder.path(""), "local/load: " + folder.path("") + ": a folder, not a GGUF file"}};
  for (const Row& row : rows) {
    LocalRoom room(yaml(row.path));
    CHECK(line_of([&] { room.registry.entry("qwen"); }) == row.message);
    CHECK(line_of([&] { room.registry.callable("qwen"); }) == row.message);
  }
  const std::string rest =
      ". Install llama.cpp (Debian 12 has no package; Ubuntu 26.04 and Debian testing: llama.cpp-tools), or set "
      "base_url "
      "to a running server, or use sim/default.";
  LocalRoom absent(yaml(good), {{"PATH", "/nowhere"}});
  CHECK_NOTHROW(absent.registry.entry("qwen"));  // it can be loaded, not run
  CHECK(line_of([&] { absent.registry.callable("qwen"); }) ==
        "local/absent: llama/qwen needs llama-server: not at server:, not in $LLAMA_SERVER, not in PATH" + rest);
  LocalRoom wrong(yaml(good, ", server: /nowhere/llama-server"));
  CHECK(line_of([&] { wrong.registry.callable("qwen"); }) ==
        "local/absent: llama/qwen needs llama-server: not at server: /nowhere/llama-server: No such file or directory" +
            rest);
  LocalRoom variable(yaml(good), {{"PATH", "/nowhere"}, {"LLAMA_SERVER", stand_in_folder() + "/llama-server"}});
  CHECK_NOTHROW(variable.registry.callable("qwen"));
  // Named by its file alone.
  LocalRoom bare("");
  CHECK(bare.registry.callable("llama/" + good)->managed());
  CHECK(line_of([&] { bare.registry.callable("llama/x"); }).find("llama/x has no address") != std::string::npos);
  // An address that is written wins over the file; one that a variable gives does not.
  CHECK_FALSE(LocalRoom(yaml(good, ", base_url: \"http://127.0.0.1:9\"")).registry.entry("qwen")->managed());
  CHECK(LocalRoom(yaml(good), {{"LLAMA_BASE_URL", "http://127.0.0.1:9"}}).registry.entry("qwen")->managed());
}

TEST_CASE("the identity of a file: its name, its length, its first and its last MiB") {
  const TemporaryFolder folder;
  const std::string head = std::string("GGUF\3\0\0\0", 8);
  std::string bytes = head + std::string((3U << 20U) - 8, 'a');
  const auto identity = [&] {
    std::ofstream(folder.path("big.gguf"), std::ios::binary) << bytes;
    return gguf_identity(folder.path("big.gguf"));
  };
  const std::string first = identity();
  CHECK(first == "gguf:big.gguf:3145728:" + to_hex(xxh3_128(bytes.substr(0, 1U << 20U) + bytes.substr(2U << 20U))));
  bytes[(1U << 20U) + 5] = 'b';
  CHECK(identity() == first);  // not looked at
  bytes.back() = 'b';
  CHECK(identity() != first);
}

TEST_CASE("a batch is not asked of another file than the one it was loaded with") {
  const TemporaryFolder folder;
  const std::string path = gguf(folder);
  LocalRoom room(yaml(path));
  const Json pinned = to_json(*room.registry.entry("qwen"));
  CHECK(room.registry.callable_pinned(pinned)->path == "/v1/chat/completions");
  std::filesystem::rename(path, folder.path("sub.gguf"));
  std::filesystem::create_directory(folder.path("d"));
  std::filesystem::rename(folder.path("sub.gguf"), folder.path("d/m.gguf"));
  LocalRoom moved(yaml(folder.path("d/m.gguf")));
  CHECK(moved.registry.callable_pinned(pinned)->local_server.path == folder.path("d/m.gguf"));
  gguf(folder, "other weights");
  CHECK(line_of([&] { LocalRoom(yaml(path)).registry.callable_pinned(pinned); }).find("is another file") !=
        std::string::npos);
}

TEST_CASE("a port that is taken: the next, three times; then it is told, and `resume` tries again") {
  const TemporaryFolder folder;
  const std::string path = gguf(folder), count = folder.path("count");
  for (const int taken : {1, 3, 4}) {
    CAPTURE(taken);
    std::ofstream(count) << taken;
    LocalRoom room(yaml(path, "", "--stand-in-port-taken, \"" + count + "\""));
    const auto outcome = room.ask("qwen", "1+1");
    CHECK(outcome.name() == (taken <= 3 ? "answered" : "local/load"));
    if (taken > 3) {
      CHECK(outcome.text().find("llama-server ended with status 1 while it loaded " + path) != std::string::npos);
      CHECK(outcome.text().find("couldn't bind HTTP server socket") != std::string::npos);
      room.resume();  // by now the ports are free
      CHECK(room.ask("qwen", "1+1").name() == "answered");
    }
  }
}

TEST_CASE("a file that it can't load: its last error line is the message, and the target is held") {
  const TemporaryFolder folder;
  const std::string path = gguf(folder);
  LocalRoom room(yaml(path, "", "--stand-in-load-error"));
  const auto outcome = room.ask("qwen", "1+1");
  CHECK(outcome.name() == "local/load");
  CHECK(outcome.text() == "llama-server ended with status 1 while it loaded " + path +
                              ": E srv    load_model: failed to load model, '" + path + "'");
  CHECK(outcome.reply.error().held.find("models log qwen") != std::string::npos);
  CHECK(room.ask("qwen", "1+1").name() == "held/local");
  CHECK(
      LocalRoom::soon([&] { return room.facts("qwen").state.starts_with("held: llama-server ended with status 1"); }));
  CHECK(room.log("qwen").find("is not within the file bounds") != std::string::npos);
}

TEST_CASE("a slow load is shown with its seconds, and waited for") {
  const TemporaryFolder folder;
  LocalRoom room(yaml(gguf(folder), "", "--stand-in-slow-load, 2500ms"));
  auto call = std::async(std::launch::async, [&] { return room.ask("qwen", "1+1"); });
  CHECK(LocalRoom::soon([&] { return room.facts("qwen").state == "loading 2 s"; }));
  const auto outcome = call.get();
  CHECK(outcome.name() == "answered");
  CHECK(outcome.kept.tries.size() == 1);
  CHECK(outcome.seconds > 2.4);
  CHECK(outcome.seconds < 20);
  const std::lock_guard lock(room.mutex);
  REQUIRE(room.notices.size() == 2);
  CHECK(room.notices[0] == "qwen: llama-server is loading " + folder.path("m.gguf"));
  CHECK(room.notices[1].find("qwen: ready after ") == 0);
}

TEST_CASE("it dies in mid-call: the call fails as network, the server starts again, the call is answered") {
  const TemporaryFolder folder;
  LocalRoom room(yaml(gguf(folder), "", "--stand-in-latency, 300ms"));
  CHECK(room.ask("qwen", "1+1").name() == "answered");
  auto call = std::async(std::launch::async, [&] { return room.ask("qwen", "2+2"); });
  std::this_thread::sleep_for(milliseconds(100));
  const pid_t first = room.facts("qwen").pids.at(0);
  kill(first, SIGKILL);
  const auto outcome = call.get();
  CHECK(outcome.text() == "4");
  REQUIRE(outcome.kept.tries.size() >= 2);
  CHECK(outcome.kept.tries[0].kind == "network");
  CHECK(room.facts("qwen").pids.at(0) != first);
  const std::lock_guard lock(room.mutex);
  REQUIRE(!room.notices.empty());
  CHECK(room.notices[0] == "qwen: llama-server was killed by signal 9 (Killed); it is started again");
}

TEST_CASE("the fourth death in ten minutes: held, with its last lines") {
  const TemporaryFolder folder;
  LocalRoom room(
      yaml(gguf(folder), ", cooldown: {failures: 1000}", "--stand-in-latency, 5s, --stand-in-crash-in-call"));
  const auto begun = std::chrono::steady_clock::now();
  const auto outcome = room.ask("qwen", "1+1");
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  CHECK(outcome.name() == "local/died");
  CHECK(outcome.text().find(
            "llama-server was killed by signal 6 (Aborted), for the 4th time in 10 min; its last lines: ") == 0);
  CHECK(seconds > 6);  // at once, after 1 s, after 5 s
  std::size_t network = 0;
  for (const TryRecord& one : outcome.kept.tries) network += one.kind == "network" ? 1 : 0;
  CHECK(network == 4);
  CHECK(room.facts("qwen").state.starts_with("held: "));
  CHECK(room.ask("qwen", "1+1").name() == "held/local");
}

TEST_CASE("idle for long enough, it is stopped; the next call starts it") {
  const TemporaryFolder folder;
  LocalRoom room(yaml(gguf(folder), ", idle_stop: 300ms"));
  CHECK(room.ask("qwen", "1+1").name() == "answered");
  const pid_t first = room.facts("qwen").pids.at(0);
  CHECK(LocalRoom::soon([&] { return room.facts("qwen").state == "stopped"; }));
  CHECK_FALSE(is_alive(first));
  CHECK(room.ask("qwen", "2+2").text() == "4");
}

TEST_CASE("one that ignores SIGTERM is killed 5 s later") {
  const TemporaryFolder folder;
  LocalRoom room(yaml(gguf(folder), ", idle_stop: 100ms", "--stand-in-ignore-term"));
  CHECK(room.ask("qwen", "1+1").name() == "answered");
  const pid_t pid = room.facts("qwen").pids.at(0);
  CHECK(LocalRoom::soon([&] { return room.facts("qwen").state == "ending"; }));
  const auto begun = std::chrono::steady_clock::now();
  CHECK(LocalRoom::soon([&] { return !is_alive(pid); }));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  CHECK(seconds > 4.5);
  CHECK(seconds < 9);
}

TEST_CASE("a prompt that might not fit a slot is told, once, before it is sent; it is sent all the same") {
  const TemporaryFolder folder;
  LocalRoom room(yaml(gguf(folder), ", slots: 2, ctx: 512"));
  const std::string prompt = "1+1 " + std::string(400, 'x');
  CHECK(room.ask("qwen", "1+1").name() == "answered");
  {
    const std::lock_guard lock(room.mutex);
    CHECK(room.notices.empty());
  }
  room.ask("qwen", prompt);
  room.ask("qwen", prompt);
  const std::lock_guard lock(room.mutex);
  REQUIRE(room.notices.size() == 1);
  CHECK(room.notices[0].find("qwen: a prompt of up to 484 tokens; a slot has room for 256") == 0);
}

TEST_CASE("an image for a model of text is refused before sending") {
  const TemporaryFolder folder;
  LocalRoom room(yaml(gguf(folder)));
  FakeStep step(room.clock, nullptr, room.next_call++);
  ChatRequest request;
  Message message(Role::user, "what is it?");
  message.parts.push_back({"", ImagePart{"iVBORw0KGgo=", "", "", ""}});
  request.messages.push_back(message);
  const auto reply = room.client.call(step, "", room.registry.callable("qwen"), request);
  REQUIRE_FALSE(reply);
  CHECK(reply.error().name() == "bad_request");
  CHECK(reply.error().message.find("it takes no images") != std::string::npos);
}
