// Third-party files beside the checkout; counts were taken with Python's csv and json modules.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/text/csv.hpp"
#include "core/text/input.hpp"
#include "core/text/json_values.hpp"

namespace assay {
namespace {

bool absent(const std::string& path) {
  if (std::filesystem::exists(path)) return false;
  MESSAGE("skipped: " << path << " is not here");
  return true;
}

TEST_CASE("real question files are read whole, packed or not") {
  struct Case {
    const char* path;
    std::size_t elements;
    JsonShape shape;
  };
  for (const Case& c : std::vector<Case>{{"qa/mmlu_pro_index.jsonl.gz", 12032, JsonShape::lines},
                                         {"qa/mmlu_pro_validation.jsonl", 70, JsonShape::lines},
                                         {"qa/recorded/mmlu_pro_jamba-1.5-large.jsonl.gz", 12032, JsonShape::lines},
                                         {"qa/hf_server/rows_0.json", 100, JsonShape::rows}}) {
    const std::string path = std::string(ASSAY_SHARED_DATA) + "/" + c.path;
    if (absent(path)) return;
    InputFile input(path);
    std::size_t count = 0, objects = 0;
    CHECK(read_json_values(input, {}, [&](Json&& value, const JsonPlace& place) {
            ++count;
            objects += value.is_object() ? 1 : 0;
            if (c.shape == JsonShape::lines) REQUIRE(place.line == count);
            REQUIRE(parse_json(dump_json(value), "t") == value);
          }) == c.shape);
    CHECK(count == c.elements);
    CHECK(objects == c.elements);
  }
}

TEST_CASE("a real table with newlines in its fields is read as Python reads it") {
  const std::string path =
      std::string(ASSAY_SHARED_DATA) + "/discussion/g3_apr2025/data/datasets/abl_turns_roundrobin.25-04-11-13-06.csv";
  if (absent(path)) return;
  InputFile input(path);
  CsvReader reader(input);
  std::vector<std::string> row;
  std::size_t rows = 0, bytes = 0, with_newlines = 0;
  while (reader.next(row)) {
    ++rows;
    CHECK(row.size() == 34);
    for (const std::string& field : row) {
      bytes += field.size();
      with_newlines += field.find('\n') == std::string::npos ? 0 : 1;
    }
  }
  CHECK(rows == 36);
  CHECK(bytes == 48884);
  CHECK(with_newlines == 37);
}

}  // namespace
}  // namespace assay
