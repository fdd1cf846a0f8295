#include "experiments/qa/json_path.hpp"

#include <charconv>

namespace assay {
namespace {

const Json* element(const Json& array, const std::string& part) {
  std::size_t index = 0;
  const char* end = part.data() + part.size();
  const auto result = std::from_chars(part.data(), end, index);
  if (result.ec != std::errc() || result.ptr != end || index >= array.size()) return nullptr;
  return &array[index];
}

}  // namespace

JsonPath::JsonPath(std::string_view path) : text_(path) {
  if (path.empty()) return;
  std::size_t begin = 0;
  for (std::size_t dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.', begin)) {
    parts_.emplace_back(path.substr(begin, dot - begin));
    begin = dot + 1;
  }
  parts_.emplace_back(path.substr(begin));
}

const Json* JsonPath::find(const Json& value) const {
  if (parts_.size() > 1 && value.is_object()) {
    if (const auto whole = value.find(text_); whole != value.end()) return &*whole;
  }
  const Json* at = &value;
  for (const auto& part : parts_) {
    if (at->is_object()) {
      const auto found = at->find(part);
      if (found == at->end()) return nullptr;
      at = &*found;
    } else if (at->is_array()) {
      at = element(*at, part);
      if (at == nullptr) return nullptr;
    } else {
      return nullptr;
    }
  }
  return at;
}

}  // namespace assay
