// What is written of a batch: the seed's two files, items, lines; and what writes itself.
#include "experiments/peer_prediction/exports.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/local_time.hpp"
#include "experiments/peer_prediction/loading.hpp"
#include "experiments/peer_prediction/report.hpp"
#include "tests/experiments/discussion/load_room.hpp"
#include "tests/experiments/qa/fake_batch.hpp"

using namespace assay;

namespace {

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

std::string one_file(const std::string& format, const BatchView& batch) {
  const JointExport out = export_peers(format, "x.json", {&batch});
  REQUIRE(out.files.size() == 1);
  return out.files[0].text;
}

Json figures(const std::vector<std::string>& paths, const ParameterTexts& given = {}) {
  std::vector<Source> sources;
  for (const std::string& path : paths) sources.push_back({path, path, {}});
  const FakeBatch batch(load_peers(sources, given));
  return peer_report(batch).figures;
}

/// Two agents, two tasks; the second task lost a response.
FakeBatch small_batch(const std::string& autosave = "") {
  PeerSettings settings;
  for (const char* name : {"Agent 1", "Loud"}) {
    PeerAgent agent;
    agent.name = name;
    agent.strategy = "Say";
    settings.agents.push_back(agent);
  }
  settings.attack = "padding";
  settings.autosave = autosave;
  settings.model = "sim/default";
  BatchInfo info;
  info.name = "b";
  info.params = to_json(settings);
  info.created_at = 1'700'000'000'000'000;
  const auto comparison = [](int i, int j, const char* distribution, Json partner, Json result, const char* status) {
    return Json::object({{"agent_pair", {i, j}},
                         {"distribution", distribution},
                         {"partner", std::move(partner)},
                         {"result", std::move(result)},
                         {"status", status},
                         {"raw", "[[No Gain]]"}});
  };
  std::vector<NewRun> runs(2);
  runs[0].id = "s";
  runs[0].status = Status::complete;
  runs[0].data = Json::object({{"context", "c1"}});
  runs[0].answer = Json::object({{"responses", {"a", "b"}}, {"preparations", {nullptr, "p"}}});
  runs[0].answer["comparisons"] =
      Json::array({comparison(1, 2, "p", nullptr, 1, "exact"), comparison(1, 2, "q", "t", nullptr, "no_response")});
  runs[0].answer["judgements"] =
      Json::array({Json::object({{"agent_pair", {2, 1}}, {"context", "with"}, {"result", 0.5}, {"status", "exact"}})});
  runs[1].id = "t";
  runs[1].status = Status::complete;
  runs[1].data = Json::object({{"context", "c2"}});
  runs[1].answer = Json::object({{"responses", {"d", nullptr}},
                                 {"preparations", {nullptr, nullptr}},
                                 {"response_errors", {nullptr, "server: 500"}}});
  runs[1].answer["comparisons"] = Json::array({comparison(1, 2, "q", "s", 0.25, "exact")});
  runs[1].answer["judgements"] = Json::array();
  return FakeBatch(std::move(info), std::move(runs));
}

}  // namespace

TEST_CASE("peer_data and peer_results have the seed's keys in its order") {
  const FakeBatch batch = small_batch();
  const Json data = parse_json(one_file("peer_data", batch), "data");
  CHECK(keys_of(data) ==
        std::vector<std::string>{"task_description", "agent_perspectives", "tasks", "metadata", "timestamp"});
  CHECK(keys_of(data["tasks"][0]) == std::vector<std::string>{"context", "preparations", "responses", "id"});
  FakeBatch numbered = small_batch();
  numbered.runs()[0].id = "1";
  CHECK_FALSE(parse_json(one_file("peer_data", numbered), "data")["tasks"][0].contains("id"));
  CHECK(data["tasks"][1]["responses"] == Json::array({"d", nullptr}));
  CHECK(keys_of(data["agent_perspectives"][0]) == std::vector<std::string>{"reading", "strategy"});
  CHECK(data["agent_perspectives"][1]["condition"] == "Loud");
  CHECK(keys_of(data["metadata"]) == std::vector<std::string>{"experiment_type", "n_tasks", "num_agents", "start_time",
                                                              "end_time", "duration_seconds", "f_calls", "judge_calls",
                                                              "token_usage", "api_calls", "model_config",
                                                              "data_config"});
  CHECK(data["metadata"]["f_calls"] == 2);  // one of the three has no response to compare
  CHECK(data["metadata"]["judge_calls"] == 1);
  CHECK(data["timestamp"] == local_time(1'700'000'000'000'000, "%Y%m%d_%H%M%S"));

  const Json results = parse_json(one_file("peer_results", batch), "results");
  CHECK(keys_of(results) == std::vector<std::string>{"task_description", "agent_perspectives", "comparisons"});
  REQUIRE(results["comparisons"].size() == 4);
  CHECK(keys_of(results["comparisons"][0]) == std::vector<std::string>{"agent_pair", "result", "x", "y",
                                                                       "comparison_type", "prompt", "distribution",
                                                                       "raw_response", "metadata"});
  CHECK(results["comparisons"][0]["x"] == "a XXXXXXXXXX");  // as it was compared, after the attack
  CHECK(results["comparisons"][1]["result"].is_null());
  CHECK(results["comparisons"][1]["status"] == "no_response");
  CHECK(results["comparisons"][2]["comparison_type"] == "judge");
  CHECK(results["comparisons"][2]["distribution"].is_null());
  CHECK(results["comparisons"][3]["y"] == "b XXXXXXXXXX");
}

TEST_CASE("comparisons, results and items come back to the figures that they were written of") {
  const LoadRoom room;
  const FakeBatch batch = small_batch();
  const Json before = peer_report(batch).figures;
  const Json lines = figures({room.write("c.jsonl", one_file("comparisons", batch))});
  for (const char* key : {"tvd_mi", "judge", "correlation", "objective", "needed_tasks", "tasks"}) {
    CAPTURE(key);
    CHECK(lines.at(key) == before.at(key));
  }
  CHECK(lines.at("counts").at("q") == before.at("counts").at("q"));
  CHECK(lines.at("agents") == before.at("agents"));
  const Json results = figures({room.write("r.json", one_file("peer_results", batch))});
  CHECK(results.at("tvd_mi").at("matrix") == before.at("tvd_mi").at("matrix"));
  CHECK(results.at("judge") == before.at("judge"));
  for (const JointExport::File& file : export_peers("items", "d", {&batch}).files)
    room.write("d/" + file.name, file.text);
  const Json items = figures({room.path("d")});
  CHECK(items.at("judge").at("with_context").at("matrix") == before.at("judge").at("with_context").at("matrix"));
}

TEST_CASE("recorded items are written as they were read") {
  const LoadRoom room;
  const std::string text =
      R"({"example_idx": 3, "condition_keys": ["A", "B"], "tvd_mi_matrix": [[0, 1], [0.25, 0]], "metadata": {"num_p_comparisons": 2, "num_q_comparisons": 1}})";
  const std::string path = room.write("in/tvd_mi_example_3.json", text);
  const FakeBatch batch(load_peers({{path, path, {}}}, {}));
  const JointExport out = export_peers("items", "d", {&batch});
  REQUIRE(out.files.size() == 1);
  CHECK(out.files[0].name == "tvd_mi_individual_examples/tvd_mi_example_3.json");
  CHECK(parse_json(out.files[0].text, "out") == parse_json(text, "in"));
}

TEST_CASE("the two files write themselves once, beside one another, and never over others") {
  const LoadRoom room;
  const std::string folder = room.path("saved");
  const FakeBatch batch = small_batch(folder);
  const std::string stem = "llm_" + local_time(1'700'000'000'000'000, "%Y%m%d_%H%M%S");
  REQUIRE(autosave_peers(batch, Milestone::published).size() == 1);
  CHECK(std::filesystem::exists(folder + "/" + stem + "_data.json"));
  CHECK(autosave_peers(batch, Milestone::published).empty());
  FakeBatch other = small_batch(folder);
  other.runs()[0].answer["responses"][0] = "another";
  CHECK(autosave_peers(other, Milestone::published).size() == 1);
  CHECK(std::filesystem::exists(folder + "/" + stem + "-2_data.json"));
  // Results stand beside their own data, whoever ends first.
  CHECK(autosave_peers(other, Milestone::ended).size() == 1);
  CHECK(std::filesystem::exists(folder + "/" + stem + "-2_results.json"));
  CHECK(autosave_peers(batch, Milestone::ended).size() == 1);
  CHECK(std::filesystem::exists(folder + "/" + stem + "_results.json"));
  CHECK(autosave_peers(batch, Milestone::ended).empty());
  // Where nobody has told that all have published, the end brings both.
  FakeBatch late = small_batch(folder);
  late.runs()[0].answer["responses"][0] = "a third";
  CHECK(autosave_peers(late, Milestone::ended).size() == 2);
  CHECK(std::filesystem::exists(folder + "/" + stem + "-3_data.json"));
  CHECK(std::filesystem::exists(folder + "/" + stem + "-3_results.json"));
  const auto files = std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator());
  CHECK(files == 6);
}

TEST_CASE("while a response can't be seen yet nothing writes itself; the end then brings both files of one stamp") {
  const LoadRoom room;
  const std::string folder = room.path("saved");
  FakeBatch batch = small_batch(folder);
  const Json answer = batch.runs()[1].answer;
  batch.runs()[1].answer = nullptr;
  batch.runs()[1].status = Status::ready;
  CHECK(autosave_peers(batch, Milestone::published).empty());
  CHECK_FALSE(std::filesystem::exists(folder));
  batch.runs()[1].answer = answer;
  CHECK(autosave_peers(batch, Milestone::published).size() == 1);
  // One that FAILs later leaves the file of the responses as it is.
  batch.runs()[1].answer = nullptr;
  batch.runs()[1].status = Status::fail;
  CHECK(autosave_peers(batch, Milestone::ended).size() == 1);
  const auto files = std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator());
  CHECK(files == 2);
}

TEST_CASE("sums of free critics are written as means with their number, and come back") {
  const LoadRoom room;
  FakeBatch batch = small_batch();
  const Json square = Json::array({{0, 3}, {1, 0}});
  for (NewRun& run : batch.runs()) {
    run.answer.erase("comparisons");
    run.answer["sums"] =
        Json::object({{"p", {{"sum", {{0, 1}, {0, 0}}}, {"count", {{0, 1}, {1, 0}}}, {"missing", {{0, 0}, {0, 0}}}}},
                      {"q", {{"sum", square}, {"count", {{0, 4}, {4, 0}}}, {"missing", {{0, 0}, {2, 0}}}}}});
  }
  const Json before = peer_report(batch).figures;
  CHECK(before.at("tvd_mi").at("matrix").at(0).at(1) == doctest::Approx(0.25));
  CHECK(before.at("counts").at("q").at("planned") == 20);
  CHECK(before.at("counts").at("q").at("missing") == 4);
  const Json after = figures({room.write("c.jsonl", one_file("comparisons", batch))});
  CHECK(after.at("tvd_mi") == before.at("tvd_mi"));
  CHECK(after.at("counts").at("q") == before.at("counts").at("q"));
}
