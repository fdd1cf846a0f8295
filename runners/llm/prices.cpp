#include "runners/llm/prices.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/text/error.hpp"

namespace assay {
namespace {

__extension__ using Wide = __int128;

constexpr Pico kMax = std::numeric_limits<Pico>::max();

Pico saturate(Wide value) { return value > kMax ? kMax : static_cast<Pico>(value); }

/// Millionths of a decimal number, exactly; more than 6 decimals are refused.
std::int64_t millionths(const std::string& name, const Json& value) {
  if (!value.is_number()) throw Error("bad_request", "price: " + name + " is a number");
  const double scaled = value.get<double>() * 1e6;
  const double rounded = std::round(scaled);
  if (!(scaled >= 0) || scaled > 9e15) throw Error("bad_request", "price: " + name + " is not in range");
  if (std::fabs(scaled - rounded) > 1e-6 * std::max(1.0, std::fabs(scaled) * 1e-3)) {
    throw Error("bad_request", "price: " + name + " has more than 6 decimals");
  }
  return static_cast<std::int64_t>(rounded);
}

}  // namespace

Price price_from_json(const Json& value) {
  if (!value.is_object()) throw Error("bad_request", "price is an object like {in: 2.50, out: 10}");
  Price price;
  for (const auto& [name, field] : value.items()) {
    if (name == "in")
      price.in = millionths(name, field);
    else if (name == "out")
      price.out = millionths(name, field);
    else if (name == "cached")
      price.cached = millionths(name, field);
    else if (name == "cache_write")
      price.cache_write = millionths(name, field);
    else if (name == "reasoning")
      price.reasoning = millionths(name, field);
    else if (name == "request")
      price.request = millionths(name, field) * 1'000'000;
    else if (name == "batch")
      price.batch_millionths = millionths(name, field);
    else if (name == "as_of")
      price.as_of = field.is_string() ? field.get<std::string>() : dump_json(field);
    else if (name == "currency") {
      if (field != "USD") throw Error("bad_request", "price: currency must be USD");
    } else {
      throw Error("bad_request", "price: unknown key " + name, "",
                  "known: in out cached cache_write reasoning request batch as_of currency");
    }
  }
  return price;
}

Json to_json(const Price& price) {
  const auto usd = [](Pico pico) { return static_cast<double>(pico) / 1e6; };
  Json out;
  out["in"] = usd(price.in);
  out["out"] = usd(price.out);
  if (price.cached) out["cached"] = usd(*price.cached);
  if (price.cache_write) out["cache_write"] = usd(*price.cache_write);
  if (price.reasoning) out["reasoning"] = usd(*price.reasoning);
  if (price.request != 0) out["request"] = static_cast<double>(price.request) / 1e12;
  if (price.batch_millionths != 1'000'000) out["batch"] = static_cast<double>(price.batch_millionths) / 1e6;
  if (!price.as_of.empty()) out["as_of"] = price.as_of;
  return out;
}

Pico cost_of(const Usage& usage, const Price& price, bool batch) {
  const std::int64_t in = std::max<std::int64_t>(0, usage.billed_in.value_or(usage.in.value_or(0)));
  const std::int64_t out = std::max<std::int64_t>(0, usage.billed_out.value_or(usage.out.value_or(0)));
  const std::int64_t cached = std::clamp<std::int64_t>(usage.cached.value_or(0), 0, in);
  const std::int64_t written = std::clamp<std::int64_t>(usage.cache_write.value_or(0), 0, in - cached);
  const std::int64_t reasoning = std::clamp<std::int64_t>(usage.reasoning.value_or(0), 0, out);
  const Wide total = Wide(in - cached - written) * price.in + Wide(cached) * price.cached.value_or(price.in) +
                     Wide(written) * price.cache_write.value_or(price.in) + Wide(out - reasoning) * price.out +
                     Wide(reasoning) * price.reasoning.value_or(price.out) + price.request;
  if (!batch) return saturate(total);
  const Wide scaled = total * price.batch_millionths;
  Wide rounded = scaled / 1'000'000;
  const Wide rest = scaled % 1'000'000;
  if (rest > 500'000 || (rest == 500'000 && rounded % 2 == 1)) ++rounded;
  return saturate(rounded);
}

std::int64_t upper_bound_tokens(const std::vector<Message>& messages, std::int64_t image_tokens) {
  std::int64_t tokens = 64;
  for (const Message& message : messages) {
    tokens += 16;
    for (const Part& part : message.parts) {
      tokens += part.image ? image_tokens : static_cast<std::int64_t>(part.text.size());
    }
  }
  return tokens;
}

std::optional<Pico> cost_bound(const ChatRequest& request, const Price& price, std::optional<std::int64_t> max_output,
                               std::int64_t image_tokens) {
  const std::optional<std::int64_t> out = request.params.max_tokens ? request.params.max_tokens : max_output;
  const Pico dearest_in = std::max({price.in, price.cached.value_or(0), price.cache_write.value_or(0)});
  const Pico dearest_out = std::max(price.out, price.reasoning.value_or(0));
  if (!out && dearest_out != 0) return std::nullopt;
  return saturate(Wide(upper_bound_tokens(request.messages, image_tokens)) * dearest_in +
                  Wide(out.value_or(0)) * dearest_out + price.request);
}

}  // namespace assay
