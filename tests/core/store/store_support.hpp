#pragma once
// What the store's tests share: a folder that goes away, and batches and calls with everything set.

#include <doctest/doctest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/store/memory_store.hpp"
#include "core/store/sqlite_store.hpp"
#include "tests/core/text/temporary_folder.hpp"

namespace assay::test {

inline StoreOptions options_for(const std::string& path) {
  StoreOptions options;
  options.path = path;
  options.disk_reserve = 0;
  options.retry_ms = 50;
  return options;
}

/// In memory where the system has such a folder: for tests that open thousands of files and need no disk.
class FastFolder {
 public:
  FastFolder() {
    std::error_code error;
    const bool memory = std::filesystem::is_directory("/dev/shm", error);
    std::string name =
        ((memory ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path()) / "assay-test-XXXXXX")
            .string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    root_ = name;
  }
  ~FastFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  FastFolder(const FastFolder&) = delete;
  FastFolder& operator=(const FastFolder&) = delete;
  std::string path(const std::string& name) const { return (root_ / name).string(); }

 private:
  std::filesystem::path root_;
};

/// The implementations that the conformance suite runs against.
struct SqliteFile {
  TemporaryFolder folder;
  std::unique_ptr<Store> open() { return open_sqlite_store(options_for(folder.path("x.assay"))); }
};
struct SqliteInMemory {
  std::unique_ptr<Store> open() { return open_sqlite_store(options_for(":memory:")); }
};
struct PlainMemory {
  std::unique_ptr<Store> open() { return open_memory_store(); }
};

inline NewRun fresh_run(const std::string& id) {
  NewRun run;
  run.id = id;
  run.data = Json{{"question", "what is " + id}};
  return run;
}

inline AddBatch batch(const Store& store, const std::string& name, std::vector<NewRun> runs) {
  AddBatch add;
  add.info.id = store.next_batch();
  add.info.first = store.next_run();
  add.info.count = static_cast<std::uint32_t>(runs.size());
  add.info.name = name;
  add.info.kind = "arithmetic";
  add.info.model = "openai/gpt-4o";
  add.info.params = Json{{"file", "a.csv"}};
  add.info.pinned = Json{{"prompt", std::string(1000, 'p')}};
  add.info.source = "a.csv";
  add.info.created_at = 1'700'000'000'000'000;
  add.runs = std::make_shared<std::vector<NewRun>>(std::move(runs));
  return add;
}

inline AddBatch batch(const Store& store, const std::string& name, std::size_t count) {
  std::vector<NewRun> runs;
  for (std::size_t i = 0; i < count; ++i) runs.push_back(fresh_run(std::to_string(i)));
  return batch(store, name, std::move(runs));
}

inline SendCall send_call(Store& store, RunId run, const std::string& key = "", std::uint32_t step = 1,
                          std::uint32_t attempt = 1) {
  SendCall send;
  send.call.id = store.reserve_call();
  send.call.run = run;
  send.call.attempt = attempt;
  send.call.step = step;
  send.call.key = key;
  send.call.model = "openai/gpt-4o";
  send.call.lane = "OPENAI_API_KEY https://api.openai.com/v1 gpt-4o";
  send.call.last_try.sent_at = 1'700'000'001'000'000;
  send.call.reserved = 4'000'000'000;
  send.request = "{\"messages\":[\"" + std::string(400, 'q') + std::to_string(run) + key + "\"]}";
  send.call.request_hash = xxh3_128(send.request);
  return send;
}

inline EndCall end_call(const SendCall& send, const std::string& reply, Pico cost = 1'000'000'000) {
  EndCall end;
  end.call = send.call.id;
  end.state = CallState::answered;
  end.last_try = send.call.last_try;
  end.last_try.ended_at = send.call.last_try.sent_at + 900'000;
  end.last_try.http_status = 200;
  end.usage = {37, 5, std::nullopt, 3, 0};
  end.cost = cost;
  end.priced = true;
  end.reply = reply;
  return end;
}

inline EndAttempt end_attempt(RunId run, std::uint32_t number = 1, Status status = Status::complete) {
  EndAttempt end;
  end.run = run;
  end.number = number;
  end.at = 1'700'000'003'000'000;
  end.status = status;
  if (status == Status::fail) {
    end.error = {"timeout", "no answer within 60 s", "step 1"};
  } else if (status == Status::complete) {
    end.score = Score::correct().metric("chars", 4.25).metric("f1", 0.1);
    end.answer = "42";
    end.context = R"([{"role":"user","content":")" + std::string(900, 'c') + std::to_string(run) + R"("}])";
  }
  end.seconds = 1.25;
  end.steps = 1;
  end.usage = {1, 37, 5, 3, 0, 1'000'000'000, 0};
  return end;
}

/// All records of a run of one call, each acknowledged before the next.
inline void complete_run(Store& store, RunId run, const std::string& reply = "{\"content\":\"42\"}") {
  const SendCall send = send_call(store, run);
  store.write({BeginAttempt{run, 1, 1'700'000'000'500'000}, send});
  store.write({end_call(send, reply)});
  store.write({end_attempt(run)});
}

struct RowCopy {
  StoredRunRow row;
  std::string id;
};
inline std::vector<RowCopy> rows(Store& store) {
  std::vector<RowCopy> out;
  store.each_run([&](const StoredRunRow& row) { out.push_back({row, std::string(row.id)}); });
  return out;
}

}  // namespace assay::test
