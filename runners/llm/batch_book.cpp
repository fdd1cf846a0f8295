#include "runners/llm/batch_book.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "core/store/kill_point.hpp"
#include "core/text/atomic_file.hpp"
#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr const char* kNote = "bulk/";

/// "night" of "/somewhere/night.assay".
std::string stem_of(const std::string& path) {
  const std::string stem = fs::path(path).stem().string();
  return stem.empty() || stem.starts_with(":") ? "assay" : safe_file_name(stem);
}

std::string numbered(const std::string& stem, std::uint64_t number) {
  std::string digits = std::to_string(number);
  if (digits.size() < 4) digits.insert(0, 4 - digits.size(), '0');
  return stem + "-" + digits + ".jsonl";
}

std::string usable_folder(const std::string& given) {
  std::error_code wrong;
  const fs::path folder = fs::absolute(given.empty() ? "." : given).lexically_normal();
  fs::create_directories(folder, wrong);
  if (!fs::is_directory(folder, wrong)) throw Error("file", "can't make this folder", folder.string());
  if (::access(folder.c_str(), W_OK | X_OK) != 0) throw Error("file", "this folder can't be written", folder.string());
  std::string text = folder.string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

/// As a person would type it from here.
std::string shown(const std::string& path) {
  std::error_code wrong;
  const std::string near = fs::path(path).lexically_proximate(fs::current_path(wrong)).string();
  return wrong || near.empty() || near.starts_with("..") ? path : near;
}

/// Takes lines into a new file, or compares them with one that is there already.
class Sink {
 public:
  explicit Sink(const std::string& path) : path_(path) {
    if (fs::exists(path)) {
      there_.emplace(path);
    } else {
      file_.emplace(path, AtomicFileOptions{.compress_by_name = false, .may_replace = false, .follow_links = false});
    }
  }
  void put(std::string_view line) {
    bytes_ += line.size();
    if (file_) return file_->append(line);
    std::string here(line.size(), '\0');
    std::size_t got = 0;
    while (got < here.size()) {
      const std::size_t n = there_->read(here.data() + got, here.size() - got);
      if (n == 0) break;
      got += n;
    }
    if (got != line.size() || here != line) not_ours();
  }
  void finish() {
    if (file_) return file_->commit();
    char more = 0;
    if (there_->read(&more, 1) != 0) not_ours();
  }
  std::uint64_t bytes() const { return bytes_; }

 private:
  [[noreturn]] void not_ours() const {
    throw Error("file", "is there already, and is another file", path_, "move it away; `bulk list` then writes ours");
  }
  std::string path_;
  std::optional<AtomicFile> file_;
  std::optional<InputFile> there_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

// --- a job's files --------------------------------------------------------------------------------------------------

class BatchBook::JobFiles final : public CallFiles {
 public:
  JobFiles(BatchBook& book, std::string folder, std::string stem, CallId first)
      : book_(&book), folder_(std::move(folder)), stem_(std::move(stem)), first_(first) {}

  std::optional<std::string> assign(const Model& model, std::size_t bytes) override {
    const std::lock_guard lock(mutex_);
    if (book_ == nullptr) return std::nullopt;
    auto known = entries_.find(model.identity);
    if (known == entries_.end()) known = entries_.emplace(model.identity, model.entry()).first;
    Current& current = current_[known->second];
    const std::uint64_t size = bytes + model.name.size() + kBatchLineExtra;
    if (current.name.empty() || current.lines == kBatchFileLines || current.bytes + size > kBatchFileBytes) {
      current = Current{begin(model.name, known->second), 0, 0};
    }
    ++current.lines;
    current.bytes += size;
    return current.name;
  }

  void close() override {
    const std::lock_guard lock(mutex_);
    if (BatchBook* const book = std::exchange(book_, nullptr)) book->close_files(numbers_);
  }

 private:
  struct Current {
    std::string name;
    std::uint64_t lines = 0, bytes = 0;
  };

  std::string begin(const std::string& model, const std::string& entry) {
    File file;
    file.folder = folder_;
    file.model = model;
    file.entry = entry;
    file.first = first_;
    file.open = true;
    {
      const std::lock_guard lock(book_->mutex_);
      do {
        file.name = numbered(stem_, ++book_->last_name_);
      } while (fs::exists(file.path()));
      file.number = book_->files_.size() + 1;
      book_->files_.push_back(file);
      book_->parts_.store.submit(book_->note_of(file), {});
    }
    numbers_.push_back(file.number);
    return file.name;
  }

  std::mutex mutex_;
  BatchBook* book_;  // guarded by mutex_; nullptr: closed
  const std::string folder_, stem_;
  const CallId first_;
  std::map<const void*, std::string> entries_;  // guarded by mutex_
  std::map<std::string, Current> current_;      // guarded by mutex_: by entry
  std::vector<std::size_t> numbers_;            // guarded by mutex_
};

std::shared_ptr<CallFiles> BatchBook::open(const std::string& folder, const std::vector<BatchInfo>& batches) {
  for (const BatchInfo& batch : batches) {
    if (!batch.pinned.is_object()) continue;
    for (const auto& [name, value] : batch.pinned.items()) {
      if (!value.is_object() || !value.contains("provider") || !value.contains("model")) continue;
      const ModelHandle entry = model_from_json(value);
      if (fits_batch_file(*entry)) continue;
      throw Error(
          "usage", "batch " + batch.name + ": " + entry->name + " can't be asked by a bulk file", {},
          "files are for openai, azure, together, vllm and other servers of OpenAI's shape; run it without lane=");
    }
  }
  auto files = std::make_shared<JobFiles>(*this, usable_folder(folder), stem_of(parts_.store.path()),
                                          parts_.store.reserve_call());
  const std::lock_guard lock(mutex_);
  std::erase_if(jobs_, [](const auto& job) { return job.expired(); });
  jobs_.push_back(files);
  return files;
}

void BatchBook::close_files(const std::vector<std::size_t>& numbers) {
  {
    const std::lock_guard lock(mutex_);
    for (const std::size_t number : numbers) {
      files_[number - 1].open = false;
      to_write_.push_back(number);
    }
  }
  changed_.notify_all();
}

// --- the book -------------------------------------------------------------------------------------------------------

BatchBook::BatchBook(BatchBookParts parts) : parts_(std::move(parts)), experiment_id_(parts_.store.experiment_id()) {
  for (std::size_t number = 1;; ++number) {
    const std::string text = parts_.store.note(kNote + std::to_string(number));
    if (text.empty()) break;
    File file = file_from(parse_json(text, "bulk file " + std::to_string(number)));
    file.number = number;
    const std::size_t dash = file.name.rfind('-');
    if (dash != std::string::npos) {
      last_name_ = std::max<std::uint64_t>(last_name_, std::strtoull(file.name.c_str() + dash + 1, nullptr, 10));
    }
    if (!file.written && !file.empty && !parts_.store.read_only()) to_write_.push_back(number);
    files_.push_back(std::move(file));
  }
  writer_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

std::vector<std::string> BatchBook::finish() {
  std::vector<std::shared_ptr<JobFiles>> jobs;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& job : jobs_) {
      if (auto files = job.lock()) jobs.push_back(std::move(files));
    }
  }
  for (const auto& job : jobs) job->close();
  return wait_written();
}

BatchBook::~BatchBook() {
  finish();
  {
    const std::lock_guard lock(mutex_);  // without it the writer may look just before and begin to wait just after
    writer_.request_stop();
  }
  changed_.notify_all();
  writer_.join();
}

BatchBook::File BatchBook::file_from(const Json& note) {
  try {
    File file;
    file.name = note.at("name");
    file.folder = note.at("folder");
    file.model = note.at("model");
    file.entry = dump_json(note.at("entry"));
    file.written = note.at("written");
    file.empty = note.value("empty", false);
    file.first = note.at("first");
    file.last = note.at("last");
    file.calls = note.at("calls");
    file.bytes = note.at("bytes");
    file.doing = note.value("doing", "");
    file.input_file = note.value("input_file_id", "");
    file.batch = note.value("batch_id", "");
    file.status = note.value("status", "");
    file.output_file = note.value("output_file_id", "");
    file.error_file = note.value("error_file_id", "");
    file.collected = note.value("collected", false);
    return file;
  } catch (const Json::exception&) {
    throw Error("store", "what the experiment keeps of a bulk file can't be read");
  }
}

Json BatchBook::to_json(const File& file) {
  Json note = Json::object();
  note["name"] = file.name;
  note["folder"] = file.folder;
  note["model"] = file.model;
  note["entry"] = parse_json(file.entry, "entry");
  note["written"] = file.written;
  if (file.empty) note["empty"] = true;
  note["first"] = file.first;
  note["last"] = file.last;
  note["calls"] = file.calls;
  note["bytes"] = file.bytes;
  const auto text = [&note](const char* name, const std::string& value) {
    if (!value.empty()) note[name] = value;
  };
  text("doing", file.doing);
  text("input_file_id", file.input_file);
  text("batch_id", file.batch);
  text("status", file.status);
  text("output_file_id", file.output_file);
  text("error_file_id", file.error_file);
  if (file.collected) note["collected"] = true;
  return note;
}

std::vector<Change> BatchBook::note_of(const File& file) const {
  return {PutNote{kNote + std::to_string(file.number), dump_json(to_json(file))}};
}

void BatchBook::keep(const File& file) {
  parts_.store.write(note_of(file));
  const std::lock_guard lock(mutex_);
  files_[file.number - 1] = file;
}

std::vector<BatchBook::File> BatchBook::files() const {
  const std::lock_guard lock(mutex_);
  return files_;
}

BatchBook::File BatchBook::find(const std::string& name) const {
  // By its name, its path, or its number as listed.
  const std::string plain = fs::path(name).filename().string();
  const std::lock_guard lock(mutex_);
  for (const File& file : files_) {
    if (file.name == plain || file.name == plain + ".jsonl") return file;
  }
  throw Error("usage", "there is no bulk file " + name, {},
              files_.empty() ? "`run_n N lane=bulk:DIR` makes some" : "`bulk list` shows them");
}

std::vector<BatchBook::File> BatchBook::chosen(const std::vector<std::string>& names,
                                               const std::function<bool(const File&)>& fits) const {
  std::vector<File> out;
  for (const std::string& name : names) out.push_back(find(name));
  if (!names.empty()) return out;
  for (File& file : files()) {
    if (fits(file)) out.push_back(std::move(file));
  }
  return out;
}

// --- writing --------------------------------------------------------------------------------------------------------

void BatchBook::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stop.stop_requested() || !to_write_.empty(); });
    if (to_write_.empty()) return;
    File file = files_[to_write_.front() - 1];
    to_write_.pop_front();
    writing_ = true;
    lock.unlock();
    std::string line;
    const std::size_t number = file.number;
    std::string trouble;
    try {
      write(std::move(file));
    } catch (const Error& error) {
      trouble = error.what() + (error.hint().empty() ? std::string() : " [" + error.hint() + "]");
    } catch (const std::exception& error) {
      trouble = error.what();
    }
    lock.lock();
    File& now = files_[number - 1];
    now.trouble = trouble;
    if (!trouble.empty()) {
      line = "bulk file " + shown(now.path()) + " is not written yet: " + trouble;
    } else if (!now.empty) {
      line = "written: " + shown(now.path()) + ", " + counted(now.calls, "call", "calls") + " to " + now.model;
    }
    writing_ = false;
    if (!line.empty()) told_.push_back(line);
    changed_.notify_all();
    if (!line.empty() && parts_.notice) {
      lock.unlock();
      parts_.notice(line);
      lock.lock();
    }
  }
}

std::vector<CallId> BatchBook::calls_of(const File& file) {
  const std::string lane = std::string(kFileLane) + file.name;
  std::vector<CallId> ids;
  parts_.store.each_call(file.first, file.last, [&](const CallRecord& call) {
    if (call.lane == lane) ids.push_back(call.id);
  });
  return ids;
}

void BatchBook::write(File file) {
  file.trouble.clear();
  if (file.last == 0) file.last = parts_.store.reserve_call();
  parts_.store.flush();
  const std::vector<CallId> calls = calls_of(file);
  if (calls.empty()) {
    file.empty = true;
    keep(file);
    return;
  }
  const std::string wire_model = parse_json(file.entry, "entry").value("model", file.model);
  {
    Sink sink(file.path());
    for (const CallId call : calls) {
      sink.put(batch_line(batch_custom_id(experiment_id_, call), parts_.store.call_request(call), wire_model));
    }
    kill_point("bulk.file.before_rename");
    sink.finish();
    kill_point("bulk.file.after_rename");
    file.bytes = sink.bytes();
  }
  file.written = true;
  file.calls = calls.size();
  file.first = calls.front();
  file.last = calls.back();
  keep(file);
}

std::vector<std::string> BatchBook::wait_written() {
  std::unique_lock lock(mutex_);
  for (const File& file : files_) {  // what could not be written before is tried again
    const bool queued = std::find(to_write_.begin(), to_write_.end(), file.number) != to_write_.end();
    if (!file.written && !file.empty && !file.open && !file.trouble.empty() && !queued) {
      to_write_.push_back(file.number);
    }
  }
  changed_.notify_all();
  changed_.wait(lock, [&] { return to_write_.empty() && !writing_; });
  return std::exchange(told_, {});
}

// --- looking --------------------------------------------------------------------------------------------------------

BatchBook::Counts BatchBook::count(const File& file) {
  const std::string lane = std::string(kFileLane) + file.name;
  Counts counts;
  const CallId last = file.last == 0 ? parts_.store.reserve_call() : file.last;
  parts_.store.each_call(file.first, last, [&](const CallRecord& call) {
    if (call.lane != lane) return;
    ++counts.calls;
    counts.waiting += call.state == CallState::in_file;
    counts.answered += call.state == CallState::answered;
    counts.refused += call.state == CallState::refused;
    counts.returned += call.state == CallState::failed;
  });
  return counts;
}

std::string BatchBook::state_of(const File& file, const Counts& counts) const {
  if (file.open) return "its job goes on";
  if (!file.written) return file.trouble.empty() ? "being written" : "not written: " + file.trouble;
  if (counts.waiting == 0) return counts.answered + counts.refused == 0 ? "given back" : "done";
  if (file.collected) return "collected";
  if (!file.batch.empty()) return "sent: " + (file.status.empty() ? "submitted" : file.status);
  if (!file.input_file.empty()) return "uploaded";
  return counts.waiting < counts.calls ? "imported in part" : "written";
}

BulkFileFacts BatchBook::facts(const File& file) {
  const Counts counts = count(file);
  BulkFileFacts out;
  out.name = file.name;
  out.path = shown(file.path());
  out.model = file.model;
  out.state = state_of(file, counts);
  out.calls = counts.calls;
  out.waiting = counts.waiting;
  out.answered = counts.answered;
  out.refused = counts.refused;
  out.returned = counts.returned;
  out.bytes = file.bytes;
  out.batch_id = file.batch;
  return out;
}

std::vector<BulkFileFacts> BatchBook::list() {
  std::vector<BulkFileFacts> out;
  for (const File& file : files()) {
    if (!file.empty) out.push_back(facts(file));
  }
  return out;
}

}  // namespace assay
