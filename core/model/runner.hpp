#pragma once
// How ONE run executes: the one interface a user implements. Plain blocking code on a worker thread: no callbacks, no
// coroutines. A runner object is shared by all runs of its batch and all threads: const members, or your own locks.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "core/model/run.hpp"
#include "core/model/score.hpp"
#include "core/model/step.hpp"

namespace assay {

/// wait: the step lacks something that other runs of its batch have yet to publish (Step::others). It gives back its
/// slot and its worker, keeps nothing of what it changed in the run, and is called again when what it named with
/// Step::needs is there or can't come any more.
enum class Next { again, done, wait };

class Runner {
 public:
  virtual ~Runner() = default;
  /// Fills run.context; nothing to return, nothing to forget.
  virtual void setup(Run&, Step&) {}
  /// One discrete step; checkpointed after each.
  virtual Next step(Run&, Step&) = 0;
  /// Reads run.answer (and run.context); may set run.answer when the answer is found by reading a reply.
  virtual Score evaluate(Run&, Step&) { return Score::none(); }
  /// Calls that one run makes in all, where they are more than those of its first step; for `run_n --estimate`. May be
  /// read before setup: from run.data; of a fork, answer, context and state are those that it begins with.
  virtual std::optional<std::uint64_t> planned_calls(const Run&) const { return std::nullopt; }
  /// Steps after which a run FAILs with kind "max_steps".
  virtual std::uint32_t max_steps() const { return 1000; }
};

/// The typed front: run.data as Params, run.answer as Result, by nlohmann/json's to_json and from_json
/// (NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE is enough).
template <typename Params, typename Result>
class TypedRunner : public Runner {
 public:
  virtual void setup(const Params&, Run&, Step&) {}
  virtual Next step(const Params& params, Result& result, Run&, Step&) = 0;
  virtual Score evaluate(const Params&, const Result&, Run&, Step&) { return Score::none(); }

  void setup(Run& run, Step& step) final { setup(params_of(run), run, step); }
  Next step(Run& run, Step& step) final {
    Result result = result_of(run);
    const Next next = this->step(params_of(run), result, run, step);
    run.answer = Json::parse(nlohmann::json(result).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    return next;
  }
  Score evaluate(Run& run, Step& step) final { return evaluate(params_of(run), result_of(run), run, step); }

 private:
  static Params params_of(const Run& run) { return nlohmann::json::parse(dump_json(run.data)).template get<Params>(); }
  static Result result_of(const Run& run) {
    if (run.answer.is_null()) return Result{};
    return nlohmann::json::parse(dump_json(run.answer)).template get<Result>();
  }
};

}  // namespace assay
