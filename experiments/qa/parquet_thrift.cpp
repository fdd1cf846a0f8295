#include "experiments/qa/parquet_thrift.hpp"

namespace assay {
namespace {

constexpr int kDeepest = 32;

[[noreturn]] void damaged(const char* what) { throw ParquetFault(std::string("a damaged header: ") + what); }

}  // namespace

std::string_view ThriftReader::take(std::uint64_t count) {
  if (count > bytes_.size() - at_) damaged("it ends too early");
  const std::string_view part = bytes_.substr(at_, static_cast<std::size_t>(count));
  at_ += part.size();
  return part;
}

std::uint8_t ThriftReader::byte() { return static_cast<std::uint8_t>(take(1)[0]); }

std::uint64_t ThriftReader::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint64_t part = byte();
    value |= (part & 0x7FU) << shift;
    if ((part & 0x80U) == 0) return value;
  }
  damaged("a number of more than 64 bits");
}

std::int64_t ThriftReader::zigzag() {
  const std::uint64_t value = varint();
  return static_cast<std::int64_t>((value >> 1U) ^ (~(value & 1U) + 1U));
}

std::string_view ThriftReader::binary() { return take(varint()); }

std::size_t ThriftReader::list_head(Type& element) {
  const std::uint8_t head = byte();
  element = static_cast<Type>(head & 0x0FU);
  const std::uint64_t count = head >> 4U == 15 ? varint() : static_cast<std::uint64_t>(head >> 4U);
  if (count > bytes_.size() - at_) damaged("a list longer than the file");
  return static_cast<std::size_t>(count);
}

std::size_t ThriftReader::list_of(Type type) {
  Type element{};
  const std::size_t count = list_head(element);
  if (count > 0 && element != type) damaged("a list of another type");
  return count;
}

void ThriftReader::skip(Type type, int depth) {
  if (depth > kDeepest) damaged("it is nested too deeply");
  switch (type) {
    case Type::boolean_true:
    case Type::boolean_false:
      if (depth > 0) byte();  // within a list; as a field its type is its value
      return;
    case Type::i8:
      byte();
      return;
    case Type::i16:
    case Type::i32:
    case Type::i64:
      varint();
      return;
    case Type::real:
      take(8);
      return;
    case Type::binary:
      binary();
      return;
    case Type::list:
    case Type::set: {
      Type element{};
      for (std::size_t n = list_head(element); n > 0; --n) skip(element, depth + 1);
      return;
    }
    case Type::map: {
      const std::uint64_t count = varint();
      if (count == 0) return;
      if (count > bytes_.size() - at_) damaged("a map longer than the file");
      const std::uint8_t types = byte();
      for (std::uint64_t n = count; n > 0; --n) {
        skip(static_cast<Type>(types >> 4U), depth + 1);
        skip(static_cast<Type>(types & 0x0FU), depth + 1);
      }
      return;
    }
    case Type::structure:
      for (;;) {
        const std::uint8_t head = byte();
        const auto field = static_cast<Type>(head & 0x0FU);
        if (field == Type::stop) return;
        if (head >> 4U == 0) varint();
        // A field's boolean takes no byte, wherever its struct stands.
        if (field != Type::boolean_true && field != Type::boolean_false) skip(field, depth + 1);
      }
    case Type::stop:
      break;
  }
  damaged("an unknown type");
}

bool ThriftStruct::next() {
  const std::uint8_t head = in_.byte();
  type_ = static_cast<ThriftReader::Type>(head & 0x0FU);
  if (type_ == ThriftReader::Type::stop) return false;
  if (head >> 4U == 0) {
    id_ = in_.zigzag();
  } else {
    id_ += head >> 4U;
  }
  if (id_ < 0 || id_ > INT16_MAX) damaged("an impossible field");
  return true;
}

void ThriftStruct::expect(bool good) const {
  if (!good) damaged("a field of another type");
}

std::int64_t ThriftStruct::integer() {
  using Type = ThriftReader::Type;
  expect(type_ == Type::i16 || type_ == Type::i32 || type_ == Type::i64);
  return in_.zigzag();
}

std::int64_t ThriftStruct::count(std::int64_t most) {
  const std::int64_t value = integer();
  if (value < 0 || value > most) damaged("an impossible count");
  return value;
}

bool ThriftStruct::boolean() {
  expect(type_ == ThriftReader::Type::boolean_true || type_ == ThriftReader::Type::boolean_false);
  return type_ == ThriftReader::Type::boolean_true;
}

std::string ThriftStruct::text() {
  expect(type_ == ThriftReader::Type::binary);
  return std::string(in_.binary());
}

std::size_t ThriftStruct::list_of(ThriftReader::Type type) {
  expect(type_ == ThriftReader::Type::list);
  return in_.list_of(type);
}

ThriftReader& ThriftStruct::structure() {
  expect(type_ == ThriftReader::Type::structure);
  return in_;
}

bool take_integer(ThriftStruct& fields, std::initializer_list<ThriftInteger> wanted) {
  for (const ThriftInteger& one : wanted) {
    if (one.id != fields.id()) continue;
    *one.to = one.most == kAnyInteger ? fields.integer() : fields.count(one.most);
    return true;
  }
  return false;
}

void read_integers(ThriftReader& in, std::initializer_list<ThriftInteger> wanted) {
  for (ThriftStruct fields(in); fields.next();) {
    if (!take_integer(fields, wanted)) fields.skip();
  }
}

}  // namespace assay
