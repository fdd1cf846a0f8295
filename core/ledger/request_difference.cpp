#include "core/ledger/request_difference.hpp"

#include "core/text/error.hpp"
#include "core/text/json_difference.hpp"

namespace assay {

std::string request_difference(std::string_view recorded, std::string_view now) {
  try {
    const auto found = first_difference(parse_json(recorded, "recorded"), parse_json(now, "request"));
    if (!found) return {};
    const std::string place = " at " + (found->pointer.empty() ? std::string("its root") : found->pointer);
    if (found->was.empty()) return place + " (" + found->is + " is new)";
    if (found->is.empty()) return place + " (" + found->was + " is gone)";
    return place + " (" + found->was + " has become " + found->is + ")";
  } catch (const Error&) {
    return {};  // an effect's own request need not be JSON
  }
}

}  // namespace assay
