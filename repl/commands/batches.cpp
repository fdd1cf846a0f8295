// ls, batches, rename, drop, undo

#include <algorithm>

#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "repl/commands/labels.hpp"
#include "repl/commands/load.hpp"
#include "repl/cost_text.hpp"
#include "repl/mistakes.hpp"
#include "repl/run_list.hpp"
#include "repl/run_sort.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

/// Where a page of the listing begins, from 0. Throws Error beyond its end.
std::size_t page_begin(const Arguments& arguments, std::size_t limit, std::size_t runs) {
  if (arguments.has("--page") && arguments.has("--from"))
    throw Error("usage", "--page and --from both say where to begin: name one");
  if (arguments.has("--from")) {
    const std::uint64_t from = parse_count(arguments.flags.at("--from"), "--from", 1);
    if (from <= std::max<std::uint64_t>(runs, 1)) return from - 1;
    throw Error("usage", "--from " + count_text(from) + ": there are " + count_text(runs) + " runs");
  }
  if (!arguments.has("--page")) return 0;
  const std::uint64_t page = parse_count(arguments.flags.at("--page"), "--page", 1);
  if (limit == 0) throw Error("usage", "--page: a page of --limit 0 has no rows");
  const std::uint64_t pages = std::max<std::uint64_t>(1, (runs + limit - 1) / limit);
  if (page <= pages) return (page - 1) * limit;
  throw Error("usage", "--page " + count_text(page) + ": there " + (pages == 1 ? "is" : "are") + " " +
                           counted(pages, "page", "pages") + " of " + count_text(limit) + " rows");
}

/// What is left after the rows that were shown, and how to see the next of them: in the listing as it is pinned now.
StyledText next_page_line(const Arguments& arguments, std::size_t from, std::size_t limit, std::size_t runs) {
  const std::size_t to = from + std::min(limit, runs - from);
  if (limit == 0 || to >= runs) return {};
  std::string command = "ls .";
  for (const char* flag : {"--columns", "--limit"}) {
    if (arguments.has(flag)) command += std::string(" ") + flag + " " + quote_shell_word(arguments.flags.at(flag));
  }
  const bool whole = from % limit == 0;
  command += whole ? " --page " + std::to_string(to / limit + 1) : " --from " + std::to_string(to + 1);
  return StyledText().add("+" + count_text(runs - to) + " more: " + command, TextRole::dim);
}

void ls(Shell& shell, const Arguments& arguments, Reply& reply) {
  std::string query = arguments.rest(0);
  bool narrow = false;
  if (arguments.size() > 0 && arguments.at(0) == "." && !arguments.words.front().quoted) {
    narrow = true;
    query = arguments.rest(1);
  }
  std::vector<RunId> runs;
  if (narrow && query.empty() && shell.listing()) {
    runs = *shell.listing();
  } else {
    runs = shell.select(query.empty() ? "*" : query, !narrow, false).runs;
  }
  std::size_t limit = parse_count(shell.settings().get("ls.limit"), "ls.limit", 1);
  if (arguments.has("--limit")) limit = parse_count(arguments.flags.at("--limit"), "--limit", 0);
  RunListOptions options;
  options.limit = limit;
  options.from = page_begin(arguments, limit, runs.size());
  if (arguments.has("--columns")) options.columns = split_columns(arguments.flags.at("--columns"));
  if (arguments.has("--sort")) {
    const std::string& field = arguments.flags.at("--sort");
    shell.compute("reading " + field,
                  [&](const Advance& advance) { sort_runs(shell.experiment(), runs, field, advance); });
  }
  shell.set_listing(std::move(runs));
  const std::vector<RunId>& listed = *shell.listing();
  draw_runs(shell.experiment(), listed, options, reply);
  if (listed.empty()) {
    if (shell.table().read().size() == 0) {
      reply.line("there are no runs yet: `load KIND FILE` makes some");
    } else {
      reply.line(narrow ? "no listed run matches: `ls QUERY` starts from all runs" : "no run matches");
      for (const std::string& hint : query_hints(shell, narrow ? arguments.rest(1) : arguments.rest(0)))
        reply.line(StyledText().add("  " + hint, TextRole::dim));
    }
  } else if (limit == 0) {
    reply.line(StyledText().add(counted(listed.size(), "run", "runs") + " listed", TextRole::dim));
  } else if (const StyledText line = next_page_line(arguments, options.from, limit, listed.size()); !line.empty()) {
    reply.line(line);
  }
}

void batches(Shell& shell, const Arguments&, Reply& reply) {
  struct Group {
    BatchInfo info;
    Tally tally;
    bool unpriced = false;  // calls were made, and no price is known for them
  };
  std::vector<Group> groups;
  {
    const RunTable::Reader table = shell.table().read();
    for (const BatchInfo& info : table.batches()) {
      if (info.dropped) continue;
      Group group{info, {}};
      bool called = false;
      for (RunId run = info.first; run < info.first + info.count; ++run) {
        if (!table.visible(run)) continue;
        group.tally.add(table.row(run));
        called = called || table.row(run).calls > 0;
      }
      group.unpriced = called && has_unpriced_model(info);
      groups.push_back(std::move(group));
    }
  }
  Table table({{"batch", false, true},
               {"kind", false, false},
               {"model", false, true},
               {"runs", true, false},
               {"READY", true, false},
               {"INCOMPLETE", true, false},
               {"COMPLETE", true, false},
               {"FAIL", true, false},
               {"score", true, false},
               {"cost", true, false}});
  reply.result = Json::array();
  for (const Group& group : groups) {
    const Tally& tally = group.tally;
    const auto count = [](std::uint64_t n, TextRole role = TextRole::plain) {
      return count_cell(static_cast<std::int64_t>(n), role);
    };
    table.row({cell(group.info.name, TextRole::name), cell(group.info.kind), cell(group.info.model), count(tally.n),
               count(tally.ready), count(tally.incomplete), count(tally.complete),
               count(tally.fail, tally.fail > 0 ? TextRole::bad : TextRole::plain), cell(ratio_text(tally.score())),
               cell(cost_text(tally.cost, group.unpriced))});
    Json json = tally_json(tally);
    Json row = Json::object({{"batch", group.info.name},
                             {"kind", group.info.kind},
                             {"model", group.info.model},
                             {"runs", tally.n},
                             {"ready", tally.ready},
                             {"incomplete", tally.incomplete}});
    row.update(json);
    row["cost_usd"] = to_usd(tally.cost);
    row["unpriced"] = group.unpriced;
    reply.result.push_back(std::move(row));
  }
  if (groups.empty()) {
    reply.line("there are no batches yet: `load KIND FILE` makes one; `kinds` lists the kinds");
  } else {
    reply.table(table);
  }
}

void rename(Shell& shell, const Arguments& arguments, Reply& reply) {
  const auto batch = shell.table().read().find_batch(arguments.at(0));
  if (!batch || shell.table().read().batch(*batch).dropped) {
    std::vector<std::string> names;
    for (const BatchInfo& info : shell.experiment().batches()) names.push_back(info.name);
    const auto near = nearest(arguments.at(0), names);
    throw Error("usage", "there is no batch " + arguments.at(0), {},
                (near ? "did you mean " + *near + "? " : "") + "`batches` lists them");
  }
  shell.experiment().rename(*batch, arguments.at(1));
  reply.line(arguments.at(0) + " is now " + arguments.at(1));
}

void drop(Shell& shell, const Arguments& arguments, Reply& reply) {
  const Selection selection = shell.select(arguments.rest(0));
  const std::string words = describe(selection);
  if (!arguments.has("--yes")) {
    if (!shell.options().interactive)
      throw Error("usage", "drop in a script needs --yes (it would drop " + words + ")");
    if (!shell.confirm("drop " + words + "?")) {
      reply.line("nothing was dropped");
      return;
    }
  }
  shell.experiment().drop(selection.runs);
  if (shell.listing()) {
    std::vector<RunId> left;
    const RunTable::Reader table = shell.table().read();
    for (const RunId run : *shell.listing()) {
      if (table.visible(run)) left.push_back(run);
    }
    shell.set_listing(std::move(left));
  }
  reply.line(words + " dropped; `undo` brings " + (selection.runs.size() == 1 ? "it" : "them") + " back");
  reply.result["dropped"] = selection.runs.size();
}

}  // namespace

void add_batch_commands(CommandTable& table) {
  const std::string group = "batches and runs";
  add_load_command(table, group);
  table.add(
      {"ls",
       {"list"},
       group,
       "ls [.] [QUERY]",
       "list runs; with `.` narrow the last listing, or show more of it",
       {"ls status:FAIL", "ls . r:^add --sort time", "ls . --page 2"},
       {{"--sort", "FIELD",
         "name, status, score, time, cost, attempts, steps, tokens, metric.NAME, data.PATH, category ..; -FIELD for "
         "descending"},
        {"--limit", "N", "rows of a page (0: none)"},
        {"--page", "K", "the K-th page"},
        {"--from", "INDEX", "rows from this index on"},
        {"--columns", "a,b", "of: run status score answer attempts steps time cost batch id, data.PATH, metric.NAME"}},
       0,
       SIZE_MAX,
       false,
       true,
       ls,
       [](Shell& shell, const std::vector<std::string>& before, std::string_view word) {
         if (before.back() == "--sort") return complete_sort_field(shell, word);
         if (before.back() == "--columns") return complete_columns(word);
         return complete_query(shell, before, word);
       }});
  table.add({"batches",
             {},
             group,
             "batches",
             "each batch: kind, model, runs by status, score, cost",
             {},
             {},
             0,
             0,
             false,
             true,
             batches,
             {}});
  table.add({"rename",
             {},
             group,
             "rename BATCH NAME",
             "give a batch another name",
             {"rename qa \"first try\""},
             {},
             2,
             2,
             true,
             true,
             rename,
             [](Shell& shell, const std::vector<std::string>& before, std::string_view word) {
               return before.size() == 1 ? complete_batch(shell, before, word) : std::vector<Candidate>();
             }});
  table.add({"drop",
             {},
             group,
             "drop QUERY",
             "take runs out of the experiment; asks first",
             {"drop batch:qa"},
             {{"--yes", "", "don't ask"}},
             1,
             SIZE_MAX,
             true,
             true,
             drop,
             complete_query});
  table.add({"undo",
             {},
             group,
             "undo",
             "take back the last drop, rename, tag or note; again: the one before it",
             {},
             {},
             0,
             0,
             true,
             true,
             [](Shell& shell, const Arguments&, Reply& reply) { reply.line(shell.experiment().undo()); },
             {}});
  add_label_commands(table);
}

}  // namespace assay
