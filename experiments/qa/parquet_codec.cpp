#include "experiments/qa/parquet_codec.hpp"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "experiments/qa/parquet_thrift.hpp"

namespace assay {
namespace {

[[noreturn]] void damaged(const char* what) { throw ParquetFault(std::string("damaged ") + what + " data"); }

std::uint32_t little_endian(std::string_view bytes, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << 8U * i;
  }
  return value;
}

/// Snappy's raw format: the length, then literals and copies of what is there already.
std::string unsnap(std::string_view in, std::size_t plain_bytes) {
  ThriftReader head(in);  // the length is a varint, as Thrift's
  if (head.varint() != plain_bytes) damaged("SNAPPY");
  std::size_t at = head.position();
  std::string out;
  out.reserve(plain_bytes);
  const auto need = [&](std::size_t count) {
    if (count > in.size() - at) damaged("SNAPPY");
  };
  const auto room = [&](std::size_t count) {
    if (count > plain_bytes - out.size()) damaged("SNAPPY");
  };
  while (at < in.size()) {
    const auto tag = static_cast<unsigned char>(in[at++]);
    std::size_t length = tag >> 2U;
    if ((tag & 3U) == 0) {
      if (length >= 60) {
        const std::size_t bytes = length - 59;
        need(bytes);
        length = little_endian(in, at, bytes);
        at += bytes;
      }
      need(++length);
      room(length);
      out.append(in, at, length);
      at += length;
      continue;
    }
    std::size_t offset = 0;
    if ((tag & 3U) == 1) {
      need(1);
      offset = static_cast<std::size_t>(tag >> 5U) << 8U | little_endian(in, at, 1);
      length = (length & 7U) + 4;
      at += 1;
    } else {
      const std::size_t bytes = (tag & 3U) == 2 ? 2 : 4;
      need(bytes);
      offset = little_endian(in, at, bytes);
      ++length;
      at += bytes;
    }
    room(length);
    if (offset == 0 || offset > out.size()) damaged("SNAPPY");
    if (offset >= length) {
      const std::size_t from = out.size() - offset;
      out.resize(out.size() + length);
      std::memcpy(out.data() + out.size() - length, out.data() + from, length);
    } else {
      // It repeats what it is writing.
      for (std::size_t i = 0; i < length; ++i) out += out[out.size() - offset];
    }
  }
  if (out.size() != plain_bytes) damaged("SNAPPY");
  return out;
}

std::string gunzip(std::string_view in, std::size_t plain_bytes) {
  std::string out(plain_bytes, '\0');
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 32) != Z_OK) throw ParquetFault("no memory to unpack it");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  int result = inflate(&stream, Z_FINISH);
  // A page may hold several members.
  while (result == Z_STREAM_END && stream.avail_in > 0 && inflateReset(&stream) == Z_OK) {
    result = inflate(&stream, Z_FINISH);
  }
  const bool whole = result == Z_STREAM_END && stream.avail_out == 0;
  inflateEnd(&stream);
  if (!whole) damaged("GZIP");
  return out;
}

std::string unzstd(std::string_view in, std::size_t plain_bytes) {
  std::string out(plain_bytes, '\0');
  if (ZSTD_decompress(out.data(), out.size(), in.data(), in.size()) != plain_bytes) damaged("ZSTD");
  return out;
}

}  // namespace

std::string unpack_parquet(std::int64_t codec, std::string_view packed, std::size_t plain_bytes) {
  switch (codec) {
    case 0:
      if (packed.size() != plain_bytes) damaged("uncompressed");
      return std::string(packed);
    case 1:
      return unsnap(packed, plain_bytes);
    case 2:
      return gunzip(packed, plain_bytes);
    case 6:
      return unzstd(packed, plain_bytes);
    default:
      break;
  }
  constexpr const char* kNames[] = {"", "", "", "LZO", "BROTLI", "LZ4", "", "LZ4_RAW"};
  const bool known = codec >= 3 && codec <= 7 && codec != 6;
  throw ParquetFault("compression " + (known ? std::string(kNames[codec]) : std::to_string(codec)) + " is not read",
                     true);
}

std::size_t read_hybrid(std::string_view bytes, unsigned width, std::size_t count,
                        const std::function<void(std::uint32_t, std::size_t)>& each) {
  if (width > 32) throw ParquetFault("damaged data: numbers of " + std::to_string(width) + " bits");
  std::size_t at = 0;
  while (count > 0) {
    ThriftReader head(bytes.substr(at));  // a varint, as Thrift's
    const std::uint64_t run = head.varint();
    at += head.position();
    if ((run & 1U) == 0) {
      const std::size_t value_bytes = (width + 7) / 8;
      if (value_bytes > bytes.size() - at) throw ParquetFault("damaged data: a run ends too early");
      const std::uint32_t value = little_endian(bytes, at, value_bytes);
      at += value_bytes;
      const auto times = static_cast<std::size_t>(std::min<std::uint64_t>(run >> 1U, count));
      if (times > 0) each(value, times);
      count -= times;
      continue;
    }
    // Groups of 8; the last one may hold fewer than it has room for.
    const std::uint64_t groups = run >> 1U;
    const auto values = groups > count / 8 ? count : static_cast<std::size_t>(groups * 8);
    const std::size_t used = (values * width + 7) / 8;
    if (used > bytes.size() - at) throw ParquetFault("damaged data: a run ends too early");
    std::uint64_t held = 0;
    unsigned bits = 0;
    std::size_t next = at;
    const std::uint64_t mask = (std::uint64_t{1} << width) - 1;
    for (std::size_t i = 0; i < values; ++i) {
      for (; bits < width; bits += 8)
        held |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[next++])) << bits;
      each(static_cast<std::uint32_t>(held & mask), 1);
      held >>= width;
      bits -= width;
    }
    const std::uint64_t left = bytes.size() - at;
    const std::uint64_t whole = width == 0 ? 0 : groups > left ? left : groups * width;
    at += static_cast<std::size_t>(std::min(whole, left));
    count -= values;
  }
  return at;
}

}  // namespace assay
