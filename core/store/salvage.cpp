#include "core/store/salvage.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>

#include "core/store/host.hpp"
#include "core/store/salvage_mending.hpp"
#include "core/store/salvage_pages.hpp"
#include "core/store/salvage_rows.hpp"
#include "core/store/schema.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

constexpr char kIndexInterior = 2, kTableInterior = 5, kIndexLeaf = 10, kTableLeaf = 13;

/// A page's own cells, and what became of them.
struct PageCells {
  bool sound = false;                                      // its lists fit each other, and each record of ours holds
  std::vector<std::pair<std::size_t, std::size_t>> taken;  // bytes of records that hold, in order
};

/// Rows of these tables are deleted: one that stands in bytes that nothing lists is no row any more.
bool is_deleted_from(const std::string& table) { return table == "pause" || table == "answer" || table == "step"; }

/// Bytes of a page's chain of free blocks; nothing when it is none.
std::optional<std::size_t> freed_bytes(std::string_view page, std::size_t first) {
  std::size_t bytes = 0;
  for (std::size_t block = first; block != 0;) {
    if (block + 4 > page.size()) return std::nullopt;
    bytes += be16(page.data() + block + 2);
    const std::size_t next = be16(page.data() + block);
    if (next != 0 && next <= block) return std::nullopt;
    block = next;
  }
  return bytes;
}

/// Whether a record could be an entry of one of our indexes: all its columns are values of keys.
bool is_index_entry(std::string_view page, std::size_t at) {
  std::uint64_t size = 0, type = 0;
  std::size_t position = read_varint(page, at, size), columns = 0;
  if (position == 0 || size > 16 || at + size > page.size()) return false;
  while (position < size) {
    const std::size_t bytes = read_varint(page, at + position, type);
    if (bytes == 0) return false;
    position += bytes;
    ++columns;
  }
  return position == size && (columns == 1 || columns == 2 || columns == 6);  // call_doubt; keys of tables; call_place
}

/// Whether a record is one of sqlite_schema: its first column says what it defines.
bool is_schema_record(std::string_view page, std::size_t at) {
  std::uint64_t size = 0;
  const std::size_t first = read_varint(page, at, size);
  if (first == 0 || at + size + 8 > page.size()) return false;
  const std::string_view body = page.substr(at + static_cast<std::size_t>(size), 8);
  return body.starts_with("table") || body.starts_with("index") || body.starts_with("view");
}

class Salvager {
 public:
  Salvager(const SalvageOptions& options, const PageFile& file, Connection& connection)
      : options_(options), file_(file), finder_(file), connection_(connection) {
    for (const TableShape& shape : table_shapes()) {
      std::string columns, changes, keys;
      for (std::size_t i = 0; i < shape.names.size(); ++i) {
        columns += (i ? ", ?" : "?") + std::to_string(i + 1);
        if (i < shape.keys) keys += (i ? ", " : "") + shape.names[i];
        if (i >= shape.keys)
          changes += (changes.empty() ? "" : ", ") + shape.names[i] + " = excluded." + shape.names[i];
      }
      std::string sql =
          "INSERT OR IGNORE INTO " + shape.name + " VALUES (" + columns + ") ON CONFLICT (" + keys + ") DO ";
      sql += shape.ver < 0 ? "NOTHING" : "UPDATE SET " + changes + " WHERE excluded.ver > ver";
      sql_.push_back(connection.keep(sql));
    }
    claimed_.assign(static_cast<std::size_t>(file.pages()) + 1, false);
    sound_ = claimed_;
  }

  void run() {
    PageImage image;
    const double total = 2.0 * file_.pages() + file_.frames();
    double done = 0;
    for (std::uint32_t page = 1; page <= file_.pages(); ++page, ++done) {
      tell(done / total);
      if (file_.is_free(page)) continue;
      file_.newest(page, image);
      sound_[page] = walk(image, Look::first).sound;
    }
    for (std::uint32_t page = 1; page <= file_.pages(); ++page, ++done) {
      tell(done / total);
      file_.newest(page, image);
      if (!claimed_[page]) scan(image);
      if (image.frame == PageImage::kFile) continue;
      file_.of_file(page, image);  // as it was before the log
      if (!is_claimed(image)) scan(image);
    }
    for (std::uint32_t frame = 0; frame < file_.frames(); ++frame, ++done) {
      tell(done / total);
      if (file_.uncommitted(frame) || !file_.of_frame(frame, image)) continue;
      if (file_.is_newest(image) || is_claimed(image)) continue;
      scan(image);
    }
  }

  std::string experiment;
  std::vector<LostCell> lost;                // cells that a page lists and that don't hold
  std::uint64_t lost_pages = 0, mended = 0;  // mended: rows with one wrong bit
  bool answers = false, published = false;
  std::uint64_t found = 0;

 private:
  void tell(double part) {
    if (++ticks_ % 256 != 1 || !options_.go_on || options_.go_on(part, found)) return;
    throw Error("interrupted", "repair was interrupted; nothing was made", options_.out);
  }

  /// An older image of a page that is now the payload of a row.
  bool is_claimed(const PageImage& image) const {
    return image.page < claimed_.size() && claimed_[image.page] && image.bytes[0] == '\0';
  }

  struct Failed {
    LostCell cell;
    CellKind kind = CellKind::table;
    std::size_t begin = 0, end = 0;
  };

  /// Takes the rows of cells in which one bit is wrong out of `failed`.
  void mend_bits(const PageImage& image, std::vector<Failed>& failed, std::map<std::size_t, std::size_t>& tables) {
    std::erase_if(failed, [&](const Failed& one) {
      const std::size_t bytes = one.end - one.begin;
      if (bytes > image.bytes.size() || bits_left_ < bytes) return false;
      bits_left_ -= bytes;
      const FoundRow* row = finder_.row_but_a_bit(image, one.kind, one.begin, one.end);
      if (row == nullptr) return false;
      ++tables[row->table];
      ++mended;
      take(*row, true);
      return true;
    });
  }

  enum class Look : std::uint8_t {
    first,   // of the page's newest image
    again,   // at an older image, or one with something amiss
    extent,  // at one of which all records were taken: only where they stand
  };

  /// The cells that a page lists.
  PageCells walk(const PageImage& image, Look look) {
    const bool now = look == Look::first;
    PageCells cells;
    const std::string_view page = image.bytes;
    const std::size_t header = image.page == 1 ? 100 : 0;
    const char type = page[header];
    const bool zero = std::all_of(page.begin(), page.end(), [](char byte) { return byte == '\0'; });
    if (type != kIndexInterior && type != kTableInterior && type != kIndexLeaf && type != kTableLeaf) {
      // The page of SQLite's locks is never written.
      if (now && zero && image.page != 0x40000000U / file_.page_size() + 1) ++lost_pages;
      return cells;
    }
    cells.sound = true;
    const std::size_t count = be16(page.data() + header + 3), first_block = be16(page.data() + header + 1);
    const std::size_t start = be16(page.data() + header + 5) == 0 ? 65536 : be16(page.data() + header + 5);
    const std::size_t list = header + (type == kIndexInterior || type == kTableInterior ? 12 : 8);
    const std::size_t list_end = list + 2 * count;
    std::size_t used = list_end + static_cast<unsigned char>(page[header + 7]);
    if (list_end > start || start > page.size()) {
      cells.sound = false;
    } else {
      used += start - list_end;
    }
    std::vector<Failed> failed;
    std::vector<LostCell> lost_here;
    std::map<std::size_t, std::size_t> tables;  // how many rows of each
    bool schema = image.page == 1, index = false;
    for (std::size_t i = 0; i < count && list + 2 * i + 2 <= page.size(); ++i) {
      const std::size_t at = be16(page.data() + list + 2 * i);
      if (type == kTableInterior) {
        std::uint64_t number = 0;
        used += 4 + read_varint(page, at + 4, number);
        continue;
      }
      const CellKind kind = type == kTableLeaf   ? CellKind::table
                            : type == kIndexLeaf ? CellKind::index
                                                 : CellKind::index_interior;
      const CellStart start_of = read_cell(page, at, kind);
      const std::size_t record = start_of.record;
      const std::uint64_t payload = start_of.payload_bytes;
      if (record == 0 || at < list_end) {
        cells.sound = false;
        continue;
      }
      const std::size_t local = finder_.local_bytes(payload, type == kTableLeaf);
      const std::size_t end = record + local + (local < payload ? 4 : 0);
      used += std::max<std::size_t>(4, end - at);
      if (look == Look::extent) {
        cells.taken.emplace_back(record, end);
        continue;
      }
      RecordHead head;
      const bool fits = finder_.head(page, record, head);
      const FoundRow* row = fits ? finder_.row(image, record, head, start_of.rowid) : nullptr;
      if (row != nullptr) {
        ++tables[row->table];
        cells.taken.emplace_back(row->begin, row->end);
        if (now) {
          for (const std::uint32_t one : row->chain) claimed_[one] = true;
        }
        take(*row, true);
        continue;
      }
      if (is_schema_record(page, record)) {
        schema = true;
        continue;
      }
      if (!fits && type != kTableLeaf && is_index_entry(page, record)) {
        index = true;
        continue;
      }
      failed.push_back({{fits ? head.tables : 0, start_of.rowid, image.page}, kind, at, end});
    }
    if (!schema && now) mend_bits(image, failed, tables);
    for (const Failed& one : failed) lost_here.push_back(one.cell);
    const std::optional<std::size_t> freed = freed_bytes(page, first_block);
    used += freed.value_or(0);
    if (!freed) cells.sound = false;
    if (used != page.size()) cells.sound = false;
    if (!schema) note_lost(type == kTableLeaf || !index, lost_here, tables, now, cells);
    std::sort(cells.taken.begin(), cells.taken.end());
    return cells;
  }

  /// Which table a page belongs to is told by its rows that hold. Not `of_table`: it may be of an index.
  void note_lost(bool of_table, std::vector<LostCell>& here, const std::map<std::size_t, std::size_t>& tables, bool now,
                 PageCells& cells) {
    std::uint32_t table = 0;
    std::size_t most = 0;
    for (const auto& [index, rows] : tables) {
      if (rows > most) table = 1U << index;
      most = std::max(most, rows);
    }
    for (LostCell& cell : here) {
      if (!of_table && table == 0 && cell.tables == 0) continue;
      cells.sound = false;
      if (table != 0) cell.tables = table;
      if (now && lost.size() < kMostLosses) lost.push_back(cell);
    }
  }

  /// Every byte offset that no record is known to own.
  void scan(const PageImage& image) {
    const bool newest = file_.is_newest(image) && !file_.is_free(image.page);
    const bool sound = newest && sound_[image.page];
    const PageCells cells = walk(image, sound ? Look::extent : Look::again);
    const bool unsure = newest && !sound;
    const std::string_view page = image.bytes;
    auto own = cells.taken.begin();
    RecordHead head;
    for (std::size_t at = 0; at + 4 < page.size(); ++at) {
      while (own != cells.taken.end() && own->second <= at) ++own;
      if (own != cells.taken.end() && own->first <= at) {
        at = own->second - 1;
        continue;
      }
      if (page[at] == '\0' || !finder_.head(page, at, head)) continue;
      if (const FoundRow* row = finder_.row(image, at, head)) {
        take(*row, unsure);
        at = row->end - 1;
      }
    }
  }

  /// `listed`: it is, or may be, a row of the table still.
  void take(const FoundRow& row, bool listed) {
    const TableShape& shape = table_shapes()[row.table];
    if (shape.name == "meta") {
      if (experiment.empty() && row.values[0].view == "experiment") experiment = row.values[1].view;
      return;
    }
    if (!listed && is_deleted_from(shape.name)) return;
    if (shape.name == "answer" && !std::exchange(answers, true)) create_answer_table(connection_);
    if (shape.name == "published" && !std::exchange(published, true)) create_published_table(connection_);
    auto statement = connection_.use(sql_[row.table]);
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      const RawValue& value = row.values[i];
      const int index = static_cast<int>(i) + 1;
      switch (value.kind) {
        case RawValue::Kind::null:
          sqlite3_bind_null(statement.get(), index);
          break;
        case RawValue::Kind::integer:
          statement.bind(index, value.integer);
          break;
        case RawValue::Kind::real:
          sqlite3_bind_double(statement.get(), index, value.real);
          break;
        case RawValue::Kind::text:
          statement.bind(index, value.view);
          break;
        case RawValue::Kind::bytes:
          statement.bind_blob(index, value.view);
      }
    }
    statement.step();
    ++found;
  }

  const SalvageOptions& options_;
  const PageFile& file_;
  RowFinder finder_;
  Connection& connection_;
  std::vector<const char*> sql_;
  std::vector<bool> claimed_, sound_;  // by page: bytes of a row's payload; all its records hold
  std::uint64_t ticks_ = 0;
  std::size_t bits_left_ = 2U << 20;  // bytes of which each bit may still be tried: seconds, whatever the damage
};

/// The writer's claim on the damaged file, where its folder lets us: nobody writes while it is read.
void claim(WriterLock& lock, const SalvageOptions& options) {
  try {
    lock.take(options.path, options.version, true);
  } catch (const Error& error) {
    if (error.place() == options.path) {  // somebody has it; else: no lock file can be made here
      throw Error("store", error.message() + ": a file is repaired while no program has it open", options.path,
                  "leave that program first (exit), then repair");
    }
  }
}

void refuse_existing(const std::string& out) {
  struct stat info{};
  if (::lstat(out.c_str(), &info) == 0) {
    throw Error("store", "is there already, and repair replaces nothing", out,
                "name another file: repair FILE OUT; or move this one away");
  }
}

}  // namespace

SalvageReport salvage(const SalvageOptions& options) {
  refuse_existing(options.out);
  struct stat info{};
  if (::stat(options.path.c_str(), &info) != 0)
    throw Error("store", std::string("can't be read: ") + std::strerror(errno), options.path);
  WriterLock lock;
  claim(lock, options);
  const PageFile file(options.path);

  SalvageReport report;
  report.notes = file.notes();
  const std::string folder = folder_of(options.out);
  const std::size_t slash = options.out.rfind('/');
  const std::string name = slash == std::string::npos ? options.out : options.out.substr(slash + 1);
  const std::string temporary = folder + "/." + name + ".tmp-" + std::to_string(::getpid()) + "-" + random_id();
  const int made = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (made < 0) throw Error("store", std::string("can't be made: ") + std::strerror(errno), options.out);
  ::close(made);
  const auto remove = [&](const std::string* path) {
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) ::unlink((*path + suffix).c_str());
  };
  const std::unique_ptr<const std::string, decltype(remove)> owner(&temporary, remove);
  try {
    Connection connection(temporary, SQLITE_OPEN_READWRITE);
    sqlite3_limit(connection.get(), SQLITE_LIMIT_LENGTH, 512 << 20);
    connection.run("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536; BEGIN IMMEDIATE");
    create_schema(connection, random_id(), options.version, default_schema_plan());
    Salvager salvager(options, file, connection);
    salvager.run();
    if (salvager.found == 0) {
      throw Error("damaged", "not one record of an experiment was found in " + bytes_text(file.bytes()), options.path,
                  "is it an experiment file of assay at all?");
    }
    if (salvager.experiment.empty()) {
      report.notes.emplace_back(
          "the experiment's identity is lost: runs that have not begun draw other random numbers");
    } else {
      put_meta(connection, "experiment", salvager.experiment);
    }
    if (salvager.lost_pages > 0)
      report.notes.push_back(counted(salvager.lost_pages, "page is", "pages are") + " nothing but zeros");
    if (salvager.mended > 0) {
      report.notes.push_back(counted(salvager.mended, "record", "records") +
                             " had one wrong bit, and the checksum says which: mended");
    }
    mend(connection, {salvager.lost, options.version}, report);
    connection.run("COMMIT");
    for (const TableShape& shape : table_shapes()) {
      if (shape.name == "meta" || (shape.name == "answer" && !salvager.answers) ||
          (shape.name == "published" && !salvager.published)) {
        continue;
      }
      report.records.emplace_back(shape.name, connection.number("SELECT count(*) FROM " + shape.name));
    }
    connection.run("PRAGMA synchronous=FULL; PRAGMA journal_mode=WAL");
    connection.close();
  } catch (const SqliteFailure& failure) {
    if (failure.disk_full()) throw Error("store", "the disk is full; nothing was made", options.out);
    throw Error("store", std::string("can't be written: ") + failure.what(), options.out);
  }
  if (const int fd = ::open(temporary.c_str(), O_RDONLY | O_CLOEXEC); fd >= 0) {
    const int code = ::fsync(fd) == 0 ? 0 : errno;
    ::close(fd);
    if (code != 0) throw Error("store", std::string("can't be written: ") + std::strerror(code), options.out);
  }
  report.bytes = file_bytes(temporary);
  if (::link(temporary.c_str(), options.out.c_str()) != 0) {
    if (errno == EEXIST) refuse_existing(options.out);
    if (::rename(temporary.c_str(), options.out.c_str()) != 0)
      throw Error("store", std::string("can't be made: ") + std::strerror(errno), options.out);
  }
  sync_folder(folder);
  return report;
}

}  // namespace assay
