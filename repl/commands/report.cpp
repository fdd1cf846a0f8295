#include "repl/commands/report.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "core/text/atomic_file.hpp"
#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "repl/commands/files.hpp"
#include "repl/report_markup.hpp"
#include "repl/report_page.hpp"
#include "repl/shell.hpp"

namespace assay {
namespace {

/// What of the words stands for batches, and where the report goes.
struct ReportRequest {
  std::vector<std::string> names;
  std::string file;  // "": the terminal
};

bool is_report_file(const std::string& text) {
  return text.ends_with(".md") || text.ends_with(".html") || text.ends_with(".json") || text.ends_with(".txt");
}

ReportRequest read_request(Shell& shell, const Arguments& arguments) {
  ReportRequest request;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments.at(i);
    if (!is_report_file(word) || shell.table().read().find_batch(word)) {
      request.names.push_back(word);
    } else if (request.file.empty()) {
      request.file = word;
    } else {
      throw Error("usage", "report: two files are named, " + request.file + " and " + word, {},
                  "usage: report [BATCH ..] [FILE]");
    }
  }
  if (arguments.has("--transcripts") && !request.file.ends_with(".html"))
    throw Error("usage", "--transcripts goes with a page: a file that ends in .html");
  return request;
}

/// Sets what of the page's transcripts was asked for. Throws Error "usage".
void take_transcripts(const Arguments& arguments, PageOptions& options) {
  const auto flag = arguments.flags.find("--transcripts");
  if (flag == arguments.flags.end()) return;
  options.most_bytes = 0;
  if (flag->second == "none") {
    options.most_transcripts = 0;
  } else if (flag->second != "all") {
    options.most_transcripts = parse_count(flag->second, "--transcripts (a number, all or none)", 0);
  }
}

/// Those that are named, of a grid's name all its cells.
std::vector<BatchId> named_batches(const RunTable::Reader& table, const std::vector<std::string>& names) {
  std::vector<BatchId> named;
  for (const std::string& name : names) {
    const std::size_t before = named.size();
    if (const auto batch = table.find_batch(name)) {
      named.push_back(*batch);
    } else {
      for (const BatchInfo& cell : table.batches()) {
        if (!cell.dropped && cell.name.starts_with(name + " ") && cell.name.find('=') != std::string::npos)
          named.push_back(cell.id);
      }
    }
    if (named.size() == before) {
      throw Error("usage", "there is no batch " + name, {},
                  name.find('.') == std::string::npos
                      ? "`batches` lists them"
                      : "`batches` lists them; a report is written to a file that ends in "
                        ".md, .html, .json or .txt");
    }
  }
  return named;
}

/// Without a name: the only one, all of kinds whose runs are shown together (joint_formats); in a file, all.
std::vector<BatchId> pick_batches(Shell& shell, const ReportRequest& request) {
  const RunTable::Reader table = shell.table().read();
  if (!request.names.empty()) return named_batches(table, request.names);
  std::set<std::string> shown_together;
  for (const Kind* kind : shell.kinds().all()) {
    for (const JointFormat& format : kind->joint_formats())
      shown_together.insert(format.kinds.begin(), format.kinds.end());
  }
  std::vector<BatchId> all, together;
  for (const BatchInfo& batch : table.batches()) {
    if (batch.dropped) continue;
    all.push_back(batch.id);
    if (shown_together.contains(batch.kind)) together.push_back(batch.id);
  }
  if (all.empty()) throw Error("empty", "there are no batches yet", {}, "`load KIND FILE` makes one");
  if (all.size() == 1 || !request.file.empty()) return all;
  if (together.empty()) {
    throw Error("usage", "there are several batches: which one?", {},
                "usage: report BATCH [FILE]; `batches` lists them; `report all.html` writes one page of all");
  }
  return together;
}

/// A batch as the kinds read it: Ctrl-C ends the reading, and what can't be read back is counted.
class WatchedView final : public BatchView {
 public:
  WatchedView(const Shell& shell, std::unique_ptr<BatchView> view) : shell_(shell), view_(std::move(view)) {}

  const BatchInfo& info() const override { return view_->info(); }
  std::uint32_t size() const override { return view_->size(); }
  void each(bool payloads, const std::function<void(const RunView&)>& visit) const override {
    std::uint64_t damaged = 0;
    view_->each(payloads, [&](const RunView& run) {
      if (shell_.interrupted()) throw Error("interrupted", "the report was interrupted; nothing was written");
      if (run.damaged) ++damaged;
      visit(run);
    });
    damaged_ = std::max(damaged_, damaged);
  }
  std::vector<CallRecord> calls(RunId run) const override { return view_->calls(run); }
  const ExperimentView* experiment() const override { return view_->experiment(); }
  /// As far as it has been read.
  std::uint64_t damaged() const { return damaged_; }

 private:
  const Shell& shell_;
  std::unique_ptr<BatchView> view_;
  mutable std::uint64_t damaged_ = 0;
};

struct BatchReport {
  std::unique_ptr<WatchedView> view;
  const Kind* kind = nullptr;
  BatchFacts facts;
  Report report;
};

/// `with_facts`: of one batch as text or JSON only what the kind says is asked for.
std::vector<BatchReport> make_reports(Shell& shell, const std::vector<BatchId>& batches, bool page, bool with_facts) {
  std::map<std::string, std::uint64_t> unpriced;
  if (with_facts) {
    for (const Store::CostRow& row : shell.store().cost("batch")) unpriced[row.group] = row.unpriced;
  }
  std::vector<BatchReport> made;
  for (const BatchId id : batches) {
    BatchReport one;
    one.view = std::make_unique<WatchedView>(shell, shell.experiment().view(id));
    const BatchInfo& info = one.view->info();
    if (!info.kind.empty()) {
      one.kind = &shell.kinds().require(info.kind);
      shell.work([&] { one.report = one.kind->report(*one.view); });
    } else if (!page && batches.size() == 1) {
      throw Error("kind", "batch " + info.name + " is of no known kind: it has no report of its own", {},
                  "`report BATCH FILE.html` lists its runs all the same");
    } else {
      one.report.heading(1, info.name).text("its kind is not known: there is no report of its own");
      one.report.figures["runs"] = info.count;
    }
    const std::uint64_t damaged = one.view->damaged();
    if (with_facts) one.facts = facts_of(*one.view, unpriced[info.name]);
    one.facts.info = info;
    one.facts.unreadable = std::max(damaged, one.facts.unreadable);
    made.push_back(std::move(one));
  }
  return made;
}

/// One document: of several, a table of all before their reports, and their figures in a list with the batch's name.
Report joined_report(const std::vector<BatchReport>& reports, bool with_facts) {
  Report all;
  Json list = Json::array();
  if (reports.size() > 1) {
    std::vector<BatchFacts> facts;
    for (const BatchReport& one : reports) facts.push_back(one.facts);
    all.heading(1, counted(reports.size(), "batch", "batches")).table(batches_table(facts));
  }
  for (const BatchReport& one : reports) {
    const auto& blocks = one.report.blocks;
    const bool headed = !blocks.empty() && std::holds_alternative<ReportHeading>(blocks.front());
    if (headed) all.blocks.push_back(blocks.front());
    if (with_facts) {
      all.table(facts_table(one.facts));
      if (ReportTable errors = errors_table(one.facts); !errors.rows.empty()) all.table(std::move(errors));
    }
    std::copy(blocks.begin() + (headed ? 1 : 0), blocks.end(), std::back_inserter(all.blocks));
    if (one.facts.unreadable > 0) all.text(unreadable_words(one.facts.unreadable));
    Json figures = Json::object({{"batch", one.facts.info.name}, {"kind", one.facts.info.kind}});
    figures.update(one.report.figures);
    list.push_back(std::move(figures));
  }
  all.figures = reports.size() == 1 ? reports.front().report.figures : Json::object({{"reports", std::move(list)}});
  return all;
}

/// The experiment's name: its file without folder and ending.
std::string experiment_name(Shell& shell) {
  std::string name = shell.store().path();
  name = name.substr(name.find_last_of('/') + 1);
  if (name.ends_with(".assay")) name.resize(name.size() - 6);
  return name == ":memory:" ? "in memory" : name;
}

void write_page(Shell& shell, const Arguments& arguments, const std::string& file, const std::string& of,
                const std::vector<BatchReport>& reports, Reply& reply) {
  PageOptions options;
  options.title = "Report of " + of;
  options.experiment = experiment_name(shell);
  options.version = shell.options().version;
  options.made_at = shell.experiment().clock().wall();
  take_transcripts(arguments, options);
  std::vector<PageBatch> batches;
  for (const BatchReport& one : reports) {
    PageBatch batch{one.view.get(), one.kind, one.facts, one.report, {}};
    batch.facets = [&shell, id = one.facts.info.id](RunId run) {
      std::vector<std::pair<std::string, std::string>> facets;
      const RunTable::Reader table = shell.table().read();
      for (const std::string& name : table.facet_names(id)) {
        if (const auto text = table.facet(run, name); !text.empty()) facets.emplace_back(name, text);
      }
      return facets;
    };
    batches.push_back(std::move(batch));
  }
  AtomicFile out(file);
  const PageOutcome done = write_report_page(batches, options, [&](std::string_view text) { out.append(text); });
  out.commit();
  reply.line("report of " + of + " written to " + file + " (" + format_bytes(done.bytes) + ", " +
             counted(done.runs, "run", "runs") + ")");
  if (!done.left_out.empty()) reply.line(StyledText().add(done.left_out, TextRole::warn));
  reply.result["page"] = Json::object({{"file", file},
                                       {"bytes", done.bytes},
                                       {"runs", done.runs},
                                       {"listed", done.listed},
                                       {"transcripts", done.transcripts}});
}

void report(Shell& shell, const Arguments& arguments, Reply& reply) {
  const ReportRequest request = read_request(shell, arguments);
  const std::string& file = request.file;
  if (!file.empty()) refuse_experiment_file(shell, file);
  const std::vector<BatchId> batches = pick_batches(shell, request);
  const bool page = file.ends_with(".html");
  const bool with_facts = page || batches.size() > 1 || file.ends_with(".md");
  const std::vector<BatchReport> reports = make_reports(shell, batches, page, with_facts);
  const std::string of =
      reports.size() == 1 ? reports.front().facts.info.name : counted(reports.size(), "batch", "batches");
  const Report made = joined_report(reports, file.ends_with(".md"));
  reply.result = made.figures;
  if (page) return write_page(shell, arguments, file, of, reports, reply);
  if (file.empty()) {
    reply.paged = true;
    draw_report(made, reply);
    return;
  }
  std::string text;
  if (file.ends_with(".md")) text = report_markdown(made);
  if (file.ends_with(".json")) text = dump_json(made.figures, 2) + "\n";
  if (file.ends_with(".txt")) {
    Reply plain;
    draw_report(made, plain, true);
    for (const StyledText& line : plain.lines) text += line.plain() + "\n";
  }
  write_file(file, text);
  reply.line("report of " + of + " written to " + file);
}

}  // namespace

void add_report_command(CommandTable& table) {
  table.add({"report",
             {},
             "results",
             "report [BATCH ..] [FILE] [--transcripts N|all|none]",
             "the kind's own results, as text, or .md .html .json .txt by the file's ending; .html is one page with "
             "charts, the runs and their transcripts; without BATCH the only one, all of kinds that belong together, "
             "or in a file all",
             {"report qa", "report qa results.html", "report all.html --transcripts 500"},
             {{"--transcripts", "N|all|none", "runs whose transcripts a page holds; default: what fits into 20 MiB"}},
             0,
             SIZE_MAX,
             false,
             true,
             report,
             complete_batch});
}

}  // namespace assay
