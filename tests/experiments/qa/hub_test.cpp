#include "experiments/qa/hub.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <set>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "experiments/qa/loading.hpp"
#include "experiments/qa/parameters.hpp"
#include "tests/experiments/qa/shared_data.hpp"
#include "tests/runners/llm/fake_transport.hpp"

namespace assay {
namespace {

using test::faulty;
using test::reply_with;

using Reply = std::function<WireReply(const std::string& address)>;

/// Answers by address, at once; "/rows" by its offset.
class HubTransport final : public Transport {
 public:
  std::vector<WireRequest> sent;
  Reply splits = [](const std::string&) {
    return reply_with(200, R"({"splits":[{"dataset":"o/n","config":"default","split":"train"},
      {"dataset":"o/n","config":"default","split":"test"}],"pending":[],"failed":[]})");
  };
  Reply rows;
  std::size_t held = 0, most_held = 0;  // answers kept back until `together` wait, to see how many there may be
  std::size_t together = 1;
  std::size_t row_pages = 0;

  void send(WireRequest request, std::function<void(WireReply)> done) override {
    const std::string address = request.url;
    sent.push_back(std::move(request));
    if (address.find("/splits?") != std::string::npos) return done(splits(address));
    ++row_pages;
    waiting_.emplace_back(address, std::move(done));
    most_held = std::max(most_held, waiting_.size());
    if (waiting_.size() < together && row_pages > 1) return;
    // The last asked answers first: order must not matter.
    while (!waiting_.empty()) {
      auto [url, answer] = std::move(waiting_.back());
      waiting_.pop_back();
      answer(rows(url));
    }
  }
  void cancel(CallId, int) override { ++cancelled; }
  Lookup lookup(CallId, int) override { return {}; }
  void settled(CallId, int) override {}
  int cancelled = 0;

 private:
  std::vector<std::pair<std::string, std::function<void(WireReply)>>> waiting_;
};

std::uint64_t offset_of(const std::string& address) {
  const auto at = address.find("offset=");
  return std::stoull(address.substr(at + 7));
}

Json page_of(std::uint64_t offset, std::uint64_t total, const std::function<Json(std::uint64_t)>& row) {
  Json page = {{"features", Json::array()}, {"rows", Json::array()}};
  for (std::uint64_t i = offset; i < std::min(offset + 100, total); ++i) {
    page["rows"].push_back({{"row_idx", i}, {"row", row(i)}, {"truncated_cells", Json::array()}});
  }
  page["num_rows_total"] = total;
  page["num_rows_per_page"] = 100;
  page["partial"] = false;
  return page;
}

Json plain_row(std::uint64_t i) { return {{"question", "Q" + std::to_string(i)}, {"answer", i}}; }

struct Room {
  HubTransport transport;
  SecretStore secrets;
  std::string base = "http://127.0.0.1:9";
  CallId next = 1;
  WebReader web{{transport, [this] { return next++; }, secrets, "test", {.back_off = std::chrono::milliseconds(1)}}};
  Hub hub{web, [this] { return base; }};
  std::vector<std::string> warnings;
  HubReading reading{hub};
  std::optional<std::uint64_t> limit;
  std::function<bool()> interrupted;

  explicit Room(std::uint64_t total = 230) {
    transport.rows = [total](const std::string& address) {
      return reply_with(200, dump_json(page_of(offset_of(address), total, plain_row)));
    };
  }

  std::vector<Item> load(const std::string& name, const ParameterTexts& given = {}) {
    Source source{name, name, std::nullopt, limit};
    source.interrupted = interrupted;
    return read_items(source, resolve_parameters(qa_parameters(), given, "qa"), warnings, &reading);
  }
  std::string refusal(const std::string& name, const ParameterTexts& given = {}) {
    try {
      load(name, given);
    } catch (const Error& error) {
      return std::string(error.what()) + (error.hint().empty() ? "" : " | " + error.hint());
    }
    return "loaded";
  }
};

TEST_CASE("the pages of a data set come at most four at a time, in any order, and become its rows in theirs") {
  Room room(1221);
  room.transport.together = 4;
  const auto items = room.load("hf:o/n");
  REQUIRE(items.size() == 1221);
  for (std::size_t i = 0; i < items.size(); ++i) CHECK(*items[i].question == "Q" + std::to_string(i));
  CHECK(items[16].source == "hf:o/n:17");
  CHECK(room.transport.row_pages == 13);
  CHECK(room.transport.most_held == 4);
  CHECK(room.transport.sent[0].url == "http://127.0.0.1:9/splits?dataset=o%2Fn");
  CHECK(room.transport.sent[1].url ==
        "http://127.0.0.1:9/rows?dataset=o%2Fn&config=default&split=test&offset=0&length=100");
  CHECK(dump_json(room.reading.pin) == R"({"dataset":"o/n","config":"default","split":"test","rows":1221})");
  CHECK(room.warnings.empty());
}

TEST_CASE("config and split given: the list of splits is not asked for") {
  Room room;
  CHECK(room.load("hf:o/n", {{"config", "a b"}, {"split", "dev&x"}}).size() == 230);
  CHECK(room.transport.sent[0].url.find("/rows?dataset=o%2Fn&config=a%20b&split=dev%26x&offset=0") !=
        std::string::npos);
}

TEST_CASE("a limit reads only the pages it needs; not with a sample, categories or rows left out") {
  for (const auto& [limit, pages] : {std::pair(5, 1), std::pair(100, 1), std::pair(101, 2), std::pair(5000, 3)}) {
    Room room;
    room.limit = limit;
    CHECK(room.load("hf:o/n").size() == static_cast<std::size_t>(std::min(limit, 230)));
    CHECK(room.transport.row_pages == static_cast<std::size_t>(pages));
  }
  for (const ParameterTexts& given : {ParameterTexts{{"sample", "uniform:7"}}, ParameterTexts{{"bad_rows", "skip"}}}) {
    Room room;
    room.limit = 5;
    room.load("hf:o/n", given);
    CHECK(room.transport.row_pages == 3);
  }
}

TEST_CASE("which config and split is taken, and what there is when none can be") {
  struct Case {
    const char* splits;
    ParameterTexts given;
    const char* want;  // "config split", or the message
  };
  const auto list = [](std::vector<std::pair<const char*, const char*>> pairs) {
    std::string out;
    for (const auto& [config, split] : pairs) {
      out += std::string(out.empty() ? "" : ",") + R"({"config":")" + config + R"(","split":")" + split + R"("})";
    }
    return R"({"splits":[)" + out + R"(],"pending":[],"failed":[]})";
  };
  const std::string many = list({{"main", "train"}, {"main", "validation"}, {"socratic", "train"}});
  const std::string with_default = list({{"x", "train"}, {"default", "train"}, {"default", "validation"}});
  const std::vector<std::tuple<std::string, ParameterTexts, std::string>> cases{
      {list({{"main", "train"}}), {}, "main train"},
      {list({{"main", "train"}, {"main", "validation"}}), {}, "main validation"},
      {with_default, {}, "default validation"},
      {with_default, {{"config", "x"}}, "x train"},
      {many, {}, "hf:o/n: which config? It has main, socratic | config=NAME says it"},
      {many, {{"config", "man"}}, "hf:o/n: there is no config 'man': it has main, socratic | did you mean main?"},
      {many, {{"config", "main"}, {"split", "train"}}, "main train"},
      {many, {{"config", "main"}, {"split", ""}}, "main validation"},
      {list({{"m", "a"}, {"m", "b"}}), {}, "hf:o/n: which split? It has a, b | split=NAME says it"},
      {many, {{"split", "tran"}, {"config", ""}}, "hf:o/n: which config? It has main, socratic | config=NAME says it"},
      {with_default,
       {{"split", "validatoin"}},
       "hf:o/n: there is no split 'validatoin': it has train, validation | did you mean validation?"},
      {list({}), {}, "hf:o/n: the hub knows no split of it"},
      {R"({"splits":[],"pending":[{"config":"a"}]})",
       {},
       "hf:o/n: the hub knows no split of it yet: it is being prepared | try again in a few minutes"},
      {R"({"split":1})",
       {},
       "hf:o/n: splits: there is no list 'splits' in the answer | is hf.base (http://127.0.0.1:9) the row API?"},
  };
  for (const auto& [splits, given, want] : cases) {
    CAPTURE(splits);
    Room room(10);
    room.transport.splits = [&, text = splits](const std::string&) { return reply_with(200, text); };
    const std::string got = room.refusal("hf:o/n", given);
    if (got == "loaded") {
      CHECK(room.reading.pin["config"].get<std::string>() + " " + room.reading.pin["split"].get<std::string>() == want);
    } else {
      CHECK(got == want);
    }
  }
}

TEST_CASE("a 429 is waited for as long as it asks, a 503 is tried again, five of them end it") {
  Room room;
  int asked = 0;
  const auto good = room.transport.rows;
  room.transport.rows = [&](const std::string& address) {
    return ++asked == 1 ? reply_with(429, "{}", {{"retry-after", "1", ""}}) : good(address);
  };
  const auto start = std::chrono::steady_clock::now();
  CHECK(room.load("hf:o/n").size() == 230);
  CHECK(std::chrono::steady_clock::now() - start >= std::chrono::seconds(1));

  for (const auto& [failures, works] : {std::pair(4, true), std::pair(5, false)}) {
    for (const bool broken : {false, true}) {
      Room other;
      int failed = 0;
      other.transport.rows = [&, n = failures](const std::string& address) {
        if (offset_of(address) != 100 || ++failed > n) return good(address);
        return broken ? faulty("network", "reset", true) : reply_with(503, R"({"error":"busy"})");
      };
      const std::string got = other.refusal("hf:o/n");
      CHECK((got == "loaded") == works);
      if (!works && broken) {
        CHECK(got ==
              "hf:o/n: rows at offset 100: no answer from http://127.0.0.1:9 (5 tries): network reset | "
              "`set hf.base` shows and changes the address");
      } else if (!works) {
        CHECK(got == "hf:o/n: rows at offset 100: the hub answers 503 (5 tries): busy | try again later");
      }
    }
  }
  Room patient;
  patient.transport.rows = [](const std::string&) { return reply_with(429, "{}", {{"retry-after", "86400", ""}}); };
  CHECK(patient.refusal("hf:o/n") ==
        "hf:o/n: rows at offset 0: the hub answers 429 | try again later; with a key in HF_TOKEN the hub allows more");
}

TEST_CASE("what the hub refuses is told with its words, its code and what to do") {
  Room room;
  room.transport.splits = [](const std::string&) {
    return reply_with(404, R"({"error":"The dataset does not exist."})",
                      {{"x-error-code", "DatasetNotFoundError", ""}});
  };
  CHECK(
      room.refusal("hf:o/n") ==
      "hf:o/n: splits: the hub answers 404: The dataset does not exist. (DatasetNotFoundError) | is the name right? A "
      "private or gated data set needs a key: put it into HF_TOKEN");
  room.secrets.put(kHubToken, "hf_secret_value");
  CHECK(room.refusal("hf:o/n").find("may the key in HF_TOKEN read it?") != std::string::npos);
  for (const int status : {401, 403}) {
    room.transport.splits = [&](const std::string&) {
      return reply_with(status, R"({"error":"no: hf_secret_value"})");
    };
    const std::string got = room.refusal("hf:o/n");
    CHECK(got.find("the hub answers " + std::to_string(status) + ": no: [HF_TOKEN]") != std::string::npos);
    CHECK(got.find("hf_secret_value") == std::string::npos);
  }
  for (const char* name : {"hf:", "hf:alone", "hf:a/b/c", "hf:/n", "hf:o/", "hf:o/n?x"}) {
    CHECK(room.refusal(name).find("no name of a data set | hf:OWNER/NAME") != std::string::npos);
  }
}

TEST_CASE("the token goes along by name only, and never over plain http to another machine") {
  Room room(10);
  CHECK(room.load("hf:o/n").size() == 10);
  for (const auto& request : room.transport.sent) {
    for (const auto& header : request.headers) CHECK(header.name != "Authorization");
  }
  room.secrets.put(kHubToken, "hf_secret_value");
  room.transport.sent.clear();
  CHECK(room.load("hf:o/n").size() == 10);
  for (const auto& request : room.transport.sent) {
    bool bearer = false;
    for (const auto& header : request.headers) {
      bearer = bearer || (header.name == "Authorization" && header.value == "Bearer " && header.secret == kHubToken);
    }
    CHECK(bearer);
  }
  room.base = "http://example.org";
  CHECK(room.refusal("hf:o/n").find("HF_TOKEN would go over plain http to example.org") != std::string::npos);
}

TEST_CASE("pages that are cut, of another shape, short or of another data set say what was missing") {
  struct Case {
    std::function<Json(std::uint64_t)> page;
    const char* want;
  };
  const auto with = [](std::uint64_t bad, const std::function<void(Json&)>& change) {
    return [=](std::uint64_t offset) {
      Json page = page_of(offset, 230, plain_row);
      if (offset == bad) change(page);
      return page;
    };
  };
  const std::vector<Case> cases{
      {with(100, [](Json& page) { page["rows"].erase(30); }),
       "hf:o/n: row 130 of 230 did not come: the page at offset 100 has not all of its rows"},
      {with(200, [](Json& page) { page["rows"] = Json::array(); }),
       "hf:o/n: row 200 of 230 did not come: the page at offset 200 has not all of its rows"},
      {with(0, [](Json& page) { page.erase("num_rows_total"); }),
       "rows at offset 0: there is no count 'num_rows_total'"},
      {with(100, [](Json& page) { page["num_rows_total"] = 231; }),
       "rows at offset 100: there are 231 rows now, there were 230"},
      {with(100, [](Json& page) { page.erase("rows"); }), "rows at offset 100: there is no list 'rows'"},
      {with(100, [](Json& page) { page["rows"][3].erase("row_idx"); }), "a row without its 'row_idx'"},
      {with(100, [](Json& page) { page["rows"][3].erase("row"); }), "row 103 is without its 'row'"},
      {with(100, [](Json& page) { page["rows"][3]["row_idx"] = 104; }), "it holds row 104 twice"},
      {with(100, [](Json& page) { page["rows"][3]["row_idx"] = 5; }), "rows at offset 100: it holds row 5"},
      {with(100, [](Json& page) { page["rows"][3] = 7; }), "a row without its 'row_idx'"},
      {with(0, [](Json& page) { page = Json::array(); }), "the answer is no JSON object"},
  };
  for (const auto& [page, want] : cases) {
    CAPTURE(want);
    Room room;
    room.transport.rows = [&](const std::string& address) {
      return reply_with(200, dump_json(page(offset_of(address))));
    };
    CHECK(room.refusal("hf:o/n").find(want) != std::string::npos);
  }
  Room room;
  room.transport.rows = [](const std::string& address) {
    const std::string whole = dump_json(page_of(offset_of(address), 230, plain_row));
    return reply_with(200, whole.substr(0, whole.size() / 2));
  };
  CHECK(room.refusal("hf:o/n").find("rows at offset 0: the answer is no whole JSON document") != std::string::npos);
}

TEST_CASE("a cut cell in a column that is used ends the load; elsewhere it is said") {
  Room room(10);
  std::string column = "question";
  room.transport.rows = [&](const std::string& address) {
    Json page = page_of(offset_of(address), 10, [](std::uint64_t i) {
      Json row = plain_row(i);
      row["note"] = "long";
      row["choices"] = {{"label", {"A", "B"}}, {"text", {"x", std::to_string(i)}}};
      row["answerKey"] = "B";
      return row;
    });
    page["rows"][7]["truncated_cells"] = {column};
    page["rows"][8]["truncated_cells"] = {column};
    return reply_with(200, dump_json(page));
  };
  CHECK(
      room.refusal("hf:o/n") ==
      "hf:o/n:8: row 8, column 'question': the hub sends only the beginning of this cell (truncated_cells) | download "
      "the file from the hub and load that: Parquet, JSONL or CSV");
  column = "choices";
  CHECK(room.refusal("hf:o/n").find("column 'choices'") != std::string::npos);
  CHECK(room.refusal("hf:o/n", {{"map.options", "choices.text"}}).find("column 'choices'") != std::string::npos);
  room.limit = 7;
  CHECK(room.refusal("hf:o/n") == "loaded");
  room.limit.reset();
  column = "note";
  room.warnings.clear();
  CHECK(room.load("hf:o/n").size() == 10);
  REQUIRE(room.warnings.size() == 1);
  CHECK(room.warnings[0] == "hf:o/n:8: column 'note' is kept as the hub sends it: cut off");
}

TEST_CASE("class labels are positions in the options, names elsewhere, and -1 is no answer") {
  Room room;
  const auto serve = [&](bool options) {
    room.transport.rows = [options](const std::string& address) {
      Json page = page_of(offset_of(address), 3, [&](std::uint64_t i) {
        Json row = {{"question", "Q"}, {"answer", static_cast<std::int64_t>(i) - 1}, {"category", 1}};
        if (options) row["options"] = {"x", "y"};
        return row;
      });
      page["features"] = {{{"name", "answer"}, {"type", {{"names", {"no", "yes"}}, {"_type", "ClassLabel"}}}},
                          {{"name", "category"}, {"type", {{"names", {"law", "art"}}, {"_type", "ClassLabel"}}}}};
      return reply_with(200, dump_json(page));
    };
  };
  serve(true);
  auto items = room.load("hf:o/n");
  CHECK(items[0].answer.is_null());
  CHECK(items[1].answer == "A");
  CHECK(items[2].answer == "B");
  CHECK(items[2].category == "art");
  serve(false);
  items = room.load("hf:o/n");
  CHECK(items[0].answer.is_null());
  CHECK(items[1].answer == "no");
  CHECK(items[2].answer == "yes");
}

TEST_CASE("only a part of a split at the hub: said, and kept with what was read") {
  Room room(10);
  room.transport.rows = [](const std::string& address) {
    Json page = page_of(offset_of(address), 10, plain_row);
    page["partial"] = true;
    return reply_with(200, dump_json(page));
  };
  CHECK(room.load("hf:o/n").size() == 10);
  REQUIRE(room.warnings.size() == 1);
  CHECK(room.warnings[0].find("the hub has only a part of this split (10 rows)") != std::string::npos);
  CHECK(room.reading.pin["partial"] == true);
}

TEST_CASE("Ctrl-C ends a reading soon and cancels what is under way") {
  Room room;
  room.transport.together = 1000;  // pages after the first never come
  int asked = 0;
  room.interrupted = [&] { return ++asked > 3; };
  const auto start = std::chrono::steady_clock::now();
  CHECK(room.refusal("hf:o/n").find("stopped while reading") == 0);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(3));
  CHECK(room.transport.cancelled == 2);
}

TEST_CASE("the shared pages give the file's first 230 items") {
  const auto first = shared_qa("hf_server/rows_0.json"), file = shared_qa("csqa_validation.parquet");
  if (!first || !file) return;
  Room room;
  const std::string folder = first->substr(0, first->rfind('/') + 1);
  room.transport.splits = [&](const std::string&) { return reply_with(200, read_file(folder + "splits.json")); };
  room.transport.rows = [&](const std::string& address) {
    return reply_with(200, read_file(folder + "rows_" + std::to_string(offset_of(address)) + ".json"));
  };
  room.limit = 230;
  const auto items = room.load("hf:tau/commonsense_qa", {{"split", "validation"}});
  std::vector<std::string> warnings;
  const auto all = read_items({*file, *file, std::nullopt}, resolve_parameters(qa_parameters(), {}, "qa"), warnings);
  REQUIRE(items.size() == 230);
  for (std::size_t i = 0; i < items.size(); ++i) {
    Json a = to_data(items[i], Json::object()), b = to_data(all[i], Json::object());
    a.erase("source");
    b.erase("source");
    CHECK(nlohmann::json(a) == nlohmann::json(b));
  }
  room.transport.rows = [&](const std::string&) { return reply_with(200, read_file(folder + "rows_truncated.json")); };
  room.limit.reset();
  CHECK(room.refusal("hf:tau/commonsense_qa").find("truncated_cells") != std::string::npos);
  room.transport.splits = [&](const std::string&) { return reply_with(404, read_file(folder + "error_404.json")); };
  CHECK(room.refusal("hf:tau/commonsense_qa").find("the hub answers 404: The dataset does not exist, or is not") !=
        std::string::npos);
}

TEST_CASE("without a hub, and for parts of files, it is said what to do") {
  std::vector<std::string> warnings;
  const Json params = resolve_parameters(qa_parameters(), {}, "qa");
  CHECK_THROWS_WITH_AS(read_items({"hf:o/n", "hf:o/n", std::nullopt}, params, warnings),
                       "hf:o/n: the hub is not read here", Error);
  const Json split = resolve_parameters(qa_parameters(), {{"split", "test"}}, "qa");
  CHECK_THROWS_WITH_AS(read_items({"x.jsonl", "x.jsonl", std::string_view("{}")}, split, warnings),
                       "x.jsonl: split= and config= choose a part of a data set of the hub", Error);
}

}  // namespace
}  // namespace assay
