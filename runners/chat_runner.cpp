#include "runners/chat_runner.hpp"

namespace assay {
namespace {

Role role_of(const std::string& name) {
  for (const Role role : {Role::system, Role::developer, Role::user, Role::assistant}) {
    if (name == to_text(role)) return role;
  }
  throw RunFailure("bad_request", "a message of the context has the role '" + name + "'");
}

}  // namespace

void fail_run(const CallError& error, const std::string& who) {
  if (!error.held.empty())
    throw RunHeld{error.held, true, error.held_until};  // no run's fault: its whole job would meet the same
  throw RunFailure(error.name(), who.empty() ? error.message : who + ": " + error.message);
}

std::vector<Message> chat_messages(const std::vector<ContextMessage>& context) {
  std::vector<Message> messages;
  for (const ContextMessage& message : context) {
    if (!message.content.is_string()) throw RunFailure("bad_request", "a message of the context is no text");
    messages.emplace_back(role_of(message.role), message.content.get<std::string>());
  }
  return messages;
}

ChatReply ask(ChatClient& client, Step& step, std::string_view key, const ModelHandle& model,
              const ChatRequest& request) {
  if (!model) throw RunFailure("no_model", "this runner was made to evaluate: it has no model");
  auto reply = client.call(step, key, model, request);
  if (!reply) fail_run(reply.error());
  return std::move(*reply);
}

std::vector<ChatReply> ask_all(ChatClient& client, Step& step, const ModelHandle& model,
                               const std::vector<std::pair<std::string, ChatRequest>>& requests) {
  if (!model) throw RunFailure("no_model", "this runner was made to evaluate: it has no model");
  std::vector<CallHandle> handles;
  for (const auto& [key, request] : requests) handles.push_back(client.begin(step, key, model, request));
  std::vector<tl::expected<ChatReply, CallError>> outcomes;
  for (const CallHandle handle : handles) outcomes.push_back(client.get(step, handle));
  std::vector<ChatReply> replies;
  for (auto& outcome : outcomes) {
    if (!outcome) fail_run(outcome.error());
    replies.push_back(std::move(*outcome));
  }
  return replies;
}

Next ChatRunner::step(Run& run, Step& step) {
  ChatRequest request;
  request.messages = chat_messages(run.context);
  request.params = params_;
  request.hint = hint(run);
  const ChatReply reply = ask(client_, step, "", model_, request);
  for (const auto& flag : reply.flags.names()) step.log("reply " + flag);
  run.say("assistant", reply.text);
  return Next::done;
}

}  // namespace assay
