#pragma once
// What the server does with a request: the parsed form of `do` in a rule and of the defaults in /_mock/config. Keys
// and values are listed in ../README.md; an unknown one is refused with its name. Plain data.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/text/json.hpp"
#include "tests/mock_server/server/latency.hpp"
#include "tests/mock_server/server/limiter.hpp"

namespace assay::mock {

/// How a 429 (or any error) says how long to wait.
struct Hint {
  std::string form;  // "" none asked for; else a row of hints.cpp
  double seconds = 1;
  std::string value;  // of the form "raw": the Retry-After as it is
};

enum class Reset { none, before_reading, after_reading, after_headers, mid_body, second_request };

enum class Accept { normal, silence, tls_garbage, refuse };

struct Stream {
  std::string mode = "normal";    // a row of stream.cpp
  std::string error;              // of the modes error and error_first: its name; "" the plain one of 500
  std::uint64_t after = 1;        // events before a cut, an error or a stall
  std::uint64_t chunk_bytes = 0;  // of text per event; 0: a word
};

struct Behaviour {
  std::optional<Latency> headers, first, chunk;  // before the headers, before the body, before every event
  bool latency_of_errors = false;                // errors wait too: the rule that asked for them gave a latency
  Limiters limits;
  std::uint64_t workers = 0;  // > 0: requests queue for that many workers, each busy for the drawn latency
  int status = 0;             // 0: 200, or what `error` says
  std::string error;          // a row of errors.cpp or of a shape
  std::string message;        // instead of the row's
  std::string location;
  Hint hint;
  std::vector<Behaviour> then;
  Reset reset = Reset::none;
  std::string body;  // a row of bodies.cpp; "" the normal one
  Stream stream;
  double bytes_per_s = 0;
  bool silence = false;  // takes the request and never answers
  bool echo_headers = false;
  std::string reply = "{default}";  // template
  std::string reasoning;            // comes before the reply, in the provider's place for it
  Json usage;                       // null: by size; "random", "none", or {"prompt_tokens":..,"completion_tokens":..}
  std::vector<std::pair<std::string, std::string>> extra_headers;
  std::optional<bool> billed;
  std::uint64_t max_per_connection = 0;  // then "Connection: close"
};

/// Lays the keys of `spec` over `base`. A number is a status, a text the name of an error. `defaults`: keys that belong
/// to the whole server are let pass. Throws Error("usage").
Behaviour parse_behaviour(const Json& spec, const Behaviour& base, bool defaults = false);

}  // namespace assay::mock
