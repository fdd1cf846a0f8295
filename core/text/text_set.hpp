#pragma once
// Many texts, each once, known by a number: all bytes in one string, eight to ten bytes a text beside them. One thread
// at a time; several may read.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

class TextSet {
 public:
  /// The number of the text: the next one, from 1, when it is new; 0 of "". At most 4 GiB of texts.
  std::uint32_t add(std::string_view text);
  /// Valid until the next add().
  std::string_view at(std::uint32_t number) const {
    return std::string_view(bytes_).substr(ends_[number], ends_[number + 1] - ends_[number]);
  }
  /// Numbers are below it.
  std::size_t size() const { return ends_.size() - 1; }
  std::size_t memory_bytes() const;

 private:
  void rebuild_index(std::size_t texts);
  std::string bytes_;
  std::vector<std::uint32_t> ends_{0, 0};  // text n is ends_[n] .. ends_[n + 1] - 1
  std::vector<std::uint32_t> index_;       // by hash, linear probing, at most 0.7 full; 0: free
};

}  // namespace assay
