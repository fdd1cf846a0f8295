#include "core/query/term_search.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "core/query/name_search.hpp"

namespace assay {
namespace {

using Runs = std::vector<RunId>;
using Reader = RunTable::Reader;

constexpr double kPicoPerUsd = 1e12;
constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

/// Without a branch per run: whether one fulfils a term can't be predicted.
template <typename Fulfils>
void keep(Runs& runs, std::size_t begin, std::size_t end, std::size_t& kept, Fulfils fulfils) {
  for (std::size_t i = begin; i < end; ++i) {
    const RunId run = runs[i];
    runs[kept] = run;
    kept += fulfils(run) ? 1 : 0;
  }
}

template <typename Fulfils>
Runs keep_all(Runs runs, Fulfils fulfils) {
  std::size_t kept = 0;
  keep(runs, 0, runs.size(), kept, fulfils);
  runs.resize(kept);
  return runs;
}

/// Batch by batch: `of_batch(batch)` gives a predicate on (run, position in the batch).
template <typename OfBatch>
Runs keep_by_batch(const Reader& reader, Runs runs, OfBatch of_batch) {
  std::size_t kept = 0, at = 0;
  for (const BatchInfo& batch : reader.batches()) {
    const auto end = static_cast<std::size_t>(
        std::lower_bound(runs.begin() + static_cast<std::ptrdiff_t>(at), runs.end(), batch.first + batch.count) -
        runs.begin());
    if (end == at) continue;
    const auto fulfils = of_batch(batch);
    keep(runs, at, end, kept, [&](RunId run) { return fulfils(run, run - batch.first); });
    at = end;
  }
  runs.resize(kept);
  return runs;
}

/// Words: ":" and "=" are equality.
bool matches_word(const QueryTerm& term, std::string_view text) {
  return term.op == FieldOperator::matches ? term.pattern->matches(text) : compare(text, term.op, term.value);
}

bool matches_part(const QueryTerm& term, std::string_view text) {
  return term.op == FieldOperator::has ? text.find(term.value) != std::string_view::npos : matches_word(term, text);
}

Runs search_state(const QueryTerm& term, const Reader& reader, Runs runs) {
  const bool status = term.field == Field::status;
  const unsigned mask = status ? RunState::kStatusMask : RunState::kVerdictMask;
  bool wanted[16] = {};
  for (unsigned value = 0; value < 4; ++value) {
    if (status)
      wanted[value] = matches_word(term, to_text(static_cast<Status>(value)));
    else if (value < 3)
      wanted[value << RunState::kVerdictShift] = matches_word(term, to_text(static_cast<Verdict>(value)));
  }
  const auto states = reader.states();
  return keep_all(std::move(runs), [&](RunId run) { return wanted[states[run] & mask]; });
}

Runs search_batches(const QueryTerm& term, const Reader& reader, Runs runs) {
  const auto text_of = [&](const BatchInfo& batch) -> const std::string& {
    return term.field == Field::batch ? batch.name : term.field == Field::kind ? batch.kind : batch.model;
  };
  // A model is asked for by its name; where none has it, by a part of it.
  const bool part = term.field == Field::model && term.op == FieldOperator::has &&
                    std::none_of(reader.batches().begin(), reader.batches().end(),
                                 [&](const BatchInfo& batch) { return !batch.dropped && batch.model == term.value; });
  return keep_by_batch(reader, std::move(runs), [&](const BatchInfo& batch) {
    const bool fulfils = part ? matches_part(term, text_of(batch)) : matches_word(term, text_of(batch));
    return [fulfils](RunId, std::size_t) { return fulfils; };
  });
}

/// Of `runs` those that are among `having` (ascending); or, of a term with "!=", those that are not.
Runs having_or_not(const QueryTerm& term, const Runs& runs, const Runs& having) {
  Runs found;
  if (term.op == FieldOperator::not_equal)
    std::set_difference(runs.begin(), runs.end(), having.begin(), having.end(), std::back_inserter(found));
  else
    std::set_intersection(runs.begin(), runs.end(), having.begin(), having.end(), std::back_inserter(found));
  return found;
}

QueryTerm without_negation(QueryTerm term) {  // "!=": none of its tags or notes is that
  if (term.op == FieldOperator::not_equal) term.op = FieldOperator::equal;
  return term;
}

Runs search_tags(const QueryTerm& term, const Reader& reader, const Runs& runs) {
  const QueryTerm one = without_negation(term);
  Runs tagged;
  for (const auto& [tag, having] : reader.tagged()) {
    if (!matches_word(one, tag)) continue;
    Runs all;
    std::set_union(tagged.begin(), tagged.end(), having.begin(), having.end(), std::back_inserter(all));
    tagged = std::move(all);
  }
  return having_or_not(term, runs, tagged);
}

Runs search_notes(const QueryTerm& term, const Reader& reader, const Runs& runs) {
  const QueryTerm one = without_negation(term);
  Runs noted;
  for (const auto& [run, notes] : reader.noted()) {
    if (std::any_of(notes.begin(), notes.end(), [&](const RunNote& note) { return matches_part(one, note.text); }))
      noted.push_back(run);
  }
  return having_or_not(term, runs, noted);
}

Runs search_errors(const QueryTerm& term, const Reader& reader, Runs runs) {
  std::vector<char> wanted(reader.error_count(), 0);
  for (std::uint32_t index = 1; index < wanted.size(); ++index) {
    const RunError& error = reader.error(index);
    const bool kind = matches_part(term, error.kind), message = matches_part(term, error.message);
    wanted[index] = term.op == FieldOperator::not_equal ? kind && message : kind || message;
  }
  return keep_all(std::move(runs), [&](RunId run) { return wanted[reader.row(run).error] != 0; });
}

double figure_of(Field field, const RunRow& row) {
  switch (field) {
    case Field::steps:
      return row.steps;
    case Field::time:
      return static_cast<double>(row.seconds);
    case Field::cost:
      return static_cast<double>(row.cost) / kPicoPerUsd;
    case Field::attempts:
      return row.attempts;
    case Field::calls:
      return row.calls;
    case Field::tokens_in:
      return row.tokens_in;
    case Field::tokens_out:
      return row.tokens_out;
    default:
      return kMissing;
  }
}

Runs search_metric(const QueryTerm& term, const Reader& reader, Runs runs) {
  return keep_by_batch(reader, std::move(runs), [&](const BatchInfo& batch) {
    return [&term, column = reader.metric_column(batch.id, term.name)](RunId, std::size_t at) {
      return at < column.size() && compare(column[at], term.op, *term.number);
    };
  });
}

/// A facet is asked for by its text; with ":" and where no run has just that text, by a part of it.
Runs search_facet(const QueryTerm& term, const Reader& reader, Runs runs) {
  const auto is_value = [&](std::uint32_t index) { return reader.facet_text(index) == term.value; };
  bool exact = false;
  for (const BatchInfo& batch : reader.batches()) {
    const auto column = reader.facet_column(batch.id, term.name);
    exact = exact || (!batch.dropped && std::any_of(column.begin(), column.end(), is_value));
  }
  std::vector<char> wanted(reader.facet_text_count(), 0);
  for (std::uint32_t index = 1; index < wanted.size(); ++index) {
    const std::string& text = reader.facet_text(index);
    double number = kMissing;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) number = kMissing;
    if (term.number && term.op >= FieldOperator::less)
      wanted[index] = compare(number, term.op, *term.number);
    else if (term.number && !std::isnan(number) && term.op != FieldOperator::matches)
      wanted[index] = compare(number, term.op, *term.number);
    else
      wanted[index] = exact ? matches_word(term, text) : matches_part(term, text);
  }
  return keep_by_batch(reader, std::move(runs), [&](const BatchInfo& batch) {
    return [&wanted, column = reader.facet_column(batch.id, term.name)](RunId, std::size_t at) {
      return at < column.size() && wanted[column[at]] != 0;
    };
  });
}

Runs search_field(const QueryTerm& term, const Reader& reader, Runs runs) {
  switch (term.field) {
    case Field::status:
    case Field::score:
      return search_state(term, reader, std::move(runs));
    case Field::batch:
    case Field::kind:
    case Field::model:
      return search_batches(term, reader, std::move(runs));
    case Field::tag:
      return search_tags(term, reader, runs);
    case Field::note:
      return search_notes(term, reader, runs);
    case Field::err:
      return search_errors(term, reader, std::move(runs));
    case Field::metric:
      return search_metric(term, reader, std::move(runs));
    default:
      break;
  }
  // The seconds of a row are a float: 0.1 is to be equal to 0.1.
  const double number =
      term.field == Field::time ? static_cast<double>(static_cast<float>(*term.number)) : *term.number;
  return keep_all(std::move(runs),
                  [&](RunId run) { return compare(figure_of(term.field, reader.row(run)), term.op, number); });
}

}  // namespace

Runs search_term(const QueryTerm& term, const Reader& reader, Runs runs, const std::stop_token& stop) {
  switch (term.kind) {
    case QueryTerm::Kind::text:
      return search_names(reader, runs, term.value, stop);
    case QueryTerm::Kind::text_any_case:
      return search_names_any_case(reader, runs, term.value, stop);
    case QueryTerm::Kind::pattern:
      return search_names(reader, runs, *term.pattern, false, stop);
    case QueryTerm::Kind::unresolved:
      return search_facet(term, reader, std::move(runs));
    case QueryTerm::Kind::field:
      return search_field(term, reader, std::move(runs));
    case QueryTerm::Kind::everything:
    case QueryTerm::Kind::indices:
      break;
  }
  return runs;
}

int cost_of(const QueryTerm& term) {
  switch (term.kind) {
    case QueryTerm::Kind::everything:
    case QueryTerm::Kind::indices:
      return 0;
    case QueryTerm::Kind::text:
      return 5;
    case QueryTerm::Kind::text_any_case:
    case QueryTerm::Kind::pattern:
      return 6;
    case QueryTerm::Kind::unresolved:
      return 2;
    case QueryTerm::Kind::field:
      break;
  }
  if (is_payload(term.field)) return 9;
  if (term.field <= Field::tag) return 1;
  return term.field == Field::metric ? 2 : 4;
}

}  // namespace assay
