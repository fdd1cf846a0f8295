// Damage is noticed, never believed: flipped bits, cut files, rows that vanish or change places.

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include "core/store/row.hpp"
#include "core/store/sqlite.hpp"
#include "core/text/error.hpp"
#include "tests/core/store/damage_support.hpp"

namespace assay::test {
namespace {

/// Everything a store says, as text by key. A value that could not be read is absent.
std::map<std::string, std::string> facts(Store& store) {
  std::map<std::string, std::string> out;
  for (const BatchInfo& info : store.batches()) {
    if (info.name.starts_with("damaged-")) continue;
    out["batch " + std::to_string(info.id)] = info.name + info.kind + info.model + info.source +
                                              dump_json(info.params) + std::to_string(info.first) + "+" +
                                              std::to_string(info.count);
  }
  std::vector<RunId> whole;
  store.each_run([&](const StoredRunRow& row) {
    const std::string key = "run " + std::to_string(row.run);
    if (row.error.kind == "damaged" && std::string(row.id).starts_with("damaged-")) return;
    whole.push_back(row.run);
    if (row.damaged) return;  // said to be damaged: its figures are not compared
    out[key] = std::string(row.id) + " " + std::string(to_text(row.status)) + " " +
               std::string(to_text(row.score.verdict)) + " " + std::to_string(row.usage.cost) + " " +
               std::to_string(row.seconds) + " " + std::to_string(row.attempts);
    for (const auto& [name, value] : row.score.metrics) out[key] += name + std::to_string(value);
    for (const auto& [name, value] : row.facets) out[key] += name + value;
  });
  for (const RunId run : whole) {
    const std::string key = "run " + std::to_string(run);
    const StoredPayloads payloads = store.payloads(run);
    const auto put = [&](const char* name, const std::string& text) {
      const bool lost = std::any_of(payloads.damaged.begin(), payloads.damaged.end(),
                                    [&](const std::string& part) { return part.starts_with(name); });
      if (!lost) out[key + " " + name] = text;
    };
    put("data", payloads.data);
    put("answer", payloads.answer);
    put("context", payloads.context);
    for (const StoredAttempt& attempt : store.attempts(run)) {
      out[key + " attempt " + std::to_string(attempt.number)] =
          std::string(to_text(attempt.outcome)) + attempt.error.kind + std::to_string(attempt.begun_at);
    }
    for (const StoredStep& step : store.steps(run, 1))
      out[key + " step " + std::to_string(step.number)] = step.checkpoint;
    for (const CallRecord& call : store.calls(run)) {
      const std::string name = "call " + std::to_string(call.id);
      out[name] = std::string(to_text(call.state)) + call.key + call.model + std::to_string(call.cost) +
                  std::to_string(call.run) + "/" + std::to_string(call.attempt) + "/" + std::to_string(call.step);
      if (const std::string reply = store.call_reply(call.id); !reply.empty()) out[name + " reply"] = reply;
      if (const std::string request = store.call_request(call.id); !request.empty()) out[name + " request"] = request;
      for (const TryRecord& one : store.tries(call.id)) {
        out[name + " try " + std::to_string(one.number)] =
            one.kind + one.message + std::to_string(one.http_status) + one.details;
      }
    }
    for (const StoredLog& log : store.logs(run)) out[key + " log " + log.text] = "";
  }
  if (const std::string note = store.note("undo"); !note.empty()) out["note"] = note;
  for (const StoredPause& pause : store.pauses()) out["pause " + pause.pause.lane] = std::to_string(pause.pause.until);
  return out;
}

struct Outcome {
  std::size_t refused = 0, same = 0, lost = 0, wrong = 0, untold = 0;
};

// Opens a damaged file and compares what it says with the truth.
void judge(const std::string& path, const std::map<std::string, std::string>& truth, bool read_only, Outcome& outcome) {
  StoreOptions options = options_for(path);
  options.read_only = read_only;
  std::map<std::string, std::string> found;
  std::vector<std::string> findings;
  try {
    const auto store = open_sqlite_store(options);
    found = facts(*store);
    findings = store->check();
  } catch (const std::exception&) {
    ++outcome.refused;
    return;
  }
  bool wrong = false, lost = false;
  for (const auto& [key, value] : found) {
    const auto right = truth.find(key);
    if (right == truth.end() || right->second != value) {
      wrong = true;
      MESSAGE("wrong: " << key << " = " << value);
    }
  }
  for (const auto& [key, value] : truth) lost |= !found.contains(key);
  outcome.wrong += wrong;
  if (!lost && !wrong) ++outcome.same;
  if (lost) ++outcome.lost;
  if (lost && findings.empty()) {
    ++outcome.untold;
    for (const auto& [key, value] : truth) {
      if (!found.contains(key)) MESSAGE("untold: " << key);
    }
  }
}

TEST_CASE("one flipped bit anywhere: never a wrong value, never a crash, no loss that is not told") {
  const FastFolder folder;
  const std::string path = folder.path("x.assay");
  make_sample(path);
  std::map<std::string, std::string> truth;
  {
    const auto store = open_sqlite_store(options_for(path));
    truth = facts(*store);
    REQUIRE(store->check().empty());
  }
  REQUIRE(truth.size() > 100);
  const std::string whole = bytes_of(path);
  std::mt19937_64 random(20240917);
  const std::size_t flips = [] {
    const char* text = std::getenv("ASSAY_FLIPS");
    return text ? std::strtoul(text, nullptr, 10) : 1500UL;
  }();
  Outcome outcome;
  const std::string copy = folder.path("flip.assay");
  for (std::size_t i = 0; i < flips; ++i) {
    std::string bytes = whole;
    // All offsets in turn, spread evenly; the file is mostly free space in its pages, so used bytes are preferred.
    std::size_t at = (i * 2654435761U) % whole.size();
    for (int tries = 0; tries < 4 && bytes[at] == 0; ++tries) at = random() % whole.size();
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8)));
    std::ofstream(copy, std::ios::binary | std::ios::trunc) << bytes;
    CAPTURE(at);
    const std::size_t before = outcome.wrong + outcome.untold;
    judge(copy, truth, i % 2 == 0, outcome);
    CHECK(outcome.wrong + outcome.untold == before);
    for (const char* suffix : {"", "-wal", "-shm", "-lock"}) ::unlink((copy + suffix).c_str());
  }
  MESSAGE(flips << " flips in " << whole.size() << " bytes: same " << outcome.same << ", told losses " << outcome.lost
                << ", refused " << outcome.refused);
  CHECK(outcome.wrong == 0);
  CHECK(outcome.untold == 0);
  CHECK(outcome.lost > 0);
}

TEST_CASE("a file cut anywhere is refused or tells what it lost") {
  const FastFolder folder;
  const std::string path = folder.path("x.assay");
  make_sample(path);
  std::map<std::string, std::string> truth;
  {
    const auto store = open_sqlite_store(options_for(path));
    truth = facts(*store);
  }
  const std::string whole = bytes_of(path);
  const std::string copy = folder.path("cut.assay");
  Outcome outcome;
  for (std::size_t i = 0; i < 60; ++i) {
    const std::size_t size = whole.size() * i / 60;
    std::ofstream(copy, std::ios::binary | std::ios::trunc) << whole.substr(0, size);
    CAPTURE(size);
    judge(copy, truth, i % 2 == 0, outcome);
    for (const char* suffix : {"", "-wal", "-shm", "-lock"}) ::unlink((copy + suffix).c_str());
  }
  CHECK(outcome.wrong == 0);
  CHECK(outcome.untold == 0);
  CHECK(outcome.same == 0);
}

TEST_CASE("a cut or flipped write-ahead log gives the commits before the damage, whole") {
  const FastFolder folder;
  const std::string path = folder.path("x.assay"), copy = folder.path("wal.assay");
  std::string main_bytes, wal_bytes;
  std::vector<std::set<std::string>> states;  // run statuses after each commit
  {
    const auto store = open_sqlite_store(options_for(path));
    store->write({batch(*store, "add", 30)});
    for (RunId run = 0; run < 30; ++run) store->write({BeginAttempt{run, 1, 5}, end_attempt(run)});
    main_bytes = bytes_of(path);
    wal_bytes = bytes_of(path + "-wal");
  }
  REQUIRE(wal_bytes.size() > 30'000);
  std::mt19937_64 random(7);
  for (std::size_t i = 0; i < 150; ++i) {
    std::string wal = wal_bytes;
    if (i % 2) {
      wal.resize(random() % wal.size());
    } else {
      const std::size_t at = random() % wal.size();
      wal[at] = static_cast<char>(wal[at] ^ (1 << (random() % 8)));
    }
    std::ofstream(copy, std::ios::binary | std::ios::trunc) << main_bytes;
    std::ofstream(copy + "-wal", std::ios::binary | std::ios::trunc) << wal;
    try {
      const auto store = open_sqlite_store(options_for(copy));
      bool ended = true;
      for (const RowCopy& row : rows(*store)) {
        // A prefix of the commits: nothing after the first run that is not COMPLETE.
        const bool complete = row.row.status == Status::complete;
        CHECK((ended || !complete));
        ended = complete;
        if (complete) CHECK(store->payloads(row.row.run).context == end_attempt(row.row.run).context);
      }
      CHECK(store->check().empty());
    } catch (const Error&) {
      CHECK(i % 2 == 0);  // a flip in the log's header may make the file unreadable; a cut never
    }
    for (const char* suffix : {"", "-wal", "-shm", "-lock"}) ::unlink((copy + suffix).c_str());
  }
}

TEST_CASE("a row that vanished, changed or moved is noticed although no other row is wrong") {
  struct Case {
    const char* sql;
    const char* finding;
  };
  const Case cases[] = {
      {"DELETE FROM call WHERE id = 2", "damaged: attempt 1 (run 1): its calls are not those"},
      {"DELETE FROM run WHERE id = 4", "damaged: run"},
      {"DELETE FROM step WHERE run = 2 AND n = 1", "damaged: attempt 1 (run 1): a step of it is missing"},
      {"UPDATE run SET verdict = 2 WHERE id = 1", "damaged: run 1 (run 0): its checksum"},
      {"UPDATE call SET cost = cost + 1 WHERE id = 1", "damaged: call 1: its checksum"},
      {"UPDATE attempt SET id = id + 1, n = 2 WHERE run = 3", "damaged: attempt"},
      {"DELETE FROM batch", "damaged: run"},
      {"UPDATE blob SET bytes = x'00' WHERE rowid = 1", "damaged: blob"},
      {"DELETE FROM blob", "is referred to and missing"},
      {"UPDATE note SET text = '[1,2,4]'", "damaged: note undo"},
      {"UPDATE log SET text = 'x' WHERE run = 1", "damaged: log 1/"},
      {"UPDATE pause SET until_at = 99", "damaged: pause lane"},
      {"UPDATE try SET kind = ''", "damaged: try"},
      {"UPDATE session SET pid = 1", "damaged: session"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.sql);
    TemporaryFolder folder;
    const std::string path = folder.path("x.assay");
    make_sample(path);
    {
      Connection connection(path, SQLITE_OPEN_READWRITE);
      connection.run(one.sql);
    }
    const auto store = open_sqlite_store(options_for(path));
    (void)facts(*store);
    const auto findings = store->check();
    const bool found = std::any_of(findings.begin(), findings.end(), [&](const std::string& line) {
      return line.find(one.finding) != std::string::npos;
    });
    std::string all;
    for (const std::string& line : findings) all += line + "\n";
    INFO(all);
    CHECK(found);
  }
}

TEST_CASE("a row's checksum tells fields apart") {
  const auto sum = [](std::initializer_list<std::string_view> texts, bool null = false) {
    RowSum row("call");
    for (const std::string_view text : texts) row.bytes('\3', text);
    if (null) row.null();
    return row.digest();
  };
  RowSum with_number("call"), other_table("calls");
  with_number.bytes('\3', "abc");
  with_number.integer(0);
  other_table.bytes('\3', "abc");
  const std::vector<std::int64_t> sums = {sum({"ab", "c"}),    sum({"a", "bc"}),   sum({"abc"}),
                                          sum({"abc", ""}),    sum({"abc"}, true), with_number.digest(),
                                          other_table.digest()};
  for (std::size_t i = 0; i < sums.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) CHECK(sums[i] != sums[j]);
  }
  CHECK(sum({"ab", "c"}) == sums[0]);
}

TEST_CASE("a damaged record is set aside: counted, named, and kept out of its run") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  make_sample(path);
  {
    Connection connection(path, SQLITE_OPEN_READWRITE);
    connection.run("UPDATE run SET status = 3 WHERE id = 2");
    connection.run("UPDATE blob SET bytes = zeroblob(9) WHERE hash = (SELECT context FROM run WHERE id = 1)");
    connection.run("UPDATE call SET cost = 7 WHERE run = 3");
  }
  {
    const auto store = open_sqlite_store(options_for(path));
    const auto all = rows(*store);
    REQUIRE(all.size() == 12);
    CHECK(all[1].row.damaged);
    CHECK(all[1].row.error.kind == "damaged");
    const StoredPayloads payloads = store->payloads(0);
    REQUIRE(payloads.damaged.size() == 1);
    CHECK(payloads.damaged[0].starts_with("context: "));
    CHECK(payloads.answer == "42");
    CHECK(store->calls(2).empty());
    store->flush();
  }
  const auto store = open_sqlite_store(options_for(path));
  CHECK(store->recovery().damaged == 3);
  const auto all = rows(*store);
  CHECK(all[0].row.status == Status::complete);
  CHECK(all[0].row.damaged);
  CHECK(all[0].row.error.kind == "damaged");
  const auto doubts = store->calls_in_doubt();
  REQUIRE(doubts.size() == 1);
  CHECK(doubts[0].doubt == CallDoubt::damaged);
  CHECK(doubts[0].run == 2);
}

TEST_CASE("an open attempt whose step lost a call runs that step again") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  make_sample(path);
  {
    const auto store = open_sqlite_store(options_for(path));
    CHECK(store->steps(7, 1).size() == 2);
  }
  {
    Connection connection(path, SQLITE_OPEN_READWRITE);
    connection.run("DELETE FROM call WHERE run = 8");
    connection.run("UPDATE session SET closed_at = NULL");
  }
  const auto store = open_sqlite_store(options_for(path));
  REQUIRE(store->steps(7, 1).size() == 1);
  CHECK(store->steps(7, 1)[0].number == 0);
  CHECK(store->steps(6, 1).size() == 2);
  CHECK(store->recovery().damaged > 0);
}

}  // namespace
}  // namespace assay::test
