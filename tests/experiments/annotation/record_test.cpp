#include "experiments/annotation/record.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/python_json.hpp"
#include "experiments/annotation/prompt_rows.hpp"
#include "experiments/discussion/result_file.hpp"
#include "runners/prompt/sha256.hpp"
#include "tests/core/text/temporary_folder.hpp"
#include "tests/experiments/discussion/shared_discussion.hpp"

namespace assay {
namespace {

RunView view_of(const NewRun& run) {
  RunView view;
  view.run_id = run.id;
  view.status = run.status;
  view.data = run.data;
  view.answer = run.answer;
  view.context = run.context;
  return view;
}

TEST_CASE("published annotations: the discussions they join, prompts written again, and their files, byte for byte") {
  const auto root = shared_discussion("");
  if (!root) return;
  const Json expected = parse_json(read_file((*root / "golden/expected_dev.json").string()), "expected");
  std::vector<std::string> warnings;
  std::vector<std::pair<std::string, DiscussionRecord>> discussions;
  for (const auto& [name, figures] : expected["discussions"].items()) {
    const auto runs = load_discussion_results(*root / name, false, warnings);
    discussions.emplace_back(name.substr(0, 2), discussion_record(view_of(runs.at(0))));
  }
  std::size_t files = 0, joined_own = 0, joined = 0;
  for (const auto& [name, figures] : expected["annotations"].items()) {
    CAPTURE(name);
    const auto runs = load_annotation_results(*root / name, false, warnings);
    REQUIRE(runs.size() == 1);
    ++files;
    const AnnotationRecord record = annotation_record(view_of(runs[0]));
    CHECK(annotation_file(record, record.format) == read_file((*root / name).string()));
    CHECK(record.entries.size() == figures[0]);
    CHECK(annotation_prompts(view_of(runs[0]), nullptr).empty());
    for (const auto& [generation, discussion] : discussions) {
      if (discussion.id != record.conv_id) continue;
      AnnotationRecord copy = record;
      REQUIRE(join(copy, discussion));
      ++joined;
      if (name.starts_with(generation)) ++joined_own;
      std::string all;
      for (const PromptRow& row : annotation_prompts(view_of(runs[0]), &discussion)) {
        all += row.system + '\0' + row.user + '\0';
      }
      CHECK(sha256_hex(all) == figures[1]);
    }
  }
  CHECK(files == 33);
  CHECK(joined == 33);
  CHECK(joined_own == 31);
  CHECK(warnings.empty());
}

std::string python(const Json& value) {
  std::string out;
  append_python_json(out, value);
  return out;
}

/// A discussion of Ann, a moderator and Bo, whose texts are those of its log.
DiscussionRecord tea() {
  return record_of_file(parse_json(R"({"id": "c", "timestamp": "25-01-01-00-00", "users": ["Ann", "Bo"],
    "moderator": "mod", "user_prompts": ["A", "B"], "moderator_prompt": "M", "ctx_length": 3,
    "logs": [{"name": "Bo", "text": "Tea?", "model": "hardcoded"}, {"name": "Ann", "text": "Yes", "model": "m"},
             {"name": "mod", "text": "", "model": "m"}, {"name": "Bo", "text": "Yes", "model": "m"}]})",
                                   "tea"),
                        Generation::g2, "tea");
}

Json annotation(const std::vector<std::pair<std::string, std::string>>& logs) {
  Json list = Json::array();
  for (const auto& [message, rating] : logs) list.push_back(Json::array({message, rating}));
  return Json{{"conv_id", "c"},
              {"timestamp", "25-01-02-00-00"},
              {"annotator_model", "m"},
              {"annotator_prompt", "You are a human annotator Your name is annotator. Your traits: x"},
              {"ctx_length", 2},
              {"logs", list}};
}

NewRun loaded(const Json& file) {
  const TemporaryFolder folder;
  std::ofstream(folder.path("a.json"), std::ios::binary) << python(file);
  std::vector<std::string> warnings;
  return load_annotation_results(folder.path(""), false, warnings).at(0);
}

TEST_CASE("an annotation joins by position: the whole log, or what the moderator did not say") {
  const DiscussionRecord discussion = tea();
  struct Case {
    std::vector<std::pair<std::string, std::string>> logs;
    std::vector<std::size_t> indices;  // empty: it fits nowhere
  };
  for (const Case& one : {Case{{{"Tea?", "1"}, {"Yes", "2"}, {"", "3"}, {"Yes", "4"}}, {0, 1, 2, 3}},
                          {{{"Tea?", "1"}, {"Yes", "2"}, {"Yes", "4"}}, {0, 1, 3}},
                          {{{"Tea?", "1"}, {"Yes", "2"}, {"yes", "4"}}, {}},
                          {{{"Tea?", "1"}, {"Yes", "2"}}, {}},
                          {{{"Yes", "1"}, {"Tea?", "2"}, {"Yes", "4"}}, {}}}) {
    AnnotationRecord record = annotation_record(view_of(loaded(annotation(one.logs))));
    CHECK(record.format == Generation::g3);
    CHECK(join(record, discussion) != one.indices.empty());
    for (std::size_t i = 0; i < record.entries.size(); ++i) {
      if (one.indices.empty()) {
        CHECK_FALSE(record.entries[i].index);
      } else {
        CHECK(record.entries[i].index == one.indices[i]);
        CHECK(record.entries[i].name == discussion.events[one.indices[i]].name);
      }
    }
  }
}

TEST_CASE("the prompts of a file show the comments that its annotator was given") {
  const DiscussionRecord discussion = tea();
  const NewRun run = loaded(annotation({{"Tea?", "1"}, {"Yes", "2"}, {"Yes", "4"}}));
  const auto rows = annotation_prompts(view_of(run), &discussion);
  REQUIRE(rows.size() == 3);
  CHECK(rows[2].index == 3);
  CHECK(rows[2].name == "Bo");
  CHECK(rows[2].user == "Conversation so far:\n\nUser Ann posted:\nYes\nUser Bo posted:\nYes\nOutput:");
  CHECK(annotation_prompts(view_of(loaded(annotation({{"other", "1"}}))), &discussion).empty());
}

TEST_CASE("annotation files keep their bytes, and become those of other generations") {
  Json source = annotation({{"Tea?", "Toxicity=1"}, {"Yes", "\u00e9"}});
  source["note"] = "kept";
  const NewRun run = loaded(source);
  CHECK(run.status == Status::complete);
  CHECK(run.steps == 2);
  REQUIRE(run.context.size() == 4);
  CHECK(run.context[3].content == "\u00e9");
  AnnotationRecord record = annotation_record(view_of(run));
  for (const Generation same : {Generation::g1, Generation::g2, Generation::g3, Generation::g4}) {
    CHECK(annotation_file(record, same) == python(source));
  }
  const Json g0 = parse_json(annotation_file(record, Generation::g0), "g0");
  CHECK(g0["annotator_type"] == "LLMAnnotator");
  CHECK_FALSE(g0.contains("annotator_model"));
  CHECK(g0["logs"] == source["logs"]);
  record.entries[0].name = "Bo";
  const Json g5 = parse_json(annotation_file(record, Generation::g5), "g5");
  CHECK(dump_json(g5["logs"][0]) ==
        R"({"name":"Bo","text":"Toxicity=1","model":"m","prompt":)" + dump_json(source["annotator_prompt"]) + "}");

  // Early files of g1 have a key of g0: they stay as they are.
  Json typed = annotation({});
  typed.erase("annotator_model");
  typed["annotator_type"] = "LLMAnnotator";
  const AnnotationRecord early = annotation_record(view_of(loaded(typed)));
  CHECK(early.format == Generation::g1);
  CHECK(annotation_file(early, Generation::g1) == python(typed));
  CHECK(parse_json(annotation_file(early, Generation::g2), "g2").contains("annotator_model"));
}

TEST_CASE("a discussion among annotations is refused, and what is no annotation names its place") {
  const TemporaryFolder folder;
  const auto write = [&](const Json& value) {
    std::ofstream(folder.path("a.json"), std::ios::binary) << python(value);
  };
  std::vector<std::string> warnings;
  const auto load = [&] { load_annotation_results(folder.path(""), false, warnings); };
  write(tea().source);
  CHECK_THROWS_WITH_AS(load(), doctest::Contains("it is a discussion"), Error);
  Json bad = annotation({{"a", "b"}});
  bad["logs"][0] = {"a", 3};
  write(bad);
  CHECK_THROWS_WITH_AS(load(), doctest::Contains("[message, annotation]"), Error);
  bad = annotation({});
  bad["conv_id"] = 7;
  write(bad);
  CHECK_THROWS_WITH_AS(load(), doctest::Contains("\"conv_id\" is no text"), Error);
}

}  // namespace
}  // namespace assay
