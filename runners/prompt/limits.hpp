#pragma once
// Bounds of parsing and rendering (specs/prompts.md section 7). No clock is involved: the same input always ends the
// same way.

#include <cstddef>
#include <cstdint>

namespace assay {

struct PromptLimits {
  std::size_t max_template = 1U << 20;        ///< bytes of a template, and of a prompt file
  std::size_t max_nesting = 200;              ///< parentheses, blocks, chains of attributes and filters
  std::size_t max_output = 16U << 20;         ///< bytes of the result, and of every text built on the way
  std::uint64_t max_iterations = 1'000'000;   ///< loop bodies and elements walked, over the whole rendering
  std::size_t max_range = 100'000;            ///< elements of one range()
  std::size_t max_depth = 100;                ///< macro calls within macro calls
  std::uint64_t max_operations = 10'000'000;  ///< evaluated nodes; work on long texts counts in proportion
};

}  // namespace assay
