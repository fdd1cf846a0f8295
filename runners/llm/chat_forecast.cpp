// What a call would take, read from the request as it would go out (models.md 6.4).

#include <algorithm>
#include <array>

#include "runners/llm/chat_effect.hpp"

namespace assay {
namespace {

/// Bytes of the texts of a body: prompts, not the names that stand around them.
std::int64_t text_bytes(const Json& value) {
  if (value.is_string()) return static_cast<std::int64_t>(value.get_ref<const std::string&>().size());
  std::int64_t sum = 0;
  if (value.is_structured()) {
    for (const auto& [key, child] : value.items()) {
      if (key != "model" && key != "role" && key != "type") sum += text_bytes(child);
    }
  }
  return sum;
}

/// The output bound, by whatever name the provider has for it.
std::optional<std::int64_t> output_bound(const Json& body) {
  constexpr std::array names = {"max_tokens", "max_completion_tokens", "maxOutputTokens", "num_predict"};
  for (const char* part : {"", "generationConfig", "options"}) {
    const Json* place = *part == '\0' ? &body : body.contains(part) ? &body.at(part) : nullptr;
    if (place == nullptr || !place->is_object()) continue;
    for (const char* name : names) {
      if (place->contains(name) && place->at(name).is_number_integer()) return place->at(name).get<std::int64_t>();
    }
  }
  return std::nullopt;
}

}  // namespace

EffectForecast ChatEffect::forecast() const {
  EffectForecast out;
  if (refused_) {
    out.refused = refused_->name() + ": " + refused_->message;
    return out;
  }
  const Json body = parse_json(prepared_.canonical, "request").value("body", Json::object());
  out.bytes_in = text_bytes(body);
  out.tokens_out_most = output_bound(body);
  if (!out.tokens_out_most && entry_->max_output) out.tokens_out_most = *entry_->max_output;
  if (entry_->price) {
    out.priced = true;
    out.cost_most = reserved_;
    out.in_price = entry_->price->in;
    out.out_price = std::max(entry_->price->out, entry_->price->reasoning.value_or(0));
    out.price = entry_->price->request;
  }
  const auto values = shared_->settings.values();
  out.per_minute = entry_->limits.rpm > 0 ? entry_->limits.rpm : values->rpm;
  out.tokens_per_minute = entry_->limits.tpm;
  out.concurrency = entry_->limits.concurrency > 0 ? entry_->limits.concurrency : values->concurrency;
  return out;
}

}  // namespace assay
