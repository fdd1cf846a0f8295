#include "runners/llm/reply_stream.hpp"

#include "runners/llm/reply_json.hpp"

namespace assay {

void ReplyStream::feed(std::string_view bytes) {
  if (too_long_) return;
  if (parser_ == nullptr) {
    head_ += bytes;
    // A BOM's bytes and blanks tell nothing yet.
    const std::size_t first = head_.find_first_not_of("\xEF\xBB\xBF \t\r\n");
    if (first == std::string::npos && head_.size() < EventParser::kMaxLine) return;
    const auto sink = [this](const StreamEvent& event) { raw_event(event); };
    if (first != std::string::npos && head_[first] == '{') {
      parser_ = std::make_unique<JsonLinesParser>(sink);
    } else {
      parser_ = std::make_unique<SseParser>(sink);
    }
    too_long_ = !parser_->feed(head_);
    head_ = std::string();
    return;
  }
  too_long_ = !parser_->feed(bytes);
}

void ReplyStream::feed_event(const Json& event, bool repaired) {
  if (error_ || done_) return;
  if (!event.is_object()) {
    if (!complete_) fail(bad_response("bad_event", "an event of the stream is no JSON object"));
    return;
  }
  repaired_ = repaired_ || repaired;
  if (!complete_) {
    if (auto error = error_of_document(vendor_, event)) {
      fail(std::move(*error));
      return;
    }
  }
  this->event(event);
}

void ReplyStream::raw_event(const StreamEvent& event) {
  if (error_ || done_) return;
  if (event.data == "[DONE]") {
    done_ = true;
    if (!complete_) done();
    return;
  }
  bool repaired = false;
  const std::optional<Json> value = parse_json_lenient(event.data, {}, &repaired);
  if (value && value->is_object() && event.type == "error" && !complete_ && !error_of_document(vendor_, *value)) {
    fail(classify_error(vendor_, 200, *value));  // it says so in its name only
    return;
  }
  feed_event(value.value_or(Json()), repaired);
}

void ReplyStream::fail(CallError error) {
  if (!error_) error_ = std::move(error);
}

tl::expected<ChatReply, CallError> ReplyStream::finish() {
  if (parser_ != nullptr && !too_long_) parser_->finish();
  if (!error_ && !complete_) {
    error_ = too_long_ ? bad_response("too_big", "a line of the stream is longer than 4 MiB")
                       : cut_reply("the stream ended before its end");
  }
  if (error_) {
    error_->partial_text = std::move(reply_.text);
    return tl::unexpected(std::move(*error_));
  }
  conclude();
  return finish_reply(std::move(reply_), think_tags_, repaired_);
}

}  // namespace assay
