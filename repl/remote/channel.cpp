#include "repl/remote/channel.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace assay {
namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr JsonLimits kLimits{40, kMaxFrameBytes, 2'000'000};

std::string frame_bytes(const Json& frame) {
  const std::string text = dump_json(frame);
  if (text.size() > kMaxFrameBytes) return {};
  std::string bytes(kLengthBytes, '\0');
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    bytes[i] = static_cast<char>((text.size() >> (8 * (kLengthBytes - 1 - i))) & 0xff);
  return bytes + text;
}

}  // namespace

Channel::Channel(int fd) : fd_(fd) {
  sender_ = std::thread([this] { send_queued(); });
}

Channel::~Channel() {
  close();
  sender_.join();
  ::close(fd_);
}

bool Channel::send(const Json& frame) { return queue(frame, true); }

bool Channel::post(const Json& frame) { return queue(frame, false); }

bool Channel::queue(const Json& frame, bool wait) {
  std::string bytes = frame_bytes(frame);
  if (bytes.empty()) return false;
  {
    std::unique_lock lock(mutex_);
    if (!wait && queued_bytes_ > kMaxQueuedBytes) return false;
    changed_.wait(lock, [&] { return closed_ || queued_bytes_ <= kMaxQueuedBytes; });
    if (closed_) return false;
    queued_bytes_ += bytes.size();
    queue_.push_back(std::move(bytes));
  }
  changed_.notify_all();
  return true;
}

void Channel::post_latest(const Json& frame) {
  std::string bytes = frame_bytes(frame);
  if (bytes.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    latest_ = std::move(bytes);
  }
  changed_.notify_all();
}

void Channel::send_queued() {
  for (;;) {
    std::string bytes;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return closed_ || !queue_.empty() || !latest_.empty(); });
      if (closed_) return;
      if (queue_.empty()) {
        bytes.swap(latest_);
      } else {
        bytes = std::move(queue_.front());
        queue_.pop_front();
        queued_bytes_ -= bytes.size();
      }
      sending_ = true;
    }
    changed_.notify_all();
    const bool sent = send_bytes(bytes);
    {
      const std::lock_guard lock(mutex_);
      sending_ = false;
    }
    changed_.notify_all();
    if (!sent) return close();
  }
}

bool Channel::send_bytes(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

Channel::Got Channel::take_bytes(char* to, std::size_t size, std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (size > 0) {
    if (patience.count() > 0) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      pollfd wait{fd_, POLLIN, 0};
      const int count = left.count() <= 0 ? 0 : ::poll(&wait, 1, static_cast<int>(left.count()));
      if (count < 0 && errno == EINTR) continue;
      if (count == 0) return Got::late;
    }
    const ssize_t count = ::recv(fd_, to, size, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Got::end;
    to += count;
    size -= static_cast<std::size_t>(count);
  }
  return Got::all;
}

std::optional<Json> Channel::receive(std::chrono::milliseconds patience) {
  std::array<char, kLengthBytes> head{};
  const auto failed = [&](Got got, const char* end) {
    if (got == Got::late) fail("it said nothing in time");
    if (got == Got::end && end != nullptr && !closed_) fail(end);
    return std::nullopt;
  };
  if (const Got got = take_bytes(head.data(), 1, patience); got != Got::all) return failed(got, nullptr);
  if (const Got got = take_bytes(head.data() + 1, head.size() - 1, patience); got != Got::all)
    return failed(got, "it ended within a frame");
  std::size_t size = 0;
  for (const char byte : head) size = size << 8 | static_cast<unsigned char>(byte);
  if (size > kMaxFrameBytes) {
    fail("a frame of " + std::to_string(size) + " bytes was announced; at most 16 MiB are taken");
    return std::nullopt;
  }
  std::string text;
  while (text.size() < size) {  // grows with what comes, not with what is announced
    const std::size_t begin = text.size(), piece = std::min<std::size_t>(size - begin, 256U << 10);
    text.resize(begin + piece);
    if (const Got got = take_bytes(text.data() + begin, piece, patience); got != Got::all)
      return failed(got, "it ended within a frame");
  }
  std::string why;
  std::optional<Json> frame = parse_json_lenient(text, kLimits, nullptr, &why);
  if (!frame || !frame->is_object() || !frame->contains("t") || !frame->at("t").is_string()) {
    fail("a frame can't be read: " + (why.empty() ? "it has no type" : why));
    return std::nullopt;
  }
  return frame;
}

void Channel::fail(const std::string& problem) {
  const std::lock_guard lock(mutex_);
  if (problem_.empty()) problem_ = problem;
}

std::string Channel::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

void Channel::finish(std::chrono::milliseconds patience) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience, [&] { return closed_ || (queue_.empty() && !sending_); });
  }
  close();
}

void Channel::close() {
  {
    const std::lock_guard lock(mutex_);
    if (closed_.exchange(true)) return;
  }
  ::shutdown(fd_, SHUT_RDWR);
  changed_.notify_all();
}

}  // namespace assay
