#pragma once
// What a discussion comes to: who spoke, how often, how alike. Of a result file everything is counted over its log and
// silence is judged by `quotes`; of our own runs silent turns count that stand in no log. Specs: discussion.md 11.1.
// Pure functions: any thread. What is not defined is NaN.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/score.hpp"
#include "core/statistics/figure.hpp"
#include "experiments/discussion/record.hpp"
#include "experiments/discussion/settings.hpp"

namespace assay {

/// How often something was, of how often it could have been.
struct CountOf {
  std::size_t n = 0, of = 0;
  double rate() const { return of == 0 ? kUndefined : static_cast<double>(n) / static_cast<double>(of); }
  CountOf& operator+=(const CountOf& other) {
    n += other.n;
    of += other.of;
    return *this;
  }
};

struct DiscussionMetrics {
  CountOf user_silent;       ///< of user turns
  CountOf moderator_silent;  ///< of calls to the moderator
  std::size_t comments = 0;  ///< entries of the log without openings
  std::size_t speakers = 0;  ///< users who had a turn
  CountOf same_previous, same_two_before;
  struct User {
    std::string name;
    std::size_t turns = 0, comments = 0;  ///< comments: those that are not silent
    double share = kUndefined;            ///< of all users' comments
  };
  std::vector<User> users;       ///< participants in their order, then other names that had a turn
  double evenness = kUndefined;  ///< entropy of the shares / ln(users)
  std::size_t words = 0,
              spoken = 0;         ///< blank-separated words of the comments (users and moderator) that are not silent
  double diversity = kUndefined;  ///< 1 - mean ROUGE-L F1 of all pairs of them
  std::vector<bool> spoke;        ///< turn by turn: the user was not silent

  std::size_t user_turns() const { return user_silent.of; }
  double participation() const { return 1 - user_silent.rate(); }
  double intervention() const { return 1 - moderator_silent.rate(); }
  double mean_words() const {
    return spoken == 0 ? kUndefined : static_cast<double>(words) / static_cast<double>(spoken);
  }
};
DiscussionMetrics discussion_metrics(const DiscussionRecord& record);

/// The numbers among them as figures of a run; rates where a count goes by another, beside the expected value of the
/// settings' turn policy (4.1). What is not defined is left out.
void add_metrics(Score& score, const DiscussionRecord& record, const DiscussionSettings& settings);

/// ROUGE-L F1 of two texts: tokens are runs of a-z and 0-9 of the lower-cased text, L is the length of their longest
/// common subsequence, P = L/len(b), R = L/len(a), F1 = 2PR/(P+R); 0 where nothing is in common. Lin 2004 (ACL,
/// W04-1013), as google-research's rouge_score without stemming. Of a text its first 20,000 tokens count.
double rouge_l_f1(std::string_view a, std::string_view b);
/// 1 - the mean of it over all pairs; NaN for fewer than two texts.
double diversity(const std::vector<std::string_view>& texts);

}  // namespace assay
