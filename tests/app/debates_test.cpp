// Debates through the real program: MAD's own runs byte for byte, failing calls, kill -9, forks, rounds that overlap.
#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "core/engine/clock.hpp"
#include "core/text/input.hpp"
#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

namespace {

namespace fs = std::filesystem;

/// The folder of the third-party debates; "" when it is absent.
std::string shared_debates() {
  const std::string path = std::string(ASSAY_SHARED_DATA) + "/debate";
  if (fs::exists(path)) return fs::canonical(path).string();
  MESSAGE("skipped: no " << path);
  return {};
}

struct Golden {
  const char *name, *load;
  int questions, calls;
};
const Golden kGoldens[] = {
    {"gen",
     "limit=25 rounds=3 initial_prompt=mmlu_pro/prompts/initial_prompt_v1.yaml "
     "collaborative_prompt=mmlu_pro/prompts/collaborative_advise_v1.yaml",
     25, 225},
    {"synth",
     "limit=8 protocol=critic_synth initial_prompt=mmlu_pro/prompts/initial_prompt_v1.yaml "
     "critic_prompt=mmlu_pro/prompts/critc_v1.yaml synthesizer_prompt=mmlu_pro/prompts/synth_v1.yaml",
     8, 40},
    {"debate",
     "limit=6 protocol=adversarial rounds=2 initial_judge_prompt=mmlu_pro/prompts/initial_judge_v1.yaml "
     "initial_debater_prompt=mmlu_pro/prompts/initial_debater_v1.yaml "
     "debater_1_prompt=mmlu_pro/prompts/offensive_debater_v1.yaml "
     "debater_2_prompt=mmlu_pro/prompts/defensive_debater_v1.yaml",
     6, 36},
};

std::string load_golden(const Golden& golden, const std::string& more = {}) {
  return "load debate ../../qa/mmlu_pro_393.jsonl.gz compat=mad sample=all agents=3 " + std::string(golden.load) +
         " model=sim/script:replies/" + golden.name + ".jsonl.gz" + more +
         " mad_model=Qwen/Qwen2.5-7B-Instruct as=" + golden.name + "; ";
}

std::string golden_bytes(const std::string& shared, const Golden& golden) {
  return read_file(shared + "/mad/golden/" + golden.name + ".json.gz");
}

/// The one file of a folder: its name and its text.
std::pair<std::string, std::string> only_file(const fs::path& folder) {
  std::pair<std::string, std::string> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    REQUIRE(found.first.empty());
    found = {entry.path().filename().string(), read_file(entry.path().string())};
  }
  return found;
}

const std::string kToys = R"({"id":"t1","question":"Prime?","options":["4","7","9","15"],"answer":"B"}
{"id":"t2","question":"Gas?","options":["CO2","He","Ne","Ar"],"answer":"A"}
{"id":"t3","question":"Month?","options":["Feb","Mar","May","Jul"],"answer":"A"}
)";

std::string line(const std::string& id, int step, int agent, const std::string& content) {
  return dump_json(Json{{"id", id}, {"step", step}, {"key", "agent/" + std::to_string(agent)}, {"content", content}}) +
         "\n";
}
std::string error_line(const std::string& id, int step, int agent, int status) {
  return dump_json(Json{{"id", id},
                        {"step", step},
                        {"key", "agent/" + std::to_string(agent)},
                        {"error", {{"status", status}, {"message", "no"}}}}) +
         "\n";
}

std::string toy_replies(bool mended) {
  std::string text;
  for (const char* id : {"t1", "t2", "t3"}) {
    for (int step = 1; step <= 2; ++step) {
      for (int agent = 0; agent < 3; ++agent) {
        if (std::string_view(id) == "t1" && step == 2 && agent == 1) {
          text += error_line(id, step, agent, 429) + error_line(id, step, agent, 503);
        }
        const bool refused = std::string_view(id) == "t2" && step == 2 && agent == 2 && !mended;
        const char* answer = std::string_view(id) == "t1"   ? "Answer: B"
                             : std::string_view(id) == "t2" ? "Answer: A"
                                                            : "Answer: D";
        text += refused ? error_line(id, step, agent, 401) : line(id, step, agent, answer);
      }
    }
  }
  return text;
}

}  // namespace

TEST_CASE("MAD's own runs come out byte for byte, file names too") {
  const std::string shared = shared_debates();
  if (shared.empty()) return;
  const Json expected = parse_json(read_file(shared + "/expected.json"), "expected.json").at("golden");
  for (const Golden& golden : kGoldens) {
    CAPTURE(golden.name);
    TemporaryFolder folder;
    const Finished done = run({assay_program(), ":memory:", "--json", "-c",
                               load_golden(golden) + "run_n 8; replay all; export mad " + folder.file("out") +
                                   "; save " + folder.file("saved.json") + "; evaluate all rule=mad_mmlu; report"},
                              shared + "/mad");
    CAPTURE(done.error);
    const std::vector<Json> said = results(done.out);
    REQUIRE(said.size() == 7);
    CHECK(said[1].at("complete") == golden.questions);
    CHECK(said[1].at("calls") == golden.calls);
    CHECK(said[2].at("same") == golden.questions);
    const auto [name, text] = only_file(folder.path() / "out");
    CHECK(name == expected.at(golden.name).at("file_name").get<std::string>());
    const bool equal = text == golden_bytes(shared, golden);
    CHECK(equal);
    // A save holds all that the file needs.
    const Finished again = run({assay_program(), ":memory:", "-c",
                                "load " + folder.file("saved.json") + "; export mad " + folder.file("again")},
                               shared + "/mad");
    CAPTURE(again.error);
    CHECK(only_file(folder.path() / "again").second == text);
  }
}

TEST_CASE("kill -9 at any moment: the same file in the end, and no answered call asked again") {
  const std::string shared = shared_debates();
  if (shared.empty()) return;
  const Golden& golden = kGoldens[0];
  const int kills = std::getenv("ASSAY_SOAK") != nullptr ? 20 : 4;
  RandomStream random(11);
  for (int k = 0; k < kills; ++k) {
    TemporaryFolder folder;
    const std::string file = folder.file("x.assay");
    const fs::path here = shared + "/mad";
    {
      Child child({assay_program(), file, "-c", load_golden(golden, "?latency=const:20ms") + "run_n 4"}, here);
      child.wait_for(std::chrono::milliseconds(150 + random.next() % 500));
      child.signal(SIGKILL);
      child.wait();
    }
    const Finished done = run({assay_program(), file, "--json", "-c",
                               "status; run_n 25; status; export mad " + folder.file("out") + "; calls --in-doubt"},
                              here);
    const std::vector<Json> said = results(done.out);
    REQUIRE(said.size() == 5);
    if (said[0].at("runs") == 0) continue;  // killed before the load was on disk
    CHECK(said[2].at("by_status").at("COMPLETE") == 25);
    CHECK(said[2].at("calls").at("answered") == 225);
    const bool equal = only_file(folder.path() / "out").second == golden_bytes(shared, golden);
    CHECK(equal);
  }
}

TEST_CASE(
    "a failing call costs retries, not the round; one that fails for good FAILs its run, which then asks for it "
    "alone") {
  TemporaryFolder folder;
  folder.write("items.jsonl", kToys);
  folder.write("replies.jsonl", toy_replies(false));
  const std::string file = folder.file("x.assay"),
                    load = "load debate items.jsonl as=toy model=sim/script:replies.jsonl";
  const Finished first = run({assay_program(), file, "--json", "-c", load + "; run_n 3; ls; errors"}, folder.path());
  CHECK(first.status == 3);
  std::vector<Json> said = results(first.out);
  REQUIRE(said.size() == 4);
  CHECK(said[1].at("complete") == 2);
  CHECK(said[1].at("fail") == 1);
  const Json& runs = said[2].at("runs");
  CHECK(runs[0].at("score") == "CORRECT");
  CHECK(runs[1].at("status") == "FAIL");
  CHECK(runs[1].at("score").is_null());
  CHECK(runs[2].at("score") == "INCORRECT");
  CHECK(said[3].at("groups")[0].at("place") == "step 2");
  CHECK(said[3].at("groups")[0].at("message").get<std::string>().starts_with("agent 2: "));
  const Finished log = run({assay_program(), file, "-c", "log toy:t1"}, folder.path());
  CHECK(log.out.find("try 2 of the call at \"agent/1\" after rate_limit") != std::string::npos);
  CHECK(log.out.find("try 3 of the call at \"agent/1\" after overloaded") != std::string::npos);

  folder.write("replies.jsonl", toy_replies(true));
  const Finished then =
      run({assay_program(), file, "--json", "-c", "run_n 3 status:FAIL; calls toy:t2; replay all"}, folder.path());
  CHECK(then.status == 0);
  said = results(then.out);
  REQUIRE(said.size() == 3);
  CHECK(said[0].at("complete") == 1);
  std::size_t asked = 0;
  for (const Json& call : said[1]) {
    if (call.at("attempt") == 2 && call.at("tries") > 0) ++asked;
  }
  CHECK(asked == 1);
  CHECK(said[2].at("same") == 3);

  folder.write("replies.jsonl", toy_replies(false));
  const Finished dropped = run({assay_program(), ":memory:", "--json", "-c",
                                load + " on_agent_fail=drop:2; run_n 3; detail toy:t2; detail toy:t1"},
                               folder.path());
  said = results(dropped.out);
  REQUIRE(said.size() == 4);
  CHECK(said[1].at("complete") == 3);
  CHECK(said[2].at("metrics").at("dropped") == 1);
  CHECK(said[2].at("score") == "CORRECT");
  CHECK(said[3].at("metrics").at("calls") == 8);
}

TEST_CASE("a missing line of the script FAILs that run, naming the address; the figures say what is left out") {
  TemporaryFolder folder;
  folder.write("items.jsonl", kToys);
  std::string replies;
  for (const char* id : {"t1", "t3"}) {
    for (int step = 1; step <= 2; ++step) {
      for (int agent = 0; agent < 3; ++agent) replies += line(id, step, agent, "Answer: B");
    }
  }
  folder.write("replies.jsonl", replies);
  const Finished done = run({assay_program(), ":memory:", "--json", "-c",
                             "load debate items.jsonl as=toy model=sim/script:replies.jsonl; run_n 3; errors; report"},
                            folder.path());
  const std::vector<Json> said = results(done.out);
  REQUIRE(said.size() == 4);
  CHECK(said[1].at("fail") == 1);
  const std::string message = said[2].at("groups")[0].at("message");
  for (const char* part : {"t2", "step 1", "agent/0"}) CHECK(message.find(part) != std::string::npos);
  const Json& report = said[3];
  CHECK(report.at("scored") == 2);
  CHECK(report.at("failed") == 1);
  CHECK(report.at("accuracy") == 0.5);
  CHECK(report.at("bounds")[0].get<double>() == doctest::Approx(1.0 / 3));
  CHECK(report.at("bounds")[1].get<double>() == doctest::Approx(2.0 / 3));
}

TEST_CASE("a fork pays for its own rounds alone") {
  TemporaryFolder folder;
  const Finished done =
      run({assay_program(), ":memory:", "--json", "-c",
           "load debate sample as=parent rounds=3; run_n 8; fork batch:parent step=1 rounds=2 "
           "collaborative_prompt=debate_critique as=child; run_n 8; replay batch:child; "
           "fork batch:parent step=2 collaborative_prompt=debate_critique; fork batch:parent step=1 "
           "initial_prompt=debate_critique; "
           "fork batch:parent step=2 collaborative_prompt=debate_critique mixed=yes as=mixed; report child"},
          folder.path());
  const std::vector<Json> said = results(done.out);
  REQUIRE(said.size() == 9);
  CHECK(said[1].at("calls") == 40 * 9);
  CHECK(said[3].at("calls") == 40 * 3);
  CHECK(said[4].at("same") == 40);
  CHECK(said[5].is_null());
  CHECK(said[6].is_null());
  CHECK(said[7].at("batches")[0].at("runs") == 40);
  CHECK(done.out.find("mixed=yes") != std::string::npos);
  CHECK(done.out.find("initial_prompt would have changed") != std::string::npos);
  CHECK(said[8].at("rounds")[0].at("calls") == 0);
  CHECK(said[8].at("rounds")[1].at("calls") == 120);
}

TEST_CASE("the agents of a round wait at the same time; in turn they wait one after the other") {
  TemporaryFolder folder;
  const auto seconds = [&](const std::string& parameters) {
    const Finished done =
        run({assay_program(), ":memory:", "--json", "-c",
             "load debate sample limit=1 model=sim/qa?latency=const:200ms " + parameters + "; run_n 1"},
            folder.path());
    return results(done.out).at(1).at("seconds").get<double>();
  };
  CHECK(seconds("agents=50 rounds=1") < 2);                            // one after the other it would be 10
  CHECK(seconds("agents=3 rounds=2 schedule=sequential") >= 0.2 * 4);  // a round together, then three in turn
}

TEST_CASE("three providers in one debate: each request has its agent's model, temperature and system text") {
  TemporaryFolder folder;
  MockServer server;
  server.config(R"({"reply":"no idea"})");  // whoever asks otherwise than expected is told nothing
  folder.write("models.yaml", "version: 1\nproviders:\n  openai: {base_url: \"" + server.base_url() +
                                  "\"}\n  anthropic: {base_url: \"" + server.origin() +
                                  "/anthropic\"}\n  cohere: {base_url: \"" + server.origin() + "/cohere\"}\n");
  folder.write("team.yaml",
               "agents:\n  - {name: Ann, model: openai/gpt-x, temperature: 0.1, system: Be Ann}\n"
               "  - {name: Ben, model: anthropic/claude-x, temperature: 0.2, system: Be Ben}\n"
               "  - {name: Cyd, model: cohere/command-x, temperature: 0.3, system: Be Cyd}\n");
  const Environment keys{{"OPENAI_API_KEY", "key-of-tests-0123456789"},
                         {"ANTHROPIC_API_KEY", "key-of-tests-0123456789"},
                         {"COHERE_API_KEY", "key-of-tests-0123456789"}};
  const char* paths[] = {"/v1/chat", "/anthropic", "/cohere"};
  const char* expected[][3] = {
      {"gpt-x", "claude-x", "command-x"}, {":0.1", ":0.2", ":0.3"}, {"Be Ann", "Be Ben", "Be Cyd"}};
  for (const auto& property : expected) {
    Json rules = Json::array();
    for (std::size_t i = 0; i < 3; ++i) {
      rules.push_back({{"match", {{"path", paths[i]}, {"contains", property[i]}}}, {"do", {{"reply", "Answer: B"}}}});
    }
    server.rules(dump_json(rules));
    const Finished done =
        run({assay_program(), ":memory:", "--json", "-c",
             "load debate sample limit=1 agents=team.yaml rounds=2 as=d; run_n 1; detail batch:d; cost by agent"},
            folder.path(), keys);
    CAPTURE(done.out);
    const std::vector<Json> said = results(done.out);
    REQUIRE(said.size() == 4);
    CHECK(said[1].at("complete") == 1);
    CHECK(said[2].at("answer").at("rounds")[1].at("values") == Json{"B", "B", "B"});
    std::map<std::string, std::uint64_t> calls;
    for (const Json& group : said[3].at("groups"))
      calls[group.at("group").get<std::string>()] = group.at("calls").get<std::uint64_t>();
    CHECK(calls == std::map<std::string, std::uint64_t>{{"agent/0", 2}, {"agent/1", 2}, {"agent/2", 2}});
  }
}
