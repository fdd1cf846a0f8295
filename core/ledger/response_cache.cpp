#include "core/ledger/response_cache.hpp"

#include <array>
#include <utility>

#include "core/text/error.hpp"

namespace assay {
namespace {

constexpr const char* kNote = "cache";
constexpr std::array<std::string_view, 3> kModes = {"off", "item", "shared"};

void tell(const std::vector<std::shared_ptr<EffectPort>>& ports,
          const std::shared_ptr<const ResponseCache::Answer>& answer, bool alone) {
  for (const auto& port : ports) {
    auto turn = std::make_unique<CacheTurn>();
    turn->answer = answer;
    turn->alone = alone;
    port->post(std::move(turn));
  }
}

}  // namespace

std::string_view to_text(CacheMode mode) { return kModes.at(static_cast<std::size_t>(mode)); }

CacheMode cache_mode_from_text(const std::string& text) {
  for (std::size_t i = 0; i < kModes.size(); ++i) {
    if (kModes.at(i) == text) return static_cast<CacheMode>(i);
  }
  throw Error("usage", "cache " + text + ": there is no such thing", {},
              "usage: cache [off | item | shared] | cache clear [QUERY]");
}

ResponseCache::ResponseCache(Store& store) : store_(store) {
  const std::string kept = store_.note(kNote);
  for (std::size_t i = 0; i < kModes.size(); ++i) {
    if (kModes.at(i) == kept) mode_ = static_cast<CacheMode>(i);
  }
}

void ResponseCache::set_mode(CacheMode mode) {
  store_.write({PutNote{kNote, std::string(to_text(mode))}});
  mode_ = mode;
}

std::uint64_t ResponseCache::clear() {
  store_.flush();
  const std::uint64_t before = store_.kept_figures().entries;
  ClearAnswers change;
  change.all = true;
  store_.write({std::move(change)});
  return before - store_.kept_figures().entries;
}

std::uint64_t ResponseCache::clear(const std::vector<RunId>& runs) {
  store_.flush();
  const std::uint64_t before = store_.kept_figures().entries;
  ClearAnswers change;
  change.shared = mode() == CacheMode::shared;
  change.runs = runs;
  store_.write({std::move(change)});
  const std::uint64_t after = store_.kept_figures().entries;
  return before > after ? before - after : 0;  // runs in flight may have added some
}

ResponseCache::Found ResponseCache::ask(const Hash128& request, const std::shared_ptr<EffectPort>& port) {
  const bool shared = mode() == CacheMode::shared;
  std::string place = to_bytes(request);
  if (!shared) place += std::to_string(port->origin().run) + ' ' + std::string(port->key());
  {
    const std::lock_guard lock(mutex_);
    const auto [twins, first] = under_way_.try_emplace(place);
    if (!first) {
      if (!twins->second.answer) twins->second.waiting.push_back(port);
      return {twins->second.answer, std::nullopt};
    }
  }
  Found found;
  Claim claim(*this, std::move(place));
  if (auto kept = store_.find_answer(request, port->origin().run, port->key(), shared)) {
    Answer answer{std::move(kept->reply), std::move(kept->model), std::move(kept->run), kept->cost};
    found.answer = std::make_shared<const Answer>(answer);
    claim.answered(std::move(answer));
    return found;
  }
  found.claim.emplace(std::move(claim));
  return found;
}

ResponseCache::Claim& ResponseCache::Claim::operator=(Claim&& other) noexcept {
  if (this != &other) {
    release();
    cache_ = std::exchange(other.cache_, nullptr);
    place_ = std::move(other.place_);
  }
  return *this;
}

void ResponseCache::Claim::answered(Answer answer) {
  if (cache_ == nullptr) return;
  const auto given = std::make_shared<const Answer>(std::move(answer));
  std::vector<std::shared_ptr<EffectPort>> waiting;
  {
    const std::lock_guard lock(cache_->mutex_);
    Twins& twins = cache_->under_way_[place_];
    twins.answer = given;
    waiting.swap(twins.waiting);
  }
  tell(waiting, given, false);
}

void ResponseCache::Claim::unfit() {
  if (ResponseCache* cache = std::exchange(cache_, nullptr)) cache->finish(place_, true);
}

void ResponseCache::Claim::release() {
  if (ResponseCache* cache = std::exchange(cache_, nullptr)) cache->finish(place_, false);
}

void ResponseCache::finish(const std::string& place, bool alone) {
  std::vector<std::shared_ptr<EffectPort>> waiting;
  {
    const std::lock_guard lock(mutex_);
    const auto twins = under_way_.find(place);
    if (twins == under_way_.end()) return;
    waiting.swap(twins->second.waiting);
    under_way_.erase(twins);
  }
  tell(waiting, nullptr, alone);
}

}  // namespace assay
