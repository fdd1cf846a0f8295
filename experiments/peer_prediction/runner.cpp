#include "experiments/peer_prediction/runner.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <optional>

#include "core/text/words.hpp"
#include "experiments/peer_prediction/asking.hpp"
#include "experiments/peer_prediction/comparing.hpp"
#include "experiments/peer_prediction/critics.hpp"
#include "experiments/peer_prediction/free_critic.hpp"
#include "experiments/peer_prediction/logprobs.hpp"
#include "experiments/peer_prediction/pairing.hpp"
#include "experiments/peer_prediction/record.hpp"
#include "experiments/qa/asking.hpp"

namespace assay {
namespace {

constexpr const char* kPublished = "responses";

using Texts = std::vector<std::optional<std::string>>;

std::string context_of(const Run& run) { return run.data.value("context", std::string()); }

Texts texts_in(const Json& object, const char* name, std::size_t n) {
  Texts texts(n);
  const auto list = object.find(name);
  if (list == object.end() || !list->is_array()) return texts;
  for (std::size_t i = 0; i < std::min(n, list->size()); ++i) {
    if ((*list)[i].is_string()) texts[i] = (*list)[i].get<std::string>();
  }
  return texts;
}

Json to_json(const Texts& texts) {
  Json list = Json::array();
  for (const auto& text : texts) list.push_back(text ? Json(*text) : Json());
  return list;
}

std::string pair_key(std::size_t i, std::size_t j) { return std::to_string(i + 1) + "/" + std::to_string(j + 1); }

/// Sums over partners, n x n; as run.answer has them.
struct Sums {
  std::size_t n;
  std::vector<double> sum;
  std::vector<std::uint64_t> count, missing;
  explicit Sums(std::size_t agents) : n(agents), sum(n * n), count(n * n), missing(n * n) {}
  void add(std::size_t i, std::size_t j, double result, std::uint32_t times) {
    const std::size_t cell = i * n + j;
    (std::isnan(result) ? missing : count)[cell] += times;
    if (!std::isnan(result)) sum[cell] += result * times;
  }
  template <typename Number>
  Json rows(const std::vector<Number>& cells) const {
    Json all = Json::array();
    for (auto row = cells.begin(); row != cells.end(); row += static_cast<std::ptrdiff_t>(n))
      all.push_back(std::vector<Number>(row, row + static_cast<std::ptrdiff_t>(n)));
    return all;
  }
  Json take() const { return Json{{"sum", rows(sum)}, {"count", rows(count)}, {"missing", rows(missing)}}; }
};

class PeerRunner final : public Runner {
 public:
  PeerRunner(ChatClient& client, PeerSettings settings, PeerTools tools)
      : client_(client),
        settings_(std::move(settings)),
        tools_(std::move(tools)),
        critic_(settings_),
        counted_(critic_, settings_.n()) {
    if (settings_.critic_models.empty()) settings_.critic_models.push_back(settings_.model);
    if (settings_.judge_model.empty()) settings_.judge_model = settings_.model;
    if (settings_.judge == "preset") preset_judge_.emplace(settings_.synthetic);
  }

  Next step(Run& run, Step& step) override {
    const std::string phase = run.state.is_object() ? run.state.value("phase", "responses") : "responses";
    if (phase == "responses") {
      respond(run, step);
    } else if (phase == "pairing") {
      if (!pair(run, step)) return Next::wait;
    } else if (phase == "comparisons") {
      compare(run, step);
    } else {
      judge(run, step);
    }
    return after(phase, run);
  }

  Score evaluate(Run& run, Step&) override {
    read_again(settings_, run);
    RunView view;
    view.run_id = run.id;
    view.status = Status::complete;
    view.data = run.data;
    view.answer = run.answer;
    return peer_score(peer_task(settings_, view));
  }

  std::optional<std::uint64_t> planned_calls(const Run& run) const override {
    const std::uint64_t n = settings_.n(), pairs = n * (n - 1);
    std::uint64_t calls = 0;
    if (!run.data.contains("responses")) {
      for (std::size_t i = 0; i < n; ++i) calls += (asks_agent(i) ? 1U : 0U) + (asks_reading(i) ? 1U : 0U);
    }
    if (asks_critic()) calls += settings_.critic_models.size() * pairs * (1 + partners_per_task());
    if (wants_logprobs()) calls += n + pairs;
    if (asks_judge()) calls += pairs * ((settings_.judge_with ? 1U : 0U) + (settings_.judge_without ? 1U : 0U));
    return calls;
  }

 private:
  bool synthetic() const { return settings_.exp_type == "synthetic"; }
  bool compares() const { return settings_.tvd_mi && settings_.critic != "none"; }
  bool asks_critic() const { return compares() && !settings_.free_critic(); }
  bool asks_judge() const { return settings_.judge == "llm"; }
  bool wants_logprobs() const { return settings_.mi || settings_.gppm; }
  bool asks_agent(std::size_t i) const {
    return !synthetic() && !settings_.agents[i].reference && settings_.agents[i].strategy;
  }
  bool asks_reading(std::size_t i) const {
    return asks_agent(i) && settings_.agents[i].reading && settings_.reading != "ignore";
  }
  std::uint64_t partners_per_task() const {
    if (tools_.tasks == 1) return 0;
    if (settings_.pairing == "all") return std::max<std::uint64_t>(tools_.tasks, 1);
    if (settings_.pairing == "all_other") return std::max<std::uint64_t>(tools_.tasks, 2) - 1;
    return 1;
  }
  const ModelHandle& model(const std::string& name) const {
    const auto found = tools_.models.find(name.empty() ? settings_.model : name);
    if (found == tools_.models.end() || !found->second)
      throw RunFailure("no_model", "this runner was made to evaluate: it has no model");
    return found->second;
  }
  static const PromptFile& prompt(const std::shared_ptr<const PromptFile>& file) {
    if (!file) throw RunFailure("no_prompt", "this runner was made to evaluate: it has no prompts");
    return *file;
  }
  template <typename Visit>
  void each_pair(Visit visit) const {
    for (std::size_t i = 0; i < settings_.n(); ++i) {
      for (std::size_t j = 0; j < settings_.n(); ++j) {
        if (i != j) visit(i, j);
      }
    }
  }

  /// What comes after this phase, which has been done.
  Next after(const std::string& phase, Run& run) const {
    std::vector<std::pair<std::string, bool>> phases = {{"responses", true},
                                                        {"pairing", compares()},
                                                        {"comparisons", asks_critic() || wants_logprobs()},
                                                        {"judgements", asks_judge()}};
    auto next = std::find_if(phases.begin(), phases.end(), [&](const auto& one) { return one.first == phase; });
    next = std::find_if(next + 1, phases.end(), [](const auto& one) { return one.second; });
    if (next == phases.end() || next->first == "judgements") {
      // What the comparisons needed of others is in the answer now.
      run.state = nullptr;
    }
    if (next == phases.end()) return Next::done;
    if (!run.state.is_object()) run.state = Json::object();
    run.state["phase"] = next->first;
    return Next::again;
  }

  void respond(Run& run, Step& step) {
    Texts responses(settings_.n()), preparations(settings_.n());
    std::vector<std::optional<std::string>> errors(settings_.n());
    if (run.data.contains("responses")) {
      responses = texts_in(run.data, "responses", settings_.n());
      preparations = texts_in(run.data, "preparations", settings_.n());
    } else if (synthetic()) {
      responses = synthetic_responses(run);
    } else {
      ask_agents(run, step, responses, preparations, errors);
    }
    if (std::none_of(responses.begin(), responses.end(), [](const auto& text) { return text.has_value(); })) {
      const auto first =
          std::find_if(errors.begin(), errors.end(), [](const auto& error) { return error.has_value(); });
      throw RunFailure("no_response",
                       "no agent has answered" + (first == errors.end() ? std::string() : ": " + **first));
    }
    run.answer = Json{{"responses", to_json(responses)}, {"preparations", to_json(preparations)}};
    if (std::any_of(errors.begin(), errors.end(), [](const auto& error) { return error.has_value(); }))
      run.answer["response_errors"] = to_json(errors);
    const Texts compared = compared_texts(run);
    if (compares()) step.publish(kPublished, Json{{"responses", to_json(compared)}});
    if (settings_.free_judge()) judge_freely(run, compared);
  }

  Texts synthetic_responses(const Run& run) const {
    Texts responses(settings_.n());
    const auto values = run.data.find("values");
    const auto drawn = values != run.data.end() ? values->get<std::vector<std::size_t>>()
                                                : synthetic_values(settings_.synthetic, settings_.seed, run.id);
    for (std::size_t i = 0; i < std::min(responses.size(), drawn.size()); ++i) {
      if (drawn[i] < settings_.synthetic.texts.size()) responses[i] = settings_.synthetic.texts[drawn[i]];
    }
    return responses;
  }

  void ask_agents(Run& run, Step& step, Texts& responses, Texts& preparations, Texts& errors) {
    const std::string context = context_of(run);
    // An answer without any text is none.
    const auto keep = [&](Texts& texts, std::size_t i, const char* what) {
      return [&texts, &errors, i, what](const tl::expected<ChatReply, CallError>& reply) {
        if (!reply) {
          errors[i] = what + error_text(reply.error());
        } else if (trim(reply->text).empty()) {
          errors[i] = std::string(what) + "empty: the reply has no text";
        } else {
          texts[i] = reply->text;
        }
      };
    };
    AskAll calls(client_, step);
    const auto answer = [&](std::size_t i) {
      const PeerAgent& agent = settings_.agents[i];
      calls.ask(
          "response/" + std::to_string(i + 1), model(agent.model),
          agent_request(settings_, i, agent_prompt(settings_, *agent.strategy, preparations[i].value_or(context))),
          keep(responses, i, ""));
    };
    for (std::size_t i = 0; i < settings_.n(); ++i) {  // first, since others wait for them
      if (!asks_reading(i)) continue;
      const PeerAgent& agent = settings_.agents[i];
      calls.ask("reading/" + std::to_string(i + 1), model(agent.model),
                agent_request(settings_, i, agent_prompt(settings_, *agent.reading, context)),
                [&, i, kept = keep(preparations, i, "reading: ")](const tl::expected<ChatReply, CallError>& reply) {
                  kept(reply);
                  if (preparations[i]) answer(i);
                });
    }
    for (std::size_t i = 0; i < settings_.n(); ++i) {
      if (settings_.agents[i].reference) {
        const auto given = run.data.find("reference");
        if (given != run.data.end() && given->is_string()) responses[i] = given->get<std::string>();
      } else if (!settings_.agents[i].strategy) {
        responses[i] = settings_.null_response;
      } else if (!asks_reading(i)) {
        answer(i);
      }
    }
    calls.finish();
  }

  /// The responses as they are compared and judged.
  Texts compared_texts(const Run& run) const {
    Texts texts = texts_in(run.answer, "responses", settings_.n());
    const std::string context = context_of(run);
    for (auto& text : texts) {
      if (text) text = attacked(settings_.attack, *text, context);
    }
    return texts;
  }

  void judge_freely(Run& run, const Texts& texts) const {
    Json list = Json::array();
    for (const bool with : {true, false}) {
      if (!(with ? settings_.judge_with : settings_.judge_without)) continue;
      each_pair([&](std::size_t i, std::size_t j) {
        list.push_back(judgement_entry(i, j, with ? "with" : "without", "no_response"));
        if (!texts[i] || !texts[j]) return;
        set_result(list.back(),
                   preset_judge_ ? preset_judge_->judge(*texts[i], *texts[j]) : length_judge(*texts[i], *texts[j]));
      });
    }
    run.answer["judgements"] = std::move(list);
  }

  /// What q compares x_i with.
  struct Partner {
    std::size_t i, j, task;
    std::shared_ptr<const Json> published;  // null: it has ended without
  };

  /// False: it lacks what others have yet to publish.
  bool pair(Run& run, Step& step) {
    const auto peers = step.others(kPublished);
    const Texts texts = compared_texts(run);
    if (settings_.free_critic() && PartnerDraw::takes_all(settings_.pairing)) return sum_up(run, step, *peers, texts);
    const auto partners = partners_of(run, step, *peers, texts);
    if (!partners) return false;
    if (settings_.free_critic()) {
      compare_freely(run, *peers, texts, *partners);
      return true;
    }
    Json list = Json::array(), kept = Json::array();
    std::map<std::string_view, std::size_t> places;
    for (const Partner& partner : *partners) {
      const auto text = partner.published ? response_in(*partner.published, partner.j) : std::nullopt;
      Json place;
      if (text) {
        const auto [known, fresh] = places.emplace(*text, kept.size());
        if (fresh) kept.push_back(*text);
        place = known->second;
      }
      list.push_back({partner.i, partner.j, peers->id(partner.task), std::move(place)});
    }
    run.state["texts"] = std::move(kept);
    run.state["q"] = std::move(list);
    return true;
  }

  const PartnerDraw& pairing_of(std::size_t tasks) {
    const std::lock_guard lock(mutex_);
    auto& known = pairings_[tasks];
    if (!known) known = std::make_unique<PartnerDraw>(settings_.pairing, settings_.seed, tasks);
    return *known;
  }

  /// nullopt: some are still to come, and have been named to the step.
  std::optional<std::vector<Partner>> partners_of(const Run& run, Step& step, const Peers& peers, const Texts& texts) {
    if (PartnerDraw::takes_all(settings_.pairing)) {
      if (const auto awaited = last_to_come(peers)) {
        step.needs(kPublished, *awaited);
        return std::nullopt;
      }
    }
    const PartnerDraw& pairing = pairing_of(peers.size());
    std::vector<Partner> partners;
    bool ready = true;
    each_pair([&](std::size_t i, std::size_t j) {
      if (!texts[i]) return;  // nothing to compare
      const auto unusable = [&](std::size_t task) {
        const auto published = peers.value(task);
        return published ? !response_in(*published, j) : !peers.may_come(task);
      };
      for (const std::size_t task : pairing.partners(run.id, peers.self(), i, j, unusable)) {
        auto published = peers.value(task);
        if (!published && peers.may_come(task)) {
          ready = false;
          step.needs(kPublished, task);
        }
        // One that is not run at all is no partner of all others.
        if (!published && PartnerDraw::takes_all(settings_.pairing)) continue;
        partners.push_back({i, j, task, std::move(published)});
      }
    });
    return ready ? std::optional(std::move(partners)) : std::nullopt;
  }

  void compare_freely(Run& run, const Peers& peers, const Texts& texts, const std::vector<Partner>& partners) {
    const auto own = known_texts(texts);
    Json list = Json::array();
    auto partner = partners.begin();
    each_pair([&](std::size_t i, std::size_t j) {
      list.push_back(comparison_entry(i, j, "p", std::nullopt, "no_response"));
      if (own[i] != nullptr && own[j] != nullptr) set_result(list.back(), critic_.compare(i, j, *own[i], *own[j]));
      if (partner == partners.end() || partner->i != i || partner->j != j) {
        if (needs_partner(peers.size()))
          list.push_back(comparison_entry(i, j, "q", std::nullopt, without_partner(texts[i])));
        return;
      }
      for (; partner != partners.end() && partner->i == i && partner->j == j; ++partner) {
        list.push_back(comparison_entry(i, j, "q", peers.id(partner->task), "no_response"));
        const auto text = partner->published ? response_in(*partner->published, j) : std::nullopt;
        if (text && own[i] != nullptr) set_result(list.back(), critic_.compare(i, j, *own[i], *critic_.text(*text)));
      }
    });
    run.answer["comparisons"] = std::move(list);
  }

  /// A task without a partner lacks a comparison; under `product` it may well have none, and one alone has no q.
  bool needs_partner(std::uint64_t tasks) const { return tasks != 1 && settings_.pairing != "product"; }
  static const char* without_partner(const std::optional<std::string>& x) { return x ? "no_partner" : "no_response"; }

  std::vector<const FreeCritic::Text*> known_texts(const Texts& texts) {
    std::vector<const FreeCritic::Text*> known;
    for (const auto& text : texts) known.push_back(text ? critic_.text(*text) : nullptr);
    return known;
  }

  /// all and all_other without a call: each text of the batch once, times the tasks that have it.
  bool sum_up(Run& run, Step& step, const Peers& peers, const Texts& texts) {
    const auto counted = counted_.count(peers);
    if (const auto* awaited = std::get_if<std::size_t>(&counted)) {
      step.needs(kPublished, *awaited);
      return false;
    }
    const CountedTexts::Table& table = *std::get<0>(counted);
    const auto own = known_texts(texts);
    const bool without_self = settings_.pairing == "all_other";
    Sums p(settings_.n()), q(settings_.n());
    each_pair([&](std::size_t i, std::size_t j) {
      p.add(i, j, own[i] != nullptr && own[j] != nullptr ? critic_.compare(i, j, *own[i], *own[j]) : kUndefined, 1);
      if (table.tasks < 2) return;
      const std::uint32_t self = without_self ? 1 : 0;
      if (own[i] == nullptr) {
        q.add(i, j, kUndefined, table.tasks - self);
        return;
      }
      q.add(i, j, kUndefined, table.missing[j] - (own[j] == nullptr ? self : 0));
      for (const auto& [text, times] : table.texts[j]) {
        const std::uint32_t others = times - (text == own[j] ? self : 0);
        if (others > 0) q.add(i, j, critic_.compare(i, j, *own[i], *text), others);
      }
    });
    run.answer["sums"] = Json{{"p", p.take()}, {"q", q.take()}};
    return true;
  }

  void compare(Run& run, Step& step) {
    const Texts texts = compared_texts(run);
    AskAll calls(client_, step);
    std::vector<Json> entries;
    if (asks_critic()) ask_critics(run, step, texts, calls, entries);
    PeerLogprobs logprobs(settings_, texts);
    if (wants_logprobs()) logprobs.ask(calls, model(settings_.model));
    calls.finish();
    if (asks_critic()) run.answer["comparisons"] = std::move(entries);
    if (wants_logprobs()) run.answer["logp"] = logprobs.take();
  }

  void ask_critics(const Run& run, Step& step, const Texts& texts, AskAll& calls, std::vector<Json>& entries) {
    StepRandom random(step);
    const Texts others = texts_in(run.state, "texts", run.state.at("texts").size());
    std::vector<std::string_view> shown;
    for (const Texts* list : {&texts, &others}) {
      for (const auto& text : *list) {
        if (text) shown.emplace_back(*text);
      }
    }
    const std::string fence = fence_for(shown, random);
    const Json& q = run.state.at("q");
    const std::size_t critics = settings_.critic_models.size();
    for (const std::string& critic : settings_.critic_models) {
      const std::string of = critics > 1 ? "critic/" + critic + "/" : "critic/";
      const auto ask = [&](Json entry, const std::string& key, const auto& x, const auto& y) {
        if (critics > 1) entry["critic"] = critic;
        entries.push_back(std::move(entry));
        if (!x || !y) return;
        const bool same = entries.back()["distribution"] == "p";
        calls.ask(of + key, model(critic),
                  critic_request(settings_, prompt(tools_.critic), {*x, *y, "", fence}, same, random),
                  [&, at = entries.size() - 1](const tl::expected<ChatReply, CallError>& reply) {
                    set_reply(settings_, entries[at], reply);
                  });
      };
      std::size_t at = 0;
      const std::optional<std::string> nobody;
      each_pair([&](std::size_t i, std::size_t j) {
        ask(comparison_entry(i, j, "p", std::nullopt, "no_response"), "p/" + pair_key(i, j), texts[i], texts[j]);
        const std::size_t first = at;
        while (at < q.size() && q[at].at(0) == i && q[at].at(1) == j) ++at;
        if (first == at && needs_partner(tools_.tasks))
          ask(comparison_entry(i, j, "q", std::nullopt, without_partner(texts[i])), "", nobody, nobody);
        for (std::size_t k = first; k < at; ++k) {
          const std::string partner = q[k].at(2).get<std::string>();
          const Json& place = q[k].at(3);
          ask(comparison_entry(i, j, "q", partner, "no_response"),
              "q/" + pair_key(i, j) + (several_partners() ? "/" + partner : ""), texts[i],
              place.is_null() ? std::optional<std::string>() : others.at(place.get<std::size_t>()));
        }
      });
    }
  }

  bool several_partners() const { return settings_.pairing == "product" || PartnerDraw::takes_all(settings_.pairing); }

  void judge(Run& run, Step& step) {
    const Texts texts = compared_texts(run);
    const std::string context = context_of(run);
    StepRandom random(step);
    std::vector<std::string_view> shown = {context};
    for (const auto& text : texts) {
      if (text) shown.emplace_back(*text);
    }
    const std::string fence = fence_for(shown, random);
    AskAll calls(client_, step);
    std::vector<Json> entries;
    for (const bool with : {true, false}) {
      if (!(with ? settings_.judge_with : settings_.judge_without)) continue;
      const PromptFile& asked = prompt(with ? tools_.judge_with : tools_.judge_without);
      const char* name = with ? "with" : "without";
      each_pair([&](std::size_t i, std::size_t j) {
        entries.push_back(judgement_entry(i, j, name, "no_response"));
        if (!texts[i] || !texts[j]) return;
        const Shown what{*texts[i], *texts[j], with ? std::string_view(context) : std::string_view(), fence};
        calls.ask(std::string("judge/") + name + "/" + pair_key(i, j), model(settings_.judge_model),
                  judge_request(settings_, asked, what, random),
                  [&, at = entries.size() - 1](const tl::expected<ChatReply, CallError>& reply) {
                    set_reply(settings_, entries[at], reply);
                  });
      });
    }
    calls.finish();
    run.answer["judgements"] = std::move(entries);
  }

  ChatClient& client_;
  PeerSettings settings_;
  const PeerTools tools_;
  FreeCritic critic_;
  CountedTexts counted_;
  std::optional<PresetCritic> preset_judge_;
  std::mutex mutex_;
  std::map<std::size_t, std::unique_ptr<PartnerDraw>> pairings_;  // guarded by mutex_; by the number of tasks
};

}  // namespace

std::shared_ptr<Runner> make_peer_runner(ChatClient& client, PeerSettings settings, PeerTools tools) {
  return std::make_shared<PeerRunner>(client, std::move(settings), std::move(tools));
}

}  // namespace assay
