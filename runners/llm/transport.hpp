#pragma once
// The seam between deciding and sending: a request is a value that could be written down, a reply is bytes, judged on
// our side. InProcessTransport (http.hpp) is one implementation; a fake serves tests; a gateway process joins later.
// Specs: reliability.md 5, models.md 2.2, 3.4.
//
// Thread rule: all functions from any thread, none blocks. The function given to send is called once, on the
// transport's own thread, and must only hand the reply to a queue. After cancel it may still be called (fault
// "cancelled" or a reply that was on its way).

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/model/ids.hpp"

namespace assay {

/// `secret`: name of the secret whose value is appended to `value` when the bytes are written. Never the value itself.
struct Header {
  std::string name, value, secret;
};

/// Zero: no such limit. `connect` DNS, TCP, TLS; `first_byte` request written to first body byte; `stall` no byte at
/// all once the reply has begun; `attempt` the whole try.
struct Deadlines {
  std::chrono::milliseconds connect{10'000}, first_byte{0}, stall{60'000}, attempt{600'000};
};
/// Counted after decompression.
struct Caps {
  std::size_t body = 16U << 20, headers = 256U << 10;
};

/// A file that is sent as one part of a form, read while it goes; the other parts are short texts.
struct WireUpload {
  std::string path, field, file_name;
  std::vector<std::pair<std::string, std::string>> parts;
};

struct WireRequest {
  CallId call = 0;
  int try_no = 1;
  std::string method = "POST", url;
  std::vector<Header> headers;
  std::string body;
  std::optional<WireUpload> upload;  // instead of `body`
  int into = -1;                     // descriptor of a file that takes a 2xx reply's body, instead of memory
  Deadlines deadlines;
  Caps caps;
  std::string ca_file, proxy;  // "" default; proxy "direct": none, whatever the environment says
};

/// Why there is no whole reply. `kind` and `sub` as in models.md 3.1 ("network"/"reset", "timeout"/"stall",
/// "bad_response"/"too_big", "cancelled"/""). `sent`: at least a part of the request may have left.
struct WireFault {
  std::string kind, sub, message;
  bool sent = false;
};
/// Microseconds since the try was begun; -1: not reached.
struct Timings {
  std::int64_t sent_us = -1, first_byte_us = -1, done_us = -1;
  bool reused_connection = false;
};
/// Headers by allow-list (content-type, date, retry-after*, *ratelimit*, request ids, server), names in lower case.
struct WireReply {
  int http = 0;
  std::vector<Header> headers;
  std::string body;
  Timings t;
  std::optional<WireFault> fault;
};

struct Lookup {
  enum class State { unknown, in_flight, done };
  State state = State::unknown;
  /// How far one in flight has got, as far as the transport tells.
  enum class Stage { unknown, connecting, sent, receiving } stage = Stage::unknown;
  std::optional<WireReply> reply;
};

struct Transport {
  virtual ~Transport() = default;
  virtual void send(WireRequest request, std::function<void(WireReply)> done) = 0;
  virtual void cancel(CallId call, int try_no) = 0;
  virtual Lookup lookup(CallId call, int try_no) = 0;
  /// The ledger has it: may be forgotten.
  virtual void settled(CallId call, int try_no) = 0;
};

}  // namespace assay
