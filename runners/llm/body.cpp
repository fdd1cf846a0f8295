#include "runners/llm/body.hpp"

#include <algorithm>

namespace assay {

std::string& ObjectWriter::key(std::string_view name) {
  if (!first_) out_ += ',';
  first_ = false;
  append_json_string(out_, name);
  out_ += ':';
  return out_;
}

void ObjectWriter::text(std::string_view name, std::string_view value) { append_json_string(key(name), value); }

void ObjectWriter::number(std::string_view name, double value) { append_json_number(key(name), value); }

void ObjectWriter::integer(std::string_view name, std::int64_t value) { key(name) += std::to_string(value); }

void ObjectWriter::json(std::string_view name, const Json& value) { append_sorted_json(key(name), value); }

void ObjectWriter::texts(std::string_view name, const std::vector<std::string>& values) {
  std::string& list = key(name);
  list += '[';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) list += ',';
    append_json_string(list, values[i]);
  }
  list += ']';
}

void append_sorted_json(std::string& out, const Json& value) {
  if (value.is_object()) {
    std::vector<std::pair<std::string_view, const Json*>> members;
    members.reserve(value.size());
    for (auto it = value.begin(); it != value.end(); ++it) members.emplace_back(it.key(), &it.value());
    std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    ObjectWriter object(out);
    for (const auto& [name, member] : members) append_sorted_json(object.key(name), *member);
    object.end();
  } else if (value.is_array()) {
    out += '[';
    bool first = true;
    for (const Json& item : value) {
      if (!first) out += ',';
      first = false;
      append_sorted_json(out, item);
    }
    out += ']';
  } else {
    out += dump_json(value);
  }
}

void merge_patch(Json& target, const Json& patch) {
  if (!patch.is_object()) {
    target = patch;
    return;
  }
  if (!target.is_object()) target = Json::object();
  for (const auto& [name, value] : patch.items()) {
    if (value.is_null()) {
      target.erase(name);
    } else {
      merge_patch(target[name], value);
    }
  }
}

std::size_t expected_body_size(const ChatRequest& request) {
  std::size_t size = 256;
  for (const Message& message : request.messages) {
    size += 40;
    for (const Part& part : message.parts) {
      size += part.text.size() + part.text.size() / 8 + (part.image ? part.image->data.size() + 80 : 0);
    }
  }
  return size;
}

tl::expected<PreparedRequest, CallError> finish_request(std::string body, std::vector<std::string> dropped,
                                                        const ChatRequest& request, const ChatParams& params,
                                                        const ModelEntry& entry, const RequestForm& form,
                                                        bool simulated) {
  if (!entry.extra.is_null() || !request.extra.is_null()) {
    Json value = parse_json(body, "request");
    if (!entry.extra.is_null()) merge_patch(value, entry.extra);
    if (!request.extra.is_null()) merge_patch(value, request.extra);
    if (!value.is_object()) return refused("extra is an object");
    value.erase("stream");
    value.erase("stream_options");
    body.clear();
    append_sorted_json(body, value);
  }
  std::sort(dropped.begin(), dropped.end());
  if (entry.strict_params && !dropped.empty()) return refused(entry.name + " cannot express " + dropped.front());

  PreparedRequest prepared;
  prepared.dropped = std::move(dropped);
  if (!simulated) {
    const bool reasons = params.reasoning && params.reasoning->kind != Reasoning::Kind::off;
    const bool by_itself = reasons || !params.max_tokens || *params.max_tokens > 2048;
    const StreamMode mode = request.stream == StreamMode::automatic ? entry.stream : request.stream;
    prepared.stream = mode == StreamMode::always || (mode == StreamMode::automatic && by_itself);
    prepared.stream_fields = prepared.stream ? form.when_streaming : form.otherwise;
    prepared.headers.push_back({"Content-Type", "application/json", ""});
    if (!entry.key_env.empty()) {
      prepared.headers.push_back({std::string(form.key_header), std::string(form.key_prefix), entry.key_env});
    }
    for (const auto& [name, value] : entry.headers) prepared.headers.push_back({name, value, ""});
  }
  finish_canonical(prepared, body, entry.type, entry.endpoint, entry.path, request.epoch);
  return prepared;
}

void finish_canonical(PreparedRequest& request, std::string_view body, std::string_view type, std::string_view endpoint,
                      std::string_view path, std::int64_t epoch) {
  std::string& out = request.canonical;
  out.clear();
  out.reserve(body.size() + endpoint.size() + path.size() + type.size() + 80);
  out += "{\"body\":";
  request.body_begin = out.size();
  request.body_size = body.size();
  out += body;
  out += ",\"endpoint\":";
  append_json_string(out, endpoint);
  out += ",\"epoch\":";
  out += std::to_string(epoch);
  out += ",\"path\":";
  append_json_string(out, path);
  out += ",\"type\":";
  append_json_string(out, type);
  out += ",\"v\":1}";
  request.hash = xxh3_128(out);
}

std::string PreparedRequest::wire_body() const {
  const std::string_view body = std::string_view(canonical).substr(body_begin, body_size);
  if (stream_fields.empty()) return std::string(body);
  std::string out;
  out.reserve(body.size() + stream_fields.size() + 1);
  out += body.substr(0, body.size() - 1);
  if (body.size() > 2) out += ',';
  out += stream_fields;
  out += '}';
  return out;
}

}  // namespace assay
