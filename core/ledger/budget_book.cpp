#include "core/ledger/budget_book.hpp"

#include <charconv>
#include <ctime>

#include "core/text/error.hpp"
#include "core/text/json.hpp"

namespace assay {

using Of = BudgetScope::Of;

namespace {

constexpr const char* kNote = "budget";

[[noreturn]] void unreadable() { throw Error("store", "the budget kept in the experiment file can't be read"); }

Pico amount_of(const Json& value) {
  if (!value.is_number_integer() || value.get<Pico>() < 0) unreadable();
  return value.get<Pico>();
}

BatchId batch_of(const std::string& text) {
  BatchId id = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (wrong != std::errc() || end != text.data() + text.size()) unreadable();
  return id;
}

/// "2026-07-01" as cost("day") writes it.
std::optional<std::int64_t> day_of(const std::string& text) {
  std::tm parts{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%d", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return ::timegm(&parts) / 86'400;
}

/// What was spent before this process; never less than nothing.
Spend before(const Store::CostRow& all, const BudgetState& since) {
  return {std::max<Pico>(0, all.cost - since.settled), std::max<Pico>(0, all.possible - since.possible)};
}

}  // namespace

std::string caps_text(const std::vector<BudgetCap>& caps) {
  Json out = Json::object();
  for (const auto& [scope, cap] : caps) {
    if (scope.of == Of::experiment) out["experiment"] = cap;
    if (scope.of == Of::batch) out["batches"][std::to_string(scope.batch)] = cap;
    if (scope.of == Of::model) out["models"][scope.model] = cap;
    if (scope.of == Of::run) out["run"] = cap;
    if (scope.of == Of::day) out["day"] = cap;
  }
  return dump_json(out);
}

std::vector<BudgetCap> caps_from_text(const std::string& text) {
  std::vector<BudgetCap> caps;
  if (text.empty()) return caps;
  const Json kept = parse_json(text, "budget");
  if (!kept.is_object()) unreadable();
  const auto put = [&caps](Of of, const Json& value) -> BudgetScope& {
    const Pico cap = amount_of(value);
    BudgetCap& added = caps.emplace_back();
    added.scope.of = of;
    added.cap = cap;
    return added.scope;
  };
  for (const auto& [name, value] : kept.items()) {
    if (name == "experiment") put(Of::experiment, value);
    if (name == "run") put(Of::run, value);
    if (name == "day") put(Of::day, value);
    if (name != "batches" && name != "models") continue;
    if (!value.is_object()) unreadable();
    for (const auto& [key, cap] : value.items()) {
      if (name == "batches") {
        put(Of::batch, cap).batch = batch_of(key);
      } else {
        put(Of::model, cap).model = key;
      }
    }
  }
  return caps;
}

BudgetBook::BudgetBook(Budget& budget, Store& store, RunTable& table) : budget_(budget), store_(store), table_(table) {
  SpendHistory past;
  {
    const RunTable::Reader runs = table_.read();
    for (RunId run = 0; run < runs.size(); ++run) {
      const RunRow& row = runs.row(run);
      if (row.cost == 0 && row.possible == 0) continue;
      for (Spend* spend : {&past.experiment, &past.batches[row.batch]}) {
        spend->settled += row.cost;
        spend->possible += row.possible;
      }
    }
  }
  past.run_before = [&table](RunId run) {
    const RunTable::Reader runs = table.read();
    const RunRow& row = runs.row(run);
    return SpendHistory::RunBefore{row.batch, {row.cost, row.possible}};
  };
  budget_.begin(std::move(past));
  for (const auto& [scope, cap] : caps_from_text(store_.note(kNote))) {
    if (scope.of == Of::model || scope.of == Of::day) read_calls();
    budget_.set_cap(scope, cap);
  }
}

void BudgetBook::read_calls() {
  if (std::exchange(read_calls_, true)) return;
  // Tallies are taken before the calls are summed: one that is settled and committed in between, while runs execute,
  // counts twice, which errs on the side of the cap.
  std::map<std::string, BudgetState> since;
  const auto tally = [&](const std::string& by, const std::string& group) {
    if (by == "model") return budget_.tally({Of::model, 0, group});
    return budget_.tally({Of::day, 0, {}}, kNoRun, day_of(group).value_or(0));
  };
  for (const char* by : {"model", "day"}) {
    for (const Store::CostRow& row : store_.cost(by)) since[by + row.group] = tally(by, row.group);
  }
  store_.flush();
  SpendHistory past;
  for (const Store::CostRow& row : store_.cost("model"))
    past.models[row.group] = before(row, since["model" + row.group]);
  for (const Store::CostRow& row : store_.cost("day")) {
    if (const auto day = day_of(row.group)) past.days[*day] = before(row, since["day" + row.group]);
  }
  budget_.begin(std::move(past));
}

void BudgetBook::keep() { store_.write({PutNote{kNote, caps_text(budget_.caps())}}); }

void BudgetBook::set_cap(const BudgetScope& scope, std::optional<Pico> cap) {
  const std::lock_guard lock(mutex_);
  if (cap && (scope.of == Of::model || scope.of == Of::day)) read_calls();
  budget_.set_cap(scope, cap);
  keep();
}

void BudgetBook::clear() {
  const std::lock_guard lock(mutex_);
  for (const BudgetCap& cap : budget_.caps()) budget_.set_cap(cap.scope, std::nullopt);
  keep();
}

std::vector<BudgetState> BudgetBook::states(WallTime now) const { return budget_.states(utc_day(now)); }

}  // namespace assay
