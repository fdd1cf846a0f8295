#include "repl/progress.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "core/text/duration.hpp"

namespace assay {

namespace {

constexpr std::size_t kBarColumns = 10;

std::string fixed(double value, int decimals) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

std::string short_rate(double value) {
  if (value >= 99'950) return fixed(value / 1000, 0) + "k";
  if (value >= 1'000) return fixed(value / 1000, 1) + "k";
  return fixed(value, value < 99.95 ? 1 : 0);
}

std::string eta_text(double seconds) {
  const double capped = std::clamp(seconds, 0.0, 100.0 * 365 * 86'400);
  const auto whole = std::chrono::seconds(static_cast<std::int64_t>(std::llround(std::ceil(capped))));
  return "ETA " + format_duration(whole);
}

struct Piece {
  int rank;  // the highest goes first when room is short
  StyledText text;
};

// The pieces in the order they are shown.
std::vector<Piece> pieces_of(const ProgressFacts& facts, bool live) {
  std::vector<Piece> pieces;
  const auto put = [&](int rank, std::string_view text, TextRole role = TextRole::plain) {
    pieces.push_back({rank, StyledText().add(text, role)});
  };
  put(0, "#" + std::to_string(facts.job), TextRole::name);
  if (!facts.state.empty()) put(1, facts.state, TextRole::warn);
  if (live && facts.total > 0) {
    put(9, bar(static_cast<double>(facts.done) / static_cast<double>(facts.total), kBarColumns), TextRole::good);
  }
  put(0, format_count(facts.done) + "/" + format_count(facts.total) + (live ? "" : " done"));
  put(5, format_count(facts.ok) + " ok", TextRole::good);
  if (facts.fail > 0) {
    put(1, format_count(facts.fail) + " fail", TextRole::bad);
  } else if (!live) {
    put(1, "0 fail");
  }
  if (facts.in_flight > 0) put(7, format_count(facts.in_flight) + " in flight");
  if (facts.waiting_peers > 0) put(7, format_count(facts.waiting_peers) + " waiting for peers");
  if (facts.scored > 0) {
    const double score = static_cast<double>(facts.correct) / static_cast<double>(facts.scored);
    put(2, "score " + fixed(score, 3) + " (n " + format_count(facts.scored) + ")", TextRole::number);
  }
  const bool waits = !facts.state.empty() && facts.in_flight == 0;  // nothing moves: what was a while ago is no rate
  if (facts.calls_per_s && !waits) put(6, short_rate(*facts.calls_per_s) + " calls/s");
  if (facts.tokens_per_s && !waits) put(8, short_rate(*facts.tokens_per_s) + " tok/s");
  if (facts.cost_pico_usd) put(4, format_usd(*facts.cost_pico_usd));
  if (facts.eta_s) put(3, eta_text(*facts.eta_s));
  return pieces;
}

StyledText join(const std::vector<Piece>& pieces, std::string_view separator) {
  StyledText line;
  for (const Piece& piece : pieces) {
    if (!line.empty()) line.add(&piece == &pieces[1] ? std::string_view(" ") : separator);
    line.add(piece.text);
  }
  return line;
}

}  // namespace

StyledText progress_status_line(const ProgressFacts& facts, std::size_t columns) {
  std::vector<Piece> pieces = pieces_of(facts, true);
  for (;;) {
    StyledText line = join(pieces, "  ");
    if (line.width() <= columns) return line;
    const auto last =
        std::max_element(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.rank < b.rank; });
    if (last->rank <= 1) return line.truncated(columns);
    pieces.erase(last);
  }
}

StyledText progress_plain_line(const ProgressFacts& facts) {
  StyledText line;
  const StyledText joined = join(pieces_of(facts, false), ", ");
  for (const StyledText::Span& span : joined.spans()) line.add(span.text);
  return line;
}

SmoothedRate::SmoothedRate(double start_s, double tau_s)
    : tau_s_(tau_s > 0 ? tau_s : 30.0), start_s_(start_s), last_s_(start_s) {}

void SmoothedRate::add(double now_s, double count) {
  now_s = std::max(now_s, last_s_);
  weight_ = weight_ * std::exp((last_s_ - now_s) / tau_s_) + count;
  last_s_ = now_s;
}

std::optional<double> SmoothedRate::per_second(double now_s) const {
  now_s = std::max(now_s, last_s_);
  const double elapsed = now_s - start_s_;
  if (elapsed < 0.1 || weight_ <= 0) return std::nullopt;
  const double decayed_time = tau_s_ * -std::expm1(-elapsed / tau_s_);
  return weight_ * std::exp((last_s_ - now_s) / tau_s_) / decayed_time;
}

std::optional<double> eta_seconds(std::int64_t remaining, std::optional<double> per_second) {
  if (remaining <= 0) return 0.0;
  if (!per_second || !(*per_second > 1e-9)) return std::nullopt;
  return static_cast<double>(remaining) / *per_second;
}

std::string bar(double fraction, std::size_t columns) {
  static constexpr std::array<const char*, 8> kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  if (!(fraction > 0)) fraction = 0;
  // Rounded down: a full bar means that all is done.
  const auto eighths = static_cast<std::size_t>(std::min(fraction, 1.0) * static_cast<double>(columns) * 8 + 1e-9);
  std::string out;
  for (std::size_t i = 0; i < eighths / 8; ++i) out += "█";
  std::size_t used = eighths / 8;
  if (used < columns && eighths % 8 != 0) {
    out += kEighths[eighths % 8];
    ++used;
  }
  for (; used < columns; ++used) out += "░";
  return out;
}

std::string sparkline(const std::vector<double>& values) {
  static constexpr std::array<const char*, 8> kLevels = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  double low = INFINITY, high = -INFINITY;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  std::string out;
  for (const double value : values) {
    if (std::isnan(value)) {
      out += ' ';
    } else if (!(high > low)) {
      out += std::isfinite(value) ? kLevels[3] : (value > 0 ? kLevels[7] : kLevels[0]);
    } else {
      const double place = (std::clamp(value, low, high) - low) / (high - low);
      out += kLevels[static_cast<std::size_t>(std::lround(place * 7))];
    }
  }
  return out;
}

}  // namespace assay
