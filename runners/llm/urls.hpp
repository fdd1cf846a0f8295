#pragma once
// Addresses: from what a person wrote to where requests go. Specs: models.md 1, 2. Pure functions: any thread.
// All throw Error "bad_request": another scheme than http and https, user or password, no host, a bad port. No message
// shows what stands before an '@'.

#include <string>

namespace assay {

struct UrlParts {
  std::string scheme, host, port, path;  // scheme and host in lower case; port: "" when not written; path with query
  std::string origin() const;            // scheme://host[:port]
};
UrlParts split_url(const std::string& url);

/// "https://host/v1" -> where chat requests go: a path that ends in /chat/completions as it is; no path: with
/// /v1/chat/completions; else with /chat/completions. A query stays behind the path.
std::string chat_url(const std::string& base_url);
/// OLLAMA_HOST by its own rules -> scheme://host:port, with the path it has.
std::string ollama_base(const std::string& host);
/// The two address forms of Azure.
std::string azure_url(const std::string& endpoint, const std::string& deployment, const std::string& api_version);
/// BASE/v1/messages; a base that ends in /v1 or in the whole path is understood.
std::string anthropic_url(const std::string& base_url);
/// BASE/v2/chat, or /v1/chat with `version` "v1"; a base that ends in /v1, /v2 or the whole path is understood.
std::string cohere_url(const std::string& base_url, const std::string& version);
/// BASE/v1beta/models/MODEL:generateContent.
std::string gemini_url(const std::string& base_url, const std::string& model);

/// Loopback by name or number.
bool is_loopback(const std::string& host);
/// Loopback, a private or link-local number (RFC 1918, 3927, 4193), or a name under .local.
bool is_local_host(const std::string& host);

}  // namespace assay
