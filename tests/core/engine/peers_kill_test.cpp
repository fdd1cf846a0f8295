// Runs that wait for each other in a program that is killed again and again: every one ends, with the partners that it
// drew, and nothing that was answered is asked twice.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <set>

#include "tests/core/engine/fakes.hpp"
#include "tests/core/text/temporary_folder.hpp"

using namespace assay;
using namespace assay::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kRuns = 24, kPartners = 5;

/// What outlives the program: a line each, written at once.
class Diary {
 public:
  explicit Diary(const std::string& path) : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600)) {}
  ~Diary() { ::close(file_); }
  Diary(const Diary&) = delete;
  Diary& operator=(const Diary&) = delete;
  void write(const std::string& line) const {
    const std::string text = line + "\n";
    CHECK(::write(file_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }

 private:
  int file_;
};

/// Answered after some milliseconds; the diary tells when it is sent.
class ToldEffect final : public Effect {
 public:
  ToldEffect(const Diary& diary, std::string request) : diary_(diary), request_(std::move(request)) {}
  Hash128 request_hash() const override { return xxh3_128(request_); }
  const std::string& request_text() const override { return request_; }
  const std::string& model() const override { return name_; }
  const std::string& lane() const override { return name_; }
  EffectAction advance(EffectEvent event, const std::shared_ptr<EffectPort>&, SteadyTime now) override {
    if (event.kind == EffectEvent::Kind::start) {
      EffectRecordSent sent;
      sent.transmit = [this](CallId, std::uint32_t) {
        diary_.write("sent " + request_);
        sent_ = true;
      };
      sent.deadline = now + 4ms;
      return sent;
    }
    if (!sent_) return EffectWait{now + 1ms};
    EffectDone done;
    done.state = CallState::answered;
    done.reply = "reply to " + request_;
    return done;
  }
  void abandon() override {}

 private:
  const Diary& diary_;
  std::string request_, name_ = "told";
  std::atomic<bool> sent_{false};
};

std::shared_ptr<FunctionRunner> told_runner(const Diary& diary) {
  auto runner = std::make_shared<FunctionRunner>();
  const auto ask = [&diary](Step& step, const std::string& key, const std::string& request) {
    const CallOutcome outcome = step.get(step.begin(key, std::make_unique<ToldEffect>(diary, request)));
    if (!outcome.replayed) diary.write("answered " + request);
    return std::string(outcome.reply);
  };
  runner->on_step = [&diary, ask](Run& run, Step& step) {
    if (step.number() == 1) {
      step.publish("x", ask(step, "response", "response of " + run.id));
      return Next::again;
    }
    const auto peers = step.others("x");
    std::string drawn;
    std::vector<std::size_t> partners;
    bool lacking = false;
    for (std::size_t i = 0; i < kPartners; ++i) {
      partners.push_back(step.random() % kRuns);
      drawn += " " + peers->id(partners.back());
      if (!peers->may_come(partners.back())) continue;
      step.needs("x", partners.back());
      lacking = true;
    }
    if (lacking) return Next::wait;
    diary.write("partners " + run.id + ":" + drawn);
    Json seen = Json::array();
    for (std::size_t i = 0; i < partners.size(); ++i) {
      const auto value = peers->value(partners[i]);
      REQUIRE(value);
      seen.push_back(
          ask(step, "critic/" + std::to_string(i), run.id + "/" + std::to_string(i) + " " + dump_json(*value)));
    }
    run.answer = seen;
    return Next::done;
  };
  return runner;
}

}  // namespace

TEST_CASE("killed at 20 random moments, runs that wait for each other end with the partners they drew") {
  const TemporaryFolder folder;
  const std::string path = folder.path("e.assay");
  const Diary diary(folder.path("diary"));
  {
    const Bench made(told_runner(diary), kRuns, path);
  }
  RandomStream random(20);
  int killed = 0;
  for (int i = 0; i < 20; ++i) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      Bench bench(told_runner(diary), 0, path);
      bench.execute(1 + static_cast<std::size_t>(i) % 4);
      ::_exit(0);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10 + random.next() % 60));
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }
  MESSAGE(killed, " of 20 were killed at work");

  Bench bench(told_runner(diary), 0, path);
  bench.execute(2);
  for (const RunId run : bench.all()) {
    CAPTURE(run);
    CHECK(bench.row(run).status == Status::complete);
    CHECK(bench.row(run).attempts == 1);
    CHECK(bench.experiment->serialized(run).run.answer.size() == kPartners);
  }
  CHECK(bench.experiment->store().check().empty());

  std::ifstream lines(folder.path("diary"));
  std::set<std::string> answered;
  std::map<std::string, std::set<std::string>> partners;
  for (std::string line; std::getline(lines, line);) {
    const std::string what = line.substr(0, line.find(' ')), rest = line.substr(what.size() + 1);
    if (what == "answered") answered.insert(rest);
    if (what == "sent") CHECK_MESSAGE(!answered.contains(rest), rest);
    if (what == "partners") partners[rest.substr(0, rest.find(':'))].insert(rest);
  }
  CHECK(answered.size() >= kRuns);
  CHECK(partners.size() == kRuns);
  for (const auto& [run, drawn] : partners) CHECK_MESSAGE(drawn.size() == 1, run);
}
