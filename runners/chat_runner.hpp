#pragma once
// Runs that ask a model: from a run's context to a request, from a reply to the context, from a call's error to the
// run's. ChatRunner is the whole of a run with one question; a runner of several calls uses the functions.
//
// Thread rule: the functions on the worker thread of the Step they are given; a ChatRunner is shared by all runs of its
// batch.

#include <string>
#include <utility>
#include <vector>

#include "core/model/runner.hpp"
#include "runners/llm/client.hpp"

namespace assay {

/// The context as chat messages. Throws RunFailure "bad_request" for a role or content that is none of a chat.
std::vector<Message> chat_messages(const std::vector<ContextMessage>& context);

/// An error of a call as the run's: FAIL with the call's kind ("rate_limit/rpm"), but one that is no fault of the run
/// (no credit, a refused key, an unknown model) is RunHeld. `who` asked, "" : the run.
[[noreturn]] void fail_run(const CallError& error, const std::string& who = {});

/// One question at `key`. An error of the call ends the run as fail_run says.
ChatReply ask(ChatClient& client, Step& step, std::string_view key, const ModelHandle& model,
              const ChatRequest& request);

/// Questions asked at the same time, each at its key; replies in their order. All are waited for, so that every answer
/// is recorded, before the first error in order FAILs the run.
std::vector<ChatReply> ask_all(ChatClient& client, Step& step, const ModelHandle& model,
                               const std::vector<std::pair<std::string, ChatRequest>>& requests);

/// One step, one call: what setup wrote into the context goes out, the reply becomes its assistant message. A reply
/// that was cut, filtered or refused is kept: evaluate sees its text.
class ChatRunner : public Runner {
 public:
  /// `model` may be null in a runner that only evaluates: a step then FAILs with kind "no_model".
  ChatRunner(ChatClient& client, ModelHandle model, ChatParams params = {})
      : client_(client), model_(std::move(model)), params_(std::move(params)) {}

  Next step(Run& run, Step& step) override;

 protected:
  /// What is known of the answer; only the built-in model sees it.
  virtual std::optional<Hint> hint(const Run&) const { return std::nullopt; }

 private:
  ChatClient& client_;
  ModelHandle model_;
  ChatParams params_;
};

}  // namespace assay
