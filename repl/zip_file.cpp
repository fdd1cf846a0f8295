#include "repl/zip_file.hpp"

#include <unistd.h>
#include <zip.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <filesystem>
#include <memory>

#include "core/text/atomic_file.hpp"
#include "core/text/error.hpp"
#include "core/text/input.hpp"

namespace assay {
namespace {

namespace fs = std::filesystem;

/// One entry as libzip asks for it. Its first fault is kept: libzip only passes on that there was one.
struct EntrySource {
  ZipFile::Parts parts;
  std::int64_t modified = 0;
  std::exception_ptr* fault = nullptr;
  std::string text;  // what was made and not yet taken
  std::size_t taken = 0;
  bool over = false;

  zip_int64_t read(char* to, std::size_t size) {
    std::size_t done = 0;
    while (done < size) {
      if (taken == text.size()) {
        text.clear();
        taken = 0;
        if (over || !parts(text)) {
          over = true;
          break;
        }
        continue;
      }
      const std::size_t count = std::min(size - done, text.size() - taken);
      std::memcpy(to + done, text.data() + taken, count);
      taken += count;
      done += count;
    }
    return static_cast<zip_int64_t>(done);
  }
};

zip_int64_t serve(void* data, void* to, zip_uint64_t size, zip_source_cmd_t command) {
  auto* const entry = static_cast<EntrySource*>(data);
  switch (command) {
    case ZIP_SOURCE_SUPPORTS:
      return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT,
                                            ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, -1);
    case ZIP_SOURCE_OPEN:
      return 0;
    case ZIP_SOURCE_READ:
      try {
        return entry->read(static_cast<char*>(to), size);
      } catch (...) {  // passed on when libzip has come back
        if (*entry->fault == nullptr) *entry->fault = std::current_exception();
        return -1;
      }
    case ZIP_SOURCE_CLOSE:
      entry->text = {};
      entry->taken = 0;
      return 0;
    case ZIP_SOURCE_STAT: {
      auto* const facts = static_cast<zip_stat_t*>(to);
      zip_stat_init(facts);
      facts->mtime = entry->modified;
      facts->valid = ZIP_STAT_MTIME;
      return sizeof(*facts);
    }
    case ZIP_SOURCE_ERROR: {
      zip_error_t error;
      zip_error_init(&error);
      zip_error_set(&error, ZIP_ER_READ, EIO);
      return zip_error_to_data(&error, to, size);
    }
    case ZIP_SOURCE_FREE:
      delete entry;
      return 0;
    default:
      return -1;
  }
}

/// Where libzip writes, beside the target; its name is one that AtomicFile removes when this program has died.
class Scratch {
 public:
  explicit Scratch(const fs::path& target)
      : path_((target.parent_path() /
               ("." + target.filename().string().substr(0, 200) + ".tmp-" + std::to_string(::getpid()) + "-zip"))
                  .string()) {}
  ~Scratch() {
    std::error_code unimportant;
    fs::remove(path_, unimportant);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

void ZipFile::add(std::string name, std::string text) {
  add(std::move(name), [rest = std::move(text), given = false](std::string& out) mutable {
    if (given) return false;
    given = true;
    out += rest;
    return true;
  });
}

std::uint64_t ZipFile::write(const std::string& path, std::int64_t modified) {
  AtomicFile file(path, {.compress_by_name = false});
  const Scratch scratch(file.path());
  std::exception_ptr fault;
  int code = 0;
  zip_t* const archive = zip_open(scratch.path().c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  if (archive == nullptr) throw Error("file", "cannot write there", path);
  const auto give_up = [&] {
    const std::string why = zip_strerror(archive);
    zip_discard(archive);
    if (fault != nullptr) std::rethrow_exception(fault);
    throw Error("file", "cannot write the zip: " + why, path);
  };
  for (Entry& entry : entries_) {
    auto data = std::make_unique<EntrySource>();
    data->parts = std::move(entry.parts);
    data->modified = modified;
    data->fault = &fault;
    zip_source_t* const source = zip_source_function(archive, serve, data.get());
    if (source == nullptr) give_up();
    data.release();  // the source has it
    if (zip_file_add(archive, entry.name.c_str(), source, ZIP_FL_ENC_UTF_8) < 0) {
      zip_source_free(source);
      give_up();
    }
  }
  entries_.clear();
  if (zip_close(archive) != 0) give_up();
  InputFile made(scratch.path());
  std::string part(std::size_t{1} << 20, '\0');
  std::uint64_t bytes = 0;
  for (std::size_t size = made.read(part.data(), part.size()); size > 0; size = made.read(part.data(), part.size())) {
    file.append(std::string_view(part).substr(0, size));
    bytes += size;
  }
  file.commit();
  return bytes;
}

}  // namespace assay
