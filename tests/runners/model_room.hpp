#pragma once
// All that a kind and its runners need to be tried without a network: a client under virtual time, a registry without
// keys, and a loop that takes one run through its life as the engine does.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/model/kind.hpp"
#include "runners/llm/client.hpp"
#include "tests/runners/llm/fake_transport.hpp"
#include "tests/support/fake_step.hpp"

namespace assay::test {

struct ModelRoom {
  FakeClock clock;
  FakeEntropy entropy;
  FakeTransport transport;
  SecretStore secrets;
  Limiter limiter{clock};
  std::map<std::string, std::string, std::less<>> environment;
  ModelRegistry registry{[this](std::string_view name) -> std::optional<std::string> {
                           const auto found = environment.find(name);
                           return found == environment.end() ? std::nullopt : std::optional(found->second);
                         },
                         secrets,
                         {},
                         &limiter};
  ChatClient client{ClientOptions{
      clock, entropy, transport, secrets, limiter, default_llm_settings(), "0123456789abcdef", "1.0", {}}};
};

/// setup (or where it starts), steps, evaluate; a RunFailure makes a FAIL. Returns the run as an experiment would keep
/// it.
inline NewRun execute(ModelRoom& room, Runner& runner, NewRun fresh) {
  Run run;
  run.id = fresh.id;
  run.data = fresh.data;
  std::string place = "setup";
  try {
    if (fresh.start) {
      run.context = fresh.start->context;
      run.answer = fresh.start->answer;
      run.state = fresh.start->state;
      fresh.steps = fresh.start->number;
    } else {
      FakeStep setup(room.clock, &room.clock);
      setup.at = 0;
      runner.setup(run, setup);
    }
    Next next = Next::again;
    while (next == Next::again && fresh.steps < runner.max_steps()) {
      FakeStep step(room.clock, &room.clock);
      step.at = fresh.steps + 1;
      place = "step " + std::to_string(step.at);
      next = runner.step(run, step);
      ++fresh.steps;
    }
    place = "evaluate";
    FakeStep evaluation(room.clock, &room.clock);
    fresh.score = runner.evaluate(run, evaluation);
    fresh.status = Status::complete;
  } catch (const RunFailure& failure) {
    fresh.status = Status::fail;
    fresh.error = {failure.kind(), failure.what(), place};
  }
  fresh.answer = std::move(run.answer);
  fresh.context = std::move(run.context);
  return fresh;
}

/// All runs of a batch that are to be run.
inline void execute_all(ModelRoom& room, const Kind& kind, LoadedBatch& batch) {
  const auto runner = kind.make_runner(batch.info, {});
  for (NewRun& run : batch.runs) {
    if (run.status != Status::complete) run = execute(room, *runner, std::move(run));
  }
}

/// A source whose text is given.
inline Source text_source(const std::string& name, std::string_view text) { return {name, name, text}; }

}  // namespace assay::test
