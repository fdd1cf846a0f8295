#include "runners/yaml/yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <sstream>
#include <unordered_map>

#include "core/text/error.hpp"
#include "core/text/utf8.hpp"
#include "runners/yaml/yaml_check.hpp"

namespace assay {
namespace {

[[noreturn]] void refuse(const std::string& message, const std::string& place, std::size_t line, std::size_t column,
                         const std::string& hint = {}) {
  throw Error("yaml", message, place + ":" + std::to_string(line) + ":" + std::to_string(column), hint);
}

std::size_t from_one(int at) { return static_cast<std::size_t>(std::max(at, 0)) + 1; }

/// Builds YamlNodes from events; counts nodes and depth as they come, so that nothing large is ever built.
class Builder : public YAML::EventHandler {
 public:
  Builder(std::string_view text, const std::string& place, const YamlLimits& limits,
          std::vector<YamlRepeatedKey>* repeated)
      : text_(text), place_(place), limits_(limits), repeated_(repeated) {}

  YamlNode take() { return done_ ? std::move(root_) : empty(); }
  bool done() const { return done_; }
  /// "models.judge: ", the keys that lead to where reading is; "" unless the limits ask for it.
  std::string keys_here() const {
    if (!limits_.name_keys) return "";
    std::string path = key_path();
    if (path.empty() && !open_.empty() && !open_.front().node.entries.empty()) {
      path = "after " + open_.front().node.entries.back().key.text;
    }
    return path.empty() ? path : path + ": ";
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (!open_.empty() && open_.back().node.kind == YamlNode::Kind::map && !open_.back().key) {
      fail("a key is missing here", mark);
    }
    if (!open_.empty() && open_.back().node.kind == YamlNode::Kind::list && open_.back().in_flow) {
      fail("an element is missing here", mark);
    }
    if (!open_.empty() && open_.back().node.kind == YamlNode::Kind::map && !open_.back().in_flow && open_.back().key &&
        open_.back().key->plain && !has_colon(open_.back().key->text)) {
      fail("this line belongs to nothing: a : is missing", mark);
    }
    add(scalar(mark, "", true), anchor, mark);
  }

  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    const bool good = std::all_of(name.begin(), name.end(),
                                  [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; });
    if (!good) fail("an anchor has letters, digits, - and _ only", mark);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto at = anchors_.find(anchor);
    if (at == anchors_.end()) fail("an alias within the value it stands for", mark);
    if (++aliases_ > limits_.max_aliases) {
      fail("more than " + std::to_string(limits_.max_aliases) + " aliases", mark);
    }
    count(at->second.nodes, mark);
    if (open_.size() + at->second.depth > limits_.max_depth) fail_depth(mark);
    YamlNode copy = at->second.node;
    copy.line = from_one(mark.line);
    copy.column = from_one(mark.column);
    place(std::move(copy), at->second.depth, at->second.nodes, mark);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_tag(tag, mark);
    ScalarPlace where;
    where.text = text_;
    where.at = static_cast<std::size_t>(std::max(mark.pos, 0));
    where.plain = tag == "?";
    where.in_flow = !open_.empty() && open_.back().in_flow;
    where.parent_column = open_.empty() ? -1 : static_cast<long>(open_.back().mark.column);
    const std::string wrong = check_yaml_scalar(where, value);
    if (!wrong.empty()) fail(wrong, mark);
    std::string text = is_valid_utf8(value) ? value : repair_latin1(value);
    repair_kept_newlines(where, text);
    last_at_ = where.at;
    add(scalar(mark, text, tag == "?"), anchor, mark);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    open(YamlNode::Kind::list, mark, tag, anchor, style);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(YamlNode::Kind::map, mark, tag, anchor, style);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    std::optional<YamlNode> key;
    std::set<std::string> keys;
    std::size_t depth = 1, nodes = 1;
    YAML::Mark mark;
    bool in_flow = false;
  };
  struct Anchored {
    YamlNode node;
    std::size_t depth, nodes;
  };

  std::string key_path() const {
    std::string path;
    for (const Open& level : open_) {
      if (level.key) path += (path.empty() ? "" : ".") + level.key->text;
    }
    return path;
  }

  static YamlNode empty() {
    YamlNode node;
    node.plain = true;
    return node;
  }

  static YamlNode scalar(const YAML::Mark& mark, const std::string& value, bool plain) {
    YamlNode node;
    node.text = value;
    node.plain = plain;
    node.line = from_one(mark.line);
    node.column = from_one(mark.column);
    return node;
  }

  [[noreturn]] void fail(const std::string& message, const YAML::Mark& mark, const std::string& hint = {}) const {
    refuse(keys_here() + message, place_, from_one(mark.line), from_one(mark.column), hint);
  }
  /// Whether a colon follows the plain key that was read last (or a `?` makes it one).
  bool has_colon(const std::string& key) const {
    if (text_.substr(std::min(last_at_, text_.size()), key.size()) != key) return true;
    std::size_t at = last_at_ + key.size();
    while (at < text_.size() && text_[at] == ' ') ++at;
    return (at < text_.size() && text_[at] == ':') ||
           (last_at_ > 1 && text_.substr(0, last_at_).rfind('?') != std::string_view::npos);
  }

  /// yaml-cpp writes \N and \_ as the bytes 0x85 and 0xA0.
  static std::string repair_latin1(const std::string& value) {
    std::string out;
    for (std::size_t at = 0; at < value.size();) {
      const CodePoint point = code_point_at(value, at);
      const auto byte = static_cast<unsigned char>(value[at]);
      append_utf8(out, !point.valid && (byte == 0x85 || byte == 0xA0) ? char32_t{byte} : point.value);
      at += point.length;
    }
    return out;
  }

  [[noreturn]] void fail_depth(const YAML::Mark& mark) const {
    fail("nested deeper than " + std::to_string(limits_.max_depth), mark);
  }

  void check_tag(const std::string& tag, const YAML::Mark& mark) const {
    if (!tag.empty() && tag != "?" && tag != "!") fail("tags are not allowed here: " + tag, mark);
  }

  void count(std::size_t nodes, const YAML::Mark& mark) {
    nodes_ += nodes;
    if (nodes_ > limits_.max_nodes) {
      fail("more than " + std::to_string(limits_.max_nodes) + " values, aliases counted", mark);
    }
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YAML::EmitterStyle::value style) {
    check_tag(tag, mark);
    if (tab_before(text_, static_cast<std::size_t>(std::max(mark.pos, 0)))) {
      fail("a tab may stand only within quotes and blocks", mark);
    }
    count(1, mark);
    Open next;
    next.node.kind = kind;
    next.node.line = from_one(mark.line);
    next.node.column = from_one(mark.column);
    next.anchor = anchor;
    next.mark = mark;
    next.in_flow = style == YAML::EmitterStyle::Flow || (!open_.empty() && open_.back().in_flow);
    open_.push_back(std::move(next));
    if (open_.size() > limits_.max_depth) fail_depth(mark);
  }

  void close() {
    Open finished = std::move(open_.back());
    open_.pop_back();
    keep(finished.anchor, finished.node, finished.depth, finished.nodes);
    place(std::move(finished.node), finished.depth, finished.nodes, finished.mark);
  }

  void add(YamlNode node, YAML::anchor_t anchor, const YAML::Mark& mark) {
    count(1, mark);
    keep(anchor, node, 0, 1);
    place(std::move(node), 0, 1, mark);
  }

  void keep(YAML::anchor_t anchor, const YamlNode& node, std::size_t depth, std::size_t nodes) {
    if (anchor != 0) anchors_.insert_or_assign(anchor, Anchored{node, depth, nodes});
  }

  void place(YamlNode node, std::size_t depth, std::size_t nodes, const YAML::Mark& mark) {
    if (open_.empty()) {
      root_ = std::move(node);
      done_ = true;
      return;
    }
    Open& parent = open_.back();
    parent.depth = std::max(parent.depth, depth + 1);
    parent.nodes += nodes;
    if (parent.node.kind == YamlNode::Kind::list) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      if (node.kind != YamlNode::Kind::scalar) {
        fail("a key must be a text", mark,
             "a value that begins with {{ must stand in quotes or in a block:\ntemplate: |\n  {{ x }}");
      }
      // `1` and `"1"` differ for YAML, but not as names.
      const bool fresh = parent.keys.insert(node.text).second;
      if (!fresh && repeated_ == nullptr) fail("the key " + node.text + " appears twice", mark);
      parent.key = std::move(node);
      if (!fresh) tell_repeated(parent);
    } else {
      YamlEntry entry{std::move(*parent.key), std::move(node)};
      parent.key.reset();
      if (YamlEntry* earlier = repeated_ == nullptr ? nullptr : entry_of(parent, entry.key.text)) {
        *earlier = std::move(entry);
      } else {
        parent.node.entries.push_back(std::move(entry));
      }
    }
  }

  static YamlEntry* entry_of(Open& map, const std::string& key) {
    if (map.keys.size() > map.node.entries.size()) return nullptr;  // all so far differ
    const auto found = std::find_if(map.node.entries.begin(), map.node.entries.end(),
                                    [&](const YamlEntry& entry) { return entry.key.text == key; });
    return found == map.node.entries.end() ? nullptr : &*found;
  }

  /// The key that is read in `map` has been there before.
  void tell_repeated(Open& map) {
    const std::string path = key_path();
    const auto told =
        std::find_if(repeated_->begin(), repeated_->end(), [&](const YamlRepeatedKey& one) { return one.key == path; });
    if (told != repeated_->end()) {
      told->lines.push_back(map.key->line);
    } else {
      const YamlEntry* earlier = entry_of(map, map.key->text);
      repeated_->push_back({path, {earlier == nullptr ? map.key->line : earlier->key.line, map.key->line}});
    }
  }

  std::string_view text_;
  const std::string& place_;
  const YamlLimits& limits_;
  std::vector<YamlRepeatedKey>* repeated_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, Anchored> anchors_;
  YamlNode root_;
  std::size_t nodes_ = 0, aliases_ = 0;
  std::size_t last_at_ = 0;  ///< where the last scalar begins
  bool done_ = false;
};

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool digits_only(std::string_view text, std::string_view digits) {
  return !text.empty() && text.find_first_not_of(digits) == std::string_view::npos;
}

/// YAML 1.1 integers: 0b1, 017 (octal), 0x1f, 1_000, and base 60 (1:30).
std::optional<Json> resolve_integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  std::string_view body = text;
  if (negative || text.starts_with('+')) body.remove_prefix(1);
  std::string digits;
  int base = 10;
  if (body.starts_with("0b") && digits_only(body.substr(2), "01_")) {
    base = 2;
    digits = body.substr(2);
  } else if (body.starts_with("0x") && digits_only(body.substr(2), "0123456789abcdefABCDEF_")) {
    base = 16;
    digits = body.substr(2);
  } else if (body == "0") {
    digits = "0";
  } else if (body.starts_with('0') && digits_only(body.substr(1), "01234567_")) {
    base = 8;
    digits = body.substr(1);
  } else if (!body.empty() && body[0] >= '1' && body[0] <= '9' && digits_only(body, "0123456789_")) {
    digits = body;
  } else if (!body.empty() && body[0] >= '1' && body[0] <= '9' && body.find(':') != std::string_view::npos) {
    std::int64_t total = 0;
    std::string_view rest = body;
    for (bool first = true, more = true; more; first = false) {
      const std::size_t colon = rest.find(':');
      std::string part(rest.substr(0, colon));
      more = colon != std::string_view::npos;
      if (more) rest.remove_prefix(colon + 1);
      if (first) part.erase(std::remove(part.begin(), part.end(), '_'), part.end());
      const bool fits =
          first ? digits_only(part, "0123456789") && part.size() < 12
                : digits_only(part, "0123456789") && (part.size() == 1 || (part.size() == 2 && part[0] < '6'));
      if (!fits || total > std::numeric_limits<std::int64_t>::max() / 120) return std::nullopt;
      total = total * 60 + std::stoll(part);
    }
    return Json(negative ? -total : total);
  } else {
    return std::nullopt;
  }
  digits.erase(std::remove(digits.begin(), digits.end(), '_'), digits.end());
  if (digits.empty()) return std::nullopt;
  if (negative) digits.insert(0, 1, '-');
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error == std::errc() && end == digits.data() + digits.size()) return Json(value);
  return Json(std::strtod(digits.c_str(), nullptr));
}

/// YAML 1.1 floats: a point is needed, an exponent needs its sign; .inf, .nan.
std::optional<Json> resolve_real(std::string_view text) {
  std::string_view body = text;
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) body.remove_prefix(1);
  if (is_one_of(body, {".inf", ".Inf", ".INF"})) {
    const double infinity = std::numeric_limits<double>::infinity();
    return Json(negative ? -infinity : infinity);
  }
  if (is_one_of(text, {".nan", ".NaN", ".NAN"})) return Json(std::numeric_limits<double>::quiet_NaN());
  const std::size_t point = body.find('.');
  if (point == std::string_view::npos || (point == 0 && body == text && body.size() == 1)) return std::nullopt;
  if (point == 0 && body.size() != text.size()) return std::nullopt;
  const std::string_view whole = body.substr(0, point);
  if (!whole.empty() && (!digits_only(whole, "0123456789_") || whole[0] == '_')) return std::nullopt;
  std::string_view rest = body.substr(point + 1);
  const std::size_t e = rest.find_first_of("eE");
  const std::string_view fraction = rest.substr(0, e);
  if (!fraction.empty() && !digits_only(fraction, "0123456789_")) return std::nullopt;
  if (whole.empty() && (fraction.empty() || fraction[0] == '_')) return std::nullopt;
  if (e != std::string_view::npos) {
    const std::string_view exponent = rest.substr(e + 1);
    const bool is_signed = exponent.starts_with('+') || exponent.starts_with('-');
    if (!is_signed || !digits_only(exponent.substr(1), "0123456789")) return std::nullopt;
  }
  std::string clean(text);
  clean.erase(std::remove(clean.begin(), clean.end(), '_'), clean.end());
  return Json(std::strtod(clean.c_str(), nullptr));
}

Json resolve(const std::string& text) {
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return nullptr;
  if (is_one_of(text, {"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})) return true;
  if (is_one_of(text, {"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})) return false;
  if (auto integer = resolve_integer(text)) return *integer;
  if (auto real = resolve_real(text)) return *real;
  return text;
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name.text == key) return &value;
  }
  return nullptr;
}

std::optional<std::size_t> line_before_block(std::string_view text, const YamlNode& node) {
  if (node.plain || node.kind != YamlNode::Kind::scalar) return std::nullopt;
  std::size_t begin = 0;
  for (std::size_t line = 1; line < node.line && begin != std::string_view::npos; ++line) {
    begin = text.find('\n', begin);
    if (begin != std::string_view::npos) ++begin;
  }
  if (begin == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(begin, text.find('\n', begin) - begin);
  const bool bar = node.column <= line.size() && line[node.column - 1] == '|';
  return bar ? std::optional(node.line) : std::nullopt;
}

std::string normalize_yaml(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      out += text[i];
    } else {
      out += '\n';
      if (i + 1 < text.size() && text[i + 1] == '\n') ++i;
    }
  }
  return out;
}

YamlNode parse_yaml(std::string_view text, const std::string& place, const YamlLimits& limits,
                    std::vector<YamlRepeatedKey>* repeated) {
  if (text.size() > limits.max_bytes) {
    throw Error("yaml", "more than " + std::to_string(limits.max_bytes) + " bytes", place);
  }
  if (const auto bad = find_invalid_utf8(text)) {
    const auto line =
        static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(*bad), '\n'));
    refuse("byte " + std::to_string(*bad) + " is not UTF-8", place, line + 1, 1);
  }
  const std::string clean = normalize_yaml(text);
  std::size_t bad_byte = 0;
  const std::string wrong = check_yaml_text(clean, bad_byte);
  if (!wrong.empty()) {
    const auto begin = clean.begin();
    const auto bad = begin + static_cast<std::ptrdiff_t>(bad_byte);
    refuse(wrong, place, static_cast<std::size_t>(std::count(begin, bad, '\n')) + 1, 1);
  }
  Builder builder(clean, place, limits, repeated);
  try {
    std::istringstream stream(clean);
    YAML::Parser parser(stream);
    if (parser.HandleNextDocument(builder)) {
      Builder second(clean, place, limits, repeated);
      if (parser.HandleNextDocument(second)) throw Error("yaml", "one document is wanted, here are more", place);
    }
  } catch (const YAML::Exception& error) {
    refuse(builder.keys_here() + error.msg, place, from_one(error.mark.line), from_one(error.mark.column),
           error.msg.find("tab") != std::string::npos ? "indent with blanks" : "");
  }
  return builder.take();
}

Json yaml_to_json(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::scalar:
      return node.plain ? resolve(node.text) : Json(node.text);
    case YamlNode::Kind::list: {
      Json list = Json::array();
      for (const YamlNode& item : node.items) list.push_back(yaml_to_json(item));
      return list;
    }
    case YamlNode::Kind::map: {
      Json map = Json::object();
      for (const auto& [key, value] : node.entries) map[key.text] = yaml_to_json(value);
      return map;
    }
  }
  return nullptr;
}

Json yaml_to_json(std::string_view text, const std::string& place) { return yaml_to_json(parse_yaml(text, place)); }

}  // namespace assay
