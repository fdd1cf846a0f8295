#pragma once
// What the store asks of the machine it runs on: names, times, kinds of file systems, room, and the claim of the one
// writer. Internal to core/store.

#include <cstdint>
#include <optional>
#include <string>

#include "core/model/ids.hpp"

namespace assay {

WallTime wall_now();
std::string host_name();
/// The kernel's id of this boot; changes with every restart of the machine.
std::string boot_id();
/// Random, 16 hex digits.
std::string random_id();
/// "NFS", "SMB", .. when `folder` lies on a file system on which WAL's shared memory must not be used; else "".
std::string network_file_system(const std::string& folder);
/// Bytes that we may still write in `folder`; nothing when the system does not say.
std::optional<std::uint64_t> free_bytes(const std::string& folder);
std::string folder_of(const std::string& path);
std::uint64_t file_bytes(const std::string& path);  ///< 0 when there is none
/// Makes the folder's entries durable.
void sync_folder(const std::string& folder);
/// 67108864 -> "64 MiB".
std::string bytes_text(std::uint64_t bytes);
/// "14:03:11" (UTC).
std::string clock_text(WallTime at);

/// The claim of the one writer: an open-file-description lock on NAME.assay-lock, whose one line says who holds it:
/// `pid host boot_id start_time version`. Gone with the process, however it ends. Removed on a clean release.
class WriterLock {
 public:
  WriterLock() = default;
  /// Throws Error "store" when another program has it, when another host's session was not closed (unless
  /// `take_over`), or when locks do not work here.
  WriterLock(const std::string& database, const std::string& version, bool take_over);
  ~WriterLock() { close(); }
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;
  void take(const std::string& database, const std::string& version, bool take_over);
  /// Writes the line; until then the file is as it was found.
  void announce();
  /// Removes the file and lets go.
  void release();
  bool held() const { return fd_ >= 0; }

 private:
  void close();
  int fd_ = -1;
  bool fresh_ = false;  // we made the file and have not written into it: goes with us
  std::string path_, version_;
};

/// NAME.assay-reserve: room that is given up when the disk is full, so that what waits in memory can be written.
class DiskReserve {
 public:
  DiskReserve() = default;
  DiskReserve(std::string path, std::uint64_t bytes) : path_(std::move(path)), bytes_(bytes) {}
  /// True when it is there (or not wanted); 0600. False when there is no room for it.
  bool make();
  void remove();
  bool present() const { return bytes_ == 0 || present_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::string path_;
  std::uint64_t bytes_ = 0;
  bool present_ = false;
};

}  // namespace assay
