#include "repl/mistakes.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "core/query/field.hpp"
#include "core/text/edit_distance.hpp"
#include "core/text/words.hpp"
#include "repl/shell.hpp"

namespace assay {
namespace {

constexpr std::string_view kNoBreakSpace = "\u00a0";
constexpr std::array<std::string_view, 4> kCurlyQuotes = {"\u201c", "\u201d", "\u2018", "\u2019"};

/// Words of other programs, and the command that does the same here. `rest`: what was typed behind the word goes with
/// it.
struct Known {
  std::string_view word, instead;
  bool rest;
};
constexpr std::array kKnown = {
    Known{"show", "detail", true},
    Known{"cat", "detail", true},
    Known{"view", "detail", true},
    Known{"print", "detail", true},
    Known{"inspect", "detail", true},
    Known{"describe", "detail", true},
    Known{"delete", "drop", true},
    Known{"del", "drop", true},
    Known{"rm", "drop", true},
    Known{"remove", "drop", true},
    Known{"start", "run_n 8", false},
    Known{"go", "run_n 8", false},
    Known{"execute", "run_n 8", false},
    Known{"begin", "run_n 8", false},
    Known{"runall", "run_n 8", false},
    Known{"run_all", "run_n 8", false},
    Known{"find", "ls", true},
    Known{"grep", "ls", true},
    Known{"search", "ls", true},
    Known{"filter", "ls", true},
    Known{"where", "ls", true},
    Known{"dir", "ls", true},
    Known{"ll", "ls", true},
    Known{"runs", "ls", false},
    Known{"count", "stats", true},
    Known{"score", "stats", true},
    Known{"scores", "stats", true},
    Known{"accuracy", "stats", true},
    Known{"results", "report", true},
    Known{"result", "report", true},
    Known{"retry", "rerun_fails", false},
    Known{"redo", "rerun", true},
    Known{"restart", "rerun", true},
    Known{"abort", "cancel", false},
    Known{"kill", "cancel", false},
    Known{"ps", "jobs", false},
    Known{"top", "status", false},
    Known{"info", "status", false},
    Known{"progress", "status", false},
    Known{"import", "load", true},
    Known{"open", "load", true},
    Known{"read", "load", true},
    Known{"new", "load", true},
    Known{"create", "load", true},
    Known{"write", "save", true},
    Known{"dump", "save", true},
    Known{"revert", "undo", false},
    Known{"config", "set", true},
    Known{"settings", "set", false},
    Known{"options", "set", false},
    Known{"price", "cost", false},
    Known{"label", "tag", true},
    Known{"comment", "note", true},
    Known{"annotate", "note", true},
    Known{"graph", "plot", true},
    Known{"chart", "plot", true},
    Known{"copy", "fork", true},
    Known{"man", "help", true},
    Known{"commands", "help", false},
    Known{"usage", "help", true},
    Known{"cls", "clear", false},
    Known{"bye", "exit", false},
    Known{"logout", "exit", false},
    Known{"end", "exit", false},
    Known{":q", "exit", false},
    Known{":wq", "exit", false},
    Known{"\\q", "exit", false},
    Known{".exit", "exit", false},
    Known{".quit", "exit", false},
    Known{".help", "help", false},
    Known{"\\?", "help", false},
    Known{"next", "ls", false},
};

constexpr auto kSystem = std::to_array<std::string_view>(
    {"cd",      "pwd",  "mkdir", "cp",   "mv",    "git",   "pip",     "pip3", "python", "python3", "ipython",
     "jupyter", "vi",   "vim",   "nano", "emacs", "head",  "tail",    "wc",   "less",   "more",    "curl",
     "wget",    "bash", "sh",    "zsh",  "sudo",  "apt",   "npm",     "node", "uv",     "conda",   "docker",
     "ssh",     "scp",  "touch", "echo", "which", "chmod", "sqlite3", "tmux", "make",   "awk",     "sed"});
constexpr auto kFilters = std::to_array<std::string_view>(
    {"grep", "less", "more", "head", "tail", "wc", "sort", "cut", "awk", "sed", "tee", "jq", "uniq", "xargs"});
constexpr auto kSql =
    std::to_array<std::string_view>({"select", "insert", "update", "delete", "create", "alter", "pragma", "with"});
constexpr auto kTalk = std::to_array<std::string_view>(
    {"hello", "hi", "hey", "thanks", "please", "what", "how", "why?", "where?", "who", "test", "ping"});

template <typename List>
bool among(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::string_view first_word(std::string_view line) { return line.substr(0, line.find_first_of(" \t\n")); }

std::string quoted_command(std::string_view text) { return "`" + std::string(trim(text)) + "`"; }

bool is_sql(std::string_view line) {
  const std::string low = ascii_lower(line);
  const std::string word(first_word(low));
  if (!among(kSql, word)) return false;
  return low.find(" from ") != std::string::npos || low.find(" into ") != std::string::npos ||
         low.find(" set ") != std::string::npos || low.find(" table ") != std::string::npos || word == "pragma" ||
         word == "select";
}

/// The hint for a word that is no command; "" when nothing strikes.
std::string hint_for(const CommandTable& commands, const std::string& line) {
  const std::string word(first_word(line)), low = ascii_lower(word);
  const std::string rest(trim(std::string_view(line).substr(word.size())));
  const auto with_rest = [&](std::string_view command) {
    return quoted_command(std::string(command) + (rest.empty() ? "" : " " + rest));
  };
  if (is_sql(line)) {
    return "this is no SQL: `ls status:FAIL data.k=3` selects, `stats by FIELD` counts; `sqlite3 FILE` reads the "
           "experiment file from the system's shell (views: runs, attempts, call_list)";
  }
  if (word == "$" || word == "%") return "that is a line of the system's shell: " + quoted_command("! " + rest);
  if (low == "assay" || low.ends_with("/assay") || low.ends_with("app/run")) {
    if (rest.empty() || rest.starts_with("-") || rest.find(".assay") != std::string::npos)
      return "assay runs already, and this is its prompt; another experiment is opened from the system's shell";
    return "assay runs already, and this is its prompt: " + quoted_command(rest);
  }
  if (const auto bracket = low.find('('); bracket != std::string::npos && bracket > 0 && low.ends_with(')')) {
    const std::string name = low.substr(0, bracket);
    if (const Command* command = commands.find(name))
      return "commands have no parentheses: " + quoted_command(command->name);
  }
  if (commands.find(low) != nullptr) return "commands are written in small letters: " + with_rest(low);
  for (const Known& known : kKnown) {
    if (known.word != low) continue;
    if (known.instead == "drop" && rest.empty()) return "`drop QUERY` takes runs out; `undo` brings them back";
    if (known.instead == "detail" && rest.empty()) return "`detail RUN` shows a run, `ls` lists them, `status` counts";
    return known.rest ? "here it is " + with_rest(known.instead) : "here it is " + quoted_command(known.instead);
  }
  if (low == "cd") {
    std::error_code problem;
    return "assay stays in the folder where it was started (" + std::filesystem::current_path(problem).string() +
           "); files may be named by whole paths, `! ls ..` looks around";
  }
  if (among(kSystem, low) || low.starts_with("./") || low.ends_with(".py") || low.ends_with(".sh"))
    return "for the system's shell put ! before it: " + quoted_command("! " + line);
  if (low.ends_with(".assay"))
    return "`load " + word + "` brings the runs of that experiment in; to work in it: exit, `assay " + word + "`";
  if (low.ends_with(".json") || low.ends_with(".jsonl") || low.ends_with(".csv") || low.ends_with(".tsv"))
    return "`load KIND " + word + "` makes runs of a file; `kinds` lists the kinds";
  if (among(kTalk, low))
    return "this is a command line: models are asked by the runs of a batch. `help` lists the commands; a first try: "
           "load arithmetic sample; run_n 8; ls";
  if (!word.empty() && word.find_first_not_of("0123456789.-,[]+*/=()") == std::string::npos) {
    if (word.find_first_of("+*/=(") != std::string::npos) return "this is no calculator; `help` lists the commands";
    return "a number is a run of the last `ls`: " + quoted_command("detail " + word);
  }
  if (word.find(':') != std::string::npos && word.find("//") == std::string::npos)
    return "a query stands behind a command: " + quoted_command("ls " + line);
  if (const auto near = commands.nearest_name(low)) return "did you mean " + *near + "? `help` lists all";
  return {};
}

}  // namespace

std::string mended_line(std::string_view line) {
  for (const std::string_view prompt : {"assay> ", "...> "}) {
    if (line.starts_with(prompt)) line = trim(line.substr(prompt.size()));
  }
  std::string mended;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == 0 && line.substr(i).starts_with(kNoBreakSpace)) {
      mended += ' ';
      i += kNoBreakSpace.size() - 1;
      continue;
    }
    if (c == '\\' && quote != '\'' && i + 1 < line.size()) {
      mended += c;
      mended += line[++i];
      continue;
    }
    if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    }
    mended += c;
  }
  return std::string(trim(mended));
}

Error unknown_command(const CommandTable& commands, const std::string& line) {
  const std::string word(first_word(line));
  const std::string hint = hint_for(commands, line);
  return Error("usage", "unknown command " + word, {}, hint.empty() ? "`help` lists the commands" : hint);
}

void refuse_foreign_words(const Command& command, const std::string& line) {
  const std::vector<ShellWord> words = split_shell_words(line);
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i].quoted) continue;
    const std::string& word = words[i].text;
    const std::string next = i + 1 < words.size() ? words[i + 1].text : "";
    const std::string before = line.substr(0, words[i].begin);
    if (word == "|" && among(kFilters, ascii_lower(next))) {
      std::string hint = "a | is OR in a query; output is not piped here";
      if (next == "grep" && i + 2 < words.size()) {
        hint = "`ls " + words[i + 2].text +
               "` lists the runs whose name contains it; answer:TEXT, log:TEXT and err:TEXT look into them";
      } else if (next == "less" || next == "more") {
        hint = "long output is paged by itself on a terminal: " + quoted_command(before);
      } else if (next == "head" || next == "tail") {
        hint = "`ls --limit N` prints the first N";
      } else if (next == "wc") {
        hint = "`status` and `stats` count";
      } else if (next == "sort" || next == "uniq") {
        hint = "`ls --sort FIELD` sorts, `stats by FIELD` counts what is the same";
      }
      throw Error("usage", command.name + ": there are no pipes between commands", {}, hint);
    }
    if (word == ">" || word == ">>" || (word.starts_with(">") && i + 1 == words.size())) {
      if (i > 1 && find_field(words[i - 1].text.substr(0, words[i - 1].text.find('.'))) != nullptr)
        throw Error("usage", command.name + ": a comparison is written without blanks", {},
                    words[i - 1].text + word + next);
      const std::string file = word.size() > 2 || next.empty() ? "FILE" : next;
      throw Error("usage", command.name + ": output is not redirected here", {},
                  "`export csv " + file +
                      "` writes a table of the runs, `save FILE.json` all there is of them, "
                      "`report BATCH FILE.html` the results");
    }
    if (word == "&&" || word == "||") {
      throw Error("usage", command.name + ": commands are separated by ;", {},
                  quoted_command(std::string(trim(before)) + "; " + std::string(trim(line.substr(words[i].end)))));
    }
    const bool option = word.size() > 1 && word[0] == '-' && std::all_of(word.begin() + 1, word.end(), [](char c) {
                          return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
                        });
    const bool value = std::any_of(command.flags.begin(), command.flags.end(), [&](const Flag& flag) {
      return !flag.value.empty() && flag.name == words[i - 1].text;  // --sort -name
    });
    if (option && !value && command.name != "tag" && command.name != "set" && command.name != "note") {
      std::vector<std::string> names;
      for (const Flag& flag : command.flags) names.push_back(flag.name);
      const auto near = nearest("-" + word, names);
      throw Error("usage", command.name + ": there is no option " + word, {},
                  (near ? "did you mean " + *near + "? " : "") + "usage: " + command.usage +
                      (command.flags.empty() ? "" : "   options: " + joined(names)));
    }
  }
}

std::string error_hint(std::string_view line) {
  for (const std::string_view quote : kCurlyQuotes) {
    if (line.find(quote) != std::string_view::npos)
      return "the curly quotes in it are text: words are joined by straight ones, \" or '";
  }
  const std::string_view word = first_word(line);
  const std::string rest(trim(line.substr(word.size())));
  const bool number = !rest.empty() && rest.find_first_not_of("0123456789") == std::string::npos;
  if (word == "run" && number) return "all that is not done, " + rest + " at a time: `run_n " + rest + "`";
  if (word == "run" && rest.empty()) return "all that is not done, 8 at a time: `run_n 8`";
  if (word == "run_n" && rest.empty())
    return "N runs are in flight at a time: `run_n 8` executes all that are not done";
  if (word == "run_n" && !number && rest.find_first_of(" -.\"'") == std::string::npos)
    return "N runs are in flight at a time, then what to run: `run_n 8 " + rest + "`";
  if ((word == "status" || word == "s" || word == "batches") && !rest.empty() && rest[0] != '-')
    return "`ls " + rest + "` lists such runs, `stats " + rest + "` counts them";
  if (rest.find("--dry-run") != std::string::npos) return "`run_n N --estimate` prices runs without asking anything";
  return {};
}

std::vector<std::string> query_hints(Shell& shell, const std::string& query) {
  std::vector<std::string> hints;
  const std::string_view text = trim(query);
  if (text.empty()) return hints;
  std::error_code problem;
  if (text.find('*') != std::string_view::npos) {
    hints.emplace_back("* alone is every run; a pattern of names is r:REGEX; files are listed by `! ls " +
                       std::string(text) + "`");
  } else if (std::filesystem::exists(std::filesystem::path(std::string(text)), problem)) {
    hints.push_back("ls lists runs; files are listed by `! ls " + std::string(text) + "`, and `load KIND " +
                    std::string(text) + "` makes runs of one");
  } else if (text.find_first_of(" |!()~=<>:\"'") == std::string_view::npos) {
    const std::string low = ascii_lower(text);
    for (const char* word : {"READY", "INCOMPLETE", "COMPLETE", "FAIL", "CORRECT", "INCORRECT"}) {
      const std::string small = ascii_lower(word);
      if (text == word) return hints;
      if (low == small || low == small + "s" || low == small + "ed" || low == small + "d") {
        hints.push_back(std::string(word) + " in capitals selects by status or score: `ls " + word + "`");
        return hints;
      }
    }
    const Selection any_case = shell.select("i:" + quote_shell_word(std::string(text)), true, false);
    if (!any_case.runs.empty()) {
      hints.push_back(counted(any_case.runs.size(), "run", "runs") +
                      " when capitals don't count: `ls i:" + std::string(text) + "`");
    } else {
      hints.emplace_back(
          "a word is looked for in the runs' names; in what they hold: answer:TEXT context:TEXT "
          "data.FIELD:TEXT log:TEXT err:TEXT");
    }
  }
  return hints;
}

}  // namespace assay
