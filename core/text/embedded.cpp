#include "core/text/embedded.hpp"

namespace assay {

std::string_view embedded_bytes(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace assay
