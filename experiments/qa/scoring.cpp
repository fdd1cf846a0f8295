#include "experiments/qa/scoring.hpp"

#include <algorithm>
#include <cmath>

#include "core/text/utf8.hpp"
#include "core/text/words.hpp"
#include "experiments/qa/numbers.hpp"

namespace assay {
namespace {

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : dump_json(value); }

std::string folded(const std::string& text) {
  std::string out;
  for (const char c : to_lower(std::string_view(text))) {
    if (c != ' ' && (c < '\t' || c > '\r')) out += c;
  }
  return out;
}

/// The text of the option a letter names.
std::optional<std::string> option_text(const Item& item, const std::string& letter) {
  if (letter.size() != 1 || letter[0] < 'A') return std::nullopt;
  const auto at = static_cast<std::size_t>(letter[0] - 'A');
  if (at >= item.options.size()) return std::nullopt;
  return item.options[at];
}

struct Vote {
  std::string value, rule;
  std::size_t count = 0;
};

}  // namespace

Scorer::Scorer(const Json& params)
    : match_(params.value("match", std::string("auto"))),
      tie_(params.value("tie", std::string("first"))),
      unextracted_is_null_(params.value("unextracted", std::string("incorrect")) == "null") {
  if (const auto tol = params.find("tol"); tol != params.end() && tol->is_number()) tolerance_ = tol->get<double>();
  const auto extract = params.find("extract");
  if (extract != params.end() && extract->is_string() && !extract->get_ref<const std::string&>().empty()) {
    given_ = std::make_shared<Extractor>(extract->get<std::string>());
  } else {
    letter_ = std::make_shared<Extractor>("letter");
    number_ = std::make_shared<Extractor>("gsm8k");
    text_ = std::make_shared<Extractor>("exact");
  }
}

const Extractor& Scorer::extractor(const Item& item) const {
  if (given_) return *given_;
  if (item.n_options > 0) return *letter_;
  return item.answer.is_number() ? *number_ : *text_;
}

bool Scorer::matches(const Item& item, const std::string& value) const {
  const std::string gold = text_of(item.answer);
  std::string how = match_;
  if (how == "auto") how = item.n_options > 0 ? "letter" : item.answer.is_number() ? "number" : "text";
  if (how == "letter") return value == gold;
  if (how == "number") {
    if (tolerance_) return std::fabs(number_of(value) - number_of(gold)) <= *tolerance_;
    const auto canonical = canonical_number(value);
    return canonical && canonical == canonical_number(gold);
  }
  std::vector<std::string> golds{gold};
  if (const auto option = option_text(item, gold)) golds.push_back(*option);
  return std::any_of(golds.begin(), golds.end(), [&](const std::string& one) {
    if (how == "text_ci") return folded(value) == folded(one);
    if (how == "contains") return !trim(one).empty() && value.find(trim(one)) != std::string::npos;
    return trim(value) == trim(one);
  });
}

Found Scorer::find(const Item& item, std::string_view reply) const {
  const AnswerForm form = answer_form(item);
  Found found = extractor(item).find(reply, form);
  if (found.value && form.kind == AnswerForm::Kind::number) {
    found.value = canonical_number(*found.value).value_or(*found.value);
  }
  return found;
}

Scorer::Outcome Scorer::score(const Item& item, const std::vector<SampleReply>& replies,
                              const std::function<std::uint64_t()>& random) const {
  const Extractor& rule = extractor(item);
  const AnswerForm form = answer_form(item);
  Json samples = Json::array();
  std::vector<Vote> votes;
  std::size_t found_in = 0;
  for (const auto& reply : replies) {
    const Found found = find(item, reply.text);
    Json sample{{"value", found.value ? Json(*found.value) : Json()},
                {"rule", found.value ? Json(found.rule) : Json()}};
    if (!reply.stop.empty()) sample["stop"] = reply.stop;
    samples.push_back(std::move(sample));
    if (!found.value) continue;
    ++found_in;
    auto vote = std::find_if(votes.begin(), votes.end(), [&](const Vote& v) { return v.value == *found.value; });
    if (vote == votes.end()) vote = votes.insert(votes.end(), {*found.value, found.rule, 0});
    ++vote->count;
  }

  std::vector<const Vote*> best;
  for (const auto& vote : votes) {
    if (!best.empty() && vote.count > best.front()->count) best.clear();
    if (best.empty() || vote.count == best.front()->count) best.push_back(&vote);
  }
  const bool tied = best.size() > 1;
  const Vote* winner = best.empty() ? nullptr : best.front();
  if (tied && tie_ == "none") winner = nullptr;
  if (tied && tie_ == "random") winner = best[random() % best.size()];

  Outcome outcome;
  Json counts = Json::object();
  for (const auto& vote : votes) counts[vote.value] = vote.count;
  outcome.answer = {{"value", winner ? Json(winner->value) : Json()},
                    {"rule", winner ? Json(winner->rule) : Json()},
                    {"extractor", rule.spec()},
                    {"samples", std::move(samples)},
                    {"votes", std::move(counts)},
                    {"tied", tied}};

  const bool gold = !item.answer.is_null();
  if (!winner) {
    outcome.score = gold && !unextracted_is_null_ ? Score::incorrect() : Score::none();
  } else if (gold) {
    outcome.score = Score::of(matches(item, winner->value));
  }
  const bool out = winner && item.n_options > 0 && form.labels.find(winner->value) == std::string::npos;
  if (outcome.score.verdict != Verdict::none) {
    outcome.score.metric("correct", outcome.score.verdict == Verdict::correct ? 1 : 0);
  }
  outcome.score.metric("unextracted", winner ? 0 : 1).metric("out_of_options", out ? 1 : 0);
  if (replies.size() > 1) {
    outcome.score.metric(
        "agreement", best.empty() ? 0 : static_cast<double>(best.front()->count) / static_cast<double>(replies.size()));
    outcome.score.metric("unextracted_samples", static_cast<double>(replies.size() - found_in));
  }
  for (const auto& [word, metric] : {std::pair{"max_tokens", "truncated"}, std::pair{"model_length", "truncated"},
                                     std::pair{"content_filter", "filtered"}, std::pair{"refusal", "refused"}}) {
    const auto hits = std::count_if(replies.begin(), replies.end(), [w = word](const auto& r) { return r.stop == w; });
    if (hits > 0) outcome.score.metric(metric, static_cast<double>(hits));
  }
  const auto empty = std::count_if(replies.begin(), replies.end(), [](const auto& r) { return r.text.empty(); });
  if (empty > 0) outcome.score.metric("empty", static_cast<double>(empty));
  return outcome;
}

std::vector<SampleReply> recorded_replies(const std::vector<ContextMessage>& context, const Json& answer) {
  std::vector<SampleReply> replies;
  for (const ContextMessage& message : context) {
    if (message.role == "user") replies.clear();
    if (message.role == "assistant" && message.content.is_string()) {
      replies.push_back({message.content.get<std::string>(), {}});
    }
  }
  if (!answer.is_object() || !answer.contains("samples") || !answer["samples"].is_array()) return replies;
  for (std::size_t i = 0; i < replies.size() && i < answer["samples"].size(); ++i) {
    const Json& sample = answer["samples"][i];
    if (sample.is_object() && sample.contains("stop") && sample["stop"].is_string()) {
      replies[i].stop = sample["stop"].get<std::string>();
    }
  }
  return replies;
}

}  // namespace assay
