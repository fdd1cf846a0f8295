#pragma once
// A file of many JSON values, read element by element: the file may be of any size, only one element is in memory.
// Pure apart from the stream: any thread.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "core/text/input.hpp"
#include "core/text/json.hpp"

namespace assay {

enum class JsonShape { empty, array, rows, lines };

/// Where an element stands: `index` from 0, `line` from 1 where it begins, `byte` from 0 (of the plain text).
struct JsonPlace {
  std::size_t index = 0;
  std::uint64_t line = 1;
  std::uint64_t byte = 0;
};

struct JsonValuesOptions {
  JsonOptions json;           ///< limits hold for one element
  std::string rows = "rows";  ///< key or dotted path of the array in a file that is one object
};

/// Calls `each` for the elements of: one JSON array; the array at `options.rows` of one JSON object (what stands
/// before it is bounded by the element limit, what follows is checked too); or JSON lines (one value per line, empty
/// lines skipped). A file whose first value is an object without that array, on one line, is JSON lines.
/// Throws Error "json" with "FILE:LINE" and the byte; a caller that wants all or nothing keeps the elements until the
/// return. What `each` throws passes through. `notes` may be null.
JsonShape read_json_values(InputBytes& input, const JsonValuesOptions& options,
                           const std::function<void(Json&& value, const JsonPlace& place)>& each,
                           JsonNotes* notes = nullptr);

}  // namespace assay
