#pragma once
// A streamed reply while it comes: bytes in, one reply or one error out. What all providers' streams have in common is
// here; what their events mean is in a subclass per wire format. Specs: models.md 2.3. One thread per object.
//
// The same bytes give the same result however they are split. A stream that did not reach its end is never a reply.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "core/text/json.hpp"
#include "runners/llm/errors.hpp"
#include "runners/llm/reply.hpp"
#include "runners/llm/sse.hpp"

namespace assay {

class ReplyStream {
 public:
  /// `vendor` as for classify_error; `think_tags`: split <think> off when no reasoning field came.
  ReplyStream(std::string vendor, bool think_tags) : vendor_(std::move(vendor)), think_tags_(think_tags) {}
  virtual ~ReplyStream() = default;
  ReplyStream(const ReplyStream&) = delete;
  ReplyStream& operator=(const ReplyStream&) = delete;

  /// The next bytes of the body: server-sent events or JSON lines, told apart by the first of them.
  void feed(std::string_view bytes);
  /// One event that came by itself: an element of a list, a body of one line. `repaired`: its text was.
  void feed_event(const Json& event, bool repaired);
  /// End of the body, at most once.
  tl::expected<ChatReply, CallError> finish();
  /// What the reply has said so far.
  const std::string& text() const { return reply_.text; }

 protected:
  /// An event that is an object and no error. Called after the end was seen as well: some vendors tell the usage then.
  virtual void event(const Json& event) = 0;
  /// `[DONE]`: nothing comes after it.
  virtual void done() {}
  /// The stream was complete: the last chance to touch `reply_`.
  virtual void conclude() {}
  void fail(CallError error);
  bool complete() const { return complete_; }
  void set_complete() { complete_ = true; }
  const std::string& vendor() const { return vendor_; }

  ChatReply reply_;

 private:
  void raw_event(const StreamEvent& event);

  const std::string vendor_;
  const bool think_tags_;
  std::unique_ptr<EventParser> parser_;
  std::string head_;  // until the form is known
  std::optional<CallError> error_;
  bool complete_ = false, done_ = false, too_long_ = false, repaired_ = false;
};

}  // namespace assay
