#include "runners/llm/sse.hpp"

namespace assay {

bool SseParser::feed(std::string_view bytes) {
  if (too_long_) return false;
  while (!bytes.empty()) {
    if (after_cr_) {  // CRLF is one end of line, also when it is split
      after_cr_ = false;
      if (bytes.front() == '\n') {
        bytes.remove_prefix(1);
        continue;
      }
    }
    const std::size_t end = bytes.find_first_of("\r\n");
    if (end == std::string_view::npos) {
      pending_ += bytes;
      bytes = {};
    } else {
      after_cr_ = bytes[end] == '\r';
      if (pending_.empty()) {
        line(bytes.substr(0, end));
      } else {
        pending_ += bytes.substr(0, end);
        const std::string whole = std::move(pending_);
        pending_.clear();
        line(whole);
      }
      bytes.remove_prefix(end + 1);
    }
    if (pending_.size() > max_line_ || data_.size() > max_line_) {
      too_long_ = true;
      return false;
    }
  }
  return true;
}

void SseParser::finish() {
  if (too_long_) return;
  if (pending_ == "data: [DONE]" || pending_ == "data:[DONE]") line(pending_);
  pending_.clear();
  if (has_data_ && data_ == "[DONE]") dispatch();
}

void SseParser::line(std::string_view text) {
  if (!begun_) {
    begun_ = true;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  }
  if (text.empty()) {
    dispatch();
    return;
  }
  if (text.front() == ':') return;
  const std::size_t colon = text.find(':');
  const std::string_view field = text.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (has_data_) data_ += '\n';
    data_ += value;
    has_data_ = true;
  } else if (field == "event") {
    type_ = value;
  }
}

void SseParser::dispatch() {
  if (has_data_) sink_({type_, data_});
  data_.clear();
  type_.clear();
  has_data_ = false;
}

bool looks_like_sse(std::string_view body) {
  if (body.starts_with("\xEF\xBB\xBF")) body.remove_prefix(3);
  const std::size_t begin = body.find_first_not_of("\r\n");
  if (begin == std::string_view::npos) return false;
  body.remove_prefix(begin);
  if (body.front() == ':') return true;
  for (const std::string_view field : {"data:", "event:", "id:", "retry:"}) {
    if (body.starts_with(field)) return true;
  }
  return false;
}

}  // namespace assay
