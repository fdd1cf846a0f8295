#pragma once
// Server-sent events by the WHATWG rules: any split of the bytes over reads gives the same events. One thread.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream

#include <functional>
#include <string>
#include <string_view>

namespace assay {

class SseParser {
 public:
  struct Event {
    std::string type;  // "" when the stream named none
    std::string data;
  };
  using Sink = std::function<void(const Event&)>;
  explicit SseParser(Sink sink, std::size_t max_line = 4U << 20) : sink_(std::move(sink)), max_line_(max_line) {}

  /// False once a line is longer than the cap; nothing more is read then.
  bool feed(std::string_view bytes);
  /// End of the body: an unfinished event is dropped, except `data: [DONE]`.
  void finish();

 private:
  void line(std::string_view text);
  void dispatch();
  Sink sink_;
  std::size_t max_line_;
  std::string pending_, data_, type_;
  bool has_data_ = false, begun_ = false, after_cr_ = false, too_long_ = false;
};

/// Whether a body is an event stream by its bytes: its first line is a comment or a known field.
bool looks_like_sse(std::string_view body);

}  // namespace assay
