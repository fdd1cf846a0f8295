#pragma once
// What shapes how an annotator reads and what is read out of its replies; run.data of an annotation. Specs:
// discussion.md 9. Values: any thread.
//
// run.data of a drawn run: {"conv_id", "discussion": {"run": "BATCH:ID","moderator": name or null,"log":
// [{"name","text"},..]}, "annotator": {"index", "name", "persona" or "attributes"}, "settings": {..}, "seed",
// "inputs"}; of a loaded result: {"source","file","format"} (and "source_text") as in discussion/record.hpp.
// run.context: for each judged comment `user` (the comment; more: index, name) and `assistant` (the filtered reply;
// more: index). run.answer: a list, one a judged comment: {"index", "values": {KEY: number,..}, "malformed": n,
// "scale": {KEY: [lo, hi]}}, the scale only where an evaluation read by another than the run's own.

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "core/text/json.hpp"
#include "experiments/discussion/settings.hpp"

namespace assay {

/// How numbers are read out of a reply, and which count. Specs: 9.3.
struct AnnotationParsing {
  std::string pattern;  ///< "" : (\w+)=([-\d\.]+) with letters of any script; else a regex of two groups
  std::pair<double, double> scale = {1, 5};
  std::map<std::string, std::pair<double, double>> scales;  ///< by lower-cased key
  bool drop_all_malformed = false;                          ///< behaviour=syndisco
  std::pair<double, double> scale_of(const std::string& key) const {
    const auto found = scales.find(key);
    return found == scales.end() ? scale : found->second;
  }
};

struct AnnotationSettings {
  Generation format = Generation::g2;
  TextSettings text;  ///< silence is not used
  DecodingSettings decoding;
  AnnotationParsing parsing;
  std::string context, instructions;
  std::string persona_style = "fields";
  std::string pseudoname;
  bool include_mod_comments = true;
  bool moderator_by_name = false;  ///< behaviour=syndisco: whoever's name contains "moderator"
  bool skip_silent = false;
  bool whole_discussion = false;  ///< unit=discussion
  std::string write_dir;
};

Json to_json(const AnnotationParsing& parsing);
AnnotationParsing parsing_from(const Json& value);
Json to_json(const AnnotationSettings& settings);
AnnotationSettings annotation_settings_from(const Json& value);

}  // namespace assay
