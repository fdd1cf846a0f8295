// What a step writes of its calls: sent, failed and to be tried again, ended, put into a file, given up.

#include <utility>

#include "core/engine/live_call.hpp"

namespace assay {

void LiveStep::record_sent(std::uint32_t index, EffectRecordSent sent) {
  Call& call = *calls_[index];
  const bool beside = sent.previous && sent.previous->kind == "hedge";  // a part of what is on its way
  if (control_->drain_requested() && !beside) {  // it may wait for the next session, but not at the cost of others
    if (call.stored && !call.between && sent.previous) record_failed_try(call, *sent.previous);
    give_up(call);
    call.parked = true;
    if (!any_on_its_way()) stop_here();
    return;
  }
  CallRecord& record = call.record;
  call.timer = sent.deadline;
  TryRecord next;
  next.number = record.last_try.number + 1;
  next.sent_at = parts_.clock.wall();
  std::vector<Change> changes;
  if (!call.stored) {
    record.last_try = next;
    record.reserved = sent.reserved;
    changes.emplace_back(SendCall{record, call.effect->request_text()});
    call.stored = true;
    parts_.counters.in_flight.fetch_add(1, std::memory_order_relaxed);
  } else {
    RetryCall retry;
    retry.call = record.id;
    retry.previous = sent.previous.value_or(record.last_try);
    retry.previous.number = record.last_try.number;
    retry.previous.sent_at = record.last_try.sent_at;
    retry.next = next;
    retry.reserved = sent.reserved;
    if (retry.previous.ambiguous) {
      record.possible += record.reserved;
      record.doubt = CallDoubt::ambiguous;
    }
    retry.possible = record.possible;
    retry.doubt = record.doubt;
    record.reserved = sent.reserved;
    record.last_try = next;
    const std::string waited =
        retry.previous.wait_ms > 0 ? " (waited " + std::to_string(retry.previous.wait_ms) + " ms)" : "";
    write_log(LogLevel::info, "try " + std::to_string(next.number) + " of the call at \"" + record.key + "\" after " +
                                  retry.previous.kind + (retry.previous.sub.empty() ? "" : "/" + retry.previous.sub) +
                                  ": " + retry.previous.message + waited);
    changes.emplace_back(std::move(retry));
  }
  if (call.transmission) call.transmission->close();
  call.between = false;
  call.transmission = std::make_shared<Transmission>();
  parts_.store.submit(std::move(changes), [transmission = call.transmission, transmit = std::move(sent.transmit),
                                           id = record.id, number = next.number] {
    const std::lock_guard lock(transmission->mutex);
    if (!transmission->allowed) return;
    transmission->sent = true;
    transmit(id, number);
  });
}

void LiveStep::record_failed_try(Call& call, const TryRecord& failed) {
  const CallRecord& record = call.record;
  if (call.transmission) call.transmission->close();
  call.transmission.reset();
  call.between = true;
  EndCall end;
  end.call = record.id;
  end.state = CallState::failed;
  end.last_try = failed;
  end.last_try.number = record.last_try.number;
  end.last_try.sent_at = record.last_try.sent_at;
  end.doubt = failed.ambiguous ? CallDoubt::ambiguous : record.doubt;
  end.possible = record.possible + (failed.ambiguous ? record.reserved : 0);
  call.possible_then = end.possible;
  parts_.store.submit({std::move(end)}, {});
}

void LiveStep::record_end(std::uint32_t index, EffectDone done) {
  Call& call = *calls_[index];
  CallRecord& record = call.record;
  record.state = done.state;
  const TryRecord sent = record.last_try;
  record.last_try = done.last_try;
  record.last_try.number = done.from_cache ? 0 : std::max<std::uint32_t>(sent.number, 1);
  record.last_try.sent_at = sent.sent_at;
  if (record.last_try.ended_at == 0) record.last_try.ended_at = parts_.clock.wall();
  if (done.from_cache) record.last_try.sent_at = record.last_try.ended_at;
  record.from_cache = done.from_cache;
  record.saved = done.saved;
  if (!done.note.empty()) write_log(LogLevel::info, "the call at \"" + record.key + "\" " + done.note);
  record.usage = done.usage;
  record.cost = done.cost;
  record.possible += done.possible;
  record.priced = done.priced;
  if (done.doubt != CallDoubt::none) record.doubt = done.doubt;
  if (!done.model.empty()) record.model = done.model;
  call.reply = std::move(done.reply);
  call.timer.reset();
  call.committing = true;
  if (call.transmission) call.transmission->close();

  std::vector<Change> changes;
  if (!call.stored) {  // refused, or answered, before anything was sent: recorded all the same
    SendCall row{record, call.effect->request_text()};
    row.call.state = CallState::sent;  // EndCall, in the same commit, brings the rest
    changes.emplace_back(std::move(row));
    call.stored = true;
  } else {
    parts_.counters.in_flight.fetch_sub(1, std::memory_order_relaxed);
  }
  (record.state == CallState::answered ? parts_.counters.answered : parts_.counters.failed)
      .fetch_add(1, std::memory_order_relaxed);
  parts_.counters.tokens_in.fetch_add(static_cast<std::uint64_t>(record.usage.in.value_or(0)),
                                      std::memory_order_relaxed);
  parts_.counters.tokens_out.fetch_add(static_cast<std::uint64_t>(record.usage.out.value_or(0)),
                                       std::memory_order_relaxed);
  EndCall end;
  end.call = record.id;
  end.state = record.state;
  end.doubt = record.doubt;
  end.last_try = record.last_try;
  end.usage = record.usage;
  end.cost = record.cost;
  end.possible = record.possible;
  end.priced = record.priced;
  end.reply = call.reply;
  end.model = std::move(done.model);
  end.from_cache = done.from_cache;
  end.saved = done.saved;
  end.keep_answer = done.keep_answer;
  changes.emplace_back(std::move(end));
  ledger_.put(record);
  parts_.store.submit(std::move(changes),
                      [mailbox = mailbox_, index, epoch = epoch_] { mailbox->post({index, epoch, nullptr}); });
}

void LiveStep::record_in_file(std::uint32_t index, const EffectInFile& filed) {
  Call& call = *calls_[index];
  CallRecord& record = call.record;
  record.state = CallState::in_file;
  record.lane = std::string(kFileLane) + filed.file;
  record.last_try.number = 1;
  record.last_try.sent_at = parts_.clock.wall();
  record.reserved = record.possible = filed.possible;
  record.priced = filed.priced;
  call.timer.reset();
  call.in_file = call.stored = call.committing = true;
  ledger_.put(record);
  parts_.store.submit({SendCall{record, call.effect->request_text()}},
                      [mailbox = mailbox_, index, epoch = epoch_] { mailbox->post({index, epoch, nullptr}); });
}

void LiveStep::give_up(Call& call) {
  const bool sent = call.transmission && call.transmission->close();
  call.effect->abandon();
  if (!call.stored) return;
  parts_.counters.in_flight.fetch_sub(1, std::memory_order_relaxed);
  CallRecord& record = call.record;
  if (call.between) {  // its failed try is recorded
    record.state = CallState::failed;
    record.possible = call.possible_then;
    ledger_.put(record);
    return;
  }
  EndCall end;
  end.call = record.id;
  end.state = CallState::failed;
  end.last_try = record.last_try;
  end.last_try.ended_at = parts_.clock.wall();
  end.last_try.kind = "cancelled";
  end.last_try.message = "interrupted in flight";
  end.last_try.ambiguous = sent;
  end.doubt = sent ? CallDoubt::ambiguous : record.doubt;
  end.possible = record.possible + (sent ? record.reserved : 0);
  record.state = end.state;
  record.doubt = end.doubt;
  record.possible = end.possible;
  record.last_try = end.last_try;
  ledger_.put(record);
  parts_.store.submit({std::move(end)}, {});
}

void LiveStep::give_up_all() {
  for (const auto& call : calls_) {
    if (!call->live()) continue;
    give_up(*call);
    call->done = true;
  }
}

}  // namespace assay
