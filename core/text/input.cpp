#include "core/text/input.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include "core/text/error.hpp"

namespace assay {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{256} << 10;
constexpr std::uint64_t kBombBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kBombRatio = 1000;

std::string system_message(int error) { return std::generic_category().message(error); }

}  // namespace

std::size_t InputText::read(char* to, std::size_t size) {
  const std::size_t count = std::min(size, rest_.size());
  std::memcpy(to, rest_.data(), count);
  rest_.remove_prefix(count);
  return count;
}

struct InputFile::Impl {
  enum class Packing { none, gzip, zstd };

  explicit Impl(const std::string& name) : name_(name), buffer_(kBufferBytes) {}
  ~Impl() {
    if (fd_ > 0) ::close(fd_);
    if (packing_ == Packing::gzip) inflateEnd(&gzip_);
    ZSTD_freeDCtx(zstd_);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[noreturn]] void fail(const std::string& message, const std::string& hint = {}) const {
    throw Error("file", message, name_, hint);
  }

  void open(const std::string& path) {
    struct stat status{};
    if (path == "-") {
      fd_ = STDIN_FILENO;
      if (::fstat(fd_, &status) != 0) fail(system_message(errno));
      if (S_ISDIR(status.st_mode)) fail("is a folder");
    } else {
      // Looked at before it is opened: opening a device may act on it.
      if (::stat(path.c_str(), &status) != 0) fail(system_message(errno));
      check_kind(status.st_mode);
      fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
      if (fd_ < 0) fail(system_message(errno));
      if (::fstat(fd_, &status) != 0) fail(system_message(errno));
      check_kind(status.st_mode);
    }
    if (S_ISREG(status.st_mode)) packed_size_ = static_cast<std::uint64_t>(status.st_size);
    detect();
  }

  void check_kind(mode_t mode) const {
    if (S_ISREG(mode) || S_ISFIFO(mode)) return;
    fail(S_ISDIR(mode)    ? "is a folder"
         : S_ISSOCK(mode) ? "is a socket"
                          : "is a device",
         "regular files, pipes and - (standard input) can be read");
  }

  void detect() {
    while (end_ < 4 && refill()) {
    }
    const auto starts = [&](std::string_view magic) {
      return end_ >= magic.size() && std::memcmp(buffer_.data(), magic.data(), magic.size()) == 0;
    };
    if (starts("\x1F\x8B\x08")) {
      if (inflateInit2(&gzip_, 15 + 16) != Z_OK) fail("no memory to unpack it");
      packing_ = Packing::gzip;
    } else if (starts("\x28\xB5\x2F\xFD")) {
      zstd_ = ZSTD_createDCtx();
      if (zstd_ == nullptr) fail("no memory to unpack it");
      packing_ = Packing::zstd;
    }
  }

  // Appends packed bytes to the buffer; false at the end of the file.
  bool refill() {
    if (at_ == end_) at_ = end_ = 0;
    if (end_ == buffer_.size()) return false;
    ssize_t count;
    do {
      count = ::read(fd_, buffer_.data() + end_, buffer_.size() - end_);
    } while (count < 0 && errno == EINTR);
    if (count < 0) fail("cannot read: " + system_message(errno));
    end_ += static_cast<std::size_t>(count);
    packed_read_ += static_cast<std::uint64_t>(count);
    return count > 0;
  }

  std::size_t read_plain(char* to, std::size_t size) {
    if (at_ == end_ && !refill()) return 0;
    const std::size_t count = std::min(size, end_ - at_);
    std::memcpy(to, buffer_.data() + at_, count);
    at_ += count;
    return count;
  }

  // Between two members; false at the end of the file. Zero bytes after a member are padding (tape, dd).
  bool next_member() {
    for (;;) {
      if (at_ == end_ && !refill()) return false;
      if (buffer_[at_] != 0) break;
      ++at_;
    }
    while (end_ - at_ < 2) {
      if (end_ == buffer_.size()) {
        buffer_[0] = buffer_[at_];
        at_ = 0, end_ = 1;
      }
      if (!refill()) break;
    }
    if (end_ - at_ < 2 || buffer_[at_] != 0x1F || buffer_[at_ + 1] != 0x8B) fail("damaged: bytes after the gzip data");
    inflateReset(&gzip_);
    return true;
  }

  std::size_t read_gzip(char* to, std::size_t size) {
    gzip_.next_out = reinterpret_cast<Bytef*>(to);
    gzip_.avail_out = static_cast<uInt>(size);
    while (gzip_.avail_out == size) {
      if (between_) {
        if (!next_member()) return 0;
        between_ = false;
      }
      if (at_ == end_ && !refill()) fail("damaged: the gzip data end too early");
      gzip_.next_in = buffer_.data() + at_;
      gzip_.avail_in = static_cast<uInt>(end_ - at_);
      const int result = inflate(&gzip_, Z_NO_FLUSH);
      at_ = end_ - gzip_.avail_in;
      if (result == Z_STREAM_END) {
        between_ = true;
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        fail(std::string("damaged gzip data: ") + (gzip_.msg != nullptr ? gzip_.msg : "unknown"));
      }
    }
    return size - gzip_.avail_out;
  }

  std::size_t read_zstd(char* to, std::size_t size) {
    ZSTD_outBuffer out{to, size, 0};
    while (out.pos == 0) {
      const bool ended = at_ == end_ && !refill();
      if (ended && between_) return 0;
      ZSTD_inBuffer in{buffer_.data() + at_, end_ - at_, 0};
      const std::size_t result = ZSTD_decompressStream(zstd_, &out, &in);
      if (ZSTD_isError(result) != 0) fail(std::string("damaged zstd data: ") + ZSTD_getErrorName(result));
      if (ended && out.pos == 0) fail("damaged: the zstd data end too early");
      at_ += in.pos;
      between_ = result == 0;
    }
    return out.pos;
  }

  std::size_t read(char* to, std::size_t size) {
    size = std::min(size, std::size_t{1} << 30);
    if (size == 0) return 0;
    if (packing_ == Packing::none) return read_plain(to, size);
    const std::size_t count = packing_ == Packing::gzip ? read_gzip(to, size) : read_zstd(to, size);
    plain_ += count;
    const std::uint64_t consumed = packed_read_ - (end_ - at_);
    if (plain_ > kBombBytes && plain_ / kBombRatio > consumed) {
      fail("unpacks to more than " + std::to_string(kBombRatio) + " times its size",
           "unpack it by hand if it is meant");
    }
    return count;
  }

  const std::string& name_;
  std::vector<unsigned char> buffer_;
  std::size_t at_ = 0, end_ = 0;
  int fd_ = -1;
  Packing packing_ = Packing::none;
  z_stream gzip_{};
  ZSTD_DCtx* zstd_ = nullptr;
  bool between_ = false;
  std::uint64_t plain_ = 0, packed_read_ = 0, packed_size_ = 0;
};

InputFile::InputFile(const std::string& path)
    : name_(path == "-" ? "standard input" : path), impl_(std::make_unique<Impl>(name_)) {
  impl_->open(path);
}

InputFile::~InputFile() = default;
std::size_t InputFile::read(char* to, std::size_t size) { return impl_->read(to, size); }
bool InputFile::compressed() const { return impl_->packing_ != Impl::Packing::none; }
std::uint64_t InputFile::packed_read() const { return impl_->packed_read_; }
std::uint64_t InputFile::packed_size() const { return impl_->packed_size_; }

std::string read_all(InputBytes& input, std::size_t max_bytes) {
  std::string text;
  for (;;) {
    const std::size_t size = text.size();
    text.resize(size + std::clamp(size, kBufferBytes, std::size_t{8} << 20));
    const std::size_t count = input.read(text.data() + size, text.size() - size);
    text.resize(size + count);
    if (count == 0) return text;
    if (text.size() > max_bytes) {
      throw Error("file", "more than " + std::to_string(max_bytes) + " bytes", input.name());
    }
  }
}

std::string read_file(const std::string& path, std::size_t max_bytes) {
  InputFile file(path);
  return read_all(file, max_bytes);
}

}  // namespace assay
