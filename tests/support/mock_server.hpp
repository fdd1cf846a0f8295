#pragma once
// Starts the built mock server for a test and talks to its control paths. The server dies with the test, however that
// ends. One thread per object; several objects are several servers. Errors are std::runtime_error with the text that
// the server gave.

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/text/json.hpp"

namespace assay::test {

class MockServer {
 public:
  /// Starts `mock_server --port 0` with more arguments and waits until it listens. {"--seed", "7"}; {"--unix", PATH}:
  /// on a socket of that path instead of a port; {"--tls", CERT, KEY}: PEM files, made if neither is there.
  explicit MockServer(const std::vector<std::string>& arguments = {});
  ~MockServer();
  MockServer(const MockServer&) = delete;
  MockServer& operator=(const MockServer&) = delete;

  /// 0 on a socket of a path.
  int port() const { return port_; }
  pid_t pid() const { return pid_; }
  /// "http://127.0.0.1:PORT", "https://.." with --tls. Any provider by name: origin() + "/together/v1", "/llama", ..
  std::string origin() const;
  /// The certificate of --tls, to be trusted; "" without.
  const std::string& certificate() const { return certificate_; }
  /// origin() + "/v1": what a provider's `base` would be.
  std::string base_url() const;
  /// base_url() + "/chat/completions"
  std::string chat_url() const;

  /// Lays keys over the server's defaults: config(R"({"latency":"const:50ms"})"). null takes a key back.
  void config(std::string_view json_text);
  /// Replaces the list of rules.
  void rules(std::string_view json_text);
  /// Counters, draws and limits begin again; `all`: without defaults and rules, too.
  void reset(bool all = false);

  Json stats();
  Json bill();
  /// {"next":N,"entries":[[t, fingerprint, status, in_flight], ..]}
  Json log(std::size_t since = 0);
  /// {fingerprint: {requests, answered}}
  Json fingerprints();
  /// The drawn delays in milliseconds, in the order of arrival.
  std::vector<double> latencies();

  /// Any path; the body of the answer as it came.
  std::string get(const std::string& path);
  std::string post(const std::string& path, std::string_view body);

 private:
  std::string request(const std::string& path, const std::string_view* body);
  void stop();

  pid_t pid_ = -1;
  int port_ = 0;
  std::string unix_path_, certificate_;
};

/// The seconds that `slots` workers need for delays of these milliseconds, each taking the next when it is free (list
/// scheduling in the given order): the bound a job of that width can be compared with.
double list_schedule_seconds(const std::vector<double>& delays_ms, std::size_t slots);

}  // namespace assay::test
