#include "experiments/qa/parquet_file.hpp"

#include <algorithm>

#include "experiments/qa/parquet_thrift.hpp"

namespace assay {
namespace {

using Thrift = ThriftReader::Type;

constexpr std::string_view kMagic = "PAR1", kEncryptedMagic = "PARE";
constexpr int kDeepest = 32;
constexpr std::size_t kMostElements = 100'000, kMostChunks = 4'000'000;  // so that a footer's values stay below 1 GiB
constexpr std::int64_t kMap = 1, kMapKeyValue = 2, kList = 3, kDecimal = 5;  // ConvertedType

struct Element {
  std::int64_t type = -1, repetition = 0, children = 0, converted = -1;
  std::string name;
};

enum Repetition : std::int64_t { kRequired, kOptional, kRepeated };

Element read_element(ThriftReader& in) {
  Element element;
  for (ThriftStruct s(in); s.next();) {
    if (s.id() == 4) {
      element.name = s.text();
    } else if (!take_integer(s, {{1, &element.type, 7},
                                 {3, &element.repetition, kRepeated},
                                 {5, &element.children, INT32_MAX},
                                 {6, &element.converted, kAnyInteger}})) {
      s.skip();
    }
  }
  return element;
}

/// From the flat list of elements to shapes. Levels: Dremel, as in parquet-format's "Nested Encoding".
class SchemaBuilder {
 public:
  SchemaBuilder(const std::vector<Element>& elements, ParquetFile& file) : elements_(elements), file_(file) {}

  void build() {
    if (elements_.empty() || elements_[0].children == 0) throw ParquetFault("it has no columns");
    at_ = 1;
    for (std::int64_t n = elements_[0].children; n > 0; --n) file_.columns.push_back(field({}, 0, 0, 1));
    if (at_ != elements_.size()) throw ParquetFault("a damaged schema: elements that belong to no column");
  }

 private:
  const Element& take() {
    if (at_ >= elements_.size()) throw ParquetFault("a damaged schema: a column is missing");
    return elements_[at_++];
  }

  ParquetNode field(const std::string& above, std::uint8_t definition, std::uint8_t repetition, int depth) {
    const Element& element = take();
    const std::string path = above.empty() ? element.name : above + "." + element.name;
    if (element.repetition == kRepeated) {
      ParquetNode node = list(element.name, path, definition, repetition);
      add(node, body(element, path, node.element_definition, 1, depth));
      return node;
    }
    const auto level = static_cast<std::uint8_t>(definition + (element.repetition == kOptional ? 1 : 0));
    return body(element, path, level, repetition, depth);
  }

  ParquetNode list(const std::string& name, const std::string& path, std::uint8_t definition,
                   std::uint8_t repetition) const {
    if (repetition > 0) throw ParquetFault("column '" + path + "': a list within a list is not read", true);
    ParquetNode node;
    node.shape = ParquetNode::Shape::list;
    node.name = name;
    node.definition = definition;
    node.element_definition = static_cast<std::uint8_t>(definition + 1);
    node.first_leaf = file_.leaves.size();
    return node;
  }

  void add(ParquetNode& node, ParquetNode child) const {
    node.children.push_back(std::move(child));
    node.leaves = file_.leaves.size() - node.first_leaf;
  }

  /// What an element holds once it is known to exist from `definition` on.
  ParquetNode body(const Element& element, const std::string& path, std::uint8_t definition, std::uint8_t repetition,
                   int depth) {
    if (depth > kDeepest) throw ParquetFault("column '" + path + "': nested too deeply", true);
    if (element.children == 0) return scalar(element, path, definition, repetition);
    if (element.converted == kMap || element.converted == kMapKeyValue) {
      throw ParquetFault("column '" + path + "': a map is not read", true);
    }
    if (is_list(element)) return wrapped_list(element, path, definition, repetition, depth);
    ParquetNode node;
    node.shape = ParquetNode::Shape::structure;
    node.name = element.name;
    node.definition = definition;
    node.first_leaf = file_.leaves.size();
    for (std::int64_t n = element.children; n > 0; --n) add(node, field(path, definition, repetition, depth + 1));
    return node;
  }

  ParquetNode scalar(const Element& element, const std::string& path, std::uint8_t definition,
                     std::uint8_t repetition) {
    if (element.type < 0) throw ParquetFault("a damaged schema: column '" + path + "' has no type");
    ParquetLeaf leaf{path, static_cast<ParquetType>(element.type), element.converted, definition, repetition};
    if (leaf.type == ParquetType::int96 || leaf.type == ParquetType::fixed_bytes) {
      const char* type = leaf.type == ParquetType::int96 ? "INT96" : "FIXED_LEN_BYTE_ARRAY";
      throw ParquetFault("column '" + path + "': values of type " + type + " are not read", true);
    }
    if (leaf.converted == kDecimal) throw ParquetFault("column '" + path + "': decimals are not read", true);
    ParquetNode node;
    node.name = element.name;
    node.definition = definition;
    node.first_leaf = file_.leaves.size();
    file_.leaves.push_back(std::move(leaf));
    return node;
  }

  bool is_list(const Element& element) const {
    if (element.children != 1 || at_ >= elements_.size() || elements_[at_].repetition != kRepeated) return false;
    const std::string& name = elements_[at_].name;
    return element.converted == kList || name == "list" || name == "bag" || name == "array";
  }

  /// LIST: usually `x { repeated list { element } }`; old writers leave a layer out (LogicalTypes.md, "Lists").
  ParquetNode wrapped_list(const Element& element, const std::string& path, std::uint8_t definition,
                           std::uint8_t repetition, int depth) {
    ParquetNode node = list(element.name, path, definition, repetition);
    const Element& layer = take();
    const bool bare = layer.children != 1 || layer.name == "array" || layer.name == element.name + "_tuple";
    if (bare) {
      add(node, body(layer, path, node.element_definition, 1, depth + 1));
      return node;
    }
    const Element& item = take();
    if (item.repetition == kRepeated)
      throw ParquetFault("column '" + path + "': a list within a list is not read", true);
    const auto level = static_cast<std::uint8_t>(node.element_definition + (item.repetition == kOptional ? 1 : 0));
    add(node, body(item, path, level, 1, depth + 1));
    return node;
  }

  const std::vector<Element>& elements_;
  ParquetFile& file_;
  std::size_t at_ = 0;
};

ParquetChunk read_chunk(ThriftReader& in) {
  ParquetChunk chunk;
  bool described = false;
  for (ThriftStruct s(in); s.next();) {
    switch (s.id()) {
      case 1:
        if (!s.text().empty()) throw ParquetFault("a part of it stands in another file", true);
        break;
      case 3:
        described = true;
        read_integers(s.structure(), {{1, &chunk.type, kAnyInteger},
                                      {4, &chunk.codec, kAnyInteger},
                                      {5, &chunk.values},
                                      {7, &chunk.bytes},
                                      {9, &chunk.data_offset},
                                      {11, &chunk.dictionary_offset}});
        break;
      case 8:
      case 9:
        throw ParquetFault("it is encrypted", true);
      default:
        s.skip();
    }
  }
  if (!described) throw ParquetFault("a damaged footer: a column without its description");
  return chunk;
}

ParquetGroup read_group(ThriftReader& in, std::size_t& chunks) {
  const auto one_more = [&] {
    if (++chunks > kMostChunks) throw ParquetFault("it has more than 4,000,000 row groups and columns in them", true);
  };
  one_more();
  ParquetGroup group;
  for (ThriftStruct s(in); s.next();) {
    switch (s.id()) {
      case 1:
        for (std::size_t n = s.list_of(Thrift::structure); n > 0; --n) {
          one_more();
          group.chunks.push_back(read_chunk(in));
        }
        break;
      case 3:
        group.rows = s.count();
        break;
      default:
        s.skip();
    }
  }
  return group;
}

void check_group(const ParquetFile& file, const ParquetGroup& group) {
  if (group.chunks.size() != file.leaves.size()) throw ParquetFault("a damaged footer: a row group lacks columns");
  for (std::size_t i = 0; i < group.chunks.size(); ++i) {
    const ParquetChunk& chunk = group.chunks[i];
    const ParquetLeaf& leaf = file.leaves[i];
    const std::string column = "column '" + leaf.path + "': ";
    if (chunk.type != static_cast<std::int64_t>(leaf.type)) {
      throw ParquetFault(column + "its type differs from the schema's");
    }
    if (leaf.max_repetition == 0 && chunk.values != group.rows) {
      throw ParquetFault(column + "as many values as rows were expected");
    }
    const auto end = static_cast<std::int64_t>(file.data_end);
    const std::int64_t start =
        chunk.dictionary_offset > 0 ? std::min(chunk.dictionary_offset, chunk.data_offset) : chunk.data_offset;
    if (start < 4 || start > end || chunk.bytes > end - start)
      throw ParquetFault(column + "it lies outside of the file");
  }
}

}  // namespace

ParquetFile read_parquet_footer(std::string_view bytes) {
  if (bytes.starts_with(kEncryptedMagic)) throw ParquetFault("it is encrypted", true);
  if (!bytes.starts_with(kMagic)) throw ParquetFault("no Parquet file: it does not begin with PAR1");
  if (bytes.size() < 12 || !bytes.ends_with(kMagic)) throw ParquetFault("it does not end with PAR1: it is cut");
  const auto at = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])); };
  const std::size_t tail = bytes.size() - 8;
  const std::size_t length = at(tail) | at(tail + 1) << 8U | at(tail + 2) << 16U | at(tail + 3) << 24U;
  if (length > tail - 4) throw ParquetFault("a damaged footer: longer than the file");
  ParquetFile file;
  file.data_end = tail - length;

  std::vector<Element> elements;
  std::int64_t rows = 0;
  std::size_t chunks = 0;
  ThriftReader in(bytes.substr(file.data_end, length));
  for (ThriftStruct s(in); s.next();) {
    switch (s.id()) {
      case 2:
        for (std::size_t n = s.list_of(Thrift::structure); n > 0; --n) {
          if (elements.size() == kMostElements) throw ParquetFault("it has more than 100,000 columns", true);
          elements.push_back(read_element(in));
        }
        break;
      case 3:
        rows = s.count();
        break;
      case 4:
        for (std::size_t n = s.list_of(Thrift::structure); n > 0; --n) {
          file.groups.push_back(read_group(in, chunks));
        }
        break;
      case 8:
        throw ParquetFault("it is encrypted", true);
      default:
        s.skip();
    }
  }
  SchemaBuilder(elements, file).build();
  file.rows = static_cast<std::uint64_t>(rows);
  std::uint64_t sum = 0;
  for (const ParquetGroup& group : file.groups) {
    check_group(file, group);
    sum += static_cast<std::uint64_t>(group.rows);
    if (sum > file.rows) break;
  }
  if (sum != file.rows) throw ParquetFault("a damaged footer: its row groups have not as many rows as it says");
  return file;
}

ParquetPage read_parquet_page(std::string_view bytes) {
  ParquetPage page;
  std::int64_t kind = -1, plain = 0, packed = 0, values = 0, definitions = 0, repetitions = 0;
  bool described = false;
  ThriftReader in(bytes);
  for (ThriftStruct s(in); s.next();) {
    switch (s.id()) {
      case 4:
        page.crc = static_cast<std::uint32_t>(s.integer());
        break;
      case 5:
        described = true;
        read_integers(s.structure(), {{1, &values, INT32_MAX},
                                      {2, &page.encoding, kAnyInteger},
                                      {3, &page.definition_encoding, kAnyInteger},
                                      {4, &page.repetition_encoding, kAnyInteger}});
        break;
      case 7:
        described = true;
        read_integers(s.structure(), {{1, &values, INT32_MAX}, {2, &page.encoding, kAnyInteger}});
        break;
      case 8:
        described = true;
        for (ThriftStruct d(s.structure()); d.next();) {
          if (d.id() == 7) {
            page.packed = d.boolean();
          } else if (!take_integer(d, {{1, &values, INT32_MAX},
                                       {4, &page.encoding, kAnyInteger},
                                       {5, &definitions, INT32_MAX},
                                       {6, &repetitions, INT32_MAX}})) {
            d.skip();
          }
        }
        break;
      default:
        if (!take_integer(s, {{1, &kind}, {2, &plain, INT32_MAX}, {3, &packed, INT32_MAX}})) s.skip();
    }
  }
  page.plain_bytes = static_cast<std::size_t>(plain);
  page.packed_bytes = static_cast<std::size_t>(packed);
  page.values = static_cast<std::size_t>(values);
  page.definition_bytes = static_cast<std::size_t>(definitions);
  page.repetition_bytes = static_cast<std::size_t>(repetitions);
  if (kind < 0 || kind > 3) throw ParquetFault("a page of unknown type " + std::to_string(kind));
  page.kind = static_cast<ParquetPage::Kind>(kind);
  if (!described && page.kind != ParquetPage::Kind::index) throw ParquetFault("a damaged page header");
  page.header_bytes = in.position();
  if (page.packed_bytes > bytes.size() - page.header_bytes) throw ParquetFault("it is longer than its column");
  return page;
}

}  // namespace assay
