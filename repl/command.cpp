#include "repl/command.hpp"

#include <algorithm>
#include <charconv>

#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"

namespace assay {
namespace {

/// Follows quotes and backslashes as split_shell_words does.
class QuoteScanner {
 public:
  /// True when the character is outside quotes and not escaped.
  bool feed(char c) {
    if (escaped_) {
      escaped_ = false;
      return false;
    }
    if (quote_ == '\'') {
      if (c == '\'') quote_ = 0;
      return false;
    }
    if (c == '\\') {
      escaped_ = true;
      return false;
    }
    if (quote_ == '"') {
      if (c == '"') quote_ = 0;
      return false;
    }
    if (c == '"' || c == '\'') {
      quote_ = c;
      return false;
    }
    return true;
  }
  bool open() const { return quote_ != 0 || escaped_; }

 private:
  char quote_ = 0;
  bool escaped_ = false;
};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

Error usage_error(const Command& command, const std::string& what) {
  std::string hint = "usage: " + command.usage;
  if (!command.examples.empty()) hint += "   e.g. " + command.examples.front();
  return Error("usage", command.name + ": " + what, {}, hint);
}

/// The word of the usage that comes next: "run_n: N is missing".
std::string missing_words(const Command& command, std::size_t given) {
  std::vector<std::string> names;
  const std::string usage = command.usage.substr(0, command.usage.find(" | "));
  for (const ShellWord& word : split_shell_words(usage)) {
    if (!names.empty() || word.begin > 0) names.push_back(word.text);
  }
  if (given >= names.size() || !(names[given][0] >= 'A' && names[given][0] <= 'Z'))
    return given == 0 ? "an argument is missing" : "another argument is missing";
  return names[given] + " is missing";
}

}  // namespace

void Reply::block(std::string_view text, std::string_view indent) {
  while (true) {
    const auto end = text.find('\n');
    lines.push_back(StyledText().add(indent).add(text.substr(0, end)));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
    if (text.empty()) return;
  }
}

void Reply::table(const Table& table) {
  for (StyledText& one : table.lines(width)) lines.push_back(std::move(one));
}

std::string Arguments::rest(std::size_t first) const {
  std::string text;
  for (std::size_t i = first; i < words.size(); ++i) {
    if (!text.empty()) text += ' ';
    text += line.substr(words[i].begin, words[i].end - words[i].begin);
  }
  return text;
}

void CommandTable::add(Command command) {
  const auto same_group = std::find_if(commands_.rbegin(), commands_.rend(),
                                       [&](const Command& other) { return other.group == command.group; });
  commands_.insert(same_group == commands_.rend() ? commands_.end() : same_group.base(), std::move(command));
}

const Command* CommandTable::find(std::string_view name) const {
  for (const Command& command : commands_) {
    if (command.name == name ||
        std::find(command.aliases.begin(), command.aliases.end(), name) != command.aliases.end()) {
      return &command;
    }
  }
  return nullptr;
}

std::optional<std::string> CommandTable::nearest_name(const std::string& name) const {
  std::vector<std::string> names;
  for (const Command& command : commands_) {
    names.push_back(command.name);
    names.insert(names.end(), command.aliases.begin(), command.aliases.end());
  }
  return nearest(name, names);
}

const Command& CommandTable::require(const std::string& name) const {
  if (const Command* command = find(name)) return *command;
  const auto near = nearest_name(name);
  throw Error("usage", "unknown command " + name, {},
              near ? "did you mean " + *near + "? `help` lists all" : "`help` lists the commands");
}

std::vector<std::string> split_commands(std::string_view text) {
  std::vector<std::string> commands;
  QuoteScanner quotes;
  std::string current;
  bool comment = false;
  const auto flush = [&] {
    if (const auto command = trimmed(current); !command.empty()) commands.emplace_back(command);
    current.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (comment) {
      if (c != '\n') continue;
      comment = false;
    }
    if (!quotes.feed(c)) {
      current += c;
      continue;
    }
    const bool shell_line = trimmed(current).starts_with("!");
    const bool word_begins = current.empty() || current.back() == ' ' || current.back() == '\t';
    const bool before_digit = i + 1 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '9';
    if (c == '\n' || (c == ';' && !shell_line)) {
      flush();
    } else if (c == '#' && word_begins && !before_digit && !shell_line) {
      comment = true;
    } else {
      current += c;
    }
  }
  flush();
  return commands;
}

bool has_open_quote(std::string_view text) {
  QuoteScanner quotes;
  for (const char c : text) quotes.feed(c);
  return quotes.open();
}

Arguments parse_arguments(const Command& command, const std::string& line) {
  Arguments arguments;
  arguments.line = line;
  std::vector<ShellWord> words = split_shell_words(line);
  for (std::size_t i = 1; i < words.size(); ++i) {
    ShellWord& word = words[i];
    if (word.quoted || !word.text.starts_with("--") || word.text == "--") {
      if (word.text == "--" && !word.quoted) continue;
      arguments.words.push_back(std::move(word));
      continue;
    }
    const auto equals = word.text.find('=');
    const std::string name = word.text.substr(0, equals);
    if (name == "--help" || name == "--json") {
      arguments.flags[name] = "";
      continue;
    }
    const auto flag = std::find_if(command.flags.begin(), command.flags.end(),
                                   [&](const Flag& candidate) { return candidate.name == name; });
    if (flag == command.flags.end()) {
      std::vector<std::string> names;
      for (const Flag& candidate : command.flags) names.push_back(candidate.name);
      const auto near = nearest(name, names);
      throw usage_error(command, "unknown option " + name + (near ? "; did you mean " + *near + "?" : ""));
    }
    if (flag->value.empty()) {
      if (equals != std::string::npos) throw usage_error(command, name + " takes no value");
      arguments.flags[name] = "";
    } else if (equals != std::string::npos) {
      arguments.flags[name] = word.text.substr(equals + 1);
    } else if (i + 1 < words.size()) {
      arguments.flags[name] = words[++i].text;
    } else {
      throw usage_error(command, name + " needs a value: " + flag->value);
    }
  }
  if (arguments.has("--help")) return arguments;
  if (arguments.words.size() < command.min_words) {
    throw usage_error(command, missing_words(command, arguments.words.size()));
  }
  if (arguments.words.size() > command.max_words) {
    throw usage_error(command, "one argument too many: " + arguments.words[command.max_words].text);
  }
  return arguments;
}

std::uint64_t parse_count(const std::string& text, const std::string& what, std::uint64_t least) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, value);
  if (problem != std::errc() || stop != end || value < least) {
    throw Error("usage", what + " is a whole number of at least " + std::to_string(least) + ", not \"" + text + "\"");
  }
  return value;
}

}  // namespace assay
