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
  if (!stream || stream_fields.empty()) return std::string(body);
  std::string out;
  out.reserve(body.size() + stream_fields.size() + 1);
  out += body.substr(0, body.size() - 1);
  if (body.size() > 2) out += ',';
  out += stream_fields;
  out += '}';
  return out;
}

}  // namespace assay
