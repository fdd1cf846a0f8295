#pragma once
// Makes the answer of one chat request: rule, limits, delay, text, accounts. Knows no socket. One thread.

#include <functional>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "tests/mock_server/server/answer.hpp"
#include "tests/mock_server/server/connection.hpp"
#include "tests/mock_server/server/http.hpp"
#include "tests/mock_server/server/replies.hpp"
#include "tests/mock_server/server/rules.hpp"
#include "tests/mock_server/server/scan.hpp"
#include "tests/mock_server/server/stats.hpp"

namespace assay::mock {

class Chat {
 public:
  explicit Chat(std::uint64_t seed) : rules_(seed) {}

  /// Fills the connection's answer. `now_s` counts from any origin and never decreases.
  void answer(const Shape& shape, const HttpRequest& request, double now_s, Connection& connection);

  Rules& rules() { return rules_; }
  Stats& stats() { return stats_; }
  /// Counters, draws and limits begin again.
  void reset(bool all, double now_s);
  /// What of the defaults concerns the accounts, after they changed.
  void take_config();

 private:
  struct Way {
    const Shape& shape;
    const HttpRequest& request;
    const Behaviour& how;
    double now_s;
    std::uint64_t key_hash;
  };
  bool over_limit(const Way& way, Connection& connection, std::string& headers);
  void refuse(const Way& way, const ErrorRow& row, int status, std::string message, const std::string& headers,
              Connection& connection);
  void reply(const Way& way, const std::string& headers, Connection& connection);
  std::string reply_text(const std::string& text_template);
  Nanos delay_of(const Behaviour& how, double now_s);
  static void apply_reset(const Behaviour& how, Connection& connection);

  Rules rules_;
  Stats stats_;
  ChatFacts facts_;
  std::uint64_t numbered_ = 0, drawn_ = 0, first_drawn_ = 0;
  bool require_key_ = false;
  std::priority_queue<double, std::vector<double>, std::greater<>> free_at_;  // of the queueing server's workers
};

}  // namespace assay::mock
