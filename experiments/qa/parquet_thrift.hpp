#pragma once
// Thrift's compact protocol, as far as Parquet's headers need it. Reads a view that must outlive the reader; one
// thread. Every length is checked against what is left. Source: apache/thrift, doc/specs/thrift-compact-protocol.md.

#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>

namespace assay {

/// What is wrong with a Parquet file, without its place. `unsupported`: it may be sound, but is not read here.
class ParquetFault : public std::runtime_error {
 public:
  explicit ParquetFault(const std::string& message, bool unsupported = false)
      : std::runtime_error(message), unsupported_(unsupported) {}
  bool unsupported() const { return unsupported_; }

 private:
  bool unsupported_;
};

class ThriftReader {
 public:
  enum class Type : std::uint8_t {
    stop,
    boolean_true,
    boolean_false,
    i8,
    i16,
    i32,
    i64,
    real,
    binary,
    list,
    set,
    map,
    structure
  };

  explicit ThriftReader(std::string_view bytes) : bytes_(bytes) {}
  std::size_t position() const { return at_; }

  // All throw ParquetFault at the end of the bytes, and for what is no such value.
  std::uint8_t byte();
  std::uint64_t varint();
  std::int64_t zigzag();
  std::string_view binary();
  /// Number of elements of a list of that type; each takes at least a byte of what is left.
  std::size_t list_of(Type type);
  void skip(Type type, int depth = 0);

 private:
  std::string_view take(std::uint64_t count);
  std::size_t list_head(Type& element);

  std::string_view bytes_;
  std::size_t at_ = 0;
};

/// The fields of one struct: `for (ThriftStruct s(in); s.next();) switch (s.id()) { case 1: x = s.integer(); ..
/// default: s.skip(); }`. Each field is read or skipped once.
class ThriftStruct {
 public:
  explicit ThriftStruct(ThriftReader& in) : in_(in) {}
  bool next();
  std::int64_t id() const { return id_; }

  std::int64_t integer();
  /// An integer from 0 to `most`.
  std::int64_t count(std::int64_t most = INT64_MAX);
  bool boolean();
  std::string text();
  std::size_t list_of(ThriftReader::Type type);
  /// To read a struct that this field holds.
  ThriftReader& structure();
  void skip() { in_.skip(type_); }

 private:
  void expect(bool good) const;
  ThriftReader& in_;
  std::int64_t id_ = 0;
  ThriftReader::Type type_ = ThriftReader::Type::stop;
};

/// An integer field of a struct and where it goes: from 0 to `most`, or any (kAnyInteger).
struct ThriftInteger {
  std::int64_t id;
  std::int64_t* to;
  std::int64_t most = INT64_MAX;
};
inline constexpr std::int64_t kAnyInteger = -1;
/// Takes the field that stands next if it is one of them.
bool take_integer(ThriftStruct& fields, std::initializer_list<ThriftInteger> wanted);
/// A whole struct of which only these fields count.
void read_integers(ThriftReader& in, std::initializer_list<ThriftInteger> wanted);

}  // namespace assay
