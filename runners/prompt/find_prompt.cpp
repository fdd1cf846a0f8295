#include "runners/prompt/find_prompt.hpp"

#include <filesystem>

#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/words.hpp"

namespace assay {

PromptText find_prompt(const std::string& name, const std::vector<ShippedPrompt>& shipped, const std::string& of,
                       const std::string& place, std::size_t max_bytes) {
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
  throw Error("usage", "no prompt '" + name + "': no file of that name, and none shipped with " + of, place,
              (near ? "did you mean " + *near + "? " : std::string()) + "shipped: " + joined(names, ", "));
}

}  // namespace assay
