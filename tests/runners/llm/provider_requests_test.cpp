// The rules by which each provider's requests are written (models.md 2.4-2.11), one small request per rule.

#include <doctest/doctest.h>

#include "tests/runners/llm/provider_room.hpp"

using namespace assay;
using namespace assay::test;

namespace {

constexpr const char* kPng = "iVBORw0KGgoAAAANSUhEUg==";

ChatRequest request_of(const std::string& json) {
  auto request = chat_request_from_json(parse_json(json, "request"));
  REQUIRE(request.has_value());
  request->stream = StreamMode::never;
  return *request;
}

/// A request of one user message with these parameters.
std::string with_params(const std::string& params) {
  return R"({"messages":[{"role":"user","content":"Q"}],"params":)" + params + "}";
}

PreparedRequest built(const ModelEntry& entry, const std::string& request) {
  auto prepared = provider_of(entry).build(request_of(request), entry);
  REQUIRE(prepared.has_value());
  return std::move(*prepared);
}

nlohmann::json body_of(const PreparedRequest& prepared) { return nlohmann::json::parse(prepared.wire_body()); }

ModelEntry entry_for(const std::string& provider) {
  if (provider == "cohere-v1") return entry_of("cohere", "m", "", "v1");
  const std::size_t slash = provider.find('/');
  return entry_of(provider.substr(0, slash), slash == std::string::npos ? "m" : provider.substr(slash + 1));
}

}  // namespace

TEST_CASE("parameters come out under each provider's names, and what can't be said is named") {
  struct Case {
    const char *provider, *params, *expected, *dropped;  // the body without model and messages
  };
  const std::string schema = R"({"response_format":{"type":"json_schema","name":"v","schema":{"type":"object"}}})";
  const std::string json = R"({"response_format":{"type":"json"}})";
  const std::vector<Case> cases = {
      {"openai/gpt-4o", R"({"max_tokens":5,"reasoning":{"effort":"low"}})", R"({"max_tokens":5})",
       R"(["reasoning.effort"])"},
      {"openai/gpt-4o", schema.c_str(), R"({"response_format":{"type":"json_schema","json_schema":{"name":"v",
       "strict":true,"schema":{"type":"object"}}}})",
       "[]"},
      {"openai/o3-mini",
       R"({"max_tokens":5,"temperature":0,"top_p":1,"stop":["X"],"top_logprobs":2,"frequency_penalty":1,
           "presence_penalty":1,"reasoning":{"effort":"high"}})",
       R"({"max_completion_tokens":5,"reasoning_effort":"high"})",
       R"(["frequency_penalty","logprobs","presence_penalty","stop","temperature","top_p"])"},
      {"openai/o1", R"({"reasoning":"off"})", "{}", R"(["reasoning.off"])"},
      {"openai/gpt-5", R"({"reasoning":"off"})", R"({"reasoning_effort":"minimal"})", "[]"},
      {"openai/gpt-5.1", R"({"reasoning":"off"})", R"({"reasoning_effort":"none"})", "[]"},
      {"openai/gpt-5-chat-latest", R"({"max_tokens":5,"temperature":1})", R"({"max_tokens":5,"temperature":1.0})",
       "[]"},
      {"openrouter", R"({"reasoning":{"effort":"low"},"top_k":2})", R"({"reasoning":{"effort":"low"},"top_k":2})",
       "[]"},
      {"openrouter", R"({"reasoning":{"budget":9}})", R"({"reasoning":{"max_tokens":9}})", "[]"},
      {"openrouter", R"({"reasoning":"off"})", R"({"reasoning":{"enabled":false}})", "[]"},
      {"vllm", R"({"reasoning":{"budget":9}})", R"({"thinking_token_budget":9})", "[]"},
      {"vllm", R"({"reasoning":"off"})", R"({"chat_template_kwargs":{"enable_thinking":false}})", "[]"},
      {"groq", R"({"reasoning":"off","top_k":2})", "{}", R"(["reasoning.off","top_k"])"},
      {"azure", R"({"max_tokens":5,"top_k":4})", R"({"max_tokens":5})", R"(["top_k"])"},
      {"azure", R"({"reasoning":"off"})", "{}", "[]"},
      {"azure", R"({"reasoning":{"budget":2000}})", "{}", R"(["reasoning.budget"])"},
      {"together", R"({"logprobs":true})", R"({"logprobs":1})", "[]"},
      {"together", R"({"top_logprobs":3})", R"({"logprobs":3})", "[]"},
      {"together", R"({"reasoning":{"effort":"high"},"top_k":4})", R"({"reasoning_effort":"high","top_k":4})", "[]"},
      {"together", R"({"reasoning":{"budget":2000}})", "{}", R"(["reasoning.budget"])"},
      {"together", schema.c_str(), R"({"response_format":{"type":"json_schema","schema":{"type":"object"}}})", "[]"},
      {"llama", R"({"reasoning":"off"})", R"({"chat_template_kwargs":{"enable_thinking":false}})", "[]"},
      {"llama", R"({"reasoning":{"effort":"low"}})", "{}", R"(["reasoning.effort"])"},
      {"llama", R"({"top_logprobs":2})", R"({"logprobs":true,"top_logprobs":2})", "[]"},
      {"anthropic", "{}", R"({"max_tokens":4096})", "[]"},
      {"anthropic", R"({"max_tokens":9,"seed":1,"frequency_penalty":0.5,"presence_penalty":0.5,"logprobs":true})",
       R"({"max_tokens":9})", R"(["frequency_penalty","logprobs","presence_penalty","seed"])"},
      {"anthropic", R"({"max_tokens":9,"reasoning":"off"})", R"({"max_tokens":9,"thinking":{"type":"disabled"}})",
       "[]"},
      {"anthropic", R"({"max_tokens":9,"reasoning":{"effort":"high"},"temperature":0.5})",
       R"({"max_tokens":9,"output_config":{"effort":"high"},"temperature":0.5})", "[]"},
      {"anthropic", R"({"max_tokens":9,"reasoning":{"effort":"minimal"}})", R"({"max_tokens":9})",
       R"(["reasoning.effort"])"},
      {"anthropic", R"({"max_tokens":2000,"reasoning":{"budget":1024},"temperature":1,"top_k":4,"top_p":0.9})",
       R"({"max_tokens":2000,"thinking":{"type":"enabled","budget_tokens":1024},"temperature":1.0,"top_p":0.9})",
       R"(["top_k"])"},
      {"anthropic", R"({"max_tokens":2000,"reasoning":{"budget":1999},"temperature":0})",
       R"({"max_tokens":2000,"thinking":{"type":"enabled","budget_tokens":1999}})", R"(["temperature"])"},
      {"anthropic", json.c_str(), R"({"max_tokens":4096})", R"(["response_format"])"},
      {"anthropic", schema.c_str(),
       R"({"max_tokens":4096,"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}})", "[]"},
      {"cohere", R"({"top_p":0.5,"top_k":3,"stop":["X"],"seed":2})",
       R"({"stream":false,"p":0.5,"k":3,"stop_sequences":["X"],"seed":2})", "[]"},
      {"cohere", R"({"reasoning":{"budget":500}})",
       R"({"stream":false,"thinking":{"type":"enabled","token_budget":500}})", "[]"},
      {"cohere", R"({"reasoning":"off"})", R"({"stream":false,"thinking":{"type":"disabled"}})", "[]"},
      {"cohere", R"({"reasoning":{"effort":"low"},"top_logprobs":2})", R"({"stream":false,"logprobs":true})",
       R"(["reasoning.effort","top_logprobs"])"},
      {"cohere", json.c_str(), R"({"stream":false,"response_format":{"type":"json_object"}})", "[]"},
      {"cohere", schema.c_str(),
       R"({"stream":false,"response_format":{"type":"json_object","json_schema":{"type":"object"}}})", "[]"},
      {"gemini", "{}", "{}", "[]"},
      {"gemini", R"({"frequency_penalty":0.5,"presence_penalty":0.25,"top_logprobs":5})",
       R"({"generationConfig":{"frequencyPenalty":0.5,"presencePenalty":0.25,"responseLogprobs":true,"logprobs":5}})",
       "[]"},
      {"gemini", R"({"reasoning":"off"})", R"({"generationConfig":{"thinkingConfig":{"thinkingBudget":0}}})", "[]"},
      {"gemini", R"({"reasoning":{"effort":"low"}})",
       R"({"generationConfig":{"thinkingConfig":{"thinkingLevel":"low"}}})", "[]"},
      {"gemini", schema.c_str(),
       R"({"generationConfig":{"responseMimeType":"application/json","responseSchema":{"type":"object"}}})", "[]"},
      {"ollama", "{}", R"({"stream":false})", "[]"},
      {"ollama", R"({"temperature":0,"max_tokens":8,"seed":7,"top_p":0.5,"top_k":4,"stop":["X"]})",
       R"({"stream":false,"options":{"temperature":0.0,"num_predict":8,"seed":7,"top_p":0.5,"top_k":4,"stop":["X"]}})",
       "[]"},
      {"ollama", R"({"reasoning":"off"})", R"({"stream":false,"think":false})", "[]"},
      {"ollama", R"({"reasoning":{"effort":"medium"}})", R"({"stream":false,"think":"medium"})", "[]"},
      {"ollama", R"({"reasoning":{"budget":2000}})", R"({"stream":false})", R"(["reasoning.budget"])"},
      {"ollama", json.c_str(), R"({"stream":false,"format":"json"})", "[]"},
      {"ollama", schema.c_str(), R"({"stream":false,"format":{"type":"object"}})", "[]"},
      {"ollama", R"({"top_logprobs":2})", R"({"stream":false,"logprobs":true,"top_logprobs":2})", "[]"},
      {"cohere-v1", R"({"reasoning":{"effort":"low"},"logprobs":true})", R"({"stream":false})",
       R"(["logprobs","reasoning"])"},
      {"cohere-v1", json.c_str(), R"({"stream":false,"response_format":{"type":"json_object"}})", "[]"},
  };
  for (const Case& item : cases) {
    CAPTURE(item.provider);
    CAPTURE(item.params);
    const PreparedRequest prepared = built(entry_for(item.provider), with_params(item.params));
    nlohmann::json body = body_of(prepared);
    for (const char* name : {"model", "messages", "message", "contents"}) body.erase(name);
    CHECK(body == nlohmann::json::parse(item.expected));
    CHECK(Json(prepared.dropped) == Json::parse(item.dropped));
    CHECK(prepared.canonical == nlohmann::json::parse(prepared.canonical).dump());  // sorted, shortest, no blanks
  }
}

TEST_CASE("messages keep their order and number; system ones are joined where the vendor has one place for them") {
  const std::string talk = R"({"messages":[
      {"role":"system","content":"S1"},{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
      {"role":"assistant","content":"A"},{"role":"developer","content":"S2"},{"role":"user","content":"Q"}]})";
  struct Case {
    const char *provider, *expected;
  };
  const std::vector<Case> cases = {
      {"anthropic", R"({"system":"S1\n\nS2","messages":[{"role":"user","content":"ab"},
                        {"role":"assistant","content":"A"},{"role":"user","content":"Q"}]})"},
      {"gemini", R"({"systemInstruction":{"parts":[{"text":"S1\n\nS2"}]},
                     "contents":[{"role":"user","parts":[{"text":"a"},{"text":"b"}]},
                                 {"role":"model","parts":[{"text":"A"}]},{"role":"user","parts":[{"text":"Q"}]}]})"},
      {"cohere-v1", R"({"preamble":"S1\n\nS2","message":"Q","chat_history":[{"role":"USER","message":"ab"},
                        {"role":"CHATBOT","message":"A"}]})"},
      {"cohere", R"({"messages":[{"role":"system","content":"S1"},{"role":"user","content":"ab"},
                     {"role":"assistant","content":"A"},{"role":"system","content":"S2"},
                     {"role":"user","content":"Q"}]})"},
      {"ollama", R"({"messages":[{"role":"system","content":"S1"},{"role":"user","content":"ab"},
                     {"role":"assistant","content":"A"},{"role":"system","content":"S2"},
                     {"role":"user","content":"Q"}]})"},
      {"azure", R"({"messages":[{"role":"system","content":"S1"},{"role":"user","content":"ab"},
                    {"role":"assistant","content":"A"},{"role":"developer","content":"S2"},
                    {"role":"user","content":"Q"}]})"},
      {"llama", R"({"messages":[{"role":"system","content":"S1"},{"role":"user","content":"ab"},
                    {"role":"assistant","content":"A"},{"role":"system","content":"S2"},
                    {"role":"user","content":"Q"}]})"},
  };
  for (const Case& item : cases) {
    CAPTURE(item.provider);
    nlohmann::json body = body_of(built(entry_for(item.provider), talk));
    for (const char* name : {"model", "max_tokens", "stream"}) body.erase(name);
    CHECK(body == nlohmann::json::parse(item.expected));
  }
}

TEST_CASE("images go out with the type their bytes show, in each provider's form") {
  const std::string by_data = std::string(R"({"messages":[{"role":"user","content":[{"type":"image","data":")") + kPng +
                              R"(","media_type":"image/gif"},{"type":"text","text":"Q"}]}]})";
  const std::string by_url = R"({"messages":[{"role":"user","content":[{"type":"image","url":"https://h/a.png"}]}]})";
  const std::string png = kPng;
  CHECK(body_of(built(entry_of("anthropic", "m"), by_data))["messages"][0]["content"][0] ==
        nlohmann::json(
            {{"type", "image"}, {"source", {{"type", "base64"}, {"media_type", "image/png"}, {"data", png}}}}));
  CHECK(body_of(built(entry_of("anthropic", "m"), by_url))["messages"][0]["content"][0]["source"] ==
        nlohmann::json({{"type", "url"}, {"url", "https://h/a.png"}}));
  CHECK(body_of(built(entry_of("gemini", "m"), by_data))["contents"][0]["parts"][0] ==
        nlohmann::json({{"inlineData", {{"mimeType", "image/png"}, {"data", png}}}}));
  CHECK(body_of(built(entry_of("gemini", "m"), by_url))["contents"][0]["parts"][0] ==
        nlohmann::json({{"fileData", {{"fileUri", "https://h/a.png"}}}}));
  CHECK(body_of(built(entry_of("ollama", "m"), by_data))["messages"][0] ==
        nlohmann::json({{"role", "user"}, {"content", "Q"}, {"images", {png}}}));
  for (const char* provider : {"azure", "together", "llama", "cohere"}) {
    CAPTURE(provider);
    const auto parts = body_of(built(entry_for(provider), by_data))["messages"][0]["content"];
    CHECK(parts[0]["image_url"]["url"] == "data:image/png;base64," + png);
    CHECK(parts[1] == nlohmann::json({{"type", "text"}, {"text", "Q"}}));
    CHECK(body_of(built(entry_for(provider), by_url))["messages"][0]["content"][0]["image_url"]["url"] ==
          "https://h/a.png");
  }
}

TEST_CASE("what a provider would answer with a 400 is refused before anything is sent") {
  const std::string only_system = R"({"messages":[{"role":"system","content":"S"}]})";
  const std::string assistant_last =
      R"({"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"}]})";
  const std::string url = R"({"messages":[{"role":"user","content":[{"type":"image","url":"https://h/a.png"}]}]})";
  const std::string unknown = R"({"messages":[{"role":"user","content":[{"type":"image","data":"QUJD"}]}]})";
  const std::string neither = R"({"messages":[{"role":"user","content":[{"type":"image"}]}]})";
  const std::string pictured_system =
      R"({"messages":[{"role":"system","content":[{"type":"image","url":"https://h/a"}]},{"role":"user","content":"Q"}]})";
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"anthropic", only_system},
      {"gemini", only_system},
      {"cohere-v1", only_system},
      {"cohere-v1", assistant_last},
      {"cohere-v1", url},
      {"ollama", url},
      {"anthropic", pictured_system},
      {"gemini", pictured_system},
      {"anthropic", unknown},
      {"gemini", unknown},
      {"ollama", unknown},
      {"cohere", unknown},
      {"llama", neither},
      {"anthropic", neither},
      {"anthropic", with_params(R"({"temperature":1.1})")},
      {"anthropic", with_params(R"({"temperature":-0.1})")},
      {"anthropic", with_params(R"({"max_tokens":4000,"reasoning":{"budget":1023}})")},
      {"anthropic", with_params(R"({"max_tokens":4000,"reasoning":{"budget":4000}})")},
      {"anthropic", with_params(R"({"reasoning":{"budget":5000}})")},  // 4096 stand in for max_tokens
      {"azure", with_params(R"({"temperature":2.1})")},
      {"azure", with_params(R"({"top_logprobs":21})")},
      {"azure", with_params(R"({"stop":["1","2","3","4","5"]})")},
  };
  for (const auto& [provider, request] : cases) {
    CAPTURE(provider);
    CAPTURE(request);
    const ModelEntry entry = entry_for(provider);
    const auto prepared = provider_of(entry).build(request_of(request), entry);
    REQUIRE_FALSE(prepared.has_value());
    CHECK(prepared.error().kind == ErrorKind::bad_request);
    CHECK_FALSE(prepared.error().message.empty());
  }
  for (const char* provider :
       {"openai", "azure", "together", "llama", "anthropic", "cohere", "cohere-v1", "gemini", "ollama"}) {
    CAPTURE(provider);
    const ModelEntry entry = entry_for(provider);
    CHECK(provider_of(entry).build(ChatRequest{}, entry).error().kind == ErrorKind::bad_request);
  }
}

TEST_CASE("an Anthropic request has max_tokens: its own, else the entry's max_output, else 4096") {
  ModelEntry entry = entry_of("anthropic", "m");
  CHECK(body_of(built(entry, with_params("{}")))["max_tokens"] == 4096);
  entry.max_output = 8192;
  CHECK(body_of(built(entry, with_params("{}")))["max_tokens"] == 8192);
  CHECK(body_of(built(entry, with_params(R"({"max_tokens":7})")))["max_tokens"] == 7);
  entry.params.max_tokens = 99;
  CHECK(body_of(built(entry, with_params("{}")))["max_tokens"] == 99);
}

TEST_CASE("streaming is asked for as each provider wants it and is no part of the hash") {
  struct Case {
    const char *provider, *streaming, *plain;
  };
  const std::vector<Case> cases = {
      {"openai", R"({"stream":true,"stream_options":{"include_usage":true}})", "{}"},
      {"azure", R"({"stream":true,"stream_options":{"include_usage":true}})", "{}"},
      {"together", R"({"stream":true,"stream_options":{"include_usage":true}})", "{}"},
      {"llama", R"({"stream":true,"stream_options":{"include_usage":true}})", "{}"},
      {"anthropic", R"({"stream":true})", "{}"},
      {"cohere", R"({"stream":true})", R"({"stream":false})"},
      {"cohere-v1", R"({"stream":true})", R"({"stream":false})"},
      {"ollama", R"({"stream":true})", R"({"stream":false})"},
      {"gemini", "{}", "{}"},
  };
  for (const Case& item : cases) {
    CAPTURE(item.provider);
    const ModelEntry entry = entry_for(item.provider);
    ChatRequest request = request_of(with_params(R"({"max_tokens":16})"));
    const auto plain = provider_of(entry).build(request, entry);
    request.stream = StreamMode::always;
    const auto streaming = provider_of(entry).build(request, entry);
    REQUIRE(plain.has_value());
    REQUIRE(streaming.has_value());
    CHECK(plain->hash == streaming->hash);
    CHECK(plain->canonical == streaming->canonical);
    const auto stream_fields = [](const PreparedRequest& prepared) {
      nlohmann::json found = nlohmann::json::object();
      const nlohmann::json body = body_of(prepared);
      for (const char* name : {"stream", "stream_options"}) {
        if (body.contains(name)) found[name] = body[name];
      }
      return found;
    };
    CHECK(stream_fields(*plain) == nlohmann::json::parse(item.plain));
    CHECK(stream_fields(*streaming) == nlohmann::json::parse(item.streaming));
    CHECK(plain->url.empty());
    CHECK((item.provider == std::string("gemini")) == !streaming->url.empty());
  }
  ModelEntry gemini = entry_of("gemini", "g");
  ChatRequest request = request_of(with_params("{}"));
  request.stream = StreamMode::always;
  CHECK(gemini_provider().build(request, gemini)->url ==
        "https://generativelanguage.googleapis.com/v1beta/models/g:streamGenerateContent?alt=sse");
  gemini.url += "?x=1";
  CHECK(gemini_provider().build(request, gemini)->url ==
        "https://generativelanguage.googleapis.com/v1beta/models/g:streamGenerateContent?x=1&alt=sse");
}

TEST_CASE("left to itself, a request streams when the answer may be long") {
  const ModelEntry entry = entry_of("anthropic", "m");
  const auto streams = [&](const std::string& params) {
    ChatRequest request = request_of(with_params(params));
    request.stream = StreamMode::automatic;
    return anthropic_provider().build(request, entry)->stream;
  };
  CHECK(streams("{}"));
  CHECK(streams(R"({"max_tokens":2049})"));
  CHECK_FALSE(streams(R"({"max_tokens":2048})"));
  CHECK(streams(R"({"max_tokens":2048,"reasoning":{"effort":"low"}})"));
  CHECK_FALSE(streams(R"({"max_tokens":2048,"reasoning":"off"})"));
}

TEST_CASE("each provider's key goes out in its own header, and none where there is no key") {
  const std::vector<std::pair<const char*, std::pair<const char*, const char*>>> cases = {
      {"openai", {"Authorization", "Bearer {key}"}},   {"azure", {"api-key", "{key}"}},
      {"anthropic", {"x-api-key", "{key}"}},           {"cohere", {"Authorization", "Bearer {key}"}},
      {"together", {"Authorization", "Bearer {key}"}}, {"gemini", {"x-goog-api-key", "{key}"}},
  };
  for (const auto& [provider, header] : cases) {
    CAPTURE(provider);
    ModelEntry entry = entry_for(provider);
    CHECK(header_of(built(entry, with_params("{}")), header.first) == header.second);
    entry.key_env.clear();
    for (const Header& sent : built(entry, with_params("{}")).headers) CHECK(sent.secret.empty());
  }
  CHECK(header_of(built(entry_for("ollama"), with_params("{}")), "Authorization").empty());
  ModelEntry llama = entry_for("llama");
  llama.key_env = "LLAMA_API_KEY";
  CHECK(header_of(built(llama, with_params("{}")), "Authorization") == "Bearer {key}");
  CHECK(header_of(built(entry_for("anthropic"), with_params("{}")), "anthropic-version") == "2023-06-01");
}

TEST_CASE("extra is merged last: members are added, changed inside objects, and removed by null") {
  ModelEntry entry = entry_of("ollama", "m");
  entry.extra = Json::parse(R"({"options":{"num_ctx":8192,"seed":1},"keep_alive":"5m"})");
  const std::string request = R"({"messages":[{"role":"user","content":"Q"}],"params":{"temperature":0.5,"seed":7},
      "extra":{"options":{"seed":null},"stream":true}})";
  const PreparedRequest prepared = built(entry, request);
  CHECK(body_of(prepared)["options"] == nlohmann::json::parse(R"({"num_ctx":8192,"temperature":0.5})"));
  CHECK(body_of(prepared)["keep_alive"] == "5m");
  CHECK(body_of(prepared)["stream"] == false);
  CHECK(prepared.canonical == nlohmann::json::parse(prepared.canonical).dump());
  ChatRequest wrong = request_of(with_params("{}"));
  wrong.extra = Json("text");
  CHECK(ollama_provider().build(wrong, entry).error().kind == ErrorKind::bad_request);
}

TEST_CASE("under strict_params a parameter that can't be expressed is refused by name") {
  ModelEntry entry = entry_of("anthropic", "m");
  entry.strict_params = true;
  const auto refused = anthropic_provider().build(request_of(with_params(R"({"seed":1})")), entry);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().kind == ErrorKind::bad_request);
  CHECK(refused.error().message.find("seed") != std::string::npos);
  CHECK(anthropic_provider().build(request_of(with_params(R"({"top_p":1})")), entry).has_value());
}

TEST_CASE("which providers repeat their Idempotency-Key, and which tell the prompt's log-probabilities") {
  for (const char* type : {"openai", "azure", "together"}) CHECK(find_provider(type)->idempotency_key());
  for (const char* type : {"anthropic", "cohere", "gemini", "ollama", "llama", "sim"}) {
    CHECK_FALSE(find_provider(type)->idempotency_key());
  }
  CHECK(find_provider("together")->prompt_logprobs());
  CHECK_FALSE(find_provider("llama")->prompt_logprobs());
  CHECK(find_provider("nobody") == nullptr);
}
