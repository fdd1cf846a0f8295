// What the experiment file costs: runs of one call each, all their records committed, and a million runs loaded,
// opened and read. usage: bench_store FOLDER [RUNS [IN_FLIGHT [LOADED]]]

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "core/store/salvage.hpp"
#include "core/store/sqlite_store.hpp"

namespace {
using namespace assay;

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}
long peak_mib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

AddBatch batch_of(Store& store, const std::string& name, std::size_t count) {
  auto runs = std::make_shared<std::vector<NewRun>>(count);
  for (std::size_t i = 0; i < count; ++i) {
    NewRun& run = (*runs)[i];
    run.id = std::to_string(i);
    run.data = Json{{"a", i % 1000}, {"b", i / 1000}, {"operator", "+"}};
    run.facets = {{"operator", "+"}};
  }
  AddBatch add;
  add.info.id = store.next_batch();
  add.info.first = store.next_run();
  add.info.count = static_cast<std::uint32_t>(count);
  add.info.name = name;
  add.info.kind = "arithmetic";
  add.info.model = "openai/gpt-4o-mini";
  add.runs = std::move(runs);
  return add;
}

// Texts of the sizes that a short chat call has; different for every run, as replies are.
std::string request_text(RunId run) {
  return R"({"model":"gpt-4o-mini","messages":[{"role":"system","content":"You are a calculator. Answer with the number only, no words, no punctuation, no explanation."},{"role":"user","content":"What is )" +
         std::to_string(run) + " + " + std::to_string(run * 7919 % 1000) +
         R"(?"}],"temperature":0,"max_tokens":64,"seed":1234567,"stream":true,"stream_options":{"include_usage":true}})";
}
std::string reply_text(RunId run) {
  const std::string id = std::to_string(run * 2654435761U);
  return R"({"id":"chatcmpl-)" + id + id +
         R"(","object":"chat.completion","created":1730000000,"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":")" +
         std::to_string(run + run * 7919 % 1000) +
         R"(","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":37,"completion_tokens":3,"total_tokens":40,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"system_fingerprint":"fp_)" +
         id + R"("})";
}
std::string context_of(RunId run) {
  return R"([{"role":"system","content":"You are a calculator. Answer with the number only, no words, no punctuation, no explanation."},{"role":"user","content":"What is )" +
         std::to_string(run) + " + " + std::to_string(run * 7919 % 1000) + R"(?"},{"role":"assistant","content":")" +
         std::to_string(run + run * 7919 % 1000) + R"("}])";
}

enum class Stage { begin, sent, answered, ended };
struct Event {
  RunId run;
  Stage stage;
};

struct Mailbox {
  std::mutex mutex;
  std::condition_variable ready;
  std::vector<Event> events;
  void post(Event event) {
    bool first = false;
    {
      const std::lock_guard lock(mutex);
      first = events.empty();
      events.push_back(event);
    }
    if (first) ready.notify_one();
  }
  void take(std::vector<Event>& out) {
    std::unique_lock lock(mutex);
    ready.wait(lock, [&] { return !events.empty(); });
    out.swap(events);
  }
};

void one_call_runs(Store& store, std::size_t count, std::size_t in_flight) {
  store.write({batch_of(store, "bench", count)});
  const RunId first = store.next_run() - static_cast<RunId>(count);
  std::vector<CallId> calls(count);
  Mailbox mailbox;
  std::size_t begun = 0, ended = 0;
  const double start = seconds(), cpu = cpu_seconds();
  const std::uint64_t commits = store.health().commits;
  const auto begin = [&](RunId run) {
    SendCall send;
    send.call.id = calls[run - first] = store.reserve_call();
    send.call.run = run;
    send.call.attempt = 1;
    send.call.step = 1;
    send.call.model = "openai/gpt-4o-mini";
    send.call.lane = "OPENAI_API_KEY https://api.openai.com/v1 gpt-4o-mini";
    send.call.last_try.sent_at = 1'763'000'000'000'000;
    send.call.reserved = 40'000'000;
    send.request = request_text(run);
    send.call.request_hash = xxh3_128(send.request);
    std::vector<Change> changes;
    changes.emplace_back(BeginAttempt{run, 1, 1'763'000'000'000'000});
    changes.emplace_back(std::move(send));
    store.submit(std::move(changes), [&mailbox, run] { mailbox.post({run, Stage::sent}); });
  };
  for (; begun < std::min(count, in_flight); ++begun) begin(first + static_cast<RunId>(begun));
  std::vector<Event> events;
  while (ended < count) {
    events.clear();
    mailbox.take(events);
    for (const Event& event : events) {
      const RunId run = event.run;
      std::vector<Change> changes;
      if (event.stage == Stage::sent) {
        EndCall end;
        end.call = calls[run - first];
        end.state = CallState::answered;
        end.last_try.sent_at = 1'763'000'000'000'000;
        end.last_try.ended_at = 1'763'000'000'900'000;
        end.last_try.http_status = 200;
        end.usage = {37, 0, std::nullopt, 3, 0};
        end.cost = 7'350'000;
        end.priced = true;
        end.reply = reply_text(run);
        changes.emplace_back(std::move(end));
        store.submit(std::move(changes), [&mailbox, run] { mailbox.post({run, Stage::answered}); });
      } else if (event.stage == Stage::answered) {
        EndAttempt end;
        end.run = run;
        end.at = 1'763'000'001'000'000;
        end.score = Score::correct().metric("chars", 4);
        end.seconds = 0.9;
        end.steps = 1;
        end.usage = {1, 37, 0, 3, 0, 7'350'000, 0};
        end.answer = std::to_string(run);
        end.context = context_of(run);
        changes.emplace_back(std::move(end));
        store.submit(std::move(changes), [&mailbox, run] { mailbox.post({run, Stage::ended}); });
      } else {
        ++ended;
        if (begun < count) begin(first + static_cast<RunId>(begun++));
      }
    }
  }
  const double wall = seconds() - start, used = cpu_seconds() - cpu;
  std::printf("%zu runs of one call, %zu in flight: %.0f runs/s, %.1f us of CPU a run, %.1f runs a commit\n", count,
              in_flight, static_cast<double>(count) / wall, 1e6 * used / static_cast<double>(count),
              static_cast<double>(count) / static_cast<double>(store.health().commits - commits));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_store FOLDER [RUNS [IN_FLIGHT [LOADED]]]\n");
    return 2;
  }
  const auto number = [&](int index, std::size_t otherwise) {
    return argc > index ? static_cast<std::size_t>(std::strtoull(argv[index], nullptr, 10)) : otherwise;
  };
  const std::string path = std::string(argv[1]) + "/bench-" + std::to_string(::getpid()) + ".assay";
  const std::size_t count = number(2, 50'000), in_flight = number(3, 1000), loaded = number(4, 1'000'000);
  StoreOptions options;
  options.path = path;
  options.notice = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
  if (count > 0) {
    auto store = open_sqlite_store(options);
    one_call_runs(*store, count, in_flight);
    const StoreHealth health = store->health();
    std::printf("  file %.1f MiB, wal %.1f MiB\n", static_cast<double>(health.file_bytes) / 1048576.0,
                static_cast<double>(health.wal_bytes) / 1048576.0);
    store.reset();
    const double start = seconds(), cpu = cpu_seconds();
    const long before = peak_mib();
    const SalvageReport report = salvage({path, path + ".repaired", "bench", {}});
    std::printf("repair of it: %.2f s, %.2f s CPU, peak memory %ld -> %ld MiB, %zu losses\n", seconds() - start,
                cpu_seconds() - cpu, before, peak_mib(), static_cast<std::size_t>(report.lost));
    ::unlink((path + ".repaired").c_str());
  }
  ::unlink(path.c_str());
  if (loaded > 0) {
    {
      auto store = open_sqlite_store(options);
      AddBatch add = batch_of(*store, "loaded", loaded);
      const long before = peak_mib();
      const double start = seconds(), cpu = cpu_seconds();
      store->write({std::move(add)});
      std::printf("load of %zu runs: %.2f s, %.2f s CPU, peak memory %ld -> %ld MiB\n", loaded, seconds() - start,
                  cpu_seconds() - cpu, before, peak_mib());
      const double close = seconds();
      store.reset();
      std::printf("  close %.2f s\n", seconds() - close);
    }
    const double start = seconds();
    auto store = open_sqlite_store(options);
    const double open = seconds(), cpu = cpu_seconds();
    std::size_t seen = 0;
    store->each_run([&](const StoredRunRow& row) { seen += row.id.size() > 0; });
    std::printf("open %.3f s, each_run %.3f s, %.3f s CPU (%zu)\n", open - start, seconds() - open, cpu_seconds() - cpu,
                seen);
  }
  ::unlink(path.c_str());
  return 0;
}
