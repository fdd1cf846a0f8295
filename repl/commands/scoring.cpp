// evaluate, report, cost

#include "core/text/atomic_file.hpp"
#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

void evaluate(Shell& shell, const Arguments& arguments, Reply& reply) {
  Arguments query = arguments;
  JobRequest request;
  request.type = JobType::evaluate;
  std::vector<ShellWord> words;
  for (const ShellWord& word : query.words) {
    const auto equals = word.text.find('=');
    const bool parameter = equals != std::string::npos && equals > 0 && !word.text.starts_with("data.") &&
                           !word.text.starts_with("answer.") && !word.text.starts_with("metric.") &&
                           word.text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == equals;
    if (parameter) {
      request.overrides[word.text.substr(0, equals)] = word.text.substr(equals + 1);
    } else {
      words.push_back(word);
    }
  }
  query.words = std::move(words);
  if (query.words.empty())
    throw Error("usage", "evaluate: which runs?", {}, "usage: evaluate QUERY [key=value ..]   e.g. evaluate all");
  const Selection selection = shell.select(query.rest(0));
  request.runs = selection.runs;
  request.width = 16;
  shell.run_job(request, selection, reply);
}

BatchId pick_batch(Shell& shell, const std::string& name) {
  const RunTable::Reader table = shell.table().read();
  if (!name.empty()) {
    if (const auto batch = table.find_batch(name)) return *batch;
    throw Error("usage", "there is no batch " + name, {}, "`batches` lists them");
  }
  std::optional<BatchId> only;
  for (const BatchInfo& batch : table.batches()) {
    if (batch.dropped) continue;
    if (only)
      throw Error("usage", "there are several batches: which one?", {},
                  "usage: report BATCH [FILE]; `batches` lists them");
    only = batch.id;
  }
  if (!only) throw Error("empty", "there are no batches yet", {}, "`load KIND FILE` makes one");
  return *only;
}

bool is_report_file(const std::string& text) {
  return text.ends_with(".md") || text.ends_with(".html") || text.ends_with(".json") || text.ends_with(".txt");
}

void report(Shell& shell, const Arguments& arguments, Reply& reply) {
  std::string batch_name, file;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments.at(i);
    if (is_report_file(word) && !shell.table().read().find_batch(word)) {
      file = word;
    } else {
      batch_name = word;
    }
  }
  const BatchId id = pick_batch(shell, batch_name);
  const std::unique_ptr<BatchView> view = shell.experiment().view(id);
  if (view->info().kind.empty())
    throw Error("kind", "batch " + view->info().name + " is of no known kind: it has no report");
  const Report made = shell.kinds().require(view->info().kind).report(*view);
  reply.result = made.figures;
  if (file.empty()) {
    reply.paged = true;
    draw_report(made, reply);
    return;
  }
  std::string text;
  if (file.ends_with(".md")) text = report_markdown(made);
  if (file.ends_with(".html")) text = report_html(made, view->info().name);
  if (file.ends_with(".json")) text = dump_json(made.figures, 2) + "\n";
  if (file.ends_with(".txt")) {
    Reply plain;
    draw_report(made, plain);
    for (const StyledText& line : plain.lines) text += line.plain() + "\n";
  }
  write_file(file, text);
  reply.line("report of " + view->info().name + " written to " + file);
}

void cost(Shell& shell, const Arguments& arguments, Reply& reply) {
  std::string by = "model";
  if (arguments.size() > 0) {
    if (arguments.at(0) != "by" || arguments.size() != 2)
      throw Error("usage", "cost: by what?", {}, "usage: cost [by model|batch|kind|day]");
    by = arguments.at(1);
  }
  if (by != "model" && by != "batch" && by != "kind" && by != "day") {
    throw Error("usage", "cost by " + by + ": there is no such group", {}, "usage: cost [by model|batch|kind|day]");
  }
  Table table({{by, false, true},
               {"calls", true, false},
               {"in", true, false},
               {"cached", true, false},
               {"out", true, false},
               {"reasoning", true, false},
               {"cost", true, false},
               {"possibly", true, false}});
  Json list = Json::array();
  Pico sum = 0, possible = 0, saved = 0;
  std::uint64_t unpriced = 0, from_cache = 0;
  for (const Store::CostRow& row : shell.store().cost(by)) {
    table.row({cell(row.group, TextRole::name), count_cell(static_cast<std::int64_t>(row.calls)), count_cell(row.in),
               count_cell(row.cached), count_cell(row.out), count_cell(row.reasoning), cell(format_usd(row.cost)),
               cell(row.possible > 0 ? format_usd(row.possible) : "-")});
    list.push_back(Json::object({{"group", row.group},
                                 {"calls", row.calls},
                                 {"input_tokens", row.in},
                                 {"cached_tokens", row.cached},
                                 {"output_tokens", row.out},
                                 {"reasoning_tokens", row.reasoning},
                                 {"cost_usd", to_usd(row.cost)},
                                 {"possible_usd", to_usd(row.possible)},
                                 {"unpriced", row.unpriced},
                                 {"from_cache", row.from_cache},
                                 {"saved_usd", to_usd(row.saved)}}));
    sum += row.cost;
    possible += row.possible;
    unpriced += row.unpriced;
    from_cache += row.from_cache;
    saved += row.saved;
  }
  reply.result = Json::object({{"groups", std::move(list)}});
  if (table.size() == 0) {
    reply.line("no call has been made");
    return;
  }
  reply.table(table);
  reply.line("in all " + format_usd(sum) +
             (possible > 0 ? ", possibly " + format_usd(possible) + " more (`calls --in-doubt`, `bulk list`)" : ""));
  if (from_cache > 0) {
    reply.line(format_count(static_cast<std::int64_t>(from_cache)) +
               " of the calls were answered from the cache: " + format_usd(saved) + " saved");
  }
  if (unpriced > 0) {
    reply.line(StyledText().add(
        format_count(static_cast<std::int64_t>(unpriced)) + " calls unpriced: no price is known for their model",
        TextRole::warn));
  }
}

std::vector<Candidate> batch_names(Shell& shell, const std::vector<std::string>&, std::string_view word) {
  std::vector<Candidate> names;
  const RunTable::Reader table = shell.table().read();
  for (const BatchInfo& batch : table.batches()) {
    if (!batch.dropped && batch.name.starts_with(word)) names.push_back({quote_shell_word(batch.name), batch.kind});
  }
  return names;
}

}  // namespace

void add_scoring_commands(CommandTable& table) {
  const std::string group = "results";
  table.add({"evaluate",
             {"rescore"},
             group,
             "evaluate QUERY [key=value ..]",
             "score recorded answers again, with other parameters; no model call",
             {"evaluate all extract=tiger_l2"},
             {},
             1,
             SIZE_MAX,
             true,
             true,
             evaluate,
             complete_query});
  table.add({"report",
             {},
             group,
             "report [BATCH] [FILE]",
             "the kind's own results, as text, or .md .html .json .txt by the file's ending",
             {"report qa", "report qa results.html"},
             {},
             0,
             2,
             false,
             true,
             report,
             batch_names});
  table.add({"cost",
             {},
             group,
             "cost [by model|batch|kind|day]",
             "spend: tokens, money, and what is possibly paid twice",
             {"cost by batch"},
             {},
             0,
             2,
             false,
             true,
             cost,
             {}});
}

}  // namespace assay
