#include "experiments/annotation/loading.hpp"

#include <doctest/doctest.h>

#include "core/text/words.hpp"
#include "tests/experiments/discussion/load_room.hpp"
#include "tests/experiments/discussion/shared_discussion.hpp"

using namespace assay;

namespace {

AnnotationPlan plan_of(const std::string& path, ParameterTexts given = {}) {
  given.emplace("seed", "7");
  return plan_annotations(LoadRoom::source(path), given);
}
std::string refused_annotation(const std::string& path, ParameterTexts given = {}) {
  return refused([&] { plan_of(path, std::move(given)); });
}

}  // namespace

TEST_CASE("the annotation of every published configuration is planned") {
  struct Case {
    const char *file, *generation;
    std::size_t annotators, history, moved;
    std::int64_t max_tokens;
    const char* pseudoname;
  };
  for (const Case& c :
       {Case{"g1_jan2025/data/server_config.yml", "g1", 1, 3, 2, 1300, "mistral-small"},
        Case{"g2_feb2025/data/server_config.yml", "g2", 11, 3, 2, 400, "mistral-nemo-abliterated"},
        Case{"g3_apr2025/data/run_configs/server_config.yml", "g3", 11, 3, 2, 1500, "qwen2.5-32b-4bit"}}) {
    CAPTURE(c.file);
    const auto file = shared_discussion(c.file);
    if (!file) return;
    const AnnotationPlan plan = plan_of(*file);
    CHECK(to_text(plan.generation) == c.generation);
    CHECK(plan.annotators.size() == c.annotators);
    CHECK(plan.annotators[0].name == "annotator");
    CHECK(plan.settings.text.history == c.history);
    CHECK(plan.settings.include_mod_comments);
    CHECK(plan.settings.decoding.max_tokens == c.max_tokens);
    CHECK(plan.settings.pseudoname == c.pseudoname);
    CHECK_FALSE(plan.settings.instructions.empty());
    CHECK(plan.moved.size() == c.moved);
    CHECK(plan.query.empty());
    CHECK(plan.path.empty());
    CHECK_FALSE(plan.fallback.empty());
    CHECK(plan.settings.parsing.scale == std::pair(1.0, 5.0));
  }
}

TEST_CASE("g0 personas are annotators with parameters") {
  const auto root = shared_discussion("g0_nov2024/data/annotation_input/modular_configurations");
  if (!root) return;
  const AnnotationPlan plan =
      plan_of((*root / "personas/chill_1.json").string(),
              {{"format", "g0"}, {"annotation_instructions", (*root / "instructions/toxicity.txt").string()}});
  CHECK(plan.generation == Generation::g0);
  CHECK(plan.annotators.size() == 1);
  CHECK(plan.settings.text.history == std::size_t{4});
  CHECK_FALSE(plan.settings.include_mod_comments);
  CHECK(plan.settings.persona_style == "auto");
  CHECK(plan.settings.context.empty());
}

TEST_CASE("parameters of annotations") {
  LoadRoom room;
  room.write_inputs();
  const std::string file =
      room.write("config.yml", LoadRoom::config() + "assay: {scale.Quality: 0..10, num_turns: 3}\n");
  const AnnotationPlan plain = plan_of(file);
  CHECK(plain.warnings.empty());
  CHECK(plain.annotators.size() == 2);
  CHECK(plain.fallback == room.folder / "out");
  CHECK(plain.settings.parsing.scale_of("quality") == std::pair(0.0, 10.0));
  CHECK(plain.settings.parsing.scale_of("toxicity") == std::pair(1.0, 5.0));
  CHECK_FALSE(plain.params.contains("num_turns"));
  CHECK(plain.settings.context == "You are a human working as an annotator");
  CHECK_FALSE(plain.settings.moderator_by_name);
  CHECK(plain.sources["scale.Quality"] == file + ":35 assay.scale.Quality");

  room.write("results/x.json", "{}");
  const AnnotationPlan given = plan_of(file, {{"discussions", room.path("results")},
                                              {"scale", "1..3"},
                                              {"unit", "discussion"},
                                              {"skip_silent", "yes"},
                                              {"behaviour", "syndisco"},
                                              {"parse", "(a+):([0-9])"},
                                              {"annotator_context", "You rate."},
                                              {"include_mod_comments", "false"}});
  CHECK(given.path == room.folder / "results");
  CHECK(given.fallback.empty());
  CHECK(given.settings.parsing.scale == std::pair(1.0, 3.0));
  CHECK(given.settings.parsing.pattern == "(a+):([0-9])");
  CHECK(given.settings.parsing.drop_all_malformed);
  CHECK(given.settings.moderator_by_name);
  CHECK(given.settings.whole_discussion);
  CHECK(given.settings.skip_silent);
  CHECK(given.settings.context == "You rate.");
  CHECK_FALSE(given.settings.include_mod_comments);

  CHECK(plan_of(file, {{"discussions", "@my batch"}}).query == "my batch");
}

TEST_CASE("a generated annotator is used as it stands") {
  LoadRoom room;
  const std::string file =
      room.write("annotator.json",
                 R"({"attributes": ["old", "calm"], "instructions": "Rate it.", "include_moderator_comments": false})");
  const AnnotationPlan plan = plan_of(file);
  REQUIRE(plan.annotators.size() == 1);
  CHECK(plan.annotators[0].attributes == std::vector<std::string>{"old", "calm"});
  CHECK(plan.settings.instructions == "Rate it.");
  CHECK_FALSE(plan.settings.include_mod_comments);
  CHECK(plan.settings.text.history == std::size_t{4});
  CHECK(plan.generation == Generation::g1);
  CHECK(plan_of(file, {{"format", "g0"}}).generation == Generation::g0);
}

TEST_CASE("bad input of annotations: place, value, what is allowed") {
  LoadRoom room;
  room.write_inputs();
  const std::string file = room.write("config.yml", LoadRoom::config());
  std::string bare = LoadRoom::config();
  bare.erase(bare.find("annotation:"));
  const std::string without = room.write("bare.yml", bare);
  const std::string missing = refused_annotation(without);
  CHECK(says(missing, "annotation.files.annotator_persona_path is missing"));
  CHECK(says(missing, "annotation.files.instruction_path is missing"));
  struct Case {
    ParameterTexts given;
    std::vector<std::string> parts;
  };
  for (const Case& c : {Case{{{"parse", "(a)"}}, {"parse=(a)", "two groups"}},
                        Case{{{"parse", "(a"}}, {"parse=(a", "^"}}, Case{{{"scale", "5..1"}}, {"scale=5..1", "LO..HI"}},
                        Case{{{"scale.toxicity", "x"}}, {"scale.toxicity=x", "LO..HI"}},
                        Case{{{"unit", "word"}}, {"unit=word", "comment, discussion"}},
                        Case{{{"discussions", "/no/where"}}, {"discussions=/no/where"}},
                        Case{{{"num_turns", "3"}}, {"no parameter \"num_turns\""}},
                        Case{{{"history_ctx_len", "-1"}}, {"history_ctx_len=-1", "or all"}}}) {
    const std::string why = refused_annotation(file, c.given);
    CAPTURE(why);
    for (const std::string& part : c.parts) CHECK_MESSAGE(says(why, part), part);
  }
  CHECK(says(refused_annotation(room.write("e.json", R"({"user_names": [], "user_attributes": []})")),
             "load discussion"));
}

TEST_CASE("a grid of annotations takes its own parameters from the file") {
  LoadRoom room;
  room.write_inputs();
  const std::string file =
      room.write("config.yml", LoadRoom::config() + "assay: {grid: {num_users: [2, 3], history_ctx_len: [3, all]}}\n");
  LoadGrid grid;
  complete_annotation_grid(LoadRoom::source(file), grid);
  REQUIRE(grid.parameters.size() == 2);
  CHECK(grid.parameters[0].first == "history_ctx_len");
  CHECK(grid.parameters[0].second == std::vector<std::string>{"3", "all"});
  CHECK(grid.parameters[1].first == "seed");
}
