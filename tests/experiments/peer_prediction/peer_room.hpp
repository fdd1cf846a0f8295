#pragma once
// A batch of peer prediction without a network and without an engine: its runs take steps in turn and show each other
// what they publish; who is asked answers by a rule of the test.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "experiments/peer_prediction/critics.hpp"
#include "experiments/peer_prediction/prompts.hpp"
#include "experiments/peer_prediction/runner.hpp"
#include "tests/experiments/peer_prediction/peers.hpp"
#include "tests/runners/model_room.hpp"

namespace assay::test {

struct PeerRun {
  Run run;
  std::size_t place = 0;
  std::uint32_t step = 0, waits = 0;
  bool ended = false;
  RunError error;
  Score score;
  std::map<std::string, FakeRecord, std::less<>> recorded;  // calls of the step under way
};

struct PeerRoom : ModelRoom {
  PeerSettings settings;
  std::vector<Json> data;  // of the tasks, whose ids count from 1
  std::function<WireReply(const std::string&)> answer = [](const std::string&) { return chat("yes"); };
  std::vector<std::string> asked;  // last user message of each sending
  std::vector<PeerRun> runs;
  std::shared_ptr<FakeBoard> board;
  std::shared_ptr<Runner> runner;
  FakePeers* peers = nullptr;

  PeerRoom() {
    environment["OPENAI_API_KEY"] = "sk-test";
    settings.model = "openai/m";
    transport.on_send = [this] {
      const Json body = Json::parse(transport.sent.back().body);
      asked.push_back(body.at("messages").back().at("content").get<std::string>());
      transport.replies.push_back(answer(asked.back()));
    };
  }

  void agents(std::vector<PeerAgent> list) { settings.agents = std::move(list); }
  /// Tasks whose responses are given: rows of texts, "" for a missing one.
  void given(const std::vector<std::vector<std::string>>& rows) {
    for (const auto& row : rows) {
      Json responses = Json::array();
      for (const auto& text : row) responses.push_back(text.empty() ? Json() : Json(text));
      data.push_back({{"context", "context " + std::to_string(data.size() + 1)}, {"responses", responses}});
    }
    if (settings.agents.empty()) settings.agents.resize(rows.front().size());
  }
  void synthetic(PeerSynthetic joint, std::size_t tasks) {
    settings.exp_type = "synthetic";
    settings.agents.resize(joint.levels.size());
    settings.synthetic = std::move(joint);
    settings.critic = settings.judge = "preset";
    settings.judge_with = false;
    for (std::size_t t = 1; t <= tasks; ++t) {
      const auto values = synthetic_values(settings.synthetic, settings.seed, std::to_string(t));
      data.push_back({{"context", "Synthetic context " + std::to_string(t)}, {"values", values}});
    }
  }

  void prepare() {
    PeerTools tools;
    for (const char* name : {"openai/m", "openai/m2"}) tools.models.emplace(name, registry.callable(name));
    const auto prompts = peer_prompts();
    const auto loaded = [&](std::size_t i) {
      return std::make_shared<const PromptFile>(load_prompt(std::string(prompts.at(i).text), prompts[i].name));
    };
    tools.critic = loaded(0);
    tools.judge_with = loaded(1);
    tools.judge_without = loaded(2);
    tools.tasks = data.size();
    runner = make_peer_runner(client, settings, tools);
    std::vector<std::string> ids;
    for (std::size_t t = 1; t <= data.size(); ++t) ids.push_back(std::to_string(t));
    board = std::make_shared<FakeBoard>(ids);
    runs.clear();
    for (std::size_t t = 0; t < data.size(); ++t) {
      runs.emplace_back();
      runs.back().run.id = ids[t];
      runs.back().run.data = data[t];
      runs.back().place = t;
    }
  }

  /// One step. A waiting one keeps nothing of what it changed.
  Next take_step(PeerRun& one) {
    FakeStep step(clock, &clock);
    step.at = one.step + 1;
    step.board = board;
    step.place = one.place;
    step.recorded = one.recorded;
    Run changed = one.run;
    const Next next = runner->step(changed, step);
    if (next == Next::wait) {
      ++one.waits;
      REQUIRE_FALSE(step.needed.empty());
      return next;
    }
    one.run = std::move(changed);
    one.recorded.clear();
    ++one.step;
    return next;
  }
  void finish(PeerRun& one) {
    FakeStep step(clock, &clock);
    one.score = runner->evaluate(one.run, step);
    one.ended = true;
    board->end(one.place);
  }
  /// As an engine of width 1 would: each run goes on until it waits or ends. Those in `left_out` are not run.
  void execute(const std::set<std::size_t>& left_out = {}) {
    prepare();
    for (const std::size_t place : left_out) {
      board->end(place);
      runs[place].ended = true;
    }
    go_on();
  }
  void go_on() {
    for (bool moved = true; moved;) {
      moved = false;
      for (PeerRun& one : runs) {
        try {
          Next next = Next::again;
          while (!one.ended && (next = take_step(one)) != Next::wait) {
            moved = true;
            if (next == Next::done) finish(one);
          }
        } catch (const RunFailure& failure) {
          one.error = {failure.kind(), failure.what(), ""};
          one.ended = true;
          board->end(one.place);
          moved = true;
        }
      }
    }
  }

  /// The entries of a run's list for agents (i, j), from 1.
  static std::vector<Json> entries(const PeerRun& one, const char* list, const char* key, const char* value, int i,
                                   int j) {
    std::vector<Json> found;
    for (const Json& entry : one.run.answer.at(list)) {
      if (entry.at(key) == value && entry.at("agent_pair") == Json({i, j})) found.push_back(entry);
    }
    return found;
  }
  static double metric(const PeerRun& one, const std::string& name) {
    for (const auto& [key, value] : one.score.metrics) {
      if (key == name) return value;
    }
    return kUndefined;
  }
};

inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace assay::test
