#include "runners/judge/asking.hpp"

#include <cmath>

namespace assay {
namespace {

std::vector<JudgedToken> tokens_of(const ChatReply& reply) {
  std::vector<JudgedToken> tokens;
  for (const TokenLogprob& one : reply.logprobs) tokens.push_back({one.token, one.logprob, one.top});
  return tokens;
}

void take_reply(const ReadingRules& rules, const ChatReply& reply, const ModelEntry& asked, bool weighted,
                Judgement& made) {
  const std::vector<JudgedToken> tokens = tokens_of(reply);
  ReplyToRead text;
  text.text = reply.text;
  text.cut = reply.stop == Stop::max_tokens || reply.stop == Stop::model_length;
  text.refused = reply.flags.refused || reply.flags.filtered;
  text.tokens = weighted ? &tokens : nullptr;
  made.reading = read_verdict(rules, text);
  made.raw = reply.text;
  made.stop_reason = std::string(to_text(reply.stop));
  made.model_used = reply.model.empty()      ? asked.name
                    : reply.provider.empty() ? reply.model
                                             : reply.provider + "/" + reply.model;
  made.fallback = made.fallback || reply.flags.fallback;
  made.attempts += reply.sent;
  if (reply.usage) {
    made.tokens_in += reply.usage->in.value_or(0);
    made.tokens_out += reply.usage->out.value_or(0);
  }
  made.cost_usd += to_usd(reply.cost);
  made.alternatives.clear();
  if (!weighted) return;
  const std::size_t at = verdict_token(rules, reply.text, tokens);
  if (at < tokens.size()) made.alternatives = alternatives_of(tokens[at]);
}

}  // namespace

JudgeAnswers ask_judges(ChatClient& client, Step& step, const std::vector<JudgeCall>& calls,
                        const ReadingRules& rules) {
  std::vector<CallHandle> handles;
  handles.reserve(calls.size());
  for (const JudgeCall& call : calls) handles.push_back(client.begin(step, call.key, call.model, call.request));
  JudgeAnswers answers;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    Judgement made = calls[i].made;
    auto reply = client.get(step, handles[i]);
    if (reply) {
      take_reply(rules, *reply, *calls[i].model, calls[i].request.params.logprobs, made);
    } else if (reply.error().kind == ErrorKind::empty) {
      made.reading = {};
      made.reading.status = ReadStatus::empty;
      made.raw = "";
      made.stop_reason = "stop";
      made.model_used = calls[i].model->name;
    } else {
      made.reading = {};
      made.reading.status = ReadStatus::error;
      made.error = reply.error().name() + ": " + reply.error().message;
      answers.errors.push_back(reply.error());
    }
    answers.judgements.push_back(std::move(made));
  }
  return answers;
}

}  // namespace assay
