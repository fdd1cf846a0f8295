#pragma once
// The data of a job's runs, read from the store a page ahead: one read for 256 runs instead of one each, which under a
// busy writer costs a transaction and cold pages every time.
// Any thread.

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/store/store.hpp"

namespace assay {

class DataPages {
 public:
  /// `runs` in the order in which they will be asked for.
  DataPages(Store& store, const std::vector<RunId>& runs);

  /// The data of `run`; nullopt when it has to be read on its own (it is damaged, or was taken before).
  std::optional<std::string> take(RunId run);

 private:
  void read_page(std::size_t page);

  static constexpr std::size_t kPage = 256;
  Store& store_;
  std::unordered_map<RunId, std::size_t> position_;
  std::vector<RunId> runs_;
  std::mutex mutex_;
  std::condition_variable read_;
  std::vector<char> state_;  // by page: 0 not read, 1 being read, 2 read
  std::unordered_map<RunId, std::string> texts_;
};

}  // namespace assay
