#include "tests/mock_server/server/chat.hpp"

#include <algorithm>
#include <cmath>

#include "core/text/error.hpp"
#include "tests/mock_server/server/write.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace assay::mock {
namespace {

std::uint64_t hash_of(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

}  // namespace

void Chat::reset(bool all, double now_s) {
  rules_.reset(all);
  stats_.clear(now_s);
  numbered_ = drawn_ = first_drawn_ = 0;
  free_at_ = {};
  take_config(now_s);
}

void Chat::take_config(double now_s) {
  const Json& config = rules_.config();
  const std::string provider = config.value("provider", "openai");
  const Shape* shape = shape_named(provider);
  if (shape == nullptr) throw Error("usage", "unknown provider: " + provider, "provider");
  stats_.bill().set_prices(config.value("prices", Json::object()));
  Json setting = config.value("llama", Json::object());
  if (setting != llama_setting_) {
    llama_.take(setting, now_s);
    llama_setting_ = std::move(setting);
  }
  default_shape_ = shape;
  models_ = config.value("models", Json::array());
  if (models_.empty()) models_.push_back("mock");
  require_key_.reset();
  if (config.contains("require_key")) require_key_ = config.at("require_key").get<bool>();
}

Flaw Chat::key_flaw(const Shape& shape, const HttpRequest& request) const {
  if (request.key.empty()) {
    if (!require_key_.value_or(shape.key_needed)) return {};
    return {"auth", shape.key_header == KeyHeader::bearer ? "You didn't provide an API key" : ""};
  }
  if (request.key_header != shape.key_header) return {"auth", "The API key stands in another provider's header"};
  return {};
}

Flaw Chat::flaw_of(const Way& way) const {
  if (way.request.method != "POST") return {"method", ""};
  if (Flaw flaw = key_flaw(way.shape, way.request); flaw.error != nullptr) return flaw;
  const bool llama = way.shape.llama_server;
  if (llama && way.now_s < llama_.ready_at_s) return {"loading", ""};
  if (!facts_.object) return {way.shape.malformed_error, "We could not parse the JSON body of your request"};
  if (Flaw flaw = way.shape.flaw({way.request, facts_}); flaw.error != nullptr) return flaw;
  if (!llama) return {};
  if (facts_.image && !llama_.vision) return {"server", "image input is not supported - hint: you need the mmproj"};
  if (llama_.bounded && facts_.messages_bytes / 4 > llama_.n_ctx) return {"context_length", ""};
  return {};
}

bool Chat::over_limit(const Way& way, Connection& connection, std::string& headers) {
  using Kind = Limiter::Kind;
  bool over = false;
  double wait_s = 0;
  const Limiter* limiting = nullptr;
  const auto in = static_cast<double>((facts_.messages_bytes + 3) / 4);
  const auto bound = static_cast<double>(facts_.max_tokens);
  spending_.clear();
  for (const auto& limiter : way.how.limits) {
    const Limiter::Side side = limiter->side();
    double weight = way.shape.weight == Shape::Weight::larger ? std::max(in, bound)
                    : way.shape.weight == Shape::Weight::sum  ? in + bound
                                                              : in;
    const bool later =
        side == Limiter::Side::out || (side == Limiter::Side::both && way.shape.weight == Shape::Weight::used);
    if (side != Limiter::Side::both) weight = side == Limiter::Side::in ? in : 0;
    const auto v = limiter->admit(way.request.key, facts_.model, weight, way.now_s);
    if (limiter->announced() && way.shape.limit_headers != nullptr && limiter->kind() != Kind::concurrency) {
      const auto of = limiter->kind() != Kind::tokens ? Announced::Of::requests
                      : side == Limiter::Side::in     ? Announced::Of::input
                      : side == Limiter::Side::out    ? Announced::Of::output
                                                      : Announced::Of::tokens;
      way.shape.limit_headers({of, v.limit, v.remaining, v.reset_s}, headers);
    }
    if (v.admitted && limiter->kind() == Kind::concurrency) {
      connection.held.push_back({limiter, std::string(way.request.key), std::string(facts_.model)});
    }
    if (v.admitted && limiter->kind() == Kind::tokens && later) spending_.push_back(limiter);
    if (!v.admitted && (limiting == nullptr || v.wait_s > wait_s)) {
      over = true, wait_s = v.wait_s, limiting = limiter.get();
    }
  }
  if (!over) return false;
  spending_.clear();
  for (const Held& held : connection.held) held.limiter->release(held.key, held.model);
  connection.held.clear();
  // How long is said only if the limit has a hint; its seconds are those until the next place is free.
  Behaviour how = way.how;
  how.hint = {};
  const Json& hint = limiting->hint();
  if (hint.is_string()) how.hint = {hint.get<std::string>(), wait_s, ""};
  if (hint.is_object()) {
    how.hint = {hint.value("form", "retry-after"), hint.value("seconds", wait_s), hint.value("value", "")};
  }
  if (hint.is_number()) how.hint = {"retry-after", hint.get<double>(), ""};
  const char* name = limiting->kind() == Kind::tokens        ? "rate_limit_tokens"
                     : limiting->kind() == Kind::concurrency ? "concurrency"
                                                             : "rate_limit";
  const ErrorRow& row = *find_error(way.shape, name);
  refuse({way.shape, way.request, how, way.now_s, way.key_hash}, row, row.status, "", headers, connection);
  return true;
}

void Chat::refuse(const Way& way, const ErrorRow& row, int status, std::string message, const std::string& headers,
                  Connection& connection) {
  if (way.how.echo_headers) {
    message = way.how.message.empty() ? row.message : way.how.message;
    message += ". The request's headers: " + std::string(way.request.headers);
  }
  double hint_s = 0;
  connection.answer = error_answer(way.shape, {row, status, std::move(message), headers, numbered_}, way.how, hint_s);
  Nanos delay{0};
  if (way.how.latency_of_errors && !offline_) delay = delay_of(way.how, way.now_s);
  connection.answer.pieces.front().delay = delay;
  if (hint_s > 0) {
    stats_.hinted(way.now_s + static_cast<double>(delay.count()) / 1e9 + hint_s, facts_.fingerprint, way.key_hash);
  }
  stats_.decided(way.now_s, facts_.fingerprint, status);
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

std::string Chat::first_headers(const Shape& shape, const Behaviour& how, Connection& connection) const {
  std::string headers;
  headers.append(shape.id_header).append(": req_");
  append_number(headers, numbered_);
  headers += "\r\n";
  for (const auto& [name, value] : how.extra_headers) put_header(headers, name, value);
  if (how.max_per_connection > 0 && connection.requests >= how.max_per_connection) {
    headers += "Connection: close\r\n";
    connection.close_after = true;
  }
  return headers;
}

bool Chat::breaks_off(const Behaviour& how, Connection& connection) {
  if (how.reset == Reset::before_reading || how.reset == Reset::after_reading ||
      (how.reset == Reset::second_request && connection.requests > 1)) {
    connection.answer = {.end = End::reset};
    return true;
  }
  if (how.silence) connection.answer = {.end = End::hang};
  return how.silence;
}

void Chat::answer(const Route& route, const HttpRequest& request, double now_s, Connection& connection) {
  const Shape& shape = *route.shape;
  scan_chat(request.body, facts_);
  if (!route.model.empty()) {
    facts_.model = route.model;
    facts_.fingerprint ^= hash_of(route.model);
  }
  if (route.streams || (shape.streams_unasked && !facts_.stream_given)) facts_.stream = true;
  ++numbered_;
  ++connection.requests;
  const std::uint64_t key_hash = hash_of(request.key);
  const std::uint64_t try_no =
      stats_.arrived({now_s, facts_.fingerprint, key_hash, request.path, request.client_id, request.idempotency_key});
  connection.counted = true;
  connection.whole = false;
  connection.fingerprint = facts_.fingerprint;
  const Behaviour& how =
      rules_.choose({request.path, request.key, facts_.model, request.body, facts_.fingerprint, try_no});
  const Way way{shape, request, how, now_s, key_hash};

  std::string headers = first_headers(shape, how, connection);
  if (breaks_off(how, connection)) {
    if (!how.silence && how.headers && how.latency_of_errors && !offline_) {
      connection.answer.pieces.push_back({"", 1, delay_of(how, now_s)});
    }
    stats_.decided(now_s, facts_.fingerprint, 0);
    if (how.billed.value_or(false)) {
      stats_.bill().charge(key_hash, facts_.model, {.in = (facts_.messages_bytes + 3) / 4, .out = 1}, offline_);
    }
    return;
  }
  if (const Flaw flaw = flaw_of(way); flaw.error != nullptr) {
    const ErrorRow& row = *find_error(shape, flaw.error);
    return refuse(way, row, row.status, flaw.message, headers, connection);
  }
  spending_.clear();
  if (!how.limits.empty() && !offline_ && over_limit(way, connection, headers)) return;
  const bool in_200 = how.body == "error_in_200";
  if (!in_200 && (!how.error.empty() || (how.status != 0 && how.status != 200))) {
    const ErrorRow& row = how.error.empty() ? error_of_status(shape, how.status) : *find_error(shape, how.error);
    refuse(way, row, how.status != 0 ? how.status : row.status, "", headers, connection);
  } else {
    reply(way, headers, connection);
  }
  if (how.reset == Reset::after_headers || how.reset == Reset::mid_body) apply_reset(how, connection);
}

}  // namespace assay::mock
