// Answers come in: a provider's output or error file, line by line, into the ledger; and what never comes is given
// back. Specs: models.md 7.

#include <algorithm>
#include <unordered_set>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "runners/llm/batch_book.hpp"
#include "runners/llm/prices.hpp"

namespace assay {
namespace {

constexpr std::size_t kPage = 500;  // answers committed together
constexpr std::size_t kPageBytes = 16U << 20;
constexpr std::size_t kProblemsShown = 20;

/// The lines of a stream, of which a too long one is cut.
class LineReader {
 public:
  explicit LineReader(InputBytes& input) : input_(input) {}
  bool next(std::string& line) {
    line.clear();
    bool any = false;
    while (true) {
      if (at_ == end_) {
        at_ = 0;
        end_ = input_.read(buffer_.data(), buffer_.size());
        if (end_ == 0) return any;
      }
      any = true;
      const char* const begin = buffer_.data() + at_;
      const auto* const stop = std::find(begin, static_cast<const char*>(buffer_.data()) + end_, '\n');
      const auto n = static_cast<std::size_t>(stop - begin);
      if (line.size() <= kBatchLineMaxBytes) line.append(begin, n);
      at_ += n;
      if (at_ == end_) continue;
      ++at_;
      return true;
    }
  }

 private:
  InputBytes& input_;
  std::vector<char> buffer_ = std::vector<char>(64U << 10);
  std::size_t at_ = 0, end_ = 0;
};

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

}  // namespace

BulkImport& BulkImport::operator+=(const BulkImport& other) {
  lines += other.lines;
  answered += other.answered;
  refused += other.refused;
  returned += other.returned;
  repeated += other.repeated;
  unknown += other.unknown;
  bad += other.bad;
  late += other.late;
  for (const std::string& problem : other.problems) {
    if (problems.size() < kProblemsShown) problems.push_back(problem);
  }
  for (const BulkFileFacts& file : other.files) {
    const auto same =
        std::find_if(files.begin(), files.end(), [&](const BulkFileFacts& known) { return known.name == file.name; });
    if (same == files.end()) {
      files.push_back(file);
    } else {
      *same = file;
    }
  }
  return *this;
}

struct BatchBook::ImportState {
  struct Known {
    ModelHandle entry;
    bool touched = false;
  };
  struct Settled {
    CallRecord before;
    EndCall end;
  };
  std::string source;
  BulkImport result;
  std::map<std::string, Known> files;  // by lane
  std::vector<Settled> page;
  std::size_t page_bytes = 0;
  std::unordered_set<CallId> in_page;
  std::optional<CallRecord> record;  // of the line at hand

  void problem(std::uint64_t line, const std::string& what) {
    if (result.problems.size() < kProblemsShown) {
      result.problems.push_back(source + ":" + std::to_string(line) + ": " + what);
    }
  }
};

std::optional<CallRecord> BatchBook::record_of(CallId call) {
  std::optional<CallRecord> out;
  parts_.store.each_call(call, call, [&](const CallRecord& record) { out = record; });
  return out;
}

BulkImport BatchBook::import(const std::string& path, const Interrupted& interrupted) {
  const std::lock_guard one(command_mutex_);
  ImportState state;
  state.source = path;
  for (const File& file : files()) {
    ModelEntry entry = *model_from_json(parse_json(file.entry, "entry"));
    if (!entry.price) {
      try {
        entry.price = parts_.models.entry(file.model)->price;
      } catch (const Error&) {
        entry.price.reset();  // the name is gone: its answers stay unpriced
      }
    }
    state.files[std::string(kFileLane) + file.name] = {std::make_shared<const ModelEntry>(std::move(entry)), false};
  }
  InputFile input(path);
  LineReader reader(input);
  std::string line;
  for (std::uint64_t number = 1; reader.next(line); ++number) {
    if (is_blank(line)) continue;
    import_line(state, line, number);
    if (state.page.size() >= kPage || state.page_bytes >= kPageBytes) {
      commit_page(state);
      if (interrupted && interrupted())
        throw Error("interrupted", "import stopped at line " + std::to_string(number), path,
                    "what was read is recorded; importing it again goes on");
    }
  }
  commit_page(state);
  for (const File& file : files()) {
    const auto known = state.files.find(std::string(kFileLane) + file.name);
    if (known != state.files.end() && known->second.touched) state.result.files.push_back(facts(file));
  }
  return std::move(state.result);
}

void BatchBook::import_line(ImportState& state, std::string_view line, std::uint64_t number) {
  BulkImport& result = state.result;
  ++result.lines;
  state.record.reset();
  BatchOutcome outcome = read_batch_line(line, [&](const std::string& custom_id) -> const ModelEntry* {
    const std::optional<CallId> call = batch_call_of(experiment_id_, custom_id);
    if (!call) return nullptr;
    if (state.in_page.contains(*call)) commit_page(state);
    state.record = record_of(*call);
    if (!state.record) return nullptr;
    const auto file = state.files.find(state.record->lane);
    if (file == state.files.end()) return nullptr;
    file->second.touched = true;
    return file->second.entry.get();
  });
  using Action = BatchOutcome::Action;
  if (outcome.action == Action::skipped) {
    ++(outcome.custom_id.empty() ? result.bad : result.unknown);
    state.problem(number, outcome.why);
    return;
  }
  const CallRecord& before = *state.record;
  const bool late = before.state == CallState::failed && outcome.action == Action::answered;
  if (before.state != CallState::in_file && !late) {
    ++result.repeated;
    state.problem(number, outcome.custom_id + " came before; the first answer stays");
    return;
  }
  const ModelEntry& entry = *state.files.at(before.lane).entry;
  ImportState::Settled settled{before, {}};
  EndCall& end = settled.end;
  end.call = before.id;
  end.last_try = before.last_try;
  end.last_try.ended_at = parts_.clock.wall();
  end.last_try.http_status = outcome.http_status;
  end.last_try.kind.clear();
  end.last_try.sub.clear();
  end.last_try.message.clear();
  end.priced = entry.price.has_value();
  if (outcome.action == Action::answered) {
    end.state = CallState::answered;
    if (outcome.reply->usage) {
      const Usage& usage = *outcome.reply->usage;
      end.usage = usage;
      if (usage.told_cost) {
        end.cost = *usage.told_cost;
        end.priced = true;
      } else if (entry.price) {
        end.cost = cost_of(usage, *entry.price, true);
      }
    } else {
      end.possible = before.reserved;
    }
    end.reply =
        parts_.secrets.holds_secret(outcome.body) ? parts_.secrets.redact(outcome.body) : std::move(outcome.body);
    ++(late ? result.late : result.answered);
  } else {
    end.state = outcome.action == Action::failed ? CallState::refused : CallState::failed;
    end.last_try.kind = outcome.error ? std::string(to_text(outcome.error->kind)) : "bulk";
    end.last_try.sub = outcome.error ? outcome.error->sub : "";
    end.last_try.message = parts_.secrets.redact(outcome.error ? outcome.error->message : outcome.why);
    if (outcome.http_status / 100 == 2) {  // unreadable, and billed perhaps
      end.doubt = CallDoubt::ambiguous;
      end.possible = before.reserved;
      end.last_try.ambiguous = true;
    }
    end.reply = parts_.secrets.redact(outcome.body);
    ++(end.state == CallState::refused ? result.refused : result.returned);
  }
  state.page_bytes += end.reply.size();
  state.in_page.insert(before.id);
  state.page.push_back(std::move(settled));
}

void BatchBook::commit_page(ImportState& state) {
  if (state.page.empty()) return;
  std::vector<Change> changes;
  changes.reserve(state.page.size());
  for (ImportState::Settled& settled : state.page) {
    EndCall kept = settled.end;
    settled.end.reply.clear();
    changes.emplace_back(std::move(kept));
  }
  parts_.store.write(std::move(changes));
  for (const ImportState::Settled& settled : state.page) {
    const CallRecord& before = settled.before;
    const EndCall& end = settled.end;
    if (parts_.budget != nullptr) {
      parts_.budget->resolve({before.run, before.model, utc_day(before.last_try.sent_at)}, before.possible,
                             {end.cost, end.possible});
    }
    parts_.table.update(before.run, [&](RunRow& row) {
      row.cost += end.cost;
      row.possible += end.possible - before.possible;
      row.tokens_in += static_cast<std::uint32_t>(end.usage.in.value_or(0));
      row.tokens_out += static_cast<std::uint32_t>(end.usage.out.value_or(0));
    });
  }
  state.page.clear();
  state.in_page.clear();
  state.page_bytes = 0;
}

std::uint64_t BatchBook::release(const std::string& name, bool force) {
  const std::lock_guard one(command_mutex_);
  File file = find(name);
  if (file.open) {
    throw Error("usage", file.name + ": its job goes on", {}, "`jobs` shows it; `cancel` ends it");
  }
  const bool ended =
      file.status == "completed" || file.status == "failed" || file.status == "expired" || file.status == "cancelled";
  const bool there = !file.batch.empty() && !file.collected;
  const bool maybe_there = file.batch.empty() && file.doing == "creating";
  if (there && !force) {
    throw Error("usage",
                file.name + " is with the provider as " + file.batch + (file.status.empty() ? "" : ": ") + file.status,
                {},
                std::string(ended ? "`bulk collect`" : "`bulk cancel` and `bulk collect`") +
                    " it first; --force gives it back all the same: both may be paid");
  }
  if (maybe_there && !force) {
    throw Error("usage", file.name + " may be with the provider: it was being submitted when the program ended", {},
                "`bulk submit` looks for it there; --force gives it back all the same: both may be paid");
  }
  const std::string lane = std::string(kFileLane) + file.name;
  const CallId last = file.last == 0 ? parts_.store.reserve_call() : file.last;
  ImportState state;
  std::uint64_t released = 0;
  for (CallId from = file.first; from <= last; from += kPage) {
    parts_.store.each_call(from, std::min<CallId>(last, from + kPage - 1), [&](const CallRecord& call) {
      if (call.lane != lane || call.state != CallState::in_file) return;
      ImportState::Settled settled{call, {}};
      settled.end.call = call.id;
      settled.end.last_try = call.last_try;
      settled.end.last_try.ended_at = parts_.clock.wall();
      settled.end.last_try.kind = "bulk";
      settled.end.last_try.sub = "released";
      settled.end.last_try.message = "no answer came; given back";
      settled.end.priced = call.priced;
      if (there || maybe_there) {  // it may be answered there, and billed
        settled.end.doubt = CallDoubt::ambiguous;
        settled.end.last_try.ambiguous = true;
        settled.end.possible = call.possible;
      }
      state.page.push_back(std::move(settled));
    });
    released += state.page.size();
    commit_page(state);
  }
  return released;
}

}  // namespace assay
