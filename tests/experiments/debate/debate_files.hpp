#pragma once
// Debates from files as the kind loads them: COMPLETE, read by the parameters of their batch.

#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "core/text/input.hpp"
#include "experiments/debate/imported.hpp"
#include "experiments/debate/outcome.hpp"
#include "tests/experiments/qa/fake_batch.hpp"

namespace assay {

/// Third-party files beside the checkout: a test that needs one says so in a line and passes when it is absent.
inline std::optional<std::string> shared_debate(const std::string& name) {
  const std::string path = std::string(ASSAY_SHARED_DATA) + "/debate/" + name;
  if (std::filesystem::exists(path)) return path;
  std::cout << "skipped: no " << name << "\n";
  return std::nullopt;
}

inline std::optional<Json> expected_debate() {
  const auto path = shared_debate("expected.json");
  if (!path) return std::nullopt;
  return parse_json(read_file(*path), "expected.json");
}

/// Answers and scores of all runs anew, as `evaluate` does it.
inline void evaluate(FakeBatch& batch) {
  const DebateReader reader(batch.info().params, {});
  for (NewRun& run : batch.runs()) {
    if (run.status != Status::complete) continue;
    const std::vector<std::pair<std::string, std::string>> agents(
        agent_count(batch.info(), run.data, Transcript(run.context)));
    auto outcome = evaluate_debate(from_data(run.data), run.context, reader, agents, run.answer, 1);
    run.answer = std::move(outcome.answer);
    run.score = std::move(outcome.score);
  }
}

inline FakeBatch batch_of(std::vector<ImportedDebate> debates, Json params, const std::string& source) {
  BatchInfo info;
  info.name = "b";
  info.kind = "debate";
  info.source = source;
  info.params = std::move(params);
  std::vector<NewRun> runs;
  for (ImportedDebate& debate : debates) {
    NewRun run;
    run.id = debate.item.id;
    run.data = to_data(debate.item, Json::object());
    run.context = std::move(debate.context);
    run.status = Status::complete;
    runs.push_back(std::move(run));
  }
  FakeBatch batch(std::move(info), std::move(runs));
  evaluate(batch);
  return batch;
}

/// A text as a file that a person named.
inline Source source_of(const std::string& text, const std::string& name) { return {name, {}, text}; }

}  // namespace assay
