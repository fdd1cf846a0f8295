// Values of data and answers, kept for all runs once they were asked for (value_columns.hpp).
#include "core/query/value_columns.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <map>
#include <stdexcept>
#include <thread>

#include "core/query/select.hpp"

using namespace assay;

namespace {

using Runs = std::vector<RunId>;

/// A batch "b" of runs whose data is {"k": id % 3, "s": "..", "long": ..}; answers change under a lock.
class Disk : public PayloadSource {
 public:
  explicit Disk(std::uint32_t runs) {
    BatchInfo info;
    info.name = "b";
    info.kind = "qa";
    std::vector<NewRun> made(runs);
    for (std::uint32_t i = 0; i < runs; ++i) {
      made[i].id = std::to_string(i);
      made[i].status = Status::complete;
      all.push_back(i);
    }
    table.add_batch(info, made);
    answers.resize(runs, R"({"value":"first"})");
  }

  void visit(const Runs& runs, const PayloadParts& parts,
             const std::function<bool(RunId, const QueryPayload&)>& each) override {
    for (const RunId run : runs) {
      if (++visited == fail_at) throw std::runtime_error("stopped");
      const std::string data = data_of(run);
      std::string answer;
      {
        const std::lock_guard lock(mutex);
        answer = answers[run];
      }
      QueryPayload payload;
      if (parts.data) payload.data = data;
      if (parts.answer) payload.answer = answer;
      if (!each(run, payload)) return;
    }
  }
  bool with_column(const ValuePath& path, const Runs& runs,
                   const std::function<void(const ValueColumn&)>& use) override {
    return columns && columns->use(path, runs, *this, use);
  }

  std::string data_of(RunId run) const {
    return R"({"k":)" + std::to_string(run % 3) + R"(,"s":"a \"quoted\" )" + std::to_string(run % 2) +
           R"(","many":{"id":"x)" + std::to_string(run) + std::string(run % 50, 'y') + R"("},"none":null})";
  }
  /// A new answer, as a job's commit brings it: first on disk, then in the row.
  void answer(RunId run, const std::string& text) {
    {
      const std::lock_guard lock(mutex);
      answers[run] = text;
    }
    table.set_result(run, Score::correct(), {}, {});
  }
  /// The text of each run, as a column says; "-" where none is kept.
  std::vector<std::string> texts(const ValuePath& path) {
    std::vector<std::string> out;
    if (!columns->use(path, all, *this, [&](const ValueColumn& column) {
          for (const RunId run : all) out.emplace_back(column.texts().at(column.value(run)));
        }))
      out.assign(all.size(), "-");
    return out;
  }
  Runs found(const std::string& query) { return select(parse_query(query), table, {}, this).runs; }

  RunTable table;
  Runs all;
  std::optional<ValueColumns> columns;
  std::mutex mutex;
  std::vector<std::string> answers;  // guarded by mutex
  std::atomic<std::size_t> visited = 0, fail_at = 0;
};

}  // namespace

TEST_CASE("a column is read once, and holds the JSON text of what stands at the path") {
  Disk disk(7);
  disk.columns.emplace(disk.table);
  CHECK(disk.texts({false, "k"}) == std::vector<std::string>{"0", "1", "2", "0", "1", "2", "0"});
  CHECK(disk.visited == 7);
  CHECK(disk.texts({false, "k"})[5] == "2");
  CHECK(disk.visited == 7);
  CHECK(disk.texts({false, "s"})[1] == R"("a \"quoted\" 1")");
  CHECK(disk.texts({false, "none"})[0] == "null");
  CHECK(disk.texts({false, "no.such"})[0] == "");
  CHECK(disk.texts({false, ""})[3] == disk.data_of(3));
  CHECK(disk.columns->memory_bytes() > 0);
}

TEST_CASE("every query finds the same with columns as without") {
  Disk plain(120), kept(120);
  kept.columns.emplace(kept.table);
  for (Disk* disk : {&plain, &kept}) {
    disk->answer(3, R"({"value":3.5})");
    disk->answer(4, R"({"value":"3.5"})");
    disk->answer(5, R"("plain")");
    disk->answer(6, "7");
    disk->answer(7, "");
    disk->answer(8, R"({"value":["a",{"b":"first"}]})");
    disk->answer(9, R"({"value":"line\nbreak"})");
    disk->table.update(10, [](RunRow& row) { row.status = Status::incomplete; });
  }
  plain.answers[10].clear();  // as the store says of a run that goes on
  for (const char* query : {"data.k=1",
                            "data.k>0",
                            "data.k:1",
                            "data.k!=1",
                            "data.k~^[12]$",
                            "data.s:quoted",
                            "data.s:'\"quoted\" 1'",
                            "data.many.id:xyz",
                            "data.many.id:x12y",
                            "data.many.id~y{40}",
                            "data.many:x3",
                            "data.none=null",
                            "data.none:ul",
                            "data.no=1",
                            "!data.k=1",
                            "data:quoted",
                            "data:'k\":2'",
                            "answer:first",
                            "answer.value:first",
                            "answer.value=3.5",
                            "answer.value<4",
                            "answer.value>=first",
                            "answer=7",
                            "answer>6",
                            "answer:plain",
                            "answer=plain",
                            "answer.value.1.b=first",
                            "answer.value.0:a",
                            "answer.value:'line\nbreak'",
                            "answer:'line\nbreak'",
                            "answer~^p",
                            "!answer.value:first",
                            "answer.value!=first",
                            "data.k=1 answer.value:first | data.k=2"}) {
    CAPTURE(query);
    CHECK(kept.found(query) == plain.found(query));
    CHECK(kept.found(query) == plain.found(query));  // the second time nothing is read
  }
}

TEST_CASE("an answer that changes is read again, others are not; a run that goes on has none") {
  Disk disk(5);
  disk.columns.emplace(disk.table);
  const ValuePath value{true, "value"};
  CHECK(disk.texts(value)[2] == R"("first")");
  disk.answer(2, R"({"value":"second"})");
  disk.visited = 0;
  CHECK(disk.texts(value)[2] == R"("second")");
  CHECK(disk.visited == 1);
  disk.table.update(2, [](RunRow& row) { row.status = Status::incomplete; });
  CHECK(disk.texts(value)[2] == "");
  CHECK(disk.visited == 1);
}

TEST_CASE("runs of a batch that comes later are read when they are asked about") {
  Disk disk(3);
  disk.columns.emplace(disk.table);
  CHECK(disk.texts({false, "k"}).size() == 3);
  BatchInfo info;
  info.id = 1;
  info.name = "c";
  info.first = 3;
  disk.table.add_batch(info, std::vector<NewRun>(2));
  disk.all = {0, 1, 2, 3, 4};
  disk.answers.resize(5);
  CHECK(disk.texts({false, "k"}) == std::vector<std::string>{"0", "1", "2", "0", "1"});
  CHECK(disk.visited == 5);
}

TEST_CASE("what was read before a reading was stopped is not read again") {
  Disk disk(5'000);
  disk.columns.emplace(disk.table);
  disk.fail_at = 4'000;
  CHECK_THROWS(disk.texts({false, "k"}));
  disk.fail_at = 0;
  disk.visited = 0;
  CHECK(disk.texts({false, "k"})[4'999] == "1");
  CHECK(disk.visited < 2'500);
}

TEST_CASE("a column that grows beyond its bound is given up, and asked about on disk") {
  Disk disk(4'000);
  disk.columns.emplace(disk.table, 40'000);
  CHECK(disk.texts({false, "many.id"})[0] == "-");
  CHECK(disk.columns->memory_bytes() == 0);
  disk.visited = 0;
  CHECK(disk.texts({false, "many.id"})[0] == "-");
  CHECK(disk.visited == 0);  // it is not tried again
  CHECK(disk.found("data.many.id=x0") == Runs{0});
  CHECK(disk.texts({false, "k"})[1] == "1");
}

TEST_CASE("of many columns those stay that were used last") {
  Disk disk(1'000);
  disk.columns.emplace(disk.table, 1'000'000, 12'000);
  disk.texts({false, "k"});
  disk.texts({false, "s"});
  disk.texts({false, "k"});
  disk.texts({false, "none"});  // a third one: there is room for two
  CHECK(disk.columns->memory_bytes() <= 12'000);
  disk.visited = 0;
  disk.texts({false, "k"});
  CHECK(disk.visited == 0);
  disk.texts({false, "s"});
  CHECK(disk.visited == 1'000);
}

TEST_CASE("columns are asked by several threads while answers change: each sees what is on disk by then") {
  Disk disk(300);
  disk.columns.emplace(disk.table);
  std::atomic<bool> ended = false;
  std::thread writer([&] {
    for (int round = 0; round < 20; ++round) {
      for (RunId run = 0; run < 300; run += 7) disk.answer(run, R"({"value":)" + std::to_string(round) + "}");
    }
    ended = true;
  });
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!ended) disk.texts({true, "value"});
    });
  }
  writer.join();
  for (std::thread& reader : readers) reader.join();
  const auto texts = disk.texts({true, "value"});
  CHECK(texts[0] == "19");
  CHECK(texts[294] == "19");
  CHECK(texts[1] == R"("first")");
}
