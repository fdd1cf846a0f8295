#include "core/text/json.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>
#include <vector>

#include "core/text/error.hpp"
#include "core/text/utf8.hpp"

namespace assay {
namespace {

constexpr std::string_view kBom = "\xEF\xBB\xBF";

// What is wrong, and at which byte of the text.
struct Fault {
  std::size_t at = 0;
  std::string message;
  std::string hint;
};

// A number that nlohmann is to see in quotes.
struct Edit {
  std::size_t begin = 0;
  std::size_t end = 0;
};

bool is_hex(char c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }

// The value of a \uXXXX escape whose backslash is at `at`, or -1.
int unicode_escape(std::string_view text, std::size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return -1;
  int value = 0;
  for (std::size_t i = at + 2; i < at + 6; ++i) {
    if (!is_hex(text[i])) return -1;
    const int digit = text[i] <= '9' ? text[i] - '0' : (text[i] | 0x20) - 'a' + 10;
    value = value * 16 + digit;
  }
  return value;
}

// Walks the tokens once, without a stack: depth, number of values, numbers a double would change, lone surrogates, and
// bytes that stand in no JSON at all (nlohmann takes a NUL for the end). The grammar is nlohmann's part.
class Scan {
 public:
  Scan(std::string_view text, const JsonLimits& limits, bool exact_numbers)
      : text_(text), limits_(limits), exact_numbers_(exact_numbers) {}

  std::optional<Fault> run() {
    while (at_ < text_.size() && !fault_) token();
    return std::move(fault_);
  }

  std::vector<Edit> numbers;        // that a double would change, in the order of the text
  std::size_t lone_surrogates = 0;  // escapes

  // Where lone surrogates are overwritten by \ufffd, which is as long; a copy of the text, or null.
  char* rewrite = nullptr;

 private:
  void token() {
    const char c = text_[at_];
    switch (c) {
      case ' ':
      case '\n':
      case '\r':
      case '\t':
      case ',':
        ++at_;
        return;
      case ':':  // what stood before was a key, not a value
        if (values_ > 0) --values_;
        ++at_;
        return;
      case '{':
      case '[':
        count();
        if (++depth_ > limits_.max_depth)
          fail("deeper than " + std::to_string(limits_.max_depth) + " levels", "limit.json_depth");
        ++at_;
        return;
      case '}':
      case ']':
        if (depth_ > 0) --depth_;
        ++at_;
        return;
      case '"':
        count();
        return string();
      default:
        break;
    }
    if (c == '-' || (c >= '0' && c <= '9')) return count(), number();
    if (c >= 'a' && c <= 'z') {
      count();
      while (at_ < text_.size() && text_[at_] >= 'a' && text_[at_] <= 'z') ++at_;
      return;
    }
    fail(c == '\0' ? "a NUL byte" : "a character that begins no JSON value");
  }

  void count() {
    if (++values_ > limits_.max_values)
      fail("more than " + std::to_string(limits_.max_values) + " values", "limit.json_values");
  }

  void string() {
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') {
        ++at_;
        return;
      }
      if (text_[at_] == '\\') escape();
      if (at_ < text_.size() && static_cast<unsigned char>(text_[at_]) < 0x20)
        return fail("a control character in a string, where an escape like \\n was expected");
    }
  }

  // Leaves at_ on the escape's last byte.
  void escape() {
    const int value = unicode_escape(text_, at_);
    if (value < 0) {
      ++at_;
      return;
    }
    const bool high = value >= 0xD800 && value <= 0xDBFF, low = value >= 0xDC00 && value <= 0xDFFF;
    if (high) {
      const int next = unicode_escape(text_, at_ + 6);
      if (next >= 0xDC00 && next <= 0xDFFF) {
        at_ += 11;
        return;
      }
    }
    if (high || low) {
      ++lone_surrogates;
      if (rewrite != nullptr) std::memcpy(rewrite + at_, "\\ufffd", 6);
    }
    at_ += 5;
  }

  void number() {
    const std::size_t begin = at_;
    bool integer = true;
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c >= '0' && c <= '9') continue;
      if (c != '.' && c != 'e' && c != 'E' && c != '+' && c != '-') break;
      integer = false;
    }
    if (at_ - begin < 19 && integer) return;
    const char* const first = text_.data() + begin;
    const char* const last = text_.data() + at_;
    const auto fits = [&](auto value) {
      const auto [end, error] = std::from_chars(first, last, value);
      return error != std::errc::result_out_of_range || end != last;
    };
    if (integer) {
      if (!exact_numbers_ || (*first == '-' ? fits(std::int64_t{}) : fits(std::uint64_t{}))) return;
    } else if (std::find_if(first, last, [](char c) { return (c | 0x20) == 'e'; }) == last && last - first < 300) {
      return;
    } else if (fits(double{}) || std::string_view(first, at_ - begin).find_first_of("eE") + 1 ==
                                     std::string_view(first, at_ - begin).rfind('-')) {
      return;  // 1e-999 is 0, as close as a double comes
    }
    numbers.push_back({begin, at_});
  }

  void fail(std::string message, std::string hint = {}) {
    if (!fault_) fault_ = Fault{at_, std::move(message), hint.empty() ? hint : "the limit is " + hint};
  }

  const std::string_view text_;
  const JsonLimits& limits_;
  const bool exact_numbers_;
  std::size_t at_ = 0, depth_ = 0, values_ = 0;
  std::optional<Fault> fault_;
};

// Repeated keys of one object, as pairs of member indices (earlier, later), by later index. Small objects by comparing
// all, large ones by sorting: no choice of keys makes it quadratic.
std::vector<std::pair<std::size_t, std::size_t>> repeated_keys(const Json::object_t& object) {
  std::vector<std::pair<std::size_t, std::size_t>> repeats;
  const std::size_t n = object.size();
  if (n <= 12) {
    for (std::size_t j = 1; j < n; ++j) {
      for (std::size_t i = 0; i < j; ++i) {
        if (object.data()[i].first == object.data()[j].first) {
          repeats.emplace_back(i, j);
          break;
        }
      }
    }
    return repeats;
  }
  std::vector<std::pair<std::string_view, std::size_t>> keys;
  keys.reserve(n);
  for (std::size_t i = 0; i < n; ++i) keys.emplace_back(object.data()[i].first, i);
  std::sort(keys.begin(), keys.end());
  for (std::size_t i = 0; i < n;) {
    std::size_t j = i + 1;
    for (; j < n && keys[j].first == keys[i].first; ++j) repeats.emplace_back(keys[i].second, keys[j].second);
    i = j;
  }
  std::sort(repeats.begin(), repeats.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return repeats;
}

// Builds the value. ordered_map's own insertion looks through all keys each time; members are appended instead and
// looked through once, when the object ends.
class Builder : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(bool allow_repeats) : allow_repeats_(allow_repeats) {}

  bool null() override { return put(Json(nullptr)); }
  bool boolean(bool value) override { return put(Json(value)); }
  bool number_integer(number_integer_t value) override { return put(Json(value)); }
  bool number_unsigned(number_unsigned_t value) override { return put(Json(value)); }
  bool number_float(number_float_t value, const string_t&) override { return put(Json(value)); }
  bool string(string_t& value) override { return put(Json(std::move(value))); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override {
    ++objects_;
    return open(Json::object());
  }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool key(string_t& key) override {
    key_ = std::move(key);
    return true;
  }
  bool end_array() override {
    stack_.pop_back();
    return true;
  }
  bool end_object() override {
    auto& object = stack_.back().value->get_ref<Json::object_t&>();
    const auto repeats = repeated_keys(object);
    if (!repeats.empty()) {
      if (!allow_repeats_) {
        repeat = {stack_.back().object, repeats.front().first, repeats.front().second};
        repeat_key = object.data()[repeats.front().second].first;
        return false;
      }
      repeated += repeats.size();
      std::vector<bool> drop(object.size());
      for (const auto& [first, later] : repeats) {
        object.data()[first].second = std::move(object.data()[later].second);
        drop[later] = true;
      }
      Json::object_t kept;
      kept.reserve(object.size());
      for (std::size_t i = 0; i < object.size(); ++i) {
        if (!drop[i]) kept.push_back(std::move(object.data()[i]));
      }
      object.swap(kept);
    }
    stack_.pop_back();
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    error_at = position;
    error_text = error.what();
    return false;
  }

  struct Repeat {
    std::size_t object = 0, first = 0, later = 0;  // the n-th object of the text (from 1), member indices
  };
  Json root;
  Repeat repeat;
  std::string repeat_key;
  std::size_t repeated = 0;
  std::size_t error_at = 0;
  std::string error_text;

 private:
  struct Open {
    Json* value;
    std::size_t object;
  };

  Json* place(Json&& value) {
    if (stack_.empty()) {
      root = std::move(value);
      return &root;
    }
    Json& parent = *stack_.back().value;
    if (parent.is_array()) {
      auto& array = parent.get_ref<Json::array_t&>();
      array.push_back(std::move(value));
      return &array.back();
    }
    auto& object = parent.get_ref<Json::object_t&>();
    object.Container::emplace_back(std::move(key_), std::move(value));
    return &object.back().second;
  }
  bool put(Json&& value) {
    place(std::move(value));
    return true;
  }
  bool open(Json&& value) {
    Json* const at = place(std::move(value));
    stack_.push_back({at, objects_});
    return true;
  }

  const bool allow_repeats_;
  std::vector<Open> stack_;  // pointers stay good: a container grows only while nothing in it is open
  std::size_t objects_ = 0;
  std::string key_;
};

// Bytes where the two equal keys stand. Only for the message: walks the text, which is known to be well-formed so far.
std::pair<std::size_t, std::size_t> find_repeat(std::string_view text, const Builder::Repeat& repeat) {
  std::size_t objects = 0, depth = 0, target_depth = 0, members = 0, first = 0, last_string = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      last_string = at;
      for (++at; at < text.size() && text[at] != '"'; ++at) at += text[at] == '\\' ? 1 : 0;
    } else if (c == '{' || c == '[') {
      ++depth;
      if (c == '{' && ++objects == repeat.object) target_depth = depth;
    } else if (c == '}' || c == ']') {
      --depth;
    } else if (c == ':' && target_depth != 0 && depth == target_depth) {
      if (members == repeat.first) first = last_string;
      if (members == repeat.later) return {first, last_string};
      ++members;
    }
  }
  return {first, last_string};
}

std::string apply_edits(std::string_view text, const std::vector<Edit>& edits) {
  std::string out;
  out.reserve(text.size() + 2 * edits.size());
  std::size_t done = 0;
  for (const Edit& edit : edits) {
    out.append(text, done, edit.begin - done).append("\"");
    out.append(text, edit.begin, edit.end - edit.begin).append("\"");
    done = edit.end;
  }
  return out.append(text, done);
}

// A byte of the edited text, in the text as it was.
std::size_t before_edits(std::size_t at, const std::vector<Edit>& edits) {
  std::size_t grown = 0;
  for (const Edit& edit : edits) {
    if (edit.end + grown >= at) break;
    grown += 2;
  }
  return at - std::min(at, grown);
}

// "syntax error while parsing value - invalid literal; last read: '..'; expected .." without nlohmann's number and
// position (ours is counted in the file) and with a long token cut.
std::string plain_message(std::string_view what) {
  if (const auto at = what.find("column "); at != std::string_view::npos) {
    if (const auto colon = what.find(": ", at); colon != std::string_view::npos) what.remove_prefix(colon + 2);
  }
  if (what.size() <= 240) return std::string(what);
  return repair_utf8(what.substr(0, 120)) + ".." + repair_utf8(what.substr(what.size() - 100));
}

struct Outcome {
  Json value;
  std::optional<Fault> fault;
};

std::string shown_key(std::string_view key) {
  std::string out;
  append_json_string(out, key.size() <= 80 ? key : key.substr(0, 80));
  return out;
}

std::size_t line_of(std::string_view text, std::size_t at) {
  return 1 + static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

Outcome read(std::string_view text, const JsonOptions& options, bool lenient, JsonNotes& notes) {
  if (text.size() > options.limits.max_bytes) {
    return {{},
            Fault{options.limits.max_bytes, "more than " + std::to_string(options.limits.max_bytes) + " bytes",
                  "the limit is limit.json_bytes"}};
  }
  const std::size_t skipped = text.substr(0, kBom.size()) == kBom ? kBom.size() : 0;
  text.remove_prefix(skipped);
  std::string repaired, paired, edited;
  if (const auto bad = find_invalid_utf8(text)) {
    if (!options.replace_invalid_utf8) {
      return {{}, Fault{skipped + *bad, "invalid UTF-8", "invalid_utf8=replace loads such bytes as U+FFFD"}};
    }
    notes.utf8_repaired = true;
    repaired = repair_utf8(text);
    text = repaired;
  }
  Scan scan(text, options.limits, !lenient);
  if (auto fault = scan.run()) {
    fault->at += skipped;
    return {{}, std::move(fault)};
  }
  notes.lone_surrogates += scan.lone_surrogates;
  if (!options.numbers_as_text && !lenient && !scan.numbers.empty()) {
    const Edit& edit = scan.numbers.front();
    const std::string number(text.substr(edit.begin, std::min<std::size_t>(edit.end - edit.begin, 40)));
    return {{},
            Fault{skipped + edit.begin,
                  "the number " + number + " is beyond 64 bits or a double's range, and would be changed",
                  "numbers=text loads such numbers as text"}};
  }
  if (!options.numbers_as_text) scan.numbers.clear();
  notes.numbers_as_text += scan.numbers.size();
  if (scan.lone_surrogates > 0) {
    paired = text;
    text = paired;
    Scan again(text, options.limits, !lenient);
    again.rewrite = paired.data();
    (void)again.run();
  }
  std::string_view input = text;
  if (!scan.numbers.empty()) {
    edited = apply_edits(text, scan.numbers);
    input = edited;
  }
  Builder builder(options.allow_repeated_keys);
  const bool good = Json::sax_parse(input.data(), input.data() + input.size(), &builder);
  notes.repeated_keys += builder.repeated;
  if (good) return {std::move(builder.root), std::nullopt};
  if (builder.error_text.empty()) {
    const auto [first, later] = find_repeat(input, builder.repeat);
    return {{},
            Fault{skipped + before_edits(later, scan.numbers),
                  "the key " + shown_key(builder.repeat_key) + " stands a second time (first " +
                      (line_of(input, first) == line_of(input, later)
                           ? "at byte " + std::to_string(skipped + before_edits(first, scan.numbers) + 1)
                           : std::to_string(line_of(input, later) - line_of(input, first)) + " lines above") +
                      ")",
                  {}}};
  }
  const std::size_t at = builder.error_at > 0 ? builder.error_at - 1 : 0;
  return {
      {},
      Fault{skipped + std::min(before_edits(at, scan.numbers), text.size()), plain_message(builder.error_text), {}}};
}

[[noreturn]] void raise(std::string_view text, std::string_view place, const Fault& fault, const JsonOrigin* origin) {
  const std::size_t at = std::min(fault.at, text.size());
  const std::size_t newline = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
  const bool first_line = newline == std::string_view::npos;
  std::uint64_t column = (first_line ? at : at - newline - 1) + 1;
  std::uint64_t line = line_of(text, at);
  std::uint64_t byte = at + 1;
  if (origin != nullptr) {
    if (first_line) column += origin->column - 1;
    line += origin->line - 1;
    byte += origin->byte;
  }
  const std::string where = "column " + std::to_string(column) + " (byte " + std::to_string(byte) + "): ";
  if (origin != nullptr) {
    throw Error("json", where + fault.message, std::string(place) + ":" + std::to_string(line), fault.hint);
  }
  throw Error("json", "line " + std::to_string(line) + ", " + where + fault.message, std::string(place), fault.hint);
}

}  // namespace

Json parse_json(std::string_view text, std::string_view place, const JsonOptions& options, JsonNotes* notes,
                const JsonOrigin* origin) {
  JsonNotes ignored;
  Outcome outcome = read(text, options, false, notes != nullptr ? *notes : ignored);
  if (outcome.fault) raise(text, place, *outcome.fault, origin);
  return std::move(outcome.value);
}

Json parse_json(std::string_view text, std::string_view place, const JsonLimits& limits) {
  JsonOptions options;
  options.limits = limits;
  return parse_json(text, place, options, nullptr, nullptr);
}

std::optional<Json> parse_json_lenient(std::string_view bytes, const JsonLimits& limits, bool* utf8_repaired,
                                       std::string* why) {
  JsonOptions options;
  options.limits = limits;
  options.replace_invalid_utf8 = true;
  options.allow_repeated_keys = true;
  JsonNotes notes;
  Outcome outcome = read(bytes, options, true, notes);
  if (utf8_repaired != nullptr) *utf8_repaired = notes.utf8_repaired || notes.lone_surrogates > 0;
  if (!outcome.fault) return std::move(outcome.value);
  if (why != nullptr) *why = "byte " + std::to_string(outcome.fault->at + 1) + ": " + outcome.fault->message;
  return std::nullopt;
}

}  // namespace assay
