#include "core/ledger/attempt_ledger.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace assay {

void AttemptLedger::load(Store& store) { calls_ = store.calls(run_, attempt_); }

void AttemptLedger::load_earlier(Store& store, std::uint32_t attempt) {
  const std::vector<StoredStep> steps = store.steps(run_, attempt);
  const std::uint32_t completed = steps.empty() ? 0 : steps.back().number;
  std::vector<CallRecord> older;
  for (CallRecord& call : store.calls(run_, attempt)) {
    const bool decided = call.state == CallState::failed && call.step <= completed;
    if (call.state == CallState::answered || decided) older.push_back(std::move(call));
  }
  earlier_.insert(earlier_.begin(), std::make_move_iterator(older.begin()), std::make_move_iterator(older.end()));
}

const CallRecord* AttemptLedger::earlier(std::uint32_t step, std::string_view key, const Hash128& hash) const {
  const auto found = std::find_if(earlier_.rbegin(), earlier_.rend(), [&](const CallRecord& call) {
    return call.step == step && call.key == key && call.request_hash == hash;
  });
  return found == earlier_.rend() ? nullptr : &*found;
}

const CallRecord* AttemptLedger::earlier_other(std::uint32_t step, std::string_view key, const Hash128& hash) const {
  const auto found = std::find_if(earlier_.rbegin(), earlier_.rend(), [&](const CallRecord& call) {
    return call.step == step && call.key == key && call.state == CallState::answered && !(call.request_hash == hash);
  });
  return found == earlier_.rend() ? nullptr : &*found;
}

AttemptLedger::Lookup AttemptLedger::find(std::uint32_t step, std::string_view key, const Hash128& hash) const {
  Lookup found;
  for (const CallRecord& call : calls_) {
    if (call.step != step || call.key != key) continue;
    found.next_number = std::max(found.next_number, call.number + 1);
    if (call.state == CallState::answered || call.state == CallState::refused) {
      if (call.request_hash == hash) {
        found.recorded = &call;  // the newest of equal requests: records are in order of number
      } else {
        found.differs = &call;
      }
    } else if (call.state == CallState::in_file) {
      (call.request_hash == hash ? found.in_file : found.differs) = &call;
    } else if (call.state == CallState::sent || call.doubt == CallDoubt::damaged) {
      found.in_doubt = &call;
    } else if (call.request_hash == hash) {
      found.failed = &call;
    }
  }
  return found;
}

void AttemptLedger::put(const CallRecord& call) {
  const auto same = std::find_if(calls_.begin(), calls_.end(), [&](const CallRecord& c) { return c.id == call.id; });
  if (same == calls_.end()) {
    calls_.push_back(call);
  } else {
    *same = call;
  }
}

UsageSum AttemptLedger::usage() const {
  UsageSum sum;
  for (const CallRecord& call : calls_) {
    ++sum.calls;
    sum.in += call.usage.in.value_or(0);
    sum.cached += call.usage.cached.value_or(0);
    sum.out += call.usage.out.value_or(0);
    sum.reasoning += call.usage.reasoning.value_or(0);
    sum.cost += call.cost;
    sum.possible += call.possible;
  }
  return sum;
}

std::uint32_t AttemptLedger::count(std::uint32_t step) const {
  return static_cast<std::uint32_t>(std::count_if(calls_.begin(), calls_.end(), [&](const CallRecord& call) {
    return call.step == step && call.state != CallState::sent;
  }));
}

std::uint32_t AttemptLedger::places_before(std::uint32_t step) const {
  std::set<std::pair<std::uint32_t, std::string_view>> places;
  for (const CallRecord& call : calls_) {
    if (call.step < step) places.emplace(call.step, call.key);
  }
  return static_cast<std::uint32_t>(places.size());
}

std::uint32_t AttemptLedger::recorded_answers(std::uint32_t step) const {
  return static_cast<std::uint32_t>(std::count_if(calls_.begin(), calls_.end(), [&](const CallRecord& call) {
    return call.step == step && call.state == CallState::answered;
  }));
}

}  // namespace assay
