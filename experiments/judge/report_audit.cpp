#include <algorithm>
#include <cmath>
#include <set>

#include "core/statistics/agreement.hpp"
#include "core/statistics/paired.hpp"
#include "core/statistics/proportion.hpp"
#include "core/text/words.hpp"
#include "experiments/judge/report_tables.hpp"

namespace assay {
namespace {

struct Family {
  std::string_view stem, family;
};
/// How models' names begin, wherever a word of the name begins.
constexpr Family kFamilies[] = {
    {"gpt", "openai"},        {"chatgpt", "openai"},
    {"davinci", "openai"},    {"text-davinci", "openai"},
    {"o1", "openai"},         {"o3", "openai"},
    {"o4", "openai"},         {"openai", "openai"},
    {"claude", "anthropic"},  {"anthropic", "anthropic"},
    {"gemini", "google"},     {"gemma", "google"},
    {"palm", "google"},       {"google", "google"},
    {"llama", "meta"},        {"meta", "meta"},
    {"mistral", "mistral"},   {"mixtral", "mistral"},
    {"ministral", "mistral"}, {"magistral", "mistral"},
    {"qwen", "qwen"},         {"qwq", "qwen"},
    {"deepseek", "deepseek"}, {"phi", "microsoft"},
    {"command", "cohere"},    {"cohere", "cohere"},
    {"grok", "xai"},          {"falcon", "tii"},
    {"nemotron", "nvidia"},   {"glm", "zhipu"},
    {"kimi", "moonshot"},     {"yi", "01.ai"},
};

bool is_letter(char c) { return c >= 'a' && c <= 'z'; }
bool is_word(char c) { return is_letter(c) || (c >= '0' && c <= '9'); }

/// Whether it came to what was laid down for it. Numbers: nearer to that than to the other end of the scale.
std::optional<bool> passed(const JudgedBatch& batch, const JudgedItem& probe, const Opinion& opinion) {
  if (probe.gold.label != kNoLabel) return opinion.label == probe.gold.label;
  const Scale scale = batch.has_numbers() ? judge_scale(batch.settings.scale) : std::nullopt;
  if (std::isnan(probe.gold.number) || !scale) return std::nullopt;
  const auto [lo, hi] = *scale;
  return std::fabs(opinion.value - probe.gold.number) < (hi - lo) / 2;
}

}  // namespace

std::string model_family(const std::string& model) {
  const std::string name = ascii_lower(model);
  for (std::size_t at = 0; at < name.size(); ++at) {
    if (at > 0 && is_word(name[at - 1])) continue;
    for (const auto& [stem, family] : kFamilies) {
      if (name.compare(at, stem.size(), stem) != 0) continue;
      // "phi-3" and "qwen2", but not "philosopher" or "metal".
      const std::size_t end = at + stem.size();
      if (end == name.size() || !is_letter(name[end])) return std::string(family);
    }
  }
  const auto slash = name.find('/');
  return slash == std::string::npos ? std::string() : name.substr(0, slash);
}

Json position_table(const JudgedBatch& batch) {
  if (!has_two_answers(batch.settings.mode)) return nullptr;
  Json table = Json::array();
  for (std::uint32_t judge = 0; judge < batch.judges.size(); ++judge) {
    std::uint64_t valid = 0, missing = 0, consistent = 0, first = 0, second = 0, mixed = 0;
    bool both_asked = false;
    std::vector<double> lean;
    std::vector<std::uint32_t> clusters;
    for (const auto& [item, opinion] : batch.votes(judge)) {
      both_asked = both_asked || (opinion->asked_ab && opinion->asked_ba);
      if (opinion->ab == kNoLabel || opinion->ba == kNoLabel) {
        ++missing;
        continue;
      }
      ++valid;
      double value = 0;
      if (opinion->ab == opinion->ba) {
        ++consistent;
      } else if (opinion->ab == kLabelA && opinion->ba == kLabelB) {
        ++first;
        value = 1;
      } else if (opinion->ab == kLabelB && opinion->ba == kLabelA) {
        ++second;
        value = -1;
      } else {
        ++mixed;
      }
      lean.push_back(value);
      clusters.push_back(item->cluster);
    }
    if (!both_asked) continue;
    const Figure bias = cluster_mean(lean, clusters).figure;
    const std::uint64_t inconsistent = valid - consistent;
    const auto share = [&](std::uint64_t k) {
      return valid == 0 ? Json() : Json(static_cast<double>(k) / static_cast<double>(valid));
    };
    table.push_back({{"judge", batch.judges[judge]},
                     {"valid", valid},
                     {"missing", missing},
                     {"consistent", consistent},
                     {"inconsistent", inconsistent},
                     {"rate", share(inconsistent)},
                     {"first", first},
                     {"second", second},
                     {"mixed", mixed},
                     {"bias", valid == 0 ? Json()
                                         : Json((static_cast<double>(first) - static_cast<double>(second)) /
                                                static_cast<double>(valid))},
                     {"p_value", valid == 0 ? Json() : Json(mcnemar_exact(first, second))},
                     {"low", std::isnan(bias.low) ? Json() : Json(std::fmax(bias.low, -1))},
                     {"high", std::isnan(bias.high) ? Json() : Json(std::fmin(bias.high, 1))}});
  }
  return table.empty() ? Json() : table;
}

Json self_consistency_table(const JudgedBatch& batch) {
  Json table = Json::array();
  for (std::uint32_t judge = 0; judge < batch.judges.size(); ++judge) {
    const JudgeTally& tally = batch.tallies[judge];
    if (tally.repeats.empty()) continue;
    std::size_t samples = 0;
    std::set<std::uint32_t> items;
    std::vector<double> shares;
    std::vector<std::uint32_t> clusters;
    for (std::size_t i = 0; i < tally.repeats.size(); ++i) {
      samples = std::max(samples, tally.repeats[i].size());
      const double share = percent_agreement(one_group({tally.repeats[i]})).value;
      if (std::isnan(share)) continue;
      shares.push_back(share);
      clusters.push_back(tally.repeat_clusters[i]);
      items.insert(tally.repeat_items[i]);
    }
    const Figure agreement = cluster_mean(shares, clusters).figure;
    const Figure kappa = fleiss_kappa(one_group(tally.repeats));
    Json row = {{"judge", batch.judges[judge]},
                {"items", items.size()},
                {"samples", samples},
                {"agreement", number(agreement.value)},
                {"kappa", number(kappa.value)},
                {"low", std::isnan(agreement.low) ? Json() : Json(std::fmax(agreement.low, 0))},
                {"high", std::isnan(agreement.high) ? Json() : Json(std::fmin(agreement.high, 1))}};
    if (std::isnan(kappa.value)) row["why"] = std::string(to_text(kappa.why));
    table.push_back(std::move(row));
  }
  return table.empty() ? Json() : table;
}

Json self_preference_table(const JudgedBatch& batch) {
  if (!has_two_answers(batch.settings.mode) || !batch.has_panel()) return nullptr;
  std::vector<std::string> judges, models;
  for (std::uint32_t i = 0; i < batch.judges.size(); ++i) judges.push_back(model_family(batch.judges[i]));
  for (std::uint32_t i = 0; i < batch.models.size(); ++i) models.push_back(model_family(batch.models[i]));
  Json table = Json::array();
  for (std::uint32_t judge = 0; judge < judges.size(); ++judge) {
    const std::string& family = judges[judge];
    if (family.empty()) continue;
    std::vector<double> differences;
    std::vector<std::uint32_t> clusters;
    double own_sum = 0, others_sum = 0;
    for (const auto& [item, opinion] : batch.votes(judge)) {
      const bool a = models[item->model_a] == family, b = models[item->model_b] == family;
      if (a == b || !opinion->given) continue;
      double sum = 0;
      std::size_t n = 0;
      for (const auto& [other, said] : item->judges) {
        if (other == judge || judges[other] == family || !said.given) continue;
        sum += a ? said.value : 1 - said.value;
        ++n;
      }
      if (n == 0) continue;
      const double own = a ? opinion->value : 1 - opinion->value, others = sum / static_cast<double>(n);
      own_sum += own;
      others_sum += others;
      differences.push_back(own - others);
      clusters.push_back(item->cluster);
    }
    if (differences.empty()) continue;
    const Figure difference = paired_interval(differences, clusters);
    const auto n = static_cast<double>(differences.size());
    table.push_back({{"judge", batch.judges[judge]},
                     {"family", family},
                     {"n", differences.size()},
                     {"own", own_sum / n},
                     {"others", others_sum / n},
                     {"difference", number(difference.value)},
                     {"low", number(difference.low)},
                     {"high", number(difference.high)}});
  }
  return table.empty() ? Json() : table;
}

Json probes_table(const JudgedBatch& batch) {
  struct Cell {
    std::uint64_t n = 0, passed = 0, missing = 0;
  };
  Json table = Json::array();
  for (std::uint32_t judge = 0; judge < batch.judges.size(); ++judge) {
    std::map<std::string, Cell> kinds;
    for (const JudgedItem& probe : batch.probes) {
      for (const auto& [number, opinion] : probe.judges) {
        if (number != judge) continue;
        Cell& cell = kinds[probe.probe];
        const std::optional<bool> good = opinion.given ? passed(batch, probe, opinion) : std::nullopt;
        ++(good ? cell.n : cell.missing);
        if (good.value_or(false)) ++cell.passed;
      }
    }
    for (const auto& [kind, cell] : kinds) {
      const Figure rate = wilson(cell.passed, cell.n);
      table.push_back({{"judge", batch.judges[judge]},
                       {"probe", kind},
                       {"n", cell.n},
                       {"passed", cell.passed},
                       {"missing", cell.missing},
                       {"rate", number(rate.value)},
                       {"low", number(rate.low)},
                       {"high", number(rate.high)}});
    }
  }
  return table.empty() ? Json() : table;
}

}  // namespace assay
