#pragma once
// A prompt file: YAML around one template, or around several messages (specs/prompts.md section 1). It is read once,
// when an experiment is loaded, and never changes: any thread may render it.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/text/json.hpp"
#include "runners/prompt/template.hpp"

namespace assay {

/// What a kind's parameters say over the file.
struct PromptOverrides {
  std::optional<bool> autoescape;
  std::optional<bool> strict;
  PromptLimits limits;
};

struct PromptMessage {
  std::string role;  ///< system, user or assistant
  std::shared_ptr<const Template> content;
};

struct RenderedMessage {
  std::string role;
  std::string content;
};

struct PromptFile {
  std::string name, description, version;
  std::vector<PromptMessage> messages;  ///< `template` alone: one user message
  TemplateOptions options;              ///< as the file (and the overrides) set them
  Json defaults = Json::object();
  std::optional<std::vector<std::string>> declared;  ///< `variables`
  std::optional<std::string> extract, system;
  std::optional<std::vector<std::string>> stop_words;
  std::vector<std::string> warnings;  ///< one line each
  std::string place;                  ///< as given to load_prompt
  std::string text;                   ///< as read
  std::string hash;                   ///< of `text`: 12 digits, for people

  /// Names that its templates take from the caller: all that are used, less those in `defaults`.
  std::vector<std::string> variables() const;
  /// Throws TemplateError: the run fails, not the experiment.
  std::vector<RenderedMessage> render(const prompt::Value& context, RandomSource& random) const;

 private:
  prompt::Value default_values_;
  friend PromptFile load_prompt(std::string yaml_text, std::string place, const PromptOverrides& overrides);
};

/// Throws Error "yaml" (syntax, missing or mistyped keys; place "PLACE:LINE:COLUMN") and TemplateError (what can be
/// known of the templates; also a name that is in neither `variables` nor `defaults`, kind "undefined").
PromptFile load_prompt(std::string yaml_text, std::string place, const PromptOverrides& overrides = {});

}  // namespace assay
