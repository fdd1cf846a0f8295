// Configurations, data files, recorded comparisons: what becomes of them, and what is said of bad ones.
#include "experiments/peer_prediction/loading.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "experiments/peer_prediction/report.hpp"
#include "tests/experiments/discussion/load_room.hpp"
#include "tests/experiments/qa/fake_batch.hpp"

using namespace assay;

namespace {

LoadedBatch load(const std::vector<std::string>& paths, const ParameterTexts& given = {}) {
  std::vector<Source> sources;
  for (const std::string& path : paths) sources.push_back({path, path, {}});
  return load_peers(sources, given);
}

/// The message of a load that must fail; "" when it doesn't.
std::string refusal(const std::vector<std::string>& paths, const ParameterTexts& given = {}) {
  try {
    load(paths, given);
  } catch (const Error& error) {
    return std::string(error.what()) + " | " + error.hint();
  }
  return {};
}

Json figures(LoadedBatch batch) {
  const FakeBatch view(std::move(batch));
  return peer_report(view).figures;
}

constexpr const char* kItems =
    R"([{"id":1,"instruction":"One.","reference":"r1"},{"instruction":"Two.","reference":"r2"},
  {"id":"c","input":"Three.","reference":"r3","more":7}])";

std::string config(const std::string& change = "") {
  return R"({"exp_type":"llm","num_agents":3,"model_config":{"model_name":"sim/default","max_tokens":50},
    "agent_perspectives":[{"reading":"Read","strategy":"Say"},{"reading":null,"strategy":"Say"},{"reading":null,"strategy":null}],
    "data_config":{"data_path":"items.json","n_tasks":3})" +
         change + "}";
}

}  // namespace

TEST_CASE("an exp_config becomes one run per task, and the plan counts what it will ask") {
  const LoadRoom room;
  room.write("items.json", kItems);
  const LoadedBatch batch = load({room.write("c.json", config())});
  REQUIRE(batch.runs.size() == 3);
  CHECK(batch.runs[0].id == "1");
  CHECK(batch.runs[1].id == "2");
  CHECK(batch.runs[2].id == "c");
  CHECK(batch.runs[2].data.at("context") == "Three.");
  CHECK(batch.runs[2].data.at("metadata").at("more") == 7);
  const PeerSettings settings = peer_settings(batch.info.params);
  CHECK(settings.n() == 3);
  CHECK(settings.agents[0].name == "Agent 1");
  CHECK(settings.agents[2].null_agent);
  CHECK(settings.autosave == "saves/");
  CHECK(batch.facts.at("responses") == 2 * 3);
  CHECK(batch.facts.at("preparations") == 3);
  CHECK(batch.facts.at("p") == 18);
  CHECK(batch.facts.at("q") == 18);
  CHECK(batch.facts.at("judgements") == 36);
  CHECK(batch.facts.at("calls") == 6 + 3 + 18 + 18 + 36);
  CHECK(to_json(peer_settings(to_json(settings))) == to_json(settings));
}

TEST_CASE("YAML is read as the same JSON is, and typed parameters stand over both") {
  const LoadRoom room;
  room.write("items.json", kItems);
  const LoadedBatch json = load({room.write("c.json", config())});
  const LoadedBatch yaml = load({room.write("c.yaml", R"(exp_type: llm
num_agents: 3
model_config: {model_name: sim/default, max_tokens: 50}
agent_perspectives:
  - {reading: Read, strategy: Say}
  - {reading: null, strategy: Say}
  - {reading: null, strategy: null}
data_config: {data_path: items.json, n_tasks: 3}
)")});
  CHECK(json.info.params == yaml.info.params);
  REQUIRE(yaml.runs.size() == json.runs.size());
  for (std::size_t i = 0; i < json.runs.size(); ++i) CHECK(json.runs[i].data == yaml.runs[i].data);

  const LoadedBatch typed = load({room.path("c.json")}, {{"data_config.n_tasks", "2"},
                                                         {"model", "sim/echo"},
                                                         {"model_config.temperature", "0.5"},
                                                         {"critic_model", "a/b+c/d"},
                                                         {"pairing", "all"},
                                                         {"judge", "none"},
                                                         {"mechanisms", "gppm+tvd_mi"},
                                                         {"attack", "padding"},
                                                         {"autosave", "off"}});
  const PeerSettings settings = peer_settings(typed.info.params);
  CHECK(typed.runs.size() == 2);
  CHECK(settings.model == "sim/echo");
  CHECK(settings.temperature == 0.5);
  CHECK(settings.critic_models == std::vector<std::string>{"a/b", "c/d"});
  CHECK(settings.autosave.empty());
  CHECK(typed.facts.at("p") == 2 * 6 * 2);
  CHECK(typed.facts.at("q") == 2 * 6 * 2 * 2);
  CHECK(typed.facts.at("judgements") == 0);
  CHECK(settings.gppm);
  CHECK_FALSE(settings.mi);
  CHECK(settings.attack == "padding");
  CHECK(typed.facts.at("logp") == 2 * (6 + 3));
  CHECK(load({room.path("c.json")}, {{"n_tasks", "5"}}).warnings.at(0).find("3 tasks there, n_tasks is 5") !=
        std::string::npos);
}

TEST_CASE("a configuration of llm-peer-prediction: Reference stands first, its keys are read or named") {
  const LoadRoom room;
  room.write("data/items.json", kItems);
  const LoadedBatch batch = load({room.write("c.json", R"({"task_type":"translation","add_references":true,
    "model_config":{"model_name":"meta/llama","max_tokens":5,"temperature":0.7},"compression_ratio":"4:1",
    "agent_perspectives":[{"condition":"Original","reading":null,"strategy":"S"},{"condition":"Poetic","reading":null,"strategy":"P"}],
    "data_config":{"input_data_path":"data/items.json","sample_size":2}})")});
  const PeerSettings settings = peer_settings(batch.info.params);
  REQUIRE(settings.n() == 3);
  CHECK(settings.agents[0].name == "Reference");
  CHECK(settings.agents[0].reference);
  CHECK_FALSE(settings.agents[0].null_agent);
  CHECK(settings.exp_type == "llm");
  CHECK(batch.runs.size() == 2);
  CHECK(batch.runs[0].data.at("reference") == "r1");
  CHECK(batch.facts.at("responses") == 4);
  CHECK(batch.notes.at(0).find("kept, not acted on: task_type, compression_ratio") != std::string::npos);
}

TEST_CASE("synthetic agents have the seed's distribution, or their own") {
  const LoadRoom room;
  const std::string seeds =
      room.write("s.json", R"({"exp_type":"synthetic","num_agents":3,"data_config":{"n_tasks":4}})");
  const LoadedBatch batch = load({seeds});
  const PeerSettings settings = peer_settings(batch.info.params);
  CHECK(batch.runs.size() == 4);
  CHECK(batch.runs[3].data.at("context") == "Synthetic context 4");
  CHECK(batch.runs[3].data.at("values").size() == 3);
  CHECK(settings.critic == "preset");
  CHECK(settings.judge == "preset");
  CHECK(settings.judge_without);
  CHECK_FALSE(settings.judge_with);
  CHECK(settings.synthetic.joint == std::vector<double>{.3, 0, 0, .3, .05, .05, .2, .1});
  CHECK(batch.facts.at("calls") == 0);

  const std::string two = R"({"exp_type":"synthetic","num_agents":2,"synthetic":{"p_joint":)";
  const struct {
    std::string rest, holds;
  } rows[] = {
      {"[[0.5,0.2],[0.2,0.1]]", ""},
      {"[[0.5,0.25],[0.25,0.25]]", "sum to 1.25"},
      {"[[0.5,-0.2],[0.2,0.5]]", "negative"},
      {"[[0.5,0.2],[0.3]]", "as long everywhere"},
      {"[0.5,0.5]", "2 levels"},
      {"[[0.5,0.2,0.1],[0.1,0.05,0.05]]", "3 texts are expected"},
      {"[[0.5,0.2],[0.2,0.1]],\"texts\":[\"a\",\"a\"]", "the same text"},
      {"null", "the seed's distribution is of 3 agents, these are 2"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.rest);
    const std::string said = refusal({room.write("two.json", two + row.rest + "}}")});
    if (row.holds.empty()) {
      CHECK(said.empty());
    } else {
      CHECK_MESSAGE(said.find(row.holds) != std::string::npos, said);
    }
  }
}

TEST_CASE("what is wrong with a configuration is said with its place and what to do, all of it in one message") {
  const LoadRoom room;
  room.write("items.json", kItems);
  room.write("none.json", "[]");
  room.write("bare.json", R"([{"instruction":"One."}])");
  const struct {
    std::string text;
    ParameterTexts given;
    std::vector<std::string> holds;
  } rows[] = {
      {R"({"exp_type":"real","num_agents":"3","model_config":{"max_tokens":"many"},"data_config":{"data_path":"gone.json","n_tasks":0,"preload":"yes"}})",
       {},
       {"exp_type: found \"real\", expected \"llm\" or \"synthetic\"", "num_agents: found \"3\"",
        "model_config.max_tokens: found \"many\"", "data_config.n_tasks: found 0", "gone.json",
        "data_config.preload: found \"yes\", expected true or false"}},
      {R"({"num_agents":2,"data_config":{"data_path":"items.json"}})", {}, {"exp_type: is missing"}},
      {R"({"exp_type":"llm","data_config":{"data_path":"items.json"}})", {}, {"num_agents: is missing"}},
      {R"({"exp_type":"llm","num_agents":1,"data_config":{"data_path":"items.json"}})", {}, {"2 or more"}},
      {R"({"exp_type":"llm","num_agents":2})", {}, {"data_config.data_path: is missing"}},
      {config(R"(,"num_agents_":1)"), {{"num_agents", "4"}}, {"num_agents: 4, but agent_perspectives lists 3 agents"}},
      {config(), {{"data_config.preload", "true"}}, {"preload_path: is missing"}},
      {config(),
       {{"data_config.preload", "true"}, {"data_config.preload_path", "/nowhere/x.json"}},
       {"/nowhere/x.json"}},
      {config(), {{"data_config.preload_type", "half"}}, {"none, full or partial"}},
      {config(), {{"data_config.data_path", room.path("none.json")}}, {"there is no item in it"}},
      {config(),
       {{"data_config.data_path", room.path("bare.json")}, {"data_config.preload_type", "partial"}},
       {"reference is missing"}},
      {config(), {{"critic", "preset"}}, {"critic=preset knows the distribution of synthetic agents only"}},
      {config(), {{"critic", "clever"}}, {"critic=clever"}},
      {config(), {{"critic", "keyword"}, {"critic_model", "sim/x"}}, {"critic_model= goes with critic=llm"}},
      {config(), {{"critic_labels", "Yes,No:0"}}, {"\"Yes\" is no LABEL:VALUE"}},
      {config(), {{"mechanisms", "tvd_mi+mutual"}}, {"mutual is none of tvd_mi, judge, mi, gppm"}},
      {config(), {{"pairing", "random"}}, {"pairing=random"}},
      {config(), {{"groups", room.path("items.json")}}, {"good_faith"}},
      {R"({"exp_type":"llm","num_agents":2,"agent_perspectives":[{"strategy":5},"x"],"data_config":{"data_path":"items.json"}})",
       {},
       {"agent_perspectives[0].strategy: a text or null", "agent_perspectives[1]: an object"}},
      {"exp_config = {'exp_type': 'llm', 'num_agents': 3}", {}, {"Python dictionary", "double quotes"}},
      {"{'exp_type': 'llm', 'strategy': None}", {}, {"Python dictionary"}},
      {R"({"exp_type": "llm", "num_agents": 3, "x": None})", {}, {"Python dictionary", "null"}},
      {"[1,2]", {}, {"data_config.data_path"}},
      {R"({"colour":"blue"})", {}, {"nothing that peer prediction knows"}},
      {"", {}, {"there is nothing in it"}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const std::string said = refusal({room.write("c.json", row.text)}, row.given);
    for (const std::string& part : row.holds) CHECK_MESSAGE(said.find(part) != std::string::npos, said);
  }
}

TEST_CASE("a data file brings the responses; what is missing in it is said with task and agent") {
  const LoadRoom room;
  const std::string head =
      R"({"task_description":"T","agent_perspectives":[{"reading":null,"strategy":"S"},{"reading":null,"strategy":null}],"tasks":)";
  const LoadedBatch batch = load(
      {room.write(
          "d.json",
          head +
              R"([{"context":"a","responses":["x","same"]},{"context":"b","responses":["y","same"],"preparations":["p",null]}]})")},
      {{"critic", "keyword"}, {"judge", "length"}, {"pairing", "all"}});
  REQUIRE(batch.runs.size() == 2);
  const PeerSettings settings = peer_settings(batch.info.params);
  CHECK_FALSE(settings.agents[0].null_agent);
  CHECK(settings.agents[1].null_agent);
  CHECK(settings.task_description == "T");
  CHECK(settings.autosave.empty());
  CHECK(batch.runs[1].data.at("preparations").at(0) == "p");
  CHECK(batch.facts.at("calls") == 0);
  // A null agent is one that says the same in every task.
  const LoadedBatch talks = load({room.write(
      "t.json", head + R"([{"context":"a","responses":["x","1"]},{"context":"b","responses":["y","2"]}]})")});
  CHECK_FALSE(peer_settings(talks.info.params).agents[1].null_agent);

  // A null is a missing answer: autosave's own file loads again.
  const LoadedBatch holes =
      load({room.write("n.json",
                       head + R"([{"context":"a","responses":["x",null]},{"context":"b","responses":["y","2"]}]})")},
           {{"critic", "keyword"}, {"judge", "length"}});
  CHECK(holes.runs[0].data.at("responses").at(1).is_null());
  REQUIRE_FALSE(holes.warnings.empty());
  CHECK(holes.warnings[0].find("tasks[0].responses[1] (Agent 2): null: this answer is missing") != std::string::npos);

  const std::string said = refusal(
      {room.write("bad.json", head + R"([{"context":"a","responses":["x",5]},{"context":"b","responses":["y"]}]})")});
  CHECK_MESSAGE(said.find("tasks[0].responses[1] (Agent 2): a text is expected") != std::string::npos, said);
  CHECK_MESSAGE(said.find("tasks[1].responses: 2 texts are expected, one per agent, found 1") != std::string::npos,
                said);
  CHECK(refusal({room.path("d.json")}, {{"format", "cs329"}}).find("it holds a data file") != std::string::npos);
}

TEST_CASE("what would give wrong figures is refused or warned of at load") {
  const LoadRoom room;
  room.write("items.json", kItems);
  const std::string path = room.write("c.json", config());
  const std::string synthetic = room.write("s.json", R"({"exp_type":"synthetic","num_agents":3})");
  CHECK(refusal({path}, {{"critic_model", "sim/a+sim/a"}}).find("sim/a stands twice") != std::string::npos);
  CHECK(refusal({synthetic}, {{"attack", "format"}}).find("critic=preset knows the texts") != std::string::npos);
  Source repeated{path, path, {}};
  repeated.epochs = 2;
  CHECK_THROWS_WITH_AS(load_peers({repeated}, {}), doctest::Contains("repeats of a task would be compared"), Error);
  repeated.name = synthetic;
  repeated.path = synthetic;
  CHECK_NOTHROW(load_peers({repeated}, {}));
  const std::string groups = room.write("g.json", R"({"good_faith":["Agent 1"],"problematic":["Nobody"]})");
  const auto warned = [](const LoadedBatch& batch, const char* what) {
    return std::any_of(batch.warnings.begin(), batch.warnings.end(),
                       [&](const std::string& line) { return line.find(what) != std::string::npos; });
  };
  CHECK(warned(load({path}, {{"groups", groups}}), "not there: Nobody"));
  CHECK_FALSE(warned(load({path}), "null_response"));
  const std::string silent = room.write(
      "quiet.json", R"({"exp_type":"llm","num_agents":2,"data_config":{"data_path":"items.json","n_tasks":3}})");
  CHECK(warned(load({silent}), "2 agents have no strategy"));
  const std::string uneven = room.write("r.json", R"({"comparisons":[
    {"agent_pair":[1,2],"result":1,"comparison_type":"critic","distribution":"p"},
    {"agent_pair":[1,2],"result":1,"comparison_type":"critic","distribution":"p"},
    {"agent_pair":[2,1],"result":1,"comparison_type":"critic","distribution":"p"}]})");
  const LoadedBatch results = load({uneven});
  CHECK(warned(results, "pairs of agents have 1 to 2 entries"));
  CHECK(figures(load({uneven})).at("exp_type").is_null());
  const std::string unread = room.write(
      "u.jsonl",
      R"({"task":"a","agents":["x","y"],"distribution":"p","comparison_type":"critic","result":null,"status":"failed","raw":"hm","by":"llm","model":"m"}
{"task":"a","agents":["y","x"],"comparison_type":"judge","context":"with","result":0.5})");
  const Json said = figures(load({unread}));
  CHECK(dump_json(said.at("warnings")).find("no reply of the critic could be read (1 reply)") != std::string::npos);
  CHECK(said.at("critic_models") == Json::array({"m"}));
  CHECK(said.at("judged_by") == "recorded");
  std::string tar(1024, '\0');
  tar.replace(257, 5, "ustar");
  CHECK(refusal({room.write("x.tar", tar)}).find("a tar archive is not read") != std::string::npos);
}

TEST_CASE("a figure that no call gave is counted: lost cells, failed tasks, failed log-probabilities") {
  const LoadRoom room;
  const std::string item = room.write("i.json", R"({"example_idx":1,"condition_keys":["A","B"],
    "tvd_mi_matrix":[[0,null],[0.5,0]],"metadata":{"num_p_comparisons":2,"num_q_comparisons":2}})");
  const Json lost = figures(load({item}));
  CHECK(lost.at("counts").at("p").at("missing") == 1);
  CHECK(lost.at("counts").at("q").at("answered") == 1);

  room.write("items.json", kItems);
  LoadedBatch batch = load({room.write("c.json", config())}, {{"mechanisms", "tvd_mi+judge+mi"}});
  REQUIRE(batch.runs.size() == 3);
  for (NewRun& run : batch.runs) {
    run.status = Status::complete;
    run.answer = Json{{"responses", {"a", "b", nullptr}}};
    const Json cell{{"mean", -1.0}, {"sum", -2.0}, {"tokens", 2}}, none;
    run.answer["logp"] = {{"base", {cell, cell, none}},
                          {"cond", Json::array({{none, cell, none}, {none, none, none}, {none, none, none}})}};
  }
  batch.runs[2].status = Status::fail;
  batch.runs[2].answer = nullptr;
  const Json f = figures(std::move(batch));
  const Json& counts = f.at("counts");
  // Of 9 calls each: 3 answered, 1 failed (2 after 1), 5 without a response.
  CHECK(counts.at("logp").at("planned") == 27);
  CHECK(counts.at("logp").at("answered") == 6);
  CHECK(counts.at("logp").at("failed") == 2);
  CHECK(counts.at("responses").at("planned") == 9);
  CHECK(counts.at("responses").at("failed") == 3);
  CHECK(counts.at("p").at("missing") == 6);
  CHECK(counts.at("q").at("missing") == 6);
  CHECK(counts.at("judge_with_context").at("missing") == 6);
  CHECK(dump_json(f.at("warnings")).find("2 of 27 log-probability calls failed") != std::string::npos);
}

TEST_CASE("recorded comparisons: the t-th p, q and judgement of every pair is task t") {
  const LoadRoom room;
  const auto entry = [](const char* pair, const char* type, const char* distribution, const char* result) {
    return std::string(R"({"agent_pair":)") + pair + R"(,"result":)" + result +
           R"(,"x":"a","y":"b","comparison_type":")" + type + "\",\"distribution\":" + distribution + "}";
  };
  const std::string text =
      R"({"task_description":"T","agent_perspectives":[{"reading":null,"strategy":null},{"reading":null,"strategy":null}],"comparisons":[)" +
      entry("[1,2]", "critic", "\"p\"", "1") + "," + entry("[1,2]", "critic", "\"p\"", "0") + "," +
      entry("[2,1]", "critic", "\"p\"", "1") + "," + entry("[1,2]", "critic", "\"q\"", "0.25") + "," +
      entry("[1,2]", "critic", "\"q\"", "null") + "," + entry("[1,2]", "judge", "null", "0.5");
  const LoadedBatch batch = load({room.write("r.json", text + "]}")});
  REQUIRE(batch.runs.size() == 2);
  CHECK(batch.runs[0].status == Status::complete);
  CHECK(batch.runs[0].answer.at("comparisons").size() == 3);
  CHECK(batch.runs[1].answer.at("comparisons").size() == 2);
  const Json f = figures(load({room.path("r.json")}));
  CHECK(f.at("tvd_mi").at("matrix").at(0).at(1) == doctest::Approx(0.25));
  CHECK(f.at("tvd_mi").at("matrix").at(1).at(0).is_null());  // q is missing there: no cell, not 1
  CHECK(f.at("counts").at("q").at("missing") == 1);
  CHECK(f.at("counts").at("q").at("answered") == 1);
  CHECK(f.at("judge").at("without_context").at("matrix").at(0).at(1) == doctest::Approx(0.5));

  CHECK(refusal({room.path("r.json")}, {{"critic", "keyword"}}).find("critic=: these comparisons have been made") !=
        std::string::npos);
  const std::string wrong = refusal({room.write("w.json", text + "," + entry("[1,3]", "critic", "\"p\"", "1") + "," +
                                                              entry("[1,2]", "critic", "null", "1") + "]}")});
  CHECK_MESSAGE(wrong.find("comparisons[6]: agent_pair [1,3]") != std::string::npos, wrong);
  CHECK_MESSAGE(wrong.find("comparisons[7]") != std::string::npos, wrong);
}

TEST_CASE("items: a mechanism whose calls were all lost is missing, and lost=zero counts its zeros") {
  const LoadRoom room;
  const auto item = [](int index, const char* matrix, int p) {
    return R"({"example_idx":)" + std::to_string(index) + R"(,"condition_keys":["G","B"],"tvd_mi_matrix":)" + matrix +
           R"(,"tvd_mi_scores":[0.5,0.25],"metadata":{"num_p_comparisons":)" + std::to_string(p) +
           R"(,"num_q_comparisons":2}})";
  };
  room.write("d/a/one.json", item(0, "[[0,0.5],[0.25,0]]", 2));
  room.write("d/b/two.json", item(1, "[[0,0],[0,0]]", 0));
  room.write("d/b/three.json", item(2, "[[0,1],[0.5,0]]", 1));
  room.write("d/summary.json", R"({"tvd_mi_matrix":[[0,1],[1,0]],"n":2})");
  const LoadedBatch batch = load({room.path("d")}, {{"format", "items"}});
  CHECK(batch.runs.size() == 3);
  CHECK(batch.notes.at(0).find("summary.json") != std::string::npos);
  CHECK(batch.warnings.at(0).find("4 derived figures differ") != std::string::npos);
  const Json f = figures(load({room.path("d")}));
  CHECK(f.at("counts").at("items_lost").at("tvd_mi") == 1);
  CHECK(f.at("counts").at("calls_lost").at("tvd_mi") == 3);
  CHECK(f.at("tvd_mi").at("matrix").at(0).at(1) == doctest::Approx(0.75));
  const Json zero = figures(load({room.path("d")}, {{"lost", "zero"}}));
  CHECK(zero.at("tvd_mi").at("matrix").at(0).at(1) == doctest::Approx(0.5));
  CHECK(refusal({room.path("d"), room.path("d/a/one.json")}).find("a second tvd_mi of example 0") != std::string::npos);
}

TEST_CASE("what Python writes as NaN is missing, but for texts that hold the word") {
  const LoadRoom room;
  const LoadedBatch batch = load({room.write(
      "i.json",
      R"({"example_idx":0,"condition_keys":["NaN \" NaN","B"],"tvd_mi_matrix":[[0,NaN],[-Infinity,0]],"metadata":{}})")});
  CHECK(peer_settings(batch.info.params).agents.at(0).name == "NaN \" NaN");
  CHECK(batch.runs.at(0).data.at("items").at("tvd_mi").at("tvd_mi_matrix").at(0).at(1).is_null());
  CHECK(batch.runs.at(0).data.at("items").at("tvd_mi").at("tvd_mi_matrix").at(1).at(0).is_null());
}

TEST_CASE("packed items: the first line names the agents, and files of one example make one run") {
  const LoadRoom room;
  const std::string keys = "{\"condition_keys\":[\"G\",\"B\"]}\n";
  room.write(
      "t.jsonl",
      keys +
          "{\"example_idx\":0,\"tvd_mi_matrix\":[[0,1],[1,0]]}\n{\"example_idx\":1,\"tvd_mi_matrix\":[[0,0],[1,0]]}\n");
  room.write("j.jsonl", keys + "{\"example_idx\":1,\"with_context\":true,\"win_matrix\":[[0,1],[0,0]]}\n");
  room.write(
      "l.jsonl",
      keys + R"({"example_idx":0,"logp_base":[-2,-3],"logp_cond":[[0,-1],[-2,0]],"token_counts":[9,9,4,2]})" + "\n");
  const LoadedBatch batch = load({room.path("t.jsonl"), room.path("j.jsonl"), room.path("l.jsonl")});
  REQUIRE(batch.runs.size() == 2);
  CHECK(batch.runs[0].data.at("items").contains("log"));
  CHECK(batch.runs[1].data.at("items").contains("judge_with_context"));
  const Json f = figures(load({room.path("t.jsonl"), room.path("j.jsonl"), room.path("l.jsonl")}));
  const Json& agent = f.at("agents_table").at(0);
  CHECK(agent.at("mi") == doctest::Approx(1.0));    // ((-1 + 2) + (-2 + 3)) / 2
  CHECK(agent.at("gppm") == doctest::Approx(4.0));  // -(-2 x 2 tokens), the last two counts are its own
  CHECK(agent.at("gppm_per_token") == doctest::Approx(2.0));
  CHECK(f.at("judge").at("with_context").at("matrix").at(0).at(1) == doctest::Approx(1.0));
  CHECK(refusal({room.path("t.jsonl"), room.write("o.jsonl",
                                                  "{\"condition_keys\":[\"B\",\"G\"]}\n{\"example_idx\":1,\"with_"
                                                  "context\":true,\"win_matrix\":[[0,1],[0,0]]}\n")})
            .find("condition_keys are not those of") != std::string::npos);
}

TEST_CASE("our lines of comparisons: statuses are kept, agents by number or by name") {
  const LoadRoom room;
  const std::string lines =
      R"({"task":"t1","agents":["X","Y"],"distribution":"p","partner":null,"comparison_type":"critic","context":null,"result":1,"raw":"[[Yes]]","status":"exact"}
{"task":"t1","agents":["X","Y"],"distribution":"q","partner":"t2","comparison_type":"critic","context":null,"result":null,"raw":"?","status":"failed"}
{"task":"t2","agents":["X","Y"],"distribution":"q","partner":"t1","comparison_type":"critic","context":null,"result":0.5,"raw":"","status":"exact"}
{"task":"t2","agents":["Y","X"],"distribution":null,"partner":null,"comparison_type":"judge","context":"with","result":null,"raw":null,"status":"error"}
)";
  const LoadedBatch batch = load({room.write("c.jsonl", lines)});
  REQUIRE(batch.runs.size() == 2);
  CHECK(peer_settings(batch.info.params).agents.at(1).name == "Y");
  const Json f = figures(load({room.path("c.jsonl")}));
  CHECK(f.at("tvd_mi").at("matrix").at(0).at(1) == doctest::Approx(0.5));
  CHECK(f.at("counts").at("q").at("unparsed") == 1);
  CHECK(f.at("counts").at("judge_with_context").at("failed") == 1);
  CHECK(f.at("warnings").size() == 1);  // q lacks half of its results, p none
}
