#pragma once
// What a kind has to say of a batch: a document, not a printout. repl draws it as text, exporters as Markdown, HTML or
// JSON. `figures` is the machine form, named as the kind's spec names it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/text/json.hpp"

namespace assay {

struct ReportHeading {
  int level = 1;  // 1 title, 2 section
  std::string text;
};
struct ReportText {
  std::string text;
};
/// A cell is drawn by its column's form. null cells are drawn as "-".
struct ReportTable {
  enum class Form { text, count, ratio, number, usd, seconds };  // ratio: 0.4925 is shown as 49.3 %; usd in dollars
  struct Column {
    std::string name;
    Form form = Form::text;
  };
  std::string title;
  std::vector<Column> columns;
  std::vector<std::vector<Json>> rows;
  /// Rows that a terminal shows, and says that it does; files have all. 0: only a line that says that there are some.
  std::size_t shown = SIZE_MAX;
};

/// Figures along an ordered axis (rounds, widths), each with an interval where it has one.
struct ReportChart {
  struct Point {
    std::string label;
    double value = 0;
    std::optional<double> low = {}, high = {};
  };
  struct Series {
    std::string name;
    std::vector<Point> points;
  };
  std::string title, axis;
  ReportTable::Form form = ReportTable::Form::ratio;
  bool stacked = false;  // the series are parts of a whole: bars one on the other, instead of lines
  std::vector<Series> series;
};

struct Report {
  std::vector<std::variant<ReportHeading, ReportText, ReportTable, ReportChart>> blocks;
  Json figures = Json::object();

  Report& heading(int level, std::string text) {
    blocks.emplace_back(ReportHeading{level, std::move(text)});
    return *this;
  }
  Report& text(std::string line) {
    blocks.emplace_back(ReportText{std::move(line)});
    return *this;
  }
  Report& table(ReportTable t) {
    blocks.emplace_back(std::move(t));
    return *this;
  }
  Report& chart(ReportChart c) {
    blocks.emplace_back(std::move(c));
    return *this;
  }
};

}  // namespace assay
