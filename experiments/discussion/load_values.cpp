#include "experiments/discussion/load_values.hpp"

#include <algorithm>

#include "core/text/utf8.hpp"

namespace assay {

void use_text_defaults(ParameterSheet& sheet, Generation from, Generation format) {
  constexpr int kWrap = 70, kWideWrap = 900'000, kG0MaxTokens = 512;
  const bool old = from == Generation::g0;
  sheet.use("trim", has_json_prompts(format));
  sheet.use("wrap", format == Generation::g5 ? kWideWrap : kWrap);
  sheet.use("disallowed", old ? Json::array({"```"}) : Json::array());
  if (old) sheet.use("max_tokens", kG0MaxTokens);
  sheet.use("library_type", old ? "llama_cpp" : "transformers");
  const bool honoured = sheet.get<std::string>("library_type") == "llama_cpp";
  sheet.use("stop_words", honoured ? Json::array({"###", "\n\n", "User"}) : Json::array(),
            honoured ? "library_type=llama_cpp" : "default");
}

void use_behaviour_defaults(ParameterSheet& sheet, const std::vector<BehaviourPart>& parts) {
  const bool syndisco = sheet.get<std::string>("behaviour") == "syndisco";
  for (const BehaviourPart& part : parts) {
    sheet.use(part.name, syndisco ? part.syndisco : part.fixed, syndisco ? "behaviour=syndisco" : "default");
  }
}

void use_shown_default(ParameterSheet& sheet, const ParameterRow& row) {
  if (row.shown_default.empty()) return;
  // The table's own words, read as if they had been typed.
  const std::vector<ParameterRow> alone = {row};
  ParameterSheet words(alone);
  words.put(row.name, {row.shown_default, true, {}, {}, 0, {}});
  Problems none;
  words.check(none);
  none.refuse(row.name);
  sheet.use(row.name, words[row.name]);
}

void fill_text_settings(const ParameterSheet& sheet, TextSettings& text) {
  text.disallowed = sheet.get<std::vector<std::string>>("disallowed");
  text.trim = sheet.get<bool>("trim");
  text.silence = sheet.get<std::string>("silence", text.silence);
  const Json& wrap = sheet["wrap"];
  text.wrap = wrap.is_number() ? std::optional(wrap.get<std::size_t>()) : std::nullopt;
  const Json& history = sheet["history_ctx_len"];
  text.history = history.is_number() ? std::optional(history.get<std::size_t>()) : std::nullopt;
}

void fill_decoding(const ParameterSheet& sheet, DecodingSettings& decoding) {
  const auto number = [&](const char* name) {
    const Json& value = sheet[name];
    return value.is_null() ? std::nullopt : std::optional(value.get<double>());
  };
  decoding.temperature = number("temperature");
  decoding.top_p = number("top_p");
  if (const Json& most = sheet["max_tokens"]; !most.is_null()) decoding.max_tokens = most.get<std::int64_t>();
  decoding.model_seed = sheet.get<std::string>("model_seed", "run");
  decoding.stop_words = sheet.get<std::vector<std::string>>("stop_words");
}

std::string written_folder(const ParameterSheet& sheet, const std::string& name) {
  if (!sheet.has(name)) return "";
  const std::filesystem::path path(sheet.get<std::string>(name));
  return std::filesystem::absolute(sheet.given(name)->folder / path).lexically_normal().string();
}

void use_log_folder(const ParameterSheet& sheet, const std::filesystem::path& folder, LogSettings& log,
                    std::vector<std::string>& notes) {
  if (sheet.has("logs_dir")) {
    log.folder = written_folder(sheet, "logs_dir");
    log.write_to_file = true;
  } else if (!log.folder.empty()) {
    log.folder = std::filesystem::absolute(folder / log.folder).lexically_normal().string();
  }
  if (const auto note = check_log_folder(log)) notes.push_back(*note);
}

/// Section 12's figures at their high end.
std::optional<std::string> width_warning(const DiscussionPlan& plan) {
  if (!plan.context_width) return std::nullopt;
  const DiscussionSettings& settings = plan.settings;
  const auto tokens = [](std::string_view text) { return (count_code_points(text) + 3) / 4; };
  std::size_t persona = 0, opening = 0;
  for (const Participant& one : plan.pools.personas) persona = std::max(persona, tokens(dump_json(one.persona)));
  for (const auto& [file, text] : plan.topics) opening = std::max(opening, tokens(text));
  const std::size_t system = tokens(settings.context) + persona +
                             std::max({tokens(settings.user_instructions), tokens(settings.mod_instructions),
                                       tokens(settings.troll_instructions)});
  const std::size_t entries = std::size_t{2} * settings.num_turns;
  const std::size_t window = std::min(settings.text.history.value_or(entries), entries);
  constexpr std::size_t kNameLine = 8, kShortComment = 71;
  const auto most = static_cast<std::size_t>(settings.decoding.max_tokens.value_or(kShortComment));
  const std::size_t longest = system + window * (std::max(most, opening) + kNameLine);
  if (longest <= static_cast<std::size_t>(*plan.context_width)) return std::nullopt;
  return "a prompt may come to " + std::to_string(longest) + " tokens, and ctx_width_tokens is " +
         std::to_string(*plan.context_width) + "; nothing is cut";
}

std::string missing_parameter(const std::string& name, const ConfigFile* config, bool of_annotation) {
  const std::string typed = name + "=.. on the command line";
  if (config == nullptr) return name + " is missing: " + typed + " gives it";
  const std::string key = config->key_of(name, of_annotation);
  const std::string what = "a " + std::string(to_text(config->generation)) +
                           (!config->generated ? " configuration"
                            : of_annotation    ? " annotator"
                                               : " experiment");
  if (key.empty()) {
    return config->name + ": " + name + " is missing: no key of " + what + " gives it, " + typed + " does";
  }
  return config->name + ": " + key + " is missing (" + what + "); " + typed + " gives it too";
}

}  // namespace assay
