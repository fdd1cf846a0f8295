#include "experiments/qa/parquet.hpp"

#include <doctest/doctest.h>

#include <ctime>
#include <iostream>
#include <random>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "experiments/qa/loading.hpp"
#include "experiments/qa/parameters.hpp"
#include "experiments/qa/parquet_codec.hpp"
#include "tests/experiments/qa/parquet_writer.hpp"
#include "tests/experiments/qa/shared_data.hpp"

namespace assay {
namespace {

using test::ParquetField;
using test::ParquetForm;
using test::write_parquet;

std::vector<Json> rows_of(std::string_view bytes) {
  std::vector<Json> rows;
  read_parquet(bytes, "x.parquet", [&](Json&& row, std::uint64_t number) {
    rows.push_back(std::move(row));
    REQUIRE(number == rows.size());
  });
  return rows;
}

/// "loaded", or the message; anything but an Error fails the test.
std::string outcome(std::string_view bytes) {
  try {
    read_parquet(bytes, "x.parquet", [](Json&&, std::uint64_t) {});
  } catch (const Error& error) {
    CHECK(error.kind() == "data");
    CHECK(!error.hint().empty());
    return error.what();
  }
  return "loaded";
}

std::vector<Item> items_of(const std::string& path) {
  std::vector<std::string> warnings;
  return read_items({path, path, std::nullopt}, resolve_parameters(qa_parameters(), {}, "qa"), warnings);
}

Json without_source(const Item& item) {
  Json data = to_data(item, Json::object());
  data.erase("source");
  return data;
}

const std::vector<ParquetField> kFields{
    {.kind = 'l', .name = "question_id", .optional = false},
    {.kind = 's', .name = "question"},
    {.kind = 'L', .name = "options", .children = {{.kind = 's', .name = "element"}}},
    {.kind = 'L', .name = "items", .optional = false, .children = {{.kind = 'i', .name = "item", .optional = false}}},
    {.kind = '2', .name = "old", .children = {{.kind = 's', .name = ""}}, .layer = "array"},
    {.kind = 'r', .name = "bare", .children = {{.kind = 'd', .name = ""}}},
    {.kind = 'g',
     .name = "choices",
     .children = {{.kind = 'L', .name = "label", .children = {{.kind = 's', .name = "element"}}},
                  {.kind = 'L', .name = "text", .children = {{.kind = 's', .name = "element"}}},
                  {.kind = 'g', .name = "inner", .children = {{.kind = 'b', .name = "flag"}}}}},
    {.kind = 'L',
     .name = "pairs",
     .children = {{.kind = 'g',
                   .name = "element",
                   .children = {{.kind = 's', .name = "k", .optional = false}, {.kind = 'f', .name = "v"}}}}},
    {.kind = 'b', .name = "yes"},
    {.kind = 'd', .name = "weight"},
    {.kind = 'i', .name = "small", .converted = 13},
};

std::vector<Json> some_rows(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  const auto text = [&] {
    const char* words[] = {"", "a", "Ünïcode", "the quick brown fox jumps over the quick brown fox", "no", "yes\nno"};
    return std::string(words[below(6)]) + (below(3) == 0 ? std::to_string(below(1000)) : "");
  };
  const auto texts = [&](bool nulls) {
    Json list = Json::array();
    for (unsigned n = below(5); n > 0; --n) list.push_back(nulls && below(4) == 0 ? Json() : Json(text()));
    return list;
  };
  std::vector<Json> rows;
  for (std::size_t i = 0; i < count; ++i) {
    Json row = Json::object();
    row["question_id"] = static_cast<std::int64_t>(i) - 5;
    row["question"] = below(5) == 0 ? Json() : Json(text());
    row["options"] = below(6) == 0 ? Json() : texts(true);
    row["items"] = Json::array();
    for (unsigned n = below(4); n > 0; --n) row["items"].push_back(static_cast<int>(below(100)) - 50);
    row["old"] = below(4) == 0 ? Json() : texts(false);
    row["bare"] = below(2) == 0 ? Json::array() : Json::array({0.5, -1e300});
    if (below(5) == 0) {
      row["choices"] = nullptr;
    } else {
      row["choices"] = {{"label", texts(false)}, {"text", below(3) == 0 ? Json() : texts(true)}};
      row["choices"]["inner"] = below(2) == 0 ? Json() : Json::object({{"flag", below(2) == 0 ? Json() : Json(true)}});
    }
    row["pairs"] = Json::array();
    for (unsigned n = below(3); n > 0; --n) {
      row["pairs"].push_back(below(4) == 0 ? Json()
                                           : Json::object({{"k", text()}, {"v", below(2) == 0 ? Json() : Json(0.25)}}));
    }
    row["yes"] = below(3) == 0 ? Json() : Json(below(2) == 0);
    row["weight"] = below(3) == 0 ? Json() : Json(static_cast<double>(below(1000)) / 8);
    row["small"] = below(3) == 0 ? Json() : Json(below(1000));
    rows.push_back(std::move(row));
  }
  return rows;
}

TEST_CASE("what is written in any form is read back: pages v1 and v2, plain and dictionary, each codec") {
  const auto rows = some_rows(300, 7);
  for (const int codec : {0, 1, 2, 6}) {
    for (const bool v2 : {false, true}) {
      for (const bool dictionary : {false, true}) {
        for (const std::size_t group : {300UL, 7UL, 1UL}) {
          const ParquetForm form{.codec = codec,
                                 .v2 = v2,
                                 .dictionary = dictionary,
                                 .checksum = group == 7,
                                 .rows_per_group = group,
                                 .entries_per_page = group == 300 ? 37UL : 1000UL};
          CAPTURE(codec);
          CAPTURE(v2);
          CAPTURE(dictionary);
          CAPTURE(group);
          const auto read = rows_of(write_parquet(kFields, rows, form));
          REQUIRE(read.size() == rows.size());
          for (std::size_t i = 0; i < rows.size(); ++i) CHECK(dump_json(read[i]) == dump_json(rows[i]));
        }
      }
    }
  }
}

TEST_CASE("lists are read by their shape, annotated or not; numbers at their ends; no rows at all") {
  const auto rows = some_rows(20, 3);
  const std::vector<ParquetField> lists(kFields.begin(), kFields.begin() + 4);
  const auto read = rows_of(write_parquet(lists, rows, {.bare_lists = true}));
  REQUIRE(read.size() == 20);
  for (std::size_t i = 0; i < 20; ++i) CHECK(read[i]["options"] == rows[i]["options"]);

  const std::vector<ParquetField> numbers{{.kind = 'i', .name = "i"},
                                          {.kind = 'l', .name = "l"},
                                          {.kind = 'i', .name = "u32", .converted = 13},
                                          {.kind = 'l', .name = "u64", .converted = 14},
                                          {.kind = 'd', .name = "d"}};
  const std::vector<Json> ends{
      {{"i", INT32_MIN}, {"l", INT64_MIN}, {"u32", -1}, {"u64", std::int64_t{-1}}, {"d", 0.1}}};
  const auto back = rows_of(write_parquet(numbers, ends, {}));
  CHECK(dump_json(back[0]) ==
        R"({"i":-2147483648,"l":-9223372036854775808,"u32":4294967295,"u64":18446744073709551615,"d":0.1})");
  CHECK(rows_of(write_parquet(numbers, {}, {})).empty());
}

TEST_CASE("SNAPPY: literals of every length, copies near, far and over themselves") {
  std::mt19937 random(1);
  for (const std::size_t size : {0UL, 1UL, 59UL, 60UL, 61UL, 255UL, 256UL, 257UL, 65535UL, 65537UL, 300000UL}) {
    for (const unsigned letters : {1U, 2U, 4U, 200U}) {
      std::string plain;
      while (plain.size() < size) plain += static_cast<char>(random() % letters);
      CHECK(unpack_parquet(1, test::snap(plain), plain.size()) == plain);
    }
  }
}

TEST_CASE("what is not read is refused with column, page, encoding and a way out") {
  const std::vector<ParquetField> field{{.kind = 's', .name = "question"}};
  const std::vector<Json> rows{{{"question", "Why?"}}};
  CHECK(outcome(write_parquet(field, rows, {.encoding = 7})) ==
        "x.parquet: Parquet: column 'question', page 1: encoding DELTA_BYTE_ARRAY is not read");
  CHECK(outcome(write_parquet(field, rows, {.codec = 4})) ==
        "x.parquet: Parquet: column 'question', page 1: compression BROTLI is not read");
  CHECK(outcome(write_parquet(field, rows, {.codec = 7})).find("LZ4_RAW") != std::string::npos);
  const std::vector<ParquetField> deep{
      {.kind = 'L',
       .name = "x",
       .children = {{.kind = 'L', .name = "element", .children = {{.kind = 's', .name = "element"}}}}}};
  CHECK(outcome(write_parquet(deep, {}, {})) == "x.parquet: Parquet: column 'x': a list within a list is not read");
  CHECK(outcome(write_parquet({{.kind = 'l', .name = "price", .converted = 5}}, {}, {})) ==
        "x.parquet: Parquet: column 'price': decimals are not read");
  CHECK(outcome(write_parquet(field, {{{"question", "\xFF"}}}, {})) ==
        "x.parquet: Parquet: column 'question', row 1: bytes that are no UTF-8 text");
  CHECK(outcome("PARE....PARE") == "x.parquet: Parquet: it is encrypted");
  CHECK(outcome("{}") == "x.parquet: Parquet: no Parquet file: it does not begin with PAR1");
  const std::string whole = write_parquet(field, rows, {});
  CHECK(outcome(whole.substr(0, whole.size() - 1)) == "x.parquet: Parquet: it does not end with PAR1: it is cut");
  std::string wrong = write_parquet(field, rows, {.checksum = true});
  wrong[wrong.find("Why?")] = 'S';
  CHECK(outcome(wrong) == "x.parquet: Parquet: column 'question', page 1: damaged data: its checksum differs");
}

TEST_CASE("a small file that says it holds much is refused before it takes the memory") {
  const std::vector<ParquetField> field{{.kind = 's', .name = "question"}};
  std::vector<Json> rows(200, Json{{"question", std::string(1 << 20, 'x')}});
  CHECK(outcome(write_parquet(field, rows, {.codec = 6, .dictionary = true})).find("unpacks to more than ") !=
        std::string::npos);
}

TEST_CASE("a Parquet file is loaded as any other: items, and the same file packed") {
  const std::vector<Json> rows{{{"question_id", 70}, {"question", "Why?"}, {"options", {"a", "b"}}, {"answer", "B"}}};
  const std::vector<ParquetField> fields{
      {.kind = 'l', .name = "question_id"},
      {.kind = 's', .name = "question"},
      {.kind = 'L', .name = "options", .children = {{.kind = 's', .name = "element"}}},
      {.kind = 's', .name = "answer"}};
  const std::string bytes = write_parquet(fields, rows, {.codec = 1, .dictionary = true});
  std::vector<std::string> warnings;
  const auto items = read_items({"x.parquet", "x.parquet", std::string_view(bytes)},
                                resolve_parameters(qa_parameters(), {}, "qa"), warnings);
  REQUIRE(items.size() == 1);
  CHECK(items[0].id == "70");
  CHECK(items[0].format == "mmlu_pro");
  CHECK(items[0].answer == "B");
  CHECK(items[0].source == "x.parquet:1");
}

TEST_CASE("the shared files give the items of their twins in JSON lines") {
  for (const auto& [parquet, lines] : {std::pair("csqa_validation.parquet", "csqa_validation_hf.jsonl.gz"),
                                       std::pair("mmlu_pro_validation.parquet", "mmlu_pro_validation.jsonl")}) {
    const auto one = shared_qa(parquet), other = shared_qa(lines);
    if (!one || !other) return;
    CAPTURE(parquet);
    const auto a = items_of(*one), b = items_of(*other);
    REQUIRE(a.size() == b.size());
    CHECK(a.size() == (std::string(parquet).starts_with("csqa") ? 1221 : 70));
    for (std::size_t i = 0; i < a.size(); ++i) {
      CHECK(nlohmann::json(without_source(a[i])) == nlohmann::json(without_source(b[i])));
    }
  }
}

/// Loaded or refused, each soon: cuts, then single bytes changed.
void damage(const std::string& whole, unsigned seed, std::size_t cuts, std::size_t changes) {
  std::mt19937 random(seed);
  std::size_t loaded = 0;
  double slowest = 0;
  const auto attempt = [&](std::string_view bytes) {
    const std::clock_t start = std::clock();  // of the processor: a busy machine is no slow reader
    loaded += outcome(bytes) == "loaded" ? 1 : 0;
    slowest = std::max(slowest, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  };
  for (std::size_t i = 0; i < cuts; ++i) attempt(std::string(whole, 0, random() % whole.size()));
  CHECK(loaded == 0);
  for (std::size_t i = 0; i < changes; ++i) {
    std::string changed = whole;
    char& byte = changed[random() % changed.size()];
    byte = static_cast<char>(byte ^ static_cast<char>(1 + random() % 255));
    attempt(changed);
  }
  CHECK(loaded < changes);
  CHECK(slowest < 2);
  std::cout << cuts << " cuts and " << changes << " changes: " << loaded << " loaded, slowest " << slowest << " s\n";
}

TEST_CASE("a cut or damaged file is loaded or refused, soon") {
  const auto rows = some_rows(60, 11);
  for (const bool v2 : {false, true}) {
    for (const int codec : {0, 1, 2, 6}) {
      damage(write_parquet(kFields, rows, {.codec = codec, .v2 = v2, .dictionary = codec != 0}), 5, 50, 500);
    }
  }
  for (const char* name : {"csqa_validation.parquet", "mmlu_pro_validation.parquet"}) {
    const auto path = shared_qa(name);
    if (!path) return;
    damage(read_file(*path), 5, 200, 2000);
  }
}

}  // namespace
}  // namespace assay
