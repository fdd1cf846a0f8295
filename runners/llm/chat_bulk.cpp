// A call that goes into a file instead of being sent (models.md 7).

#include "runners/llm/batch_line.hpp"
#include "runners/llm/chat_effect.hpp"

namespace assay {

/// What it may cost in the batch lane, rounded up.
void ChatEffect::take_batch_price() {
  if (!entry_->price) return;
  __extension__ using Wide = __int128;
  const Wide scaled = static_cast<Wide>(reserved_) * entry_->price->batch_millionths + 999'999;
  reserved_ = static_cast<Pico>(scaled / 1'000'000);
}

/// Its money is there: takes its place in a file. What it may cost counts as possibly spent from now on.
EffectAction ChatEffect::put_in_file(SteadyTime now) {
  if (!fits_batch_file(*entry_)) {  // refused at the start of the job; a model that came in later
    CallError error = make_error(ErrorKind::bad_request, "", entry_->name + " can't be asked by a bulk file");
    error.held = error.message;
    return give_up(std::move(error), "", now);
  }
  const auto file = port_->files()->assign({entry_.get(), entry_->name, [this] { return dump_json(to_json(*entry_)); }},
                                           prepared_.body_size);
  if (!file) return give_up(make_error(ErrorKind::cancelled, "", "its job has ended"), "", now);
  money_.settle(0, reserved_);
  claim_.release();
  state_ = State::done;
  return EffectInFile{*file, reserved_, entry_->price.has_value()};
}

}  // namespace assay
