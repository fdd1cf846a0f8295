#pragma once
// Figures as Prometheus reads them: the text exposition format 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/). One thread at a time.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay {

class MetricsText {
 public:
  enum class Type { counter, gauge };
  using Labels = std::vector<std::pair<std::string_view, std::string>>;

  /// Begins a family, whose samples follow. Names are ours: [a-z_]+, a counter's ends in _total; each once. One without
  /// samples leaves nothing.
  void family(std::string_view name, Type type, std::string_view help);
  /// Label values are any text: \, " and line ends are escaped; what a terminal would not show (printable.hpp), and
  /// invalid UTF-8, becomes U+FFFD, for which the format has no escape.
  void sample(double value, const Labels& labels = {});
  const std::string& text() const { return text_; }

 private:
  std::string text_, name_, heading_;
};

}  // namespace assay
