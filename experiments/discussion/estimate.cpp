#include "experiments/discussion/estimate.hpp"

#include <algorithm>

#include "core/text/duration.hpp"
#include "core/text/error.hpp"
#include "experiments/discussion/estimate_parts.hpp"
#include "experiments/discussion/prompt_forms.hpp"
#include "experiments/discussion/text_rules.hpp"
#include "runners/llm/model_entry.hpp"

namespace assay {
namespace {

bool may_end_early(const DiscussionSettings& settings) {
  return !settings.stop_phrase.empty() || !settings.ban_phrase.empty() || settings.stop_silent > 0 ||
         settings.stop_comments > 0 || settings.stop_tokens > 0 || settings.stop_repeat > 0;
}

/// One discussion walked through twice at once: nobody but users speaks and briefly, all speak and at length.
class Walk {
 public:
  Walk(const DiscussionParts& parts, std::uint32_t done)
      : settings_(parts.settings),
        design_(parts.design),
        done_(done),
        low_(settings_.text.history),
        high_(settings_.text.history),
        reply_(reply_tokens(settings_.decoding, kShortReply, made_.bounded)) {
    const SystemPrompts prompts = system_prompts(settings_, design_);
    const std::uint64_t moderator = count_code_points(design_.moderator);
    std::uint64_t names_low = 0, names_high = moderator;
    for (std::size_t i = 0; i < design_.users.size(); ++i) {
      const TextLength system = length_of(i < prompts.users.size() ? prompts.users[i] : std::string());
      const std::uint64_t name = count_code_points(design_.users[i].name);
      system_.low = i == 0 ? system.low : std::min(system_.low, system.low);
      system_.high = std::max(system_.high, system.high);
      names_low = i == 0 ? name : std::min(names_low, name);
      names_high = std::max(names_high, name);
    }
    if (settings_.include_mod) names_low = std::min(names_low, moderator);
    moderator_system_ = length_of(prompts.moderator.value_or(""));
    turn_ = length_of(turn_prompt(settings_.format, "", ""));
    turn_.low += names_low;
    turn_.high += names_high;
    const std::uint64_t line = count_code_points(history_item(settings_.format, "", "x", settings_.text.wrap)) - 1;
    comment_ =
        as_item({kPerToken * (reply_.low - 1) + 1, kPerToken * reply_.high}, settings_.format, settings_.text.wrap);
    comment_ += {line + names_low, line + names_high};
  }

  DiscussionEstimate made() {
    open();
    const std::uint32_t turns = settings_.num_turns;
    const std::uint32_t sure = may_end_early(settings_) ? std::min(turns, done_ + 1) : turns;
    for (std::uint32_t turn = 1; turn <= turns; ++turn) {
      const bool counts = turn > done_;
      if (settings_.turn_policy == "llm" && design_.speakers.empty() && counts) {
        ask(made_.selector, turn <= sure, TextLength{100, 100 + names_length()});
      }
      if (counts) ask(made_.user, turn <= sure, system_);
      said_by_user();
      const bool due = settings_.include_mod && turn % std::max<std::uint32_t>(1, settings_.mod_every) == 0;
      if (!due) continue;
      if (counts) ask(made_.moderator, false, moderator_system_);
      high_.push(comment_);
    }
    return made_;
  }

 private:
  std::uint64_t names_length() const {
    std::uint64_t length = 0;
    for (const Participant& user : design_.users) length += count_code_points(user.name) + 2;
    return length;
  }

  void open() {
    for (const Opening& opening : design_.openings) {
      if (settings_.format == Generation::g0) continue;  // it stands in the system messages
      const TextLength item =
          as_item(length_of(history_item(settings_.format, opening.name, opening.text, std::nullopt)), settings_.format,
                  settings_.text.wrap);
      low_.push(item);
      high_.push(item);
      // A long opening that nothing pushes out weighs more than the comments that would.
      comment_.high = std::max(comment_.high, item.high);
    }
    if (!settings_.mod_first || !settings_.include_mod) return;
    if (done_ == 0) ask(made_.moderator, true, moderator_system_);
    high_.push(comment_);
  }

  void said_by_user() {
    low_.push(comment_);
    high_.push(comment_);
  }

  void ask(CallEstimate& of, bool sure, const TextLength& system) {
    const TextLength input = {system.low + turn_.low + low_.joined().low,
                              system.high + turn_.high + high_.joined().high};
    add_call(of, sure, input, reply_);
    made_.longest_input = std::max(made_.longest_input, tokens_of_length(input.high));
  }

  const DiscussionSettings& settings_;
  const DiscussionDesign& design_;
  const std::uint32_t done_;
  LengthWindow low_, high_;
  DiscussionEstimate made_;
  EstimateBounds reply_;
  TextLength system_, moderator_system_, turn_, comment_;
};

std::string range_text(const EstimateBounds& range, const char* what) {
  std::string text = format_count(static_cast<std::int64_t>(range.low));
  if (range.high != range.low) text += " to " + format_count(static_cast<std::int64_t>(range.high));
  return text + what;
}

}  // namespace

TextLength as_item(const TextLength& text, Generation format, std::optional<std::size_t> wrap) {
  TextLength item = text;
  if (wrap) {
    const std::uint64_t width = std::max<std::size_t>(1, *wrap);
    item.low -= std::min(item.low, item.low / 32 + 1);
    item.high += item.high / width + 1;
  }
  if (has_json_prompts(format)) item.high += item.high / 4;
  return item;
}

void LengthWindow::push(const TextLength& item) {
  items_.push_back(item);
  sum_ += item;
  while (history_ && items_.size() > *history_) {
    sum_.low -= items_.front().low;
    sum_.high -= items_.front().high;
    items_.pop_front();
  }
}

TextLength LengthWindow::joined() const {
  const std::uint64_t between = items_.empty() ? 0 : items_.size() - 1;
  return {sum_.low + between, sum_.high + 2 * between};
}

void add_call(CallEstimate& to, bool sure, const TextLength& input, const EstimateBounds& reply) {
  ++to.calls.high;
  to.input_tokens.high += tokens_of_length(input.high) + 1;  // two messages, each rounded up
  to.output_tokens.high += reply.high;
  if (!sure) return;
  ++to.calls.low;
  to.input_tokens.low += input.low / kPerToken;
  to.output_tokens.low += reply.low;
}

EstimateBounds reply_tokens(const DecodingSettings& decoding, std::uint64_t shortest, bool& bounded) {
  if (!decoding.max_tokens) bounded = false;
  const std::uint64_t most =
      decoding.max_tokens ? static_cast<std::uint64_t>(std::max<std::int64_t>(1, *decoding.max_tokens)) : kAssumedReply;
  return {std::min(shortest, most), most};
}

EstimateBounds& EstimateBounds::operator+=(const EstimateBounds& other) {
  low += other.low;
  high += other.high;
  return *this;
}

CallEstimate& CallEstimate::operator+=(const CallEstimate& other) {
  calls += other.calls;
  input_tokens += other.input_tokens;
  output_tokens += other.output_tokens;
  return *this;
}

CallEstimate DiscussionEstimate::all() const {
  CallEstimate sum = user;
  sum += moderator;
  sum += selector;
  return sum;
}

DiscussionEstimate& DiscussionEstimate::operator+=(const DiscussionEstimate& other) {
  user += other.user;
  moderator += other.moderator;
  selector += other.selector;
  longest_input = std::max(longest_input, other.longest_input);
  bounded = bounded && other.bounded;
  return *this;
}

DiscussionEstimate estimate_discussion(const DiscussionParts& parts, std::uint32_t turns_done) {
  return Walk(parts, turns_done).made();
}

EstimatePrices prices_of(const Json& pinned) {
  const auto price = [&](const char* name, const std::optional<Price>& otherwise) -> std::optional<Price> {
    const auto model = pinned.is_object() ? pinned.find(name) : pinned.end();
    if (model == pinned.end() || !model->is_object()) return otherwise;
    try {
      return model_from_json(*model)->price;
    } catch (const Error&) {  // pinned by another version: no price is known
      return std::nullopt;
    }
  };
  EstimatePrices prices;
  prices.user = price("model", std::nullopt);
  prices.moderator = price("mod_model", prices.user);
  prices.selector = price("selector_model", prices.user);
  return prices;
}

std::optional<std::pair<Pico, Pico>> estimated_cost(const DiscussionEstimate& estimate, const EstimatePrices& prices) {
  double low = 0, high = 0;
  const std::pair<const CallEstimate*, const std::optional<Price>*> parts[] = {
      {&estimate.user, &prices.user}, {&estimate.moderator, &prices.moderator}, {&estimate.selector, &prices.selector}};
  for (const auto& [calls, price] : parts) {
    if (calls->calls.high == 0) continue;
    if (!*price) return std::nullopt;
    const auto sum = [&](std::uint64_t n, std::uint64_t in, std::uint64_t out) {
      return static_cast<double>(n) * static_cast<double>((*price)->request) +
             static_cast<double>(in) * static_cast<double>((*price)->in) +
             static_cast<double>(out) * static_cast<double>((*price)->out);
    };
    low += sum(calls->calls.low, calls->input_tokens.low, calls->output_tokens.low);
    high += sum(calls->calls.high, calls->input_tokens.high, calls->output_tokens.high);
  }
  constexpr double kMost = 9e18;
  return std::pair(static_cast<Pico>(std::min(low, kMost)), static_cast<Pico>(std::min(high, kMost)));
}

Json to_json(const DiscussionEstimate& estimate, const EstimatePrices& prices) {
  const CallEstimate all = estimate.all();
  const auto pair = [](const EstimateBounds& range) { return Json::array({range.low, range.high}); };
  const auto cost = estimated_cost(estimate, prices);
  return {{"calls", pair(all.calls)},
          {"input_tokens", pair(all.input_tokens)},
          {"output_tokens", pair(all.output_tokens)},
          {"usd", cost ? Json::array({to_usd(cost->first), to_usd(cost->second)}) : Json()}};
}

std::string estimate_line(const DiscussionEstimate& estimate, const EstimatePrices& prices, std::optional<Pico> left) {
  const CallEstimate all = estimate.all();
  const auto cost = estimated_cost(estimate, prices);
  std::string line = "estimate: " + range_text(all.calls, " calls, ") + range_text(all.input_tokens, " tokens in, ") +
                     range_text(all.output_tokens, " out, ");
  if (!cost) {
    line += "price unknown";
  } else {
    line += format_usd(cost->first);
    if (cost->second != cost->first) line += " to " + format_usd(cost->second);
  }
  if (!estimate.bounded) {
    line += "; max_tokens is not set, replies are taken for " + format_count(kAssumedReply) + " tokens at most";
  }
  if (cost && left && cost->first > *left) {
    line +=
        "; more than the " + format_usd(*left) + " left of the budget: runs will stay INCOMPLETE until it is raised";
  }
  return line;
}

}  // namespace assay
