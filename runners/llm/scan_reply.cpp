// The plain chat.completion reply without a tree: one pass over the bytes, strict, and gives up (nullopt) on anything
// that is not plain, so that the full parser remains the one judge of unusual bodies.

#include <charconv>

#include "core/text/utf8.hpp"
#include "runners/llm/openai_reply.hpp"

namespace assay {
namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  void blanks() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  bool take(char c) {
    blanks();
    if (at_ >= end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view word) {
    blanks();
    if (static_cast<std::size_t>(end_ - at_) < word.size() || std::string_view(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  bool at_end() {
    blanks();
    return at_ == end_;
  }
  char peek() {
    blanks();
    return at_ < end_ ? *at_ : '\0';
  }

  /// The bytes between the quotes; `escaped` when there is a backslash among them.
  bool raw_string(std::string_view& raw, bool& escaped) {
    if (!take('"')) return false;
    const char* begin = at_;
    escaped = false;
    while (at_ < end_) {
      const auto c = static_cast<unsigned char>(*at_);
      if (c == '"') {
        raw = std::string_view(begin, static_cast<std::size_t>(at_ - begin));
        ++at_;
        return true;
      }
      if (c < 0x20) return false;
      if (c == '\\') {
        escaped = true;
        ++at_;
        if (at_ >= end_) return false;
      }
      ++at_;
    }
    return false;
  }
  bool string(std::string& out) {
    std::string_view raw;
    bool escaped = false;
    if (!raw_string(raw, escaped)) return false;
    if (!escaped) {
      out.assign(raw);
      return true;
    }
    return unescape(raw, out);
  }
  /// A string, or null (`out` stays, `null` is set).
  bool string_or_null(std::string& out, bool& null) {
    null = false;
    if (peek() == 'n') {
      null = true;
      return take("null");
    }
    return string(out);
  }
  bool integer(std::int64_t& out) {
    blanks();
    const auto [next, error] = std::from_chars(at_, end_, out);
    if (error != std::errc() || next == at_) return false;
    at_ = next;
    return at_ >= end_ || (*at_ != '.' && *at_ != 'e' && *at_ != 'E');
  }
  bool skip(int depth = 0) {
    if (depth > 32) return false;
    switch (peek()) {
      case '"': {
        std::string_view raw;
        bool escaped = false;
        std::string ignored;
        return raw_string(raw, escaped) && (!escaped || unescape(raw, ignored));
      }
      case '{':
        return members([&](std::string_view) { return skip(depth + 1); });
      case '[':
        take('[');
        if (take(']')) return true;
        do {
          if (!skip(depth + 1)) return false;
        } while (take(','));
        return take(']');
      case 't':
        return take("true");
      case 'f':
        return take("false");
      case 'n':
        return take("null");
      default:
        return number();
    }
  }
  /// Calls `member(key)` for each member; it must take the value.
  template <typename F>
  bool members(F member) {
    if (!take('{')) return false;
    if (take('}')) return true;
    do {
      blanks();
      std::string_view key;
      bool escaped = false;
      if (!raw_string(key, escaped) || escaped || !take(':') || !member(key)) return false;
    } while (take(','));
    return take('}');
  }

 private:
  bool number() {
    const char* begin = at_;
    if (at_ < end_ && *at_ == '-') ++at_;
    const char* digits = at_;
    while (at_ < end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    if (at_ == digits || (*digits == '0' && at_ - digits > 1)) return false;
    if (at_ < end_ && *at_ == '.') {
      const char* fraction = ++at_;
      while (at_ < end_ && *at_ >= '0' && *at_ <= '9') ++at_;
      if (at_ == fraction) return false;
    }
    return at_ - begin < 25 && (at_ >= end_ || (*at_ != 'e' && *at_ != 'E'));
  }
  static int hex4(std::string_view text) {
    int value = 0;
    if (text.size() < 4) return -1;
    for (const char c : text.substr(0, 4)) {
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return -1;
      value = value * 16 + digit;
    }
    return value;
  }
  static bool unescape(std::string_view raw, std::string& out) {
    out.clear();
    out.reserve(raw.size());
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '\\') {
        out += raw[i];
        continue;
      }
      switch (raw[++i]) {
        case '"':
          out += '"';
          break;
        case '\\':
          out += '\\';
          break;
        case '/':
          out += '/';
          break;
        case 'b':
          out += '\b';
          break;
        case 'f':
          out += '\f';
          break;
        case 'n':
          out += '\n';
          break;
        case 'r':
          out += '\r';
          break;
        case 't':
          out += '\t';
          break;
        case 'u': {
          int value = hex4(raw.substr(i + 1));
          if (value < 0) return false;
          i += 4;
          if (value >= 0xD800 && value < 0xE000) {
            if (value >= 0xDC00 || raw.size() < i + 7 || raw[i + 1] != '\\' || raw[i + 2] != 'u') return false;
            const int low = hex4(raw.substr(i + 3));
            if (low < 0xDC00 || low >= 0xE000) return false;
            value = 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
            i += 6;
          }
          append_utf8(out, static_cast<char32_t>(value));
          break;
        }
        default:
          return false;
      }
    }
    return true;
  }

  const char* at_;
  const char* end_;
};

}  // namespace

std::optional<ChatReply> scan_openai_reply(std::string_view body) {
  if (!is_valid_utf8(body)) return std::nullopt;
  Scanner scan(body);
  ChatReply reply;
  bool has_message = false;
  bool refused = false;

  const auto read_message = [&](std::string_view key) {
    bool null = false;
    if (key == "content") {
      has_message = true;
      return scan.string_or_null(reply.text, null);
    }
    if (key == "refusal") {
      std::string refusal;
      if (!scan.string_or_null(refusal, null)) return false;
      if (!refusal.empty()) refused = true;
      return !refused;
    }
    if (key == "reasoning_content" || key == "reasoning") {
      if (!reply.reasoning.empty()) return false;
      return scan.string_or_null(reply.reasoning, null);
    }
    return scan.skip();
  };
  const auto read_choice = [&](std::string_view key) {
    if (key == "message") return scan.members(read_message);
    if (key == "finish_reason") {
      std::string word;
      bool null = false;
      if (!scan.string_or_null(word, null)) return false;
      if (word == "stop" || word == "eos")
        reply.stop = Stop::stop;
      else if (word == "length")
        reply.stop = Stop::max_tokens;
      else if (word == "content_filter")
        reply.stop = Stop::content_filter;
      else
        return false;
      return true;
    }
    if (key == "logprobs") return scan.take("null");
    if (key == "error") return false;
    std::int64_t index = 0;
    if (key == "index") return scan.integer(index) && index == 0;
    return scan.skip();
  };
  const auto read_usage = [&](std::string_view key) {
    Usage& usage = *reply.usage;
    const auto count = [&](std::optional<std::int64_t>& to) {
      std::int64_t value = 0;
      if (!scan.integer(value)) return false;
      to = value;
      return true;
    };
    if (key == "prompt_tokens") return count(usage.in);
    if (key == "completion_tokens") return count(usage.out);
    if (key == "prompt_cache_hit_tokens" || key == "cost" || key == "estimated_cost") return false;
    if (key == "prompt_tokens_details" && scan.peek() == '{') {
      return scan.members([&](std::string_view detail) {
        if (detail == "cached_tokens") return count(usage.cached);
        if (detail == "cache_write_tokens") return count(usage.cache_write);
        return scan.skip();
      });
    }
    if (key == "completion_tokens_details" && scan.peek() == '{') {
      return scan.members(
          [&](std::string_view detail) { return detail == "reasoning_tokens" ? count(usage.reasoning) : scan.skip(); });
    }
    return scan.skip();
  };
  const auto read_top = [&](std::string_view key) {
    if (key == "id") return scan.string(reply.id);
    if (key == "model") return scan.string(reply.model);
    if (key == "choices") return scan.take('[') && scan.members(read_choice) && scan.take(']');
    if (key == "usage" && scan.peek() == '{') {
      reply.usage.emplace();
      reply.usage->cached = 0;
      reply.usage->cache_write = 0;
      return scan.members(read_usage);
    }
    if (key == "prompt") return scan.take('[') && scan.take(']');  // Together; a full one has log-probabilities
    if (key == "error" || key == "timings" || key == "object") {
      // An error object, or llama-server's own counters: the full parser knows them.
      return key == "object" ? scan.take("\"chat.completion\"") : false;
    }
    return scan.skip();
  };
  if (!scan.members(read_top) || !scan.at_end() || !has_message || refused || reply.stop == Stop::unknown) {
    return std::nullopt;
  }
  if (reply.usage && !reply.usage->in && !reply.usage->out) return std::nullopt;
  reply.set_flags();
  return reply;
}

}  // namespace assay
