#pragma once
// A folder of small input files, made for one test and removed after it.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/text/error.hpp"
#include "experiments/discussion/loading.hpp"

namespace assay {

class LoadRoom {
 public:
  LoadRoom() {
    std::string name = (std::filesystem::temp_directory_path() / "assay-load-XXXXXX").string();
    folder = mkdtemp(name.data());
  }
  ~LoadRoom() { std::filesystem::remove_all(folder); }
  LoadRoom(const LoadRoom&) = delete;
  LoadRoom& operator=(const LoadRoom&) = delete;

  std::string write(const std::string& name, const std::string& text) const {
    const auto path = folder / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }
  std::string path(const std::string& name) const { return (folder / name).string(); }

  /// Personas A, B, C .., topics t1.txt and t2.txt, instructions of users and moderator.
  void write_inputs(std::size_t personas = 3) const {
    std::string list;
    for (std::size_t i = 0; i < personas; ++i) {
      list += (i == 0 ? "" : ",\n") + persona(std::string(1, static_cast<char>('A' + i)));
    }
    write("personas.json", "[" + list + "]");
    write("topics/t1.txt", "The first topic.\n");
    write("topics/t2.txt", "The second topic.\n");
    write("user.txt", "Write a comment.");
    write("mod.txt", "Keep order.");
    write("annotators.json", "[" + persona("annotator") + "," + persona("annotator") + "]");
    write("annotation.txt", "Rate it.");
  }

  static std::string persona(const std::string& name) {
    return R"({"username": ")" + name +
           R"(", "age": 30, "sex": "male", "sexual_orientation": "", "demographic_group": "", "current_employment": "",
            "education_level": "", "special_instructions": "", "personality_characteristics": ["calm"]})";
  }

  /// A g2 configuration of those inputs. `change`: lines in place of those that begin with the same key.
  static std::string config(const std::string& from = {}, const std::string& to = {}) {
    std::string text = R"(model_parameters:
  general:
    disallowed_strings: ["```"]
    library_type: "transformers"
    model_path: "none"
    model_pseudoname: "scripted"
    max_tokens: 200
    ctx_width_tokens: 2048
discussions:
  files:
    topics_dir: "topics"
    user_persona_path: "personas.json"
    user_instructions_path: "user.txt"
    mod_instructions_path: "mod.txt"
    output_dir: "out"
  experiment_variables:
    include_mod: true
    num_experiments: 2
    num_users: 3
    context_prompt: "You take part in a forum."
    moderator_attributes: ["firm", "kind"]
  turn_taking:
    num_turns: 8
    history_ctx_len: 3
    turn_manager_type: "round_robin"
    respond_probability: 0.4
annotation:
  files:
    annotator_persona_path: "annotators.json"
    instruction_path: "annotation.txt"
    output_dir: "out_annotation"
  experiment_variables:
    include_mod_comments: true
    history_ctx_len: 3
)";
    const auto at = text.find(from);
    if (!from.empty() && at != std::string::npos) text.replace(at, from.size(), to);
    return text;
  }

  static Source source(const std::string& path) { return {path, path, {}}; }

  std::filesystem::path folder;
};

inline DiscussionPlan plan_file(const std::string& path, ParameterTexts given = {}) {
  given.emplace("seed", "7");
  return plan_discussions(LoadRoom::source(path), given);
}

/// What the person reads when a load is refused; "" when it is not.
inline std::string refused(const auto& load) {
  try {
    load();
  } catch (const Error& error) {
    return error.kind() + " " + error.what() + (error.hint().empty() ? "" : " | " + error.hint());
  }
  return "";
}
inline std::string refused_plan(const std::string& path, ParameterTexts given = {}) {
  return refused([&] { plan_file(path, std::move(given)); });
}

inline bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
inline std::size_t count_saying(const std::vector<std::string>& texts, const std::string& part) {
  std::size_t n = 0;
  for (const std::string& text : texts) n += says(text, part) ? 1 : 0;
  return n;
}

}  // namespace assay
