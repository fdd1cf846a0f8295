#pragma once
// Everything the server counts, for the tests to ask. Times go in as seconds of any one origin and come out as
// seconds since the last reset. Used by one thread.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/text/json.hpp"
#include "tests/mock_server/server/bill.hpp"
#include "tests/mock_server/server/latency.hpp"

namespace assay::mock {

class Stats {
 public:
  struct Arrival {
    double t = 0;
    std::uint64_t fingerprint = 0, key = 0;
    std::string_view path, client_id, idempotency_key;
  };
  /// A chat request has come. Returns which try of its fingerprint it is, from 1.
  std::uint64_t arrived(const Arrival& a);
  /// What it will be answered (0: a reset or silence instead).
  void decided(double t, std::uint64_t fingerprint, int status);
  /// The answer is over: all of it was `sent` as it was meant, or the client went before; `whole`: nothing about it
  /// was spoilt.
  void ended(std::uint64_t fingerprint, int status, bool sent, bool whole);
  void hinted(double expires_t, std::uint64_t fingerprint, std::uint64_t key);
  void drew(Nanos delay) { latencies_.push_back(static_cast<double>(delay.count()) / 1e6); }

  void connection_opened() { ++connections_, ++open_, most_open_ = open_ > most_open_ ? open_ : most_open_; }
  void connection_closed() { --open_; }
  void count_bytes(std::uint64_t in, std::uint64_t out) { bytes_in_ += in, bytes_out_ += out; }
  void count_reset() { ++resets_; }
  void count_bad_request() { ++bad_requests_; }
  /// A request of a path that generates nothing.
  void count_other(std::string_view path);

  Bill& bill() { return bill_; }
  std::uint64_t in_flight() const { return in_flight_; }
  /// All but open connections, requests in flight and prices.
  void clear(double now_s);

  Json report() const;
  /// {fingerprint: {requests, answered}} as JSON text; the log and this can be long.
  std::string fingerprints() const;
  /// Entries from number `since` on: [t, fingerprint, status, in_flight], and "next".
  std::string log(std::uint64_t since) const;
  const std::vector<double>& latencies() const { return latencies_; }

 private:
  struct Print {
    std::uint32_t requests = 0, answered = 0;
    double not_before = -1;
  };
  struct Entry {
    double t;
    std::uint32_t in_flight;
    std::uint64_t fingerprint;
    int status;
  };
  struct Second {
    std::uint32_t admitted = 0, rejected = 0;
  };
  struct Hints {
    std::uint64_t given = 0, fingerprint_early = 0, key_early = 0;
  };

  std::uint64_t requests_ = 0, other_ = 0, bad_requests_ = 0, connections_ = 0, resets_ = 0, abandoned_ = 0;
  std::uint64_t open_ = 0, most_open_ = 0, in_flight_ = 0, most_in_flight_ = 0, bytes_in_ = 0, bytes_out_ = 0;
  double origin_s_ = 0, first_t_ = -1, last_t_ = -1, last_answer_t_ = -1;
  std::map<int, std::uint64_t> by_status_;
  std::unordered_map<std::uint64_t, std::uint64_t> by_key_;
  std::map<std::string, std::uint64_t, std::less<>> by_path_, other_by_path_;
  std::unordered_map<std::uint64_t, Print> prints_;
  std::unordered_map<std::uint64_t, std::uint32_t> client_ids_, idempotency_keys_;
  std::unordered_map<std::uint64_t, double> key_not_before_;
  Bill bill_;
  std::vector<Second> seconds_;
  std::vector<Entry> log_;
  std::vector<double> latencies_;
  Hints hints_;
};

}  // namespace assay::mock
