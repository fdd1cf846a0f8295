#include "repl/grouping.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "core/query/payload.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

constexpr std::size_t kMostLookedAt = 20;  // batches whose data's fields are offered

std::string text_of(const Json* value) {
  if (value == nullptr || value->is_null()) return "(none)";
  return value->is_string() ? value->get<std::string>() : dump_json(*value);
}

class Groups {
 public:
  Tally& at(const std::string& name) {
    const auto [found, fresh] = index_.try_emplace(name, groups_.size());
    if (fresh) groups_.push_back({name, {}});
    return groups_[found->second].tally;
  }
  std::vector<TallyGroup> take() { return std::move(groups_); }

 private:
  std::vector<TallyGroup> groups_;
  std::unordered_map<std::string, std::size_t> index_;
};

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

std::vector<TallyGroup> tally_by(Experiment& experiment, const std::vector<RunId>& runs, const std::string& field) {
  Groups groups;
  const bool in_payload = field.starts_with("data.") || field.starts_with("answer.");
  if (in_payload) {
    const bool data = field.starts_with("data.");
    const std::string path = field.substr(field.find('.') + 1);
    const std::unordered_set<RunId> wanted(runs.begin(), runs.end());
    const auto count = static_cast<std::uint32_t>(experiment.table().read().size());
    experiment.store().each_payload(
        0, count, [&](RunId run) { return wanted.contains(run); },
        [&](RunId run, const StoredPayloads& stored) {
          const std::string& text = data ? stored.data : stored.answer;
          const Json value = text.empty() ? Json() : parse_json(text, "data");
          groups.at(text_of(value_at(value, path))).add(experiment.table().read().row(run));
        });
    return groups.take();
  }
  std::optional<RunTable::Reader> reader(experiment.table().read());
  const RunTable::Reader& table = *reader;
  bool known = field.empty() || field == "batch" || field == "kind" || field == "model" || field == "status" ||
               field == "score" || field == "error";
  for (const RunId run : runs) {
    const RunRow& row = table.row(run);
    std::string name;
    if (field.empty()) {
      name = "all";
    } else if (field == "batch") {
      name = table.batch(row.batch).name;
    } else if (field == "kind") {
      name = table.batch(row.batch).kind;
    } else if (field == "model") {
      name = table.batch(row.batch).model;
    } else if (field == "status") {
      name = to_text(row.status);
    } else if (field == "score") {
      name = to_text(row.verdict);
    } else if (field == "error") {
      name = table.error(row.error).kind;
    } else {
      const std::string_view facet = table.facet(run, field);
      if (!facet.empty()) known = true;
      name = facet;
    }
    groups.at(name.empty() ? "(none)" : name).add(row);
  }
  reader.reset();
  if (!known) {
    throw Error("usage", "stats by " + field + ": no run has this field", {},
                "fields: " + joined(group_fields(experiment)) + " answer.PATH");
  }
  return groups.take();
}

}  // namespace assay
