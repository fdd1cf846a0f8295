#include "core/text/csv.hpp"

#include <doctest/doctest.h>

#include <random>

#include "core/text/error.hpp"

namespace assay {
namespace {

class Pieces : public InputBytes {
 public:
  Pieces(std::string_view text, std::size_t piece) : text_(text, "f.csv"), piece_(piece) {}
  std::size_t read(char* to, std::size_t size) override { return text_.read(to, std::min(size, piece_)); }
  const std::string& name() const override { return text_.name(); }

 private:
  InputText text_;
  std::size_t piece_;
};

using Rows = std::vector<std::vector<std::string>>;

std::string show(const Rows& rows) {
  std::string out;
  for (const auto& row : rows) {
    for (const std::string& field : row) out += "<" + field + ">";
    out += ";";
  }
  return out;
}

std::string read(std::string_view text, CsvOptions options = {}, std::size_t piece = 3, std::string* lines = nullptr) {
  Pieces input(text, piece);
  CsvReader reader(input, options);
  Rows rows;
  std::vector<std::string> fields;
  while (reader.next(fields)) {
    rows.push_back(fields);
    CHECK(reader.row() == rows.size());
    if (lines != nullptr) *lines += std::to_string(reader.line()) + " ";
  }
  return show(rows);
}

TEST_CASE("RFC 4180 and its usual neighbours") {
  struct Case {
    std::string text, rows, lines;
    char delimiter = ',';
  };
  const std::vector<Case> cases = {
      {"", "", ""},
      {"\n\n", "", ""},
      {"a,b\n1,2\n", "<a><b>;<1><2>;", "1 2 "},
      {"\xEF\xBB\xBF"
       "a,b\r\n1,2",
       "<a><b>;<1><2>;", "1 2 "},
      {"\xEF\xBB\xBF\"a\",b\r\n", "<a><b>;", "1 "},
      {"a,b\n\"x\ny\",2\n3,4\n", "<a><b>;<x\ny><2>;<3><4>;", "1 2 4 "},
      {"a,b\r\n\"x\r\ny\",2\r\n3,\r\n", "<a><b>;<x\r\ny><2>;<3><>;", "1 2 4 "},
      {"\"say \"\"hi\"\"\",\"\"\n", "<say \"hi\"><>;", "1 "},
      {"a,b\n\n\r\n1,2\n\n", "<a><b>;<1><2>;", "1 4 "},
      {"a\n\n1\n", "<a>;<>;<1>;", "1 2 3 "},
      {",\n", "<><>;", "1 "},
      {"a\"b, \"c\"\n", "<a\"b>< \"c\">;", "1 "},
      {"a\tb,c\n", "<a><b,c>;", "1 ", '\t'},
      {"a;\"b;c\"\n", "<a><b;c>;", "1 ", ';'},
      {"a\rb,c\n", "<a\rb><c>;", "1 "},
      {"a,b\r", "<a><b>;", "1 "},
      {"a,b\n\r", "<a><b>;", "1 "},
      {"a,\"b\"\r", "<a><b>;", "1 "},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CsvOptions options;
    options.delimiter = c.delimiter;
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{1000}}) {
      std::string lines;
      CHECK(read(c.text, options, piece, &lines) == c.rows);
      CHECK(lines == c.lines);
    }
  }
}

TEST_CASE("damage is named with its line") {
  struct Case {
    std::string text, message;
  };
  for (const Case& c : std::vector<Case>{
           {"a,b\n1,\"x\n\n\n2,3\n", "f.csv:2: the quote that opens here (byte 7) is not closed"},
           {"a,b\n1\n", "f.csv:2: row 2 has 1 columns, the first row has 2"},
           {"a,b\n1,2\n\"x\ny\",3,4\n", "f.csv:3: row 3 has 3 columns"},
           {"a,b\n\"x\"y,2\n", "f.csv:2: text after a closing quote (byte 8)"},
           {"a,b\n1,\xFF\n", "f.csv:2: row 2, column 2: invalid UTF-8 at byte 1"},
       }) {
    CAPTURE(c.text);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}}) {
      CHECK_THROWS_WITH_AS(read(c.text, {}, piece), doctest::Contains(c.message.c_str()), Error);
    }
  }
  CsvOptions repair;
  repair.replace_invalid_utf8 = true;
  CHECK(read("a\xFF", repair) == "<a\xEF\xBF\xBD>;");
}

TEST_CASE("limits of field and columns: at them, and one beyond") {
  CsvOptions options;
  options.max_field_bytes = 10;
  options.max_columns = 3;
  CHECK_NOTHROW(read("1234567890,\"1234567890\",\n", options));
  CHECK_THROWS_WITH_AS(read("a,12345678901\n", options), doctest::Contains("more than 10 bytes"), Error);
  CHECK_THROWS_WITH_AS(read("a,b\n1,\"12345\n67890\n", options), doctest::Contains("f.csv:2: a field of more than 10"),
                       Error);
  CHECK_THROWS_WITH_AS(read("1,2,3,4\n", options), doctest::Contains("more than 3 columns"), Error);
  // The default: an unclosed quote in a large file stops at 16 MiB with the line where it began.
  CHECK_THROWS_WITH_AS(read("a\n\"" + std::string(17U << 20, 'x'), {}, 1U << 20), doctest::Contains("f.csv:2"), Error);
}

TEST_CASE("what is written reads back, for any bytes") {
  std::mt19937 random(4);
  const std::string alphabet = "ab,;\"\r\n \t=+1\xC3\xA9";
  for (int i = 0; i < 5'000; ++i) {
    const char delimiter = ",;\t"[random() % 3];
    const std::size_t columns = 1 + random() % 3;
    Rows rows;
    std::string text;
    for (std::size_t n = 1 + random() % 4; n > 0; --n) {
      auto& row = rows.emplace_back(columns);
      for (std::string& field : row) {
        for (std::size_t size = random() % 6; size > 0; --size) {
          const std::size_t at = random() % (alphabet.size() - 1);
          field += at == alphabet.size() - 2 ? alphabet.substr(at) : alphabet.substr(at, 1);
        }
      }
      text += csv_row(row, delimiter);
    }
    CsvOptions options;
    options.delimiter = delimiter;
    CAPTURE(text);
    REQUIRE(read(text, options, 1 + random() % 9) == show(rows));
  }
}

TEST_CASE("spreadsheet=on guards formulas and leaves numbers alone") {
  struct Case {
    std::string text, plain, guarded;
  };
  for (const Case& c : std::vector<Case>{{"=1+2", "=1+2", "'=1+2"},
                                         {"+1.5", "+1.5", "+1.5"},
                                         {"-1e5", "-1e5", "-1e5"},
                                         {"-x", "-x", "'-x"},
                                         {"+-1", "+-1", "'+-1"},
                                         {"@SUM(A1,B1)", "\"@SUM(A1,B1)\"", "\"'@SUM(A1,B1)\""},
                                         {"\tx", "\tx", "'\tx"},
                                         {"\rx", "\"\rx\"", "\"'\rx\""},
                                         {"-", "-", "'-"},
                                         {"-inf", "-inf", "'-inf"},
                                         {"+.5", "+.5", "+.5"},
                                         {"a=1", "a=1", "a=1"},
                                         {"", "", ""}}) {
    CAPTURE(c.text);
    CHECK(csv_field(c.text) == c.plain);
    CHECK(csv_field(c.text, ',', true) == c.guarded);
  }
}

}  // namespace
}  // namespace assay
