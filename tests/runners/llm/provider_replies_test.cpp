// How each provider's replies, streams and errors are read (models.md 2.1-2.3, 2.6-2.12, 3.1), one small body a rule.

#include <doctest/doctest.h>

#include "core/engine/clock.hpp"
#include "tests/runners/llm/provider_room.hpp"

using namespace assay;
using namespace assay::test;

namespace {

/// Members of `expected` are as in the outcome; the others are not looked at.
void check_some(const tl::expected<ChatReply, CallError>& outcome, const char* expected) {
  const Json mine = outcome_json(outcome, true);
  const Json wanted = Json::parse(expected);
  for (const auto& [name, value] : wanted.items()) {
    CAPTURE(name);
    REQUIRE(mine.contains(name));
    CHECK(mine[name] == value);
  }
}

std::string sse(const std::vector<std::string>& events) {
  std::string out;
  for (const std::string& event : events) out += "data: " + event + "\n\n";
  return out;
}
std::string lines(const std::vector<std::string>& events) {
  std::string out;
  for (const std::string& event : events) out += event + "\n";
  return out;
}

/// A stream of each wire format, whole, with the text it carries.
struct Sample {
  const char* provider;
  std::string bytes;
};
std::vector<Sample> samples() {
  const std::string chunk = R"({"id":"i","model":"m","choices":[{"index":0,"delta":{"content":)";
  const std::string end = R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})";
  const std::string start =
      R"({"type":"message_start","message":{"id":"i","model":"m","usage":{"input_tokens":3,"output_tokens":1}}})";
  const auto text_delta = [](const char* text) {
    return std::string(R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":")") + text +
           "\"}}";
  };
  const auto cohere_delta = [](const char* text) {
    return std::string(R"({"type":"content-delta","index":0,"delta":{"message":{"content":{"text":")") + text +
           "\"}}}}";
  };
  return {
      {"openai", sse({chunk + "\"Gr\"}}]}", chunk + "\"\u00fc\u00df\"}}]}", end, "[DONE]"})},
      {"azure", sse({R"({"choices":[],"prompt_filter_results":[]})", chunk + "\"Gr\"}}]}",
                     chunk + "\"\u00fc\u00df\"}}]}", end})},
      {"together", sse({chunk + "\"Gr\u00fc\"}}]}", chunk + "\"\u00df\"}}]}",
                        R"({"choices":[{"index":0,"delta":{},"finish_reason":"eos"}]})"})},
      {"llama", sse({R"({"choices":[{"index":0,"delta":{"role":"assistant","content":null}}]})",
                     chunk + "\"Gr\u00fc\u00df\"}}]}", end})},
      {"anthropic", sse({start, text_delta("Gr"), R"({"type":"ping"})", text_delta("\u00fc\u00df"),
                         R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}})",
                         R"({"type":"message_stop"})"})},
      {"cohere", sse({R"({"type":"message-start","id":"i"})", cohere_delta("Gr"), cohere_delta("\u00fc\u00df"),
                      R"({"type":"message-end","delta":{"finish_reason":"COMPLETE"}})", "[DONE]"})},
      {"cohere",
       lines({R"({"event_type":"stream-start","generation_id":"g"})", R"({"event_type":"text-generation","text":"Gr"})",
              R"({"event_type":"text-generation","text":"\u00fc\u00df"})",
              R"({"event_type":"stream-end","finish_reason":"COMPLETE","response":{"response_id":"i"}})"})},
      {"gemini", sse({R"({"candidates":[{"content":{"parts":[{"text":"Gr"}]}}]})",
                      R"({"candidates":[{"content":{"parts":[{"text":"üß"}]},"finishReason":"STOP"}]})"})},
      {"ollama", lines({R"({"model":"m","message":{"content":"Gr"},"done":false})",
                        R"({"model":"m","message":{"content":"üß"},"done":false})",
                        R"({"model":"m","message":{"content":""},"done":true,"done_reason":"stop","eval_count":2})"})},
  };
}

}  // namespace

TEST_CASE("each provider's words for why a text ended") {
  struct Case {
    const char *provider, *word, *stop;
  };
  const std::vector<Case> cases = {
      {"anthropic", "end_turn", "stop"},
      {"anthropic", "stop_sequence", "stop"},
      {"anthropic", "max_tokens", "max_tokens"},
      {"anthropic", "tool_use", "tool_calls"},
      {"anthropic", "refusal", "refusal"},
      {"anthropic", "model_context_window_exceeded", "model_length"},
      {"anthropic", "pause_turn", "unknown"},
      {"anthropic", "something_new", "unknown"},
      {"cohere", "COMPLETE", "stop"},
      {"cohere", "STOP_SEQUENCE", "stop"},
      {"cohere", "MAX_TOKENS", "max_tokens"},
      {"cohere", "TOOL_CALL", "tool_calls"},
      {"cohere", "ERROR", "error"},
      {"cohere", "TIMEOUT", "error"},
      {"cohere", "ERROR_TOXIC", "content_filter"},
      {"cohere", "ERROR_LIMIT", "model_length"},
      {"cohere", "NEW", "unknown"},
      {"gemini", "STOP", "stop"},
      {"gemini", "MAX_TOKENS", "max_tokens"},
      {"gemini", "SAFETY", "content_filter"},
      {"gemini", "RECITATION", "content_filter"},
      {"gemini", "LANGUAGE", "content_filter"},
      {"gemini", "BLOCKLIST", "content_filter"},
      {"gemini", "PROHIBITED_CONTENT", "content_filter"},
      {"gemini", "SPII", "content_filter"},
      {"gemini", "IMAGE_SAFETY", "content_filter"},
      {"gemini", "MALFORMED_FUNCTION_CALL", "error"},
      {"gemini", "OTHER", "unknown"},
      {"ollama", "stop", "stop"},
      {"ollama", "length", "max_tokens"},
      {"ollama", "load", "error"},
      {"ollama", "unload", "error"},
      {"ollama", "new", "unknown"},
      {"together", "eos", "stop"},
      {"llama", "length", "max_tokens"},
      {"azure", "content_filter", "content_filter"},
      {"azure", "function_call", "tool_calls"},
  };
  for (const Case& item : cases) {
    CAPTURE(item.provider);
    CAPTURE(item.word);
    const std::string provider = item.provider;
    const std::string word = "\"" + std::string(item.word) + "\"";
    const std::string body =
        provider == "anthropic" ? R"({"content":[{"type":"text","text":"x"}],"stop_reason":)" + word + "}"
        : provider == "cohere"  ? R"({"message":{"content":[{"type":"text","text":"x"}]},"finish_reason":)" + word + "}"
        : provider == "gemini"  ? R"({"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":)" + word + "}]}"
        : provider == "ollama"  ? R"({"message":{"content":"x"},"done":true,"done_reason":)" + word + "}"
                                : R"({"choices":[{"message":{"content":"x"},"finish_reason":)" + word + "}]}";
    const auto outcome = outcome_of(entry_of(provider, "m"), 200, body);
    if (item.stop == std::string("error")) {
      REQUIRE_FALSE(outcome.has_value());
      CHECK(outcome.error().name() == "server/stop_error");
      CHECK(outcome.error().partial_text == "x");
      CHECK(outcome.error().ambiguous);
    } else {
      REQUIRE(outcome.has_value());
      CHECK(to_text(outcome->stop) == item.stop);
      CHECK(outcome->text == "x");
    }
  }
}

TEST_CASE("replies: text, reasoning and usage of each provider's form") {
  struct Case {
    const char *provider, *body, *expected;
  };
  const std::vector<Case> cases = {
      {"anthropic",
       R"({"id":"i","model":"m","content":[{"type":"redacted_thinking","data":"z"},{"type":"thinking","thinking":"h"},
           {"type":"text","text":"a"},{"type":"tool_use","id":"t"},{"type":"text","text":"b"}],"stop_reason":"end_turn",
           "usage":{"input_tokens":1,"cache_creation_input_tokens":10,"cache_read_input_tokens":100,"output_tokens":7,
           "output_tokens_details":{"thinking_tokens":5}}})",
       R"({"ok":true,"text":"ab","reasoning":"h","id":"i","model":"m",
           "usage":{"in":111,"out":7,"cached":100,"cache_write":10,"reasoning":5}})"},
      {"anthropic", R"({"content":[],"stop_reason":"end_turn"})", R"({"text":"","usage":null,"flags":["empty"]})"},
      {"anthropic", R"({"content":[],"stop_reason":null})", R"({"stop":"unknown"})"},
      {"anthropic", R"({"content":"x"})", R"({"kind":"bad_response","sub":"shape"})"},
      {"anthropic", R"([1])", R"({"kind":"bad_response","sub":"shape"})"},
      {"anthropic", R"({"type":"error","error":{"type":"overloaded_error","message":"m"}})",
       R"({"kind":"overloaded","code":"overloaded_error"})"},
      {"cohere",
       R"({"id":"i","finish_reason":"COMPLETE","message":{"content":[{"type":"thinking","thinking":"h"},
           {"type":"text","text":"a"},{"type":"text","text":"b"}]},"usage":{"billed_units":{"input_tokens":2,
           "output_tokens":1},"tokens":{"input_tokens":70,"output_tokens":3},"cached_tokens":5}})",
       R"({"text":"ab","reasoning":"h","id":"i","usage":{"in":70,"out":3,"cached":5,"cache_write":0,"reasoning":null,
           "billed_in":2,"billed_out":1}})"},
      {"cohere",
       R"({"response_id":"r","text":"x","finish_reason":"COMPLETE","meta":{"billed_units":{"input_tokens":2,
           "output_tokens":1}}})",
       R"({"text":"x","id":"r","usage":{"in":null,"out":null,"cached":0,"cache_write":0,"reasoning":null,"billed_in":2,
           "billed_out":1}})"},
      {"cohere", R"({"message":{"content":null},"finish_reason":"TOOL_CALL"})", R"({"text":"","flags":[]})"},
      {"cohere", R"({"message":"what went wrong"})", R"({"ok":false,"kind":"server"})"},
      {"cohere", R"({"message":{"content":"x"}})", R"({"kind":"bad_response","sub":"shape"})"},
      {"cohere", R"({"finish_reason":"COMPLETE"})", R"({"kind":"bad_response","sub":"shape"})"},
      {"gemini",
       R"({"candidates":[{"index":1,"content":{"parts":[{"text":"other"}]},"finishReason":"STOP"},
           {"index":0,"content":{"parts":[{"text":"h","thought":true},{"text":"a"},{"inlineData":{}},{"text":"b"}]},
           "finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":9,"toolUsePromptTokenCount":2,
           "cachedContentTokenCount":4,"candidatesTokenCount":1,"thoughtsTokenCount":30}})",
       R"({"text":"ab","reasoning":"h","usage":{"in":11,"out":31,"cached":4,"cache_write":0,"reasoning":30}})"},
      {"gemini", R"({"candidates":[{"finishReason":"SAFETY"}]})",
       R"({"ok":true,"text":"","stop":"content_filter","flags":["empty","filtered"],"usage":null})"},
      {"gemini", R"({"candidates":[],"promptFeedback":{"blockReason":"SAFETY"}})",
       R"({"ok":true,"text":"","stop":"content_filter","flags":["empty","filtered"]})"},
      {"gemini", R"({"candidates":[{"content":{"parts":[{"text":"x"}]}}]})", R"({"ok":true,"stop":"unknown"})"},
      {"gemini", R"({"candidates":[{"content":{"parts":"x"}}]})", R"({"kind":"bad_response","sub":"shape"})"},
      {"gemini", R"({"promptFeedback":{}})", R"({"kind":"bad_response","sub":"no_choices"})"},
      {"gemini", R"([{"candidates":[{"content":{"parts":[{"text":"a"}]}}]},
                     {"candidates":[{"content":{"parts":[{"text":"b"}]},"finishReason":"STOP"}]}])",
       R"({"ok":true,"text":"ab","stop":"stop"})"},
      {"gemini", R"([{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}])",
       R"({"ok":false,"kind":"network","sub":"cut","partial_text":"a"})"},
      {"gemini", R"([{"error":{"code":503,"status":"UNAVAILABLE","message":"m"}}])", R"({"kind":"overloaded"})"},
      {"ollama", R"({"model":"m","message":{"content":"a","thinking":"h"},"done":true,"done_reason":"stop",
                     "eval_count":4})",
       R"({"text":"a","reasoning":"h","model":"m","usage":{"in":null,"out":4,"cached":0,"cache_write":0,
           "reasoning":null}})"},
      {"ollama", R"({"message":{"content":"<think>h</think>\n\na"},"done":true,"done_reason":"stop"})",
       R"({"text":"a","reasoning":"h","usage":null})"},
      {"ollama", R"({"message":{"content":"a"},"done":false})",
       R"({"ok":false,"kind":"network","sub":"cut","partial_text":"a"})"},
      {"ollama", R"({"choices":[{"message":{"content":"1"}}]})", R"({"kind":"bad_response","sub":"shape"})"},
      {"ollama", R"({"error":"what went wrong"})", R"({"kind":"server","sub":null})"},
      {"llama", R"({"choices":[{"message":{"content":"a</think>b"},"finish_reason":"stop"}],
                    "timings":{"prompt_n":5,"cache_n":3,"predicted_n":2}})",
       R"({"text":"b","reasoning":"a","usage":{"in":8,"out":2,"cached":3,"cache_write":0,"reasoning":null}})"},
      {"azure", R"({"choices":[{"message":{"content":"<think>a</think>b"},"finish_reason":"stop"}]})",
       R"({"text":"<think>a</think>b","reasoning":null})"},
      {"openai", R"({"choices":[{"message":{"content":null,"refusal":"no"},"finish_reason":"stop"}]})",
       R"({"ok":true,"text":"no","stop":"refusal","flags":["refused"]})"},
      {"openai",
       R"({"choices":[{"message":{"content":[{"type":"text","text":"a"},{"type":"x"},{"type":"text","text":"b"}]},
                     "finish_reason":"length"}]})",
       R"({"text":"ab","stop":"max_tokens","flags":["truncated"]})"},
      {"openai", R"({"choices":[]})", R"({"kind":"bad_response","sub":"no_choices"})"},
      {"openai", "{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]} and more",
       R"({"kind":"bad_response","sub":"not_json"})"},
      {"deepseek", R"({"choices":[{"message":{"content":"a","reasoning_content":"h"},"finish_reason":"stop"}],
                       "usage":{"prompt_tokens":9,"completion_tokens":2,"prompt_cache_hit_tokens":4}})",
       R"({"reasoning":"h","usage":{"in":9,"out":2,"cached":4,"cache_write":0,"reasoning":null}})"},
      {"openrouter", R"({"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],
                         "usage":{"prompt_tokens":9,"completion_tokens":2,"cost":0.25}})",
       R"({"usage":{"in":9,"out":2,"cached":0,"cache_write":0,"reasoning":null,"cost_usd":0.25}})"},
      {"openrouter", R"({"error":{"code":429,"message":"m"}})", R"({"kind":"rate_limit"})"},
      {"openai", "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n",
       R"({"ok":true,"text":"a","stop":"unknown"})"},
      {"openai", "data: {\"choices\":[]}\n\ndata: [DONE]\n\n", R"({"kind":"network","sub":"cut"})"},
      {"openai", "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}]}\n\n",
       R"({"kind":"network","sub":"cut","partial_text":""})"},
      {"vllm", R"({"error":"","choices":[{"message":{"content":"a"},"finish_reason":"stop"}]})", R"({"text":"a"})"},
      {"cohere", "", R"({"kind":"bad_response","sub":"not_json"})"},
      {"gemini", "<html>", R"({"kind":"bad_response","sub":"not_json"})"},
      {"anthropic", "\n\n{\"content\":[{\"type\":\"text\",\"text\":\"\xFF\"}],\"stop_reason\":\"end_turn\"}",
       R"({"ok":true,"text":"\ufffd","flags":["utf8_repaired"]})"},
      {"ollama", "{\"message\":{\"content\":\"\\ud800\"},\"done\":true,\"done_reason\":\"stop\"}",
       R"({"ok":true,"text":"\ufffd","flags":["utf8_repaired"]})"},
  };
  for (const Case& item : cases) {
    CAPTURE(item.provider);
    CAPTURE(item.body);
    check_some(outcome_of(entry_of(item.provider, "m"), 200, item.body), item.expected);
  }
}

TEST_CASE("think_tags: keep leaves the text as it came") {
  ModelEntry entry = entry_of("ollama", "m");
  entry.keep_think_tags = true;
  const auto reply = outcome_of(entry, 200, R"({"message":{"content":"<think>h</think>a"},"done":true})");
  REQUIRE(reply.has_value());
  CHECK(reply->text == "<think>h</think>a");
  CHECK(reply->reasoning.empty());
}

TEST_CASE("log-probabilities of each provider's form") {
  struct Case {
    const char *provider, *body;
  };
  const std::vector<Case> cases = {
      {"azure", R"({"choices":[{"message":{"content":"ab"},"finish_reason":"stop","logprobs":{"content":[
                    {"token":"a","logprob":-0.5,"top_logprobs":[{"token":"z","logprob":-2.0}]},
                    {"token":"b","logprob":-1.5}]}}]})"},
      {"together", R"({"choices":[{"message":{"content":"ab"},"finish_reason":"eos","logprobs":{"tokens":["a","b"],
                       "token_logprobs":[-0.5,-1.5],"top_logprobs":[{"z":-2.0}]}}]})"},
      {"gemini", R"({"candidates":[{"content":{"parts":[{"text":"ab"}]},"finishReason":"STOP","logprobsResult":{
                     "chosenCandidates":[{"token":"a","logProbability":-0.5},{"token":"b","logProbability":-1.5}],
                     "topCandidates":[{"candidates":[{"token":"z","logProbability":-2.0}]}]}}]})"},
      {"ollama", R"({"message":{"content":"ab"},"done":true,"done_reason":"stop","logprobs":[
                     {"token":"a","logprob":-0.5,"top_logprobs":[{"token":"z","logprob":-2.0}]},
                     {"token":"b","logprob":-1.5}]})"},
  };
  for (const Case& item : cases) {
    CAPTURE(item.provider);
    const auto reply = outcome_of(entry_of(item.provider, "m"), 200, item.body);
    REQUIRE(reply.has_value());
    REQUIRE(reply->logprobs.size() == 2);
    CHECK(reply->logprobs[0].token == "a");
    CHECK(reply->logprobs[0].logprob == -0.5);
    REQUIRE(reply->logprobs[0].top.size() == 1);
    CHECK(reply->logprobs[0].top[0] == std::pair<std::string, double>("z", -2.0));
    CHECK(reply->logprobs[1].token == "b");
    CHECK(reply->logprobs[1].logprob == -1.5);
  }
  const auto prompt =
      outcome_of(entry_of("together", "m"), 200,
                 R"({"prompt":[{"text":"xy","logprobs":{"tokens":["x","y"],"token_logprobs":[null,-3.0]}}],
                                     "choices":[{"message":{"content":"a"},"finish_reason":"length"}]})");
  REQUIRE(prompt.has_value());
  REQUIRE(prompt->prompt_logprobs.size() == 2);
  CHECK(prompt->prompt_logprobs[1].token == "y");
  CHECK(prompt->prompt_logprobs[1].logprob == -3.0);
  CHECK(prompt->logprobs.empty());
}

TEST_CASE("a stream gives one result however its bytes are split, and cut anywhere it is no answer") {
  for (const Sample& sample : samples()) {
    CAPTURE(sample.provider);
    const ModelEntry entry = entry_of(sample.provider, "m");
    const auto whole = provider_of(entry).parse(sample.bytes, entry);
    REQUIRE(whole.has_value());
    CHECK(whole->text == "Gr\u00fc\u00df");
    CHECK(whole->stop == Stop::stop);
    const Json expected = outcome_json(whole, true);
    for (std::size_t first = 0; first <= sample.bytes.size(); ++first) {
      CAPTURE(first);
      std::size_t piece = 0;
      const auto split = streamed(entry, sample.bytes, [&] { return piece++ == 0 ? first : sample.bytes.size(); });
      REQUIRE(outcome_json(split, true) == expected);
    }
    CHECK(outcome_json(streamed(entry, sample.bytes, [] { return 1U; }), true) == expected);
    bool ended = false;
    for (std::size_t length = 0; length < sample.bytes.size(); ++length) {
      CAPTURE(length);
      for (const bool whole_transfer : {true, false}) {
        const auto cut =
            provider_of(entry).parse(std::string_view(sample.bytes).substr(0, length), entry, whole_transfer);
        if (cut) {
          REQUIRE(cut->text == whole->text);
          ended = true;
        } else {
          REQUIRE_FALSE(ended);  // once complete, more bytes change nothing
          REQUIRE(whole->text.starts_with(cut.error().partial_text));
          REQUIRE(cut.error().ambiguous);
        }
      }
    }
  }
}

TEST_CASE("what comes after the end of a stream is ignored") {
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"openai", R"({"choices":[{"index":0,"delta":{"content":"MORE"}}]})"},
      {"anthropic", R"({"type":"content_block_delta","delta":{"type":"text_delta","text":"MORE"}})"},
      {"cohere", R"({"type":"content-delta","delta":{"message":{"content":{"text":"MORE"}}}})"},
      {"gemini", R"({"candidates":[{"content":{"parts":[{"text":"MORE"}]},"finishReason":"MAX_TOKENS"}]})"},
      {"ollama", R"({"message":{"content":"MORE"},"done":true,"done_reason":"length"})"},
  };
  for (const auto& [provider, more] : cases) {
    CAPTURE(provider);
    const ModelEntry entry = entry_of(provider, "m");
    for (const Sample& sample : samples()) {
      if (sample.provider != std::string(provider)) continue;
      const bool events = looks_like_sse(sample.bytes);
      for (const std::string& rest : {more, std::string("no json"), std::string(R"({"error":{"message":"late"}})")}) {
        if (!events && provider == std::string("cohere")) continue;
        const auto reply = provider_of(entry).parse(sample.bytes + (events ? sse({rest}) : lines({rest})), entry);
        REQUIRE(reply.has_value());
        CHECK(reply->text == "Gr\u00fc\u00df");
        CHECK(reply->stop == Stop::stop);
      }
    }
  }
}

TEST_CASE("an error in a stream ends the call with its kind and the partial text") {
  struct Case {
    const char* provider;
    std::string bytes;
    const char* expected;
  };
  const std::string begun = R"({"type":"content_block_delta","delta":{"type":"text_delta","text":"Hel"}})";
  const std::vector<Case> cases = {
      {"anthropic", sse({begun, R"({"type":"error","error":{"type":"overloaded_error","message":"m"}})"}),
       R"({"ok":false,"kind":"overloaded","code":"overloaded_error","partial_text":"Hel"})"},
      {"anthropic", sse({begun, "[1]"}), R"({"kind":"bad_response","sub":"bad_event","partial_text":"Hel"})"},
      {"anthropic", sse({begun, "{"}), R"({"kind":"bad_response","sub":"bad_event","partial_text":"Hel"})"},
      {"anthropic", sse({begun, R"({"type":"new_kind_of_event"})"}),
       R"({"kind":"network","sub":"cut","partial_text":"Hel"})"},
      {"anthropic", sse({begun, "[DONE]"}), R"({"kind":"network","sub":"cut","partial_text":"Hel"})"},
      {"ollama", lines({R"({"message":{"content":"He"},"done":false})", R"({"error":"boom"})"}),
       R"({"kind":"server","partial_text":"He"})"},
      {"ollama", lines({R"({"message":{"content":"He"},"done":false})", "no json"}),
       R"({"kind":"bad_response","sub":"bad_event","partial_text":"He"})"},
      {"ollama",
       lines({R"({"message":{"content":"He"},"done":false})",
              R"({"message":{"content":""},"done":true,"done_reason":"load"})"}),
       R"({"kind":"server","sub":"stop_error","partial_text":"He"})"},
      {"gemini",
       sse({R"({"candidates":[{"content":{"parts":[{"text":"He"}]}}]})",
            R"({"error":{"code":503,"status":"UNAVAILABLE","message":"m"}})"}),
       R"({"kind":"overloaded","partial_text":"He"})"},
      {"gemini", sse({R"({"candidates":[{"content":{"parts":[{"text":"He"}]}}]})"}),
       R"({"kind":"network","sub":"cut","partial_text":"He"})"},
      {"cohere",
       sse({R"({"type":"content-delta","delta":{"message":{"content":{"text":"He"}}}})",
            R"({"type":"message-end","delta":{"finish_reason":"ERROR","error":"m"}})"}),
       R"({"kind":"server","sub":"stop_error","partial_text":"He"})"},
      {"cohere", sse({R"({"message":"trial key"})"}), R"({"ok":false,"kind":"server"})"},
      {"vllm", "event: error\ndata: {\"message\":\"m\",\"code\":429}\n\n", R"({"ok":false,"kind":"rate_limit"})"},
      {"vllm", sse({R"({"object":"error","message":"m","code":503})"}), R"({"ok":false,"kind":"overloaded"})"},
      {"openrouter", sse({R"({"choices":[{"index":0,"error":{"code":502,"message":"m"}}]})"}),
       R"({"ok":false,"kind":"server"})"},
      {"openai", sse({R"({"choices":[{"index":0,"message":{"content":"x"},"finish_reason":"stop"}]})"}),
       R"({"ok":false,"kind":"bad_response","sub":"bad_event"})"},
  };
  for (const Case& item : cases) {
    CAPTURE(item.provider);
    CAPTURE(item.bytes);
    const ModelEntry entry = entry_of(item.provider, "m");
    check_some(provider_of(entry).parse(item.bytes, entry), item.expected);
    check_some(streamed(entry, item.bytes, [] { return 3U; }), item.expected);
  }
}

TEST_CASE("usage in a stream: later counters replace earlier ones, and may come after the end where vendors do that") {
  const ModelEntry claude = entry_of("anthropic", "m");
  const auto reply = anthropic_provider().parse(
      sse({R"({"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":1,"cache_read_input_tokens":2}}})",
           R"({"type":"message_delta","delta":{},"usage":{"output_tokens":7}})",
           R"({"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{"input_tokens":6,"output_tokens":9}})",
           R"({"type":"message_stop"})"}),
      claude);
  check_some(reply, R"({"stop":"max_tokens","usage":{"in":8,"out":9,"cached":2,"cache_write":0,"reasoning":null}})");
  const ModelEntry gemini = entry_of("gemini", "m");
  check_some(gemini_provider().parse(
                 sse({R"({"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":3}})",
                      R"({"candidates":[{"finishReason":"STOP"}]})",
                      R"({"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":1}})"}),
                 gemini),
             R"({"usage":{"in":3,"out":1,"cached":0,"cache_write":0,"reasoning":null}})");
}

TEST_CASE("a line of a stream beyond 4 MiB is refused the same way at every split") {
  const std::string long_text(5U << 20, 'x');
  for (const auto& [provider, bytes] :
       {std::pair<const char*, std::string>{"ollama", lines({R"({"message":{"content":"He"},"done":false})",
                                                             R"({"message":{"content":")" + long_text + "\"}}"})},
        {"anthropic",
         sse({R"({"type":"content_block_delta","delta":{"type":"text_delta","text":"He"}})",
              R"({"type":"content_block_delta","delta":{"type":"text_delta","text":")" + long_text + "\"}}"})}}) {
    CAPTURE(provider);
    const ModelEntry entry = entry_of(provider, "m");
    for (const std::size_t piece : {bytes.size(), std::size_t{1000}, std::size_t{65536}}) {
      const auto outcome = streamed(entry, bytes, [&] { return piece; });
      REQUIRE_FALSE(outcome.has_value());
      CHECK(outcome.error().name() == "bad_response/too_big");
      CHECK(outcome.error().partial_text == "He");
    }
  }
}

TEST_CASE("errors of each vendor become their kinds by their structured fields, by text only where there is no other") {
  struct Case {
    const char* provider;
    int status;
    const char *body, *kind;
    bool by_text;
  };
  const std::vector<Case> cases = {
      {"anthropic", 400,
       R"({"error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits."}})",
       "quota/user_limit", true},
      {"anthropic", 400, R"({"error":{"type":"invalid_request_error","message":"bad"}})", "bad_request", false},
      {"anthropic", 402, R"({"error":{"type":"billing_error","message":"m"}})", "quota", false},
      {"anthropic", 404, R"({"error":{"type":"not_found_error","message":"m"}})", "not_found", false},
      {"anthropic", 409, R"({"error":{"type":"conflict","message":"m"}})", "server", false},
      {"anthropic", 429, R"({"error":{"type":"rate_limit_error","message":"insufficient_quota, says the prompt"}})",
       "rate_limit", false},
      {"anthropic", 429, R"({"error":{"type":"rate_limit_error","message":"Number of concurrent connections"}})",
       "rate_limit/concurrency", true},
      {"anthropic", 504, R"({"error":{"type":"timeout_error","message":"m"}})", "server", false},
      {"azure", 429, R"({"error":{"code":"429","message":"exceeded token rate limit. retry after 2 seconds"}})",
       "rate_limit/tpm", true},
      {"azure", 401, R"({"error":{"code":"401","message":"m"}})", "auth", false},
      {"cohere", 429, R"({"message":"limited to 20 API calls / minute"})", "rate_limit/rpm", true},
      {"cohere", 429, R"({"message":"limited to 1000 API calls / month"})", "quota/month", true},
      {"openai", 429, R"({"error":{"message":"1000 API calls / month"}})", "rate_limit", false},
      {"cohere", 498, R"({"message":"blocked"})", "auth", false},
      {"llama", 498, R"({"error":{"message":"m"}})", "overloaded", false},
      {"cohere", 499, R"({"message":"closed"})", "bad_request", false},
      {"cohere", 501, R"({"message":"m"})", "bad_request", false},
      {"cohere", 504, R"({"message":"m"})", "server", false},
      {"together", 429, R"({"error":{"type":"credit_limit","message":"m"}})", "quota", false},
      {"together", 524, "", "server", false},
      {"gemini", 429,
       R"({"error":{"status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"GenerateContentInputTokensPerModelPerMinute"}]}]}})",
       "rate_limit/tpm", false},
      {"gemini", 429,
       R"({"error":{"status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"InputTokensPerMinute"},{"quotaId":"RequestsPerDay"}]}]}})",
       "quota/day", false},
      {"gemini", 403, R"({"error":{"status":"PERMISSION_DENIED"}})", "permission", false},
      {"gemini", 500, R"({"error":{"status":"INTERNAL"}})", "server", false},
      {"gemini", 504, R"({"error":{"status":"DEADLINE_EXCEEDED"}})", "server", false},
      {"ollama", 400, R"({"error":"bad"})", "bad_request", false},
      {"ollama", 503, R"({"error":"server busy, maximum pending requests exceeded"})", "overloaded", false},
      {"ollama", 502, "<html>bad gateway</html>", "server", false},
      {"llama", 400, R"({"error":{"code":400,"type":"exceed_context_size_error","n_ctx":256,"message":"m"}})",
       "context_length", false},
      {"llama", 401, R"({"error":{"code":401,"type":"authentication_error","message":"m"}})", "auth", false},
      {"llama", 500, R"({"error":{"code":500,"type":"server_error","message":"m"}})", "server", false},
      {"vllm", 404, R"({"object":"error","message":"no such model","type":"NotFoundError","code":404})", "not_found",
       false},
      {"openai", 400, R"({"errors":[{"code":"context_length_exceeded","message":"m"}]})", "context_length", false},
      {"openai", 422, R"({"detail":[{"msg":"field required"}]})", "bad_request", false},
  };
  for (const Case& item : cases) {
    CAPTURE(item.provider);
    CAPTURE(item.body);
    const auto outcome = outcome_of(entry_of(item.provider, "m"), item.status, item.body);
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().name() == item.kind);
    CHECK(outcome.error().by_text == item.by_text);
    CHECK(outcome.error().http_status == item.status);
  }
}

TEST_CASE("an own provider has the habits of its type") {
  const ModelEntry lab = entry_of("lab", "m", "cohere");
  CHECK(vendor_of(lab) == "cohere");
  CHECK(outcome_of(lab, 498, R"({"message":"blocked"})").error().kind == ErrorKind::auth);
  CHECK(vendor_of(entry_of("openrouter", "m")) == "openrouter");
  const auto limits = read_limit_headers(vendor_of(entry_of("lab", "m", "together")),
                                         {{"x-ratelimit-limit", "10", ""}, {"x-ratelimit-remaining", "9", ""}}, 0);
  REQUIRE(limits.size() == 1);
  CHECK(limits[0].window_s == 1);
}

TEST_CASE("rubbish of any kind is an error and never a crash") {
  RandomStream random(5);
  const std::vector<Sample> all = samples();
  const std::string spice =
      "{}[]\",:\\\n\r \xFF\xEF\xBB\xBF"
      "0truedata";
  int answers = 0;
  for (int round = 0; round < 4000; ++round) {
    const Sample& sample = all[random.next() % all.size()];
    std::string bytes = sample.bytes;
    for (std::uint64_t change = 1 + random.next() % 6; change > 0; --change) {
      const std::size_t at = random.next() % bytes.size();
      switch (random.next() % 3) {
        case 0:
          bytes[at] = spice[random.next() % spice.size()];
          break;
        case 1:
          bytes.erase(at, 1 + random.next() % 30);
          break;
        default:
          bytes.insert(at, bytes.substr(random.next() % bytes.size(), random.next() % 60));
      }
      if (bytes.empty()) bytes = "{";
    }
    // Every provider reads what any of them may send.
    for (const Sample& reader : all) {
      const ModelEntry entry = entry_of(reader.provider, "m");
      const auto whole = provider_of(entry).parse(bytes, entry);
      answers += whole.has_value() ? 1 : 0;
      if (!whole) CHECK_FALSE(whole.error().message.empty());
      if (!looks_like_sse(bytes)) continue;
      const auto split = streamed(entry, bytes, [&] { return 1 + random.next() % 9; });
      REQUIRE(outcome_json(split, true) == outcome_json(whole, true));
    }
  }
  CHECK(answers > 0);
}
