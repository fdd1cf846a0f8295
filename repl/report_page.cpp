#include "repl/report_page.hpp"

#include <openssl/sha.h>

#include <algorithm>

#include "core/text/duration.hpp"
#include "core/text/embedded.hpp"
#include "core/text/hash.hpp"
#include "core/text/local_time.hpp"
#include "core/text/words.hpp"
#include "repl/report_cells.hpp"
#include "repl/report_markup.hpp"
#include "repl/report_runs.hpp"

namespace assay {
namespace {

constexpr std::size_t kRowBytes = 200;      // of a run in the list, about, before there is one
constexpr std::size_t kTailBytes = 30'000;  // the script and what stands around the list
constexpr std::size_t kMostOfParameters = 20'000;

/// 'sha256-..' of what stands between the tags.
std::string source_hash(std::string_view text) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return "'sha256-" + base64_encode(digest) + "'";
}

std::string section_id(std::size_t batch) { return "batch-" + std::to_string(batch + 1); }

class Page {
 public:
  Page(const std::vector<PageBatch>& batches, const PageOptions& options,
       const std::function<void(std::string_view)>& out)
      : batches_(batches), options_(options), out_(out) {}

  PageOutcome write() {
    head();
    for (std::size_t i = 0; i < batches_.size(); ++i) section(i);
    for (std::size_t i = 0; i < batches_.size(); ++i) transcripts(i);
    say_left_out();
    list();
    return outcome_;
  }

 private:
  void put(std::string_view text) {
    out_(text);
    outcome_.bytes += text.size();
  }

  void head() {
    const std::string_view style = ASSAY_EMBEDDED(repl_page_report_css), script = ASSAY_EMBEDDED(repl_page_report_js);
    put("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src " +
        source_hash(script) + "; style-src " + source_hash(style) + "; base-uri 'none'; form-action 'none'\">\n" +
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"referrer\" content=\"no-referrer\">\n<title>" +
        html_escaped(options_.title) + "</title>\n<style>");
    put(style);
    put("</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#runs-title\">to the list of runs</a>\n<header>\n<h1>" +
        html_escaped(options_.title) + "</h1>\n<p class=\"faint\">Made " +
        html_escaped(local_time(options_.made_at, "%Y-%m-%d %H:%M %Z")) + " by assay " +
        html_escaped(options_.version) + " from the experiment " + html_escaped(options_.experiment) +
        ".</p>\n</header>\n<nav aria-label=\"parts of this page\"><ul>\n");
    for (std::size_t i = 0; i < batches_.size(); ++i)
      put("<li><a href=\"#" + section_id(i) + "\">" + html_escaped(batches_[i].facts.info.name) + "</a></li>\n");
    put("<li><a href=\"#runs-title\">runs and transcripts</a></li>\n</ul></nav>\n<main>\n");
    if (batches_.size() < 2) return;
    std::vector<BatchFacts> facts;
    for (const PageBatch& batch : batches_) facts.push_back(batch.facts);
    put("<section aria-label=\"the batches\">\n" + table_html(batches_table(facts)) + "</section>\n");
  }

  void section(std::size_t number) {
    const PageBatch& batch = batches_[number];
    const BatchFacts& facts = batch.facts;
    put("<section id=\"" + section_id(number) + "\" aria-label=\"" + html_escaped(facts.info.name) + "\">\n");
    const auto* first =
        batch.report.blocks.empty() ? nullptr : std::get_if<ReportHeading>(&batch.report.blocks.front());
    put("<h2>" + html_escaped(first != nullptr ? first->text : facts.info.name) + "</h2>\n<dl class=\"facts\">\n");
    const ReportTable known = facts_table(facts);
    for (const auto& row : known.rows) {
      put("<dt>" + html_escaped(row[0].get_ref<const std::string&>()) + "</dt><dd>" +
          html_escaped(row[1].get_ref<const std::string&>()) + "</dd>\n");
    }
    put("</dl>\n");
    if (const std::string words = unreadable_words(facts.unreadable); !words.empty())
      put("<p class=\"note\">" + html_escaped(words) + "</p>\n");
    if (facts.info.params.is_object() && !facts.info.params.empty()) {
      std::string text = dump_json(facts.info.params, 2);
      if (text.size() > kMostOfParameters) text = text.substr(0, kMostOfParameters) + "\n..";
      put("<details><summary>parameters</summary><pre>" + html_escaped(text) + "</pre></details>\n");
    }
    if (const ReportTable errors = errors_table(facts); !errors.rows.empty()) put(table_html(errors));
    Report rest;
    rest.blocks.assign(batch.report.blocks.begin() + (first != nullptr ? 1 : 0), batch.report.blocks.end());
    put(report_html(rest, 2, charts_) + "</section>\n");
  }

  /// The runs of a batch: their transcripts as long as there is room, a fair share of it to each batch.
  void transcripts(std::size_t number) {
    const PageBatch& batch = batches_[number];
    const std::uint64_t batches_left = batches_.size() - number, begin = outcome_.bytes;
    const std::uint64_t share = room() / batches_left;
    bool full = false;
    batch.view->each(true, [&](const RunView& run) {
      ++outcome_.runs;
      full = full || outcome_.transcripts >= options_.most_transcripts;
      const bool listed =
          runs_.size() < options_.most_listed && (options_.most_bytes == 0 || runs_.bytes() < options_.most_bytes / 2);
      if (!listed) return;
      if (!full) {
        const std::string text = "<script type=\"application/json\" id=\"t" + std::to_string(runs_.size()) + "\">" +
                                 transcript_json(batch.kind, *batch.view, run) + "</script>\n";
        full = options_.most_bytes > 0 && (outcome_.bytes - begin + text.size() > share || text.size() > room());
        if (!full) put(text);
        if (!full) ++outcome_.transcripts;
      }
      runs_.add(number, run, batch.facets ? batch.facets(run.id) : std::vector<std::pair<std::string, std::string>>(),
                !full);
    });
  }

  /// Bytes that transcripts may still take: what is written, the rows, those to come, and the script are taken off.
  std::uint64_t room() const {
    std::uint64_t runs = 0;
    for (const PageBatch& batch : batches_) runs += batch.view->size();
    const std::uint64_t each = runs_.size() == 0 ? kRowBytes : runs_.bytes() / runs_.size() + 1;
    const std::uint64_t to_come = std::min((runs - std::min(runs, outcome_.runs) + 1) * each, options_.most_bytes / 2);
    const std::uint64_t used = outcome_.bytes + runs_.bytes() + to_come + kTailBytes;
    return options_.most_bytes > used ? options_.most_bytes - used : 0;
  }

  void say_left_out() {
    outcome_.listed = runs_.size();
    std::string& words = outcome_.left_out;
    if (outcome_.transcripts < outcome_.listed) {
      const bool by_number = outcome_.transcripts >= options_.most_transcripts;
      words = "transcripts of " + format_count(static_cast<std::int64_t>(outcome_.transcripts)) + " of " +
              counted(outcome_.runs, "run", "runs") +
              (by_number ? " (--transcripts)" : " (the page is bounded to " + format_bytes(options_.most_bytes) + ")") +
              "; `report BATCH FILE.html --transcripts all` puts in all of them";
    }
    if (outcome_.listed < outcome_.runs) {
      words += (words.empty() ? "" : "; ") + std::string("the list has the first ") +
               format_count(static_cast<std::int64_t>(outcome_.listed)) + " of " +
               counted(outcome_.runs, "run", "runs");
    }
  }

  void list() {
    std::vector<std::string> names;
    for (const PageBatch& batch : batches_) names.push_back(batch.facts.info.name);
    const std::string why = outcome_.left_out.empty() ? "" : outcome_.left_out + ".";
    put("<section aria-labelledby=\"runs-title\">\n<h2 id=\"runs-title\" tabindex=\"-1\">Runs and transcripts</h2>\n");
    if (!why.empty()) put("<p class=\"note\">" + html_escaped(why) + "</p>\n");
    put("<noscript><p class=\"note\">The list of runs and their transcripts need this page's own script; the report "
        "above does not.</p></noscript>\n"
        "<div id=\"runs-body\" hidden>\n"
        "<form id=\"filters\" role=\"search\" aria-label=\"filter the runs\">\n"
        "<label>text<input id=\"text\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\"></label>\n"
        "<label class=\"check\"><input id=\"inside\" type=\"checkbox\"> in transcripts, too</label>\n"
        "<div id=\"choices\"></div>\n<button id=\"reset\" type=\"button\">show all</button>\n</form>\n"
        "<p id=\"count\" role=\"status\" aria-live=\"polite\"></p>\n"
        "<div class=\"scroll\" role=\"region\" aria-label=\"runs\"><table id=\"list\"><caption>runs; a run's name "
        "opens its transcript</caption><thead></thead><tbody></tbody></table></div>\n"
        "<div id=\"pages\" class=\"pages\"><button id=\"back\" type=\"button\">previous page</button>"
        "<button id=\"on\" type=\"button\">next page</button></div>\n"
        "<section id=\"run\" aria-labelledby=\"run-title\" hidden>\n<h3 id=\"run-title\" tabindex=\"-1\">Run</h3>\n"
        "<div class=\"closing\"><button id=\"close\" type=\"button\">back to the list</button>"
        "<button id=\"previous\" type=\"button\">previous run</button>"
        "<button id=\"next\" type=\"button\">next run</button></div>\n"
        "<dl id=\"run-facts\" class=\"facts\"></dl>\n<div "
        "id=\"turns\"></div>\n</section>\n</div>\n</section>\n</main>\n"
        "<script type=\"application/json\" id=\"runs\">");
    put(runs_.json(names, why));
    put("</script>\n<script>");
    put(ASSAY_EMBEDDED(repl_page_report_js));
    put("</script>\n</body>\n</html>\n");
  }

  const std::vector<PageBatch>& batches_;
  const PageOptions& options_;
  const std::function<void(std::string_view)>& out_;
  PageOutcome outcome_;
  PageRuns runs_;
  std::size_t charts_ = 0;
};

}  // namespace

PageOutcome write_report_page(const std::vector<PageBatch>& batches, const PageOptions& options,
                              const std::function<void(std::string_view)>& out) {
  return Page(batches, options, out).write();
}

}  // namespace assay
