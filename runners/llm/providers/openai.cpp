// OpenAI's chat completions and the servers of type openai: presets, vLLM, own providers. And sim, which gets the body
// a compatible server would get and answers in its shape. Specs: models.md 2.4, 2.14.

#include "runners/llm/openai_shape.hpp"

namespace assay {
namespace {

class OpenAi final : public OpenAiShaped {
 public:
  explicit OpenAi(bool simulated) : simulated_(simulated) {}
  std::string_view type() const override { return simulated_ ? "sim" : "openai"; }
  bool simulated() const override { return simulated_; }
  bool idempotency_key() const override { return !simulated_; }

 protected:
  OpenAiDialect dialect(const ModelEntry& entry) const override {
    OpenAiDialect dialect;
    dialect.original = dialect.infer_reasoning = entry.provider == "openai";
    dialect.top_k =
        simulated_ || entry.provider == "vllm" || entry.provider == "deepinfra" || entry.provider == "openrouter";
    dialect.think_tags = !dialect.original && !simulated_;
    if (entry.provider == "openrouter") dialect.thinking = OpenAiDialect::Thinking::openrouter;
    if (entry.provider == "vllm") dialect.thinking = OpenAiDialect::Thinking::vllm;
    return dialect;
  }

 private:
  bool simulated_;
};

}  // namespace

const Provider& openai_provider() {
  static const OpenAi provider(false);
  return provider;
}

const Provider& sim_provider() {
  static const OpenAi provider(true);
  return provider;
}

}  // namespace assay
