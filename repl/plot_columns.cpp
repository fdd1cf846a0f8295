#include "repl/plot_columns.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <unordered_map>

#include "core/query/value_columns.hpp"
#include "core/statistics/figure.hpp"
#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "repl/payload_reader.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

/// A run that has not begun has no figures: its zeros are none. One in flight has none yet.
struct RowNumber {
  std::string_view name;
  PlotUnit unit;
  double (*of)(const RunRow&);
};
constexpr std::array<RowNumber, 8> kRowNumbers = {{
    {"time", PlotUnit::seconds, [](const RunRow& row) { return static_cast<double>(row.seconds); }},
    {"cost", PlotUnit::usd, [](const RunRow& row) { return static_cast<double>(row.cost) / 1e12; }},
    {"tokens", PlotUnit::count, [](const RunRow& row) { return static_cast<double>(row.tokens_in) + row.tokens_out; }},
    {"tokens_in", PlotUnit::count, [](const RunRow& row) { return static_cast<double>(row.tokens_in); }},
    {"tokens_out", PlotUnit::count, [](const RunRow& row) { return static_cast<double>(row.tokens_out); }},
    {"steps", PlotUnit::count, [](const RunRow& row) { return static_cast<double>(row.steps); }},
    {"calls", PlotUnit::count, [](const RunRow& row) { return static_cast<double>(row.calls); }},
    {"attempts", PlotUnit::count, [](const RunRow& row) { return static_cast<double>(row.attempts); }},
}};
constexpr std::array<std::string_view, 6> kRowTexts = {"score", "status", "batch", "kind", "model", "error"};

bool in_payload(std::string_view field) {
  return field.starts_with("data.") || field.starts_with("answer.") || field == "answer" || field == "data";
}

double number_of(std::string_view text) {
  double number = kUndefined;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(number) ? number : kUndefined;
}

/// Texts that come run by run.
class TextColumn {
 public:
  explicit TextColumn(PlotColumn& column) : column_(column) {}
  std::uint32_t index_of(std::string_view text) {
    const auto found = index_.find(text);
    if (found != index_.end()) return found->second;
    const auto next = static_cast<std::uint32_t>(column_.names.size());
    column_.names.emplace_back(text);
    index_.emplace(text, next);
    return next;
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  PlotColumn& column_;
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> index_;
};

/// Numbers and texts side by side become the one or the other.
void settle(PlotColumn& column) {
  std::uint64_t numbers = 0, texts = 0;
  for (const double number : column.numbers) numbers += std::isnan(number) ? 0 : 1;
  for (const std::uint32_t text : column.texts) texts += text == PlotColumn::kNone ? 0 : 1;
  column.is_number = numbers > texts;
  if (column.is_number) {
    column.not_numbers = texts;
    column.texts.clear();
    column.names.clear();
    return;
  }
  if (numbers > 0) {
    TextColumn all(column);
    std::vector<std::string> names = std::move(column.names);
    column.names.clear();
    std::vector<std::uint32_t> renamed;
    for (const std::string& name : names) renamed.push_back(all.index_of(name));
    for (std::size_t i = 0; i < column.texts.size(); ++i) {
      if (column.texts[i] != PlotColumn::kNone) column.texts[i] = renamed[column.texts[i]];
      if (!std::isnan(column.numbers[i])) column.texts[i] = all.index_of(number_text(column.numbers[i]));
    }
  }
  column.numbers.clear();
}

class Reading {
 public:
  Reading(Experiment& experiment, const std::vector<RunId>& runs) : experiment_(experiment), runs_(runs) {}

  /// False: no run of the experiment has such a field.
  bool from_table(const PlotField& field, PlotColumn& column) const {
    const RunTable::Reader table = experiment_.table().read();
    column.field = field.name;
    if (field.as_score && field.name == "score") {
      column.is_number = column.is_score = true;
      column.unit = PlotUnit::share;
      column.numbers.reserve(runs_.size());
      const auto states = table.states();
      for (const RunId run : runs_) {
        const auto verdict = static_cast<Verdict>((states[run] & RunState::kVerdictMask) >> RunState::kVerdictShift);
        column.numbers.push_back(verdict == Verdict::correct ? 1.0 : verdict == Verdict::incorrect ? 0.0 : kUndefined);
      }
      return true;
    }
    const auto number = std::find_if(kRowNumbers.begin(), kRowNumbers.end(),
                                     [&](const RowNumber& row) { return row.name == field.name; });
    if (number != kRowNumbers.end()) {
      column.is_number = true;
      column.unit = number->unit;
      column.numbers.reserve(runs_.size());
      for (const RunId run : runs_) {
        const RunRow& row = table.row(run);
        const bool begun = row.status != Status::ready && !row.in_flight && row.attempts > 0;
        column.numbers.push_back(begun ? number->of(row) : kUndefined);
      }
      return true;
    }
    if (field.name.starts_with("metric.")) return metric(table, field.name.substr(7), column);
    if (std::find(kRowTexts.begin(), kRowTexts.end(), field.name) != kRowTexts.end()) {
      texts(table, field.name, column);
      return true;
    }
    return facet(table, field.name, column);
  }

  /// By the values that are kept of a path; each distinct one is looked at once.
  bool from_kept(PlotColumn& column, const std::vector<RunId>& sorted, StorePayloads& payloads) const {
    const auto dot = column.field.find('.');
    const ValuePath path{!column.field.starts_with("data"),
                         dot == std::string::npos ? std::string() : column.field.substr(dot + 1)};
    return payloads.with_column(path, sorted, [&](const ValueColumn& kept) {
      TextColumn names(column);
      std::vector<char> known(kept.texts().size(), 0);
      std::vector<double> numbers(known.size(), kUndefined);
      std::vector<std::uint32_t> texts(known.size(), PlotColumn::kNone);
      for (std::size_t i = 0; i < runs_.size(); ++i) {
        const std::uint32_t value = kept.value(runs_[i]);
        if (known[value] == 0) {
          known[value] = 1;
          if (const auto json = parse_json_lenient(kept.texts().at(value)))
            look(*json, numbers[value], texts[value], names);
        }
        column.numbers[i] = numbers[value];
        column.texts[i] = texts[value];
      }
    });
  }

  void from_payload(PlotColumn& column, const Advance& advance) const {
    std::vector<RunId> sorted = runs_;
    std::unordered_map<RunId, std::size_t> places;  // only where the runs are in another order
    if (!std::is_sorted(sorted.begin(), sorted.end())) {
      for (std::size_t i = 0; i < runs_.size(); ++i) places.emplace(runs_[i], i);
      std::sort(sorted.begin(), sorted.end());
    }
    column.numbers.assign(runs_.size(), kUndefined);
    column.texts.assign(runs_.size(), PlotColumn::kNone);
    StorePayloads payloads(experiment_, advance);
    if (!from_kept(column, sorted, payloads)) {
      const bool data = column.field.starts_with("data");
      const auto dot = column.field.find('.');
      const std::string path = dot == std::string::npos ? std::string() : column.field.substr(dot + 1);
      TextColumn names(column);
      PayloadParts parts;
      (data ? parts.data : parts.answer) = true;
      payloads.visit(sorted, parts, [&](RunId run, const QueryPayload& payload) {
        const auto at =
            places.empty()
                ? static_cast<std::size_t>(std::lower_bound(sorted.begin(), sorted.end(), run) - sorted.begin())
                : places.at(run);
        const std::optional<Json> value = parse_json_lenient(data ? payload.data : payload.answer);
        const Json* found = value ? value_at(*value, path) : nullptr;
        if (found != nullptr) look(*found, column.numbers[at], column.texts[at], names);
        return true;
      });
    }
    settle(column);
  }

 private:
  /// A value as a number, or as one of the texts.
  static void look(const Json& value, double& number, std::uint32_t& text, TextColumn& names) {
    if (value.is_null()) return;
    if (value.is_number()) number = value.get<double>();
    if (value.is_string()) number = number_of(value.get_ref<const std::string&>());
    if (std::isfinite(number)) return;
    number = kUndefined;
    text = names.index_of(value.is_string() ? value.get_ref<const std::string&>() : dump_json(value));
  }

  bool metric(const RunTable::Reader& table, const std::string& name, PlotColumn& column) const {
    column.is_number = true;
    column.numbers.reserve(runs_.size());
    bool known = false;
    each_by_batch(table, [&](const BatchInfo& batch) {
      const std::span<const double> values = table.metric_column(batch.id, name);
      known = known || !values.empty();
      return
          [&column, values](std::size_t at) { column.numbers.push_back(at < values.size() ? values[at] : kUndefined); };
    });
    return known;
  }

  bool facet(const RunTable::Reader& table, const std::string& name, PlotColumn& column) const {
    std::vector<std::uint32_t> index(table.facet_text_count(), PlotColumn::kNone);
    std::vector<double> numbers(table.facet_text_count(), kUndefined);
    bool known = false;
    column.texts.reserve(runs_.size());
    column.numbers.reserve(runs_.size());
    each_by_batch(table, [&](const BatchInfo& batch) {
      const std::span<const std::uint32_t> values = table.facet_column(batch.id, name);
      known = known || !values.empty();
      return [&, values](std::size_t at) {
        const std::uint32_t text = at < values.size() ? values[at] : 0;
        if (text != 0 && index[text] == PlotColumn::kNone && std::isnan(numbers[text])) {
          numbers[text] = number_of(table.facet_text(text));
          if (std::isnan(numbers[text])) {
            index[text] = static_cast<std::uint32_t>(column.names.size());
            column.names.push_back(table.facet_text(text));
          }
        }
        column.texts.push_back(text == 0 ? PlotColumn::kNone : index[text]);
        column.numbers.push_back(text == 0 ? kUndefined : numbers[text]);
      };
    });
    if (known) settle(column);
    return known;
  }

  void texts(const RunTable::Reader& table, const std::string& name, PlotColumn& column) const {
    TextColumn names(column);
    column.texts.reserve(runs_.size());
    constexpr std::size_t kStates = 16;
    std::array<std::uint32_t, kStates> known{};  // by status and verdict: no text is looked up for each run
    known.fill(PlotColumn::kNone);
    const auto once = [&](std::uint32_t& place, std::string_view text) {
      if (place == PlotColumn::kNone) place = names.index_of(text);
      column.texts.push_back(place);
    };
    if (name == "score" || name == "status") {
      for (const RunId run : runs_) {
        const RunRow& row = table.row(run);
        if (name == "status") {
          once(known.at(static_cast<std::size_t>(row.status)), to_text(row.status));
        } else {
          once(known.at(static_cast<std::size_t>(row.verdict)), to_text(row.verdict));
        }
      }
      return;
    }
    if (name == "error") {
      std::vector<std::uint32_t> kinds(table.error_count(), PlotColumn::kNone);
      for (const RunId run : runs_) {
        const std::uint32_t error = table.row(run).error;
        if (error == 0) {
          column.texts.push_back(PlotColumn::kNone);
        } else {
          once(kinds[error], table.error(error).kind);
        }
      }
      return;
    }
    each_by_batch(table, [&](const BatchInfo& batch) {
      const std::string& text = name == "batch" ? batch.name : name == "kind" ? batch.kind : batch.model;
      const std::uint32_t place = text.empty() ? PlotColumn::kNone : names.index_of(text);
      return [&column, place](std::size_t) { column.texts.push_back(place); };
    });
  }

  /// `of_batch(batch)` gives what is called with the place in the batch of each of its runs, in the order of the runs.
  template <typename OfBatch>
  void each_by_batch(const RunTable::Reader& table, OfBatch of_batch) const {
    for (std::size_t i = 0; i < runs_.size();) {
      const BatchInfo& batch = table.batch(table.row(runs_[i]).batch);
      const auto each = of_batch(batch);
      for (; i < runs_.size() && runs_[i] >= batch.first && runs_[i] - batch.first < batch.count; ++i) {
        each(runs_[i] - batch.first);
      }
    }
  }

  Experiment& experiment_;
  const std::vector<RunId>& runs_;
};

}  // namespace

std::vector<std::string> plot_fields(Experiment& experiment) {
  std::vector<std::string> fields(kRowTexts.begin(), kRowTexts.end());
  for (const RowNumber& row : kRowNumbers) fields.emplace_back(row.name);
  const auto add = [&](std::string name) {
    if (std::find(fields.begin(), fields.end(), name) == fields.end()) fields.push_back(std::move(name));
  };
  const RunTable::Reader table = experiment.table().read();
  for (const BatchInfo& batch : table.batches()) {
    if (batch.dropped) continue;
    for (std::string& name : table.facet_names(batch.id)) add(std::move(name));
    for (const std::string& name : table.metric_names(batch.id)) add("metric." + name);
  }
  return fields;
}

std::vector<PlotColumn> read_columns(Experiment& experiment, const std::vector<RunId>& runs,
                                     const std::vector<PlotField>& fields, const Advance& advance) {
  const Reading reading(experiment, runs);
  std::vector<PlotColumn> columns(fields.size());
  std::vector<PlotColumn*> stored;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    columns[i].field = fields[i].name;
    if (in_payload(fields[i].name)) {
      stored.push_back(&columns[i]);
      continue;
    }
    if (reading.from_table(fields[i], columns[i])) continue;
    std::vector<std::string> known = plot_fields(experiment);
    const auto near = nearest(fields[i].name, known);
    known.insert(known.end(), {"data.PATH", "answer", "answer.PATH"});
    throw Error("usage",
                fields[i].name + ": none of these runs has this field" + (near ? "; did you mean " + *near + "?" : ""),
                {}, "fields: " + joined(known));
  }
  for (PlotColumn* column : stored) reading.from_payload(*column, advance);
  return columns;
}

}  // namespace assay
