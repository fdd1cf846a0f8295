#include "core/model/score.hpp"

#include <array>

namespace assay {
namespace {
constexpr std::array<std::string_view, 4> kStatus = {"READY", "INCOMPLETE", "COMPLETE", "FAIL"};
constexpr std::array<std::string_view, 3> kVerdict = {"null", "CORRECT", "INCORRECT"};

template <typename Names, typename Enum>
bool find(const Names& names, std::string_view text, Enum& out) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text) {
      out = static_cast<Enum>(i);
      return true;
    }
  }
  return false;
}
}  // namespace

std::string_view to_text(Status status) { return kStatus.at(static_cast<std::size_t>(status)); }
std::string_view to_text(Verdict verdict) { return kVerdict.at(static_cast<std::size_t>(verdict)); }
bool from_text(std::string_view text, Status& status) { return find(kStatus, text, status); }
bool from_text(std::string_view text, Verdict& verdict) { return find(kVerdict, text, verdict); }

}  // namespace assay
