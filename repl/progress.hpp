#pragma once
// A job in progress as one line: live under the prompt, or plain on the error output. And the rates behind it. Values;
// any thread; no clock of its own: times are seconds on one steady clock, given by the caller.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "repl/terminal.hpp"

namespace assay {

struct ProgressFacts {
  std::int64_t job = 0;
  std::string state;  ///< "" while it runs; "paused", "draining", ..
  std::int64_t done = 0, total = 0;
  std::int64_t ok = 0, fail = 0, in_flight = 0, waiting_peers = 0;
  std::int64_t correct = 0, scored = 0;  ///< the running score is correct / scored, shown with its n
  std::optional<double> calls_per_s, tokens_per_s;
  std::optional<std::int64_t> cost_pico_usd;
  std::optional<double> eta_s;
};

/// One line at most `columns` wide. When room is short the bar goes first, then tokens/s, in flight, calls/s, ok, cost,
/// ETA, score; job, done/total and fail (when there are any) stay longest; then it is cut.
StyledText progress_status_line(const ProgressFacts& facts, std::size_t columns);
/// The same facts whole, without bar: "#3 569/1,000 done, 560 ok, 9 fail, ..".
StyledText progress_plain_line(const ProgressFacts& facts);

/// An exponentially weighted rate: sum of n_i exp(-(t - t_i)/tau) over the integral of exp(-(t - s)/tau) from the start
/// to t: unbiased from the first second on, and after `tau` mostly the last `tau` seconds.
class SmoothedRate {
 public:
  /// `start_s`: when counting begins. `tau_s` > 0.
  explicit SmoothedRate(double start_s, double tau_s = 30.0);
  /// `count` events at `now_s`. A time before the last one counts as the last one.
  void add(double now_s, double count);
  /// Events per second; none before a first event or a tenth of a second.
  std::optional<double> per_second(double now_s) const;

 private:
  double tau_s_, start_s_, last_s_;
  double weight_ = 0;  // as of last_s_
};

/// Seconds until `remaining` more are done at this rate; none without a rate.
std::optional<double> eta_seconds(std::int64_t remaining, std::optional<double> per_second);

/// "██▌░░" for a fraction (cut to 0..1) in `columns` columns, in eighths.
std::string bar(double fraction, std::size_t columns);
/// One column a value: ▁▂▃▄▅▆▇█ from the smallest to the largest; NaN is a space; all equal: ▄.
std::string sparkline(const std::vector<double>& values);

}  // namespace assay
