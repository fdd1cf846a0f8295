#include "repl/run_sort.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>

#include "core/query/value_columns.hpp"
#include "core/text/error.hpp"
#include "core/text/json.hpp"
#include "repl/grouping.hpp"

namespace assay {
namespace {

struct Keyed {
  std::uint64_t key;
  RunId run;
};

constexpr int kDigitBits = 11;
constexpr std::size_t kDigits = 1U << kDigitBits;
constexpr std::size_t kFew = 64;  // names that are compared one with another

/// Stable, by the key's digits from the last to the first; a digit that all share costs no pass.
void sort_keyed(std::span<Keyed> items, std::vector<Keyed>& room) {
  room.resize(std::max(room.size(), items.size()));
  std::span<Keyed> from = items, to = std::span(room).first(items.size());
  for (int shift = 0; shift < 64; shift += kDigitBits) {
    std::array<std::size_t, kDigits> begin{};
    for (const Keyed& item : from) ++begin[item.key >> shift & (kDigits - 1)];
    if (std::find(begin.begin(), begin.end(), from.size()) != begin.end()) continue;
    std::exclusive_scan(begin.begin(), begin.end(), begin.begin(), std::size_t{0});
    for (const Keyed& item : from) to[begin[item.key >> shift & (kDigits - 1)]++] = item;
    std::swap(from, to);
  }
  if (from.data() != items.data()) std::copy(from.begin(), from.end(), items.begin());
}

/// Its order is that of the numbers; one that is none comes first.
std::uint64_t key_of(double value) {
  if (std::isnan(value)) return 0;
  const auto bits = std::bit_cast<std::uint64_t>(value == 0 ? 0.0 : value);
  return bits >> 63 != 0 ? ~bits : bits | std::uint64_t{1} << 63;
}
std::uint64_t key_of(std::int64_t value) { return static_cast<std::uint64_t>(value) ^ std::uint64_t{1} << 63; }

/// By names, of which the first `same` bytes are equal.
void sort_names(const RunTable::Reader& table, std::span<Keyed> items, std::size_t same, std::vector<Keyed>& room) {
  if (items.size() < 2) return;
  if (items.size() <= kFew) {
    std::stable_sort(items.begin(), items.end(),
                     [&](const Keyed& a, const Keyed& b) { return table.name(a.run) < table.name(b.run); });
    return;
  }
  const std::string_view first = table.name(items.front().run);
  std::size_t common = first.size();
  for (const Keyed& item : items) {
    const std::string_view name = table.name(item.run);
    const auto end = std::mismatch(first.begin() + static_cast<std::ptrdiff_t>(same),
                                   first.begin() + static_cast<std::ptrdiff_t>(common),
                                   name.begin() + static_cast<std::ptrdiff_t>(std::min(same, name.size())), name.end())
                         .first;
    common = static_cast<std::size_t>(end - first.begin());
    if (common == same) break;
  }
  constexpr std::size_t kBytes = 7;  // and in the last byte how many there are, so that "a" comes before "a\0"
  for (Keyed& item : items) {
    const std::string_view rest = table.name(item.run).substr(common, kBytes);
    item.key = 0;
    for (std::size_t i = 0; i < kBytes; ++i)
      item.key = item.key << 8 | (i < rest.size() ? static_cast<unsigned char>(rest[i]) : 0U);
    item.key = item.key << 8 | rest.size();
  }
  sort_keyed(items, room);
  for (std::size_t begin = 0, end = 0; begin < items.size(); begin = end) {
    for (end = begin + 1; end < items.size() && items[end].key == items[begin].key;) ++end;
    const bool ended = (items[begin].key & 0xFF) < kBytes;  // all of them are the same name
    if (!ended) sort_names(table, items.subspan(begin, end - begin), common + kBytes, room);
  }
}

/// The keys of texts: numbers by their value, then the others as texts; "" first.
std::vector<std::uint64_t> ranks_of(const std::vector<std::string>& texts) {
  struct Text {
    bool is_number = false;
    double number = 0;
    std::size_t at = 0;
  };
  std::vector<Text> order(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string& text = texts[i];
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), order[i].number);
    order[i].is_number = !text.empty() && error == std::errc() && end == text.data() + text.size();
    order[i].at = i;
  }
  const auto before = [&](const Text& a, const Text& b) {
    const std::string &left = texts[a.at], &right = texts[b.at];
    if (left.empty() || right.empty()) return left.empty() && !right.empty();
    if (a.is_number != b.is_number) return a.is_number;
    return a.is_number ? a.number < b.number : left < right;
  };
  std::sort(order.begin(), order.end(), before);
  std::vector<std::uint64_t> ranks(texts.size());
  std::uint64_t rank = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && before(order[i - 1], order[i])) ++rank;
    ranks[order[i].at] = rank;
  }
  return ranks;
}

class Sorter {
 public:
  Sorter(const RunTable::Reader& table, std::vector<RunId>& runs, bool descending)
      : table_(table), runs_(runs), descending_(descending) {}

  template <typename KeyOf>
  void by(KeyOf key) {
    std::vector<Keyed> items;
    items.reserve(runs_.size());
    for (const RunId run : runs_) {
      const std::uint64_t value = key(run);
      items.push_back({descending_ ? ~value : value, run});
    }
    std::vector<Keyed> room;
    sort_keyed(items, room);
    for (std::size_t i = 0; i < items.size(); ++i) runs_[i] = items[i].run;
  }
  void by_name() {
    std::vector<Keyed> items, room;
    items.reserve(runs_.size());
    for (const RunId run : runs_) items.push_back({0, run});
    sort_names(table_, items, 0, room);
    for (std::size_t i = 0; i < items.size(); ++i) runs_[descending_ ? items.size() - 1 - i : i] = items[i].run;
  }

 private:
  const RunTable::Reader& table_;
  std::vector<RunId>& runs_;
  const bool descending_;
};

void sort_by_value(Experiment& experiment, std::vector<RunId>& runs, const ValuePath& path, bool descending,
                   const Advance& advance) {
  std::vector<RunId> ascending = runs;
  std::sort(ascending.begin(), ascending.end());
  StorePayloads payloads(experiment, advance);
  const bool kept = payloads.with_column(path, ascending, [&](const ValueColumn& column) {
    std::vector<std::string> texts(column.texts().size());
    for (std::uint32_t number = 1; number < texts.size(); ++number) {
      const auto json = parse_json_lenient(column.texts().at(number));
      if (json && !json->is_null()) texts[number] = json->is_string() ? json->get<std::string>() : dump_json(*json);
    }
    const std::vector<std::uint64_t> ranks = ranks_of(texts);
    const RunTable::Reader table = experiment.table().read();
    Sorter(table, runs, descending).by([&](RunId run) { return ranks[column.value(run)]; });
  });
  if (!kept) throw Error("usage", "--sort: the values at " + path.path + " are too long to sort by", {});
}

bool sort_by_facet(const RunTable::Reader& table, Sorter& sorter, const std::string& name) {
  std::vector<std::span<const std::uint32_t>> columns;
  bool known = false;
  for (const BatchInfo& batch : table.batches()) {
    columns.push_back(table.facet_column(batch.id, name));
    known = known || !columns.back().empty();
  }
  if (!known) return false;
  std::vector<std::string> texts;
  for (std::uint32_t index = 0; index < table.facet_text_count(); ++index) texts.push_back(table.facet_text(index));
  const std::vector<std::uint64_t> ranks = ranks_of(texts);
  sorter.by([&](RunId run) {
    const BatchId batch = table.row(run).batch;
    const std::size_t at = run - table.batch(batch).first;
    return ranks[at < columns[batch].size() ? columns[batch][at] : 0];
  });
  return true;
}

}  // namespace

void sort_runs(Experiment& experiment, std::vector<RunId>& runs, const std::string& field, const Advance& advance) {
  const bool descending = field.starts_with("-");
  const std::string name = descending ? field.substr(1) : field;
  if (is_payload_path(name)) {
    sort_by_value(experiment, runs, payload_path(name), descending, advance);
    return;
  }
  const RunTable::Reader table = experiment.table().read();
  Sorter sorter(table, runs, descending);
  const auto count = [](auto number) { return key_of(static_cast<std::int64_t>(number)); };
  if (name == "name" || name == "run") return sorter.by_name();
  if (name == "status") return sorter.by([&](RunId run) { return count(table.row(run).status); });
  if (name == "score") return sorter.by([&](RunId run) { return count(table.row(run).verdict); });
  if (name == "time") return sorter.by([&](RunId run) { return key_of(static_cast<double>(table.row(run).seconds)); });
  if (name == "cost") return sorter.by([&](RunId run) { return count(table.row(run).cost); });
  if (name == "attempts") return sorter.by([&](RunId run) { return count(table.row(run).attempts); });
  if (name == "steps") return sorter.by([&](RunId run) { return count(table.row(run).steps); });
  if (name == "calls") return sorter.by([&](RunId run) { return count(table.row(run).calls); });
  if (name == "tokens") {
    return sorter.by([&](RunId run) {
      return count(std::int64_t{table.row(run).tokens_in} + std::int64_t{table.row(run).tokens_out});
    });
  }
  if (name.starts_with("metric.")) {
    const std::string metric = name.substr(7);
    std::vector<std::span<const double>> columns;
    for (const BatchInfo& batch : table.batches()) columns.push_back(table.metric_column(batch.id, metric));
    return sorter.by([&](RunId run) {
      const BatchId batch = table.row(run).batch;
      const std::size_t at = run - table.batch(batch).first;
      return key_of(at < columns[batch].size() ? columns[batch][at] : std::nan(""));
    });
  }
  if (sort_by_facet(table, sorter, name)) return;
  throw Error(
      "usage", "--sort: there is no field \"" + name + "\"", {},
      "fields: name status score time cost attempts steps calls tokens metric.NAME data.PATH answer.PATH, or what "
      "the items keep (category)");
}

}  // namespace assay
