#pragma once
// The tables of an experiment file, written out; how a new file is made and an old one brought up to date. Internal to
// core/store. Specs: reliability.md 1.3 and 1.5.
//
// application_id 0x41535359, user_version = kSchemaVersion. All tables STRICT; the last column is `sum` (row.hpp);
// `ver` (session << 32 | commit) is the commit that wrote the row. Ids: run.id = RunId + 1, batch.id = BatchId + 1,
// attempt.id = run.id << 16 | n. Times: UTC microseconds. Money: 1e-12 USD. A payload column (ANY) holds nothing, the
// text itself when it has at most 768 bytes, or the 16-byte XXH3-128 of it, which names a row of `blob`.
// note 'tag/NAME': the runs that have the tag, as ranges of RunIds "0-99,105" ("-": none); note 'run_notes/RUN': JSON.
// call.imported: 0 asked, 1 came with a save, 2 served from kept answers; `reserved` is then what that answer had cost.
// Kept answers (the response cache) are in a table of their own, made when the first is kept: create_answer_table().
// So is what runs show the others of their batch: create_published_table(). A file in which no run does has none of it.

#include <functional>
#include <string>
#include <vector>

#include "core/store/sqlite.hpp"

namespace assay {

inline constexpr int kApplicationId = 0x41535359;
inline constexpr int kSchemaVersion = 2;
/// The oldest program that can still read what we write.
inline constexpr int kMinReader = 2;  // calls in bulk files and answers from the cache are states it has to know

/// A step from schema `to` - 1 to `to`. Runs in the transaction that migrates.
struct Migration {
  int to = 0;
  bool rewrites = false;  // rows are rewritten: a copy NAME.assay.vN is made first
  std::function<void(Connection&)> apply;
};

/// What this program writes, and how it gets there from older files. Tests inject their own.
struct SchemaPlan {
  int version = kSchemaVersion;
  int min_reader = kMinReader;
  std::vector<Migration> migrations;  // in order of `to`
};
const SchemaPlan& default_schema_plan();

/// Creates all tables and views in an empty database.
void create_schema(Connection& connection, const std::string& experiment_id, const std::string& version,
                   const SchemaPlan& plan);
/// The index of answers that may serve the same request again; nothing when it is there.
void create_answer_table(Connection& connection);
bool has_answer_table(Connection& connection);
/// What runs have published; nothing when it is there.
void create_published_table(Connection& connection);
bool has_published_table(Connection& connection);
/// Replaces the views by today's.
void create_views(Connection& connection);
/// Writes a row of `meta`.
void put_meta(Connection& connection, const std::string& name, const std::string& value);
/// "" when there is none; throws SqliteFailure CORRUPT when its sum does not hold.
std::string get_meta(Connection& connection, const std::string& name);

/// Names of all tables of ours that have a sum, in a fixed order.
const std::vector<std::string>& summed_tables();
/// Names of a table's columns, in order.
std::vector<std::string> columns_of(Connection& connection, const std::string& table);

}  // namespace assay
