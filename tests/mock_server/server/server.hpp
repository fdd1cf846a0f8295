#pragma once
// The mock server's loop: one thread, epoll, HTTP/1.1 with keep-alive and pipelining (requests of one connection are
// answered one after the other), delays from a heap of timers. Loopback only. Where TLS is served, a connection that
// begins in plain text reaches the control paths and nothing else.

#include <chrono>
#include <cstdint>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "tests/mock_server/server/batches.hpp"
#include "tests/mock_server/server/chat.hpp"
#include "tests/mock_server/server/connection.hpp"

namespace assay::mock {

struct ServerOptions {
  std::uint16_t port = 0;        // 0: any free one
  std::string unix_path;         // instead of a port
  std::string certificate, key;  // PEM files: TLS, see tls.hpp
  std::uint64_t seed = 0;
  std::string config, rules;  // JSON texts, as for /_mock/config and /_mock/rules
};

class Server {
 public:
  /// Listens. Throws Error("usage") for bad settings, Error("file") when it can't listen.
  explicit Server(const ServerOptions& options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// "127.0.0.1:PORT" or the path.
  const std::string& address() const { return address_; }

  /// Serves until SIGTERM or SIGINT.
  void run();

 private:
  using Clock = std::chrono::steady_clock;
  struct Timer {
    std::int64_t at_ns;
    std::uint64_t number;
    int fd;
    std::uint32_t generation;
    bool operator>(const Timer& o) const { return at_ns != o.at_ns ? at_ns > o.at_ns : number > o.number; }
  };
  enum class Sent { done, later, gone };

  void listen_here();
  void refuse_for(Nanos time);
  void accept_all();
  void read(Connection& c);
  /// Answers what stands at the front of `bytes`, as far as it goes; the result is the number of bytes used.
  std::size_t serve(Connection& c, std::string_view bytes);
  void resume(Connection& c);
  bool accept_behaviour(Connection& c, std::string_view bytes);
  bool begin_tls(Connection& c);
  static ssize_t receive_some(Connection& c, char* bytes, std::size_t size);
  static ssize_t send_some(Connection& c, const char* bytes, std::size_t size);
  Sent pump(Connection& c);
  Sent finish(Connection& c);
  void end_answer(Connection& c, bool sent);
  void take_config();
  void control(const HttpRequest& request, Connection& c);
  void side(const Route& route, const HttpRequest& request, Connection& c);
  std::string models_text(const Route& route) const;
  void plain(Connection& c, int status, std::string_view body, std::string_view type = "application/json");
  void watch(Connection& c, bool read, bool write);
  void wake_at(Connection& c, Nanos after);
  void run_timers();
  void drop(Connection& c, bool reset);
  std::int64_t now_ns() const { return std::chrono::duration_cast<Nanos>(Clock::now() - begin_).count(); }
  double seconds() const { return static_cast<double>(now_ns()) / 1e9; }

  Clock::time_point begin_ = Clock::now();
  Chat chat_;
  Batches batches_{chat_};
  std::unique_ptr<TlsContext> tls_;
  HttpRequest request_;
  int epoll_ = -1, listener_ = -1, signals_ = -1;
  std::string address_, unix_path_, accept_ = "normal";
  std::uint16_t port_;
  std::int64_t reopen_at_ns_ = -1;                  // the listener was closed, or is not watched, until then
  std::vector<std::unique_ptr<Connection>> slots_;  // by descriptor
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  std::uint64_t timer_count_ = 0;
  std::string buffer_;
};

}  // namespace assay::mock
