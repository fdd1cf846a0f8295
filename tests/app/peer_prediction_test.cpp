// Peer prediction through the real program: the session of its README, files written by themselves, comparisons that
// are exported and loaded again.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "core/text/input.hpp"
#include "tests/faults/common.hpp"
#include "tests/faults/study.hpp"

using namespace assay;
using namespace assay::test;

namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(ASSAY_SOURCE_DIR) / "experiments/peer_prediction";

std::string joined_lines(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += (all.empty() ? "" : "; ") + line;
  return all;
}

void copy_samples(const TemporaryFolder& folder) {
  fs::copy(kFolder / "samples", folder.path(), fs::copy_options::recursive);
}

/// A report without what only the experiment itself knows.
Json comparable(Json report) {
  for (const char* key : {"exp_type", "truth", "critic_quality", "warnings"}) report.erase(key);
  report["counts"].erase("responses");
  return report;
}

}  // namespace

TEST_CASE("the session of the README: synthetic agents, a study with a model, responses used again, results loaded") {
  TemporaryFolder folder;
  copy_samples(folder);
  const std::vector<std::string> lines = session_of_readme((kFolder / "README.md").string());
  REQUIRE(lines.size() == 13);
  const Finished done =
      run({assay_program(), folder.file("x.assay"), "--json", "-c", joined_lines(lines)}, folder.path());
  const std::vector<Json> said = results(done.out);
  REQUIRE_MESSAGE(said.size() == lines.size(), done.out << done.error);
  for (std::size_t i = 0; i < said.size(); ++i) CHECK_MESSAGE(!said[i].is_null(), lines[i] << "\n" << done.out);
  CHECK(said[1].at("complete") == 200);
  CHECK(said[2].at("truth").at("tvd_mi").at(1).at(2) == doctest::Approx(0.26));
  CHECK(said[2].at("tvd_mi").at("matrix").at(1).at(2).get<double>() == doctest::Approx(0.26).epsilon(0.6));
  CHECK(said[4].at("complete") == 8);
  // 3 agents that answer, one reading, p and q and two judgements of 12 pairs: of 8 tasks.
  CHECK(said[4].at("calls") == 8 * (3 + 1 + 4 * 12));
  CHECK(said[9].at("critic") == "keyword (no model)");
  CHECK(said[9].at("judged_by") == "length (no model)");
  CHECK(said[12].at("tvd_mi").at("matrix") == said[9].at("tvd_mi").at("matrix"));
  CHECK(said[12].at("judge") == said[9].at("judge"));

  // Two files of each load that was run from a configuration: dice, reviews, again.
  std::size_t data = 0, made = 0;
  for (const auto& file : fs::directory_iterator(folder.path() / "saves")) {
    const std::string name = file.path().filename().string();
    data += name.ends_with("_data.json") ? 1 : 0;
    made += name.ends_with("_results.json") ? 1 : 0;
  }
  CHECK(data == 3);
  CHECK(made == 3);
}

TEST_CASE("of 30 batches each leaves one data file with all of its tasks, and its results beside it") {
  TemporaryFolder folder;
  copy_samples(folder);
  constexpr std::size_t kBatches = 30;
  for (std::size_t i = 0; i < kBatches; ++i) {
    const std::string saves = "s" + std::to_string(i);
    const Finished done = run({assay_program(), ":memory:", "--json", "-c",
                               "load peer_prediction synthetic.json n_tasks=20 autosave=" + saves + "; run_n 8"},
                              folder.path());
    std::vector<std::string> names;
    for (const auto& file : fs::directory_iterator(folder.path() / saves)) names.push_back(file.path().string());
    std::sort(names.begin(), names.end());
    REQUIRE_MESSAGE(names.size() == 2, saves << ": " << joined_lines(names) << done.error);
    REQUIRE(names[0].ends_with("_data.json"));
    REQUIRE(names[1].ends_with("_results.json"));
    CHECK(names[0].substr(0, names[0].rfind('_')) == names[1].substr(0, names[1].rfind('_')));
    CHECK(parse_json(read_file(names[0]), "data").at("tasks").size() == 20);
  }
}

TEST_CASE("the same configuration as JSON and as YAML is the same batch") {
  TemporaryFolder folder;
  copy_samples(folder);
  const Finished done = run({assay_program(), ":memory:", "--json", "-c",
                             "load peer_prediction reviews.json model=sim/default autosave=off as=j; "
                             "load peer_prediction reviews.yaml model=sim/default autosave=off as=y; "
                             "run_n 8 batch:j; run_n 8 batch:y; report j; report y"},
                            folder.path());
  const std::vector<Json> said = results(done.out);
  REQUIRE_MESSAGE(said.size() == 6, done.out << done.error);
  CHECK(said[2].at("complete") == 8);
  CHECK(said[3].at("complete") == 8);
  CHECK(said[4].at("counts") == said[5].at("counts"));
  // What is asked holds a fence of its own in each batch, so that replies differ.
  for (const char* key : {"agents", "critic_models", "judge_model", "pairing", "exp_type"}) {
    CHECK(said[4].at(key) == said[5].at(key));
  }
}

TEST_CASE("exported comparisons come back to the same report") {
  TemporaryFolder folder;
  copy_samples(folder);
  for (const char* options :
       {"", " pairing=derangement critic=keyword judge=length", " pairing=all_other critic=keyword judge=length",
        " pairing=all critic=keyword judge=none"}) {
    CAPTURE(options);
    const std::string load =
        std::string("load peer_prediction reviews.json model=sim/default autosave=off as=a") + options;
    const Finished again = run({assay_program(), ":memory:", "--json", "-c",
                                load + "; run_n 8; report a; export comparisons c.jsonl --force; load peer_prediction "
                                       "c.jsonl as=b; report b"},
                               folder.path());
    const std::vector<Json> said = results(again.out);
    REQUIRE_MESSAGE(said.size() == 6, again.out << again.error);
    CHECK(comparable(said[2]) == comparable(said[5]));
  }
}

TEST_CASE("a scripted server: as many calls as were planned; one that fails and one that says nothing are no zeros") {
  TemporaryFolder folder;
  MockServer server;
  server.config(R"({"reply":"An answer."})");
  server.rules(R"([{"match":{"contains":"Significant Gain","nth":7},"do":{"status":400}},
                   {"match":{"contains":"Significant Gain","nth":9},"do":{"reply":"I can't say."}},
                   {"match":{"contains":"Significant Gain"},
                    "do":{"reply":"Not [[No Gain]], hardly [[Significant Gain]].\n[[Little Gain]]"}},
                   {"match":{"contains":"[[A]]"},"do":{"reply":"The first.\n[[A]]"}}])");
  Json items = Json::array(), agents = Json::array();
  for (int i = 1; i <= 10; ++i)
    items.push_back(Json::object({{"id", i}, {"instruction", "Task " + std::to_string(i)}}));
  for (int i = 1; i <= 6; ++i) {
    agents.push_back(Json::object({{"reading", i == 1 ? Json("Read " + std::to_string(i)) : Json()},
                                   {"strategy", "Agent " + std::to_string(i) + ": answer."}}));
  }
  folder.write("items.json", dump_json(items));
  folder.write("c.json", dump_json(Json::object({{"exp_type", "llm"},
                                                 {"num_agents", 6},
                                                 {"model_config", {{"model_name", "openai/m"}}},
                                                 {"agent_perspectives", agents},
                                                 {"data_config", {{"data_path", "items.json"}, {"n_tasks", 10}}}})));
  const Finished done = run(
      {assay_program(), folder.file("x.assay"), "--json", "-c", "load peer_prediction c.json as=x; run_n 10; report x"},
      folder.path(), server_environment(server));
  const std::vector<Json> said = results(done.out);
  REQUIRE_MESSAGE(said.size() == 3, done.out << done.error);
  const Json& f = said[2];
  CHECK(said[0].at("batches")[0].at("calls") == 70 + 2 * 300 + 2 * 300);
  CHECK(server.stats().at("requests") == 70 + 2 * 300 + 2 * 300);
  CHECK(f.at("tasks") == 10);
  const auto total = [&](const char* what) {
    return f.at("counts").at("p").at(what).get<int>() + f.at("counts").at("q").at(what).get<int>();
  };
  CHECK(total("planned") == 600);
  CHECK(total("answered") == 598);
  CHECK(total("failed") == 1);
  CHECK(total("unparsed") == 1);
  for (std::size_t i = 0; i < 6; ++i) {
    for (std::size_t j = 0; j < 6; ++j) {
      CHECK(std::abs(f.at("tvd_mi").at("matrix")[i][j].get<double>()) < 1e-12);
      if (i != j) CHECK(f.at("judge").at("with_context").at("matrix")[i][j] == 1.0);
    }
  }
}

TEST_CASE("5,000 synthetic tasks come near the truth") {
  TemporaryFolder folder;
  copy_samples(folder);
  for (const char* pairing : {"other", "derangement"}) {
    const Finished done =
        run({assay_program(), ":memory:", "--json", "-c",
             std::string("load peer_prediction synthetic.json n_tasks=5000 autosave=off as=d pairing=") + pairing +
                 "; run_n 8; report d"},
            folder.path());
    const std::vector<Json> said = results(done.out);
    REQUIRE_MESSAGE(said.size() == 3, done.out << done.error);
    const Json& f = said[2];
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < 3; ++j) {
        if (i == j) continue;
        const double half =
            (f.at("tvd_mi").at("high")[i][j].get<double>() - f.at("tvd_mi").at("low")[i][j].get<double>()) / 2;
        CHECK(half < 0.02);
        CHECK(std::abs(f.at("tvd_mi").at("matrix")[i][j].get<double>() -
                       f.at("truth").at("tvd_mi")[i][j].get<double>()) < 2.5 * half);
        CHECK(std::abs(f.at("judge").at("without_context").at("matrix")[i][j].get<double>() -
                       f.at("truth").at("judge")[i][j].get<double>()) < 0.03);
      }
    }
  }
}

TEST_CASE("models are checked at load: unknown ones that were typed, log-probabilities that a model doesn't give") {
  TemporaryFolder folder;
  copy_samples(folder);
  const struct {
    std::string command, holds;
  } rows[] = {
      {"load peer_prediction reviews.json model=nobody/m", "nobody"},
      {"load peer_prediction reviews.json model=sim/default mechanisms=tvd_mi+mi", "log-probabilities"},
      {"load peer_prediction reviews.json model=sim/default prompt.critics=x.yaml", "prompt.critic"},
      {"load peer_prediction reviews.json model=sim/default prompt.critic=gone.yaml", "gone.yaml"},
      {"load peer_prediction reviews.json abstracts.json", "abstracts.json"},
      {"load peer_prediction reviews.json synthetic.json", "two configurations"},
  };
  for (const auto& row : rows) {
    const Finished done = run({assay_program(), ":memory:", "-c", row.command + "; batches"}, folder.path());
    const std::string all = done.out + done.error;
    CHECK_MESSAGE(all.find(row.holds) != std::string::npos, row.command << "\n" << all);
    CHECK(all.find("8 runs") == std::string::npos);
  }
}
