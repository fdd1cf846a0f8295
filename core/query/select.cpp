#include "core/query/select.hpp"

#include <algorithm>
#include <iterator>

#include "core/query/binding.hpp"
#include "core/query/term_search.hpp"
#include "core/query/value_columns.hpp"
#include "core/text/duration.hpp"
#include "core/text/error.hpp"

namespace assay {
namespace {

using Runs = std::vector<RunId>;
using Node = QueryNode;

Runs without(const Runs& runs, const Runs& taken) {
  Runs rest;
  std::set_difference(runs.begin(), runs.end(), taken.begin(), taken.end(), std::back_inserter(rest));
  return rest;
}
Runs merged(const Runs& a, const Runs& b) {
  if (a.empty()) return b;
  Runs all;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(all));
  return all;
}
Runs common(const Runs& a, const Runs& b) {
  Runs both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return both;
}

class Selector {
 public:
  Selector(const Query& query, const RunTable& table, PayloadSource* payloads, const std::stop_token& stop,
           const Bindings& bindings)
      : query_(query), table_(table), payloads_(payloads), stop_(stop), bindings_(bindings) {}

  /// Those of `runs` (ascending) for which the node is true.
  Runs filter(const Node& node, Runs runs) {
    if (runs.empty()) return runs;
    if (stop_.stop_requested()) throw QueryStopped{};
    switch (node.kind) {
      case Node::Kind::term:
        return filter_term(node.term, std::move(runs));
      case Node::Kind::negation:
        return without(runs, filter(node.children.front(), runs));
      case Node::Kind::any_of: {
        Runs found;
        for (const Node* child : by_cost(node)) {
          Runs more = filter(*child, runs);
          runs = without(runs, more);
          found = merged(found, more);
        }
        return found;
      }
      case Node::Kind::all_of:
        break;
    }
    for (const Node* child : by_cost(node)) runs = filter(*child, std::move(runs));
    return runs;
  }

  /// Those of `runs`, all outside the listing, that the node selects because an address or `all` takes part in it: the
  /// same as writing the query as alternatives and asking each that holds one.
  Runs reach(const Node& node, const Runs& runs) {
    if (runs.empty() || !reaches(node)) return {};
    switch (node.kind) {
      case Node::Kind::term:
        return filter_term(node.term, runs);
      case Node::Kind::negation:
        return {};
      case Node::Kind::any_of: {
        Runs found;
        for (const Node& child : node.children) found = merged(found, reach(child, runs));
        return found;
      }
      case Node::Kind::all_of:
        break;
    }
    Runs found;
    for (const Node& child : node.children) {
      Runs here = reach(child, runs);
      for (const Node* other : by_cost(node)) {
        if (other != &child) here = filter(*other, std::move(here));
      }
      found = merged(found, here);
    }
    return found;
  }

  bool reaches(const Node& node) const {
    if (node.kind == Node::Kind::negation) return false;
    if (node.kind == Node::Kind::term)
      return node.term.kind == QueryTerm::Kind::everything || !bindings_.at(&node.term).address.empty();
    return std::any_of(node.children.begin(), node.children.end(), [&](const Node& child) { return reaches(child); });
  }

 private:
  Runs filter_term(const QueryTerm& term, Runs runs) {
    const Binding& binding = bindings_.at(&term);
    if (!binding.address.empty()) return common(runs, binding.address);
    if (term.kind == QueryTerm::Kind::everything) return runs;
    if (term.kind == QueryTerm::Kind::indices) return common(runs, binding.indexed);
    if (term.kind == QueryTerm::Kind::field && is_payload(term.field)) return filter_payload(term, runs);
    return search_term(term, table_.read(), std::move(runs), stop_);
  }

  Runs filter_payload(const QueryTerm& term, const Runs& runs) {
    if (!payloads_)
      fail_query(query_.text(), term.begin, std::string(row_of(term.field).name) + " can't be asked for here",
                 "it is kept on disk");
    if (std::optional<Runs> found = filter_column(term, runs)) return std::move(*found);
    Runs found;
    bool stopped = false;
    payloads_->visit(runs, parts_of(term), [&](RunId run, const QueryPayload& payload) {
      stopped = stop_.stop_requested();
      if (!stopped && matches_payload(term, payload)) found.push_back(run);
      return !stopped;
    });
    if (stopped) throw QueryStopped{};
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
  }

  /// By a column of the values that the term asks about, where there is one: each distinct value is looked at once.
  std::optional<Runs> filter_column(const QueryTerm& term, const Runs& runs) {
    if (term.field != Field::data && term.field != Field::answer) return std::nullopt;
    std::optional<Runs> found;
    payloads_->with_column({term.field == Field::answer, term.name}, runs, [&](const ValueColumn& column) {
      enum class Known : char { no_idea, yes, no };
      std::vector<Known> known(column.texts().size(), Known::no_idea);
      found.emplace();
      for (const RunId run : runs) {
        const std::uint32_t value = column.value(run);
        if (known[value] == Known::no_idea) {
          if (stop_.stop_requested()) throw QueryStopped{};
          known[value] = matches_value_text(term, column.texts().at(value)) ? Known::yes : Known::no;
        }
        if (known[value] == Known::yes) found->push_back(run);
      }
    });
    return found;
  }

  static int cost(const Node& node) {
    if (node.kind == Node::Kind::term) return cost_of(node.term);
    int most = 0;
    for (const Node& child : node.children) most = std::max(most, cost(child) + 1);
    return most;
  }
  static std::vector<const Node*> by_cost(const Node& node) {
    std::vector<std::pair<int, const Node*>> order;
    for (const Node& child : node.children) order.emplace_back(cost(child), &child);
    std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<const Node*> nodes;
    for (const auto& [cost, child] : order) nodes.push_back(child);
    return nodes;
  }

  const Query& query_;
  const RunTable& table_;
  PayloadSource* payloads_;
  const std::stop_token& stop_;
  const Bindings& bindings_;
};

Runs visible_runs(const RunTable::Reader& reader) {
  const auto states = reader.states();
  Runs runs(states.size());
  std::size_t n = 0;
  for (std::size_t run = 0; run < states.size(); ++run) {
    runs[n] = static_cast<RunId>(run);
    n += (states[run] & RunState::kHidden) == 0;
  }
  runs.resize(n);
  return runs;
}

/// Ascending, each once. By a mark for each run of the table: a listing of a million that was sorted by a field is
/// brought in order in milliseconds.
Runs visible_of(const RunTable::Reader& reader, const Runs& runs) {
  std::vector<char> wanted(reader.size(), 0);
  for (const RunId run : runs) {
    if (run < wanted.size()) wanted[run] = reader.visible(run) ? 1 : 0;
  }
  Runs visible;
  visible.reserve(runs.size());
  for (std::size_t run = 0; run < wanted.size(); ++run) {
    if (wanted[run] != 0) visible.push_back(static_cast<RunId>(run));
  }
  return visible;
}

/// Indices alone keep the order of the listing.
Runs in_order_listed(const Runs& listing, const Runs& selected) {
  std::vector<char> wanted(selected.empty() ? 0 : std::size_t{selected.back()} + 1, 0);
  for (const RunId run : selected) wanted[run] = 1;
  Runs ordered;
  for (const RunId run : listing) {
    if (run < wanted.size() && wanted[run] != 0) ordered.push_back(run);
  }
  return ordered;
}

}  // namespace

Selection select(const Query& query, const RunTable& table, const Scope& scope, PayloadSource* payloads,
                 const std::stop_token& stop) {
  Runs all, asked;
  const Bindings bindings = [&] {
    const auto reader = table.read();
    all = visible_runs(reader);
    if (scope.listing && !scope.from_all) asked = visible_of(reader, *scope.listing);
    return bind_terms(query, reader, scope.listing ? *scope.listing : all);
  }();
  Selection selection;
  selection.listed = scope.listing && !scope.from_all;
  if (!selection.listed) asked = all;
  selection.scope = asked.size();

  Selector selector(query, table, payloads, stop, bindings);
  selection.runs = selector.filter(query.root(), asked);
  if (!selection.listed) return selection;
  selection.beyond = selector.reaches(query.root());
  if (selection.beyond) selection.runs = merged(selection.runs, selector.reach(query.root(), without(all, asked)));
  if (query.root().kind == Node::Kind::term && query.root().term.kind == QueryTerm::Kind::indices &&
      !selection.beyond) {
    selection.runs = in_order_listed(*scope.listing, selection.runs);
  }
  if (selection.runs.empty() && !query.needs_payload())
    selection.outside = selector.filter(query.root(), without(all, asked)).size();
  return selection;
}

std::string describe(const Selection& selection) {
  const auto runs = [](std::size_t n) {
    return format_count(static_cast<std::int64_t>(n)) + (n == 1 ? " run" : " runs");
  };
  const std::string of = format_count(static_cast<std::int64_t>(selection.scope));
  if (!selection.runs.empty()) {
    if (selection.beyond) return runs(selection.runs.size());
    return runs(selection.runs.size()) + " (of " + of + (selection.listed ? " listed)" : ")");
  }
  if (selection.scope == 0 && !selection.listed) return "no runs: there are none yet";
  if (selection.scope == 0) return "no runs: the last `ls` listed none";
  std::string text =
      selection.listed ? "no runs: nothing listed matches (of " + of + ")" : "no runs: none of " + of + " matches";
  if (selection.outside.value_or(0) > 0)
    text += "; " + runs(*selection.outside) + " outside the listing " + (*selection.outside == 1 ? "does" : "do");
  return text;
}

}  // namespace assay
