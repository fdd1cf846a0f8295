#pragma once
// From a path to a connection that may be worked with: creates, refuses, migrates, recovers. Internal to core/store.
// Specs: reliability.md 1.1, 1.2, 1.5, 1.6.

#include <memory>
#include <optional>
#include <string>

#include "core/store/host.hpp"
#include "core/store/records.hpp"
#include "core/store/schema.hpp"
#include "core/store/sqlite_store.hpp"

namespace assay {

struct OpenedFile {
  std::unique_ptr<Connection> connection;
  std::unique_ptr<WriterLock> lock;  // none for :memory: and read_only
  std::string experiment_id;
  std::int64_t session = 0;
  Recovery recovery;
  bool memory = false;
  bool lost_attempts = false;  // there are fewer or more of them than at the last clean end
  bool exclusive = false;      // a network file system: one connection for all
};

/// Throws Error "store".
OpenedFile open_file(const StoreOptions& options, const SchemaPlan& plan);
/// A further connection to an open file, to read with.
std::unique_ptr<Connection> open_reader(const std::string& path);
/// The writer's connection once more, after a failure of the disk: reopened, its WAL folded back and truncated.
/// Throws SqliteFailure while the disk still fails.
std::unique_ptr<Connection> reopen_writer(const std::string& path);
/// Writes the end of a session into its row.
void close_session(Connection& connection, std::int64_t session, const std::string& how, std::int64_t ver);

/// Number of attempts, and which of them have no end; -1 when the table can't be read. A page of theirs that is lost,
/// or stands where another belongs, takes open attempts with it, and no other record would miss them.
std::int64_t attempts_digest(Connection& connection);

/// The version number of rows written in a session's commit.
inline std::int64_t version_of(std::int64_t session, std::int64_t commit) { return session << 32 | commit; }

}  // namespace assay
