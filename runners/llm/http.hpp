#pragma once
// Transport over libcurl: one thread owns every socket. curl_multi_socket_action on epoll, several multi handles when
// there are many connections (libcurl looks for a free one by walking the list of all: 10,000 in one handle cost four
// times as much a call); transfers and their easy handles are pooled. Specs: models.md 2.2, 3.4, reliability.md 6, 8.
//
// Promises: a request is sent at most once (CURLOPT_PREREQFUNCTION; libcurl 7.88 would repeat a POST by itself on a
// connection that died); redirects are never followed; caps hold after decompression; each time limit fires within
// 250 ms; when descriptors run short fewer transfers run at a time, and none fails for it.
//
// Thread rule: as Transport. The thread starts with the object and ends with it; what is in flight then is cancelled.

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "core/engine/clock.hpp"
#include "runners/llm/secret.hpp"
#include "runners/llm/transport.hpp"

namespace assay {

struct HttpOptions {
  std::size_t connections_per_shard = 400;
  std::size_t receive_buffer_bytes = 4096;
  std::size_t kept_descriptors = 48;               // for store, log, pipes
  std::size_t replies_in_memory_bytes = 1U << 30;  // above it no new transfer begins
  /// Called once, on the HTTP thread, when calls wait for want of descriptors: short, must not wait.
  std::function<void(const std::string&)> notice = {};
};

struct HttpStatistics {
  std::size_t active = 0, queued = 0, shards = 0;
  std::size_t width = 0;        // transfers that may run at a time
  bool width_reduced = false;   // descriptors ran short
  bool held_back = false;       // some request has waited because so many ran
  std::size_t descriptors = 0;  // that the process may open
  std::uint64_t sendings = 0, connections = 0;
};

/// What a person should know of the width, one line; "" while nobody has to wait for it.
std::string width_line(const HttpStatistics& statistics);

class InProcessTransport final : public Transport {
 public:
  /// `secrets` resolves names of secrets when headers are written; it must outlive the transport.
  explicit InProcessTransport(const SecretSource& secrets, HttpOptions options = {});
  ~InProcessTransport() override;

  void send(WireRequest request, std::function<void(WireReply)> done) override;
  void cancel(CallId call, int try_no) override;
  /// in_flight while it is, its stage as of at most 50 ms ago; unknown before and after (nothing survives the process).
  Lookup lookup(CallId call, int try_no) override;
  void settled(CallId, int) override {}

  HttpStatistics statistics() const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

/// Raises the soft limit of open files to the hard one; the limit then.
std::size_t raise_descriptor_limit();

}  // namespace assay
