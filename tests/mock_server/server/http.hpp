#pragma once
// HTTP/1.1 requests, taken off the bytes of a connection. Views point into those bytes. Pure: any thread.

#include <cstddef>
#include <string>
#include <string_view>

namespace assay::mock {

/// Where the key stood.
enum class KeyHeader { none, bearer, api_key, x_api_key, x_goog_api_key };

struct HttpRequest {
  std::string_view method, path, query;  // the path without its query
  std::string_view headers;              // the lines between request line and blank line
  std::string_view body;
  std::string_view key;  // bearer token, x-api-key, api-key or x-goog-api-key
  KeyHeader key_header = KeyHeader::none;
  std::string_view client_id, idempotency_key;
  bool close = false;
  std::string decoded;  // of a chunked body
};

enum class Parse { complete, incomplete, bad, too_large };

struct Parsed {
  Parse state = Parse::incomplete;
  std::size_t used = 0;  // bytes of the request, when complete
  std::size_t need = 0;  // when incomplete: no use to try again before there are so many
  bool expects_continue = false;
};

/// Takes one request from the front of `bytes`. Headers up to 256 KiB, bodies up to 256 MiB.
Parsed parse_request(std::string_view bytes, HttpRequest& out);

bool equal_nocase(std::string_view a, std::string_view b);

/// The value of a header among these lines, "" if it is not there.
std::string_view header_value(std::string_view headers, std::string_view name);

}  // namespace assay::mock
