// What our HTTP thread and chat client cost, beside bench_curl (the bare loop) in the same run.
//
//   bench_http URL N IN_FLIGHT [transport|client] [PER_SHARD]      URL like http://127.0.0.1:PORT/v1/chat/completions
//
// transport: requests with ready bodies through InProcessTransport. client: everything but the store: building the
// request, hash, limiter, effect, transport, parsing, driven by one thread. Prints one JSON line as bench_curl does.

#include <sys/resource.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <utility>

#include "runners/llm/client.hpp"
#include "runners/llm/http.hpp"
#include "tests/support/fake_step.hpp"

namespace {

using namespace assay;

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

struct Result {
  std::size_t ok = 0;
};

Result run_transport(InProcessTransport& transport, const std::string& url, std::size_t n, std::size_t in_flight) {
  std::mutex mutex;
  std::condition_variable ready;
  std::size_t done = 0;
  Result result;
  std::size_t sent = 0;
  const auto send = [&](std::size_t i) {
    WireRequest request;
    request.call = i + 1;
    request.url = url;
    request.headers = {{"Content-Type", "application/json", ""}, {"Authorization", "Bearer sk-bench", ""}};
    request.body = R"({"model":"m","messages":[{"role":"user","content":"What is )" + std::to_string(i) +
                   R"( + 17?"}],"max_tokens":16})";
    transport.send(std::move(request), [&](WireReply reply) {
      const std::lock_guard lock(mutex);
      ++done;
      if (!reply.fault && reply.http == 200) ++result.ok;
      ready.notify_one();
    });
  };
  std::unique_lock lock(mutex);
  while (done < n) {
    const std::size_t may = std::min(n, done + in_flight);
    lock.unlock();
    while (sent < may) send(sent++);
    lock.lock();
    if (done + in_flight <= sent || sent == n)
      ready.wait(lock, [&] { return done == n || (sent < n && done + in_flight > sent); });
  }
  return result;
}

Result run_client(ChatClient& client, Clock& clock, const ModelHandle& model, std::size_t n, std::size_t in_flight) {
  test::FakeStep step(clock, nullptr);
  Result result;
  std::vector<std::size_t> open;
  std::size_t begun = 0;
  while (begun < n || !open.empty()) {
    while (begun < n && open.size() < in_flight) {
      ChatRequest request;
      request.messages.emplace_back(Role::user, "What is " + std::to_string(begun) + " + 17?");
      request.params.max_tokens = 16;
      open.push_back(client.begin(step, "", model, request));
      ++begun;
    }
    step.wait_for_something();
    for (std::size_t i = open.size(); i-- > 0;) {
      const auto handle = static_cast<CallHandle>(open[i]);
      if (!step.done(handle)) continue;
      if (client.get(step, handle)) ++result.ok;
      step.forget(handle);
      open[i] = open.back();
      open.pop_back();
    }
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "bench_http URL N IN_FLIGHT [transport|client] [PER_SHARD]\n");
    return 2;
  }
  const std::string url = argv[1];
  const std::size_t n = std::strtoul(argv[2], nullptr, 10);
  const std::size_t in_flight = std::strtoul(argv[3], nullptr, 10);
  const std::string mode = argc > 4 ? argv[4] : "transport";
  HttpOptions options;
  if (argc > 5) options.connections_per_shard = std::strtoul(argv[5], nullptr, 10);

  SystemClock clock;
  SystemEntropy entropy;
  SecretStore secrets;
  Limiter limiter(clock);
  InProcessTransport transport(secrets, options);
  const ModelRegistry registry(
      [&](std::string_view name) -> std::optional<std::string> {
        if (name == "OPENAI_BASE_URL") return url;
        if (name == "OPENAI_API_KEY") return "sk-bench-0123456789";
        return std::nullopt;
      },
      secrets);
  ChatClient client(
      ClientOptions{clock, entropy, transport, secrets, limiter, default_llm_settings(), "bench", "0", {}});
  const ModelHandle model = registry.callable("openai/gpt-4o");

  const double cpu = cpu_seconds();
  const auto begun = std::chrono::steady_clock::now();
  const Result result =
      mode == "client" ? run_client(client, clock, model, n, in_flight) : run_transport(transport, url, n, in_flight);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  const double used = cpu_seconds() - cpu;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf(
      R"({"mode":"%s","n":%zu,"in_flight":%zu,"ok":%zu,"seconds":%.3f,"calls_per_s":%.0f,"cpu_us_per_call":%.1f,"connections":%llu,"shards":%zu,"max_rss_mib":%ld})"
      "\n",
      mode.c_str(), n, in_flight, result.ok, seconds, static_cast<double>(n) / seconds,
      used * 1e6 / static_cast<double>(n), static_cast<unsigned long long>(transport.statistics().connections),
      transport.statistics().shards, usage.ru_maxrss / 1024);
  return result.ok == n ? 0 : 1;
}
