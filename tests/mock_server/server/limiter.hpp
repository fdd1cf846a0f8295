#pragma once
// The rate limits a provider would have: token bucket, fixed and sliding window, concurrency, tokens per window. Times
// come from the caller. Used by the server's one thread.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/json.hpp"

namespace assay::mock {

/// One limit, and its state per lane (the key, the key and model, or all requests together).
///   {"kind":"token_bucket","rate":20,"burst":20}          rate per second, 1 token a request
///   {"kind":"fixed_window"|"sliding_window","limit":60,"window":"60s"}
///   {"kind":"concurrency","limit":8}
///   {"kind":"tokens","limit":90000,"window":"60s"}         bucket of that size, refilled continuously; with
///                                                          "of":"in"|"out" only one side's tokens count
/// and "per":"key"|"key+model"|"all" (key), "announce":false, "count_rejected":false, "hint": see hints.cpp.
class Limiter {
 public:
  enum class Kind { token_bucket, fixed_window, sliding_window, concurrency, tokens };
  enum class Side { both, in, out };

  /// Throws Error("usage") for an unknown kind or a number that is missing or not positive.
  explicit Limiter(const Json& spec);

  struct Verdict {
    bool admitted = true;
    double wait_s = 0;  // until it would be admitted, if it was not
    double limit = 0, remaining = 0, reset_s = 0;
  };

  /// Asks for `tokens` at `now_s` (any origin, never decreasing) and takes them if admitted.
  Verdict admit(std::string_view key, std::string_view model, double tokens, double now_s);

  /// Takes tokens that were not known when the request was admitted; the level may fall below nothing.
  void spend(std::string_view key, std::string_view model, double tokens);

  /// An admitted request of this lane has ended. Matters for concurrency only.
  void release(std::string_view key, std::string_view model);

  void clear() { lanes_.clear(); }
  Kind kind() const { return kind_; }
  Side side() const { return side_; }
  bool announced() const { return announce_; }
  const Json& hint() const { return hint_; }

 private:
  struct Lane {
    double level = 0, at_s = 0;  // bucket
    double window = -1;          // number of the fixed window
    double count = 0;            // in the window, or in flight
    std::deque<double> times;    // sliding window
    bool fresh = true;
  };
  Lane& lane(std::string_view key, std::string_view model);
  Verdict bucket(Lane& lane, double cost, double now_s) const;

  Kind kind_ = Kind::token_bucket;
  Side side_ = Side::both;
  double rate_ = 0, burst_ = 0, limit_ = 0, window_s_ = 60;
  bool per_key_ = true, per_model_ = false, announce_ = false, count_rejected_ = false;
  Json hint_;
  std::map<std::string, Lane, std::less<>> lanes_;
};

using Limiters = std::vector<std::shared_ptr<Limiter>>;

/// One spec or a list of them.
Limiters parse_limits(const Json& spec);

}  // namespace assay::mock
