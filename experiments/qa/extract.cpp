#include "experiments/qa/extract.hpp"

#include <algorithm>
#include <array>

#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/utf8.hpp"
#include "experiments/qa/extract_rules.hpp"

namespace assay {
namespace {

struct Row {
  std::string_view name;
  extraction::Rule (*make)();
};

constexpr std::array kRules{
    Row{"letter", extraction::letter},
    Row{"gsm8k", extraction::gsm8k},
    Row{"boxed", extraction::boxed},
    Row{"exact", extraction::exact},
    Row{"mad", extraction::mad},
    Row{"mad_eval", extraction::mad_eval},
    Row{"csqa", extraction::csqa},
    Row{"tiger_l1", extraction::tiger_l1},
    Row{"tiger_l2", extraction::tiger_l2},
    Row{"tiger_apix", extraction::tiger_apix},
    Row{"du_mmlu", extraction::du_mmlu},
    Row{"du_gsm", extraction::du_gsm},
    Row{"du_arith", extraction::du_arith},
    Row{"cue_letter", extraction::cue_letter},
    Row{"cue_number", extraction::cue_number},
};
constexpr std::array<std::string_view, 3> kPrefixes{"regex:", "regexfirst:", "json:"};

const Row* find_row(std::string_view name) {
  const auto* const found =
      std::find_if(kRules.begin(), kRules.end(), [&](const Row& row) { return row.name == name; });
  return found == kRules.end() ? nullptr : &*found;
}

bool begins_rule(std::string_view text) {
  if (std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](auto prefix) { return text.starts_with(prefix); }))
    return true;
  return find_row(text.substr(0, text.find('>'))) != nullptr;
}

/// A pattern may hold ">": after one, a chain goes on only where a rule begins.
std::vector<std::string> split_chain(const std::string& spec) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t at = spec.find('>'); at != std::string::npos; at = spec.find('>', at + 1)) {
    const std::string_view part = std::string_view(spec).substr(begin, at - begin);
    const bool free_text = std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](auto p) { return part.starts_with(p); });
    if (free_text && !begins_rule(std::string_view(spec).substr(at + 1))) continue;
    parts.emplace_back(part);
    begin = at + 1;
  }
  parts.push_back(spec.substr(begin));
  return parts;
}

extraction::Rule make_rule(const std::string& part) {
  if (part.starts_with("regex:")) return extraction::regex(part.substr(6), false);
  if (part.starts_with("regexfirst:")) return extraction::regex(part.substr(11), true);
  if (part.starts_with("json:")) return extraction::json_path(part.substr(5));
  if (const Row* row = find_row(part)) return row->make();
  const auto names = Extractor::names();
  const auto near = nearest(part, names);
  std::string all;
  for (const auto& name : names) all += name + " ";
  throw Error("usage", "unknown extractor '" + part + "'", "extract",
              (near ? "did you mean " + *near + "? " : std::string()) + "known: " + all +
                  "regex:PATTERN regexfirst:PATTERN json:PATH, and chains NAME>NAME");
}

}  // namespace

AnswerForm AnswerForm::choice(std::size_t n_options) {
  AnswerForm form{Kind::choice, {}};
  for (std::size_t i = 0; i < std::min<std::size_t>(n_options, 26); ++i) form.labels += static_cast<char>('A' + i);
  return form;
}

Extractor::Extractor(const std::string& spec) : spec_(spec) {
  for (const auto& part : split_chain(spec)) chain_.push_back(make_rule(part));
}

Found Extractor::find(std::string_view reply, const AnswerForm& form) const {
  std::string repaired;
  if (!is_valid_utf8(reply)) {
    repaired = repair_utf8(reply);
    reply = repaired;
  }
  for (const auto& rule : chain_) {
    if (Found found = rule(reply, form); found.value) return found;
  }
  return {};
}

std::vector<std::string> Extractor::names() {
  std::vector<std::string> names;
  for (const auto& row : kRules) names.emplace_back(row.name);
  return names;
}

}  // namespace assay
