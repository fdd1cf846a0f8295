#pragma once
// The experiment file on SQLite: format, settings, recovery and locks as in specs reliability.md 1, 2, 4, 8. The tables
// and views are written out in core/store/schema.hpp; the README documents the views for other sqlite3 clients.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/store/store.hpp"

namespace assay {

struct StoreOptions {
  std::string path;        // ":memory:" keeps nothing
  bool read_only = false;  // works beside a writer
  bool take_over = false;  // another host's session was not closed
  bool backup_on_migration = true;
  std::string version = "0.1.0";             // written into session and meta
  std::uint64_t disk_reserve = 64ULL << 20;  // 0: no reserve file
  std::size_t max_queued_bytes = 256U << 20;
  std::int64_t retry_ms = 5000;                    // how often a full disk is looked at again
  std::function<void(const std::string&)> notice;  // one line for a person: disk full, goes on; writer thread
};

struct SchemaPlan;  // schema.hpp

/// Opens, creates, migrates or recovers. Throws Error kind "store" with what was found and what to do.
std::unique_ptr<Store> open_sqlite_store(const StoreOptions& options);
/// The same with another idea of the schema: for tests of migrations.
std::unique_ptr<Store> open_sqlite_store(const StoreOptions& options, const SchemaPlan& plan);

}  // namespace assay
