#include "core/text/byte_size.hpp"

#include <charconv>

#include "core/text/error.hpp"

namespace assay {

std::uint64_t parse_bytes(const std::string& text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, value);
  const std::string unit(stop, end);
  if (problem == std::errc() && value < (1ULL << 40)) {
    if (unit.empty() || unit == "B") return value;
    if (unit == "KiB") return value << 10;
    if (unit == "MiB") return value << 20;
    if (unit == "GiB") return value << 30;
  }
  throw Error("usage", "a size is a number with B, KiB, MiB or GiB, not \"" + text + "\"");
}

}  // namespace assay
