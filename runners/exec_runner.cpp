#include "runners/exec_runner.hpp"

#include <algorithm>

#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "core/text/printable.hpp"
#include "core/text/utf8.hpp"
#include "core/text/words.hpp"
#include "runners/chat_runner.hpp"

namespace assay {
namespace {

constexpr std::size_t kShownErrorLines = 4, kShownErrorBytes = 600, kMostLogged = 200;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    if (!trim(std::string_view(text).substr(from, end - from)).empty()) lines.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return lines;
}

/// The last lines, as one that fits into a message.
std::string tail_of(const std::vector<std::string>& lines) {
  std::string tail;
  const std::size_t first = lines.size() - std::min(lines.size(), kShownErrorLines);
  for (std::size_t i = first; i < lines.size(); ++i) {
    tail += (tail.empty() ? "" : " | ") + safe(trim(lines[i])).text();
  }
  if (tail.size() > kShownErrorBytes) tail = ".." + repair_utf8(tail.substr(tail.size() - kShownErrorBytes));
  return tail;
}

}  // namespace

/// One operation with one process.
class ExecRunner::Conversation {
 public:
  Conversation(ExecRunner& runner, ExecOperation operation, Run& run, OutsideStep& step, std::uint64_t seed)
      : runner_(runner),
        operation_(operation),
        run_(run),
        step_(step),
        seed_(seed),
        program_(runner.parts_.programs->take(step)) {
    program_->take_errors();  // of what it did before
  }

  /// nullopt: unsupported. Sets `gone` when the process had ended of itself before it began.
  std::optional<ExecResult> hold(bool& gone) {
    const std::optional<ExecLine> last = hear_to_the_end(gone);
    if (!last) return std::nullopt;
    log_errors();
    program_.give_back();
    if (last->fail) throw RunFailure(last->fail->kind(), last->fail->what());
    return last->done;
  }

 private:
  /// The line that ends the operation; nullopt with `gone`.
  std::optional<ExecLine> hear_to_the_end(bool& gone) {
    try {
      program_->send(operation_line(operation_, run_, step_, runner_.parts_.params, seed_));
      while (true) {
        const std::optional<std::string> said = hear(gone);
        if (!said) return std::nullopt;
        ExecLine line = read_program_line(operation_, *said);
        heard_ = true;
        if (line.log) run_.log(*line.log);
        if (!line.calls.empty()) serve(line);
        if (line.done || line.fail || line.unsupported) return line;
      }
    } catch (const RunTimeout& timeout) {
      fail("timeout", "the " + timeout.what + " took longer than its limit (set timeout." + timeout.what + ")");
    } catch (const RunFailure& failure) {
      if (failure.kind() != "exec/protocol") throw;
      fail(failure.kind(), failure.what());
    }
  }

  /// The next line; nullopt with `gone`.
  std::optional<std::string> hear(bool& gone) {
    const auto silence = runner_.parts_.longest_silence;
    const SteadyTime until = silence.count() == 0 ? SteadyTime::max() : std::chrono::steady_clock::now() + silence;
    while (true) {
      const std::string what = "its program: " + runner_.parts_.programs->name();
      if (!step_.wait_until(what, [&] { return program_->has_news(); }, until))
        fail("timeout", "said nothing for " + format_duration(silence) + " (timeout=)");
      while (auto line = program_->next_line()) {
        if (trim(*line).empty()) continue;
        return runner_.parts_.redact ? runner_.parts_.redact(*line) : std::move(*line);
      }
      const auto trouble = program_->trouble();
      if (!trouble) continue;
      using Kind = HostedProgram::Trouble::Kind;
      if (trouble->kind == Kind::ended && trouble->status == 0 && program_.used() && !heard_) {
        gone = true;
        return std::nullopt;
      }
      if (trouble->kind == Kind::absent) fail("exec/absent", trouble->text);
      if (trouble->kind == Kind::too_long)
        fail("exec/too_long", "said a line of more than " + format_bytes(kLongestLine));
      if (trouble->kind == Kind::closed) fail("exec/closed", "closed its output before it had said {\"done\":..}");
      fail("exec/died", trouble->text + " before it had said {\"done\":..}");
    }
  }

  void serve(const ExecLine& line) {
    std::vector<std::pair<std::string, tl::expected<CallHandle, CallError>>> begun;
    for (const ExecCall& call : line.calls) {
      std::string key = call.key.empty() ? std::to_string(++numbered_) : call.key;
      const auto model = runner_.model(call.model);
      if (!call.request) {
        begun.emplace_back(std::move(key), tl::unexpected(call.request.error()));
      } else if (!model) {
        begun.emplace_back(std::move(key), tl::unexpected(model.error()));
      } else {
        const CallHandle handle = runner_.parts_.client.begin(step_, key, *model, *call.request);
        begun.emplace_back(std::move(key), handle);
      }
    }
    // All are waited for, so that every answer is recorded, before the first that holds the run does so.
    std::vector<tl::expected<ChatReply, CallError>> outcomes;
    for (const auto& [key, handle] : begun) {
      outcomes.push_back(handle ? runner_.parts_.client.get(step_, *handle)
                                : tl::expected<ChatReply, CallError>(tl::unexpected(handle.error())));
    }
    Json replies = Json::array();
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      const auto& outcome = outcomes[i];
      if (!outcome && (!outcome.error().held.empty() || outcome.error().kind == ErrorKind::replay_missing))
        fail_run(outcome.error());
      replies.push_back(reply_to_call(begun[i].first, outcome));
    }
    program_->send(dump_json(line.several ? Json::object({{"replies", std::move(replies)}}) : replies.front()));
  }

  std::vector<std::string> log_errors() {
    std::string text = program_->take_errors();
    if (runner_.parts_.redact) text = runner_.parts_.redact(text);
    std::vector<std::string> lines = lines_of(repair_utf8(text));
    const std::size_t first = lines.size() - std::min(lines.size(), kMostLogged);
    if (first > 0) step_.log("stderr: " + counted(first, "line", "lines") + " before these");
    for (std::size_t i = first; i < lines.size(); ++i) step_.log("stderr: " + lines[i]);
    return lines;
  }

  [[noreturn]] void fail(const std::string& kind, const std::string& what) {
    const std::string tail = tail_of(log_errors());
    const char* silence = kind == "exec/protocol" ? "" : "; nothing on its standard error";
    throw RunFailure(kind,
                     runner_.parts_.programs->name() + ": " + what + (tail.empty() ? silence : "; stderr: " + tail));
  }

  ExecRunner& runner_;
  const ExecOperation operation_;
  Run& run_;
  OutsideStep& step_;
  const std::uint64_t seed_;
  ProgramPool::Lease program_;
  std::uint32_t numbered_ = 0;
  bool heard_ = false;
};

tl::expected<ModelHandle, CallError> ExecRunner::model(const std::string& name) {
  const std::lock_guard lock(mutex_);
  ModelHandle& known = models_[name];
  try {
    if (!known) known = parts_.model(name);
    return known;
  } catch (const Error& error) {
    const auto kind = error_kind_from_text(error.kind());
    return tl::unexpected(make_error(kind.value_or(ErrorKind::bad_request), {}, error.what()));
  }
}

std::optional<ExecResult> ExecRunner::perform(ExecOperation operation, Run& run, Step& step) {
  const std::uint64_t seed = step.random() >> 11U;  // what a double holds
  std::optional<ExecResult> result;
  for (bool gone = true; gone;) {
    gone = false;
    result = Conversation(*this, operation, run, outside(step), seed).hold(gone);
  }
  if (!result) return std::nullopt;
  if (result->answer) run.answer = std::move(*result->answer);
  if (result->state) run.state = std::move(*result->state);
  if (result->context) run.context = std::move(*result->context);
  return result;
}

void ExecRunner::setup(Run& run, Step& step) { perform(ExecOperation::setup, run, step); }

Next ExecRunner::step(Run& run, Step& step) {
  const auto result = perform(ExecOperation::step, run, step);
  if (!result)
    throw RunFailure(
        "exec/protocol",
        parts_.programs->name() + R"(: said {"unsupported":true} to a step: only setup and evaluate may be left out)");
  return result->next;
}

Score ExecRunner::evaluate(Run& run, Step& step) {
  const auto result = perform(ExecOperation::evaluate, run, step);
  return result ? result->score : Score::none();
}

}  // namespace assay
