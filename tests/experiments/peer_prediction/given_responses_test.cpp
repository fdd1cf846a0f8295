// Recorded responses scored again without a model: figures of the recorded data, and the speed of large batches.

#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "tests/experiments/peer_prediction/peer_room.hpp"

using namespace assay;
using namespace assay::test;

namespace {

/// Sums of a whole batch under all or all_other, as M_ij.
std::vector<std::vector<double>> matrix(const PeerRoom& room) {
  const std::size_t n = room.settings.n();
  std::vector<std::vector<double>> m(n, std::vector<double>(n, 0));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      if (i == j) continue;
      double means[2] = {0, 0};
      for (const int side : {0, 1}) {
        double sum = 0, count = 0;
        for (const PeerRun& one : room.runs) {
          const Json& sums = one.run.answer.at("sums").at(side == 0 ? "p" : "q");
          sum += sums["sum"][i][j].get<double>();
          count += sums["count"][i][j].get<double>();
        }
        means[side] = sum / count;
      }
      m[i][j] = means[0] - means[1];
    }
  }
  return m;
}

/// The agents and responses of a data file.
void take(const Json& file, PeerRoom& room) {
  for (const Json& one : file.at("agent_perspectives")) {
    PeerAgent agent;
    agent.name = one.value("condition", std::string());
    room.settings.agents.push_back(agent);
  }
  for (const Json& task : file.at("tasks")) {
    room.data.push_back({{"context", task.at("context")}, {"responses", task.at("responses")}});
  }
}

TEST_CASE("50 recorded abstracts, keyword critic, every pair of tasks; the null agent is 0 throughout") {
  const auto file = shared_json(ASSAY_SHARED_DATA "/peer_prediction/preload_llm_experiment_data.json.gz");
  if (!file) return;
  const std::vector<std::vector<double>> want = {{0, .1368, .038, .0512, .106, 0},  {.1368, 0, .7304, .7164, .6816, 0},
                                                 {.038, .7304, 0, .882, .9008, 0},  {.0512, .7164, .882, 0, .9028, 0},
                                                 {.106, .6816, .9008, .9028, 0, 0}, {0, 0, 0, 0, 0, 0}};
  for (const char* critic : {"keyword", "keyword_seed"}) {
    PeerRoom room;
    take(*file, room);
    room.settings.agents[5].null_agent = true;
    room.settings.critic = critic;
    room.settings.pairing = "all";
    room.settings.judge = "length";
    room.settings.judge_with = false;
    room.execute();
    const auto m = matrix(room);
    for (std::size_t i = 0; i < 6; ++i) {
      for (std::size_t j = 0; j < 6; ++j) CHECK(m[i][j] == doctest::Approx(want[i][j]).epsilon(1e-9));
    }
    double longer = 0;
    for (const PeerRun& one : room.runs) {
      longer += PeerRoom::entries(one, "judgements", "context", "without", 5, 6).at(0)["result"].get<double>();
    }
    CHECK(longer == 50);
  }
}

TEST_CASE("31 recorded agents, 30 tasks, every other task: each agent's score") {
  const auto file = shared_json(ASSAY_SHARED_DATA "/peer_prediction/agents_opus_translation.json.gz");
  if (!file) return;
  PeerRoom room;
  take(*file, room);
  room.settings.critic = "keyword";
  room.settings.pairing = "all_other";
  room.settings.judge = "none";
  room.execute();
  const auto m = matrix(room);
  const std::map<std::string, double> want = {{"Reference", .800727969349},
                                              {"Original", .931647509579},
                                              {"Low Effort", .903908045977},
                                              {"Misleading", .719616858238}};
  for (std::size_t i = 0; i < m.size(); ++i) {
    const auto found = want.find(room.settings.agents[i].name);
    if (found == want.end()) continue;
    double sum = 0;
    for (const double cell : m[i]) sum += cell;
    CHECK(sum / 30 == doctest::Approx(found->second).epsilon(1e-9));
  }
}

TEST_CASE("3,000 synthetic tasks against all others: the truth, and no run asks after every other") {
  PeerRoom room;
  room.settings.pairing = "all_other";
  room.synthetic(shipped_synthetic(), 3'000);
  room.execute();
  const auto m = matrix(room);
  CHECK(std::abs(m[0][1] - .12) < .05);
  CHECK(std::abs(m[0][2] - .06) < .05);
  CHECK(std::abs(m[1][2] - .26) < .05);
  std::size_t waits = 0;
  for (const PeerRun& one : room.runs) waits += one.waits;
  CHECK(waits < 2 * room.runs.size());
}

}  // namespace
