#pragma once
// A small experiment file with a row of every table, for tests that damage it.

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/core/store/store_support.hpp"

namespace assay::test {

inline std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

inline void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

inline void make_sample(const std::string& path) {
  const auto store = open_sqlite_store(options_for(path));
  std::vector<NewRun> runs;
  for (int i = 0; i < 12; ++i) {
    NewRun run = fresh_run("item-" + std::to_string(i));
    run.facets = {{"category", i % 2 ? "odd" : "even"}};
    if (i > 8) run.data = Json{{"text", std::string(1700, static_cast<char>('a' + i))}};
    if (i == 3) run.logs = {Json("saved log")};
    runs.push_back(run);
  }
  store->write({batch(*store, "add", runs)});
  for (RunId run = 0; run < 8; ++run) {
    const SendCall send = send_call(*store, run, "agent/1");
    store->write({BeginAttempt{run, 1, 1'700'000'000'500'000}, EndStep{run, 1, 0, "{\"s\":0}", 0}, send});
    if (run == 5) {
      RetryCall retry;
      retry.call = send.call.id;
      retry.previous = send.call.last_try;
      retry.previous.kind = "server";
      retry.next.number = 2;
      store->write({retry});
    }
    EndCall end =
        end_call(send, "{\"content\":\"" + std::string(run % 2 ? 1600 : 20, 'r') + std::to_string(run) + "\"}");
    end.last_try.number = run == 5 ? 2 : 1;
    store->write({end});
    store->write({EndStep{run, 1, 1, "{\"s\":1}", 1}, AppendLog{run, 1, 9, LogLevel::info, true, "\"hello\""}});
    if (run < 6) store->write({end_attempt(run)});
  }
  store->write({PutNote{"undo", "[1,2,3]"}, PutPause{"lane", "quota", "x", 1, 2, 3, "b", 4}});
}

}  // namespace assay::test
