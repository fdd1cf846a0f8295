#pragma once
// Makers of the single rules behind extract.hpp. Each call compiles the rule's patterns; the rule may be used by any
// thread.

#include <functional>
#include <string>
#include <string_view>

#include "experiments/qa/extract.hpp"

namespace assay::extraction {

using Rule = std::function<Found(std::string_view reply, const AnswerForm& form)>;

/// Python's \w and \s on text, as RE2 classes. Specs: qa.md 5.
inline constexpr std::string_view kWord = R"([\pL\pN_])";
inline constexpr std::string_view kSpace =
    R"([\t-\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}])";

// Rules of others, exactly: section 5.1.
Rule mad();
Rule mad_eval();
Rule csqa();
Rule tiger_l1();
Rule tiger_l2();
Rule tiger_apix();
Rule du_mmlu();
Rule du_gsm();
Rule du_arith();
Rule cue_letter();
Rule cue_number();

// Ours: sections 5.2 and 5.3.
Rule letter();
Rule gsm8k();
Rule boxed();

// What a person writes.
Rule regex(const std::string& pattern, bool first);
Rule json_path(const std::string& path);
Rule exact();

}  // namespace assay::extraction
