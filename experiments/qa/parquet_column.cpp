#include "experiments/qa/parquet_column.hpp"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/text/utf8.hpp"
#include "experiments/qa/parquet_codec.hpp"
#include "experiments/qa/parquet_thrift.hpp"

namespace assay {
namespace {

constexpr std::uint64_t kMegabyte = std::uint64_t{1} << 20;
constexpr std::uint64_t kMostTimes = 1000;  // as of packed files (core/text/input.hpp)

enum Encoding : std::int64_t { kPlain = 0, kPlainDictionary = 2, kRle = 3, kRleDictionary = 8 };

std::string encoding_name(std::int64_t encoding) {
  constexpr const char* kNames[] = {
      "PLAIN",          "GROUP_VAR_INT",       "PLAIN_DICTIONARY",        "RLE",
      "BIT_PACKED",     "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY",
      "RLE_DICTIONARY", "BYTE_STREAM_SPLIT"};
  return encoding >= 0 && encoding < 10 ? kNames[encoding] : std::to_string(encoding);
}

[[noreturn]] void refuse_encoding(std::int64_t encoding, const char* of) {
  throw ParquetFault("encoding " + encoding_name(encoding) + of + " is not read", true);
}

template <typename T>
T load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}
static_assert(std::endian::native == std::endian::little);

[[noreturn]] void too_short() { throw ParquetFault("damaged data: a page ends before its values do"); }

/// The first `count` bytes, taken off.
std::string_view cut(std::string_view& bytes, std::size_t count) {
  if (count > bytes.size()) too_short();
  const std::string_view part = bytes.substr(0, count);
  bytes.remove_prefix(count);
  return part;
}

std::string_view cut_prefixed(std::string_view& bytes) {
  return cut(bytes, load<std::uint32_t>(cut(bytes, sizeof(std::uint32_t)).data()));
}

}  // namespace

ParquetBudget::ParquetBudget(std::uint64_t file_bytes)
    : left_(std::min(4 * file_bytes + 1024 * kMegabyte, std::max(64 * kMegabyte, kMostTimes * file_bytes))),
      all_(left_) {}

void ParquetBudget::take(std::uint64_t bytes) {
  if (bytes > left_) {
    throw ParquetFault("it unpacks to more than " + std::to_string(all_ / kMegabyte) + " MiB, too much for its size",
                       true);
  }
  left_ -= bytes;
}

void ParquetColumn::take(std::uint64_t bytes) {
  budget_.take(bytes);
  taken_ += bytes;
}

ParquetColumn::ParquetColumn(std::string_view bytes, std::size_t data_end, const ParquetLeaf& leaf,
                             const ParquetChunk& chunk, std::uint64_t rows, ParquetBudget& budget)
    : leaf_(leaf), budget_(budget) {
  const std::int64_t start =
      chunk.dictionary_offset > 0 ? std::min(chunk.dictionary_offset, chunk.data_offset) : chunk.data_offset;
  std::string_view rest = bytes.substr(0, data_end).substr(static_cast<std::size_t>(start));
  rest = rest.substr(0, static_cast<std::size_t>(chunk.bytes));
  const auto wanted = static_cast<std::size_t>(chunk.values);
  try {
    take(wanted * (sizeof(Slot) + 2));
    slots_.reserve(wanted);
    if (leaf_.max_repetition > 0) repetitions_.reserve(wanted);
    if (leaf_.max_definition > 0) definitions_.reserve(wanted);
    for (std::size_t number = 1; slots_.size() < wanted; ++number) {
      try {
        if (rest.empty()) throw ParquetFault("there is none, but values are missing");
        const ParquetPage page = read_parquet_page(rest);
        rest.remove_prefix(page.header_bytes);
        const std::string_view body = cut(rest, page.packed_bytes);
        if (page.crc &&
            crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size())) != *page.crc) {
          throw ParquetFault("damaged data: its checksum differs");
        }
        if (page.kind == ParquetPage::Kind::index) continue;
        if (page.kind != ParquetPage::Kind::dictionary && page.values > wanted - slots_.size()) {
          throw ParquetFault("damaged data: more values than the column has");
        }
        read_page(page, body, chunk.codec);
      } catch (const ParquetFault& fault) {
        throw ParquetFault("page " + std::to_string(number) + ": " + fault.what(), fault.unsupported());
      }
    }
    if (leaf_.max_repetition == 0) return;
    take((rows + 1) * sizeof(std::size_t));
    starts_.reserve(rows + 1);
    for (std::size_t i = 0; i < repetitions_.size(); ++i) {
      if (repetitions_[i] == 0) {
        if (starts_.size() == rows) throw ParquetFault("damaged data: more rows than its row group has");
        starts_.push_back(i);
      } else if (i == 0) {
        throw ParquetFault("damaged data: it begins within a row");
      }
    }
    if (starts_.size() != rows) throw ParquetFault("damaged data: fewer rows than its row group has");
    starts_.push_back(repetitions_.size());
  } catch (...) {
    budget_.give_back(taken_);  // no destructor runs
    throw;
  }
}

std::string_view ParquetColumn::keep(std::int64_t codec, std::string_view packed, std::size_t plain_bytes) {
  if (is_unpacked(codec) && packed.size() == plain_bytes) return packed;
  take(plain_bytes);
  return pages_.emplace_back(unpack_parquet(codec, packed, plain_bytes));
}

void ParquetColumn::read_page(const ParquetPage& page, std::string_view body, std::int64_t codec) {
  if (page.kind == ParquetPage::Kind::dictionary) {
    read_dictionary(page, keep(codec, body, page.plain_bytes));
    return;
  }
  const std::size_t begin = slots_.size(), count = page.values;
  std::string_view values;
  if (page.kind == ParquetPage::Kind::data) {
    values = keep(codec, body, page.plain_bytes);
    if (leaf_.max_repetition > 0) {
      if (page.repetition_encoding != kRle) refuse_encoding(page.repetition_encoding, " of repetition levels");
      read_levels(cut_prefixed(values), leaf_.max_repetition, repetitions_, count);
    }
    if (leaf_.max_definition > 0) {
      if (page.definition_encoding != kRle) refuse_encoding(page.definition_encoding, " of definition levels");
      read_levels(cut_prefixed(values), leaf_.max_definition, definitions_, count);
    }
  } else {
    const std::string_view repetitions = cut(body, page.repetition_bytes);
    const std::string_view definitions = cut(body, page.definition_bytes);
    if (leaf_.max_repetition > 0) read_levels(repetitions, leaf_.max_repetition, repetitions_, count);
    if (leaf_.max_definition > 0) read_levels(definitions, leaf_.max_definition, definitions_, count);
    const std::size_t levels = page.repetition_bytes + page.definition_bytes;
    if (levels > page.plain_bytes) too_short();
    const bool empty = page.plain_bytes == levels;  // only nulls: nothing may have been packed
    values = empty ? std::string_view() : keep(page.packed ? codec : 0, body, page.plain_bytes - levels);
  }
  slots_.resize(begin + count);
  read_values(page.encoding, values, begin);
}

void ParquetColumn::read_levels(std::string_view bytes, std::uint8_t most, std::vector<std::uint8_t>& into,
                                std::size_t count) {
  const auto width = static_cast<unsigned>(std::bit_width(static_cast<unsigned>(most)));
  read_hybrid(bytes, width, count, [&](std::uint32_t level, std::size_t times) {
    if (level > most) throw ParquetFault("damaged data: an impossible level");
    into.insert(into.end(), times, static_cast<std::uint8_t>(level));
  });
}

void ParquetColumn::read_dictionary(const ParquetPage& page, std::string_view plain) {
  if (has_dictionary_) throw ParquetFault("damaged data: a second dictionary");
  if (page.encoding != kPlain && page.encoding != kPlainDictionary) refuse_encoding(page.encoding, " of a dictionary");
  has_dictionary_ = true;
  take(page.values * sizeof(Slot));
  dictionary_.resize(page.values);
  read_plain(plain, dictionary_, 0, true);
}

void ParquetColumn::read_values(std::int64_t encoding, std::string_view bytes, std::size_t begin) {
  if (encoding == kPlain) {
    read_plain(bytes, slots_, begin, false);
    return;
  }
  const bool indices = encoding == kRleDictionary || encoding == kPlainDictionary;
  const bool flags = encoding == kRle && leaf_.type == ParquetType::boolean;
  if (!indices && !flags) refuse_encoding(encoding, "");
  if (indices && !has_dictionary_) throw ParquetFault("damaged data: its dictionary is missing");
  const auto is_there = [&](std::size_t i) { return definition(i) == leaf_.max_definition; };
  std::size_t present = 0;
  for (std::size_t i = begin; i < slots_.size(); ++i) present += is_there(i) ? 1 : 0;
  if (present == 0) return;
  unsigned width = 1;
  if (indices) {
    width = static_cast<unsigned char>(cut(bytes, 1)[0]);
  } else {
    bytes = cut_prefixed(bytes);
  }
  std::size_t at = begin;
  read_hybrid(bytes, width, present, [&](std::uint32_t value, std::size_t times) {
    if (indices && value >= dictionary_.size()) throw ParquetFault("damaged data: an entry that its dictionary lacks");
    const Slot slot = indices ? dictionary_[value] : Slot{nullptr, value != 0 ? 1 : 0};
    for (; times > 0; ++at) {
      if (!is_there(at)) continue;
      slots_[at] = slot;
      --times;
    }
  });
}

std::size_t ParquetColumn::read_plain(std::string_view bytes, std::vector<Slot>& slots, std::size_t begin,
                                      bool dictionary) {
  std::size_t flags = 0;
  for (std::size_t i = begin; i < slots.size(); ++i) {
    if (!dictionary && definition(i) != leaf_.max_definition) continue;
    Slot& slot = slots[i];
    switch (leaf_.type) {
      case ParquetType::boolean:
        if (flags / 8 >= bytes.size()) too_short();
        slot.number = static_cast<unsigned char>(bytes[flags / 8]) >> (flags % 8) & 1;
        ++flags;
        break;
      case ParquetType::int32:
        slot.number = load<std::int32_t>(cut(bytes, 4).data());
        break;
      case ParquetType::real32:
        slot.number = std::bit_cast<std::int64_t>(static_cast<double>(load<float>(cut(bytes, 4).data())));
        break;
      case ParquetType::int64:
      case ParquetType::real64:
        slot.number = load<std::int64_t>(cut(bytes, 8).data());
        break;
      default: {
        const std::string_view text = cut_prefixed(bytes);
        slot = {text.data(), static_cast<std::int64_t>(text.size())};
      }
    }
  }
  return flags;
}

Json ParquetColumn::value(std::size_t entry) const {
  const Slot& slot = slots_[entry];
  const bool natural = leaf_.converted >= 11 && leaf_.converted <= 14;  // UINT_8 .. UINT_64
  switch (leaf_.type) {
    case ParquetType::boolean:
      return slot.number != 0;
    case ParquetType::int32:
      if (natural) return static_cast<std::uint32_t>(slot.number);
      return slot.number;
    case ParquetType::int64:
      if (natural) return static_cast<std::uint64_t>(slot.number);
      return slot.number;
    case ParquetType::real32:
    case ParquetType::real64: {
      const double number = std::bit_cast<double>(slot.number);
      return std::isfinite(number) ? Json(number) : Json();
    }
    default:
      break;
  }
  if (slot.number == 0) return "";
  const std::string_view text(slot.data, static_cast<std::size_t>(slot.number));
  if (!is_valid_utf8(text)) throw ParquetFault("bytes that are no UTF-8 text", true);
  return text;
}

}  // namespace assay
