#include "runners/llm/token_estimate.hpp"

#include <algorithm>

namespace assay {

namespace {
constexpr double kMemory = 0.98;      // of the sums, per reply: about the last 50
constexpr double kUnknownOut = 1024;  // before the first reply, when the request sets no bound
constexpr std::size_t kSortEvery = 8;
}  // namespace

TokenRule token_rule_of(std::string_view provider_type) {
  if (provider_type == "openai") return TokenRule::larger;
  if (provider_type == "azure") return TokenRule::promised;
  if (provider_type == "anthropic") return TokenRule::separately;
  return TokenRule::expected;
}

TokenWeight TokenEstimate::weigh(const CallSize& size) const {
  const auto most = static_cast<double>(size.max_tokens);
  const double in = static_cast<double>(size.bytes) * ratio_ + static_cast<double>(size.image_tokens);
  double out = count_ > 0 ? p90_ : most > 0 ? most : kUnknownOut;
  if (most > 0) out = std::min(out, most);
  switch (size.rule) {
    case TokenRule::larger:
      return {std::max(in, most > 0 ? most : out), in, out};
    case TokenRule::promised:
      return {in + (most > 0 ? most : out), in, out};
    case TokenRule::separately:
    case TokenRule::expected:
      break;
  }
  return {in + out, in, out};
}

TokenWeight TokenEstimate::learn(const CallSize& size, const TokenWeight& estimated, const CallEnd& end) {
  TokenWeight real = estimated;
  if (end.tokens_in) {
    const auto all_in = static_cast<double>(*end.tokens_in);
    const double text = std::max(0.0, all_in - static_cast<double>(size.image_tokens));
    if (size.bytes > 0 && size.image_tokens == 0) {
      bytes_seen_ = bytes_seen_ * kMemory + static_cast<double>(size.bytes);
      tokens_seen_ = tokens_seen_ * kMemory + text;
      set_tokens_per_byte(tokens_seen_ / bytes_seen_);
    }
    real.in = all_in;
    if (size.rule == TokenRule::separately) real.in -= static_cast<double>(end.cached_in.value_or(0));
  }
  if (end.tokens_out) {
    real.out = static_cast<double>(*end.tokens_out);
    outputs_.at(count_ % outputs_.size()) = real.out;
    ++count_;
    if (count_ <= kSortEvery || count_ % kSortEvery == 0) {
      const std::size_t n = std::min(count_, outputs_.size());
      std::array<double, 64> sorted = outputs_;
      const std::size_t rank = (n * 9 + 9) / 10 - 1;
      std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(rank),
                       sorted.begin() + static_cast<std::ptrdiff_t>(n));
      p90_ = sorted.at(rank);
    }
  }
  if (end.tokens_in && end.tokens_out) real.all = real.in + real.out;
  return real;
}

void TokenEstimate::set_tokens_per_byte(double ratio) {
  if (ratio > 0) ratio_ = std::clamp(ratio, 0.01, 4.0);
}

}  // namespace assay
