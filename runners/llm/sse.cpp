#include "runners/llm/sse.hpp"

#include <utility>

#include "core/text/json.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

constexpr std::string_view kBom = "\xEF\xBB\xBF";
constexpr std::string_view kBlanks = " \t\r\n";

}  // namespace

bool LineSplitter::feed(std::string_view bytes) {
  if (too_long_) return false;
  while (!bytes.empty()) {
    if (after_cr_) {  // CRLF is one end of line, also when it is split
      after_cr_ = false;
      if (bytes.front() == '\n') {
        bytes.remove_prefix(1);
        continue;
      }
    }
    const std::size_t end = cr_ends_ ? bytes.find_first_of("\r\n") : bytes.find('\n');
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
    if (pending_.size() > max_line_) {
      too_long_ = true;
      return false;
    }
  }
  return !too_long_;
}

void LineSplitter::line(std::string_view text) {
  if (!begun_) {
    begun_ = true;
    if (text.starts_with(kBom)) text.remove_prefix(kBom.size());
  }
  if (text.size() > max_line_) {
    too_long_ = true;
    return;
  }
  if (!too_long_) sink_(text);
}

std::string LineSplitter::take_rest() {
  std::string rest = too_long_ ? std::string() : std::move(pending_);
  pending_.clear();
  if (!begun_ && rest.starts_with(kBom)) rest.erase(0, kBom.size());
  return rest;
}

SseParser::SseParser(Sink sink, std::size_t max_line)
    : sink_(std::move(sink)),
      lines_([this](std::string_view text) { line(text); }, true, max_line),
      max_data_(max_line) {}

bool SseParser::feed(std::string_view bytes) {
  if (too_long_ || !lines_.feed(bytes)) too_long_ = true;
  return !too_long_;
}

void SseParser::finish() {
  if (too_long_) return;
  const std::string rest = lines_.take_rest();
  if (rest == "data: [DONE]" || rest == "data:[DONE]") line(rest);
  if (has_data_ && data_ == "[DONE]") dispatch();
}

void SseParser::line(std::string_view text) {
  if (too_long_) return;
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
    too_long_ = data_.size() > max_data_;
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

JsonLinesParser::JsonLinesParser(Sink sink, std::size_t max_line)
    : sink_(std::move(sink)), lines_([this](std::string_view text) { line(text); }, false, max_line) {}

void JsonLinesParser::finish() {
  const std::string rest = lines_.take_rest();
  if (trim(rest, kBlanks).starts_with('{') && parse_json_lenient(trim(rest, kBlanks))) line(rest);
}

void JsonLinesParser::line(std::string_view text) {
  text = trim(text, kBlanks);
  if (!text.empty()) sink_({"", std::string(text)});
}

bool looks_like_sse(std::string_view body) {
  if (body.starts_with(kBom)) body.remove_prefix(kBom.size());
  const std::size_t begin = body.find_first_not_of("\r\n");
  if (begin == std::string_view::npos) return false;
  body.remove_prefix(begin);
  if (body.front() == ':') return true;
  for (const std::string_view field : {"data:", "event:", "id:", "retry:"}) {
    if (body.starts_with(field)) return true;
  }
  return false;
}

bool looks_like_json_lines(std::string_view body, bool strict) {
  if (body.starts_with(kBom)) body.remove_prefix(kBom.size());
  const std::size_t begin = body.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos || body[begin] != '{') return false;
  body.remove_prefix(begin);
  const std::size_t end = body.find('\n');
  if (end == std::string_view::npos || trim(body.substr(0, end), kBlanks).back() != '}') return false;
  const std::string_view rest = trim(body.substr(end), kBlanks);
  return !rest.empty() && (!strict || rest.front() == '{');
}

}  // namespace assay
