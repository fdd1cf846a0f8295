#include "runners/llm/lane_limits.hpp"

#include <algorithm>
#include <cmath>

#include "core/text/json.hpp"

namespace assay {

namespace {

/// 30000 as "30,000", 0.5 as "0.5".
std::string number(double value) {
  if (value < 10 && std::abs(value - std::round(value)) > 0.05) {
    const auto tenths = std::llround(value * 10);
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
  }
  std::string digits = std::to_string(std::llround(value));
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

}  // namespace

std::string_view to_text(LimitSource source) {
  switch (source) {
    case LimitSource::given:
      return "given";
    case LimitSource::header:
      return "header";
    case LimitSource::learned:
      return "learned";
  }
  return "";
}

std::string describe(const LaneState& state) {
  std::string out;
  for (const LimitShown& limit : state.shown) {
    if (limit.dimension == "in flight") continue;
    out += number(limit.value) + " " + limit.dimension + " (" + std::string(to_text(limit.source)) + "), ";
  }
  out += number(static_cast<double>(state.in_flight));
  for (const LimitShown& limit : state.shown) {
    if (limit.dimension == "in flight")
      out += " of " + number(limit.value) + " (" + std::string(to_text(limit.source)) + ")";
  }
  out += " in flight";
  if (state.waiting > 0) out += ", " + number(static_cast<double>(state.waiting)) + " waiting";
  if (state.paused_for.count() > 0) {
    out += ", paused " + number(std::ceil(static_cast<double>(state.paused_for.count()) / 1e3)) + " s";
  } else if (state.probing) {
    out += ", trying one";
  }
  return out;
}

std::string to_text(const std::vector<LearnedLimits>& learned) {
  Json out = Json::object();
  for (const LearnedLimits& one : learned) {
    Json& lane = out[one.lane] = Json::object();
    if (one.per_second > 0) {
      lane["per_second"] = one.per_second;
      lane["burst"] = one.burst;
      lane["episodes"] = one.episodes;
    }
    if (one.in_flight > 0) lane["in_flight"] = one.in_flight;
    if (one.width > 0) lane["width"] = one.width;
    if (one.tokens_per_byte > 0) lane["tokens_per_byte"] = one.tokens_per_byte;
  }
  return dump_json(out);
}

std::vector<LearnedLimits> learned_limits_from_text(const std::string& text) {
  std::vector<LearnedLimits> all;
  const std::optional<Json> found = parse_json_lenient(text);
  if (!found || !found->is_object()) return all;
  for (const auto& [lane, fields] : found->items()) {
    if (!fields.is_object()) continue;
    const auto read = [&, &given = fields](const char* name) {
      const auto field = given.find(name);
      const double value = field != given.end() && field->is_number() ? field->get<double>() : 0;
      return value > 0 && value < 1e12 ? value : 0;
    };
    LearnedLimits one;
    one.lane = lane;
    one.per_second = read("per_second");
    one.burst = read("burst");
    one.episodes = static_cast<std::uint32_t>(std::min(read("episodes"), 1e6));
    one.in_flight = static_cast<std::int64_t>(read("in_flight"));
    one.width = static_cast<std::int64_t>(read("width"));
    one.tokens_per_byte = read("tokens_per_byte");
    if (!one.empty()) all.push_back(std::move(one));
  }
  return all;
}

}  // namespace assay
