#pragma once
// Where loaders read from: a file, a pipe, standard input, plain or compressed, as a stream of plain bytes.
// One reader, one thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace assay {

/// A stream of bytes with a name for messages.
class InputBytes {
 public:
  virtual ~InputBytes() = default;
  /// Reads up to `size` bytes; 0 only at the end. Throws Error "file" on read errors and damaged compression.
  virtual std::size_t read(char* to, std::size_t size) = 0;
  /// As a person would name it: the path, "standard input".
  virtual const std::string& name() const = 0;
};

/// Bytes in memory, for tests and for texts already read. The view must outlive it.
class InputText : public InputBytes {
 public:
  explicit InputText(std::string_view text, std::string name = "text") : rest_(text), name_(std::move(name)) {}
  std::size_t read(char* to, std::size_t size) override;
  const std::string& name() const override { return name_; }

 private:
  std::string_view rest_;
  std::string name_;
};

/// A file, "-" for standard input. gzip and zstd (any number of members or frames) are found by their first bytes,
/// never by the name. Regular files and pipes only: anything else is refused with Error "file".
/// Bombs: more than 1,000 plain bytes per packed byte after 64 MiB is refused. A cut stream is an error, never an end.
class InputFile : public InputBytes {
 public:
  explicit InputFile(const std::string& path);
  ~InputFile() override;
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  std::size_t read(char* to, std::size_t size) override;
  const std::string& name() const override { return name_; }
  /// Whether the bytes are unpacked on the way.
  bool compressed() const;
  /// Bytes taken from the file so far, for progress: of `packed_size()`, 0 when unknown (a pipe).
  std::uint64_t packed_read() const;
  std::uint64_t packed_size() const;

 private:
  struct Impl;
  std::string name_;
  std::unique_ptr<Impl> impl_;
};

/// The whole (unpacked) text of a file. Throws Error "file" when it has more than `max_bytes`, naming the limit.
std::string read_file(const std::string& path, std::size_t max_bytes = std::size_t{64} << 20);

/// The rest of a stream, at most `max_bytes`, as read_file.
std::string read_all(InputBytes& input, std::size_t max_bytes = std::size_t{64} << 20);

}  // namespace assay
