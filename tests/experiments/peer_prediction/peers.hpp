#pragma once
// Synthetic agents, and recorded data where it is there.

#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>

#include "core/text/input.hpp"
#include "core/text/json.hpp"
#include "experiments/peer_prediction/settings.hpp"

namespace assay::test {

inline constexpr const char *kDislike = "I really dislike it!", *kLike = "I really like it!";

/// The three agents that a synthetic configuration has when it says nothing else.
inline PeerSynthetic shipped_synthetic() { return {{2, 2, 2}, {.3, 0, 0, .3, .05, .05, .2, .1}, {kDislike, kLike}}; }

/// Agents 1 and 2 belong together (TVD-MI 0.3), and so do 3 and 4 (0.2); the pairs are independent.
inline PeerSynthetic two_pairs() {
  const double first[2][2] = {{.4, .1}, {.1, .4}}, second[2][2] = {{.35, .15}, {.15, .35}};
  PeerSynthetic synthetic{{2, 2, 2, 2}, {}, {"a", "b"}};
  for (const auto& row : first) {
    for (const double p : row) {
      for (const auto& other : second) {
        for (const double q : other) synthetic.joint.push_back(p * q);
      }
    }
  }
  return synthetic;
}

/// A file of recorded data; says so in a line where there is none.
inline std::optional<Json> shared_json(const std::string& path) {
  if (std::filesystem::exists(path)) return parse_json(read_file(path), path);
  std::printf("skipped: no %s\n", std::filesystem::path(path).filename().c_str());
  return std::nullopt;
}

}  // namespace assay::test
