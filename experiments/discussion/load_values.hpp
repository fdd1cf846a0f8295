#pragma once
// What the loaders of discussions and annotations do alike: defaults that depend on generation, format and behaviour,
// and the settings that both have. Specs: discussion.md 2.1, 6. One thread.

#include <optional>
#include <string>
#include <vector>

#include "experiments/discussion/config_file.hpp"
#include "experiments/discussion/settings.hpp"

namespace assay {

/// trim, wrap, disallowed, max_tokens, library_type and its stop words.
void use_text_defaults(ParameterSheet& sheet, Generation from, Generation format);

/// A parameter that behaviour=syndisco changes.
struct BehaviourPart {
  std::string name;
  Json fixed, syndisco;
};
void use_behaviour_defaults(ParameterSheet& sheet, const std::vector<BehaviourPart>& parts);

/// The default that help shows, where the row has one.
void use_shown_default(ParameterSheet& sheet, const ParameterRow& row);

/// disallowed, trim, wrap, history_ctx_len, silence where there is such a parameter.
void fill_text_settings(const ParameterSheet& sheet, TextSettings& text);
void fill_decoding(const ParameterSheet& sheet, DecodingSettings& decoding);

/// A folder that is written to: absolute; "" when there is none.
std::string written_folder(const ParameterSheet& sheet, const std::string& name);

/// The log of `logs_dir`, else of the file's `logging`, whose folder counts from `folder`; a note when it can't be.
void use_log_folder(const ParameterSheet& sheet, const std::filesystem::path& folder, LogSettings& log,
                    std::vector<std::string>& notes);

/// What to tell when a prompt may come to more tokens than the file's ctx_width_tokens.
std::optional<std::string> width_warning(const DiscussionPlan& plan);

/// What is said of a parameter that nobody gave. `config` may be null.
std::string missing_parameter(const std::string& name, const ConfigFile* config, bool of_annotation);

}  // namespace assay
