#include "runners/judge/judgement.hpp"

#include <algorithm>

#include "core/text/error.hpp"

namespace assay {
namespace {

Json number_or_null(double value) { return value == value ? Json(value) : Json(); }

Json numbers_by_name(const std::vector<std::pair<std::string, double>>& numbers) {
  Json out = Json::object();
  for (const auto& [name, value] : numbers) out[name] = number_or_null(value);
  return out;
}

/// The fields of a judgement, each of its type or absent.
class Fields {
 public:
  explicit Fields(const Json& value) : value_(value) {
    if (!value.is_object()) throw Error("file", "found " + dump_json(value).substr(0, 80) + ", expected a judgement");
  }

  const Json* at(const char* name) const {
    const auto found = value_.find(name);
    return found == value_.end() || found->is_null() ? nullptr : &*found;
  }
  template <typename T>
  void read(const char* name, T& to) const {
    const Json* found = at(name);
    if (found == nullptr) return;
    try {
      to = found->get<T>();
    } catch (const Json::exception&) {
      wrong(name, *found);
    }
  }
  /// Numbers by name: an object, or a list of pairs.
  std::vector<std::pair<std::string, double>> numbers(const char* name) const {
    std::vector<std::pair<std::string, double>> out;
    const Json* found = at(name);
    if (found == nullptr) return out;
    const auto add = [&](const Json& key, const Json& number) {
      if (!key.is_string() || !(number.is_number() || number.is_null())) wrong(name, *found);
      out.emplace_back(key.get<std::string>(), number.is_null() ? kUndefined : number.get<double>());
    };
    if (found->is_object()) {
      for (const auto& [key, number] : found->items()) add(Json(key), number);
    } else if (found->is_array()) {
      for (const Json& pair : *found) {
        if (!pair.is_array() || pair.size() != 2) wrong(name, *found);
        add(pair[0], pair[1]);
      }
    } else {
      wrong(name, *found);
    }
    return out;
  }
  [[noreturn]] static void wrong(const char* name, const Json& found) {
    throw Error("file", "found " + dump_json(found).substr(0, 80) + ", which it can't be", name);
  }

 private:
  const Json& value_;
};

}  // namespace

std::string_view to_text(JudgeOrder order) { return order == JudgeOrder::ab ? "ab" : "ba"; }

Json to_json(const Judgement& judgement) {
  const Reading& reading = judgement.reading;
  Json out = Json::object();
  out["judge"] = judgement.judge;
  out["order"] = to_text(judgement.order);
  out["sample"] = judgement.sample;
  out["status"] = to_text(reading.status);
  out["verdict"] = reading.verdict.empty() ? Json() : Json(reading.verdict);
  out["value"] = number_or_null(reading.value);
  out["values"] = reading.values ? Json::array({reading.values->first, reading.values->second}) : Json();
  out["scores"] = reading.scores.empty() ? Json() : numbers_by_name(reading.scores);
  out["probabilities"] = reading.probabilities.empty() ? Json() : numbers_by_name(reading.probabilities);
  out["mass"] = number_or_null(reading.mass);
  out["raw"] = judgement.raw ? Json(*judgement.raw) : Json();
  out["stop_reason"] = judgement.stop_reason.empty() ? Json() : Json(judgement.stop_reason);
  out["model_used"] = judgement.model_used.empty() ? Json() : Json(judgement.model_used);
  out["fallback"] = judgement.fallback ? 1 : 0;
  out["reask"] = judgement.reask;
  out["attempts"] = judgement.attempts;
  out["tokens_in"] = judgement.tokens_in;
  out["tokens_out"] = judgement.tokens_out;
  out["cost_usd"] = judgement.cost_usd;
  out["upstream"] = reading.upstream;
  if (reading.games != 1) out["games"] = reading.games;
  if (reading.weighted || !judgement.alternatives.empty()) out["weighted"] = reading.weighted;
  if (!reading.unknown.empty()) out["unknown"] = reading.unknown;
  if (!judgement.error.empty()) out["error"] = judgement.error;
  if (!judgement.alternatives.empty()) {
    Json& alternatives = out["alternatives"] = Json::array();
    for (const auto& [token, logprob] : judgement.alternatives) alternatives.push_back(Json::array({token, logprob}));
  }
  return out;
}

Judgement judgement_from(const Json& value) {
  const Fields fields(value);
  Judgement judgement;
  Reading& reading = judgement.reading;
  std::string order = "ab", status;
  fields.read("judge", judgement.judge);
  fields.read("order", order);
  if (order != "ab" && order != "ba") Fields::wrong("order", Json(order));
  judgement.order = order == "ab" ? JudgeOrder::ab : JudgeOrder::ba;
  fields.read("sample", judgement.sample);
  fields.read("status", status);
  const auto known = read_status(status);
  if (!known) Fields::wrong("status", Json(status));
  reading.status = *known;
  fields.read("verdict", reading.verdict);
  fields.read("value", reading.value);
  if (const Json* values = fields.at("values")) {
    if (!values->is_array() || values->size() != 2 || !(*values)[0].is_number() || !(*values)[1].is_number())
      Fields::wrong("values", *values);
    reading.values = std::pair((*values)[0].get<double>(), (*values)[1].get<double>());
  }
  reading.scores = fields.numbers("scores");
  reading.probabilities = fields.numbers("probabilities");
  fields.read("mass", reading.mass);
  if (const Json* upstream = fields.at("upstream")) reading.upstream = *upstream;
  fields.read("games", reading.games);
  fields.read("weighted", reading.weighted);
  fields.read("unknown", reading.unknown);
  if (const Json* raw = fields.at("raw")) {
    if (!raw->is_string()) Fields::wrong("raw", *raw);
    judgement.raw = raw->get<std::string>();
  }
  fields.read("stop_reason", judgement.stop_reason);
  fields.read("model_used", judgement.model_used);
  std::uint32_t fallback = 0;
  fields.read("fallback", fallback);
  judgement.fallback = fallback != 0;
  fields.read("reask", judgement.reask);
  fields.read("attempts", judgement.attempts);
  fields.read("tokens_in", judgement.tokens_in);
  fields.read("tokens_out", judgement.tokens_out);
  fields.read("cost_usd", judgement.cost_usd);
  fields.read("error", judgement.error);
  judgement.alternatives = fields.numbers("alternatives");
  return judgement;
}

void read_again(const ReadingRules& rules, Judgement& judgement) {
  if (!judgement.raw || judgement.reading.status == ReadStatus::error) return;
  // A weight that was asked for and did not come is not made up for by the plain verdict.
  const bool weighed = judgement.reading.mass == judgement.reading.mass || !judgement.alternatives.empty();
  const double mass = judgement.reading.mass;
  ReplyToRead reply;
  reply.text = *judgement.raw;
  const auto stopped = [&](std::initializer_list<std::string_view> reasons) {
    return std::find(reasons.begin(), reasons.end(), judgement.stop_reason) != reasons.end();
  };
  // Of recorded judgements the status may be all that tells.
  reply.cut = stopped({"max_tokens", "model_length", "length"}) || judgement.reading.status == ReadStatus::truncated;
  reply.refused = stopped({"content_filter", "refusal"}) || judgement.reading.status == ReadStatus::refused;
  std::vector<JudgedToken> tokens;
  if (rules.parse == "alpaca" && !judgement.alternatives.empty()) {
    tokens.push_back({*judgement.raw, 0, judgement.alternatives});
    reply.tokens = &tokens;
  }
  judgement.reading = read_verdict(rules, reply);
  if (!weighed || rules.parse == "alpaca") return;
  if (is_read(judgement.reading.status)) {
    weigh(rules, judgement.alternatives, judgement.reading);
  } else {
    judgement.reading.mass = mass;
  }
}

}  // namespace assay
