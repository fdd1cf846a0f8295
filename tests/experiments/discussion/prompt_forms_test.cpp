#include "experiments/discussion/prompt_forms.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "core/text/input.hpp"
#include "experiments/discussion/loading.hpp"
#include "experiments/discussion/record.hpp"
#include "tests/experiments/discussion/shared_discussion.hpp"

namespace assay {
namespace {

using Role = PromptSpeaker::Role;

const Json kAnn = parse_json(R"({"username": "ann", "age": 31, "sex": "FEMALE", "sexual_orientation": "",
  "demographic_group": null, "current_employment": "Nurse, part-time", "education_level": "Bachelor's",
  "special_instructions": "Be brief.", "personality_characteristics": ["calm", "isn't shy", 2.50, true],
  "hobby": "tea"})",
                             "ann");

TEST_CASE("attributes of a persona in each style") {
  CHECK(persona_attributes(kAnn, "fields") ==
        "username: ann, age: 31, sex: FEMALE, sexual_orientation: , demographic_group: None, current_employment: "
        "Nurse, part-time, education_level: Bachelor's, special_instructions: Be brief., "
        "personality_characteristics: ['calm', \"isn't shy\", 2.5, True]");
  CHECK(persona_attributes(kAnn, "fields_sex") == persona_attributes(kAnn, "fields") + ", woman");
  CHECK(persona_attributes(kAnn, "phrases") ==
        "31 years old, , None, Nurse, part-time, calm, isn't shy, 2.5, True, woman, with Bachelor's education., Be "
        "brief.");
  Json old = kAnn;
  old.erase("special_instructions");
  old["intent"] = "Troll";
  old["sex"] = "Male";
  CHECK(persona_attributes(old, "phrases_intent") ==
        "31 years old, , None, Nurse, part-time, calm, isn't shy, 2.5, True, man, with Bachelor's education, and Troll "
        "intent");
  CHECK(style_of(kAnn) == "fields_sex");
  CHECK(style_of(old) == "phrases_intent");
  CHECK(persona_attributes(old, "auto") == persona_attributes(old, "phrases_intent"));
  old["sex"] = "other";
  CHECK(persona_attributes(old, "fields_sex")
            .ends_with("special_instructions: Troll, personality_characteristics: "
                       "['calm', \"isn't shy\", 2.5, True], non-binary"));
}

TEST_CASE("the system message of each form") {
  PromptSpeaker ann{Role::user, "ann", kAnn, {}, "Talk.\n"};
  const std::string traits = persona_attributes(kAnn, "fields");
  CHECK(system_prompt(Generation::g0, ann, "A post: ", "Tea?\n", "phrases") ==
        "You are ann " + persona_attributes(kAnn, "phrases") +
            ". Context: A post:  'Tea?\n'. Your instructions: Talk.\n.");
  for (const Generation format : {Generation::g1, Generation::g2, Generation::g3}) {
    CHECK(system_prompt(format, ann, "A forum.", "Tea?", "phrases") ==
          "A forum. Your name is ann. Your traits: " + traits + " Your instructions: Talk.\n");
  }
  CHECK(system_prompt(Generation::g4, ann, "A \"forum\".", "") ==
        R"({"context": "A \"forum\".", "instructions": "Talk.\n", "type": "1", "persona": {"username": "ann", )"
        R"("age": 31, "sex": "FEMALE", "sexual_orientation": "", "demographic_group": null, "current_employment": )"
        R"("Nurse, part-time", "education_level": "Bachelor's", "special_instructions": "Be brief.", )"
        R"("personality_characteristics": ["calm", "isn't shy", 2.5, true]}})");
  const std::string g5 = system_prompt(Generation::g5, ann, "A forum.", "");
  CHECK(g5.find(R"("type": "user", "persona": {"username": "ann", "age": 31,)") != std::string::npos);
  CHECK(g5.ends_with(R"("hobby": "tea"}})"));
  // Attributes of a generated experiment stand as they are.
  ann.attributes = {"a", "b, c"};
  CHECK(system_prompt(Generation::g1, ann, "F.", "") ==
        "F. Your name is ann. Your traits: a, b, c Your instructions: Talk.\n");
}

TEST_CASE("moderators and annotators") {
  const PromptSpeaker moderator{Role::moderator, "moderator", nullptr, {"just", "kind"}, "Moderate."};
  CHECK(system_prompt(Generation::g2, moderator, "F.", "") ==
        "F. Your name is moderator. Your traits: just, kind Your instructions: Moderate.");
  CHECK(
      system_prompt(Generation::g4, moderator, "F.", "") ==
      R"({"context": "F.", "instructions": "Moderate.", "type": "1", "persona": {"username": "moderator", "age": -1, )"
      R"("sex": "", "sexual_orientation": "", "demographic_group": "", "current_employment": "", )"
      R"("education_level": "", "special_instructions": "", "personality_characteristics": ["just", "kind"]}})");
  CHECK(system_prompt(Generation::g5, moderator, "F.", "") ==
        R"({"context": "F.", "instructions": "Moderate.", "type": "user", "persona": {"username": "moderator", )"
        R"("personality_characteristics": ["just", "kind"]}})");
  CHECK(dump_json(moderator_persona(Generation::g4, "moderator", {})) ==
        R"({"username":"moderator","age":30,"sex":"male","sexual_orientation":"unknown","demographic_group":"unknown",)"
        R"("current_employment":"moderator","education_level":"bachelors","special_instructions":"",)"
        R"("personality_characteristics":["fair"]})");
  PromptSpeaker own = moderator;
  own.persona = Json{{"username", "mo"}, {"badge", 7}};
  CHECK(system_prompt(Generation::g4, own, "F.", "").ends_with(R"("persona": {"username": "mo", "badge": 7}})"));

  const PromptSpeaker rater{Role::annotator, "", kAnn, {}, "Rate."};
  CHECK(system_prompt(Generation::g0, rater, "", "ignored", "fields").starts_with("You are  username: ann, "));
  CHECK(system_prompt(Generation::g0, rater, "", "ignored", "fields")
            .ends_with(". Context: . Your instructions: Rate.."));
  CHECK(system_prompt(Generation::g4, rater, "C", "").find(R"("type": "2")") != std::string::npos);
  CHECK(system_prompt(Generation::g5, rater, "C", "").find(R"("type": "annotator")") != std::string::npos);
  CHECK(annotator_context(Generation::g0) == "");
  CHECK(annotator_context(Generation::g2) == "You are a human working as an annotator");
  CHECK(annotator_context(Generation::g5) == "You are a human annotator");
}

TEST_CASE("the user message of each form, with and without a history") {
  for (const Generation format : {Generation::g0, Generation::g1, Generation::g2, Generation::g3}) {
    CHECK(turn_prompt(format, "ann", "") == "\nUser ann posted:");
    CHECK(turn_prompt(format, "ann", "h") == "h\nUser ann posted:");
    CHECK(annotation_prompt(format, "h") == "Conversation so far:\n\nh\nOutput:");
  }
  CHECK(turn_prompt(Generation::g4, "\u0141uk", "") == R"({"role": "user", "content": "\nUser \u0141uk posted:"})");
  CHECK(annotation_prompt(Generation::g4, "h") == R"({"role": "user", "content": "Conversation so far:\nh\nOutput:"})");
  CHECK(turn_prompt(Generation::g5, "ann", "h") ==
        R"({"role": "user", "content": "Comments so far: h.\nYour comment:"})");
  CHECK(annotation_prompt(Generation::g5, "h") ==
        R"({"role": "user", "content": "Comments so far: h.\nYour annotation:"})");
}

TEST_CASE("a persona is found again in its prompt") {
  const auto prompt = [](Generation format, const Json& persona, std::string_view style = "fields") {
    return system_prompt(format, {Role::user, "ann", persona, {}, "Your traits: x, age: 2 Your instructions: y"}, "C",
                         "t", style);
  };
  Json texts = kAnn;
  texts.erase("hobby");
  texts["age"] = "25-34";
  texts["demographic_group"] = "None. Really, none";
  texts["personality_characteristics"] = Json::array({"it's \"x\"", "a] Your instructions: b"});
  for (const Generation format : {Generation::g1, Generation::g2, Generation::g3, Generation::g4, Generation::g5}) {
    CHECK(persona_in_prompt(prompt(format, texts)) == texts);
  }
  CHECK(persona_in_prompt(prompt(Generation::g0, texts, "fields_sex")) == texts);
  texts["age"] = 31;
  CHECK(persona_in_prompt(prompt(Generation::g2, texts)) == texts);
  CHECK(persona_in_prompt(prompt(Generation::g5, kAnn)) == kAnn);
  CHECK(persona_in_prompt(prompt(Generation::g0, texts, "phrases")).is_null());
  texts["personality_characteristics"] = Json::array();
  CHECK(persona_in_prompt(prompt(Generation::g2, texts)) == texts);
  for (const char* text : {"", "{", "{\"persona\": {}}", "{\"context\": 1}",
                           "A. Your name is moderator. Your traits: just, kind Your instructions: x", "username: x"}) {
    CAPTURE(text);
    CHECK(persona_in_prompt(text).is_null());
  }
}

/// The files of a folder, read as instructions.
std::string text_of(const std::filesystem::path& root, const std::string& name) { return read_input_text(root / name); }

DiscussionRecord record_of(const std::filesystem::path& file, Generation format) {
  return record_of_file(parse_json(read_file(file.string()), "result"), format, "result");
}

struct Published {
  std::string file, personas, instructions, moderator;
  Generation format;
  std::string troll = {};
};

TEST_CASE("published prompts come out of personas and instructions alone") {
  const auto root = shared_discussion("");
  if (!root) return;
  const std::string g1 = "g1_jan2025/data/discussions_input/modular_configurations/",
                    g2 = "g2_feb2025/data/discussions_input/", g3 = "g3_apr2025/data/discussions_input/",
                    g4 = "g4_feb2026/data/discussions_input/", vanilla = "user_instructions/vanilla.txt",
                    game = "mod_instructions/moderation_game.txt", troll = g4 + "user_instructions/troll.txt";
  const std::vector<Published> cases = {
      {"g1_jan2025/data/discussions_output/no_mod/25-01-11-11-25.json", g1 + "personas", g1 + vanilla, "",
       Generation::g1},
      {"g2_feb2025/data/discussions_output/moderation_game/25-02-02-10-09.json", g2 + "personas/personas.json",
       g2 + vanilla, g2 + game, Generation::g2},
      {"g2_feb2025/data/discussions_output/no_moderator/25-01-31-07-39.json", g2 + "personas/personas.json",
       g2 + vanilla, "", Generation::g2},
      {"g3_apr2025/data/discussions_output/ablation/turn_taking/random/25-04-11-13-59.json",
       g3 + "personas/personas.json", g3 + vanilla, g3 + game, Generation::g3},
      {"g3_apr2025/data/discussions_output/ablation/turn_taking/round_robin/25-04-11-13-06.json",
       g3 + "personas/personas.json", g3 + vanilla, g3 + game, Generation::g3},
      {"g4_feb2026/data/discussions_output/main/qwen32b_nomod/26-02-11-12-01-58.json",
       g4 + "personas/personas_employed.json", g4 + vanilla, "", Generation::g4, troll},
      {"g4_feb2026/data/discussions_output/ablations/llama8b_vanilla.txt_noinstructions/26-02-12-03-12-18.json",
       g4 + "personas/personas_employed.json", g4 + "user_instructions/no_instructions.txt",
       g4 + "mod_instructions/vanilla.txt", Generation::g4, troll},
  };
  std::size_t users = 0, moderators = 0;
  for (const Published& one : cases) {
    CAPTURE(one.file);
    const bool g4_form = one.format == Generation::g4;
    const std::string context = g4_form ? "Pretend that you are a human participating in an online forum with the "
                                          "provided characteristics and respond as that human would."
                                        : "You are a human participating in an online chatroom.";
    const DiscussionRecord record = record_of(*root / one.file, one.format);
    std::vector<std::string> warnings;
    const auto pool = read_personas(*root / one.personas, one.format, warnings);
    for (std::size_t i = 0; i < record.users.size(); ++i) {
      PromptSpeaker speaker{Role::user, record.users[i], nullptr, {}, text_of(*root, one.instructions)};
      const auto found = std::find_if(pool.begin(), pool.end(), [&](const Participant& persona) {
        if (!g4_form) return persona.persona.at("username") == record.users[i];
        // Names are drawn there: the other eight fields tell whose.
        Json named = prompt_persona(Generation::g4, persona.persona);
        named["username"] = record.users[i];
        return named == record.personas[i];
      });
      REQUIRE(found != pool.end());
      speaker.persona = found->persona;
      speaker.persona["username"] = record.users[i];
      std::string built = system_prompt(one.format, speaker, context, "");
      if (built != record.user_prompts[i] && !one.troll.empty()) {
        speaker.instructions = text_of(*root, one.troll);
        built = system_prompt(one.format, speaker, context, "");
      }
      CHECK(built == record.user_prompts[i]);
      ++users;
    }
    if (one.moderator.empty()) {
      CHECK_FALSE(record.moderator_prompt);
      continue;
    }
    PromptSpeaker moderator{Role::moderator, "moderator", nullptr, {}, text_of(*root, one.moderator)};
    if (!g4_form) moderator.attributes = {"just", "strict", "understanding"};
    CHECK(system_prompt(one.format, moderator, context, "") == record.moderator_prompt);
    ++moderators;
  }
  CHECK(users == 5 + 14 + 14 + 14);
  CHECK(moderators == 1 + 2 + 1);
}

TEST_CASE("published annotator prompts come out of personas and instructions alone") {
  const auto root = shared_discussion("");
  if (!root) return;
  struct Case {
    std::string results, personas, instructions;
    Generation format;
    std::size_t files;
  };
  const std::string g0 = "g0_nov2024/data/annotation_input/modular_configurations/";
  for (const Case& one :
       {Case{"g0_nov2024/data/annotations_output/toxicity", g0 + "personas", g0 + "instructions/toxicity.txt",
             Generation::g0, 6},
        {"g2_feb2025/data/annotation_output/moderation_game",
         "g2_feb2025/data/annotation_input/personas/sdb_personas.json",
         "g2_feb2025/data/annotation_input/instructions/toxicity_argument_quality.txt", Generation::g2, 11},
        {"g3_apr2025/data/annotation_output", "g3_apr2025/data/annotation_input/personas/sdb_personas.json",
         "g3_apr2025/data/annotation_input/instructions/toxicity_argument_quality.txt", Generation::g3, 2}}) {
    CAPTURE(one.results);
    std::vector<std::string> warnings, built;
    for (const Participant& annotator : read_personas(*root / one.personas, one.format, warnings)) {
      PromptSpeaker speaker{Role::annotator, std::string(annotator_name(one.format)), annotator.persona, {}, {}};
      speaker.instructions = text_of(*root, one.instructions);
      built.push_back(system_prompt(one.format, speaker, annotator_context(one.format), "", "phrases_intent"));
    }
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(*root / one.results)) {
      const Json result = parse_json(read_file(entry.path().string()), "result");
      const auto prompt = result["annotator_prompt"].get<std::string>();
      CHECK_MESSAGE(std::find(built.begin(), built.end(), prompt) != built.end(), prompt);
      ++files;
    }
    CHECK(files == one.files);
  }
}

}  // namespace
}  // namespace assay
