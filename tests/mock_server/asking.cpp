#include "tests/mock_server/asking.hpp"

#include "tests/mock_server/raw.hpp"

namespace assay::test {
namespace {

constexpr std::string_view kBearer = "Authorization: Bearer sk-test\r\n";

Json user(std::string_view prompt) { return {{"role", "user"}, {"content", prompt}}; }

std::string at(const Json& value, const char* pointer) {
  const Json::json_pointer place(pointer);
  if (!value.contains(place)) return "";
  const Json& found = value.at(place);
  return found.is_string() ? found.get<std::string>() : found.is_null() ? "" : found.dump();
}

std::string joined(const Json& list, const char* member) {
  std::string out;
  if (!list.is_array()) return out;
  for (const Json& one : list) {
    if (one.contains(member) && !one.value("thought", false)) out += one[member].get<std::string>();
  }
  return out;
}

bool openai_like(std::string_view provider) {
  for (const std::string_view other : {"anthropic", "cohere", "cohere-v1", "gemini", "ollama", "completions"}) {
    if (provider == other) return false;
  }
  return true;
}

}  // namespace

const std::vector<std::string>& providers() {
  static const std::vector<std::string> all{"openai",    "azure",  "anthropic", "cohere", "cohere-v1",
                                            "together",  "gemini", "ollama",    "llama",  "openrouter",
                                            "deepinfra", "groq",   "deepseek",  "vllm",   "completions"};
  return all;
}

Asked question(std::string_view provider, std::string_view prompt, bool stream, const Json& more) {
  const std::string name(provider);
  Asked out{"/" + name + "/v1/chat/completions", std::string(kBearer), ""};
  Json body{{"model", "m1"}, {"messages", {user(prompt)}}};
  if (stream) body["stream"] = true;
  if (name == "openai") out.path = "/v1/chat/completions";
  if (name == "azure") {
    out.path = "/openai/deployments/m1/chat/completions?api-version=2024-02-15-preview";
    out.headers = "api-key: sk-test\r\n";
  } else if (name == "anthropic") {
    out = {"/v1/messages", "x-api-key: sk-test\r\nanthropic-version: 2023-06-01\r\n", ""};
    body["max_tokens"] = 100;
  } else if (name == "cohere") {
    out.path = "/v2/chat";
    body["stream"] = stream;
  } else if (name == "cohere-v1") {
    out.path = "/v1/chat";
    body = {{"model", "m1"}, {"message", prompt}, {"stream", stream}};
  } else if (name == "gemini") {
    out = {std::string("/v1beta/models/m1:") + (stream ? "streamGenerateContent?alt=sse" : "generateContent"),
           "x-goog-api-key: sk-test\r\n", ""};
    body = {{"contents", {{{"role", "user"}, {"parts", {{{"text", prompt}}}}}}}};
  } else if (name == "ollama") {
    out.path = "/api/chat";
    body["stream"] = stream;
  } else if (name == "completions") {
    out.path = "/v1/completions";
    body.erase("messages");
    body["prompt"] = prompt;
  }
  if (!more.is_null()) body.merge_patch(more);
  out.body = body.dump();
  return out;
}

std::string bytes_of(const Asked& asked) { return http_post(asked.path, asked.body, asked.headers); }

std::string ask_provider(int port, std::string_view provider, std::string_view prompt, bool stream, const Json& more) {
  Raw raw(port);
  raw.send(bytes_of(question(provider, prompt, stream, more)));
  return raw.answer();
}

std::string text_in(std::string_view provider, std::string_view body) {
  const Json reply = Json::parse(body, nullptr, false);
  if (!reply.is_object()) return "(no JSON) " + std::string(body.substr(0, 200));
  if (provider == "anthropic") return joined(reply.value("content", Json()), "text");
  if (provider == "cohere") return joined(reply.value(Json::json_pointer("/message/content"), Json()), "text");
  if (provider == "cohere-v1") return at(reply, "/text");
  if (provider == "gemini" && reply.contains("candidates")) {
    return joined(reply["candidates"][0]["content"].value("parts", Json()), "text");
  }
  if (provider == "ollama") return at(reply, "/message/content");
  if (provider == "completions") return at(reply, "/choices/0/text");
  return at(reply, "/choices/0/message/content");
}

std::vector<SeenEvent> events_of(std::string_view bytes, bool json_lines) {
  std::vector<SeenEvent> out;
  SeenEvent event;
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find_first_of("\r\n"), bytes.size());
    std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(std::min(bytes.size(), end + (bytes.substr(end).starts_with("\r\n") ? 2 : 1)));
    if (line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    if (json_lines) {
      if (!line.empty()) out.push_back({"", std::string(line)});
      continue;
    }
    if (line.empty()) {
      if (!event.data.empty()) out.push_back(event);
      event = {};
    }
    const std::size_t colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos) continue;
    std::string_view value = line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (line.substr(0, colon) == "data") event.data += value;
    if (line.substr(0, colon) == "event") event.name = value;
  }
  if (!event.data.empty()) out.push_back(event);
  return out;
}

std::string text_of_stream(std::string_view provider, std::string_view bytes) {
  std::string out;
  bool finished = false;
  const bool lines = provider == "ollama" || provider == "cohere-v1";
  for (const SeenEvent& event : events_of(bytes, lines)) {
    if (event.data == "[DONE]") continue;
    const Json data = Json::parse(event.data, nullptr, false);
    if (!data.is_object()) return out + "(no JSON)";
    if (data.contains("error")) return out + "(error)";
    if (provider == "anthropic") {
      out += at(data, "/delta/text");
      finished = finished || event.name == "message_stop";
      if (event.name != data["type"]) out += "(event's name)";
    } else if (provider == "cohere") {
      if (event.name == "content-delta") out += at(data, "/delta/message/content/text");
      finished = finished || event.name == "message-end";
    } else if (provider == "cohere-v1") {
      if (data["event_type"] == "text-generation") out += at(data, "/text");
      finished = finished || data["event_type"] == "stream-end";
    } else if (provider == "gemini") {
      if (data.contains("candidates")) out += joined(data["candidates"][0]["content"].value("parts", Json()), "text");
      finished = finished || !at(data, "/candidates/0/finishReason").empty() || data.contains("promptFeedback");
    } else if (provider == "ollama") {
      out += at(data, "/message/content");
      finished = finished || data.value("done", false);
    } else {
      out += at(data, openai_like(provider) ? "/choices/0/delta/content" : "/choices/0/text");
      finished = finished || !at(data, "/choices/0/finish_reason").empty();
    }
  }
  return finished ? out : out + "(unfinished)";
}

}  // namespace assay::test
