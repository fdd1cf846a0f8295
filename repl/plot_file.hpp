#pragma once
// A plot as an image: one drawing by cairo, for SVG, PNG (twice the size, for sharp screens) and PDF. White background,
// colours of Okabe and Ito that colour-blind readers tell apart, letters as outlines in SVG (the font need not be where
// it is read). An SVG has title and desc for screen readers. One thread at a time.

#include <optional>
#include <string>
#include <string_view>

#include "repl/plot.hpp"

namespace assay {

enum class PlotFormat { svg, png, pdf };

/// By the ending of a file's name; nullopt for another.
std::optional<PlotFormat> plot_format(std::string_view path);
/// ".svg, .png or .pdf"
std::string plot_formats();
/// Whether a file begins as one of that format does.
bool begins_as(PlotFormat format, std::string_view bytes);

/// The bytes of the file. Throws Error "plot" when nothing can be drawn: no font.
std::string plot_image(const Plot& plot, PlotFormat format);

}  // namespace assay
