// What a 200 says and when; the lines of a batch; the answers of paths that generate nothing.

#include <algorithm>

#include "tests/mock_server/server/chat.hpp"
#include "tests/mock_server/server/write.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace assay::mock {
namespace {

constexpr std::uint64_t kFirstSalt = 0x66697273743aULL, kUsageSalt = 0x75736167653aULL;

std::uint64_t tokens_of(std::uint64_t bytes) { return (bytes + 3) / 4; }

}  // namespace

// One draw per answered request, in the order of arrival: /_mock/latencies lists what was drawn.
Nanos Chat::delay_of(const Behaviour& how, double now_s) {
  if (!how.headers) return Nanos{0};
  const Nanos drawn = how.headers->none() ? Nanos{0} : how.headers->at(rules_.seed(), drawn_++);
  stats_.drew(drawn);
  if (how.workers == 0) return drawn;
  while (free_at_.size() > how.workers) free_at_.pop();
  double start = now_s;
  if (free_at_.size() == how.workers) {
    start = std::max(now_s, free_at_.top());
    free_at_.pop();
  }
  const double end = start + static_cast<double>(drawn.count()) / 1e9;
  free_at_.push(end);
  return Nanos(static_cast<std::int64_t>((end - now_s) * 1e9));
}

std::string Chat::reply_text(const std::string& text_template) {
  const std::string_view prompt = facts_.prompt();
  const auto letter = [&] {
    const std::uint64_t hash = XXH3_64bits_withSeed(prompt.data(), prompt.size(), rules_.seed());
    return std::string("The answer is (") + static_cast<char>('A' + hash % count_options(prompt)) + ").";
  };
  if (text_template == "qa") return letter();
  if (text_template == "{default}") return sum_of_two(prompt).value_or("The answer is (A).");
  std::string out;
  for (std::size_t at = 0; at < text_template.size();) {
    const std::size_t open = text_template.find('{', at);
    const std::size_t close = open == std::string::npos ? open : text_template.find('}', open);
    if (close == std::string::npos) return out + json_escape(std::string_view(text_template).substr(at));
    const std::string_view name = std::string_view(text_template).substr(open + 1, close - open - 1);
    out += json_escape(std::string_view(text_template).substr(at, open - at));
    at = close + 1;
    if (name == "n") {
      out += std::to_string(numbered_);
    } else if (name == "prompt" || name == "echo") {
      out += prompt;
    } else if (name == "sum") {
      out += sum_of_two(prompt).value_or("");
    } else if (name == "letter") {
      out += letter()[15];
    } else if (name == "model") {
      out += facts_.model;
    } else {
      out += '{';
      at = open + 1;
    }
  }
  return out;
}

Reply Chat::make_reply(const Behaviour& how) {
  Reply r;
  r.n = numbered_;
  r.model = facts_.model;
  r.text = reply_text(how.reply);
  r.reasoning = json_escape(how.reasoning);
  r.in_tokens = tokens_of(facts_.messages_bytes);
  r.reasoning_tokens = tokens_of(r.reasoning.size());
  r.out_tokens = std::max<std::uint64_t>(1, tokens_of(r.text.size())) + r.reasoning_tokens;
  r.logprobs = facts_.logprobs;
  r.top_logprobs = std::min<std::uint64_t>(facts_.top_logprobs, 20);
  r.echo = facts_.echo;
  r.prompt = facts_.prompt();
  if (how.usage.is_string()) {
    const std::string& kind = how.usage.get_ref<const std::string&>();
    if (kind == "none") r.usage = false;
    if (kind == "random") {
      const std::uint64_t bound = facts_.max_tokens > 0 ? facts_.max_tokens : 1000;
      r.out_tokens = 1 + draw(rules_.seed() ^ kUsageSalt, numbered_) % bound;
      r.reasoning_tokens = std::min(r.reasoning_tokens, r.out_tokens);
    }
  } else if (how.usage.is_object()) {
    r.in_tokens = how.usage.value("prompt_tokens", r.in_tokens);
    r.out_tokens = how.usage.value("completion_tokens", r.out_tokens);
    r.cached = std::min(how.usage.value("cached_tokens", r.cached), r.in_tokens);
    r.cache_write = std::min(how.usage.value("cache_write_tokens", r.cache_write), r.in_tokens - r.cached);
    r.reasoning_tokens = std::min(how.usage.value("reasoning_tokens", r.reasoning_tokens), r.out_tokens);
  }
  return r;
}

void Chat::reply(const Way& way, const std::string& headers, Connection& connection) {
  const Behaviour& how = way.how;
  Reply r = make_reply(how);
  change_reply(how.body, r);
  const BilledTokens tokens{r.in_tokens, r.cached, r.cache_write, r.out_tokens, r.reasoning_tokens};
  if (stats_.bill().has_prices()) {
    const auto pico = stats_.bill().pico_of(r.model, tokens, offline_);
    if (pico) r.cost_usd = static_cast<double>(*pico) / 1e12;
  }
  const bool form_streams = how.body.empty() || changes_reply(how.body);
  const bool streamed =
      facts_.stream && !offline_ && form_streams && how.stream.mode != "json" && way.shape.error != kGeminiArray.error;
  connection.answer =
      streamed ? stream_answer(way.shape, r, how, headers, facts_.include_usage, rules_.seed() ^ facts_.fingerprint)
               : reply_answer(way.shape, r, how, headers);
  std::vector<Piece>& pieces = connection.answer.pieces;
  if (!offline_) pieces.front().delay = delay_of(how, way.now_s);
  if (!streamed && how.first && pieces.size() > 1) {
    pieces[1].delay = how.first->at(rules_.seed() ^ kFirstSalt, first_drawn_++);
  }
  connection.answer.bytes_per_s = how.bytes_per_s;
  connection.whole = !damages(how, streamed);
  for (const auto& limiter : spending_) {
    limiter->spend(way.request.key, facts_.model, static_cast<double>(r.out_tokens));
  }
  stats_.decided(way.now_s, facts_.fingerprint, 200);
  if (how.billed.value_or(true)) stats_.bill().charge(way.key_hash, facts_.model, tokens, offline_);
}

Chat::Offline Chat::answer_offline(const Shape& shape, std::string_view path, std::string_view body,
                                   std::string_view key, double now_s) {
  HttpRequest request;
  request.method = "POST";
  request.path = path;
  request.body = body;
  request.key = key;
  request.key_header = shape.key_header;
  Connection scratch;
  offline_ = true;
  answer({&shape, &shape, {}, false, path}, request, now_s, scratch);
  offline_ = false;
  stats_.ended(scratch.fingerprint, scratch.answer.status, true, scratch.whole);
  Offline out{scratch.answer.status, {}};
  if (scratch.answer.end == End::reset || scratch.answer.end == End::hang) return {};
  std::string text;
  for (const Piece& piece : scratch.answer.pieces) {
    if (piece.repeat > 64) return {};
    for (std::uint64_t i = 0; i < piece.repeat; ++i) text += piece.bytes;
  }
  const std::size_t head = text.find("\r\n\r\n");
  if (head != std::string::npos) out.body = text.substr(head + 4);
  return out;
}

bool Chat::interferes(const Route& route, const HttpRequest& request, double now_s, bool wants_key,
                      Connection& connection) {
  const Shape& shape = *route.errors;
  const std::uint64_t fingerprint =
      XXH3_64bits(request.body.data(), request.body.size()) ^ XXH3_64bits(request.path.data(), request.path.size());
  stats_.count_other(request.path);
  ++connection.requests;
  const Behaviour* chosen = rules_.choose_side({request.path, request.key, "", request.body, fingerprint, 1});
  side_how_ = chosen != nullptr ? chosen : &plain_;
  const Behaviour& how = *side_how_;
  if (breaks_off(how, connection)) return true;
  const auto refuse_with = [&](const ErrorRow& row, int status, const std::string& message) {
    std::string text = message;
    if (how.echo_headers) text = std::string(row.message) + ". The request's headers: " + std::string(request.headers);
    double hint_s = 0;
    connection.answer =
        error_answer(shape, {row, status, text, first_headers(shape, how, connection), numbered_}, how, hint_s);
    if (how.headers) connection.answer.pieces.front().delay = how.headers->at(rules_.seed(), 0);
    return true;
  };
  if (!how.error.empty() || (how.status != 0 && how.status != 200)) {
    const ErrorRow& row = how.error.empty() ? error_of_status(shape, how.status) : *find_error(shape, how.error);
    return refuse_with(row, how.status != 0 ? how.status : row.status, "");
  }
  if (wants_key) {
    const Flaw flaw = key_flaw(shape, request);
    if (flaw.error != nullptr) {
      const ErrorRow& row = *find_error(shape, flaw.error);
      return refuse_with(row, row.status, flaw.message);
    }
  }
  if (&shape == &kLlama && now_s < llama_.ready_at_s) return refuse_with(*find_error(shape, "loading"), 503, "");
  return false;
}

void Chat::side_refusal(const Route& route, const char* error, const std::string& message, Connection& connection) {
  const ErrorRow& row = *find_error(*route.errors, error);
  double hint_s = 0;
  connection.answer = error_answer(*route.errors, {row, row.status, message, "", 0}, plain_, hint_s);
}

void Chat::side_answer(const Route& route, std::string body, Connection& connection) {
  const Behaviour& how = *side_how_;
  connection.answer = body_answer(*route.errors, std::move(body), how, first_headers(*route.errors, how, connection));
  if (how.headers) connection.answer.pieces.front().delay = how.headers->at(rules_.seed(), 0);
  connection.answer.bytes_per_s = how.bytes_per_s;
  if (how.reset == Reset::after_headers || how.reset == Reset::mid_body) apply_reset(how, connection);
}

}  // namespace assay::mock
