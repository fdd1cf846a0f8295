// Runs that wait for others of their batch (Next::wait): who has which board, who waits in which job, who is called
// again. Nothing of it is stored: after a restart the runs are INCOMPLETE, and what they have done is on the disk.

#include <algorithm>

#include "core/engine/engine_impl.hpp"

namespace assay {

std::shared_ptr<PeerBoard> Engine::Impl::board_for(const std::shared_ptr<Job>& job, BatchId batch) {
  std::shared_ptr<PeerBoard> board;
  {
    const std::lock_guard lock(mutex);
    join_board(*job, batch, true);
    board = job->boards.at(batch);
  }
  board->load(parts.store);
  return board;
}

void Engine::Impl::join_board(Job& job, BatchId batch, bool make) {
  if (job.boards.contains(batch)) return;
  const auto used = boards.find(batch);
  std::shared_ptr<PeerBoard> board = used == boards.end() ? nullptr : used->second.lock();
  const bool known = board != nullptr;
  if (!known && !make) return;
  if (!known) {
    board = std::make_shared<PeerBoard>(parts.table, batch);
    std::erase_if(boards, [](const auto& other) { return other.second.expired(); });
    boards[batch] = board;
  }
  job.boards[batch] = board;
  const RunTable::Reader table = parts.table.read();
  const BatchInfo& info = table.batch(batch);
  const auto take = [&](RunId run, JobType type) {
    if (type == JobType::evaluate) return;
    const RunRow& row = table.row(run);
    const bool begun = row.in_flight || row.waits || (type == JobType::execute && row.status == Status::incomplete);
    board->claim(run, !begun);
  };
  if (known) {  // the others are on it already
    for (const RunId run : job.queue) {
      if (const auto found = claimed.find(run); found != claimed.end() && board->has(run)) take(run, found->second);
    }
    return;
  }
  for (RunId run = info.first; run < info.first + info.count; ++run) {
    if (const auto found = claimed.find(run); found != claimed.end()) take(run, found->second);
  }
  for (const auto& open : open_jobs) {
    for (const RunId run : open->held) {
      if (board->has(run)) take(run, open->facts.type);
    }
  }
}

std::shared_ptr<PeerBoard> Engine::Impl::board_with(RunId run) const {
  for (const auto& [batch, held] : boards) {
    if (auto board = held.lock(); board && board->has(run)) return board;
  }
  return nullptr;
}

void Engine::Impl::published(RunId run, std::uint32_t attempt, const std::vector<LiveStep::Published>& news) {
  {
    const std::lock_guard lock(mutex);
    show(run, attempt, news);
  }
  kick_woken();
}

void Engine::Impl::show(RunId run, std::uint32_t attempt, const std::vector<LiveStep::Published>& news) {
  if (news.empty()) return;
  const std::shared_ptr<PeerBoard> board = board_with(run);
  if (!board) return;  // whoever looks at others later reads it from the store
  for (const LiveStep::Published& one : news) follow(*board, board->publish(run, attempt, one.name, one.value));
}

void Engine::Impl::unclaim(RunId run, bool ended_for_good) {
  claimed.erase(run);
  if (const auto board = board_with(run)) follow(*board, board->release(run, ended_for_good));
}

void Engine::Impl::follow(PeerBoard& board, const std::vector<PeerBoard::Woken>& woken) {
  wake(woken);
  for (const Milestone reached : board.take_reached()) {
    if (parts.on_milestone) parts.on_milestone(board.batch(), reached);
  }
}

void Engine::Impl::wake(const std::vector<PeerBoard::Woken>& woken) {
  for (const PeerBoard::Woken& one : woken) {
    const auto found = waiting.find(one.run);
    if (found == waiting.end()) continue;
    Waiting waited = std::move(found->second);
    waiting.erase(found);
    waited.turn.waited->last_call = one.last_call;
    waited.job->woken.push_back(std::move(waited.turn));
    woke = true;
  }
}

bool Engine::Impl::park(const std::shared_ptr<Job>& job, Settled& settled) {
  const RunId run = settled.end.run;
  const bool stopped = job->stop || job->drain || job->facts.state == JobFacts::State::cancelled;
  const std::shared_ptr<PeerBoard> board = board_with(run);
  if (stopped || stop_before_start.contains(run) || !board) return false;
  waiting[run] = {job, std::move(settled.turn)};
  ++job->facts.waiting_peers;
  follow(*board, board->park(run, std::move(*settled.waits)));
  return true;
}

std::shared_ptr<Engine::Impl::Job> Engine::Impl::waits_in(RunId run) const {
  if (const auto found = waiting.find(run); found != waiting.end()) return found->second.job;
  for (const auto& job : open_jobs) {
    const auto is = [run](const Turn& one) { return one.run == run; };
    if (std::any_of(job->woken.begin(), job->woken.end(), is)) return job;
  }
  return nullptr;
}

void Engine::Impl::forget_wait(RunId run) {
  if (waiting.erase(run) > 0) {
    if (const auto board = board_with(run)) board->unpark(run);
    return;
  }
  for (const auto& job : open_jobs) std::erase_if(job->woken, [run](const Turn& one) { return one.run == run; });
}

void Engine::Impl::interrupt(Job& job, RunId run) {
  --job.facts.waiting_peers;
  ++job.facts.incomplete;
  interrupted.push_back(run);
  unclaim(run, false);
}

void Engine::Impl::show_interrupted() {
  std::vector<RunId> runs;
  {
    const std::lock_guard lock(mutex);
    runs.swap(interrupted);
  }
  for (const RunId run : runs) {
    parts.table.update(run, [](RunRow& row) { row.waits = false; });
  }
}

void Engine::Impl::kick_woken() {
  {
    const std::lock_guard lock(mutex);
    if (!std::exchange(woke, false)) return;
  }
  pool.kick();
}

}  // namespace assay
