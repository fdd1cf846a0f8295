#include "runners/llm/web_reader.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "runners/llm/hints.hpp"
#include "runners/llm/urls.hpp"

namespace assay {
namespace {

using std::chrono::milliseconds;
using Time = std::chrono::steady_clock::time_point;

constexpr milliseconds kPoll{100};  // how soon Ctrl-C is noticed

/// Where the transport's thread puts replies; it may outlive the reading.
struct Arrivals {
  std::mutex mutex;
  std::condition_variable came;
  std::deque<std::pair<std::size_t, WireReply>> replies;
};

bool is_broken(const WireReply& reply) {
  if (reply.fault) return reply.fault->kind == "network" || reply.fault->kind == "timeout";
  return reply.http >= 500;
}

}  // namespace

class WebReader::Round {
 public:
  Round(const Parts& parts, const std::vector<std::string>& addresses, const std::string& secret)
      : parts_(parts), addresses_(addresses), secret_(secret) {}
  ~Round() {
    for (const auto& [index, call] : in_flight_) parts_.transport.cancel(call, 1);
  }
  Round(const Round&) = delete;
  Round& operator=(const Round&) = delete;

  void run(const std::function<bool()>& interrupted, const std::function<void(std::size_t, WebReply&&)>& each) {
    while (done_ < addresses_.size()) {
      if (interrupted && interrupted()) throw Error("interrupted", "stopped while reading " + addresses_.front());
      send_due();
      for (auto& [index, reply] : wait()) {
        in_flight_.erase(index);
        if (const auto again = next_try(index, reply)) {
          later_.emplace(*again, index);
        } else {
          ++done_;
          each(index, told(index, std::move(reply)));
        }
      }
    }
  }

 private:
  struct Tries {
    int failed = 0, paused = 0;
  };

  void send_due() {
    const Time now = std::chrono::steady_clock::now();
    while (in_flight_.size() < parts_.options.at_once && now >= held_until_) {
      std::size_t index = 0;
      if (!later_.empty() && later_.begin()->first <= now) {
        index = later_.begin()->second;
        later_.erase(later_.begin());
      } else if (fresh_ < addresses_.size()) {
        index = fresh_++;
      } else {
        return;
      }
      send(index);
    }
  }

  void send(std::size_t index) {
    WireRequest request;
    request.method = "GET";
    request.url = addresses_[index];
    request.call = parts_.next_call();
    request.headers.push_back({"Accept", "application/json", ""});
    request.headers.push_back({"User-Agent", "assay/" + parts_.version, ""});
    if (!secret_.empty() && parts_.secrets.has(secret_)) {
      request.headers.push_back({"Authorization", "Bearer ", secret_});
    }
    request.deadlines.attempt = std::chrono::minutes(2);
    in_flight_[index] = request.call;
    parts_.transport.send(std::move(request), [arrivals = arrivals_, index](WireReply reply) {
      const std::lock_guard lock(arrivals->mutex);
      arrivals->replies.emplace_back(index, std::move(reply));
      arrivals->came.notify_all();
    });
  }

  std::deque<std::pair<std::size_t, WireReply>> wait() {
    std::unique_lock lock(arrivals_->mutex);
    if (arrivals_->replies.empty()) {
      Time until = std::chrono::steady_clock::now() + kPoll;
      if (!later_.empty()) until = std::min(until, std::max(later_.begin()->first, held_until_));
      arrivals_->came.wait_until(lock, until);
    }
    return std::exchange(arrivals_->replies, {});
  }

  /// When it is to be tried once more; nullopt: this is how it ends.
  std::optional<Time> next_try(std::size_t index, const WireReply& reply) {
    Tries& tries = tries_[index];
    const Time now = std::chrono::steady_clock::now();
    const Options& options = parts_.options;
    if (!reply.fault && reply.http == 429) {
      const double unix_s = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
      const auto hint = find_wait_hint(reply.headers, Json(), unix_s);
      if (hint && hint->wait_ms <= static_cast<double>(options.longest_wait.count())) {
        if (++tries.paused > options.pauses) return std::nullopt;
        held_until_ =
            std::max(held_until_,
                     now + std::chrono::ceil<milliseconds>(std::chrono::duration<double, std::milli>(hint->wait_ms)));
        return held_until_;
      }
      if (hint) return std::nullopt;  // hours: for a person to decide
    } else if (!is_broken(reply)) {
      return std::nullopt;
    }
    if (++tries.failed >= options.tries) return std::nullopt;
    return now + options.back_off * (1 << (tries.failed - 1));
  }

  WebReply told(std::size_t index, WireReply&& reply) const {
    WebReply out;
    out.tries = tries_.contains(index) ? std::max(1, tries_.at(index).failed) : 1;
    if (reply.fault) {
      out.failure = parts_.secrets.redact(reply.fault->message);
      return out;
    }
    out.status = reply.http;
    out.headers = std::move(reply.headers);
    out.body = parts_.secrets.holds_secret(reply.body) ? parts_.secrets.redact(reply.body) : std::move(reply.body);
    return out;
  }

  const Parts& parts_;
  const std::vector<std::string>& addresses_;
  const std::string& secret_;
  const std::shared_ptr<Arrivals> arrivals_ = std::make_shared<Arrivals>();
  std::size_t fresh_ = 0, done_ = 0;
  std::multimap<Time, std::size_t> later_;
  std::map<std::size_t, CallId> in_flight_;
  std::map<std::size_t, Tries> tries_;
  Time held_until_{};
};

bool WebReader::sends(const std::string& secret, const std::string& address) const {
  if (!parts_.secrets.has(secret)) return false;
  const UrlParts parts = split_url(address);
  if (parts.scheme == "http" && !is_loopback(parts.host)) {
    throw Error("bad_request", secret + " would go over plain http to " + parts.host, "", "https, or without the key");
  }
  return true;
}

void WebReader::get(const std::vector<std::string>& addresses, const std::string& secret,
                    const std::function<bool()>& interrupted,
                    const std::function<void(std::size_t, WebReply&&)>& each) const {
  Round(parts_, addresses, secret).run(interrupted, each);
}

std::string page_address(const std::string& address, const std::vector<std::pair<std::string, std::string>>& query) {
  std::string out = address;
  for (const auto& [name, value] : query) {
    out += (out.size() == address.size() ? "?" : "&") + name + "=" + url_encoded(value);
  }
  return out;
}

}  // namespace assay
