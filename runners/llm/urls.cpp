#include "runners/llm/urls.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "core/text/error.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

[[noreturn]] void refuse(const std::string& url, const std::string& why) {
  // No user or password may end up in a message: the address is shown without what stands before '@'.
  const std::size_t at = url.rfind('@');
  const std::string shown = at == std::string::npos ? url : "..@" + url.substr(at + 1);
  throw Error("bad_request", "address \"" + shown + "\": " + why);
}

std::string without_slashes(std::string text) {
  while (text.ends_with('/')) text.pop_back();
  return text;
}

std::optional<std::array<std::uint8_t, 4>> v4(const std::string& host) {
  std::array<std::uint8_t, 4> bytes{};
  if (inet_pton(AF_INET, host.c_str(), bytes.data()) != 1) return std::nullopt;
  return bytes;
}

/// Of "[..]"; an IPv4 address written as IPv6 comes as that.
std::optional<std::array<std::uint8_t, 16>> v6(const std::string& host) {
  if (!host.starts_with('[') || !host.ends_with(']')) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  if (inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), bytes.data()) != 1) return std::nullopt;
  return bytes;
}

std::optional<std::array<std::uint8_t, 4>> mapped_v4(const std::array<std::uint8_t, 16>& bytes) {
  const bool mapped = std::all_of(bytes.begin(), bytes.begin() + 10, [](std::uint8_t b) { return b == 0; }) &&
                      bytes[10] == 0xFF && bytes[11] == 0xFF;
  if (!mapped) return std::nullopt;
  return std::array<std::uint8_t, 4>{bytes[12], bytes[13], bytes[14], bytes[15]};
}

bool is_private_v4(const std::array<std::uint8_t, 4>& b) {
  return b[0] == 10 || (b[0] == 192 && b[1] == 168) || (b[0] == 169 && b[1] == 254) ||
         (b[0] == 172 && b[1] >= 16 && b[1] <= 31);
}

struct Base {
  std::string before, path, query;  // "https://host", "/v1" without slashes at its end, "?x=1"
};

Base split_base(const std::string& url) {
  const UrlParts parts = split_url(url);
  const std::size_t question = parts.path.find('?');
  Base base;
  base.path = without_slashes(parts.path.substr(0, question));
  base.query = question == std::string::npos ? "" : parts.path.substr(question);
  base.before = url.substr(0, url.size() - parts.path.size());
  return base;
}

}  // namespace

std::string UrlParts::origin() const { return scheme + "://" + host + (port.empty() ? "" : ":" + port); }

UrlParts split_url(const std::string& url) {
  UrlParts parts;
  const std::size_t colon = url.find("://");
  if (colon == std::string::npos) refuse(url, "begins with http:// or https://");
  parts.scheme = ascii_lower(url.substr(0, colon));
  if (parts.scheme != "http" && parts.scheme != "https") refuse(url, "begins with http:// or https://");
  const std::size_t begin = colon + 3;
  const std::size_t end = std::min(url.find_first_of("/?#\\", begin), url.size());
  std::string authority = url.substr(begin, end - begin);
  parts.path = url.substr(end);
  if (authority.find('@') != std::string::npos) refuse(url, "a user or password does not belong there");
  if (parts.path.find_first_of("#\\") != std::string::npos) refuse(url, "# and \\ do not belong there");
  const std::size_t bracket = authority.find(']');
  const std::size_t port = authority.find(':', authority.starts_with('[') ? std::min(bracket, authority.size()) : 0);
  if (port != std::string::npos) {
    parts.port = authority.substr(port + 1);
    authority.resize(port);
    if (parts.port.empty() || parts.port.size() > 5 ||
        parts.port.find_first_not_of("0123456789") != std::string::npos || std::stoi(parts.port) > 65'535 ||
        std::stoi(parts.port) == 0) {
      refuse(url, "its port is no number from 1 to 65535");
    }
  }
  parts.host = ascii_lower(authority);
  const bool bad =
      std::any_of(url.begin(), url.end(), [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F; });
  if (parts.host.empty() || bad) refuse(url, "has no host");
  if (parts.host.starts_with('[') ? !v6(parts.host)
                                  : parts.host.find_first_of("[]%<>\"'`{}|^,;") != std::string::npos) {
    refuse(url, "its host is no name and no address");
  }
  return parts;
}

std::string chat_url(const std::string& base_url) {
  const Base base = split_base(base_url);
  if (base.path.ends_with("/chat/completions")) return base.before + base.path + base.query;
  return base.before + base.path + (base.path.empty() ? "/v1" : "") + "/chat/completions" + base.query;
}

std::string ollama_base(const std::string& given) {
  std::string host = without_slashes(given);
  if (host.empty()) return "http://127.0.0.1:11434";
  const bool schemed = host.find("://") != std::string::npos;
  if (!schemed) host = "http://" + (host.starts_with(':') ? "127.0.0.1" + host : host);
  UrlParts parts = split_url(host);
  if (parts.port.empty()) parts.port = !schemed ? "11434" : parts.scheme == "https" ? "443" : "80";
  if (parts.host == "0.0.0.0") parts.host = "127.0.0.1";
  return parts.origin() + parts.path;
}

std::string azure_url(const std::string& endpoint, const std::string& deployment, const std::string& api_version) {
  const Base base = split_base(endpoint);
  if (base.path.ends_with("/openai/v1")) return base.before + base.path + "/chat/completions";
  return base.before + base.path + "/openai/deployments/" + deployment + "/chat/completions?api-version=" + api_version;
}

std::string anthropic_url(const std::string& base_url) {
  const Base base = split_base(base_url);
  if (base.path.ends_with("/messages")) return base.before + base.path + base.query;
  return base.before + base.path + (base.path.ends_with("/v1") ? "" : "/v1") + "/messages" + base.query;
}

std::string cohere_url(const std::string& base_url, const std::string& version) {
  const Base base = split_base(base_url);
  if (base.path.ends_with("/chat")) return base.before + base.path + base.query;
  const bool versioned = base.path.ends_with("/v1") || base.path.ends_with("/v2");
  return base.before + base.path + (versioned ? "" : "/" + version) + "/chat" + base.query;
}

std::string gemini_url(const std::string& base_url, const std::string& model) {
  const Base base = split_base(base_url);
  const bool versioned = base.path.ends_with("/v1beta") || base.path.ends_with("/v1");
  return base.before + base.path + (versioned ? "" : "/v1beta") + "/models/" + model + ":generateContent";
}

bool is_loopback(const std::string& given) {
  const std::string host = ascii_lower(given);
  if (host == "localhost" || host.ends_with(".localhost")) return true;
  if (const auto bytes = v4(host)) return (*bytes)[0] == 127;
  if (const auto bytes = v6(host)) {
    if (const auto inner = mapped_v4(*bytes)) return (*inner)[0] == 127;
    return std::all_of(bytes->begin(), bytes->begin() + 15, [](std::uint8_t b) { return b == 0; }) && (*bytes)[15] == 1;
  }
  return false;
}

bool is_local_host(const std::string& given) {
  const std::string host = ascii_lower(given);
  if (is_loopback(host) || host.ends_with(".local")) return true;
  if (const auto bytes = v4(host)) return is_private_v4(*bytes);
  if (const auto bytes = v6(host)) {
    if (const auto inner = mapped_v4(*bytes)) return is_private_v4(*inner);
    return ((*bytes)[0] & 0xFEU) == 0xFC || ((*bytes)[0] == 0xFE && ((*bytes)[1] & 0xC0U) == 0x80);
  }
  return false;
}

}  // namespace assay
