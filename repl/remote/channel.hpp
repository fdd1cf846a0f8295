#pragma once
// A conversation in frames over a stream socket: each is its length (4 bytes, big end first) and that many bytes of
// JSON. What goes out is queued and sent by a thread of its own, so that who has something to say need not wait for a
// reader that is stopped.
//
// Thread rule: any thread; receive() by one at a time.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "core/text/json.hpp"

namespace assay {

inline constexpr std::size_t kMaxFrameBytes = 16U << 20;
inline constexpr std::size_t kMaxQueuedBytes = 4U << 20;

/// Changes when frames of one version can't be understood by the other.
inline constexpr int kRemoteProtocol = 1;

class Channel {
 public:
  /// Owns `fd`, a connected stream socket that blocks.
  explicit Channel(int fd);
  /// close()
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Queues a frame, and waits while more than kMaxQueuedBytes are unsent. False: closed, or the frame is larger than
  /// kMaxFrameBytes.
  bool send(const Json& frame);
  /// The same without waiting: false as well when that many are unsent.
  bool post(const Json& frame);
  /// Sent when all others are; replaces the one before when that has not been sent.
  void post_latest(const Json& frame);
  /// Waits for the next frame. Nothing: the other side has gone, said something that is no frame (problem() says
  /// what), said nothing for `patience` (0: for ever), or close().
  std::optional<Json> receive(std::chrono::milliseconds patience = {});
  std::string problem() const;
  /// What is queued is sent, for at most `patience`; then close().
  void finish(std::chrono::milliseconds patience);
  /// Ends both directions: receive() returns, what is queued is dropped.
  void close();

 private:
  enum class Got { all, end, late };
  bool queue(const Json& frame, bool wait);
  void send_queued();
  bool send_bytes(std::string_view bytes);
  Got take_bytes(char* to, std::size_t size, std::chrono::milliseconds patience);
  void fail(const std::string& problem);

  const int fd_;
  std::atomic<bool> closed_{false};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // guarded by mutex_
  std::deque<std::string> queue_;
  std::string latest_;
  std::size_t queued_bytes_ = 0;
  bool sending_ = false;
  std::string problem_;
  std::thread sender_;
};

}  // namespace assay
