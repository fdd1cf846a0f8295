#include "tests/mock_server/server/write.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <ctime>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace assay::mock {

void append_number(std::string& out, std::uint64_t value) {
  std::array<char, 24> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  out.append(text.data(), end.ptr);
}

std::string number_text(double value) {
  std::array<char, 40> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end.ptr};
}

void quote(std::string& out, std::string_view text) { out.append(1, '"').append(text).append(1, '"'); }

void quote_or_null(std::string& out, std::string_view text) {
  if (text.empty()) {
    out += "null";
  } else {
    quote(out, text);
  }
}

std::string date_text(const char* format, std::int64_t unix_s) {
  const std::time_t t = unix_s;
  std::tm utc{};
  gmtime_r(&t, &utc);
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &utc)};
}

namespace {
/// The first whole second that is not before `seconds` from now: who waits for it has waited long enough.
std::int64_t whole_second_in(double seconds) {
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::int64_t>(std::ceil(now.count() + seconds));
}
}  // namespace

std::string rfc3339_in(double seconds) { return date_text("%Y-%m-%dT%H:%M:%SZ", whole_second_in(seconds)); }

std::string unix_in(double seconds) { return std::to_string(whole_second_in(seconds)); }

std::string go_duration(double seconds) {
  const auto ms = static_cast<std::int64_t>(std::ceil(std::max(0.0, seconds) * 1e3));
  if (ms < 1000) return std::to_string(ms).append("ms");
  std::string out;
  if (ms >= 3'600'000) out.append(std::to_string(ms / 3'600'000)).append("h");
  if (ms >= 60'000) out.append(std::to_string(ms / 60'000 % 60)).append("m");
  return out.append(number_text(static_cast<double>(ms % 60'000) / 1e3)).append("s");
}

std::vector<std::string_view> cut_text(std::string_view text, std::uint64_t chunk_bytes) {
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\\') {
      at += at + 1 < text.size() && text[at + 1] == 'u' ? 6 : 2;
      // Both halves of a surrogate pair stay together.
      if (at + 1 < text.size() && text[at] == '\\' && text[at + 1] == 'u') at += 6;
    } else {
      ++at;
      while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) ++at;
    }
    at = std::min(at, text.size());
    const bool full = chunk_bytes > 0 ? at - begin >= chunk_bytes : at < text.size() && text[at] == ' ';
    if (full || at == text.size()) {
      out.push_back(text.substr(begin, at - begin));
      begin = at;
    }
  }
  return out;
}

void put_header(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

double logprob_of(std::string_view token, std::uint64_t position) {
  const std::uint64_t hash = XXH3_64bits_withSeed(token.data(), token.size(), position);
  return -static_cast<double>(1 + hash % 40'000) / 1e4;
}

std::uint64_t token_id_of(std::string_view token) { return XXH3_64bits(token.data(), token.size()) % 32'000; }

}  // namespace assay::mock
