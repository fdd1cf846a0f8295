#include "core/store/salvage_pages.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/text/error.hpp"

namespace assay {
namespace {

constexpr std::string_view kMagic("SQLite format 3\0", 16);
constexpr std::uint32_t kLogHeader = 32, kFrameHeader = 24;
constexpr std::uint32_t kUsualPage = 4096;  // what assay has always written

bool is_page_size(std::uint32_t size) { return size >= 512 && size <= 65536 && (size & (size - 1)) == 0; }

std::size_t read_at(int file, std::uint64_t offset, char* to, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::pread(file, to + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;  // the end, or bytes that the disk can't give: they count as zeros
    done += static_cast<std::size_t>(got);
  }
  return done;
}

/// The log's checksum (fileformat2 4.2), carried on.
struct LogSum {
  bool big_endian = false;
  std::uint32_t first = 0, second = 0;
  void add(std::string_view bytes) {
    for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
      first += word(bytes.data() + i) + second;
      second += word(bytes.data() + i + 4) + first;
    }
  }

 private:
  std::uint32_t word(const char* at) const {
    const std::uint32_t value = be32(at);
    return big_endian ? value : __builtin_bswap32(value);
  }
};

/// Whether bytes look like a b-tree page of exactly this size: its cells lie at its end.
bool looks_like_page(std::string_view bytes, std::size_t header) {
  if (bytes.size() < header + 12) return false;
  const char type = bytes[header];
  if (type != 2 && type != 5 && type != 10 && type != 13) return false;
  const std::size_t cells = be16(bytes.data() + header + 3);
  const std::size_t pointers = header + (type == 2 || type == 5 ? 12 : 8);
  if (cells == 0 || pointers + 2 * cells > bytes.size()) return false;
  std::size_t last = 0;
  for (std::size_t i = 0; i < cells; ++i) {
    const std::size_t at = be16(bytes.data() + pointers + 2 * i);
    if (at < pointers + 2 * cells || at + 4 > bytes.size()) return false;
    last = std::max(last, at);
  }
  return last > bytes.size() / 2;
}

}  // namespace

PageFile::PageFile(const std::string& path) : path_(path) {
  file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) throw Error("store", std::string("can't be read: ") + std::strerror(errno), path);
  struct stat info{};
  if (::fstat(file_, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(file_);
    throw Error("store", "is not a file", path);
  }
  file_bytes_ = static_cast<std::uint64_t>(info.st_size);
  wal_ = ::open((path + "-wal").c_str(), O_RDONLY | O_CLOEXEC);
  if (wal_ >= 0 && ::fstat(wal_, &info) == 0 && S_ISREG(info.st_mode)) {
    wal_bytes_ = static_cast<std::uint64_t>(info.st_size);
  }
  find_page_size();
  pages_ =
      static_cast<std::uint32_t>(std::min<std::uint64_t>((file_bytes_ + page_size_ - 1) / page_size_, UINT32_MAX - 1));
  read_log();
  read_freelist();
}

PageFile::~PageFile() {
  ::close(file_);
  if (wal_ >= 0) ::close(wal_);
}

void PageFile::find_page_size() {
  std::array<char, 100> header{};
  if (file_bytes_ == 0) {
    notes_.emplace_back("the file is empty");
  } else {
    read_at(file_, 0, header.data(), header.size());
    std::uint32_t size = be16(header.data() + 16);
    if (size == 1) size = 65536;
    const bool magic = std::string_view(header.data(), 16) == kMagic;
    if (!magic) notes_.emplace_back("the file's header is damaged");
    if (is_page_size(size) && magic) page_size_ = size;
  }
  if (page_size_ == 0 && wal_bytes_ >= kLogHeader) {
    std::array<char, kLogHeader> log{};
    read_at(wal_, 0, log.data(), log.size());
    if (be32(log.data()) >> 1 == 0x377f0682U >> 1 && is_page_size(be32(log.data() + 8))) {
      page_size_ = be32(log.data() + 8);
    }
  }
  // The size at which most bytes of the file's beginning are whole pages; what the headers say, unless it is another.
  std::string bytes(std::min<std::uint64_t>(file_bytes_, 1U << 20), '\0');
  read_at(file_, 0, bytes.data(), bytes.size());
  const auto whole_bytes = [&](std::uint32_t size) {
    std::size_t found = 0;
    for (std::size_t at = size; size > 0 && at + size <= bytes.size(); at += size) {
      if (looks_like_page(std::string_view(bytes).substr(at, size), 0)) found += size;
    }
    return found;
  };
  std::size_t best = whole_bytes(page_size_);
  const std::uint32_t said = page_size_;
  for (std::uint32_t size = 512; size <= 65536; size *= 2) {
    if (const std::size_t found = whole_bytes(size); found > best) {
      best = found;
      page_size_ = size;
    }
  }
  if (page_size_ == 0) page_size_ = kUsualPage;
  if (said != 0 && said != page_size_)
    notes_.emplace_back("the file's header gives another page size than its pages have");
}

void PageFile::read_log() {
  const std::uint64_t frame_bytes = page_size_ + kFrameHeader;
  if (wal_bytes_ < kLogHeader + frame_bytes) return;
  const std::uint64_t count = (wal_bytes_ - kLogHeader) / frame_bytes;
  std::array<char, kLogHeader> header{};
  read_at(wal_, 0, header.data(), header.size());
  struct Head {
    std::uint64_t salt = 0;
    std::uint32_t page = 0, size = 0;
  };
  const auto head_of = [&](std::uint64_t frame) {
    std::array<char, 16> bytes{};
    read_at(wal_, kLogHeader + frame * frame_bytes, bytes.data(), bytes.size());
    return Head{static_cast<std::uint64_t>(be32(bytes.data() + 8)) << 32 | be32(bytes.data() + 12), be32(bytes.data()),
                be32(bytes.data() + 4)};
  };
  // The salt of the current round stands in the header and in each of its frames; two that agree are believed.
  std::uint64_t salt = static_cast<std::uint64_t>(be32(header.data() + 16)) << 32 | be32(header.data() + 20);
  if (head_of(0).salt != salt) {
    if (count < 2 || head_of(1).salt != salt) {
      salt = head_of(0).salt;
      notes_.emplace_back("the header of the write-ahead log is damaged");
    }
  }
  LogSum sum;
  sum.big_endian = (be32(header.data()) & 1) != 0;
  sum.add({header.data(), 24});
  std::uint64_t broken = count;
  if (sum.first != be32(header.data() + 24) || sum.second != be32(header.data() + 28)) broken = 0;
  std::uint64_t round = 0, committed = 0;
  std::string bytes(frame_bytes, '\0');
  frame_pages_.assign(count, 0);
  std::vector<bool> current(count, false);
  for (std::uint64_t i = 0; i < count; ++i) {
    const Head head = head_of(i);
    if (head.page != 0 && head.page < UINT32_MAX / 2) frame_pages_[i] = head.page;
    if (head.salt != salt) continue;
    current[i] = true;
    round = i + 1;
    if (head.size != 0) committed = i + 1;
    if (broken < i) continue;
    std::fill(bytes.begin(), bytes.end(), '\0');
    read_at(wal_, kLogHeader + i * frame_bytes, bytes.data(), bytes.size());
    sum.add(std::string_view(bytes).substr(0, 8));
    sum.add(std::string_view(bytes).substr(kFrameHeader));
    if (sum.first != be32(bytes.data() + 16) || sum.second != be32(bytes.data() + 20)) broken = i;
  }
  // Frames behind the last commit belong to one that was never finished; unless all is whole but the very last frame:
  // then it is its mark that is gone.
  if (committed < round && broken == round - 1) committed = round;
  if (broken < committed) notes_.emplace_back("the write-ahead log is damaged");
  round_ = static_cast<std::uint32_t>(round);
  committed_ = static_cast<std::uint32_t>(committed);
  for (std::uint32_t i = 0; i < committed_; ++i) {
    // A page number beyond any sense would make the file seem huge.
    if (!current[i] || frame_pages_[i] == 0 || frame_pages_[i] > pages_ + count + 1) continue;
    frames_of_[frame_pages_[i]].push_back(i);
  }
  for (const auto& [page, frames] : frames_of_) pages_ = std::max(pages_, page);
}

void PageFile::read_freelist() {
  free_.assign(static_cast<std::size_t>(pages_) + 1, false);
  if (pages_ == 0) return;
  std::vector<bool> found(free_.size(), false);
  PageImage image;
  newest(1, image);
  if (const std::uint32_t all = be32(image.bytes.data() + 28); all > pages_ && image.bytes.starts_with(kMagic)) {
    notes_.push_back("the file ends early: " + std::to_string(pages_) + " of " + std::to_string(all) +
                     " pages are there");
  }
  const std::uint32_t expected = be32(image.bytes.data() + 36);
  std::uint32_t trunk = be32(image.bytes.data() + 32), count = 0;
  while (trunk != 0) {
    if (trunk > pages_ || found[trunk]) return;  // not a list: no page is taken for a free one
    found[trunk] = true;
    ++count;
    newest(trunk, image);
    const std::uint32_t leaves = be32(image.bytes.data() + 4);
    if (leaves > page_size_ / 4 - 2) return;
    for (std::uint32_t i = 0; i < leaves; ++i) {
      const std::uint32_t leaf = be32(image.bytes.data() + 8 + std::size_t{4} * i);
      if (leaf == 0 || leaf > pages_ || found[leaf]) return;
      found[leaf] = true;
      ++count;
    }
    trunk = be32(image.bytes.data());
  }
  if (count == expected) free_ = std::move(found);
}

void PageFile::read_page(int file, std::uint64_t offset, std::string& bytes) const {
  bytes.resize(page_size_);
  const std::size_t got = read_at(file, offset, bytes.data(), bytes.size());
  if (got < bytes.size()) std::memset(bytes.data() + got, 0, bytes.size() - got);
}

std::int64_t PageFile::frame_of(std::uint32_t page, std::int64_t limit) const {
  const auto found = frames_of_.find(page);
  if (found == frames_of_.end()) return PageImage::kFile;
  const auto& frames = found->second;
  const auto after = std::lower_bound(frames.begin(), frames.end(), limit,
                                      [](std::uint32_t frame, std::int64_t end) { return frame < end; });
  return after == frames.begin() ? PageImage::kFile : static_cast<std::int64_t>(*(after - 1));
}

void PageFile::of_file(std::uint32_t page, PageImage& image) const {
  image.page = page;
  image.frame = PageImage::kFile;
  read_page(file_, static_cast<std::uint64_t>(page - 1) * page_size_, image.bytes);
}

void PageFile::newest(std::uint32_t page, PageImage& image) const {
  const std::int64_t frame = frame_of(page, frames());
  if (frame == PageImage::kFile || !of_frame(static_cast<std::uint32_t>(frame), image)) of_file(page, image);
}

bool PageFile::of_frame(std::uint32_t frame, PageImage& image) const {
  image.page = frame_pages_[frame];
  image.frame = frame;
  read_page(wal_, kLogHeader + static_cast<std::uint64_t>(frame) * (page_size_ + kFrameHeader) + kFrameHeader,
            image.bytes);
  return image.page != 0;
}

bool PageFile::is_newest(const PageImage& image) const { return frame_of(image.page, frames()) == image.frame; }

bool PageFile::overflow(std::uint32_t first, std::size_t size, const PageImage& image, bool from_file, std::string& out,
                        std::vector<std::uint32_t>& chain) const {
  PageImage next;
  // A commit writes its pages in any order: those of a frame's own commit may stand behind it.
  std::int64_t limit = frames();
  if (image.frame != PageImage::kFile && !is_newest(image)) limit = image.frame + 1;
  while (size > 0) {
    if (first == 0 || first > pages_) return false;
    chain.push_back(first);
    const std::int64_t frame = from_file ? PageImage::kFile : frame_of(first, limit);
    if (frame == PageImage::kFile || !of_frame(static_cast<std::uint32_t>(frame), next)) of_file(first, next);
    first = be32(next.bytes.data());
    const std::size_t take = std::min<std::size_t>(size, page_size_ - 4);
    out.append(next.bytes, 4, take);
    size -= take;
  }
  return true;
}

}  // namespace assay
