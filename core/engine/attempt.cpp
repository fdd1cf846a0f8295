#include "core/engine/attempt.hpp"

#include <charconv>
#include <new>

#include "core/text/error.hpp"

namespace assay {
namespace {

/// Loads, executes, checkpoints; one object per execution.
class Execution {
 public:
  Execution(const AttemptPlan& plan, const LiveStep::Parts& parts, std::shared_ptr<AttemptControl> control,
            std::shared_ptr<Mailbox> mailbox, OnPublished on_published = {})
      : plan_(plan),
        parts_(with_id(parts, plan)),
        control_(std::move(control)),
        mailbox_(std::move(mailbox)),
        on_published_(std::move(on_published)),
        ledger_(plan.run, plan.number),
        started_(parts.clock.steady()) {
    outcome_.end.run = plan.run;
    outcome_.end.number = plan.number;
  }

  AttemptOutcome attempt() {
    guarded([&] {
      load();
      if (done_steps_ == 0 && !set_up_) {
        begin_step(0);
        plan_.runner->setup(run_, *step_);
        end_step();
        if (ledger_.count(0) > 0) checkpoint(0);
      }
      Next next = Next::again;
      for (bool last_call = plan_.last_call; next == Next::again; last_call = false) {
        if (plan_.last_step && done_steps_ >= *plan_.last_step) return;
        if (done_steps_ >= plan_.runner->max_steps()) {
          throw RunFailure("max_steps", "not done after " + std::to_string(done_steps_) + " steps");
        }
        begin_step(done_steps_ + 1);
        step_->set_last_call(last_call);
        next = plan_.runner->step(run_, *step_);
        end_step();
        // Others can't come that would have come: what the step made of that is not kept.
        const bool stopped = control_->stop_requested() || control_->drain_requested();
        if ((stopped && step_->has_looked()) || (control_->job_cancelled() && step_->has_missed())) throw RunStopped{};
        if (next == Next::wait) return wait(last_call);
        ++done_steps_;
        if (next == Next::again) checkpoint(done_steps_);
        if (next == Next::done) outcome_.published = step_->take_published();
      }
      if (!plan_.last_step) evaluate();
    });
    return finish();
  }

  AttemptOutcome evaluation() {
    guarded([&] {
      const StoredPayloads stored = read_payloads();
      run_.answer = stored.answer.empty() ? Json() : parse_json(stored.answer, "answer");
      if (!stored.context.empty()) run_.context = context_from(parse_json(stored.context, "context"));
      if (plan_.resumed) ledger_.load(parts_.store);
      make_step();
      evaluate();
    });
    return finish();
  }

 private:
  static LiveStep::Parts with_id(LiveStep::Parts parts, const AttemptPlan& plan) {
    parts.run_id = plan.id;
    return parts;
  }

  StoredPayloads read_payloads() {
    StoredPayloads stored = parts_.store.payloads(plan_.run);
    for (const std::string& part : stored.damaged) {
      if (part.starts_with("data")) throw RunFailure("damaged", "the run's data can't be read back: " + part);
    }
    run_.batch = plan_.batch;
    run_.id = plan_.id;
    run_.data = parse_json(stored.data, "data");
    return stored;
  }

  void load() {
    if (plan_.data) {
      run_.batch = plan_.batch;
      run_.id = plan_.id;
      run_.data = parse_json(*plan_.data, "data");
    } else {
      read_payloads();
    }
    for (auto from = parts_.replay ? std::nullopt : plan_.continued; from;) {
      ledger_.load_earlier(parts_.store, from->number);
      from = from->number > 1 ? continued_attempt(parts_.store, plan_.run, from->number) : std::nullopt;
    }
    if (plan_.resumed) {
      ledger_.load(parts_.store);
      std::vector<StoredStep> steps;
      if (!parts_.replay) steps = parts_.store.steps(plan_.run, plan_.number);
      if (!steps.empty()) go_on_after(steps.back());
    }
    if (!set_up_ && plan_.begin != AttemptPlan::Begin::setup) {
      const std::vector<StoredStep> start = parts_.store.steps(plan_.run, kStartAttempt);
      if (!start.empty()) go_on_after(start.back());
      if (start.empty() && plan_.begin == AttemptPlan::Begin::start)
        throw RunFailure("damaged", "the steps that it shares with another run can't be read back: fork it again");
    }
    make_step();
  }

  void go_on_after(const StoredStep& step) {
    Checkpoint kept = checkpoint_from(step.checkpoint);
    done_steps_ = step.number;
    set_up_ = true;
    run_.answer = std::move(kept.answer);
    run_.context = std::move(kept.context);
    run_.state = std::move(kept.state);
  }

  void make_step() {
    const std::uint32_t seed_attempt = plan_.continued ? plan_.continued->first : plan_.number;
    const std::string identity =
        plan_.experiment_id + '/' + std::to_string(plan_.run) + '/' + std::to_string(seed_attempt);
    step_.emplace(parts_, ledger_, control_, mailbox_, xxh3_64(identity),
                  plan_.begun_at != 0 ? plan_.begun_at : parts_.clock.wall());
  }

  void begin_step(std::uint32_t number) {
    const SteadyTime now = parts_.clock.steady();
    SteadyTime deadline = SteadyTime::max();
    const char* what = "step";
    if (plan_.limits.step.count() > 0) deadline = now + plan_.limits.step;
    if (const SteadyTime end = started_ + plan_.limits.run - before_; plan_.limits.run.count() > 0 && end < deadline) {
      deadline = end;
      what = "run";
    }
    current_ = number;
    if (control_->drain_requested()) throw RunStopped{};
    step_->start_step(number, deadline, what);
  }

  void end_step() { step_->finish_step(); }

  void wait(bool last_call) {
    if (last_call || parts_.replay) {
      throw RunFailure("waiting_for_nobody",
                       "it waits for other runs of its batch, and none of them can publish any more");
    }
    outcome_.waits = step_->take_needs();
    outcome_.end.status = Status::incomplete;
  }

  void evaluate() {
    begin_step(kEvaluateStep);
    outcome_.end.score = plan_.runner->evaluate(run_, *step_);
    end_step();
    outcome_.end.status = Status::complete;
  }

  void checkpoint(std::uint32_t number) {
    if (control_->ended()) throw RunStopped{};
    if (parts_.replay) {
      step_->take_published();
      return;
    }
    EndStep end;
    end.run = plan_.run;
    end.attempt = plan_.number;
    end.number = number;
    end.n_calls = ledger_.count(number);
    end.checkpoint = kept_text();
    std::vector<Change> changes = collect_logs();
    auto published = step_->take_published();
    append_publications(changes, published, plan_.run, plan_.number, number);
    changes.emplace_back(std::move(end));
    std::function<void()> committed;
    if (!published.empty() && on_published_) {
      committed = [tell = on_published_, run = plan_.run, attempt = plan_.number, published = std::move(published)] {
        tell(run, attempt, published);
      };
    }
    parts_.store.submit(std::move(changes), std::move(committed));
  }

  std::string kept_text() const { return checkpoint_text(run_.answer, run_.context, run_.state); }

  std::vector<Change> collect_logs() {
    std::vector<Change> changes;
    if (step_) {
      for (AppendLog& line : step_->take_logs()) changes.emplace_back(std::move(line));
    }
    for (Json& entry : run_.new_logs) {
      AppendLog line;
      line.run = plan_.run;
      line.attempt = plan_.number;
      line.at = parts_.clock.wall();
      line.from_runner = true;
      line.text = dump_json(entry);
      changes.emplace_back(std::move(line));
    }
    run_.new_logs.clear();
    return changes;
  }

  void fail(std::string kind, std::string message) {
    outcome_.end.status = Status::fail;
    outcome_.end.score = {};
    outcome_.end.error = {std::move(kind), std::move(message), place_of_step(current_)};
  }

  template <typename Work>
  void guarded(Work&& work) {
    try {
      work();
    } catch (const RunStopped&) {
      outcome_.end.status = Status::incomplete;
      outcome_.interrupted = "stopped";
    } catch (const RunHeld& held) {
      outcome_.end.status = Status::incomplete;
      outcome_.interrupted = "held: " + held.message;
      outcome_.pauses_job = held.pauses_job;
      outcome_.held_until = held.until;
      outcome_.end.error = {"held", held.message, place_of_step(current_)};
    } catch (const RunTimeout& timeout) {
      fail("timeout", "the " + timeout.what + " took longer than its limit (set timeout." + timeout.what + ")");
    } catch (const RunFailure& failure) {
      fail(failure.kind(), failure.what());
    } catch (const Error& error) {
      fail(error.kind(), error.what());
    } catch (const std::bad_alloc&) {
      fail("memory", "not enough memory");
    } catch (const std::exception& error) {
      fail("exception", error.what());
    } catch (...) {  // a runner may throw anything; it ends this run alone, and is named
      fail("exception", "something that is no std::exception was thrown");
    }
  }

  AttemptOutcome finish() {
    if (step_) step_->abandon_all();
    if (step_ && parts_.replay) {
      outcome_.checkpoint = kept_text();
      outcome_.missing = step_->missing();
      outcome_.calls_served = step_->calls_served();
    }
    EndAttempt& end = outcome_.end;
    end.at = parts_.clock.wall();
    end.seconds = plan_.seconds_before + std::chrono::duration<double>(parts_.clock.steady() - started_).count();
    end.steps = done_steps_;
    end.usage = ledger_.usage();
    end.answer = run_.answer.is_null() ? std::string() : dump_json(run_.answer);
    end.context = context_text(run_.context);
    if (end.status != Status::incomplete) {
      outcome_.logs = collect_logs();
      append_publications(outcome_.logs, outcome_.published, plan_.run, plan_.number, done_steps_);
    } else {
      outcome_.published.clear();
    }
    return std::move(outcome_);
  }

  const AttemptPlan& plan_;
  LiveStep::Parts parts_;
  std::shared_ptr<AttemptControl> control_;
  std::shared_ptr<Mailbox> mailbox_;
  OnPublished on_published_;
  AttemptLedger ledger_;
  SteadyTime started_;
  SteadyTime::duration before_ =
      std::chrono::duration_cast<SteadyTime::duration>(std::chrono::duration<double>(plan_.seconds_before));
  Run run_;
  std::optional<LiveStep> step_;
  std::uint32_t done_steps_ = 0, current_ = 0;
  bool set_up_ = false;
  AttemptOutcome outcome_;
};

constexpr std::string_view kContinues = "goes on with the answers of attempt ";
constexpr std::string_view kBegunAs = ", begun as attempt ";

}  // namespace

Json continuation_line(const ContinuedAttempt& continued) {
  return std::string(kContinues) + std::to_string(continued.number) + std::string(kBegunAs) +
         std::to_string(continued.first);
}

std::optional<ContinuedAttempt> continued_attempt(Store& store, RunId run, std::uint32_t attempt) {
  for (const StoredLog& line : store.logs(run)) {
    if (line.attempt != attempt || line.from_runner) continue;
    const Json text = parse_json(line.text, "log");
    if (!text.is_string()) continue;
    const std::string_view words = text.get_ref<const std::string&>();
    if (!words.starts_with(kContinues)) continue;
    ContinuedAttempt continued;
    const std::string_view rest = words.substr(kContinues.size());
    const auto first = rest.find(kBegunAs);
    if (first == std::string_view::npos) continue;
    const std::string_view root = rest.substr(first + kBegunAs.size());
    std::from_chars(rest.data(), rest.data() + first, continued.number);
    std::from_chars(root.data(), root.data() + root.size(), continued.first);
    return continued;
  }
  return std::nullopt;
}

void append_publications(std::vector<Change>& changes, const std::vector<LiveStep::Published>& published, RunId run,
                         std::uint32_t attempt, std::uint32_t step) {
  for (const LiveStep::Published& one : published)
    changes.emplace_back(Publish{run, attempt, step, one.name, one.text});
}

AttemptOutcome execute_attempt(const AttemptPlan& plan, const LiveStep::Parts& parts,
                               const std::shared_ptr<AttemptControl>& control, const std::shared_ptr<Mailbox>& mailbox,
                               const OnPublished& on_published) {
  return Execution(plan, parts, control, mailbox, on_published).attempt();
}

AttemptOutcome execute_evaluation(const AttemptPlan& plan, const LiveStep::Parts& parts,
                                  const std::shared_ptr<AttemptControl>& control,
                                  const std::shared_ptr<Mailbox>& mailbox) {
  return Execution(plan, parts, control, mailbox).evaluation();
}

}  // namespace assay
