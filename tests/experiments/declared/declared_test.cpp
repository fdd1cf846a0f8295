// A study from its file to its scores: what is asked, read, scored, and what may change afterwards.
#include <doctest/doctest.h>

#include <filesystem>

#include "core/text/error.hpp"
#include "experiments/declared/declared.hpp"
#include "tests/experiments/qa/fake_batch.hpp"
#include "tests/runners/model_room.hpp"

using namespace assay;
using namespace assay::test;

namespace {

const std::string kHead = "assay: 1\nname: s\nmodel: openai/m\n";

struct Room : ModelRoom {
  Room() { environment["OPENAI_API_KEY"] = "sk-test"; }
  std::unique_ptr<Kind> kind = make_declared_kind({client, registry});

  LoadedBatch load(const std::string& study, const ParameterTexts& params = {}) const {
    return kind->load(text_source("study.yaml", study), params);
  }
  void reply(const std::string& text) {
    const std::string quoted = dump_json(Json(text));
    transport.replies.push_back(chat(quoted.substr(1, quoted.size() - 2)));
  }
  /// The messages of the request that was sent as number `n`.
  Json messages(std::size_t n) const { return parse_json(transport.sent.at(n).body, "request").at("messages"); }
};

std::string refusal(const std::function<void()>& attempt) {
  try {
    attempt();
  } catch (const Error& error) {
    return error.what();
  }
  return "taken";
}

double metric(const NewRun& run, const std::string& name) {
  for (const auto& [known, value] : run.score.metrics) {
    if (known == name) return value;
  }
  return -999;
}

}  // namespace

TEST_CASE("the steps are one conversation; what was said is known by the names of the steps") {
  Room room;
  auto batch =
      room.load(kHead +
                    "rows: [{id: FR, q: France, gold: Paris}]\n"
                    "parameters: {style: plain}\nsystem: You are {{ style }}.\n"
                    "steps:\n  - {name: first, ask: 'Capital of {{ q }}?', params: {temperature: 0.5}}\n"
                    "  - {ask: 'You said {{ reply }} and {{ steps.first.reply }}. Sure?'}\n"
                    "score: {contains: gold}\nmetrics: {letters: reply | length, same: steps.first.reply == reply}\n",
                {{"style", "poetic"}});
  REQUIRE(batch.runs.size() == 1);
  CHECK(batch.runs[0].id == "FR");
  CHECK(batch.info.name == "s");
  CHECK(batch.info.params["style"] == "poetic");
  room.reply("Lyon");
  room.reply("No, Paris.");
  execute_all(room, *room.kind, batch);
  const NewRun& run = batch.runs[0];
  CHECK(run.error.message == "");
  REQUIRE(run.status == Status::complete);
  CHECK(run.steps == 2);
  CHECK(run.score.verdict == Verdict::correct);
  CHECK(run.answer["value"] == "No, Paris.");
  CHECK(metric(run, "letters") == 10);
  CHECK(metric(run, "same") == 0);
  REQUIRE(run.context.size() == 5);
  CHECK(run.context[0].content == "You are poetic.");
  CHECK(run.context[3].content == "You said Lyon and Lyon. Sure?");
  CHECK(run.context[3].more["step"] == "step2");
  CHECK(room.messages(1).size() == 4);
  CHECK(parse_json(room.transport.sent.at(0).body, "").at("temperature") == 0.5);
  CHECK_FALSE(parse_json(room.transport.sent.at(1).body, "").contains("temperature"));
}

TEST_CASE("a step whose condition does not hold is not asked; a fresh one sees nothing of the others") {
  Room room;
  auto batch = room.load(kHead +
                         "rows: [{q: x}]\nsystem: S\nsteps:\n  - {name: a, ask: one}\n"
                         "  - {name: b, ask: two, when: \"'no' in reply\"}\n  - {name: c, ask: three, fresh: yes}\n"
                         "  - {name: d, ask: 'four {{ steps.b.asked }}'}\nextract: {rule: text, from: b}\n"
                         "score: {equals: q}\n");
  for (const char* text : {"yes", "r3", "r4"}) room.reply(text);
  execute_all(room, *room.kind, batch);
  const NewRun& run = batch.runs[0];
  REQUIRE(run.status == Status::complete);
  CHECK(run.steps == 4);
  REQUIRE(room.transport.sent.size() == 3);
  CHECK(dump_json(room.messages(1)) == R"([{"content":"S","role":"system"},{"content":"three","role":"user"}])");
  CHECK(
      dump_json(room.messages(2)) ==
      R"([{"content":"S","role":"system"},{"content":"three","role":"user"},{"content":"r3","role":"assistant"},{"content":"four False","role":"user"}])");
  CHECK(run.answer["value"].is_null());
  CHECK(run.score.verdict == Verdict::incorrect);
  CHECK(metric(run, "unextracted") == 1);
}

TEST_CASE("what is read of a reply") {
  struct Row {
    const char *rule, *reply;
    Json value;
  };
  const Row rows[] = {
      {"text", " Paris \n", "Paris"},
      {"text", "  \n", nullptr},
      {"first_line", "a\nb\nc\n", "a"},
      {"last_line", "a\nb\nc \n", "c"},
      {"number", "It is 3, no: 1,200.", "1200"},
      {"number", "none", nullptr},
      {"letter", "The answer is (C).", "C"},
      {"{letter: AB}", "The answer is (C).", nullptr},
      {"{pattern: 'answer: (\\w+)'}", "answer: a, answer: b", "b"},
      {"{pattern: 'answer: (\\w+)', take: first}", "answer: a, answer: b", "a"},
      {"{pattern: 'answer: (\\w+)', group: 0}", "answer: a", "answer: a"},
      {"{pattern: '(?P<x>\\d)(?P<y>\\d)', group: y}", "42", "2"},
      {"{pattern: 'a(b)?'}", "a", nullptr},
      {"{json: who.name}", "Well: {\"who\":{\"name\":\"Ada\"}}", "Ada"},
      {"{json: who}", "no JSON", nullptr},
      {"{choice: [agree, strongly agree, disagree]}", "I Strongly  agree. Strongly agree!", "strongly agree"},
      {"{choice: [agree, disagree]}", "I disagree", "disagree"},
      {"{choice: [agree, disagree]}", "disagreement", nullptr},
      {"{choice: [yes, no], take: first}", "Yes. No, I don't know.", "yes"},
      {"{choice: ['ja', 'né']}", "né!", "né"},
      {"boxed", "\\boxed{x+1}", "x+1"},
      {"{rule: number, from: step1}", "7", "7"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.rule);
    CAPTURE(row.reply);
    Room room;
    auto batch = room.load(kHead + "rows: [{q: x}]\nsteps: '{{ q }}'\nextract: " + row.rule + "\n");
    room.reply(row.reply);
    execute_all(room, *room.kind, batch);
    REQUIRE(batch.runs[0].status == Status::complete);
    CHECK(batch.runs[0].answer["value"] == row.value);
    CHECK(batch.runs[0].score.verdict == Verdict::none);
  }
}

TEST_CASE("how what was read is scored") {
  struct Row {
    const char *gold, *score, *reply;
    Verdict verdict;
  };
  const auto good = Verdict::correct, bad = Verdict::incorrect, none = Verdict::none;
  const Row rows[] = {
      {"Paris", "{equals: gold}", "Paris", good},
      {"Paris", "{equals: gold}", "paris", bad},
      {"Paris", "{equals: gold, ignore: [case, punctuation]}", "paris.", good},
      {"New York", "{equals: gold, ignore: space}", "New   York", good},
      {"New York", "{equals: gold}", "New   York", bad},
      {"[Paris, Lyon]", "{equals: gold}", "Lyon", good},
      {"''", "{equals: gold}", "Lyon", none},
      {"Paris", "{contains: gold, ignore: case}", "It is PARIS", good},
      {"Paris", "{contains: gold}", "It is PARIS", bad},
      {"12", "{number: gold}", "12.0", good},
      {"12", "{number: gold, tolerance: 0.1}", "12.1", good},
      {"12", "{number: gold, tolerance: 0.1}", "12.2", bad},
      {"12", "{number: gold}", "twelve", bad},
      {"B", "{choice: gold, options: [north, south]}", "south", good},
      {"south", "{choice: gold, options: [north, south]}", "B", good},
      {"south", "{choice: gold, options: opts}", "b", good},
      {"B", "{choice: gold}", "A", bad},
      {"x", "{pattern: '^[A-C]$'}", "B", good},
      {"x", "{pattern: '^[A-C]$'}", "D", bad},
      {"x", "{test: answer == gold + '!'}", "x!", good},
      {"x", "{test: '{{ answer == gold }}'}", "y", bad},
      {"x", "{equals: \"{{ gold | upper }}\"}", "X", good},
      {"x", "none", "x", none},
      {"x", "{equals: gold}", " ", bad},
      {"x", "{equals: gold, unextracted: unscored}", " ", none},
  };
  for (const Row& row : rows) {
    CAPTURE(row.gold);
    CAPTURE(row.score);
    CAPTURE(row.reply);
    Room room;
    auto batch = room.load(kHead + "rows: [{q: x, gold: " + row.gold +
                           ", opts: [north, south]}]\nsteps: '{{ q }}'\nscore: " + row.score + "\n");
    room.reply(row.reply);
    execute_all(room, *room.kind, batch);
    CHECK(batch.runs[0].error.message == "");
    CHECK(batch.runs[0].score.verdict == row.verdict);
  }
}

TEST_CASE("recorded replies are read again by other rules, a file's or typed ones") {
  Room room;
  auto batch = room.load(kHead + "rows: [{q: x, gold: 3}]\nsteps: '{{ q }}'\nscore: {equals: gold}\n");
  room.reply("So it is\n3");
  execute_all(room, *room.kind, batch);
  CHECK(batch.runs[0].score.verdict == Verdict::incorrect);
  const auto again = [&](const ParameterTexts& overrides) {
    const auto runner = room.kind->make_evaluator(batch.info, overrides);
    Run run;
    run.id = batch.runs[0].id;
    run.data = batch.runs[0].data;
    run.context = batch.runs[0].context;
    FakeStep step(room.clock, &room.clock);
    const Score score = runner->evaluate(run, step);
    return std::pair(score.verdict, run.answer["value"]);
  };
  CHECK(again({}) == std::pair(Verdict::incorrect, Json("So it is\n3")));
  CHECK(again({{"extract", "last_line"}}) == std::pair(Verdict::correct, Json("3")));
  CHECK(again({{"extract", "number"}, {"score", "{number: gold}"}}) == std::pair(Verdict::correct, Json("3")));
  CHECK(again({{"score", "none"}}).first == Verdict::none);
  CHECK(refusal([&] { again({{"score", "{equals: godl}"}}); }) == "study: score.equals: there is no column 'godl'");
  CHECK(refusal([&] { again({{"extract", "lastline"}}); }).find("there is no rule 'lastline'") != std::string::npos);
  CHECK(refusal([&] { again({{"style", "x"}}); }).find("has no parameter \"style\"") != std::string::npos);
  CHECK(refusal([&] { again({{"file", "/nowhere.yaml"}}); }).find("/nowhere.yaml") != std::string::npos);
}

TEST_CASE("a fork may change what comes after the steps that it shares") {
  Room room;
  const auto batch =
      room.load(kHead + "rows: [{q: x}]\nparameters: {a: one, b: two}\nsteps: ['{{ q }} {{ a }}', 'and {{ b }}']\n");
  const auto changed = [&](std::uint32_t step, const ParameterTexts& changes) {
    return room.kind->fork_batch(batch.info, step, changes).info.params;
  };
  CHECK(changed(1, {{"b", "three"}})["b"] == "three");
  CHECK(changed(0, {{"a", "three"}})["a"] == "three");
  CHECK(changed(1, {{"model", "sim/default"}})["model"] == "sim/default");
  CHECK(refusal([&] { changed(1, {{"a", "three"}}); }) ==
        "a, used by step1, shapes step 1 to 1, which the fork shares");
  CHECK(refusal([&] { changed(1, {{"c", "x"}}); }).find("has no parameter \"c\"") != std::string::npos);

  auto fork = room.kind->fork_batch(batch.info, 1, {{"b", "three"}});
  NewRun run = batch.runs[0];
  run.data["forked_from"] = Json::object({{"run", "s:1"}, {"step", 1}, {"message", "Think."}});
  run.start = NewRun::Start{
      1,
      nullptr,
      nullptr,
      {{"user", "x one", Json::object({{"step", "step1"}})}, {"assistant", "r", Json::object({{"step", "step1"}})}}};
  fork.runs.push_back(run);
  room.reply("done");
  execute_all(room, *room.kind, fork);
  REQUIRE(fork.runs[0].status == Status::complete);
  REQUIRE(room.messages(0).size() == 3);
  CHECK(room.messages(0)[2]["content"] == "and three\n\nThink.");
}

TEST_CASE("parameters are checked against the file; what has no default must be given") {
  Room room;
  const std::string study = kHead +
                            "rows: [{q: x}]\nparameters: {n: {type: integer}, style: {default: a, choices: [a, b]}}\n"
                            "steps: '{{ q }} {{ n + 1 }} {{ parameters.style }}'\n";
  CHECK(refusal([&] { room.load(study); }) == "s: the parameter n has no default and is not given");
  CHECK(refusal([&] { room.load(study, {{"n", "x"}}); }) == "n=x of kind declared: expected a whole number");
  CHECK(refusal([&] { room.load(study, {{"n", "1"}, {"stlye", "b"}}); }) ==
        "kind declared has no parameter \"stlye\": did you mean style?");
  auto batch = room.load(study, {{"n", "1"}, {"style", "b"}, {"temperature", "0.25"}});
  room.reply("ok");
  execute_all(room, *room.kind, batch);
  CHECK(room.messages(0)[0]["content"] == "x 2 b");
  CHECK(parse_json(room.transport.sent.at(0).body, "").at("temperature") == 0.25);
}

TEST_CASE("a batch that came with a save keeps its study; the report groups, counts answers and means") {
  Room room;
  auto batch = room.load(kHead +
                         "rows:\n  - {id: a, q: x, gold: 'yes', group: g1}\n  - {id: b, q: y, gold: 'no', group: g2}\n"
                         "steps: '{{ q }}'\nextract: {choice: ['yes', 'no']}\nscore: {equals: gold}\n"
                         "metrics: {length: reply | length}\nreport: {by: [group]}\n");
  CHECK(batch.runs[0].facets == std::vector<std::pair<std::string, std::string>>{{"group", "g1"}});
  batch.info.pinned = nullptr;  // as a save brings it
  room.reply("yes");
  room.reply("yes!");
  execute_all(room, *room.kind, batch);
  const Report report = room.kind->report(FakeBatch(batch));
  CHECK(report.figures["n"] == 2);
  CHECK(report.figures["correct"] == 1);
  CHECK(report.figures["by"]["group"][1]["category"] == "g2");
  CHECK(report.figures["by"]["group"][1]["accuracy"] == 0.0);
  CHECK(report.figures["answers"][0]["answer"] == "yes");
  CHECK(report.figures["answers"][0]["share"] == 1.0);
  CHECK(report.figures["metrics"][0]["mean"] == 3.5);
  BatchInfo foreign;
  foreign.kind = "declared";
  CHECK(refusal([&] { room.kind->make_runner(foreign, {}); }).find("its study is not there") == 0);
}

TEST_CASE("the sample, and the file that the README shows, load") {
  Room room;
  for (const std::string& name : room.kind->samples()) {
    const auto batch = room.kind->load(text_source(name, room.kind->sample(name)), {});
    CHECK(batch.runs.size() == 8);
  }
}
