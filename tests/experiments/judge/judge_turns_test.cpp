// A judged run as it is read by people: the item, then each judge with its verdict.

#include <doctest/doctest.h>

#include "experiments/judge/item.hpp"
#include "experiments/judge/turns.hpp"
#include "runners/judge/judgement.hpp"

namespace assay {
namespace {

Json judged(const std::string& judge, JudgeOrder order, const std::string& verdict, std::optional<std::string> raw) {
  Judgement one;
  one.judge = judge;
  one.order = order;
  one.reading.verdict = verdict;
  one.raw = std::move(raw);
  return to_json(one);
}

TEST_CASE("verdicts stand beside the replies that they were read out of") {
  RunView run;
  const Json ab{{"judge", "x"}, {"order", "ab"}, {"sample", 0}}, ba{{"judge", "x"}, {"order", "ba"}, {"sample", 0}};
  run.context = {{"system", "judge"},
                 {"user", "A or B?", ab},
                 {"assistant", "A it is", ab},
                 {"user", "B or A?", ba},
                 {"assistant", "hm", ba}};
  run.answer =
      Json{{"judgements", {judged("x", JudgeOrder::ab, "A", "A it is"), judged("x", JudgeOrder::ba, "", "hm")}}};
  const auto turns = judged_turns(run, turns_of_context(run.context));
  REQUIRE(turns.size() == 5);
  CHECK(turns[1].to == "x");
  CHECK(turns[2].speaker == "x");
  CHECK(turns[2].part == "order ab");
  CHECK(turns[2].answer == "A");
  CHECK(turns[4].part == "order ba");
  CHECK(turns[4].answer.empty());
}

TEST_CASE("recorded judgements follow their item; what is no judgement ends the reading, not the page") {
  JudgeItem item;
  item.id = "1";
  item.question = "which?";
  item.response1 = "this";
  item.response2 = "that";
  item.model_a = "m";
  RunView run;
  run.data = to_data(item);
  run.answer = Json{{"judgements", {judged("gpt", JudgeOrder::ab, "B", std::nullopt)}}};
  const auto turns = judged_turns(run, {});
  REQUIRE(turns.size() == 4);
  CHECK(turns[0].speaker == "question");
  CHECK(turns[1].speaker == "answer A (m)");
  CHECK(turns[2].text == "that");
  CHECK(turns[3].speaker == "gpt");
  CHECK(turns[3].answer == "B");
  CHECK(turns[3].text == "(only its verdict is kept)");

  run.answer = Json{{"judgements", Json::array({7})}};
  CHECK(judged_turns(run, {}).empty());
}

}  // namespace
}  // namespace assay
