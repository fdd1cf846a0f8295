#include "experiments/peer_prediction/free_critic.hpp"

#include <algorithm>

namespace assay {

FreeCritic::FreeCritic(const PeerSettings& settings)
    : settings_(settings),
      preset_(settings.critic == "preset" ? std::optional<PresetCritic>(settings.synthetic) : std::nullopt) {}

const FreeCritic::Text* FreeCritic::text(std::string_view text) {
  const Hash128 hash = xxh3_128(text);
  const std::lock_guard lock(mutex_);
  auto& known = texts_[hash];
  if (!known) {
    auto made = std::make_unique<Text>();
    if (preset_) {
      made->value = preset_->value(text);
    } else {
      for (const std::string& word : keyword_words(text)) {
        made->words.push_back(words_.emplace(word, static_cast<std::uint32_t>(words_.size())).first->second);
      }
      std::sort(made->words.begin(), made->words.end());
    }
    known = std::move(made);
  }
  return known.get();
}

double FreeCritic::compare(std::size_t i, std::size_t j, const Text& x, const Text& y) const {
  if (preset_) return x.value && y.value ? preset_->compare_values(i, j, *x.value, *y.value) : kUndefined;
  if (settings_.agents.at(j).null_agent) return settings_.critic == "keyword_seed" ? 1 : 0;
  if (settings_.agents.at(i).null_agent) return 0;
  std::size_t common = 0;
  for (auto a = x.words.begin(), b = y.words.begin(); a != x.words.end() && b != y.words.end();) {
    if (*a < *b) {
      ++a;
    } else if (*b < *a) {
      ++b;
    } else {
      ++common, ++a, ++b;
    }
  }
  return keyword_rule(common, x.words.size(), y.words.size());
}

std::variant<std::shared_ptr<const CountedTexts::Table>, std::size_t> CountedTexts::count(const Peers& peers) {
  const std::lock_guard lock(mutex_);
  if (awaited_ && *awaited_ < peers.size() && peers.may_come(*awaited_)) return *awaited_;
  awaited_.reset();
  const bool current = table_ && table_->version == peers.version();
  if (current) {
    for (const std::size_t absent : table_->absent) {
      if (absent < peers.size() && peers.may_come(absent)) return absent;
    }
    return table_;
  }
  awaited_ = last_to_come(peers);
  if (awaited_) return *awaited_;
  table_ = make(peers);
  return table_;
}

std::shared_ptr<const CountedTexts::Table> CountedTexts::make(const Peers& peers) const {
  auto table = std::make_shared<Table>();
  table->version = peers.version();
  table->missing.assign(agents_, 0);
  std::vector<std::map<const FreeCritic::Text*, std::size_t>> places(agents_);
  table->texts.resize(agents_);
  for (std::size_t peer = 0; peer < peers.size(); ++peer) {
    const auto published = peers.value(peer);
    if (!published) {
      table->absent.push_back(peer);
      continue;
    }
    ++table->tasks;
    for (std::size_t agent = 0; agent < agents_; ++agent) {
      const auto response = response_in(*published, agent);
      if (!response) {
        ++table->missing[agent];
        continue;
      }
      const FreeCritic::Text* text = critic_.text(*response);
      const auto [place, fresh] = places[agent].emplace(text, table->texts[agent].size());
      if (fresh) table->texts[agent].emplace_back(text, 0);
      ++table->texts[agent][place->second].second;
    }
  }
  return table;
}

std::optional<std::size_t> last_to_come(const Peers& peers) {
  for (std::size_t peer = peers.size(); peer-- > 0;) {
    if (peer != peers.self() && peers.may_come(peer)) return peer;
  }
  return std::nullopt;
}

std::optional<std::string_view> response_in(const Json& published, std::size_t agent) {
  const auto responses = published.find("responses");
  if (responses == published.end() || !responses->is_array() || agent >= responses->size()) return std::nullopt;
  const Json& response = (*responses)[agent];
  if (!response.is_string()) return std::nullopt;
  return std::string_view(response.get_ref<const std::string&>());
}

}  // namespace assay
