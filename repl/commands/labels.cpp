#include "repl/commands/labels.hpp"

#include <map>

#include "core/query/completion.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

void tag(Shell& shell, const Arguments& arguments, Reply& reply) {
  Arguments query = arguments;
  std::string name = query.words.back().text;
  const bool quoted = query.words.back().quoted;
  query.words.pop_back();
  bool off = arguments.has("--remove");
  if (!quoted && name.starts_with("-") && name.size() > 1) {
    off = true;
    name.erase(0, 1);
  }
  if (!quoted && name.starts_with("tag:")) name.erase(0, 4);  // as it is written in a query
  const Selection selection = shell.select(query.rest(0));
  const std::size_t changed = shell.experiment().tag(selection.runs, name, !off);
  const std::size_t as_before = selection.runs.size() - changed;
  std::string text = describe(selection);
  if (changed == 0) {
    text += off ? ": none has the tag " + name : ": each has the tag " + name + " already";
  } else {
    text += off ? ": " + counted(changed, "has", "have") + " the tag " + name + " no longer" : " tagged " + name;
    if (as_before > 0 && !off) text += " (" + count_text(as_before) + " had it already)";
    text += off ? "; `undo` brings it back"
                : "; `ls " + quote_query_word("tag:" + name) + "` lists them, `undo` takes it back";
  }
  reply.line(text);
  reply.result = Json::object({{"tag", name}, {"on", !off}, {"selected", selection.runs.size()}, {"changed", changed}});
}

void tags(Shell& shell, const Arguments&, Reply& reply) {
  std::vector<std::pair<std::string, Tally>> groups;
  {
    const RunTable::Reader table = shell.table().read();
    for (const auto& [name, runs] : table.tagged()) {
      Tally tally;
      for (const RunId run : runs) {
        if (table.visible(run)) tally.add(table.row(run));
      }
      if (tally.n > 0) groups.emplace_back(name, tally);
    }
  }
  Table table({{"tag", false, true}, {"runs", true, false}, {"FAIL", true, false}, {"score [95 %]", false, false}});
  reply.result = Json::array();
  for (const auto& [name, tally] : groups) {
    table.row({cell(name, TextRole::name), count_cell(static_cast<std::int64_t>(tally.n)),
               count_cell(static_cast<std::int64_t>(tally.fail), tally.fail > 0 ? TextRole::bad : TextRole::plain),
               cell(tally_line(tally))});
    Json row = Json::object({{"tag", name}, {"runs", tally.n}});
    row.update(tally_json(tally));
    reply.result.push_back(std::move(row));
  }
  if (groups.empty()) {
    reply.line("no run has a tag: `tag QUERY NAME` gives one, as in `tag score:INCORRECT hard`");
  } else {
    reply.table(table);
  }
}

/// A note's place in its run, its time and its text.
void show_note(std::size_t n, const RunNote& note, Reply& reply) {
  reply.line(StyledText().add("  " + std::to_string(n) + "  " + time_text(note.at), TextRole::dim));
  reply.block(note.text, "     ");
}

void note(Shell& shell, const Arguments& arguments, Reply& reply) {
  Arguments address = arguments;
  address.words.resize(1);
  const bool writes = arguments.size() > 1 || arguments.has("--remove");
  if (writes) shell.require_writable("a note changes the experiment");
  const RunId run = shell.select_one(address.rest(0));
  const std::string name(shell.table().read().name(run));
  if (arguments.has("--remove")) {
    const RunNote taken =
        shell.experiment().remove_note(run, parse_count(arguments.flags.at("--remove"), "--remove", 1));
    reply.line("taken from " + name + "; `undo` brings it back:");
    show_note(static_cast<std::size_t>(parse_count(arguments.flags.at("--remove"), "--remove", 1)), taken, reply);
  } else if (arguments.size() > 1) {
    std::string text;
    for (std::size_t i = 1; i < arguments.size(); ++i) text += (i > 1 ? " " : "") + arguments.at(i);
    if (trim(text).empty()) throw Error("usage", "note: the text is empty", {}, "usage: note RUN TEXT");
    shell.experiment().add_note(run, text);
    reply.line("noted on " + name + "; `ls note:TEXT` finds runs by their notes");
  } else if (shell.table().read().notes(run).empty()) {
    reply.line(name + " has no note: `note " + quote_shell_word(name) + " TEXT` adds one");
  } else {
    reply.line(StyledText().add(name, TextRole::title));
  }
  std::vector<RunNote> notes;
  {
    const RunTable::Reader table = shell.table().read();
    const auto all = table.notes(run);
    notes.assign(all.begin(), all.end());
  }
  Json list = Json::array();
  for (std::size_t i = 0; i < notes.size(); ++i) {
    if (!writes) show_note(i + 1, notes[i], reply);
    list.push_back(Json::object({{"at", notes[i].at}, {"text", notes[i].text}}));
  }
  reply.result = Json::object({{"run", name}, {"notes", std::move(list)}});
}

std::vector<Candidate> complete_tag(Shell& shell, const std::vector<std::string>& before, std::string_view word) {
  std::vector<Candidate> found;
  if (before.size() > 1) {
    const bool off = word.starts_with("-");
    const RunTable::Reader table = shell.table().read();
    for (const auto& [name, runs] : table.tagged()) {
      if (name.starts_with(word.substr(off ? 1 : 0)))
        found.push_back({(off ? "-" : "") + quote_shell_word(name), counted(runs.size(), "run", "runs")});
    }
  }
  for (Candidate& one : complete_query(shell, before, word)) found.push_back(std::move(one));
  return found;
}

}  // namespace

void add_label_commands(CommandTable& table) {
  const std::string group = "batches and runs";
  table.add({"tag",
             {},
             group,
             "tag QUERY NAME | tag QUERY -NAME",
             "label runs, or take the label off; `tag:NAME` finds them in every query",
             {"tag score:INCORRECT hard", "tag 1-3 -hard"},
             {{"--remove", "", "take the tag off, as -NAME does"}},
             2,
             SIZE_MAX,
             true,
             true,
             tag,
             complete_tag});
  table.add({"tags", {}, group, "tags", "the tags, with how many runs have each", {}, {}, 0, 0, false, true, tags, {}});
  table.add({"note",
             {"notes"},
             group,
             "note RUN [TEXT]",
             "write a note on a run, or read its notes; `note:TEXT` finds runs by them",
             {"note 3 the key is wrong", "note 3", "note 3 --remove 1"},
             {{"--remove", "K", "take note K away"}},
             1,
             SIZE_MAX,
             false,
             true,
             note,
             [](Shell& shell, const std::vector<std::string>& before, std::string_view word) {
               return complete_query(shell, before, word);
             }});
}

}  // namespace assay
