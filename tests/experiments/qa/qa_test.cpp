#include "experiments/qa/qa.hpp"

#include <doctest/doctest.h>

#include <unistd.h>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "experiments/qa/prompting.hpp"
#include "tests/experiments/qa/fake_batch.hpp"
#include "tests/experiments/qa/shared_data.hpp"
#include "tests/runners/model_room.hpp"

namespace assay {
namespace {

using namespace test;

/// A folder of the test's own, gone with it.
struct Folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("assay_qa_" + std::to_string(::getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name) << text;
    return (path / name).string();
  }
};

struct Room : ModelRoom {
  std::unique_ptr<Kind> kind = make_qa_kind({client, registry});
  LoadedBatch load(const std::string& text, const ParameterTexts& params) {
    return kind->load(text_source("x.jsonl", text), params);
  }
  std::string refusal(const std::string& text, const ParameterTexts& params) {
    try {
      load(text, params);
    } catch (const Error& error) {
      return error.what();
    }
    return "loaded";
  }
  /// The runs of a text whose model gave these replies.
  LoadedBatch replied(const std::string& text, const std::vector<WireReply>& replies, ParameterTexts params = {}) {
    environment["OPENAI_API_KEY"] = "sk-test";
    params["model"] = "openai/m";
    auto batch = load(text, params);
    for (const auto& reply : replies) transport.replies.push_back(reply);
    execute_all(*this, *kind, batch);
    return batch;
  }
};

double metric(const NewRun& run, const std::string& name) {
  for (const auto& [key, value] : run.score.metrics) {
    if (key == name) return value;
  }
  return std::nan("");
}

const std::string kTwo = R"({"id":"p","question":"Two?","options":["one","two","three"],"answer":"B","category":"n"}
{"id":"q","question":"Three?","options":["one","two","three"],"answer":"C","category":"m"})";
const std::string kOne = R"({"id":"p","question":"Two?","options":["one","two","three"],"answer":"B"})";

TEST_CASE("the shipped sample runs on the built-in model, right and wrong") {
  Room room;
  for (const auto& [model, correct] : {std::pair{"sim/qa?accuracy=1", 40}, std::pair{"sim/qa?accuracy=0", 0}}) {
    auto batch = room.kind->load(text_source("sample", room.kind->sample("sample")), {{"model", model}});
    CHECK(batch.runs.size() == 40);
    CHECK(batch.warnings.empty());
    execute_all(room, *room.kind, batch);
    const auto report = room.kind->report(FakeBatch(std::move(batch)));
    CHECK(report.figures["correct"] == correct);
    CHECK(report.figures["scored"] == 40);
    CHECK(report.figures["unextracted"] == 0);
    CHECK(report.figures["categories"].size() == 8);
    CHECK(report.figures["stop_reasons"] == Json::parse(R"({"stop":40})"));
    CHECK(report.blocks.size() > 4);
  }
}

TEST_CASE("a run: prompt, one call, the answer and where it was found") {
  Room room;
  auto batch =
      room.replied(kTwo, {chat("I think two.\\nAnswer: B"), chat("It must be (A).")}, {{"system", "Be brief."}});
  const NewRun& right = batch.runs[0];
  REQUIRE(right.context.size() == 3);
  CHECK(right.context[0].role == "system");
  CHECK(right.context[0].content == "Be brief.");
  const auto prompt = right.context[1].content.get<std::string>();
  CHECK(prompt.starts_with("Question: Two?\nOptions:\nA. one\nB. two\nC. three\n"));
  CHECK(prompt.find("the letter of the option") != std::string::npos);
  CHECK(right.score.verdict == Verdict::correct);
  CHECK(right.answer["value"] == "B");
  CHECK(right.answer["rule"] == "cue");
  CHECK(right.answer["samples"][0]["stop"] == "stop");
  CHECK(metric(right, "unextracted") == 0);
  CHECK(batch.runs[1].score.verdict == Verdict::incorrect);
  CHECK(batch.runs[0].facets[0] == std::pair<std::string, std::string>("category", "n"));
  CHECK(room.transport.sent[0].body.find("\"max_tokens\":3000") != std::string::npos);
}

TEST_CASE("max_tokens is what was typed, else the alias's own, else 3000") {
  struct Row {
    const char *model, *typed;
    int sent;
  };
  for (const Row& row : {Row{"openai/m", "", 3000}, Row{"openai/m", "7", 7}, Row{"short", "", 64}, Row{"short", "7", 7},
                         Row{"short", "3000", 3000}}) {
    CAPTURE(row.model);
    CAPTURE(row.typed);
    Room room;
    room.environment["OPENAI_API_KEY"] = "sk-test";
    ModelRegistry registry(
        [&](std::string_view name) {
          return room.environment.contains(name) ? std::optional(room.environment.find(name)->second) : std::nullopt;
        },
        room.secrets,
        parse_models_text("version: 1\nmodels: {short: {model: openai/m, params: {max_tokens: 64}}}", "models.yaml"),
        &room.limiter);
    room.kind = make_qa_kind({room.client, registry});
    ParameterTexts params{{"model", row.model}};
    if (*row.typed != 0) params["max_tokens"] = row.typed;
    LoadedBatch batch = room.load(kOne, params);
    room.transport.replies.push_back(chat("B"));
    execute_all(room, *room.kind, batch);
    REQUIRE(room.transport.sent.size() == 1);
    CHECK(Json::parse(room.transport.sent[0].body)["max_tokens"] == row.sent);
  }
}

TEST_CASE("the request carries the parameters that were given") {
  Room room;
  room.replied(kOne, {chat("B")},
               {{"temperature", "0.5"},
                {"max_tokens", "7"},
                {"top_p", "0.9"},
                {"seed_model", "3"},
                {"stop_words", R"(["X","Y"])"}});
  const Json body = Json::parse(room.transport.sent[0].body);
  CHECK(body["temperature"] == 0.5);
  CHECK(body["max_tokens"] == 7);
  CHECK(body["top_p"] == 0.9);
  CHECK(body["seed"] == 3);
  CHECK(body["stop"] == Json::parse(R"(["X","Y"])"));
}

TEST_CASE("nothing found: INCORRECT and counted, or unscored when asked for; inside the bounds both ways") {
  for (const char* unextracted : {"incorrect", "null"}) {
    Room room;
    auto batch = room.replied(kTwo, {chat("B."), chat("I can't say.")}, {{"unextracted", unextracted}});
    const bool null = std::string(unextracted) == "null";
    CHECK(batch.runs[1].score.verdict == (null ? Verdict::none : Verdict::incorrect));
    CHECK(batch.runs[1].answer["value"].is_null());
    CHECK(metric(batch.runs[1], "unextracted") == 1);
    const auto figures = room.kind->report(FakeBatch(std::move(batch))).figures;
    CHECK(figures["unextracted"] == 1);
    CHECK(figures["unscored"] == (null ? 1 : 0));
    CHECK(figures["accuracy"] == (null ? 1.0 : 0.5));
    CHECK(dump_json(figures["bounds"]) == "[0.5,1.0]");
  }
}

TEST_CASE("a reply that was cut, filtered, refused or empty is kept, flagged and still read") {
  Room room;
  auto batch = room.replied(kTwo, {chat("Answer: B because", "length"), chat("", "content_filter")});
  CHECK(batch.runs[0].score.verdict == Verdict::correct);
  CHECK(batch.runs[0].answer["samples"][0]["stop"] == "max_tokens");
  CHECK(metric(batch.runs[0], "truncated") == 1);
  CHECK(metric(batch.runs[1], "filtered") == 1);
  CHECK(metric(batch.runs[1], "empty") == 1);
  CHECK(metric(batch.runs[1], "unextracted") == 1);
  const auto figures = room.kind->report(FakeBatch(std::move(batch))).figures;
  CHECK(figures["stop_reasons"] == Json::parse(R"({"max_tokens":1,"content_filter":1,"empty":1})"));
}

TEST_CASE("an item without gold is COMPLETE, unscored, in no accuracy; a FAIL is in the bounds only") {
  Room room;
  const std::string open =
      kTwo + "\n" + R"({"id":"r","question":"?","options":["x","y"],"answer":null,"category":"n"})";
  auto batch = room.replied(open, {chat("Answer: B"), reply_with(400, "{}"), chat("Answer: A")});
  CHECK(batch.runs[1].status == Status::fail);
  CHECK(batch.runs[1].error.kind.starts_with("bad_request"));
  CHECK(batch.runs[2].status == Status::complete);
  CHECK(batch.runs[2].score.verdict == Verdict::none);
  CHECK(batch.runs[2].answer["value"] == "A");
  const auto figures = room.kind->report(FakeBatch(std::move(batch))).figures;
  CHECK(figures["n"] == 3);
  CHECK(figures["scored"] == 1);
  CHECK(figures["failed"] == 1);
  CHECK(figures["unscored"] == 1);
  CHECK(figures["accuracy"] == 1.0);
  CHECK(dump_json(figures["bounds"]) == "[0.5,1.0]");
}

TEST_CASE("a reply without an answer to an item without gold counts as wrong nowhere, nor in the last line") {
  Room room;
  auto batch = room.replied(R"({"question":"?","options":["x","y"],"answer":null}
{"question":"?","options":["x","y"],"answer":"A"})",
                            {chat("I don't know"), chat("I don't know")});
  const auto report = room.kind->report(FakeBatch(std::move(batch)));
  CHECK(report.figures["unextracted"] == 2);
  CHECK(report.figures["unextracted_scored"] == 1);
  const auto* last = std::get_if<ReportText>(&report.blocks.back());
  REQUIRE(last != nullptr);
  CHECK(last->text.find("in it, 1 replies without a found answer count as wrong") != std::string::npos);
}

TEST_CASE("mode=completion sends the prompt as one text to the endpoint beside the chat's") {
  Room room;
  const std::string reply = R"({"id":"cmpl-1","object":"text_completion","model":"m","choices":[{"index":0,)"
                            R"("text":" The answer is (B).","logprobs":null,"finish_reason":"stop"}],)"
                            R"("usage":{"prompt_tokens":30,"completion_tokens":6,"total_tokens":36}})";
  auto batch =
      room.replied(kOne, {reply_with(200, reply)},
                   {{"mode", "completion"}, {"system", "Be brief."}, {"temperature", "0"}, {"max_tokens", "9"}});
  REQUIRE(batch.runs[0].status == Status::complete);
  CHECK(batch.runs[0].score.verdict == Verdict::correct);
  CHECK(batch.runs[0].context.back().content == " The answer is (B).");
  const WireRequest& sent = room.transport.sent.at(0);
  CHECK(sent.url == "https://api.openai.com/v1/completions");
  const Json body = parse_json(sent.body, "body");
  CHECK(!body.contains("messages"));
  CHECK(!body.contains("stream"));
  CHECK(body["prompt"].get<std::string>().starts_with("Be brief.\n\n"));
  CHECK(body["prompt"].get<std::string>().find("A. one\nB. two\nC. three\n") != std::string::npos);
  CHECK(body["max_tokens"] == 9);
  CHECK(body["temperature"] == 0);
  // A chat's reply is none: no text is taken from where it does not belong.
  Room other;
  auto cut = other.replied(kOne, {reply_with(200, R"({"object":"text_completion","choices":[{"index":0}]})")},
                           {{"mode", "completion"}});
  CHECK(cut.runs[0].status == Status::fail);
}

TEST_CASE("evaluate reads the recorded replies by another rule, without a call and without a key") {
  Room room;
  auto batch = room.replied(kOne, {chat("Some say (A), but the answer is B", "length")});
  REQUIRE(batch.runs[0].score.verdict == Verdict::correct);
  const std::size_t sent = room.transport.sent.size();
  room.environment.clear();
  const auto runner = room.kind->make_runner(batch.info, {{"extract", "du_mmlu"}});
  Run run;
  run.id = batch.runs[0].id;
  run.data = batch.runs[0].data;
  run.context = batch.runs[0].context;
  run.answer = batch.runs[0].answer;
  FakeStep step(room.clock, &room.clock);
  const Score score = runner->evaluate(run, step);
  CHECK(score.verdict == Verdict::incorrect);
  CHECK(run.answer["value"] == "A");
  CHECK(run.answer["extractor"] == "du_mmlu");
  CHECK(run.answer["samples"][0]["stop"] == "max_tokens");
  CHECK(room.transport.sent.size() == sent);
  CHECK_THROWS_AS(room.kind->make_runner(batch.info, {{"extract", "nosuch"}}), Error);
  CHECK_THROWS_AS(room.kind->make_runner(batch.info, {{"prompt", "qa_cot"}}), Error);
}

TEST_CASE("samples: one answer by majority of what was found; ties as asked for") {
  const std::vector<WireReply> tied{chat("Answer: C"), chat("Answer: B"), chat("hm"), chat("Answer: B"),
                                    chat("Answer: C")};
  for (const auto& [tie, value] : {std::pair{"first", Json("C")}, std::pair{"none", Json()}}) {
    Room room;
    auto batch = room.replied(kOne, tied, {{"samples", "5"}, {"tie", tie}});
    const NewRun& run = batch.runs[0];
    CHECK(run.answer["value"] == value);
    CHECK(run.answer["tied"] == true);
    CHECK(run.answer["votes"] == Json::parse(R"({"C":2,"B":2})"));
    CHECK(metric(run, "agreement") == doctest::Approx(0.4));
    CHECK(metric(run, "unextracted_samples") == 1);
    CHECK(run.context.size() == 6);
    const auto figures = room.kind->report(FakeBatch(std::move(batch))).figures;
    CHECK(figures["pass"]["1"].get<double>() == doctest::Approx(0.4));
    CHECK(figures["pass"]["2"].get<double>() == doctest::Approx(0.7));
    CHECK(figures["all"]["2"].get<double>() == doctest::Approx(0.1));
  }
  Room room;
  auto random = room.replied(kOne, tied, {{"samples", "5"}, {"tie", "random"}});
  CHECK((random.runs[0].answer["value"] == "B" || random.runs[0].answer["value"] == "C"));
  CHECK(room.load(kOne, {{"samples", "3"}, {"temperature", "0"}}).warnings.size() == 1);
}

TEST_CASE("repeats of items: clustered interval, pass@k by the formula, different draws of the built-in model") {
  Room room;
  std::string text;
  for (int i = 0; i < 50; ++i)
    text += R"({"id":"i)" + std::to_string(i) + R"(","question":"Q)" + std::to_string(i) +
            R"(","options":["a","b","c"],"answer":"B"})" + "\n";
  auto batch = room.load(text, {{"model", "sim/qa?accuracy=0.6"}});
  std::vector<NewRun> repeats;
  for (const NewRun& run : batch.runs) {
    for (int k = 1; k <= 4; ++k) {
      repeats.push_back(run);
      repeats.back().id = run.id + "@" + std::to_string(k);
    }
  }
  batch.runs = std::move(repeats);
  execute_all(room, *room.kind, batch);

  double pass2 = 0, mean = 0, squares = 0;
  std::vector<double> means;
  std::set<int> counts;
  for (std::size_t i = 0; i < 50; ++i) {
    int c = 0;
    for (std::size_t k = 0; k < 4; ++k) c += batch.runs[4 * i + k].score.verdict == Verdict::correct ? 1 : 0;
    pass2 += 1 - (4 - c) * (3 - c) / 12.0;
    means.push_back(c / 4.0);
    mean += c / 200.0;
    counts.insert(c);
  }
  CHECK(counts.size() > 2);
  for (const double m : means) squares += (m - mean) * (m - mean);
  const double half = 1.959963984540054 * std::sqrt(squares / (50.0 * 49.0));
  const auto figures = room.kind->report(FakeBatch(std::move(batch))).figures;
  CHECK(figures["n"] == 200);
  CHECK(figures["pass"]["2"].get<double>() == doctest::Approx(pass2 / 50));
  CHECK(figures["ci95"][0].get<double>() == doctest::Approx(mean - half));
  CHECK(figures["ci95"][1].get<double>() == doctest::Approx(mean + half));
  CHECK(figures["majority"]["n"] == 50);
}

TEST_CASE("prompts: pinned at load, checked at load, a failing one FAILs its run only") {
  Room room;
  const Folder folder;
  const auto path = folder.write("mine.yaml",
                                 "name: mine\nsystem: Short.\nextract: gsm8k>letter\nstop_words: [END]\n"
                                 "template: 'Say {{ stem }}'\n");
  auto batch = room.load(kOne, {{"prompt", path}, {"model", "sim/echo"}});
  CHECK(batch.info.pinned["prompt"]["name"] == "mine");
  CHECK(batch.info.pinned["prompt"]["path"] == path);
  CHECK(batch.info.pinned["prompt"]["hash"].get<std::string>().size() == 12);
  CHECK(batch.info.params["extract"] == "gsm8k>letter");
  CHECK(batch.info.params["system"] == "Short.");
  CHECK(room.load(kOne, {{"prompt", path}, {"extract", "mad"}}).info.params["extract"] == "mad");
  folder.write("mine.yaml", "name: mine\ntemplate: 'Other'\n");
  execute_all(room, *room.kind, batch);
  CHECK(batch.runs[0].context[1].content == "Say Two?");

  const auto declared = folder.write("a.yaml", "name: a\nvariables: [stem]\ntemplate: '{{ stem }} {{ nosuch }}'\n");
  CHECK(room.refusal(kOne, {{"prompt", declared}}).find("nosuch") != std::string::npos);
  const auto undeclared =
      folder.write("b.yaml", "name: b\ntemplate: '{{ stem }} {% if id == \"p\" %}{{ nosuch }}{% endif %}'\n");
  auto failing = room.load(kTwo, {{"prompt", undeclared}, {"model", "sim/echo"}});
  execute_all(room, *room.kind, failing);
  CHECK(failing.runs[0].status == Status::fail);
  CHECK(failing.runs[0].error.kind == "undefined");
  CHECK(failing.runs[0].error.place == "setup");
  CHECK(failing.runs[1].status == Status::complete);
  auto lenient = room.load(kOne, {{"prompt", undeclared}, {"model", "sim/echo"}, {"undefined", "lenient"}});
  execute_all(room, *room.kind, lenient);
  CHECK(lenient.runs[0].status == Status::complete);

  CHECK(room.refusal(kOne, {{"prompt", "qa_cod"}}) ==
        "prompt: no prompt 'qa_cod': no file of that name, and none shipped with qa");
  CHECK(room.refusal(kOne, {{"prompt", "nosuch.yaml"}}) != "loaded");
}

TEST_CASE("text of a question that looks like a template reaches the model unchanged") {
  Room room;
  auto batch = room.load(R"({"question":"{{ 7*7 }} <b> {% x","answer":"49"})", {{"model", "sim/echo"}});
  execute_all(room, *room.kind, batch);
  CHECK(batch.runs[0].context[0].content.get<std::string>().starts_with("{{ 7*7 }} <b> {% x\n"));
}

TEST_CASE("worked examples: of the item's category, fewer when the prompt would be too long") {
  Room room;
  const Folder folder;
  std::string shots;
  for (int i = 0; i < 4; ++i) {
    shots += R"({"question":"S)" + std::to_string(i) +
             R"(","options":["a","b"],"answer":"A","category":"n","cot":"since )" + std::string(100, 'x') + "\"}\n";
  }
  const auto file = folder.write("shots.jsonl", shots);
  const ParameterTexts given{{"prompt", "qa_fewshot"}, {"shots", "3"}, {"shots_file", file}, {"model", "sim/echo"}};
  auto batch = room.load(kTwo, given);
  CHECK(batch.warnings.size() == 1);  // no example for category m
  execute_all(room, *room.kind, batch);
  const auto prompt = batch.runs[0].context[0].content.get<std::string>();
  CHECK(prompt.starts_with("Example 1\nQuestion: S0\nOptions:\nA. a\nB. b\n\nsince xxx"));
  CHECK(prompt.find("S2") != std::string::npos);
  CHECK(prompt.find("S3") == std::string::npos);
  CHECK(metric(batch.runs[0], "shots_used") == 3);
  CHECK(batch.runs[1].context[0].content.get<std::string>().find("Example") == std::string::npos);

  auto limited = given;
  limited["max_prompt_tokens"] = std::to_string(prompt.size() / 4 - 1);
  auto fewer = room.load(kTwo, limited);
  execute_all(room, *room.kind, fewer);
  CHECK(metric(fewer.runs[0], "shots_used") == 2);

  auto any = given;
  any["shots_by"] = "all";
  any["shots_pick"] = "random";
  CHECK(room.load(kTwo, any).info.pinned["shots"]["examples"][""].size() == 3);
  CHECK(room.refusal(kOne, {{"shots", "3"}}) == "shots_file: shots=3 without shots_file");
  CHECK(room.load(kOne, {{"shots", "1"}, {"shots_file", file}, {"shots_by", "all"}}).warnings.size() == 1);
}

TEST_CASE("TIGER's few-shot prompts come out byte for byte") {
  const auto cases = shared_qa("vectors/tiger_cot_prompts.json");
  const auto prompt = shared_qa("prompts/tiger_cot.yaml");
  const auto shots = shared_qa("mmlu_pro_validation.jsonl");
  if (!cases || !prompt || !shots) return;
  Room room;
  for (const Json& one : parse_json(read_file(*cases), "cases").at("cases")) {
    const auto k = one.at("k").get<int>();
    auto batch =
        room.load(dump_json(one.at("item")),
                  {{"prompt", *prompt}, {"shots", std::to_string(k)}, {"shots_file", *shots}, {"model", "sim/echo"}});
    execute_all(room, *room.kind, batch);
    REQUIRE(batch.runs[0].status == Status::complete);
    CHECK(batch.runs[0].context[0].content == one.at("prompt"));
  }
}

TEST_CASE("a saved run keeps what it needs to go on elsewhere") {
  Room room;
  const auto batch = room.load(kOne, {{"temperature", "0.5"}, {"prompt", "qa_direct"}, {"sample", "uniform:1"}});
  CHECK(batch.runs[0].data["params"] ==
        Json::parse(R"({"temperature":0.5,"prompt":"qa_direct","model":"sim/default"})"));
  CHECK(room.kind->accepts(batch.runs[0].data));
  CHECK_FALSE(room.kind->accepts(Json::parse(R"({"A":1,"B":2})")));
}

TEST_CASE("recorded replies need no model; what is to be run does") {
  Room room;
  const auto batch = room.load(R"({"answer":"B","n_options":3,"out":"B"})", {{"map.reply", "out"}});
  CHECK(batch.info.model.empty());
  CHECK(batch.runs[0].status == Status::complete);
  CHECK(room.kind->make_runner(batch.info, {}) != nullptr);
  CHECK(room.load(kOne, {}).info.model == "sim/default");
  CHECK(room.refusal(kOne, {{"model", "nobody/x"}}) != "loaded");
  CHECK(room.refusal(kOne, {{"samples", "0"}}) == "samples: samples=0, expected at least 1");
  CHECK(room.refusal(kOne, {{"stop_words", "[1]"}}) == "stop_words: found 1, expected a text");
  CHECK(room.refusal(kOne, {{"mode", "completion"}}) ==
        "mode: sim/default has no endpoint for text completions that is known here");
  CHECK(room.refusal(kOne, {{"mode", "completion"}, {"model", "anthropic/m"}}).find("anthropic/m has no endpoint") !=
        std::string::npos);
  CHECK(room.refusal(kOne, {{"extract", "leter"}}) == "extract: unknown extractor 'leter'");
}

TEST_CASE("ways of comparing") {
  struct Case {
    const char *gold, *reply;
    ParameterTexts params;
    bool right;
  };
  const std::vector<Case> cases{
      {R"("Paris")", "Paris ", {}, true},
      {R"("Paris")", "paris", {}, false},
      {R"("Paris  X")", "paris x", {{"match", "text_ci"}}, true},
      {R"("Paris")", "It is Paris.", {{"match", "contains"}}, true},
      {"1000", "so $1,000.00", {}, true},
      {"3.14", "3.1", {{"tol", "0.05"}}, true},
      {"3.14", "3.0", {{"tol", "0.05"}}, false},
      {"18", "18", {{"match", "text"}, {"extract", "exact"}}, true},
  };
  for (const auto& [gold, reply, params, right] : cases) {
    Room room;
    CAPTURE(reply);
    auto batch = room.replied(R"({"question":"q","answer":)" + std::string(gold) + "}", {chat(reply)}, params);
    CHECK(batch.runs[0].score.verdict == (right ? Verdict::correct : Verdict::incorrect));
  }
}

}  // namespace
}  // namespace assay
