// Together: OpenAI's shape with a count of log-probabilities, a bare schema, and on request (`extra: {echo: true,
// logprobs: 1}`) the log-probabilities of the prompt. Specs: models.md 2.8.

#include "runners/llm/openai_shape.hpp"

namespace assay {
namespace {

class Together final : public OpenAiShaped {
 public:
  std::string_view type() const override { return "together"; }
  bool idempotency_key() const override { return true; }
  bool prompt_logprobs() const override { return true; }

 protected:
  OpenAiDialect dialect(const ModelEntry&) const override {
    OpenAiDialect dialect;
    dialect.counted_logprobs = dialect.bare_schema = true;
    return dialect;
  }
};

}  // namespace

const Provider& together_provider() {
  static const Together provider;
  return provider;
}

}  // namespace assay
