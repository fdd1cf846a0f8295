#include "runners/process/program_pool.hpp"

#include <utility>

namespace assay {

ProgramPool::ProgramPool(ProgramHost& host, std::string name, std::function<ChildCommand()> command, std::size_t most)
    : host_(host), name_(std::move(name)), command_(std::move(command)), most_(most) {}

ProgramPool::~ProgramPool() {
  for (const auto& program : idle_) {
    program->listen({});
    program->retire();
  }
}

/// One who waits is woken for each place; who leaves without taking one, or sees another free, wakes the next.
void ProgramPool::wake_next(std::unique_lock<std::mutex> lock) {
  if (waiting_.empty() || lent_ >= most_) return;
  const std::function<void()> wake = waiting_.begin()->second;
  lock.unlock();
  wake();
}

void ProgramPool::wait_for_place(OutsideStep& step, const std::function<void()>& wake) {
  std::uint64_t number = 0;
  const auto take_place = [&] {
    std::unique_lock lock(mutex_);
    if (most_ != 0 && lent_ >= most_) {
      if (number == 0) waiting_.emplace(number = ++last_waiting_, wake);
      return false;
    }
    ++lent_;
    if (number != 0) {
      waiting_.erase(number);
      wake_next(std::move(lock));
    }
    return true;
  };
  try {
    step.wait_until("a process of its program: " + name_, take_place, SteadyTime::max());
  } catch (...) {
    std::unique_lock lock(mutex_);
    waiting_.erase(number);
    wake_next(std::move(lock));
    throw;
  }
}

ProgramPool::Lease ProgramPool::take(OutsideStep& step) {
  const std::function<void()> wake = step.waker();
  wait_for_place(step, wake);
  try {
    std::unique_ptr<HostedProgram> program;
    while (true) {
      {
        const std::lock_guard lock(mutex_);
        if (idle_.empty()) break;
        program = std::move(idle_.back());
        idle_.pop_back();
      }
      if (!program->has_news()) break;  // it has ended meanwhile, or said what nobody had asked
      program.reset();
    }
    const bool used = program != nullptr;
    if (!used) program = host_.start(command_());
    program->listen(wake);
    return {*this, std::move(program), used};
  } catch (...) {
    free_place();
    throw;
  }
}

void ProgramPool::free_place() {
  std::unique_lock lock(mutex_);
  --lent_;
  wake_next(std::move(lock));
}

ProgramPool::Lease::~Lease() {
  if (!program_) return;
  program_.reset();
  pool_->free_place();
}

void ProgramPool::Lease::give_back() {
  program_->listen({});
  if (program_->has_news()) {
    program_.reset();
  } else {
    const std::lock_guard lock(pool_->mutex_);
    pool_->idle_.push_back(std::move(program_));
  }
  pool_->free_place();
}

}  // namespace assay
