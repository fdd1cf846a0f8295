#include "core/store/records.hpp"

#include <charconv>
#include <cmath>

namespace assay {
namespace {

void append_quoted(std::string& out, std::string_view text) {
  constexpr char hex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += hex[static_cast<unsigned char>(c) >> 4];
      out += hex[static_cast<unsigned char>(c) & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_number(std::string& out, double value) {
  char buffer[32];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

// Reads what the encoders wrote; anything else ends the list (the row's sum has been verified before).
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool quoted(std::string& out) {
    out.clear();
    if (!take('"')) return false;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        if (text_[at_ + 1] == 'u' && at_ + 6 <= text_.size()) {
          int value = 0;
          std::from_chars(text_.data() + at_ + 2, text_.data() + at_ + 6, value, 16);
          out += static_cast<char>(value);
          at_ += 6;
          continue;
        }
        ++at_;
      }
      const std::size_t stop = std::min(text_.find_first_of("\"\\", at_ + 1), text_.size());
      out.append(text_, at_, stop - at_);
      at_ = stop;
    }
    return take('"');
  }
  bool number(double& out) {
    const auto result = std::from_chars(text_.data() + at_, text_.data() + text_.size(), out);
    if (result.ec != std::errc()) return false;
    at_ = static_cast<std::size_t>(result.ptr - text_.data());
    return true;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

UsageSum operator+(UsageSum left, const UsageSum& right) {
  left.calls += right.calls;
  left.in += right.in;
  left.cached += right.cached;
  left.out += right.out;
  left.reasoning += right.reasoning;
  left.cost += right.cost;
  left.possible += right.possible;
  return left;
}

UsageColumns UsageColumns::minus(const UsageColumns& other) const {
  UsageColumns left = *this;
  left.calls -= other.calls;
  left.in -= other.in;
  left.cached -= other.cached;
  left.out -= other.out;
  left.reasoning -= other.reasoning;
  left.cost -= other.cost;
  left.possible -= other.possible;
  return left;
}

TryColumns::TryColumns(const TryRecord& from)
    : sent_at(from.sent_at),
      ended_at(from.ended_at),
      http_status(from.http_status),
      kind(from.kind),
      sub(from.sub),
      message(from.kind.empty() && !from.details.empty() ? from.details : from.message),
      wait_ms(from.wait_ms),
      ambiguous(from.ambiguous) {}

TryRecord TryColumns::record(std::int64_t number) const {
  TryRecord out;
  out.number = static_cast<std::uint32_t>(number);
  out.sent_at = sent_at;
  out.ended_at = ended_at;
  out.http_status = static_cast<int>(http_status);
  out.kind = kind;
  out.sub = sub;
  // No failure, no message: what an answered try has to say stands in its place, so that it costs no row of its own.
  (kind.empty() && message.starts_with('{') ? out.details : out.message) = message;
  out.wait_ms = wait_ms;
  out.ambiguous = ambiguous != 0;
  return out;
}

CallRecord CallRow::record() const {
  CallRecord call;
  call.id = static_cast<CallId>(id);
  call.run = run_of(run);
  call.attempt = static_cast<std::uint32_t>(attempt);
  call.step = static_cast<std::uint32_t>(step);
  call.key = key;
  call.number = static_cast<std::uint32_t>(number);
  call.state = static_cast<CallState>(state);
  call.doubt = static_cast<CallDoubt>(doubt);
  call.request_hash = hash128_from_bytes(hash).value_or(Hash128{});
  call.model = model;
  call.lane = lane;
  call.last_try = last_try.record(tries);
  call.usage = {in, cached, cache_write, out, reasoning};
  call.from_cache = imported == kFromCache;
  (call.from_cache ? call.saved : call.reserved) = reserved;
  call.cost = cost;
  call.possible = possible;
  call.priced = priced != 0;
  call.imported = imported != 0 && !call.from_cache;
  return call;
}

std::string encode_metrics(const Score& score) {
  std::string out;
  for (const auto& [name, value] : score.metrics) {
    if (!std::isfinite(value)) continue;
    out += out.empty() ? '{' : ',';
    append_quoted(out, name);
    out += ':';
    append_number(out, value);
  }
  if (!out.empty()) out += '}';
  return out;
}

std::string encode_pairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string out;
  for (const auto& [name, value] : pairs) {
    out += out.empty() ? '{' : ',';
    append_quoted(out, name);
    out += ':';
    append_quoted(out, value);
  }
  if (!out.empty()) out += '}';
  return out;
}

void decode_metrics(std::string_view text, std::vector<std::pair<std::string, double>>& out) {
  out.clear();
  if (text.empty()) return;
  Cursor cursor(text);
  std::string name;
  double value = 0;
  if (!cursor.take('{')) return;
  do {
    if (!cursor.quoted(name) || !cursor.take(':') || !cursor.number(value)) return;
    out.emplace_back(name, value);
  } while (cursor.take(','));
}

void decode_pairs(std::string_view text, std::vector<std::pair<std::string, std::string>>& out) {
  out.clear();
  if (text.empty()) return;
  Cursor cursor(text);
  std::string name, value;
  if (!cursor.take('{')) return;
  do {
    if (!cursor.quoted(name) || !cursor.take(':') || !cursor.quoted(value)) return;
    out.emplace_back(name, value);
  } while (cursor.take(','));
}

void decode_list(std::string_view text, std::vector<std::string>& out) {
  out.clear();
  if (text.empty()) return;
  Cursor cursor(text);
  std::string value;
  if (!cursor.take('[')) return;
  do {
    if (!cursor.quoted(value)) return;
    out.push_back(value);
  } while (cursor.take(','));
}

}  // namespace assay
