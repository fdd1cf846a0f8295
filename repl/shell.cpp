#include "repl/shell.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <map>

#include "core/engine/stoppable_sleep.hpp"
#include "core/store/damage_count.hpp"
#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "repl/commands/bulk.hpp"
#include "repl/commands/compare.hpp"
#include "repl/commands/repair.hpp"
#include "repl/mistakes.hpp"
#include "repl/open_jobs.hpp"
#include "repl/pager.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

/// Says what a terminal executes, while it does; of commands within a command the outermost.
class Doing {
 public:
  Doing(Terminals& terminals, std::size_t number, int& depth, const std::string& line)
      : terminals_(terminals), number_(number), depth_(depth) {
    if (depth_++ == 0) terminals_.set_does(number_, line);
  }
  ~Doing() {
    if (--depth_ == 0) terminals_.set_does(number_, "");
  }
  Doing(const Doing&) = delete;
  Doing& operator=(const Doing&) = delete;

 private:
  Terminals& terminals_;
  const std::size_t number_;
  int& depth_;
};

}  // namespace

StyledText shell_prompt() { return StyledText(safe("assay> "), TextRole::prompt); }
StyledText shell_continuation() { return StyledText(safe("  ...> "), TextRole::dim); }

StyledText shell_title(const std::string& version, const std::string& path) {
  return StyledText().add("assay " + version + "  ", TextRole::title).add(path);
}

std::vector<SettingSpec> shell_settings() {
  const auto duration = [](const std::string& text) { parse_duration(text); };
  const auto count = [](const std::string& text) { parse_count(text, "it", 1); };
  return {
      {"ls.limit", "50", "rows that `ls` prints", count},
      {"term_grace", "5s", "how long SIGTERM waits for calls in flight to be recorded", duration},
      {"hangup_grace", "10m", "how long a lost terminal waits for runs in flight", duration},
      {"on_hangup", "drain", "when the terminal is lost: drain (runs in flight end, nothing new begins) or go_on",
       [](const std::string& text) {
         if (text != "drain" && text != "go_on")
           throw Error("usage", "on_hangup is drain or go_on, not \"" + text + "\"");
       }},
      {"bulk.poll", "45s", "how often lane=auto asks the provider how far its files are", duration},
      {"bulk.margin", "1h", "how long before its deadline lane=auto sends live what has no answer", duration},
  };
}

Shell::Shell(ShellParts parts, ShellOptions options)
    : parts_(parts),
      options_(std::move(options)),
      out_(options_.port == nullptr ? Screen(options_.out, terminal_facts(options_.out))
                                    : Screen(*options_.port, options_.port_facts, false)),
      error_(options_.port == nullptr ? Screen(options_.error, terminal_facts(options_.error))
                                      : Screen(*options_.port, options_.port_facts, true)),
      turn_(parts.terminals.gate()) {
  add_session_commands(commands_);
  add_batch_commands(commands_);
  add_fork_command(commands_);
  add_running_commands(commands_);
  add_looking_commands(commands_);
  add_run_commands(commands_);
  add_call_commands(commands_);
  add_scoring_commands(commands_);
  add_compare_command(commands_);
  add_file_commands(commands_);
  add_repair_command(commands_);
  add_bulk_command(commands_);
  add_terminal_commands(commands_);
  editor().set_is_complete([](std::string_view text) { return !has_open_quote(text); });
  editor().set_completer([this](std::string_view line, std::size_t cursor) { return complete(line, cursor); });
  ticker_ = std::jthread([this](const std::stop_token& stop) { tick(stop); });
}

Shell::~Shell() {
  leave_terminals();
  ticker_.request_stop();
  if (ticker_.joinable()) ticker_.join();
  if (options_.attached) return;
  terminals().stop_background();
  terminals().join_background();
}

bool Shell::run_script(std::string_view text, const std::string& name) {
  if (++depth_ > 20) {
    --depth_;
    throw Error("usage", "scripts call each other more than 20 deep", name);
  }
  outside_turn([&] {
    for (const std::string& line : split_commands(text)) {
      if (leaving()) break;
      if (!run_command(line) && stop_at_error_) leaving_ = true;
    }
  });
  --depth_;
  return !leaving();
}

void Shell::run_interactive(std::optional<ReadResult> first) {
  while (!leaving() && !detached_) {
    const ReadResult read = first ? *first : editor().read(shell_prompt(), shell_continuation());
    first.reset();
    if (read.kind == ReadResult::Kind::interrupted) {
      interrupts_ = 0;
      continue;
    }
    if (read.kind == ReadResult::Kind::gone) {
      end_by_signal(SIGHUP);
      break;
    }
    if (read.kind == ReadResult::Kind::end) {
      if (options_.interactive) {
        ask_before_leaving();
      } else {
        leaving_ = true;
      }
      continue;
    }
    interrupts_ = 0;
    for (const std::string& line : split_commands(read.text)) {
      if (leaving() || detached_) break;
      if (!run_command(line) && stop_at_error_) leaving_ = true;
    }
  }
}

bool Shell::run_command(const std::string& typed) {
  std::string line = mended_line(typed);
  if (line.empty()) return true;
  const bool beside = !line.starts_with("!") && line.ends_with(" &");
  if (beside) line = line.substr(0, line.size() - 2);
  const std::string word = line.substr(0, line.find_first_of(" \t\n"));
  const std::size_t damaged = damaged_records(store());
  const auto tell_damage = [&] {  // at once, by the command that met it
    const std::size_t now = damaged_records(store());
    if (now <= damaged) return;
    (options_.interactive ? out_ : error_)
        .line(StyledText().add(counted(now - damaged, "damaged record was", "damaged records were") +
                                   " met and set aside: `check` names what is damaged",
                               TextRole::warn));
  };
  beside_ = beside;
  try {
    if (line.size() > (1U << 20)) throw Error("usage", "a command line has at most 1 MiB");
    const bool shell_line = line.starts_with("!");
    const Command* known = commands_.find(shell_line ? "!" : word);
    if (known == nullptr) throw unknown_command(commands_, line);
    const Command& command = *known;
    Arguments arguments;
    if (shell_line) {
      arguments.line = line;
    } else {
      refuse_foreign_words(command, line);
      arguments = parse_arguments(command, line);
    }
    Reply reply;
    reply.width = options_.json ? 0 : out_.table_width();
    if (arguments.has("--help")) {
      commands_.require("help").run(*this, parse_arguments(commands_.require("help"), "help " + command.name), reply);
    } else {
      if (command.changes) require_writable(command.name + " changes the experiment");
      const Doing doing(terminals(), number_, doing_, line);
      in_turn([&] { command.run(*this, arguments, reply); });
    }
    show(command, reply, line);
    tell_damage();
    if (arguments.has("--json") && !options_.json) {
      out_.json_line(dump_json(reply.result));
    }
    return true;
  } catch (const Error& error) {
    const std::string more = error_hint(line);
    show_error(word, error.kind(), error.what(),
               error.hint() + (error.hint().empty() || more.empty() ? "" : "\n") + more);
  } catch (const std::bad_alloc&) {
    show_error(word, "memory", "not enough memory for this command", "");
  } catch (const std::exception& error) {
    show_error(word, "internal", std::string("a fault of assay's own: ") + error.what(),
               "please report it; nothing is lost");
  }
  tell_damage();
  failed_ = true;
  return false;
}

void Shell::show(const Command& command, const Reply& reply, const std::string& line) {
  if (options_.json) {
    Json object = Json::object();
    object["command"] = line.substr(0, line.find_first_of(" \t\n"));
    object["ok"] = true;
    object["result"] = reply.result;
    out_.json_line(dump_json(object));
    return;
  }
  // `--json` after a command: the value alone is printed, by run_command.
  if (line.find("--json") != std::string::npos && parse_arguments(command, line).has("--json")) return;
  if (reply.paged && options_.interactive && options_.port != nullptr) {
    options_.port->paged(reply.lines);
  } else if (reply.paged && options_.interactive) {
    show_paged(out_, reply.lines, [this] { return parts_.models.child_environment(); });
  } else {
    for (const StyledText& one : reply.lines) out_.line(one);
  }
}

void Shell::show_error(const std::string& word, const std::string& kind, const std::string& message,
                       const std::string& hint) {
  if (options_.json) {
    Json object = Json::object();
    object["command"] = word;
    object["ok"] = false;
    object["error"] = Json::object({{"kind", kind}, {"message", message}});
    if (!hint.empty()) object["error"]["hint"] = hint;
    out_.json_line(dump_json(object));
    return;
  }
  Screen& screen = options_.interactive ? out_ : error_;
  std::string_view rest = message;
  bool first = true;
  while (true) {
    const auto end = rest.find('\n');
    StyledText text;
    if (first) text.add("error: ", TextRole::bad);
    screen.line(text.add(rest.substr(0, end)));
    first = false;
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  if (hint.empty()) return;
  rest = hint;  // a query's hint is two lines: its text, and a caret under the place
  while (true) {
    const auto end = rest.find('\n');
    screen.line(StyledText().add("       ").add(rest.substr(0, end), TextRole::dim));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
}

Selection Shell::select(const std::string& query, bool all_runs, bool must_match) {
  const bool none_yet = table().read().size() == 0;
  if (must_match && none_yet) {
    throw Error("empty", "there are no runs yet", {}, "`load KIND FILE` makes some; try `load arithmetic sample`");
  }
  Scope scope;
  if (listing_) scope.listing = &*listing_;
  scope.from_all = all_runs;
  const Query parsed = parse_query(query);
  Selection selection;
  const auto find = [&](const Advance& advance) {
    StorePayloads payloads(parts_.experiment, advance);
    selection = assay::select(parsed, table(), scope, &payloads);
  };
  if (parsed.needs_payload()) {
    compute("looking into runs", find);
  } else {
    find({});
  }
  if (must_match && selection.runs.empty()) {
    std::string hint;
    if (selection.outside.value_or(0) > 0) {
      hint = "`ls QUERY` starts from all runs; `all` reaches beyond the listing";
    } else if (selection.listed && selection.scope == 0) {
      hint = "`ls` lists all runs again";
    } else {
      hint = joined(query_hints(*this, query), "\n");
    }
    throw Error("empty", describe(selection), {}, hint);
  }
  return selection;
}

RunId Shell::select_one(const std::string& query) {
  const Selection selection = select(query);
  if (selection.runs.size() != 1) {
    throw Error("usage", "one run is needed; " + query + " selects " + count_text(selection.runs.size()));
  }
  return selection.runs.front();
}

std::vector<std::unique_ptr<BatchView>> Shell::views(const std::vector<RunId>& runs) {
  std::map<BatchId, std::vector<RunId>> members;
  {
    const RunTable::Reader reader = table().read();
    for (const RunId run : runs) members[reader.row(run).batch].push_back(run);
  }
  std::vector<std::unique_ptr<BatchView>> views;
  for (auto& [batch, ids] : members) {
    std::sort(ids.begin(), ids.end());
    views.push_back(experiment().view(batch, std::move(ids)));
  }
  return views;
}

SteadyTime Shell::engine_now() { return parts_.experiment.clock().steady(); }

BulkDesk& Shell::bulk() {
  if (parts_.bulk == nullptr) throw Error("usage", "this program has no bulk files");
  return *parts_.bulk;
}

void Shell::greet(bool titled) {
  const std::size_t runs = table().read().size();
  const std::string count = runs == 0 ? "no runs yet" : count_text(runs) + " runs";
  const StyledText next =
      StyledText().add(runs == 0 ? "`help` lists the commands; a first try: load arithmetic sample; run_n 8; ls"
                                 : "`help` lists the commands",
                       TextRole::dim);
  if (titled) {
    editor().print_above(StyledText().add(count + "; ").add(next));
    return;
  }
  out_.line(shell_title(options_.version, store().path()).add(", " + count));
  if (options_.attached) {
    out_.line(StyledText().add("attached to pid " + std::to_string(getpid()) +
                                   (options_.read_only ? ", read-only" : ", in control") +
                                   "; `exit` leaves it, and it goes on",
                               TextRole::dim));
    return;
  }
  out_.line(next);
}

std::vector<std::string> Shell::history() const { return parts_.editor.history(); }

void Shell::notice(const std::string& text) {
  if (options_.interactive || options_.attached) {
    editor().print_above(StyledText().add(text, TextRole::warn));
  } else {
    error_.line(StyledText().add(text, TextRole::warn));
  }
}

Completions Shell::complete(std::string_view line, std::size_t cursor) {
  // Only the command that the cursor is in.
  const std::string_view before = line.substr(0, cursor);
  const auto start = before.find_last_of(";\n");
  const std::string_view part = start == std::string_view::npos ? before : before.substr(start + 1);
  const std::size_t offset = cursor - part.size();
  const auto space = part.find_last_of(" \t");
  const std::string_view word = space == std::string_view::npos ? part : part.substr(space + 1);
  Completions result;
  result.begin = offset + part.size() - word.size();
  std::vector<std::string> words;
  try {
    for (const ShellWord& one : split_shell_words(part.substr(0, part.size() - word.size()))) words.push_back(one.text);
    if (words.empty()) {
      for (const Command& command : commands_.all()) {
        if (command.shown && command.name.starts_with(word))
          result.candidates.push_back({command.name, command.summary});
      }
      return result;
    }
    const Command* command = commands_.find(words.front());
    if (command == nullptr) return result;
    if (word.starts_with("--")) {
      for (const Flag& flag : command->flags) {
        if (flag.name.starts_with(word)) result.candidates.push_back({flag.name, flag.help});
      }
    } else if (command->complete) {
      result.candidates = command->complete(*this, words, word);
    }
  } catch (const Error&) {
    return result;  // an unfinished quote: nothing to offer
  }
  return result;
}

}  // namespace assay
