#include "experiments/judge/item.hpp"

#include <doctest/doctest.h>

#include "core/text/error.hpp"

using namespace assay;

TEST_CASE("an item is written and read back as it was") {
  JudgeItem item;
  item.id = "7";
  item.question = "q";
  item.reference = "";
  item.turns = {"q1", "q2"};
  item.responses1 = {"a", "b"};
  item.response2 = "c";
  item.cluster = 81;
  item.turn = 2;
  item.rubric = {{"clear", "is it?"}};
  item.gold = true;
  item.len_a = 3;
  item.source = Json::object({{"batch", "b"}});
  item.human["ann"] = "A";
  item.extra = Json::object({{"note", 1}, {"mode", "theirs"}});
  item.recorded = {Json::object({{"raw", "x"}})};
  Json data = to_data(item);
  data["mode"] = "pairwise";
  const JudgeItem back = judge_item(data);
  CHECK(dump_json(to_data(back)) == dump_json(to_data(item)));
  CHECK(back.reference == "");
  CHECK(back.extra["mode"] == "theirs");
  CHECK_FALSE(back.prediction);
  CHECK_THROWS_AS(judge_item(Json::array()), Error);
  CHECK_THROWS_AS(judge_item(Json::object({{"options", 7}})), Error);
  CHECK_THROWS_AS(judge_item(Json::object({{"turn", "two"}})), Error);
}
