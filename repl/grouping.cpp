#include "repl/grouping.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "core/text/error.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

constexpr std::size_t kMostLookedAt = 20;  // batches whose data's fields are offered

std::string text_of(const Json& value) {
  if (value.is_null()) return "(none)";
  return value.is_string() ? value.get<std::string>() : dump_json(value);
}

class Groups {
 public:
  std::uint32_t at(const std::string& name) {
    const auto [found, fresh] = index_.try_emplace(name, static_cast<std::uint32_t>(groups_.size()));
    if (fresh) groups_.push_back({name, {}});
    return found->second;
  }
  /// Adds runs by what they have of a field, as a number below `keys`; `name_of` is asked once for each number.
  template <typename KeyOf, typename NameOf>
  void add(const RunTable::Reader& table, const std::vector<RunId>& runs, std::size_t keys, KeyOf key_of,
           NameOf name_of) {
    std::vector<std::uint32_t> group(keys, kNone);
    for (const RunId run : runs) {
      const RunRow& row = table.row(run);
      std::uint32_t& of_key = group[key_of(run, row)];
      if (of_key == kNone) {
        std::string name(name_of(run, row));
        of_key = at(name.empty() ? "(none)" : name);
      }
      groups_[of_key].tally.add(row);
    }
  }
  std::vector<TallyGroup> take() { return std::move(groups_); }

 private:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  std::vector<TallyGroup> groups_;
  std::unordered_map<std::string, std::uint32_t> index_;
};

/// By the values at a path of data or answer.
void add_by_value(Experiment& experiment, const std::vector<RunId>& runs, const ValuePath& path, const Advance& advance,
                  Groups& groups) {
  const auto name_of = [](std::string_view json) {
    return json.empty() ? "(none)" : text_of(parse_json_lenient(json).value_or(Json()));
  };
  std::vector<RunId> ascending = runs;
  std::sort(ascending.begin(), ascending.end());
  StorePayloads payloads(experiment, advance);
  const bool kept = payloads.with_column(path, ascending, [&](const ValueColumn& column) {
    groups.add(
        experiment.table().read(), runs, column.texts().size(),
        [&](RunId run, const RunRow&) { return column.value(run); },
        [&](RunId run, const RunRow&) { return name_of(column.texts().at(column.value(run))); });
  });
  if (kept) return;
  PayloadParts parts;
  (path.answer ? parts.answer : parts.data) = true;
  payloads.visit(ascending, parts, [&](RunId run, const QueryPayload& payload) {
    const auto value = parse_json_lenient(path.answer ? payload.answer : payload.data);
    const Json* found = value ? value_at(*value, path.path) : nullptr;
    groups.add(
        experiment.table().read(), {run}, 1, [](RunId, const RunRow&) { return 0; },
        [&](RunId, const RunRow&) { return found == nullptr ? "(none)" : text_of(*found); });
    return true;
  });
}

/// By a facet. False: no run has it.
bool add_by_facet(const RunTable::Reader& table, const std::vector<RunId>& runs, const std::string& field,
                  Groups& groups) {
  std::vector<std::span<const std::uint32_t>> columns;
  for (const BatchInfo& batch : table.batches()) columns.push_back(table.facet_column(batch.id, field));
  bool known = false;
  const auto text_of_run = [&](RunId run, const RunRow& row) -> std::uint32_t {
    const auto& column = columns[row.batch];
    const std::size_t at = run - table.batch(row.batch).first;
    return at < column.size() ? column[at] : 0;
  };
  groups.add(table, runs, table.facet_text_count(), text_of_run, [&](RunId run, const RunRow& row) {
    const std::uint32_t text = text_of_run(run, row);
    known = known || text != 0;
    return std::string_view(table.facet_text(text));
  });
  return known;
}

}  // namespace

std::vector<std::string> group_fields(Experiment& experiment) {
  std::vector<std::string> names = {"batch", "kind", "model", "status", "score", "error"};
  const auto add = [&](std::string name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  };
  std::vector<RunId> first;
  {
    const RunTable::Reader table = experiment.table().read();
    for (const BatchInfo& batch : table.batches()) {
      if (batch.dropped || batch.count == 0) continue;
      for (std::string& facet : table.facet_names(batch.id)) add(std::move(facet));
      if (first.size() < kMostLookedAt) first.push_back(batch.first);
    }
  }
  for (const RunId run : first) {
    const std::string text = experiment.store().payloads(run).data;
    const Json data = text.empty() ? Json() : parse_json(text, "data");
    if (!data.is_object()) continue;
    for (const auto& [key, value] : data.items()) {
      if (!value.is_structured()) add("data." + key);
    }
  }
  return names;
}

std::vector<TallyGroup> tally_by(Experiment& experiment, const std::vector<RunId>& runs, const std::string& field,
                                 const Advance& advance) {
  Groups groups;
  if (is_payload_path(field)) {
    add_by_value(experiment, runs, payload_path(field), advance, groups);
    return groups.take();
  }
  std::optional<RunTable::Reader> reader(experiment.table().read());
  const RunTable::Reader& table = *reader;
  const std::vector<BatchInfo>& batches = table.batches();
  const auto batch_of = [](RunId, const RunRow& row) { return row.batch; };
  if (field.empty()) {
    groups.add(table, runs, 1, [](RunId, const RunRow&) { return 0; }, [](RunId, const RunRow&) { return "all"; });
  } else if (field == "batch") {
    groups.add(table, runs, batches.size(), batch_of,
               [&](RunId, const RunRow& row) { return std::string_view(batches[row.batch].name); });
  } else if (field == "kind") {
    groups.add(table, runs, batches.size(), batch_of,
               [&](RunId, const RunRow& row) { return std::string_view(batches[row.batch].kind); });
  } else if (field == "model") {
    groups.add(table, runs, batches.size(), batch_of,
               [&](RunId, const RunRow& row) { return std::string_view(batches[row.batch].model); });
  } else if (field == "status") {
    groups.add(
        table, runs, 4, [](RunId, const RunRow& row) { return static_cast<std::size_t>(row.status); },
        [](RunId, const RunRow& row) { return to_text(row.status); });
  } else if (field == "score") {
    groups.add(
        table, runs, 4, [](RunId, const RunRow& row) { return static_cast<std::size_t>(row.verdict); },
        [](RunId, const RunRow& row) { return to_text(row.verdict); });
  } else if (field == "error") {
    groups.add(
        table, runs, table.error_count(), [](RunId, const RunRow& row) { return row.error; },
        [&](RunId, const RunRow& row) { return std::string_view(table.error(row.error).kind); });
  } else if (!add_by_facet(table, runs, field, groups)) {
    reader.reset();
    throw Error("usage", "stats by " + field + ": no run has this field", {},
                "fields: " + joined(group_fields(experiment)) + " answer.PATH");
  }
  return groups.take();
}

bool is_payload_path(std::string_view field) {
  const std::string_view part = field.substr(0, field.find('.'));
  return part == "data" || part == "answer";
}

ValuePath payload_path(std::string_view field) {
  const auto dot = field.find('.');
  return {field.starts_with("answer"), std::string(dot == std::string_view::npos ? "" : field.substr(dot + 1))};
}

}  // namespace assay
