#include "tests/experiments/qa/parquet_writer.hpp"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>

namespace assay::test {
namespace {

enum Thrift { kTrue = 1, kFalse = 2, kI32 = 5, kI64 = 6, kBinary = 8, kList = 9, kStruct = 12 };

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

template <typename T>
void put_raw(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

class ThriftWriter {
 public:
  ThriftWriter& integer(int id, std::int64_t value, int type = kI32) {
    head(id, type);
    put_varint(out_, (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
    return *this;
  }
  ThriftWriter& text(int id, const std::string& value) {
    head(id, kBinary);
    put_varint(out_, value.size());
    out_ += value;
    return *this;
  }
  ThriftWriter& flag(int id, bool value) {
    head(id, value ? kTrue : kFalse);
    return *this;
  }
  ThriftWriter& structure(int id, const ThriftWriter& value) {
    head(id, kStruct);
    out_ += value.done();
    return *this;
  }
  ThriftWriter& list(int id, const std::vector<ThriftWriter>& values) {
    head(id, kList);
    if (values.size() < 15) {
      out_ += static_cast<char>(values.size() << 4 | kStruct);
    } else {
      out_ += static_cast<char>(0xF0 | kStruct);
      put_varint(out_, values.size());
    }
    for (const auto& value : values) out_ += value.done();
    return *this;
  }
  ThriftWriter& texts(int id, const std::vector<std::string>& values) {  // what a reader skips
    head(id, kList);
    out_ += static_cast<char>(values.size() << 4 | kBinary);
    for (const auto& value : values) {
      put_varint(out_, value.size());
      out_ += value;
    }
    return *this;
  }
  std::string done() const { return out_ + '\0'; }

 private:
  void head(int id, int type) {
    out_ += static_cast<char>((id - last_) << 4 | type);
    last_ = id;
  }
  std::string out_;
  int last_ = 0;
};

struct Entry {
  int repetition, definition;
  Json value;
};

struct Leaf {
  char kind;
  std::string name;
  int max_definition, max_repetition, converted;
  std::vector<Entry> entries;
  std::vector<std::size_t> row_starts;
};

int type_of(char kind) {
  switch (kind) {
    case 'b':
      return 0;
    case 'i':
      return 1;
    case 'l':
      return 2;
    case 'f':
      return 4;
    case 'd':
      return 5;
    default:
      return 6;
  }
}

class Shredder {
 public:
  Shredder(const std::vector<ParquetField>& fields, bool bare_lists) : bare_lists_(bare_lists) {
    schema_.push_back(ThriftWriter().text(4, "schema").integer(5, static_cast<std::int64_t>(fields.size())));
    for (const auto& field : fields) describe(field, 0, 0);
  }

  void add(const std::vector<ParquetField>& fields, const Json& row) {
    leaf_ = 0;
    for (auto& leaf : leaves_) leaf.row_starts.push_back(leaf.entries.size());
    for (const auto& field : fields) shred(field, row.contains(field.name) ? row[field.name] : Json(), 0, 0);
  }

  std::vector<ThriftWriter> schema_;
  std::vector<Leaf> leaves_;

 private:
  void element(const std::string& name, int repetition, int type, std::size_t children, int converted) {
    ThriftWriter out;
    if (type >= 0) out.integer(1, type);
    out.integer(3, repetition).text(4, name);
    if (children > 0) out.integer(5, static_cast<std::int64_t>(children));
    if (converted >= 0) out.integer(6, converted);
    schema_.push_back(out);
  }

  void describe(const ParquetField& field, int definition, int repetition) {
    const int optional = field.optional ? 1 : 0;
    switch (field.kind) {
      case 'g':
        element(field.name, optional, -1, field.children.size(), -1);
        for (const auto& child : field.children) describe(child, definition + optional, repetition);
        return;
      case 'L':
        element(field.name, optional, -1, 1, bare_lists_ ? -1 : 3);
        element(field.layer, 2, -1, 1, -1);
        describe(field.children[0], definition + optional + 1, 1);
        return;
      case '2':
        element(field.name, optional, -1, 1, 3);
        describe_repeated(field.children[0], field.layer, definition + optional);
        return;
      case 'r':
        describe_repeated(field.children[0], field.name, definition);
        return;
      default:
        break;
    }
    element(field.name, optional, type_of(field.kind), 0,
            field.converted >= 0 ? field.converted
            : field.kind == 's'  ? 0
                                 : -1);
    leaves_.push_back({field.kind, field.name, definition + optional, repetition, field.converted, {}, {}});
  }

  void describe_repeated(const ParquetField& field, const std::string& name, int definition) {
    if (field.kind == 'g') {
      element(name, 2, -1, field.children.size(), -1);
      for (const auto& child : field.children) describe(child, definition + 1, 1);
    } else {
      element(name, 2, type_of(field.kind), 0, -1);
      leaves_.push_back({field.kind, name, definition + 1, 1, -1, {}, {}});
    }
  }

  void nothing(const ParquetField& field, int repetition, int definition) {
    const bool group = field.kind == 'g' || field.kind == 'L' || field.kind == '2' || field.kind == 'r';
    if (!group) {
      leaves_[leaf_++].entries.push_back({repetition, definition, Json()});
      return;
    }
    for (const auto& child : field.children) nothing(child, repetition, definition);
  }

  void shred(const ParquetField& field, const Json& value, int repetition, int definition) {
    if (value.is_null()) return nothing(field, repetition, definition);
    if (field.optional && field.kind != 'r') ++definition;
    const bool list = field.kind == 'L' || field.kind == '2' || field.kind == 'r';
    if (field.kind == 'g') {
      for (const auto& child : field.children) {
        shred(child, value.contains(child.name) ? value[child.name] : Json(), repetition, definition);
      }
    } else if (list) {
      if (value.empty()) return nothing(field, repetition, definition);
      const std::size_t first = leaf_;
      for (std::size_t i = 0; i < value.size(); ++i) {
        leaf_ = first;
        ParquetField element = field.children[0];
        if (field.kind != 'L') element.optional = false;
        shred(element, value[i], i == 0 ? repetition : 1, definition + 1);
      }
    } else {
      leaves_[leaf_++].entries.push_back({repetition, definition, value});
    }
  }

  bool bare_lists_;
  std::size_t leaf_ = 0;
};

void put_plain(std::string& out, char kind, const Json& value) {
  switch (kind) {
    case 'i':
      return put_raw(out, static_cast<std::int32_t>(value.get<std::int64_t>()));
    case 'l':
      return put_raw(out, value.get<std::int64_t>());
    case 'f':
      return put_raw(out, value.get<float>());
    case 'd':
      return put_raw(out, value.get<double>());
    default: {
      const auto text = value.get<std::string>();
      put_raw(out, static_cast<std::uint32_t>(text.size()));
      out += text;
    }
  }
}

std::string plain(char kind, const std::vector<Json>& values) {
  std::string out;
  if (kind == 'b') {
    out.resize((values.size() + 7) / 8);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i] == true) out[i / 8] = static_cast<char>(out[i / 8] | 1 << i % 8);
    }
    return out;
  }
  for (const Json& value : values) put_plain(out, kind, value);
  return out;
}

/// Runs of at least 8 equal numbers as runs, the rest in packed groups of 8.
std::string hybrid(const std::vector<std::uint32_t>& numbers, unsigned width) {
  std::string out;
  std::size_t at = 0;
  while (at < numbers.size()) {
    std::size_t same = at;
    while (same < numbers.size() && numbers[same] == numbers[at]) ++same;
    if (same - at >= 8 || same == numbers.size()) {
      put_varint(out, (same - at) << 1);
      for (unsigned i = 0; i < (width + 7) / 8; ++i) out += static_cast<char>(numbers[at] >> 8 * i);
      at = same;
      continue;
    }
    const std::size_t groups = 1;
    put_varint(out, groups << 1 | 1);
    std::uint64_t held = 0;
    unsigned bits = 0;
    for (std::size_t i = 0; i < 8; ++i, ++at) {
      held |= static_cast<std::uint64_t>(at < numbers.size() ? numbers[at] : 0) << bits;
      for (bits += width; bits >= 8; bits -= 8, held >>= 8) out += static_cast<char>(held);
    }
    at = std::min(at, numbers.size());
  }
  return out;
}

std::string packed(const std::string& plain, int codec) {
  switch (codec) {
    case 1:
      return snap(plain);
    case 2: {
      std::string out(plain.size() + 200, '\0');
      z_stream stream{};
      deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
      stream.avail_in = static_cast<uInt>(plain.size());
      stream.next_out = reinterpret_cast<Bytef*>(out.data());
      stream.avail_out = static_cast<uInt>(out.size());
      deflate(&stream, Z_FINISH);
      out.resize(stream.total_out);
      deflateEnd(&stream);
      return out;
    }
    case 6: {
      std::string out(ZSTD_compressBound(plain.size()), '\0');
      out.resize(ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 3));
      return out;
    }
    default:
      return plain;
  }
}

class FileWriter {
 public:
  explicit FileWriter(const ParquetForm& form) : form_(form) {}

  ThriftWriter chunk(const Leaf& leaf, std::size_t begin, std::size_t end) {
    const std::size_t start = out_.size();
    std::vector<Json> names;
    std::map<std::string, std::uint32_t> known;
    const bool indexed = form_.dictionary && leaf.kind != 'b';
    std::size_t dictionary_offset = 0;
    if (indexed) {
      for (std::size_t i = begin; i < end; ++i) {
        if (leaf.entries[i].definition < leaf.max_definition) continue;
        const std::string key = dump_json(leaf.entries[i].value);
        if (known.emplace(key, names.size()).second) names.push_back(leaf.entries[i].value);
      }
      dictionary_offset = out_.size();
      page(2, plain(leaf.kind, names), "", [&](ThriftWriter& head) {
        head.structure(7, ThriftWriter().integer(1, static_cast<std::int64_t>(names.size())).integer(2, 0));
      });
    }
    const std::size_t data_offset = out_.size();
    for (std::size_t from = begin; from < end;) {
      std::size_t to = std::min(end, from + form_.entries_per_page);
      while (to < end && leaf.entries[to].repetition != 0) ++to;  // pages of v2 begin with a row
      data_page(leaf, from, to, indexed, known, names.size());
      from = to;
    }
    ThriftWriter meta;
    meta.integer(1, type_of(leaf.kind)).texts(3, {leaf.name}).integer(4, form_.codec);
    meta.integer(5, static_cast<std::int64_t>(end - begin), kI64);
    meta.integer(6, 0, kI64).integer(7, static_cast<std::int64_t>(out_.size() - start), kI64);
    meta.integer(9, static_cast<std::int64_t>(data_offset), kI64);
    if (indexed) meta.integer(11, static_cast<std::int64_t>(dictionary_offset), kI64);
    return ThriftWriter().integer(2, static_cast<std::int64_t>(start), kI64).structure(3, meta);
  }

  std::string out_ = "PAR1";

 private:
  void data_page(const Leaf& leaf, std::size_t from, std::size_t to, bool indexed,
                 const std::map<std::string, std::uint32_t>& known, std::size_t names) {
    std::vector<std::uint32_t> repetitions, definitions, indices;
    std::vector<Json> values;
    for (std::size_t i = from; i < to; ++i) {
      const Entry& entry = leaf.entries[i];
      repetitions.push_back(static_cast<std::uint32_t>(entry.repetition));
      definitions.push_back(static_cast<std::uint32_t>(entry.definition));
      if (entry.definition < leaf.max_definition) continue;
      if (indexed) indices.push_back(known.at(dump_json(entry.value)));
      values.push_back(entry.value);
    }
    std::string body;
    int encoding = 0;
    if (indexed) {
      encoding = form_.v2 ? 8 : 2;
      const auto width = static_cast<unsigned>(std::bit_width(names == 0 ? std::size_t{0} : names - 1));
      body = static_cast<char>(width) + hybrid(indices, width);
    } else if (leaf.kind == 'b' && form_.v2) {
      encoding = 3;
      std::vector<std::uint32_t> flags;
      for (const Json& value : values) flags.push_back(value == true ? 1 : 0);
      const std::string runs = hybrid(flags, 1);
      put_raw(body, static_cast<std::uint32_t>(runs.size()));
      body += runs;
    } else {
      body = plain(leaf.kind, values);
    }
    if (form_.encoding >= 0) encoding = form_.encoding;
    const auto levels = [&](const std::vector<std::uint32_t>& numbers, int most) {
      return most == 0 ? std::string()
                       : hybrid(numbers, static_cast<unsigned>(std::bit_width(static_cast<unsigned>(most))));
    };
    const std::string r = levels(repetitions, leaf.max_repetition), d = levels(definitions, leaf.max_definition);
    const auto count = static_cast<std::int64_t>(to - from);
    if (form_.v2) {
      page(3, body, r + d, [&](ThriftWriter& head) {
        head.structure(8, ThriftWriter()
                              .integer(1, count)
                              .integer(2, count - static_cast<std::int64_t>(values.size()))
                              .integer(3, count)
                              .integer(4, encoding)
                              .integer(5, static_cast<std::int64_t>(d.size()))
                              .integer(6, static_cast<std::int64_t>(r.size()))
                              .flag(7, true));
      });
      return;
    }
    std::string whole;
    for (const auto& [text, most] : {std::pair(r, leaf.max_repetition), std::pair(d, leaf.max_definition)}) {
      if (most == 0) continue;
      put_raw(whole, static_cast<std::uint32_t>(text.size()));
      whole += text;
    }
    page(0, whole + body, "", [&](ThriftWriter& head) {
      head.structure(5, ThriftWriter().integer(1, count).integer(2, encoding).integer(3, 3).integer(4, 3));
    });
  }

  template <typename Describe>
  void page(int kind, const std::string& body, const std::string& levels, const Describe& describe) {
    const std::string bytes = levels + packed(body, form_.codec);
    ThriftWriter head;
    head.integer(1, kind).integer(2, static_cast<std::int64_t>(levels.size() + body.size()));
    head.integer(3, static_cast<std::int64_t>(bytes.size()));
    if (form_.checksum) {
      const auto sum = crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
      head.integer(4, static_cast<std::int32_t>(sum));
    }
    describe(head);
    out_ += head.done() + bytes;
  }

  const ParquetForm& form_;
};

}  // namespace

std::string snap(const std::string& plain) {
  std::string out;
  put_varint(out, plain.size());
  std::map<std::string, std::size_t> seen;
  std::size_t literal = 0, at = 0;
  const auto flush = [&](std::size_t end) {
    while (literal < end) {
      const std::size_t length = std::min<std::size_t>(end - literal, 70'000);
      if (length <= 60) {
        out += static_cast<char>((length - 1) << 2);
      } else {
        const unsigned bytes = length <= 256 ? 1 : length <= 65536 ? 2 : 3;
        out += static_cast<char>((59 + bytes) << 2);
        for (unsigned i = 0; i < bytes; ++i) out += static_cast<char>((length - 1) >> 8 * i);
      }
      out.append(plain, literal, length);
      literal += length;
    }
  };
  for (int copies = 0; at + 4 <= plain.size();) {
    const std::string key = plain.substr(at, 4);
    const auto found = seen.find(key);
    const std::size_t before = found == seen.end() ? 0 : found->second;
    const bool hit = found != seen.end();
    seen[key] = at;
    if (!hit) {
      ++at;
      continue;
    }
    std::size_t length = 4;
    while (length < 64 && at + length < plain.size() && plain[before + length] == plain[at + length]) ++length;
    flush(at);
    const std::size_t offset = at - before;
    if (++copies % 3 == 0 || offset >= 65536) {
      out += static_cast<char>((length - 1) << 2 | 3);
      put_raw(out, static_cast<std::uint32_t>(offset));
    } else if (length <= 11 && offset < 2048) {
      out += static_cast<char>((offset >> 8) << 5 | (length - 4) << 2 | 1);
      out += static_cast<char>(offset);
    } else {
      out += static_cast<char>((length - 1) << 2 | 2);
      put_raw(out, static_cast<std::uint16_t>(offset));
    }
    at += length;
    literal = at;
  }
  flush(plain.size());
  return out;
}

std::string write_parquet(const std::vector<ParquetField>& fields, const std::vector<Json>& rows,
                          const ParquetForm& form) {
  Shredder shredder(fields, form.bare_lists);
  for (const Json& row : rows) shredder.add(fields, row);
  FileWriter file(form);
  std::vector<ThriftWriter> groups;
  for (std::size_t from = 0; from < rows.size();) {
    const std::size_t to = std::min(rows.size(), from + form.rows_per_group);
    std::vector<ThriftWriter> chunks;
    for (const Leaf& leaf : shredder.leaves_) {
      const std::size_t end = to < rows.size() ? leaf.row_starts[to] : leaf.entries.size();
      chunks.push_back(file.chunk(leaf, leaf.row_starts[from], end));
    }
    groups.push_back(
        ThriftWriter().list(1, chunks).integer(2, 0, kI64).integer(3, static_cast<std::int64_t>(to - from), kI64));
    from = to;
  }
  const ThriftWriter footer = ThriftWriter()
                                  .integer(1, 2)
                                  .list(2, shredder.schema_)
                                  .integer(3, static_cast<std::int64_t>(rows.size()), kI64)
                                  .list(4, groups)
                                  .list(5, {ThriftWriter().text(1, "made").text(2, "by a test")})
                                  .text(6, "assay's tests");
  std::string out = file.out_;
  const std::string bytes = footer.done();
  out += bytes;
  put_raw(out, static_cast<std::uint32_t>(bytes.size()));
  return out + "PAR1";
}

}  // namespace assay::test
