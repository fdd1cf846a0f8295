// The audit finds what a simulated judge is known to have, within the interval that it states.

#include <doctest/doctest.h>

#include <array>
#include <cmath>

#include "core/statistics/named_stream.hpp"
#include "experiments/judge/report_tables.hpp"
#include "tests/experiments/judge/judged.hpp"

using namespace assay;

namespace {

constexpr int kSimulations = 300, kItems = 80, kSamples = 3;

/// A judge that leans to what is shown first and is not sure of itself: with probability `noise` it takes the worse
/// answer, and `lean`/2 is added to its probability for the first in either order.
struct Leaning {
  double lean, noise;
  double first_wins(bool better_is_first) const { return (better_is_first ? 1 - noise : noise) + lean / 2; }

  /// Of three samples the majority; both orders: bias is P(first wins both) - P(second wins both).
  double bias() const {
    const auto majority = [](double p) { return p * p * (3 - 2 * p); };
    return majority(first_wins(true)) + majority(first_wins(false)) - 1;
  }
  double agreement() const {
    double sum = 0;
    for (const bool better_is_first : {true, false}) {
      const double p = first_wins(better_is_first);
      sum += p * p + (1 - p) * (1 - p);
    }
    return sum / 2;
  }
};

JudgedBatch simulated(const Leaning& judge, int seed) {
  const JudgeSettings settings = judge_settings({{"mode", "pairwise"}, {"judge", "j"}, {"samples", kSamples}});
  JudgedBatch batch(settings);
  NamedStream stream(std::to_string(seed) + "//0/simulation");
  for (int i = 0; i < kItems; ++i) {
    JudgeRecord record;
    record.id = std::to_string(i);
    record.status = Status::complete;
    record.settings = settings;
    record.item = test::pair_item(record.id);
    record.reading = settings.reading(record.item);
    const bool a_is_better = stream.unit() < 0.5;
    for (const JudgeOrder order : {JudgeOrder::ab, JudgeOrder::ba}) {
      const double p = judge.first_wins(a_is_better == (order == JudgeOrder::ab));
      for (std::uint32_t sample = 0; sample < kSamples; ++sample) {
        record.judgements.push_back(test::said("j", order, stream.unit() < p ? "[[A]]" : "[[B]]", sample));
        read_again(record.reading, record.judgements.back());
      }
    }
    record.pooled = pool_judgements(record.reading, settings.pooling(), record.judgements, settings.judges);
    batch.add(record);
  }
  return batch;
}

bool covers(const Json& row, double value) {
  return row["low"].get<double>() <= value && value <= row["high"].get<double>();
}

}  // namespace

TEST_CASE(
    "position bias and self-inconsistency of a simulated judge lie in the intervals of its report, 19 times of 20") {
  for (const Leaning& judge : {Leaning{0.3, 0.25}, Leaning{0, 0.35}, Leaning{-0.2, 0.2}}) {
    CAPTURE(judge.lean);
    int bias = 0, agreement = 0;
    double mean_bias = 0, mean_agreement = 0;
    for (int seed = 0; seed < kSimulations; ++seed) {
      const JudgedBatch batch = simulated(judge, seed);
      const Json position = position_table(batch)[0], repeats = self_consistency_table(batch)[0];
      CHECK(position["valid"] == kItems);
      CHECK(repeats["items"] == kItems);
      CHECK(repeats["samples"] == kSamples);
      if (covers(position, judge.bias())) ++bias;
      if (covers(repeats, judge.agreement())) ++agreement;
      mean_bias += position["bias"].get<double>() / kSimulations;
      mean_agreement += repeats["agreement"].get<double>() / kSimulations;
    }
    CHECK(mean_bias == doctest::Approx(judge.bias()).epsilon(0.02).scale(1));
    CHECK(mean_agreement == doctest::Approx(judge.agreement()).epsilon(0.02));
    // 285 are expected of 300; three standard deviations of a binomial count are 11.
    CHECK(bias >= 274);
    CHECK(bias <= 296);
    CHECK(agreement >= 274);
    CHECK(agreement <= 296);
  }
}

TEST_CASE("model families are read from names as people write them") {
  struct Case {
    const char *model, *family;
  };
  for (const Case& one :
       {Case{"openai/gpt-4o", "openai"}, Case{"gpt4_1106_preview", "openai"},
        Case{"Mistral-7B-Instruct-v0.3", "mistral"}, Case{"gemma-2-9b-it", "google"}, Case{"qwen_14B", "qwen"},
        Case{"phi-3-dpo", "microsoft"}, Case{"deepseek-r1-distill-llama", "deepseek"},
        Case{"openrouter/anthropic/claude-3", "anthropic"}, Case{"sim/default", "sim"}, Case{"philosopher", ""},
        Case{"", ""}}) {
    CAPTURE(one.model);
    CHECK(model_family(one.model) == one.family);
  }
}
