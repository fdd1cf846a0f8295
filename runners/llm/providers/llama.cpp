// llama-server over HTTP; a managed one is started by the transport that the URL leads to. Specs: models.md 2.11, 8.

#include "runners/llm/local_target.hpp"
#include "runners/llm/openai_shape.hpp"

namespace assay {
namespace {

class Llama final : public OpenAiShaped {
 public:
  std::string_view type() const override { return "llama"; }

  tl::expected<PreparedRequest, CallError> build(const ChatRequest& request, const ModelEntry& entry) const override {
    auto prepared = OpenAiShaped::build(request, entry);
    if (prepared && entry.managed()) prepared->url = url_of(llama_target(entry));
    return prepared;
  }

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
