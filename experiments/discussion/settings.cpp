#include "experiments/discussion/settings.hpp"

#include "experiments/discussion/json_fields.hpp"

namespace assay {
namespace {

template <typename Settings, typename Visit>
void text_fields(Settings& text, const Visit& visit) {
  visit("disallowed", text.disallowed);
  visit("trim", text.trim);
  visit("silence", text.silence);
  visit("wrap", text.wrap);
  visit("history", text.history);
}

template <typename Settings, typename Visit>
void decoding_fields(Settings& decoding, const Visit& visit) {
  visit("temperature", decoding.temperature);
  visit("top_p", decoding.top_p);
  visit("max_tokens", decoding.max_tokens);
  visit("model_seed", decoding.model_seed);
  visit("stop_words", decoding.stop_words);
}

template <typename Settings, typename Visit>
void fields(Settings& settings, const Visit& visit) {
  visit("format", settings.format);
  visit("turn_policy", settings.turn_policy);
  visit("p_respond", settings.p_respond);
  visit("biased_start", settings.biased_start);
  visit("weights", settings.weights);
  visit("speakers", settings.speakers);
  visit("num_turns", settings.num_turns);
  visit("include_mod", settings.include_mod);
  visit("mod_first", settings.mod_first);
  visit("mod_every", settings.mod_every);
  visit("mod_silence_slot", settings.mod_silence_slot);
  visit("moderator_attributes", settings.moderator_attributes);
  visit("moderator_persona", settings.moderator_persona);
  visit("context", settings.context);
  visit("user_instructions", settings.user_instructions);
  visit("mod_instructions", settings.mod_instructions);
  visit("troll_instructions", settings.troll_instructions);
  visit("persona_style", settings.persona_style);
  visit("pseudoname", settings.pseudoname);
  visit("mod_pseudoname", settings.mod_pseudoname);
  visit("user_prompts", settings.user_prompts);
  visit("moderator_prompt", settings.moderator_prompt);
  visit("stop_phrase", settings.stop_phrase);
  visit("ban_phrase", settings.ban_phrase);
  visit("stop_silent", settings.stop_silent);
  visit("stop_comments", settings.stop_comments);
  visit("stop_tokens", settings.stop_tokens);
  visit("stop_repeat", settings.stop_repeat);
  visit("write_dir", settings.write_dir);
}

}  // namespace

Json to_json(const TextSettings& text) {
  Json out = Json::object();
  text_fields(text, FieldWriter{out});
  return out;
}

TextSettings text_settings_from(const Json& value) {
  TextSettings text;
  text_fields(text, FieldReader{value});
  if (text.wrap == 0U) throw Error("file", "found 0, expected 1 or more", "wrap");
  return text;
}

Json to_json(const DecodingSettings& decoding) {
  Json out = Json::object();
  decoding_fields(decoding, FieldWriter{out});
  return out;
}

DecodingSettings decoding_from(const Json& value) {
  DecodingSettings decoding;
  decoding_fields(decoding, FieldReader{value});
  const std::string& seed = decoding.model_seed;
  const bool number = !seed.empty() && seed.size() < 19 && seed.find_first_not_of("0123456789") == std::string::npos;
  if (seed != "run" && seed != "off" && !number)
    throw Error("file", "found " + seed + ", expected run, off or a number", "model_seed");
  return decoding;
}

Json to_json(const DiscussionSettings& settings) {
  Json out = Json::object();
  fields(settings, FieldWriter{out});
  out.update(to_json(settings.text));
  out.update(to_json(settings.decoding));
  return out;
}

DiscussionSettings settings_from(const Json& value) {
  DiscussionSettings settings;
  fields(settings, FieldReader{value});
  settings.text = text_settings_from(value);
  settings.decoding = decoding_from(value);
  if (settings.mod_every == 0) throw Error("file", "found 0, expected 1 or more", "mod_every");
  return settings;
}

}  // namespace assay
