#pragma once
// A key in a file of its own: the first line, trimmed. Specs: models.md 1. Pure apart from the file: any thread.

#include <optional>
#include <string>

namespace assay {

/// nullopt: missing, not a regular file, or not readable. At most 64 KiB are read.
std::optional<std::string> read_key_file(const std::string& path);
/// Whether its group or others may read it.
bool others_can_read(const std::string& path);

}  // namespace assay
