#include "core/model/call.hpp"

#include <array>

namespace assay {

std::string_view to_text(CallState state) {
  constexpr std::array<std::string_view, 5> names = {"sent", "answered", "failed", "in file", "refused"};
  return names.at(static_cast<std::size_t>(state));
}

std::string_view to_text(CallDoubt doubt) {
  constexpr std::array<std::string_view, 4> names = {"", "crash", "ambiguous", "damaged"};
  return names.at(static_cast<std::size_t>(doubt));
}

}  // namespace assay
