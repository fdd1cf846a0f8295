#include "core/text/json_difference.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace assay {
namespace {

constexpr std::size_t kBefore = 12, kShown = 40;

std::string escaped(const std::string& key) {
  std::string out;
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

bool inside_character(const std::string& text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
}

/// The part around byte `at`, whole characters.
std::string cut(const std::string& text, std::size_t at) {
  std::size_t from = at > kBefore ? at - kBefore : 0, to = std::min(text.size(), from + kShown);
  while (inside_character(text, from)) --from;
  while (inside_character(text, to)) ++to;
  return (from > 0 ? ".." : "") + text.substr(from, to - from) + (to < text.size() ? ".." : "");
}

std::pair<std::string, std::string> shown(const Json& was, const Json& is) {
  if (was.is_string() && is.is_string()) {
    const auto& a = was.get_ref<const std::string&>();
    const auto& b = is.get_ref<const std::string&>();
    const auto [at, other] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    const auto byte = static_cast<std::size_t>(at - a.begin());
    return {dump_json(Json(cut(a, byte))), dump_json(Json(cut(b, byte)))};
  }
  return {cut(dump_json(was), 0), cut(dump_json(is), 0)};
}

std::optional<JsonDifference> walk(const Json& was, const Json& is, const std::string& pointer) {
  if (was.is_object() && is.is_object()) {
    std::set<std::string> keys;
    for (const Json* side : {&was, &is}) {
      for (const auto& [key, value] : side->items()) keys.insert(key);
    }
    for (const std::string& key : keys) {
      const std::string place = pointer + "/" + escaped(key);
      const auto a = was.find(key);
      const auto b = is.find(key);
      if (a == was.end()) return JsonDifference{place, "", cut(dump_json(*b), 0)};
      if (b == is.end()) return JsonDifference{place, cut(dump_json(*a), 0), ""};
      if (auto found = walk(*a, *b, place)) return found;
    }
    return std::nullopt;
  }
  if (was.is_array() && is.is_array()) {
    const std::size_t both = std::min(was.size(), is.size());
    for (std::size_t i = 0; i < both; ++i) {
      if (auto found = walk(was[i], is[i], pointer + "/" + std::to_string(i))) return found;
    }
    if (was.size() == is.size()) return std::nullopt;
    const std::string place = pointer + "/" + std::to_string(both);
    if (was.size() > both) return JsonDifference{place, cut(dump_json(was[both]), 0), ""};
    return JsonDifference{place, "", cut(dump_json(is[both]), 0)};
  }
  if (was.type() == is.type() && dump_json(was) == dump_json(is)) return std::nullopt;
  auto [a, b] = shown(was, is);
  return JsonDifference{pointer, std::move(a), std::move(b)};
}

}  // namespace

std::optional<JsonDifference> first_difference(const Json& was, const Json& is) { return walk(was, is, ""); }

}  // namespace assay
