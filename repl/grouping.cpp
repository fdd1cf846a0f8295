#include "repl/grouping.hpp"

#include <unordered_map>
#include <unordered_set>

#include "core/query/payload.hpp"
#include "core/text/error.hpp"

namespace assay {
namespace {

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
  const RunTable::Reader table = experiment.table().read();
  std::unordered_map<BatchId, bool> has_facet;
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
  if (!known) {
    std::string names = "batch kind model status score error data.PATH answer.PATH";
    std::unordered_set<std::string> seen;
    for (const BatchInfo& batch : table.batches()) {
      for (const std::string& facet : table.facet_names(batch.id)) {
        if (seen.insert(facet).second) names += " " + facet;
      }
    }
    throw Error("usage", "stats by " + field + ": no run has this field", {}, "fields: " + names);
  }
  return groups.take();
}

}  // namespace assay
