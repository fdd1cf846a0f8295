#pragma once
// The forms of SynDisco (github dimits-ts/syndisco) through the years: what its prompts and files look like. Specs:
// discussion.md 1. Values.

#include <array>
#include <optional>
#include <string_view>

namespace assay {

enum class Generation { g0, g1, g2, g3, g4, g5 };

inline constexpr std::array<std::string_view, 6> kGenerations = {"g0", "g1", "g2", "g3", "g4", "g5"};

constexpr std::string_view to_text(Generation generation) { return kGenerations[static_cast<std::size_t>(generation)]; }
constexpr std::optional<Generation> generation_from(std::string_view text) {
  for (std::size_t i = 0; i < kGenerations.size(); ++i) {
    if (kGenerations[i] == text) return static_cast<Generation>(i);
  }
  return std::nullopt;
}
/// Prompts are JSON texts.
constexpr bool has_json_prompts(Generation generation) { return generation >= Generation::g4; }

}  // namespace assay
