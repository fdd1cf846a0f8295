#include "experiments/debate/transcript.hpp"

#include <algorithm>

namespace assay {
namespace {

ContextMessage with_speaker(std::string role, std::string content, Json agent, std::uint32_t round) {
  return {std::move(role), Json(std::move(content)), Json{{"agent", std::move(agent)}, {"round", round}}};
}

/// Indices above this are no agents of ours (load refuses more).
constexpr std::int64_t kMostAgents = 1000;

}  // namespace

ContextMessage debate_message(std::string role, std::string content, std::size_t agent, std::uint32_t round) {
  return with_speaker(std::move(role), std::move(content), Json(agent), round);
}

ContextMessage debate_message(std::string role, std::string content, std::string_view part, std::uint32_t round,
                              std::optional<std::size_t> reader) {
  ContextMessage message = with_speaker(std::move(role), std::move(content), Json(part), round);
  if (reader) message.more["reader"] = *reader;
  return message;
}

Transcript::Transcript(const std::vector<ContextMessage>& context) {
  for (const ContextMessage& message : context) {
    if (!message.more.is_object() || !message.content.is_string()) continue;
    const auto agent = message.more.find("agent"), round = message.more.find("round");
    if (agent == message.more.end()) continue;
    Message read{message.role, message.content.get_ref<const std::string&>(), 0};
    if (round != message.more.end() && round->is_number_integer() && *round >= 0 && *round <= UINT32_MAX) {
      read.round = round->get<std::uint32_t>();
    }
    const bool reply = message.role == "assistant";
    if (agent->is_number_integer() && *agent >= 0 && *agent < kMostAgents) {
      const auto index = agent->get<std::size_t>();
      if (index >= chats_.size()) chats_.resize(index + 1);
      chats_[index].push_back(read);
      if (reply) {
        if (index >= turns_of_.size()) turns_of_.resize(index + 1);
        turns_of_[index].push_back(turns_.size());
        turns_.push_back({index, read.round, read.content});
      }
    } else if (agent->is_string()) {
      if (const auto reader = message.more.find("reader");
          reader != message.more.end() && reader->is_number_unsigned()) {
        read.reader = reader->get<std::size_t>();
      }
      parts_.emplace_back(agent->get_ref<const std::string&>(), read);
    } else {
      continue;
    }
    if (reply) rounds_ = std::max(rounds_, read.round);
  }
}

std::vector<Transcript::Message> Transcript::chat(std::size_t agent, std::uint32_t last) const {
  std::vector<Message> chat;
  if (agent >= chats_.size()) return chat;
  std::copy_if(chats_[agent].begin(), chats_[agent].end(), std::back_inserter(chat),
               [&](const Message& message) { return message.round <= last; });
  return chat;
}

std::optional<std::string_view> Transcript::reply(std::size_t agent, std::uint32_t round) const {
  const auto found = latest(agent, round);
  if (!found || found->round != round) return std::nullopt;
  return found->content;
}

std::optional<Transcript::Turn> Transcript::latest(std::size_t agent, std::uint32_t round) const {
  if (agent >= turns_of_.size()) return std::nullopt;
  std::optional<Turn> found;
  for (const std::size_t at : turns_of_[agent]) {
    const Turn& turn = turns_[at];
    if (turn.round <= round && (!found || turn.round >= found->round)) found = turn;
  }
  return found;
}

std::vector<Transcript::Message> Transcript::part(std::string_view name) const {
  std::vector<Message> found;
  for (const auto& [part, message] : parts_) {
    if (part == name) found.push_back(message);
  }
  return found;
}

}  // namespace assay
