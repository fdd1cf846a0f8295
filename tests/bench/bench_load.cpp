// A plain epoll load generator: how many answers a second the mock server gives. No library, no JSON, one thread.
//
//   bench_load PORT CONNECTIONS REQUESTS
//
// Prints {"connections","requests","ok","seconds","requests_per_s","connect_s"}; seconds count from the first request,
// when all connections are open. Every request asks another sum; an answer is its status line and Content-Length.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

class Load {
 public:
  Load(std::uint16_t port, std::size_t connections, std::uint64_t requests)
      : port_(port), requests_(requests), epoll_(epoll_create1(0)), fds_(connections, -1), pending_(connections) {}

  int run() {
    const auto begin = Clock::now();
    for (std::size_t i = 0; i < fds_.size(); ++i) {
      if (!open_connection(i)) return 1;
    }
    const double connect_s = since(begin);
    const auto start = Clock::now();
    for (std::size_t i = 0; i < fds_.size() && sent_ < requests_; ++i) send_one(i);
    std::array<epoll_event, 512> events;
    while (answered_ < sent_) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 30'000);
      if (count <= 0) break;
      for (int k = 0; k < count; ++k) {
        if (!receive(static_cast<std::size_t>(events[static_cast<std::size_t>(k)].data.u64))) return 1;
      }
    }
    const double seconds = since(start);
    std::printf(
        "{\"connections\":%zu,\"requests\":%llu,\"ok\":%llu,\"seconds\":%.4f,\"requests_per_s\":%.1f,"
        "\"connect_s\":%.3f}\n",
        fds_.size(), static_cast<unsigned long long>(answered_), static_cast<unsigned long long>(ok_), seconds,
        static_cast<double>(answered_) / seconds, connect_s);
    return ok_ == requests_ ? 0 : 1;
  }

 private:
  bool open_connection(std::size_t i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port_);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) != 0) {
      std::perror("bench_load: connect");
      return false;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fds_[i] = fd;
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.u64 = i;
    return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &e) == 0;
  }

  void send_one(std::size_t i) {
    std::array<char, 512> body;
    std::array<char, 1024> text;
    const int length = std::snprintf(
        body.data(), body.size(),
        "{\"model\":\"mock\",\"messages\":[{\"role\":\"system\",\"content\":\"Add the two numbers provided\"},"
        "{\"role\":\"user\",\"content\":\"A: %llu B: 2\"}],\"temperature\":0.0,\"max_tokens\":16}",
        static_cast<unsigned long long>(sent_));
    const int size =
        std::snprintf(text.data(), text.size(),
                      "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer sk-bench\r\n"
                      "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                      length, body.data());
    ++sent_;
    if (send(fds_[i], text.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL) != size) {
      std::perror("bench_load: send");
      std::exit(1);
    }
  }

  bool receive(std::size_t i) {
    const ssize_t n = recv(fds_[i], buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (n <= 0) {
      std::fprintf(stderr, "bench_load: a connection ended\n");
      return false;
    }
    std::string& pending = pending_[i];
    std::string_view bytes(buffer_.data(), static_cast<std::size_t>(n));
    if (!pending.empty()) bytes = pending.append(bytes);
    const std::size_t head = bytes.find("\r\n\r\n");
    const std::size_t field = bytes.find("Content-Length: ");
    std::size_t need = 0;
    if (head != std::string_view::npos && field < head) {
      need = head + 4 + std::strtoull(bytes.data() + field + 16, nullptr, 10);
    }
    if (need == 0 || bytes.size() < need) {
      if (pending.empty()) pending.assign(bytes);
      return true;
    }
    ++answered_;
    if (bytes.substr(9, 3) == "200") ++ok_;
    pending.clear();
    if (sent_ < requests_) send_one(i);
    return true;
  }

  std::uint16_t port_;
  std::uint64_t requests_, sent_ = 0, answered_ = 0, ok_ = 0;
  int epoll_;
  std::vector<int> fds_;
  std::vector<std::string> pending_;
  std::array<char, 65536> buffer_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: bench_load PORT CONNECTIONS REQUESTS\n");
    return 2;
  }
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  Load load(static_cast<std::uint16_t>(std::atoi(argv[1])), std::strtoull(argv[2], nullptr, 10),
            std::strtoull(argv[3], nullptr, 10));
  return load.run();
}
