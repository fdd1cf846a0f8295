#include "tests/support/page_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace assay::test {

PageServer::PageServer(std::function<std::string(const PageRequest&)> answer) : answer_(std::move(answer)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  if (listener_ < 0 || ::bind(listener_, plain, size) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, plain, &size) != 0) {
    throw std::runtime_error("no socket for a test's server");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this] { serve(); });
}

PageServer::~PageServer() {
  ::shutdown(listener_, SHUT_RDWR);  // accept returns
  thread_.join();
  ::close(listener_);
}

std::vector<PageRequest> PageServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void PageServer::serve() {
  for (;;) {
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) return;
    std::string text;
    char buffer[4096];
    while (text.find("\r\n\r\n") == std::string::npos) {
      pollfd ready{connection, POLLIN, 0};
      const ssize_t count = ::poll(&ready, 1, 5000) == 1 ? ::read(connection, buffer, sizeof(buffer)) : 0;
      if (count <= 0) break;
      text.append(buffer, static_cast<std::size_t>(count));
    }
    const auto begin = text.find(' '), end = text.find(' ', begin + 1);
    if (end != std::string::npos) {
      const PageRequest request{text.substr(begin + 1, end - begin - 1), text};
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
      }
      const std::string reply = answer_(request);
      for (std::size_t at = 0; at < reply.size();) {
        const ssize_t count = ::send(connection, reply.data() + at, reply.size() - at, MSG_NOSIGNAL);
        if (count <= 0) break;
        at += static_cast<std::size_t>(count);
      }
    }
    ::shutdown(connection, SHUT_WR);
    ::close(connection);
  }
}

std::string page_answer(int status, const std::string& body, const std::string& more) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\nConnection: close\r\n" + more +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace assay::test
