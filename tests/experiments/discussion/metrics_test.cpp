#include "experiments/discussion/metrics.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <random>

#include "experiments/discussion/result_file.hpp"
#include "tests/experiments/discussion/shared_discussion.hpp"

using namespace assay;

namespace {

using Said = DiscussionEvent::Kind;

DiscussionEvent said(Said kind, std::string name, std::string text, bool silent = false, bool logged = true) {
  return {kind, std::move(name), std::move(text), "m", 0, silent, logged, {}};
}

double metric(const Score& score, const std::string& name) {
  for (const auto& [key, value] : score.metrics) {
    if (key == name) return value;
  }
  return kUndefined;
}

/// By the definition: every pair of tokens compared.
double slow_f1(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> best(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      best[i][j] = a[i - 1] == b[j - 1] ? best[i - 1][j - 1] + 1 : std::max(best[i - 1][j], best[i][j - 1]);
    }
  }
  const auto common = static_cast<double>(best[a.size()][b.size()]);
  if (common == 0) return 0;
  const double precision = common / static_cast<double>(b.size()), recall = common / static_cast<double>(a.size());
  return 2 * precision * recall / (precision + recall);
}

}  // namespace

TEST_CASE("the published discussions have the expected figures") {
  const auto expected = shared_discussion("golden/expected_dev.json");
  if (!expected) return;
  const auto read = [](const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return parse_json(std::string(std::istreambuf_iterator<char>(file), {}), path.string());
  };
  std::size_t seen = 0;
  const Json golden = read(*expected);
  for (const auto& [name, want] : golden["discussions"].items()) {
    CAPTURE(name);
    const auto path = shared_discussion(name);
    REQUIRE(path);
    const Json file = read(*path);
    const DiscussionRecord record = record_of_file(file, discussion_generation(file), name);
    const DiscussionMetrics metrics = discussion_metrics(record);
    const auto openings = std::count_if(record.events.begin(), record.events.end(),
                                        [](const auto& event) { return event.kind == Said::seed; });
    CHECK(static_cast<std::size_t>(openings) == want["seeds"].get<std::size_t>());
    CHECK(metrics.comments == want["entries"].get<std::size_t>() - want["seeds"].get<std::size_t>());
    CHECK(metrics.user_turns() == want["user"].get<std::size_t>());
    CHECK(metrics.user_silent.n == want["user_silent"].get<std::size_t>());
    CHECK(metrics.moderator_silent.of == want["moderator"].get<std::size_t>());
    CHECK(metrics.moderator_silent.n == want["moderator_silent"].get<std::size_t>());
    CHECK(metrics.speakers == want["speakers"].get<std::size_t>());
    CHECK(metrics.same_previous.n == want["same_previous"][0].get<std::size_t>());
    CHECK(metrics.same_previous.of == want["same_previous"][1].get<std::size_t>());
    CHECK(metrics.same_two_before.n == want["same_two_before"][0].get<std::size_t>());
    CHECK(metrics.same_two_before.of == want["same_two_before"][1].get<std::size_t>());
    CHECK(std::fabs(metrics.mean_words() - want["words"].get<double>()) <= 1e-12 * want["words"].get<double>());
    CHECK(std::fabs(metrics.diversity - want["diversity"].get<double>()) <= 1e-12);
    if (name.find("qwen32b_nomod") != std::string::npos) {
      CHECK(metrics.participation() == doctest::Approx(0.8666666667).epsilon(1e-9));
      CHECK(metrics.same_two_before.n == 1);
      CHECK(metrics.same_two_before.of == 13);
    }
    ++seen;
  }
  CHECK(seen == 10);
}

TEST_CASE("our own discussions count silent turns, which stand in no log") {
  DiscussionRecord record;
  record.users = {"Ann", "Ben", "Cy"};
  record.events = {said(Said::seed, "Zed", "An opening of five words."),
                   said(Said::user, "Ann", "I agree."),
                   said(Said::moderator, "moderator", "\"\"", true),
                   said(Said::user, "Ben", "", true, false),
                   said(Said::user, "Ann", "I do agree."),
                   said(Said::moderator, "moderator", "Please be kind."),
                   said(Said::user, "Ann", "no", true, false)};  // a rule of one's own says so
  const DiscussionMetrics metrics = discussion_metrics(record);
  CHECK(metrics.user_turns() == 4);
  CHECK(metrics.user_silent.n == 2);
  CHECK(metrics.participation() == 0.5);
  CHECK(metrics.comments == 4);
  CHECK(metrics.moderator_silent.of == 2);
  CHECK(metrics.intervention() == 0.5);
  CHECK(metrics.speakers == 2);
  CHECK(metrics.same_previous.n == 1);
  CHECK(metrics.same_previous.of == 3);
  CHECK(metrics.same_two_before.n == 1);
  CHECK(metrics.same_two_before.of == 2);
  CHECK(metrics.mean_words() == doctest::Approx(8.0 / 3));
  CHECK(metrics.spoke == std::vector<bool>{true, false, true, false});
  REQUIRE(metrics.users.size() == 3);
  CHECK(metrics.users[0].turns == 3);
  CHECK(metrics.users[0].comments == 2);
  CHECK(metrics.users[0].share == 1);
  CHECK(metrics.users[2].turns == 0);
  CHECK(metrics.evenness == 0);
  // i agree | i do agree | please be kind: 4/5, 0, 0.
  CHECK(metrics.diversity == doctest::Approx(1 - 0.8 / 3));
}

TEST_CASE("evenness is 1 when all speak alike, and not defined for one user") {
  DiscussionRecord record;
  record.users = {"Ann", "Ben"};
  record.events = {said(Said::user, "Ann", "a"), said(Said::user, "Ben", "b")};
  CHECK(discussion_metrics(record).evenness == doctest::Approx(1));
  record.events.push_back(said(Said::user, "Ann", "c"));
  record.events.push_back(said(Said::user, "Ann", "d"));
  CHECK(discussion_metrics(record).evenness ==
        doctest::Approx(-(0.75 * std::log(0.75) + 0.25 * std::log(0.25)) / std::log(2.0)));
  record.users = {"Ann"};
  record.events = {said(Said::user, "Ann", "a")};
  CHECK(std::isnan(discussion_metrics(record).evenness));
  CHECK(std::isnan(discussion_metrics(record).diversity));
}

TEST_CASE("the metrics of a run leave out what is not defined, and name the policy's expected value") {
  DiscussionRecord record;
  record.users = {"Ann", "Ben", "Cy"};
  DiscussionSettings settings;
  settings.turn_policy = "respond";
  settings.p_respond = 0.4;
  Score nothing;
  add_metrics(nothing, record, settings);
  CHECK(metric(nothing, "turns") == 0);
  for (const char* name : {"participation", "intervention", "evenness", "words", "same_previous", "diversity"}) {
    CAPTURE(name);
    CHECK(std::isnan(metric(nothing, name)));
  }
  record.events = {said(Said::user, "Ann", "one two"), said(Said::user, "Ben", "three"),
                   said(Said::user, "Ann", "four")};
  Score score;
  add_metrics(score, record, settings);
  CHECK(metric(score, "same_two_before") == 1);
  CHECK(metric(score, "same_previous") == 0);
  CHECK(metric(score, "expected_two_before") == doctest::Approx(0.4 + 0.6 / 2));
  CHECK(metric(score, "diversity") == 1);
  CHECK(metric(score, "words") == doctest::Approx(4.0 / 3));
  for (const auto& [name, value] : score.metrics) CHECK_FALSE(std::isnan(value));
}

TEST_CASE("ROUGE-L compares lower-cased runs of letters and digits") {
  struct Case {
    const char *a, *b;
    double f1;
  };
  const Case cases[] = {
      {"", "", 0},           {"a", "", 0},
      {"...", "a", 0},       {"The cat", "the CAT!", 1},
      {"don't", "don t", 1}, {"a b c d", "a c", 2 * 1.0 * 0.5 / 1.5},
      {"a b", "b a", 0.5},   {"a b", "c d", 0},
      {"naïve", "na ve", 1},  // ï separates, as it does for rouge_score
      {"İa", "i a", 1},       // lower-cased: i, a combining dot, a
      {"\u212A1", "k1", 1},   // the sign of Kelvin is a k
  };
  for (const auto& [a, b, f1] : cases) {
    CAPTURE(a);
    CAPTURE(b);
    CHECK(rouge_l_f1(a, b) == doctest::Approx(f1));
    CHECK(rouge_l_f1(b, a) == doctest::Approx(f1));
  }
}

TEST_CASE("the bit-parallel ROUGE-L is that of the table, whatever the lengths") {
  std::mt19937 random(11);
  for (const std::size_t length : {1, 7, 63, 64, 65, 127, 128, 129, 200}) {
    for (int round = 0; round < 20; ++round) {
      std::string a, b, spaced_a, spaced_b;
      for (std::size_t i = 0; i < length; ++i) a += static_cast<char>('a' + random() % 4);
      for (std::size_t i = 0; i < 1 + random() % 150; ++i) b += static_cast<char>('a' + random() % 4);
      for (const char c : a) spaced_a += std::string(1, c) + " ";
      for (const char c : b) spaced_b += std::string(1, c) + " ";
      CAPTURE(a);
      CAPTURE(b);
      REQUIRE(rouge_l_f1(spaced_a, spaced_b) == doctest::Approx(slow_f1(a, b)).epsilon(1e-12));
    }
  }
}
