#pragma once
// What an evaluation says of a run: right, wrong, or neither, and named figures beside it.
// An error is never a score: a run that FAILs has none.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay {

enum class Verdict : std::uint8_t { none, correct, incorrect };  // none: null, unscored
enum class Status : std::uint8_t { ready, incomplete, complete, fail };

struct Score {
  Verdict verdict = Verdict::none;
  /// Name -> figure, in the order of their first appearance. NaN is stored as missing.
  std::vector<std::pair<std::string, double>> metrics;

  static Score correct() { return {Verdict::correct, {}}; }
  static Score incorrect() { return {Verdict::incorrect, {}}; }
  static Score none() { return {}; }
  static Score of(bool right) { return right ? correct() : incorrect(); }
  Score& metric(std::string name, double value) {
    metrics.emplace_back(std::move(name), value);
    return *this;
  }
};

/// "READY" "INCOMPLETE" "COMPLETE" "FAIL"; "CORRECT" "INCORRECT" "null".
std::string_view to_text(Status status);
std::string_view to_text(Verdict verdict);
/// The inverse; false when the text is none of them (exact upper case; "null" for Verdict::none).
bool from_text(std::string_view text, Status& status);
bool from_text(std::string_view text, Verdict& verdict);

}  // namespace assay
