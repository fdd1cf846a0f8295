#include "runners/prompt/parser.hpp"

#include <algorithm>
#include <array>

#include "runners/prompt/parser_internal.hpp"

namespace assay::prompt {
namespace {

struct RefusedTag {
  std::string_view word;
  const char* advice;
};

constexpr std::array<RefusedTag, 12> kRefusedTags = {{
    {"include", "put the text into this file, or give it as a variable"},
    {"import", "define the macro in this file"},
    {"from", "define the macro in this file"},
    {"extends", "a prompt is one file: write it out"},
    {"block", "a prompt is one file: write it out"},
    {"call", "give the text to the macro as an argument: {% set text %}..{% endset %}{{ f(text) }}"},
    {"autoescape", "set autoescape for the whole prompt file"},
    {"do", "use {% set %}"},
    {"trans", ""},
    {"break", "filter the loop: {% for x in xs if COND %}"},
    {"continue", "filter the loop: {% for x in xs if COND %}"},
    {"pluralize", ""},
}};

bool is_constant_word(const std::string& word) {
  return word == "true" || word == "false" || word == "none" || word == "True" || word == "False" || word == "None";
}

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::data:
      return "text";
    case TokenKind::print_begin:
      return "{{";
    case TokenKind::print_end:
      return "}}";
    case TokenKind::block_begin:
      return "{%";
    case TokenKind::block_end:
      return "%}";
    case TokenKind::text:
      return "a text";
    case TokenKind::error:
    case TokenKind::end:
      return "the end of the template";
    default:
      return token.text;
  }
}

}  // namespace

Parser::Parser(ParsedTemplate& parsed, TokenList tokens, const PromptLimits& limits)
    : parsed_(parsed), tokens_(std::move(tokens)), limits_(limits) {
  parsed_.varargs = parsed_.names.add("varargs");
  parsed_.kwargs = parsed_.names.add("kwargs");
  parsed_.loop = parsed_.names.add("loop");
}

void Parser::run() {
  check_current();
  parsed_.body = parse_until({}, 0, "");
  if (unknown_) throw *unknown_;
}

void Parser::check_current() {
  if (current().kind == TokenKind::error) throw tokens_.faults.front();
}

Token Parser::next() {
  Token token = current();
  if (token.kind != TokenKind::end) ++at_;
  check_current();
  return token;
}

bool Parser::skip_op(std::string_view op) { return is_op(op) && (next(), true); }
bool Parser::skip_word(std::string_view word) { return is_word(word) && (next(), true); }

Token Parser::expect_op(std::string_view op) {
  if (!is_op(op)) fail_here(std::string(op));
  return next();
}

Token Parser::expect_name(const char* what) {
  if (current().kind != TokenKind::name) fail_here(what);
  return next();
}

void Parser::expect_word(std::string_view word) {
  if (!is_word(word)) fail_here(std::string(word));
  next();
}

void Parser::expect_block_end() {
  if (current().kind != TokenKind::block_end) fail_here("%}");
  next();
}

void Parser::fail_here(const std::string& expected) const {
  if (current().kind == TokenKind::end) {
    fail("syntax", "this tag is not closed; expected " + expected, current().offset);
  }
  fail("syntax", "unexpected " + describe(current()) + "; expected " + expected, current().offset);
}

void Parser::fail_nesting() const {
  fail("limit", "nested deeper than " + std::to_string(limits_.max_nesting) + " (prompt.max_nesting)",
       current().offset);
}

Block Parser::parse_until(std::initializer_list<std::string_view> ends, std::size_t opening, std::string_view opened) {
  const Level level(*this);
  Block block;
  while (current().kind != TokenKind::end) {
    if (current().kind == TokenKind::data) {
      auto data = std::make_unique<Statement>();
      data->offset = current().offset;
      data->text = next().text;
      block.push_back(std::move(data));
    } else if (current().kind == TokenKind::print_begin) {
      auto print = std::make_unique<Statement>();
      print->kind = StatementKind::print;
      print->offset = next().offset;
      print->values.push_back(parse_tuple(true, false));
      if (current().kind != TokenKind::print_end) fail_here("}}");
      next();
      block.push_back(std::move(print));
    } else {
      const std::size_t begin = next().offset;
      if (current().kind == TokenKind::name && std::find(ends.begin(), ends.end(), current().text) != ends.end()) {
        return block;
      }
      block.push_back(parse_statement(begin));
      expect_block_end();
    }
  }
  if (ends.size() > 0) {
    fail("syntax", "{% " + std::string(opened) + " %} is not closed; expected {% end" + std::string(opened) + " %}",
         opening);
  }
  return block;
}

std::unique_ptr<Statement> Parser::parse_statement(std::size_t opening) {
  if (current().kind != TokenKind::name) fail_here("the name of a tag");
  const std::string& word = current().text;
  if (word == "for") return parse_for(opening);
  if (word == "if") return parse_if(opening);
  if (word == "set") return parse_set(opening);
  if (word == "with") return parse_with(opening);
  if (word == "macro") return parse_macro(opening);
  if (word == "filter") return parse_filter_block(opening);
  refuse_tag(current());
}

void Parser::refuse_tag(const Token& word) const {
  for (const RefusedTag& tag : kRefusedTags) {
    if (tag.word == word.text) {
      fail("unsupported", "the tag " + word.text + " is not in the language of prompts", word.offset, tag.advice);
    }
  }
  if (word.text.starts_with("end") || word.text == "else" || word.text == "elif") {
    fail("syntax", "{% " + word.text + " %} closes nothing that is open here", word.offset);
  }
  fail("syntax", "unknown tag " + word.text, word.offset,
       "tags: for if set with macro filter raw, and the end of each");
}

std::unique_ptr<Statement> Parser::parse_for(std::size_t opening) {
  auto loop = std::make_unique<Statement>();
  loop->kind = StatementKind::for_loop;
  next();
  ++loops_;
  refuse_loop_ = true;
  loop->targets.push_back(parse_target(false, true));
  refuse_loop_ = false;
  loop->offset = current().offset;
  expect_word("in");
  loop->values.push_back(parse_tuple(false, false, true));
  loop->values.push_back(skip_word("if") ? parse_expression() : nullptr);
  if (is_word("recursive")) {
    fail("unsupported", "recursive loops are not in the language of prompts", current().offset,
         "write a macro that calls itself");
  }
  skip_op(":");
  expect_block_end();
  loop->bodies.push_back(parse_until({"endfor", "else"}, opening, "for"));
  if (next().text == "else") {
    skip_op(":");
    expect_block_end();
    loop->bodies.push_back(parse_until({"endfor"}, opening, "for"));
    next();
  }
  --loops_;
  return loop;
}

std::unique_ptr<Statement> Parser::parse_if(std::size_t opening) {
  auto branch = std::make_unique<Statement>();
  branch->kind = StatementKind::if_block;
  branch->offset = next().offset;
  std::string word = "if";
  while (word != "endif") {
    if (word != "else") branch->values.push_back(parse_tuple(false, false));
    skip_op(":");
    expect_block_end();
    branch->bodies.push_back(word == "else" ? parse_until({"endif"}, opening, "if")
                                            : parse_until({"elif", "else", "endif"}, opening, "if"));
    word = next().text;
  }
  return branch;
}

std::unique_ptr<Statement> Parser::parse_set(std::size_t opening) {
  auto set = std::make_unique<Statement>();
  next();
  refuse_loop_ = loops_ > 0;
  set->targets.push_back(parse_target(true, false));
  refuse_loop_ = false;
  set->offset = current().offset;
  if (skip_op("=")) {
    set->kind = StatementKind::set;
    set->values.push_back(parse_tuple(true, false));
    return set;
  }
  set->kind = StatementKind::set_block;
  set->offset = opening;
  set->values.push_back(is_op("|") ? parse_filter_chain() : nullptr);
  skip_op(":");
  if (current().kind != TokenKind::block_end) fail_here("= or %}");
  next();
  set->bodies.push_back(parse_until({"endset"}, opening, "set"));
  next();
  return set;
}

std::unique_ptr<Statement> Parser::parse_with(std::size_t opening) {
  auto with = std::make_unique<Statement>();
  with->kind = StatementKind::with;
  with->offset = next().offset;
  while (current().kind != TokenKind::block_end && !(is_op(":") && !with->targets.empty())) {
    if (!with->targets.empty()) expect_op(",");
    with->targets.push_back(parse_target(false, false));
    expect_op("=");
    with->values.push_back(parse_expression());
  }
  skip_op(":");
  expect_block_end();
  with->bodies.push_back(parse_until({"endwith"}, opening, "with"));
  next();
  return with;
}

std::unique_ptr<Statement> Parser::parse_macro(std::size_t opening) {
  auto macro = std::make_unique<Statement>();
  macro->kind = StatementKind::macro;
  next();
  const Token name = expect_name("the name of the macro");
  macro->offset = name.offset;
  macro->name = make_target(name).name;
  macro->text = name.text;
  expect_op("(");
  while (!is_op(")")) {
    if (!macro->parameters.empty()) expect_op(",");
    Parameter parameter;
    const Token word = expect_name("the name of a parameter");
    parameter.name = make_target(word).name;
    parameter.text = word.text;
    parameter.offset = word.offset;
    for (const Parameter& earlier : macro->parameters) {
      if (earlier.text == word.text) fail("syntax", "parameter " + word.text + " appears twice", word.offset);
    }
    if (skip_op("=")) {
      parameter.fallback = parse_expression();
    } else if (!macro->parameters.empty() && macro->parameters.back().fallback != nullptr) {
      fail("syntax", "parameter " + word.text + " has no default but follows one that has", current().offset);
    }
    macro->parameters.push_back(std::move(parameter));
  }
  expect_op(")");
  skip_op(":");
  expect_block_end();
  macro_uses_.emplace_back(false, false);
  macro->bodies.push_back(parse_until({"endmacro"}, opening, "macro"));
  next();
  std::tie(macro->takes_varargs, macro->takes_kwargs) = macro_uses_.back();
  macro_uses_.pop_back();
  return macro;
}

std::unique_ptr<Statement> Parser::parse_filter_block(std::size_t opening) {
  auto block = std::make_unique<Statement>();
  block->kind = StatementKind::filter_block;
  block->offset = next().offset;
  block->values.push_back(parse_filter_chain());
  skip_op(":");
  expect_block_end();
  block->bodies.push_back(parse_until({"endfilter"}, opening, "filter"));
  next();
  return block;
}

Target Parser::make_target(const Token& name) {
  if (is_constant_word(name.text)) fail("syntax", "cannot assign to " + name.text, name.offset);
  Target target;
  target.offset = name.offset;
  // `_` alone is the usual name of a value that nobody reads.
  target.name = name.text == "_" ? parsed_.names.add("_") : name_index(name);
  return target;
}

Target Parser::parse_one_target(bool with_namespace) {
  const Level level(*this);
  if (is_op("(")) {
    const std::size_t offset = next().offset;
    Target target = parse_target(with_namespace, false);
    target.offset = offset;
    expect_op(")");
    return target;
  }
  if (current().kind != TokenKind::name) fail_here("a name to assign to");
  if (refuse_loop_ && current().text == "loop") fail_here("a name other than loop");
  Target target = make_target(next());
  if (with_namespace && skip_op(".")) {
    const Token attribute = expect_name("the name of an attribute");
    if (attribute.text.starts_with("_")) {
      fail("security", "names that begin with _ are not accessible", attribute.offset);
    }
    target.attribute = attribute.text;
  }
  return target;
}

Target Parser::parse_target(bool with_namespace, bool stop_at_in) {
  Target all;
  all.offset = current().offset;
  all.unpacks = true;
  bool comma = false;
  while (true) {
    const bool done = current().kind == TokenKind::block_end || is_op(")") || (stop_at_in && is_word("in"));
    if (comma && done) break;
    all.several.push_back(parse_one_target(with_namespace));
    if (!is_op(",")) break;
    next();
    comma = true;
  }
  if (comma) return all;
  Target single = std::move(all.several.front());
  return single;
}

std::size_t Parser::name_index(const Token& token) {
  if (token.text.starts_with("_")) {
    fail("security", "names that begin with _ are not accessible", token.offset, "rename it without the _");
  }
  return parsed_.names.add(token.text);
}

void parse_template(ParsedTemplate& parsed, const LexerOptions& options, const PromptLimits& limits) {
  Parser(parsed, tokenize(parsed.source, options), limits).run();
}

}  // namespace assay::prompt
