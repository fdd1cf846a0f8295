#pragma once
// The rows of the experiment file, column for column (schema.hpp). Views: see row.hpp. Internal to core/store.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/store/change.hpp"
#include "core/store/row.hpp"
#include "core/store/store.hpp"

namespace assay {

struct SessionRecord {
  static constexpr std::string_view kTable = "session";
  std::int64_t id = 0, pid = 0;
  std::string_view host, boot_id;
  std::int64_t opened_at = 0;
  std::optional<std::int64_t> closed_at;
  std::string_view how, version;
  std::int64_t first_call = 1;  // calls of this session have this id or a higher one
  std::int64_t sent_left = 0;   // calls in state `sent` when it was closed
  std::int64_t attempts = 0;    // set digest of `attempt` when it was closed
  std::int64_t ver = 0;
  template <typename V>
  void fields(V& v) {
    v(id), v(pid), v(host), v(boot_id), v(opened_at), v(closed_at), v(how), v(version), v(first_call), v(sent_left),
        v(attempts), v(ver);
  }
};

struct BlobRecord {
  static constexpr std::string_view kTable = "blob";
  std::string_view hash;
  std::int64_t codec = 0, size = 0;
  std::string_view bytes;
  template <typename V>
  void fields(V& v) {
    v.blob(hash), v(codec), v(size), v.blob(bytes);
  }
};

struct BatchRecord {
  static constexpr std::string_view kTable = "batch";
  std::int64_t id = 0;
  std::string_view name, kind, model;
  Cell params, pinned;
  std::string_view source;
  std::int64_t created_at = 0, first = 0, n_runs = 0, dropped = 0, ver = 0;
  template <typename V>
  void fields(V& v) {
    v(id), v(name), v(kind), v(model), v(params), v(pinned), v(source), v(created_at), v(first), v(n_runs), v(dropped),
        v(ver);
  }
};

/// The columns of a UsageSum.
struct UsageColumns {
  std::int64_t calls = 0, in = 0, cached = 0, out = 0, reasoning = 0, cost = 0, possible = 0;
  UsageColumns() = default;
  explicit UsageColumns(const UsageSum& sum)
      : calls(sum.calls),
        in(sum.in),
        cached(sum.cached),
        out(sum.out),
        reasoning(sum.reasoning),
        cost(sum.cost),
        possible(sum.possible) {}
  UsageSum sum() const { return {static_cast<std::uint32_t>(calls), in, cached, out, reasoning, cost, possible}; }
  UsageColumns minus(const UsageColumns& other) const;
  UsageColumns plus(const UsageColumns& other) const { return minus(UsageColumns().minus(other)); }
  bool operator==(const UsageColumns&) const = default;
  template <typename V>
  void fields(V& v) {
    v(calls), v(in), v(cached), v(out), v(reasoning), v(cost), v(possible);
  }
};
UsageSum operator+(UsageSum left, const UsageSum& right);

struct ErrorColumns {
  std::string_view kind, message, place;
  ErrorColumns() = default;
  explicit ErrorColumns(const RunError& error) : kind(error.kind), message(error.message), place(error.place) {}
  RunError error() const { return {std::string(kind), std::string(message), std::string(place)}; }
  template <typename V>
  void fields(V& v) {
    v(kind), v(message), v(place);
  }
};

struct RunRecord {
  static constexpr std::string_view kTable = "run";
  std::int64_t id = 0, batch = 0;
  std::string_view item;
  std::int64_t status = 0, verdict = 0;
  std::int64_t attempt = 0;  // the newest that has ended (or came with a save); 0: none
  std::int64_t steps = 0;
  double seconds = 0;
  std::int64_t ended_at = 0;
  UsageColumns usage;  // of all its attempts that have ended
  std::int64_t dropped = 0;
  ErrorColumns error;
  std::string_view metrics, facets;  // compact JSON, or ""
  std::string_view tags;             // the same, of files before tags were notes
  Cell answer, context, data;
  std::int64_t ver = 0;
  template <typename V>
  void fields(V& v) {
    v(id), v(batch), v(item), v(status), v(verdict), v(attempt), v(steps), v(seconds), v(ended_at);
    usage.fields(v);
    v(dropped);
    error.fields(v);
    v(metrics), v(facets), v(tags), v(answer), v(context), v(data), v(ver);
  }
};

struct AttemptRecord {
  static constexpr std::string_view kTable = "attempt";
  std::int64_t id = 0, run = 0, n = 0, begun_at = 0;
  std::optional<std::int64_t> ended_at;
  std::int64_t imported = 0, outcome = 1, verdict = 0, steps = 0;
  double seconds = 0;
  UsageColumns usage;
  std::int64_t n_calls = 0, calls_xor = 0, n_steps = 0;  // set digest: rows of `call` and `step`
  ErrorColumns error;
  std::string_view metrics;
  Cell answer, context;
  std::int64_t ver = 0;
  template <typename V>
  void fields(V& v) {
    v(id), v(run), v(n), v(begun_at), v(ended_at), v(imported), v(outcome), v(verdict), v(steps), v(seconds);
    usage.fields(v);
    v(n_calls), v(calls_xor), v(n_steps);
    error.fields(v);
    v(metrics), v(answer), v(context), v(ver);
  }
};

struct StepRecord {
  static constexpr std::string_view kTable = "step";
  std::int64_t run = 0, attempt = 0, n = 0;
  Cell checkpoint;
  std::int64_t n_calls = 0, calls_xor = 0, ver = 0;
  template <typename V>
  void fields(V& v) {
    v(run), v(attempt), v(n), v(checkpoint), v(n_calls), v(calls_xor), v(ver);
  }
};

/// The columns of a TryRecord but its number.
struct TryColumns {
  std::int64_t sent_at = 0, ended_at = 0, http_status = 0;
  std::string_view kind, sub, message;
  std::int64_t wait_ms = 0, ambiguous = 0;
  TryColumns() = default;
  explicit TryColumns(const TryRecord& record);
  TryRecord record(std::int64_t number) const;
  template <typename V>
  void fields(V& v) {
    v(sent_at), v(ended_at), v(http_status), v(kind), v(sub), v(message), v(wait_ms), v(ambiguous);
  }
};

struct CallRow {
  static constexpr std::string_view kTable = "call";
  static constexpr std::int64_t kFromCache = 2;  // of `imported`
  std::int64_t id = 0, run = 0, attempt = 0, step = 0;
  std::string_view key;
  std::int64_t number = 1, state = 0, doubt = 0, imported = 0;
  std::string_view model, lane, hash;
  Cell request, reply;
  std::int64_t tries = 1;
  TryColumns last_try;
  std::optional<std::int64_t> in, cached, cache_write, out, reasoning;
  std::int64_t reserved = 0, cost = 0, possible = 0, priced = 0, ver = 0;
  CallRecord record() const;
  template <typename V>
  void fields(V& v) {
    v(id), v(run), v(attempt), v(step), v(key), v(number), v(state), v(doubt), v(imported), v(model), v(lane),
        v.blob(hash), v(request), v(reply), v(tries);
    last_try.fields(v);
    v(in), v(cached), v(cache_write), v(out), v(reasoning), v(reserved), v(cost), v(possible), v(priced), v(ver);
  }
};

/// Which call's answer may serve a request again.
struct AnswerRow {
  static constexpr std::string_view kTable = "answer";
  std::string_view hash, item, key;
  std::int64_t call = 0, bytes = 0, ver = 0;
  template <typename V>
  void fields(V& v) {
    v.blob(hash), v(item), v(key), v(call), v(bytes), v(ver);
  }
};

/// What a run shows the others of its batch.
struct PublishedRow {
  static constexpr std::string_view kTable = "published";
  std::int64_t run = 0;
  std::string_view name;
  std::int64_t attempt = 0, step = 0;
  Cell value;
  std::int64_t ver = 0;
  template <typename V>
  void fields(V& v) {
    v(run), v(name), v(attempt), v(step), v(value), v(ver);
  }
};

struct TryRow {
  static constexpr std::string_view kTable = "try";
  std::int64_t call = 0, n = 0;
  TryColumns columns;
  std::int64_t ver = 0;
  template <typename V>
  void fields(V& v) {
    v(call), v(n);
    columns.fields(v);
    v(ver);
  }
};

struct TryDetailRow {
  static constexpr std::string_view kTable = "try_detail";
  std::int64_t call = 0, n = 0;
  std::string_view details;
  std::int64_t ver = 0;
  template <typename V>
  void fields(V& v) {
    v(call), v(n), v(details), v(ver);
  }
};

struct LogRecord {
  static constexpr std::string_view kTable = "log";
  std::int64_t run = 0, seq = 0, attempt = 0, at = 0, level = 0, from_runner = 0;
  Cell text;
  template <typename V>
  void fields(V& v) {
    v(run), v(seq), v(attempt), v(at), v(level), v(from_runner), v(text);
  }
};

struct PauseRecord {
  static constexpr std::string_view kTable = "pause";
  std::string_view lane, reason, source;
  std::int64_t set_at = 0, until_at = 0, duration_ms = 0;
  std::string_view boot_id;
  std::int64_t until_boot_us = 0, ver = 0;
  template <typename V>
  void fields(V& v) {
    v(lane), v(reason), v(source), v(set_at), v(until_at), v(duration_ms), v(boot_id), v(until_boot_us), v(ver);
  }
};

struct NoteRecord {
  static constexpr std::string_view kTable = "note";
  std::string_view name;
  Cell text;
  std::int64_t ver = 0;
  template <typename V>
  void fields(V& v) {
    v(name), v(text), v(ver);
  }
};

struct DamagedRecord {
  static constexpr std::string_view kTable = "damaged";
  std::int64_t id = 0;
  std::string_view tbl, row;
  std::int64_t found_at = 0;
  std::string_view bytes, reason;
  std::optional<std::int64_t> run;
  template <typename V>
  void fields(V& v) {
    v(id), v(tbl), v(row), v(found_at), v.blob(bytes), v(reason), v(run);
  }
};

inline std::int64_t row_of(RunId run) { return static_cast<std::int64_t>(run) + 1; }
inline RunId run_of(std::int64_t row) { return static_cast<RunId>(row - 1); }
inline std::int64_t attempt_row(std::int64_t run_row, std::int64_t n) { return run_row << 16 | n; }

// Compact JSON of the small lists in a run's row; "" for an empty list. Figures that are not finite are left out.
std::string encode_metrics(const Score& score);
std::string encode_pairs(const std::vector<std::pair<std::string, std::string>>& pairs);
void decode_metrics(std::string_view text, std::vector<std::pair<std::string, double>>& out);
void decode_pairs(std::string_view text, std::vector<std::pair<std::string, std::string>>& out);
void decode_list(std::string_view text, std::vector<std::string>& out);

}  // namespace assay
