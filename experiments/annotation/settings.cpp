#include "experiments/annotation/settings.hpp"

#include "experiments/discussion/json_fields.hpp"

namespace assay {
namespace {

template <typename Settings, typename Visit>
void parsing_fields(Settings& parsing, const Visit& visit) {
  visit("parse", parsing.pattern);
  visit("scale", parsing.scale);
  visit("scales", parsing.scales);
  visit("drop_all_malformed", parsing.drop_all_malformed);
}

template <typename Settings, typename Visit>
void fields(Settings& settings, const Visit& visit) {
  visit("format", settings.format);
  visit("context", settings.context);
  visit("instructions", settings.instructions);
  visit("persona_style", settings.persona_style);
  visit("pseudoname", settings.pseudoname);
  visit("include_mod_comments", settings.include_mod_comments);
  visit("moderator_by_name", settings.moderator_by_name);
  visit("skip_silent", settings.skip_silent);
  visit("whole_discussion", settings.whole_discussion);
  visit("write_dir", settings.write_dir);
}

}  // namespace

Json to_json(const AnnotationParsing& parsing) {
  Json out = Json::object();
  parsing_fields(parsing, FieldWriter{out});
  return out;
}

AnnotationParsing parsing_from(const Json& value) {
  AnnotationParsing parsing;
  parsing_fields(parsing, FieldReader{value});
  return parsing;
}

Json to_json(const AnnotationSettings& settings) {
  Json out = Json::object();
  fields(settings, FieldWriter{out});
  for (const Json& part : {to_json(settings.text), to_json(settings.decoding), to_json(settings.parsing)}) {
    out.update(part);
  }
  return out;
}

AnnotationSettings annotation_settings_from(const Json& value) {
  AnnotationSettings settings;
  fields(settings, FieldReader{value});
  settings.text = text_settings_from(value);
  settings.decoding = decoding_from(value);
  settings.parsing = parsing_from(value);
  return settings;
}

}  // namespace assay
