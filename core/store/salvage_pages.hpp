#pragma once
// The pages of an experiment file and of its write-ahead log as they lie on the disk, read without SQLite, whatever
// state they are in. Formats: https://www.sqlite.org/fileformat2.html (1.3 header, 1.5 freelist, 1.6 b-tree pages, 1.7
// overflow, 4.1 WAL). The file is never written. Internal to core/store. One thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace assay {

/// What one page held at one time.
struct PageImage {
  static constexpr std::int64_t kFile = -1;  // of `frame`: the page of the file itself
  std::uint32_t page = 0;                    // from 1
  std::int64_t frame = kFile;
  std::string bytes;  // page_size() of them; what a cut file lacks is zeros
};

class PageFile {
 public:
  /// Opens PATH and PATH-wal, when there is one, for reading. Throws Error "store".
  explicit PageFile(const std::string& path);
  ~PageFile();
  PageFile(const PageFile&) = delete;
  PageFile& operator=(const PageFile&) = delete;

  std::uint32_t page_size() const { return page_size_; }
  std::uint32_t pages() const { return pages_; }
  std::uint32_t frames() const { return static_cast<std::uint32_t>(frame_pages_.size()); }
  std::uint64_t bytes() const { return file_bytes_ + wal_bytes_; }
  /// What was wrong with the headers, a line each.
  const std::vector<std::string>& notes() const { return notes_; }

  /// The page as the last commit left it: of the log when it is there, else of the file.
  void newest(std::uint32_t page, PageImage& image) const;
  void of_file(std::uint32_t page, PageImage& image) const;
  /// Any frame, also those of earlier rounds of the log; false when its page has no number.
  bool of_frame(std::uint32_t frame, PageImage& image) const;
  /// Whether that image is the one that newest() gives.
  bool is_newest(const PageImage& image) const;
  /// Whether a commit was never finished to which this frame belongs.
  bool uncommitted(std::uint32_t frame) const { return frame >= committed_ && frame < round_; }
  /// On the list of pages that nothing uses.
  bool is_free(std::uint32_t page) const { return page < free_.size() && free_[page]; }

  /// Reads `size` bytes that begin on an overflow page, as they were when `image` was written, or as they are in the
  /// file (`from_file`). False when the chain breaks. `chain`: the pages it went through.
  bool overflow(std::uint32_t first, std::size_t size, const PageImage& image, bool from_file, std::string& out,
                std::vector<std::uint32_t>& chain) const;

 private:
  void find_page_size();
  void read_log();
  void read_freelist();
  void read_page(int file, std::uint64_t offset, std::string& bytes) const;
  /// The newest frame of a page before `limit`, or PageImage::kFile.
  std::int64_t frame_of(std::uint32_t page, std::int64_t limit) const;

  std::string path_;
  int file_ = -1, wal_ = -1;
  std::uint64_t file_bytes_ = 0, wal_bytes_ = 0;
  std::uint32_t page_size_ = 0, pages_ = 0;
  std::vector<std::uint32_t> frame_pages_;  // by frame; 0: none
  std::uint32_t round_ = 0;                 // frames of the log's current round: 0 .. round_ - 1
  std::uint32_t committed_ = 0;             // of them, up to the end of the last commit
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> frames_of_;  // by page, committed ones, in order
  std::vector<bool> free_;
  std::vector<std::string> notes_;
};

/// Big-endian numbers, as SQLite writes them.
inline std::uint32_t be16(const char* at) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(at);
  return static_cast<std::uint32_t>(bytes[0]) << 8 | bytes[1];
}
inline std::uint32_t be32(const char* at) { return be16(at) << 16 | be16(at + 2); }

}  // namespace assay
