#include "core/text/json_values.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <vector>

#include "core/text/error.hpp"

namespace assay {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{256} << 10;
constexpr int kEnd = -1;

bool is_space(int c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// Bytes at which the search for a value's end has something to do.
constexpr std::array<bool, 256> kStructure = [] {
  std::array<bool, 256> table{};
  for (const char c : {'"', '{', '}', '[', ']'}) table[static_cast<unsigned char>(c)] = true;
  return table;
}();

// A window on the stream: bytes before `keep_` are forgotten, the rest stays where `text` can show it. Positions are
// absolute bytes of the plain text, so that nothing moves for who holds them.
class Window {
 public:
  explicit Window(InputBytes& input) : input_(input) {}

  int peek() {
    if (at_ == buffer_.size() && !fill()) return kEnd;
    return static_cast<unsigned char>(buffer_[at_]);
  }
  void step() { ++at_; }
  std::uint64_t position() const { return base_ + at_; }
  void keep_from_here() { keep_ = at_; }
  std::size_t kept() const { return at_ - keep_; }
  std::string_view kept_text() const { return std::string_view(buffer_).substr(keep_, kept()); }

  // Bytes that are there without reading on, and a way past them.
  std::string_view ready() const { return std::string_view(buffer_).substr(at_); }
  void step(std::size_t count) { at_ += count; }

  // Line and column of a position not before the last one asked for. What is forgotten is counted first.
  JsonOrigin locate(std::uint64_t position) {
    count_lines(static_cast<std::size_t>(position - base_));
    return {line_, position - line_start_ + 1, position};
  }
  JsonOrigin here() { return locate(position()); }

 private:
  bool fill() {
    if (ended_) return false;
    if (keep_ > 0) {
      count_lines(std::max(keep_, counted_));
      const std::size_t drop = std::min(keep_, counted_);
      buffer_.erase(0, drop);
      base_ += drop, at_ -= drop, keep_ -= drop, counted_ -= drop;
    }
    const std::size_t size = buffer_.size();
    buffer_.resize(size + std::max(kChunkBytes, size / 2));
    const std::size_t count = input_.read(buffer_.data() + size, buffer_.size() - size);
    buffer_.resize(size + count);
    ended_ = count == 0;
    return count > 0;
  }

  void count_lines(std::size_t until) {
    while (counted_ < until) {
      const void* const found = std::memchr(buffer_.data() + counted_, '\n', until - counted_);
      if (found == nullptr) {
        counted_ = until;
        return;
      }
      counted_ = static_cast<std::size_t>(static_cast<const char*>(found) - buffer_.data()) + 1;
      ++line_;
      line_start_ = base_ + counted_;
    }
  }

  InputBytes& input_;
  std::string buffer_;
  std::uint64_t base_ = 0;  // position of buffer_[0]
  std::size_t at_ = 0, keep_ = 0, counted_ = 0;
  std::uint64_t line_ = 1, line_start_ = 0;  // as of counted_
  bool ended_ = false;
};

class Reader {
 public:
  Reader(InputBytes& input, const JsonValuesOptions& options, const std::function<void(Json&&, const JsonPlace&)>& each,
         JsonNotes* notes)
      : window_(input), name_(input.name()), options_(options), each_(each), notes_(notes) {}

  JsonShape run() {
    skip_bom();
    switch (skip_space()) {
      case kEnd:
        return JsonShape::empty;
      case '[':
        array();
        end_of_text("the array");
        return JsonShape::array;
      case '{':
        return document();
      default:
        lines();
        return JsonShape::lines;
    }
  }

 private:
  [[noreturn]] void fail(const JsonOrigin& at, const std::string& message, const std::string& hint = {}) const {
    throw Error("json",
                "column " + std::to_string(at.column) + " (byte " + std::to_string(at.byte + 1) + "): " + message,
                name_ + ":" + std::to_string(at.line), hint);
  }
  [[noreturn]] void fail_here(const std::string& message, const std::string& hint = {}) {
    fail(window_.here(), message, hint);
  }
  [[noreturn]] void fail_too_large(const JsonOrigin& begin) const {
    fail(begin, "an element of more than " + std::to_string(options_.json.limits.max_bytes) + " bytes",
         "the limit is limit.json_bytes");
  }

  void skip_bom() {
    if (window_.peek() != 0xEF) return;
    for (const int byte : {0xEF, 0xBB, 0xBF}) {
      if (window_.peek() != byte) fail_here("a byte that begins no JSON value");
      window_.step();
    }
  }

  int skip_space() {
    int c;
    while (is_space(c = window_.peek())) window_.step();
    if (!holding_) window_.keep_from_here();
    return c;
  }

  // From a string's opening quote past its closing one. Returns false at the end of the text.
  bool pass_string() {
    window_.step();
    for (;;) {
      if (window_.peek() == kEnd) return false;
      const std::string_view bytes = window_.ready();
      std::size_t i = 0;
      while (i < bytes.size() && bytes[i] != '"' && bytes[i] != '\\') ++i;
      window_.step(i);
      if (i == bytes.size()) {
        if (window_.kept() > options_.json.limits.max_bytes) return true;  // the caller refuses it
        continue;
      }
      window_.step();
      if (bytes[i] == '"') return true;
      if (window_.peek() == kEnd) return false;
      window_.step();
    }
  }

  // Past the value that begins here; only brackets and strings are looked at, parse_json does the rest.
  void pass_value() {
    const JsonOrigin begin = window_.here();
    const auto ended = [&] { fail(begin, "the text ends within the value that begins here"); };
    const int first = window_.peek();
    if (first == '"') {
      if (!pass_string()) ended();
    } else if (first == '{' || first == '[') {
      std::size_t depth = 0;
      do {
        if (window_.peek() == kEnd) ended();
        const std::string_view bytes = window_.ready();
        std::size_t i = 0;
        while (i < bytes.size() && !kStructure[static_cast<unsigned char>(bytes[i])]) ++i;
        window_.step(i);
        if (window_.kept() > options_.json.limits.max_bytes) fail_too_large(begin);
        if (i == bytes.size()) continue;
        const char c = bytes[i];
        if (c == '"') {
          if (!pass_string()) ended();
          continue;
        }
        if (c == '}' || c == ']') {
          --depth;
        } else if (++depth > options_.json.limits.max_depth) {
          fail_here("deeper than " + std::to_string(options_.json.limits.max_depth) + " levels",
                    "the limit is limit.json_depth");
        }
        window_.step();
      } while (depth > 0);
    } else {
      for (int c = first; c != kEnd && !is_space(c) && c != ',' && c != ']' && c != '}'; c = window_.peek()) {
        window_.step();
        if (window_.kept() > options_.json.limits.max_bytes) fail_too_large(begin);
      }
    }
    if (window_.kept() > options_.json.limits.max_bytes) fail_too_large(begin);
  }

  Json parse(std::string_view text, const JsonOrigin& origin) const {
    return parse_json(text, name_, options_.json, notes_, &origin);
  }

  // The value that begins here, parsed. Only what is kept counts against the limit.
  Json value(JsonOrigin& origin) {
    origin = window_.here();
    const std::size_t before = window_.kept();
    pass_value();
    return parse(window_.kept_text().substr(before), origin);
  }

  void element(Json&& json, const JsonOrigin& origin) { each_(std::move(json), {index_++, origin.line, origin.byte}); }

  void array() {
    window_.step();
    if (skip_space() == ']') return window_.step();
    for (;;) {
      window_.keep_from_here();
      JsonOrigin origin;
      Json json = value(origin);
      element(std::move(json), origin);
      const int c = skip_space();
      if (c == kEnd) fail_here("the text ends within the array");
      if (c != ',' && c != ']') fail_here("',' or ']' was expected after an element");
      window_.step();
      if (c == ']') return;
      skip_space();
    }
  }

  void end_of_text(const std::string& what) {
    if (skip_space() != kEnd) fail_here("text after the end of " + what);
  }

  // One object: a document with the array at `rows`, or the first of many lines.
  JsonShape document() {
    for (std::size_t from = 0; from <= options_.rows.size();) {
      const std::size_t dot = std::min(options_.rows.find('.', from), options_.rows.size());
      path_.push_back(options_.rows.substr(from, dot - from));
      from = dot + 1;
    }
    const JsonOrigin begin = window_.here();
    holding_ = true;
    window_.keep_from_here();
    object(0);
    if (found_) {
      end_of_text("the object");
      return JsonShape::rows;
    }
    const std::string_view text = window_.kept_text();
    const bool one_line = text.find('\n') == std::string_view::npos;
    if (!one_line || options_.rows != JsonValuesOptions{}.rows) {
      fail(begin, "an object without an array at \"" + options_.rows + "\"",
           "expected: an array, an object with such an array, or one value per line");
    }
    element(parse(text, begin), begin);
    holding_ = false;
    for (int c = window_.peek(); c != '\n' && c != kEnd; c = window_.peek()) {
      if (!is_space(c)) fail_here("text after the end of the object");
      window_.step();
    }
    lines();
    return JsonShape::lines;
  }

  // At '{' of the object that the first `level` keys of the path lead to.
  void object(std::size_t level) {
    window_.step();
    if (skip_space() == '}') return window_.step();
    for (;;) {
      if (window_.peek() != '"') fail_here("a key in quotes was expected");
      JsonOrigin origin;
      const Json key = value(origin);
      if (skip_space() != ':') fail_here("':' was expected after a key");
      window_.step();
      member(level, level < path_.size() && key.get_ref<const std::string&>() == path_[level], origin);
      const int c = skip_space();
      if (c != ',' && c != '}') fail_here(c == kEnd ? "the text ends within an object" : "',' or '}' was expected");
      window_.step();
      if (c == '}') return;
      skip_space();
    }
  }

  void member(std::size_t level, bool on_path, const JsonOrigin& key_origin) {
    const int c = skip_space();
    if (on_path && level + 1 < path_.size() && c == '{') return object(level + 1);
    if (on_path && level + 1 == path_.size() && c == '[') {
      if (found_) fail(key_origin, "the key \"" + path_[level] + "\" stands a second time");
      found_ = true;
      holding_ = false;
      return array();
    }
    JsonOrigin origin;
    (void)value(origin);
  }

  void lines() {
    for (;;) {
      if (skip_space() == kEnd) return;
      const JsonOrigin origin = window_.here();
      for (;;) {
        if (window_.peek() == kEnd) break;
        const std::string_view bytes = window_.ready();
        const std::size_t newline = std::min(bytes.find('\n'), bytes.size());
        window_.step(newline);
        if (window_.kept() > options_.json.limits.max_bytes) fail_too_large(origin);
        if (newline < bytes.size()) break;
      }
      std::string_view text = window_.kept_text();
      while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
      element(parse(text, origin), origin);
    }
  }

  Window window_;
  const std::string name_;
  const JsonValuesOptions& options_;
  const std::function<void(Json&&, const JsonPlace&)>& each_;
  JsonNotes* const notes_;
  std::vector<std::string> path_;
  std::size_t index_ = 0;
  bool holding_ = false;  // the first object is kept whole until it is known what it is
  bool found_ = false;
};

}  // namespace

JsonShape read_json_values(InputBytes& input, const JsonValuesOptions& options,
                           const std::function<void(Json&& value, const JsonPlace& place)>& each, JsonNotes* notes) {
  return Reader(input, options, each, notes).run();
}

}  // namespace assay
