#pragma once
// Reads pages over the Transport: several at the same time, tried again where that may help. For data that is loaded,
// not for models: nothing is metered and nothing recorded. Blocking; one thread.

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "runners/llm/secret.hpp"
#include "runners/llm/transport.hpp"

namespace assay {

/// How a page ended after the last try. Texts are redacted.
struct WebReply {
  int status = 0;  // 0: no whole reply came; `failure` says why
  std::string body, failure;
  std::vector<Header> headers;  // as in WireReply
  int tries = 0;
};

class WebReader {
 public:
  struct Options {
    std::size_t at_once = 4;
    int tries = 5;                            // for 5xx and broken connections
    int pauses = 20;                          // 429 that say how long to wait
    std::chrono::milliseconds back_off{500};  // doubles
    std::chrono::milliseconds longest_wait{600'000};
  };
  struct Parts {
    Transport& transport;
    std::function<CallId()> next_call;  // numbers the requests
    const SecretStore& secrets;
    std::string version;
    Options options = {};
  };
  explicit WebReader(Parts parts) : parts_(std::move(parts)) {}

  /// GETs each address and calls `each` with its position and how it ended, on this thread, in the order of arrival.
  /// `secret`: the name of a key that goes along as a bearer token when there is one of that name. A 429 holds all
  /// requests back for as long as it asks. Throws Error "interrupted" soon after `interrupted` says so, and what `each`
  /// throws; then the rest is cancelled.
  void get(const std::vector<std::string>& addresses, const std::string& secret,
           const std::function<bool()>& interrupted, const std::function<void(std::size_t, WebReply&&)>& each) const;
  /// Whether such a key would go along. Throws Error "bad_request" when it would go over plain http to another machine.
  bool sends(const std::string& secret, const std::string& address) const;

 private:
  class Round;
  Parts parts_;
};

/// ADDRESS?NAME=VALUE&.., values percent-encoded (RFC 3986: all but letters, digits, "-._~").
std::string page_address(const std::string& address, const std::vector<std::pair<std::string, std::string>>& query);

}  // namespace assay
