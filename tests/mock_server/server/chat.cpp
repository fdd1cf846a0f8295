#include "tests/mock_server/server/chat.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/text/error.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace assay::mock {
namespace {

constexpr std::uint64_t kFirstSalt = 0x66697273743aULL, kUsageSalt = 0x75736167653aULL;

constexpr std::array<std::string_view, 14> kDamaged{
    "malformed", "truncated",  "empty",        "html",        "error_in_200", "depth_201",     "depth_200000",
    "endless",   "no_choices", "length_short", "length_99gb", "gzip_bomb",    "headers_100mb", "chunked_4gib"};

bool damaged(const Behaviour& how, bool streamed) {
  if (streamed) {
    const std::string& m = how.stream.mode;
    return m == "cut" || m == "error" || m == "error_first" || m == "stall" || m == "bad_event" || m == "reset" ||
           m == "keepalive_forever" || m == "no_finish";
  }
  return std::find(kDamaged.begin(), kDamaged.end(), how.body) != kDamaged.end();
}

std::uint64_t tokens_of(std::uint64_t bytes) { return (bytes + 3) / 4; }

void put(std::string& out, std::string_view name, const std::string& value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

void Chat::reset(bool all, double now_s) {
  rules_.reset(all);
  stats_.clear(now_s);
  numbered_ = drawn_ = first_drawn_ = 0;
  free_at_ = {};
  take_config();
}

void Chat::take_config() {
  const Json& config = rules_.config();
  require_key_ = config.value("require_key", false);
  std::map<std::string, Price> prices;
  const Json listed = config.value("prices", Json::object());
  for (const auto& [model, price] : listed.items()) {
    prices[model] = {price.value("in", 0.0), price.value("out", 0.0)};
  }
  stats_.set_prices(std::move(prices));
}

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

bool Chat::over_limit(const Way& way, Connection& connection, std::string& headers) {
  bool over = false;
  double wait_s = 0;
  const Limiter* limiting = nullptr;
  const std::uint64_t tokens = std::max(facts_.max_tokens, tokens_of(facts_.messages_bytes));
  for (const auto& limiter : way.how.limits) {
    const auto v = limiter->admit(way.request.key, facts_.model, static_cast<double>(tokens), way.now_s);
    const bool by_tokens = limiter->kind() == Limiter::Kind::tokens;
    if (limiter->announced()) {
      const std::string dimension = by_tokens ? "tokens" : "requests";
      put(headers, "x-ratelimit-limit-" + dimension, std::to_string(static_cast<std::int64_t>(v.limit)));
      put(headers, "x-ratelimit-remaining-" + dimension, std::to_string(static_cast<std::int64_t>(v.remaining)));
      put(headers, "x-ratelimit-reset-" + dimension, go_duration(v.reset_s));
    }
    if (v.admitted && limiter->kind() == Limiter::Kind::concurrency) {
      connection.held.push_back({limiter, std::string(way.request.key), std::string(facts_.model)});
    }
    if (!v.admitted && (limiting == nullptr || v.wait_s > wait_s)) {
      over = true, wait_s = v.wait_s, limiting = limiter.get();
    }
  }
  if (!over) return false;
  for (const Held& held : connection.held) held.limiter->release(held.key, held.model);
  connection.held.clear();
  // How long is said only if the limit has a hint; its seconds are those until the next place is free.
  Behaviour how = way.how;
  how.hint = {};
  const Json& hint = limiting->hint();
  if (hint.is_string()) how.hint = {hint.get<std::string>(), wait_s};
  if (hint.is_object()) how.hint = {hint.value("form", "retry-after"), hint.value("seconds", wait_s)};
  if (hint.is_number()) how.hint = {"retry-after", hint.get<double>()};
  const char* name = limiting->kind() == Limiter::Kind::tokens        ? "rate_limit_tokens"
                     : limiting->kind() == Limiter::Kind::concurrency ? "concurrency"
                                                                      : "rate_limit";
  refuse({way.shape, way.request, how, way.now_s, way.key_hash}, *find_error(name), 429, "", headers, connection);
  return true;
}

void Chat::refuse(const Way& way, const ErrorRow& row, int status, std::string message, const std::string& headers,
                  Connection& connection) {
  if (way.how.echo_headers) {
    message = way.how.message.empty() ? row.message : way.how.message;
    message += ". The request's headers: " + std::string(way.request.headers);
  }
  double hint_s = 0;
  connection.answer = error_answer(way.shape, row, way.how, status, std::move(message), headers, &hint_s);
  Nanos delay{0};
  if (way.how.latency_of_errors) delay = delay_of(way.how, way.now_s);
  connection.answer.pieces.front().delay = delay;
  if (hint_s > 0) {
    stats_.hinted(way.now_s + static_cast<double>(delay.count()) / 1e9 + hint_s, facts_.fingerprint, way.key_hash);
  }
  stats_.decided(way.now_s, facts_.fingerprint, status);
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

void Chat::reply(const Way& way, const std::string& headers, Connection& connection) {
  const Behaviour& how = way.how;
  Reply r;
  r.n = numbered_;
  r.model = facts_.model;
  r.text = reply_text(how.reply);
  r.in_tokens = tokens_of(facts_.messages_bytes);
  r.out_tokens = std::max<std::uint64_t>(1, tokens_of(r.text.size()));
  if (how.usage.is_string()) {
    const std::string& kind = how.usage.get_ref<const std::string&>();
    if (kind == "none") r.usage = false;
    if (kind == "random") {
      const std::uint64_t bound = facts_.max_tokens > 0 ? facts_.max_tokens : 1000;
      r.out_tokens = 1 + draw(rules_.seed() ^ kUsageSalt, numbered_) % bound;
    }
  } else if (how.usage.is_object()) {
    r.in_tokens = how.usage.value("prompt_tokens", r.in_tokens);
    r.out_tokens = how.usage.value("completion_tokens", r.out_tokens);
  }
  const bool streamed = facts_.stream && how.body.empty() && how.stream.mode != "json";
  connection.answer =
      streamed ? stream_answer(way.shape, r, how, headers, facts_.include_usage, rules_.seed() ^ facts_.fingerprint)
               : reply_answer(way.shape, r, how, headers);
  std::vector<Piece>& pieces = connection.answer.pieces;
  pieces.front().delay = delay_of(how, way.now_s);
  if (!streamed && how.first && pieces.size() > 1) {
    pieces[1].delay = how.first->at(rules_.seed() ^ kFirstSalt, first_drawn_++);
  }
  connection.answer.bytes_per_s = how.bytes_per_s;
  connection.whole = !damaged(how, streamed);
  stats_.decided(way.now_s, facts_.fingerprint, 200);
  if (how.billed.value_or(true)) stats_.charge(way.key_hash, facts_.model, r.in_tokens, r.out_tokens);
}

void Chat::apply_reset(const Behaviour& how, Connection& connection) {
  Answer& answer = connection.answer;
  const std::string& first = answer.pieces.front().bytes;
  const std::size_t head = std::min(first.size(), first.find("\r\n\r\n") + 4);
  const std::size_t keep = how.reset == Reset::after_headers ? head : head + (first.size() - head) / 2;
  answer.pieces.resize(1);
  answer.pieces.front().bytes.resize(keep);
  // A moment for the client to read what came: a reset may overtake it.
  answer.pieces.push_back({"", 1, Nanos{3'000'000}});
  answer.end = End::reset;
  connection.whole = false;
}

void Chat::answer(const Shape& shape, const HttpRequest& request, double now_s, Connection& connection) {
  scan_chat(request.body, facts_);
  ++numbered_;
  ++connection.requests;
  const std::uint64_t key_hash = XXH3_64bits(request.key.data(), request.key.size());
  const std::uint64_t try_no =
      stats_.arrived({now_s, facts_.fingerprint, key_hash, request.path, request.client_id, request.idempotency_key});
  connection.counted = true;
  connection.whole = false;
  connection.fingerprint = facts_.fingerprint;
  const Behaviour& how =
      rules_.choose({request.path, request.key, facts_.model, request.body, facts_.fingerprint, try_no});
  const Way way{shape, request, how, now_s, key_hash};

  std::string headers = "x-request-id: req_" + std::to_string(numbered_) + "\r\n";
  for (const auto& [name, value] : how.extra_headers) put(headers, name, value);
  if (how.max_per_connection > 0 && connection.requests >= how.max_per_connection) {
    headers += "Connection: close\r\n";
    connection.close_after = true;
  }
  if (how.reset == Reset::before_reading || how.reset == Reset::after_reading ||
      (how.reset == Reset::second_request && connection.requests > 1)) {
    connection.answer = {.end = End::reset};
    if (how.headers && how.latency_of_errors) connection.answer.pieces.push_back({"", 1, delay_of(how, now_s)});
    stats_.decided(now_s, facts_.fingerprint, 0);
    if (how.billed.value_or(false)) stats_.charge(key_hash, facts_.model, tokens_of(facts_.messages_bytes), 1);
    return;
  }
  if (how.silence) {
    connection.answer = {.end = End::hang};
    stats_.decided(now_s, facts_.fingerprint, 0);
    return;
  }
  if (request.method != "POST") return refuse(way, *find_error("method"), 405, "", headers, connection);
  if (require_key_ && request.key.empty()) {
    return refuse(way, *find_error("auth"), 401, "You didn't provide an API key", headers, connection);
  }
  if (!facts_.object) {
    return refuse(way, *find_error("bad_request"), 400, "We could not parse the JSON body of your request", headers,
                  connection);
  }
  if (facts_.model.empty() || !facts_.has_messages) {
    return refuse(way, *find_error("bad_request"), 400,
                  facts_.model.empty() ? "you must provide a model parameter" : "'messages' is a required property",
                  headers, connection);
  }
  if (!how.limits.empty() && over_limit(way, connection, headers)) return;
  const bool in_200 = how.body == "error_in_200";
  if (!in_200 && (!how.error.empty() || (how.status != 0 && how.status != 200))) {
    const ErrorRow& row = how.error.empty() ? error_of_status(how.status) : *find_error(how.error);
    refuse(way, row, how.status != 0 ? how.status : row.status, "", headers, connection);
  } else {
    reply(way, headers, connection);
  }
  if (how.reset == Reset::after_headers || how.reset == Reset::mid_body) apply_reset(how, connection);
}

}  // namespace assay::mock
