#pragma once
// A little HTTP server for tests of what reads pages: each answer is the bytes that a function gives, then the
// connection is closed. Loopback, a thread of its own, one connection at a time.

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace assay::test {

struct PageRequest {
  std::string path;     // with its query
  std::string headers;  // as they came, the request line included
};

class PageServer {
 public:
  /// `answer` runs on the server's thread: the whole answer, status line and headers included.
  explicit PageServer(std::function<std::string(const PageRequest&)> answer);
  ~PageServer();
  PageServer(const PageServer&) = delete;
  PageServer& operator=(const PageServer&) = delete;

  std::string origin() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::vector<PageRequest> requests() const;

 private:
  void serve();
  std::function<std::string(const PageRequest&)> answer_;
  int listener_ = -1, port_ = 0;
  mutable std::mutex mutex_;
  std::vector<PageRequest> requests_;  // guarded by mutex_
  std::jthread thread_;
};

/// An answer with its length; `more` are further header lines, each ending in "\r\n".
std::string page_answer(int status, const std::string& body, const std::string& more = {});

}  // namespace assay::test
