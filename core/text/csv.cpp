#include "core/text/csv.hpp"

#include <charconv>

#include "core/text/error.hpp"
#include "core/text/utf8.hpp"

namespace assay {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{256} << 10;
constexpr int kEnd = -1;

bool is_number(std::string_view text) {
  const bool signed_number = text.starts_with('+') || text.starts_with('-');
  const std::string_view digits = text.substr(signed_number ? 1 : 0);
  if (digits.empty() || ((digits[0] < '0' || digits[0] > '9') && digits[0] != '.')) return false;  // -inf is a name
  text = digits;
  double value;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

CsvReader::CsvReader(InputBytes& input, CsvOptions options) : input_(input), options_(options) {}

void CsvReader::fail(std::uint64_t line, const std::string& message, const std::string& hint) const {
  throw Error("csv", message, input_.name() + ":" + std::to_string(line), hint);
}

bool CsvReader::fill() {
  consumed_before_ += end_;
  buffer_.resize(kChunkBytes);
  at_ = 0;
  end_ = input_.read(buffer_.data(), buffer_.size());
  return end_ > 0;
}

int CsvReader::peek() {
  if (at_ == end_ && !fill()) return kEnd;
  return static_cast<unsigned char>(buffer_[at_]);
}

int CsvReader::take() {
  const int c = peek();
  if (c != kEnd) ++at_;
  if (c == '\n') ++here_;
  return c;
}

void CsvReader::read_plain(std::string& field) {
  for (;;) {
    if (peek() == kEnd) return;
    const std::size_t begin = at_;
    while (at_ < end_ && buffer_[at_] != options_.delimiter && buffer_[at_] != '\n' && buffer_[at_] != '\r') ++at_;
    field.append(buffer_, begin, at_ - begin);
    if (field.size() > options_.max_field_bytes || at_ == end_) {
      if (field.size() > options_.max_field_bytes) return;
      continue;
    }
    if (buffer_[at_] != '\r') return;
    ++at_;  // a CR that no LF follows is data
    const int next = peek();
    if (next == '\n' || next == kEnd) return;
    field += '\r';
  }
}

void CsvReader::read_quoted(std::string& field) {
  const std::uint64_t begin_line = here_;
  const std::uint64_t begin_byte = consumed_before_ + at_;
  const auto open = [&] {
    fail(begin_line, "the quote that opens here (byte " + std::to_string(begin_byte + 1) + ") is not closed");
  };
  take();
  for (;;) {
    if (peek() == kEnd) open();
    const std::size_t begin = at_;
    while (at_ < end_ && buffer_[at_] != '"') here_ += buffer_[at_++] == '\n' ? 1 : 0;
    field.append(buffer_, begin, at_ - begin);
    if (field.size() > options_.max_field_bytes) {
      fail(begin_line,
           "a field of more than " + std::to_string(options_.max_field_bytes) +
               " bytes: perhaps the quote that opens here is not closed",
           "the limit is limit.csv_field");
    }
    if (at_ == end_) continue;
    ++at_;
    if (peek() != '"') break;
    field += '"';
    ++at_;
  }
  const int next = peek();
  if (next == '\r') {
    ++at_;
    if (peek() == '\n' || peek() == kEnd) return;
  }
  if (next != options_.delimiter && next != '\n' && next != kEnd) {
    fail(here_, "text after a closing quote (byte " + std::to_string(consumed_before_ + at_ + 1) + ")",
         "a quote within a quoted field is written twice");
  }
}

bool CsvReader::next(std::vector<std::string>& fields) {
  if (!started_) {
    started_ = true;
    for (const int byte : {0xEF, 0xBB, 0xBF}) {
      if (peek() != byte) break;
      take();
    }
  }
  for (; columns_ != 1; take()) {  // empty lines
    if (peek() == '\r') {
      ++at_;
      if (peek() == '\n') continue;
      if (peek() == kEnd) break;
      fail(here_, "a CR that no LF follows");
    }
    if (peek() != '\n') break;
  }
  if (peek() == kEnd) {
    fields.clear();
    return false;
  }
  line_ = here_;
  ++row_;
  std::size_t count = 0;
  for (;;) {
    if (count == fields.size()) fields.emplace_back();
    std::string& field = fields[count++];
    field.clear();
    const std::uint64_t field_line = here_;
    if (peek() == '"') {
      read_quoted(field);
    } else {
      read_plain(field);
    }
    const auto in_column = [&] { return "row " + std::to_string(row_) + ", column " + std::to_string(count) + ": "; };
    if (field.size() > options_.max_field_bytes) {
      fail(field_line, in_column() + "a field of more than " + std::to_string(options_.max_field_bytes) + " bytes",
           "the limit is limit.csv_field");
    }
    if (const auto bad = find_invalid_utf8(field)) {
      if (!options_.replace_invalid_utf8) {
        fail(field_line, in_column() + "invalid UTF-8 at byte " + std::to_string(*bad + 1) + " of the field",
             "invalid_utf8=replace loads such bytes as U+FFFD");
      }
      field = repair_utf8(field);
    }
    if (peek() != options_.delimiter) break;
    if (count == options_.max_columns) {
      fail(line_, "more than " + std::to_string(options_.max_columns) + " columns", "the limit is limit.csv_columns");
    }
    take();
  }
  take();  // the LF
  fields.resize(count);
  if (columns_ == 0) columns_ = count;
  if (count != columns_) {
    fail(line_, "row " + std::to_string(row_) + " has " + std::to_string(count) + " columns, the first row has " +
                    std::to_string(columns_));
  }
  return true;
}

std::string csv_field(std::string_view text, char delimiter, bool spreadsheet) {
  const bool guard = spreadsheet && !text.empty() &&
                     std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos && !is_number(text);
  const char special[] = {delimiter, '"', '\n', '\r', '\0'};
  if (text.find_first_of(special) == std::string_view::npos) return (guard ? "'" : "") + std::string(text);
  std::string out = guard ? "\"'" : "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out += '"';
}

std::string csv_row(const std::vector<std::string>& fields, char delimiter, bool spreadsheet) {
  if (fields.size() == 1 && fields.front().empty()) return "\"\"\n";  // else it would be an empty line
  std::string out;
  for (const std::string& field : fields) {
    if (&field != fields.data()) out += delimiter;
    out += csv_field(field, delimiter, spreadsheet);
  }
  return out += '\n';
}

}  // namespace assay
