#include "experiments/judge/recorded.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>

#include "core/text/error.hpp"
#include "experiments/judge/exports.hpp"
#include "experiments/judge/record.hpp"
#include "experiments/judge/report.hpp"
#include "tests/core/text/temporary_folder.hpp"
#include "tests/experiments/judge/shared_judge.hpp"
#include "tests/experiments/qa/fake_batch.hpp"

using namespace assay;

namespace {

Source source_of(const std::string& path) {
  Source source;
  source.name = path;
  source.path = path;
  return source;
}

/// Files of one load, each a text.
class Files {
 public:
  std::vector<Source> operator()(std::initializer_list<std::string> texts, const std::string& name = "lines.jsonl") {
    std::vector<Source> sources;
    for (const std::string& text : texts) {
      const std::string path = folder_.path(std::to_string(count_++) + name);
      std::ofstream(path, std::ios::binary) << text;
      sources.push_back(source_of(path));
    }
    return sources;
  }
  std::string one(const std::string& text, const std::string& name = "lines.jsonl") {
    return operator()({text}, name)[0].path.string();
  }

 private:
  TemporaryFolder folder_;
  int count_ = 0;
};

/// As the kind loads them.
FakeBatch load(const std::string& format, const std::vector<Source>& sources, Json params = Json::object()) {
  params["format"] = format;
  RecordedSource read = read_recorded(format, sources, params);
  for (const auto& [name, value] : read.defaults.items()) {
    if (!params.contains(name)) params[name] = value;
  }
  if (!params.contains("mode")) params["mode"] = to_text(read.mode.value_or(JudgeMode::pairwise));
  const JudgeSettings settings = judge_settings(params);
  LoadedBatch batch;
  batch.info.kind = "judge";
  batch.info.params = params;
  for (const JudgeItem& item : read.items) {
    NewRun run;
    run.id = item.id;
    run.data = to_data(item);
    JudgedRun judged = judged_run(settings, item, recorded_judgements(settings, item));
    run.answer = std::move(judged.answer);
    run.score = judged.score;
    run.status = Status::complete;
    batch.runs.push_back(std::move(run));
  }
  return FakeBatch(std::move(batch));
}

std::string message_of(const std::function<void()>& what) {
  try {
    what();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// "exact A 1.0; failed" of the judgements of one run.
std::string shown(const Json& answer) {
  std::string out;
  for (const Json& one : answer["judgements"]) {
    if (!out.empty()) out += "; ";
    out += one["status"].get<std::string>();
    for (const char* name : {"verdict", "value", "values", "scores"}) {
      if (!one[name].is_null())
        out += " " + (one[name].is_string() ? one[name].get<std::string>() : dump_json(one[name]));
    }
  }
  return out;
}

std::string exported(const FakeBatch& batch, const std::string& format = "judgements") {
  const JointExport made = export_judge(format, "x", {&batch});
  REQUIRE(made.files.size() == 1);
  return made.files[0].text;
}

}  // namespace

TEST_CASE("lines of one item make one run, whatever file they stand in") {
  Files files;
  const FakeBatch batch = load("judgements",
                               files({R"({"item":"q1","judge":"x","raw":"[[A]]","a":"m1","b":"m2","gold":"A"}
{"item":"q2","judge":"x","verdict":"B"})",
                                      R"({"item":"q1","judge":"x","order":"ba","raw":"[[B]]","a":"m1"}
{"item":"q2","judge":"x","order":"ba","verdict":null})"}),
                               {{"mode", "pairwise"}});
  REQUIRE(batch.size() == 2);
  CHECK(shown(batch.all()[0].answer) == "exact A 1.0; exact B 0.0");
  CHECK(batch.all()[0].answer["verdict"] == "A");
  CHECK(batch.all()[0].score.verdict == Verdict::correct);
  CHECK(batch.all()[0].data["model_b"] == "m2");
  // One order gave none: no verdict.
  CHECK(shown(batch.all()[1].answer) == "exact B 0.0; failed");
  CHECK(batch.all()[1].answer["why"] == "order");
}

TEST_CASE("a judge that was asked in one order only has a verdict by it") {
  Files files;
  const FakeBatch batch = load("judgements", files({R"({"item":"q1","order":"ba","verdict":"A"})"}));
  CHECK(batch.info().params["swap"] == "off");
  CHECK(batch.all()[0].answer["verdict"] == "B");
}

TEST_CASE("what a line keeps instead of a text") {
  Files files;
  struct Case {
    const char *line, *params, *want;
  };
  const Case cases[] = {
      {R"("value": 0.75)", R"({"mode":"pairwise"})", "exact A 0.75"},
      {R"("value": 0.5)", R"({"mode":"pairwise","labels":"AB2"})", "exact tie 0.5"},
      {R"("verdict": "tie")", R"({"mode":"pairwise"})", "exact tie 0.5"},
      {R"("verdict": "tie")", R"({"mode":"pairwise","labels":"AB2"})", "failed"},
      {R"("verdict": "A=B")", R"({"mode":"pairwise"})", "exact tie 0.5"},
      {R"("verdict": "A>>B")", R"({"mode":"pairwise","labels":"AB5"})", "exact A 1.0"},
      {R"("verdict": "A", "status": "refused")", R"({"mode":"pairwise"})", "refused"},
      {R"("status": "error", "error": "timeout: 60 s")", R"({"mode":"pairwise"})", "error"},
      {R"("value": [8, 7])", R"({"mode":"compare"})", "exact A 1.0 [8.0,7.0]"},
      {R"("values": [7, 7.05])", R"({"mode":"compare"})", "exact tie 0.5 [7.0,7.05]"},
      {R"("value": 7)", R"({"mode":"score"})", "exact 7.0"},
      {R"("verdict": "Yes")", R"({"mode":"binary","labels":"yesno"})", "exact positive 1.0"},
      {R"("value": 1)", R"({"mode":"binary"})", "exact positive 1.0"},
      {R"("scores": {"a": 4, "b": 2})", R"({"mode":"rubric"})", R"(exact 3.0 {"a":4.0,"b":2.0})"},
      {R"("scores": {"a": 4}, "value": null)", R"({"mode":"rubric","rubric":{"a":"","b":""}})",
       R"(partial {"a":4.0,"b":null})"},
      {R"("logprobs": [["A", -0.6931471805599453], ["B", -1.3862943611198906]])", R"({"mode":"pairwise"})",
       "exact A 0.6666666666666666"},
      {R"("raw": "[[A]] as", "stop_reason": "max_tokens")", R"({"mode":"pairwise"})", "truncated"},
      {R"("raw": "")", R"({"mode":"pairwise"})", "empty"},
      // What can't be said in the mode is no verdict.
      {R"("value": 11)", R"({"mode":"score"})", "out_of_range"},
      {R"("value": 11)", R"({"mode":"score","scale":"none"})", "exact 11.0"},
      {R"("values": [8, 0])", R"({"mode":"compare"})", "out_of_range"},
      {R"("value": 7)", R"({"mode":"binary"})", "out_of_range"},
      {R"("value": 1.5)", R"({"mode":"pairwise"})", "out_of_range"},
      {R"("verdict": "A", "value": -2)", R"({"mode":"pairwise"})", "out_of_range"},
      {R"("value": 0.7)", R"({"mode":"choice","choices":"A:1,B:0.5,C:0"})", "out_of_range"},
      {R"("value": 0.5)", R"({"mode":"choice","choices":"A:1,B:0.5,C:0"})", "exact B 0.5"},
      {R"("logprobs": [["A", -0.6931471805599453], ["C", -1.3862943611198906]])",
       R"({"mode":"choice","choices":"A:1,B:0.5,C:0"})", "exact A 0.6666666666666666"},
      {R"("scores": {"a": 4, "b": 12})", R"({"mode":"rubric","rubric":{"a":"","b":""}})",
       R"(partial {"a":4.0,"b":null})"},
      // Probabilities beside a status that says there is no verdict make none.
      {R"("logprobs": [["A", -0.1]], "status": "failed")", R"({"mode":"pairwise"})", "failed"},
      // A tie where none is taken.
      {R"("values": [7, 7])", R"({"mode":"compare","ties":false})", "failed"},
      {R"("verdict": "tie")", R"({"mode":"compare","ties":false})", "failed"},
      {R"("raw": "7 7")", R"({"mode":"compare","ties":false})", "failed"},
      {R"("raw": "[[C]]")", R"({"mode":"pairwise","labels":"AB2","parse":"fastchat"})", "failed"},
      // The status and the reason of the stop tell what the text does not.
      {R"("raw": "so [[A]]", "status": "truncated")", R"({"mode":"pairwise"})", "truncated"},
      {R"("raw": "[[A]]", "status": "truncated")", R"({"mode":"pairwise"})", "exact A 1.0"},
      {R"("raw": "[[A]]", "stop_reason": "content_filter")", R"({"mode":"pairwise"})", "refused"},
      {R"("raw": "[[A]]", "stop_reason": "refusal")", R"({"mode":"pairwise"})", "refused"},
      {R"("verdict": 1)", R"({"mode":"binary"})", "exact positive 1.0"},
      {R"("verdict": 7)", R"({"mode":"score"})", "exact 7.0"},
      {R"("verdict": 2)", R"({"mode":"choice","choices":"2:1,1:0"})", "exact 2 1.0"},
      {R"("raw": "{\"reasoning\":\"A has [[B]] in it\",\"verdict\":\"[[A]]\"}")",
       R"({"mode":"pairwise","reply":"schema"})", "exact A 1.0"},
      {R"("judge": "x")", R"({"mode":"pairwise"})", "failed"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.line);
    CAPTURE(one.params);
    const FakeBatch batch =
        load("judgements", files({std::string("{\"item\": 1, ") + one.line + "}"}), parse_json(one.params, "params"));
    CHECK(shown(batch.all()[0].answer) == one.want);
  }
}

TEST_CASE("the mode is what the lines say where none is given") {
  Files files;
  const std::pair<const char*, const char*> cases[] = {
      {R"("values": [7, 8])", "compare"},
      {R"("value": [7, 8])", "compare"},
      {R"("scores": {"a": 4})", "rubric"},
      {R"("verdict": "A", "b": "m2")", "pairwise"},
      {R"("raw": "[[A]]", "order": "ba")", "pairwise"},
      {R"("verdict": "A")", "pairwise"},
      {R"("verdict": "yes", "raw": "yes")", "binary"},
      {R"("verdict": "positive")", "binary"},
      {R"("verdict": 0)", "binary"},
      {R"("verdict": 7)", "score"},
      {R"("value": 7)", "score"},
      {R"("raw": "[[A]]")", "pairwise"},
      {R"("raw": "1", "mode": "binary")", "binary"},
  };
  for (const auto& [line, want] : cases) {
    CAPTURE(line);
    const auto sources = files({std::string("{\"item\": 1, ") + line + "}"});
    const RecordedSource read = read_recorded("judgements", sources, Json::object());
    CHECK(to_text(read.mode.value_or(JudgeMode::pairwise)) == want);
  }
}

TEST_CASE("a recorded panel is all judges of the files") {
  Files files;
  const auto sources = files({R"({"item":"1","judge":["x","pair-v2"],"verdict":"A"}
{"item":"1","judge":"y","verdict":"A"}
{"item":"2","judge":"y","verdict":"B"})"});
  const FakeBatch all = load("judgements", sources);
  CHECK(all.info().params["judges"] == Json::array({"x", "y"}));
  CHECK(all.all()[0].answer["verdict"] == "A");
  CHECK(all.all()[1].answer["why"] == "quorum");
  CHECK(load("judgements", sources, {{"quorum", "1"}}).all()[1].answer["verdict"] == "B");
  CHECK(message_of([&] { load("judgements", sources, {{"quorum", "3"}}); }).find("there are 2 judges") !=
        std::string::npos);
}

TEST_CASE("with a baseline only what was judged against it is there, and gold that says nothing is counted") {
  Files files;
  const auto sources = files({R"({"item":"1","a":"m1","b":"m2","verdict":"A","gold":"m2"}
{"item":"2","a":"m2","b":"m3","verdict":"A","gold":"left"}
{"item":"3","a":"m3","b":"m1","verdict":"A","gold":"right"})"});
  const RecordedSource read = read_recorded("judgements", sources, {{"baseline", "m1"}});
  REQUIRE(read.items.size() == 2);
  CHECK(read.items[1].id == "3");
  CHECK(read.notes == std::vector<std::string>{"1 item is left out: not judged against m1"});
  CHECK(read.warnings ==
        std::vector<std::string>{"the gold of 1 item is no verdict of mode=pairwise (3: \"right\"): it "
                                 "counts as without gold"});
  CHECK(read_recorded("judgements", sources, Json::object()).warnings.size() == 1);
  const Report report = judge_report(load("judgements", sources, {{"baseline", "m1"}}));
  for (const Json& row : report.figures.at("win_rate")) CHECK(row["opponent"] != "m2");
  CHECK(message_of([&] { read_recorded("judgements", sources, {{"baseline", "m9"}}); }).find("m9") !=
        std::string::npos);
}

TEST_CASE("a row tells which recorded form it has") {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"question_id":1,"model_1":"a","model_2":"b","g1_winner":"tie"})", "fastchat"},
      {R"({"question_id":1,"model":"a","judgment":"x","score":1})", "fastchat"},
      {R"({"instruction":"q","output_1":"x","generator_1":"a","preference":1.5})", "alpaca"},
      {R"({"item":1,"raw":"[[A]]"})", "judgements"},
      {R"({"id":1,"question":"q","prediction":"p"})", ""},
      {R"({"instruction":"q","output_1":"x","output_2":"y"})", ""},
      {R"({"item":1,"question":"q","response1":"a","response2":"b"})", ""},
      {"[1]", ""},
  };
  for (const auto& [row, want] : cases) {
    CAPTURE(row);
    CHECK(recorded_format_of(parse_json(row, "row")) == want);
  }
}

TEST_CASE("a bad line is named, and nothing is loaded") {
  Files files;
  struct Case {
    const char *text, *want;
  };
  const Case cases[] = {
      {"{\"item\": 1, \"raw\": \"1\"}\n{\"item\": 2, \"raw\" 1}", ":2: column "},
      {"{\"item\": 1, \"raw\": \"1\"}\n[1]", ":2: column 1: found [1], expected an object"},
      {"{\"raw\": \"1\"}", ":1: item is missing or empty"},
      {R"({"item": 1, "raw": 7})", ":1: raw: found 7, expected the reply as text"},
      {R"({"item": 1, "order": "AB", "raw": "1"})", ":1: order: found \"AB\", expected ab or ba"},
      {R"({"item": 1, "sample": -1, "raw": "1"})", ":1: sample: found -1, expected a number from 0"},
      {R"({"item": 1, "logprobs": [["A"]]})", ":1: logprobs: "},
      {R"({"item": 1, "status": "fine"})", ":1: status: "},
      {"{\"item\": 1, \"raw\": \"1\"}\n\n{\"item\": \"1\", \"raw\": \"0\"}",
       ":3: item 1 has a judgement of judge, order ab, sample 0 already: "},
      {"{\"item\": 1, \"gold\": \"A\", \"verdict\": \"A\"}\n{\"item\": 1, \"sample\": 1, \"gold\": \"B\"}",
       ":2: gold is not what an earlier line of this item says"},
      {R"({"item": 1, "raw": "1", "settings": {"swap_rule": "both"}})", ":1: settings: "},
      {R"({"item": 1, "verdict": "left"})", ":1: verdict: found \"left\", expected a label of AB"},
      {"", "there is no judgement"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.text);
    const auto sources = files({one.text});
    const std::string message = message_of([&] { load("judgements", sources); });
    CAPTURE(message);
    CHECK(message.find(one.want) != std::string::npos);
    CHECK(message.find("lines.jsonl") != std::string::npos);
  }
}

TEST_CASE("no damage to a file makes more than an error of it") {
  const std::string good =
      R"({"item":"q1","judge":"x","order":"ba","sample":0,"a":"m","b":"n","raw":"[[A]]","value":0.5,)"
      R"("values":[1,2],"scores":{"a":1},"logprobs":[["A",-1]],"gold":"A","len_a":3,"turn":1})";
  Files files;
  std::uint64_t state = 7;
  const auto next = [&] { return (state = state * 6364136223846793005U + 1442695040888963407U) >> 33; };
  const char* values[] = {"null", "\"\"", "-1",          "1e400",   "[]",    "{}",
                          "[[]]", "true", "99999999999", "\"tie\"", "\"ba\""};
  int loaded = 0;
  for (int round = 0; round < 400; ++round) {
    std::string text = good;
    if (round % 2 == 0) {
      Json line = parse_json(good, "good");
      auto at = line.begin();
      std::advance(at, static_cast<long>(next() % line.size()));
      const std::string value = values[next() % std::size(values)];
      const std::string before = dump_json(Json(at.key())) + ":" + dump_json(at.value());
      const std::size_t found = text.find(before.substr(0, before.find(':') + 1));
      text.replace(found, before.size(), before.substr(0, before.find(':') + 1) + value);
    } else {
      for (int i = 0; i < 3; ++i) text[next() % text.size()] = static_cast<char>(next() % 256);
    }
    const auto sources = files({text});
    for (const char* format : {"judgements", "fastchat", "alpaca"}) {
      try {
        for (const char* mode : {"pairwise", "compare"}) load(format, sources, {{"mode", mode}});
        ++loaded;
      } catch (const Error&) {
      }
    }
  }
  CHECK(loaded > 10);
}

TEST_CASE("FastChat's games: texts count, a game without one takes the recorded winner") {
  Files files;
  const auto sources = files(
      {R"({"question_id":81,"model_1":"m1","model_2":"m2","g1_winner":"model_1","g2_winner":"model_1","judge":["gpt-4","pair-v2"],"g1_judgment":"so [[A]]","g2_judgment":"so [[B]]","turn":1}
{"question_id":82,"model_1":"m1","model_2":"m2","g1_winner":"tie","g2_winner":"error","judge":["gpt-4","pair-v2"],"g1_judgment":"so [[A]]","g2_judgment":"","turn":2}
{"question_id":83,"model_1":"m1","model_2":"m2","g1_winner":"model_2","g2_winner":"model_2","judge":"gpt-4","turn":1})"});
  const FakeBatch batch = load("fastchat", sources);
  REQUIRE(batch.size() == 3);
  CHECK(batch.all()[0].id == "81/1/m1/m2");
  CHECK(shown(batch.all()[0].answer) == "lenient A 1.0; lenient B 0.0");
  CHECK(shown(batch.all()[1].answer) == "lenient A 1.0; failed");
  CHECK(batch.all()[1].data["turn"] == 2);
  CHECK(shown(batch.all()[2].answer) == "exact B 0.0; exact A 1.0");
  CHECK(batch.all()[2].answer["verdict"] == "B");
  const RecordedSource read = read_recorded("fastchat", sources, Json::object());
  REQUIRE(read.warnings.size() == 1);
  CHECK(read.warnings[0] ==
        "of 3 texts, 1 says another verdict than the one recorded (82/2/m1/m2); what the texts say counts");

  const FakeBatch single =
      load("fastchat",
           files({R"({"question_id":81,"model":"m","judge":["g","s"],"judgment":"Rating: [[7]]","score":7,"turn":1}
{"question_id":81,"model":"m","judge":["g","s"],"judgment":"","score":-1,"turn":2}
{"question_id":81,"model":"m","judge":["g","s"],"judgment":"[[5]]","score":5,"turn":1})"}));
  CHECK(single.info().params["mode"] == "score");
  CHECK(single.all()[0].id == "81/1/m");
  CHECK(shown(single.all()[0].answer) == "lenient 7.0");
  CHECK(shown(single.all()[1].answer) == "failed");
  CHECK(single.all()[2].id == "81/1/m.2");
  CHECK(load("fastchat", files({R"({"question_id":81,"model":"m","judge":"g","judgment":"[[5]]"})"})).all()[0].id ==
        "81/1/m");
}

TEST_CASE("AlpacaEval's preferences count for the second output, in the order that the log-probabilities tell") {
  Files files;
  const double m = std::log(0.8), big = std::log(0.2);
  const auto row = [&](const std::string& preference, bool logprobs) {
    Json one =
        parse_json(R"({"instruction":"q","output_1":"äö","output_2":"abc","generator_1":"base","generator_2":"new",
                              "annotator":"j","dataset":"d"})",
                   "row");
    if (logprobs) {
      one["raw_completion"]["logprobs"]["content"] = Json::array(
          {Json::object({{"token", "m"},
                         {"top_logprobs", Json::array({Json::object({{"token", "m"}, {"logprob", m}}),
                                                       Json::object({{"token", "M"}, {"logprob", big}})})}})});
    } else {
      one["raw_completion"] = nullptr;
    }
    std::string text = dump_json(one);
    text.back() = ',';
    return text + "\"preference\":" + preference + "}";
  };
  const std::string text = "[" + row("1.2", true) + "," + row("1.8", true) + "," + row("0", false) + "," +
                           row("1.5", false) + "," + row("NaN", false) + "," + row("null", false) + "," +
                           row("1.6", true) + "]";
  const auto sources = files({text}, "annotations.json");
  const FakeBatch batch = load("alpaca", sources);
  REQUIRE(batch.size() == 7);
  const auto judgement = [&](std::size_t i) { return batch.all()[i].answer["judgements"][0]; };
  CHECK(batch.all()[0].id == "new/0");
  CHECK(judgement(0)["order"] == "ab");
  CHECK(judgement(0)["value"].get<double>() == doctest::Approx(0.8));
  CHECK(judgement(1)["order"] == "ba");
  CHECK(judgement(1)["value"].get<double>() == doctest::Approx(0.8));
  CHECK(batch.all()[1].answer["value"].get<double>() == doctest::Approx(0.2));
  CHECK(judgement(0)["probabilities"]["B"].get<double>() == doctest::Approx(0.2));
  for (const std::size_t tie : {2U, 3U}) CHECK(shown(batch.all()[tie].answer) == "exact tie 0.5");
  for (const std::size_t none : {4U, 5U}) CHECK(shown(batch.all()[none].answer) == "failed");
  CHECK(batch.all()[0].data["len_a"] == 2.0);
  CHECK(batch.all()[0].data["len_b"] == 3.0);
  const RecordedSource read = read_recorded("alpaca", sources, Json::object());
  CHECK(read.warnings ==
        std::vector<std::string>{"1 preference is not what the log-probabilities say; the preference counts"});
  CHECK(message_of([&] {
          load("alpaca", files({"[" + row("3", false) + "]"}, "a.json"));
        }).find("preference: found 3") != std::string::npos);

  // A preference that is missing is not made up for by probabilities.
  const FakeBatch missing = load("alpaca", files({"[" + row("null", true) + "]"}, "annotations.json"));
  CHECK(shown(missing.all()[0].answer) == "failed");
  CHECK(missing.all()[0].answer["judgements"][0]["probabilities"]["A"].get<double>() == doctest::Approx(0.8));
  CHECK(missing.all()[0].answer["verdict"].is_null());

  // Annotators of the same row judge one item; a row of one annotator that is there twice is another.
  std::string other = "[" + row("1.2", false) + "," + row("2", false) + "]";
  const std::string mine = other;
  for (std::size_t at = 0; (at = other.find("\"j\"", at)) != std::string::npos; ++at) other.replace(at, 3, "\"k\"");
  const FakeBatch two = load("alpaca", files({mine, other}, "annotations.json"));
  REQUIRE(two.size() == 2);
  CHECK(two.all()[0].id == "new/0");
  CHECK(two.all()[1].id == "new/1");
  CHECK(shown(two.all()[0].answer) == "exact A 0.8; exact A 0.8");
  CHECK(shown(two.all()[1].answer) == "exact B 0.0; exact B 0.0");
  CHECK(judge_report(two).figures["agreement"].size() > 0);

  // Outputs of nobody in particular are the file's.
  std::string example = "[" + row("1.2", true) + "]";
  example.replace(example.find("\"new\""), 5, "\"example\"");
  CHECK(load("alpaca", files({example}, "Model.json")).all()[0].data["model_b"].get<std::string>().ends_with("Model"));
}

TEST_CASE("every recorded preference of AlpacaEval is what its log-probabilities give, to 1e-6") {
  const auto null_model = shared_judge("alpaca/NullModel.json.gz"), alpaca = shared_judge("alpaca/alpaca-7b.json.gz");
  if (!null_model || !alpaca) return;
  const std::vector<Source> sources = {source_of(*null_model), source_of(*alpaca)};
  const FakeBatch as_recorded = load("alpaca", sources), read_anew = load("alpaca", sources, {{"parse", "alpaca"}});
  REQUIRE(as_recorded.size() == 1610);
  std::size_t compared = 0;
  for (std::size_t i = 0; i < as_recorded.size(); ++i) {
    const Json& before = as_recorded.all()[i].answer["judgements"][0];
    const Json& after = read_anew.all()[i].answer["judgements"][0];
    if (before["probabilities"].is_null()) continue;
    ++compared;
    CHECK(std::abs(before["value"].get<double>() - after["value"].get<double>()) < 1e-6);
  }
  CHECK(compared == 1607);
}

TEST_CASE("exported judgements, loaded again, give the same report and the same export") {
  const auto again = [](const FakeBatch& batch) {
    Files files;
    const std::string lines = exported(batch);
    const FakeBatch loaded = load("judgements", files({lines}));
    CHECK(exported(loaded) == lines);
    CHECK(judge_report(loaded).figures == judge_report(batch).figures);
  };
  Files files;
  again(load("judgements", files({R"({"item":"1","judge":"x","raw":"8 7","a":"m","b":"n","len_a":3,"len_b":4,"note":"n"}
{"item":"1","judge":"x","order":"ba","raw":"<think>","stop_reason":"max_tokens","tokens_in":5,"model_used":"z","fallback":1}
{"item":"2","judge":"x","values":[3,4],"category":"c","cluster":7,"gold":"B"}
{"item":"2","judge":"x","order":"ba","status":"error","error":"timeout: 60 s"})"}),
             {{"mode", "compare"}}));
  again(load("judgements", files({R"({"item":"1","raw":"1"}
{"item":"2","raw":"10"}
{"item":"3","verdict":"negative","gold":true})"}),
             {{"mode", "binary"}, {"parse", "lmms"}}));
  again(load("judgements", files({R"({"item":"1","raw":"so [[A>>B]]","order":"ab"}
{"item":"1","verdict":"B>A","order":"ba"}
{"item":"2","raw":"[[A>B]]","logprobs":[["A",-1],["B",-2]]}
{"item":"2","raw":"[[A>B]]","logprobs":[],"order":"ba"})"}),
             {{"mode", "pairwise"}, {"labels", "AB5"}}));
  struct Case {
    const char *lines, *params;
  };
  const Case cases[] = {
      {R"({"item":"1","raw":"yes"}
{"item":"2","raw":"no","gold":"yes"})",
       R"({"mode":"correctness"})"},
      {R"({"item":"1","raw":"good"}
{"item":"2","raw":"x"})",
       R"({"mode":"choice","choices":"good:1,bad:0"})"},
      {R"({"item":"1","raw":"1","model":"m","team":1}
{"item":"2","raw":"5","model":"m","team":1}
{"item":"3","raw":"6","model":"m","team":2})",
       R"({"mode":"score","scale":"1-5","cluster":"team","bootstrap_seed":7})"},
      {R"({"item":"1","raw":"{\"a\":1,\"b\":2,\"c\":3}"}
{"item":"2","raw":"{\"a\":1}"})",
       R"({"mode":"rubric","rubric":{"a":"one","b":"two"}})"},
      {R"({"item":"1","raw":"A","a":"m","b":"n"}
{"item":"1","raw":"C","order":"ba"}
{"item":"2","raw":"A","a":"m","b":"n"}
{"item":"2","raw":"A","order":"ba"})",
       R"({"mode":"pairwise","swap_rule":"mean","rating":"davidson","anchor":"m:900"})"},
      {R"({"item":"1","judge":"x","raw":"A","a":"m","b":"n"}
{"item":"1","judge":"y","raw":"B"}
{"item":"2","judge":"y","raw":"A","a":"m","b":"n"})",
       R"({"mode":"pairwise","pool":"mean","quorum":"1","labels":"AB2","ties":false,"swap":"off"})"},
      {R"({"item":"1","raw":"A","a":"m","b":"n"})", R"({"mode":"pairwise","swap":"both"})"},
      {R"({"item":"1","raw":"left","a":"m","b":"n"}
{"item":"2","raw":"right","order":"ba"})",
       R"({"mode":"pairwise","parse":"regex","regex.A":"l.ft","regex.B":"r.*t"})"},
      {R"({"item":"1","raw":"7 8.5","a":"m","b":"n"})", R"({"mode":"compare","tie_delta":2})"},
      {R"({"item":"1","raw":"{\"verdict\":1}"})", R"({"mode":"binary","reply":"json"})"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.params);
    again(load("judgements", files({one.lines}), parse_json(one.params, "params")));
  }
  // What is asked for counts before what the lines carry.
  const std::string mean = exported(load("judgements", files({cases[4].lines}), parse_json(cases[4].params, "params")));
  CHECK(load("judgements", files({mean})).all()[0].answer["value"] == 0.75);
  CHECK(load("judgements", files({mean}), {{"swap_rule", "tie"}}).all()[0].answer["verdict"] == "inconsistent");
  const auto pair = shared_judge("mtbench_phi3/model_judgment/gpt-4_pair.jsonl.gz");
  const auto null_model = shared_judge("alpaca/NullModel.json.gz");
  if (!pair || !null_model) return;
  again(load("fastchat", {source_of(*pair)}));
  again(load("alpaca", {source_of(*null_model)}));
}

TEST_CASE("verdicts as a table, and as lmms-eval's results") {
  Files files;
  FakeBatch batch = load("judgements", files({R"({"item":"1","judge":"x","raw":"1"}
{"item":"1","judge":"y","raw":"Score: 1"}
{"item":"2","judge":"x","raw":"10"}
{"item":"2","judge":"y","raw":"0"})"}),
                         {{"mode", "binary"}});
  CHECK(exported(batch, "verdicts") ==
        "item,judge,verdict,value,status\n1,x,positive,1,exact\n1,y,positive,1,lenient\n1,panel,positive,1,read\n"
        "2,x,,,unparsed\n2,y,negative,0,exact\n2,panel,,,quorum\n");
  batch.runs()[0].context.push_back({"user", "Is it?", Json::object({{"judge", "x"}, {"order", "ab"}, {"sample", 0}})});
  const std::string lines = exported(batch, "lmms");
  const Json first = parse_json(lines.substr(0, lines.find('\n')), "first");
  CHECK(first["result"] == 1);
  CHECK(first["success"] == true);
  CHECK(first["prompt"] == "Is it?");
  CHECK(first["raw_response"] == "1");
  std::size_t at = 0;
  for (int i = 0; i < 2; ++i) at = lines.find('\n', at) + 1;
  const Json third = parse_json(lines.substr(at, lines.find('\n', at) - at), "third");
  CHECK(third["result"].is_null());
  CHECK(third["success"] == false);
}

TEST_CASE("human verdicts: several raters, missing cells, places given or not") {
  Files files;
  const auto human =
      read_human(files.one("item,rater,verdict,a,b\n1,ann,model_a,,\n1,bob,,,\n2,ann,B,n,m\n3,,tie,,\n", "h.csv"));
  CHECK(human.at("1").size() == 1);
  CHECK(human.at("1").at("ann") == "model_a");
  CHECK(human.at("3").at("human") == "tie");
  JudgeItem item;
  item.id = "2";
  item.model_a = "m";
  item.model_b = "n";
  item.human = human.at("2");
  NewRun run;
  run.id = "2";
  run.data = to_data(item);
  BatchInfo info;
  info.params = {{"mode", "pairwise"}};
  RunView view;
  view.data = run.data;
  // n is A there and B here.
  CHECK(JudgeRecords(info)(view).item.human.at("ann") == "A");
  CHECK(read_human(files.one(R"({"item":1,"rater":"r","score":7.5})")).at("1").at("r") == 7.5);
  CHECK(message_of([&] {
          read_human(files.one("item,rater,verdict\n1,a,A\n1,a,B\n", "h.csv"));
        }).find("a judges item 1 twice") != std::string::npos);
  CHECK(message_of([&] { read_human(files.one("item,rater\n1,a\n", "h.csv")); }).find("no column verdict") !=
        std::string::npos);
}
