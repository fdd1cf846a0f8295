#pragma once
// A zip (deflate) whose entries are made one after the other when they are written, so that none but the one at hand is
// in memory. One thread.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace assay {

class ZipFile {
 public:
  /// Appends the next part of an entry to the text; false: there is none.
  using Parts = std::function<bool(std::string&)>;

  /// `name`: UTF-8, unique. `parts` are asked for by write(), entry by entry in the order of add().
  void add(std::string name, Parts parts) { entries_.push_back({std::move(name), std::move(parts)}); }
  void add(std::string name, std::string text);

  /// The file appears at `path` whole or not at all (atomic_file.hpp); its bytes. `modified`: seconds since 1970, of
  /// all entries. Throws Error "file", and what a part throws.
  std::uint64_t write(const std::string& path, std::int64_t modified);

 private:
  struct Entry {
    std::string name;
    Parts parts;
  };
  std::vector<Entry> entries_;
};

}  // namespace assay
