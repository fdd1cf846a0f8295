#pragma once
// A bare socket to the mock server: what a test sends and gets is every byte. One thread.

#include <string>
#include <string_view>
#include <vector>

namespace assay::test {

/// How the waiting for bytes ended.
enum class Ending { enough, closed, reset, timeout };

class Raw {
 public:
  explicit Raw(int port);
  ~Raw();
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;

  bool connected() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  void send(std::string_view bytes);
  /// Reads until `received` holds `text`, the end, or the time is over.
  Ending until(std::string_view text, int timeout_ms = 3000);
  /// Reads to the end of the connection, or `limit` bytes.
  Ending to_end(int timeout_ms = 3000, std::size_t limit = SIZE_MAX);
  /// Reads one whole answer by its Content-Length or chunks and takes it off `received`.
  std::string answer(int timeout_ms = 3000);

  std::string received;

 private:
  Ending more(double deadline);
  int fd_ = -1;
};

/// As `headers`: no key is sent.
constexpr std::string_view kNoKey = "No-Key: yes\r\n";

/// A request as bytes; `headers` are whole lines. A bearer key is added where they hold none.
std::string chat_request(std::string_view prompt, std::string_view more_members = "", std::string_view headers = "");
std::string http_post(std::string_view path, std::string_view body, std::string_view headers = "");

/// Sends one chat request on a connection of its own and gives back the whole answer.
std::string ask(int port, std::string_view prompt, std::string_view more_members = "", std::string_view headers = "");

int status_of(std::string_view answer);
std::string body_of(std::string_view answer);
/// The value of a header line, or "".
std::string header_of(std::string_view answer, std::string_view name);
/// The text of choices[0].message.content.
std::string content_of(std::string_view answer);
/// A chunked body put together.
std::string unchunk(std::string_view body);
double now_s();

}  // namespace assay::test
