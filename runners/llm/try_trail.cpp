#include "runners/llm/try_trail.hpp"

#include <cmath>

namespace assay {
namespace {

bool is_limit(const std::string& name) {
  return name.find("ratelimit") != std::string::npos || name.find("tokenlimit") != std::string::npos ||
         name.starts_with("retry-after");
}

bool is_id(const std::string& name) {
  return name.ends_with("request-id") || name.ends_with("generation-id") || name == "cf-ray";
}

Json pairs(const std::vector<Header>& headers) {
  Json out = Json::object();
  for (const Header& header : headers) out[header.name] = header.value;
  return out;
}

double ms(std::int64_t us) { return static_cast<double>(us) / 1000; }

}  // namespace

void TryTrail::replied(const WireReply& reply) {
  times_ = reply.t;
  bytes_in_ = reply.body.size();
  for (const Header& header : reply.headers) {
    if (is_limit(header.name)) {
      limits_.push_back(header);
    } else if (is_id(header.name)) {
      ids_.push_back(header);
    }
  }
}

void TryTrail::used(const ChatReply& reply, const std::optional<Price>& price) {
  if (!reply.usage) return;
  usage_ = *reply.usage;
  if (reply.usage->told_cost) {
    cost_ = reply.usage->told_cost;
  } else if (price) {
    cost_ = cost_of(*reply.usage, *price);
  }
}

std::string TryTrail::announced() const {
  Json out = Json::object();
  if (!ids_.empty()) out["request_ids"] = pairs(ids_);
  if (!limits_.empty()) out["limit_headers"] = pairs(limits_);
  return dump_json(out);
}

std::string TryTrail::text(const TryFacts& facts) const {
  Json out = Json::object();
  out["target"] = facts.target;
  const auto at = [&](SteadyTime time) {
    return facts.wall - std::chrono::duration_cast<std::chrono::microseconds>(facts.steady - time).count();
  };
  if (queued_) out["queued_at"] = at(*queued_);
  if (admitted_) out["admitted_at"] = at(*admitted_);
  if (times_ && times_->done_us >= 0) {
    if (times_->sent_us >= 0) out["sent_ms"] = ms(times_->sent_us);
    if (times_->first_byte_us >= 0) out["first_byte_ms"] = ms(times_->first_byte_us);
    out["done_ms"] = ms(times_->done_us);
    if (times_->sent_us >= 0) out["connection"] = times_->reused_connection ? "reused" : "new";
    out["bytes_out"] = bytes_out_;
    out["bytes_in"] = bytes_in_;
  }
  if (facts.error != nullptr) {
    if (!facts.error->code.empty()) out["code"] = facts.error->code;
    if (facts.error->by_text) out["by_text"] = true;
  }
  if (facts.hint != nullptr) {
    out["hint"] = Json::object({{"source", facts.hint->source},
                                {"raw", facts.hint->raw.substr(0, 200)},
                                {"ms", std::round(facts.hint->wait_ms)}});
  }
  if (!ids_.empty()) out["request_ids"] = pairs(ids_);
  if (!limits_.empty()) out["limit_headers"] = pairs(limits_);
  if (usage_) {
    Json& usage = out["usage"] = Json::object();
    const auto put = [&](const char* name, const std::optional<std::int64_t>& tokens) {
      if (tokens) usage[name] = *tokens;
    };
    put("in", usage_->in);
    put("cached", usage_->cached);
    put("cache_write", usage_->cache_write);
    put("out", usage_->out);
    put("reasoning", usage_->reasoning);
  }
  if (cost_) out["cost_usd"] = to_usd(*cost_);
  if (facts.left_out != nullptr && !facts.left_out->empty()) out["left_out"] = *facts.left_out;
  return dump_json(out);
}

}  // namespace assay
