#pragma once
// Discussions without a network: replies from a list, requests as they went out.

#include <string>
#include <utility>
#include <vector>

#include "experiments/discussion/design.hpp"
#include "experiments/discussion/discussion.hpp"
#include "experiments/discussion/record.hpp"
#include "experiments/discussion/settings.hpp"
#include "tests/runners/model_room.hpp"

namespace assay::test {

struct DiscussionRoom : ModelRoom {
  std::unique_ptr<Kind> kind = make_discussion_kind({client, registry});
  DiscussionDesign design;
  DiscussionSettings settings;
  Json forks;  ///< of the batch; null: none

  /// Ann, Bo and Cy talk of tea, in turn.
  DiscussionRoom() {
    environment["OPENAI_API_KEY"] = "sk-test";
    design.id = "11111111-0000-4000-8000-000000000000";
    design.seed = 3;
    for (const char* name : {"Ann", "Bo", "Cy"}) {
      design.users.push_back({name, Json::object({{"username", name}}), {std::string("likes tea")}, false});
    }
    design.openings.push_back({"Bo", "Tea?", "tea.txt"});
    settings.num_turns = 3;
    settings.include_mod = false;
    settings.context = "A forum.";
    settings.user_instructions = "Talk.";
    settings.mod_instructions = "Moderate.";
    settings.moderator_attributes = {"just"};
    settings.pseudoname = settings.mod_pseudoname = "m";
    settings.decoding.model_seed = "off";
  }

  BatchInfo batch() const {
    BatchInfo info;
    info.kind = "discussion";
    info.model = "openai/m";
    info.params = Json::object();
    if (!forks.is_null()) info.params["forks"] = forks;
    return info;
  }
  NewRun fresh() const {
    NewRun run;
    run.id = "d001";
    run.data = Json::object({{"design", to_json(design)}, {"settings", to_json(settings)}});
    return run;
  }
  /// Runs one discussion of these replies, in the order of asking; a fork when `from` has a start.
  NewRun talk(const std::vector<std::string>& replies, std::optional<NewRun> from = {}) {
    transport.sent.clear();
    transport.replies.clear();
    for (const auto& reply : replies) {
      const std::string quoted = dump_json(Json(reply));
      transport.replies.push_back(chat(quoted.substr(1, quoted.size() - 2)));
    }
    return execute(*this, *kind->make_runner(batch(), {}), from ? std::move(*from) : fresh());
  }
  /// system and user text of a request.
  std::pair<std::string, std::string> asked(std::size_t request) const {
    const Json messages = Json::parse(transport.sent.at(request).body).at("messages");
    REQUIRE(messages.size() == 2);
    return {messages[0].at("content").get<std::string>(), messages[1].at("content").get<std::string>()};
  }
};

/// "name: text" of each event, silent turns in brackets.
inline std::vector<std::string> said(const NewRun& run) {
  std::vector<std::string> lines;
  for (const ContextMessage& message : run.context) {
    const std::string line = message.more.at("name").get<std::string>() + ": " + message.content.get<std::string>();
    lines.push_back(message.more.contains("index") ? line : "[" + line + "]");
  }
  return lines;
}

inline std::string stop_of(const NewRun& run) { return run.context.back().more.value("stop", std::string()); }

}  // namespace assay::test
