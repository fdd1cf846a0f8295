#include "experiments/discussion/estimate.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <random>

#include "core/text/utf8.hpp"
#include "experiments/discussion/prompt_forms.hpp"
#include "experiments/discussion/text_rules.hpp"
#include "experiments/discussion/turns.hpp"

using namespace assay;

namespace {

DiscussionParts example(Generation format = Generation::g2) {
  DiscussionParts parts;
  parts.settings.format = format;
  parts.settings.num_turns = 5;
  parts.settings.turn_policy = "respond";
  parts.settings.p_respond = 0.4;
  parts.settings.decoding.max_tokens = 512;
  parts.settings.context = "You are a human participating in an online chatroom.";
  parts.settings.user_instructions = "Write shortly.";
  parts.settings.mod_instructions = "Keep the peace.";
  parts.settings.moderator_attributes = {"just", "strict"};
  for (const char* name : {"Ann", "Benedict", "Cy", "Dorothea", "Eve", "Fay", "Gus"}) {
    Json persona = Json::object();
    for (const std::string& field : persona_fields()) persona[field] = field == "username" ? name : "some " + field;
    parts.design.users.push_back({name, persona, {}, false});
  }
  parts.design.openings.push_back({"Ann", "An opening post, of a topic that people differ about.", "t.txt"});
  return parts;
}

std::uint64_t tokens_in(const std::string& text) { return (count_code_points(text) + 3) / 4; }

struct Used {
  std::uint64_t calls = 0, in = 0, out = 0;
};

/// The discussion as the specification runs it, with replies of 71 to max_tokens tokens; `moderated`: how often.
Used simulate(const DiscussionParts& parts, std::uint32_t seed, bool long_words, double moderator_speaks) {
  const DiscussionSettings& settings = parts.settings;
  std::mt19937 random(seed);
  Used used;
  std::deque<std::string> window;
  const auto push = [&](const std::string& name, const std::string& text) {
    window.push_back(history_item(settings.format, name, text, settings.text.wrap));
    while (settings.text.history && window.size() > *settings.text.history) window.pop_front();
  };
  const auto reply = [&] {
    const auto most = static_cast<std::uint32_t>(*settings.decoding.max_tokens);
    const std::uint32_t length = 4 * (seed % 3 == 0 ? 71 : seed % 3 == 1 ? most : 71 + random() % (most - 70));
    std::string text;
    while (text.size() < length) text += !long_words && text.size() % 6 == 5 ? ' ' : 'x';
    if (text.back() == ' ') text.back() = 'x';
    return text;
  };
  const SystemPrompts prompts = system_prompts(settings, parts.design);
  const auto ask = [&](const std::string& system, const std::string& name) {
    std::string history;
    for (const std::string& item : window) history += (history.empty() ? "" : "\n") + item;
    const std::string text = reply();
    ++used.calls;
    used.in += tokens_in(system) + tokens_in(turn_prompt(settings.format, name, history));
    used.out += tokens_in(text);
    return text;
  };
  if (settings.format != Generation::g0) {
    for (const Opening& opening : parts.design.openings) push(opening.name, opening.text);
  }
  TurnOrder order(settings, parts.design);
  std::uint32_t comments = 0;
  for (std::uint32_t turn = 0; turn < settings.num_turns; ++turn) {
    const std::size_t user = *order.next();
    const std::string& name = parts.design.users[user].name;
    push(name, ask(prompts.users[user], name));
    if (!settings.include_mod || ++comments % settings.mod_every != 0) continue;
    const std::string said = ask(*prompts.moderator, "moderator");
    if (static_cast<double>(random() % 100) < moderator_speaks * 100) push("moderator", said);
  }
  return used;
}

}  // namespace

TEST_CASE("a discussion of five turns with a moderator takes five to ten calls") {
  DiscussionParts parts = example();
  CHECK(estimate_discussion(parts).all().calls.low == 5);
  CHECK(estimate_discussion(parts).all().calls.high == 10);
  CHECK(estimate_discussion(parts).all().output_tokens.low == 5 * 71);
  CHECK(estimate_discussion(parts).all().output_tokens.high == 10 * 512);
  DiscussionEstimate eight;
  for (int i = 0; i < 8; ++i) eight += estimate_discussion(parts);
  CHECK(eight.all().calls.low == 40);
  CHECK(eight.all().calls.high == 80);
  parts.settings.mod_every = 2;
  CHECK(estimate_discussion(parts).moderator.calls.high == 2);
  parts.settings.mod_first = true;
  CHECK(estimate_discussion(parts).moderator.calls.low == 1);
  CHECK(estimate_discussion(parts).moderator.calls.high == 3);
  parts.settings.include_mod = false;
  CHECK(estimate_discussion(parts).all().calls.high == 5);
  parts.settings.turn_policy = "llm";
  CHECK(estimate_discussion(parts).selector.calls.low == 5);
  CHECK(estimate_discussion(parts).all().calls.high == 10);
  parts.settings.stop_phrase = "bye";
  CHECK(estimate_discussion(parts).user.calls.low == 1);
  CHECK(estimate_discussion(parts).user.calls.high == 5);
  CHECK(estimate_discussion(parts, 3).user.calls.low == 1);
  CHECK(estimate_discussion(parts, 3).user.calls.high == 2);
  CHECK(estimate_discussion(parts, 5).all().calls.high == 0);
}

TEST_CASE("what discussions with replies of 71 to max_tokens tokens take lies within the estimate") {
  for (const Generation format : {Generation::g0, Generation::g2, Generation::g4, Generation::g5}) {
    for (const std::optional<std::size_t> history :
         {std::optional<std::size_t>(0), std::optional<std::size_t>(3), std::optional<std::size_t>()}) {
      for (const std::uint32_t turns : {1U, 5U, 28U}) {
        for (std::uint32_t seed = 0; seed < 6; ++seed) {
          DiscussionParts parts = example(format);
          parts.settings.num_turns = turns;
          parts.settings.text.history = history;
          parts.settings.text.wrap = seed % 2 == 0 ? std::optional<std::size_t>(70) : std::nullopt;
          parts.design.seed = seed;
          parts.settings.include_mod = seed != 4;
          parts.settings.mod_every = seed == 5 ? 2 : 1;
          CAPTURE(to_text(format));
          CAPTURE(turns);
          CAPTURE(seed);
          const CallEstimate all = estimate_discussion(parts).all();
          const Used used = simulate(parts, seed, seed % 2 == 1, seed % 2 == 0 ? 1 : 0.3);
          CHECK(all.calls.low <= used.calls);
          CHECK(used.calls <= all.calls.high);
          CHECK(all.input_tokens.low <= used.in);
          CHECK(used.in <= all.input_tokens.high);
          CHECK(all.output_tokens.low <= used.out);
          CHECK(used.out <= all.output_tokens.high);
        }
      }
    }
  }
}

TEST_CASE("money needs the price of every model that is asked") {
  const DiscussionParts parts = example();
  const DiscussionEstimate estimate = estimate_discussion(parts);
  CHECK(to_json(estimate, {})["usd"].is_null());
  CHECK(estimate_line(estimate, {}).ends_with("price unknown"));
  EstimatePrices prices;
  prices.user = Price{};
  prices.user->in = 1'000'000;  // one dollar per million
  prices.user->out = 2'000'000;
  CHECK(to_json(estimate, prices)["usd"].is_null());
  prices.moderator = prices.user;
  const Json made = to_json(estimate, prices);
  const CallEstimate all = estimate.all();
  CHECK(made["usd"][0].get<double>() ==
        doctest::Approx(static_cast<double>(all.input_tokens.low + 2 * all.output_tokens.low) / 1e6));
  CHECK(made["usd"][1].get<double>() ==
        doctest::Approx(static_cast<double>(all.input_tokens.high + 2 * all.output_tokens.high) / 1e6));
  CHECK(dump_json(made["calls"]) == "[5,10]");
  CHECK(estimate_line(estimate, prices).starts_with("estimate: 5 to 10 calls, "));
  CHECK(estimate_line(estimate, prices).find("budget") == std::string::npos);
  CHECK(estimate_line(estimate, prices, 1'000'000'000'000).find("budget") == std::string::npos);
  CHECK(estimate_line(estimate, prices, 100'000'000).find("left of the budget") != std::string::npos);
}

TEST_CASE("without max_tokens a reply is taken for a bound of its own, and that is said") {
  DiscussionParts parts = example();
  parts.settings.decoding.max_tokens = std::nullopt;
  const DiscussionEstimate estimate = estimate_discussion(parts);
  CHECK_FALSE(estimate.bounded);
  CHECK(estimate.all().output_tokens.high == 10 * kAssumedReply);
  CHECK(estimate_line(estimate, {}).find("max_tokens is not set") != std::string::npos);
}
