// Debates as they are run: who is asked what, in which order, and what becomes of it.

#include "experiments/debate/debate.hpp"

#include <doctest/doctest.h>

#include <set>

#include "experiments/debate/topology.hpp"
#include "experiments/debate/transcript.hpp"
#include "tests/experiments/debate/debate_room.hpp"

namespace assay {
namespace {

using namespace test;
using Texts = std::vector<std::string>;

const std::string kWho =
    "{{ round }}/{{ agent.index }} reads{% for p in peers %} {{ p.index }}@{{ p.round }}{% endfor %}";

/// "say A", .. : replies that name their agent and round.
Texts replies_of(std::size_t agents, std::size_t rounds, const std::string& answer = "B") {
  Texts replies;
  for (std::size_t r = 1; r <= rounds; ++r) {
    for (std::size_t i = 0; i < agents; ++i) {
      replies.push_back("r" + std::to_string(r) + "a" + std::to_string(i) + " Answer: " + answer);
    }
  }
  return replies;
}

TEST_CASE("every topology: each agent reads those of the table, in ascending order") {
  struct Row {
    const char* topology;
    std::vector<std::string> reads[4];  // of 1, 2, 3, 5 agents
  };
  const std::vector<Row> rows{
      {"full", {{""}, {"1", "0"}, {"12", "02", "01"}, {"1234", "0234", "0134", "0124", "0123"}}},
      {"none", {{""}, {"", ""}, {"", "", ""}, {"", "", "", "", ""}}},
      {"ring", {{""}, {"1", "0"}, {"1", "2", "0"}, {"1", "2", "3", "4", "0"}}},
      {"neighbours:1", {{""}, {"1", "0"}, {"12", "02", "01"}, {"14", "02", "13", "24", "03"}}},
      {"neighbours:2", {{""}, {"1", "0"}, {"12", "02", "01"}, {"1234", "0234", "0134", "0124", "0123"}}},
      {"star", {{""}, {"1", "0"}, {"12", "0", "0"}, {"1234", "0", "0", "0", "0"}}},
      {"chain", {{""}, {"", "0"}, {"", "0", "1"}, {"", "0", "1", "2", "3"}}},
      {"tree", {{""}, {"1", ""}, {"12", "2", "1"}, {"1234", "234", "134", "124", "123"}}},
  };
  DebateRoom room;
  const std::string exchange = room.prompt("who", kWho);
  for (const Row& row : rows) {
    const std::size_t sizes[] = {1, 2, 3, 5};
    for (std::size_t s = 0; s < 4; ++s) {
      const std::size_t n = sizes[s];
      CAPTURE(row.topology);
      CAPTURE(n);
      room.debate({{"agents", std::to_string(n)}, {"topology", row.topology}, {"collaborative_prompt", exchange}},
                  replies_of(n, 2));
      REQUIRE(room.transport.sent.size() == 2 * n);
      for (std::size_t i = 0; i < n; ++i) {
        std::string want = "2/" + std::to_string(i) + " reads";
        for (const char c : row.reads[s][i]) want += std::string(" ") + c + "@1";
        CHECK(room.last_asked()[n + i] == want);
      }
    }
  }
  room.debate({{"topology", "adj:0<1+2/1<0/2<"}, {"collaborative_prompt", exchange}}, replies_of(3, 2));
  const Texts asked = room.last_asked();
  CHECK(Texts(asked.begin() + 3, asked.end()) == Texts{"2/0 reads 1@1 2@1", "2/1 reads 0@1", "2/2 reads"});
}

TEST_CASE("a topology that names nobody, or an agent that reads itself, is refused") {
  DebateRoom room;
  CHECK(room.refusal({{"topology", "adj:0<3"}}).find("there is no agent 3") != std::string::npos);
  CHECK(room.refusal({{"topology", "adj:1<1"}}).find("reads itself") != std::string::npos);
  CHECK(room.refusal({{"topology", "adj:0"}}).find("has no '<'") != std::string::npos);
  CHECK(room.refusal({{"topology", "circle"}}).find("topology=circle: unknown") != std::string::npos);
  CHECK(room.refusal({{"topology", "neighbours:x"}}).find("'x' is no agent's index") != std::string::npos);
}

TEST_CASE("simultaneous rounds read the one before; speaking in turn reads what has just been said") {
  DebateRoom room;
  const std::string exchange = room.prompt("who", kWho);
  room.debate({{"rounds", "3"}, {"collaborative_prompt", exchange}}, replies_of(3, 3));
  CHECK(room.last_asked()[8] == "3/2 reads 0@2 1@2");
  room.debate({{"rounds", "3"}, {"schedule", "sequential"}, {"collaborative_prompt", exchange}}, replies_of(3, 3));
  const Texts asked = room.last_asked();
  CHECK(asked[3] == "2/0 reads 1@1 2@1");
  CHECK(asked[4] == "2/1 reads 0@2 2@1");
  CHECK(asked[5] == "2/2 reads 0@2 1@2");
  CHECK(asked[8] == "3/2 reads 0@3 1@3");
}

TEST_CASE("an agent's whole chat goes along, or its first question and last reply, or nothing") {
  DebateRoom room;
  const std::string first = room.prompt("first", "first {{ agent.index }}"),
                    more = room.prompt("more", "more {{ round }}");
  ParameterTexts params{{"agents", "2"},
                        {"rounds", "3"},
                        {"initial_prompt", first},
                        {"collaborative_prompt", more},
                        {"system", "Be brief."}};
  room.debate(params, replies_of(2, 3));
  CHECK(room.asked(5) == Texts{"system: Be brief.", "user: first 1", "assistant: r1a1 Answer: B", "user: more 2",
                               "assistant: r2a1 Answer: B", "user: more 3"});
  params["history"] = "last";
  room.debate(params, replies_of(2, 3));
  CHECK(room.asked(5) == Texts{"system: Be brief.", "user: first 1", "assistant: r2a1 Answer: B", "user: more 3"});
  params["history"] = "one_shot";
  const NewRun run = room.debate(params, replies_of(2, 3));
  CHECK(room.asked(5) == Texts{"system: Be brief.", "user: more 3"});
  // The context is the same whatever goes along: flat, agent by agent, system messages first.
  REQUIRE(run.context.size() == 2 + 12);
  CHECK(run.context[0].role == "system");
  CHECK(run.context[0].more == Json{{"agent", 0}, {"round", 0}});
  CHECK(run.context[2].more == Json{{"agent", 0}, {"round", 1}});
  CHECK(run.context[4].more == Json{{"agent", 1}, {"round", 1}});
  CHECK(run.context[13].content == "r3a1 Answer: B");
}

TEST_CASE("what is read of a peer: whole, its first characters, its answer") {
  DebateRoom room;
  const std::string show =
      room.prompt("show", "{% for r in other_agent_responses %}[{{ r }}]{% endfor %} own {{ own.content }}");
  ParameterTexts params{{"agents", "2"}, {"collaborative_prompt", show}};
  const Texts replies{"\xC3\xA9\xC3\xA9 Answer: B", "no idea", "B", "B"};
  room.debate(params, replies);
  CHECK(room.last_asked()[2] == "[no idea] own \xC3\xA9\xC3\xA9 Answer: B");
  params["peers"] = "truncate:3";
  room.debate(params, replies);
  CHECK(room.last_asked()[3] == "[\xC3\xA9\xC3\xA9  ..] own no idea");
  params["peers"] = "answer";
  room.debate(params, replies);
  CHECK(room.last_asked()[2].starts_with("[no answer]"));
  CHECK(room.last_asked()[3].starts_with("[B]"));
  params["include_self"] = "yes";
  room.debate(params, replies);
  CHECK(room.last_asked()[3].starts_with("[B][no answer]"));
}

TEST_CASE("answers in groups: the largest first, then by their first holder") {
  DebateRoom room;
  const std::string show =
      room.prompt("groups", "{% for g in groups %}{{ g.answer }}={{ g.count }}:{{ g.members|join('+') }} {% endfor %}");
  room.debate({{"agents", "5"}, {"group_by_answer", "yes"}, {"collaborative_prompt", show}},
              {"Answer: C", "Answer: A", "Answer: B", "Answer: A", "hm", "B", "B", "B", "B", "B"});
  CHECK(room.last_asked()[5] == "A=2:1+3 B=1:2 None=1:4 ");
  CHECK(room.last_asked()[6] == "C=1:0 B=1:2 A=1:3 None=1:4 ");
}

TEST_CASE("summaries: one call a round for all, or one per reader; what they say takes the replies' place") {
  DebateRoom room;
  const std::string sum = room.prompt("sum", "sum{% for p in peers %} {{ p.index }}{% endfor %}"),
                    show =
                        room.prompt("show", "{{ summary }}|{{ other_agent_responses|join(',') }}|{{ peers|length }}");
  ParameterTexts params{{"peers", "summary"}, {"summary_prompt", sum}, {"collaborative_prompt", show}};
  Texts replies = replies_of(3, 1);
  replies.insert(replies.end(), {"in short", "B", "B", "B"});
  NewRun run = room.debate(params, replies);
  Texts asked = room.last_asked();
  CHECK(Texts(asked.begin() + 3, asked.end()) ==
        Texts{"sum 0 1 2", "in short|in short|0", "in short|in short|0", "in short|in short|0"});
  CHECK(Transcript(run.context).part(kSummary).size() == 2);
  CHECK(metric(run, "calls") == 7);

  params["summary"] = "per_agent";
  replies = replies_of(3, 1);
  replies.insert(replies.end(), {"s0", "s1", "s2", "B", "B", "B"});
  run = room.debate(params, replies);
  asked = room.last_asked();
  CHECK(Texts(asked.begin() + 3, asked.end()) ==
        Texts{"sum 1 2", "sum 0 2", "sum 0 1", "s0|s0|0", "s1|s1|0", "s2|s2|0"});
  CHECK(metric(run, "calls") == 9);
}

TEST_CASE("critic and synthesizer: fresh contexts, and the synthesizer's answer alone") {
  DebateRoom room;
  const std::string critic = room.prompt("c", "{% for m in initial_solution_messages %}<{{ m.content }}>{% endfor %}"),
                    synth = room.prompt("s", "{{ initial_solution_messages|length }} {{ critique_message.content }}");
  const NewRun run =
      room.debate({{"protocol", "critic_synth"}, {"critic_prompt", critic}, {"synthesizer_prompt", synth}},
                  {"Answer: A", "Answer: A", "Answer: C", "weak", "Answer: B"});
  CHECK(room.asked(3) == Texts{"user: <Answer: A><Answer: A><Answer: C>"});
  CHECK(room.asked(4) == Texts{"user: 3 weak"});
  CHECK(run.answer["value"] == "B");
  CHECK(run.answer["text"] == "Answer: B");
  CHECK(run.score.verdict == Verdict::correct);
  CHECK(run.context[6].more == Json{{"agent", "critic"}, {"round", 2}});
  CHECK(run.context[9].more == Json{{"agent", "synthesizer"}, {"round", 3}});
  CHECK(run.steps == 3);
  CHECK(metric(run, "correct_r1") == 0);
  CHECK(metric(run, "correct_r3") == 1);
}

TEST_CASE("debaters speak one after the other, then the judge; the verdict is the answer, the majority stands beside") {
  DebateRoom room;
  const std::string chain = "{{ debate_chain|join('/') }}";
  ParameterTexts params{{"protocol", "adversarial"},
                        {"agents", "3"},
                        {"initial_debater_prompt", room.prompt("d", "debate {{ agent.name }}")},
                        {"debater_1_prompt", room.prompt("d1", "one " + chain + " against {{ opponent.content }}")},
                        {"debater_2_prompt", room.prompt("d2", "two " + chain + " against {{ opponent.content }}")},
                        {"initial_judge_prompt", room.prompt("j", "judge {{ stem }} " + chain)}};
  NewRun run = room.debate(params, {"a1", "b1", "(open)", "a2 Answer: B", "b2 Answer: B", "Answer: C"});
  CHECK(room.last_asked() == Texts{"debate agent 0", "debate agent 1", "judge Two? a1/b1", "one a1/b1 against b1",
                                   "two a1/b1/a2 Answer: B against a2 Answer: B",
                                   "judge Two? a1/b1/a2 Answer: B/b2 Answer: B"});
  CHECK(room.asked(5).size() == 3);
  CHECK(run.answer["value"] == "C");
  CHECK(run.answer["verdict"] == "C");
  CHECK(run.answer["majority"] == "B");
  CHECK(run.score.verdict == Verdict::incorrect);
  CHECK(run.context[4].more == Json{{"agent", 2}, {"round", 1}});

  params["judge"] = "final";
  run = room.debate(params, {"a1", "b1", "a2", "b2", "Answer: B"});
  CHECK(room.transport.sent.size() == 5);
  CHECK(run.answer["value"] == "B");

  params.erase("judge");
  params["stop"] = "judge";
  run = room.debate(params, {"a1", "b1", "Verdict: final\\nAnswer: B"});
  CHECK(room.transport.sent.size() == 3);
  CHECK(run.answer["stopped"] == "judge");
  CHECK(run.answer["value"] == "B");
}

TEST_CASE("compat=mad: its variables alone, escaped; the judge is told the question once, and reads the chain alone") {
  DebateRoom room;
  const std::string all = "{{ stem }}{{ category }}|{{ question }}|{{ debate_chain }}|{{ round }}";
  ParameterTexts params{{"protocol", "adversarial"},
                        {"compat", "mad"},
                        {"sample", "all"},
                        {"agents", "2"},
                        {"initial_debater_prompt", room.prompt("d", all)},
                        {"debater_1_prompt", room.prompt("d1", all)},
                        {"debater_2_prompt", room.prompt("d2", all)},
                        {"initial_judge_prompt", room.prompt("j", all)}};
  const NewRun run = room.debate(params, {"it's (A)", "is (B)", "is (A)", "is (A)"});
  const std::string block = "Question: Two?\nOptions:\nA. one\nB. two\nC. three\n";
  CHECK(room.asked(0) == Texts{"user: numbers|" + block + "||"});
  CHECK(room.asked(1) == Texts{"user: numbers|" + block + "||", "user: ||[&#34;it&#39;s (A)&#34;]|"});
  CHECK(room.asked(3).size() == 4);
  CHECK(room.batch.info.params["extract"] == "mad_eval");
  CHECK(run.answer["value"] == "A");  // the vote over all, the judge included
}

TEST_CASE("one failing call costs that agent a retry, never the round") {
  DebateRoom room;
  room.batch = room.load({});
  for (const auto& reply : {chat("Answer: B"), reply_with(503, "{}"), chat("Answer: B"), chat("Answer: B")}) {
    room.transport.replies.push_back(reply);
  }
  for (int i = 0; i < 3; ++i) room.transport.replies.push_back(chat("Answer: B"));
  execute_all(room, *room.kind, room.batch);
  const NewRun& run = room.batch.runs.front();
  CHECK(run.status == Status::complete);
  CHECK(room.transport.sent.size() == 7);
  CHECK(metric(run, "calls") == 7);
  CHECK(run.answer["rounds"][0]["values"] == Json{"B", "B", "B"});
}

TEST_CASE("a call that fails for good FAILs the run at its step with the agent's name, or drops the agent") {
  DebateRoom room;
  const auto run_with = [&](const ParameterTexts& params) {
    room.transport.sent.clear();
    room.transport.replies.clear();
    room.batch = room.load(params);
    for (int i = 0; i < 3; ++i) room.transport.replies.push_back(chat("Answer: B"));
    room.transport.replies.push_back(chat("Answer: C"));
    room.transport.replies.push_back(reply_with(400, R"({"error":{"message":"too odd"}})"));
    for (int i = 0; i < 4; ++i) room.transport.replies.push_back(chat("Answer: B"));
    execute_all(room, *room.kind, room.batch);
    return room.batch.runs.front();
  };
  NewRun run = run_with({{"rounds", "3"}});
  CHECK(run.status == Status::fail);
  CHECK(run.error.place == "step 2");
  CHECK(run.error.kind == "bad_request");
  CHECK(run.error.message.starts_with("agent 1: "));
  CHECK(run.score.verdict == Verdict::none);
  CHECK(run.context.size() == 6);  // the first round; nothing of the second

  const std::string exchange = room.prompt("who", kWho);
  run = run_with({{"rounds", "3"}, {"on_agent_fail", "drop:2"}, {"collaborative_prompt", exchange}});
  CHECK(run.status == Status::complete);
  CHECK(metric(run, "dropped") == 1);
  CHECK(run.answer["rounds"][1]["dropped"] == Json{1});
  CHECK(run.answer["rounds"][1]["values"] == Json{"C", nullptr, "B"});
  CHECK(room.last_asked()[6] == "3/0 reads 2@2");  // nobody reads who said nothing
  CHECK(room.asked(7).size() == 3);                // no question of it without a reply
  run = run_with({{"rounds", "3"}, {"on_agent_fail", "drop:3"}});
  CHECK(run.status == Status::fail);
}

TEST_CASE("a debate ends when its rule is met, not before min_rounds") {
  DebateRoom room;
  NewRun run = room.debate({{"rounds", "3"}, {"stop", "unanimous"}}, replies_of(3, 1));
  CHECK(room.transport.sent.size() == 3);
  CHECK(run.answer["stopped"] == "unanimous");
  CHECK(metric(run, "rounds") == 1);
  run = room.debate({{"rounds", "3"}, {"stop", "unanimous"}, {"min_rounds", "2"}}, replies_of(3, 3));
  CHECK(room.transport.sent.size() == 6);
  run = room.debate({{"rounds", "2"}}, replies_of(3, 2));
  CHECK(run.answer["stopped"] == "rounds");
}

TEST_CASE("agents of their own: model, parameters, prompts, system text; a judge by role comes last") {
  DebateRoom room;
  const std::string own = room.prompt("own", "You are {{ agent.persona }}"),
                    system = room.prompt("sys", "System of {{ agent.name }}");
  const std::string file = room.write("agents.yaml",
                                      "agents:\n"
                                      "  - {name: Ann, model: openai/x, temperature: 0.1, system: Be Ann, "
                                      "persona: careful, initial_prompt: " +
                                          own + ", max_tokens: 9}\n  - {name: Ben, system: " + system + "}\n");
  room.debate({{"agents", file}, {"rounds", "1"}}, replies_of(2, 1));
  const Json ann = Json::parse(room.transport.sent[0].body), ben = Json::parse(room.transport.sent[1].body);
  CHECK(ann["model"] == "x");
  CHECK(ann["temperature"] == 0.1);
  CHECK(ann["max_tokens"] == 9);
  CHECK(room.asked(0) == Texts{"system: Be Ann", "user: You are careful"});
  CHECK(ben["model"] == "m");
  CHECK(ben["temperature"] == 0.7);
  CHECK(room.asked(1)[0] == "system: System of Ben");
  CHECK(room.batch.info.params["agents"] == 2);
  CHECK(room.batch.runs[0].answer["agents"][0] == Json{{"name", "Ann"}, {"model", "openai/x"}});

  const std::string court = room.write("court.yaml", "agents:\n  - {name: J, role: judge}\n  - {name: D}\n");
  const NewRun run = room.debate({{"agents", court}, {"protocol", "adversarial"}, {"rounds", "1"}}, replies_of(2, 1));
  CHECK(run.answer["agents"][1]["name"] == "J");
}

TEST_CASE("what is wrong with an agents file is said with its line") {
  DebateRoom room;
  for (const auto& [text, want] : std::vector<std::pair<std::string, std::string>>{
           {"agents:\n  - {name: A}\n  - {name: A}\n", ":3:12: a second agent named A"},
           {"agents:\n  - {nmae: A}\n", ":2:6: unknown key nmae"},
           {"agents:\n  - {temperature: hot}\n", "temperature: expected a number"},
           {"agents:\n  - {max_tokens: 0}\n", "max_tokens: expected a whole number of at least 1"},
           {"agents: []\n", "0 agents"},
           {"people: []\n", "expected the one key agents"},
           {"agents:\n  - just a name\n", "an agent is a mapping"},
           {"agents:\n  - {role: judge}\n", "role: judge needs protocol=adversarial"},
           {"agents:\n  - {name: [\n", "agents.yaml:"}}) {
    CAPTURE(text);
    const std::string said = room.refusal({{"agents", room.write("agents.yaml", text)}});
    CAPTURE(said);
    CHECK(said.find(want) != std::string::npos);
  }
  CHECK(room.refusal({{"agents", "nowhere.yaml"}}).find("nowhere.yaml") != std::string::npos);
}

TEST_CASE("everything that contradicts is refused at load, in one message") {
  DebateRoom room;
  const std::string said = room.refusal({{"protocol", "critic_synth"},
                                         {"topology", "ring"},
                                         {"rounds", "0"},
                                         {"on_agent_fail", "drop:9"},
                                         {"aggregate", "judge"}});
  for (const char* part :
       {"topology means nothing under protocol=critic_synth", "rounds means nothing", "rounds=0, expected 1 to 100",
        "on_agent_fail=drop:9: there are 3 agents", "aggregate=judge needs protocol=adversarial"}) {
    CAPTURE(said);
    CHECK(said.find(part) != std::string::npos);
  }
  for (const auto& [name, text] : std::vector<std::pair<std::string, std::string>>{{"agents", "0"},
                                                                                   {"agents", "101"},
                                                                                   {"rounds", "101"},
                                                                                   {"peers", "half"},
                                                                                   {"stop", "votes:x"},
                                                                                   {"stop", "votes:4"},
                                                                                   {"stop", "stable:0"},
                                                                                   {"rule", "foo"},
                                                                                   {"temperature", "-1"},
                                                                                   {"stop", "judge"},
                                                                                   {"aggregate", "agent:3"},
                                                                                   {"aggregate", "best"},
                                                                                   {"judge", "final"},
                                                                                   {"critic_prompt", "x.yaml"},
                                                                                   {"on_agent_fail", "no"},
                                                                                   {"min_rounds", "0"},
                                                                                   {"tie", "maybe"},
                                                                                   {"topologie", "ring"},
                                                                                   {"initial_prompt", "debate_intial"},
                                                                                   {"max_tokens", "0"}}) {
    CAPTURE(name);
    CAPTURE(text);
    CHECK(room.refusal({{name, text}}) != "loaded");
  }
  CHECK(room.refusal({{"protocol", "adversarial"}, {"agents", "1"}}).find("a debater and a judge") !=
        std::string::npos);
  CHECK(room.refusal({{"initial_prompt", "debate_intial"}}).find("debate_intial") != std::string::npos);
}

TEST_CASE("the shipped prompts run under every protocol on the built-in model") {
  for (const ParameterTexts& params :
       {ParameterTexts{{"rounds", "3"}}, ParameterTexts{{"protocol", "critic_synth"}},
        ParameterTexts{{"protocol", "adversarial"}}, ParameterTexts{{"peers", "summary"}},
        ParameterTexts{{"group_by_answer", "yes"}, {"schedule", "sequential"}, {"order", "random"}},
        ParameterTexts{
            {"collaborative_prompt", "debate_confidence"}, {"aggregate", "weighted"}, {"confidence", "stated"}},
        ParameterTexts{{"collaborative_prompt", "debate_critique"}, {"topology", "star"}}}) {
    DebateRoom room;
    ParameterTexts with_model = params;
    with_model["model"] = "sim/qa?accuracy=1";
    room.batch = room.load(with_model);
    execute_all(room, *room.kind, room.batch);
    const NewRun& run = room.batch.runs.front();
    CAPTURE(run.error.message);
    CHECK(run.status == Status::complete);
    CHECK(run.score.verdict == Verdict::correct);
    // What was asked is what the prompts say.
    RunView view;
    view.run_id = run.id;
    view.data = run.data;
    view.context = run.context;
    const auto rebuilt = room.kind->rebuild(room.batch.info, view);
    REQUIRE(rebuilt);
    CHECK(rebuilt->compared > 2);
    CHECK(rebuilt->equal == rebuilt->compared);
  }
}

TEST_CASE("a rebuilt message that differs is named by agent, round and place") {
  DebateRoom room;
  const NewRun run = room.debate({}, replies_of(3, 2));
  RunView view;
  view.data = run.data;
  view.context = run.context;
  std::string changed = view.context[8].content.get<std::string>();
  changed[7] = '#';
  view.context[8].content = changed;
  const auto rebuilt = room.kind->rebuild(room.batch.info, view);
  REQUIRE(rebuilt->first);
  CHECK(rebuilt->compared - rebuilt->equal == 1);
  CHECK(rebuilt->first->agent == "1");
  CHECK(rebuilt->first->round == 2);
  CHECK(rebuilt->first->offset == 7);
  CHECK(rebuilt->first->want.starts_with("#"));
}

TEST_CASE("a fork shares the first rounds and goes on differently; what would change them is refused") {
  DebateRoom room;
  const NewRun parent = room.debate({{"rounds", "3"}}, replies_of(3, 3));
  const auto refusal = [&](std::uint32_t step, const ParameterTexts& changes) -> std::string {
    try {
      room.kind->fork_batch(room.batch.info, step, changes);
    } catch (const Error& error) {
      return error.what();
    }
    return "forked";
  };
  CHECK(refusal(1, {{"initial_prompt", "debate_critique"}}).find("initial_prompt would have changed") !=
        std::string::npos);
  CHECK(refusal(1, {{"agents", "5"}}).find("agents would have changed") != std::string::npos);
  CHECK(refusal(1, {{"sample", "uniform:3"}}).find("sample would") != std::string::npos);
  CHECK(refusal(2, {{"collaborative_prompt", "debate_critique"}}).find("mixed=yes") != std::string::npos);
  CHECK(refusal(2, {{"collaborative_prompt", "debate_critique"}, {"mixed", "yes"}}) == "forked");
  CHECK(refusal(2, {{"rounds", "2"}}).find("leaves nothing to do") != std::string::npos);
  CHECK(refusal(1, {{"topology", "circle"}}).find("circle") != std::string::npos);

  const std::string exchange = room.prompt("who", kWho);
  LoadedBatch fork = room.kind->fork_batch(room.batch.info, 1, {{"collaborative_prompt", exchange}, {"rounds", "2"}});
  RunView view;
  view.run_id = parent.id;
  view.context = parent.context;
  NewRun child = room.batch.runs.front();
  child = NewRun{};
  child.id = parent.id;
  child.data = parent.data;
  child.data["forked_from"] = {{"run", "debate:p"}, {"step", 1}, {"message", "Hurry."}};
  child.start = room.kind->fork_start(room.batch.info, view, 1);
  CHECK(child.start->context.size() == 6);
  fork.runs.push_back(std::move(child));
  room.transport.sent.clear();
  for (int i = 0; i < 3; ++i) room.transport.replies.push_back(chat("Answer: A"));
  execute_all(room, *room.kind, fork);
  CHECK(room.transport.sent.size() == 3);
  CHECK(room.last_asked()[1] == "2/1 reads 0@1 2@1\n\nHurry.");
  CHECK(fork.runs[0].answer["value"] == "A");
  CHECK(fork.runs[0].context.size() == 12);
  CHECK_THROWS_AS(room.kind->fork_start(room.batch.info, view, 4), Error);
}

TEST_CASE("a prompt that takes what it is never given is named at load, before anything is paid") {
  DebateRoom room;
  const auto warned = [&](const ParameterTexts& params) {
    const LoadedBatch batch = room.load(params);
    return std::any_of(batch.warnings.begin(), batch.warnings.end(),
                       [](const std::string& line) { return line.find("never given") != std::string::npos; });
  };
  CHECK(warned({{"initial_prompt", room.prompt("typo", "{{ qestion }}")}}));
  CHECK(warned({{"collaborative_prompt", "debate_critic"}}));
  CHECK_FALSE(warned({{"collaborative_prompt", "debate_critique"}}));
  CHECK_FALSE(warned({{"initial_prompt", room.prompt("typo", "{{ qestion }}")}, {"undefined", "lenient"}}));
}

TEST_CASE("evaluate refuses what load refuses") {
  DebateRoom room;
  room.batch = room.load({});
  for (const ParameterTexts& params :
       {ParameterTexts{{"aggregate", "agent:3"}}, ParameterTexts{{"aggregate", "judge"}},
        ParameterTexts{{"aggregate", "synthesizer"}}, ParameterTexts{{"extract", "leter"}}}) {
    CHECK_THROWS_AS(room.kind->make_evaluator(room.batch.info, params), Error);
  }
  CHECK(room.kind->make_evaluator(room.batch.info, {{"aggregate", "agent:2"}}));
}

TEST_CASE("a held target holds the run whatever else went wrong; nobody is asked in turn after it") {
  DebateRoom room;
  room.batch = room.load({{"on_agent_fail", "drop:2"}, {"rounds", "1"}});
  room.transport.replies.push_back(reply_with(400, R"({"error":{"message":"odd"}})"));
  room.transport.replies.push_back(reply_with(401, R"({"error":{"message":"no key"}})"));
  room.transport.replies.push_back(chat("Answer: B"));
  CHECK_THROWS_AS(execute_all(room, *room.kind, room.batch), RunHeld);

  DebateRoom turn;
  turn.batch = turn.load({{"on_agent_fail", "drop:2"}, {"schedule", "sequential"}});
  for (int i = 0; i < 3; ++i) turn.transport.replies.push_back(chat("Answer: B"));
  const std::string empty = R"({"error":{"message":"You exceeded your quota","code":"insufficient_quota"}})";
  turn.transport.replies.push_back(reply_with(429, empty));
  CHECK_THROWS_AS(execute_all(turn, *turn.kind, turn.batch), RunHeld);
  CHECK(turn.transport.sent.size() == 4);
}

TEST_CASE("each of four agents asks its own model") {
  DebateRoom room;
  const std::string file = room.write("four.yaml",
                                      "agents:\n  - {model: openai/a}\n  - {model: openai/b}\n  - {model: openai/c}\n"
                                      "  - {model: openai/d}\n");
  room.debate({{"agents", file}, {"rounds", "1"}}, replies_of(4, 1));
  Texts models;
  for (const auto& request : room.transport.sent)
    models.push_back(Json::parse(request.body)["model"].get<std::string>());
  CHECK(models == Texts{"a", "b", "c", "d"});
}

}  // namespace
}  // namespace assay
