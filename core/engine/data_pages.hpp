#pragma once
// The data of a job's runs, read from the store a page ahead: one read for 256 runs instead of one each, which under a
// busy writer costs a transaction and cold pages every time. While one page is taken from, one worker reads the next.
// Any thread.

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/store/store.hpp"

namespace assay {

class DataPages {
 public:
  /// `runs` in the order in which they will be asked for.
  DataPages(Store& store, std::vector<RunId> runs);

  /// The data of runs[index]; nullopt when it has to be read on its own (it is damaged, or was taken before).
  std::optional<std::string> take(std::size_t index);

 private:
  struct Page {
    enum class State : unsigned char { unread, being_read, read } state = State::unread;
    std::vector<std::optional<std::string>> texts;
    std::size_t left = 0;
  };
  /// Reads an unread page; others may take from other pages meanwhile.
  void read_page(std::size_t page, std::unique_lock<std::mutex>& lock);

  static constexpr std::size_t kPage = 256;
  Store& store_;
  const std::vector<RunId> runs_;
  std::mutex mutex_;
  std::condition_variable read_;
  std::vector<Page> pages_;  // guarded by mutex_
};

}  // namespace assay
