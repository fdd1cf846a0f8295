#pragma once
// A file that appears whole or not at all: written beside its target, synced, renamed, its folder synced. One thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace assay {

struct AtomicFileOptions {
  bool compress_by_name = true;  ///< .gz and .zst are packed
  bool may_replace = true;       ///< false: an existing target is refused
  bool follow_links = true;      ///< false, for names made from data: a link at the target is refused
  bool sync = true;              ///< false, for many files: commit() waits for no disk, sync_files() does for all
};

class AtomicFile {
 public:
  /// Opens `.NAME.tmp-PID-N` (O_EXCL, 0600) in the target's folder; removes such files of dead processes. A link is
  /// resolved: path() is where the bytes will be. Throws Error "file": folder, device, FIFO or socket as the target, no
  /// such folder, no right, no room.
  explicit AtomicFile(const std::string& path, AtomicFileOptions options = {});
  /// Removes the temporary unless commit() succeeded.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void append(std::string_view bytes);
  /// fsync, rename, fsync of the folder. After it (or an Error from it) nothing may be appended. The target's mode is
  /// 0600, or what an existing target had.
  void commit();

  const std::string& path() const;
  std::uint64_t plain_bytes() const;  ///< appended so far

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The whole of `bytes` to `path` by an AtomicFile.
void write_file(const std::string& path, std::string_view bytes, AtomicFileOptions options = {});

/// Waits until what was written to the file system of `path` is on the disk. Throws Error "file".
void sync_files(const std::string& path);

/// A file name for any text (a batch, a run): [A-Za-z0-9._-] stay, all else is %XX, no leading dot, never empty, at
/// most 200 bytes: longer ones are cut and end in "~" and 16 hex digits of the hash of the text. Different texts have
/// different names. reliability.md 9.4.
std::string safe_file_name(std::string_view text);

}  // namespace assay
