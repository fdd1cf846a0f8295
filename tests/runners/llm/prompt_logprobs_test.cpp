// Log-probabilities of a text's own tokens: how they are asked for, and found in what comes back (models.md 2.8).

#include <doctest/doctest.h>

#include "core/text/error.hpp"
#include "runners/llm/prompt_logprobs.hpp"
#include "tests/runners/llm/provider_room.hpp"

using namespace assay;
using namespace assay::test;

TEST_CASE("Together's chats and vLLM's completions are asked for a text's own tokens, others are refused") {
  for (const char* name : {"together", "vllm"}) {
    CAPTURE(name);
    const auto entry = std::make_shared<const ModelEntry>(entry_of(name, "m"));
    CHECK(gives_prompt_logprobs(*entry));
    const ModelHandle asked = prompt_logprobs_model(entry);
    CHECK(prompt_logprobs_model(asked) == asked);
    const auto prepared = provider_of(*asked).build(prompt_logprobs_request("B\nA"), *asked);
    REQUIRE(prepared.has_value());
    CHECK(prepared->dropped.empty());
    const Json body = parse_json(prepared->wire_body(), "body");
    CHECK(body.at("echo") == true);
    CHECK(body.at("logprobs") == 1);
    CHECK(body.at("max_tokens") == 1);
    CHECK(body.at("temperature") == 0);
    if (std::string(name) == "vllm") {
      CHECK(asked->path == "/v1/completions");
      CHECK(body.at("prompt") == "B\nA");
    } else {
      CHECK(asked == entry);
      CHECK(body.at("messages").at(0).at("content") == "B\nA");
    }
  }
  for (const char* name : {"openai", "llama", "anthropic", "cohere", "gemini", "ollama", "deepinfra"}) {
    CAPTURE(name);
    const auto entry = std::make_shared<const ModelEntry>(entry_of(name, "m"));
    CHECK_FALSE(gives_prompt_logprobs(*entry));
    CHECK_THROWS_AS(prompt_logprobs_model(entry), Error);
  }
}

TEST_CASE("the tokens of the text are found in both forms, the first without a log-probability") {
  const auto completed =
      outcome_of(entry_of("vllm", "m"), 200,
                 R"({"object":"text_completion","choices":[{"index":0,"text":"B\nA!","finish_reason":"length",
                     "logprobs":{"tokens":["B","\n","A","!"],"token_logprobs":[null,-1.0,-2.0,-3.0],
                     "text_offset":[0,1,2,3]}}]})");
  REQUIRE(completed.has_value());
  const auto tokens = prompt_tokens(*completed, "B\nA");
  REQUIRE(tokens.size() == 3);
  CHECK_FALSE(tokens[0].logprob.has_value());
  CHECK(tokens[2].token == "A");
  CHECK(tokens[2].offset == 2);
  CHECK(tokens[2].logprob == -2.0);

  const auto chat = outcome_of(entry_of("together", "m"), 200,
                               R"({"prompt":[{"text":"<u>A A</u>","logprobs":{"tokens":["<u>","A"," A","</u>"],
                     "token_logprobs":[null,-1.0,-2.5,-0.1]}}],
                     "choices":[{"message":{"content":"A A"},"finish_reason":"length"}]})");
  REQUIRE(chat.has_value());
  const auto framed = prompt_tokens(*chat, "A A");
  REQUIRE(framed.size() == 2);
  CHECK(framed[0].logprob == -1.0);
  CHECK(framed[1].offset == 1);
  CHECK(framed[1].logprob == -2.5);

  CHECK(prompt_tokens(*chat, "another").empty());
  CHECK(prompt_tokens(*chat, "").empty());
  CHECK(prompt_tokens(ChatReply{}, "A").empty());
}

TEST_CASE("who can tell alternatives beside each token of an answer") {
  for (const char* name : {"openai", "together", "gemini", "ollama", "llama", "vllm"}) {
    CAPTURE(name);
    CHECK(gives_top_logprobs(entry_of(name, "m")));
  }
  for (const char* name : {"anthropic", "cohere", "sim"}) {
    CAPTURE(name);
    CHECK_FALSE(gives_top_logprobs(entry_of(name, "m")));
  }
}
