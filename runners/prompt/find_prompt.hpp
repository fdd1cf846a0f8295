#pragma once
// A prompt by what a person typed: the bare name of one that comes with the program, else a file (specs/prompts.md 1).

#include <cstddef>
#include <string>
#include <vector>

#include "core/model/kind.hpp"

namespace assay {

struct PromptText {
  std::string text;
  std::string path;  ///< as typed; "" for one that comes with the program
};

/// `shipped`: those that may be named; `of`: whose they are, for messages ("qa"); `place`: the parameter, for messages;
/// `max_bytes` of a file. Throws Error "usage" for an unknown name (with both places and the nearest) and "file".
PromptText find_prompt(const std::string& name, const std::vector<ShippedPrompt>& shipped, const std::string& of,
                       const std::string& place, std::size_t max_bytes);

}  // namespace assay
