#include "core/text/pattern.hpp"

#include <re2/re2.h>

#include <algorithm>

#include "core/text/error.hpp"
#include "core/text/utf8.hpp"

namespace assay {
namespace {

constexpr std::size_t kMaxPatternBytes = 10'000;
constexpr std::int64_t kMaxMemoryBytes = std::int64_t{8} << 20;

// The pattern, or the part of a long one around `at`, with a caret below the place.
std::string caret(std::string_view source, std::size_t at) {
  const std::size_t begin = at > 40 ? at - 40 : 0;
  const std::string_view before = source.substr(begin, at - begin);
  return std::string(source.substr(begin, 80)) + "\n" + std::string(display_width(before), ' ') + "^";
}

}  // namespace

struct Pattern::Impl {
  Impl(std::string_view source, const RE2::Options& options)
      : re(re2::StringPiece(source.data(), source.size()), options) {}
  RE2 re;
};

Pattern::Pattern(std::string_view source, bool ignore_case) : source_(source) {
  if (source.size() > kMaxPatternBytes) {
    throw Error("query", "a pattern of " + std::to_string(source.size()) + " bytes, more than 10000", {},
                "the limit is limit.regex");
  }
  if (const auto bad = find_invalid_utf8(source)) {
    throw Error("query", "invalid UTF-8 in a pattern", "column " + std::to_string(*bad + 1));
  }
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxMemoryBytes);
  options.set_case_sensitive(!ignore_case);
  auto impl = std::make_shared<Impl>(source, options);
  if (!impl->re.ok()) {
    if (impl->re.error_code() == RE2::ErrorPatternTooLarge) {
      throw Error("query", "the pattern needs more than 8 MiB", {}, "repetitions of repetitions multiply");
    }
    const std::string& argument = impl->re.error_arg();
    const std::size_t found = source_.rfind(argument);
    const std::size_t at = found == std::string::npos || argument.empty() ? 0 : found;
    throw Error("query", impl->re.error(), "column " + std::to_string(at + 1), caret(source_, at));
  }
  impl_ = std::move(impl);
}

Pattern::~Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;
Pattern::Pattern(const Pattern&) = default;
Pattern& Pattern::operator=(const Pattern&) = default;

bool Pattern::matches(std::string_view text) const {
  return impl_->re.Match({text.data(), text.size()}, 0, text.size(), RE2::UNANCHORED, nullptr, 0);
}

bool Pattern::matches_whole(std::string_view text) const {
  return impl_->re.Match({text.data(), text.size()}, 0, text.size(), RE2::ANCHOR_BOTH, nullptr, 0);
}

std::optional<Pattern::Match> Pattern::find(std::string_view text, std::size_t from) const {
  if (from > text.size()) return std::nullopt;
  std::vector<re2::StringPiece> parts(group_count() + 1);
  if (text.data() == nullptr) text = "";  // an unset group is told by its null pointer
  if (!impl_->re.Match({text.data(), text.size()}, from, text.size(), RE2::UNANCHORED, parts.data(),
                       static_cast<int>(parts.size()))) {
    return std::nullopt;
  }
  Match match;
  match.begin = static_cast<std::size_t>(parts[0].data() - text.data());
  match.end = match.begin + parts[0].size();
  match.groups.reserve(parts.size());
  for (const re2::StringPiece& part : parts) {
    if (part.data() == nullptr) {
      match.groups.emplace_back();
    } else {
      match.groups.emplace_back(std::string_view(part.data(), part.size()));
    }
  }
  return match;
}

std::vector<Pattern::Match> Pattern::find_all(std::string_view text, std::size_t limit) const {
  std::vector<Match> matches;
  std::size_t from = 0;
  while (from <= text.size() && matches.size() < limit) {
    auto match = find(text, from);
    if (!match) break;
    from = match->end;
    if (match->begin == match->end) from += from < text.size() ? code_point_at(text, from).length : 1;
    matches.push_back(std::move(*match));
  }
  return matches;
}

std::size_t Pattern::group_count() const { return static_cast<std::size_t>(impl_->re.NumberOfCapturingGroups()); }

std::vector<std::pair<std::string, std::size_t>> Pattern::group_names() const {
  std::vector<std::pair<std::string, std::size_t>> names;
  for (const auto& [name, index] : impl_->re.NamedCapturingGroups()) {
    names.emplace_back(name, static_cast<std::size_t>(index));
  }
  std::sort(names.begin(), names.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return names;
}

std::string Pattern::quote(std::string_view text) { return RE2::QuoteMeta({text.data(), text.size()}); }

}  // namespace assay
