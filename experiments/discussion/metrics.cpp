#include "experiments/discussion/metrics.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <unordered_map>

#include "core/text/character_class.hpp"
#include "core/text/python_lower.hpp"
#include "core/text/utf8.hpp"
#include "experiments/discussion/text_rules.hpp"
#include "experiments/discussion/turns.hpp"

namespace assay {
namespace {

using Token = std::uint32_t;
using Vocabulary = std::unordered_map<std::string, Token>;

/// A text as its tokens, and where each of them stands: bit i of a row is position i.
struct TokenText {
  std::vector<Token> tokens;
  std::size_t row_words = 0;
  std::unordered_map<Token, std::size_t> rows;
  std::vector<std::uint64_t> bits;
};

TokenText tokens_of(std::string_view text, Vocabulary& vocabulary) {
  TokenText made;
  std::string word;
  const auto end_word = [&] {
    if (word.empty()) return;
    made.tokens.push_back(vocabulary.try_emplace(word, static_cast<Token>(vocabulary.size())).first->second);
    word.clear();
  };
  for (const char c : python_lower(text)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      word += c;
    } else {
      end_word();
    }
  }
  end_word();
  constexpr std::size_t kMostTokens = 20'000;  // of one comment; the table grows with their square
  if (made.tokens.size() > kMostTokens) made.tokens.resize(kMostTokens);
  made.row_words = (made.tokens.size() + 63) / 64;
  for (std::size_t i = 0; i < made.tokens.size(); ++i) {
    const auto [row, fresh] = made.rows.try_emplace(made.tokens[i], made.rows.size());
    if (fresh) made.bits.resize(made.bits.size() + made.row_words);
    made.bits[row->second * made.row_words + i / 64] |= std::uint64_t{1} << (i % 64);
  }
  return made;
}

/// Length of the longest common subsequence, 64 positions of `a` at a time (Hyyro 2004): a zero of `row` at i says that
/// position i ends a longer one.
std::size_t common_length(const TokenText& a, const TokenText& b) {
  std::vector<std::uint64_t> row(a.row_words, ~std::uint64_t{0});
  for (const Token token : b.tokens) {
    const auto found = a.rows.find(token);
    if (found == a.rows.end()) continue;
    const std::uint64_t* match = a.bits.data() + found->second * a.row_words;
    std::uint64_t carry = 0;
    for (std::size_t w = 0; w < row.size(); ++w) {
      const std::uint64_t hits = row[w] & match[w];
      const std::uint64_t half = row[w] + hits;
      const std::uint64_t sum = half + carry;
      carry = half < hits || sum < half ? 1 : 0;
      row[w] = sum | (row[w] & ~match[w]);
    }
  }
  std::size_t zeros = 0;
  for (std::size_t i = 0; i < a.tokens.size(); i += 64) {
    const std::size_t here = std::min<std::size_t>(64, a.tokens.size() - i);
    const std::uint64_t used = here == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << here) - 1;
    zeros += static_cast<std::size_t>(std::popcount(~row[i / 64] & used));
  }
  return zeros;
}

double f1(const TokenText& a, const TokenText& b) {
  const auto common = static_cast<double>(common_length(a, b));
  if (common == 0) return 0;
  const double precision = common / static_cast<double>(b.tokens.size());
  const double recall = common / static_cast<double>(a.tokens.size());
  return 2 * precision * recall / (precision + recall);
}

std::size_t count_words(std::string_view text) {
  std::size_t words = 0;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    at += c.length;
    const bool blank = is_blank_character(c.value);
    if (!blank && !inside) ++words;
    inside = !blank;
  }
  return words;
}

double evenness_of(const std::vector<DiscussionMetrics::User>& users) {
  if (users.size() < 2) return kUndefined;
  double entropy = 0;
  for (const auto& user : users) {
    if (std::isnan(user.share)) return kUndefined;
    if (user.share > 0) entropy -= user.share * std::log(user.share);
  }
  return entropy / std::log(static_cast<double>(users.size()));
}

}  // namespace

double rouge_l_f1(std::string_view a, std::string_view b) {
  Vocabulary vocabulary;
  const TokenText first = tokens_of(a, vocabulary);
  return f1(first, tokens_of(b, vocabulary));
}

double diversity(const std::vector<std::string_view>& texts) {
  if (texts.size() < 2) return kUndefined;
  Vocabulary vocabulary;
  std::vector<TokenText> made;
  made.reserve(texts.size());
  for (const std::string_view text : texts) made.push_back(tokens_of(text, vocabulary));
  double sum = 0;
  std::size_t pairs = 0;
  for (std::size_t i = 0; i < made.size(); ++i) {
    for (std::size_t j = i + 1; j < made.size(); ++j, ++pairs) sum += f1(made[i], made[j]);
  }
  return 1 - sum / static_cast<double>(pairs);
}

DiscussionMetrics discussion_metrics(const DiscussionRecord& record) {
  DiscussionMetrics metrics;
  const SilenceRule quotes("quotes");
  std::vector<std::string_view> said;
  std::vector<std::size_t> turns;  // who spoke, as a position in metrics.users
  for (const std::string& name : record.users) metrics.users.push_back({name, 0, 0, kUndefined});
  const auto user_at = [&](const std::string& name) {
    const auto found =
        std::find_if(metrics.users.begin(), metrics.users.end(), [&](const auto& user) { return user.name == name; });
    const auto at = static_cast<std::size_t>(found - metrics.users.begin());
    if (found == metrics.users.end()) metrics.users.push_back({name, 0, 0, kUndefined});
    return at;
  };
  for (const DiscussionEvent& event : record.events) {
    if (event.kind == DiscussionEvent::Kind::seed) continue;
    const bool silent = record.loaded ? quotes(event.text) : event.silent;
    if (event.logged) ++metrics.comments;
    CountOf& count = event.kind == DiscussionEvent::Kind::user ? metrics.user_silent : metrics.moderator_silent;
    ++count.of;
    if (silent) ++count.n;
    if (event.kind == DiscussionEvent::Kind::user) {
      const std::size_t user = user_at(event.name);
      ++metrics.users[user].turns;
      if (!silent) ++metrics.users[user].comments;
      turns.push_back(user);
      metrics.spoke.push_back(!silent);
    }
    if (silent) continue;
    ++metrics.spoken;
    metrics.words += count_words(event.text);
    said.push_back(event.text);
  }
  for (std::size_t i = 1; i < turns.size(); ++i) {
    metrics.same_previous += {turns[i] == turns[i - 1] ? std::size_t{1} : 0, 1};
    if (i >= 2) metrics.same_two_before += {turns[i] == turns[i - 2] ? std::size_t{1} : 0, 1};
  }
  const std::size_t comments = metrics.user_turns() - metrics.user_silent.n;
  for (auto& user : metrics.users) {
    if (user.turns > 0) ++metrics.speakers;
    user.share = CountOf{user.comments, comments}.rate();
  }
  metrics.evenness = evenness_of(metrics.users);
  metrics.diversity = diversity(said);
  return metrics;
}

void add_metrics(Score& score, const DiscussionRecord& record, const DiscussionSettings& settings) {
  const DiscussionMetrics metrics = discussion_metrics(record);
  const auto count = [&](const char* name, std::size_t n) { score.metric(name, static_cast<double>(n)); };
  const auto figure = [&](const char* name, double value) {
    if (!std::isnan(value)) score.metric(name, value);
  };
  count("turns", metrics.user_turns());
  count("user_silent", metrics.user_silent.n);
  count("comments", metrics.comments);
  count("moderator_calls", metrics.moderator_silent.of);
  count("moderator_silent", metrics.moderator_silent.n);
  count("speakers", metrics.speakers);
  figure("participation", metrics.participation());
  figure("intervention", metrics.intervention());
  figure("evenness", metrics.evenness);
  figure("words", metrics.mean_words());
  figure("same_previous", metrics.same_previous.rate());
  figure("same_two_before", metrics.same_two_before.rate());
  if (!record.loaded) {
    figure("expected_two_before", expected_two_before(settings.turn_policy, settings.p_respond, record.users.size()));
  }
  figure("diversity", metrics.diversity);
}

}  // namespace assay
