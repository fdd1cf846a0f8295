#pragma once
// Where a query finds what runs keep on disk. The shell implements it on the store.

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/ids.hpp"
#include "core/query/query.hpp"
#include "core/text/json.hpp"

namespace assay {

/// JSON texts as stored; "" where there is none or it was not asked for. Valid during the visit.
struct QueryPayload {
  std::string_view data, answer, context;
  std::vector<std::string> logs;
};

struct PayloadParts {
  bool data = false, answer = false, context = false, logs = false;
};

/// A path into data, or into the answer; "" is the whole of it.
struct ValuePath {
  bool answer = false;
  std::string path;
  auto operator<=>(const ValuePath&) const = default;
};

class ValueColumn;

class PayloadSource {
 public:
  virtual ~PayloadSource() = default;
  /// Calls `each` once for every run of `runs` (ascending), in any order, until it returns false. Called without any
  /// lock of the run table held. May throw Error: it passes through select().
  virtual void visit(const std::vector<RunId>& runs, const PayloadParts& parts,
                     const std::function<bool(RunId, const QueryPayload&)>& each) = 0;
  /// Calls `use` with the column of a path (value_columns.hpp), up to date for `runs` (ascending). False, without a
  /// call, where none is kept: visit() is the way. May throw Error.
  virtual bool with_column(const ValuePath&, const std::vector<RunId>& /*runs*/,
                           const std::function<void(const ValueColumn&)>& /*use*/) {
    return false;
  }
};

/// The value at a dotted path, numbers index arrays; a key that has points in it before the way through them. nullptr
/// when there is none.
const Json* value_at(const Json& value, std::string_view path);

/// The parts that a term on data, answer, context or log reads, and whether a run's payload fulfils it.
PayloadParts parts_of(const QueryTerm& term);
bool matches_payload(const QueryTerm& term, const QueryPayload& payload);
/// The same of a term on data or answer, by the JSON text of what stands at its path; "" when nothing does.
bool matches_value_text(const QueryTerm& term, std::string_view json);

}  // namespace assay
