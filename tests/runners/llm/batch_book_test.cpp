// Files of calls over a store in memory: how many there are, what an import records, what is given back.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "core/ledger/budget_book.hpp"
#include "core/store/memory_store.hpp"
#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "runners/llm/batch_book.hpp"
#include "tests/runners/llm/fake_transport.hpp"
#include "tests/support/fake_step.hpp"

using namespace assay;
using namespace assay::test;
namespace fs = std::filesystem;

namespace {

constexpr Pico kBound = 1'000'000'000, kCost = (100 * 2'000'000LL + 10 * 10'000'000LL) / 2;

/// Files and their answers, without the engine: calls are recorded as it records them.
struct Room {
  std::string folder;
  FakeClock clock;
  FakeTransport transport;
  SecretStore secrets;
  std::unique_ptr<Store> store = open_memory_store();
  RunTable table;
  Budget budget;
  ModelRegistry registry{[](std::string_view name) -> std::optional<std::string> {
                           if (name == "OPENAI_API_KEY") return "sk-test-CANARY0123456789abcdef";
                           return std::nullopt;
                         },
                         secrets};
  ModelHandle model = registry.callable("openai/gpt-4o", Json::parse(R"({"price":{"in":2,"out":10,"batch":0.5}})"));
  BatchInfo batch;
  std::unique_ptr<BatchBook> book;

  explicit Room(std::uint32_t runs) {
    std::string name = (fs::temp_directory_path() / "assay-bulk-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder = name;
    AddBatch add;
    add.info.name = "b";
    add.info.kind = "k";
    add.info.pinned = Json::object({{"model", to_json(*model)}});
    auto list = std::make_shared<std::vector<NewRun>>();
    for (std::uint32_t i = 0; i < runs; ++i) list->emplace_back().id = std::to_string(i);
    add.info.count = runs;
    add.runs = list;
    batch = add.info;
    table.add_batch(add.info, *list);
    store->write({std::move(add)});
    const BudgetBook budgets(budget, *store, table);
    reopen();
  }
  ~Room() {
    book.reset();
    fs::remove_all(folder);
  }
  std::vector<std::string> write_calls(std::uint32_t n, const std::string& text = "question ") {
    const auto files = book->open(folder, {batch});
    std::vector<Change> changes;
    for (std::uint32_t i = 0; i < n; ++i) {
      CallRecord call;
      call.id = store->reserve_call();
      call.run = i;
      call.attempt = 1;
      call.state = CallState::in_file;
      call.model = model->name;
      call.reserved = call.possible = kBound;
      const std::string body =
          R"({"messages":[{"content":")" + text + std::to_string(i) + R"(","role":"user"}],"model":"gpt-4o"})";
      const auto file =
          files->assign({model.get(), model->name, [&] { return dump_json(to_json(*model)); }}, body.size());
      REQUIRE(file);
      call.lane = std::string(kFileLane) + *file;
      budget.add({call.run, call.model, 0}, {0, kBound});
      changes.push_back(
          SendCall{call, R"({"body":)" + body + R"(,"endpoint":"e","epoch":0,"path":"/","type":"openai","v":1})"});
      if (changes.size() == 1000) store->submit(std::exchange(changes, {}), {});
    }
    store->submit(std::move(changes), {});
    files->close();
    return book->wait_written();
  }
  std::vector<std::string> ids() const {
    std::vector<std::string> all;
    std::set<std::string> paths;
    for (const auto& entry : fs::directory_iterator(folder)) paths.insert(entry.path());
    for (const std::string& path : paths) {
      std::ifstream in(path);
      for (std::string line; std::getline(in, line);) all.push_back(line.substr(14, line.find('"', 14) - 14));
    }
    return all;
  }
  BulkImport import(const std::string& text, const std::string& name = "answers") {
    const std::string path = folder + "/../" + fs::path(folder).filename().string() + "." + name;
    std::ofstream(path) << text;
    const BulkImport result = book->import(path, {});
    fs::remove(path);
    return result;
  }
  Store::CallCounts counts() const { return store->call_counts(); }
  void reopen() {
    book.reset();
    book = std::make_unique<BatchBook>(
        BatchBookParts{*store, table, clock, registry, secrets, transport, &budget, "1", {}});
  }
};

std::string answer_line(const std::string& id, const std::string& text = "B") {
  return R"({"id":"r","custom_id":")" + id +
         R"(","response":{"status_code":200,"request_id":"q","body":{"id":"c","model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":")" +
         text +
         R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":100,"completion_tokens":10}}},"error":null})"
         "\n";
}
std::string refused_line(const std::string& id) {
  return R"({"id":"r","custom_id":")" + id +
         R"(","response":{"status_code":400,"body":{"error":{"message":"no","type":"invalid_request_error"}}},"error":null})"
         "\n";
}
std::string expired_line(const std::string& id) {
  return R"({"id":"r","custom_id":")" + id +
         R"(","response":null,"error":{"code":"batch_expired","message":"x"}})"
         "\n";
}

}  // namespace

TEST_CASE("120,000 calls make three files, each within the limits, every call once") {
  Room room(120'000);
  const auto lines = room.write_calls(120'000);
  REQUIRE(lines.size() == 3);
  const auto files = room.book->list();
  REQUIRE(files.size() == 3);
  CHECK(files[0].calls == 50'000);
  CHECK(files[1].calls == 50'000);
  CHECK(files[2].calls == 20'000);
  for (const BulkFileFacts& file : files) {
    CHECK(file.bytes == fs::file_size(file.path));
    CHECK(file.bytes <= kBatchFileBytes);
    CHECK(file.waiting == file.calls);
    CHECK(file.state == "written");
    CHECK((fs::status(file.path).permissions() & fs::perms::mask) == (fs::perms::owner_read | fs::perms::owner_write));
  }
  const auto ids = room.ids();
  CHECK(ids.size() == 120'000);
  CHECK(std::set(ids.begin(), ids.end()).size() == 120'000);

  // Answers in any order, twice, with 1 % expired, 1 % refused, 1 % missing and 10 bad lines.
  std::vector<std::string> answers;
  std::uint64_t answered = 0, refused = 0, expired = 0, missing = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i % 100 == 1) {
      answers.push_back(expired_line(ids[i]));
      ++expired;
    } else if (i % 100 == 2) {
      answers.push_back(refused_line(ids[i]));
      ++refused;
    } else if (i % 100 == 3) {
      ++missing;
    } else {
      answers.push_back(answer_line(ids[i]));
      ++answered;
    }
  }
  for (int i = 0; i < 10; ++i) answers.push_back("{\"custom_id\":\"cut off\n");
  std::mt19937 random(7);
  std::shuffle(answers.begin(), answers.end(), random);
  std::string halves[2];
  for (std::size_t i = 0; i < answers.size(); ++i) halves[i % 2] += answers[i];
  BulkImport sum;
  for (const int half : {1, 0}) sum += room.import(halves[half]);
  CHECK(sum.answered == answered);
  CHECK(sum.refused == refused);
  CHECK(sum.returned == expired);
  CHECK(sum.bad == 10);
  CHECK(sum.repeated == 0);
  CHECK(sum.files.size() == 3);
  CHECK(room.counts().answered == answered);
  const BudgetState money = room.budget.tally({});
  CHECK(money.settled == static_cast<Pico>(answered) * kCost);
  CHECK(money.possible == static_cast<Pico>(missing) * kBound);
  CHECK(room.store->cost("model").at(0).cost == static_cast<Pico>(answered) * kCost);
  CHECK(room.store->cost("model").at(0).possible == static_cast<Pico>(missing) * kBound);

  BulkImport again;
  for (const int half : {0, 1}) again += room.import(halves[half]);
  CHECK(again.answered + again.refused + again.returned + again.late == 0);
  CHECK(again.repeated == answered + refused + expired);
  CHECK(again.bad == 10);
  CHECK(room.budget.tally({}).settled == money.settled);

  std::uint64_t waiting = 0, released = 0;
  for (const BulkFileFacts& file : room.book->list()) {
    waiting += file.waiting;
    released += room.book->release(file.name, false);
  }
  CHECK(waiting == missing);
  CHECK(released == missing);
  CHECK(room.budget.tally({}).possible == 0);
  for (const BulkFileFacts& file : room.book->list()) CHECK(file.state == "done");
  MESSAGE(answered << " answered, " << refused << " refused, " << expired << " expired, " << missing << " missing");
}

TEST_CASE("a file ends before it would be larger than 200 MB") {
  Room room(25);
  room.write_calls(25, std::string(10'000'000, 'x'));
  const auto files = room.book->list();
  REQUIRE(files.size() == 2);
  CHECK(files[0].calls == 19);
  for (const BulkFileFacts& file : files) CHECK(fs::file_size(file.path) <= kBatchFileBytes);
}

TEST_CASE("each model has a file of its own, and names are never used twice") {
  Room room(4);
  std::ofstream(room.folder + "/assay-0001.jsonl") << "somebody's\n";
  room.write_calls(2);
  room.model = room.registry.callable("openai/gpt-4o-mini");
  room.write_calls(2);
  const auto files = room.book->list();
  REQUIRE(files.size() == 2);
  CHECK(files[0].name == "assay-0002.jsonl");
  CHECK(files[1].name == "assay-0003.jsonl");
  CHECK(files[1].model == "openai/gpt-4o-mini");
  CHECK(read_file(room.folder + "/assay-0001.jsonl") == "somebody's\n");
}

TEST_CASE(
    "a file that a crash left unwritten is written by the next session, and one that is there is not written again") {
  Room room(3);
  room.write_calls(3);
  const BulkFileFacts file = room.book->list().at(0);
  const std::string text = read_file(file.path);
  // The crash came before the note: it still says that nothing was written.
  const auto forget = [&] {
    Json note = parse_json(room.store->note("bulk/1"), "note");
    note["written"] = false;
    note["last"] = 0;
    room.store->write({PutNote{"bulk/1", dump_json(note)}});
  };
  SUBCASE("before the file came into being") {
    forget();
    fs::remove(file.path);
    room.reopen();
    CHECK(room.book->wait_written().size() == 1);
    CHECK(read_file(file.path) == text);
  }
  SUBCASE("after it") {
    forget();
    const auto time = fs::last_write_time(file.path);
    room.reopen();
    room.book->wait_written();
    CHECK(room.book->list().at(0).state == "written");
    CHECK(fs::last_write_time(file.path) == time);
  }
  SUBCASE("another file is in its place: said, not replaced, and written once it is gone") {
    forget();
    std::ofstream(file.path) << "other\n";
    room.reopen();
    const auto lines = room.book->wait_written();
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].find("is there already") != std::string::npos);
    CHECK(room.book->list().at(0).state.starts_with("not written"));
    fs::remove(file.path);
    room.book->wait_written();
    CHECK(read_file(file.path) == text);
  }
}

TEST_CASE("what was given back and comes all the same is recorded and counted, once") {
  Room room(2);
  room.write_calls(2);
  const auto ids = room.ids();
  CHECK(room.book->release("assay-0001", false) == 2);
  const BulkImport late = room.import(answer_line(ids[0]) + expired_line(ids[1]) + answer_line(ids[0], "C"));
  CHECK(late.late == 1);
  CHECK(late.answered == 0);
  CHECK(late.repeated == 2);
  CHECK(room.counts().answered == 1);
  CHECK(room.budget.tally({}).settled == kCost);
}

TEST_CASE("ids of another experiment, of calls that were sent, and of nobody are told with their lines") {
  Room room(1);
  room.write_calls(1);
  const BulkImport import = room.import(answer_line("assay-00000000-000000000001") + "\n" + answer_line("mine-1") +
                                        answer_line(batch_custom_id(room.store->experiment_id(), 999)) + "nonsense\n");
  CHECK(import.unknown == 3);
  CHECK(import.bad == 1);
  CHECK(import.lines == 4);
  REQUIRE(import.problems.size() == 4);
  CHECK(import.problems[3].find(":5: not JSON") != std::string::npos);
  CHECK(room.counts().answered == 0);
}

TEST_CASE("an answer that can't be read may have been billed: it is sent again, and its bound stays possible") {
  Room room(1);
  room.write_calls(1);
  const BulkImport import =
      room.import(R"({"custom_id":")" + room.ids()[0] + R"(","response":{"status_code":200,"body":{"x":1}}})");
  CHECK(import.returned == 1);
  CHECK(room.budget.tally({}).possible == kBound);
  CHECK(room.store->calls(0).at(0).doubt == CallDoubt::ambiguous);
}

TEST_CASE("models that are not of OpenAI's shape are refused before anything begins") {
  Room room(1);
  BatchInfo batch;
  batch.name = "sums";
  batch.pinned = Json::object({{"model", to_json(*room.registry.entry("sim/default"))}});
  CHECK_THROWS_WITH_AS(room.book->open(room.folder, {batch}), "batch sums: sim/default can't be asked by a bulk file",
                       Error);
  CHECK_THROWS_AS(room.book->open("/proc/nowhere", {room.batch}), Error);
}

TEST_CASE("a crash between two steps over the API: what happened there is found again, not done twice") {
  Room room(2);
  room.write_calls(2);
  const auto note = [&] { return parse_json(room.store->note("bulk/1"), "note"); };
  const auto died_while = [&](const char* doing) {
    Json kept = note();
    kept["doing"] = doing;
    if (std::string_view(doing) == "creating") kept["input_file_id"] = "file-9";
    room.store->write({PutNote{"bulk/1", dump_json(kept)}});
    room.reopen();
  };
  const std::string bytes = std::to_string(room.book->list().at(0).bytes);
  const auto methods = [&] {
    std::string all;
    for (const WireRequest& request : room.transport.sent)
      all += request.method + " " + request.url.substr(request.url.find("/v1") + 3) + "; ";
    return all;
  };
  SUBCASE("the batch was made") {
    died_while("creating");
    room.transport.replies.push_back(reply_with(
        200,
        R"({"data":[{"id":"batch_6","input_file_id":"file-8"},{"id":"batch_7","input_file_id":"file-9","status":"in_progress"}]})"));
    const auto lines = room.book->submit({}, {});
    CHECK(lines.at(0) == "assay-0001.jsonl: found again as batch_7, in_progress");
    CHECK(methods() == "GET /batches?limit=100; ");
  }
  SUBCASE("the batch was not made") {
    died_while("creating");
    room.transport.replies.push_back(reply_with(200, R"({"data":[]})"));
    room.transport.replies.push_back(reply_with(200, R"({"id":"batch_7","status":"validating"})"));
    room.book->submit({}, {});
    CHECK(methods() == "GET /batches?limit=100; POST /batches; ");
    CHECK(room.transport.sent[1].body ==
          R"({"input_file_id":"file-9","endpoint":"/v1/chat/completions","completion_window":"24h"})");
  }
  SUBCASE("the file was uploaded") {
    died_while("uploading");
    room.transport.replies.push_back(
        reply_with(200, R"({"data":[{"id":"file-9","filename":"assay-0001.jsonl","bytes":)" + bytes + "}]}"));
    room.transport.replies.push_back(reply_with(200, R"({"id":"batch_7","status":"validating"})"));
    room.book->submit({}, {});
    CHECK(methods() == "GET /files?purpose=batch; POST /batches; ");
  }
  SUBCASE("nothing had happened: an upload, then a batch") {
    room.transport.replies.push_back(reply_with(200, R"({"id":"file-9"})"));
    room.transport.replies.push_back(reply_with(200, R"({"id":"batch_7","status":"validating"})"));
    room.book->submit({}, {});
    CHECK(methods() == "POST /files; POST /batches; ");
    REQUIRE(room.transport.sent[0].upload);
    CHECK(room.transport.sent[0].upload->file_name == "assay-0001.jsonl");
  }
  CHECK(note().at("batch_id") == "batch_7");
  CHECK(note().value("doing", "") == "");
  CHECK_THROWS_AS(room.book->submit({}, {}), Error);                // nothing is left to submit
  CHECK_THROWS_AS(room.book->release("assay-0001", false), Error);  // it is there
}

TEST_CASE("a provider that refuses says so, and nothing is lost: the same command goes on") {
  Room room(1);
  room.write_calls(1);
  room.transport.replies.push_back(reply_with(200, R"({"id":"file-9"})"));
  room.transport.replies.push_back(reply_with(401, R"({"error":{"message":"no such key","code":"invalid_api_key"}})"));
  CHECK_THROWS_AS(room.book->submit({}, {}), Error);
  room.transport.replies.push_back(reply_with(200, R"({"data":[]})"));
  room.transport.replies.push_back(reply_with(200, R"({"id":"batch_7","status":"validating"})"));
  CHECK(room.book->submit({}, {}).at(0) == "assay-0001.jsonl: submitted as batch_7, validating");
}

TEST_CASE("a file that may bring answers at its provider yet is given back by force only, and stays possible") {
  Room room(2);
  room.write_calls(2);
  const auto kept_as = [&](const std::map<std::string, std::string>& what) {
    Json kept = parse_json(room.store->note("bulk/1"), "note");
    for (const auto& [name, value] : what) kept[name] = value;
    room.store->write({PutNote{"bulk/1", dump_json(kept)}});
    room.reopen();
  };
  SUBCASE("it ran there, and its answers were not collected") {
    kept_as({{"batch_id", "batch_7"}, {"status", "completed"}});
  }
  SUBCASE("it was cancelled there: some were answered before perhaps") {
    kept_as({{"batch_id", "batch_7"}, {"status", "cancelled"}});
  }
  SUBCASE("the program died while it was submitted") { kept_as({{"doing", "creating"}, {"input_file_id", "file-9"}}); }
  CHECK_THROWS_AS(room.book->release("assay-0001", false), Error);
  CHECK(room.book->release("assay-0001", true) == 2);
  CHECK(room.budget.tally({}).possible == 2 * kBound);
  for (const RunId run : {RunId{0}, RunId{1}}) {
    CHECK(room.store->calls(run).at(0).possible == kBound);
    CHECK(room.store->calls(run).at(0).doubt == CallDoubt::ambiguous);
  }
  CHECK(room.import(answer_line(room.ids()[0])).late == 1);
  CHECK(room.budget.tally({}).possible == kBound);
  CHECK(room.budget.tally({}).settled == kCost);
}

TEST_CASE("a file is not submitted when its calls, or some of them, need no answer any more") {
  Room room(2);
  room.write_calls(2);
  room.import(answer_line(room.ids()[0]));
  CHECK_THROWS_AS(room.book->submit({}, {}), Error);
  CHECK_THROWS_AS(room.book->submit({"assay-0001"}, {}), Error);
  CHECK(room.book->release("assay-0001", false) == 1);
  CHECK_THROWS_AS(room.book->submit({"assay-0001"}, {}), Error);
  CHECK(room.transport.sent.empty());
}
