#include "core/engine/data_pages.hpp"

#include <algorithm>
#include <unordered_set>

namespace assay {

DataPages::DataPages(Store& store, const std::vector<RunId>& runs)
    : store_(store), runs_(runs), state_((runs.size() + kPage - 1) / kPage, 0) {
  position_.reserve(runs.size());
  for (std::size_t i = 0; i < runs.size(); ++i) position_.emplace(runs[i], i);
}

std::optional<std::string> DataPages::take(RunId run) {
  std::unique_lock lock(mutex_);
  const auto place = position_.find(run);
  if (place == position_.end()) return {};
  const std::size_t page = place->second / kPage;
  if (state_[page] == 0) {
    state_[page] = 1;
    lock.unlock();
    read_page(page);
    lock.lock();
    state_[page] = 2;
    read_.notify_all();
  }
  read_.wait(lock, [&] { return state_[page] == 2; });
  const auto text = texts_.extract(run);
  if (text.empty()) return {};
  return std::move(text.mapped());
}

void DataPages::read_page(std::size_t page) {
  const auto first = runs_.begin() + static_cast<std::ptrdiff_t>(page * kPage);
  const auto last = runs_.begin() + static_cast<std::ptrdiff_t>(std::min((page + 1) * kPage, runs_.size()));
  const std::unordered_set<RunId> wanted(first, last);
  const auto [low, high] = std::minmax_element(first, last);
  if (*high - *low >= 64 * kPage) return;  // scattered: each on its own is less to read
  std::unordered_map<RunId, std::string> texts;
  store_.each_payload(
      *low, *high - *low + 1, [&](RunId run) { return wanted.contains(run); },
      [&](RunId run, const StoredPayloads& stored) {
        if (stored.damaged.empty()) texts.emplace(run, stored.data);
      });
  const std::lock_guard lock(mutex_);
  texts_.merge(texts);
}

}  // namespace assay
