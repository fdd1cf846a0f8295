#pragma once
// A page to draw on, by cairo: lines, boxes, dots and text at a place, in points (1/72 inch), y downwards. One thread.

#include <memory>
#include <string>
#include <string_view>

#include "repl/plot_file.hpp"

namespace assay {

struct Colour {
  double red = 0, green = 0, blue = 0, alpha = 1;
};

enum class TextAlign { left, centre, right };

class PlotCanvas {
 public:
  PlotCanvas(PlotFormat format, double width, double height);
  ~PlotCanvas();
  PlotCanvas(const PlotCanvas&) = delete;
  PlotCanvas& operator=(const PlotCanvas&) = delete;

  void line(double x1, double y1, double x2, double y2, const Colour& colour, double width = 1);
  void box(double x, double y, double width, double height, const Colour& fill);
  void dot(double x, double y, double radius, const Colour& fill);
  void diamond(double x, double y, double radius, const Colour& fill);
  /// Its foot is at y. Control characters are shown escaped. `upwards`: turned by a quarter, read from below.
  void text(double x, double y, std::string_view words, double size, TextAlign align, const Colour& colour,
            bool bold = false, bool upwards = false);
  double text_width(std::string_view words, double size, bool bold = false);
  /// Cut to `room` with an ellipsis.
  std::string fitting(std::string_view words, double size, double room);

  /// The bytes of the file; nothing can be drawn after it. Throws Error "plot".
  std::string finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace assay
