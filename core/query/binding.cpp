#include "core/query/binding.hpp"

#include <algorithm>

#include "core/text/duration.hpp"
#include "core/text/edit_distance.hpp"

namespace assay {

namespace {

class Binder {
 public:
  Binder(const Query& query, const RunTable::Reader& reader, const std::vector<RunId>& listing)
      : query_(query), reader_(reader), listing_(listing) {}
  void bind(const QueryNode& node);
  Bindings take() { return std::move(bindings_); }

 private:
  void bind_indices(const QueryTerm& term, Binding& binding) const;
  void check_name(const QueryTerm& term) const;

  const Query& query_;
  const RunTable::Reader& reader_;
  const std::vector<RunId>& listing_;
  Bindings bindings_;
};

void Binder::bind(const QueryNode& node) {
  for (const QueryNode& child : node.children) bind(child);
  if (node.kind != QueryNode::Kind::term) return;
  const QueryTerm& term = node.term;
  Binding& binding = bindings_[&term];
  binding.address = reader_.find_all(term.whole);
  std::erase_if(binding.address, [&](RunId run) { return !reader_.visible(run); });
  if (!binding.address.empty()) return;
  if (term.kind == QueryTerm::Kind::indices) bind_indices(term, binding);
  if (term.kind == QueryTerm::Kind::unresolved) check_name(term);
}

void Binder::bind_indices(const QueryTerm& term, Binding& binding) const {
  for (const auto& [first, last] : term.ranges) {
    if (last > listing_.size()) {
      fail_query(query_.text(), term.begin,
                 "there is no " + std::to_string(last) + ": the listing has " +
                     format_count(static_cast<std::int64_t>(listing_.size())) +
                     (listing_.size() == 1 ? " run" : " runs"),
                 "indices are those of the last ls; for a name that holds the number: s:" + std::to_string(last));
    }
    binding.indexed.insert(binding.indexed.end(), listing_.begin() + (first - 1), listing_.begin() + last);
  }
  std::sort(binding.indexed.begin(), binding.indexed.end());
  binding.indexed.erase(std::unique(binding.indexed.begin(), binding.indexed.end()), binding.indexed.end());
}

/// A term that is no run's name: is it meant as one, or as a field?
void Binder::check_name(const QueryTerm& term) const {
  if (!term.failure && has_facet(reader_, term.name)) return;
  for (std::size_t colon = term.whole.rfind(':'); colon != std::string::npos && colon > 0;
       colon = term.whole.rfind(':', colon - 1)) {
    const auto batch = reader_.find_batch(std::string_view(term.whole).substr(0, colon));
    if (!batch || reader_.batch(*batch).dropped) continue;
    fail_query(query_.text(), term.begin,
               "batch \"" + reader_.batch(*batch).name + "\" has no run \"" + term.whole.substr(colon + 1) + "\"",
               "all of the batch: batch:NAME; names that contain a text: s:TEXT");
  }
  if (term.failure) throw Error(*term.failure);
  std::vector<std::string> names;
  for (const FieldRow& row : fields()) names.emplace_back(row.name);
  for (const BatchInfo& batch : reader_.batches()) {
    for (std::string& name : reader_.facet_names(batch.id)) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
    }
  }
  const auto near = nearest(term.name, names);
  fail_query(query_.text(), term.begin,
             "unknown field \"" + term.name + "\"" + (near ? ": did you mean " + *near + "?" : ""),
             "for runs whose name contains the text, put it in quotes");
}

}  // namespace

Bindings bind_terms(const Query& query, const RunTable::Reader& reader, const std::vector<RunId>& listing) {
  Binder binder(query, reader, listing);
  binder.bind(query.root());
  return binder.take();
}

bool has_facet(const RunTable::Reader& reader, std::string_view name) {
  for (const BatchInfo& batch : reader.batches()) {
    if (!reader.facet_column(batch.id, name).empty()) return true;
  }
  return false;
}

}  // namespace assay
