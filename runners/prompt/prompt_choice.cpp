#include "runners/prompt/prompt_choice.hpp"

#include <filesystem>

#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

constexpr std::size_t kMostPromptBytes = std::size_t{1} << 20;

}  // namespace

PromptChoice choose_prompt(const std::string& name, const std::vector<ShippedPrompt>& shipped, const std::string& kind,
                           const std::string& parameter, const PromptOverrides& overrides) {
  std::string text, path;
  std::vector<std::string> names;
  for (const ShippedPrompt& prompt : shipped) {
    names.push_back(prompt.name);
    if (prompt.name == name) text = prompt.text;
  }
  if (text.empty()) {
    path = name;
    const bool looks_like_path = name.find('/') != std::string::npos || name.find('.') != std::string::npos;
    if (!looks_like_path && !std::filesystem::exists(name)) {
      const auto near = nearest(name, names);
      throw Error("usage", "no prompt '" + name + "': no file of that name, and none shipped with " + kind, parameter,
                  (near ? "did you mean " + *near + "? " : std::string()) + "shipped: " + joined(names, ", "));
    }
    text = read_file(name, kMostPromptBytes);
  }
  PromptChoice choice{load_prompt(text, name, overrides), {}};
  choice.pin = {{"name", choice.file.name}, {"path", path}, {"hash", choice.file.hash}, {"text", choice.file.text}};
  return choice;
}

PromptFile pinned_prompt(const Json& pin, const PromptOverrides& overrides) {
  return load_prompt(pin.at("text").get<std::string>(), pin.at("name").get<std::string>(), overrides);
}

PromptOverrides prompt_overrides(const Json& params) {
  PromptOverrides overrides;
  if (params.contains("autoescape")) overrides.autoescape = params["autoescape"].get<bool>();
  if (params.contains("undefined")) overrides.strict = params["undefined"] == "strict";
  return overrides;
}

}  // namespace assay
