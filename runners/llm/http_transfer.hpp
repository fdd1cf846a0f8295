#pragma once
// One transfer of the HTTP thread: its easy handle, the callbacks, the judgement of how it ended. HTTP thread only.

#include <curl/curl.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "runners/llm/secret.hpp"
#include "runners/llm/transport.hpp"

namespace assay {

using HttpTime = std::chrono::steady_clock::time_point;

class HttpTransfer {
 public:
  /// `now` is the loop's time, read by the callbacks; `held` counts reply bytes in memory.
  HttpTransfer(std::size_t receive_buffer_bytes, const HttpTime& now, std::size_t& held);
  ~HttpTransfer();
  HttpTransfer(const HttpTransfer&) = delete;
  HttpTransfer& operator=(const HttpTransfer&) = delete;

  /// Sets the handle up for `request`; a fault when it can't be sent.
  std::optional<WireFault> prepare(const SecretSource& secrets);
  /// The limit that has passed, as the sub of a timeout; nullptr: none.
  const char* expired() const;
  /// How far it has got.
  Lookup::Stage stage() const {
    return last_byte_ ? Lookup::Stage::receiving : sent_ ? Lookup::Stage::sent : Lookup::Stage::connecting;
  }
  /// Descriptors ran short before anything was sent: to be tried again later.
  bool short_of_descriptors(CURLcode code) const;
  /// The reply, once libcurl is done with `code`.
  WireReply finish(CURLcode code);
  /// The reply when we end it.
  WireReply finish(WireFault fault);
  void reset();

  CURL* easy = nullptr;
  WireRequest request;
  std::function<void(WireReply)> done;
  std::size_t shard = 0, index = 0;  // where it is active
  int sendings = 0;
  HttpTime started{};
  Lookup::Stage told = Lookup::Stage::unknown;  // as others know it

 private:
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static int on_send(void* self, char*, char*, int, int);
  static curl_socket_t on_socket(void* self, curlsocktype, curl_sockaddr* address);
  bool write_into(const char* data, std::size_t bytes);
  std::optional<WireFault> fault_of(CURLcode code) const;
  WireReply take_reply(std::optional<WireFault> fault);

  const HttpTime& now_;
  std::size_t& held_;
  curl_slist* headers_ = nullptr;
  curl_mime* form_ = nullptr;
  std::size_t written_ = 0;  // to request.into
  bool own_tls_ = false, no_descriptor_ = false;
  WireReply reply_;
  std::optional<WireFault> fault_;
  std::size_t header_bytes_ = 0;
  std::optional<HttpTime> sent_, first_byte_, last_byte_;
  char error_[CURL_ERROR_SIZE] = {};
};

}  // namespace assay
