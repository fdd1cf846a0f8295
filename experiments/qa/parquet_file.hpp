#pragma once
// What a Parquet file says of itself: its columns and their shapes, its row groups, the headers of its pages. Values;
// pure functions. Source: apache/parquet-format, parquet.thrift and LogicalTypes.md.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

enum class ParquetType : std::int8_t { boolean, int32, int64, int96, real32, real64, bytes, fixed_bytes };

/// A column as it is stored.
struct ParquetLeaf {
  std::string path;  ///< as a person would write it: "choices.label", without the layers of a list
  ParquetType type = ParquetType::bytes;
  std::int64_t converted = -1;  ///< ConvertedType
  std::uint8_t max_definition = 0, max_repetition = 0;
};

/// A value as a reader sees it. Leaves below it: first_leaf .. first_leaf + leaves - 1.
struct ParquetNode {
  enum class Shape : std::uint8_t { scalar, structure, list } shape = Shape::scalar;
  std::string name;
  std::uint8_t definition = 0;          ///< from this level on it is not null
  std::uint8_t element_definition = 0;  ///< list: from this level on there is an element
  std::size_t first_leaf = 0, leaves = 1;
  std::vector<ParquetNode> children;  ///< list: its element
};

struct ParquetChunk {
  std::int64_t type = -1, codec = 0, values = 0, bytes = 0;
  std::int64_t data_offset = 0, dictionary_offset = 0;  ///< 0: none
};

struct ParquetGroup {
  std::vector<ParquetChunk> chunks;  ///< in the order of the leaves
  std::int64_t rows = 0;
};

struct ParquetFile {
  std::vector<ParquetLeaf> leaves;
  std::vector<ParquetNode> columns;
  std::vector<ParquetGroup> groups;
  std::uint64_t rows = 0;
  std::size_t data_end = 0;  ///< where the footer begins
};

/// Throws ParquetFault. What it says is checked as far as it can be without the pages.
ParquetFile read_parquet_footer(std::string_view bytes);

struct ParquetPage {
  enum class Kind : std::uint8_t { data, index, dictionary, data_v2 } kind = Kind::data;
  std::size_t plain_bytes = 0, packed_bytes = 0, header_bytes = 0;
  std::optional<std::uint32_t> crc;
  std::size_t values = 0;
  std::int64_t encoding = 0, definition_encoding = 3, repetition_encoding = 3;
  std::size_t definition_bytes = 0, repetition_bytes = 0;  ///< v2
  bool packed = true;                                      ///< v2
};

/// The header that stands at the beginning of `bytes`. Throws ParquetFault.
ParquetPage read_parquet_page(std::string_view bytes);

}  // namespace assay
