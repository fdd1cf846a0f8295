#include "runners/judge/reading.hpp"

#include <algorithm>
#include <cmath>

#include "core/text/error.hpp"
#include "core/text/pattern.hpp"
#include "core/text/utf8.hpp"
#include "core/text/words.hpp"
#include "runners/judge/reading_rules.hpp"

namespace assay {
namespace {

constexpr std::size_t kNowhere = std::string_view::npos;

/// A text without its thinking, and where its parts stood.
struct Spoken {
  struct Piece {
    std::size_t here, there;  // offset in `text`; in the reply
  };
  std::string text;
  std::vector<Piece> pieces;

  std::size_t origin(std::size_t at) const {
    const auto after =
        std::upper_bound(pieces.begin(), pieces.end(), at, [](std::size_t x, const Piece& p) { return x < p.here; });
    if (after == pieces.begin()) return kNowhere;
    const Piece& piece = *std::prev(after);
    return piece.there + (at - piece.here);
  }
};

Spoken spoken(std::string_view reply) {
  constexpr std::string_view kOpen = "<think>", kClose = "</think>";
  Spoken out;
  const auto keep = [&](std::size_t begin, std::size_t end) {
    if (begin >= end) return;
    out.pieces.push_back({out.text.size(), begin});
    out.text += reply.substr(begin, end - begin);
  };
  std::size_t at = 0, open = reply.find(kOpen), close = reply.find(kClose);
  while (open != kNowhere || close != kNowhere) {
    if (close < open) {
      // An end without a beginning: all up to here was thought.
      out.text.clear();
      out.pieces.clear();
      at = close + kClose.size();
    } else {
      keep(at, open);
      if (close == kNowhere) {
        at = reply.size();
        break;
      }
      at = close + kClose.size();
    }
    if (open != kNowhere && open < at) open = reply.find(kOpen, at);
    close = reply.find(kClose, at);
  }
  keep(at, reply.size());

  const std::string_view trimmed = trim(out.text);
  const auto cut = trimmed.empty() ? out.text.size() : static_cast<std::size_t>(trimmed.data() - out.text.data());
  out.text = std::string(trimmed);
  std::vector<Spoken::Piece> pieces;
  for (const Spoken::Piece& piece : out.pieces) {
    if (!pieces.empty() && piece.here <= cut) pieces.clear();
    pieces.push_back(piece.here <= cut ? Spoken::Piece{0, piece.there + (cut - piece.here)}
                                       : Spoken::Piece{piece.here - cut, piece.there});
  }
  out.pieces = std::move(pieces);
  return out;
}

/// The token that holds the byte of the reply; kNowhere: there is none.
std::size_t token_at(std::string_view reply, std::size_t byte, const std::vector<JudgedToken>& tokens) {
  std::string all;
  for (const JudgedToken& token : tokens) all += token.token;
  // Tokens may stand for more than the text (special ones at either end).
  const std::size_t shift = all.find(reply);
  if (shift == kNowhere) return kNowhere;
  std::size_t end = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    end += tokens[i].token.size();
    if (byte + shift < end) return i;
  }
  return kNowhere;
}

/// Where the value of an object's "verdict" begins in the object's text.
std::size_t verdict_place(std::string_view object, std::string_view value) {
  constexpr std::string_view kKey = "\"verdict\"", kBlanks = " \t\n\r";
  std::size_t place = kNowhere;
  for (std::size_t at = object.find(kKey); at != kNowhere; at = object.find(kKey, at + 1)) {
    const std::size_t colon = object.find_first_not_of(kBlanks, at + kKey.size());
    if (colon == kNowhere || object[colon] != ':') continue;
    const std::size_t found = object.find(value, colon);
    if (found != kNowhere) place = found;
  }
  return place;
}

/// Of a reply that is an object, or holds one, its "verdict". nullopt: there is no such object.
std::optional<FoundVerdict> verdict_in_object(const ReadingRules& rules, std::string_view text) {
  const std::vector<FoundObject> objects = json_objects(text);
  const FoundObject* only = nullptr;
  for (const FoundObject& one : objects) {
    if (!one.value.contains("verdict")) continue;
    if (only != nullptr) {
      FoundVerdict several;
      several.reading.status = ReadStatus::ambiguous;
      return several;
    }
    only = &one;
  }
  if (only == nullptr) return std::nullopt;
  const Json& value = only->value["verdict"];
  if (!value.is_string() && !value.is_number()) return FoundVerdict{};
  const std::string said = value.is_string() ? value.get<std::string>() : dump_json(value);
  FoundVerdict found = read_strictly(rules, trim(said));
  const bool whole = only->begin == 0 && only->end == text.size();
  if (found.reading.status == ReadStatus::exact && !whole) found.reading.status = ReadStatus::lenient;
  if (found.at != kNowhere) {
    const std::size_t place = verdict_place(text.substr(only->begin, only->end - only->begin), trim(said));
    found.at = place == kNowhere ? kNowhere : only->begin + place + found.at;
  }
  return found;
}

FoundVerdict said_verdict(const ReadingRules& rules, std::string_view text,
                          const std::vector<std::pair<std::string, double>>* first) {
  if (rules.parse != "strict") {
    if (auto found = read_as_tool(rules, text, first)) return std::move(*found);
  } else if (rules.verdict_in_object) {
    if (auto found = verdict_in_object(rules, text)) return std::move(*found);
  }
  return read_strictly(rules, text);
}

FoundVerdict found_verdict(const ReadingRules& rules, std::string_view text,
                           const std::vector<std::pair<std::string, double>>* first) {
  FoundVerdict found = said_verdict(rules, text, first);
  // Probabilities alike are no verdict that says tie.
  if (found.reading.verdict == "tie" && !found.reading.weighted && has_two_answers(rules.mode) && !rules.takes_tie()) {
    FoundVerdict none;
    none.reading.upstream = std::move(found.reading.upstream);
    return none;
  }
  return found;
}

std::size_t token_of(const ReadingRules& rules, std::string_view text, const Spoken& answer, const FoundVerdict& found,
                     const std::vector<JudgedToken>& tokens) {
  if (tokens.empty()) return kNowhere;
  if (rules.parse == "alpaca") return 0;
  if (!is_read(found.reading.status) || found.at == kNowhere) return kNowhere;
  const std::size_t byte = answer.origin(found.at);
  if (byte != kNowhere) {
    if (const std::size_t token = token_at(text, byte, tokens); token != kNowhere) return token;
  }
  // The tokens are not the text: the last one that says the verdict.
  for (std::size_t i = tokens.size(); i-- > 0;) {
    const VerdictLabel* label = written_label(rules.labels, bare(tokens[i].token, rules.labels.arrows));
    const auto number = judged_number(bare(tokens[i].token), rules.scale);
    if (label != nullptr ? label->verdict == found.reading.verdict : number && *number == found.reading.value) return i;
  }
  return kNowhere;
}

/// Whether a whole number of the scale, as text, begins with another one.
bool has_prefixes(const std::pair<double, double>& scale) {
  const double low = std::max(1.0, std::ceil(scale.first));
  return scale.first < 0 || low * 10 <= scale.second;
}

}  // namespace

std::string without_thinking(std::string_view text) { return spoken(text).text; }

Reading read_verdict(const ReadingRules& rules, const ReplyToRead& reply) {
  const Spoken answer = spoken(reply.text);
  const auto* first = reply.tokens == nullptr || reply.tokens->empty() ? nullptr : &reply.tokens->front().alternatives;
  FoundVerdict found = found_verdict(rules, answer.text, first);
  Reading& reading = found.reading;
  const bool of_tool = rules.parse != "strict";
  if (reply.refused || answer.text.empty() || (reply.cut && reading.status != ReadStatus::exact)) {
    const ReadStatus instead = reply.refused ? ReadStatus::refused
                               : reply.cut   ? ReadStatus::truncated
                                             : ReadStatus::empty;
    if (reply.refused || !of_tool || !is_read(reading.status)) {
      Reading none;
      none.status = instead;
      none.upstream = std::move(reading.upstream);
      return none;
    }
  }
  if (reply.tokens != nullptr && is_read(reading.status) && rules.parse != "alpaca") {
    const std::size_t token = token_of(rules, reply.text, answer, found, *reply.tokens);
    weigh(rules,
          token == kNowhere ? std::vector<std::pair<std::string, double>>() : alternatives_of((*reply.tokens)[token]),
          reading);
  }
  return reading;
}

std::size_t verdict_token(const ReadingRules& rules, std::string_view text, const std::vector<JudgedToken>& tokens) {
  const Spoken answer = spoken(text);
  const auto* first = tokens.empty() ? nullptr : &tokens.front().alternatives;
  return token_of(rules, text, answer, found_verdict(rules, answer.text, first), tokens);
}

std::vector<std::pair<std::string, double>> alternatives_of(const JudgedToken& token) {
  auto alternatives = token.alternatives;
  const bool there = std::any_of(alternatives.begin(), alternatives.end(),
                                 [&](const auto& alternative) { return alternative.first == token.token; });
  if (!there && !alternatives.empty()) alternatives.insert(alternatives.begin(), {token.token, token.logprob});
  return alternatives;
}

void weigh(const ReadingRules& rules, const std::vector<std::pair<std::string, double>>& alternatives,
           Reading& reading) {
  reading.weighted = false;
  reading.probabilities.clear();
  reading.mass = kUndefined;
  const auto add = [&](const std::string& verdict, double probability) {
    for (auto& [name, sum] : reading.probabilities) {
      if (name == verdict) {
        sum += probability;
        return;
      }
    }
    reading.probabilities.emplace_back(verdict, probability);
  };
  double sum = 0, mass = 0;
  if (!rules.labels.labels.empty()) {
    for (const VerdictLabel& label : rules.labels.labels) add(label.verdict, 0);
    for (const auto& [token, logprob] : alternatives) {
      const VerdictLabel* label = written_label(rules.labels, bare(token, rules.labels.arrows));
      if (label == nullptr) continue;
      add(label->verdict, std::exp(logprob));
      sum += label->value * std::exp(logprob);
      mass += std::exp(logprob);
    }
  } else if (rules.mode == JudgeMode::score && rules.scale && !has_prefixes(*rules.scale)) {
    for (const auto& [token, logprob] : alternatives) {
      const auto number = judged_number(bare(token), std::nullopt);
      if (!number || *number != std::floor(*number) || *number < rules.scale->first || *number > rules.scale->second)
        continue;
      add(std::to_string(static_cast<long long>(*number)), std::exp(logprob));
      sum += *number * std::exp(logprob);
      mass += std::exp(logprob);
    }
  } else {
    return;
  }
  reading.weighted = true;
  reading.mass = mass;
  reading.value = mass > 0 ? sum / mass : kUndefined;
}

void check_reading(const ReadingRules& rules) {
  if (rules.parse == "strict") return;
  if (rules.parse == "regex") {
    for (const auto& [label, pattern] : rules.patterns) {
      const std::string place = "regex." + label;
      if (label_of(rules.labels, label) == nullptr)
        throw Error("usage", "'" + label + "' is no label of this mode", place,
                    rules.labels.labels.empty() ? "parse=regex reads labels" : "labels=" + rules.labels.name);
      try {
        Pattern{pattern};
      } catch (const Error& error) {
        throw Error("usage", error.message(), place, error.hint());
      }
    }
  }
  if (!read_as_tool(rules, "", nullptr)) {
    throw Error("usage",
                "parse=" + rules.parse + " does not read mode=" + std::string(to_text(rules.mode)) +
                    (rules.labels.name.empty() ? "" : " with labels=" + rules.labels.name),
                {}, "`help judge` lists the parsers; strict reads every mode");
  }
}

const VerdictLabel* label_of(const VerdictLabels& labels, std::string_view text) {
  if (const VerdictLabel* label = written_label(labels, text)) return label;
  if (const VerdictLabel* label = labels.find(text)) return label;
  const std::string lower = to_lower(text);
  for (const VerdictLabel& label : labels.labels) {
    if (to_lower(std::string_view(label.verdict)) == lower) return &label;
  }
  return nullptr;
}

}  // namespace assay
