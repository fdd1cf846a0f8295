#include "core/model/step.hpp"

#include <array>

namespace assay {

std::string_view to_text(LogLevel level) {
  constexpr std::array<std::string_view, 4> names = {"debug", "info", "warn", "error"};
  return names.at(static_cast<std::size_t>(level));
}

std::string place_of_step(std::uint32_t step) {
  if (step == 0) return "setup";
  if (step == kEvaluateStep) return "evaluate";
  return "step " + std::to_string(step);
}

}  // namespace assay
