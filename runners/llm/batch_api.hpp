#pragma once
// OpenAI's Batch API over HTTP: files and batches of one target. Blocking; one thread. Specs: models.md 7; OpenAI API
// reference, "Files" and "Batch" (Azure: the same paths beside its deployments).

#include <functional>
#include <string>

#include "core/store/store.hpp"
#include "core/text/json.hpp"
#include "runners/llm/model_entry.hpp"
#include "runners/llm/secret.hpp"
#include "runners/llm/transport.hpp"

namespace assay {

class BatchApi {
 public:
  struct Parts {
    Store& store;  // numbers the requests
    Transport& transport;
    SecretStore& secrets;
    std::string version;
    std::function<bool()> interrupted;  // polled while waiting; may be empty
  };
  BatchApi(Parts parts, ModelHandle entry);

  // Each returns the object that came. Throws Error: kind as models.md 3.1 ("auth", "network", ..; "interrupted"), what
  // the provider said, redacted, with what to do. What only reads is tried three times.
  Json upload(const std::string& path, const std::string& name);
  Json create(const std::string& input_file);
  Json batch(const std::string& id);
  Json cancel(const std::string& id);
  /// The newest of them: `data` of the list.
  Json uploads();
  Json batches();
  /// The content of a file, into a new file at `path` (0600) that appears whole or not at all.
  void download(const std::string& id, const std::string& path);

 private:
  WireRequest request(const std::string& method, const std::string& path) const;
  Json ask(WireRequest request, bool repeatable);
  WireReply wait_for(WireRequest request);
  [[noreturn]] void fail(const WireReply& reply, const std::string& what) const;

  Parts parts_;
  ModelHandle entry_;
  std::string root_, query_;  // https://HOST/v1 and "?api-version=V"
};

}  // namespace assay
