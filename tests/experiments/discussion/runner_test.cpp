// One discussion, turn by turn: who is asked what, silence, the moderator, early ends, bans, forks.

#include "experiments/discussion/runner.hpp"

#include <doctest/doctest.h>

#include <map>

#include "core/text/error.hpp"
#include "experiments/discussion/turns.hpp"
#include "tests/experiments/discussion/discussion_room.hpp"

using namespace assay;
using namespace assay::test;

namespace {

using Lines = std::vector<std::string>;

TEST_CASE("each turn sends two messages: who the speaker is, and the window of what was said") {
  DiscussionRoom room;
  room.settings.text.history = 2;
  const NewRun run = room.talk({"yes", "no", "maybe"});
  REQUIRE(run.status == Status::complete);
  CHECK(said(run) == Lines{"Bo: Tea?", "Ann: yes", "Bo: no", "Cy: maybe"});
  CHECK(room.asked(0).first == "A forum. Your name is Ann. Your traits: likes tea Your instructions: Talk.");
  CHECK(room.asked(0).second == "User Bo posted:\nTea?\nUser Ann posted:");
  CHECK(room.asked(2).second == "User Ann posted:\nyes\nUser Bo posted:\nno\nUser Cy posted:");
  CHECK(stop_of(run) == "turns");
  CHECK(run.context[0].role == "user");
  CHECK(run.context[1].role == "assistant");
  CHECK(run.context[1].more["model"] == "m");
}

TEST_CASE("no window at all, and a window of everything") {
  DiscussionRoom room;
  room.settings.text.history = 0;
  room.talk({"yes", "no", "maybe"});
  CHECK(room.asked(2).second == "\nUser Cy posted:");
  room.settings.text.history = std::nullopt;
  room.talk({"yes", "no", "maybe"});
  CHECK(room.asked(2).second.starts_with("User Bo posted:\nTea?\nUser Ann posted:\nyes"));
}

TEST_CASE("a silent turn is used up: it is in no log, no window, and no moderator is asked") {
  DiscussionRoom room;
  room.settings.include_mod = true;
  const NewRun run = room.talk({"\"\"", "hello", "calm down", "", "ignored"});
  CHECK(said(run) == Lines{"Bo: Tea?", "[Ann: \"\"]", "Bo: hello", "moderator: calm down", "[Cy: ]"});
  CHECK(room.transport.sent.size() == 4);
  CHECK(room.asked(1).second == "User Bo posted:\nTea?\nUser Bo posted:");
  CHECK(run.context[1].more["silent"] == true);
  CHECK(run.context[2].more["index"] == 1);
}

TEST_CASE("an empty reply is taken as it comes, not asked for again") {
  DiscussionRoom room;
  const NewRun run = room.talk({"", "", ""});
  CHECK(run.status == Status::complete);
  CHECK(room.transport.sent.size() == 3);
}

TEST_CASE("a silent moderator is logged; it takes a place in the window only with mod_silence_slot") {
  for (const bool slot : {false, true}) {
    DiscussionRoom room;
    room.settings.include_mod = true;
    room.settings.mod_silence_slot = slot;
    room.settings.text.history = 2;
    const NewRun run = room.talk({"yes", "", "no", "", "so", ""});
    CHECK(said(run).size() == 7);
    CHECK(room.asked(2).second == (slot ? "User Ann posted:\nyes\n\nUser Bo posted:"
                                        : "User Bo posted:\nTea?\nUser Ann posted:\nyes\nUser Bo posted:"));
  }
}

TEST_CASE("mod_every counts comments that are not silent; mod_first asks once before turn 1") {
  DiscussionRoom room;
  room.settings.include_mod = true;
  room.settings.num_turns = 6;
  room.settings.mod_every = 2;
  NewRun run = room.talk({"a", "b", "M1", "", "c", "d", "M2", "e"});
  CHECK(said(run) ==
        Lines{"Bo: Tea?", "Ann: a", "Bo: b", "moderator: M1", "[Cy: ]", "Ann: c", "Bo: d", "moderator: M2", "Cy: e"});
  room.settings.mod_first = true;
  room.settings.num_turns = 1;
  run = room.talk({"welcome", "a"});
  CHECK(said(run) == Lines{"Bo: Tea?", "moderator: welcome", "Ann: a"});
  CHECK(run.context[1].more["turn"] == 0);
  CHECK(room.asked(0).first == "A forum. Your name is moderator. Your traits: just Your instructions: Moderate.");
}

TEST_CASE("disallowed strings are cut out of replies before anything is made of them") {
  DiscussionRoom room;
  room.settings.text.disallowed = {"```", "user"};
  const NewRun run = room.talk({"a ```user b", "```", "superusers"});
  CHECK(said(run) == Lines{"Bo: Tea?", "Ann: a  b", "[Bo: ]", "Cy: supers"});
}

TEST_CASE("each condition ends the discussion at its turn, with its reason, as COMPLETE") {
  struct Row {
    std::string reason;
    void (*set)(DiscussionSettings&);
    Lines replies;
    std::size_t calls;
  };
  const Row rows[] = {
      {"stop_phrase", [](DiscussionSettings& s) { s.stop_phrase = "good ?bye"; }, {"a", "goodbye all", "c"}, 2},
      {"stop_silent", [](DiscussionSettings& s) { s.stop_silent = 2; }, {"a", "", "\"\"", "d"}, 3},
      {"stop_comments", [](DiscussionSettings& s) { s.stop_comments = 3; }, {"a", "b", "c"}, 2},
      {"stop_tokens", [](DiscussionSettings& s) { s.stop_tokens = 1; }, {"a", "b"}, 1},
      {"stop_repeat",
       [](DiscussionSettings& s) { s.stop_repeat = 0.9; },
       {"we should wait", "not at all", "well then", "We should wait!", "not, at all", "x"},
       5},
      {"turns", [](DiscussionSettings&) {}, {"a", "b", "c", "d", "e", "f", "g", "h"}, 8},
  };
  for (const Row& row : rows) {
    CAPTURE(row.reason);
    DiscussionRoom room;
    room.settings.num_turns = 8;
    row.set(room.settings);
    const NewRun run = room.talk(row.replies);
    CHECK(run.status == Status::complete);
    CHECK(stop_of(run) == row.reason);
    CHECK(room.transport.sent.size() == row.calls);
  }
}

TEST_CASE("whom the moderator bans never speaks again; when nobody is left the discussion ends") {
  DiscussionRoom room;
  room.settings.include_mod = true;
  room.settings.num_turns = 8;
  room.settings.ban_phrase = "banned: (@?\\w+)";
  const NewRun run = room.talk({"a", "you are banned: @Ann", "b", "ok", "c", "banned: Bo", "c2", "banned: Cy"});
  CHECK(said(run) == Lines{"Bo: Tea?", "Ann: a", "moderator: you are banned: @Ann", "Bo: b", "moderator: ok", "Cy: c",
                           "moderator: banned: Bo", "Cy: c2", "moderator: banned: Cy"});
  CHECK(stop_of(run) == "banned");
  CHECK(run.context[2].more["banned"] == "Ann");
}

TEST_CASE("a model may choose who speaks; when it names nobody the stream does, and that is counted") {
  DiscussionRoom room;
  room.settings.turn_policy = "llm";
  room.settings.num_turns = 2;
  const NewRun run = room.talk({"Cy, I think", "hello", "the same again: Cy", "hm"});
  CHECK(room.asked(0).first == "You choose who speaks next in a discussion.");
  CHECK(room.asked(0).second == "User Bo posted:\nTea?\nParticipants: Ann, Bo, Cy\nAnswer with one name.");
  CHECK(run.context[1].more["name"] == "Cy");
  CHECK(run.context[2].more["name"] != "Cy");
  CHECK(run.context[2].more["selector_fallback"] == true);
}

TEST_CASE("a failing call FAILs the run with its turn and speaker; what was said before it stays") {
  DiscussionRoom room;
  room.transport.replies.push_back(chat("fine"));
  room.transport.replies.push_back(reply_with(400, R"({"error":{"message":"no such thing"}})"));
  const NewRun run = execute(room, *room.kind->make_runner(room.batch(), {}), room.fresh());
  CHECK(run.status == Status::fail);
  CHECK(run.error.message.starts_with("turn 2, Bo: "));
  CHECK(run.error.place == "step 2");
  CHECK(said(run) == Lines{"Bo: Tea?", "Ann: fine"});
}

TEST_CASE("seeds of the model are those of the stream, and repeats of a design differ in them alone") {
  DiscussionDesign design;
  design.seed = 7;
  design.index = 2;
  const auto first = model_seed("run", design, 3, "user");
  CHECK(*first == static_cast<std::int64_t>(NamedStream("7//2/model/3/user").state() & 0x7FFFFFFF));
  design.epoch = 2;
  CHECK(*model_seed("run", design, 3, "user") ==
        static_cast<std::int64_t>(NamedStream("7//2/model/3/user/2").state() & 0x7FFFFFFF));
  CHECK(model_seed("12", design, 3, "user") == 12);
  CHECK_FALSE(model_seed("off", design, 3, "user"));
}

TEST_CASE("a fork shares its first turns and goes on otherwise, with the same speakers") {
  DiscussionRoom room;
  room.settings.include_mod = true;
  room.settings.turn_policy = "random";
  room.settings.num_turns = 5;
  const NewRun parent = room.talk({"1", "m1", "2", "m2", "3", "m3", "4", "m4", "5", "m5"});
  REQUIRE(parent.status == Status::complete);
  RunView view;
  view.run_id = parent.id;
  view.status = parent.status;
  view.data = parent.data;
  view.context = parent.context;
  NewRun fork = room.fresh();
  fork.data["forked_from"] = {{"run", "x:d001"}, {"step", 2}};
  fork.start = room.kind->fork_start(room.batch(), view, 2);
  REQUIRE(fork.start);
  CHECK(fork.start->context.size() == 5);
  room.forks = Json::array({{{"step", 2}, {"settings", {{"mod_instructions", "Be kind."}, {"mod_every", 1}}}}});
  const NewRun child = room.talk({"3'", "m3'", "4'", "m4'", "5'", "m5'"}, fork);
  REQUIRE(child.status == Status::complete);
  CHECK(room.transport.sent.size() == 6);
  REQUIRE(child.context.size() == parent.context.size());
  for (std::size_t i = 0; i < child.context.size(); ++i) {
    CHECK(child.context[i].more["name"] == parent.context[i].more["name"]);
    if (i < 5) CHECK(child.context[i].content == parent.context[i].content);
  }
  CHECK(room.asked(1).first.ends_with("Your instructions: Be kind."));
  // With new draws others may speak; a message is heard by the next speaker.
  fork.data["forked_from"]["message"] = "Hear, hear.";
  room.forks = Json::array({{{"step", 2}, {"settings", Json::object()}, {"reseed", 99}, {"name", "Zoe"}}});
  const NewRun heard = room.talk({"a", "b", "c", "d", "e", "f"}, fork);
  CHECK(said(heard)[5] == "Zoe: Hear, hear.");
  CHECK(room.asked(0).second.find("User Zoe posted:\nHear, hear.") != std::string::npos);
  CHECK_THROWS_WITH_AS(room.kind->fork_start(room.batch(), view, 6),
                       "d001 has come to turn 5: it can't be forked after turn 6", Error);
}

TEST_CASE("a selector that names nobody draws on from its stream, turn after turn") {
  DiscussionRoom room;
  room.settings.turn_policy = "llm";
  room.settings.num_turns = 12;
  for (const char* name : {"Di", "Ed"}) room.design.users.push_back({name, Json::object(), {}, false});
  Lines replies;
  for (int i = 0; i < 12; ++i) {
    replies.emplace_back("???");
    replies.emplace_back("text");
  }
  const NewRun run = room.talk(replies);
  REQUIRE(run.status == Status::complete);
  TurnOrder order(room.settings, room.design);
  for (std::size_t turn = 1; turn <= 12; ++turn) {
    const std::size_t user = order.fallback();
    order.choose(user);
    CHECK(run.context[turn].more["name"] == room.design.users[user].name);
  }
  CHECK(run.score.metrics.back() == std::pair<std::string, double>("selector_fallback", 12));
}

TEST_CASE("a result file goes on by the policy that its fork names, each turn drawn after the other") {
  DiscussionRoom room;
  NewRun parent;
  parent.id = "old";
  parent.status = Status::complete;
  parent.data = parse_json(
      R"({"format":"g2","file":"old","source":{"id":"x","timestamp":"25-01-01-00-00","users":["A","B","C","D"],
          "moderator":null,"user_prompts":["pa","pb","pc","pd"],"moderator_prompt":null,"ctx_length":3,
          "logs":[{"name":"B","text":"Tea?","model":"hardcoded"},{"name":"A","text":"yes","model":"m"},
                  {"name":"C","text":"no","model":"m"}]}})",
      "data");
  RunView view;
  view.run_id = parent.id;
  view.status = parent.status;
  view.data = parent.data;
  view.context = {
      {"user", "Tea?", {{"name", "B"}, {"model", "hardcoded"}, {"kind", "seed"}, {"turn", 0}, {"index", 0}}},
      {"assistant", "yes", {{"name", "A"}, {"model", "m"}, {"kind", "user"}, {"turn", 1}, {"index", 1}}},
      {"assistant", "no", {{"name", "C"}, {"model", "m"}, {"kind", "user"}, {"turn", 2}, {"index", 2}}}};
  NewRun fork = parent;
  fork.status = Status::ready;
  fork.data["forked_from"] = {{"run", "x:old"}, {"step", 1}};
  fork.start = room.kind->fork_start(room.batch(), view, 1);
  room.forks = Json::array({{{"step", 1}, {"settings", {{"turn_policy", "shuffle_cycle"}, {"num_turns", 9}}}}});
  const NewRun run = room.talk(Lines(8, "hm"), fork);
  REQUIRE_MESSAGE(run.status == Status::complete, run.error.message);
  std::map<std::string, int> turns;
  for (std::size_t i = 2; i < run.context.size(); ++i) ++turns[run.context[i].more["name"].get<std::string>()];
  CHECK(turns == std::map<std::string, int>{{"A", 2}, {"B", 2}, {"C", 2}, {"D", 2}});
  CHECK(room.asked(0).first.size() == 2);  // "pa" .. "pd", as the file has them
}

TEST_CASE("a fork that has come to its end already ends without a call") {
  DiscussionRoom room;
  const NewRun parent = room.talk({"a", "b", "c"});
  RunView view;
  view.run_id = parent.id;
  view.status = parent.status;
  view.data = parent.data;
  view.context = parent.context;
  NewRun fork = room.fresh();
  fork.data["forked_from"] = {{"run", "x:d001"}, {"step", 2}};
  fork.start = room.kind->fork_start(room.batch(), view, 2);
  room.forks = Json::array({{{"step", 2}, {"settings", {{"num_turns", 2}}}}});
  const NewRun run = room.talk({}, fork);
  CHECK(run.status == Status::complete);
  CHECK(room.transport.sent.empty());
  CHECK(stop_of(run) == "turns");
}

TEST_CASE("a fork refuses what would have changed the shared part, and values that are none") {
  DiscussionRoom room;
  const auto refusal = [&](const ParameterTexts& changes) -> std::string {
    try {
      room.kind->fork_batch(room.batch(), 2, changes);
    } catch (const Error& error) {
      return error.what();
    }
    return "forked";
  };
  CHECK(refusal({{"num_users", "3"}}).find("num_users can't change in a fork") != std::string::npos);
  CHECK(refusal({{"turn_policy", "robin"}}).find("round_robin") != std::string::npos);
  CHECK(refusal({{"mod_every", "0"}}).find("mod_every") != std::string::npos);
  CHECK(refusal({{"stop_phrase", "("}}) != "forked");
  CHECK(refusal({{"mod_instructions", "/no/such/file"}}).find("/no/such/file") != std::string::npos);
  CHECK(refusal({{"turn_policy", "fixed"}}).find("speakers") != std::string::npos);
  CHECK(refusal({{"mod_instruction", "x"}}).find("did you mean mod_instructions?") != std::string::npos);
  CHECK(refusal({{"num_turns", "9"}, {"turn_policy", "Round-Robin"}, {"history_ctx_len", "all"}}) == "forked");
}

}  // namespace
