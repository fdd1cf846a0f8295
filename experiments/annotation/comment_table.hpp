#pragma once
// A table whose rows come in parts (the comment, the annotation beside it): CSV by RFC 4180 with LF, or JSON lines with
// the same names. A part that stands in many rows is written once. One thread.

#include <string>
#include <vector>

#include "core/text/json.hpp"

namespace assay {

class CommentTable {
 public:
  enum class Form { csv, json_lines };
  explicit CommentTable(Form form) : form_(form) {}

  using Names = std::vector<std::string>;
  /// The cells of some columns. CSV: null is empty, lists are JSON.
  std::string part(const Names& names, const std::vector<Json>& cells) const;
  void header(const std::vector<Names>& parts);
  void row(std::initializer_list<const std::string*> parts);
  std::string take() { return std::move(text_); }

 private:
  Form form_;
  std::string text_;
};

}  // namespace assay
