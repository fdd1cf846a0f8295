// For ThreadSanitizer above all: the client as the program uses it, under 64 workers, with everything changing that may
// change meanwhile. Run after run is stopped, times out or comes to its end; the provider answers from threads of its
// own, late, twice hedged, with refusals, or never. Acceptance 39 of models.md; ASSAY_SOAK=1 multiplies the calls.
#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <queue>
#include <set>

#include "core/ledger/response_cache.hpp"
#include "runners/llm/client.hpp"
#include "runners/llm/models_file.hpp"
#include "tests/core/engine/fakes.hpp"

using namespace assay;
using namespace assay::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kWorkers = 64, kRuns = 400, kCallsOfStep = 4;
constexpr Pico kMost = 1'000'000;  // of one token of any model below

/// A provider with threads of its own. What becomes of a request is drawn from its number.
class BusyTransport final : public Transport {
 public:
  BusyTransport() {
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      threads_.emplace_back([this, i](const std::stop_token& stop) { serve(lines_.at(i), stop); });
    }
  }

  void send(WireRequest request, std::function<void(WireReply)> done) override {
    RandomStream draw(request.call * 64 + static_cast<std::uint64_t>(request.try_no));
    const double fate = draw.uniform();
    Item item{request.call, request.try_no, {}, std::move(done)};
    auto delay = std::chrono::microseconds(draw.next() % 2'000);
    if (fate < 0.82) {
      item.reply = answer(request.body);
    } else if (fate < 0.88) {
      item.reply = answer(request.body);  // late: a hedged call is asked for again
      delay += 30ms;
    } else if (fate < 0.91) {
      item.reply = status(429, {{"retry-after-ms", "2", ""}});
    } else if (fate < 0.92) {
      item.reply = status(429);
    } else if (fate < 0.95) {
      item.reply = status(fate < 0.935 ? 500 : 503);
    } else if (fate < 0.97) {
      item.reply.fault = WireFault{"network", "reset", "reset", fate < 0.96};
    } else if (fate < 0.98) {
      item.reply = status(200);
      item.reply.body = "{";
    } else {
      delay = std::chrono::hours(1);  // never
    }
    Line& line = line_of(request.call);
    const std::lock_guard lock(line.mutex);
    twice_ += line.seen.emplace(request.call, request.try_no).second ? 0 : 1;
    line.items.emplace(std::chrono::steady_clock::now() + delay, std::move(item));
    ++sent_;
  }
  void cancel(CallId call, int try_no) override {
    Line& line = line_of(call);
    const std::lock_guard lock(line.mutex);
    for (auto item = line.items.begin(); item != line.items.end(); ++item) {
      if (item->second.call != call || item->second.try_no != try_no) continue;
      auto node = line.items.extract(item);
      if (call % 2 == 0) return;  // nobody hears of it again
      node.key() = std::chrono::steady_clock::now();
      node.mapped().reply = WireReply{};
      node.mapped().reply.fault = WireFault{"cancelled", "", "cancelled", true};
      line.items.insert(std::move(node));
      return;
    }
  }
  Lookup lookup(CallId call, int) override {
    Line& line = line_of(call);
    const std::lock_guard lock(line.mutex);
    Lookup found;
    found.state = line.items.empty() ? Lookup::State::done : Lookup::State::in_flight;
    return found;
  }
  void settled(CallId, int) override {}

  std::size_t sent() const { return sent_; }
  /// Requests that were sent more than once.
  std::size_t twice() const { return twice_; }
  /// Requests that somebody still waits for.
  std::size_t open() {
    std::size_t n = 0;
    for (Line& line : lines_) {
      const std::lock_guard lock(line.mutex);
      n += line.items.size();
    }
    return n;
  }

 private:
  struct Item {
    CallId call = 0;
    int try_no = 0;
    WireReply reply;
    std::function<void(WireReply)> done;
  };
  struct Line {
    std::mutex mutex;
    std::multimap<SteadyTime, Item> items;  // guarded by mutex, as the next
    std::set<std::pair<CallId, int>> seen;
  };

  static WireReply status(int http, std::vector<Header> headers = {}) {
    WireReply reply;
    reply.http = http;
    reply.headers = std::move(headers);
    reply.body = R"({"error":{"message":"m"}})";
    return reply;
  }
  static WireReply answer(const std::string& body) {
    WireReply reply = status(200, {{"x-ratelimit-limit-requests", "6000000", ""}});
    reply.body = R"({"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"x"},)"
                 R"("finish_reason":"stop"}],"usage":{"prompt_tokens":)" +
                 std::to_string(20 + body.size() % 8) + R"(,"completion_tokens":9}})";
    return reply;
  }
  Line& line_of(CallId call) { return lines_.at(call % lines_.size()); }

  static void serve(Line& line, const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::vector<Item> due;
      {
        const std::lock_guard lock(line.mutex);
        while (!line.items.empty() && line.items.begin()->first <= std::chrono::steady_clock::now()) {
          due.push_back(std::move(line.items.extract(line.items.begin()).mapped()));
        }
      }
      for (Item& item : due) item.done(std::move(item.reply));
      if (due.empty()) std::this_thread::sleep_for(200us);
    }
  }

  std::array<Line, 4> lines_;
  std::atomic<std::size_t> sent_{0}, twice_{0};
  std::vector<std::jthread> threads_;  // last: they use what is above
};

constexpr const char* kModels = R"(
version: 1
providers:
  a: {type: openai, base_url: "http://127.0.0.1:1/v1", key_env: none}
models:
  plain: {model: a/one, price: {in: 1, out: 1}, limits: {learn: false}}
  open: {model: a/two, price: {in: 1, out: 1}}
  hedged: {model: a/three, price: {in: 1, out: 1}, hedge: 4ms, limits: {learn: false}}
  narrow: {model: a/four, price: {in: 1, out: 1}, hedge: p95, limits: {concurrency: 3, learn: false}}
  chain: {model: a/five, price: {in: 1, out: 1}, limits: {learn: false}, fallbacks: [plain, hedged], cooldown: {failures: 3, first: 5ms, max: 20ms}}
)";

/// One experiment: its engine, and the client with all that calls share.
struct Place {
  explicit Place(CacheMode mode) : bench(runner, kRuns), cache(bench.experiment->store()) {
    for (const SettingSpec& spec : llm_settings()) bench.settings.declare(spec);
    for (const auto& [name, text] : {std::pair{"timeout.total", "150ms"},
                                     {"retry.rate_limit", "3 1ms 4ms"},
                                     {"retry.server", "3 1ms 4ms"},
                                     {"retry.overloaded", "3 1ms 4ms"},
                                     {"retry.network", "2 1ms 4ms"}}) {
      bench.settings.set(name, text, "test");
    }
    cache.set_mode(mode);
    budget.set_cap({}, cap);
    SpendHistory past;
    past.run_before = [](RunId) { return SpendHistory::RunBefore{1, {}}; };
    budget.begin(std::move(past));
    for (const char* name : {"plain", "open", "hedged", "narrow", "chain"}) models.push_back(registry.callable(name));
    for (const char* name : {"sim/echo?latency=exp:1ms&fail=server:0.05", "sim/echo?concurrency=4"}) {
      models.push_back(registry.callable(name, Json::parse(R"({"price":{"in":1,"out":1}})")));
    }
  }

  std::shared_ptr<FunctionRunner> runner = std::make_shared<FunctionRunner>();
  Bench bench;
  ResponseCache cache;
  Budget budget;
  Pico cap = 40 * 100 * kMost;
  BusyTransport transport;
  SystemEntropy entropy;
  SecretStore secrets;
  Limiter limiter{bench.clock};
  ModelRegistry registry{[](std::string_view) { return std::optional<std::string>(); }, secrets,
                         parse_models_text(kModels, "models.yaml", "."), &limiter};
  ChatClient client{ClientOptions{bench.clock, entropy, transport, secrets, limiter,
                                  [this](std::string_view name) { return bench.settings.get(name); },
                                  "0123456789abcdef", "1.0", [](const PauseInfo&) {}, &budget, &cache,
                                  [this] { return bench.settings.version(); }}};
  std::vector<ModelHandle> models;
};

/// Changes, at random, all that a person may change while calls are under way.
void meddle(Place& place, RandomStream& random) {
  const auto one_of = [&](std::initializer_list<const char*> texts) {
    return std::string(*(texts.begin() + random.next() % texts.size()));
  };
  Engine& engine = place.bench.experiment->engine();
  const auto run = static_cast<RunId>(random.next() % kRuns);
  switch (random.next() % 8) {
    case 0:
      engine.stop({run, static_cast<RunId>((run + 7) % kRuns)});
      break;
    case 1:
      place.bench.settings.set("limit.concurrency", one_of({"none", "4", "24", "64"}), "test");
      break;
    case 2:
      place.bench.settings.set("limit.rpm", one_of({"none", "60000", "600000"}), "test");
      break;
    case 3:
      place.bench.settings.set("timeout.step", one_of({"0", "40ms", "400ms"}), "test");
      break;
    case 4:
      place.budget.set_cap({BudgetScope::Of::model, 0, "plain"},
                           random.next() % 2 == 0 ? std::nullopt : std::optional<Pico>(random.next() % 1'000 * kMost));
      break;
    case 5:
      place.budget.set_cap({BudgetScope::Of::run, 0, ""},
                           random.next() % 2 == 0 ? std::nullopt : std::optional<Pico>(random.next() % 2'000 * kMost));
      break;
    case 6:
      place.client.try_targets_again();
      for (const LaneState& lane : place.limiter.lanes()) place.limiter.resume(lane.lane);
      break;
    default:
      engine.why(run);
      place.client.target_states();
      place.limiter.learned();
  }
}

}  // namespace

TEST_CASE("64 workers, stops, time-outs, limits and budgets that change: every call ends once, nothing is left over") {
  const std::uint64_t enough = std::getenv("ASSAY_SOAK") != nullptr ? 320'000 : 5'000;  // without and with cache
  for (const CacheMode mode : {CacheMode::off, CacheMode::shared}) {
    CAPTURE(to_text(mode));
    Place place(mode);
    std::atomic<std::uint64_t> begun{0}, ended{0}, answered{0}, thrown{0};
    place.runner->on_step = [&](Run& run, Step& step) {
      const auto k = run.data.at("k").get<std::size_t>();
      std::vector<CallHandle> calls;
      std::size_t open = 0;
      try {
        for (std::size_t i = 0; i < kCallsOfStep; ++i) {
          ChatRequest request;
          request.messages.emplace_back(Role::user, "Q" + std::to_string(step.random() % 2'000));
          request.params.max_tokens = 16;
          const ModelHandle& model = place.models[(k + i * 3 + step.number()) % place.models.size()];
          calls.push_back(place.client.begin(step, std::to_string(i), model, request));
          ++begun;
          ++open;
        }
        for (const CallHandle call : calls) {
          if (place.client.get(step, call)) ++answered;
          --open;
          ++ended;
        }
      } catch (...) {
        thrown += open;
        throw;
      }
      return step.number() == 5 ? Next::done : Next::again;
    };

    std::atomic<bool> over{false};
    std::atomic<int> passed{0};
    Engine& engine = place.bench.experiment->engine();
    std::vector<std::thread> others;
    others.emplace_back([&] {
      RandomStream random(3);
      while (!over) {
        for (int i = 0; i < 4; ++i) meddle(place, random);
        std::this_thread::sleep_for(1ms);
      }
    });
    others.emplace_back([&] {  // raises the cap of the whole as it fills, so that calls wait for money all the time
      RandomStream random(4);
      while (!over) {
        const BudgetState whole = place.budget.tally({});
        if (whole.settled + whole.possible + whole.reserved > whole.cap) ++passed;
        const Pico next = whole.settled + whole.possible + static_cast<Pico>(20 + random.next() % 200) * 100 * kMost;
        if (next > place.cap) place.budget.set_cap({}, place.cap = next);
        std::this_thread::sleep_for(500us);
      }
    });
    others.emplace_back([&] {
      while (!over && begun < enough) std::this_thread::sleep_for(1ms);
      engine.cancel_all();
      engine.stop_all();
    });
    for (int round = 0; begun < enough && round < 1'000; ++round) {
      place.bench.execute(kWorkers, round % 2 == 0 ? JobType::execute : JobType::rerun);
    }
    over = true;
    for (std::thread& other : others) other.join();
    engine.shutdown();
    place.bench.experiment->store().flush();

    CHECK(begun >= enough);
    CHECK(ended + thrown == begun);
    CHECK(answered > begun / 4);
    CHECK(engine.totals().in_flight_calls == 0);
    CHECK(passed == 0);
    CHECK(place.budget.overruns().bills == 0);
    const BudgetState whole = place.budget.tally({});
    CHECK(whole.reserved == 0);
    CHECK(whole.waiting == 0);
    for (const LaneState& lane : place.limiter.lanes()) {
      CAPTURE(lane.lane);
      CHECK(lane.in_flight == 0);
      CHECK(lane.waiting == 0);
    }
    CHECK(place.transport.twice() == 0);
    const SteadyTime patience = std::chrono::steady_clock::now() + 2s;  // cancellations are on their way
    while (place.transport.open() > 0 && std::chrono::steady_clock::now() < patience) std::this_thread::sleep_for(1ms);
    CHECK(place.transport.open() == 0);

    // What the file says was spent is what the budget says. What may have been spent is never less in the file, which
    // the next session's budget begins with.
    Pico cost = 0, possible = 0;
    for (const RunId run : place.bench.all()) {
      for (const CallRecord& call : place.bench.experiment->store().calls(run)) {
        CHECK(call.state != CallState::sent);
        cost += call.cost;
        possible += call.possible;
      }
    }
    CHECK(cost == whole.settled);
    CHECK(possible >= whole.possible);
    MESSAGE(to_text(mode) << ": " << begun.load() << " calls, " << place.transport.sent() << " requests, "
                          << answered.load() << " answered, " << thrown.load() << " stopped or timed out");
  }
}

TEST_CASE("a thread that read the clock and was then held up gives nobody the time between again") {
  SystemClock clock;
  Limiter limiter(clock);
  LaneLimits limits;
  limits.rpm = 600;
  limits.burst = 10;
  limits.learn = false;
  std::vector<Limiter::Ticket> tickets;
  const auto admitted = [&](int calls, SteadyTime now) {
    int n = 0;
    for (int i = 0; i < calls; ++i) {
      tickets.push_back(limiter.enter("lane", {}, {}, nullptr));
      n += tickets.back().poll(limits, now).admitted ? 1 : 0;
    }
    return n;
  };
  const SteadyTime begin = clock.steady();
  CHECK(admitted(10, begin) == 10);
  CHECK(admitted(10, begin + 1s) == 10);
  limits.rpm = 1'200;  // seen first by the one that was held up
  CHECK(admitted(1, begin) == 0);
  CHECK(admitted(1, begin + 1s) == 0);
}
