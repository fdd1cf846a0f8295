#include "runners/llm/http.hpp"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "runners/llm/http_transfer.hpp"

namespace assay {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kScanEvery{50};
constexpr seconds kTryWiderAfter{30};

struct Key {
  CallId call;
  int try_no;
  friend bool operator==(const Key&, const Key&) = default;
};
struct KeyHash {
  std::size_t operator()(const Key& key) const {
    return static_cast<std::size_t>(key.call * 0x9E3779B97F4A7C15ULL + static_cast<std::uint64_t>(key.try_no));
  }
};

struct Send {
  WireRequest request;
  std::function<void(WireReply)> done;
};
struct Cancel {
  Key key;
};
using Command = std::variant<Send, Cancel>;

}  // namespace

std::string width_line(const HttpStatistics& s) {
  if (!s.held_back && !s.width_reduced) return "";
  return "only " + format_count(static_cast<std::int64_t>(s.width)) + " connections at a time: the program may open " +
         format_count(static_cast<std::int64_t>(s.descriptors)) + " files (ulimit -n); the other calls wait";
}

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur < limit.rlim_max) {
    rlimit wanted = limit;
    wanted.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &wanted) == 0) limit = wanted;
  }
  return static_cast<std::size_t>(std::min<rlim_t>(limit.rlim_cur, 1U << 20U));
}

class InProcessTransport::Loop {
 public:
  Loop(const SecretSource& secrets, const HttpOptions& options) : secrets_(secrets), options_(options) {
    static std::once_flag initialised;
    std::call_once(initialised, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    descriptors_ = raise_descriptor_limit();
    full_width_ = descriptors_ > 2 * options.kept_descriptors ? descriptors_ - options.kept_descriptors
                                                              : std::max<std::size_t>(1, descriptors_ / 2);
    width_ = full_width_;
    shown_width_.store(width_);
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (epoll_ < 0 || wake_ < 0) throw Error("file", "no descriptors left for the HTTP thread");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = kWake;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event);
    thread_ = std::thread([this] { run(); });
  }

  ~Loop() {
    stop_.store(true);
    wake();
    thread_.join();
    for (const auto& shard : shards_) curl_multi_cleanup(shard->multi);
    close(wake_);
    close(epoll_);
  }

  void push(Command command) {
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      if (const auto* send = std::get_if<Send>(&command)) {
        known_.insert_or_assign({send->request.call, send->request.try_no}, Lookup::Stage::unknown);
      }
      first = commands_.empty();
      commands_.push_back(std::move(command));
    }
    if (first) wake();
  }

  Lookup find(Key key) const {
    const std::lock_guard lock(mutex_);
    Lookup found;
    if (const auto known = known_.find(key); known != known_.end()) {
      found.state = Lookup::State::in_flight;
      found.stage = known->second;
    }
    return found;
  }

  HttpStatistics statistics() const {
    HttpStatistics s;
    s.active = active_count_.load(std::memory_order_relaxed);
    s.queued = queued_count_.load(std::memory_order_relaxed);
    s.shards = shard_count_.load(std::memory_order_relaxed);
    s.width = shown_width_.load(std::memory_order_relaxed);
    s.width_reduced = s.width < full_width_;
    s.held_back = held_back_.load(std::memory_order_relaxed);
    s.descriptors = descriptors_;
    s.sendings = sendings_.load(std::memory_order_relaxed);
    s.connections = connections_.load(std::memory_order_relaxed);
    return s;
  }

 private:
  static constexpr std::uint64_t kWake = ~std::uint64_t{0};

  struct Shard {
    Loop* loop = nullptr;
    std::size_t index = 0;
    CURLM* multi = nullptr;
    std::size_t active = 0;
    std::optional<HttpTime> timer;
    bool touched = false;
  };

  void wake() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(wake_, &one, sizeof one);
  }

  void run() {
    pthread_setname_np(pthread_self(), "http");
    now_ = HttpTime::clock::now();
    HttpTime next_scan = now_ + kScanEvery;
    std::array<epoll_event, 512> events{};
    while (!stop_.load(std::memory_order_relaxed)) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms(next_scan));
      now_ = HttpTime::clock::now();
      bool woken = false;
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events.at(static_cast<std::size_t>(i));
        if (event.data.u64 == kWake) {
          std::uint64_t ignored = 0;
          while (read(wake_, &ignored, sizeof ignored) > 0) {
          }
          woken = true;
          continue;
        }
        const int flags = ((event.events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                          ((event.events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                          ((event.events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
        Shard& shard = *shards_.at(event.data.u64 >> 32U);
        act(shard, static_cast<curl_socket_t>(event.data.u64 & 0xFFFFFFFFU), flags);
      }
      if (woken || count == 0) take_commands();
      for (const auto& shard : shards_) {
        if (shard->timer && *shard->timer <= now_) {
          shard->timer.reset();
          act(*shard, CURL_SOCKET_TIMEOUT, 0);
        }
      }
      collect();
      if (now_ >= next_scan) {
        scan();
        next_scan = now_ + kScanEvery;
      }
      start_waiting();
    }
    end_all();
  }

  int timeout_ms(HttpTime next_scan) {
    HttpTime until = now_ + seconds(1);
    if (!active_.empty() || !waiting_.empty()) until = std::min(until, next_scan);
    for (const auto& shard : shards_) {
      if (shard->timer) until = std::min(until, *shard->timer);
    }
    const auto left = std::chrono::ceil<milliseconds>(until - HttpTime::clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1000));
  }

  void act(Shard& shard, curl_socket_t socket, int flags) {
    int running = 0;
    shard.touched = true;
    curl_multi_socket_action(shard.multi, socket, flags, &running);
  }

  void take_commands() {
    std::vector<Command> commands;
    {
      const std::lock_guard lock(mutex_);
      commands.swap(commands_);
    }
    for (Command& command : commands) {
      if (auto* send = std::get_if<Send>(&command)) {
        waiting_.push_back(std::move(*send));
      } else {
        cancel(std::get<Cancel>(command).key);
      }
    }
  }

  void cancel(Key key) {
    for (HttpTransfer* transfer : active_) {
      if (transfer->request.call == key.call && transfer->request.try_no == key.try_no) {
        end(*transfer, WireFault{"cancelled", "", "cancelled", false});
        return;
      }
    }
    const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](const Send& send) {
      return send.request.call == key.call && send.request.try_no == key.try_no;
    });
    if (found == waiting_.end()) return;
    Send send = std::move(*found);
    waiting_.erase(found);
    refuse(std::move(send), WireFault{"cancelled", "", "cancelled", false});
  }

  void forget(const WireRequest& request) {
    const std::lock_guard lock(mutex_);
    known_.erase({request.call, request.try_no});
  }

  void refuse(Send send, WireFault fault) {
    forget(send.request);
    WireReply reply;
    reply.fault = std::move(fault);
    send.done(std::move(reply));
  }

  void start_waiting() {
    if (width_ < full_width_ && now_ - narrowed_at_ > kTryWiderAfter) {
      width_ = full_width_;
    }
    while (!waiting_.empty() && active_.size() < width_ && held_ < options_.replies_in_memory_bytes) {
      Send send = std::move(waiting_.front());
      waiting_.pop_front();
      start(std::move(send));
    }
    active_count_.store(active_.size(), std::memory_order_relaxed);
    queued_count_.store(waiting_.size(), std::memory_order_relaxed);
    shown_width_.store(width_, std::memory_order_relaxed);
    if (!waiting_.empty() && active_.size() >= width_ && !held_back_.exchange(true, std::memory_order_relaxed) &&
        options_.notice) {
      options_.notice(width_line(statistics()));
    }
  }

  void start(Send send) {
    std::unique_ptr<HttpTransfer> transfer;
    if (!pool_.empty()) {
      transfer = std::move(pool_.back());
      pool_.pop_back();
    } else {
      transfer = std::make_unique<HttpTransfer>(options_.receive_buffer_bytes, now_, held_);
    }
    transfer->request = std::move(send.request);
    transfer->done = std::move(send.done);
    if (auto fault = transfer->prepare(secrets_)) {
      complete(std::move(transfer), [&](HttpTransfer& t) { return t.finish(std::move(*fault)); });
      return;
    }
    Shard& shard = shard_with_room();
    transfer->shard = shard.index;
    transfer->index = active_.size();
    ++shard.active;
    curl_multi_add_handle(shard.multi, transfer->easy);
    active_.push_back(transfer.release());
  }

  Shard& shard_with_room() {
    for (const auto& shard : shards_) {
      if (shard->active < options_.connections_per_shard) return *shard;
    }
    auto shard = std::make_unique<Shard>();
    shard->loop = this;
    shard->index = shards_.size();
    shard->multi = curl_multi_init();
    if (shard->multi == nullptr) throw std::bad_alloc();
    curl_multi_setopt(shard->multi, CURLMOPT_SOCKETFUNCTION, &Loop::on_socket);
    curl_multi_setopt(shard->multi, CURLMOPT_SOCKETDATA, shard.get());
    curl_multi_setopt(shard->multi, CURLMOPT_TIMERFUNCTION, &Loop::on_timer);
    curl_multi_setopt(shard->multi, CURLMOPT_TIMERDATA, shard.get());
    curl_multi_setopt(shard->multi, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX));
    curl_multi_setopt(shard->multi, CURLMOPT_MAXCONNECTS,
                      static_cast<long>(std::min<std::size_t>(full_width_, 1U << 14U)));
    shards_.push_back(std::move(shard));
    shard_count_.store(shards_.size(), std::memory_order_relaxed);
    return *shards_.back();
  }

  /// Takes an active transfer out of its multi handle. An unfinished one loses its connection: it is not reused.
  std::unique_ptr<HttpTransfer> remove(HttpTransfer& transfer) {
    Shard& shard = *shards_.at(transfer.shard);
    curl_multi_remove_handle(shard.multi, transfer.easy);
    --shard.active;
    HttpTransfer* last = active_.back();
    active_.at(transfer.index) = last;
    last->index = transfer.index;
    active_.pop_back();
    return std::unique_ptr<HttpTransfer>(&transfer);
  }

  template <typename F>
  void complete(std::unique_ptr<HttpTransfer> transfer, F make_reply) {
    sendings_.fetch_add(static_cast<std::uint64_t>(std::min(transfer->sendings, 1)), std::memory_order_relaxed);
    WireReply reply = make_reply(*transfer);
    if (transfer->sendings > 0 && !reply.t.reused_connection) connections_.fetch_add(1, std::memory_order_relaxed);
    const std::function<void(WireReply)> done = std::move(transfer->done);
    forget(transfer->request);
    transfer->reset();
    pool_.push_back(std::move(transfer));
    done(std::move(reply));
  }

  void end(HttpTransfer& transfer, WireFault fault) {
    complete(remove(transfer), [&](HttpTransfer& t) { return t.finish(std::move(fault)); });
  }

  void collect() {
    for (const auto& shard : shards_) {
      if (!shard->touched) continue;
      shard->touched = false;
      int left = 0;
      while (CURLMsg* message = curl_multi_info_read(shard->multi, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        const CURLcode code = message->data.result;
        HttpTransfer* transfer = nullptr;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        std::unique_ptr<HttpTransfer> owned = remove(*transfer);
        if (code != CURLE_OK && owned->short_of_descriptors(code)) {
          narrow(std::move(owned));
        } else {
          complete(std::move(owned), [&](HttpTransfer& t) { return t.finish(code); });
        }
      }
    }
  }

  /// Descriptors ran short: the request goes back to the front of the queue and fewer run at a time.
  void narrow(std::unique_ptr<HttpTransfer> transfer) {
    Send send{std::move(transfer->request), std::move(transfer->done)};
    transfer->reset();
    pool_.push_back(std::move(transfer));
    waiting_.push_front(std::move(send));
    width_ = std::max<std::size_t>(1, std::min(width_, active_.size()) * 9 / 10);
    narrowed_at_ = now_;
  }

  /// Time limits, and the stages of those that have moved on.
  void scan() {
    std::unique_lock lock(mutex_, std::defer_lock);
    for (HttpTransfer* transfer : active_) {
      const Lookup::Stage stage = transfer->stage();
      if (stage == transfer->told) continue;
      transfer->told = stage;
      if (!lock) lock.lock();
      if (const auto known = known_.find({transfer->request.call, transfer->request.try_no}); known != known_.end()) {
        known->second = stage;
      }
    }
    if (lock) lock.unlock();
    for (std::size_t i = active_.size(); i-- > 0;) {
      HttpTransfer& transfer = *active_[i];
      const char* sub = transfer.expired();
      if (sub == nullptr) continue;
      end(transfer, WireFault{"timeout", sub, std::string("no answer within the limit of ") + sub, false});
    }
  }

  void end_all() {
    take_commands();
    while (!active_.empty()) end(*active_.back(), WireFault{"cancelled", "", "the program ends", false});
    while (!waiting_.empty()) {
      Send send = std::move(waiting_.front());
      waiting_.pop_front();
      refuse(std::move(send), WireFault{"cancelled", "", "the program ends", false});
    }
  }

  static int on_socket(CURL*, curl_socket_t socket, int what, void* pointer, void* known) {
    auto& shard = *static_cast<Shard*>(pointer);
    const int epoll = shard.loop->epoll_;
    if (what == CURL_POLL_REMOVE) {
      epoll_ctl(epoll, EPOLL_CTL_DEL, socket, nullptr);
      curl_multi_assign(shard.multi, socket, nullptr);
      return 0;
    }
    epoll_event event{};
    event.events = ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
    event.data.u64 = (static_cast<std::uint64_t>(shard.index) << 32U) | static_cast<std::uint32_t>(socket);
    if (known == nullptr) {
      epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
      curl_multi_assign(shard.multi, socket, &shard);
    } else {
      epoll_ctl(epoll, EPOLL_CTL_MOD, socket, &event);
    }
    return 0;
  }

  static int on_timer(CURLM*, long timeout_ms, void* pointer) {
    auto& shard = *static_cast<Shard*>(pointer);
    if (timeout_ms < 0)
      shard.timer.reset();
    else
      shard.timer = shard.loop->now_ + milliseconds(timeout_ms);
    return 0;
  }

  const SecretSource& secrets_;
  const HttpOptions options_;
  std::size_t full_width_ = 0, descriptors_ = 0;
  int epoll_ = -1, wake_ = -1;
  std::atomic<bool> stop_{false}, held_back_{false};
  std::atomic<std::size_t> active_count_{0}, queued_count_{0}, shard_count_{0}, shown_width_{0};
  std::atomic<std::uint64_t> sendings_{0}, connections_{0};

  mutable std::mutex mutex_;
  std::vector<Command> commands_;                          // guarded by mutex_
  std::unordered_map<Key, Lookup::Stage, KeyHash> known_;  // guarded by mutex_: sent or waiting to be

  // HTTP thread only.
  HttpTime now_{};
  std::size_t held_ = 0;
  std::size_t width_ = 0;
  HttpTime narrowed_at_{};
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<HttpTransfer*> active_;  // owned
  std::vector<std::unique_ptr<HttpTransfer>> pool_;
  std::deque<Send> waiting_;
  std::thread thread_;
};

InProcessTransport::InProcessTransport(const SecretSource& secrets, HttpOptions options)
    : loop_(std::make_unique<Loop>(secrets, options)) {}

InProcessTransport::~InProcessTransport() = default;

void InProcessTransport::send(WireRequest request, std::function<void(WireReply)> done) {
  loop_->push(Send{std::move(request), std::move(done)});
}

void InProcessTransport::cancel(CallId call, int try_no) { loop_->push(Cancel{{call, try_no}}); }

Lookup InProcessTransport::lookup(CallId call, int try_no) { return loop_->find({call, try_no}); }

HttpStatistics InProcessTransport::statistics() const { return loop_->statistics(); }

}  // namespace assay
