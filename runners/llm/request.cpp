#include "runners/llm/request.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace assay {
namespace {

std::optional<Role> role_from_text(std::string_view text) {
  if (text == "system") return Role::system;
  if (text == "developer") return Role::developer;
  if (text == "user") return Role::user;
  if (text == "assistant") return Role::assistant;
  return std::nullopt;
}

std::string string_or(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

tl::expected<Part, CallError> part_from_json(const Json& value) {
  const std::string type = value.is_object() ? string_or(value, "type") : "";
  if (type == "text") return Part{string_or(value, "text"), std::nullopt};
  if (type != "image") return refused("a message part is neither text nor image");
  ImagePart image{string_or(value, "data"), string_or(value, "url"), string_or(value, "media_type"),
                  string_or(value, "detail")};
  return Part{"", std::move(image)};
}

tl::expected<ResponseFormat, CallError> format_from_json(const Json& value) {
  ResponseFormat format;
  const std::string type = value.is_string()   ? value.get<std::string>()
                           : value.is_object() ? string_or(value, "type")
                                               : "";
  if (type == "text") return format;
  if (type == "json") {
    format.kind = ResponseFormat::Kind::json;
    return format;
  }
  if (type != "json_schema") return refused("response_format is one of text, json, json_schema");
  format.kind = ResponseFormat::Kind::json_schema;
  format.name = string_or(value, "name");
  if (format.name.empty()) format.name = "reply";
  if (!value.contains("schema")) return refused("response_format json_schema needs a schema");
  format.schema = value["schema"];
  if (const auto strict = value.find("strict"); strict != value.end() && strict->is_boolean()) {
    format.strict = strict->get<bool>();
  }
  return format;
}

tl::expected<Reasoning, CallError> reasoning_from_json(const Json& value) {
  Reasoning reasoning;
  if (value.is_string() && value == "off") return reasoning;
  if (value.is_object() && value.contains("off")) return reasoning;
  if (value.is_object() && value.contains("effort") && value["effort"].is_string()) {
    reasoning.kind = Reasoning::Kind::effort;
    reasoning.effort = value["effort"].get<std::string>();
    for (const char* known : {"minimal", "low", "medium", "high"}) {
      if (reasoning.effort == known) return reasoning;
    }
    return refused("reasoning effort is one of minimal, low, medium, high");
  }
  if (value.is_object() && value.contains("budget") && value["budget"].is_number_integer()) {
    reasoning.kind = Reasoning::Kind::budget;
    reasoning.budget = value["budget"].get<std::int64_t>();
    return reasoning;
  }
  return refused("reasoning is \"off\", {\"effort\":..} or {\"budget\":tokens}");
}

}  // namespace

std::string_view to_text(Role role) {
  constexpr std::array<std::string_view, 4> names = {"system", "developer", "user", "assistant"};
  return names.at(static_cast<std::size_t>(role));
}

std::string Message::text() const {
  std::string joined;
  for (const Part& part : parts) {
    if (!part.image) joined += part.text;
  }
  return joined;
}

bool Message::has_image() const {
  return std::any_of(parts.begin(), parts.end(), [](const Part& part) { return part.image.has_value(); });
}

tl::expected<SplitMessages, CallError> split_system(const std::vector<Message>& messages) {
  SplitMessages split;
  bool first = true;
  for (const Message& message : messages) {
    if (message.role != Role::system && message.role != Role::developer) {
      split.has_user = split.has_user || message.role == Role::user;
      split.others.push_back(&message);
      continue;
    }
    if (message.has_image()) return refused("a system message holds an image");
    if (!first) split.system += "\n\n";
    first = false;
    split.system += message.text();
  }
  return split;
}

tl::expected<std::string, CallError> image_media_type(const ImagePart& image) {
  if (image.data.empty()) {
    if (image.url.empty()) return refused("an image has neither data nor url");
    return std::string();
  }
  if (const std::string_view type = image_type_of_base64(image.data); !type.empty()) return std::string(type);
  if (image.media_type.empty()) {
    return refused("an image is neither PNG, JPEG, GIF nor WebP, and no media_type is given");
  }
  return image.media_type;
}

ChatParams ChatParams::over(const ChatParams& defaults) const {
  ChatParams merged = *this;
  const auto fill = [](auto& value, const auto& fallback) {
    if (!value) value = fallback;
  };
  fill(merged.temperature, defaults.temperature);
  fill(merged.top_p, defaults.top_p);
  fill(merged.frequency_penalty, defaults.frequency_penalty);
  fill(merged.presence_penalty, defaults.presence_penalty);
  fill(merged.top_k, defaults.top_k);
  fill(merged.max_tokens, defaults.max_tokens);
  fill(merged.seed, defaults.seed);
  fill(merged.top_logprobs, defaults.top_logprobs);
  fill(merged.response_format, defaults.response_format);
  fill(merged.reasoning, defaults.reasoning);
  if (merged.stop.empty()) merged.stop = defaults.stop;
  merged.logprobs = merged.logprobs || defaults.logprobs;
  return merged;
}

tl::expected<ChatParams, CallError> chat_params_from_json(const Json& value) {
  ChatParams params;
  if (value.is_null()) return params;
  if (!value.is_object()) return refused("params is an object");
  for (const auto& [name, field] : value.items()) {
    const auto number = [&](std::optional<double>& to) {
      if (field.is_number()) to = field.get<double>();
      return field.is_number() || field.is_null();
    };
    const auto integer = [&](std::optional<std::int64_t>& to) {
      if (field.is_number_integer()) to = field.get<std::int64_t>();
      return field.is_number_integer() || field.is_null();
    };
    bool good = true;
    if (name == "temperature")
      good = number(params.temperature);
    else if (name == "top_p")
      good = number(params.top_p);
    else if (name == "frequency_penalty")
      good = number(params.frequency_penalty);
    else if (name == "presence_penalty")
      good = number(params.presence_penalty);
    else if (name == "top_k")
      good = integer(params.top_k);
    else if (name == "max_tokens")
      good = integer(params.max_tokens);
    else if (name == "seed")
      good = integer(params.seed);
    else if (name == "top_logprobs")
      good = integer(params.top_logprobs);
    else if (name == "logprobs") {
      good = field.is_boolean();
      if (good) params.logprobs = field.get<bool>();
    } else if (name == "stop") {
      if (field.is_string()) {
        params.stop.push_back(field.get<std::string>());
      } else if (field.is_array()) {
        for (const Json& word : field) {
          good = good && word.is_string();
          if (word.is_string()) params.stop.push_back(word.get<std::string>());
        }
      } else {
        good = field.is_null();
      }
    } else if (name == "response_format") {
      auto format = format_from_json(field);
      if (!format) return tl::unexpected(format.error());
      params.response_format = std::move(*format);
    } else if (name == "reasoning") {
      auto reasoning = reasoning_from_json(field);
      if (!reasoning) return tl::unexpected(reasoning.error());
      params.reasoning = std::move(*reasoning);
    } else {
      return refused("unknown parameter " + name);
    }
    if (!good) return refused("parameter " + name + " has a value of the wrong type");
  }
  return params;
}

Json to_json(const ChatParams& params) {
  Json out = Json::object();
  const auto put = [&](const char* name, const auto& value) {
    if (value) out[name] = *value;
  };
  put("temperature", params.temperature);
  put("top_p", params.top_p);
  put("frequency_penalty", params.frequency_penalty);
  put("presence_penalty", params.presence_penalty);
  put("top_k", params.top_k);
  put("max_tokens", params.max_tokens);
  put("seed", params.seed);
  put("top_logprobs", params.top_logprobs);
  if (!params.stop.empty()) out["stop"] = params.stop;
  if (params.logprobs) out["logprobs"] = true;
  if (params.response_format) {
    Json& format = out["response_format"];
    switch (params.response_format->kind) {
      case ResponseFormat::Kind::text:
        format["type"] = "text";
        break;
      case ResponseFormat::Kind::json:
        format["type"] = "json";
        break;
      case ResponseFormat::Kind::json_schema:
        format["type"] = "json_schema";
        format["name"] = params.response_format->name;
        format["schema"] = params.response_format->schema;
        format["strict"] = params.response_format->strict;
        break;
    }
  }
  if (params.reasoning) {
    switch (params.reasoning->kind) {
      case Reasoning::Kind::off:
        out["reasoning"] = "off";
        break;
      case Reasoning::Kind::effort:
        out["reasoning"]["effort"] = params.reasoning->effort;
        break;
      case Reasoning::Kind::budget:
        out["reasoning"]["budget"] = params.reasoning->budget;
        break;
    }
  }
  return out;
}

tl::expected<ChatRequest, CallError> chat_request_from_json(const Json& value) {
  if (!value.is_object()) return refused("a request is an object");
  ChatRequest request;
  const auto messages = value.find("messages");
  if (messages == value.end() || !messages->is_array()) return refused("a request has messages");
  for (const Json& item : *messages) {
    if (!item.is_object()) return refused("a message is an object");
    const std::string name = string_or(item, "role");
    const auto role = role_from_text(name);
    if (!role) return refused("unknown role \"" + name + "\": system, developer, user or assistant");
    Message message;
    message.role = *role;
    const auto content = item.find("content");
    if (content == item.end()) return refused("a message has content");
    if (content->is_string()) {
      message.parts.push_back({content->get<std::string>(), std::nullopt});
    } else if (content->is_array()) {
      for (const Json& part : *content) {
        auto read = part_from_json(part);
        if (!read) return tl::unexpected(read.error());
        message.parts.push_back(std::move(*read));
      }
    } else {
      return refused("content is a text or a list of parts");
    }
    request.messages.push_back(std::move(message));
  }
  auto params = chat_params_from_json(value.value("params", Json()));
  if (!params) return tl::unexpected(params.error());
  request.params = std::move(*params);
  if (const auto stream = value.find("stream"); stream != value.end() && stream->is_boolean()) {
    request.stream = stream->get<bool>() ? StreamMode::always : StreamMode::never;
  }
  if (const auto extra = value.find("extra"); extra != value.end()) request.extra = *extra;
  if (const auto epoch = value.find("epoch"); epoch != value.end() && epoch->is_number_integer()) {
    request.epoch = epoch->get<std::int64_t>();
  }
  return request;
}

std::string_view image_type_of_base64(std::string_view base64) {
  std::string head;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : base64.substr(0, 24)) {
    std::uint32_t value = 0;
    if (c >= 'A' && c <= 'Z')
      value = static_cast<std::uint32_t>(c - 'A');
    else if (c >= 'a' && c <= 'z')
      value = static_cast<std::uint32_t>(c - 'a') + 26;
    else if (c >= '0' && c <= '9')
      value = static_cast<std::uint32_t>(c - '0') + 52;
    else if (c == '+' || c == '-')
      value = 62;
    else if (c == '/' || c == '_')
      value = 63;
    else
      break;
    bits = (bits << 6U) | value;
    count += 6;
    if (count >= 8) {
      count -= 8;
      head += static_cast<char>((bits >> static_cast<unsigned>(count)) & 0xFFU);
    }
  }
  if (head.starts_with("\x89PNG\r\n\x1a\n")) return "image/png";
  if (head.starts_with("\xFF\xD8\xFF")) return "image/jpeg";
  if (head.starts_with("GIF87a") || head.starts_with("GIF89a")) return "image/gif";
  if (head.starts_with("RIFF") && head.size() >= 12 && head.substr(8, 4) == "WEBP") return "image/webp";
  return "";
}

}  // namespace assay
