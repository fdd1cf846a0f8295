#include "experiments/discussion/config_file.hpp"

#include <doctest/doctest.h>

#include "experiments/discussion/run_log.hpp"
#include "load_room.hpp"
#include "runners/yaml/yaml.hpp"

using namespace assay;

TEST_CASE("of repeated YAML keys the last counts where that is asked for, and each is told with its lines") {
  const std::string text = "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\na: 4\nb2: {x: 1, x: [2]}\na: 5\n";
  CHECK(says(refused([&] { parse_yaml(text, "f"); }), "the key c appears twice"));
  std::vector<YamlRepeatedKey> repeated;
  const YamlNode node = parse_yaml(text, "f", {}, &repeated);
  CHECK(dump_json(yaml_to_json(node)) == R"({"a":5,"b":{"c":3,"d":2},"b2":{"x":[2]}})");
  REQUIRE(repeated.size() == 3);
  CHECK(repeated[0].key == "b.c");
  CHECK(repeated[0].lines == std::vector<std::size_t>{3, 5});
  CHECK(repeated[1].key == "a");
  CHECK(repeated[1].lines == std::vector<std::size_t>{1, 6, 8});
  CHECK(repeated[2].key == "b2.x");
  CHECK(repeated[2].lines == std::vector<std::size_t>{7, 7});
}

TEST_CASE("a document knows the lines of its keys, in YAML and in JSON") {
  CHECK(read_document("\n\na:\n  b: 1\n", "f").line_of("a.b") == 4);
  const ConfigDocument json = read_document(" {\n \"a\": {\"b\":\n1e2}}", "f");
  CHECK(json.value["a"]["b"] == 100.0);
  CHECK(json.line_of("a.b") == 2);
  CHECK(read_document("{\"a\": 1,\n\"a\": 2}", "f").value["a"] == 2);
  CHECK(read_document("{\"a\": 1,\n\"a\": 2}", "f").repeated == std::vector<std::string>{"a (lines 1, 2)"});
}

TEST_CASE("keys of each generation give the same parameters") {
  Problems problems;
  const auto config = [&](const std::string& text) {
    return read_config({"f.yml", "f.yml", {}}, read_document(text, "f.yml"), problems);
  };
  const ConfigFile g1 = config(
      "generate_conv_configs: {turn_taking: {conv_len: 3, rand_weighted_respond_probability: 0.1}}\n"
      "generate_conversations: {paths: {model_path: m}, model_parameters: {general: {model_name: n, max_tokens: 5}}}\n"
      "generate_annotations: {paths: {conv_logs_dir: d}, model_parameters: {general: {max_tokens: 6}}}\n");
  CHECK(g1.generation == Generation::g1);
  CHECK(g1.discussion.at("num_turns").value == 3);
  CHECK(g1.discussion.at("p_respond").source() ==
        "f.yml:1 generate_conv_configs.turn_taking.rand_weighted_respond_probability");
  CHECK(g1.discussion.at("max_tokens").value == 5);
  CHECK(g1.annotation.at("max_tokens").value == 6);
  CHECK(g1.annotation.at("discussions").value == "d");
  CHECK(g1.key_of("num_experiments", false) == "generate_conv_configs.experiment_variables.num_generated_files");
  const ConfigFile g3 = config("model: {max_tokens: 7}\ndiscussions: {files: {output_dir: o}}\n");
  CHECK(g3.discussion.at("max_tokens").value == 7);
  CHECK(g3.annotation.at("max_tokens").value == 7);
  CHECK(g3.annotation.at("discussions").value == "o");
  CHECK(g3.recorded["discussions.files.output_dir"] == "o");
  const ConfigFile g4 = config("discussion_model: {max_tokens: 8}\ndiscussions: {files: {topics_path: t.csv}}\n");
  CHECK(g4.discussion.at("topics").value == "t.csv");
  const ConfigFile g0 =
      config("{turn_manager_type: random, conv_len: 9, turn_manager_config: {respond_probability: 1}}");
  CHECK(g0.generation == Generation::g0);
  CHECK(g0.discussion.at("p_respond").value == 1);
  CHECK(problems.empty());
  for (const ConfigFile* one : {&g1, &g3, &g4, &g0}) CHECK(one->warnings.empty());
}

TEST_CASE("a log has one file a day, seven of which are kept, and never fails") {
  LoadRoom room;
  constexpr WallTime kDay = 86'400'000'000;
  const WallTime noon = 1'739'361'600'000'000;
  RunLog log(LogSettings{true, true, room.path("logs"), "info"});
  log.line(LogLevel::debug, "too fine", noon);
  CHECK_FALSE(std::filesystem::exists(room.path("logs")));
  room.write("logs/notes.txt", "mine");
  for (int day = 0; day < 9; ++day) log.line(LogLevel::info, "discussion 3/8\nends", noon + day * kDay);
  log.line(LogLevel::warn, "late", noon + 8 * kDay);
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(room.path("logs"))) files.push_back(entry.path());
  CHECK(files.size() == 8);
  std::sort(files.begin(), files.end());
  REQUIRE(files.size() > 6);
  std::ifstream last(files[6]);
  std::string line;
  std::getline(last, line);
  CHECK(line.substr(10, 1) == " ");
  CHECK(line.substr(19) == " INFO     discussion 3/8 ends");
  std::getline(last, line);
  CHECK(line.substr(19) == " WARNING  late");
  CHECK(std::filesystem::exists(room.path("logs/notes.txt")));

  RunLog nowhere(LogSettings{true, true, "/proc/no/such/folder", "not_set"});
  nowhere.line(LogLevel::error, "x", noon);
}
