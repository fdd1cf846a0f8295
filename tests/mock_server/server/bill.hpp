#pragma once
// What the vendor would charge, per key and model, in whole pico-dollars (models.md 6.1). Used by one thread.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/text/json.hpp"

namespace assay::mock {

struct BilledTokens {
  std::uint64_t in = 0, cached = 0, cache_write = 0;  // the latter two are parts of the first
  std::uint64_t out = 0, reasoning = 0;               // the second is a part of the first
};

/// Pico-dollars per token (a price of p dollars per million is p x 10^6 of them) and per request.
struct Price {
  std::int64_t in = 0, out = 0, cached = 0, cache_write = 0, reasoning = 0, request = 0;
  double batch = 1;
};

class Bill {
 public:
  /// {"MODEL"|"BEGINNING*"|"*": {"in","out","cached","cache_write","reasoning","request","batch"}}, dollars per million
  /// tokens, `request` in dollars. Absent: cached and cache_write as in, reasoning as out, request 0, batch 1.
  /// Throws Error("usage").
  void set_prices(const Json& prices);
  bool has_prices() const { return !prices_.empty(); }

  /// nullopt: there is no price for this model. Batches round half to even.
  std::optional<std::int64_t> pico_of(std::string_view model, const BilledTokens& tokens, bool batch) const;
  void charge(std::uint64_t key, std::string_view model, const BilledTokens& tokens, bool batch);

  void clear() { accounts_.clear(); }
  /// {"calls","prompt_tokens",..,"usd","pico_usd","priced","by_key":{KEY_HASH:{MODEL:{..}}}}
  Json report() const;

 private:
  struct Account {
    std::uint64_t calls = 0, batch_calls = 0;
    BilledTokens tokens;
    std::int64_t pico = 0;
    bool priced = true;
  };
  static void add(const Account& from, Account& to);
  static Json json_of(const Account& account);

  std::map<std::string, Price, std::less<>> prices_;
  std::map<std::pair<std::uint64_t, std::string>, Account> accounts_;
};

/// 16 hexadecimal digits.
std::string hex(std::uint64_t value);

}  // namespace assay::mock
