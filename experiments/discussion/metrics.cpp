#include "experiments/discussion/metrics.hpp"

#include <algorithm>
#include <cmath>

#include "core/statistics/rouge.hpp"
#include "core/text/character_class.hpp"
#include "core/text/python_lower.hpp"
#include "core/text/utf8.hpp"
#include "experiments/discussion/text_rules.hpp"
#include "experiments/discussion/turns.hpp"

namespace assay {
namespace {

constexpr std::size_t kMostTokens = 20'000;  // of one comment; the table grows with their square

RougeText rouge_text(std::string_view text, RougeVocabulary& vocabulary) {
  auto tokens = rouge_tokens(python_lower(text));
  if (tokens.size() > kMostTokens) tokens.resize(kMostTokens);
  return {tokens, vocabulary};
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
  RougeVocabulary vocabulary;
  const RougeText first = rouge_text(a, vocabulary);
  return rouge_l(first, rouge_text(b, vocabulary));
}

double diversity(const std::vector<std::string_view>& texts) {
  if (texts.size() < 2) return kUndefined;
  RougeVocabulary vocabulary;
  std::vector<RougeText> made;
  made.reserve(texts.size());
  for (const std::string_view text : texts) made.push_back(rouge_text(text, vocabulary));
  double sum = 0;
  std::size_t pairs = 0;
  for (std::size_t i = 0; i < made.size(); ++i) {
    for (std::size_t j = i + 1; j < made.size(); ++j, ++pairs) sum += rouge_l(made[i], made[j]);
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
