#include "core/text/atomic_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "core/text/error.hpp"
#include "core/text/hash.hpp"

namespace assay {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{256} << 10;

std::string system_message(int error) { return std::generic_category().message(error); }

struct Descriptor {
  int fd = -1;
  Descriptor() = default;
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int close() {
    const int result = fd < 0 ? 0 : ::close(fd);
    fd = -1;
    return result;
  }
};

// Where the bytes will be: links followed by hand, since the last may lead to a file that does not exist yet.
std::string follow_links(const std::string& path) {
  std::filesystem::path at = path;
  for (int hops = 0; hops < 40; ++hops) {
    std::error_code error;
    if (!std::filesystem::is_symlink(std::filesystem::symlink_status(at, error))) return at.string();
    const std::filesystem::path target = std::filesystem::read_symlink(at, error);
    if (error) throw Error("file", "cannot follow the link: " + error.message(), path);
    at = (at.parent_path() / target).lexically_normal();
  }
  throw Error("file", "a link that leads to itself", path);
}

}  // namespace

struct AtomicFile::Impl {
  enum class Packing { none, gzip, zstd };

  ~Impl() {
    file.close();
    if (!temporary.empty() && !committed) ::unlinkat(folder.fd, temporary.c_str(), 0);
    if (packing == Packing::gzip) deflateEnd(&gzip);
    ZSTD_freeCCtx(zstd);
  }

  [[noreturn]] void fail(const std::string& message, const std::string& hint = {}) const {
    throw Error("file", message, path, hint);
  }

  void open(const std::string& typed, const AtomicFileOptions& options) {
    path = typed;
    may_replace = options.may_replace;
    sync = options.sync;
    if (options.follow_links) path = follow_links(typed);
    const std::size_t slash = path.rfind('/');
    name = slash == std::string::npos ? path : path.substr(slash + 1);
    const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    if (name.empty() || name == "." || name == "..") fail("is a folder");
    folder.fd = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder.fd < 0) fail("cannot write there: " + system_message(errno));
    struct stat status{};
    if (::fstatat(folder.fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
      if (!S_ISREG(status.st_mode)) {
        fail(S_ISDIR(status.st_mode)    ? "is a folder"
             : S_ISLNK(status.st_mode)  ? "is a link"
             : S_ISFIFO(status.st_mode) ? "is a pipe"
             : S_ISSOCK(status.st_mode) ? "is a socket"
                                        : "is a device");
      }
      if (!options.may_replace) fail("exists");
      mode = status.st_mode & 0777U;
    }
    const std::string stem = "." + name.substr(0, 200) + ".tmp-";
    remove_stale(stem);
    for (int n = 0;; ++n) {
      const std::string candidate = stem + std::to_string(::getpid()) + "-" + std::to_string(n);
      file.fd = ::openat(folder.fd, candidate.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
      if (file.fd >= 0) {
        temporary = candidate;
        break;
      }
      if (errno != EEXIST || n == 1000) fail("cannot write there: " + system_message(errno));
    }
    if (options.compress_by_name) start_packing();
  }

  // Temporaries of processes that are no more. Another user's live process answers EPERM: it lives.
  void remove_stale(const std::string& stem) const {
    const int copy = ::openat(folder.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* const entries = copy < 0 ? nullptr : ::fdopendir(copy);
    if (entries == nullptr) {
      if (copy >= 0) ::close(copy);
      return;
    }
    while (const dirent* const entry = ::readdir(entries)) {
      const std::string_view found = entry->d_name;
      if (!found.starts_with(stem)) continue;
      pid_t pid = 0;
      const char* const end = found.data() + found.size();
      const auto [rest, error] = std::from_chars(found.data() + stem.size(), end, pid);
      if (error != std::errc() || rest == end || *rest != '-' || pid <= 0) continue;
      if (::kill(pid, 0) != 0 && errno == ESRCH) ::unlinkat(folder.fd, entry->d_name, 0);
    }
    ::closedir(entries);
  }

  void start_packing() {
    if (name.ends_with(".gz")) {
      // 16: a gzip header, with no name and no time in it, so that equal bytes make equal files.
      if (deflateInit2(&gzip, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) fail("no memory to pack it");
      packing = Packing::gzip;
    } else if (name.ends_with(".zst")) {
      zstd = ZSTD_createCCtx();
      if (zstd == nullptr) fail("no memory to pack it");
      ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
      packing = Packing::zstd;
    }
  }

  void write(const char* bytes, std::size_t size) {
    while (size > 0) {
      const ssize_t count = ::write(file.fd, bytes, size);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail("cannot write: " + system_message(errno));
      bytes += count;
      size -= static_cast<std::size_t>(count);
    }
  }

  // Passes what `buffer` holds on to the file; `last` ends the packed stream.
  void drain(bool last) {
    if (packing == Packing::none) {
      write(buffer.data(), buffer.size());
    } else if (packing == Packing::gzip) {
      gzip.next_in = reinterpret_cast<Bytef*>(buffer.data());
      gzip.avail_in = static_cast<uInt>(buffer.size());
      int result = Z_OK;
      do {
        packed.resize(kBufferBytes);
        gzip.next_out = reinterpret_cast<Bytef*>(packed.data());
        gzip.avail_out = static_cast<uInt>(packed.size());
        result = deflate(&gzip, last ? Z_FINISH : Z_NO_FLUSH);
        write(packed.data(), packed.size() - gzip.avail_out);
      } while (last ? result != Z_STREAM_END : gzip.avail_out == 0);
    } else {
      ZSTD_inBuffer in{buffer.data(), buffer.size(), 0};
      for (;;) {
        packed.resize(kBufferBytes);
        ZSTD_outBuffer out{packed.data(), packed.size(), 0};
        const std::size_t left = ZSTD_compressStream2(zstd, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left) != 0) fail(std::string("cannot pack: ") + ZSTD_getErrorName(left));
        write(packed.data(), out.pos);
        if (last ? left == 0 : in.pos == in.size) break;
      }
    }
    buffer.clear();
  }

  void commit() {
    drain(true);
    if (mode != 0600 && ::fchmod(file.fd, mode) != 0) fail("cannot set its mode: " + system_message(errno));
    if (sync && ::fsync(file.fd) != 0) fail("cannot bring it to the disk: " + system_message(errno));
    if (file.close() != 0) fail("cannot write: " + system_message(errno));
    if (!put_in_place()) {
      if (!may_replace && errno == EEXIST) fail("exists");
      fail("cannot put it in place: " + system_message(errno));
    }
    committed = true;
    if (sync && ::fsync(folder.fd) != 0) fail("cannot bring its folder to the disk: " + system_message(errno));
  }

  bool put_in_place() const {
    if (may_replace) return ::renameat(folder.fd, temporary.c_str(), folder.fd, name.c_str()) == 0;
    // One that came to be since it was opened stays. A link, as renameat2 is not known to all file systems.
    if (::linkat(folder.fd, temporary.c_str(), folder.fd, name.c_str(), 0) == 0) {
      return ::unlinkat(folder.fd, temporary.c_str(), 0) == 0;
    }
    if (errno == EEXIST) return false;
    return ::renameat(folder.fd, temporary.c_str(), folder.fd, name.c_str()) == 0;
  }

  std::string path, name, temporary;
  Descriptor folder, file;
  mode_t mode = 0600;
  bool may_replace = true, sync = true;
  Packing packing = Packing::none;
  z_stream gzip{};
  ZSTD_CCtx* zstd = nullptr;
  std::string buffer, packed;
  std::uint64_t plain = 0;
  bool committed = false;
};

AtomicFile::AtomicFile(const std::string& path, AtomicFileOptions options) : impl_(std::make_unique<Impl>()) {
  impl_->open(path, options);
}

AtomicFile::~AtomicFile() = default;

void AtomicFile::append(std::string_view bytes) {
  impl_->plain += bytes.size();
  while (!bytes.empty()) {
    const std::size_t count = std::min(bytes.size(), kBufferBytes - impl_->buffer.size());
    impl_->buffer.append(bytes.substr(0, count));
    bytes.remove_prefix(count);
    if (impl_->buffer.size() == kBufferBytes) impl_->drain(false);
  }
}

void AtomicFile::commit() { impl_->commit(); }
const std::string& AtomicFile::path() const { return impl_->path; }
std::uint64_t AtomicFile::plain_bytes() const { return impl_->plain; }

void write_file(const std::string& path, std::string_view bytes, AtomicFileOptions options) {
  AtomicFile file(path, options);
  file.append(bytes);
  file.commit();
}

void sync_files(const std::string& path) {
  Descriptor any;
  any.fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (any.fd < 0 || ::syncfs(any.fd) != 0)
    throw Error("file", "cannot bring it to the disk: " + system_message(errno), path);
}

std::string safe_file_name(std::string_view text) {
  constexpr char hex[] = "0123456789ABCDEF";
  constexpr std::size_t max_bytes = 200, hash_bytes = 17;
  if (text.empty()) return "%empty";
  std::string out;
  std::size_t cut = 0;  // where a whole character ends that leaves room for the hash
  for (const char c : text) {
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (letter || c == '_' || c == '-' || (c == '.' && !out.empty())) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += hex[byte >> 4];
      out += hex[byte & 15];
    }
    if (out.size() <= max_bytes - hash_bytes) cut = out.size();
    if (out.size() > max_bytes) {
      // '~' is never part of an encoded name: a cut name is no other text's whole name.
      out.resize(cut);
      return out + "~" + to_hex(xxh3_64(text));
    }
  }
  return out;
}

}  // namespace assay
