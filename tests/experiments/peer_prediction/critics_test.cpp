// Critics and judges without a model, the reading of one that is a model, attacks.

#include "experiments/peer_prediction/critics.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>

#include "core/text/input.hpp"
#include "tests/experiments/peer_prediction/peers.hpp"

using namespace assay;
using namespace assay::test;

namespace {

TEST_CASE("the truth of the shipped synthetic agents") {
  const PresetCritic critic(shipped_synthetic());
  const double tvd[3][3] = {{0, .12, .06}, {.12, 0, .26}, {.06, .26, 0}};
  const double wins[3][3] = {{0, .10, .25}, {.30, 0, .20}, {.30, .05, 0}};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      if (i == j) continue;
      CAPTURE(i);
      CAPTURE(j);
      CHECK(critic.tvd_mi(i, j) == doctest::Approx(tvd[i][j]).epsilon(1e-12));
      CHECK(critic.wins(i, j) == doctest::Approx(wins[i][j]).epsilon(1e-12));
    }
  }
}

TEST_CASE("the preset critic says 1 where the joint is above the product; a text that it doesn't know is no 0") {
  const PresetCritic critic(shipped_synthetic());
  CHECK(critic.compare(0, 1, kDislike, kDislike) == 1);  // .3 above .6 * .4
  CHECK(critic.compare(0, 1, kDislike, kLike) == 0);
  CHECK(critic.compare(0, 2, kLike, kLike) == 0);  // agent 1 with agent 3: unlike values go together
  CHECK(critic.compare(0, 2, kDislike, kLike) == 1);
  CHECK(critic.judge(kLike, kDislike) == 1);
  CHECK(critic.judge(kLike, kLike) == 0);
  CHECK(std::isnan(critic.compare(0, 1, kLike, "Something else")));
  CHECK(std::isnan(critic.judge("Something else", kLike)));
}

TEST_CASE("agents that have nothing to do with each other have no information in common") {
  const PresetCritic critic(two_pairs());
  CHECK(critic.tvd_mi(0, 1) == doctest::Approx(.3));
  CHECK(critic.tvd_mi(2, 3) == doctest::Approx(.2));
  CHECK(critic.tvd_mi(0, 2) == doctest::Approx(0).scale(1));
  CHECK(critic.compare(0, 2, "a", "a") == 0);  // equal but for rounding
}

TEST_CASE("synthetic values follow the joint, and are a task's own whatever the others are") {
  const PeerSynthetic synthetic = shipped_synthetic();
  std::array<double, 8> seen{};
  constexpr std::size_t kTasks = 20'000;
  for (std::size_t t = 1; t <= kTasks; ++t) {
    const auto values = synthetic_values(synthetic, 1, std::to_string(t));
    REQUIRE(values.size() == 3);
    seen[values[0] * 4 + values[1] * 2 + values[2]] += 1;
  }
  for (std::size_t cell = 0; cell < seen.size(); ++cell) {
    const double p = synthetic.joint[cell];
    CHECK(std::abs(seen[cell] / kTasks - p) <= 4 * std::sqrt(p * (1 - p) / kTasks));
  }
  CHECK(synthetic_values(synthetic, 1, "7") == synthetic_values(synthetic, 1, "7"));
}

TEST_CASE("keywords are what is longer than two code points and no filler") {
  struct Case {
    const char* text;
    WordSet words;
  };
  const Case cases[] = {
      {"", {}},
      {"The cat, AND the Cat with it.", {"cat"}},
      {"of by an ox", {}},
      {"na\xC3\xAFve \xC3\x89T\xC3\x89 x_1 \xE4\xB8\xAD\xE6\x96\x87 \xE4\xB8\xAD\xE6\x96\x87\xE5\xAD\x97",
       {"na\xC3\xAFve", "\xC3\xA9t\xC3\xA9", "x_1", "\xE4\xB8\xAD\xE6\x96\x87\xE5\xAD\x97"}},
      {"don't stop-gap", {"don", "stop", "gap"}},
  };
  for (const Case& one : cases) {
    CAPTURE(one.text);
    CHECK(keyword_words(one.text) == one.words);
  }
}

TEST_CASE("more than a tenth of the words in common is a 1; no words are a 0") {
  CHECK(keyword_rule(1, 1, 10) == 0);  // exactly a tenth
  CHECK(keyword_rule(1, 1, 9) == 1);
  CHECK(keyword_rule(3, 15, 18) == 0);
  CHECK(keyword_rule(0, 0, 0) == 0);
  CHECK(keyword_compare({"ann", "bob"}, {"bob", "cyd"}) == 1);
  CHECK(keyword_compare({}, {}) == 0);
}

TEST_CASE("the length judge counts code points; equal lengths are a 0") {
  CHECK(length_judge("abc", "ab") == 1);
  CHECK(length_judge("\xC3\xA9\xC3\xA9", "abc") == 0);
  CHECK(length_judge("abc", "abc") == 0);
}

TEST_CASE("a critic's reply is read by its label, whatever its explanation names") {
  struct Case {
    const char* text;
    ReadStatus status;
    double value;
  };
  const Case cases[] = {
      {"No Gain", ReadStatus::exact, 0},
      {"[[Significant Gain]]", ReadStatus::exact, 1},
      {"Both name Oslo.\n[[Significant Gain]]", ReadStatus::lenient, 1},
      {"It is not a Significant Gain, and more than No Gain, so a Little Gain it is.\n\n[[Little Gain]]",
       ReadStatus::lenient, .25},
      {"[[No Gain]] at first sight, but\n[[Little Gain]]", ReadStatus::lenient, .25},
      {"[[No Gain]] or [[Little Gain]]", ReadStatus::ambiguous, kUndefined},
      {"Final verdict: **Little Gain**", ReadStatus::lenient, .25},
      {"because of Oslo\nSignificant Gain.", ReadStatus::lenient, 1},
      {"<think>[[No Gain]]</think>[[Significant Gain]]", ReadStatus::exact, 1},
      {"No Gain, since nothing is shared", ReadStatus::failed, kUndefined},  // rule (5) is not for critics
      {"there is little gain here", ReadStatus::failed, kUndefined},
      {"", ReadStatus::empty, kUndefined},
  };
  for (const Case& one : cases) {
    CAPTURE(one.text);
    const Reading reading = read_critic({}, {one.text});
    CHECK(to_text(reading.status) == to_text(one.status));
    CHECK((std::isnan(one.value) ? std::isnan(reading.value) : reading.value == one.value));
    CHECK(reading.has_verdict() == !std::isnan(one.value));
  }
  CHECK(read_critic({}, {"Both name Oslo, so [[Significant Gain]]", true}).status == ReadStatus::truncated);
  CHECK(read_critic({}, {"[[No Gain]]", false, true}).status == ReadStatus::refused);
}

TEST_CASE("parse=upstream takes the first label that occurs anywhere, and 0 for none") {
  PeerSettings settings;
  settings.parse = "upstream";
  CHECK(read_critic(settings, {"not Significant.\n[[Little Gain]]"}).value == 1);
  CHECK(read_critic(settings, {"Little in common\n[[No Gain]]"}).value == .25);
  CHECK(read_critic(settings, {"I can't tell"}).value == 0);
  CHECK(read_critic(settings, {"I can't tell"}).has_verdict());
}

TEST_CASE("own labels have their own values") {
  PeerSettings settings;
  settings.critic_labels = {{"same", .9}, {"other", .1}};
  CHECK(read_critic(settings, {"so: [[Same]]"}).value == .9);
  settings.parse = "upstream";
  CHECK(read_critic(settings, {"no idea"}).value == .1);
}

TEST_CASE("a weighted critic takes what stood beside the label's first token") {
  PeerSettings settings;
  settings.logprobs = 3;
  const std::vector<JudgedToken> tokens = {
      {"so ", -1, {}},
      {"[[", -0.1, {}},
      {"Little", std::log(.5), {{"Little", std::log(.5)}, {" Sign", std::log(.3)}, {"No", std::log(.1)}, {"x", -3}}},
      {" Gain", 0, {}},
      {"]]", 0, {}}};
  const Reading reading = read_critic(settings, {"so [[Little Gain]]", false, false, &tokens});
  CHECK(reading.weighted);
  CHECK(reading.mass == doctest::Approx(.9));
  CHECK(reading.value == doctest::Approx((.25 * .5 + .3) / .9));
  const std::vector<JudgedToken> none;
  CHECK_FALSE(read_critic(settings, {"so [[Little Gain]]", false, false, &none}).has_verdict());
}

TEST_CASE("attacks change a response and nothing else") {
  struct Case {
    const char *attack, *before, *after;
  };
  // MD5 of "c" begins with 4a8a08.
  const Case cases[] = {
      {"none", "a b", "a b"},
      {"case_flip", "abcdefGhijKl", "AbcdeFGhijkl"},
      {"case_flip", "\xC3\xA9tude", "\xC3\x89tude"},
      {"padding", "a", "a XXXXXXXXXX"},
      {"format", "a", "<4a8a08> a </4a8a08>"},
      {"pattern", "a  b\nc", "a b c"},
      {"pattern", "1 2 3 4 5 6 7 8 9", "1 2 3 4 <pattern-4a8>  5 6 7 8 9 <pattern-4a8> "},
      {"repetition", "a", "a To reiterate: a"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.attack);
    CHECK(attacked(one.attack, one.before, "c") == one.after);
  }
  CHECK_THROWS(attacked("flood", "a", "c"));
}

TEST_CASE("all 900 recorded synthetic results follow from the rules") {
  const std::string path = ASSAY_SHARED_DATA "/peer_prediction/synthetic_experiment_results_5d9bbae.json.gz";
  const auto recorded = shared_json(path);
  if (!recorded) return;
  const PresetCritic critic(shipped_synthetic());
  std::size_t followed = 0;
  for (const Json& one : recorded->at("comparisons")) {
    const auto i = one.at("agent_pair").at(0).get<std::size_t>() - 1,
               j = one["agent_pair"].at(1).get<std::size_t>() - 1;
    const auto x = one.at("x").get<std::string>(), y = one.at("y").get<std::string>();
    const double ours = one.at("comparison_type") == "judge" ? critic.judge(x, y) : critic.compare(i, j, x, y);
    if (ours == one.at("result").get<double>()) ++followed;
  }
  CHECK(followed == 900);
}

}  // namespace
