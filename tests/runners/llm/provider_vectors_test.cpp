// The shared vectors of requests, replies and streams, for every provider there is.

#include "core/engine/clock.hpp"
#include "runners/llm/openai_reply.hpp"
#include "tests/runners/llm/provider_room.hpp"
#include "tests/runners/llm/vectors.hpp"

using namespace assay;
using namespace assay::test;

namespace {

std::string text_or(const Json& value, const char* name, const char* fallback = "") {
  const auto found = value.find(name);
  return found != value.end() && found->is_string() ? found->get<std::string>() : fallback;
}

/// The streams of a file with the entry each is read for, and what it gives when it is whole.
struct RecordedStream {
  std::string id, bytes;
  ModelEntry entry;
  Json expect;
};
std::vector<RecordedStream> recorded_streams() {
  std::vector<RecordedStream> all;
  if (const auto cases = vectors("streams.json")) {
    for (const Json& item : *cases) {
      all.push_back({item["id"], base64_decoded(item["raw_b64"].get<std::string>()), entry_of(item["provider"], "m"),
                     item["expect"]});
    }
  }
  if (const auto cases = vectors("llama_captured.json")) {
    for (const Json& item : *cases) {
      const std::string bytes = base64_decoded(item["body_b64"].get<std::string>());
      if (looks_like_sse(bytes) && item.contains("expect")) {
        all.push_back({item["id"], bytes, entry_of("llama", "m"), item["expect"]});
      }
    }
  }
  return all;
}

bool is_stream(const RecordedStream& recorded) {
  return looks_like_sse(recorded.bytes) || looks_like_json_lines(recorded.bytes, true);
}

/// Every field that is expected is as expected.
void check_expected(const tl::expected<ChatReply, CallError>& outcome, const Json& expect) {
  const Json mine = outcome_json(outcome, expect.contains("partial_text"));
  for (const auto& [name, value] : expect.items()) {
    CAPTURE(name);
    if (mine.contains(name)) CHECK(mine[name] == value);
  }
}

}  // namespace

TEST_CASE("every request vector gives its URL, headers, body and dropped parameters") {
  const auto cases = vectors("requests.json");
  if (!cases) return;
  Tally tally("requests.json");
  for (const Json& item : *cases) {
    const Json& given = item["request"];
    CAPTURE(item["id"].get<std::string>());
    tally.tested();
    const std::string expected_error = text_or(item, "error");
    auto request = chat_request_from_json(given);
    if (!request) {
      CHECK(to_text(request.error().kind) == expected_error);
      continue;
    }
    if (!given.contains("stream")) request->stream = StreamMode::never;
    const ModelEntry entry = entry_of(given["provider"], given["model"], "", text_or(given, "api", "v2"));
    const auto prepared = provider_of(entry).build(*request, entry);
    if (!prepared) {
      CHECK(to_text(prepared.error().kind) == expected_error);
      continue;
    }
    REQUIRE(expected_error.empty());
    CHECK((prepared->url.empty() ? entry.url : prepared->url) == item["url"].get<std::string>());
    CHECK(nlohmann::json::parse(prepared->wire_body()) == nlohmann::json::parse(item["body"].dump()));
    CHECK(Json(prepared->dropped) == item["dropped"]);
    for (const auto& [name, value] : item["headers"].items()) {
      CAPTURE(name);
      CHECK(header_of(*prepared, name) == value.get<std::string>());
    }
    // The text that is hashed is what the JSON library itself would write, and streaming is no part of it.
    CHECK(prepared->canonical == nlohmann::json::parse(prepared->canonical).dump());
    ChatRequest other = *request;
    other.stream = prepared->stream ? StreamMode::never : StreamMode::always;
    CHECK(provider_of(entry).build(other, entry)->hash == prepared->hash);
  }
}

TEST_CASE("every reply vector: text, reasoning, stop, flags, usage, or kind, sub, code, by_text") {
  const auto cases = vectors("replies.json");
  if (!cases) return;
  Tally tally("replies.json");
  for (const Json& item : *cases) {
    CAPTURE(item["id"].get<std::string>());
    tally.tested();
    const ModelEntry entry = entry_of(item["provider"], "m");
    const std::string body = item["body"];
    CHECK(outcome_json(outcome_of(entry, item["status"], body), false) == item["expect"]);
    if (const auto scanned = scan_openai_reply(body); scanned && entry.type == "openai") {
      CHECK(item["expect"]["ok"] == true);
      if (entry.provider == "openai") CHECK(outcome_json(*scanned, false) == item["expect"]);
    }
  }
}

TEST_CASE("every recorded stream gives its result whole, byte by byte and at 1,000 random splits") {
  Tally tally("streams");
  RandomStream random(11);
  for (const RecordedStream& recorded : recorded_streams()) {
    CAPTURE(recorded.id);
    check_expected(provider_of(recorded.entry).parse(recorded.bytes, recorded.entry), recorded.expect);
    if (!is_stream(recorded)) {
      tally.skip("one JSON body where a stream was asked for: nothing to split");
      continue;
    }
    tally.tested();
    const auto at_once = streamed(recorded.entry, recorded.bytes, [&] { return recorded.bytes.size(); });
    check_expected(at_once, recorded.expect);
    const Json whole = outcome_json(at_once, true);
    REQUIRE(outcome_json(streamed(recorded.entry, recorded.bytes, [] { return std::size_t{1}; }), true) == whole);
    for (int round = 0; round < 1000; ++round) {
      const auto split = streamed(recorded.entry, recorded.bytes, [&] { return 1 + random.next() % 40; });
      REQUIRE(outcome_json(split, true) == whole);
    }
  }
}

TEST_CASE("a recorded stream cut at any byte is never an answer that differs from the whole one") {
  Tally tally("streams cut");
  for (const RecordedStream& recorded : recorded_streams()) {
    CAPTURE(recorded.id);
    if (!is_stream(recorded)) continue;
    tally.tested();
    const Provider& provider = provider_of(recorded.entry);
    const auto whole = provider.parse(recorded.bytes, recorded.entry);
    for (std::size_t length = 0; length < recorded.bytes.size(); ++length) {
      CAPTURE(length);
      const std::string_view part = std::string_view(recorded.bytes).substr(0, length);
      for (const bool ended : {true, false}) {
        const auto outcome = provider.parse(part, recorded.entry, ended);
        if (!outcome) continue;
        REQUIRE(whole.has_value());
        REQUIRE(outcome->text == whole->text);
        REQUIRE(outcome->reasoning == whole->reasoning);
        REQUIRE(outcome->flags.names() == whole->flags.names());
      }
    }
  }
}

TEST_CASE("what llama-server really sent is read as its vectors say") {
  const auto cases = vectors("llama_captured.json");
  if (!cases) return;
  Tally tally("llama_captured.json");
  for (const Json& item : *cases) {
    if (!item.contains("expect")) {
      tally.skip("no expectation");
      continue;
    }
    CAPTURE(item["id"].get<std::string>());
    tally.tested();
    const std::string body = base64_decoded(item["body_b64"].get<std::string>());
    check_expected(outcome_of(entry_of("llama", "m"), item["status"], body), item["expect"]);
  }
}
