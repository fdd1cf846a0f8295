#pragma once
// How each provider is asked, for the tests: path, key header and body. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "core/text/json.hpp"

namespace assay::test {

struct Asked {
  std::string path, headers, body;  // headers: whole lines
};

/// Every provider the mock server knows: openai azure anthropic cohere cohere-v1 together gemini ollama llama
/// openrouter deepinfra groq deepseek vllm completions.
const std::vector<std::string>& providers();

/// A question of one user message. `more`: members laid over the body (null removes), as RFC 7396.
Asked question(std::string_view provider, std::string_view prompt, bool stream = false, const Json& more = {});

/// The bytes of it.
std::string bytes_of(const Asked& asked);

/// Sends it on a connection of its own: the whole answer.
std::string ask_provider(int port, std::string_view provider, std::string_view prompt, bool stream = false,
                         const Json& more = {});

/// The answer's text, from a body or an (unchunked) stream, as a client of this provider would put it together. The
/// stream's end must be complete: else "(unfinished)" stands behind it.
std::string text_in(std::string_view provider, std::string_view body);
std::string text_of_stream(std::string_view provider, std::string_view bytes);

/// The events of a stream: the JSON texts, and the name that stood before each.
struct SeenEvent {
  std::string name, data;
};
std::vector<SeenEvent> events_of(std::string_view bytes, bool json_lines = false);

}  // namespace assay::test
