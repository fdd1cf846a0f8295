#include "experiments/qa/parquet.hpp"

#include <memory>
#include <vector>

#include "core/text/error.hpp"
#include "experiments/qa/parquet_column.hpp"
#include "experiments/qa/parquet_file.hpp"
#include "experiments/qa/parquet_thrift.hpp"

namespace assay {
namespace {

constexpr std::uint64_t kBytesPerValue = 48;  // a JSON value and its place, in rows that whoever takes them may keep

[[noreturn]] void refuse(const ParquetFault& fault, const std::string& name, const std::string& where = {}) {
  const std::string advice =
      "python3 -c \"import pandas; pandas.read_parquet('IN.parquet').to_json('OUT.jsonl', orient='records', "
      "lines=True)\"";
  throw Error("data", "Parquet: " + where + fault.what(), name,
              fault.unsupported() ? "convert it to JSON lines: " + advice
                                  : "is the file whole? Else convert it to JSON lines: " + advice);
}

/// Puts the columns of one row group together again (Dremel's assembly; with one level of lists it needs no automaton).
class RowAssembler {
 public:
  RowAssembler(const ParquetFile& file, const std::vector<std::unique_ptr<ParquetColumn>>& columns,
               ParquetBudget& budget)
      : file_(file), columns_(columns), budget_(budget) {}

  Json row(std::uint64_t number) {
    row_ = number;
    Json row = Json::object();
    for (const ParquetNode& column : file_.columns) row[column.name] = value(column, 0);
    return row;
  }

  /// The column that was being read.
  const std::string& path() const { return columns_[leaf_]->leaf().path; }

 private:
  std::size_t entries(std::size_t leaf) const { return columns_[leaf]->first(row_ + 1) - columns_[leaf]->first(row_); }

  /// `k`: which element of the list that it stands in; 0 outside of lists.
  Json value(const ParquetNode& node, std::size_t k) {
    leaf_ = node.first_leaf;
    budget_.take(kBytesPerValue);
    if (k >= entries(leaf_)) throw ParquetFault("damaged data: a list with fewer values than its neighbour");
    const ParquetColumn& column = *columns_[leaf_];
    const std::size_t entry = column.first(row_) + k;
    const std::uint8_t definition = column.definition(entry);
    if (definition < node.definition) return nullptr;
    switch (node.shape) {
      case ParquetNode::Shape::scalar: {
        Json text = column.value(entry);
        if (text.is_string()) budget_.take(text.get_ref<const std::string&>().size());
        return text;
      }
      case ParquetNode::Shape::structure: {
        Json object = Json::object();
        for (const ParquetNode& child : node.children) object[child.name] = value(child, k);
        return object;
      }
      case ParquetNode::Shape::list:
        break;
    }
    Json list = Json::array();
    if (definition < node.element_definition) return list;
    const std::size_t count = entries(node.first_leaf);
    for (std::size_t i = 1; i < node.leaves; ++i) {
      if (entries(node.first_leaf + i) != count) {
        throw ParquetFault("damaged data: a list with fewer values than its neighbour");
      }
    }
    for (std::size_t i = 0; i < count; ++i) list.push_back(value(node.children.front(), i));
    return list;
  }

  const ParquetFile& file_;
  const std::vector<std::unique_ptr<ParquetColumn>>& columns_;
  ParquetBudget& budget_;
  std::uint64_t row_ = 0;
  std::size_t leaf_ = 0;
};

ParquetFile open(std::string_view bytes, const std::string& name) {
  try {
    return read_parquet_footer(bytes);
  } catch (const ParquetFault& fault) {
    refuse(fault, name);
  }
}

}  // namespace

void read_parquet(std::string_view bytes, const std::string& name,
                  const std::function<void(Json&&, std::uint64_t)>& each) {
  const ParquetFile file = open(bytes, name);
  ParquetBudget budget(bytes.size());
  std::uint64_t number = 0;
  for (const ParquetGroup& group : file.groups) {
    std::vector<std::unique_ptr<ParquetColumn>> columns;
    const auto rows = static_cast<std::uint64_t>(group.rows);
    for (std::size_t i = 0; i < file.leaves.size(); ++i) {
      try {
        columns.push_back(
            std::make_unique<ParquetColumn>(bytes, file.data_end, file.leaves[i], group.chunks[i], rows, budget));
      } catch (const ParquetFault& fault) {
        refuse(fault, name, "column '" + file.leaves[i].path + "', ");
      }
    }
    RowAssembler assembler(file, columns, budget);
    for (std::uint64_t row = 0; row < rows; ++row) {
      Json value;
      ++number;
      try {
        value = assembler.row(row);
      } catch (const ParquetFault& fault) {
        refuse(fault, name, "column '" + assembler.path() + "', row " + std::to_string(number) + ": ");
      }
      each(std::move(value), number);
    }
  }
}

}  // namespace assay
