#include "core/engine/data_pages.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace assay {

DataPages::DataPages(Store& store, std::vector<RunId> runs)
    : store_(store), runs_(std::move(runs)), pages_((runs_.size() + kPage - 1) / kPage) {}

std::optional<std::string> DataPages::take(std::size_t index) {
  const std::size_t number = index / kPage;
  std::unique_lock lock(mutex_);
  if (number >= pages_.size()) return {};
  Page& page = pages_[number];
  if (page.state == Page::State::unread) read_page(number, lock);
  read_.wait(lock, [&] { return page.state == Page::State::read; });
  std::optional<std::string> text;
  if (!page.texts.empty()) {
    text = std::exchange(page.texts[index % kPage], std::nullopt);
    if (--page.left == 0) page.texts = {};
  }
  if (number + 1 < pages_.size() && pages_[number + 1].state == Page::State::unread) read_page(number + 1, lock);
  return text;
}

void DataPages::read_page(std::size_t number, std::unique_lock<std::mutex>& lock) {
  pages_[number].state = Page::State::being_read;
  lock.unlock();
  const std::size_t begin = number * kPage, end = std::min(begin + kPage, runs_.size());
  std::unordered_map<RunId, std::size_t> wanted;
  for (std::size_t i = begin; i < end; ++i) wanted.emplace(runs_[i], i - begin);
  const auto [low, high] = std::minmax_element(runs_.begin() + static_cast<std::ptrdiff_t>(begin),
                                               runs_.begin() + static_cast<std::ptrdiff_t>(end));
  std::vector<std::optional<std::string>> texts;
  if (*high - *low < 64 * kPage) {  // scattered ones: each on its own is less to read
    texts.resize(end - begin);
    try {
      store_.each_payload(
          *low, *high - *low + 1, [&](RunId run) { return wanted.contains(run); },
          [&](RunId run, const StoredPayloads& stored) {
            if (stored.damaged.empty()) texts[wanted.at(run)] = stored.data;
          });
    } catch (const std::exception&) {
      texts.clear();  // each reads its own, and says what is wrong
    }
  }
  lock.lock();
  pages_[number].left = texts.size();
  pages_[number].texts = std::move(texts);
  pages_[number].state = Page::State::read;
  read_.notify_all();
}

}  // namespace assay
