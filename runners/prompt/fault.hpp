#pragma once
// An error inside the engine before its place is known in lines and columns: Template turns it into a TemplateError.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace assay::prompt {

inline constexpr std::size_t kNoOffset = static_cast<std::size_t>(-1);

struct Fault {
  std::string kind;
  std::string message;
  std::size_t offset = kNoOffset;  ///< byte in the template text; kNoOffset: the caller fills in its own place
  std::string advice = {};
};

[[noreturn]] inline void fail(std::string kind, std::string message, std::size_t offset = kNoOffset,
                              std::string advice = {}) {
  throw Fault{std::move(kind), std::move(message), offset, std::move(advice)};
}
[[noreturn]] inline void fail_type(std::string message) { fail("type", std::move(message)); }

}  // namespace assay::prompt
