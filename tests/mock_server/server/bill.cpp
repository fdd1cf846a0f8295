#include "tests/mock_server/server/bill.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "core/text/error.hpp"

namespace assay::mock {

std::string hex(std::uint64_t value) {
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(value));
  return text.data();
}

void Bill::set_prices(const Json& prices) {
  std::map<std::string, Price, std::less<>> fresh;
  for (const auto& [model, listed] : prices.items()) {
    for (const auto& [name, value] : listed.items()) {
      constexpr std::array<std::string_view, 7> kNames{"in",        "out",     "cached", "cache_write",
                                                       "reasoning", "request", "batch"};
      if (std::find(kNames.begin(), kNames.end(), name) == kNames.end() || !value.is_number()) {
        throw Error("usage", "no part of a price: " + name, "prices");
      }
    }
    const auto per_token = [&](const char* name, std::int64_t absent) {
      return listed.contains(name) ? std::llround(listed.at(name).get<double>() * 1e6) : absent;
    };
    Price price;
    price.in = per_token("in", 0);
    price.out = per_token("out", 0);
    price.cached = per_token("cached", price.in);
    price.cache_write = per_token("cache_write", price.in);
    price.reasoning = per_token("reasoning", price.out);
    price.request = std::llround(listed.value("request", 0.0) * 1e12);
    price.batch = listed.value("batch", 1.0);
    fresh[model] = price;
  }
  prices_ = std::move(fresh);
}

std::optional<std::int64_t> Bill::pico_of(std::string_view model, const BilledTokens& tokens, bool batch) const {
  auto found = prices_.find(model);
  if (found == prices_.end()) {  // the longest beginning
    std::size_t longest = 0;
    for (auto it = prices_.begin(); it != prices_.end(); ++it) {
      const std::string_view name = it->first;
      if (!name.ends_with('*') || name.size() <= longest || !model.starts_with(name.substr(0, name.size() - 1)))
        continue;
      longest = name.size();
      found = it;
    }
  }
  if (found == prices_.end()) return std::nullopt;
  const Price& p = found->second;
  const auto signed_of = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  const std::int64_t cached = signed_of(std::min(tokens.cached, tokens.in));
  const std::int64_t written = signed_of(std::min(tokens.cache_write, tokens.in - std::min(tokens.cached, tokens.in)));
  const std::int64_t reasoning = signed_of(std::min(tokens.reasoning, tokens.out));
  const std::int64_t pico = (signed_of(tokens.in) - cached - written) * p.in + cached * p.cached +
                            written * p.cache_write + (signed_of(tokens.out) - reasoning) * p.out +
                            reasoning * p.reasoning + p.request;
  return batch ? static_cast<std::int64_t>(std::nearbyint(static_cast<long double>(pico) * p.batch)) : pico;
}

void Bill::charge(std::uint64_t key, std::string_view model, const BilledTokens& tokens, bool batch) {
  const auto pico = pico_of(model, tokens, batch);
  add({1, batch ? 1U : 0U, tokens, pico.value_or(0), pico.has_value()}, accounts_[{key, std::string(model)}]);
}

void Bill::add(const Account& from, Account& to) {
  to.calls += from.calls;
  to.batch_calls += from.batch_calls;
  to.tokens.in += from.tokens.in;
  to.tokens.cached += from.tokens.cached;
  to.tokens.cache_write += from.tokens.cache_write;
  to.tokens.out += from.tokens.out;
  to.tokens.reasoning += from.tokens.reasoning;
  to.pico += from.pico;
  to.priced = to.priced && from.priced;
}

Json Bill::json_of(const Account& a) {
  return {{"calls", a.calls},
          {"batch_calls", a.batch_calls},
          {"prompt_tokens", a.tokens.in},
          {"cached_tokens", a.tokens.cached},
          {"cache_write_tokens", a.tokens.cache_write},
          {"completion_tokens", a.tokens.out},
          {"reasoning_tokens", a.tokens.reasoning},
          {"usd", static_cast<double>(a.pico) / 1e12},
          {"pico_usd", a.pico},
          {"priced", a.priced}};
}

Json Bill::report() const {
  Account total;
  Json keys = Json::object();
  for (const auto& [id, account] : accounts_) {
    add(account, total);
    keys[hex(id.first)][id.second] = json_of(account);
  }
  Json out = json_of(total);
  out["by_key"] = keys;
  return out;
}

}  // namespace assay::mock
