// llama-server over HTTP, whoever started it. Specs: models.md 2.11.

#include "runners/llm/openai_shape.hpp"

namespace assay {
namespace {

class Llama final : public OpenAiShaped {
 public:
  std::string_view type() const override { return "llama"; }

 protected:
  OpenAiDialect dialect(const ModelEntry&) const override {
    OpenAiDialect dialect;
    dialect.thinking = OpenAiDialect::Thinking::llama;
    return dialect;
  }
};

}  // namespace

const Provider& llama_provider() {
  static const Llama provider;
  return provider;
}

}  // namespace assay
