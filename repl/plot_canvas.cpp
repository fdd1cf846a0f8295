#include "repl/plot_canvas.hpp"

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <cairo.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/text/error.hpp"
#include "core/text/printable.hpp"

namespace assay {
namespace {

constexpr double kPngScale = 2, kMostPixels = 32'000;  // cairo has no larger images

cairo_status_t append_bytes(void* sink, const unsigned char* bytes, unsigned int length) {
  static_cast<std::string*>(sink)->append(reinterpret_cast<const char*>(bytes), length);
  return CAIRO_STATUS_SUCCESS;
}

struct DestroySurface {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
struct DestroyContext {
  void operator()(cairo_t* context) const { cairo_destroy(context); }
};

}  // namespace

struct PlotCanvas::Impl {
  PlotFormat format;
  std::string bytes;
  std::unique_ptr<cairo_surface_t, DestroySurface> surface;
  std::unique_ptr<cairo_t, DestroyContext> context;

  cairo_t* cr() { return context.get(); }
  void colour(const Colour& c) { cairo_set_source_rgba(cr(), c.red, c.green, c.blue, c.alpha); }
  void font(double size, bool bold) {
    cairo_select_font_face(cr(), "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL,
                           bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cr(), size);
  }
  double width_of(const std::string& words) {
    cairo_text_extents_t extents;
    cairo_text_extents(cr(), words.c_str(), &extents);
    return extents.x_advance;
  }
};

PlotCanvas::PlotCanvas(PlotFormat format, double width, double height) : impl_(std::make_unique<Impl>()) {
  impl_->format = format;
  cairo_surface_t* surface = nullptr;
  switch (format) {
    case PlotFormat::svg:
      surface = cairo_svg_surface_create_for_stream(append_bytes, &impl_->bytes, width, height);
      break;
    case PlotFormat::pdf:
      surface = cairo_pdf_surface_create_for_stream(append_bytes, &impl_->bytes, width, height);
      break;
    case PlotFormat::png: {
      const double scale = std::min(kPngScale, kMostPixels / std::max(width, height));
      surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(std::ceil(width * scale)),
                                           static_cast<int>(std::ceil(height * scale)));
      cairo_surface_set_device_scale(surface, scale, scale);
      break;
    }
  }
  impl_->surface.reset(surface);
  impl_->context.reset(cairo_create(surface));
  impl_->colour({1, 1, 1});
  cairo_paint(impl_->cr());
}

PlotCanvas::~PlotCanvas() = default;

void PlotCanvas::line(double x1, double y1, double x2, double y2, const Colour& colour, double width) {
  impl_->colour(colour);
  cairo_set_line_width(impl_->cr(), width);
  cairo_move_to(impl_->cr(), x1, y1);
  cairo_line_to(impl_->cr(), x2, y2);
  cairo_stroke(impl_->cr());
}

void PlotCanvas::box(double x, double y, double width, double height, const Colour& fill) {
  impl_->colour(fill);
  cairo_rectangle(impl_->cr(), x, y, width, height);
  cairo_fill(impl_->cr());
}

void PlotCanvas::dot(double x, double y, double radius, const Colour& fill) {
  impl_->colour(fill);
  cairo_new_sub_path(impl_->cr());
  cairo_arc(impl_->cr(), x, y, radius, 0, 2 * std::numbers::pi);
  cairo_fill(impl_->cr());
}

void PlotCanvas::diamond(double x, double y, double radius, const Colour& fill) {
  impl_->colour(fill);
  cairo_move_to(impl_->cr(), x - radius, y);
  cairo_line_to(impl_->cr(), x, y - radius);
  cairo_line_to(impl_->cr(), x + radius, y);
  cairo_line_to(impl_->cr(), x, y + radius);
  cairo_close_path(impl_->cr());
  cairo_fill(impl_->cr());
}

void PlotCanvas::text(double x, double y, std::string_view words, double size, TextAlign align, const Colour& colour,
                      bool bold, bool upwards) {
  const std::string shown = safe(words).text();
  cairo_save(impl_->cr());
  impl_->colour(colour);
  impl_->font(size, bold);
  const double width = align == TextAlign::left ? 0 : impl_->width_of(shown);
  cairo_move_to(impl_->cr(), x, y);
  if (upwards) cairo_rotate(impl_->cr(), -std::numbers::pi / 2);
  cairo_rel_move_to(impl_->cr(), align == TextAlign::centre ? -width / 2 : -width, 0);
  cairo_show_text(impl_->cr(), shown.c_str());
  cairo_restore(impl_->cr());
}

double PlotCanvas::text_width(std::string_view words, double size, bool bold) {
  impl_->font(size, bold);
  return impl_->width_of(safe(words).text());
}

std::string PlotCanvas::fitting(std::string_view words, double size, double room) {
  impl_->font(size, false);
  Printable shown = safe(words.substr(0, 1000));
  for (std::size_t columns = shown.width(); columns > 1 && impl_->width_of(shown.text()) > room; --columns) {
    shown = safe(words.substr(0, 1000)).truncated(columns);
  }
  return shown.text();
}

std::string PlotCanvas::finish() {
  cairo_status_t status = cairo_status(impl_->cr());
  if (status == CAIRO_STATUS_SUCCESS && impl_->format == PlotFormat::png) {
    status = cairo_surface_write_to_png_stream(impl_->surface.get(), append_bytes, &impl_->bytes);
  }
  impl_->context.reset();
  cairo_surface_finish(impl_->surface.get());
  if (status == CAIRO_STATUS_SUCCESS) status = cairo_surface_status(impl_->surface.get());
  if (status != CAIRO_STATUS_SUCCESS) {
    throw Error("plot", std::string("it can't be drawn: ") + cairo_status_to_string(status), {},
                "is a font installed? (Debian: fonts-dejavu-core)");
  }
  return std::move(impl_->bytes);
}

}  // namespace assay
