// Addresses: where chat requests go (models.md 1).

#include <algorithm>

#include "core/text/error.hpp"
#include "runners/llm/names.hpp"

namespace assay {
namespace {

[[noreturn]] void refuse(const std::string& url, const std::string& why) {
  // No user or password may end up in a message: the address is shown without what stands before '@'.
  const std::size_t at = url.rfind('@');
  const std::string shown = at == std::string::npos ? url : "..@" + url.substr(at + 1);
  throw Error("bad_request", "address \"" + shown + "\": " + why);
}

bool private_v4(const std::string& host) {
  if (host.starts_with("10.") || host.starts_with("192.168.") || host.starts_with("169.254.")) return true;
  if (!host.starts_with("172.") || host.size() < 7) return false;
  const int second = std::atoi(host.c_str() + 4);
  return second >= 16 && second <= 31;
}

}  // namespace

UrlParts split_url(const std::string& url) {
  UrlParts parts;
  const std::size_t colon = url.find("://");
  if (colon == std::string::npos) refuse(url, "begins with http:// or https://");
  parts.scheme = url.substr(0, colon);
  std::transform(parts.scheme.begin(), parts.scheme.end(), parts.scheme.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (parts.scheme != "http" && parts.scheme != "https") refuse(url, "begins with http:// or https://");
  const std::size_t begin = colon + 3;
  const std::size_t end = std::min(url.find_first_of("/?#", begin), url.size());
  std::string authority = url.substr(begin, end - begin);
  parts.path = url.substr(end);
  if (authority.find('@') != std::string::npos) refuse(url, "a user or password does not belong there");
  const std::size_t bracket = authority.find(']');
  const std::size_t port = authority.find(':', authority.starts_with('[') ? std::min(bracket, authority.size()) : 0);
  if (port != std::string::npos) {
    parts.port = authority.substr(port + 1);
    authority.resize(port);
    if (parts.port.empty() || parts.port.size() > 5 ||
        parts.port.find_first_not_of("0123456789") != std::string::npos) {
      refuse(url, "its port is no number");
    }
  }
  parts.host = authority;
  const bool bad =
      std::any_of(url.begin(), url.end(), [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F; });
  if (parts.host.empty() || parts.host == "[]" || bad) refuse(url, "has no host");
  return parts;
}

std::string chat_url(const std::string& base_url) {
  const UrlParts parts = split_url(base_url);
  std::string base = base_url;
  while (base.ends_with('/') && !parts.path.empty()) base.pop_back();
  if (base.ends_with("/chat/completions")) return base;
  if (parts.path.find_first_not_of('/') == std::string::npos) return base + "/v1/chat/completions";
  return base + "/chat/completions";
}

std::string ollama_base(const std::string& given) {
  std::string host = given;
  while (host.ends_with('/')) host.pop_back();
  if (host.empty()) return "http://127.0.0.1:11434";
  const bool schemed = host.find("://") != std::string::npos;
  if (!schemed) host = "http://" + (host.starts_with(':') ? "127.0.0.1" + host : host);
  UrlParts parts = split_url(host);
  if (parts.port.empty()) parts.port = !schemed ? "11434" : parts.scheme == "https" ? "443" : "80";
  if (parts.host == "0.0.0.0") parts.host = "127.0.0.1";
  return parts.scheme + "://" + parts.host + ":" + parts.port;
}

std::string azure_url(const std::string& given, const std::string& deployment, const std::string& api_version) {
  split_url(given);
  std::string endpoint = given;
  while (endpoint.ends_with('/')) endpoint.pop_back();
  if (endpoint.ends_with("/openai/v1")) return endpoint + "/chat/completions";
  return endpoint + "/openai/deployments/" + deployment + "/chat/completions?api-version=" + api_version;
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "[::1]" || host.ends_with(".localhost") ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos);
}

bool ModelEntry::local() const {
  if (url.empty()) return true;
  const std::string host = split_url(url).host;
  return is_loopback(host) || private_v4(host) || host.ends_with(".local");
}

}  // namespace assay
