#include "experiments/qa/loading.hpp"

#include <doctest/doctest.h>
#include <openssl/sha.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "experiments/qa/parameters.hpp"
#include "experiments/qa/scoring.hpp"
#include "tests/experiments/qa/parquet_writer.hpp"
#include "tests/experiments/qa/shared_data.hpp"

namespace assay {
namespace {

using Texts = ParameterTexts;

std::vector<Item> items_of(const std::string& path, const Texts& given, std::vector<std::string>* warnings = nullptr) {
  std::vector<std::string> own;
  return read_items({path, path, std::nullopt}, resolve_parameters(qa_parameters(), given, "qa"),
                    warnings ? *warnings : own);
}

/// Items of a text as if it stood in a file of that name.
std::vector<Item> items_in(const std::string& name, const std::string& text, const Texts& given = {},
                           std::vector<std::string>* warnings = nullptr) {
  std::vector<std::string> own;
  return read_items({name, name, std::string_view(text)}, resolve_parameters(qa_parameters(), given, "qa"),
                    warnings ? *warnings : own);
}

std::string refusal(const std::string& name, const std::string& text, const Texts& given = {}) {
  try {
    items_in(name, text, given);
  } catch (const Error& error) {
    return error.what();
  }
  return "loaded";
}

std::string ids_hash(const std::vector<Item>& items) {
  std::string text;
  for (const auto& item : items) text += item.id + "\n";
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  std::string hex;
  for (const unsigned char byte : digest) {
    constexpr const char* kDigits = "0123456789abcdef";
    hex += kDigits[byte >> 4U];
    hex += kDigits[byte & 15U];
  }
  return hex;
}

TEST_CASE("MMLU-Pro's published draw loads with its categories") {
  const auto path = shared_qa("mmlu_pro_393.jsonl.gz");
  if (!path) return;
  const auto items = items_of(*path, {});
  CHECK(items.size() == 393);
  std::map<std::string, int> counts;
  for (const auto& item : items) ++counts[item.category];
  CHECK(counts.size() == 14);
  CHECK(counts["business"] == 40);
  CHECK(counts["engineering"] == 16);
  CHECK(items[0].id == "5825");
  CHECK(items[0].format == "mmlu_pro");
  CHECK(items[0].answer == "I");
  CHECK(items[0].options.size() == 10);
  CHECK(items[0].extra.contains("src"));
}

TEST_CASE("options that are N/A are dropped and said") {
  const auto path = shared_qa("mmlu_pro_validation.jsonl");
  if (!path) return;
  std::vector<std::string> warnings;
  const auto items = items_of(*path, {}, &warnings);
  std::size_t options = 0;
  for (const auto& item : items) options += item.options.size();
  CHECK(items.size() == 70);
  CHECK(options == 649);
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0] == "51 options that are N/A were dropped");
}

TEST_CASE("CommonsenseQA's original schema gives the same items as the hub's") {
  const auto original = shared_qa("csqa_dev_original_100.jsonl");
  const auto hub = shared_qa("csqa_validation_hf.jsonl.gz");
  if (!original || !hub) return;
  const auto first = items_of(*original, {});
  auto second = items_of(*hub, {});
  REQUIRE(first.size() == 100);
  REQUIRE(second.size() == 1221);
  std::map<std::string, int> concepts;
  for (const auto& item : second) ++concepts[item.category];
  CHECK(concepts.size() == 785);
  for (std::size_t i = 0; i < first.size(); ++i) {
    Json a = to_data(first[i], Json::object());
    Json b = to_data(second[i], Json::object());
    for (const char* key : {"format", "source"}) {
      a.erase(key);
      b.erase(key);
    }
    CHECK(nlohmann::json::parse(dump_json(a)) == nlohmann::json::parse(dump_json(b)));
  }
}

TEST_CASE("the samples of the published sets come out again") {
  const auto index = shared_qa("mmlu_pro_index.jsonl.gz");
  const auto csqa = shared_qa("csqa_validation_hf.jsonl.gz");
  const auto expected_path = shared_qa("expected.json");
  if (!index || !csqa || !expected_path) return;
  const Json expected = parse_json(read_file(*expected_path), "expected.json").at("sampling");
  const Texts map{{"map.id", "question_id"}, {"map.question", "question_id"}};
  for (const auto& [name, want] : expected.items()) {
    if (name == "note") continue;
    CAPTURE(name);
    // "mmlu_pro mad:400 seed 12345 .."
    const auto blank = name.find(' ');
    const auto next = name.find(' ', blank + 1);
    const auto seed_at = name.find("seed ") + 5;
    Texts given = name.starts_with("csqa") ? Texts{} : map;
    given["sample"] = name.substr(blank + 1, next - blank - 1);
    given["seed"] = name.substr(seed_at, name.find(' ', seed_at) - seed_at);
    const auto items = items_of(name.starts_with("csqa") ? *csqa : *index, given);
    CHECK(items.size() == want.at("n").get<std::size_t>());
    CHECK(ids_hash(items) == want.at("sha256").get<std::string>());
  }
}

TEST_CASE("gsm8k's gold is the number after the last ####") {
  const auto path = shared_qa("gsm8k_test_400.jsonl.gz");
  if (path) {
    const auto items = items_of(*path, {});
    CHECK(items.size() == 400);
    CHECK(items[0].format == "gsm8k");
    CHECK(items[0].answer == 18);
    CHECK(items[0].extra["solution"].get<std::string>().starts_with("Janet sells"));
  }
  const auto items = items_in("x.jsonl", R"({"question":"q","answer":"so\n#### 1\nor\n#### -14,000"})");
  CHECK(items[0].answer == -14000);
  CHECK(refusal("x.jsonl", R"({"question":"q","answer":"a #### many"})") ==
        "x.jsonl:1: row 1, column 'answer': found \"a #### many\", expected a solution with its number after ####");
}

TEST_CASE("CSV: a BOM, quotes, newlines within quotes; TSV and MMLU's table without a header") {
  const auto csv =
      items_in("x.csv", "\xEF\xBB\xBFid,question,answer\r\n7,\"a \"\"b\"\"\r\nc, d\",\"yes\"\r\n8,e,no\r\n");
  REQUIRE(csv.size() == 2);
  CHECK(csv[0].id == "7");
  CHECK(*csv[0].question == "a \"b\"\r\nc, d");
  CHECK(csv[1].answer == "no");

  const Texts mmlu{{"header", "no"}, {"map.question", "0"}, {"map.options", "1+2+3+4"}, {"map.answer", "5"}};
  const auto table = items_in("x.csv", "What?,one,two,three,four,C\nWho?,a,b,N/A,d,D\n", mmlu);
  REQUIRE(table.size() == 2);
  CHECK(table[0].options == std::vector<std::string>{"one", "two", "three", "four"});
  CHECK(table[0].answer == "C");
  CHECK(table[1].options == std::vector<std::string>{"a", "b", "d"});
  CHECK(table[1].answer == "C");  // the letters count what is left
  CHECK(table[0].id == "1");

  const auto tsv = items_in("x.tsv", "What?\tone\ttwo\tthree\tfour\tC\n", mmlu);
  CHECK(tsv[0].options.size() == 4);
  const auto semicolon = items_in("x.csv", "question;answer\nq;5\n", {{"delimiter", ";"}});
  CHECK(semicolon[0].answer == 5);
}

TEST_CASE("JSON: an array, an array inside a document, objects as options, another name for everything") {
  CHECK(items_in("x.json", R"([{"question":"q","answer":1}])").size() == 1);
  CHECK(items_in("x.json", "{\"n\":1,\"cases\":[{\"question\":\"q\",\"answer\":1}]}", {{"rows", "cases"}}).size() == 1);
  CHECK(refusal("x.json", "{\"n\":1}", {{"rows", "cases"}}) != "loaded");
  const auto items =
      items_in("x.jsonl", R"({"q":{"text":"Q?"},"choices":[{"t":"x","l":"1"},{"t":"y","l":"2"}],"gold":"2","why":"w"})",
               {{"map.question", "q.text"},
                {"map.options", "choices"},
                {"map.option_text", "t"},
                {"map.option_label", "l"},
                {"map.answer", "gold"},
                {"map.cot", "why"}});
  REQUIRE(items.size() == 1);
  CHECK(*items[0].question == "Q?");
  CHECK(items[0].answer == "B");
  CHECK(items[0].cot == "w");
  const auto saved = items_in(
      "x.json",
      R"([{"data":{"id":"k","question":"q","options":["a","b"],"labels":["A","B"],"answer":"B"},"answer":null,"status":"READY","score":"null","context":[],"logs":[]}])");
  CHECK(saved[0].id == "k");
  CHECK(saved[0].answer == "B");
}

TEST_CASE("the gold answer in every way it is written") {
  struct Case {
    const char *answer, *answer_is;
    const char* want;  // "" a refusal
  };
  const std::vector<Case> cases{
      {R"("B")", "auto", R"("B")"},
      {"2", "auto", R"("C")"},
      {R"("red")", "auto", R"("A")"},
      {R"(" RED ")", "auto", R"("A")"},
      {R"("blue ")", "auto", R"("C")"},
      {R"("1")", "auto", ""},
      {"3", "auto", ""},
      {R"("D")", "auto", ""},
      {R"("b")", "auto", ""},
      {R"("b")", "letter", R"("B")"},
      {R"("1")", "index0", R"("B")"},
      {R"("1")", "index1", R"("A")"},
      {"3", "index1", R"("C")"},
      {"0", "index1", ""},
      {R"("green")", "text", R"("B")"},
      {R"("B")", "text", ""},
      {"null", "auto", "null"},
      {R"("")", "auto", "null"},
      {R"("7,5")", "number", "75"},
      {R"(["A"])", "auto", ""},
  };
  for (const auto& [answer, answer_is, want] : cases) {
    const std::string row =
        R"({"question":"q","options":["red","green"," Blue "],"answer":)" + std::string(answer) + "}";
    CAPTURE(row);
    CAPTURE(answer_is);
    std::string got;
    try {
      got = dump_json(items_in("x.jsonl", row, {{"answer_is", answer_is}})[0].answer);
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find("x.jsonl:1: row 1, column 'answer': found ") == 0);
    }
    CHECK(got == want);
  }
  CHECK(items_in("x.jsonl", R"({"question":"q","answer":"1,000.50"})")[0].answer == 1000.5);
  CHECK(items_in("x.jsonl", R"({"question":"q","answer":"Paris"})")[0].answer == "Paris");
  CHECK(items_in("x.jsonl", R"({"question":"q","answer":"so 3 + 4 = 7\nA: 7"})", {{"answer_is", "number"}})[0].answer ==
        7);
}

TEST_CASE("a bad source is one message with its row and column") {
  const std::string good = R"({"question":"q","options":["a","b"],"answer":"A"})";
  CHECK(refusal("x.jsonl", good + "\n[1]\n") == "x.jsonl:2: row 2: found array, expected an object");
  CHECK(refusal("x.jsonl", good + "\n{\"quest\":\"q\"}\n") ==
        "x.jsonl:2: row 2 has no column 'question'; it has quest");
  CHECK(refusal("x.jsonl", good, {{"map.answer", "anwser"}}) ==
        "x.jsonl:1: row 1 has no column 'anwser'; it has question, options, answer");
  CHECK(refusal("x.jsonl", R"({"question":"q","options":["N/A"],"answer":"A"})") ==
        "x.jsonl:1: row 1, column 'options': found 0 options, expected 1 to 26");
  CHECK(refusal("x.jsonl", R"({"question":"q","options":[["a"],"b"]})").find("column 'options'") != std::string::npos);
  CHECK(refusal("x.jsonl", R"({"question":{"a":1}})").find("column 'question': found {\"a\":1}") != std::string::npos);
  CHECK(refusal("x.jsonl", "{\"question\":\n").find("x.jsonl") == 0);
  CHECK(refusal("x.csv", "question,answer\na,1,2\n").find("x.csv:2") == 0);
  CHECK(refusal("x.jsonl", "") == "x.jsonl: no rows");
  CHECK(refusal("x.parquet", "PAR1") == "x.parquet: Parquet: it does not end with PAR1: it is cut");
  CHECK(refusal("x.jsonl", good, {{"map.anser", "x"}}) ==
        "map.anser: no field 'anser' can be mapped: did you mean answer?");
  CHECK(refusal("x.jsonl", good, {{"n_options", "40"}}) == "n_options: n_options=40, expected 1 to 26");
  CHECK(refusal("x.jsonl", good, {{"format", "csqa"}}).find("row 1 has no column") != std::string::npos);

  std::vector<std::string> warnings;
  CHECK(items_in("x.jsonl", good + "\n[1]\n{\"quest\":1}\n" + good, {{"bad_rows", "skip"}}, &warnings).size() == 2);
  CHECK(warnings[0] == "2 rows left out (bad_rows=skip)");
}

TEST_CASE("every form that a column may have, and what is wrong with it, with row and column") {
  struct Case {
    const char *name, *text;
    Texts given;
    const char* want;  // what must stand in the message; "" it loads
  };
  const std::vector<Case> cases{
      {"x.json", R"({"rows":[{"question":"q","answer":1}]})", {}, ""},
      {"x.json", R"({"a":{"b":[{"question":"q","answer":1}]}})", {{"rows", "a.b"}}, ""},
      {"x.json",
       R"({"a":{"b":[{"question":"q","answer":1}]}})",
       {{"rows", "a.c"}},
       "an object without an array at \"a.c\""},
      {"x.json", "[{\"question\":\"q\"\n,}]", {}, "x.json:2: column 2"},
      {"x.jsonl", "{\"question\":\"q\",\"answer\":1}\n{\"question\":q}\n", {}, "x.jsonl:2: "},
      {"x.csv", "question,answer\n\"open,1\n", {}, "x.csv:2: the quote that opens here (byte "},
      {"x.csv", "question,answer\nq,\xFF\n", {}, "x.csv:2: row 2, column 2: invalid UTF-8"},
      {"x.csv", "question,answer\nq\n", {}, "x.csv:2: row 2 has 1 columns, the first row has 2"},
      {"x.csv", "question,answer\n", {}, "x.csv: no rows: the first line was taken for the names of the columns"},
      {"x.csv", "question,answer\n", {{"header", "no"}, {"map.question", "0"}}, ""},
      {"x.csv", "question,answer\nq,1\n", {{"delimiter", "ab"}}, "delimiter 'ab', expected one character or tab"},
      {"x.csv", "question,answer\nq,1\n", {{"map.question", "qestion"}}, "row 1 has no column 'qestion'"},
      {"x.csv", "question,A,B,answer\nq,x,y,C\n", {{"map.options", "A+B"}}, "row 1, column 'answer': found \"C\""},
      {"x.csv", "question,A,B,answer\nq,x,y,B\n", {{"map.options", "A+E"}}, "row 1 has no column 'E'"},
      {"x.tsv", "question\tanswer\nq\t1\n", {}, ""},
      {"x.jsonl", R"({"question":"q","options":["a"],"n_options":2,"answer":"A"})", {}, ""},
      {"x.jsonl", R"({"question":"q","n_options":27,"answer":"A"})", {}, "row 1, column 'n_options': found 27"},
      {"x.jsonl", R"({"question":"q","n_options":"many","answer":"A"})", {}, "column 'n_options': found \"many\""},
      {"x.jsonl", R"({"question":"q","options":["a","b"],"labels":["A"],"answer":"A"})", {}, "column 'labels'"},
      {"x.jsonl", R"({"question":"q","options":["a","a"],"answer":"a"})", {}, "column 'answer': found \"a\""},
      {"x.jsonl", R"({"question":"q","options":["N/A","b"],"answer":"A"})", {}, "an option that is not N/A"},
      {"x.jsonl", R"({"question":" ","answer":"A"})", {}, "column 'question': found an empty text"},
      {"x.jsonl", R"({"answer":"A","n_options":4})", {}, "row 1 has no column 'question'"},
      {"x.jsonl", R"({"answer":"A","n_options":4,"out":"B"})", {{"map.reply", "out"}}, ""},
      {"x.jsonl", R"({"answer":"A","n_options":4,"out":{"x":1}})", {{"map.reply", "out"}}, "column 'out'"},
      {"x.jsonl",
       R"({"id":"a","question":"q","question_concept":"c","choices":{"label":["A","B"],"text":["x","y"]},)"
       R"("answerKey":""})",
       {},
       ""},
      {"x.jsonl",
       R"({"question":"q","options":["a","b"],"answer":"A"})",
       {{"format", "gsm8k"}, {"map.answer", "x"}},
       "row 1 has no column 'x'"},
      {"x.jsonl",
       R"({"question":{"stem":"s","choices":[{"label":"A"}]},"answerKey":"A"})",
       {},
       "an object with a text at 'text'"},
  };
  for (const auto& [name, text, given, want] : cases) {
    CAPTURE(text);
    const std::string got = refusal(name, text, given);
    CAPTURE(got);
    if (std::string_view(want).empty()) {
      CHECK(got == "loaded");
    } else {
      CHECK(got.find(want) != std::string::npos);
    }
  }
}

TEST_CASE("packed files are read as plain ones, whatever their form") {
  const auto folder = std::filesystem::temp_directory_path() / ("assay_packed_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const std::vector<test::ParquetField> fields{{.kind = 's', .name = "question"}, {.kind = 'l', .name = "answer"}};
  const std::vector<std::pair<std::string, std::string>> files{
      {"x.jsonl", R"({"question":"q","answer":7})"},
      {"x.json", R"([{"question":"q","answer":7}])"},
      {"x.csv", "question,answer\nq,7\n"},
      {"x.tsv", "question\tanswer\nq\t7\n"},
      {"x.parquet", test::write_parquet(fields, {{{"question", "q"}, {"answer", 7}}}, {.codec = 1})}};
  for (const auto& [name, text] : files) {
    CAPTURE(name);
    const std::string base = (folder / name).string();
    std::ofstream(base, std::ios::binary) << text;
    gzFile gz = gzopen((base + ".gz").c_str(), "wb");
    gzwrite(gz, text.data(), static_cast<unsigned>(text.size()));
    gzclose(gz);
    std::string packed(ZSTD_compressBound(text.size()), '\0');
    packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
    std::ofstream(base + ".zst", std::ios::binary) << packed;
    for (const char* ending : {"", ".gz", ".zst"}) {
      const auto items = items_of(base + ending, {});
      REQUIRE(items.size() == 1);
      CHECK(*items[0].question == "q");
      CHECK(items[0].answer == 7);
    }
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("ids are texts and unique; a repeated one is said") {
  std::vector<std::string> warnings;
  const auto items = items_in("x.jsonl", R"({"id":3,"question":"q","answer":1}
{"id":"3","question":"r","answer":1}
{"question":"s","answer":1}
{"id":"3.2","question":"t","answer":1})",
                              {}, &warnings);
  CHECK(items[0].id == "3");
  CHECK(items[1].id == "3.3");
  CHECK(items[2].id == "3.4");
  CHECK(items[3].id == "3.2");
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0] == "x.jsonl:2: id 3 is there already; this row is 3.3 (and 1 more repeated ids)");
}

TEST_CASE("where letter and index disagree the letter counts, with a warning") {
  std::vector<std::string> warnings;
  const auto items = items_in(
      "x.jsonl", R"({"question_id":3983,"question":"q","options":["a","b","c"],"answer":"C","answer_index":0})", {},
      &warnings);
  CHECK(items[0].answer == "C");
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0] == "x.jsonl:1: id 3983: answer C but answer_index 0; the letter counts");
}

TEST_CASE("categories narrow before the sample; an unknown one is named") {
  const std::string rows = R"({"question":"q","answer":1,"category":"math"}
{"question":"q","answer":1,"category":"law"}
{"question":"q","answer":1,"category":"art"})";
  CHECK(items_in("x.jsonl", rows, {{"categories", "math+art"}}).size() == 2);
  CHECK(refusal("x.jsonl", rows, {{"categories", "maths"}}) == "categories: no question of category 'maths'");
}

TEST_CASE("a recorded reply makes a COMPLETE run with its score; none leaves it READY") {
  const auto items = items_in("x.jsonl", R"({"answer":"B","out":["It is (A).","The answer is (B).","B"],"question":"q"}
{"answer":"B","out":null,"question":"q"}
{"answer":null,"out":"The answer is (B).","question":"q"}
{"answer":"B","out":"","question":"q"})",
                              {{"map.reply", "out"}, {"n_options", "3"}});
  const Scorer scorer(resolve_parameters(qa_parameters(), {}, "qa"));
  std::vector<NewRun> runs;
  for (auto item : items) runs.push_back(make_run(std::move(item), Json::object(), scorer));
  CHECK(runs[0].status == Status::complete);
  CHECK(runs[0].score.verdict == Verdict::correct);
  CHECK(runs[0].context.size() == 3);
  CHECK(dump_json(runs[0].answer) ==
        R"({"value":"B","rule":"cue","extractor":"letter","samples":[{"value":"A","rule":"is"},)"
        R"({"value":"B","rule":"cue"},{"value":"B","rule":"lead"}],"votes":{"A":1,"B":2},"tied":false})");
  CHECK(runs[1].status == Status::ready);
  CHECK(runs[1].context.empty());
  CHECK(runs[2].status == Status::complete);
  CHECK(runs[2].score.verdict == Verdict::none);
  CHECK(runs[2].answer["value"] == "B");
  CHECK(runs[3].score.verdict == Verdict::incorrect);
  CHECK(runs[3].answer["value"].is_null());
}

TEST_CASE("a hundred thousand items load in time") {
  std::string text;
  for (int i = 0; i < 100000; ++i) {
    text += R"({"question":"What is it, number )" + std::to_string(i) +
            R"(?","options":["one thing","another","a third","none"],"answer":"C","category":"c)" +
            std::to_string(i % 9) + "\"}\n";
  }
  const auto start = std::chrono::steady_clock::now();
  const auto items = items_in("x.jsonl", text);
  std::vector<NewRun> runs;
  const Scorer scorer(Json::object());
  for (auto item : items) runs.push_back(make_run(std::move(item), Json::object(), scorer));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  CHECK(runs.size() == 100000);
  std::cout << "100,000 items: " << took.count() << " s\n";
}

}  // namespace
}  // namespace assay
