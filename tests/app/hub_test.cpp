// Data sets of the hub, read by the real program from a server of the test's own (qa.md 1.4, acceptance 5).
#include <doctest/doctest.h>

#include <signal.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <iterator>

#include "core/text/json.hpp"
#include "tests/faults/common.hpp"
#include "tests/support/page_server.hpp"

using namespace assay;
using namespace assay::test;

namespace {

constexpr const char* kToken = "hf_ThisMustNotBeSeen123";

std::string rows_page(std::uint64_t offset, std::uint64_t total) {
  Json page = {{"features", Json::array()}, {"rows", Json::array()}};
  for (std::uint64_t i = offset; i < std::min(offset + 100, total); ++i) {
    const Json row = {{"id", "q" + std::to_string(i)},
                      {"question", "Which is number " + std::to_string(i) + "?"},
                      {"question_concept", i % 2 == 0 ? "even" : "odd"},
                      {"choices", {{"label", {"A", "B"}}, {"text", {"this", "that"}}}},
                      {"answerKey", "B"}};
    page["rows"].push_back({{"row_idx", i}, {"row", row}, {"truncated_cells", Json::array()}});
  }
  page["num_rows_total"] = total;
  page["num_rows_per_page"] = 100;
  page["partial"] = false;
  return dump_json(page);
}

std::string usual(const PageRequest& request) {
  if (request.path.starts_with("/splits?")) {
    return page_answer(200, R"({"splits":[{"dataset":"o/n","config":"default","split":"train"},
      {"dataset":"o/n","config":"default","split":"validation"}],"pending":[],"failed":[]})");
  }
  return page_answer(200, rows_page(std::stoull(request.path.substr(request.path.find("offset=") + 7)), 230));
}

bool is_page(const PageRequest& request, int offset) {
  return request.path.find("offset=" + std::to_string(offset) + "&") != std::string::npos;
}

Finished session(const TemporaryFolder& folder, const PageServer& server, const std::string& commands) {
  return run({assay_program(), "x.assay", "-c", commands}, folder.path(),
             {{"HF_TOKEN", kToken},
              {"ASSAY_HF_BASE", server.origin()},
              {"HOME", folder.path().string()},
              {"XDG_CONFIG_HOME", folder.file("config")},
              {"XDG_STATE_HOME", folder.file("state")}});
}

/// Everything below the folder in one text.
std::string all_bytes(const std::filesystem::path& folder) {
  std::string all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    all.append(std::istreambuf_iterator<char>(file), {});
  }
  return all;
}

}  // namespace

TEST_CASE("a data set of the hub is loaded and run; a 429 is waited for; the token is sent and nowhere kept") {
  TemporaryFolder folder;
  std::atomic<int> asked{0};
  const PageServer server([&](const PageRequest& request) {
    if (is_page(request, 100) && ++asked == 1) return page_answer(429, "{}", "Retry-After: 1\r\n");
    return usual(request);
  });
  const auto start = std::chrono::steady_clock::now();
  const Finished done = session(folder, server,
                                "load qa hf:o/n limit=230 model=sim/qa; run_n 230; "
                                "save save.json; export jsonl export.jsonl; ls --limit 1; report");
  CHECK(std::chrono::steady_clock::now() - start >= std::chrono::seconds(1));
  CHECK(done.status == 0);
  CHECK(done.out.find("n: 230 runs, kind qa, model sim/qa") != std::string::npos);
  CHECK(done.out.find("230 COMPLETE") != std::string::npos);
  CHECK(std::filesystem::exists(folder.file("save.json")));
  CHECK(std::filesystem::exists(folder.file("export.jsonl")));
  const auto requests = server.requests();
  CHECK(requests.size() == 5);  // splits, three pages, one of them twice
  for (const auto& request : requests) {
    CHECK(request.headers.find(std::string("Authorization: Bearer ") + kToken) != std::string::npos);
  }
  CHECK(requests[0].path == "/splits?dataset=o%2Fn");
  CHECK(requests[1].path == "/rows?dataset=o%2Fn&config=default&split=validation&offset=0&length=100");
  const std::string everything = all_bytes(folder.path()) + done.out + done.error;
  CHECK(everything.find("Which is number 229?") != std::string::npos);  // it was looked at
  CHECK(everything.find(kToken) == std::string::npos);
}

TEST_CASE("what goes wrong at the hub is one message, and no batch") {
  struct Row {
    std::function<std::string(const PageRequest&)> answer;
    const char* want;
  };
  const auto when = [](int offset, const std::function<std::string()>& instead) {
    return [=](const PageRequest& request) { return is_page(request, offset) ? instead() : usual(request); };
  };
  const std::vector<Row> rows{
      {when(100, [] { return page_answer(503, R"({"error":"busy"})"); }),
       "rows at offset 100: the hub answers 503 (5 tries): busy"},
      {[](const PageRequest&) {
         return page_answer(404, R"({"error":"The dataset does not exist."})",
                            "X-Error-Code: DatasetNotFoundError\r\n");
       },
       "splits: the hub answers 404: The dataset does not exist. (DatasetNotFoundError)"},
      {[](const PageRequest&) { return page_answer(403, std::string(R"({"error":"not for )") + kToken + "\"}"); },
       "splits: the hub answers 403: not for [HF_TOKEN]"},
      {when(200, [] { return page_answer(200, rows_page(200, 230).substr(0, 500)); }),
       "rows at offset 200: the answer is no whole JSON document"},
      {when(200,
            [] {
              const std::string whole = page_answer(200, rows_page(200, 230));
              return whole.substr(0, whole.size() - 100);
            }),
       "rows at offset 200: no answer from "},
      {when(200, [] { return page_answer(200, rows_page(300, 230)); }), "row 200 of 230 did not come"},
      {when(0,
            [] {
              Json page = parse_json(rows_page(0, 230), "page");
              page["rows"][17]["truncated_cells"] = Json::array({"question"});
              return page_answer(200, dump_json(page));
            }),
       "row 18, column 'question': the hub sends only the beginning of this cell"},
  };
  for (const auto& [answer, want] : rows) {
    CAPTURE(want);
    TemporaryFolder folder;
    const PageServer server(answer);
    const Finished done = session(folder, server, "load qa hf:o/n model=sim/qa");
    CAPTURE(done.error);
    CHECK(done.status == 1);
    CHECK((done.out + done.error).find(want) != std::string::npos);
    const Finished after = session(folder, server, "batches");
    CHECK(after.out.find("there are no batches yet") != std::string::npos);
    CHECK((all_bytes(folder.path()) + done.out + done.error).find(kToken) == std::string::npos);
  }
}

TEST_CASE("Ctrl-C ends a long reading") {
  TemporaryFolder folder;
  const PageServer server([](const PageRequest& request) {
    return is_page(request, 100) ? page_answer(429, "{}", "Retry-After: 300\r\n") : usual(request);
  });
  Child child({assay_program(), "x.assay", "-c", "load qa hf:o/n model=sim/qa"}, folder.path(),
              {{"ASSAY_HF_BASE", server.origin()}, {"HOME", folder.path().string()}});
  for (int i = 0; i < 200 && server.requests().size() < 3; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  REQUIRE(server.requests().size() >= 3);
  child.signal(SIGINT);
  CHECK(child.wait_for(std::chrono::seconds(10)) > 0);
  CHECK(child.error().find("stopped while reading") != std::string::npos);
}
