#include "core/store/salvage_rows.hpp"

#include <bit>
#include <cstring>

#include "core/store/payload.hpp"
#include "core/store/row.hpp"
#include "core/store/schema.hpp"

namespace assay {
namespace {

constexpr std::uint64_t kMostPayload = kMaxPayload + (1U << 20);
enum TypeClass : std::uint8_t { kNull, kInteger, kReal, kText, kBlob, kTypeClasses };

TypeClass class_of(std::uint64_t type) {
  if (type == 0) return kNull;
  if (type == 7) return kReal;
  if (type < 12) return kInteger;
  return type % 2 == 0 ? kBlob : kText;
}

std::uint64_t length_of(std::uint64_t type) {
  constexpr std::array<std::uint8_t, 12> fixed = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
  return type < 12 ? fixed[static_cast<std::size_t>(type)] : (type - (type % 2 == 0 ? 12 : 13)) / 2;
}

bool may_hold(TableShape::Column column, TypeClass type) {
  switch (column) {
    case TableShape::Column::integer:
      return type == kNull || type == kInteger;
    case TableShape::Column::real:
      return type == kNull || type == kInteger || type == kReal;  // whole numbers are stored as integers
    case TableShape::Column::text:
      return type == kNull || type == kText;
    case TableShape::Column::blob:
      return type == kNull || type == kBlob;
    case TableShape::Column::any:
      return true;
  }
  return false;
}

std::vector<TableShape> make_shapes() {
  Connection connection(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  create_schema(connection, "", "", default_schema_plan());
  create_answer_table(connection);
  create_published_table(connection);
  std::vector<TableShape> shapes;
  {
    auto tables = connection.use("SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table'");
    while (tables.step()) {
      TableShape shape;
      shape.name = tables.text(0);
      shape.rowid = tables.number(1) == 0;
      if (!shape.name.starts_with("sqlite_")) shapes.push_back(std::move(shape));
    }
  }
  for (TableShape& shape : shapes) {
    auto columns = connection.use("SELECT name, type, pk FROM pragma_table_info(?1) ORDER BY cid");
    columns.bind(1, shape.name);
    std::size_t keys = 0;
    bool number_key = false;
    while (columns.step()) {
      const std::string_view type = columns.text(1);
      using Column = TableShape::Column;
      shape.columns.push_back(type == "INTEGER" ? Column::integer
                              : type == "REAL"  ? Column::real
                              : type == "TEXT"  ? Column::text
                              : type == "BLOB"  ? Column::blob
                                                : Column::any);
      shape.names.emplace_back(columns.text(0));
      if (shape.names.back() == "ver") shape.ver = static_cast<int>(shape.names.size()) - 1;
      if (columns.number(2) > 0) {
        ++keys;
        number_key = type == "INTEGER";
      }
    }
    shape.keys = keys;
    shape.rowid = shape.rowid && keys == 1 && number_key;  // `blob` has a row number that is no column
  }
  return shapes;
}

/// For each column, the tables that may have a value of a class there.
struct Filter {
  std::array<std::array<std::uint32_t, kTypeClasses>, 40> allowed{};
  std::array<std::uint32_t, 41> of_count{};
  std::size_t least = 40, most = 0;
  Filter() {
    const auto& shapes = table_shapes();
    for (std::size_t t = 0; t < shapes.size(); ++t) {
      const TableShape& shape = shapes[t];
      of_count.at(shape.columns.size()) |= 1U << t;
      least = std::min(least, shape.columns.size());
      most = std::max(most, shape.columns.size());
      for (std::size_t c = 0; c < shape.columns.size(); ++c) {
        for (std::uint8_t type = 0; type < kTypeClasses; ++type) {
          const bool key = shape.rowid && c == 0, sum = c + 1 == shape.columns.size();
          const bool fits = key   ? type == kNull
                            : sum ? type == kInteger
                                  : may_hold(shape.columns[c], static_cast<TypeClass>(type));
          if (fits) allowed.at(c).at(type) |= 1U << t;
        }
      }
    }
  }
};

std::int64_t big_endian(std::string_view bytes) {
  std::int64_t value = static_cast<signed char>(bytes[0]);
  for (std::size_t i = 1; i < bytes.size(); ++i) {
    value = static_cast<std::int64_t>(static_cast<std::uint64_t>(value) << 8 | static_cast<unsigned char>(bytes[i]));
  }
  return value;
}

}  // namespace

const std::vector<TableShape>& table_shapes() {
  static const std::vector<TableShape> shapes = make_shapes();
  return shapes;
}

std::size_t read_varint(std::string_view bytes, std::size_t at, std::uint64_t& value) {
  value = 0;
  for (std::size_t i = 0; i < 9 && at + i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[at + i]);
    if (i == 8) {
      value = value << 8 | byte;
      return 9;
    }
    value = value << 7 | (byte & 0x7F);
    if (byte < 0x80) return i + 1;
  }
  return 0;
}

bool RowFinder::head(std::string_view page, std::size_t at, RecordHead& head) const {
  static const Filter filter;
  std::uint64_t size = 0;
  std::size_t position = read_varint(page, at, size);
  if (position == 0 || size <= filter.least || size > 9 * filter.most + 2 || at + size > page.size()) return false;
  std::uint32_t tables = UINT32_MAX;
  std::uint64_t payload = size;
  std::size_t columns = 0;
  while (position < size) {
    std::uint64_t type = 0;
    const std::size_t bytes = read_varint(page, at + position, type);
    if (bytes == 0 || columns >= filter.most || type == 10 || type == 11 || type > 2 * kMostPayload) return false;
    tables &= filter.allowed[columns][class_of(type)];
    if (tables == 0) return false;
    head.types[columns++] = type;
    payload += length_of(type);
    position += bytes;
  }
  tables &= filter.of_count[columns];
  if (position != size || tables == 0 || payload > kMostPayload) return false;
  head.tables = tables;
  head.columns = columns;
  head.header_bytes = static_cast<std::size_t>(size);
  head.payload_bytes = payload;
  return true;
}

std::size_t RowFinder::local_bytes(std::uint64_t payload, bool table_leaf) const {
  const std::uint64_t usable = file_.page_size();
  const std::uint64_t most = table_leaf ? usable - 35 : (usable - 12) * 64 / 255 - 23;
  if (payload <= most) return static_cast<std::size_t>(payload);
  const std::uint64_t least = (usable - 12) * 32 / 255 - 23;
  const std::uint64_t fitting = least + (payload - least) % (usable - 4);
  return static_cast<std::size_t>(fitting <= most ? fitting : least);
}

bool RowFinder::decode(std::string_view payload, const RecordHead& head) {
  std::size_t at = head.header_bytes;
  found_.values.resize(head.columns);
  for (std::size_t i = 0; i < head.columns; ++i) {
    const std::uint64_t type = head.types[i];
    const auto length = static_cast<std::size_t>(length_of(type));
    const std::string_view bytes = payload.substr(at, length);
    if (bytes.size() != length) return false;
    at += length;
    RawValue& value = found_.values[i];
    value = {};
    if (type == 0) continue;
    if (type >= 12) {
      value.kind = type % 2 == 0 ? RawValue::Kind::bytes : RawValue::Kind::text;
      value.view = bytes;
    } else if (type == 7) {
      value.kind = RawValue::Kind::real;
      value.real = std::bit_cast<double>(big_endian(bytes));
    } else {
      value.kind = RawValue::Kind::integer;
      value.integer = type >= 8 ? static_cast<std::int64_t>(type - 8) : big_endian(bytes);
    }
  }
  return true;
}

bool RowFinder::sum_holds(const TableShape& shape, std::optional<std::int64_t> rowid) {
  RowSum sum(shape.name);
  for (std::size_t i = 0; i + 1 < shape.columns.size(); ++i) {
    RawValue& value = found_.values[i];
    if (i == 0 && shape.rowid) {
      value.kind = RawValue::Kind::integer;
      value.integer = rowid.value_or(0);
    }
    if (shape.columns[i] == TableShape::Column::real && value.kind == RawValue::Kind::integer) {
      value.kind = RawValue::Kind::real;
      value.real = static_cast<double>(value.integer);
    }
    switch (value.kind) {
      case RawValue::Kind::null:
        sum.null();
        break;
      case RawValue::Kind::integer:
        sum.integer(value.integer);
        break;
      case RawValue::Kind::real:
        sum.real(value.real);
        break;
      case RawValue::Kind::text:
      case RawValue::Kind::bytes:
        sum.bytes(value.kind == RawValue::Kind::text ? '\3' : '\4', value.view);
    }
  }
  return found_.values.back().integer == sum.digest();
}

bool RowFinder::try_payload(std::string_view page, std::size_t at, const RecordHead& head, bool table_leaf,
                            std::string_view payload, std::optional<std::int64_t> rowid) {
  const auto& shapes = table_shapes();
  for (std::size_t t = 0; t < shapes.size(); ++t) {
    if ((head.tables >> t & 1) == 0) continue;
    const TableShape& shape = shapes[t];
    if ((shape.rowid || shape.name == "blob") != table_leaf || !decode(payload, head)) continue;
    found_.table = t;
    if (!shape.rowid) {
      if (sum_holds(shape, {})) return true;
      continue;
    }
    if (rowid && sum_holds(shape, rowid)) return true;
    // The row's number is the variable-length integer that ends where the record begins.
    for (std::size_t back = 1; back <= 9 && back <= at; ++back) {
      std::uint64_t number = 0;
      if (read_varint(page.substr(0, at), at - back, number) != back) continue;
      const auto candidate = static_cast<std::int64_t>(number);
      if (candidate != rowid && sum_holds(shape, candidate)) return true;
    }
    // Its first bytes are the first to be overwritten in a cell that was given up; an attempt's number says it again.
    if (shape.name == "attempt") {
      const std::int64_t number = found_.values[1].integer << 16 | (found_.values[2].integer & 0xFFFF);
      if (sum_holds(shape, number)) return true;
    }
  }
  return false;
}

const FoundRow* RowFinder::row(const PageImage& image, std::size_t at, const RecordHead& head,
                               std::optional<std::int64_t> rowid, bool local_only) {
  const std::string_view page = image.bytes;
  for (const bool table_leaf : {true, false}) {
    const std::size_t local = local_bytes(head.payload_bytes, table_leaf);
    found_.chain.clear();
    found_.begin = at;
    if (local == head.payload_bytes) {
      found_.end = at + local;
      if (found_.end <= page.size() && try_payload(page, at, head, table_leaf, page.substr(at, local), rowid)) {
        return &found_;
      }
      continue;
    }
    found_.end = at + local + 4;
    if (local_only) continue;
    if (local < head.header_bytes || found_.end > page.size()) continue;
    for (const bool from_file : {false, true}) {
      payload_.assign(page.substr(at, local));
      found_.chain.clear();
      if (file_.overflow(be32(page.data() + at + local), static_cast<std::size_t>(head.payload_bytes) - local, image,
                         from_file, payload_, found_.chain) &&
          try_payload(page, at, head, table_leaf, payload_, rowid)) {
        return &found_;
      }
    }
  }
  return nullptr;
}

CellStart read_cell(std::string_view page, std::size_t at, CellKind kind) {
  CellStart start;
  std::size_t record = at + (kind == CellKind::index_interior ? 4 : 0);
  const std::size_t payload = read_varint(page, record, start.payload_bytes);
  record += payload;
  if (payload > 0 && kind == CellKind::table) {
    std::uint64_t number = 0;
    const std::size_t size = read_varint(page, record, number);
    record += size;
    if (size > 0) start.rowid = static_cast<std::int64_t>(number);
  }
  if (payload > 0 && record < page.size()) start.record = record;
  return start;
}

const FoundRow* RowFinder::row_but_a_bit(const PageImage& image, CellKind kind, std::size_t begin, std::size_t end) {
  flipped_ = image;
  RecordHead head;
  for (std::size_t at = begin; at < std::min(end, image.bytes.size()); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      flipped_.bytes[at] = static_cast<char>(image.bytes[at] ^ (1 << bit));
      const CellStart start = read_cell(flipped_.bytes, begin, kind);
      if (start.record == 0 || !this->head(flipped_.bytes, start.record, head)) continue;
      if (const FoundRow* found = row(flipped_, start.record, head, start.rowid, true)) return found;
    }
    flipped_.bytes[at] = image.bytes[at];
  }
  return nullptr;
}

}  // namespace assay
