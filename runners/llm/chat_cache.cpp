// A call and the response cache: looked up before anything is reserved or waited for, offered to when it is answered.
// Specs: models.md 5.5.

#include "core/text/duration.hpp"
#include "runners/llm/chat_effect.hpp"

namespace assay {
namespace {

/// Whole answers only; a refusal or a filtered reply is none, and a fallback's is not that of the model asked for.
bool fit_to_keep(const ChatReply& reply) {
  return (reply.stop == Stop::stop || reply.stop == Stop::max_tokens) && !reply.flags.refused &&
         !reply.flags.filtered && !reply.flags.fallback;
}

}  // namespace

EffectAction ChatEffect::begin_call(SteadyTime now) {
  ResponseCache* const cache = shared_->options.cache;
  if (cache == nullptr || cache->mode() == CacheMode::off) return enter_queue(now);
  ResponseCache::Found found = cache->ask(prepared_.hash, port_);
  if (found.claim) {
    claim_ = std::move(*found.claim);
    return enter_queue(now);
  }
  if (!found.answer) {
    state_ = State::awaiting_twin;
    return wait(now);
  }
  if (auto served = serve_kept(*found.answer)) return std::move(*served);
  return enter_queue(now);
}

EffectAction ChatEffect::on_cache_turn(const CacheTurn& turn, SteadyTime now) {
  if (state_ != State::awaiting_twin) return wait(now);
  if (turn.answer) {
    if (auto served = serve_kept(*turn.answer)) return std::move(*served);
  } else if (!turn.alone) {
    return begin_call(now);
  }
  return enter_queue(now);
}

/// Nothing when the bytes can't be read any more: then it is asked.
std::optional<EffectAction> ChatEffect::serve_kept(const ResponseCache::Answer& answer) {
  auto reply = read(answer.reply, answer.model);
  if (!reply || !fit_to_keep(*reply)) return std::nullopt;
  reply->source = ReplySource::cache;
  reply->priced = true;  // it costs nothing, for certain
  EffectDone done;
  done.state = CallState::answered;
  done.reply = answer.reply;
  done.priced = true;
  done.from_cache = true;
  done.saved = answer.cost;
  done.note = "was answered from the cache (" +
              (answer.run.empty() ? std::string("an identical call under way") : "as " + answer.run) + "), " +
              format_usd(answer.cost) + " saved";
  result_ = std::move(*reply);
  state_ = State::done;
  return done;
}

void ChatEffect::offer_answer(EffectDone& done, const ChatReply& reply) {
  ResponseCache* const cache = shared_->options.cache;
  if (cache == nullptr || cache->mode() == CacheMode::off || !fit_to_keep(reply)) {
    claim_.unfit();
    return;
  }
  done.keep_answer = true;
  claim_.answered({done.reply, first_->name, {}, done.cost});
}

}  // namespace assay
