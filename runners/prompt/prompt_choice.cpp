#include "runners/prompt/prompt_choice.hpp"

#include <filesystem>

#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

struct PromptText {
  std::string text, path;  // path: as typed; "" for one that comes with the program
};

PromptText find_prompt(const std::string& name, const std::vector<ShippedPrompt>& shipped, const std::string& kind,
                       const std::string& parameter, std::size_t max_bytes) {
  std::vector<std::string> names;
  for (const ShippedPrompt& prompt : shipped) {
    if (prompt.name == name) return {std::string(prompt.text), ""};
    names.push_back(prompt.name);
  }
  const bool looks_like_path = name.find('/') != std::string::npos || name.find('.') != std::string::npos;
  if (looks_like_path || std::filesystem::exists(name)) {
    std::error_code unknown;
    const auto size = std::filesystem::file_size(name, unknown);
    if (!unknown && size > max_bytes) {
      throw Error("usage",
                  "the prompt file has more than " + std::to_string(max_bytes) + " bytes (prompt.max_template)", name);
    }
    return {read_file(name, max_bytes), name};
  }
  const auto near = nearest(name, names);
  throw Error("usage", "no prompt '" + name + "': no file of that name, and none shipped with " + kind, parameter,
              (near ? "did you mean " + *near + "? " : std::string()) + "shipped: " + joined(names, ", "));
}

}  // namespace

PromptChoice choose_prompt(const std::string& name, const std::vector<ShippedPrompt>& shipped, const std::string& kind,
                           const std::string& parameter, const PromptOverrides& overrides) {
  PromptText found = find_prompt(name, shipped, kind, parameter, overrides.limits.max_template);
  PromptChoice choice{load_prompt(std::move(found.text), name, overrides), {}};
  choice.pin = {
      {"name", choice.file.name}, {"path", found.path}, {"hash", choice.file.hash}, {"text", choice.file.text}};
  return choice;
}

PromptFile pinned_prompt(const Json& pin, const PromptOverrides& overrides) {
  return load_prompt(pin.at("text").get<std::string>(), pin.at("name").get<std::string>(), overrides);
}

PromptOverrides prompt_overrides(const Json& params, const PromptLimits& limits) {
  PromptOverrides overrides;
  overrides.limits = limits;
  if (params.contains("autoescape")) overrides.autoescape = params["autoescape"].get<bool>();
  if (params.contains("undefined")) overrides.strict = params["undefined"] == "strict";
  return overrides;
}

}  // namespace assay
