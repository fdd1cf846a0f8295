#pragma once
// A command is one row: name, aliases, usage, flags, completer, function. Help, completion, checks and dispatch come
// from it. Commands run on the UI thread.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/json.hpp"
#include "core/text/shell_words.hpp"
#include "repl/line_editor.hpp"
#include "repl/table.hpp"

namespace assay {

class Shell;

/// What a command has to say: lines for a person and one JSON value for `--json`.
struct Reply {
  std::vector<StyledText> lines;
  Json result = Json::object();
  bool paged = false;     // long output goes through a pager on a terminal
  std::size_t width = 0;  // for tables: 0 is "never cut"

  void line(std::string_view text) { lines.push_back(StyledText().add(text)); }
  void line(const StyledText& text) { lines.push_back(text); }
  /// Text of several lines: each LF begins a new one, everything else is made safe.
  void block(std::string_view text, std::string_view indent = "");
  void table(const Table& table);
};

struct Flag {
  std::string name;   // "--sort"
  std::string value;  // "FIELD"; "" for a switch
  std::string help;
};

/// The words of one command after its name, flags taken out.
struct Arguments {
  std::string line;              // the whole command as typed
  std::vector<ShellWord> words;  // positional
  std::map<std::string, std::string> flags;

  bool has(const std::string& flag) const { return flags.contains(flag); }
  std::size_t size() const { return words.size(); }
  const std::string& at(std::size_t i) const { return words.at(i).text; }
  /// The words from `first` on as typed, quotes kept: a query.
  std::string rest(std::size_t first) const;
};

struct Command {
  std::string name;
  std::vector<std::string> aliases;
  std::string group;
  std::string usage;    // "run_n N [QUERY]"
  std::string summary;  // one line
  std::vector<std::string> examples;
  std::vector<Flag> flags;
  std::size_t min_words = 0, max_words = SIZE_MAX;
  bool changes = false;  // refused under --read-only
  bool shown = true;     // in `help`
  std::function<void(Shell&, const Arguments&, Reply&)> run;
  /// Candidates for the word being typed, given the words before it; empty function: none.
  std::function<std::vector<Candidate>(Shell&, const std::vector<std::string>& before, std::string_view word)> complete;
};

/// Commands by name and alias, in order of their groups.
class CommandTable {
 public:
  void add(Command command);
  const Command* find(std::string_view name) const;
  /// "did you mean": a name or alias near to a mistyped one.
  std::optional<std::string> nearest_name(const std::string& name) const;
  /// Throws Error "usage": unknown command, with the nearest name.
  const Command& require(const std::string& name) const;
  const std::vector<Command>& all() const { return commands_; }

 private:
  std::vector<Command> commands_;
};

/// One input as commands: split at ';' and line ends outside quotes; '#' at the beginning of a word, not before a digit
/// (#3 is a job), begins a comment. A command that begins with '!' goes to the end of its line.
std::vector<std::string> split_commands(std::string_view text);
/// Whether a quote is open at the end: a further line is needed.
bool has_open_quote(std::string_view text);

/// Throws Error "usage" with the flag, the usage and an example.
Arguments parse_arguments(const Command& command, const std::string& line);

/// A whole number of at least `least`; throws Error "usage" naming `what`.
std::uint64_t parse_count(const std::string& text, const std::string& what, std::uint64_t least);

}  // namespace assay
