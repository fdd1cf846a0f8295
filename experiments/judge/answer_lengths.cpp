#include "experiments/judge/answer_lengths.hpp"

#include "core/text/utf8.hpp"

namespace assay {

std::pair<double, double> answer_lengths(const JudgeItem& item) {
  const auto length = [](double given, const std::optional<std::string>& text, const std::vector<std::string>& texts) {
    if (given == given) return given;
    double sum = text && texts.empty() ? static_cast<double>(count_code_points(*text)) : 0;
    for (const std::string& one : texts) sum += static_cast<double>(count_code_points(one));
    return text || !texts.empty() ? sum : kUndefined;
  };
  return {length(item.len_a, item.response1, item.responses1), length(item.len_b, item.response2, item.responses2)};
}

}  // namespace assay
