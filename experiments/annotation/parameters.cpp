#include "experiments/discussion/parameters.hpp"
#include "experiments/annotation/loading.hpp"
#include "experiments/discussion/config_file.hpp"

namespace assay {

std::vector<Parameter> annotation_parameters() { return shown_parameters(annotation_rows()); }

void complete_annotation_grid(const Source& source, LoadGrid& grid) {
  complete_grid_of(source, grid, annotation_rows());
}

}  // namespace assay
