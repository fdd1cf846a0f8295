#include "tests/mock_server/raw.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdlib>

#include "core/text/json.hpp"

namespace assay::test {

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

Raw::Raw(int port) {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(static_cast<std::uint16_t>(port));
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd_, reinterpret_cast<sockaddr*>(&a), sizeof a) != 0) {
    close(fd_);
    fd_ = -1;
  }
}

Raw::~Raw() {
  if (fd_ >= 0) close(fd_);
}

void Raw::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

Ending Raw::more(double deadline) {
  pollfd p{fd_, POLLIN, 0};
  const double left = deadline - now_s();
  if (left <= 0 || poll(&p, 1, static_cast<int>(left * 1e3) + 1) == 0) return Ending::timeout;
  std::array<char, 65536> buffer;
  const ssize_t n = recv(fd_, buffer.data(), buffer.size(), 0);
  if (n < 0) return errno == ECONNRESET ? Ending::reset : Ending::closed;
  if (n == 0) return Ending::closed;
  received.append(buffer.data(), static_cast<std::size_t>(n));
  return Ending::enough;
}

Ending Raw::until(std::string_view text, int timeout_ms) {
  const double deadline = now_s() + timeout_ms / 1e3;
  while (received.find(text) == std::string::npos) {
    const Ending e = more(deadline);
    if (e != Ending::enough) return e;
  }
  return Ending::enough;
}

Ending Raw::to_end(int timeout_ms, std::size_t limit) {
  const double deadline = now_s() + timeout_ms / 1e3;
  while (received.size() < limit) {
    const Ending e = more(deadline);
    if (e != Ending::enough) return e;
  }
  return Ending::enough;
}

std::string Raw::answer(int timeout_ms) {
  if (until("\r\n\r\n", timeout_ms) != Ending::enough) return std::exchange(received, {});
  const std::size_t head = received.find("\r\n\r\n") + 4;
  const std::string length = header_of(received.substr(0, head), "Content-Length");
  std::size_t size = 0;
  if (!length.empty()) {
    size = head + std::strtoull(length.c_str(), nullptr, 10);
    to_end(timeout_ms, size);
  } else {
    until("\r\n0\r\n\r\n", timeout_ms);
    size = received.find("\r\n0\r\n\r\n") == std::string::npos ? received.size() : received.find("\r\n0\r\n\r\n") + 7;
  }
  const std::string out = received.substr(0, size);
  received.erase(0, size);
  return out;
}

std::string http_post(std::string_view path, std::string_view body, std::string_view headers) {
  std::string out = "POST ";
  out.append(path).append(" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n").append(headers);
  std::string lower(headers);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  const bool keyed = headers.find(kNoKey) != std::string_view::npos || lower.find("authorization:") != lower.npos ||
                     lower.find("api-key:") != lower.npos;
  if (!keyed) out += "Authorization: Bearer sk-test\r\n";
  out.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  return out;
}

std::string chat_request(std::string_view prompt, std::string_view more_members, std::string_view headers) {
  Json message;
  message["role"] = "user";
  message["content"] = prompt;
  std::string body = R"({"model":"m1","messages":[)" + message.dump() + "]";
  body.append(more_members).append("}");
  return http_post("/v1/chat/completions", body, headers);
}

std::string ask(int port, std::string_view prompt, std::string_view more_members, std::string_view headers) {
  Raw raw(port);
  raw.send(chat_request(prompt, more_members, headers));
  return raw.answer();
}

int status_of(std::string_view answer) {
  return answer.size() < 12 ? 0 : std::atoi(std::string(answer.substr(9, 3)).c_str());
}

std::string body_of(std::string_view answer) {
  const std::size_t head = answer.find("\r\n\r\n");
  return head == std::string_view::npos ? "" : std::string(answer.substr(head + 4));
}

std::string header_of(std::string_view answer, std::string_view name) {
  const std::string line = "\r\n" + std::string(name) + ": ";
  const std::size_t at = answer.find(line);
  if (at == std::string_view::npos || at > answer.find("\r\n\r\n")) return "";
  const std::size_t begin = at + line.size();
  return std::string(answer.substr(begin, answer.find("\r\n", begin) - begin));
}

std::string content_of(std::string_view answer) {
  const Json body = Json::parse(body_of(answer), nullptr, false);
  if (body.is_discarded() || !body.contains("choices")) return "(no reply) " + std::string(answer.substr(0, 200));
  const Json& content = body["choices"][0]["message"]["content"];
  return content.is_string() ? content.get<std::string>() : content.dump();
}

std::string unchunk(std::string_view body) {
  std::string out;
  while (!body.empty()) {
    const std::size_t size = std::strtoull(std::string(body.substr(0, 16)).c_str(), nullptr, 16);
    const std::size_t at = body.find("\r\n");
    if (size == 0 || at == std::string_view::npos || body.size() < at + 2 + size) break;
    out.append(body.substr(at + 2, size));
    body.remove_prefix(std::min(body.size(), at + size + 4));
  }
  return out;
}

}  // namespace assay::test
