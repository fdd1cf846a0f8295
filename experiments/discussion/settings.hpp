#pragma once
// All that shapes how a discussion runs, but who takes part and what they begin with (design.hpp). It stands in
// run.data["settings"], so that a saved run goes on anywhere. Specs: discussion.md 2.1, 4, 6. Values: any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/text/json.hpp"
#include "experiments/discussion/generation.hpp"

namespace assay {

/// How texts are filtered, judged silent and shown to the next speaker; the same for annotators.
struct TextSettings {
  std::vector<std::string> disallowed;  ///< removed wherever they occur, in this order
  bool trim = false;
  std::string silence = "quotes";          ///< quotes, blank, re:REGEX
  std::optional<std::size_t> wrap = 70;    ///< code points; nullopt: left alone
  std::optional<std::size_t> history = 3;  ///< items that the window keeps; nullopt: all
};

/// What a request asks for beside its messages.
struct DecodingSettings {
  std::optional<double> temperature, top_p;
  std::optional<std::int64_t> max_tokens;
  std::string model_seed = "run";  ///< run, off, or a number
  std::vector<std::string> stop_words;
};

struct DiscussionSettings {
  Generation format = Generation::g2;
  TextSettings text;
  DecodingSettings decoding;

  std::string turn_policy = "round_robin";  ///< as in the table of 4.1
  double p_respond = 0.5;
  bool biased_start = false;          ///< round_robin_random_start with the bias of SynDisco 2.2
  Json weights;                       ///< of `weighted`: {"name": w}
  std::vector<std::string> speakers;  ///< of `fixed`, where the design names none
  std::uint32_t num_turns = 1;

  bool include_mod = true, mod_first = false;
  std::uint32_t mod_every = 1;
  bool mod_silence_slot = false;  ///< an empty moderator text takes a place in the window
  std::vector<std::string> moderator_attributes;
  Json moderator_persona;  ///< of g4 and g5; null: by 7.4

  std::string context;  ///< the context prompt
  std::string user_instructions, mod_instructions, troll_instructions;
  std::string persona_style = "fields";    ///< fields, fields_sex, phrases, phrases_intent; auto: style_of() each
  std::string pseudoname, mod_pseudoname;  ///< what files call the models

  /// System messages used as they stand, where a result file goes on (forks): one a user, in their order.
  std::vector<std::string> user_prompts;
  std::string moderator_prompt;

  // Ends before num_turns; "" and 0: never.
  std::string stop_phrase, ban_phrase;  ///< regular expressions
  std::uint32_t stop_silent = 0;
  std::uint64_t stop_comments = 0, stop_tokens = 0;
  double stop_repeat = 0;

  std::string write_dir;  ///< where the result file goes when the run ends; "": nowhere
};

Json to_json(const DiscussionSettings& settings);
/// Absent keys are the defaults. Throws Error "file" for a value that is none.
DiscussionSettings settings_from(const Json& value);

Json to_json(const TextSettings& text);
TextSettings text_settings_from(const Json& value);
Json to_json(const DecodingSettings& decoding);
DecodingSettings decoding_from(const Json& value);

}  // namespace assay
