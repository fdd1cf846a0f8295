// The page of a report: its parts, what hostile text can do in it (nothing), and what it leaves out when it is bounded.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "repl/report_markup.hpp"
#include "repl/report_page.hpp"
#include "repl/report_runs.hpp"
#include "tests/experiments/qa/fake_batch.hpp"

namespace assay {
namespace {

class TalkKind final : public Kind {
 public:
  explicit TalkKind(bool fails = false) : fails_(fails) {}
  std::string name() const override { return "talk"; }
  std::string summary() const override { return ""; }
  std::vector<Parameter> parameters() const override { return {}; }
  LoadedBatch load(const Source&, const ParameterTexts&) const override { return {}; }
  bool accepts(const Json&) const override { return false; }
  std::shared_ptr<Runner> make_runner(const BatchInfo&, const ParameterTexts&) const override { return nullptr; }
  Report report(const BatchView&) const override { return {}; }
  std::vector<RunTurn> transcript(const BatchInfo& batch, const RunView& run,
                                  const std::vector<CallRecord>& calls) const override {
    if (fails_) throw std::runtime_error("this is no talk");
    return Kind::transcript(batch, run, calls);
  }

 private:
  bool fails_;
};

NewRun talk(const std::string& id, const std::string& said) {
  NewRun run;
  run.id = id;
  run.data = Json{{"question", "what is " + id + "?"}};
  run.answer = Json{{"value", "B"}};
  run.status = Status::complete;
  run.score = Score::correct();
  run.context = {{"user", "what is " + id + "?"}, {"assistant", said}};
  return run;
}

struct Made {
  std::string html;
  PageOutcome outcome;
};

Made page_of(FakeBatch batch, PageOptions options = {}, const Kind& kind = TalkKind()) {
  if (options.title.empty()) options.title = "Report of talks";
  PageBatch one{&batch, &kind, facts_of(batch, 0), {}, {}};
  one.report.heading(1, "talk: a").heading(2, "rounds").text("as it is");
  one.report.table({"by round", {{"round"}, {"n", ReportTable::Form::count}}, {{"1", 4}, {"2", nullptr}}});
  ReportChart chart{"by round", "round", ReportTable::Form::ratio, false, {{"a", {{"1", 0.5}, {"2", 0.7}}}}};
  one.report.chart(chart);
  one.facets = [](RunId run) {
    return std::vector<std::pair<std::string, std::string>>{{"topic", run % 2 == 0 ? "law" : "</script>"}};
  };
  Made made;
  made.outcome = write_report_page({one}, options, [&](std::string_view text) { made.html += text; });
  return made;
}

BatchInfo info(const std::string& name = "a") {
  BatchInfo batch;
  batch.name = name;
  batch.kind = "talk";
  return batch;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// The data elements of a page by their id; each must be JSON.
std::map<std::string, Json> data_of(const std::string& html) {
  const std::string begin = "<script type=\"application/json\" id=\"";
  std::map<std::string, Json> found;
  for (std::size_t at = html.find(begin); at != std::string::npos; at = html.find(begin, at + 1)) {
    const std::size_t name = at + begin.size(), text = html.find("\">", name) + 2;
    const std::size_t end = html.find("</script>", text);
    found[html.substr(name, text - 2 - name)] = parse_json(html.substr(text, end - text), "page");
  }
  return found;
}

TEST_CASE("the page has a language, a title, landmarks, headings in order, and asks for nothing from elsewhere") {
  const std::string html = page_of({info(), {talk("one", "Answer: B"), talk("two", "Answer: C")}}).html;
  CHECK(html.starts_with("<!doctype html>\n<html lang=\"en\">"));
  CHECK(count(html, "<h1>") == 1);
  for (const char* part : {"<header>", "<nav aria-label=", "<main>", "</main>", "class=\"skip\"", "<noscript>"}) {
    CAPTURE(part);
    CHECK(count(html, part) == 1);
  }
  std::vector<int> levels;
  for (std::size_t at = html.find("<h"); at != std::string::npos; at = html.find("<h", at + 1)) {
    if (html[at + 2] >= '1' && html[at + 2] <= '6') levels.push_back(html[at + 2] - '0');
  }
  REQUIRE(levels.front() == 1);
  for (std::size_t i = 1; i < levels.size(); ++i) CHECK(levels[i] <= levels[i - 1] + 1);
  CHECK(html.find("default-src 'none'; script-src 'sha256-") != std::string::npos);
  CHECK(html.find("; style-src 'sha256-") != std::string::npos);
  CHECK(html.find("unsafe-inline") == std::string::npos);
  for (const char* outside : {"http://", "https://", " src=", "url(", "@import", " style=", "fetch("}) {
    CAPTURE(outside);
    CHECK(html.find(outside) == std::string::npos);
  }
  CHECK(html.find("<caption>by round</caption>") != std::string::npos);
  CHECK(html.find("<td class=\"n\" data-v=\"4\">4</td>") != std::string::npos);
  CHECK(count(html, "role=\"img\"") == 1);
}

TEST_CASE("rows and transcripts are data: what was said, the calls' figures, filters by facet") {
  FakeBatch batch(info(), {talk("one", "Answer: B"), talk("two", "what is two?")});
  CallRecord call;
  call.attempt = 1;
  call.state = CallState::answered;
  call.model = "sim/x";
  call.usage.in = 12;
  call.usage.out = 3;
  batch.calls_of(0) = {call};
  auto data = data_of(page_of(batch).html);
  REQUIRE(data.size() == 3);
  const Json& rows = data.at("runs");
  CHECK(rows["batches"] == Json::array({"a"}));
  CHECK(rows["facets"][0]["values"] == Json::array({"law", "</script>"}));
  REQUIRE(rows["runs"].size() == 2);
  CHECK(rows["runs"][0][1] == "one");
  CHECK(rows["runs"][0][4] == "B");
  CHECK(rows["runs"][0][5] == "what is one?");
  CHECK(rows["runs"][0][10] == 1);
  const Json& turns = data.at("t0")["t"];
  REQUIRE(turns.size() == 2);
  CHECK(turns[0] == Json::array({"user", "", "", "", "what is one?", "", nullptr, ""}));
  CHECK(turns[1] == Json::array({"assistant", "", "", "", "Answer: B", "", nullptr, "sim/x", 12, 3, 0.0}));
  CHECK(data.at("t1")["t"][1][4] == 0);  // said before, in turn 0
}

TEST_CASE("no text of a model, a file or a name leaves its place") {
  const std::string hostile =
      "</script><script>alert(1)</script><!-- \" onload=x '><img src=x onerror=alert(2)>\xE2\x80\xAEgnp\xC0 " +
      std::string(1, '\0') + "\x1b[31m";
  NewRun run = talk(hostile, hostile);
  run.answer = Json{{"value", hostile}};
  run.error = {hostile, hostile, ""};
  run.context.push_back({hostile, hostile, Json{{"name", hostile}, {"round", hostile}}});
  BatchInfo named = info(hostile);
  named.model = named.source = hostile;
  named.params = Json{{hostile, hostile}};
  PageOptions options;
  options.title = options.experiment = hostile;
  const std::string html = page_of({named, {run}}, options).html;
  CHECK(count(html, "<script") == 3);  // one run, the rows, the page's own
  CHECK(count(html, "</script") == 3);
  CHECK(html.find("<img") == std::string::npos);
  CHECK(html.find("<!--") == std::string::npos);
  CHECK(html.find('\0') == std::string::npos);
  CHECK(html.find('\x1b') == std::string::npos);
  CHECK(html.find("\xE2\x80\xAE") == std::string::npos);
  CHECK(html.find("&lt;img src=x onerror") != std::string::npos);
  const auto data = data_of(html);
  REQUIRE(data.size() == 2);
  CHECK(data.at("t0")["t"][1][4].get<std::string>().find("</script><script>alert(1)") == 0);
  CHECK(data.at("t0")["t"][1][4].get<std::string>().find("\\u{202e}gnp\\xc0 \\x00\\x1b[31m") != std::string::npos);
}

TEST_CASE("line ends of other systems are line ends") {
  const auto data = data_of(page_of({info(), {talk("one", "a\r\nb\rc")}}).html);
  CHECK(data.at("t0")["t"][1][4] == "a\nb\\x0dc");
}

TEST_CASE("the joiners that scripts and emoji are written with stay") {
  const std::string persian = "\xD9\x85\xDB\x8C\xE2\x80\x8C\xD8\xAE\xD9\x88";
  CHECK(page_of({info(), {talk("one", persian)}}).html.find(persian) != std::string::npos);
}

TEST_CASE("transcripts stop where the page would be larger than asked, and the page says so") {
  std::vector<NewRun> runs;
  for (int i = 0; i < 100; ++i) runs.push_back(talk("r" + std::to_string(i), std::string(10'000, 'x')));
  PageOptions options;
  options.most_bytes = 400'000;
  const Made bounded = page_of({info(), runs}, options);
  CHECK(bounded.outcome.bytes == bounded.html.size());
  CHECK(bounded.html.size() <= options.most_bytes);
  CHECK(bounded.outcome.transcripts > 20);
  CHECK(bounded.outcome.transcripts < 40);
  CHECK(bounded.outcome.listed == 100);
  CHECK(bounded.outcome.left_out.find("of 100 runs") != std::string::npos);
  CHECK(bounded.html.find("--transcripts all") != std::string::npos);
  const auto data = data_of(bounded.html);
  CHECK(data.size() == bounded.outcome.transcripts + 1);
  CHECK(data.at("runs")["runs"][99][10] == 0);

  options.most_bytes = 0;
  CHECK(page_of({info(), runs}, options).outcome.transcripts == 100);
  options.most_transcripts = 7;
  CHECK(page_of({info(), runs}, options).outcome.transcripts == 7);
  options.most_transcripts = 0;
  options.most_listed = 60;
  const Made listed = page_of({info(), runs}, options);
  CHECK(listed.outcome.listed == 60);
  CHECK(listed.outcome.runs == 100);
  CHECK(listed.outcome.left_out.find("the first 60 of 100 runs") != std::string::npos);

  for (NewRun& run : runs) run.data["question"] = std::string(250, 'q');  // rows of their own weight
  PageOptions tight;
  tight.most_bytes = 80'000;
  const Made small = page_of({info(), runs}, tight);
  CHECK(small.outcome.listed == 100);
  CHECK(small.outcome.transcripts < 3);
}

TEST_CASE("a run whose transcript can't be made is shown as it is recorded, and the page is still written") {
  const TalkKind broken(true);
  const auto data = data_of(page_of({info(), {talk("one", "hello")}}, {}, broken).html);
  CHECK(data.at("t0")["note"] == "Shown as it is recorded: this is no talk");
  CHECK(data.at("t0")["t"][1][4] == "hello");
  const FakeBatch nobody(info(), {talk("one", "hello")});
  nobody.each(true, [&](const RunView& run) { CHECK(transcript_json(nullptr, nobody, run).find("hello") > 0); });
}

TEST_CASE("facts: a score that isn't there, a price that isn't known, why runs failed") {
  std::vector<NewRun> runs(3);
  runs[0].status = runs[1].status = Status::fail;
  runs[0].error = runs[1].error = {"rate_limit", "too many", "step 1"};
  const FakeBatch batch(info(), runs);
  BatchFacts facts = facts_of(batch, 2);
  CHECK(score_words(facts.tally) == "no run is scored yet: 2 failed, 1 not run");
  CHECK(status_words(facts.tally) == "3 runs: 2 FAIL, 1 READY");
  CHECK(cost_words(facts).empty());
  facts.usage.calls = 2;
  CHECK(cost_words(facts) == "not known: 2 calls of models without a price");
  facts.usage.cost = 1'500'000'000'000;
  CHECK(cost_words(facts) == "$1.50; the price of 2 calls is not known");
  const ReportTable errors = errors_table(facts);
  REQUIRE(errors.rows.size() == 1);
  CHECK(errors.rows[0] == std::vector<Json>{"rate_limit", "too many", 2});
  const ReportTable side_by_side = batches_table({facts, facts});
  REQUIRE(side_by_side.rows.size() == 2);
  CHECK(side_by_side.rows[0].size() == side_by_side.columns.size());
  CHECK(side_by_side.rows[0][5].is_null());
}

TEST_CASE("Markdown: a table's cells stay in their cells, and tags are no tags") {
  Report report;
  report.heading(1, "a <b>").text("1 < 2");
  report.table({"t", {{"x|y"}, {"n", ReportTable::Form::count}}, {{"a|b\nc<script>", 1234}}});
  CHECK(report_markdown(report) ==
        "# a &lt;b>\n\n1 &lt; 2\n\n**t**\n\n| x\\|y | n |\n| --- | ---: |\n| a\\|b c&lt;script> | 1,234 |\n\n");
}

}  // namespace
}  // namespace assay
