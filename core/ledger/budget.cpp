#include "core/ledger/budget.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>
#include <list>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "core/text/error.hpp"

namespace assay {

namespace {

using Of = BudgetScope::Of;
// Sums of bounds: a bound may be as large as a Pico.
__extension__ using Wide = __int128;

Pico narrow(Wide amount) {
  constexpr Wide kMost = std::numeric_limits<Pico>::max(), kLeast = std::numeric_limits<Pico>::min();
  return static_cast<Pico>(std::clamp(amount, kLeast, kMost));
}

constexpr Pico kNoCap = -1;

struct Account {
  Wide settled = 0, possible = 0, reserved = 0;
  Pico cap = kNoCap;

  void add(const Spend& spend) {
    settled += spend.settled;
    possible += spend.possible;
  }
  Wide room() const { return Wide(cap) - settled - possible - reserved; }
  bool fits(Pico amount) const { return cap == kNoCap || amount == 0 || room() >= amount; }
};

struct RunAccount {
  BatchId batch = 0;
  bool has_batch = false;
  Account account;
};

using Ports = std::vector<std::shared_ptr<EffectPort>>;

void tell_all(Ports& ports) {
  for (const auto& port : ports) port->post(std::make_unique<BudgetTurn>());
}

}  // namespace

struct Budget::Hold::Entry {
  Books* books = nullptr;
  SpendPlace place;
  Pico amount = 0;
  std::shared_ptr<EffectPort> port;
  // All below: guarded by the mutex of the books.
  State state = State::waiting;
  bool placed = false;               // accounts are set
  std::array<Account*, 5> all{};     // by BudgetScope::Of; nullptr: does not fall under one
  BudgetScope batch_scope;           // names the batch
  Account* queued_at = nullptr;      // while waiting
  std::list<Entry*>::iterator turn;  // there
  BudgetShortage shortage;
};

struct Budget::Books {
  using Entry = Hold::Entry;
  using State = Hold::State;
  using Queue = std::list<Entry*>;

  mutable std::mutex mutex;
  Account experiment;
  // Nodes don't move: entries point into them.
  std::map<BatchId, Account> batches;
  std::map<std::string, Account> models;
  std::map<std::int64_t, Account> days;
  std::unordered_map<RunId, RunAccount> runs;
  std::map<BatchId, Pico> batch_caps;
  std::map<std::string, Pico> model_caps;
  Pico run_cap = kNoCap, day_cap = kNoCap;
  std::function<SpendHistory::RunBefore(RunId)> run_before;
  std::unordered_map<const Account*, Queue> queues;  // of accounts for which somebody waits
  Overruns overruns;

  // --- accounts ---------------------------------------------------------------------------------------------------
  template <typename Key>
  static Pico cap_of(const std::map<Key, Pico>& caps, const Key& key) {
    const auto found = caps.find(key);
    return found == caps.end() ? kNoCap : found->second;
  }
  Account& batch(BatchId id) {
    const auto [at, made] = batches.try_emplace(id);
    if (made) at->second.cap = cap_of(batch_caps, id);
    return at->second;
  }
  Account& model(const std::string& name) {
    const auto [at, made] = models.try_emplace(name);
    if (made) at->second.cap = cap_of(model_caps, name);
    return at->second;
  }
  Account& day(std::int64_t number) {
    const auto [at, made] = days.try_emplace(number);
    if (made) at->second.cap = day_cap;
    return at->second;
  }
  RunAccount& run(RunId id) {
    const auto [at, made] = runs.try_emplace(id);
    RunAccount& account = at->second;
    if (made) {
      account.account.cap = run_cap;
      if (run_before) {
        const SpendHistory::RunBefore before = run_before(id);
        account.batch = before.batch;
        account.has_batch = true;
        account.account.add(before.spend);
      }
    }
    return account;
  }

  void put_in_place(Entry& entry) {
    if (std::exchange(entry.placed, true)) return;
    const auto at = [&](Of of) -> Account*& { return entry.all[static_cast<std::size_t>(of)]; };
    at(Of::experiment) = &experiment;
    at(Of::model) = &model(entry.place.model);
    at(Of::day) = &day(entry.place.day);
    if (entry.place.run == kNoRun) return;
    RunAccount& of_run = run(entry.place.run);
    at(Of::run) = &of_run.account;
    if (!of_run.has_batch) return;
    at(Of::batch) = &batch(of_run.batch);
    entry.batch_scope.batch = of_run.batch;
  }

  // --- deciding ---------------------------------------------------------------------------------------------------
  /// The first account without room for it.
  static Account* lacking(const Entry& entry) {
    for (Account* account : entry.all) {
      if (account != nullptr && !account->fits(entry.amount)) return account;
    }
    return nullptr;
  }

  static void grant(Entry& entry) {
    for (Account* account : entry.all) {
      if (account != nullptr) account->reserved += entry.amount;
    }
    entry.state = State::granted;
  }

  static void refuse(Entry& entry, const Account& account) {
    entry.state = State::refused;
    BudgetShortage& why = entry.shortage;
    for (std::size_t i = 0; i < entry.all.size(); ++i) {
      if (entry.all[i] == &account) why.scope.of = static_cast<Of>(i);
    }
    if (why.scope.of == Of::batch) why.scope.batch = entry.batch_scope.batch;
    if (why.scope.of == Of::model) why.scope.model = entry.place.model;
    why.cap = account.cap;
    why.settled = narrow(account.settled);
    why.possible = narrow(account.possible);
    why.wanted = entry.amount;
    why.missing = narrow(Wide(entry.amount) - account.room());
  }

  void join(Entry& entry, Account& account) {
    Queue& queue = queues[&account];
    entry.queued_at = &account;
    entry.turn = queue.insert(queue.end(), &entry);
  }

  void leave(Entry& entry) {
    const auto queue = queues.find(entry.queued_at);
    queue->second.erase(entry.turn);
    if (queue->second.empty()) queues.erase(queue);
    entry.queued_at = nullptr;
  }

  /// A new call: it doesn't overtake those who wait for the same money.
  void decide(Entry& entry) {
    if (entry.amount == 0) {
      grant(entry);
      return;
    }
    put_in_place(entry);
    Account* const lacks = lacking(entry);
    if (lacks == nullptr) {
      for (Account* account : entry.all) {
        if (account == nullptr || !queues.contains(account)) continue;
        if (entry.port == nullptr) {
          refuse(entry, *account);
        } else {
          join(entry, *account);
        }
        return;
      }
      grant(entry);
    } else if (lacks->reserved == 0 || entry.port == nullptr) {
      refuse(entry, *lacks);
    } else {
      join(entry, *lacks);
    }
  }

  /// Those at the front of an account's queue that have room now, or never will. Called after every change that gives
  /// room or takes the head away, so that between calls each head lacks room in an account with something reserved.
  void pump(Account& account, Ports& tell) {
    for (auto queue = queues.find(&account); queue != queues.end(); queue = queues.find(&account)) {
      Entry& head = *queue->second.front();
      Account* const lacks = account.fits(head.amount) ? lacking(head) : &account;
      if (lacks == &account && account.reserved > 0) return;
      leave(head);
      if (lacks == nullptr) {
        grant(head);
      } else if (lacks->reserved == 0) {
        refuse(head, *lacks);
      } else {
        join(head, *lacks);
        continue;
      }
      tell.push_back(head.port);
    }
  }

  /// All accounts at which somebody waits.
  void pump_all(Ports& tell) {
    std::vector<Account*> waited_for;
    for (const auto& [account, queue] : queues) waited_for.push_back(queue.front()->queued_at);
    for (Account* account : waited_for) pump(*account, tell);
  }

  // --- ending -----------------------------------------------------------------------------------------------------
  void end(Entry& entry, const Spend& spend, Ports& tell) {
    const State was = std::exchange(entry.state, State::none);
    if (was == State::waiting) {
      Account* const account = entry.queued_at;
      leave(entry);
      pump(*account, tell);
      return;
    }
    if (was != State::granted) return;
    if (spend != Spend{}) put_in_place(entry);
    for (Account* account : entry.all) {
      if (account == nullptr) continue;
      account->reserved -= entry.amount;
      account->add(spend);
    }
    const Wide over = Wide(spend.settled) + spend.possible - entry.amount;
    if (over > 0) {
      ++overruns.bills;
      overruns.amount = narrow(Wide(overruns.amount) + over);
    }
    for (Account* account : entry.all) {
      if (account != nullptr) pump(*account, tell);
    }
  }

  static BudgetState state_of(BudgetScope scope, const Account& account) {
    return {std::move(scope), account.cap, narrow(account.settled), narrow(account.possible), narrow(account.reserved)};
  }
  std::uint64_t waiting_at(const Account& account) const {
    const auto queue = queues.find(&account);
    return queue == queues.end() ? 0 : queue->second.size();
  }
};

std::int64_t utc_day(WallTime at) {
  constexpr std::int64_t kDayUs = 86'400'000'000;
  return (at >= 0 ? at : at - kDayUs + 1) / kDayUs;
}

Budget::Budget(SpendHistory before) : books_(std::make_unique<Books>()) { begin(std::move(before)); }

Budget::~Budget() { assert(books_->queues.empty()); }

void Budget::begin(SpendHistory before) {
  const std::lock_guard lock(books_->mutex);
  books_->experiment.add(before.experiment);
  for (const auto& [id, spend] : before.batches) books_->batch(id).add(spend);
  for (const auto& [name, spend] : before.models) books_->model(name).add(spend);
  for (const auto& [day, spend] : before.days) books_->day(day).add(spend);
  if (before.run_before) books_->run_before = std::move(before.run_before);
}

// --- holds ----------------------------------------------------------------------------------------------------------

Budget::Hold::Hold(Hold&& other) noexcept : entry_(std::move(other.entry_)) {}

Budget::Hold& Budget::Hold::operator=(Hold&& other) noexcept {
  if (this != &other) {
    release();
    entry_ = std::move(other.entry_);
  }
  return *this;
}

Budget::Hold::State Budget::Hold::poll() const {
  if (!entry_) return State::none;
  const std::lock_guard lock(entry_->books->mutex);
  return entry_->state;
}

BudgetShortage Budget::Hold::shortage() const {
  assert(entry_ != nullptr);
  const std::lock_guard lock(entry_->books->mutex);
  return entry_->shortage;
}

void Budget::Hold::settle(Pico cost, Pico possible) {
  const std::shared_ptr<Entry> entry = std::exchange(entry_, nullptr);
  if (!entry) return;
  assert(cost >= 0 && possible >= 0);
  Ports tell;
  {
    const std::lock_guard lock(entry->books->mutex);
    entry->books->end(*entry, {cost, possible}, tell);
  }
  tell_all(tell);
}

void Budget::Hold::release() { settle(0, 0); }

Budget::Hold Budget::reserve(const SpendPlace& place, Pico amount, std::shared_ptr<EffectPort> port) {
  assert(amount >= 0);
  Hold hold;
  hold.entry_ = std::make_shared<Hold::Entry>();
  Hold::Entry& entry = *hold.entry_;
  entry.books = books_.get();
  entry.place = place;
  entry.amount = amount;
  entry.port = std::move(port);
  const std::lock_guard lock(books_->mutex);
  books_->decide(entry);
  return hold;
}

void Budget::add(const SpendPlace& place, Spend spend) {
  assert(spend.settled >= 0 && spend.possible >= 0);
  Hold::Entry entry;
  entry.place = place;
  const std::lock_guard lock(books_->mutex);
  books_->put_in_place(entry);
  for (Account* account : entry.all) {
    if (account != nullptr) account->add(spend);  // takes room, gives none: nobody's turn has come
  }
}

// --- caps -----------------------------------------------------------------------------------------------------------

void Budget::resolve(const SpendPlace& place, Pico possible, Spend spend) {
  assert(possible >= 0 && spend.settled >= 0 && spend.possible >= 0);
  Hold::Entry entry;
  entry.place = place;
  Ports tell;
  {
    const std::lock_guard lock(books_->mutex);
    books_->put_in_place(entry);
    for (Account* account : entry.all) {
      if (account != nullptr) account->add({spend.settled, spend.possible - possible});
    }
    books_->pump_all(tell);
  }
  tell_all(tell);
}

void Budget::set_cap(const BudgetScope& scope, std::optional<Pico> cap) {
  if (cap && *cap < 0) throw Error("usage", "a budget can't be negative");
  const Pico value = cap.value_or(kNoCap);
  Ports tell;
  {
    Books& books = *books_;
    const std::lock_guard lock(books.mutex);
    switch (scope.of) {
      case Of::experiment:
        books.experiment.cap = value;
        break;
      case Of::batch:
        cap ? static_cast<void>(books.batch_caps[scope.batch] = value)
            : static_cast<void>(books.batch_caps.erase(scope.batch));
        books.batch(scope.batch).cap = value;
        break;
      case Of::model:
        cap ? static_cast<void>(books.model_caps[scope.model] = value)
            : static_cast<void>(books.model_caps.erase(scope.model));
        books.model(scope.model).cap = value;
        break;
      case Of::run:
        books.run_cap = value;
        for (auto& [id, run] : books.runs) run.account.cap = value;
        break;
      case Of::day:
        books.day_cap = value;
        for (auto& [day, account] : books.days) account.cap = value;
        break;
    }
    books.pump_all(tell);
  }
  tell_all(tell);
}

std::vector<BudgetCap> Budget::caps() const {
  const Books& books = *books_;
  const std::lock_guard lock(books.mutex);
  std::vector<BudgetCap> all;
  if (books.experiment.cap != kNoCap) all.push_back({{Of::experiment, 0, {}}, books.experiment.cap});
  for (const auto& [id, cap] : books.batch_caps) all.push_back({{Of::batch, id, {}}, cap});
  for (const auto& [name, cap] : books.model_caps) all.push_back({{Of::model, 0, name}, cap});
  if (books.run_cap != kNoCap) all.push_back({{Of::run, 0, {}}, books.run_cap});
  if (books.day_cap != kNoCap) all.push_back({{Of::day, 0, {}}, books.day_cap});
  return all;
}

bool Budget::any_cap() const {
  const Books& books = *books_;
  const std::lock_guard lock(books.mutex);
  return books.experiment.cap != kNoCap || books.run_cap != kNoCap || books.day_cap != kNoCap ||
         !books.batch_caps.empty() || !books.model_caps.empty();
}

bool Budget::covers(BatchId batch, const std::string& model) const {
  const Books& books = *books_;
  const std::lock_guard lock(books.mutex);
  return books.experiment.cap != kNoCap || books.run_cap != kNoCap || books.day_cap != kNoCap ||
         books.batch_caps.contains(batch) || books.model_caps.contains(model);
}

bool Budget::covers(const SpendPlace& place) {
  Hold::Entry entry;
  entry.place = place;
  const std::lock_guard lock(books_->mutex);
  books_->put_in_place(entry);
  return std::any_of(entry.all.begin(), entry.all.end(),
                     [](const Account* account) { return account != nullptr && account->cap != kNoCap; });
}

std::vector<BudgetState> Budget::states(std::int64_t today) const {
  std::vector<BudgetState> all;
  for (const BudgetCap& cap : caps()) all.push_back(tally(cap.scope, kNoRun, today));
  return all;
}

BudgetState Budget::tally(const BudgetScope& scope, RunId run, std::int64_t day) const {
  const Books& books = *books_;
  const std::lock_guard lock(books.mutex);
  const Account* found = nullptr;
  Account untouched;
  switch (scope.of) {
    case Of::experiment:
      found = &books.experiment;
      break;
    case Of::batch:
      if (const auto at = books.batches.find(scope.batch); at != books.batches.end()) found = &at->second;
      break;
    case Of::model:
      if (const auto at = books.models.find(scope.model); at != books.models.end()) found = &at->second;
      break;
    case Of::day:
      if (const auto at = books.days.find(day); at != books.days.end()) found = &at->second;
      break;
    case Of::run:
      if (run != kNoRun) {
        if (const auto at = books.runs.find(run); at != books.runs.end()) found = &at->second.account;
        break;
      }
      for (const auto& [id, of_run] : books.runs) {
        if (found == nullptr || of_run.account.room() < found->room()) found = &of_run.account;
      }
      break;
  }
  if (found == nullptr) {
    if (scope.of == Of::run) untouched.cap = books.run_cap;
    if (scope.of == Of::day) untouched.cap = books.day_cap;
    found = &untouched;
  }
  BudgetState state = Books::state_of(scope, *found);
  state.waiting = books.waiting_at(*found);
  return state;
}

Budget::Overruns Budget::overruns() const {
  const std::lock_guard lock(books_->mutex);
  return books_->overruns;
}

}  // namespace assay
