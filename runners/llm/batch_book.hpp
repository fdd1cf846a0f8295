#pragma once
// The files of calls of an experiment: which there are, what they wait for, and how their answers come into the ledger.
// Specs: models.md 7.
//
// A file begins as a note in the experiment ("bulk/1", "bulk/2", ..) that is committed before the first call that is
// recorded as standing in it. When its job has ended it is written from the recorded requests, whole or not at all, and
// the note says so; a crash before that leaves a file that the next session writes. What the provider calls it
// (uploaded file, batch, output files) is committed before the next step over the API; a step that may have happened
// unseen is looked up there first. A file that was written is never written again.
//
// Money: what a call may cost at the batch price counts as possibly spent from the moment it stands in a file until its
// answer is imported, or it is given back.
//
// Memory: the ids of one file and a page of answers; never the answers of a file.
//
// Thread rule: as BulkDesk. Must not outlive what BatchBookParts refers to. The destructor writes what can be written.

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/engine/clock.hpp"
#include "core/ledger/budget.hpp"
#include "core/model/bulk.hpp"
#include "core/model/run_table.hpp"
#include "core/store/store.hpp"
#include "core/text/json.hpp"
#include "runners/llm/batch_line.hpp"
#include "runners/llm/names.hpp"
#include "runners/llm/transport.hpp"

namespace assay {

struct BatchBookParts {
  Store& store;
  RunTable& table;
  Clock& clock;
  const ModelRegistry& models;
  SecretStore& secrets;
  Transport& transport;
  Budget* budget = nullptr;
  std::string version = "0";  // of the User-Agent
  /// A line for a person: files that were written after their job had ended. Called on a thread of the book.
  std::function<void(const std::string&)> notice = {};
};

class BatchBook final : public BulkDesk {
 public:
  /// Takes up what earlier sessions left unwritten. Throws Error kind "store": a note that can't be read.
  explicit BatchBook(BatchBookParts parts);
  ~BatchBook() override;
  BatchBook(const BatchBook&) = delete;
  BatchBook& operator=(const BatchBook&) = delete;

  /// Ends what jobs still add to, writes everything that can be written; what wait_written says. No job may run.
  std::vector<std::string> finish();

  std::shared_ptr<CallFiles> open(const std::string& folder, const std::vector<BatchInfo>& batches) override;
  std::vector<std::string> wait_written() override;
  std::vector<BulkFileFacts> list() override;
  BulkImport import(const std::string& path, const Interrupted& interrupted) override;
  std::uint64_t release(const std::string& name, bool force) override;
  std::vector<std::string> submit(const std::vector<std::string>& names, const Interrupted& interrupted) override;
  std::vector<std::string> status(const std::vector<std::string>& names, const Interrupted& interrupted) override;
  std::vector<std::string> cancel(const std::vector<std::string>& names, const Interrupted& interrupted) override;
  BulkImport collect(const std::vector<std::string>& names, std::vector<std::string>& lines,
                     const Interrupted& interrupted) override;

  /// What a file's note holds.
  struct File {
    std::size_t number = 0;  // of the note, from 1
    std::string name, folder, model;
    std::string entry;  // the model as it was pinned: a JSON text
    bool written = false, empty = false;
    CallId first = 0, last = 0;  // calls in it have ids from first to last; last 0: not known yet
    std::uint64_t calls = 0, bytes = 0;
    std::string doing;  // "uploading", "creating": a step over the API that may have happened
    std::string input_file, batch, status, output_file, error_file;
    bool collected = false;
    std::string trouble;  // why it is not written; not kept
    bool open = false;    // its job goes on; not kept
    std::string path() const { return folder + "/" + name; }
  };

 private:
  class JobFiles;
  struct Counts {
    std::uint64_t calls = 0, waiting = 0, answered = 0, refused = 0, returned = 0;
  };
  struct ImportState;

  // batch_book.cpp
  static File file_from(const Json& note);
  static Json to_json(const File& file);
  std::vector<Change> note_of(const File& file) const;
  void keep(const File& file);  // commits its note, and shows it
  std::vector<File> files() const;
  File find(const std::string& name) const;
  std::vector<File> chosen(const std::vector<std::string>& names, const std::function<bool(const File&)>& fits) const;
  void close_files(const std::vector<std::size_t>& numbers);
  void work(const std::stop_token& stop);
  void write(File file);
  std::vector<CallId> calls_of(const File& file);
  Counts count(const File& file);
  BulkFileFacts facts(const File& file);
  std::string state_of(const File& file, const Counts& counts) const;

  // batch_import.cpp
  void import_line(ImportState& state, std::string_view line, std::uint64_t number);
  void commit_page(ImportState& state);
  std::optional<CallRecord> record_of(CallId call);

  // batch_submit.cpp
  std::vector<std::string> each(const std::vector<std::string>& names, const std::string& nothing,
                                const std::function<bool(const File&)>& fits,
                                const std::function<std::string(File)>& act);
  std::string submit_one(File file, const Interrupted& interrupted);
  /// What the provider says of it now; a line.
  std::string refresh(File& file, const Interrupted& interrupted);

  BatchBookParts parts_;
  const std::string experiment_id_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<File> files_;                    // guarded by mutex_
  std::vector<std::weak_ptr<JobFiles>> jobs_;  // guarded by mutex_
  std::uint64_t last_name_ = 0;                // guarded by mutex_
  std::deque<std::size_t> to_write_;           // guarded by mutex_: numbers
  bool writing_ = false;                       // guarded by mutex_
  std::vector<std::string> told_;              // guarded by mutex_: lines for wait_written
  std::mutex command_mutex_;                   // one import, release or step over the API at a time
  std::jthread writer_;
};

}  // namespace assay
