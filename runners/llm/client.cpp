#include "runners/llm/client.hpp"

#include <cassert>

#include "runners/llm/chat_effect.hpp"

namespace assay {

ChatClient::ChatClient(ClientOptions options) : shared_(std::make_shared<Shared>(std::move(options))) {}

ChatClient::~ChatClient() = default;

std::unique_ptr<Effect> ChatClient::make_effect(const ChatRequest& request, const ModelHandle& model) {
  assert(model != nullptr);
  return std::make_unique<ChatEffect>(shared_, request, model);
}

namespace {

std::uint32_t sendings(const CallRecord& record) { return record.from_cache ? 0 : record.last_try.number; }

}  // namespace

tl::expected<ChatReply, CallError> ChatClient::get(Step& step, CallHandle handle) {
  const CallOutcome outcome = step.get(handle);
  auto* effect = dynamic_cast<ChatEffect*>(outcome.effect);
  assert(effect != nullptr);
  if (!outcome.replayed) {
    shared_->options.transport.settled(outcome.record.id, static_cast<int>(outcome.record.last_try.number));
    if (auto result = effect->take_result()) {
      if (*result) (*result)->sent = sendings(outcome.record);
      return std::move(*result);
    }
  }
  if (outcome.ok()) {
    auto reply = effect->read(outcome.reply, outcome.record.model);
    if (reply) {
      reply->source = ReplySource::replay;
      reply->sent = sendings(outcome.record);
      reply->priced = outcome.record.priced;
      reply->cost = outcome.record.cost;
    }
    return reply;
  }
  const TryRecord& last = outcome.record.last_try;
  CallError error = make_error(error_kind_from_text(last.kind).value_or(ErrorKind::server), last.sub, last.message);
  error.http_status = last.http_status;
  error.ambiguous = last.ambiguous;
  return tl::unexpected(std::move(error));
}

std::size_t ChatClient::try_targets_again() { return shared_->targets.release_all(); }

std::vector<Targets::State> ChatClient::target_states() const {
  return shared_->targets.states(shared_->options.clock.steady());
}

}  // namespace assay
