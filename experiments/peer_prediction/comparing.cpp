#include "experiments/peer_prediction/comparing.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "experiments/peer_prediction/asking.hpp"
#include "experiments/peer_prediction/critics.hpp"

namespace assay {
namespace {

std::vector<JudgedToken> judged_tokens(const ChatReply& reply) {
  std::vector<JudgedToken> tokens;
  for (const TokenLogprob& token : reply.logprobs) tokens.push_back({token.token, token.logprob, token.top});
  return tokens;
}

ReplyToRead reply_of(const Json& entry) {
  const std::string stop = entry.value("stop_reason", std::string());
  return {entry["raw"].get_ref<const std::string&>(),
          stop == to_text(Stop::max_tokens) || stop == to_text(Stop::model_length), entry.value("refused", false),
          nullptr};
}

void set_reading(Json& entry, const Reading& reading) {
  entry["status"] = to_text(reading.status);
  entry["result"] = reading.has_verdict() ? Json(reading.value) : Json();
}

bool has_text(const Json& entry) {
  return entry.contains("raw") && entry["raw"].is_string() && entry.value("status", std::string()) != "error";
}

void read_comparison(const PeerSettings& settings, Json& entry) {
  if (!has_text(entry)) return;
  Reading reading = read_critic(settings, reply_of(entry));
  if (settings.logprobs > 0 && settings.parse != "upstream" && is_read(reading.status)) {
    std::vector<std::pair<std::string, double>> alternatives;
    for (const Json& one : entry.value("alternatives", Json::array())) {
      alternatives.emplace_back(one.at(0).get<std::string>(), one.at(1).get<double>());
    }
    weigh_critic(settings, alternatives, reading);
  }
  set_reading(entry, reading);
}

void read_judgement(Json& entry) {
  if (!has_text(entry)) return;
  ReadingRules rules;
  rules.mode = JudgeMode::pairwise;
  rules.labels = verdict_labels("AB", JudgeMode::pairwise, true, "");
  set_reading(entry, read_verdict(rules, reply_of(entry)));
}

}  // namespace

Json comparison_entry(std::size_t i, std::size_t j, const char* distribution, const std::optional<std::string>& partner,
                      const std::string& status) {
  return Json{{"agent_pair", {i + 1, j + 1}},
              {"distribution", distribution},
              {"partner", partner ? Json(*partner) : Json()},
              {"result", nullptr},
              {"status", status}};
}

Json judgement_entry(std::size_t i, std::size_t j, const char* context, const std::string& status) {
  return Json{{"agent_pair", {i + 1, j + 1}}, {"context", context}, {"result", nullptr}, {"status", status}};
}

void set_result(Json& entry, double result) {
  const bool known = !std::isnan(result);
  entry["result"] = known ? Json(result) : Json();
  entry["status"] = known ? "exact" : "no_response";
}

void set_reply(const PeerSettings& settings, Json& entry, const tl::expected<ChatReply, CallError>& reply) {
  if (!reply) {
    entry["status"] = "error";
    entry["error"] = error_text(reply.error());
    return;
  }
  entry["raw"] = reply->text;
  if (reply->stop != Stop::stop && reply->stop != Stop::unknown) entry["stop_reason"] = to_text(reply->stop);
  if (reply->flags.refused || reply->flags.filtered) entry["refused"] = true;
  if (entry.contains("context")) return read_judgement(entry);
  if (settings.logprobs > 0 && !reply->logprobs.empty()) {
    const auto tokens = judged_tokens(*reply);
    if (const std::size_t at = verdict_token(critic_rules(settings), reply->text, tokens); at < tokens.size()) {
      Json alternatives = Json::array();
      for (const auto& [token, logprob] : alternatives_of(tokens[at])) alternatives.push_back({token, logprob});
      entry["alternatives"] = std::move(alternatives);
    }
  }
  read_comparison(settings, entry);
}

void read_again(const PeerSettings& settings, Run& run) {
  if (!run.answer.is_object()) return;
  if (settings.recorded && run.data.value("recorded", std::string()) != "comparisons") return;
  if (const auto list = run.answer.find("comparisons"); list != run.answer.end()) {
    for (Json& entry : *list) read_comparison(settings, entry);
  }
  if (const auto list = run.answer.find("judgements"); list != run.answer.end()) {
    for (Json& entry : *list) read_judgement(entry);
  }
}

}  // namespace assay
