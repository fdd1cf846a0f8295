#pragma once
// The built-in model: answers with a given accuracy, latency and faults, the same on every machine and in any order of
// threads. Specs: models.md 2.14. SimWorld: any thread.

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/engine/clock.hpp"
#include "core/model/effect.hpp"
#include "core/text/json.hpp"
#include "runners/llm/names.hpp"
#include "runners/llm/request.hpp"
#include "runners/llm/transport.hpp"

namespace assay {

struct SimLatency {
  enum class Shape { constant, uniform, exponential, lognormal };
  Shape shape = Shape::constant;
  double a_ms = 0, b = 0;  // constant; from, to; mean; median and sigma
};
/// "const:200ms" and its kin. Throws Error "bad_request".
SimLatency parse_sim_latency(const std::string& text);

struct SimSpec {
  std::string name = "default";  // default, qa, echo, script:FILE
  double accuracy = 0.8;
  /// {answer}: what was drawn for a question whose answer is known. {1-5}: a whole number, drawn by the request, for
  /// whoever asks without one (annotators); without either such requests get "sim HEX".
  std::string reply = "The answer is ({answer}).";
  SimLatency latency;
  std::vector<std::pair<std::string, double>> fail;  // in the order written
  std::string retry_after;
  double rps = 0, burst = 0, tpm = 0, tokens_per_s = 0;
  std::int64_t concurrency = 0, seed = 0;
  std::optional<std::pair<double, double>> outage_ms;  // since the first call of the model
};

/// "qa?accuracy=0.9&latency=const:200ms". Throws Error "bad_request" naming the key and the nearest valid one.
SimSpec parse_sim(std::string_view model);

/// What the draws of one try come to (models.md 2.14), before hidden limits.
struct SimDraw {
  double latency_ms = 0;
  std::string outcome = "reply";  // reply, a kind of 3.1, refusal, empty, truncated
  std::string text;
  std::optional<bool> correct;
};
SimDraw draw_sim(const SimSpec& spec, std::string_view canonical, const std::optional<Hint>& hint, int try_no);

/// The reply of a try and how long it takes.
struct SimPlan {
  std::chrono::nanoseconds latency{0};
  WireReply reply;
  bool counted = false;  // in flight until SimWorld::end
  bool alone = false;    // an error is this call's alone: it says nothing of the model, nor of other calls
};

/// Where a call stands: whose it is, and its key in its step.
struct SimPlace {
  EffectOrigin origin = {};
  std::string_view key = {};
};

/// Scripts and hidden limits, shared by all calls of a model.
class SimWorld {
 public:
  explicit SimWorld(Clock& clock) : clock_(clock) {}
  SimPlan begin(const ModelEntry& entry, const ChatRequest& request, std::string_view canonical, int try_no,
                const SimPlace& place = {});
  void end(const ModelEntry& entry);

 private:
  struct Model;
  std::shared_ptr<Model> model(const std::string& name);
  Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Model>, std::less<>> models_;
};

}  // namespace assay
