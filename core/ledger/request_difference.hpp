#pragma once
// What is different about a request that was recorded otherwise at the same place. Specs: models.md 5.3. Any thread.

#include <string>
#include <string_view>

namespace assay {

/// Of two requests as they are stored (JSON texts): ` at /body/messages/0/content ("..old" has become "..new")`. For a
/// text that is no JSON, or a difference that is none: "".
std::string request_difference(std::string_view recorded, std::string_view now);

}  // namespace assay
