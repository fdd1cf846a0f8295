#include "experiments/discussion/result_file.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/python_json.hpp"
#include "core/text/words.hpp"
#include "experiments/discussion/prompt_rows.hpp"
#include "tests/core/text/temporary_folder.hpp"
#include "tests/experiments/discussion/shared_discussion.hpp"

namespace assay {
namespace {

namespace fs = std::filesystem;

std::string python(const Json& value) {
  std::string out;
  append_python_json(out, value);
  return out;
}

/// A small result of g2: Ann and Bo, a moderator, one opening.
Json small(const std::string& id = "id-1") {
  Json value = parse_json(R"({"id": "", "timestamp": "25-02-02-10-09", "users": ["Ann", "Bo \ud83d\ude08"],
    "moderator": "moderator",
    "user_prompts": ["A forum. Your name is Ann. Your traits: username: Ann, age: 3 Your instructions: talk",
                     "A forum. Your name is Bo. Your traits: none Your instructions: talk"],
    "moderator_prompt": "Moderate.", "ctx_length": 2,
    "logs": [{"name": "Bo \ud83d\ude08", "text": "Tea?\n", "model": "hardcoded"},
             {"name": "Ann", "text": "\"\"", "model": "m"}, {"name": "moderator", "text": "", "model": "m"},
             {"name": "Bo \ud83d\ude08", "text": "It's hardcoded, d\u00e9j\u00e0 vu", "model": "hardcoded"},
             {"name": "moderator", "text": "Calm.", "model": "m"}]})",
                          "small");
  value["id"] = id;
  return value;
}

void write(const std::string& path, const std::string& text) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

RunView view_of(const NewRun& run) {
  RunView view;
  view.run_id = run.id;
  view.status = run.status;
  view.data = run.data;
  view.context = run.context;
  return view;
}

struct Loaded {
  std::vector<NewRun> runs;
  std::vector<std::string> warnings;
};
Loaded load(const std::string& path, bool skip_bad = false) {
  Loaded loaded;
  loaded.runs = load_discussion_results(path, skip_bad, loaded.warnings);
  return loaded;
}

DiscussionRecord record_in(const std::string& path) { return discussion_record(view_of(load(path).runs.at(0))); }

TEST_CASE("a folder's results are its *.json in byte order of their relative paths; all else is named") {
  const TemporaryFolder folder;
  for (const char* name : {"b/2.json", "b.json", "b-1.json", "B/\u00e9 a'\".json", "b/10.json"}) {
    write(folder.path(name), python(small(name)));
  }
  for (const char* name : {".hidden.json", ".cache/x.json", "notes.txt", "b/.json", "b/x.json.bak"}) {
    write(folder.path(name), "x");
  }
  const Loaded loaded = load(folder.path(""));
  std::vector<std::string> ids;
  for (const NewRun& run : loaded.runs) {
    ids.push_back(run.id);
    CHECK(run.status == Status::complete);
    CHECK(run.data["file"] == run.id);
  }
  CHECK(ids == std::vector<std::string>{"B/\u00e9 a'\"", "b-1", "b", "b/10", "b/2"});
  REQUIRE(loaded.warnings.size() == 1);
  CHECK(loaded.warnings[0] ==
        "5 files that are no result ignored: .cache, .hidden.json, b/.json, b/x.json.bak, notes.txt");
  CHECK(load(folder.path("b/2.json")).runs[0].id == "2");

  const TemporaryFolder other;
  CHECK_THROWS_WITH_AS(load(other.path("")), doctest::Contains("it is empty"), Error);
  write(other.path("a.txt"), "x");
  CHECK_THROWS_WITH_AS(load(other.path("")), doctest::Contains("no *.json; seen: a.txt"), Error);
}

TEST_CASE("the log becomes the context: kinds, turns, positions, silence") {
  const TemporaryFolder folder;
  write(folder.path("a.json"), python(small()));
  const NewRun run = load(folder.path("a.json")).runs.at(0);
  std::vector<std::string> lines;
  for (const ContextMessage& message : run.context) {
    lines.push_back(message.role + " " + message.content.get<std::string>() + " " + dump_json(message.more));
  }
  const std::string bo = R"("name":"Bo 😈",)";
  CHECK(lines ==
        std::vector<std::string>{
            "user Tea?\n {" + bo + R"("model":"hardcoded","kind":"seed","turn":0,"index":0})",
            R"(assistant "" {"name":"Ann","model":"m","kind":"user","turn":1,"index":1,"silent":true})",
            R"(assistant  {"name":"moderator","model":"m","kind":"moderator","turn":1,"index":2,"silent":true})",
            "assistant It's hardcoded, déjà vu {" + bo + R"("model":"hardcoded","kind":"user","turn":2,"index":3})",
            R"(assistant Calm. {"name":"moderator","model":"m","kind":"moderator","turn":2,"index":4})"});
  CHECK(run.steps == 2);
  for (std::size_t i = 0; i < run.context.size(); ++i) {
    CHECK(dump_json(to_message(event_of(run.context[i]), i).more) == dump_json(run.context[i].more));
  }
  const DiscussionRecord record = discussion_record(view_of(run));
  CHECK(record.loaded);
  CHECK(record.id == "id-1");
  CHECK(record.timestamp == "25-02-02-10-09");
  CHECK(record.personas.at(0) == Json{{"username", "Ann"}, {"age", 3}});
  CHECK(record.personas.at(1).is_null());
  CHECK(record.stop_reason.empty());
}

TEST_CASE("generations are told by content") {
  Json g2 = small(), g4 = small(), g0 = small(), g5 = Json::object();
  g4["user_prompts"][0] = R"({"context": "", "instructions": "", "type": "1", "persona": {"username": "Ann"}})";
  g0["user_types"] = {"str", "str"};
  g0["logs"] = Json::array({Json::array({"Ann", "x"}), Json::array({"Bo", "hardcoded"})});
  g5 = {{"timestamp", "26-05-01-10-00"},
        {"logs",
         {{{"name", "Ann"}, {"text", " "}, {"model", "hardcoded"}, {"prompt", R"({"persona": {}})"}},
          {{"name", "Bo"}, {"text", "x"}, {"model", "m"}, {"prompt", R"({"type":"user","persona":{"username":"Bo"}})"}},
          {{"name", "the moderator"}, {"text", "y"}, {"model", "m"}, {"prompt", "Mod"}}}}};
  CHECK(discussion_generation(g2) == Generation::g2);
  CHECK(discussion_generation(g4) == Generation::g4);
  CHECK(discussion_generation(g0) == Generation::g0);
  CHECK(discussion_generation(g5) == Generation::g5);
  Json typed = g2, empty = g0;
  typed["user_types"] = {"str", "str"};  // a key of g0 in a file of g1
  empty["logs"] = Json::array();
  CHECK(discussion_generation(typed) == Generation::g2);
  CHECK(discussion_generation(empty) == Generation::g0);
  for (const Json& one : {g2, g4, g0, g5}) CHECK(result_shape(one) == ResultShape::discussion);
  Json annotation = g5;
  annotation["logs"][0]["prompt"] = R"({"type": "annotator", "persona": {}})";
  CHECK(result_shape(annotation) == ResultShape::annotation);
  CHECK(result_shape(Json{{"conv_id", "x"}, {"logs", Json::array()}}) == ResultShape::annotation);
  for (const char* none : {"[]", "{}", R"({"logs": {}})", R"({"logs": [{"text": "x"}]})", R"({"users": []})"}) {
    CHECK(result_shape(parse_json(none, "none")) == ResultShape::none);
  }

  // A file of g5 names nobody: those who speak are its users, its path is its id.
  const DiscussionRecord record = record_of_file(g5, Generation::g5, "x/y");
  CHECK(record.id == "x/y");
  CHECK(record.users == std::vector<std::string>{"Ann", "Bo"});
  CHECK(record.personas[0].is_null());
  CHECK(record.personas[1] == Json{{"username", "Bo"}});
  CHECK(record.moderator == "the moderator");
  CHECK(record.user_prompts.empty());
  CHECK(record.events[0].kind == DiscussionEvent::Kind::seed);
  CHECK(record.events[2].kind == DiscussionEvent::Kind::moderator);
  CHECK(record.events[1].prompt.find("Bo") != std::string::npos);
  CHECK_THROWS_WITH_AS(file_prompts(record), doctest::Contains("ctx_length"), Error);
}

TEST_CASE("damaged files are refused with their place; skip_bad loads the others and lists them") {
  struct Case {
    std::string text, message;
  };
  Json no_text = small(), two_prompts = small(), log = small(), user = small();
  no_text["logs"][3].erase("text");
  two_prompts["user_prompts"].erase(1);
  log["logs"][1] = {"name", "text", "model"};
  user["users"][1] = 7;
  const std::string whole = python(small());
  for (const Case& one : std::vector<Case>{
           {"", "empty (0 bytes)"},
           {whole.substr(0, 200), "line 10, column 31 (byte 201)"},
           {"{\"id\": \"a\xff\"}", "line 1, column 10 (byte 10): invalid UTF-8"},
           {"{\"logs\": 1, \"users\": []}", "no result"},
           {"[1]", "`conv_id`"},
           {python(no_text), "logs[3] has no \"text\""},
           {python(two_prompts), "2 users, but 1 prompt of users"},
           {python(log), "logs[1] is [\"name\",\"text\",\"model\"]"},
           {python(user), "\"users\" holds 7"},
           {R"({"conv_id": "x", "logs": []})", "annotation, expected results of discussions"},
       }) {
    CAPTURE(one.message);
    const TemporaryFolder folder;
    write(folder.path("a/good.json"), whole);
    write(folder.path("b.json"), one.text);
    CHECK_THROWS_WITH_AS(load(folder.path("")), doctest::Contains(one.message.c_str()), Error);
    CHECK_THROWS_WITH_AS(load(folder.path("")), doctest::Contains("b.json"), Error);
    const Loaded others = load(folder.path(""), true);
    CHECK(others.runs.size() == 1);
    REQUIRE(others.warnings.size() == 1);
    CHECK(others.warnings[0].find("left out: ") == 0);
    CHECK(others.warnings[0].find("b.json") != std::string::npos);
    CHECK(others.warnings[0].find(one.message) != std::string::npos);
    CHECK_THROWS_WITH_AS(load(folder.path("b.json"), true), doctest::Contains("b.json"), Error);
  }
  const TemporaryFolder folder;
  write(folder.path("a.json"), R"({"conv_id": "x", "logs": []})");
  try {
    load(folder.path(""));
    FAIL("loaded");
  } catch (const Error& error) {
    CHECK(error.hint() == "load annotation reads it");
  }
  write(folder.path("b.json"), python(small()));
  CHECK(load(folder.path(""), true).warnings.at(0).ends_with("(load annotation reads it)"));
}

TEST_CASE("a text or model that is null is an empty one, and stays null in the file") {
  Json source = small();
  source["logs"][3]["text"] = nullptr;
  source["logs"][4]["model"] = nullptr;
  const TemporaryFolder folder;
  write(folder.path("a.json"), python(source));
  const DiscussionRecord record = record_in(folder.path("a.json"));
  CHECK(record.events[3].text.empty());
  CHECK(record.events[3].silent);
  CHECK(record.events[4].model.empty());
  CHECK(discussion_file(record, Generation::g2) == python(source));
}

TEST_CASE("two files of one id both load, with a warning") {
  const TemporaryFolder folder;
  for (const char* name : {"a.json", "b.json", "c.json"}) {
    write(folder.path(name), python(small(std::string(name) == "c.json" ? "other" : "same")));
  }
  const Loaded loaded = load(folder.path(""));
  CHECK(loaded.runs.size() == 3);
  CHECK(loaded.warnings == std::vector<std::string>{"2 files have the id same, all loaded: a, b"});
}

TEST_CASE("what was loaded comes out with its bytes, also when a hand has been at it") {
  Json extra = small();
  extra["mood"] = {{"b", 1.50}, {"a", Json::array()}};
  extra["ctx_length"] = 3.0;
  const std::string whole = python(extra);
  std::string spaced = whole + "\n";
  for (const std::string& text : {whole, spaced, dump_json(extra), dump_json(extra, 2), "\xEF\xBB\xBF" + whole,
                                  whole.substr(0, whole.size() - 1) + ", \"lone\": \"\\ud83d\", \"x\": \"\\u0041\"}"}) {
    const TemporaryFolder folder;
    write(folder.path("a.json"), text);
    const NewRun run = load(folder.path("a.json")).runs.at(0);
    CHECK(run.data.contains("source_text") == (text != whole));
    NewRun stored = run;
    stored.data = parse_json(dump_json(run.data), "store");
    CHECK(discussion_file(discussion_record(view_of(stored)), Generation::g2) == text);
    CHECK(discussion_file(discussion_record(view_of(stored)), Generation::g1) == text);
  }
}

TEST_CASE("results become those of another generation where that can be") {
  const TemporaryFolder folder;
  write(folder.path("a.json"), python(small()));
  const DiscussionRecord g2 = record_in(folder.path("a.json"));
  const std::string as_g1 = discussion_file(g2, Generation::g1);
  write(folder.path("b.json"), as_g1);
  CHECK(discussion_file(record_in(folder.path("b.json")), Generation::g2) == python(small()));

  const Json g0 = parse_json(discussion_file(g2, Generation::g0), "g0");
  std::vector<std::string> keys;
  for (const auto& [key, value] : g0.items()) keys.push_back(key);
  CHECK(keys == std::vector<std::string>{"id", "timestamp", "users", "user_types", "moderator", "moderator_type",
                                         "user_prompts", "moderator_prompt", "ctx_length", "logs"});
  CHECK(g0["user_types"] == Json{"str", "str"});
  CHECK(g0["moderator_type"] == "LLMUser");
  CHECK(g0["logs"][4] == Json{"moderator", "Calm."});

  const std::string g5_text = discussion_file(g2, Generation::g5);
  const Json g5 = parse_json(g5_text, "g5");
  CHECK(dump_json(g5["logs"][0]) ==
        R"({"name":"Bo 😈","text":"Tea?\n","model":"hardcoded","prompt":)"
        R"("{\"context\": \"\", \"instructions\": \"\", \"type\": \"user\", \"persona\": {}}"})");
  CHECK(g5["logs"][1]["prompt"] == small()["user_prompts"][0]);
  CHECK(g5["logs"][3]["prompt"] == small()["user_prompts"][1]);
  CHECK(g5["logs"][4]["prompt"] == "Moderate.");
  write(folder.path("g5.json"), g5_text);
  const DiscussionRecord back = record_in(folder.path("g5.json"));
  CHECK(back.format == Generation::g5);
  CHECK(discussion_file(back, Generation::g5) == g5_text);
  CHECK_THROWS_WITH_AS(discussion_file(back, Generation::g2), doctest::Contains("names no users and prompts"), Error);
}

TEST_CASE("published discussions: a folder of them, its bytes, and g2 to g1 and back") {
  const auto root = shared_discussion("");
  if (!root) return;
  std::size_t files = 0;
  for (const char* folder : {"g0_nov2024/data/generated_discussions_output", "g1_jan2025/data/discussions_output",
                             "g2_feb2025/data/discussions_output", "g3_apr2025/data/discussions_output",
                             "g4_feb2026/data/discussions_output"}) {
    for (const NewRun& run : load((*root / folder).string()).runs) {
      const std::string text = read_file((*root / folder / (run.id + ".json")).string());
      const DiscussionRecord record = discussion_record(view_of(run));
      CHECK_FALSE(run.data.contains("source_text"));
      CHECK(discussion_file(record, record.format) == text);
      ++files;
      const Json as_g5 = parse_json(discussion_file(record, Generation::g5), "g5");
      for (const Json& entry : as_g5["logs"]) CHECK(entry["prompt"].is_string());
      const TemporaryFolder temporary;
      write(temporary.path("x.json"), discussion_file(record, Generation::g1));
      if (record.format == Generation::g2)
        CHECK(discussion_file(record_in(temporary.path("x.json")), Generation::g2) == text);
    }
  }
  CHECK(files == 10);
}

TEST_CASE("a result is written whole, beside what is there") {
  const TemporaryFolder folder;
  const std::string id = "0123456789-abcd", name = "25-01-01-00-00-00_01234567.json", out = folder.path("new/out");
  const std::string first = python(small(id));
  CHECK(write_result(out, name, id, first) == out + "/" + name);
  CHECK(read_file(out + "/" + name) == first);
  CHECK(write_result(out, name, id, first) == out + "/" + name);
  // The same discussion again, say after a kill: its file is replaced.
  const std::string again = first + " ";
  CHECK(write_result(out, name, id, again) == out + "/" + name);
  CHECK(read_file(out + "/" + name) == again);
  // Another discussion's file stays.
  const std::string other_id = "01234567ff";
  CHECK(write_result(out, name, other_id, python(small(other_id))) == out + "/25-01-01-00-00-00_01234567ff.json");
  CHECK(read_file(out + "/" + name) == again);
  CHECK(write_result(out, name, "01234567", "no JSON") == out + "/25-01-01-00-00-00_01234567_2.json");
  CHECK(std::distance(fs::directory_iterator(out), fs::directory_iterator()) == 3);

  write(folder.path("file"), "x");
  CHECK_THROWS_WITH_AS(write_result(folder.path("file"), name, id, first), doctest::Contains("file"), Error);
}

TEST_CASE("many runs that end in one second have a file each") {
  const TemporaryFolder folder;
  constexpr std::size_t kThreads = 4, kEach = 25;
  std::vector<std::vector<std::string>> paths(kThreads);
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (std::size_t i = 0; i < kEach; ++i) {
          const std::string id = "same-id-" + std::to_string(t) + "-" + std::to_string(i % 5);
          paths[t].push_back(write_result(folder.path(""), "x_same-id-.json", id, std::to_string(t * kEach + i)));
        }
      });
    }
  }
  std::set<std::string> distinct;
  for (const auto& some : paths) distinct.insert(some.begin(), some.end());
  CHECK(distinct.size() == kThreads * kEach);
  std::set<std::string> texts;
  for (const std::string& path : distinct) texts.insert(read_file(path));
  CHECK(texts.size() == kThreads * kEach);
}

TEST_CASE("names and timestamps are local times") {
  const WallTime noon = 1735732800LL * 1'000'000;  // 2025-01-01 12:00 UTC
  const std::string name = result_file_name(noon, "0123456789");
  CHECK(name.starts_with("2"));
  CHECK(name.ends_with("_01234567.json"));
  CHECK(name.substr(0, 14) == result_timestamp(noon));
  CHECK(name.size() == 17 + 14);
  CHECK(result_file_name(noon, "ab").ends_with("_ab.json"));
}

}  // namespace
}  // namespace assay
