#pragma once
// Writing a request: the JSON body once, in canonical form (sorted keys, no blanks, shortest doubles), inside the text
// that is hashed and stored. Specs: models.md 5.2. Pure functions: any thread.

#include <string>
#include <string_view>

#include "runners/llm/provider.hpp"

namespace assay {

/// Appends members of a JSON object in the order they are added: add them sorted by key.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }
  std::string& key(std::string_view name);
  void text(std::string_view name, std::string_view value);
  void number(std::string_view name, double value);
  void integer(std::string_view name, std::int64_t value);
  void boolean(std::string_view name, bool value) { key(name) += value ? "true" : "false"; }
  void json(std::string_view name, const Json& value);  // sorted
  void texts(std::string_view name, const std::vector<std::string>& values);
  void end() { out_ += '}'; }

 private:
  std::string& out_;
  bool first_ = true;
};

/// A value with the keys of all its objects sorted by bytes, as nlohmann::json::dump() writes it.
void append_sorted_json(std::string& out, const Json& value);
/// RFC 7396: `patch` merged into `target`; null removes.
void merge_patch(Json& target, const Json& patch);

/// How a provider's requests look beside their bodies. Texts that live on.
struct RequestForm {
  std::string_view key_header = "Authorization", key_prefix = "Bearer ";
  std::string_view when_streaming = R"("stream":true)", otherwise;  // members of the body, "" none
};

/// The end of every build: merges the `extra` of entry and request into `body` (canonical JSON without stream fields),
/// refuses what was dropped under strict_params, decides whether to stream (models.md 2.3; `params`: merged ones), sets
/// the headers and hashes. A simulated provider gets no headers and does not stream.
tl::expected<PreparedRequest, CallError> finish_request(std::string body, std::vector<std::string> dropped,
                                                        const ChatRequest& request, const ChatParams& params,
                                                        const ModelEntry& entry, const RequestForm& form,
                                                        bool simulated = false);

/// Roughly how long the body of a request will be, to allocate once.
std::size_t expected_body_size(const ChatRequest& request);

/// Surrounds `body` (canonical JSON without stream fields) and hashes the whole.
void finish_canonical(PreparedRequest& request, std::string_view body, std::string_view type, std::string_view endpoint,
                      std::string_view path, std::int64_t epoch);

}  // namespace assay
