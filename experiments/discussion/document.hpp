#pragma once
// What stands behind `load`: a YAML or JSON text, the lines of its keys, and which of the known shapes it has. Specs:
// discussion.md 1, 2.3. One thread.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "experiments/discussion/loading.hpp"

namespace assay {

/// A YAML or JSON text with the lines of its keys.
struct ConfigDocument {
  Json value;
  std::map<std::string, std::size_t> lines;    ///< "a.b.c" -> line from 1; JSON that is no YAML has none
  std::map<std::string, std::string> written;  ///< "a.b.c" -> the plain scalar, where it is one
  std::vector<std::string> repeated;           ///< "KEY (lines 2, 4)"
  std::size_t line_of(const std::string& key) const;
};
/// Throws Error with file, line, column, and what the parser met. `place` names the file.
ConfigDocument read_document(const std::string& text, const std::string& place);
/// The bytes behind a source. Throws Error "file".
std::string read_source_text(const Source& source);
/// The shape of a value that is no folder; nullopt: none of the table of section 1.
std::optional<SourceShape> shape_of(const Json& value);
Generation generation_of(const Json& configuration);

}  // namespace assay
