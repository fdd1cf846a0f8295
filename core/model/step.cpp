#include "core/model/step.hpp"

#include <array>
#include <stdexcept>

namespace assay {

std::string_view to_text(LogLevel level) {
  constexpr std::array<std::string_view, 4> names = {"debug", "info", "warn", "error"};
  return names.at(static_cast<std::size_t>(level));
}

namespace {
[[noreturn]] void refuse_peers() { throw std::logic_error("there are no other runs here"); }
}  // namespace

void Step::publish(std::string_view, Json) { refuse_peers(); }
std::shared_ptr<const Peers> Step::others(std::string_view) { refuse_peers(); }
void Step::needs(std::string_view, std::size_t) { refuse_peers(); }

std::string place_of_step(std::uint32_t step) {
  if (step == 0) return "setup";
  if (step == kEvaluateStep) return "evaluate";
  return "step " + std::to_string(step);
}

}  // namespace assay
