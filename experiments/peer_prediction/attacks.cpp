#include <array>

#include "core/text/character_class.hpp"
#include "core/text/error.hpp"
#include "core/text/utf8.hpp"
#include "core/text/words.hpp"
#include "experiments/peer_prediction/critics.hpp"
#include "runners/prompt/md5.hpp"

namespace assay {
namespace {

constexpr std::size_t kEvery = 5;        // characters, words
constexpr std::size_t kFirstMarked = 3;  // word, from 0

std::string case_flipped(std::string_view text) {
  std::string flipped;
  std::size_t place = 0;
  for (std::size_t at = 0; at < text.size(); ++place) {
    const CodePoint point = code_point_at(text, at);
    if (place % kEvery != 0 || !point.valid) {
      flipped.append(text, at, point.length);
    } else {
      const char32_t lower = to_lower(point.value);
      append_utf8(flipped, lower != point.value ? lower : to_upper(point.value));
    }
    at += point.length;
  }
  return flipped;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    const bool blank = point.valid && is_blank_character(point.value);
    if (!blank) {
      if (!inside) words.emplace_back();
      words.back().append(text, at, point.length);
    }
    inside = !blank;
    at += point.length;
  }
  return words;
}

std::string marked(const std::string& text, const std::string& mark) {
  std::vector<std::string> words = words_of(text);
  for (std::size_t i = kFirstMarked; i < words.size(); i += kEvery) words[i] += mark;
  return joined(words);
}

}  // namespace

std::string attacked(const std::string& attack, const std::string& response, const std::string& context) {
  if (attack == "none" || attack.empty()) return response;
  if (attack == "case_flip") return case_flipped(response);
  if (attack == "padding") return response + " " + std::string(10, 'X');
  if (attack == "repetition") return response + " To reiterate: " + response;
  if (attack == "format") {
    const std::string tag = md5_hex(context).substr(0, 6);
    return "<" + tag + "> " + response + " </" + tag + ">";
  }
  if (attack == "pattern") return marked(response, " <pattern-" + md5_hex(context).substr(0, 3) + "> ");
  throw Error("usage", "there is no attack '" + attack + "'", "attack",
              "case_flip, format, padding, pattern, repetition, none");
}

}  // namespace assay
