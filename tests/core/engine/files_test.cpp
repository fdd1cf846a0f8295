// Calls that go into files instead of being sent: their runs wait without a worker, and go on with what the files
// bring.
#include <doctest/doctest.h>

#include <thread>

#include <atomic>

#include "tests/core/engine/fakes.hpp"

using namespace assay;
using namespace assay::test;

namespace {

/// Into the job's files where there are some, else sent and answered at once.
class FiledEffect final : public Effect {
 public:
  FiledEffect(std::atomic<int>& sent, std::string request) : sent_(sent), request_(std::move(request)) {}
  Hash128 request_hash() const override { return xxh3_128(request_); }
  const std::string& request_text() const override { return request_; }
  const std::string& model() const override { return name_; }
  const std::string& lane() const override { return name_; }
  EffectAction advance(EffectEvent event, const std::shared_ptr<EffectPort>& port, SteadyTime) override {
    if (event.kind == EffectEvent::Kind::message) {
      EffectDone done;
      done.state = CallState::answered;
      done.reply = request_ + " live";
      return done;
    }
    if (port->files() != nullptr) {
      return EffectInFile{*port->files()->assign({this, name_, [] { return std::string("{}"); }}, 10), 5, true};
    }
    EffectRecordSent sent;
    sent.transmit = [this, port](CallId, std::uint32_t) {
      ++sent_;
      port->post(std::make_unique<EffectMessage>());
    };
    return sent;
  }
  void abandon() override {}

 private:
  std::atomic<int>& sent_;
  std::string request_, name_ = "fake";
};

struct OneFile final : CallFiles {
  std::atomic<int> assigned{0}, closed{0};
  std::optional<std::string> assign(const Model&, std::size_t) override {
    ++assigned;
    return "x-0001.jsonl";
  }
  void close() override { ++closed; }
};

struct FileBench {
  std::atomic<int> sent{0};
  std::shared_ptr<FunctionRunner> runner = std::make_shared<FunctionRunner>();
  std::optional<Bench> bench;

  FileBench(std::size_t runs, int calls) {
    runner->on_step = [this, calls](Run& run, Step& step) {
      std::vector<CallHandle> handles;
      for (int i = 0; i < calls; ++i) {
        const std::string key = "agent/" + std::to_string(i);
        handles.push_back(step.begin(key, std::make_unique<FiledEffect>(sent, run.id + key)));
      }
      Json answer = Json::array();
      for (const CallHandle handle : handles) {
        const CallOutcome outcome = step.get(handle);
        if (!outcome.ok()) throw RunFailure(outcome.record.last_try.kind, outcome.record.last_try.message);
        answer.push_back(outcome.reply);
      }
      run.answer = answer;
      return Next::done;
    };
    bench.emplace(runner, runs);
  }
  JobFacts into(std::shared_ptr<CallFiles> files, std::size_t width) {
    JobRequest request;
    request.runs = bench->all();
    request.width = width;
    request.files = std::move(files);
    const JobId job = bench->experiment->engine().start(request);
    bench->experiment->engine().wait(job);
    return bench->experiment->engine().facts(job);
  }
  Store& store() { return bench->experiment->store(); }
  void end(const CallRecord& call, CallState state) {
    EndCall end;
    end.call = call.id;
    end.state = state;
    end.last_try = call.last_try;
    end.cost = 2;
    if (state == CallState::answered) {
      end.reply = "from a file";
    } else {
      end.last_try.kind = "bad_request";
      end.last_try.message = "no";
    }
    store().write({std::move(end)});
  }
};

}  // namespace

TEST_CASE("all calls of a step go into the file before its run waits; nothing is sent, the job's files are closed") {
  FileBench b(40, 3);
  const auto files = std::make_shared<OneFile>();
  const JobFacts facts = b.into(files, 8);
  CHECK(facts.incomplete == 40);
  CHECK(facts.complete == 0);
  CHECK(files->assigned == 120);
  CHECK(files->closed == 1);
  // A worker may still be on its way out of the last run.
  for (int i = 0; i < 500 && files.use_count() > 1; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(files.use_count() == 1);
  CHECK(b.sent == 0);
  for (const RunId run : b.bench->all()) {
    const auto calls = b.store().calls(run);
    REQUIRE(calls.size() == 3);
    for (const CallRecord& call : calls) {
      CHECK(call.state == CallState::in_file);
      CHECK(call.lane == "bulk:x-0001.jsonl");
      CHECK(call.possible == 5);
      CHECK(call.doubt == CallDoubt::none);
    }
    CHECK(b.bench->row(run).status == Status::incomplete);
    CHECK(b.bench->row(run).possible == 15);
  }
  const RunTable::Reader table = b.bench->experiment->table().read();
  CHECK(table.error(table.row(0).error).message == "in bulk file x-0001.jsonl");
}

TEST_CASE("a call that stands in a file is never sent, with or without a lane, until it is given back") {
  FileBench b(3, 2);
  b.into(std::make_shared<OneFile>(), 2);
  const auto again = std::make_shared<OneFile>();
  CHECK(b.into(again, 2).incomplete == 3);
  CHECK(again->assigned == 0);
  CHECK(b.bench->execute(2).incomplete == 3);
  CHECK(b.sent == 0);
  // One answered, the other given back: it alone is sent.
  for (const RunId run : b.bench->all()) {
    const auto calls = b.store().calls(run);
    b.end(calls[0], CallState::answered);
    b.end(calls[1], CallState::failed);
  }
  CHECK(b.bench->execute(2).complete == 3);
  CHECK(b.sent == 3);
  CHECK(b.store().payloads(0).answer == R"(["from a file","1agent/1 live"])");
  CHECK(b.store().calls(0).size() == 3);
}

TEST_CASE("a refusal that a file brought is the call's result: the run fails with it, nothing is sent") {
  FileBench b(2, 1);
  b.into(std::make_shared<OneFile>(), 1);
  for (const RunId run : b.bench->all()) b.end(b.store().calls(run)[0], CallState::refused);
  const JobFacts facts = b.bench->execute(1);
  CHECK(facts.fail == 2);
  CHECK(b.sent == 0);
  b.end(b.store().calls(0)[0], CallState::answered);  // too late: the first result stays
  CHECK(b.store().calls(0)[0].state == CallState::refused);
  CHECK(b.bench->execute(1, JobType::rerun).complete == 2);  // a new attempt asks anew
  CHECK(b.sent == 2);
}
