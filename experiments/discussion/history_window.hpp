#pragma once
// What of a discussion the next speaker, or an annotator, is shown: the last items (text_rules.hpp). Specs:
// discussion.md 5, 7. One thread.

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace assay {

class HistoryWindow {
 public:
  /// `keep`: how many items; nullopt: all.
  explicit HistoryWindow(std::optional<std::size_t> keep) : keep_(keep) {}

  void push(std::string item) {
    items_.push_back(std::move(item));
    while (keep_ && items_.size() > *keep_) items_.pop_front();
  }
  std::size_t size() const { return items_.size(); }
  /// The items joined by LF: H of the prompts.
  std::string text() const {
    std::string joined;
    for (std::size_t i = 0; i < items_.size(); ++i) joined.append(i > 0 ? "\n" : "").append(items_[i]);
    return joined;
  }

 private:
  std::optional<std::size_t> keep_;
  std::deque<std::string> items_;
};

}  // namespace assay
