#pragma once
// Whether a file is there. Any thread.

#include <string>

namespace assay {

/// False when there is none of that name. Throws Error "file" when that can't be told: a folder on the way that may not
/// be entered.
bool file_is_there(const std::string& path);

}  // namespace assay
