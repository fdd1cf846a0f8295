// `report` to a file through the real program, and its page in a real browser: headless Chromium, without a network.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "core/text/input.hpp"
#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

namespace {

namespace fs = std::filesystem;

/// "" when there is none.
std::string chromium() {
  for (const char* path : {"/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"}) {
    if (fs::exists(path)) return path;
  }
  MESSAGE("skipped: no chromium");
  return {};
}

/// The page after its script has run, at an address that ends in #`place`. Nothing may be said on the console, and
/// nothing asked of a network, which there is none of.
std::string opened(const std::string& browser, const TemporaryFolder& folder, const std::string& page,
                   const std::string& place) {
  const Finished done =
      run({browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
           "--disable-dev-shm-usage", "--disable-background-networking", "--user-data-dir=" + folder.file("profile"),
           "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--virtual-time-budget=60000",
           "--window-size=1280,1600", "--dump-dom", "file://" + folder.file(page) + "#" + place},
          folder.path(), {{"HOME", folder.path().string()}});
  CAPTURE(done.error);
  CHECK(done.status == 0);
  CHECK(done.error.find("CONSOLE") == std::string::npos);
  CHECK(done.error.find("Content Security Policy") == std::string::npos);
  return done.out;
}

/// The text between two marks; "" when they are not there.
std::string between(const std::string& text, const std::string& from, const std::string& to) {
  const std::size_t begin = text.find(from);
  if (begin == std::string::npos) return {};
  const std::size_t start = begin + from.size(), end = text.find(to, start);
  return end == std::string::npos ? std::string() : text.substr(start, end - start);
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// Rows of the run list as drawn.
std::string rows_of(const std::string& dom) {
  return between(between(dom, "<table id=\"list\">", "</table>"), "<tbody>", "</tbody>");
}

}  // namespace

TEST_CASE("a page of two batches is written, filtered and read in a browser; what a file says stays text") {
  TemporaryFolder folder;
  folder.write("hostile.jsonl",
               R"({"id":"evil</script>","question":"<script>document.title='taken'</script>?","options":["a","b"],)"
               R"("answer":"A","category":"<img src=x onerror=alert(1)>"})"
               "\n"
               R"({"id":"plain","question":"Which gas?","options":["He","Ne"],"answer":"B","category":"chemistry"})"
               "\n");
  const Finished done = run({assay_program(), ":memory:", "--json", "-c",
                             "load debate sample rounds=2 limit=12 as=debates model=sim/qa?accuracy=0.6; "
                             "load qa hostile.jsonl as=asked model=sim/qa?accuracy=0.6; "
                             "run_n 8; report page.html; report debates one.md; report debates few.html "
                             "--transcripts 3; report asked page.md --transcripts 3; report asked a.html b.html"},
                            folder.path());
  CAPTURE(done.out);
  CAPTURE(done.error);
  const std::vector<std::string> lines = [&] {
    std::vector<std::string> split;
    for (std::size_t at = 0; at < done.out.size();) {
      const std::size_t end = std::min(done.out.find('\n', at), done.out.size());
      split.push_back(done.out.substr(at, end - at));
      at = end + 1;
    }
    return split;
  }();
  REQUIRE(lines.size() == 8);
  const Json page = parse_json(lines[3], "report").at("result").at("page");
  CHECK(page["runs"] == 14);
  CHECK(page["transcripts"] == 14);
  CHECK(parse_json(lines[5], "few").at("result").at("page").at("transcripts") == 3);
  CHECK(parse_json(lines[6], "flag")
            .at("error")
            .at("message")
            .get<std::string>()
            .find("--transcripts goes with a page") == 0);
  CHECK(parse_json(lines[7], "files").at("error").at("message").get<std::string>().find("two files are named") !=
        std::string::npos);
  CHECK_FALSE(fs::exists(folder.path() / "b.html"));

  const std::string markdown = folder.read("one.md");
  CHECK(markdown.starts_with("# debate: debates"));
  CHECK(markdown.find("| runs | 12 runs: 12 COMPLETE |") != std::string::npos);
  CHECK(markdown.find("| round | n |") != std::string::npos);

  const std::string browser = chromium();
  if (browser.empty()) return;
  const std::string dom = opened(browser, folder, "page.html", "batch=asked&sort=-name&run=asked:evil%3C%2Fscript%3E");
  CHECK(dom.find("<title>Report of 2 batches</title>") != std::string::npos);
  CHECK(dom.find("2 of 14 runs") != std::string::npos);
  const std::string rows = rows_of(dom);
  CHECK(count(rows, "<tr") == 2);
  CHECK(rows.find("asked:plain") < rows.find("asked:evil&lt;/script&gt;"));
  CHECK(between(dom, "<h3 id=\"run-title\" tabindex=\"-1\">", "</h3>") == "Run asked:evil&lt;/script&gt;");
  const std::string turns = between(dom, "<div id=\"turns\">", "</section>");
  CHECK(turns.find("&lt;script&gt;document.title='taken'&lt;/script&gt;?") != std::string::npos);
  CHECK(count(turns, "class=\"turn reply\"") == 1);
  CHECK(dom.find("<img") == std::string::npos);
}

TEST_CASE("a run whose record is damaged is said, is in the list, and does not make the bounds better than they are") {
  TemporaryFolder folder;
  const std::string file = folder.file("x.assay");
  run({assay_program(), file, "-c", "load qa sample as=asked limit=4 model=sim/qa?accuracy=1; run_n 4"}, folder.path());
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &db) == SQLITE_OK);
  CHECK(sqlite3_exec(db, "UPDATE run SET data = replace(data, 'question', 'quostion') WHERE id = 2", nullptr, nullptr,
                     nullptr) == SQLITE_OK);
  CHECK(sqlite3_changes(db) == 1);
  sqlite3_close(db);
  const Finished done =
      run({assay_program(), file, "--json", "-c", "report asked; report asked page.html; ls"}, folder.path());
  CAPTURE(done.out);
  const std::vector<Json> said = results(done.out);
  REQUIRE(said.size() == 3);
  CHECK(said[0]["scored"] == 3);
  CHECK(said[0]["unreadable"] == 1);
  CHECK(said[0]["bounds"] == Json::array({0.75, 1.0}));
  CHECK(said[1]["page"]["runs"] == 4);
  CHECK(said[2]["matched"] == 4);
  const std::string page = folder.read("page.html");
  CHECK(page.find("1 run can&#39;t be read back in full") != std::string::npos);
  CHECK(page.find("why runs FAILed") != std::string::npos);
}

TEST_CASE("the page of the 393 recorded debates opens in a browser, filters, and shows one transcript") {
  const std::string file = std::string(ASSAY_SHARED_DATA) + "/debate/mad/replay_A.json.gz";
  if (!fs::exists(file)) {
    MESSAGE("skipped: no " << file);
    return;
  }
  TemporaryFolder folder;
  const Finished done =
      run({assay_program(), ":memory:", "-c",
           "load debate " + fs::canonical(file).string() + " format=mad as=mad; report mad page.html"},
          folder.path());
  CAPTURE(done.error);
  REQUIRE(done.status == 0);
  CHECK(done.out.find("393 runs)") != std::string::npos);
  CHECK(fs::file_size(folder.path() / "page.html") < (20U << 20));
  const std::string browser = chromium();
  if (browser.empty()) return;
  const std::string dom = opened(browser, folder, "page.html", "score=INCORRECT&by.category=law&sort=name");
  const std::string shown = between(dom, "aria-live=\"polite\">", "</p>");
  CAPTURE(shown);
  CHECK(shown.find(" of 393 runs") != std::string::npos);
  const std::string rows = rows_of(dom);
  CHECK(count(rows, "<tr") > 5);
  CHECK(count(rows, "\xE2\x9C\x97 INCORRECT") == count(rows, "<tr"));
  CHECK(count(rows, "<bdi>law</bdi>") == count(rows, "<tr"));
  CHECK(dom.find("aria-sort=\"ascending\"") != std::string::npos);
  CHECK(between(dom, "<div id=\"turns\">", "</div>").empty());

  // The first of them, as a click on its name opens it: by its address.
  const std::string name = between(rows, "href=\"#", "\"");
  REQUIRE(name.find("run=") != std::string::npos);
  std::string place = name;
  for (std::size_t at = place.find("&amp;"); at != std::string::npos; at = place.find("&amp;", at + 1))
    place.erase(at + 1, 4);
  const std::string open = opened(browser, folder, "page.html", place);
  CHECK(count(rows_of(open), "<tr class=\"open\">") == 1);
  const std::string turns = between(open, "<div id=\"turns\">", "</section>");
  CHECK(turns.find("<h4>round 1</h4>") != std::string::npos);
  CHECK(count(turns, "class=\"turn reply\"") >= 3);
  CHECK(turns.find("wrong: ") != std::string::npos);
}
