#include "experiments/annotation/metrics.hpp"

#include <map>

namespace assay {

void add_annotation_metrics(Score& score, const std::vector<ParsedAnnotation>& replies,
                            const AnnotationParsing& parsing) {
  struct Sum {
    double sum = 0;
    std::size_t n = 0;
  };
  std::map<std::string, Sum> sums;
  std::size_t parsed = 0, malformed = 0, outside = 0;
  for (const ParsedAnnotation& reply : replies) {
    bool any = false;
    for (const auto& [key, value] : reply.values) {
      const double number = value.get<double>();
      const auto [low, high] = parsing.scale_of(key);
      if (number < low || number > high) continue;
      any = true;
      sums[key].sum += number;
      ++sums[key].n;
    }
    parsed += any ? 1 : 0;
    malformed += reply.malformed;
    outside += reply.out_of_scale;
  }
  const auto count = [&](const char* name, std::size_t n) { score.metric(name, static_cast<double>(n)); };
  count("comments", replies.size());
  count("parsed", parsed);
  count("missing", replies.size() - parsed);
  if (malformed > 0) count("malformed", malformed);
  if (outside > 0) count("out_of_scale", outside);
  for (const auto& [key, sum] : sums) score.metric("mean_" + key, sum.sum / static_cast<double>(sum.n));
}

}  // namespace assay
