#pragma once
// The half-price lane as the shell sees it: files of calls that a provider answers within a day. runners/llm implements
// it (batch_book.hpp); app hands it over. Specs: models.md 7.
//
// Thread rule: any thread; what talks to a provider or reads a file blocks, one such command at a time.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/model/batch.hpp"
#include "core/model/call_files.hpp"

namespace assay {

/// One file as it stands.
struct BulkFileFacts {
  std::string name, path, model;
  std::string state;  // being written, not written, written, uploaded, sent: STATUS, collected, answered, given back
  std::uint64_t calls = 0;
  std::uint64_t waiting = 0;   // no answer yet
  std::uint64_t answered = 0;  // with an answer
  std::uint64_t refused = 0;   // with an error for good
  std::uint64_t returned = 0;  // to be sent again: expired, given back
  std::uint64_t bytes = 0;
  std::string batch_id;  // "": not with the provider, as far as known
};

/// What an import came to, in lines.
struct BulkImport {
  std::uint64_t lines = 0, answered = 0, refused = 0, returned = 0;
  std::uint64_t repeated = 0;  // the first answer stays
  std::uint64_t unknown = 0, bad = 0;
  std::uint64_t late = 0;             // answers to calls that had been given back: recorded, and paid for
  std::vector<std::string> problems;  // "FILE:LINE: ..", the first of them
  std::vector<BulkFileFacts> files;   // those of ours that it answered, as they stand now
  BulkImport& operator+=(const BulkImport& other);
};

class BulkDesk {
 public:
  /// True: the person wants it to end. Polled.
  using Interrupted = std::function<bool()>;

  virtual ~BulkDesk() = default;

  /// Files in `folder` (made when missing) for a job over runs of `batches`. Throws Error: a model that can't be asked
  /// by file, a folder that can't be written.
  virtual std::shared_ptr<CallFiles> open(const std::string& folder, const std::vector<BatchInfo>& batches) = 0;
  /// Waits until the files of ended jobs are written; says which, a line each, and what went wrong.
  virtual std::vector<std::string> wait_written() = 0;

  virtual std::vector<BulkFileFacts> list() = 0;
  /// Reads an output or error file of a provider. Throws Error when it can't be read.
  virtual BulkImport import(const std::string& path, const Interrupted& interrupted) = 0;
  /// Gives back what a file has no answer for; how many. Throws Error: no such file; it is with the provider and not
  /// `force`.
  virtual std::uint64_t release(const std::string& name, bool force) = 0;

  // Over the provider's API. `names`: empty for every file that it makes sense for. A line each; one file that fails
  // does not keep the others. Throws Error when there is nothing to do, or nothing succeeded.
  virtual std::vector<std::string> submit(const std::vector<std::string>& names, const Interrupted& interrupted) = 0;
  virtual std::vector<std::string> status(const std::vector<std::string>& names, const Interrupted& interrupted) = 0;
  virtual std::vector<std::string> cancel(const std::vector<std::string>& names, const Interrupted& interrupted) = 0;
  /// Downloads and imports what has ended. `lines` gets a line for every file asked about.
  virtual BulkImport collect(const std::vector<std::string>& names, std::vector<std::string>& lines,
                             const Interrupted& interrupted) = 0;
};

}  // namespace assay
