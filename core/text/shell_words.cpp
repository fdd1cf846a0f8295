#include "core/text/shell_words.hpp"

#include "core/text/error.hpp"

namespace assay {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

[[noreturn]] void fail(const std::string& message, std::size_t at) {
  throw Error("usage", message, "column " + std::to_string(at + 1));
}

}  // namespace

std::vector<ShellWord> split_shell_words(std::string_view line) {
  std::vector<ShellWord> words;
  std::size_t at = 0;
  while (at < line.size()) {
    if (is_space(line[at])) {
      ++at;
      continue;
    }
    ShellWord word;
    word.begin = at;
    while (at < line.size() && !is_space(line[at])) {
      const char c = line[at];
      if (c != '\'' && c != '"' && c != '\\') {
        word.text += c;
        ++at;
        continue;
      }
      word.quoted = true;
      if (c == '\\') {
        if (at + 1 == line.size()) fail("a backslash with nothing after it", at);
        word.text += line[at + 1];
        at += 2;
        continue;
      }
      const std::size_t open = at++;
      for (; at < line.size() && line[at] != c; ++at) {
        if (c == '"' && line[at] == '\\' && at + 1 < line.size()) {
          const char next = line[at + 1];
          if (next == '"' || next == '\\' || next == '$' || next == '`' || next == '\n') ++at;
        }
        word.text += line[at];
      }
      if (at == line.size()) fail(std::string("the quote ") + c + " is not closed", open);
      ++at;
    }
    word.end = at;
    words.push_back(std::move(word));
  }
  return words;
}

std::string quote_shell_word(std::string_view word) {
  constexpr std::string_view harmless = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-+=:,/@%^";
  bool plain = !word.empty();
  for (const char c : word) plain = plain && (harmless.find(c) != std::string_view::npos || (c & 0x80) != 0);
  if (plain) return std::string(word);
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out += "'";
}

}  // namespace assay
