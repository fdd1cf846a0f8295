#include "tests/mock_server/server/scan.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace assay::mock {
namespace {

__extension__ using Wide = __int128;
constexpr std::size_t kBad = std::string_view::npos;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t skip_blank(std::string_view s, std::size_t at) {
  while (at < s.size() && (s[at] == ' ' || s[at] == '\n' || s[at] == '\r' || s[at] == '\t')) ++at;
  return at;
}

// `at` is on the opening quote; the result is behind the closing one.
std::size_t skip_string(std::string_view s, std::size_t at) {
  for (std::size_t from = at + 1; from < s.size();) {
    const void* quote = std::memchr(s.data() + from, '"', s.size() - from);
    if (quote == nullptr) return kBad;
    const std::size_t end = static_cast<std::size_t>(static_cast<const char*>(quote) - s.data());
    std::size_t slashes = 0;
    while (end - slashes - 1 > at && s[end - slashes - 1] == '\\') ++slashes;
    if (slashes % 2 == 0) return end + 1;
    from = end + 1;
  }
  return kBad;
}

std::size_t skip_value(std::string_view s, std::size_t at) {
  std::size_t depth = 0;
  while (at < s.size()) {
    const char c = s[at];
    if (c == '"') {
      at = skip_string(s, at);
      if (at == kBad) return kBad;
      if (depth == 0) return at;
      continue;
    }
    if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return at;
      if (--depth == 0) return at + 1;
    } else if (c == ',' && depth == 0) {
      return at;
    }
    ++at;
  }
  return depth == 0 ? at : kBad;
}

// Calls member(key, value, whole) for every member of the object that begins at `at`; false if it is none.
template <class F>
bool each_member(std::string_view s, std::size_t at, F member) {
  at = skip_blank(s, at);
  if (at >= s.size() || s[at] != '{') return false;
  at = skip_blank(s, at + 1);
  if (at < s.size() && s[at] == '}') return true;
  while (at < s.size() && s[at] == '"') {
    const std::size_t key_end = skip_string(s, at);
    if (key_end == kBad) return false;
    std::size_t value = skip_blank(s, key_end);
    if (value >= s.size() || s[value] != ':') return false;
    value = skip_blank(s, value + 1);
    const std::size_t end = skip_value(s, value);
    if (end == kBad || end == value) return false;
    member(s.substr(at + 1, key_end - at - 2), s.substr(value, end - value), s.substr(at, end - at));
    at = skip_blank(s, end);
    if (at < s.size() && s[at] == '}') return true;
    if (at >= s.size() || s[at] != ',') return false;
    at = skip_blank(s, at + 1);
  }
  return false;
}

// Calls element(value) for every element of the array text `s`.
template <class F>
void each_element(std::string_view s, F element) {
  if (s.empty() || s.front() != '[') return;
  std::size_t at = skip_blank(s, 1);
  while (at < s.size() && s[at] != ']') {
    const std::size_t end = skip_value(s, at);
    if (end == kBad || end == at) return;
    element(s.substr(at, end - at));
    at = skip_blank(s, end);
    if (at >= s.size() || s[at] != ',') return;
    at = skip_blank(s, at + 1);
  }
}

bool is_string(std::string_view value) { return value.size() >= 2 && value.front() == '"'; }
std::string_view inside(std::string_view value) { return value.substr(1, value.size() - 2); }
bool is_true(std::string_view value) { return value.substr(0, 4) == "true"; }

std::uint64_t number_in(std::string_view value) {
  std::uint64_t out = 0;
  for (const char c : value.substr(0, 12)) {
    if (is_digit(c)) out = out * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return out;
}

void take_text_parts(std::string_view list, ChatFacts& facts) {
  each_element(list, [&](std::string_view part) {
    if (is_string(part)) facts.joined += inside(part);
    each_member(part, 0, [&](std::string_view name, std::string_view text, std::string_view) {
      if (name == "text" && is_string(text)) facts.joined += inside(text);
      if (name == "image_url" || name == "inlineData" || name == "source") facts.image = true;
    });
  });
}

unsigned role_of(std::string_view name) {
  if (name == "user") return ChatFacts::kUser;
  if (name == "system") return ChatFacts::kSystem;
  if (name == "assistant") return ChatFacts::kAssistant;
  if (name == "developer") return ChatFacts::kDeveloper;
  if (name == "tool") return ChatFacts::kTool;
  return name == "model" ? ChatFacts::kModel : ChatFacts::kOtherRole;
}

// The text of the last message is kept, its texts of the messages before are dropped again.
void take_message(std::string_view message, ChatFacts& facts) {
  ++facts.message_count;
  facts.content = {};
  facts.joined.clear();
  bool content = false;
  unsigned role = ChatFacts::kNoRole;
  each_member(message, 0, [&](std::string_view key, std::string_view value, std::string_view) {
    if (key == "role" && is_string(value)) {
      role = role_of(inside(value));
    } else if (key == "content" || key == "parts") {
      content = is_string(value) || (value.size() > 2 && value.front() == '[');
      if (is_string(value)) {
        facts.content = inside(value);
      } else {
        take_text_parts(value, facts);
      }
    } else if (key == "tool_calls" || key == "images") {
      content = content || key == "tool_calls";
      facts.image = facts.image || key == "images";
    }
  });
  facts.roles |= role;
  if (!content) facts.without_content = true;
}

void take_messages(std::string_view value, ChatFacts& facts) {
  facts.messages_bytes += value.size();
  each_element(value, [&](std::string_view message) { take_message(message, facts); });
}

void take_temperature(std::string_view value, ChatFacts& facts) {
  double number = 0;
  if (std::from_chars(value.data(), value.data() + value.size(), number).ec != std::errc{}) return;
  facts.has_temperature = true;
  facts.temperature = number;
}

// The members that say how to answer; those of Gemini and Ollama stand in an object of their own.
void take_parameter(std::string_view key, std::string_view value, ChatFacts& facts, bool nested = false) {
  if (key == "max_tokens" || key == "max_completion_tokens" || key == "maxOutputTokens" || key == "num_predict") {
    facts.max_tokens = number_in(value);
    if (key == "max_tokens") facts.old_max_tokens = true;
  } else if (key == "temperature") {
    take_temperature(value, facts);
  } else if (key == "logprobs" || key == "responseLogprobs") {
    facts.logprobs = facts.logprobs || is_true(value) || (is_digit(value.front()) && number_in(value) > 0);
    if (is_digit(value.front())) facts.top_logprobs = number_in(value);
  } else if (key == "top_logprobs") {
    facts.top_logprobs = number_in(value);
  } else if (key == "echo") {
    facts.echo = is_true(value);
  } else if (!nested && (key == "generationConfig" || key == "options")) {
    each_member(value, 0, [&](std::string_view name, std::string_view inner, std::string_view) {
      take_parameter(name, inner, facts, true);
    });
  }
}

void take_member(std::string_view key, std::string_view value, ChatFacts& facts) {
  if (key == "model" && is_string(value)) {
    facts.model = inside(value);
  } else if (key == "messages") {
    facts.has_messages = value.front() == '[';
    take_messages(value, facts);
  } else if (key == "contents") {
    facts.has_contents = value.front() == '[';
    take_messages(value, facts);
  } else if (key == "message" && is_string(value)) {
    facts.has_message = value.size() > 2;
    facts.messages_bytes += value.size();
    facts.content = inside(value);
  } else if (key == "prompt") {
    facts.has_prompt = true;
    facts.messages_bytes += value.size();
    if (is_string(value)) facts.content = inside(value);
    take_text_parts(value, facts);
  } else if (key == "system" || key == "systemInstruction" || key == "preamble" || key == "chat_history") {
    facts.messages_bytes += value.size();
  } else {
    take_parameter(key, value, facts);
  }
}

struct Decimal {
  Wide digits = 0;
  int scale = 0;
};

// A number that begins at `at`; `end` is moved behind it.
std::optional<Decimal> decimal_at(std::string_view s, std::size_t at, std::size_t& end) {
  const bool negative = at < s.size() && s[at] == '-';
  if (negative) ++at;
  if (at >= s.size() || !is_digit(s[at])) return std::nullopt;
  Decimal d;
  int count = 0;
  bool fraction = false;
  for (; at < s.size(); ++at) {
    if (is_digit(s[at])) {
      if (++count > 18) return std::nullopt;
      d.digits = d.digits * 10 + (s[at] - '0');
      if (fraction) ++d.scale;
    } else if (s[at] == '.' && !fraction && at + 1 < s.size() && is_digit(s[at + 1])) {
      fraction = true;
    } else {
      break;
    }
  }
  if (negative) d.digits = -d.digits;
  end = at;
  return d;
}

std::optional<std::string> sum_text(Decimal a, Decimal b) {
  while (a.scale < b.scale) a.digits *= 10, ++a.scale;
  while (b.scale < a.scale) b.digits *= 10, ++b.scale;
  Wide sum = a.digits + b.digits;
  int scale = a.scale;
  while (scale > 0 && sum % 10 == 0) sum /= 10, --scale;
  const bool negative = sum < 0;
  if (negative) sum = -sum;
  std::string text;
  do {
    text += static_cast<char>('0' + static_cast<int>(sum % 10));
    sum /= 10;
    if (--scale == 0) text += '.';
  } while (sum > 0 || scale >= 0);
  if (negative) text += '-';
  std::reverse(text.begin(), text.end());
  return text;
}

std::optional<Decimal> after_label(std::string_view text, std::string_view label) {
  const std::size_t at = text.rfind(label);
  if (at == kBad) return std::nullopt;
  std::size_t end = 0;
  return decimal_at(text, skip_blank(text, at + label.size()), end);
}

}  // namespace

void scan_chat(std::string_view body, ChatFacts& facts) {
  facts = ChatFacts{};
  XXH64_hash_t hash = 0;
  facts.object = each_member(body, 0, [&](std::string_view key, std::string_view value, std::string_view whole) {
    if (key == "stream") {
      facts.stream = is_true(value);
      facts.stream_given = true;
      return;
    }
    if (key == "stream_options") {
      facts.include_usage = value.find("\"include_usage\"") != kBad && value.find("true") != kBad;
      return;
    }
    hash = XXH3_64bits_withSeed(whole.data(), whole.size(), hash + 1);
    take_member(key, value, facts);
  });
  facts.fingerprint = facts.object ? hash : XXH3_64bits(body.data(), body.size());
}

std::string_view raw_member(std::string_view object, std::string_view key) {
  std::string_view found;
  each_member(object, 0, [&](std::string_view name, std::string_view value, std::string_view) {
    if (name == key) found = value;
  });
  return found;
}

std::optional<std::string> sum_of_two(std::string_view text) {
  const auto a = after_label(text, "A:");
  const auto b = after_label(text, "B:");
  if (a && b) return sum_text(*a, *b);
  std::array<Decimal, 2> found;
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size();) {
    const bool sign = text[at] == '-' && (at == 0 || text[at - 1] == ' ');
    std::size_t end = at;
    const auto number = is_digit(text[at]) || sign ? decimal_at(text, at, end) : std::nullopt;
    if (!number) {
      if (is_digit(text[at])) return std::nullopt;
      ++at;
      continue;
    }
    if (count == found.size()) return std::nullopt;
    found[count++] = *number;
    at = end;
  }
  return count == 2 ? sum_text(found[0], found[1]) : std::nullopt;
}

unsigned count_options(std::string_view text) {
  unsigned count = 0;
  while (count < 26) {
    const char letter = static_cast<char>('A' + count);
    const std::array<char, 2> bracket{letter, ')'}, dot{letter, '.'};
    if (text.find(std::string_view(bracket.data(), 2)) == kBad && text.find(std::string_view(dot.data(), 2)) == kBad) {
      break;
    }
    ++count;
  }
  return count < 2 ? 4 : count;
}

std::string json_escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      std::array<char, 8> code{};
      std::snprintf(code.data(), code.size(), "\\u%04x", static_cast<unsigned>(c));
      out += code.data();
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace assay::mock
