#include "experiments/qa/runner.hpp"

#include <charconv>

#include "core/text/error.hpp"
#include "experiments/qa/parameters.hpp"

namespace assay {
namespace {

/// The repeat of an item: K of "ID@K", from 0; 0 when it is not repeated.
std::int64_t repeat_of(const Run& run, const Item& item) {
  const std::string prefix = item.id + "@";
  if (!run.id.starts_with(prefix)) return 0;
  std::int64_t k = 0;
  const char* end = run.id.data() + run.id.size();
  const auto result = std::from_chars(run.id.data() + prefix.size(), end, k);
  return result.ec == std::errc() && result.ptr == end && k > 0 ? k - 1 : 0;
}

std::optional<Hint> hint_of(const Item& item) {
  if (item.answer.is_null()) return std::nullopt;
  Hint hint;
  hint.answer = item.answer.is_string() ? item.answer.get<std::string>() : dump_json(item.answer);
  if (item.n_options > 0) {
    hint.options = labels_of(item.n_options);
  } else if (item.answer.is_number_integer()) {
    const auto value = item.answer.get<std::int64_t>();
    hint.options = {hint.answer, std::to_string(value + 1), std::to_string(value - 1)};
  }
  return hint;
}

/// The run's own recorded stream.
class StepRandom final : public RandomSource {
 public:
  explicit StepRandom(Step& step) : step_(step) {}
  std::uint64_t next() override { return step_.random(); }

 private:
  Step& step_;
};

template <typename T>
std::optional<T> optional_of(const Json& params, const char* name) {
  const auto found = params.find(name);
  if (found == params.end() || !found->is_number()) return std::nullopt;
  return found->get<T>();
}

}  // namespace

std::vector<std::string> stop_words(const Json& params) {
  const std::string text = params.value("stop_words", std::string());
  if (text.empty()) return {};
  if (!text.starts_with('[')) return {text};
  std::vector<std::string> words;
  for (const Json& word : parse_json(text, "stop_words")) {
    if (!word.is_string()) throw Error("usage", "found " + dump_json(word) + ", expected a text", "stop_words");
    words.push_back(word.get<std::string>());
  }
  return words;
}

QaRunner::QaRunner(ChatClient& client, ModelHandle model, std::unique_ptr<const Prompting> prompting,
                   const Json& params, const Json& scoring)
    : client_(client), model_(std::move(model)), prompting_(std::move(prompting)), scorer_(scoring) {
  chat_.temperature = optional_of<double>(params, "temperature");
  chat_.top_p = optional_of<double>(params, "top_p");
  chat_.max_tokens = optional_of<std::int64_t>(params, "max_tokens");
  if (!chat_.max_tokens && model_) chat_.max_tokens = model_->params.max_tokens.value_or(kQaMaxTokens);
  chat_.seed = optional_of<std::int64_t>(params, "seed_model");
  chat_.stop = stop_words(params);
  samples_ = params.value("samples", std::int64_t{1});
}

void QaRunner::setup(Run& run, Step& step) {
  if (!prompting_) throw RunFailure("no_model", "this runner was made to evaluate: it has no prompt");
  const Item item = from_data(run.data);
  if (!item.question) throw RunFailure("no_question", "the item has no question: it can be evaluated, not run");
  StepRandom random(step);
  auto rendered = prompting_->render(item, random);
  run.context = std::move(rendered.messages);
  run.state = Json{{"shots_used", rendered.shots}};
  if (rendered.shots > 0) step.log(std::to_string(rendered.shots) + " worked examples");
}

Next QaRunner::step(Run& run, Step& step) {
  const Item item = from_data(run.data);
  ChatRequest request;
  request.messages = chat_messages(run.context);
  request.params = chat_;
  request.hint = hint_of(item);
  const std::int64_t first = repeat_of(run, item) * samples_;
  std::vector<std::pair<std::string, ChatRequest>> requests;
  for (std::int64_t k = 0; k < samples_; ++k) {
    request.epoch = first + k;
    if (chat_.seed) request.params.seed = *chat_.seed + k;
    requests.emplace_back("sample/" + std::to_string(k), request);
  }
  Json samples = Json::array();
  for (const ChatReply& reply : ask_all(client_, step, model_, requests)) {
    run.say("assistant", reply.text);
    samples.push_back({{"stop", to_text(reply.stop)}});
    if (reply.stop != Stop::stop) step.log("a reply ended with " + std::string(to_text(reply.stop)));
  }
  run.answer = Json{{"samples", std::move(samples)}};
  if (run.state.is_object() && run.state.contains("shots_used")) run.answer["shots_used"] = run.state["shots_used"];
  return Next::done;
}

Score QaRunner::evaluate(Run& run, Step& step) {
  const auto replies = recorded_replies(run.context, run.answer);
  if (replies.empty()) return Score::none();
  auto outcome = scorer_.score(from_data(run.data), replies, [&] { return step.random(); });
  if (run.answer.is_object() && run.answer.contains("shots_used") && run.answer["shots_used"].is_number()) {
    outcome.answer["shots_used"] = run.answer["shots_used"];
    outcome.score.metric("shots_used", run.answer["shots_used"].get<double>());
  }
  run.answer = std::move(outcome.answer);
  return outcome.score;
}

}  // namespace assay
