#pragma once
// Makes the answer of one request that generates: rule, checks, limits, delay, text, accounts. Knows no socket. One
// thread.

#include <functional>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "tests/mock_server/server/answer.hpp"
#include "tests/mock_server/server/connection.hpp"
#include "tests/mock_server/server/http.hpp"
#include "tests/mock_server/server/llama.hpp"
#include "tests/mock_server/server/replies.hpp"
#include "tests/mock_server/server/routes.hpp"
#include "tests/mock_server/server/rules.hpp"
#include "tests/mock_server/server/scan.hpp"
#include "tests/mock_server/server/stats.hpp"

namespace assay::mock {

class Chat {
 public:
  explicit Chat(std::uint64_t seed) : rules_(seed) {}

  /// Fills the connection's answer. `route.shape` is set. `now_s` counts from any origin and never decreases.
  void answer(const Route& route, const HttpRequest& request, double now_s, Connection& connection);

  /// One line of a batch: no limit, no stream, no delay; charged as a batch.
  struct Offline {
    int status = 0;  // 0: no answer came
    std::string body;
  };
  Offline answer_offline(const Shape& shape, std::string_view path, std::string_view body, std::string_view key,
                         double now_s);

  /// A path that generates nothing is asked: true if a rule that names it, a key that is missing or wrong, or a model
  /// that is still loading answers instead.
  bool interferes(const Route& route, const HttpRequest& request, double now_s, bool wants_key, Connection& connection);
  /// Its answer, `body` being JSON, as the rule that `interferes` found last wants it.
  void side_refusal(const Route& route, const char* error, const std::string& message, Connection& connection);
  void side_answer(const Route& route, std::string body, Connection& connection);

  Rules& rules() { return rules_; }
  Stats& stats() { return stats_; }
  const Llama& llama() const { return llama_; }
  const Shape& default_shape() const { return *default_shape_; }
  /// The names of the setting `models`, a list that is not empty.
  const Json& default_models() const { return models_; }
  /// Counters, draws and limits begin again.
  void reset(bool all, double now_s);
  /// What of the defaults concerns more than the next answer, after they changed. Throws Error("usage").
  void take_config(double now_s);

 private:
  struct Way {
    const Shape& shape;
    const HttpRequest& request;
    const Behaviour& how;
    double now_s;
    std::uint64_t key_hash;
  };
  Flaw flaw_of(const Way& way) const;
  Flaw key_flaw(const Shape& shape, const HttpRequest& request) const;
  bool over_limit(const Way& way, Connection& connection, std::string& headers);
  void refuse(const Way& way, const ErrorRow& row, int status, std::string message, const std::string& headers,
              Connection& connection);
  void reply(const Way& way, const std::string& headers, Connection& connection);
  Reply make_reply(const Behaviour& how);
  std::string reply_text(const std::string& text_template);
  Nanos delay_of(const Behaviour& how, double now_s);
  std::string first_headers(const Shape& shape, const Behaviour& how, Connection& connection) const;
  static bool breaks_off(const Behaviour& how, Connection& connection);
  static void apply_reset(const Behaviour& how, Connection& connection);

  Rules rules_;
  Stats stats_;
  ChatFacts facts_;
  Llama llama_;
  Json llama_setting_, models_ = Json::array({"mock"});
  const Shape* default_shape_ = &kOpenai;
  std::uint64_t numbered_ = 0, drawn_ = 0, first_drawn_ = 0;
  std::optional<bool> require_key_;  // unset: as the provider does
  bool offline_ = false;
  Behaviour plain_;
  const Behaviour* side_how_ = nullptr;
  Limiters spending_;                                                         // of the current request
  std::priority_queue<double, std::vector<double>, std::greater<>> free_at_;  // of the queueing server's workers
};

}  // namespace assay::mock
