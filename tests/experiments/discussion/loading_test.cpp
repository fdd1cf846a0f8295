// Plans of discussions: what a configuration and typed words come to. What is refused: loading_errors_test.

#include "experiments/discussion/loading.hpp"

#include <doctest/doctest.h>

#include "core/text/words.hpp"
#include "load_room.hpp"
#include "shared_discussion.hpp"

using namespace assay;

namespace {

std::string all(const std::vector<std::string>& lines) { return joined(lines, "\n"); }

}  // namespace

TEST_CASE("a published g2 configuration loads, its four paths found where they are now") {
  const auto file = shared_discussion("g2_feb2025/data/server_config.yml");
  if (!file) return;
  const DiscussionPlan plan = plan_file(*file, {{"seed", "20250212"}});
  CHECK(plan.generation == Generation::g2);
  CHECK(plan.settings.format == Generation::g2);
  CHECK(plan.request.num_experiments == 8);
  CHECK(plan.request.num_users == 7);
  CHECK(plan.request.seed == 20250212);
  CHECK(plan.pools.personas.size() == 41);
  CHECK(plan.pools.openings.size() == 7);
  CHECK(plan.settings.num_turns == 5);
  CHECK(plan.settings.text.history == std::size_t{3});
  CHECK(plan.settings.include_mod);
  CHECK(plan.settings.turn_policy == "respond");
  CHECK(plan.settings.p_respond == 0.4);
  CHECK(plan.settings.text.disallowed == std::vector<std::string>{"```", "\"", "Assistant", "posted:", "user"});
  CHECK(plan.settings.decoding.max_tokens == 400);
  CHECK(plan.settings.decoding.stop_words.empty());
  CHECK(plan.settings.pseudoname == "mistral-nemo-abliterated");
  CHECK(plan.settings.moderator_attributes == std::vector<std::string>{"just", "strict", "understanding"});
  CHECK_FALSE(plan.settings.mod_instructions.empty());
  CHECK(plan.context_width == 4096);
  REQUIRE(plan.warnings.size() == 1);
  CHECK(says(plan.warnings[0], "actions.generate_discussions (lines 2, 4), actions.generate_annotations (lines 3, 5)"));
  REQUIRE(plan.moved.size() == 4);
  CHECK(plan.moved[0].key == "discussions.files.topics_dir");
  CHECK(plan.inputs["topics"].size() == 7);
  CHECK(plan.inputs["personas"]["sha256"].get<std::string>().size() == 64);
  CHECK(says(all(plan.notes),
             "7 of 41 users, 7 topics, moderator after every comment, 5 turns, history 3, "
             "respond p 0.4, seed 20250212"));
  CHECK(count_saying(plan.notes, "random_weighted: SynDisco") == 1);
  CHECK(count_saying(plan.notes, " -> ") == 4);
  CHECK(plan.params["num_turns"] == 5);
  CHECK(plan.sources["num_turns"] == file->string() + ":46 discussions.turn_taking.num_turns");
  CHECK(plan.sources["seed"] == "command line");
  CHECK(plan.sources["mod_every"] == "default");
  CHECK(plan.recorded["model_parameters.general.model_path"] == "natong19/Mistral-Nemo-Instruct-2407-abliterated");
}

TEST_CASE("what is drawn from a plan is the golden design of its seed") {
  const auto file = shared_discussion("g2_feb2025/data/server_config.yml");
  const auto golden = shared_discussion("golden/design_seed_20250212.json");
  if (!file || !golden) return;
  const DiscussionPlan plan = plan_file(*file, {{"seed", "20250212"}});
  const Json want = parse_json(read_input_text(*golden), golden->string());
  const std::vector<DiscussionDesign> designs = draw_designs(plan.pools, plan.request);
  REQUIRE(designs.size() == want["discussions"].size());
  for (std::size_t i = 0; i < designs.size(); ++i) {
    std::vector<std::string> users;
    for (const Participant& user : designs[i].users) users.push_back(user.name);
    CHECK(Json(users) == want["discussions"][i]["users"]);
    CHECK(designs[i].openings.at(0).topic == want["discussions"][i]["topic"]);
    CHECK(designs[i].openings.at(0).name == want["discussions"][i]["seed_speaker"]);
  }
}

TEST_CASE("every published configuration loads") {
  struct Case {
    const char *file, *generation;
    ParameterTexts given;
    std::uint64_t runs;
    std::size_t users, pool;
    std::uint32_t turns;
    std::size_t history;
    const char* policy;
    double p;
    bool moderator;
    std::size_t disallowed;
  };
  const auto root = shared_discussion("");
  if (!root) return;
  const std::string g0 = (*root / "g0_nov2024/data/generated_discussions_input/modular_configurations").string();
  const std::string g4 = (*root / "g4_feb2026/data/discussions_input").string();
  const ParameterTexts g0_paths = {{"personas", g0 + "/personas"},
                                   {"topics", g0 + "/topics"},
                                   {"user_instructions", g0 + "/user_instructions/vanilla.txt"},
                                   {"mod_instructions", g0 + "/mod_instructions/moderation_game.txt"}};
  const ParameterTexts g4_paths = {{"personas", g4 + "/personas/personas_generic.json"},
                                   {"user_instructions", g4 + "/user_instructions/vanilla.txt"},
                                   {"mod_instructions", g4 + "/mod_instructions/vanilla.txt"},
                                   {"include_seed", "false"}};
  const Case cases[] = {
      {"g0_nov2024/data/generated_discussions_input/modular_configurations/other_configs/standard_multi_user.json",
       "g0", g0_paths, 20, 4, 6, 14, 4, "respond", 0.3, true, 1},
      {"g1_jan2025/data/server_config.yml", "g1", {}, 30, 5, 6, 14, 4, "respond", 0.5, true, 2},
      {"g1_jan2025/data/local_config.yml", "g1", {}, 30, 5, 6, 14, 4, "respond", 0.5, false, 2},
      {"g2_feb2025/data/local_config.yml", "g2", {}, 1, 7, 41, 4, 3, "respond", 0.4, true, 2},
      {"g3_apr2025/data/run_configs/server_config.yml", "g3", {}, 8, 7, 41, 18, 3, "respond", 0.4, true, 2},
      {"g3_apr2025/data/run_configs/local_config.yml", "g3", {}, 1, 7, 41, 4, 3, "respond", 0.4, true, 2},
      {"g4_feb2026/data/discussions_input/run_config.yml", "g4", g4_paths, 20, 7, 45, 15, 3, "respond", 0.4, true, 0},
  };
  for (const Case& c : cases) {
    CAPTURE(c.file);
    const DiscussionPlan plan = plan_file(*root / c.file, c.given);
    CHECK(to_text(plan.generation) == c.generation);
    CHECK(plan.settings.format == plan.generation);
    CHECK(plan.request.num_experiments == c.runs);
    CHECK(plan.request.num_users == c.users);
    CHECK(plan.pools.personas.size() == c.pool);
    CHECK(plan.settings.num_turns == c.turns);
    CHECK(plan.settings.text.history == c.history);
    CHECK(plan.settings.turn_policy == c.policy);
    CHECK(plan.settings.p_respond == c.p);
    CHECK(plan.settings.include_mod == c.moderator);
    CHECK(plan.settings.text.disallowed.size() == c.disallowed);
  }
}

TEST_CASE("a g4 configuration alone says what it lacks") {
  const auto file = shared_discussion("g4_feb2026/data/discussions_input/run_config.yml");
  if (!file) return;
  const std::string why = refused_plan(*file);
  CAPTURE(why);
  for (const char* part :
       {"g4 configuration", "personas is missing", "user_instructions is missing", "mod_instructions is missing",
        "discussions.files.topics_path", "cmv_awry2.csv", "nothing was loaded"}) {
    CHECK(says(why, part));
  }
}

TEST_CASE("thirteen personas of one name are told") {
  const auto file = shared_discussion("g4_feb2026/data/discussions_input/run_config.yml");
  if (!file) return;
  const std::string folder = file->parent_path().string();
  const DiscussionPlan plan = plan_file(*file, {{"personas", folder + "/personas/no_sdbs.json"},
                                                {"user_instructions", folder + "/user_instructions/vanilla.txt"},
                                                {"include_mod", "false"},
                                                {"include_seed", "false"}});
  CHECK(plan.pools.personas.size() == 13);
  CHECK(count_saying(plan.warnings, "13 personas have the name P000") == 1);
  CHECK(plan.pools.openings.empty());
  const std::vector<DiscussionDesign> designs = draw_designs(plan.pools, plan.request);
  std::vector<std::string> names;
  for (const Participant& user : designs.at(0).users) names.push_back(user.name);
  CHECK(names == std::vector<std::string>{"P000", "P000_2", "P000_3", "P000_4", "P000_5", "P000_6", "P000_7"});
  CHECK(plan.request.troll_chance == 0.3);
  CHECK(plan.settings.text.trim);
}

TEST_CASE("an empty topic is a discussion without opening comment") {
  const auto file = shared_discussion("g2_feb2025/data/server_config.yml");
  if (!file) return;
  const auto topics = file->parent_path() / "discussions_input/topics/presidential_debate";
  const DiscussionPlan plan = plan_file(*file, {{"topics", topics.string()}});
  REQUIRE(plan.pools.openings.size() == 1);
  CHECK(plan.pools.openings[0][0].text.empty());
}

TEST_CASE("later layers win: default, key, assay:, command line") {
  LoadRoom room;
  room.write_inputs();
  const std::string file =
      room.write("config.yml", LoadRoom::config() + "assay: {num_turns: 9, mod_every: 2, seed: 5}\n");
  const DiscussionPlan plan = plan_discussions(LoadRoom::source(file), {{"mod_every", "3"}});
  CHECK(plan.settings.num_turns == 9);
  CHECK(plan.settings.mod_every == 3);
  CHECK(plan.request.num_experiments == 2);
  CHECK(plan.request.seed == 5);
  CHECK(plan.sources["num_turns"] == file + ":35 assay.num_turns");
  CHECK(plan.sources["mod_every"] == "command line");
  CHECK(plan.sources["mod_first"] == "default");
  CHECK(plan.params["mod_every"] == 3);
}

TEST_CASE("behaviour=syndisco sets its parts, each of which can be set alone") {
  LoadRoom room;
  room.write_inputs();
  const std::string file = room.write("config.yml", LoadRoom::config("\"round_robin\"", "\"Random-Weighted\""));
  const DiscussionPlan fixed = plan_file(file);
  CHECK(fixed.settings.turn_policy == "respond");
  CHECK(fixed.settings.text.silence == "quotes");
  CHECK_FALSE(fixed.settings.mod_silence_slot);
  CHECK_FALSE(fixed.settings.biased_start);
  const DiscussionPlan faulty = plan_file(file, {{"behaviour", "syndisco"}});
  CHECK(faulty.settings.turn_policy == "random_weighted_legacy");
  CHECK(faulty.settings.text.silence == "blank");
  CHECK(faulty.settings.mod_silence_slot);
  CHECK(faulty.settings.biased_start);
  CHECK(faulty.sources["silence"] == "behaviour=syndisco");
  const DiscussionPlan mixed =
      plan_file(file, {{"behaviour", "syndisco"}, {"silence", "quotes"}, {"turn_policy", "respond"}});
  CHECK(mixed.settings.turn_policy == "respond");
  CHECK(mixed.settings.text.silence == "quotes");
  CHECK(mixed.settings.mod_silence_slot);
}

TEST_CASE("what a format changes") {
  LoadRoom room;
  room.write_inputs();
  const std::string file = room.write("config.yml", LoadRoom::config());
  struct Case {
    const char* format;
    bool trim;
    std::size_t wrap;
    const char* style;
    bool first_users;
  };
  for (const Case& c : {Case{"auto", false, 70, "fields", false}, Case{"g0", false, 70, "auto", false},
                        Case{"g4", true, 70, "fields", false}, Case{"g5", true, 900'000, "fields", true}}) {
    CAPTURE(c.format);
    const DiscussionPlan plan = plan_file(file, {{"format", c.format}});
    CHECK(plan.generation == Generation::g2);
    CHECK(plan.settings.text.trim == c.trim);
    CHECK(plan.settings.text.wrap == c.wrap);
    CHECK(plan.settings.persona_style == c.style);
    CHECK(plan.request.first_users_open == c.first_users);
    CHECK(plan.settings.moderator_attributes == std::vector<std::string>{"firm", "kind"});
  }
  CHECK_FALSE(plan_file(file, {{"wrap", "none"}}).settings.text.wrap);
  CHECK_FALSE(plan_file(file, {{"history_ctx_len", "all"}}).settings.text.history);
  CHECK(plan_file(file, {{"library_type", "llama_cpp"}}).settings.decoding.stop_words ==
        std::vector<std::string>{"###", "\n\n", "User"});
  CHECK(plan_file(file, {{"library_type", "llama_cpp"}, {"stop_words", "[]"}}).settings.decoding.stop_words.empty());
}

TEST_CASE("personas with parameters need no configuration") {
  LoadRoom room;
  room.write_inputs();
  ParameterTexts given = {{"num_experiments", "2"}, {"num_users", "2"},
                          {"num_turns", "4"},       {"history_ctx_len", "3"},
                          {"context", "A forum."},  {"user_instructions", room.path("user.txt")},
                          {"include_mod", "no"},    {"seed_comments", R"(["One.", ["Two.", "Three."]])"}};
  const DiscussionPlan plan = plan_file(room.path("personas.json"), given);
  CHECK(plan.generation == Generation::g2);
  CHECK(plan.pools.personas.size() == 3);
  CHECK(plan.settings.turn_policy == "round_robin");
  REQUIRE(plan.pools.openings.size() == 2);
  CHECK(plan.pools.openings[1][1].text == "Three.");
  CHECK(plan.moved.empty());

  given.erase("num_turns");
  given.erase("context");
  const std::string why = refused_plan(room.path("personas.json"), given);
  CHECK(says(why, "num_turns is missing"));
  CHECK(says(why, "context is missing"));
}

TEST_CASE("a generated experiment is one run with its users as they stand") {
  LoadRoom room;
  const std::string common = R"("context": "A forum.", "user_names": ["A", "B"],
    "user_attributes": [["old", "kind"], ["young"]], "user_instructions": "Write.", "turn_manager_type": "round_robin",
    "turn_manager_config": {}, "conv_len": 6, "unknown_key": 1)";
  const std::string g1 =
      room.write("g1.json", "{" + common + R"(, "moderator_name": "mod", "moderator_attributes": ["just"],
      "moderator_instructions": "Keep order.", "seed_opinion": "Trams!", "seed_opinion_username": "FirstUser"})");
  const DiscussionPlan plan = plan_file(g1);
  CHECK(plan.generation == Generation::g1);
  REQUIRE(plan.design);
  REQUIRE(plan.design->discussions.size() == 1);
  const auto& [name, design] = plan.design->discussions[0];
  CHECK(name == "d001");
  CHECK(design.seed == 7);
  REQUIRE(design.users.size() == 2);
  CHECK(design.users[0].attributes == std::vector<std::string>{"old", "kind"});
  CHECK(design.moderator == "mod");
  REQUIRE(design.openings.size() == 1);
  CHECK(design.openings[0].name == "FirstUser");
  CHECK(plan.settings.num_turns == 6);
  CHECK(plan.settings.text.history == std::size_t{4});
  CHECK(plan.settings.user_instructions == "Write.");
  CHECK(plan.settings.mod_instructions == "Keep order.");
  CHECK(plan.settings.include_mod);

  const std::string g0 = room.write("g0.json", "{" + common + R"(, "moderator_name": null})");
  const DiscussionPlan old = plan_file(g0, {{"num_turns", "3"}});
  CHECK(old.generation == Generation::g0);
  CHECK_FALSE(old.settings.include_mod);
  CHECK(old.settings.num_turns == 3);
  CHECK(count_saying(old.warnings, "no 'topic'") == 1);
  const std::string whole = "You see: 'It''s a tram.'";
  std::string quoted = "{" + common + "}";
  quoted.replace(quoted.find("A forum."), 8, whole);
  const DiscussionPlan split = plan_file(room.write("g0q.json", quoted));
  CHECK(split.warnings.empty());
  CHECK(split.settings.context + " '" + split.design->discussions[0].second.openings.at(0).text + "'" == whole);
}

TEST_CASE("a generated experiment that can't be is refused") {
  LoadRoom room;
  const auto why = [&](const std::string& text) { return refused_plan(room.write("g.json", text)); };
  CHECK(says(why(R"({"user_names": ["A"], "user_attributes": []})"), "user_names has 1 entries, user_attributes 0"));
  CHECK(says(why(R"({"user_names": 3, "user_attributes": []})"), "a list of names"));
  CHECK(says(why(R"({"user_names": ["A"], "user_attributes": ["x"]})"), "a list of lists of texts"));
  CHECK(says(why(R"({"user_names": ["A"], "user_attributes": [["x"]], "seed_opinion": null})"), "context is missing"));
}

TEST_CASE("what is not needed may be missing, unless it was typed") {
  LoadRoom room;
  room.write_inputs();
  const std::string file = room.write("config.yml", LoadRoom::config("mod.txt", "nowhere.txt"));
  CHECK(says(refused_plan(file), "nowhere.txt"));
  CHECK(plan_file(file, {{"include_mod", "false"}}).settings.mod_instructions.empty());
  CHECK(says(refused_plan(file, {{"include_mod", "false"}, {"mod_instructions", "gone.txt"}}), "gone.txt"));
  const std::string trolls =
      room.write("trolls.yml", LoadRoom::config() + "assay: {troll_instructions: no/trolls.txt}\n");
  CHECK(says(refused_plan(trolls), "trolls.yml:35: assay.troll_instructions: \"no/trolls.txt\""));
  CHECK(plan_file(trolls, {{"troll_chance", "0"}}).request.troll_chance == 0);
  CHECK(plan_file(trolls, {{"troll_instructions", ""}}).request.troll_chance == 0);
}

TEST_CASE("root of a file counts from the file's folder") {
  LoadRoom room;
  room.write_inputs();
  std::filesystem::rename(room.folder / "topics", room.folder / "kept");
  room.write("far/data/topics/t.txt", "T");
  const std::string file =
      room.write("config.yml", LoadRoom::config("\"topics\"", "\"/x/data/topics\"") + "assay: {root: far}\n");
  const DiscussionPlan plan = plan_file(file);
  REQUIRE(plan.moved.size() == 1);
  CHECK(plan.moved[0].to == room.path("far/data/topics"));
}

TEST_CASE("a design file says who takes part; topics, num_users and num_experiments are not needed") {
  LoadRoom room;
  room.write_inputs();
  std::string text = LoadRoom::config("    topics_dir: \"topics\"\n", "");
  text.replace(text.find("    num_experiments: 2\n    num_users: 3\n"), 40, "");
  const std::string file = room.write("config.yml", text);
  const std::string design =
      room.write("design.json", R"({"assay_design": 1, "seed": 9, "discussions": [{"name": "x", "users": ["B", "A"],
      "seeds": [{"name": "A", "text": "Hello."}], "speakers": ["A", "B", "A"]}]})");
  for (const bool design_first : {false, true}) {
    const DiscussionPlan plan = design_first ? plan_discussions(LoadRoom::source(design), {{"config", file}})
                                             : plan_discussions(LoadRoom::source(file), {{"design", design}});
    REQUIRE(plan.design);
    CHECK(plan.design->discussions[0].first == "x");
    CHECK(plan.design->discussions[0].second.users[0].name == "B");
    CHECK(plan.request.seed == 9);
    CHECK(plan.generation == Generation::g2);
  }
  const std::string unknown =
      room.write("unknown.json", R"({"assay_design": 1, "discussions": [{"name": "x", "users": ["B", "Zoe"]}]})");
  const std::string why = refused_plan(file, {{"design", unknown}});
  CHECK(says(why, "Zoe"));
  CHECK(says(why, "unknown.json"));
  CHECK(says(refused_plan(file, {{"design", room.path("nowhere.json")}}), "design=" + room.path("nowhere.json")));
}

TEST_CASE("a grid takes the file's values and one seed for all its cells") {
  LoadRoom room;
  room.write_inputs();
  const std::string file =
      room.write("config.yml", LoadRoom::config() +
                                   "assay: {grid: {turn_policy: [respond, random], num_users: [2, 3], unit: [x]}}\n");
  LoadGrid grid;
  grid.parameters = {{"num_users", {"3"}}};
  complete_discussion_grid(LoadRoom::source(file), grid);
  REQUIRE(grid.parameters.size() == 3);
  CHECK(grid.parameters[0].second == std::vector<std::string>{"3"});
  CHECK(grid.parameters[1].first == "turn_policy");
  CHECK(grid.parameters[1].second == std::vector<std::string>{"respond", "random"});
  REQUIRE(grid.parameters[2].first == "seed");
  ParameterTexts cell;
  for (const auto& [name, values] : grid.parameters) cell[name] = values[0];
  const DiscussionPlan one = plan_discussions(LoadRoom::source(file), cell);
  cell["turn_policy"] = "random";
  const DiscussionPlan two = plan_discussions(LoadRoom::source(file), cell);
  CHECK(one.request.seed == two.request.seed);
  CHECK(one.sources["seed"] == "drawn");
  CHECK(two.settings.turn_policy == "random");

  Source independent = LoadRoom::source(file);
  independent.cell = {{"turn_policy", "random"}, {"num_users", "3"}};
  cell["pairing"] = "independent";
  CHECK(plan_discussions(independent, cell).request.cell == "num_users=3,turn_policy=random");
  cell.erase("pairing");
  CHECK(plan_discussions(independent, cell).request.cell.empty());

  LoadGrid other;
  complete_discussion_grid(LoadRoom::source(file), other);
  LoadGrid again;
  complete_discussion_grid(LoadRoom::source(file), again);
  CHECK(other.parameters.back().second != again.parameters.back().second);
  LoadGrid given;
  given.parameters = {{"seed", {"1", "2"}}};
  complete_discussion_grid(LoadRoom::source(file), given);
  CHECK(given.parameters[0].second == std::vector<std::string>{"1", "2"});
}

TEST_CASE("the largest seed is read whole, from a file too") {
  LoadRoom room;
  room.write_inputs();
  const std::string file = room.write("config.yml", LoadRoom::config() + "assay: {seed: 18446744073709551615}\n");
  CHECK(plan_discussions(LoadRoom::source(file), {}).request.seed == 18446744073709551615ULL);
  CHECK(plan_file(file, {{"seed", "18446744073709551615"}}).request.seed == 18446744073709551615ULL);
  CHECK(says(refused_plan(file, {{"seed", "18446744073709551616"}}), "allowed: a whole number, 0 to"));
  const std::string quoted = room.write("quoted.yml", LoadRoom::config() + "assay: {seed: \"5\"}\n");
  CHECK(says(refused([&] { plan_discussions(LoadRoom::source(quoted), {}); }), "quoted.yml:35: assay.seed: \"5\""));
}

TEST_CASE("a log that can't be written is a note, an unknown level a warning") {
  LoadRoom room;
  room.write_inputs();
  const std::string block = "logging: {print_to_terminal: no, write_to_file: true, logs_dir: ";
  const DiscussionPlan plan =
      plan_file(room.write("a.yml", LoadRoom::config() + block + "/nowhere/at/all, level: loud}\n"));
  CHECK_FALSE(plan.log.write_to_file);
  CHECK_FALSE(plan.log.print_to_terminal);
  CHECK(plan.log.level == "not_set");
  CHECK(count_saying(plan.notes, "/nowhere/at/all") == 1);
  CHECK(count_saying(plan.warnings, "unknown level \"loud\"") == 1);
  const DiscussionPlan good = plan_file(room.write("b.yml", LoadRoom::config() + block + "logs, level: INFO}\n"));
  CHECK(good.log.write_to_file);
  CHECK(good.log.folder == room.path("logs"));
  CHECK(good.log.level == "info");
  CHECK(plan_file(room.path("a.yml"), {{"logs_dir", room.path("here")}}).log.folder == room.path("here"));
}

TEST_CASE("what else the person is told") {
  LoadRoom room;
  room.write_inputs();
  const auto warnings = [&](const std::string& text, ParameterTexts given = {}) {
    return all(plan_file(room.write("w.yml", text), std::move(given)).warnings);
  };
  CHECK(says(warnings(LoadRoom::config("    num_turns:", "    num_turn: 1\n    num_turns:")),
             "w.yml:23: discussions.turn_taking.num_turn is not a known key, and is ignored: did you mean num_turns?"));
  CHECK(says(warnings(LoadRoom::config("    respond_probability: 0.4\n", ""), {{"turn_policy", "respond"}}),
             "p_respond"));
  CHECK(says(warnings(LoadRoom::config("\"round_robin\"", "random_weighted"), {{"p_respond", "1"}}), "alternate"));
  CHECK(says(warnings(LoadRoom::config(), {{"ban_phrase", "ban (.*)"}, {"max_tokens", "5000"}}), "ctx_width_tokens"));
  room.write("blank.txt", " \n");
  CHECK(says(warnings(LoadRoom::config("user.txt", "blank.txt")), "the instructions are blank"));
  CHECK(says(warnings(LoadRoom::config() + "assay: {num_user: 4}\n"), "did you mean num_users?"));
  std::string bare = LoadRoom::config();
  bare.erase(0, bare.find("discussions:"));
  CHECK(says(warnings(bare), "read as g3"));
  const DiscussionPlan off =
      plan_file(room.write("off.yml", LoadRoom::config() + "actions: {generate_discussions: false}\n"));
  CHECK(count_saying(off.notes, "generate_discussions is false") == 1);
}

TEST_CASE("what a file is, by its content") {
  LoadRoom room;
  room.write_inputs();
  struct Case {
    const char* text;
    SourceShape shape;
    Generation generation;
  };
  const Case cases[] = {
      {"discussions: {}\nmodel_parameters: {}\n", SourceShape::configuration, Generation::g2},
      {R"({"discussions": {}, "model": {}})", SourceShape::configuration, Generation::g3},
      {"discussions: {}\ndiscussion_model: {}\n", SourceShape::configuration, Generation::g4},
      {"{discussions: {}, model: {}}", SourceShape::configuration, Generation::g3},
      {"generate_conv_configs: {}\n", SourceShape::configuration, Generation::g1},
      {R"( {"turn_manager_type": "random", "conv_len": 4})", SourceShape::configuration, Generation::g0},
      {R"({"user_names": [], "user_attributes": [], "turn_manager_type": "x", "conv_len": 1})", SourceShape::generated,
       Generation::g0},
      {R"({"user_names": [], "user_attributes": [], "seed_opinion": ""})", SourceShape::generated, Generation::g1},
      {R"({"attributes": [], "include_moderator_comments": true})", SourceShape::annotator, Generation::g1},
      {R"({"username": "A"})", SourceShape::personas, Generation::g0},
      {R"([{"age": 3}])", SourceShape::personas, Generation::g0},
      {R"({"assay_design": 1, "discussions": []})", SourceShape::design, Generation::g0},
      {R"({"logs": [], "users": []})", SourceShape::discussion_result, Generation::g0},
      {R"({"logs": [], "conv_id": "x"})", SourceShape::annotation_result, Generation::g0},
      {R"({"timestamp": "x", "logs": [{"name": "a", "text": "b", "model": "m", "prompt": "p"}]})",
       SourceShape::discussion_result, Generation::g5},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const ReadSource read = read_source(LoadRoom::source(room.write("what", c.text)));
    CHECK(read.shape == c.shape);
    if (c.shape == SourceShape::configuration || c.shape == SourceShape::generated) {
      CHECK(read.generation == c.generation);
    }
  }
  CHECK(read_source(LoadRoom::source(room.path("topics"))).shape == SourceShape::folder);
  const auto refusal = [&](const std::string& text) {
    return refused([&] { read_source(LoadRoom::source(room.write("what", text))); });
  };
  CHECK(says(refusal("{\"a\": 1}"), "generate_conv_configs"));
  CHECK(says(refusal("[1, 2]"), "assay_design"));
  CHECK(says(refusal(""), "skip_bad=true"));
  CHECK(says(refusal("{\"logs\": [1,"), "what:"));
  CHECK(says(refusal("a: [1\nb: 2\n"), "what:2"));
  CHECK(says(refused_plan(room.write("r.json", R"({"logs": [], "conv_id": "x"})")), "r.json"));
}
