#pragma once
// One accepted connection: the bytes that came and were not used yet, and how far its answer is out. Plain data of the
// server's one thread.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/mock_server/server/answer.hpp"
#include "tests/mock_server/server/limiter.hpp"
#include "tests/mock_server/server/tls.hpp"

namespace assay::mock {

/// A concurrency place to give back when the answer ends.
struct Held {
  std::shared_ptr<Limiter> limiter;
  std::string key, model;
};

struct Connection {
  int fd = -1;
  std::uint32_t generation = 0;  // of this slot; a timer or event of an older one is void
  std::string in;
  std::size_t need = 0;
  std::uint64_t requests = 0;

  bool busy = false;  // an answer is under way
  Answer answer;
  std::size_t piece = 0, offset = 0;
  std::uint64_t repeated = 0;
  bool delay_over = false;  // of the current piece

  bool counted = false;  // the answer belongs to a chat request
  bool whole = false;    // ends as a client would want: counts as answered
  std::uint64_t fingerprint = 0;
  std::vector<Held> held;

  std::unique_ptr<TlsSession> tls;
  bool sniffed = false, only_control = false;  // the first byte was seen; it was none of TLS where TLS is served
  bool close_after = false, mute = false, wants_write = false, reading = true, continued = false;
};

}  // namespace assay::mock
