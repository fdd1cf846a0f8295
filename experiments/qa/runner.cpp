#include "experiments/qa/runner.hpp"

#include "experiments/qa/asking.hpp"
#include "experiments/qa/parameters.hpp"

namespace assay {

QaRunner::QaRunner(ChatClient& client, ModelHandle model, std::unique_ptr<const Prompting> prompting,
                   const Json& params, const Json& scoring)
    : client_(client), model_(std::move(model)), prompting_(std::move(prompting)), scorer_(scoring) {
  chat_ = chat_params(params);
  if (!chat_.max_tokens && model_) chat_.max_tokens = model_->params.max_tokens.value_or(kQaMaxTokens);
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
  const std::int64_t first = repeat_of(run.id, item) * samples_;
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
