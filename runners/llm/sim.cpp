#include "runners/llm/sim.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <numbers>
#include <sstream>

#include "core/text/duration.hpp"
#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/hash.hpp"
#include "core/text/pattern.hpp"
#include "core/text/utf8.hpp"
#include "runners/llm/body.hpp"
#include "runners/llm/hints.hpp"
#include "runners/llm/sim_script.hpp"

namespace assay {
namespace {

using std::chrono::nanoseconds;

const std::vector<std::string> kKeys = {"accuracy", "reply",       "latency", "fail",         "retry_after", "rps",
                                        "burst",    "concurrency", "tpm",     "tokens_per_s", "outage",      "seed"};

[[noreturn]] void refuse(const std::string& message, const std::string& hint = {}) {
  throw Error("bad_request", "sim: " + message, "", hint);
}

std::string percent_decoded(std::string_view text) {
  const auto nibble = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && nibble(text[i + 1]) >= 0 && nibble(text[i + 2]) >= 0) {
      out += static_cast<char>(nibble(text[i + 1]) * 16 + nibble(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

double number_of(const std::string& key, const std::string& text) {
  const auto value = parse_plain_decimal(text);
  if (!value) refuse(key + "=" + text + " is no number");
  return *value;
}

double duration_ms(const std::string& text) {
  if (text == "0") return 0;
  return std::chrono::duration<double, std::milli>(parse_duration(text)).count();
}

std::vector<std::pair<std::string, double>> parse_fail(const std::string& text) {
  std::vector<std::pair<std::string, double>> list;
  std::istringstream items(text);
  std::string item;
  while (std::getline(items, item, ',')) {
    const std::size_t colon = item.find(':');
    const std::string kind = item.substr(0, colon);
    if (colon == std::string::npos) refuse("fail=" + text, "KIND:PROBABILITY,..");
    if (!error_kind_from_text(kind) && kind != "refusal" && kind != "truncated") refuse("fail: unknown kind " + kind);
    list.emplace_back(kind, number_of("fail", item.substr(colon + 1)));
  }
  return list;
}

RandomStream stream_of(std::string_view purpose, std::string_view canonical, std::int64_t seed, int try_no) {
  std::string text(purpose);
  text += '\0';
  text += canonical;
  text += '\0';
  text += std::to_string(seed);
  if (try_no > 0) {
    text += '\0';
    text += std::to_string(try_no);
  }
  return RandomStream(xxh3_64(text));
}

double draw_latency_ms(const SimLatency& latency, RandomStream stream) {
  switch (latency.shape) {
    case SimLatency::Shape::constant:
      return latency.a_ms;
    case SimLatency::Shape::uniform:
      return latency.a_ms + (latency.b - latency.a_ms) * stream.uniform();
    case SimLatency::Shape::exponential:
      return -latency.a_ms * std::log(1 - stream.uniform());
    case SimLatency::Shape::lognormal: {
      const double u1 = stream.uniform();
      const double u2 = stream.uniform();
      const double z = std::sqrt(-2 * std::log(1 - u1)) * std::cos(2 * std::numbers::pi * u2);
      return latency.a_ms * std::exp(latency.b * z);
    }
  }
  return 0;
}

std::string first_half(const std::string& text) {
  const std::size_t keep = count_code_points(text) / 2;
  std::size_t at = 0;
  for (std::size_t i = 0; i < keep; ++i) at += code_point_at(text, at).length;
  return text.substr(0, at);
}

std::string last_user_text(const ChatRequest& request) {
  for (auto message = request.messages.rbegin(); message != request.messages.rend(); ++message) {
    if (message->role == Role::user) return message->text();
  }
  return "";
}

std::int64_t tokens_of(std::size_t bytes) { return static_cast<std::int64_t>((bytes + 3) / 4); }

/// The reply as an OpenAI-compatible server would send it.
std::string chat_body(std::string_view id, std::string_view model, std::string_view text, std::string_view reasoning,
                      std::string_view finish, bool refusal, std::int64_t in, std::int64_t out_tokens) {
  std::string out;
  out.reserve(text.size() + 256);
  out += R"({"id":")";
  out += id;
  out += R"(","object":"chat.completion","model":)";
  append_json_string(out, model);
  out += R"(,"choices":[{"index":0,"message":{"role":"assistant","content":)";
  if (refusal) {
    out += "null,\"refusal\":";
    append_json_string(out, text);
  } else {
    append_json_string(out, text);
  }
  if (!reasoning.empty()) {
    out += ",\"reasoning_content\":";
    append_json_string(out, reasoning);
  }
  out += R"(},"finish_reason":")";
  out += finish;
  out += R"("}],"usage":{"prompt_tokens":)";
  out += std::to_string(in);
  out += R"(,"completion_tokens":)";
  out += std::to_string(out_tokens);
  out += "}}";
  return out;
}

WireReply error_reply(int status, std::string_view code, std::string_view message) {
  WireReply reply;
  reply.http = status;
  reply.body = "{\"error\":{\"code\":";
  append_json_string(reply.body, code);
  reply.body += ",\"message\":";
  append_json_string(reply.body, message);
  reply.body += "}}";
  return reply;
}

/// How a provider would show an error of that kind.
WireReply reply_for_kind(ErrorKind kind, const std::string& message, const std::string& retry_after) {
  const auto fault = [&](const char* name, const char* sub) {
    WireReply reply;
    reply.fault = WireFault{name, sub, message, true};
    return reply;
  };
  WireReply reply;
  switch (kind) {
    case ErrorKind::rate_limit:
      reply = error_reply(429, "rate_limit_exceeded", message);
      break;
    case ErrorKind::quota:
      reply = error_reply(429, "insufficient_quota", message);
      break;
    case ErrorKind::overloaded:
      reply = error_reply(503, "overloaded", message);
      break;
    case ErrorKind::network:
      return fault("network", "reset");
    case ErrorKind::timeout:
      return fault("timeout", "attempt");
    case ErrorKind::bad_response:
      reply.http = 200, reply.body = "<html>sim</html>";
      break;
    case ErrorKind::auth:
      reply = error_reply(401, "invalid_api_key", message);
      break;
    case ErrorKind::permission:
      reply = error_reply(403, "permission_denied", message);
      break;
    case ErrorKind::not_found:
      reply = error_reply(404, "model_not_found", message);
      break;
    case ErrorKind::context_length:
      reply = error_reply(400, "context_length_exceeded", message);
      break;
    case ErrorKind::too_large:
      reply = error_reply(413, "request_too_large", message);
      break;
    case ErrorKind::content_filter:
      reply = error_reply(400, "content_filter", message);
      break;
    case ErrorKind::bad_request:
      reply = error_reply(400, "invalid_request", message);
      break;
    case ErrorKind::server:
      reply = error_reply(500, "server_error", message);
      break;
    default:
      return fault(std::string(to_text(kind)).c_str(), "");
  }
  if (!retry_after.empty() && (kind == ErrorKind::rate_limit || kind == ErrorKind::overloaded)) {
    reply.headers.push_back({"retry-after", retry_after, ""});
  }
  return reply;
}

std::string finish_word(std::string_view stop) {
  if (stop == "max_tokens" || stop == "truncated") return "length";
  return std::string(stop);
}

WireReply reply_of(const ScriptedReply& line, std::string_view model, std::int64_t prompt_tokens) {
  if (line.error) return reply_for_kind(*line.error, line.error_message, line.retry_after);
  WireReply reply;
  reply.http = line.status == 0 ? 200 : line.status;
  if (line.status == 0) {
    reply.body = chat_body("sim", model, line.text, line.reasoning, finish_word(line.stop), line.stop == "refusal",
                           line.in.value_or(prompt_tokens), line.out.value_or(tokens_of(line.text.size())));
    return reply;
  }
  reply.body = R"({"error":{"message":)";
  append_json_string(reply.body, line.error_message);
  reply.body += "}}";
  if (!line.retry_after.empty()) reply.headers.push_back({"retry-after", line.retry_after, ""});
  return reply;
}

}  // namespace

SimLatency parse_sim_latency(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string shape = text.substr(0, colon);
  const std::string rest = colon == std::string::npos ? "" : text.substr(colon + 1);
  SimLatency latency;
  if (shape == "const") {
    latency.a_ms = duration_ms(rest);
  } else if (shape == "uniform") {
    latency.shape = SimLatency::Shape::uniform;
    const std::size_t dots = rest.find("..");
    if (dots == std::string::npos) refuse("latency=" + text, "uniform:100ms..300ms");
    latency.a_ms = duration_ms(rest.substr(0, dots));
    latency.b = duration_ms(rest.substr(dots + 2));
  } else if (shape == "exp") {
    latency.shape = SimLatency::Shape::exponential;
    latency.a_ms = duration_ms(rest);
  } else if (shape == "lognormal") {
    latency.shape = SimLatency::Shape::lognormal;
    const std::size_t comma = rest.find(',');
    if (comma == std::string::npos) refuse("latency=" + text, "lognormal:800ms,0.6");
    latency.a_ms = duration_ms(rest.substr(0, comma));
    latency.b = number_of("latency", rest.substr(comma + 1));
  } else {
    refuse("latency=" + text, "const:0, uniform:100ms..300ms, exp:500ms or lognormal:800ms,0.6");
  }
  return latency;
}

SimSpec parse_sim(std::string_view model) {
  SimSpec spec;
  const std::size_t question = model.find('?');
  spec.name = std::string(model.substr(0, question));
  if (spec.name != "default" && spec.name != "qa" && spec.name != "echo" && !spec.name.starts_with("script:")) {
    refuse("unknown model \"" + spec.name + "\"", "default, qa, echo or script:FILE");
  }
  if (question == std::string_view::npos) return spec;
  std::istringstream pairs{std::string(model.substr(question + 1))};
  std::string pair;
  while (std::getline(pairs, pair, '&')) {
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    const std::string key = pair.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : percent_decoded(pair.substr(equals + 1));
    if (key == "accuracy")
      spec.accuracy = number_of(key, value);
    else if (key == "reply")
      spec.reply = value;
    else if (key == "latency")
      spec.latency = parse_sim_latency(value);
    else if (key == "fail")
      spec.fail = parse_fail(value);
    else if (key == "retry_after")
      spec.retry_after = value;
    else if (key == "rps")
      spec.rps = number_of(key, value);
    else if (key == "burst")
      spec.burst = number_of(key, value);
    else if (key == "concurrency")
      spec.concurrency = static_cast<std::int64_t>(number_of(key, value));
    else if (key == "tpm")
      spec.tpm = number_of(key, value);
    else if (key == "tokens_per_s")
      spec.tokens_per_s = number_of(key, value);
    else if (key == "seed")
      spec.seed = static_cast<std::int64_t>(number_of(key, value));
    else if (key == "outage") {
      const std::size_t dots = value.find("..");
      if (dots == std::string::npos) refuse("outage=" + value, "outage=10s..30s");
      spec.outage_ms = {duration_ms(value.substr(0, dots)), duration_ms(value.substr(dots + 2))};
    } else {
      const auto near = nearest(key, kKeys);
      refuse("unknown key \"" + key + "\"", near ? "did you mean " + *near + "?" : "");
    }
  }
  return spec;
}

namespace {

/// Each "{LO-HI}" of a reply becomes a whole number from LO to HI; nullopt: it has none.
std::optional<std::string> with_numbers(const std::string& reply, RandomStream& stream) {
  static const Pattern slot("\\{(\\d{1,9})-(\\d{1,9})\\}");
  std::string text;
  std::size_t from = 0;
  for (const Pattern::Match& match : slot.find_all(reply)) {
    const std::uint64_t low = std::stoull(std::string(*match.groups[1])),
                        high = std::stoull(std::string(*match.groups[2]));
    if (high < low) continue;
    text += reply.substr(from, match.begin - from) + std::to_string(low + stream.next() % (high - low + 1));
    from = match.end;
  }
  if (from == 0) return std::nullopt;
  return text + reply.substr(from);
}

}  // namespace

SimDraw draw_sim(const SimSpec& spec, std::string_view canonical, const std::optional<Hint>& hint, int try_no) {
  SimDraw draw;
  draw.latency_ms = draw_latency_ms(spec.latency, stream_of("latency", canonical, spec.seed, try_no));
  if (!spec.fail.empty()) {
    const double u = stream_of("fail", canonical, spec.seed, try_no).uniform();
    double sum = 0;
    for (const auto& [kind, probability] : spec.fail) {
      sum += probability;
      if (u < sum) {
        draw.outcome = kind;
        break;
      }
    }
  }
  RandomStream stream = stream_of("answer", canonical, spec.seed, 0);
  if (!hint) {
    RandomStream numbers = stream;
    draw.text = with_numbers(spec.reply, numbers).value_or("sim " + to_hex(stream.next()));
  } else {
    std::string answer = hint->answer;
    draw.correct = stream.uniform() < spec.accuracy;
    if (!*draw.correct) {
      std::vector<std::string> others;
      for (const std::string& option : hint->options) {
        if (option != hint->answer) others.push_back(option);
      }
      const double u2 = stream.uniform();
      answer = others.empty() ? "wrong" : others[static_cast<std::size_t>(u2 * static_cast<double>(others.size()))];
    }
    draw.text = spec.reply;
    constexpr std::string_view slot = "{answer}";
    for (std::size_t at = draw.text.find(slot); at != std::string::npos; at = draw.text.find(slot, at)) {
      draw.text.replace(at, slot.size(), answer);
      at += answer.size();
    }
  }
  if (draw.outcome == "empty") draw.text.clear();
  if (draw.outcome == "truncated") draw.text = first_half(draw.text);
  return draw;
}

struct SimWorld::Model {
  SimSpec spec;
  std::mutex mutex;  // guards what follows
  std::optional<SimScript> script;
  std::optional<SteadyTime> first_call;
  SteadyTime filled_at{};
  double level = 0, token_level = 0;
  std::int64_t in_flight = 0;
};

std::shared_ptr<SimWorld::Model> SimWorld::model(const std::string& name) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Model>& model = models_[name];
  if (!model) {
    auto fresh = std::make_shared<Model>();
    fresh->spec = parse_sim(name);
    if (fresh->spec.name.starts_with("script:")) fresh->script.emplace(fresh->spec.name.substr(7));
    model = std::move(fresh);
  }
  return model;
}

SimPlan SimWorld::begin(const ModelEntry& entry, const ChatRequest& request, std::string_view canonical, int try_no,
                        const SimPlace& place) {
  const std::shared_ptr<Model> model = this->model(entry.model);
  const SimSpec& spec = model->spec;
  std::size_t prompt_bytes = 0;
  for (const Message& message : request.messages) {
    for (const Part& part : message.parts) prompt_bytes += part.text.size();
  }
  const std::int64_t in = tokens_of(prompt_bytes);
  SimPlan plan;

  const std::lock_guard lock(model->mutex);
  const SteadyTime now = clock_.steady();
  if (!model->first_call) {
    model->first_call = now;
    model->filled_at = now;
    model->level = spec.burst > 0 ? spec.burst : std::max(1.0, spec.rps);
    model->token_level = spec.tpm;
  }
  const auto refused = [&](ErrorKind kind, std::string_view message) {
    plan.reply = reply_for_kind(kind, std::string(message), spec.retry_after);
    return std::move(plan);
  };
  if (spec.outage_ms) {
    const double at = std::chrono::duration<double, std::milli>(now - *model->first_call).count();
    if (at >= spec.outage_ms->first && at < spec.outage_ms->second) return refused(ErrorKind::overloaded, "sim outage");
  }
  if (spec.concurrency > 0 && model->in_flight >= spec.concurrency) {
    return refused(ErrorKind::rate_limit, "concurrency limit exceeded");
  }
  const double elapsed_s = std::chrono::duration<double>(now - model->filled_at).count();
  model->filled_at = now;
  if (spec.rps > 0) {
    const double burst = spec.burst > 0 ? spec.burst : std::max(1.0, spec.rps);
    model->level = std::min(burst, model->level + elapsed_s * spec.rps);
    if (model->level < 1 - 1e-9) return refused(ErrorKind::rate_limit, "requests per min limit reached");
  }
  if (spec.tpm > 0) {
    model->token_level = std::min(spec.tpm, model->token_level + elapsed_s * spec.tpm / 60);
    if (model->token_level < static_cast<double>(in)) return refused(ErrorKind::rate_limit, "token limit reached");
    model->token_level -= static_cast<double>(in);
  }
  if (spec.rps > 0) model->level -= 1;
  ++model->in_flight;
  plan.counted = true;

  if (model->script) {
    try {
      const ScriptedReply line = model->script->next(place, last_user_text(request));
      plan.alone = line.addressed;
      plan.latency = nanoseconds(static_cast<std::int64_t>(
          draw_latency_ms(line.latency.value_or(spec.latency), stream_of("latency", canonical, spec.seed, try_no)) *
          1e6));
      plan.reply = reply_of(line, entry.model, in);
    } catch (const Error& error) {  // no line for this call, or no script
      plan.alone = true;
      plan.reply = reply_for_kind(ErrorKind::bad_request, error.what(), "");
    }
    return plan;
  }

  SimDraw draw = draw_sim(spec, canonical, request.hint, try_no);
  if (spec.name == "echo") {
    draw.text = last_user_text(request);
    if (draw.outcome == "empty") draw.text.clear();
    if (draw.outcome == "truncated") draw.text = first_half(draw.text);
  }
  const std::int64_t out = tokens_of(draw.text.size());
  if (spec.tokens_per_s > 0) draw.latency_ms += 1000.0 * static_cast<double>(out) / spec.tokens_per_s;
  plan.latency = nanoseconds(static_cast<std::int64_t>(draw.latency_ms * 1e6));
  const bool is_reply =
      draw.outcome == "reply" || draw.outcome == "empty" || draw.outcome == "truncated" || draw.outcome == "refusal";
  if (is_reply) {
    plan.reply.http = 200;
    plan.reply.body = chat_body("sim-" + to_hex(xxh3_64(canonical)), entry.model, draw.text, "",
                                draw.outcome == "truncated" ? "length" : "stop", draw.outcome == "refusal", in, out);
  } else {
    plan.reply = reply_for_kind(*error_kind_from_text(draw.outcome), "sim " + draw.outcome, spec.retry_after);
  }
  return plan;
}

void SimWorld::end(const ModelEntry& entry) {
  const std::shared_ptr<Model> model = this->model(entry.model);
  const std::lock_guard lock(model->mutex);
  --model->in_flight;
}

}  // namespace assay
