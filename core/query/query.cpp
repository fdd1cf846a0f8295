#include "core/query/query.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/model/score.hpp"
#include "core/text/duration.hpp"
#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/utf8.hpp"

namespace assay {
namespace {

constexpr std::size_t kMaxQueryBytes = std::size_t{64} << 10;
constexpr std::size_t kMaxParentheses = 100;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
/// Of a field's name with its path; bytes beyond ASCII may be part of a key.
bool is_name_char(char c) {
  return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '/' || static_cast<unsigned char>(c) >= 0x80;
}

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return result;
}

/// The operator that begins at `at`, or nothing.
std::optional<FieldOperator> operator_at(std::string_view text, std::size_t at) {
  using Op = FieldOperator;
  // Longer ones first.
  for (const Op op :
       {Op::not_equal, Op::less_equal, Op::greater_equal, Op::has, Op::matches, Op::equal, Op::less, Op::greater}) {
    if (text.substr(at).starts_with(to_text(op))) return op;
  }
  return std::nullopt;
}

/// Length of NAME OP at the beginning of `text` where NAME is a field or one of s i r a; 0 when there is none.
std::size_t known_prefix(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && is_name_char(text[end])) ++end;
  if (end == 0 || end == text.size() || !operator_at(text, end)) return 0;
  const std::string_view name = text.substr(0, end);
  const bool selector = name.size() == 1 && std::string_view("sira").find(name[0]) != std::string_view::npos;
  return selector || find_field(name.substr(0, name.find('.'))) ? end : 0;
}

/// "3" "2-5" "1,4,7-9", in brackets or not.
bool looks_like_indices(std::string_view text) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  bool digit = false;
  for (const char c : text) {
    if (!is_digit(c) && (!digit || (c != '-' && c != ',' && c != ' '))) return false;
    digit = digit || is_digit(c);
  }
  return digit && (is_digit(text.back()) || text.back() == ' ');
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  QueryNode parse() {
    QueryNode root = any_of();
    if (at_ < text_.size()) fail_query(text_, at_, "\")\" closes nothing");
    return root;
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool ended() const { return at_ >= text_.size(); }

  QueryNode any_of() {
    QueryNode node;
    node.kind = QueryNode::Kind::any_of;
    for (;;) {
      const bool first = node.children.empty();
      node.children.push_back(all_of());
      skip_space();
      const bool blank = node.children.back().kind == QueryNode::Kind::all_of && node.children.back().children.empty();
      if (blank && (!first || peek() == '|')) fail_query(text_, at_, "\"|\" needs a term on both sides");
      if (peek() != '|') break;
      ++at_;
      if (peek() == '|') ++at_;
    }
    if (node.children.size() > 1) return node;
    QueryNode only = std::move(node.children.front());
    return only;
  }

  QueryNode all_of() {
    QueryNode node;
    for (skip_space(); !ended() && peek() != '|' && peek() != ')'; skip_space()) node.children.push_back(factor());
    if (node.children.size() != 1) return node;
    QueryNode only = std::move(node.children.front());
    return only;
  }

  QueryNode factor() {
    bool negated = false;
    const std::size_t begin = at_;
    while (peek() == '!') {
      negated = !negated;
      ++at_;
      skip_space();
    }
    if (at_ > begin && (ended() || peek() == '|' || peek() == ')'))
      fail_query(text_, begin, "\"!\" needs a term after it");
    QueryNode inner = peek() == '(' ? group() : term();
    if (!negated) return inner;
    QueryNode node;
    node.kind = QueryNode::Kind::negation;
    node.children.push_back(std::move(inner));
    return node;
  }

  QueryNode group() {
    const std::size_t begin = at_++;
    if (++depth_ > kMaxParentheses)
      fail_query(text_, begin, "more than " + std::to_string(kMaxParentheses) + " parentheses within each other");
    QueryNode inner = any_of();
    if (peek() != ')') fail_query(text_, begin, "\"(\" is not closed", "quote it when it is part of a name");
    ++at_;
    --depth_;
    if (inner.kind == QueryNode::Kind::all_of && inner.children.empty())
      fail_query(text_, begin, "nothing stands between the parentheses");
    return inner;
  }

  /// Appends the quoted text that begins at at_.
  void take_quoted(std::string& out) {
    const std::size_t begin = at_;
    const char quote = text_[at_++];
    for (; !ended() && text_[at_] != quote; ++at_) {
      const bool escaped = quote == '"' && text_[at_] == '\\' && at_ + 1 < text_.size() &&
                           (text_[at_ + 1] == '"' || text_[at_ + 1] == '\\');
      if (escaped) ++at_;
      out += text_[at_];
    }
    if (ended()) fail_query(text_, begin, std::string("the quote ") + quote + " is not closed");
    ++at_;
  }

  /// The rest of a word, quotes taken away; whether some part was quoted.
  bool take_word(std::string& out) {
    bool quoted = false;
    for (std::size_t open = 0; !ended();) {
      const char c = peek();
      if (is_space(c) || c == '|' || (c == ')' && open == 0)) break;
      if (c == '"' || c == '\'') {
        take_quoted(out);
        quoted = true;
        continue;
      }
      if (c == '(') ++open;
      if (c == ')') --open;
      out += c;
      ++at_;
    }
    return quoted;
  }

  /// A regex: up to white space, or a ")" that closes nothing in it, outside its own brackets and parentheses.
  void take_regex(std::string& out) {
    if (peek() == '"' || peek() == '\'') {
      take_word(out);
      return;
    }
    std::size_t open = 0;
    bool in_class = false;
    for (; !ended(); out += text_[at_++]) {
      const char c = peek();
      if (c == '\\' && at_ + 1 < text_.size()) {
        out += text_[at_++];
        continue;
      }
      if (in_class) {
        in_class = c != ']' || out.back() == '[' || out.ends_with("[^");
        continue;
      }
      if (open == 0 && (is_space(c) || c == ')')) break;
      if (open == 0 && c == '|' && or_follows()) break;
      if (c == '[') in_class = true;
      if (c == '(') ++open;
      if (c == ')') --open;
    }
  }

  /// Whether the "|" at at_ joins two terms rather than two branches of a regex.
  bool or_follows() const {
    std::string_view rest = text_.substr(at_ + 1);
    if (rest.starts_with('|') || rest.empty() || is_space(rest.front())) return true;
    while (rest.starts_with('!')) rest.remove_prefix(1);
    if (known_prefix(rest) > 0) return true;
    const auto end = std::find_if(rest.begin(), rest.end(), [](char c) { return is_space(c) || c == '|' || c == ')'; });
    const std::string_view word(rest.data(), static_cast<std::size_t>(end - rest.begin()));
    Status status{};
    Verdict verdict{};
    return from_text(word, status) || (from_text(word, verdict) && verdict != Verdict::none);
  }

  QueryNode term() {
    QueryNode node;
    node.kind = QueryNode::Kind::term;
    QueryTerm& term = node.term;
    term.begin = at_;
    std::size_t name_end = at_;
    while (name_end < text_.size() && is_name_char(text_[name_end])) ++name_end;
    const std::string_view name = text_.substr(at_, name_end - at_);
    const auto op = name_end < text_.size() ? operator_at(text_, name_end) : std::nullopt;
    if (name.empty() || !op || is_digit(name[0]) || name[0] == '-' || name[0] == '.' || name[0] == '/') {
      word_term(term);
    } else {
      const std::size_t value_at = name_end + to_text(*op).size();
      field_term(term, name, *op);
      // "a:b:7" is no list of indices, but perhaps run 7 of batch "a:b".
      if (term.kind == QueryTerm::Kind::indices || term.kind == QueryTerm::Kind::field) check_value(term, value_at);
    }
    term.end = at_;
    return node;
  }

  void word_term(QueryTerm& term) {
    if (peek() == '[') {  // [2 - 5] may hold spaces
      const std::size_t close = text_.find(']', at_);
      if (close != std::string_view::npos && looks_like_indices(text_.substr(at_, close - at_ + 1))) {
        term.whole = text_.substr(at_, close - at_ + 1);
        take_indices(term, term.whole, at_);
        at_ = close + 1;
        return;
      }
    }
    const bool quoted = take_word(term.whole);
    term.value = term.whole;
    if (term.whole.empty() && !quoted) fail_query(text_, at_, "a term is expected");
    if (quoted) return;
    Status status{};
    Verdict verdict{};
    if (term.whole == "*" || term.whole == "all") {
      term.kind = QueryTerm::Kind::everything;
    } else if (looks_like_indices(term.whole)) {
      take_indices(term, term.whole, term.begin);
    } else if (from_text(term.whole, status)) {
      term.kind = QueryTerm::Kind::field;
      term.field = Field::status;
    } else if (from_text(term.whole, verdict) && verdict != Verdict::none) {
      term.kind = QueryTerm::Kind::field;
      term.field = Field::score;
    }
  }

  void check_value(QueryTerm& term, std::size_t value_at) {
    try {
      if (term.kind == QueryTerm::Kind::indices)
        take_indices(term, term.value, value_at);
      else
        check_field(term, row_of(term.field), value_at);
    } catch (const Error& error) {
      if (term.op != FieldOperator::has) throw;
      term.kind = QueryTerm::Kind::unresolved;
      term.failure = std::make_shared<Error>(error);
    }
  }

  void field_term(QueryTerm& term, std::string_view name, FieldOperator op) {
    at_ += name.size() + to_text(op).size();
    if (op == FieldOperator::equal && peek() == '=') ++at_;
    const std::size_t value_at = at_;
    const bool selector = op == FieldOperator::has && name.size() == 1;
    const bool regex = op == FieldOperator::matches || (selector && name == "r");
    regex ? take_regex(term.value) : static_cast<void>(take_word(term.value));
    const bool given = at_ > value_at;
    term.op = op;
    term.whole = std::string(name) + std::string(to_text(op)) + term.value;
    if (selector && std::string_view("sira").find(name[0]) != std::string_view::npos) {
      if (!given && name != "r") fail_query(text_, value_at, "\"" + term.whole + "\" needs a value");
      if (name == "a") term.kind = QueryTerm::Kind::indices;
      if (name == "s") term.kind = QueryTerm::Kind::text;
      if (name == "i") term.kind = QueryTerm::Kind::text_any_case;
      if (name == "r") {
        term.kind = QueryTerm::Kind::pattern;
        term.pattern.emplace(term.value);
      }
      return;
    }
    if (regex) term.pattern.emplace(term.value);
    const auto dot = name.find('.');
    const FieldRow* row = find_field(name.substr(0, dot));
    if (!row || (dot != std::string_view::npos && row->type != FieldRow::Type::path)) {
      term.kind = QueryTerm::Kind::unresolved;
      term.name = name;
      double number = 0;
      if (read_number(term.value, number)) term.number = number;
      return;
    }
    if (!given) fail_query(text_, value_at, std::string(name) + std::string(to_text(op)) + " needs a value");
    term.kind = QueryTerm::Kind::field;
    term.field = row->field;
    if (dot != std::string_view::npos) term.name = name.substr(dot + 1);
  }

  void check_field(QueryTerm& term, const FieldRow& row, std::size_t value_at) {
    const bool ordering = term.op >= FieldOperator::less;
    if (term.field == Field::metric) {
      if (term.name.empty()) fail_query(text_, term.begin, "a metric is asked for by its name: metric.NAME");
      return take_number(term, value_at);
    }
    if (row.type == FieldRow::Type::number) {
      return take_number(term, value_at);
    }
    if (ordering && row.type != FieldRow::Type::path)
      fail_query(text_, term.begin + row.name.size(), std::string(row.name) + " takes : = != and ~");
    if (term.op != FieldOperator::matches && (term.field == Field::status || term.field == Field::score))
      check_word(term, value_at);
    double number = 0;
    if (read_number(term.value, number)) term.number = number;
  }

  void check_word(QueryTerm& term, std::size_t value_at) {
    Status status{};
    Verdict verdict{};
    const std::string word = upper(term.value);
    if (term.field == Field::status) {
      if (!from_text(word, status))
        fail_query(text_, value_at, "\"" + term.value + "\" is no status", "READY, INCOMPLETE, COMPLETE or FAIL");
      term.value = word;
    } else if (word == "NULL" || word == "NONE") {
      term.value = to_text(Verdict::none);
    } else if (from_text(word, verdict)) {
      term.value = word;
    } else {
      fail_query(text_, value_at, "\"" + term.value + "\" is no score", "CORRECT, INCORRECT or null");
    }
  }

  static bool read_number(std::string_view text, double& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() && std::isfinite(number);
  }

  void take_number(QueryTerm& term, std::size_t value_at) {
    if (term.op == FieldOperator::matches) fail_query(text_, value_at - 1, "a number is compared by = != < <= > or >=");
    std::string_view text = term.value;
    if (term.field == Field::cost && text.starts_with('$')) text.remove_prefix(1);
    double number = 0;
    if (read_number(text, number)) {
      term.number = number;
    } else if (term.field == Field::time) {
      try {
        term.number = std::chrono::duration<double>(parse_duration(text)).count();
      } catch (const Error& error) {
        fail_query(text_, value_at, error.message(), "10s, 1m30s, 2h; a number is seconds");
      }
    } else {
      fail_query(text_, value_at, "\"" + term.value + "\" is no number");
    }
  }

  void take_indices(QueryTerm& term, std::string_view list, std::size_t at) {
    term.kind = QueryTerm::Kind::indices;
    std::size_t here = 0, end = list.size();
    if (end >= 2 && list.front() == '[' && list.back() == ']') {
      ++here;
      --end;
    }
    const auto space = [&] {
      while (here < end && is_space(list[here])) ++here;
    };
    const auto number = [&] {
      space();
      std::uint32_t value = 0;
      const auto [stop, error] = std::from_chars(list.data() + here, list.data() + end, value);
      if (error == std::errc::result_out_of_range) fail_query(text_, at + here, "an index that large does not exist");
      if (error != std::errc()) fail_query(text_, at + here, "an index is expected", "as in 3, 2-5, [2-5] or 1,4,7-9");
      if (value == 0) fail_query(text_, at + here, "indices begin at 1");
      here = static_cast<std::size_t>(stop - list.data());
      space();
      return value;
    };
    for (;;) {
      const std::size_t begin = here;
      const std::uint32_t first = number();
      std::uint32_t last = first;
      if (here < end && list[here] == '-') {
        ++here;
        last = number();
      }
      if (last < first)
        fail_query(text_, at + begin, "the range ends before it begins",
                   "did you mean " + std::to_string(last) + "-" + std::to_string(first) + "?");
      term.ranges.emplace_back(first, last);
      if (here == end) return;
      if (list[here] != ',')
        fail_query(text_, at + here, "an index list holds numbers, \"-\" and \",\"", "as in 3, 2-5, [2-5] or 1,4,7-9");
      ++here;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0, depth_ = 0;
};

bool reads_payload(const QueryNode& node) {
  if (node.kind == QueryNode::Kind::term)
    return node.term.kind == QueryTerm::Kind::field && is_payload(node.term.field);
  return std::any_of(node.children.begin(), node.children.end(), reads_payload);
}

}  // namespace

Query::Query() : Query("", QueryNode()) {}

Query::Query(std::string text, QueryNode root)
    : text_(std::make_shared<std::string>(std::move(text))), root_(std::make_shared<QueryNode>(std::move(root))) {}

bool Query::needs_payload() const { return reads_payload(*root_); }

Query parse_query(std::string_view text) {
  if (text.size() > kMaxQueryBytes)
    throw Error("query",
                "a query of " + std::to_string(text.size()) + " bytes, more than " + std::to_string(kMaxQueryBytes));
  return {std::string(text), Parser(text).parse()};
}

void fail_query(std::string_view text, std::size_t at, const std::string& message, const std::string& hint) {
  constexpr std::size_t kBefore = 40, kShown = 80;
  const std::size_t begin = at > kBefore ? at - kBefore : 0;
  std::string shown(text.substr(begin, kShown));
  for (char& c : shown) c = is_space(c) ? ' ' : c;
  std::string full =
      shown + "\n" + std::string(display_width(std::string_view(shown).substr(0, at - begin)), ' ') + "^";
  if (!hint.empty()) full += "\n" + hint;
  throw Error("query", message, "column " + std::to_string(at + 1), full);
}

}  // namespace assay
