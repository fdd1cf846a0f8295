#include "tests/mock_server/server/http.hpp"

#include <charconv>
#include <cstdint>
#include <cstring>

namespace assay::mock {
namespace {

constexpr std::size_t kMaxHead = 256U << 10;
constexpr std::size_t kMaxBody = 256U << 20;
constexpr std::size_t kNone = std::string_view::npos;

std::size_t find_text(std::string_view bytes, std::string_view what, std::size_t from) {
  if (from >= bytes.size()) return kNone;
  const void* at = memmem(bytes.data() + from, bytes.size() - from, what.data(), what.size());
  return at == nullptr ? kNone : static_cast<std::size_t>(static_cast<const char*>(at) - bytes.data());
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::string_view trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

bool token(std::string_view s) {
  for (const char c : s) {
    if (c <= ' ' || c == 0x7f || c == ':') return false;
  }
  return !s.empty();
}

struct Framing {
  std::uint64_t length = 0;
  bool chunked = false;
};

// False: not a header line that can be understood.
bool take_header(std::string_view name, std::string_view value, HttpRequest& out, Framing& framing, Parsed& parsed) {
  switch (name.size()) {
    case 6:
      if (equal_nocase(name, "expect")) parsed.expects_continue = true;
      break;
    case 7:
      if (equal_nocase(name, "api-key")) out.key = value, out.key_header = KeyHeader::api_key;
      break;
    case 9:
      if (equal_nocase(name, "x-api-key")) out.key = value, out.key_header = KeyHeader::x_api_key;
      break;
    case 10:
      if (equal_nocase(name, "connection")) out.close = equal_nocase(value, "close");
      break;
    case 13:
      if (equal_nocase(name, "authorization") && value.size() > 7 && equal_nocase(value.substr(0, 7), "bearer ")) {
        out.key = trim(value.substr(7));
        out.key_header = KeyHeader::bearer;
      }
      break;
    case 14:
      if (equal_nocase(name, "content-length")) {
        const auto end = std::from_chars(value.data(), value.data() + value.size(), framing.length);
        return end.ec == std::errc{} && end.ptr == value.data() + value.size();
      }
      if (equal_nocase(name, "x-goog-api-key")) out.key = value, out.key_header = KeyHeader::x_goog_api_key;
      break;
    case 15:
      if (equal_nocase(name, "idempotency-key")) out.idempotency_key = value;
      break;
    case 17:
      if (equal_nocase(name, "transfer-encoding")) framing.chunked = equal_nocase(value, "chunked");
      break;
    case 19:
      if (equal_nocase(name, "x-client-request-id")) out.client_id = value;
      break;
    default:
      break;
  }
  return true;
}

Parsed take_chunks(std::string_view bytes, std::size_t at, HttpRequest& out) {
  Parsed parsed;
  parsed.need = bytes.size() + 1;
  out.decoded.clear();
  while (true) {
    const std::size_t eol = find_text(bytes, "\r\n", at);
    if (eol == kNone) {
      if (bytes.size() - at > 64) parsed.state = Parse::bad;
      return parsed;
    }
    std::uint64_t size = 0;
    const auto end = std::from_chars(bytes.data() + at, bytes.data() + eol, size, 16);
    if (end.ec != std::errc{} || end.ptr == bytes.data() + at) {
      parsed.state = Parse::bad;
      return parsed;
    }
    if (size > kMaxBody || out.decoded.size() + size > kMaxBody) {
      parsed.state = Parse::too_large;
      return parsed;
    }
    at = eol + 2;
    if (bytes.size() < at + size + 2) return parsed;
    out.decoded.append(bytes.substr(at, size));
    at += size + 2;
    if (size == 0) break;
  }
  out.body = out.decoded;
  parsed.state = Parse::complete;
  parsed.used = at;
  return parsed;
}

}  // namespace

bool equal_nocase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

std::string_view header_value(std::string_view headers, std::string_view name) {
  while (!headers.empty()) {
    const std::size_t eol = headers.find("\r\n");
    const std::string_view line = headers.substr(0, eol);
    headers = eol == kNone ? std::string_view{} : headers.substr(eol + 2);
    const std::size_t colon = line.find(':');
    if (colon != kNone && equal_nocase(line.substr(0, colon), name)) return trim(line.substr(colon + 1));
  }
  return {};
}

Parsed parse_request(std::string_view bytes, HttpRequest& out) {
  Parsed parsed;
  std::size_t start = 0;
  while (bytes.size() - start >= 2 && bytes[start] == '\r' && bytes[start + 1] == '\n') start += 2;
  const std::size_t head_end = find_text(bytes, "\r\n\r\n", start);
  if (head_end == kNone) {
    // Garbage without a line end, or a first byte that no method has (a TLS hello), is told at once.
    const char first = start < bytes.size() ? bytes[start] : 'G';
    if (first < 'A' || first > 'Z')
      parsed.state = first == '\r' && bytes.size() - start == 1 ? parsed.state : Parse::bad;
    if (bytes.size() - start > kMaxHead) parsed.state = Parse::too_large;
    parsed.need = bytes.size() + 1;
    return parsed;
  }
  parsed.state = Parse::bad;
  const std::string_view head = bytes.substr(start, head_end - start);
  std::size_t eol = head.find("\r\n");
  const std::string_view line = head.substr(0, eol);
  out.headers = eol == kNone ? std::string_view{} : head.substr(eol + 2);
  const std::size_t space = line.find(' '), last = line.rfind(' ');
  if (space == kNone || last == space) return parsed;
  out.method = line.substr(0, space);
  out.path = line.substr(space + 1, last - space - 1);
  const std::string_view version = line.substr(last + 1);
  if (!token(out.method) || out.path.empty() || (out.path.front() != '/' && out.path != "*") ||
      (version != "HTTP/1.1" && version != "HTTP/1.0")) {
    return parsed;
  }
  out.close = version == "HTTP/1.0";
  const std::size_t question = out.path.find('?');
  out.query = question == kNone ? std::string_view{} : out.path.substr(question + 1);
  out.path = out.path.substr(0, question);
  out.key = out.client_id = out.idempotency_key = out.body = {};
  out.key_header = KeyHeader::none;

  Framing framing;
  for (std::string_view rest = out.headers; !rest.empty();) {
    eol = rest.find("\r\n");
    const std::string_view field = rest.substr(0, eol);
    rest = eol == kNone ? std::string_view{} : rest.substr(eol + 2);
    const std::size_t colon = field.find(':');
    if (colon == kNone || !token(field.substr(0, colon))) return parsed;
    if (!take_header(field.substr(0, colon), trim(field.substr(colon + 1)), out, framing, parsed)) return parsed;
  }
  const std::size_t body_at = head_end + 4;
  if (framing.chunked) {
    const bool expects = parsed.expects_continue;
    parsed = take_chunks(bytes, body_at, out);
    parsed.expects_continue = expects;
    return parsed;
  }
  if (framing.length > kMaxBody) {
    parsed.state = Parse::too_large;
    return parsed;
  }
  parsed.used = body_at + framing.length;
  if (bytes.size() < parsed.used) {
    parsed.state = Parse::incomplete;
    parsed.need = parsed.used;
    return parsed;
  }
  out.body = bytes.substr(body_at, framing.length);
  parsed.state = Parse::complete;
  return parsed;
}

}  // namespace assay::mock
