#pragma once
// What the estimates of discussions and of annotations are made of. Not thread-safe; no state beside a window's.

#include <algorithm>
#include <deque>
#include <optional>
#include <string_view>

#include "core/text/utf8.hpp"
#include "experiments/discussion/estimate.hpp"

namespace assay {

/// Code points, from fewest to most.
using TextLength = EstimateBounds;

inline constexpr std::uint64_t kPerToken = 4;  // code points

inline TextLength length_of(std::string_view text) {
  const std::uint64_t n = count_code_points(text);
  return {n, n};
}
inline std::uint64_t tokens_of_length(std::uint64_t code_points) { return (code_points + kPerToken - 1) / kPerToken; }

/// A text of that length as an item of the window shows it: blanks go where lines end, or lines are cut; JSON escapes.
TextLength as_item(const TextLength& text, Generation format, std::optional<std::size_t> wrap);

/// The items that the next speaker sees.
class LengthWindow {
 public:
  explicit LengthWindow(std::optional<std::size_t> history) : history_(history) {}
  void push(const TextLength& item);
  TextLength joined() const;

 private:
  std::optional<std::size_t> history_;
  std::deque<TextLength> items_;
  TextLength sum_;
};

/// One call more; `sure`: at the low end too.
void add_call(CallEstimate& to, bool sure, const TextLength& input, const EstimateBounds& reply);
/// Tokens of a reply; `bounded` becomes false where nothing says how long it may be.
EstimateBounds reply_tokens(const DecodingSettings& decoding, std::uint64_t shortest, bool& bounded);

}  // namespace assay
