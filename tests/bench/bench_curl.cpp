// The reference for the client's speed: a bare libcurl-multi loop (curl_multi_socket_action and epoll) that makes chat
// calls and does nothing with the answers but take the bytes. Easy handles and connections are reused; beyond 2,000
// in flight the calls are spread over several multi handles, since one handle's lists grow slow.
//
//   bench_curl URL N IN_FLIGHT [PER_MULTI]        URL like http://127.0.0.1:PORT/v1/chat/completions
//
// Prints {"n","in_flight","ok","seconds","calls_per_s","cpu_us_per_call","multis"}; cpu is of this process, user and
// system, from the first call to the last answer.

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

struct Multi;

struct Call {
  CURL* easy = nullptr;
  Multi* multi = nullptr;
  std::string request, reply;
};

struct Multi {
  CURLM* handle = nullptr;
  Clock::time_point due = Clock::time_point::max();
};

class Bench {
 public:
  Bench(std::string url, std::uint64_t n, std::size_t in_flight, std::size_t per_multi)
      : url_(std::move(url)), n_(n), in_flight_(in_flight), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    headers_ = curl_slist_append(headers_, "Content-Type: application/json");
    headers_ = curl_slist_append(headers_, "Authorization: Bearer sk-bench");
    headers_ = curl_slist_append(headers_, "Expect:");
    const std::size_t multis = (in_flight + per_multi - 1) / per_multi;
    for (std::size_t i = 0; i < multis; ++i) multis_.push_back(make_multi());
    for (std::size_t i = 0; i < in_flight; ++i) calls_.push_back(make_call(*multis_[i % multis]));
  }

  ~Bench() {
    for (auto& call : calls_) {
      curl_multi_remove_handle(call->multi->handle, call->easy);
      curl_easy_cleanup(call->easy);
    }
    for (auto& multi : multis_) curl_multi_cleanup(multi->handle);
    curl_slist_free_all(headers_);
    close(epoll_);
    curl_global_cleanup();
  }

  int run() {
    const auto begin = Clock::now();
    const double cpu = cpu_seconds();
    for (auto& call : calls_) {
      if (started_ < n_) start(*call);
    }
    std::array<epoll_event, 1024> events;
    while (ended_ < n_) {
      auto due = Clock::time_point::max();
      for (const auto& multi : multis_) due = std::min(due, multi->due);
      int wait_ms = 10'000;
      if (due != Clock::time_point::max()) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - Clock::now()).count();
        wait_ms = static_cast<int>(std::clamp<long long>(left, 0, 10'000));
      }
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms);
      int running = 0;
      for (int k = 0; k < count; ++k) {
        const epoll_event& e = events[static_cast<std::size_t>(k)];
        const auto fd = static_cast<std::size_t>(e.data.u64 & 0xFFFFFFFFU);
        Multi* multi = fd < owners_.size() ? owners_[fd] : nullptr;
        if (multi == nullptr) continue;
        int mask = 0;
        if ((e.events & EPOLLIN) != 0U) mask |= CURL_CSELECT_IN;
        if ((e.events & EPOLLOUT) != 0U) mask |= CURL_CSELECT_OUT;
        if ((e.events & (EPOLLERR | EPOLLHUP)) != 0U) mask |= CURL_CSELECT_ERR;
        curl_multi_socket_action(multi->handle, static_cast<curl_socket_t>(fd), mask, &running);
      }
      const auto now = Clock::now();
      for (const auto& multi : multis_) {
        if (multi->due <= now) {
          multi->due = Clock::time_point::max();
          curl_multi_socket_action(multi->handle, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        take_ended(*multi);
      }
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    const double used = cpu_seconds() - cpu;
    std::printf(
        "{\"n\":%llu,\"in_flight\":%zu,\"ok\":%llu,\"seconds\":%.4f,\"calls_per_s\":%.1f,\"cpu_us_per_call\":%.2f,"
        "\"multis\":%zu}\n",
        static_cast<unsigned long long>(n_), in_flight_, static_cast<unsigned long long>(ok_), seconds,
        static_cast<double>(n_) / seconds, used / static_cast<double>(n_) * 1e6, multis_.size());
    return ok_ == n_ ? 0 : 1;
  }

 private:
  static std::size_t on_body(char* bytes, std::size_t, std::size_t size, void* call) {
    static_cast<Call*>(call)->reply.append(bytes, size);
    return size;
  }

  static int on_timer(CURLM*, long timeout_ms, void* data) {
    auto* multi = static_cast<Multi*>(data);
    multi->due = timeout_ms < 0 ? Clock::time_point::max() : Clock::now() + std::chrono::milliseconds(timeout_ms);
    return 0;
  }

  static int on_socket(CURL*, curl_socket_t fd, int what, void* data, void*) {
    auto* target = static_cast<std::pair<Bench*, Multi*>*>(data);
    target->first->watch(*target->second, fd, what);
    return 0;
  }

  void watch(Multi& multi, int fd, int what) {
    const auto index = static_cast<std::size_t>(fd);
    if (owners_.size() <= index) owners_.resize(index + 1, nullptr);
    if (what == CURL_POLL_REMOVE) {
      owners_[index] = nullptr;
      epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
      return;
    }
    epoll_event e{};
    if ((what & CURL_POLL_IN) != 0) e.events |= EPOLLIN;
    if ((what & CURL_POLL_OUT) != 0) e.events |= EPOLLOUT;
    e.data.u64 = index;
    const bool known = owners_[index] != nullptr;
    owners_[index] = &multi;
    if (epoll_ctl(epoll_, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e) != 0) {
      epoll_ctl(epoll_, known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &e);
    }
  }

  std::unique_ptr<Multi> make_multi() {
    auto multi = std::make_unique<Multi>();
    multi->handle = curl_multi_init();
    targets_.push_back(std::make_unique<std::pair<Bench*, Multi*>>(this, multi.get()));
    curl_multi_setopt(multi->handle, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi->handle, CURLMOPT_SOCKETDATA, targets_.back().get());
    curl_multi_setopt(multi->handle, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi->handle, CURLMOPT_TIMERDATA, multi.get());
    curl_multi_setopt(multi->handle, CURLMOPT_MAXCONNECTS, static_cast<long>(in_flight_));
    return multi;
  }

  std::unique_ptr<Call> make_call(Multi& multi) {
    auto call = std::make_unique<Call>();
    call->multi = &multi;
    call->easy = curl_easy_init();
    CURL* e = call->easy;
    curl_easy_setopt(e, CURLOPT_URL, url_.c_str());
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers_);
    curl_easy_setopt(e, CURLOPT_POST, 1L);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, call.get());
    curl_easy_setopt(e, CURLOPT_PRIVATE, call.get());
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, 120'000L);
    return call;
  }

  void start(Call& call) {
    call.request =
        "{\"model\":\"mock\",\"messages\":[{\"role\":\"system\",\"content\":\"Add the two numbers provided\"},"
        "{\"role\":\"user\",\"content\":\"A: " +
        std::to_string(started_++) + " B: 2\"}],\"temperature\":0.0,\"max_tokens\":16}";
    call.reply.clear();
    curl_easy_setopt(call.easy, CURLOPT_POSTFIELDS, call.request.c_str());
    curl_easy_setopt(call.easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(call.request.size()));
    curl_multi_add_handle(call.multi->handle, call.easy);
  }

  void take_ended(Multi& multi) {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi.handle, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      CURL* easy = message->easy_handle;
      Call* call = nullptr;
      long status = 0;
      curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call);
      curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
      if (code == CURLE_OK && status == 200 && !call->reply.empty()) {
        ++ok_;
      } else if (complaints_++ < 3) {
        std::fprintf(stderr, "bench_curl: status %ld, %s\n", status, curl_easy_strerror(code));
      }
      ++ended_;
      curl_multi_remove_handle(multi.handle, easy);
      if (started_ < n_) start(*call);
    }
  }

  std::string url_;
  std::uint64_t n_, started_ = 0, ended_ = 0, ok_ = 0, complaints_ = 0;
  std::size_t in_flight_;
  int epoll_;
  curl_slist* headers_ = nullptr;
  std::vector<std::unique_ptr<Multi>> multis_;
  std::vector<std::unique_ptr<std::pair<Bench*, Multi*>>> targets_;
  std::vector<std::unique_ptr<Call>> calls_;
  std::vector<Multi*> owners_;  // by descriptor
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: bench_curl URL N IN_FLIGHT [PER_MULTI]\n");
    return 2;
  }
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  Bench bench(argv[1], std::strtoull(argv[2], nullptr, 10), std::strtoull(argv[3], nullptr, 10),
              argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 1000);
  return bench.run();
}
