// `repair`: what is left of a damaged file is found, what is lost is named, and nothing is made up.

#include "core/store/salvage.hpp"

#include <unistd.h>

#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "core/store/row.hpp"
#include "core/store/schema.hpp"
#include "core/store/sqlite.hpp"
#include "core/text/error.hpp"
#include "tests/core/store/damage_support.hpp"

namespace assay::test {
namespace {

using Records = std::map<std::string, std::string>;

/// Every row of a whole file by table and key, without what counts other rows.
Records records_of(const std::string& path) {
  Records out;
  Connection connection(path, SQLITE_OPEN_READONLY);
  std::vector<std::string> tables = summed_tables();
  tables.insert(tables.end(), {"answer", "published"});
  const std::map<std::string, int> keys = {{"step", 3}, {"try", 2}, {"try_detail", 2}, {"log", 2}};
  for (const std::string& table : tables) {
    if (table == "meta" || table == "session" || table == "damaged") continue;
    const std::vector<std::string> columns = columns_of(connection, table);
    if (columns.empty()) continue;
    auto statement = connection.use(connection.keep("SELECT * FROM " + table));
    while (statement.step()) {
      std::string key = table, value;
      const int n_keys = keys.contains(table) ? keys.at(table) : 1;
      for (int i = 0; i < n_keys; ++i) key += " " + std::string(statement.text(i));
      const bool counts = table == "step" || table == "attempt";
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const std::string& name = columns[i];
        if (name == "ver" || name == "sum" || name == "calls_xor" || name == "n_steps") continue;
        if (counts && name == "n_calls") continue;
        value += std::string(statement.text(static_cast<int>(i))) + "|";
      }
      out[key] = value;
    }
  }
  return out;
}

struct Comparison {
  std::size_t lost = 0, invented = 0;
  std::string which;
};
Comparison compare(const Records& truth, const Records& found) {
  Comparison out;
  for (const auto& [key, value] : truth) {
    const auto there = found.find(key);
    if (there != found.end() && there->second == value) continue;
    ++out.lost;
    out.which += key + (there == found.end() ? " is missing; " : " is another; ");
  }
  for (const auto& [key, value] : found) {
    if (truth.contains(key)) continue;
    ++out.invented;
    out.which += key + " is invented; ";
  }
  return out;
}

void remove_all(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm", "-lock"}) ::unlink((path + suffix).c_str());
}

SalvageReport salvage_to(const std::string& path, const std::string& out) {
  SalvageOptions options;
  options.path = path;
  options.out = out;
  return salvage(options);
}

std::string losses_of(const SalvageReport& report) {
  std::string text;
  for (const SalvageLoss& loss : report.losses)
    text += loss.table + " " + loss.row + " " + loss.run + ": " + loss.what + "\n";
  return text;
}

std::size_t flips_wanted(std::size_t usual) {
  const char* text = std::getenv("ASSAY_FLIPS");
  return text ? std::strtoul(text, nullptr, 10) : usual;
}

struct Totals {
  std::size_t none = 0, one = 0, more = 0, untold = 0, invented = 0;
};

// Repairs a damaged file and compares the new one with the truth; it has to open, and to say what is lost.
void judge(const std::string& path, const Records& truth, std::size_t most, bool open, Totals& totals) {
  const std::string out = path + ".repaired";
  const SalvageReport report = salvage_to(path, out);
  const Comparison found = compare(truth, records_of(out));
  CAPTURE(found.which);
  const std::string losses = losses_of(report);
  CAPTURE(losses);
  CHECK(found.lost <= most);
  CHECK(found.invented == 0);
  // The lines of a table without numbers can't always be named; a loss is told all the same.
  CHECK((found.lost == 0 || report.lost > 0 || !report.notes.empty()));
  totals.none += found.lost == 0;
  totals.one += found.lost == 1;
  totals.more += found.lost > 1;
  totals.untold += found.lost > 0 && report.lost == 0;
  totals.invented += found.invented;
  if (open) {
    const auto store = open_sqlite_store(options_for(out));
    CHECK(rows(*store).size() == 12);
    for (const std::string& finding : store->check()) {
      CAPTURE(finding);
      const bool told = finding.starts_with("set aside before") || finding.starts_with("unused") ||
                        finding.find("is referred to and missing") != std::string::npos;
      CHECK(told);
    }
  }
  remove_all(out);
}

TEST_CASE("a whole file is repaired to the same records, and opens as it would have") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay"), out = folder.path("y.assay");
  make_sample(path);
  const Records truth = records_of(path);
  const SalvageReport report = salvage_to(path, out);
  CHECK(report.lost == 0);
  CHECK(report.notes.empty());
  CHECK(compare(truth, records_of(out)).which == "");
  const auto whole = open_sqlite_store(options_for(path)), repaired = open_sqlite_store(options_for(out));
  CHECK(repaired->check().empty());
  CHECK(repaired->experiment_id() == whole->experiment_id());
  CHECK(repaired->recovery().resumable == whole->recovery().resumable);
  CHECK(repaired->next_run() == whole->next_run());
}

TEST_CASE("one damaged byte anywhere costs at most one record, a flipped bit seldom any, and none that is not told") {
  const FastFolder folder;
  const std::string path = folder.path("x.assay"), copy = folder.path("flip.assay");
  make_sample(path);
  const Records truth = records_of(path);
  REQUIRE(truth.size() > 60);
  const std::string whole = bytes_of(path);
  std::mt19937_64 random(20240918);
  Totals totals, bits;
  const std::size_t flips = flips_wanted(1000);
  for (std::size_t i = 0; i < flips; ++i) {
    std::string bytes = whole;
    std::size_t at = (i * 2654435761U) % whole.size();
    for (int tries = 0; tries < 4 && bytes[at] == 0; ++tries) at = random() % whole.size();
    // A flipped bit, or any other byte.
    const int change = i % 2 == 0 ? 1 << (random() % 8) : 1 + static_cast<int>(random() % 255);
    bytes[at] = static_cast<char>(bytes[at] ^ change);
    write_bytes(copy, bytes);
    CAPTURE(at);
    CAPTURE(change);
    judge(copy, truth, 1, i % 8 == 0, i % 2 == 0 ? bits : totals);
    remove_all(copy);
  }
  MESSAGE("bits: no record lost " << bits.none << " times, one " << bits.one);
  CHECK(bits.none > 10 * bits.one);
  MESSAGE(flips << " changes in " << whole.size() << " bytes, of those of a byte: no record lost " << totals.none
                << " times, one " << totals.one << ", more " << totals.more << ", untold " << totals.untold);
  CHECK(totals.none > 0);
  CHECK(totals.one > 0);
}

TEST_CASE("one flipped bit in the write-ahead log costs at most one record") {
  const FastFolder folder;
  const std::string path = folder.path("x.assay"), copy = folder.path("flip.assay");
  std::string main_bytes, wal_bytes;
  {
    const auto store = open_sqlite_store(options_for(path));
    store->write({batch(*store, "add", 12)});
    for (RunId run = 0; run < 12; ++run) complete_run(*store, run);
    main_bytes = bytes_of(path);
    wal_bytes = bytes_of(path + "-wal");
  }
  REQUIRE(wal_bytes.size() > 100'000);
  const Records truth = records_of(path);
  std::mt19937_64 random(11);
  Totals totals;
  for (std::size_t i = 0; i < flips_wanted(300) / 2; ++i) {
    std::string wal = wal_bytes;
    // Headers of frames more often than their share.
    const std::size_t at =
        i % 4 == 0 ? 32 + random() % (wal.size() / 4120) * 4120 + random() % 24 : random() % wal.size();
    wal[at] = static_cast<char>(wal[at] ^ (1 << (random() % 8)));
    write_bytes(copy, main_bytes);
    write_bytes(copy + "-wal", wal);
    CAPTURE(at);
    judge(copy, truth, 1, i % 8 == 0, totals);
    remove_all(copy);
  }
  CHECK(totals.none > 0);
}

TEST_CASE("a cut file gives what stands before the cut, and the runs that are gone are named") {
  const FastFolder folder;
  const std::string path = folder.path("x.assay"), copy = folder.path("cut.assay");
  make_sample(path);
  const Records truth = records_of(path);
  const std::string whole = bytes_of(path);
  std::size_t kept = 0;
  for (std::size_t i = 1; i <= 40; ++i) {
    const std::size_t size = whole.size() * i / 41;
    write_bytes(copy, whole.substr(0, size));
    CAPTURE(size);
    const std::string out = copy + ".repaired";
    try {
      const SalvageReport report = salvage_to(copy, out);
      const Records found = records_of(out);
      const Comparison compared = compare(truth, found);
      CAPTURE(compared.which);
      CHECK(compared.lost > 0);
      CHECK((report.lost > 0 || !report.notes.empty()));
      kept += found.size();
      const auto store = open_sqlite_store(options_for(out));
      (void)rows(*store);
    } catch (const Error& error) {
      CHECK(error.kind() == "damaged");  // nothing of the experiment before the cut
      CHECK(i < 20);
    }
    remove_all(copy);
    remove_all(out);
  }
  CHECK(kept > truth.size());
}

TEST_CASE("without its header, and with a page of zeros, the rest of a file is found") {
  const FastFolder folder;
  const std::string path = folder.path("x.assay"), copy = folder.path("hurt.assay");
  make_sample(path);
  const Records truth = records_of(path);
  const std::string whole = bytes_of(path);
  Totals totals;
  for (const std::size_t size : {std::size_t{100}, std::size_t{4096}}) {
    std::string bytes = whole;
    bytes.replace(0, size, size, '\0');
    write_bytes(copy, bytes);
    judge(copy, truth, 0, true, totals);
    remove_all(copy);
  }
  std::size_t lost = 0;
  for (std::size_t page = 1; page < whole.size() / 4096; ++page) {
    std::string bytes = whole;
    bytes.replace(page * 4096, 4096, 4096, '\0');
    write_bytes(copy, bytes);
    CAPTURE(page);
    const std::string out = copy + ".repaired";
    const SalvageReport report = salvage_to(copy, out);
    const Records found = records_of(out);
    // What a page held is gone; what is rebuilt of it (runs, attempts) is marked.
    for (const auto& [key, value] : found) {
      const auto right = truth.find(key);
      const bool same = right != truth.end() && right->second == value;
      const std::string& told = losses_of(report);
      CAPTURE(key);
      CHECK((same || told.find(key + " ") != std::string::npos));
    }
    lost += compare(truth, found).lost;
    {
      const auto store = open_sqlite_store(options_for(out));
      CHECK(rows(*store).size() == 12);
    }
    remove_all(copy);
    remove_all(out);
  }
  CHECK(lost > 0);
}

TEST_CASE("a run without a row is rebuilt from its last attempt; an attempt without one goes on from its calls") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  make_sample(path);
  {
    Connection connection(path, SQLITE_OPEN_READWRITE);
    connection.run("PRAGMA secure_delete=ON; DELETE FROM run WHERE id = 3; DELETE FROM attempt WHERE run = 8");
    connection.run("DELETE FROM batch; VACUUM");
  }
  const SalvageReport report = salvage_to(path, folder.path("y.assay"));
  const std::string losses = losses_of(report);
  CAPTURE(losses);
  const auto store = open_sqlite_store(options_for(folder.path("y.assay")));
  const auto all = rows(*store);
  REQUIRE(all.size() == 12);
  CHECK(all[2].id == "damaged-2");
  CHECK(all[2].row.status == Status::complete);
  CHECK(all[2].row.score.verdict == Verdict::correct);
  CHECK(all[2].row.damaged);
  CHECK(store->payloads(2).answer == "42");
  CHECK(!store->payloads(2).damaged.empty());  // its data is nowhere
  CHECK(all[7].row.status == Status::incomplete);
  CHECK(store->calls(7).size() == 1);
  CHECK(store->batches().at(0).name == "damaged-0");
  CHECK(losses.find("batch 1 :") != std::string::npos);
  CHECK(losses.find("run 3 damaged-0:damaged-2: its record is lost") != std::string::npos);
  CHECK(losses.find("it goes on from its recorded calls") != std::string::npos);
}

TEST_CASE("an older version of a record never stands in for a newer one without being named") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay");
  {
    const auto store = open_sqlite_store(options_for(path));
    store->write({batch(*store, "add", 3)});
    for (RunId run = 0; run < 3; ++run) complete_run(*store, run);
    store->write({SetDropped{{}, {1}, true}});
  }
  std::string bytes = bytes_of(path);
  {
    Connection connection(path, SQLITE_OPEN_READWRITE);
    connection.run("UPDATE run SET dropped = 0, item = 'another' WHERE id = 2");  // its sum says otherwise
  }
  const SalvageReport report = salvage_to(path, folder.path("y.assay"));
  const std::string losses = losses_of(report);
  CAPTURE(losses);
  CHECK(losses.find("run 2 ") != std::string::npos);
  const auto store = open_sqlite_store(options_for(folder.path("y.assay")));
  CHECK(rows(*store).at(1).row.damaged);
}

TEST_CASE("what was never committed is not brought back") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay"), copy = folder.path("copy.assay");
  const auto store = open_sqlite_store(options_for(path));
  store->write({batch(*store, "add", 3)});
  for (RunId run = 0; run < 3; ++run) complete_run(*store, run);
  const Records before = [&] {
    write_bytes(copy, bytes_of(path));
    write_bytes(copy + "-wal", bytes_of(path + "-wal"));
    return records_of(copy);
  }();
  std::string wal = bytes_of(path + "-wal");
  store->write({SetDropped{{0}, {}, true}});
  const std::string longer = bytes_of(path + "-wal");
  REQUIRE(longer.size() > wal.size());
  // The last commit, without its mark: as a writer leaves it that dies before its end.
  std::string cut = longer;
  for (std::size_t frame = 32; frame + 4120 <= cut.size(); frame += 4120) {
    if (frame >= wal.size()) cut.replace(frame + 4, 4, std::string(4, '\0'));
  }
  // Its frames are then not the chain's; a torn end looks the same.
  cut.resize(cut.size() - 100);
  remove_all(copy);
  write_bytes(copy, bytes_of(path));
  write_bytes(copy + "-wal", cut);
  salvage_to(copy, folder.path("y.assay"));
  CHECK(compare(before, records_of(folder.path("y.assay"))).which == "");
}

TEST_CASE("repair never writes over a file, and leaves the damaged one as it is") {
  TemporaryFolder folder;
  const std::string path = folder.path("x.assay"), out = folder.path("y.assay");
  make_sample(path);
  const std::string before = bytes_of(path);
  write_bytes(out, "mine");
  CHECK_THROWS_WITH_AS(salvage_to(path, out), doctest::Contains("is there already"), Error);
  CHECK(bytes_of(out) == "mine");
  ::unlink(out.c_str());
  salvage_to(path, out);
  CHECK(bytes_of(path) == before);
  write_bytes(folder.path("text"), std::string(5000, 't'));
  CHECK_THROWS_WITH_AS(salvage_to(folder.path("text"), folder.path("z")), doctest::Contains("not one record"), Error);
  CHECK_THROWS_AS(salvage_to(folder.path("nowhere"), folder.path("z")), Error);
  {
    const auto store = open_sqlite_store(options_for(path));
    CHECK_THROWS_WITH_AS(salvage_to(path, folder.path("z")), doctest::Contains("while no program has it open"), Error);
  }
  // Stopped: nothing is left behind.
  SalvageOptions options;
  options.path = path;
  options.out = folder.path("z");
  options.go_on = [](double, std::uint64_t) { return false; };
  CHECK_THROWS_AS(salvage(options), Error);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(path).parent_path())) {
    CAPTURE(entry.path().string());
    CHECK(entry.path().filename().string().find("tmp") == std::string::npos);
    ++files;
  }
  CHECK(files == 3);
}

}  // namespace
}  // namespace assay::test
