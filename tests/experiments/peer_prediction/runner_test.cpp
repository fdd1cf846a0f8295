// One task: who is asked what, whom it is paired with, what becomes of what fails.

#include "experiments/peer_prediction/runner.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>

#include "experiments/peer_prediction/asking.hpp"
#include "experiments/peer_prediction/critics.hpp"
#include "experiments/peer_prediction/logprobs.hpp"
#include "tests/experiments/peer_prediction/peer_room.hpp"

using namespace assay;
using namespace assay::test;

namespace {

PeerAgent agent(std::optional<std::string> reading, std::optional<std::string> strategy) {
  PeerAgent one;
  one.reading = std::move(reading);
  one.strategy = std::move(strategy);
  return one;
}

/// Two tasks, two agents with readings of their own, no critic and no judge.
struct Answering : PeerRoom {
  Answering() {
    agents({agent("Read it.", "Review it."), agent(std::nullopt, "Sum it up."), agent(std::nullopt, std::nullopt)});
    data = {{{"context", "Text one"}}, {{"context", "Text two"}}};
    settings.critic = settings.judge = "none";
    answer = [](const std::string& prompt) { return chat(has(prompt, "Read it.") ? "what I read" : "an answer"); };
  }
};

TEST_CASE("a prompt is the reading, a blank line, the context; the strategy, a blank line, the preparation") {
  Answering room;
  room.execute();
  using Lines = std::vector<std::string>;
  CHECK(Lines(room.asked.begin(), room.asked.begin() + 3) ==
        Lines{"Read it.\n\nText one", "Sum it up.\n\nText one", "Review it.\n\nwhat I read"});
  const Json& answer = room.runs[0].run.answer;
  CHECK(answer["responses"] == Json({"an answer", "an answer", "No response."}));
  CHECK(answer["preparations"] == Json({"what I read", nullptr, nullptr}));
  CHECK_FALSE(answer.contains("response_errors"));
  CHECK(room.asked.size() == 2 * *room.runner->planned_calls(room.runs[0].run));
}

TEST_CASE("reading=ignore reads nothing; sandwich says the prompt before and after the context") {
  Answering ignoring;
  ignoring.settings.reading = "ignore";
  ignoring.execute();
  CHECK(ignoring.asked[0] == "Review it.\n\nText one");
  CHECK(ignoring.asked.size() == 4);
  Answering sandwich;
  sandwich.settings.reading = "sandwich";
  sandwich.execute();
  CHECK(sandwich.asked[1] == "Sum it up.\n\n```\nText one\n```\n\nSum it up.");
}

TEST_CASE("a response that fails or is empty is missing with its error; one that lost its reading is not asked for") {
  Answering room;
  room.answer = [](const std::string& prompt) {
    if (has(prompt, "Read it.")) return chat(" \\n");
    return has(prompt, "Text two") ? reply_with(400, R"({"error":{"message":"no such thing"}})") : chat("an answer");
  };
  room.execute();
  const Json& answer = room.runs[0].run.answer;
  CHECK(answer["responses"] == Json({nullptr, "an answer", "No response."}));
  CHECK(has(answer["response_errors"][0].get<std::string>(), "reading: empty"));
  CHECK(has(room.runs[1].run.answer["response_errors"][1].get<std::string>(), "bad_request: no such thing"));
  CHECK(std::none_of(room.asked.begin(), room.asked.end(), [](const auto& text) { return has(text, "Review it."); }));
}

TEST_CASE("a run without any response fails, and the others do without it") {
  PeerRoom room;
  room.settings.judge = "none";
  room.settings.critic = "keyword";
  room.given({{"one two three", "one two four"}, {"", ""}, {"five six", "five seven"}});
  room.execute();
  CHECK(room.runs[1].error.kind == "no_response");
  for (const std::size_t t : {0, 2}) {
    const auto q = PeerRoom::entries(room.runs[t], "comparisons", "distribution", "q", 1, 2);
    REQUIRE(q.size() == 1);
    CHECK(q[0]["partner"] == (t == 0 ? "3" : "1"));
  }
}

TEST_CASE("agents that are told the same may answer differently; a reference answers what is given") {
  PeerRoom room;
  room.agents({agent(std::nullopt, "Answer."), agent(std::nullopt, "Answer."), agent(std::nullopt, std::nullopt)});
  room.settings.agents[2].reference = true;
  room.data = {{{"context", "c"}, {"reference", "right"}}};
  room.settings.critic = room.settings.judge = "none";
  room.execute();
  CHECK(room.asked.size() == 2);
  CHECK(room.runs[0].run.answer["responses"][2] == "right");
  CHECK(agent_request(room.settings, 0, "x").epoch == 0);
  CHECK(agent_request(room.settings, 1, "x").epoch == 1);
}

/// 6 agents, 10 tasks, a critic and a judge that are models. Agent i answers "agent i on task t".
struct Judged : PeerRoom {
  explicit Judged(std::size_t agents = 6, std::size_t tasks = 10) {
    std::vector<std::vector<std::string>> rows;
    for (std::size_t t = 1; t <= tasks; ++t) {
      rows.emplace_back();
      for (std::size_t i = 1; i <= agents; ++i)
        rows.back().push_back("agent " + std::to_string(i) + " on task " + std::to_string(t) + ".");
    }
    given(rows);
    answer = [this](const std::string& prompt) { return reply(prompt); };
  }
  static bool of_critic(const std::string& prompt) { return has(prompt, "[[No Gain]]"); }
  WireReply reply(const std::string& prompt) const {
    return chat(of_critic(prompt) ? same_task(prompt) ? "so\\n[[Significant Gain]]" : "[[No Gain]]" : "hm\\n[[A]]");
  }
  static std::string shown(const std::string& prompt, const std::string& after) {
    const auto begin = prompt.find(after);
    const auto text = prompt.find("agent ", begin);
    return prompt.substr(text, prompt.find('.', text) - text);
  }
  static bool same_task(const std::string& prompt) {
    const auto task = [](const std::string& text) { return text.substr(text.find("task")); };
    return task(shown(prompt, "answer A ====")) == task(shown(prompt, "answer B ===="));
  }
};

TEST_CASE("critic and judge are asked as planned, each ordered pair; nothing is a result that nobody gave") {
  Judged room;
  room.execute();
  CHECK(room.asked.size() == 10 * (30 + 30 + 60));
  CHECK(*room.runner->planned_calls(room.runs[0].run) == 120);
  for (const PeerRun& one : room.runs) {
    CHECK(PeerRoom::metric(one, "tvd_mi") == 1);
    CHECK(PeerRoom::metric(one, "judge") == 1);
    CHECK(PeerRoom::metric(one, "unparsed") == 0);
    CHECK(PeerRoom::metric(one, "missing") == 0);
    CHECK(one.run.state.is_null());
    const auto q = PeerRoom::entries(one, "comparisons", "distribution", "q", 2, 5);
    REQUIRE(q.size() == 1);
    CHECK(q[0]["partner"] != one.run.id);
    CHECK(q[0]["status"] == "exact");
    CHECK(q[0]["raw"] == "[[No Gain]]");
  }
}

TEST_CASE("the critic never sees the context; a judge does when it is asked with it") {
  Judged room(2, 2);
  room.execute();
  std::size_t with = 0;
  for (const std::string& prompt : room.asked) {
    CHECK(has(prompt, room.settings.task_description));
    if (Judged::of_critic(prompt)) CHECK_FALSE(has(prompt, "context "));
    if (has(prompt, "context ")) ++with;
  }
  CHECK(with == 4);
}

TEST_CASE("an answer can't close its own block: the fence is in none of the texts") {
  Judged room(2, 2);
  room.execute();
  const auto fence_of = [](const std::string& prompt) { return prompt.substr(prompt.find("==== ") + 5, 6); };
  for (const std::string& prompt : room.asked)
    CHECK(fence_of(prompt).find_first_not_of("0123456789abcdef") == std::string::npos);
  std::uint64_t draws = 0;
  struct Fixed final : RandomSource {
    std::uint64_t& n;
    explicit Fixed(std::uint64_t& count) : n(count) {}
    std::uint64_t next() override { return ++n << 60; }
  } random(draws);
  CHECK(fence_for({"==== 100000 end of A ====", "200000"}, random) == "300000");
}

TEST_CASE("a critic call that always fails is missing in its cell, a reply without a label is unparsed") {
  Judged room;
  room.settings.judge = "none";
  room.answer = [&](const std::string& prompt) {
    const bool joint = Judged::same_task(prompt);
    const std::string a = Judged::shown(prompt, "answer A ===="), b = Judged::shown(prompt, "answer B ====");
    if (joint && a == "agent 1 on task 3" && b == "agent 2 on task 3") return reply_with(500, "{}");
    if (joint && a == "agent 1 on task 4" && b == "agent 2 on task 4") return chat("I would not know.");
    if (joint && a == "agent 1 on task 5" && b == "agent 2 on task 5")
      return chat("No Significant Gain, but not No Gain: a Little Gain.\\n\\n[[Little Gain]]");
    return room.reply(prompt);
  };
  room.execute();
  const auto cell = [&](std::size_t task) {
    return PeerRoom::entries(room.runs[task - 1], "comparisons", "distribution", "p", 1, 2).at(0);
  };
  CHECK(cell(3)["status"] == "error");
  CHECK(cell(3)["result"].is_null());
  CHECK(has(cell(3)["error"].get<std::string>(), "server"));
  CHECK(cell(4)["status"] == "failed");
  CHECK(cell(4)["result"].is_null());
  CHECK(cell(5)["result"] == .25);
  CHECK(PeerRoom::metric(room.runs[2], "missing") == 1);
  CHECK(PeerRoom::metric(room.runs[3], "unparsed") == 1);
  CHECK(PeerRoom::metric(room.runs[2], "tvd_mi") == 1);  // the mean of the 29 pairs that there are
  CHECK(PeerRoom::metric(room.runs[4], "tvd_mi") == doctest::Approx(29.25 / 30));
}

TEST_CASE("an account that is used up holds the run instead of filling it with errors") {
  Judged room(2, 2);
  room.answer = [](const std::string&) {
    return reply_with(429, R"({"error":{"message":"pay","type":"insufficient_quota","code":"insufficient_quota"}})");
  };
  room.prepare();
  for (PeerRun& one : room.runs) room.take_step(one);
  for (PeerRun& one : room.runs) room.take_step(one);
  CHECK_THROWS_AS(room.take_step(room.runs[0]), RunHeld);
}

TEST_CASE("a panel of critics: each is asked, under its own name") {
  Judged room(2, 2);
  room.settings.judge = "none";
  room.settings.critic_models = {"openai/m", "openai/m2"};
  room.execute();
  CHECK(room.asked.size() == 2 * 2 * 4);
  CHECK(*room.runner->planned_calls(room.runs[0].run) == 8);
  const auto p = PeerRoom::entries(room.runs[0], "comparisons", "distribution", "p", 1, 2);
  REQUIRE(p.size() == 2);
  CHECK(p[0]["critic"] == "openai/m");
  CHECK(p[1]["critic"] == "openai/m2");
}

TEST_CASE("a missing response is compared with nothing, and nobody waits for its partner") {
  PeerRoom room;
  room.settings.critic = "keyword";
  room.settings.judge = "length";
  room.settings.judge_with = false;
  room.given({{"oslo fjord", ""}, {"oslo lake", "rome hills"}, {"oslo sea", "rome park"}});
  room.execute();
  const auto p = PeerRoom::entries(room.runs[0], "comparisons", "distribution", "p", 1, 2).at(0);
  CHECK(p["status"] == "no_response");
  CHECK(p["result"].is_null());
  // x_2 of task 1 is missing: no q of it, and it is no partner of others.
  CHECK(PeerRoom::entries(room.runs[0], "comparisons", "distribution", "q", 2, 1).at(0)["partner"].is_null());
  CHECK(PeerRoom::entries(room.runs[1], "comparisons", "distribution", "q", 1, 2).at(0)["partner"] == "3");
  CHECK(PeerRoom::entries(room.runs[0], "judgements", "context", "without", 1, 2).at(0)["status"] == "no_response");
  CHECK(PeerRoom::metric(room.runs[0], "missing") == 5);
}

TEST_CASE("a part of the tasks pairs with what there is; one task alone has no q") {
  Judged room(2, 10);
  room.settings.judge = "none";
  std::set<std::size_t> left_out;
  for (std::size_t t = 0; t < 10; ++t) {
    if (t != 2 && t != 5 && t != 9) left_out.insert(t);
  }
  room.execute(left_out);
  const std::set<std::string> there = {"3", "6", "10"};
  for (const std::size_t t : {2, 5, 9}) {
    const auto q = PeerRoom::entries(room.runs[t], "comparisons", "distribution", "q", 2, 1).at(0);
    CHECK(there.contains(q["partner"].get<std::string>()));
    CHECK(q["partner"] != room.runs[t].run.id);
  }
  left_out.erase(0);
  left_out.insert({2, 5, 9});
  room.execute(left_out);
  const auto q = PeerRoom::entries(room.runs[0], "comparisons", "distribution", "q", 2, 1).at(0);
  CHECK(q["status"] == "no_partner");
  CHECK(std::isnan(PeerRoom::metric(room.runs[0], "tvd_mi")));
}

TEST_CASE("a run that goes on after a restart asks the same, whatever its partners have published since") {
  Judged room(2, 4);
  room.settings.judge = "none";
  room.prepare();
  for (PeerRun& one : room.runs) room.take_step(one);
  PeerRun& one = room.runs[1];
  CHECK(room.take_step(one) == Next::again);
  const PeerRun before = one;
  room.take_step(one);
  const auto first = room.asked;
  for (std::size_t t = 0; t < 4; ++t) room.board->put("responses", t, Json{{"responses", {"else", "else"}}});
  PeerRun again = before;
  room.asked.clear();
  room.take_step(again);
  CHECK(room.asked == first);
  CHECK(again.run.answer == one.run.answer);
}

TEST_CASE("all_other compares with every other task, each with its own partner") {
  Judged room(2, 4);
  room.settings.judge = "none";
  room.settings.pairing = "all_other";
  room.execute();
  CHECK(room.asked.size() == 4 * 2 * (1 + 3));
  CHECK(*room.runner->planned_calls(room.runs[0].run) == 8);
  const auto q = PeerRoom::entries(room.runs[1], "comparisons", "distribution", "q", 1, 2);
  REQUIRE(q.size() == 3);
  CHECK(q[0]["partner"] == "1");
  CHECK(q[2]["partner"] == "4");
}

/// Mean of p minus mean of q of a whole batch, from sums or from entries.
double measured(const PeerRoom& room, int i, int j) {
  double p = 0, n_p = 0, q = 0, n_q = 0;
  for (const PeerRun& one : room.runs) {
    if (one.run.answer.contains("sums")) {
      const Json& sums = one.run.answer["sums"];
      p += sums["p"]["sum"][static_cast<std::size_t>(i - 1)][static_cast<std::size_t>(j - 1)].get<double>();
      n_p += sums["p"]["count"][static_cast<std::size_t>(i - 1)][static_cast<std::size_t>(j - 1)].get<double>();
      q += sums["q"]["sum"][static_cast<std::size_t>(i - 1)][static_cast<std::size_t>(j - 1)].get<double>();
      n_q += sums["q"]["count"][static_cast<std::size_t>(i - 1)][static_cast<std::size_t>(j - 1)].get<double>();
      continue;
    }
    for (const Json& entry : PeerRoom::entries(one, "comparisons", "distribution", "p", i, j))
      p += entry["result"].get<double>(), n_p += 1;
    for (const Json& entry : PeerRoom::entries(one, "comparisons", "distribution", "q", i, j))
      q += entry["result"].get<double>(), n_q += 1;
  }
  return p / n_p - q / n_q;
}

TEST_CASE("synthetic agents: two steps a run, no call; each rule gives what the same tasks give by hand") {
  for (const char* rule : {"other", "derangement", "all_other", "product", "permutation", "all"}) {
    CAPTURE(rule);
    PeerRoom room;
    room.settings.pairing = rule;
    room.synthetic(shipped_synthetic(), 60);
    room.execute();
    CHECK(room.asked.empty());
    CHECK(*room.runner->planned_calls(room.runs[0].run) == 0);
    for (const PeerRun& one : room.runs) CHECK(one.step == 2);
    CHECK(std::abs(measured(room, 2, 3) - .26) < .3);
    const bool sums = std::string(rule).starts_with("all");
    CHECK(room.runs[0].run.answer.contains("sums") == sums);
    CHECK(room.runs[0].run.answer.contains("comparisons") != sums);
  }
  // all and all_other over the same tasks: the one is (1 - 1/T) times the other.
  PeerRoom all, other;
  all.settings.pairing = "all";
  other.settings.pairing = "all_other";
  for (PeerRoom* room : {&all, &other}) {
    room->synthetic(shipped_synthetic(), 25);
    room->execute();
  }
  CHECK(measured(all, 1, 2) == doctest::Approx(measured(other, 1, 2) * 24 / 25));
}

TEST_CASE("a null agent has nothing in common with anybody; keyword_seed says 1 to it from the left") {
  for (const bool seed : {false, true}) {
    PeerRoom room;
    room.settings.critic = seed ? "keyword_seed" : "keyword";
    room.settings.judge = "none";
    room.given({{"oslo fjord", "oslo fjord"}, {"rome hills", "oslo fjord"}});
    room.settings.agents[1].null_agent = true;
    room.execute();
    const auto result = [&](const char* distribution, int i, int j) {
      return PeerRoom::entries(room.runs[0], "comparisons", "distribution", distribution, i, j)
          .at(0)["result"]
          .get<double>();
    };
    for (const char* distribution : {"p", "q"}) {
      CHECK(result(distribution, 1, 2) == (seed ? 1 : 0));
      CHECK(result(distribution, 2, 1) == 0);
    }
  }
}

TEST_CASE("an attack changes what is compared, not what is kept") {
  Judged room(2, 2);
  room.settings.attack = "padding";
  room.execute();
  CHECK(std::all_of(room.asked.begin(), room.asked.end(), [](const auto& text) { return has(text, "XXXXXXXXXX"); }));
  CHECK(room.runs[0].run.answer["responses"][0] == "agent 1 on task 1.");
}

TEST_CASE("evaluate reads again what was said: other labels, upstream's way") {
  Judged room(2, 2);
  room.settings.judge = "none";
  room.answer = [](const std::string&) { return chat("No Significant Gain.\\n[[Little Gain]]"); };
  room.execute();
  PeerRun& one = room.runs[0];
  CHECK(PeerRoom::entries(one, "comparisons", "distribution", "p", 1, 2)[0]["result"] == .25);
  PeerSettings other = room.settings;
  other.parse = "upstream";
  const auto evaluator = make_peer_runner(room.client, other, {});
  FakeStep step(room.clock, &room.clock);
  evaluator->evaluate(one.run, step);
  CHECK(PeerRoom::entries(one, "comparisons", "distribution", "p", 1, 2)[0]["result"] == 1);
  other.parse = "strict";
  other.critic_labels[1].second = .5;
  make_peer_runner(room.client, other, {})->evaluate(one.run, step);
  CHECK(PeerRoom::entries(one, "comparisons", "distribution", "p", 1, 2)[0]["result"] == .5);
}

TEST_CASE("the delimiter of log-probabilities follows the description") {
  CHECK(logprob_delimiter("German to English translation task") == "Translations:");
  CHECK(logprob_delimiter("Summarize this") == "Summaries:");
  CHECK(logprob_delimiter("The following are abstract reviews.") == "Reviews:");
  CHECK(logprob_delimiter("Answer") == "Responses:");
}

}  // namespace
