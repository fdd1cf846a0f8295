#include "tests/runners/llm/limiter_world.hpp"

#include <algorithm>
#include <queue>

#include "runners/llm/retry_policy.hpp"

namespace assay::test {

namespace {

const std::string kLane = "KEY http://h m";

class World {
 public:
  explicit World(const WorldPlan& plan)
      : plan_(plan),
        latency_(mock::parse_latency(std::string_view(plan.latency))),
        server_(plan.server),
        random_(plan.seed * 7919) {
    start_ = clock_.steady();
    load_server();
    for (const WorldJob& job : plan.jobs) {
      left_.push_back(job.requests);
      result_.served_by_job.push_back(0);
      for (int i = 0; i < job.width; ++i) {
        Worker worker;
        worker.job = left_.size() - 1;
        worker.port = std::make_shared<Port>(turns_, workers_.size());
        workers_.push_back(std::move(worker));
      }
    }
    for (const auto& [at, server] : plan.changes) push(at, Event::change, 0);
  }

  WorldResult run() {
    for (std::size_t i = 0; i < workers_.size(); ++i) next_item(i);
    deliver();
    while (!events_.empty() && now_s() < plan_.stop_after_s) {
      const Event event = events_.top();
      events_.pop();
      clock_.advance_to(event.at);
      handle(event);
      deliver();
    }
    for (const int left : left_) result_.lost += left;
    for (const Worker& worker : workers_) result_.lost += worker.busy ? 1 : 0;
    result_.lane = limiter_.lanes().at(0);
    return std::move(result_);
  }

 private:
  struct Port final : EffectPort {
    Port(std::vector<std::size_t>& to, std::size_t which) : turns(to), worker(which) {}
    void post(std::unique_ptr<EffectMessage>) override { turns.push_back(worker); }
    std::vector<std::size_t>& turns;
    std::size_t worker;
  };
  struct Worker {
    std::size_t job = 0;
    std::shared_ptr<Port> port;
    Limiter::Ticket ticket;
    bool busy = false, queued = false;
    std::uint32_t failures = 0;
    std::uint64_t turn = 0;  // of its timer: a newer one makes an older one void
    SteadyTime not_before{};
  };
  struct Event {
    SteadyTime at;
    std::uint64_t number = 0;
    enum Kind { answer, refusal, retry, look, change } kind = answer;
    std::size_t worker = 0;
    std::uint64_t turn = 0;
    double wait_s = 0;
    bool operator>(const Event& other) const { return at != other.at ? at > other.at : number > other.number; }
  };

  double now_s() const { return std::chrono::duration<double>(clock_.steady() - start_).count(); }
  void push(double in_s, Event::Kind kind, std::size_t worker, std::uint64_t turn = 0, double wait_s = 0) {
    const auto in = std::chrono::nanoseconds(static_cast<std::int64_t>(in_s * 1e9));
    events_.push({clock_.steady() + in, ++numbers_, kind, worker, turn, wait_s});
  }
  void load_server() {
    limit_.reset();
    if (!server_.limit.is_null()) limit_ = std::make_unique<mock::Limiter>(server_.limit);
  }
  static void add(std::vector<double>& series, double at_s, double by) {
    const auto second = static_cast<std::size_t>(at_s);
    if (series.size() <= second) series.resize(second + 1);
    series[second] += by;
  }
  /// Adds the in-service time that has passed to the seconds it fell in.
  void account() {
    double from = accounted_s_;
    const double to = now_s();
    while (from < to) {
      const double until = std::min(to, std::floor(from) + 1);
      add(result_.in_service_at, from, (until - from) * in_service_);
      from = until;
    }
    accounted_s_ = to;
  }

  void next_item(std::size_t index) {
    Worker& worker = workers_[index];
    worker.busy = false;
    if (left_[worker.job] == 0) return;
    --left_[worker.job];
    if (std::all_of(left_.begin(), left_.end(), [](int n) { return n == 0; })) result_.last_issue_s = now_s();
    worker.busy = true;
    worker.failures = 0;
    worker.not_before = {};
    enter(index, CallPlace::Rank::fresh);
  }
  void enter(std::size_t index, CallPlace::Rank rank) {
    Worker& worker = workers_[index];
    worker.ticket = limiter_.enter(kLane, {plan_.jobs[worker.job].job, rank}, {}, worker.port);
    worker.queued = true;
    poll(index);
  }
  void poll(std::size_t index) {
    Worker& worker = workers_[index];
    const auto answer = worker.ticket.poll(plan_.limits, clock_.steady());
    ++worker.turn;
    if (answer.admitted) {
      worker.queued = false;
      send(index);
    } else if (answer.look_again) {
      push(std::chrono::duration<double>(*answer.look_again - clock_.steady()).count(), Event::look, index,
           worker.turn);
    }
  }
  void send(std::size_t index) {
    Worker& worker = workers_[index];
    ++result_.sent;
    if (clock_.steady() < worker.not_before) ++result_.sent_before_hint;
    if (clock_.steady() < paused_until_) ++result_.sent_in_pause;
    ++in_flight_;
    result_.most_in_flight = std::max(result_.most_in_flight, in_flight_);
    mock::Limiter::Verdict verdict;
    if (limit_) verdict = limit_->admit("k", "m", 1, now_s());
    if (server_.refuse_share > 0 && random_.uniform() < server_.refuse_share) verdict.admitted = false;
    if (!verdict.admitted) {
      push(plan_.to_refusal_s, Event::refusal, index, 0, verdict.wait_s);
      return;
    }
    account();
    ++in_service_;
    add(result_.admitted_at, now_s(), 1);
    if (left_.front() > 0 || workers_.front().busy) result_.served_by_job[worker.job] += 1;
    const double service_s = std::chrono::duration<double>(latency_.at(plan_.seed, draws_++)).count();
    if (server_.queue_workers == 0) {
      push(service_s, Event::answer, index);
    } else if (serving_ < server_.queue_workers) {
      ++serving_;
      push(service_s, Event::answer, index);
    } else {
      line_.emplace_back(index, service_s);
    }
  }
  void handle(const Event& event) {
    Worker& worker = workers_[event.worker];
    switch (event.kind) {
      case Event::answer: {
        account();
        --in_service_;
        --in_flight_;
        if (limit_) limit_->release("k", "m");
        if (server_.queue_workers > 0) {
          --serving_;
          if (!line_.empty()) {
            const auto [next, service_s] = line_.front();
            line_.pop_front();
            ++serving_;
            push(service_s, Event::answer, next);
          }
        }
        ++result_.answered;
        result_.seconds = now_s();
        CallEnd end;
        end.kind = CallEnd::Kind::answered;
        worker.ticket.finish(end, clock_.steady());
        next_item(event.worker);
        return;
      }
      case Event::refusal: {
        --in_flight_;
        ++result_.rejected;
        add(result_.rejected_at, now_s(), 1);
        CallEnd end;
        end.kind = CallEnd::Kind::rejected;
        end.sub = server_.sub;
        if (server_.retry_after) {
          const double wait_s =
              *server_.retry_after == "exact" ? event.wait_s - plan_.to_refusal_s : std::stod(*server_.retry_after);
          end.hint = WaitHint{std::max(0.0, wait_s) * 1e3, "retry-after", *server_.retry_after};
        }
        const auto pause = worker.ticket.finish(end, clock_.steady());
        if (pause)
          paused_until_ = std::max(paused_until_, clock_.steady() + pause->duration - std::chrono::milliseconds(1));
        RetryQuestion question;
        question.kind = ErrorKind::rate_limit;
        question.failures_of_kind = ++worker.failures;
        question.rule = default_retry_rule(ErrorKind::rate_limit);
        question.http_status = 429;
        question.hint = end.hint;
        const RetryAnswer retry = decide_retry(question, random_);
        if (end.hint)
          worker.not_before =
              clock_.steady() + std::chrono::microseconds(static_cast<std::int64_t>(end.hint->wait_ms * 1e3));
        push(std::chrono::duration<double>(retry.wait).count(), Event::retry, event.worker);
        return;
      }
      case Event::retry:
        enter(event.worker, CallPlace::Rank::retry);
        return;
      case Event::look:
        if (worker.queued && event.turn == worker.turn) poll(event.worker);
        return;
      case Event::change:
        server_ = plan_.changes.at(changed_++).second;
        load_server();
        return;
    }
  }
  void deliver() {
    while (!turns_.empty()) {
      std::vector<std::size_t> now;
      now.swap(turns_);
      for (const std::size_t index : now) {
        if (workers_[index].queued) poll(index);
      }
    }
  }

  const WorldPlan& plan_;
  FakeClock clock_;
  Limiter limiter_{clock_};
  mock::Latency latency_;
  WorldServer server_;
  std::unique_ptr<mock::Limiter> limit_;
  RandomStream random_;
  SteadyTime start_{}, paused_until_{};
  std::vector<std::size_t> turns_;
  std::vector<Worker> workers_;
  std::vector<int> left_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t numbers_ = 0, draws_ = 0;
  std::size_t changed_ = 0;
  std::int64_t in_flight_ = 0;
  double in_service_ = 0, accounted_s_ = 0;
  int serving_ = 0;
  std::deque<std::pair<std::size_t, double>> line_;
  WorldResult result_;
};

double sum(const std::vector<double>& series, double from_s, double to_s) {
  double total = 0;
  for (std::size_t second = 0; second < series.size(); ++second) {
    const double low = std::max(from_s, static_cast<double>(second));
    const double high = std::min(to_s, static_cast<double>(second) + 1);
    if (high > low) total += series[second] * (high - low);
  }
  return total;
}

}  // namespace

double WorldResult::per_second(double from_s, double to_s) const {
  return sum(admitted_at, from_s, to_s) / std::max(1e-9, to_s - from_s);
}
double WorldResult::in_service(double from_s, double to_s) const {
  return sum(in_service_at, from_s, to_s) / std::max(1e-9, to_s - from_s);
}
double WorldResult::rejected_share(double from_s, double to_s) const {
  const double refused = sum(rejected_at, from_s, to_s);
  return refused / std::max(1.0, refused + sum(admitted_at, from_s, to_s));
}

WorldResult simulate(const WorldPlan& plan) { return World(plan).run(); }

}  // namespace assay::test
