#include "core/model/context_text.hpp"

namespace assay {

Json context_value(const std::vector<ContextMessage>& context) {
  Json array = Json::array();
  for (const ContextMessage& message : context) {
    Json entry = Json::object();
    entry["role"] = message.role;
    entry["content"] = message.content;
    if (message.more.is_object()) entry.update(message.more);
    array.push_back(std::move(entry));
  }
  return array;
}

std::string context_text(const std::vector<ContextMessage>& context) {
  return context.empty() ? std::string() : dump_json(context_value(context));
}

std::vector<ContextMessage> context_from(const Json& value) {
  std::vector<ContextMessage> context;
  for (const Json& entry : value) {
    ContextMessage message{entry.at("role").get<std::string>(), entry.at("content")};
    for (const auto& [key, more] : entry.items()) {
      if (key != "role" && key != "content") message.more[key] = more;
    }
    context.push_back(std::move(message));
  }
  return context;
}

std::string checkpoint_text(const Json& answer, const std::vector<ContextMessage>& context, const Json& state) {
  Json kept = Json::object();
  kept["answer"] = answer;
  kept["context"] = context_value(context);
  kept["state"] = state;
  return dump_json(kept);
}

Checkpoint checkpoint_from(const std::string& text) {
  Json kept = parse_json(text, "checkpoint");
  return {std::move(kept.at("answer")), std::move(kept.at("state")), context_from(kept.at("context"))};
}

}  // namespace assay
