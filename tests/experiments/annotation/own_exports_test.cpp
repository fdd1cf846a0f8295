// Exports of runs of ours: designs, names of files, silent turns, conversions; and the prompts of files.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <set>

#include "core/text/atomic_file.hpp"
#include "core/text/input.hpp"
#include "experiments/annotation/settings.hpp"
#include "runners/prompt/sha256.hpp"
#include "tests/experiments/annotation/exported_data.hpp"

using namespace assay;

namespace {

constexpr WallTime kEnd = 1'740'000'000'000'000;  // 2025-02-19
const std::string kId = "0a1b2c3d-0000-4000-8000-000000000001";

Json persona(const std::string& name, int age) {
  return Json::object({{"username", name},
                       {"age", age},
                       {"sex", "female"},
                       {"sexual_orientation", "straight, mostly"},
                       {"demographic_group", "Greek"},
                       {"current_employment", "baker"},
                       {"education_level", "Master's"},
                       {"special_instructions", ""},
                       {"personality_characteristics", {"calm", "so-called \"wise\""}}});
}

ContextMessage said(DiscussionEvent::Kind kind, const std::string& name, const std::string& text, std::uint32_t turn,
                    std::optional<std::size_t> index, bool silent = false) {
  DiscussionEvent event;
  event.kind = kind;
  event.name = name;
  event.text = text;
  event.model = kind == DiscussionEvent::Kind::seed ? "hardcoded" : "tiny";
  event.turn = turn;
  event.silent = silent;
  event.logged = index.has_value();
  return to_message(event, index);
}

/// Two users and a moderator; turn 2 is silent.
NewRun discussion(const std::string& name = "d001", const std::string& id = kId) {
  using Kind = DiscussionEvent::Kind;
  DiscussionDesign design;
  design.id = id;
  design.seed = 7;
  design.users = {{"Ann", persona("Ann", 30), {}, false}, {"Bob", persona("Bob", 40), {}, true}};
  design.openings = {{"Bob", "Trams, yes or no?", "tram.txt"}};
  DiscussionSettings settings;
  settings.num_turns = 3;
  settings.context = "You are here.";
  settings.user_instructions = "Write.";
  settings.troll_instructions = "Derail.";
  settings.mod_instructions = "Watch.";
  settings.pseudoname = settings.mod_pseudoname = "tiny";
  NewRun run;
  run.id = name;
  run.status = Status::complete;
  run.data = Json::object({{"design", to_json(design)}, {"settings", to_json(settings)}});
  run.context = {
      said(Kind::seed, "Bob", "Trams, yes or no?", 0, 0),    said(Kind::user, "Ann", "Yes, \"please\"", 1, 1),
      said(Kind::moderator, "moderator", "Be brief.", 1, 2), said(Kind::user, "Bob", "\"\"", 2, std::nullopt, true),
      said(Kind::user, "Ann", "Yes,\nagain", 3, 3),          said(Kind::moderator, "moderator", "", 3, 4, true)};
  run.context.back().more["stop"] = "turns";
  run.context.back().more["at"] = kEnd;
  return run;
}

NewRun annotation(int annotator, const std::string& reply, const std::string& address = "talks:d001") {
  AnnotationSettings settings;
  settings.instructions = "Judge.";
  settings.context = "You are a human annotator";
  settings.pseudoname = "judge";
  const Json log = Json::array({{{"name", "Bob"}, {"text", "Trams, yes or no?"}},
                                {{"name", "Ann"}, {"text", "Yes, \"please\""}},
                                {{"name", "moderator"}, {"text", "Be brief."}},
                                {{"name", "Ann"}, {"text", "Yes,\nagain"}},
                                {{"name", "moderator"}, {"text", ""}}});
  NewRun run;
  run.id = "d001-a0" + std::to_string(annotator);
  run.status = Status::complete;
  run.data =
      Json::object({{"conv_id", kId},
                    {"discussion", {{"run", address}, {"moderator", "moderator"}, {"log", log}}},
                    {"annotator", {{"index", annotator}, {"name", "annotator"}, {"persona", persona("Cleo", 50)}}},
                    {"settings", to_json(settings)},
                    {"seed", 7}});
  for (std::size_t i = 0; i < log.size(); ++i) {
    if (i == 2) continue;
    run.context.push_back({"user", log[i]["text"], {{"index", i}, {"name", log[i]["name"]}}});
    run.context.push_back({"assistant", reply, {{"index", i}}});
  }
  run.context.back().more["at"] = kEnd;
  return run;
}

FakeBatch talks(std::vector<NewRun> runs, const std::string& name = "talks") {
  return {batch_info("discussion", name, "config.yml"), std::move(runs)};
}
FakeBatch judged(std::vector<NewRun> runs) {
  return {batch_info("annotation", "judged", "config.yml"), std::move(runs)};
}

std::vector<Json> lines_of(std::string_view text) {
  std::vector<Json> lines;
  while (!text.empty()) {
    lines.push_back(parse_json(text.substr(0, text.find('\n')), "line"));
    text.remove_prefix(text.find('\n') + 1);
  }
  return lines;
}

}  // namespace

TEST_CASE("comments of a run of ours: log entries only, annotations at theirs, out of scale is missing") {
  const FakeBatch batch = talks({discussion()});
  const FakeBatch marks = judged({annotation(0, "Toxicity=4 Wit=9"), annotation(1, "nothing")});
  const Table table = read_table(export_of("comments", {&batch, &marks}).files[0].text);
  REQUIRE(table.rows.size() == 4 * 2 + 1);
  const auto& first = table.rows[0];
  CHECK(first.at("conv_id") == kId);
  CHECK(first.at("run") == "d001");
  CHECK(first.at("batch") == "talks");
  CHECK(first.at("conv_variant") == "talks");
  CHECK(first.at("file").empty());
  CHECK(first.at("is_seed") == "true");
  CHECK(first.at("user_username") == "Bob");
  CHECK(first.at("user_age") == "40");
  CHECK(first.at("user_personality_characteristics") == R"(["calm","so-called \"wise\""])");
  CHECK(first.at("annotator") == "Cleo");
  CHECK(first.at("annotator_age") == "50");
  CHECK(first.at("annotator_model") == "judge");
  CHECK(first.at("value_toxicity") == "4");
  CHECK(first.at("value_wit").empty());
  CHECK(table.rows[1].at("annotation") == "nothing");
  CHECK(table.rows[1].at("value_toxicity").empty());
  const auto& moderator = table.rows[4];
  CHECK(moderator.at("user") == "moderator");
  CHECK(moderator.at("is_moderator") == "true");
  CHECK(moderator.at("annotator_prompt").empty());
  CHECK(moderator.at("user_age").empty());
  CHECK_FALSE(moderator.at("user_prompt").empty());
  const auto& last = table.rows[8];
  CHECK(last.at("index") == "4");
  CHECK(last.at("message_order") == "5");
  CHECK(last.at("turn") == "3");
  CHECK(last.at("is_silent") == "true");
}

TEST_CASE("comments as JSON lines have the same columns, with types") {
  const FakeBatch batch = talks({discussion()});
  const FakeBatch marks = judged({annotation(0, "Toxicity=4.5")});
  const JointExport exported = export_of("comments", {&batch, &marks}, "out.jsonl");
  const auto lines = lines_of(exported.files[0].text);
  const Table table = read_table(export_of("comments", {&batch, &marks}).files[0].text);
  REQUIRE(lines.size() == table.rows.size());
  std::vector<std::string> columns;
  for (const auto& [key, value] : lines[0].items()) columns.push_back(key);
  CHECK((columns == table.columns));
  CHECK(lines[0]["index"] == 0);
  CHECK(lines[0]["is_seed"] == true);
  CHECK(lines[0]["value_toxicity"] == 4.5);
  CHECK(lines[0]["user_personality_characteristics"].is_array());
  CHECK(lines[2]["annotation"].is_null());
  CHECK_THROWS_AS(export_of("comments", {&batch, &marks}, "out.txt"), Error);
}

TEST_CASE("an evaluation's reading of the replies counts before the parameters'") {
  const FakeBatch batch = talks({discussion()});
  NewRun run = annotation(0, "Toxicity=4");
  run.answer = Json::array();
  for (int i = 0; i < 4; ++i) run.answer.push_back({{"index", i}, {"values", {{"rude", 2}}}});
  const FakeBatch marks = judged({run});
  const Table table = read_table(export_of("comments", {&batch, &marks}).files[0].text);
  CHECK(table.rows[0].at("value_rude") == "2");
  CHECK_FALSE(table.rows[0].contains("value_toxicity"));
}

TEST_CASE("what is not COMPLETE is left out and counted; nothing at all is refused") {
  FakeBatch batch = talks({discussion(), discussion("d002"), discussion("d003")});
  batch.runs()[1].status = Status::fail;
  batch.runs()[2].status = Status::ready;
  const JointExport exported = export_of("comments", {&batch});
  CHECK(exported.runs == 1);
  CHECK((exported.notes == std::vector<std::string>{"2 discussions are not COMPLETE: left out"}));
  batch.runs()[0].status = Status::incomplete;
  for (const char* format : {"comments", "comments:legacy", "convokit", "transcript", "syndisco"}) {
    CAPTURE(format);
    CHECK_THROWS_AS(export_of(format, {&batch}), Error);
  }
}

TEST_CASE("forty discussions that end at one moment are forty files, annotators too") {
  std::vector<NewRun> runs, marks;
  for (int i = 0; i < 40; ++i) {
    // Half of them share the first eight digits of their ids, two the whole.
    const std::string id = i < 20 ? "0a1b2c3d-0000-4000-8000-0000000000" + std::to_string(10 + std::max(i, 1))
                                  : "0a1b2c" + std::to_string(10 + i) + "-0000-4000-8000-000000000000";
    runs.push_back(discussion("d" + std::to_string(i), id));
  }
  for (int i = 0; i < 5; ++i) marks.push_back(annotation(i, "Toxicity=1"));
  const FakeBatch batch = talks(std::move(runs)), judges = judged(std::move(marks));
  const JointExport exported = export_of("syndisco", {&batch, &judges});
  std::set<std::string> names;
  for (const JointExport::File& file : exported.files) names.insert(file.name);
  CHECK(exported.files.size() == 45);
  CHECK(names.size() == 45);
  const std::string name = result_file_name(kEnd, kId);
  CHECK(names.contains(name));
  CHECK(name.ends_with("_0a1b2c3d.json"));
}

TEST_CASE("a run of ours exported in every form is loaded again as what it was") {
  const FakeBatch batch = talks({discussion()});
  for (const std::string_view form : kGenerations) {
    CAPTURE(form);
    const JointExport exported = export_of("syndisco:" + std::string(form), {&batch});
    REQUIRE(exported.files.size() == 1);
    const Json value = parse_json(exported.files[0].text, "file");
    CHECK(value["logs"].size() == 5);
    CHECK(value["timestamp"] == result_timestamp(kEnd));
    CHECK(value.contains("user_types") == (form == "g0"));
    CHECK(value.contains("users") == (form != "g5"));
    if (form != "g5") CHECK(value["id"] == kId);
  }
}

TEST_CASE("a design file names users, topics, trolls, and the speakers of what has ended") {
  FakeBatch batch = talks({discussion(), discussion("d002")});
  batch.runs()[1].status = Status::ready;
  batch.runs()[1].context.clear();
  const JointExport exported = export_of("design", {&batch}, "design.json");
  const Json file = parse_json(exported.files[0].text, "design");
  CHECK(file["assay_design"] == 1);
  CHECK(file["seed"] == 7);
  REQUIRE(file["discussions"].size() == 2);
  const Json& first = file["discussions"][0];
  CHECK(first["name"] == "d001");
  CHECK(first["id"] == kId);
  CHECK(first["users"] == Json::array({"Ann", "Bob"}));
  CHECK(first["seeds"] == Json::array({{{"name", "Bob"}, {"topic", "tram.txt"}}}));
  CHECK(first["instructions"] == Json{{"Bob", "troll"}});
  CHECK(first["speakers"] == Json::array({"Ann", "Bob", "Ann"}));
  CHECK_FALSE(file["discussions"][1].contains("speakers"));

  const FakeBatch other = talks({discussion()}, "more");
  CHECK_THROWS_WITH_AS(export_of("design", {&batch, &other}, "d.json"),
                       "d.json: a design file is of one batch; selected are runs of talks, more", Error);
}

TEST_CASE("a transcript shows who, what and the annotations; text of models can't become markup") {
  FakeBatch batch = talks({discussion()});
  batch.runs()[0].context[1].content = "Yes <img src=x> [a](b)\nsecond line";
  NewRun mark = annotation(0, "Toxicity=4");
  for (ContextMessage& message : mark.context) {
    if (message.role == "user" && message.more["index"] == 1) message.content = batch.runs()[0].context[1].content;
  }
  const FakeBatch marks = judged({mark});
  const std::string text = export_of("transcript", {&batch, &marks}, "t.md").files[0].text;
  CHECK(text.find("## talks:d001\n") != std::string::npos);
  CHECK(text.find("- **Ann**: 30; female; straight, mostly;") != std::string::npos);
  CHECK(text.find("**1. Bob** (opening)\n\n> Trams, yes or no?\n") != std::string::npos);
  CHECK(text.find("> Yes &lt;img src=x> \\[a](b)\n> second line\n") != std::string::npos);
  CHECK(text.find("- d001-a00 (Cleo): Toxicity=4\n") != std::string::npos);
  CHECK(text.find("(silent)") != std::string::npos);
}

TEST_CASE("names in files of saves never lead out of the folder") {
  FakeBatch batch = talks({discussion()});
  const auto root = shared_discussion("g2_feb2025/data/discussions_output");
  if (!root) return;
  FakeBatch loaded = discussions_of(*root);
  loaded.runs()[0].data["file"] = "../../etc/passwd";
  for (const JointExport::File& file : export_of("syndisco", {&loaded}).files) {
    CHECK(file.name.find("..") != 0);
    CHECK(file.name.find("/../") == std::string::npos);
  }
}

TEST_CASE("files of one name in two batches: equal ones once, others below their batch") {
  const auto root = shared_discussion("g2_feb2025/data/discussions_output");
  if (!root) return;
  const FakeBatch one = discussions_of(*root, "one");
  FakeBatch two = discussions_of(*root, "two");
  two.runs()[0].data["source"]["timestamp"] = "25-01-01-00-00";
  const JointExport exported = export_of("syndisco", {&one, &two});
  std::set<std::string> names;
  for (const JointExport::File& file : exported.files) names.insert(file.name);
  CHECK((names == std::set<std::string>{"moderation_game/25-02-02-10-09.json", "no_moderator/25-01-31-07-39.json",
                                        "two/moderation_game/25-02-02-10-09.json"}));
  CHECK(exported.notes.size() == 2);
}

TEST_CASE("the prompts of result files are those that must have been sent") {
  const auto golden = shared_discussion("golden/expected_dev.json");
  if (!golden) return;
  const Json expected = parse_json(read_file(*golden), "expected_dev.json");
  const std::filesystem::path root = golden->parent_path().parent_path();
  const std::vector<std::array<std::string, 2>> folders = {
      {"g0_nov2024/data/generated_discussions_output", "g0_nov2024/data/annotations_output"},
      {"g1_jan2025/data/discussions_output", "g1_jan2025/data/annotation_output"},
      {"g2_feb2025/data/discussions_output", "g2_feb2025/data/annotation_output"},
      {"g3_apr2025/data/discussions_output", "g3_apr2025/data/annotation_output"},
      {"g4_feb2026/data/discussions_output", ""}};
  const FakeBatch g2 = discussions_of(root / "g2_feb2025/data/discussions_output", "g2");
  std::size_t discussions = 0, annotations = 0;
  for (const auto& [talked, judged_in] : folders) {
    const FakeBatch batch = discussions_of(root / talked);
    const FakeBatch marks = judged_in.empty() ? judged({}) : annotations_of(root / judged_in);
    std::vector<const BatchView*> batches = {&batch, &marks};
    if (talked.starts_with("g3")) batches.push_back(&g2);  // two annotations of g3 are of a discussion of g2
    const JointExport exported = export_of("prompts", batches, "prompts.jsonl");
    CHECK(exported.notes.empty());
    std::map<std::string, std::string> sent;
    std::map<std::string, std::size_t> calls;
    for (const Json& line : lines_of(exported.files[0].text)) {
      const std::string file = line["file"].get<std::string>() + ".json";
      CHECK(line["call"] == calls[file]++);
      CHECK(line["messages"][0]["role"] == "system");
      CHECK(line["messages"][1]["role"] == "user");
      for (const Json& message : line["messages"]) sent[file] += message["content"].get<std::string>() + '\0';
    }
    for (const auto& [file, text] : sent) {
      CAPTURE(file);
      if (const std::string name = talked + "/" + file; expected["discussions"].contains(name)) {
        CHECK(sha256_hex(text) == expected["discussions"][name]["prompts_sha256"]);
        CHECK(calls[file] == expected["discussions"][name]["prompts"]);
        ++discussions;
      } else if (const std::string other = judged_in + "/" + file; expected["annotations"].contains(other)) {
        CHECK(sha256_hex(text) == expected["annotations"][other][1]);
        CHECK(calls[file] == expected["annotations"][other][0]);
        ++annotations;
      }
    }
  }
  CHECK(discussions == expected["discussions"].size());
  CHECK(annotations == expected["annotations"].size());
}

TEST_CASE("the prompts of a run of ours are those of its calls, silent turns too") {
  const FakeBatch batch = talks({discussion()});
  const FakeBatch marks = judged({annotation(0, "Toxicity=4")});
  const auto lines = lines_of(export_of("prompts", {&batch, &marks}, "p.jsonl").files[0].text);
  REQUIRE(lines.size() == 5 + 4);
  CHECK_FALSE(lines[0].contains("file"));
  CHECK(lines[0]["name"] == "Ann");
  CHECK(lines[0]["index"] == 1);
  CHECK(lines[2]["name"] == "Bob");
  CHECK(lines[2]["index"].is_null());
  CHECK(lines[4]["call"] == 4);
  CHECK(lines[5]["run"] == "d001-a00");
  CHECK(lines[5]["call"] == 0);
}
