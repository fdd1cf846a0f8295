// Runs of programs in other languages through the whole program: the origin's example, programs that go wrong, what
// they are given and what not, and whose command may be started at all.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

namespace {

bool has_python() {
  const bool there = std::system("python3 -c 'import json, re' 2>/dev/null") == 0;
  if (!there) MESSAGE("skipped: no python3");
  return there;
}

std::string sums(int n) {
  std::string text;
  for (int i = 1; i <= n; ++i)
    text += R"({"id":"s)" + std::to_string(i) + R"(","A":)" + std::to_string(i) + R"(,"B":)" + std::to_string(2 * i) +
            "}\n";
  return text;
}

/// A program whose step does what its run's data ask for: faults beside runs that are well.
constexpr const char* kTrouble = R"(import json, os, subprocess, sys, time
for line in sys.stdin:
    request = json.loads(line)
    what = request["run"]["data"].get("do", "")
    if request["op"] == "step":
        print("working on", what, file=sys.stderr, flush=True)
        if what == "crash":
            raise ValueError("three is too many")
        if what == "hang":
            subprocess.Popen(["sleep", "1000"])
            time.sleep(1000)
        if what == "garbage":
            print("thinking...", flush=True)
        if what == "flood":
            print("x" * 10_000_000, flush=True)
        if what == "leave":
            sys.exit(0)
        if what == "signal":
            os.kill(os.getpid(), 11)
        if what == "fail":
            print(json.dumps({"fail": {"kind": "no_data", "message": "nothing to work on"}}), flush=True)
            continue
    print(json.dumps({"done": {"answer": what, "score": "CORRECT"}}), flush=True)
)";

struct ExecRoom {
  explicit ExecRoom(int runs = 0) {
    if (runs > 0) folder.write("sums.jsonl", sums(runs));
    std::filesystem::copy(ASSAY_SOURCE_DIR "/experiments/exec/samples/adder.py", folder.path() / "adder.py");
    std::filesystem::copy(ASSAY_SOURCE_DIR "/experiments/exec/samples/adder.sh", folder.path() / "adder.sh");
    folder.write("trouble.py", kTrouble);
    environment.emplace_back("XDG_STATE_HOME", folder.file("state"));
  }
  Finished type(const std::string& commands, const std::vector<std::string>& arguments = {"--json"}) const {
    std::vector<std::string> argv = {assay_program(), folder.file("x.assay")};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    argv.insert(argv.end(), {"-c", commands});
    return run(argv, folder.path(), environment);
  }
  TemporaryFolder folder;
  Environment environment;
};

}  // namespace

TEST_CASE("the origin's example in Python: 1,000 runs, 100 in flight, as the kind that is built in") {
  if (!has_python()) return;
  ExecRoom room(1000);
  MockServer server;
  server.config(R"({"latency":"const:200ms"})");
  room.environment.insert(room.environment.end(),
                          {{"OPENAI_BASE_URL", server.base_url()}, {"OPENAI_API_KEY", "sk-test-canary-0123456789"}});
  const Finished done = room.type(
      "load exec sums.jsonl command=\"python3 adder.py\" model=openai/any as=mine; run_n 100 batch:mine; status; "
      "save mine.jsonl batch:mine; cost; load arithmetic sums.jsonl model=openai/any as=built; "
      "run_n 100 batch:built; save built.jsonl batch:built");
  INFO(done.out << done.error);
  CHECK(done.status == 0);
  const std::vector<Json> said = results(done.out);
  CHECK(said.at(1).at("complete") == 1000);
  CHECK(said.at(2).at("by_score").at("CORRECT") == 1000);
  CHECK(said.at(4).at("groups").at(0).at("calls") == 1000);
  CHECK(server.stats().at("requests") == 2000);
  CHECK(server.stats().at("in_flight").at("largest").get<int>() > 50);
  CHECK(server.stats().at("in_flight").at("largest").get<int>() <= 100);
  // The same prompts, the same answers.
  std::map<std::string, Json> built;
  std::size_t at = 0, compared = 0;
  const std::string texts[] = {room.folder.read("built.jsonl"), room.folder.read("mine.jsonl")};
  for (const std::string& text : texts) {
    for (std::size_t from = 0; from < text.size(); ++at) {
      const std::size_t end = std::min(text.find('\n', from), text.size());
      const Json one = parse_json(std::string_view(text).substr(from, end - from), "save");
      const std::string key = dump_json(one.at("data").at("A"));
      if (&text == &texts[0]) {
        built[key] = one;
      } else {
        ++compared;
        CHECK(one.at("answer") == built.at(key).at("answer"));
        CHECK(one.at("context") == built.at(key).at("context"));
      }
      from = end + 1;
    }
  }
  CHECK(compared == 1000);
}

TEST_CASE("the same in sh; and executed again from its records, without a server and a key") {
  ExecRoom room(40);
  {
    MockServer server;
    Environment with = room.environment;
    room.environment.insert(room.environment.end(),
                            {{"OPENAI_BASE_URL", server.base_url()}, {"OPENAI_API_KEY", "sk-test-canary-0123456789"}});
    const Finished done = room.type("load exec sums.jsonl command=\"sh adder.sh\" model=openai/any; run_n 8; status");
    INFO(done.out << done.error);
    CHECK(results(done.out).at(2).at("by_score").at("CORRECT") == 40);
    room.environment = with;
  }
  const Finished again = room.type("replay all", {});
  INFO(again.out << again.error);
  CHECK(again.out.find("40 runs: came out the same; 40 recorded calls served, nothing sent") != std::string::npos);
}

TEST_CASE("a crash, a hang, garbage, a line of 10 MB: each fails its run alone, with what it said to standard error") {
  if (!has_python()) return;
  ExecRoom room;
  std::string data;
  for (int i = 0; i < 60; ++i) data += R"({"id":"well)" + std::to_string(i) + "\"}\n";
  const std::vector<std::pair<std::string, std::string>> faults = {
      {"crash", "exec/died"}, {"hang", "timeout"},     {"garbage", "exec/protocol"}, {"flood", "exec/too_long"},
      {"leave", "exec/died"}, {"signal", "exec/died"}, {"fail", "no_data"}};
  for (const auto& [what, kind] : faults) data += R"({"id":")" + what + R"(","do":")" + what + "\"}\n";
  for (int i = 60; i < 120; ++i) data += R"({"id":"well)" + std::to_string(i) + "\"}\n";
  room.folder.write("data.jsonl", data);
  const Finished done = room.type(
      "load exec data.jsonl command=\"python3 trouble.py\" timeout=3s as=job; run_n 10; errors; status; detail "
      "job:crash");
  INFO(done.out << done.error);
  CHECK(done.status == 3);
  const std::vector<Json> said = results(done.out);
  CHECK(said.at(1).at("complete") == 120);
  CHECK(said.at(1).at("fail") == faults.size());
  std::map<std::string, Json> groups;
  for (const Json& group : said.at(2).at("groups")) groups[group.at("example").get<std::string>()] = group;
  for (const auto& [what, kind] : faults) {
    CAPTURE(what);
    REQUIRE(groups.contains("job:" + what));
    const Json& group = groups.at("job:" + what);
    CHECK(group.at("kind") == kind);
    CHECK(group.at("place") == "step 1");
    const std::string message = group.at("message").get<std::string>();
    CAPTURE(message);
    CHECK((what == "fail" || what == "crash" || message.find("stderr: working on " + what) != std::string::npos));
    if (what == "crash") CHECK(message.find("ValueError: three is too many") != std::string::npos);
    if (what == "crash") CHECK(message.find("ended with status 1") != std::string::npos);
    if (what == "garbage") CHECK(message.find("thinking...") != std::string::npos);
    if (what == "flood") CHECK(message.find("8.0 MiB") != std::string::npos);
    if (what == "signal") CHECK(message.find("signal 11") != std::string::npos);
    if (what == "fail") CHECK(message == "nothing to work on");
  }
  const Finished log = room.type("log job:crash; log job:well3", {});
  CHECK(log.out.find("stderr: Traceback (most recent call last):") != std::string::npos);
  CHECK(log.out.find("stderr: working on") != std::string::npos);
}

TEST_CASE("with two threads, fifty programs are waited for at the same time") {
  ExecRoom room;
  std::string data;
  for (int i = 0; i < 50; ++i) data += "{\"n\":" + std::to_string(i) + "}\n";
  room.folder.write("data.jsonl", data);
  // Each waits in its step until all fifty are there.
  room.folder.write("meet.sh", R"(while read -r line; do
  case $line in *'"op":"step"'*)
    : > "met.$$"
    while set -- met.*; [ $# -lt 50 ]; do sleep 0.1; done ;;
  esac
  echo '{"done":{}}'
done
)");
  const Finished met = room.type("set timeout.step 60s; load exec data.jsonl command=\"sh meet.sh\" as=meet; run_n 50",
                                 {"--json", "--threads", "2"});
  INFO(met.out << met.error);
  CHECK(results(met.out).at(2).at("complete") == 50);
}

TEST_CASE("a program sees no key but those that are named, and none of them comes into the experiment") {
  ExecRoom room;
  room.folder.write("one.jsonl", "{}\n");
  room.folder.write("tell.sh",
                    "while read -r line; do echo \"other ${OTHER_API_KEY:-none}, mine ${LAB_SECRET:-none}\" "
                    ">&2; echo \"{\\\"done\\\":{\\\"answer\\\":\\\"${OTHER_API_KEY:-none} "
                    "${LAB_SECRET:-none}\\\"}}\"; done\n");
  room.environment.insert(room.environment.end(),
                          {{"OTHER_API_KEY", "CANARY-other-0123456"}, {"LAB_SECRET", "CANARY-lab-0123456789"}});
  const Finished done = room.type(
      "load exec one.jsonl command=\"sh tell.sh\" env_keys=LAB_SECRET as=t; run_n 1; detail t:1; log t:1", {});
  INFO(done.out << done.error);
  CHECK(done.out.find("none [LAB_SECRET]") != std::string::npos);
  CHECK(done.out.find("other none, mine [LAB_SECRET]") != std::string::npos);
  CHECK((done.out + done.error + room.folder.read("x.assay")).find("CANARY") == std::string::npos);
}

TEST_CASE("an experiment file from elsewhere starts nothing until its command is trusted") {
  ExecRoom room(3);
  CHECK(room.type("load exec sums.jsonl command=\"sh adder.sh\" as=sums").status == 0);
  room.environment.back().second = room.folder.file("state of somebody else");
  const Finished refused = room.type("run_n 1; replay all; run_n 2 --estimate; evaluate all; status", {});
  INFO(refused.out << refused.error);
  CHECK(refused.status == 1);
  CHECK(refused.error.find("would start `sh adder.sh` in " + room.folder.path().string()) != std::string::npos);
  CHECK(refused.error.find("`trust sums` shows it and lets it run") != std::string::npos);
  const Finished trusted = room.type("trust sums; run_n 1", {});
  CHECK(trusted.out.find("3 COMPLETE") != std::string::npos);
  CHECK(room.type("rerun 1 all", {}).out.find("3 COMPLETE") != std::string::npos);  // it is kept
  const auto kept = std::filesystem::path(room.environment.back().second) / "assay" / "trusted";
  CHECK(std::filesystem::status(kept).permissions() == static_cast<std::filesystem::perms>(0600));
  // Another command of the same batch's file is another one.
  room.environment.back().second = room.folder.file("third");
  CHECK(
      room.type("trust sums; load exec sums.jsonl command=\"sh ./adder.sh\" as=more; run_n 1 batch:more", {}).status ==
      0);
}

TEST_CASE("a script that has changed since the load is told, and runs as it is now") {
  ExecRoom room(2);
  CHECK(room.type("load exec sums.jsonl command=\"sh adder.sh\" as=sums; run_n 1").status == 0);
  room.folder.write("adder.sh", "while read -r line; do echo '{\"done\":{\"answer\":\"new\",\"score\":null}}'; done\n");
  const Finished done = room.type("rerun 1 all; detail sums:s1", {});
  INFO(done.out << done.error);
  CHECK((done.out + done.error)
            .find("batch sums: adder.sh changed since it was loaded; its runs go on with what is there now") !=
        std::string::npos);
  CHECK(done.out.find("new") != std::string::npos);
}

TEST_CASE("calls at the same time, calls by key, states between steps, and a process that leaves after each answer") {
  if (!has_python()) return;
  ExecRoom room;
  room.folder.write("data.jsonl", "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
  room.folder.write("steps.py", R"(import json, sys
def say(**m): print(json.dumps(m), flush=True)
def hear(): return json.loads(sys.stdin.readline())
request = hear()
run = request["run"]
if request["op"] == "setup":
    say(log={"seed": run["seed"]})
    say(done={"state": {"texts": []}})
elif request["op"] == "step":
    ask = lambda text: {"messages": [{"role": "user", "content": text}], "params": {"max_tokens": 9}}
    say(calls=[dict(ask("%d %d" % (run["data"]["n"], i)), key="part/%d" % i) for i in range(3)])
    replies = hear()["replies"]
    assert [r["reply"]["key"] for r in replies] == ["part/0", "part/1", "part/2"]
    say(call=ask("last"))
    last = hear()
    assert last["reply"]["key"] == "1", last
    say(call=dict(ask("x"), model="nowhere/no-model"))
    assert "error" in hear()
    texts = run["state"]["texts"] + [r["reply"]["text"] for r in replies]
    say(done={"next": "done" if run["step"] == 2 else "again", "state": {"texts": texts}, "answer": texts})
else:
    say(unsupported=True)
)");
  MockServer server;
  room.environment.insert(room.environment.end(),
                          {{"OPENAI_BASE_URL", server.base_url()}, {"OPENAI_API_KEY", "sk-test-canary-0123456789"}});
  const Finished done = room.type(
      "load exec data.jsonl command=\"python3 steps.py\" model=openai/any as=s; run_n 2; errors; detail s:2; status; "
      "replay all");
  INFO(done.out << done.error);
  const std::vector<Json> said = results(done.out);
  CHECK(said.at(1).at("complete") == 3);
  CHECK(said.at(3).at("answer") == Json::array({"2", "3", "4", "2", "3", "4"}));
  CHECK(said.at(4).at("by_score").at("null") == 3);
  CHECK(server.stats().at("requests") == 24);
  CHECK(done.out.find("same") != std::string::npos);
}

TEST_CASE("an estimate says that it can't know what a program asks, and starts none") {
  ExecRoom room(5);
  room.folder.write("mark.sh", ": > started; cat >/dev/null\n");
  const Finished done = room.type("load exec sums.jsonl command=\"sh mark.sh\" as=m; run_n 5 --estimate", {});
  INFO(done.out << done.error);
  CHECK((done.out + done.error).find("5 runs of m: what it asks is known only when it runs") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(room.folder.path() / "started"));
}
