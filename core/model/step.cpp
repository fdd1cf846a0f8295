#include "core/model/step.hpp"

#include <array>

namespace assay {

std::string_view to_text(LogLevel level) {
  constexpr std::array<std::string_view, 4> names = {"debug", "info", "warn", "error"};
  return names.at(static_cast<std::size_t>(level));
}

}  // namespace assay
