#pragma once
// Batches of discussions and annotations to export: result files of a folder, and small ones made by hand.

#include <map>
#include <string>
#include <vector>

#include "core/text/csv.hpp"
#include "core/text/error.hpp"
#include "experiments/annotation/exports.hpp"
#include "experiments/annotation/record.hpp"
#include "experiments/discussion/design.hpp"
#include "experiments/discussion/result_file.hpp"
#include "tests/experiments/discussion/shared_discussion.hpp"
#include "tests/experiments/qa/fake_batch.hpp"

namespace assay {

inline BatchInfo batch_info(const std::string& kind, const std::string& name, const std::string& source = {}) {
  BatchInfo info;
  info.kind = kind;
  info.name = name;
  info.source = source;
  return info;
}

inline FakeBatch discussions_of(const std::filesystem::path& path, const std::string& name = "talks") {
  std::vector<std::string> warnings;
  return {batch_info("discussion", name, path), load_discussion_results(path, false, warnings)};
}
inline FakeBatch annotations_of(const std::filesystem::path& path, const std::string& name = "judged") {
  std::vector<std::string> warnings;
  return {batch_info("annotation", name, path), load_annotation_results(path, false, warnings)};
}

inline JointExport export_of(const std::string& format, const std::vector<const BatchView*>& batches,
                             const std::string& path = "out.csv") {
  return export_discussions(format, path, batches);
}

/// Rows of a CSV by column name.
struct Table {
  std::vector<std::string> columns;
  std::vector<std::map<std::string, std::string>> rows;
};
inline Table read_table(const std::string& text) {
  InputText input(text, "table");
  CsvReader reader(input);
  Table table;
  std::vector<std::string> fields;
  if (!reader.next(fields)) return table;
  table.columns = fields;
  while (reader.next(fields)) {
    auto& row = table.rows.emplace_back();
    for (std::size_t i = 0; i < fields.size(); ++i) row[table.columns[i]] = fields[i];
  }
  return table;
}

}  // namespace assay
