#pragma once
// A Step whose runner may wait for something of its own: a program it talks to. What comes of that is neither recorded
// nor served again, so it has to be the same whenever the step runs again. Those of the engine are such Steps.
//
// Thread rule: as Step; what waker gives: any thread.

#include <functional>
#include <stdexcept>
#include <string_view>

#include "core/model/step.hpp"

namespace assay {

class OutsideStep : public Step {
 public:
  /// True when `ready` says so, which is asked on this thread, at first and after each call of the waker; false when
  /// `until` has come first. `what`: what is waited for, for people. Throws as get does.
  virtual bool wait_until(std::string_view what, const std::function<bool()>& ready, SteadyTime until) = 0;
  /// Makes wait_until ask again. May be called at any time, also when the run is over.
  virtual std::function<void()> waker() = 0;
};

/// The step as one. Throws std::logic_error where nothing but calls can be waited for.
inline OutsideStep& outside(Step& step) {
  auto* found = dynamic_cast<OutsideStep*>(&step);
  if (found == nullptr) throw std::logic_error("nothing but calls can be waited for in this step");
  return *found;
}

}  // namespace assay
