// Azure OpenAI: OpenAI's body and replies under an address per deployment, with its own key header. The model of an
// entry is the name of the deployment, so it tells nothing of what kind of model that is. Specs: models.md 2.5.

#include "runners/llm/openai_shape.hpp"

namespace assay {
namespace {

class Azure final : public OpenAiShaped {
 public:
  std::string_view type() const override { return "azure"; }
  bool idempotency_key() const override { return true; }

 protected:
  OpenAiDialect dialect(const ModelEntry&) const override {
    OpenAiDialect dialect;
    dialect.original = true;
    dialect.top_k = dialect.think_tags = false;
    return dialect;
  }

  RequestForm form() const override {
    RequestForm form = OpenAiShaped::form();
    form.key_header = "api-key";
    form.key_prefix = "";
    return form;
  }
};

}  // namespace

const Provider& azure_provider() {
  static const Azure provider;
  return provider;
}

}  // namespace assay
