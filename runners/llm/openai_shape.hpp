#pragma once
// Requests in OpenAI's shape, and the provider that all servers speaking it derive from: what a dialect leaves out or
// says otherwise is told in a value, the code is here once. Specs: models.md 2.4, 2.5, 2.8, 2.11. Pure: any thread.

#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "runners/llm/body.hpp"
#include "runners/llm/provider.hpp"

namespace assay {

/// What a compatible server understands beside, or instead of, OpenAI's own fields.
struct OpenAiDialect {
  bool original = false;         // OpenAI itself and Azure: role developer, reasoning models, its ranges
  bool infer_reasoning = false;  // reasoning models are told by their names
  bool top_k = true;
  bool counted_logprobs = false;  // `logprobs` is how many; there is no top_logprobs
  bool bare_schema = false;       // the schema stands in response_format itself
  bool think_tags = true;         // reasoning may come in the text
  /// How reasoning is asked for: reasoning_effort only; OpenRouter's `reasoning`; chat_template_kwargs to switch it
  /// off, with (vllm) or without (llama) effort and thinking_token_budget.
  enum class Thinking : std::uint8_t { effort, openrouter, vllm, llama } thinking = Thinking::effort;
};

class OpenAiShaped : public Provider {
 public:
  tl::expected<PreparedRequest, CallError> build(const ChatRequest& request, const ModelEntry& entry) const override;
  tl::expected<ChatReply, CallError> parse(std::string_view body, const ModelEntry& entry, bool whole) const override;
  std::unique_ptr<ReplyStream> open_stream(const ModelEntry& entry) const override;
  std::string field_to_correct(const CallError& error) const override;
  void correct(Json& body, const std::string& field) const override;

 protected:
  virtual OpenAiDialect dialect(const ModelEntry& entry) const = 0;
  virtual RequestForm form() const;
  tl::expected<ChatReply, CallError> read_document(const Json& document, const ModelEntry& entry,
                                                   bool utf8_repaired) const override;

 private:
  bool splits_think_tags(const ModelEntry& entry) const;
};

/// `[{"content":..,"role":..}, ..]`: content of text parts only as one string, images as image_url parts, role
/// developer as system unless `developer`.
tl::expected<void, CallError> append_openai_messages(std::string& out, const std::vector<Message>& messages,
                                                     bool developer);

}  // namespace assay
