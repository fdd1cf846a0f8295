#include "experiments/annotation/comment_table.hpp"

#include "core/text/csv.hpp"
#include "experiments/annotation/export_records.hpp"

namespace assay {

std::string CommentTable::part(const Names& names, const std::vector<Json>& cells) const {
  std::string out;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out += ',';
    if (form_ == Form::csv) {
      out += csv_field(field_text(cells[i]));
    } else {
      append_json_string(out, names[i]);
      out += ':';
      out += dump_json(cells[i]);
    }
  }
  return out;
}

void CommentTable::header(const std::vector<Names>& parts) {
  if (form_ != Form::csv) return;
  for (const Names& names : parts) {
    for (const std::string& name : names) {
      if (!text_.empty()) text_ += ',';
      text_ += csv_field(name);
    }
  }
  text_ += '\n';
}

void CommentTable::row(std::initializer_list<const std::string*> parts) {
  if (form_ == Form::json_lines) text_ += '{';
  bool first = true;
  for (const std::string* part : parts) {
    // An empty cell of CSV is a cell; an empty part of an object is nothing.
    if (!first && (form_ != Form::json_lines || !part->empty())) text_ += ',';
    first = false;
    text_ += *part;
  }
  text_ += form_ == Form::json_lines ? "}\n" : "\n";
}

}  // namespace assay
