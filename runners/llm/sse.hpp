#pragma once
// The two forms in which replies are streamed, each read so that any split of the bytes over reads gives the same
// events: server-sent events by the WHATWG rules, and JSON lines. One thread per parser.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream

#include <functional>
#include <string>
#include <string_view>

namespace assay {

struct StreamEvent {
  std::string type;  // "" when the stream named none
  std::string data;
};

/// Bytes into lines that end in LF, CRLF or CR (`cr_ends`) or in LF and CRLF only. The BOM of the first line is
/// skipped.
class LineSplitter {
 public:
  using Sink = std::function<void(std::string_view)>;
  LineSplitter(Sink sink, bool cr_ends, std::size_t max_line)
      : sink_(std::move(sink)), cr_ends_(cr_ends), max_line_(max_line) {}
  /// False once a line is longer than the cap; nothing more is read then.
  bool feed(std::string_view bytes);
  /// What came after the last end of line; it is forgotten.
  std::string take_rest();

 private:
  void line(std::string_view text);
  Sink sink_;
  bool cr_ends_;
  std::size_t max_line_;
  std::string pending_;
  bool begun_ = false, after_cr_ = false, too_long_ = false;
};

/// A parser of one of the two forms.
class EventParser {
 public:
  using Sink = std::function<void(const StreamEvent&)>;
  static constexpr std::size_t kMaxLine = 4U << 20;
  virtual ~EventParser() = default;
  /// False once a line (or the data of one event) is longer than the cap; nothing more is read then.
  virtual bool feed(std::string_view bytes) = 0;
  virtual void finish() = 0;
};

class SseParser final : public EventParser {
 public:
  explicit SseParser(Sink sink, std::size_t max_line = kMaxLine);
  bool feed(std::string_view bytes) override;
  /// End of the body: an unfinished event is dropped, except `data: [DONE]`.
  void finish() override;

 private:
  void line(std::string_view text);
  void dispatch();
  Sink sink_;
  LineSplitter lines_;
  std::size_t max_data_;
  std::string data_, type_;
  bool has_data_ = false, too_long_ = false;
};

/// One JSON value a line; blank lines are skipped. An event's data is the line.
class JsonLinesParser final : public EventParser {
 public:
  explicit JsonLinesParser(Sink sink, std::size_t max_line = kMaxLine);
  bool feed(std::string_view bytes) override { return lines_.feed(bytes); }
  /// End of the body: an unfinished last line counts when it is a whole JSON object.
  void finish() override;

 private:
  void line(std::string_view text);
  Sink sink_;
  LineSplitter lines_;
};

/// Whether a body is an event stream by its bytes: its first line is a comment or a known field.
bool looks_like_sse(std::string_view body);

/// Whether a body is JSON lines by its bytes: the first line is `{..}` and there is more after it. `strict`: what
/// comes next must begin with `{` too; else a body with rubbish behind its JSON would be taken for a stream.
bool looks_like_json_lines(std::string_view body, bool strict);

}  // namespace assay
