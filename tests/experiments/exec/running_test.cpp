// Programs under the engine: what they do to their run, to others, and to who waits.
#include <doctest/doctest.h>

#include <signal.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "core/engine/experiment.hpp"
#include "core/store/sqlite_store.hpp"
#include "experiments/exec/exec.hpp"
#include "tests/runners/llm/fake_transport.hpp"
#include "tests/runners/process/programs.hpp"
#include "tests/support/fake_step.hpp"

using namespace assay;
using namespace assay::test;

namespace {

/// An experiment in memory whose runs are those of a few lines of sh; what they ask is asked of sim.
struct Desk {
  explicit Desk(const std::string& name)
      : folder(std::filesystem::temp_directory_path() / ("assay_" + name + std::to_string(getpid()))) {
    signal(SIGPIPE, SIG_IGN);
    std::filesystem::create_directories(folder);
    for (const SettingSpec& spec : engine_settings()) settings.declare(spec);
    kinds.add(make_exec_kind({client, registry, programs,
                              [](const auto&) { return std::vector<std::string>{"PATH=/usr/bin:/bin"}; },
                              [](std::string_view text) { return std::string(text); }, [](const std::string&) {},
                              [](const std::string&) {}, [](const std::string&) { return true; }}));
    StoreOptions options;
    options.path = ":memory:";
    options.disk_reserve = 0;
    experiment.emplace(ExperimentParts{open_sqlite_store(options), kinds, clock, settings, 2, {}});
  }
  ~Desk() { std::filesystem::remove_all(folder); }
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  void load(const std::string& script, const std::string& data, ParameterTexts params = {}) {
    std::ofstream(folder / "runner.sh") << script;
    params["command"] = "sh " + (folder / "runner.sh").string();
    params.emplace("model", "sim/default");
    Source source;
    source.name = "data.jsonl";
    source.embedded = data;
    LoadedBatch batch = kinds.require("exec").load(source, params);
    batch.info.name = "b";
    for (NewRun& run : batch.runs) ids.push_back(run.id);
    experiment->add(std::move(batch));
  }
  JobId start(std::size_t width) {
    JobRequest request;
    for (RunId run = 0; run < ids.size(); ++run) request.runs.push_back(run);
    request.width = width;
    return experiment->engine().start(request);
  }
  JobFacts execute(std::size_t width) {
    const JobId job = start(width);
    experiment->engine().wait(job);
    return experiment->engine().facts(job);
  }
  RunError error(RunId run) const {
    const RunTable::Reader table = experiment->table().read();
    return table.error(table.row(run).error);
  }
  std::string log(RunId run) {
    std::string text;
    for (const StoredLog& line : experiment->store().logs(run)) text += line.text + "\n";
    return text;
  }

  std::filesystem::path folder;
  SystemClock clock;
  FakeEntropy entropy;
  FakeTransport transport;
  SecretStore secrets;
  Limiter limiter{clock};
  ModelRegistry registry{[](std::string_view) { return std::optional<std::string>(); }, secrets, {}, &limiter};
  ChatClient client{ClientOptions{
      clock, entropy, transport, secrets, limiter, default_llm_settings(), "0123456789abcdef", "1.0", {}}};
  Settings settings;
  ProgramHost programs;
  KindRegistry kinds;
  std::optional<Experiment> experiment;
  std::vector<std::string> ids;
};

constexpr const char* kTrouble = R"(while read -r line; do
  case $line in
    *'"op":"step"'*crash*) echo 'no such thing' >&2; exit 7 ;;
    *'"op":"step"'*hang*) echo 'looking' >&2; sleep 1000 ;;
    *'"op":"step"'*garbage*) echo 'The answer is 42.' ;;
    *'"op":"step"'*flood*) head -c 10000000 /dev/zero | tr '\0' x; echo ;;
    *'"op":"step"'*closed*) exec >&-; sleep 1000 ;;
    *'"op":"step"'*again*) echo '{"done":{"next":"again"}}' ;;
    *'"op":"step"'*leave*) echo '{"done":{"answer":"left"}}'; exit 0 ;;
    *'"op":"evaluate"'*) echo '{"unsupported":true}' ;;
    *) echo '{"done":{}}' ;;
  esac
done
)";

}  // namespace

TEST_CASE("each fault of a program fails its run alone, and says what the program wrote to its standard error") {
  Desk desk("faults");
  const std::vector<std::array<std::string, 3>> faults = {
      {"crash", "exec/died", "ended with status 7 before it had said {\"done\":..}; stderr: no such thing"},
      {"hang", "timeout", "said nothing for 2.0 s (timeout=); stderr: looking"},
      {"garbage", "exec/protocol", "The answer is 42.; expected one JSON object a line"},
      {"flood", "exec/too_long", "said a line of more than 8.0 MiB; nothing on its standard error"},
      {"closed", "exec/closed", "closed its output"},
      {"again", "max_steps", "not done after 5 steps"}};
  std::string data;
  for (const auto& fault : faults) data += "\"well\"\n\"" + fault[0] + "\"\n";
  desk.load(kTrouble, data + "\"leave\"\n\"leave\"\n\"leave\"\n", {{"timeout", "2s"}, {"max_steps", "5"}});
  const JobFacts facts = desk.execute(3);
  CHECK(facts.fail == faults.size());
  CHECK(facts.complete == faults.size() + 3);  // one that leaves after its answer is no fault
  for (std::size_t i = 0; i < faults.size(); ++i) {
    const RunError error = desk.error(static_cast<RunId>(2 * i + 1));
    CAPTURE(error.message);
    CHECK(error.kind == faults[i][1]);
    CHECK(error.message.find(faults[i][2]) != std::string::npos);
    CHECK(error.place == (faults[i][0] == "again" ? "step 5" : "step 1"));
  }
  CHECK(desk.log(1).find("stderr: no such thing") != std::string::npos);
}

TEST_CASE("calls are recorded as any others, by key or by number, and their replies come back") {
  Desk desk("calls");
  desk.load(R"(while read -r line; do
  case $line in
    *'"op":"step"'*)
      echo '{"call":{"messages":[{"role":"user","content":"a"}],"hint":{"answer":"41"}}}'; read -r one
      echo '{"calls":[{"key":"x","messages":[{"role":"user","content":"b"}]},{"messages":[{"role":"user","content":"c"}]},{"messages":"no"}]}'; read -r two
      echo '{"call":{"model":"nowhere/m","messages":[{"role":"user","content":"d"}]}}'; read -r three
      printf '{"done":{"answer":[%s,%s,%s]}}\n' "$one" "$two" "$three" ;;
    *) echo '{"done":{}}' ;;
  esac
done
)",
            "{}\n", {{"model", "sim/qa?accuracy=1"}});
  CHECK(desk.execute(1).complete == 1);
  const Json answer = Json::parse(desk.experiment->store().payloads(0).answer);
  CAPTURE(answer.dump());
  CHECK(answer[0].at("reply").at("key") == "1");
  CHECK(answer[0].at("reply").at("text").get<std::string>().find("41") != std::string::npos);
  const Json& replies = answer[1].at("replies");
  REQUIRE(replies.size() == 3);
  CHECK(replies[0].at("reply").at("key") == "x");
  CHECK(replies[1].at("reply").at("key") == "2");
  CHECK(replies[2].at("error").at("kind") == "bad_request");
  CHECK(answer[2].at("error").at("message").get<std::string>().find("nowhere") != std::string::npos);
  CHECK(desk.experiment->store().calls(0).size() == 3);
}

TEST_CASE("thirty programs are waited for at the same time by two computing threads; a stop ends the wait at once") {
  Desk desk("together");
  std::string data;
  for (int i = 0; i < 30; ++i) data += std::to_string(i) + "\n";
  const std::string place = (desk.folder / "here").string();
  desk.load("while read -r line; do case $line in *'\"op\":\"step\"'*) : > " + place + ".$$; while set -- " + place +
                ".*; [ $# -lt 30 ]; do sleep 0.1; done ;; *'\"op\":\"evaluate\"'*) sleep "
                "1000 ;; esac; echo '{\"done\":{}}'; done\n",
            data);
  const JobId job = desk.start(30);
  const auto evaluating = [&] {
    std::size_t n = 0;
    for (RunId run = 0; run < 30; ++run)
      n += desk.experiment->engine().why(run).what.find("its program: ") == 0 &&
                   desk.experiment->engine().why(run).step == kEvaluateStep
               ? 1
               : 0;
    return n;
  };
  CHECK(soon([&] { return evaluating() == 30; }));
  const auto before = std::chrono::steady_clock::now();
  std::vector<RunId> all;
  for (RunId run = 0; run < 30; ++run) all.push_back(run);
  desk.experiment->engine().stop(all);
  desk.experiment->engine().wait(job);
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(20));  // the programs would take 1,000
  CHECK(desk.experiment->engine().facts(job).incomplete == 30);
  CHECK_FALSE(desk.experiment->engine().has_lost_workers());
  CHECK(soon([&] { return desk.programs.running() == 0; }));
}

TEST_CASE("the time limit of a step ends the program with it") {
  Desk desk("limit");
  desk.settings.set("timeout.step", "1s", "test");
  desk.load("while read -r line; do echo 'sinking' >&2; sleep 1000; done\n", "{}\n");
  CHECK(desk.execute(1).fail == 1);
  CHECK(desk.error(0).kind == "timeout");
  CHECK(desk.error(0).message.find("the step took longer than its limit (set timeout.step); stderr: sinking") !=
        std::string::npos);
  CHECK(soon([&] { return desk.programs.running() == 0; }));
}
