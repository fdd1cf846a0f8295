#pragma once
// A small study of discussions for the tests that run the whole program, and the result files that come of it.

#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "core/text/input.hpp"
#include "tests/faults/common.hpp"

namespace assay::test {

/// Personas, two topics, instructions, annotators and a configuration of eight discussions.
inline void write_study(const TemporaryFolder& folder, int discussions = 8, int turns = 6) {
  const auto persona = [](int i) {
    return Json::object({{"username", "user" + std::to_string(i)},
                         {"age", 20 + i},
                         {"sex", "female"},
                         {"sexual_orientation", "unknown"},
                         {"demographic_group", "unknown"},
                         {"current_employment", "Nurse"},
                         {"education_level", "Bachelor's"},
                         {"special_instructions", ""},
                         {"personality_characteristics", {"calm"}}});
  };
  Json users = Json::array(), annotators = Json::array();
  for (int i = 0; i < 9; ++i) users.push_back(persona(i));
  for (int i = 20; i < 23; ++i) annotators.push_back(persona(i));
  folder.write("personas.json", dump_json(users));
  folder.write("annotators.json", dump_json(annotators));
  std::filesystem::create_directory(folder.path() / "topics");
  folder.write("topics/bus.txt", "Should buses be free?");
  folder.write("topics/park.txt", "Should dogs be let into the park?");
  folder.write("user.txt", "Write one short comment.");
  folder.write("mod.txt", "Keep it civil.");
  folder.write("kind.txt", "Be very kind.");
  folder.write("rate.txt", "Rate each comment. Write Toxicity=<1-5>.");
  folder.write("study.yml",
               "model:\n  max_tokens: 60\n  disallowed_strings: ['```']\n  library_type: transformers\n"
               "discussions:\n"
               "  files: {topics_dir: topics, user_persona_path: personas.json, user_instructions_path: user.txt, "
               "mod_instructions_path: mod.txt, output_dir: out}\n"
               "  experiment_variables: {include_mod: true, num_experiments: " +
                   std::to_string(discussions) +
                   ", num_users: 4, context_prompt: 'A town forum.', moderator_attributes: [just]}\n"
                   "  turn_taking: {num_turns: " +
                   std::to_string(turns) +
                   ", history_ctx_len: 3, turn_manager_type: respond, respond_probability: 0.4}\n"
                   "annotation:\n  files: {annotator_persona_path: annotators.json, instruction_path: rate.txt, "
                   "output_dir: rated}\n  experiment_variables: {include_mod_comments: true, history_ctx_len: 3}\n");
}

inline std::set<std::string> files_below(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) names.insert(std::filesystem::relative(entry.path(), folder).string());
  }
  return names;
}

/// id -> the discussion's file without its time.
inline std::map<std::string, std::string> discussions_in(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const std::string& name : files_below(folder)) {
    Json file = parse_json(read_file((folder / name).string()), name);
    file["timestamp"] = "";
    files[file.at("id").get<std::string>()] = dump_json(file);
  }
  return files;
}

}  // namespace assay::test
