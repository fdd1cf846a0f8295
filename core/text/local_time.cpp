#include "core/text/local_time.hpp"

#include <array>
#include <ctime>

namespace assay {

std::string local_time(std::int64_t unix_us, const char* format) {
  const auto seconds = static_cast<time_t>(unix_us / 1'000'000);
  tm parts{};
  localtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &parts)};
}

}  // namespace assay
