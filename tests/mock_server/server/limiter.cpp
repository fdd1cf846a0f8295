#include "tests/mock_server/server/limiter.hpp"

#include <algorithm>
#include <cmath>

#include "core/text/error.hpp"
#include "tests/mock_server/server/latency.hpp"

namespace assay::mock {
namespace {

double positive(const Json& spec, const char* name) {
  const auto found = spec.find(name);
  if (found == spec.end() || !found->is_number() || !(found->get<double>() > 0)) {
    throw Error("usage", "a limit of this kind needs a positive number", name);
  }
  return found->get<double>();
}

double window_of(const Json& spec) {
  const auto found = spec.find("window");
  if (found == spec.end()) return 60;
  if (found->is_number()) return found->get<double>();
  return parse_ms(found->get_ref<const std::string&>()) / 1e3;
}

}  // namespace

Limiter::Limiter(const Json& spec) {
  const std::string kind = spec.value("kind", "token_bucket");
  if (kind == "token_bucket") {
    rate_ = positive(spec, "rate");
    burst_ = spec.contains("burst") ? positive(spec, "burst") : std::max(1.0, rate_);
  } else if (kind == "fixed_window" || kind == "sliding_window") {
    kind_ = kind == "fixed_window" ? Kind::fixed_window : Kind::sliding_window;
    limit_ = std::max(1.0, std::floor(positive(spec, "limit")));
    window_s_ = window_of(spec);
  } else if (kind == "concurrency") {
    kind_ = Kind::concurrency;
    limit_ = std::max(1.0, std::floor(positive(spec, "limit")));
  } else if (kind == "tokens") {
    kind_ = Kind::tokens;
    burst_ = positive(spec, "limit");
    rate_ = burst_ / window_of(spec);
    const std::string side = spec.value("of", "both");
    side_ = side == "in" ? Side::in : side == "out" ? Side::out : Side::both;
    if (side_ == Side::both && side != "both") throw Error("usage", "tokens of what: " + side, "of", "in, out, both");
  } else {
    throw Error("usage", "unknown kind of limit: " + kind, "limit",
                "token_bucket, fixed_window, sliding_window, concurrency, tokens");
  }
  const std::string per = spec.value("per", "key");
  per_key_ = per != "all";
  per_model_ = per == "key+model";
  announce_ = spec.value("announce", false);
  count_rejected_ = spec.value("count_rejected", false);
  if (spec.contains("hint")) hint_ = spec.at("hint");
}

Limiter::Lane& Limiter::lane(std::string_view key, std::string_view model) {
  std::string name(per_key_ ? key : std::string_view("all"));
  if (per_model_) name.append(1, '\0').append(model);
  return lanes_[name];
}

Limiter::Verdict Limiter::bucket(Lane& lane, double cost, double now_s) const {
  if (lane.fresh) lane.level = burst_, lane.fresh = false;
  lane.level = std::min(burst_, lane.level + (now_s - lane.at_s) * rate_);
  lane.at_s = now_s;
  Verdict v{.limit = burst_};
  // A request larger than the bucket is admitted when the bucket is full, else it never would be.
  const double need = std::min(cost, burst_);
  v.admitted = lane.level + 1e-9 >= need;
  if (v.admitted) {
    lane.level -= cost;
  } else {
    v.wait_s = (need - lane.level) / rate_;
    if (count_rejected_) lane.level = std::max(0.0, lane.level - cost);
  }
  v.remaining = std::max(0.0, std::floor(lane.level));
  v.reset_s = (burst_ - lane.level) / rate_;
  return v;
}

Limiter::Verdict Limiter::admit(std::string_view key, std::string_view model, double tokens, double now_s) {
  Lane& l = lane(key, model);
  if (kind_ == Kind::token_bucket) return bucket(l, 1, now_s);
  if (kind_ == Kind::tokens) return bucket(l, tokens, now_s);
  Verdict v{.limit = limit_};
  if (kind_ == Kind::concurrency) {
    v.admitted = l.count < limit_;
    if (v.admitted) l.count += 1;
    v.remaining = limit_ - l.count;
    return v;
  }
  if (kind_ == Kind::fixed_window) {
    const double window = std::floor(now_s / window_s_);
    if (window != l.window) l.window = window, l.count = 0;
    v.admitted = l.count < limit_;
    v.reset_s = (window + 1) * window_s_ - now_s;
    if (!v.admitted) v.wait_s = v.reset_s;
    if (v.admitted || count_rejected_) l.count += 1;
    v.remaining = std::max(0.0, limit_ - l.count);
    return v;
  }
  while (!l.times.empty() && l.times.front() <= now_s - window_s_) l.times.pop_front();
  v.admitted = static_cast<double>(l.times.size()) < limit_;
  if (!v.admitted) {
    v.wait_s = l.times[l.times.size() - static_cast<std::size_t>(limit_)] + window_s_ - now_s;
  }
  if (v.admitted || count_rejected_) l.times.push_back(now_s);
  v.remaining = std::max(0.0, limit_ - static_cast<double>(l.times.size()));
  v.reset_s = l.times.empty() ? 0 : l.times.front() + window_s_ - now_s;
  return v;
}

void Limiter::spend(std::string_view key, std::string_view model, double tokens) {
  if (kind_ == Kind::tokens) lane(key, model).level -= tokens;
}

void Limiter::release(std::string_view key, std::string_view model) {
  if (kind_ != Kind::concurrency) return;
  Lane& l = lane(key, model);
  l.count = std::max(0.0, l.count - 1);
}

Limiters parse_limits(const Json& spec) {
  Limiters out;
  if (spec.is_null()) return out;
  if (spec.is_array()) {
    for (const Json& one : spec) out.push_back(std::make_shared<Limiter>(one));
  } else {
    out.push_back(std::make_shared<Limiter>(spec));
  }
  return out;
}

}  // namespace assay::mock
