#include "tests/mock_server/server/server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/text/error.hpp"

namespace assay::mock {
namespace {

constexpr std::size_t kReadBytes = 256U << 10;
constexpr std::size_t kMaxAhead = 4U << 20;  // pipelined bytes kept while an answer is under way
constexpr int kBurst = 64;                   // sends in a row before others get their turn

void raise_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int block_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

epoll_event event_of(std::uint32_t events, int fd, std::uint32_t generation) {
  epoll_event e{};
  e.events = events;
  e.data.u64 = (static_cast<std::uint64_t>(generation) << 32) | static_cast<std::uint32_t>(fd);
  return e;
}

}  // namespace

Server::Server(const ServerOptions& options) : chat_(options.seed), unix_path_(options.unix_path), port_(options.port) {
  raise_descriptors();
  signals_ = block_signals();
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  buffer_.resize(kReadBytes);
  if (!options.config.empty()) chat_.rules().configure(Json::parse(options.config));
  if (!options.rules.empty()) chat_.rules().set_rules(Json::parse(options.rules));
  take_config();
  if (!options.certificate.empty()) tls_ = std::make_unique<TlsContext>(options.certificate, options.key);
  accept_ = chat_.rules().config().value("accept", "normal");
  listen_here();
  epoll_event e = event_of(EPOLLIN, signals_, 0);
  epoll_ctl(epoll_, EPOLL_CTL_ADD, signals_, &e);
}

Server::~Server() {
  for (auto& slot : slots_) {
    if (slot && slot->fd >= 0) close(slot->fd);
  }
  for (const int fd : {listener_, signals_, epoll_}) {
    if (fd >= 0) close(fd);
  }
  if (!unix_path_.empty()) unlink(unix_path_.c_str());
}

void Server::listen_here() {
  const bool local = !unix_path_.empty();
  listener_ = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  int bound = -1;
  if (local) {
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    if (unix_path_.size() >= sizeof a.sun_path) throw Error("usage", "the socket's path is too long");
    std::memcpy(a.sun_path, unix_path_.c_str(), unix_path_.size() + 1);
    unlink(a.sun_path);
    bound = bind(listener_, reinterpret_cast<sockaddr*>(&a), sizeof a);
    address_ = unix_path_;
  } else {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port_);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bound = bind(listener_, reinterpret_cast<sockaddr*>(&a), sizeof a);
    socklen_t size = sizeof a;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&a), &size);
    port_ = ntohs(a.sin_port);
    address_ = "127.0.0.1:" + std::to_string(port_);
  }
  if (bound != 0 || listen(listener_, 16384) != 0) {
    throw Error("file", std::string("can't listen: ") + std::strerror(errno), address_);
  }
  epoll_event e = event_of(EPOLLIN, listener_, 0);
  epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &e);
}

void Server::watch(Connection& c, bool reading, bool writing) {
  if (c.reading == reading && c.wants_write == writing) return;
  c.reading = reading;
  c.wants_write = writing;
  epoll_event e = event_of((reading ? EPOLLIN | EPOLLRDHUP : 0U) | (writing ? EPOLLOUT : 0U), c.fd, c.generation);
  epoll_ctl(epoll_, EPOLL_CTL_MOD, c.fd, &e);
}

void Server::wake_at(Connection& c, Nanos after) {
  timers_.push({now_ns() + after.count(), timer_count_++, c.fd, c.generation});
}

void Server::accept_all() {
  while (true) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE) {  // level-triggered: look again a little later, not at once
        epoll_ctl(epoll_, EPOLL_CTL_DEL, listener_, nullptr);
        reopen_at_ns_ = now_ns() + 20'000'000;
      }
      return;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const auto index = static_cast<std::size_t>(fd);
    if (slots_.size() <= index) slots_.resize(index + 1);
    if (!slots_[index]) slots_[index] = std::make_unique<Connection>();
    Connection& c = *slots_[index];
    const std::uint32_t generation = c.generation + 1;
    c = Connection{};
    c.fd = fd;
    c.generation = generation;
    epoll_event e = event_of(EPOLLIN | EPOLLRDHUP, fd, generation);
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &e);
    chat_.stats().connection_opened();
  }
}

void Server::drop(Connection& c, bool reset) {
  if (c.fd < 0) return;
  if (c.busy) end_answer(c, false);
  if (c.tls && !reset) c.tls->close();
  if (reset) {
    const linger now{1, 0};
    setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    chat_.stats().count_reset();
  }
  close(c.fd);
  const std::uint32_t generation = c.generation + 1;
  c = Connection{};
  c.generation = generation;
  chat_.stats().connection_closed();
}

void Server::end_answer(Connection& c, bool sent) {
  if (c.counted) chat_.stats().ended(c.fingerprint, c.answer.status, sent, c.whole);
  for (const Held& held : c.held) held.limiter->release(held.key, held.model);
  c.held.clear();
  c.counted = c.busy = c.delay_over = false;
  c.piece = c.offset = 0;
  c.repeated = 0;
  c.answer = Answer{};
}

Server::Sent Server::finish(Connection& c) {
  const End end = c.answer.end;
  if (end == End::hang) return Sent::later;
  end_answer(c, true);
  if (end == End::reset || end == End::close || c.close_after) {
    drop(c, end == End::reset);
    return Sent::gone;
  }
  if (!c.reading || c.wants_write) watch(c, true, false);
  return Sent::done;
}

Server::Sent Server::pump(Connection& c) {
  for (int burst = 0;; ++burst) {
    if (c.piece == c.answer.pieces.size()) return finish(c);
    Piece& p = c.answer.pieces[c.piece];
    if (p.delay.count() > 0 && !c.delay_over) {
      c.delay_over = true;
      wake_at(c, p.delay);
      return Sent::later;
    }
    std::size_t size = p.bytes.size() - c.offset;
    const double pace = c.answer.bytes_per_s;
    if (pace > 0) size = std::min(size, std::max<std::size_t>(1, static_cast<std::size_t>(pace / 50)));
    if (burst == kBurst) {
      wake_at(c, Nanos{0});
      return Sent::later;
    }
    if (size > 0) {
      const ssize_t n = send_some(c, p.bytes.data() + c.offset, size);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        watch(c, c.reading, true);
        return Sent::later;
      }
      if (n < 0) {
        drop(c, false);
        return Sent::gone;
      }
      chat_.stats().count_bytes(0, static_cast<std::uint64_t>(n));
      c.offset += static_cast<std::size_t>(n);
    }
    if (c.offset == p.bytes.size()) {
      c.offset = 0;
      c.delay_over = false;
      if (++c.repeated >= p.repeat) c.repeated = 0, ++c.piece;
    }
    if (pace > 0 && c.piece < c.answer.pieces.size()) {
      wake_at(c, Nanos(static_cast<std::int64_t>(static_cast<double>(size) / pace * 1e9)));
      return Sent::later;
    }
  }
}

ssize_t Server::receive_some(Connection& c, char* bytes, std::size_t size) {
  return c.tls ? c.tls->receive(bytes, size) : recv(c.fd, bytes, size, 0);
}

ssize_t Server::send_some(Connection& c, const char* bytes, std::size_t size) {
  return c.tls ? c.tls->send(bytes, size) : ::send(c.fd, bytes, size, MSG_NOSIGNAL);
}

// False: there is nothing more to do with this connection now.
bool Server::begin_tls(Connection& c) {
  char first = 0;
  if (recv(c.fd, &first, 1, MSG_PEEK) != 1) return true;
  c.sniffed = true;
  constexpr char kHandshake = 0x16;
  if (first != kHandshake) {
    c.only_control = true;
    return true;
  }
  if (accept_behaviour(c, {})) return false;
  c.tls = tls_->accept(c.fd);
  if (!c.tls) drop(c, false);
  return c.tls != nullptr;
}

bool Server::accept_behaviour(Connection& c, std::string_view bytes) {
  const std::size_t line = std::min(bytes.find('\r'), bytes.size());
  if (accept_ == "normal" || bytes.substr(0, line).find(" /_mock/") != std::string_view::npos) return false;
  if (accept_ == "reset") {
    drop(c, true);
  } else if (accept_ == "tls_garbage") {
    c.busy = true;
    c.answer = {.end = End::close};
    c.answer.add("\x15\x03\x03\x7f\xff garbage, no record of TLS \x01\x02\x03");
    pump(c);
  } else {
    c.mute = true;
  }
  return true;
}

std::size_t Server::serve(Connection& c, std::string_view bytes) {
  std::size_t used = 0;
  while (!c.busy && used < bytes.size()) {
    if (accept_behaviour(c, bytes.substr(used))) return bytes.size();
    const Parsed parsed = parse_request(bytes.substr(used), request_);
    if (parsed.state == Parse::incomplete) {
      c.need = parsed.need;
      if (parsed.expects_continue && !c.continued) {
        c.continued = true;
        send_some(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
      }
      break;
    }
    c.need = 0;
    c.continued = false;
    c.busy = true;
    if (parsed.state != Parse::complete) {
      chat_.stats().count_bad_request();
      c.close_after = true;
      plain(c, parsed.state == Parse::bad ? 400 : 413, R"({"error":{"message":"bad request","type":"http"}})");
      used = bytes.size();
    } else {
      used += parsed.used;
      c.close_after = request_.close;
      if (request_.path.starts_with("/_mock/")) {
        control(request_, c);
      } else if (c.only_control) {
        c.close_after = true;
        plain(c, 400, "Client sent an HTTP request to an HTTPS server.\n", "text/plain");
      } else {
        const Route route = route_of(request_, chat_.default_shape());
        if (route.shape != nullptr) {
          chat_.answer(route, request_, seconds(), c);
        } else {
          side(route, request_, c);
        }
      }
    }
    if (pump(c) == Sent::gone) return bytes.size();
  }
  return used;
}

void Server::resume(Connection& c) {
  if (pump(c) != Sent::done) return;
  if (c.in.empty()) return;
  const std::uint32_t generation = c.generation;
  const std::string waiting = std::move(c.in);
  c.in.clear();
  const std::size_t used = serve(c, waiting);
  if (c.fd >= 0 && c.generation == generation) c.in.assign(waiting, used);
}

void Server::read(Connection& c) {
  const std::uint32_t generation = c.generation;
  if (tls_ && !c.sniffed && !begin_tls(c)) return;
  while (true) {
    const ssize_t n = receive_some(c, buffer_.data(), buffer_.size());
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return drop(c, false);
    chat_.stats().count_bytes(static_cast<std::uint64_t>(n), 0);
    const std::string_view came(buffer_.data(), static_cast<std::size_t>(n));
    if (c.mute) {
      // Taken and never answered.
    } else if (c.in.empty() && !c.busy) {
      const std::size_t used = serve(c, came);
      if (c.generation != generation || c.fd < 0) return;
      c.in.assign(came.substr(used));
    } else {
      c.in.append(came);
      if (c.busy) {
        if (c.in.size() > kMaxAhead) watch(c, false, c.wants_write);
      } else if (c.in.size() >= c.need) {
        const std::string waiting = std::move(c.in);
        c.in.clear();
        const std::size_t used = serve(c, waiting);
        if (c.generation != generation || c.fd < 0) return;
        c.in.assign(waiting, used);
      }
    }
    // A record of TLS is smaller than what may still wait behind it.
    if (!c.tls && came.size() < buffer_.size()) return;
  }
}

void Server::run_timers() {
  const std::int64_t now = now_ns();
  while (!timers_.empty() && timers_.top().at_ns <= now) {
    const Timer t = timers_.top();
    timers_.pop();
    Connection& c = *slots_[static_cast<std::size_t>(t.fd)];
    if (c.generation == t.generation && c.busy) resume(c);
  }
  if (reopen_at_ns_ < 0 || now < reopen_at_ns_) return;
  reopen_at_ns_ = -1;
  if (accept_ == "refuse") accept_ = "normal";
  if (listener_ >= 0) {
    epoll_event e = event_of(EPOLLIN, listener_, 0);
    epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &e);
    return;
  }
  try {
    listen_here();
  } catch (const Error&) {  // somebody's outgoing connection has the port for a moment
    close(listener_);
    listener_ = -1;
    reopen_at_ns_ = now + 20'000'000;
  }
}

void Server::refuse_for(Nanos time) {
  if (listener_ >= 0) close(listener_);
  listener_ = -1;
  reopen_at_ns_ = now_ns() + time.count();
}

void Server::run() {
  std::array<epoll_event, 512> events;
  while (true) {
    std::int64_t next = timers_.empty() ? -1 : timers_.top().at_ns;
    if (reopen_at_ns_ >= 0) next = next < 0 ? reopen_at_ns_ : std::min(next, reopen_at_ns_);
    timespec wait{};
    if (next >= 0) {
      const std::int64_t left = std::max<std::int64_t>(0, next - now_ns());
      wait = {left / 1'000'000'000, left % 1'000'000'000};
    }
    const int count =
        epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), next >= 0 ? &wait : nullptr, nullptr);
    for (int i = 0; i < count; ++i) {
      const epoll_event& e = events[static_cast<std::size_t>(i)];
      const int fd = static_cast<int>(e.data.u64 & 0xFFFFFFFFU);
      if (fd == signals_) return;
      if (fd == listener_) {
        accept_all();
        continue;
      }
      Connection& c = *slots_[static_cast<std::size_t>(fd)];
      if (c.generation != e.data.u64 >> 32) continue;
      if ((e.events & EPOLLOUT) != 0U) {
        watch(c, c.reading, false);
        resume(c);
        if (c.generation != e.data.u64 >> 32) continue;
      }
      if ((e.events & EPOLLIN) != 0U) {
        read(c);
      } else if ((e.events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0U) {
        drop(c, false);
      }
    }
    run_timers();
  }
}

}  // namespace assay::mock
