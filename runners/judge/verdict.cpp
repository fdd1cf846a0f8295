#include "runners/judge/verdict.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/text/error.hpp"
#include "core/text/utf8.hpp"
#include "core/text/words.hpp"
#include "runners/judge/reading.hpp"

namespace assay {
namespace {

constexpr std::array<std::pair<JudgeMode, std::string_view>, 6> kModes = {{{JudgeMode::binary, "binary"},
                                                                           {JudgeMode::choice, "choice"},
                                                                           {JudgeMode::score, "score"},
                                                                           {JudgeMode::rubric, "rubric"},
                                                                           {JudgeMode::pairwise, "pairwise"},
                                                                           {JudgeMode::compare, "compare"}}};

constexpr std::array<std::string_view, 10> kStatuses = {"exact",  "lenient", "ambiguous", "out_of_range", "partial",
                                                        "failed", "empty",   "truncated", "refused",      "error"};

std::vector<std::string> parts_of(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t end = std::min(text.find(',', from), text.size());
    parts.emplace_back(trim(text.substr(from, end - from)));
    from = end + 1;
  }
  return parts;
}

/// All of the text as a number; nullopt: it is none.
std::optional<double> whole_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value - value == 0)) return std::nullopt;
  return value;
}

void refuse_repeated(const VerdictLabels& labels, const char* place) {
  std::vector<std::string> texts;
  for (const VerdictLabel& label : labels.labels) {
    for (const std::string& text : label.texts) {
      if (text.empty()) throw Error("usage", "a label without a text", place);
      if (std::find(texts.begin(), texts.end(), text) != texts.end())
        throw Error("usage", "the label '" + text + "' stands twice", place, "labels are read without case");
      texts.push_back(text);
    }
  }
}

/// "A:1,B:0.5,C:0".
VerdictLabels choice_labels(std::string_view choices) {
  VerdictLabels labels;
  labels.name = "choices";
  for (const std::string& part : parts_of(choices)) {
    const std::size_t colon = part.rfind(':');
    const auto value = colon == std::string::npos ? std::nullopt : whole_number(trim(part.substr(colon + 1)));
    if (!value) throw Error("usage", "'" + part + "': expected LABEL:VALUE", "choices", "choices='A:1,B:0.5,C:0'");
    const std::string label(trim(std::string_view(part).substr(0, colon)));
    labels.labels.push_back({{to_lower(bare(label))}, label, *value});
  }
  if (labels.labels.size() < 2) throw Error("usage", "fewer than two labels", "choices", "choices='A:1,B:0.5,C:0'");
  refuse_repeated(labels, "choices");
  return labels;
}

/// x:positive,negative and x:first,second,tie.
VerdictLabels own_labels(std::string_view name, JudgeMode mode) {
  VerdictLabels labels;
  labels.name = std::string(name);
  const std::vector<std::string> parts = parts_of(name.substr(2));
  const bool pairwise = mode == JudgeMode::pairwise;
  if (parts.size() != 2 && !(pairwise && parts.size() == 3)) {
    throw Error("usage",
                "'" + labels.name + "': expected " +
                    (pairwise ? "x:FIRST,SECOND or x:FIRST,SECOND,TIE" : "x:POSITIVE,NEGATIVE"),
                "labels", "labels with a comma stand in quotes");
  }
  constexpr std::array<std::string_view, 3> kPairwise = {"A", "B", "tie"};
  constexpr std::array<double, 3> kValues = {1, 0, 0.5};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    labels.labels.push_back({{to_lower(bare(parts[i]))}, pairwise ? std::string(kPairwise[i]) : parts[i], kValues[i]});
  }
  refuse_repeated(labels, "labels");
  return labels;
}

std::optional<VerdictLabels> known_labels(const std::string& name, JudgeMode mode) {
  if (mode == JudgeMode::binary) {
    if (name == "01") return VerdictLabels{name, false, false, {{{"1"}, "positive", 1}, {{"0"}, "negative", 0}}};
    if (name == "yesno") return VerdictLabels{name, false, false, {{{"yes"}, "positive", 1}, {{"no"}, "negative", 0}}};
  }
  if (mode != JudgeMode::pairwise) return std::nullopt;
  if (name == "AB")
    return VerdictLabels{name, false, false, {{{"a"}, "A", 1}, {{"b"}, "B", 0}, {{"c", "tie"}, "tie", 0.5}}};
  if (name == "AB2") return VerdictLabels{name, false, false, {{{"a"}, "A", 1}, {{"b"}, "B", 0}}};
  if (name == "mM") return VerdictLabels{name, true, false, {{{"m"}, "A", 1}, {{"M"}, "B", 0}}};
  if (name == "AB5") {
    return VerdictLabels{
        name,
        false,
        true,
        {{{"a>>b"}, "A", 1, 3}, {{"a>b"}, "A", 1}, {{"a=b"}, "tie", 0.5}, {{"b>a"}, "B", 0}, {{"b>>a"}, "B", 0, 3}}};
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_text(JudgeMode mode) { return kModes[static_cast<std::size_t>(mode)].second; }

std::optional<JudgeMode> judge_mode(std::string_view text) {
  for (const auto& [mode, name] : kModes) {
    if (name == text) return mode;
  }
  return std::nullopt;
}

bool VerdictLabels::has_tie() const { return find("tie") != nullptr; }

const VerdictLabel* VerdictLabels::find(std::string_view verdict) const {
  const auto found =
      std::find_if(labels.begin(), labels.end(), [&](const VerdictLabel& label) { return label.verdict == verdict; });
  return found == labels.end() ? nullptr : &*found;
}

VerdictLabels verdict_labels(std::string_view name, JudgeMode mode, bool ties, std::string_view choices) {
  if (mode == JudgeMode::score || mode == JudgeMode::rubric || mode == JudgeMode::compare) {
    if (name.empty()) return {};
    throw Error("usage", "mode=" + std::string(to_text(mode)) + " has numbers for verdicts", "labels",
                "leave labels out");
  }
  if (mode == JudgeMode::choice) {
    if (!name.empty()) throw Error("usage", "mode=choice has the labels of choices", "labels", "leave labels out");
    return choice_labels(choices);
  }
  std::string asked(name);
  if (asked.empty()) asked = mode == JudgeMode::binary ? "01" : ties ? "AB" : "AB2";
  const std::optional<VerdictLabels> known =
      asked.starts_with("x:") ? std::optional(own_labels(asked, mode)) : known_labels(asked, mode);
  if (!known) {
    throw Error(
        "usage", "'" + asked + "' is no alphabet of mode=" + std::string(to_text(mode)), "labels",
        mode == JudgeMode::binary ? "01, yesno or 'x:POSITIVE,NEGATIVE'" : "AB, AB2, AB5, mM or 'x:FIRST,SECOND,TIE'");
  }
  if (!ties && mode == JudgeMode::pairwise && known->has_tie()) {
    throw Error("usage", "labels=" + asked + " has a tie, ties=off allows none", "labels", "AB2 is AB without a tie");
  }
  return *known;
}

Scale judge_scale(std::string_view text) {
  if (text == "none") return std::nullopt;
  const std::string hint = "scale=1-10, scale=none";
  // The dash between both is the first one that is no sign.
  const std::size_t dash = text.find('-', text.starts_with('-') ? 2 : 1);
  const auto low = dash == std::string_view::npos ? std::nullopt : whole_number(text.substr(0, dash));
  const auto high = dash == std::string_view::npos ? std::nullopt : whole_number(text.substr(dash + 1));
  if (!low || !high) throw Error("usage", "'" + std::string(text) + "': expected LOW-HIGH or none", "scale", hint);
  if (*low >= *high)
    throw Error("usage", "'" + std::string(text) + "': the low end is not below the high end", "scale", hint);
  return std::pair(*low, *high);
}

std::string_view to_text(ReadStatus status) { return kStatuses[static_cast<std::size_t>(status)]; }

std::optional<ReadStatus> read_status(std::string_view text) {
  for (std::size_t i = 0; i < kStatuses.size(); ++i) {
    if (kStatuses[i] == text) return static_cast<ReadStatus>(i);
  }
  return std::nullopt;
}

}  // namespace assay
