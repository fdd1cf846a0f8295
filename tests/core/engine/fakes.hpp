#pragma once
// Runners and effects for tests of the engine: an effect that is answered after a delay and counts how often it was
// sent, a runner made of three functions, and an experiment in memory.

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "core/engine/experiment.hpp"
#include "core/store/sqlite_store.hpp"

namespace assay::test {

/// What the outside world saw.
struct World {
  std::atomic<int> sent{0}, in_flight{0}, most_in_flight{0};
  std::mutex mutex;
  std::map<std::string, int> sent_by_request;

  void begin(const std::string& request) {
    ++sent;
    const int now = ++in_flight;
    int most = most_in_flight.load();
    while (now > most && !most_in_flight.compare_exchange_weak(most, now)) {
    }
    const std::lock_guard lock(mutex);
    ++sent_by_request[request];
  }
};

/// Sent once, answered `delay` later with `reply`. `fails`: how many tries fail before that.
class TimedEffect final : public Effect {
 public:
  TimedEffect(World& world, std::string request, std::string reply, std::chrono::milliseconds delay, int fails = 0)
      : world_(world), request_(std::move(request)), reply_(std::move(reply)), delay_(delay), fails_(fails) {}

  Hash128 request_hash() const override { return xxh3_128(request_); }
  const std::string& request_text() const override { return request_; }
  const std::string& model() const override { return name_; }
  const std::string& lane() const override { return name_; }

  EffectAction advance(EffectEvent event, const std::shared_ptr<EffectPort>&, SteadyTime now) override {
    if (event.kind == EffectEvent::Kind::start) return send(now, {});
    if (!began_) return EffectWait{now + delay_};  // its `sent` is not on disk yet: it has not begun
    began_ = false;
    --world_.in_flight;
    TryRecord record;
    if (fails_-- > 0) {
      record.kind = "server";
      record.message = "again";
      return send(now, record);
    }
    EffectDone done;
    done.state = CallState::answered;
    done.reply = reply_;
    done.usage.in = 3;
    done.usage.out = 5;
    done.cost = 7;
    done.priced = true;
    return done;
  }
  void abandon() override {
    if (began_.exchange(false)) --world_.in_flight;
  }

 private:
  EffectAction send(SteadyTime now, std::optional<TryRecord> previous) {
    EffectRecordSent sent;
    sent.transmit = [this](CallId, std::uint32_t) {
      began_ = true;
      world_.begin(request_);
    };
    sent.previous = std::move(previous);
    sent.deadline = now + delay_;
    return sent;
  }
  World& world_;
  std::string request_, reply_, name_ = "fake";
  std::chrono::milliseconds delay_;
  int fails_;
  std::atomic<bool> began_{false};
};

/// A thread of the outside world: brings answers a little later, as the HTTP thread does.
class Deliverer {
 public:
  Deliverer()
      : thread_([this](const std::stop_token& stop) {
          RandomStream random(5);
          while (!stop.stop_requested()) {
            std::vector<Item> items;
            {
              const std::lock_guard lock(mutex_);
              items.swap(items_);
            }
            for (Item& item : items) {
              auto answer = std::make_unique<Answer>();
              answer->is_quick = item.quick;
              item.port->post(std::move(answer));
            }
            std::this_thread::sleep_for(std::chrono::microseconds(random.next() % 800));
          }
        }) {}
  void ask(std::shared_ptr<EffectPort> port, bool quick) {
    const std::lock_guard lock(mutex_);
    items_.push_back({std::move(port), quick});
  }

 private:
  struct Answer final : EffectMessage {
    bool is_quick = false;
    bool quick() const override { return is_quick; }
  };
  struct Item {
    std::shared_ptr<EffectPort> port;
    bool quick = false;
  };
  std::mutex mutex_;
  std::vector<Item> items_;
  std::jthread thread_;
};

/// Answered by the deliverer. `fails` tries fail before that: one after the other sent again at once, or after a
/// back-off.
class BroughtEffect final : public Effect {
 public:
  BroughtEffect(Deliverer& deliverer, std::string request, bool quick, int fails = 0)
      : deliverer_(deliverer), request_(std::move(request)), quick_(quick), fails_(fails) {}

  Hash128 request_hash() const override { return xxh3_128(request_); }
  const std::string& request_text() const override { return request_; }
  const std::string& model() const override { return name_; }
  const std::string& lane() const override { return name_; }
  EffectAction advance(EffectEvent event, const std::shared_ptr<EffectPort>& port, SteadyTime now) override {
    if (event.kind != EffectEvent::Kind::message) return send(port);
    if (fails_-- <= 0) {
      EffectDone done;
      done.state = CallState::answered;
      done.reply = request_ + " answered";
      return done;
    }
    previous_.emplace();
    previous_->kind = "server";
    if (fails_ % 2 == 0) return send(port);
    return EffectWait{now + std::chrono::milliseconds(1), previous_};
  }
  void abandon() override {}

 private:
  EffectAction send(const std::shared_ptr<EffectPort>& port) {
    EffectRecordSent sent;
    sent.transmit = [this, port](CallId, std::uint32_t) { deliverer_.ask(port, quick_); };
    sent.previous = std::exchange(previous_, std::nullopt);
    return sent;
  }
  Deliverer& deliverer_;
  std::string request_, name_ = "brought";
  bool quick_;
  int fails_;
  std::optional<TryRecord> previous_;
};

struct FunctionRunner final : Runner {
  std::function<void(Run&, Step&)> on_setup;
  std::function<Next(Run&, Step&)> on_step = [](Run&, Step&) { return Next::done; };
  std::function<Score(Run&, Step&)> on_evaluate = [](Run&, Step&) { return Score::correct(); };
  /// Of its kind: set when the kind wants milestones.
  std::function<std::vector<std::string>(const BatchView&, Milestone)> on_reached;
  void setup(Run& run, Step& step) override {
    if (on_setup) on_setup(run, step);
  }
  Next step(Run& run, Step& step) override { return on_step(run, step); }
  Score evaluate(Run& run, Step& step) override { return on_evaluate(run, step); }
};

class FakeKind final : public Kind {
 public:
  explicit FakeKind(std::shared_ptr<FunctionRunner> runner) : runner_(std::move(runner)) {}
  std::string name() const override { return "fake"; }
  std::string summary() const override { return "a test"; }
  std::vector<Parameter> parameters() const override { return {}; }
  LoadedBatch load(const Source&, const ParameterTexts&) const override { return {}; }
  bool accepts(const Json&) const override { return true; }
  std::shared_ptr<Runner> make_runner(const BatchInfo&, const ParameterTexts&) const override { return runner_; }
  Report report(const BatchView&) const override { return {}; }
  bool wants_milestones(const BatchInfo&) const override { return runner_->on_reached != nullptr; }
  std::vector<std::string> reached(const BatchView& batch, Milestone milestone) const override {
    return runner_->on_reached(batch, milestone);
  }

 private:
  std::shared_ptr<FunctionRunner> runner_;
};

/// An experiment with one batch "b" of `n` runs, ids 1 .. n, data {"k": id}.
class Bench {
 public:
  explicit Bench(std::shared_ptr<FunctionRunner> given, std::size_t n, std::string path = ":memory:")
      : runner(std::move(given)) {
    for (const SettingSpec& spec : engine_settings()) settings.declare(spec);
    kinds.add(std::make_unique<FakeKind>(runner));
    StoreOptions options;
    options.path = std::move(path);
    options.disk_reserve = 0;
    experiment.emplace(ExperimentParts{open_sqlite_store(options), kinds, clock, settings, 2, {}});
    if (n == 0) return;
    LoadedBatch batch;
    batch.info.name = "b";
    batch.info.kind = "fake";
    batch.info.params = Json::object();
    for (std::size_t i = 1; i <= n; ++i) {
      NewRun run;
      run.id = std::to_string(i);
      run.data = Json::object({{"k", i}});
      batch.runs.push_back(std::move(run));
    }
    experiment->add(std::move(batch));
  }

  std::vector<RunId> all() const {
    std::vector<RunId> runs;
    const auto n = static_cast<RunId>(experiment->table().read().size());
    for (RunId run = 0; run < n; ++run) runs.push_back(run);
    return runs;
  }
  JobFacts execute(std::size_t width, JobType type = JobType::execute) {
    JobRequest request;
    request.type = type;
    request.runs = all();
    request.width = width;
    const JobId job = experiment->engine().start(request);
    experiment->engine().wait(job);
    return experiment->engine().facts(job);
  }
  RunRow row(RunId run) const { return experiment->table().read().row(run); }
  RunError error(RunId run) const {
    const RunTable::Reader table = experiment->table().read();
    return table.error(table.row(run).error);
  }

  SystemClock clock;
  Settings settings;
  KindRegistry kinds;
  std::shared_ptr<FunctionRunner> runner;
  std::optional<Experiment> experiment;
};

}  // namespace assay::test
