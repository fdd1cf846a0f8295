#include "tests/mock_server/server/batches.hpp"

#include <algorithm>
#include <ctime>

#include "core/text/error.hpp"

namespace assay::mock {
namespace {

constexpr std::size_t kMaxBytes = 200'000'000, kMaxQuestion = 65'536;
constexpr std::uint64_t kMaxOddLines = 100'000;

std::string json_text(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

double seconds_of(const Json& setting, const char* name) {
  return setting.contains(name) ? parse_latency(setting.at(name)).a_ms / 1e3 : 0;
}

Json list_of(std::vector<Json> data) {
  Json out{{"object", "list"}, {"data", Json::array()}};
  for (Json& one : data) out["data"].push_back(std::move(one));
  const Json& all = out["data"];
  const Json first = all.empty() ? Json() : Json(all.front()["id"]),
             last = all.empty() ? Json() : Json(all.back()["id"]);
  out["first_id"] = first;
  out["last_id"] = last;
  out["has_more"] = false;
  return out;
}

}  // namespace

bool Batches::takes(std::string_view path) {
  if (path.starts_with("/openai")) path.remove_prefix(7);
  for (const std::string_view root : {"/v1/files", "/v1/batches"}) {
    if (path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/')) return true;
  }
  return false;
}

void Batches::check(const Json& setting) {
  if (!setting.is_object()) throw Error("usage", "batch is an object", "batch");
  for (const auto& [key, value] : setting.items()) {
    bool good = false;
    if (key == "validating" || key == "in_progress" || key == "finalizing" || key == "cancelling") {
      parse_latency(value);
      good = true;
    } else if (key == "fails" || key == "shuffle") {
      good = value.is_boolean();
    } else if (key == "expired" || key == "refused" || key == "missing") {
      good = value.is_number() && value.get<double>() >= 0 && value.get<double>() <= 1;
    } else if (key == "bad_lines" || key == "repeated") {
      good = value.is_number_unsigned() && value.get<std::uint64_t>() <= kMaxOddLines;
    }
    if (!good) throw Error("usage", "batch." + key + " makes no sense", "batch");
  }
}

void Batches::clear() {
  files_.clear();
  batches_.clear();
  numbered_ = 0;
}

Batches::Result Batches::handle(const Route& route, const HttpRequest& request, double now_s) {
  std::string_view path = route.rest;
  if (path.starts_with("/openai")) path.remove_prefix(7);
  for (Batch& batch : batches_) advance(batch, now_s);
  const bool file = path.starts_with("/v1/files");
  const std::string_view rest = path.substr(file ? 9 : 11);
  return file ? files(request, rest.substr(std::min<std::size_t>(1, rest.size())), now_s)
              : batches(route, request, rest.substr(std::min<std::size_t>(1, rest.size())), now_s);
}

Json Batches::json_of(const File& file) {
  return {
      {"id", file.id},         {"object", "file"},        {"bytes", file.bytes.size()}, {"created_at", file.created},
      {"filename", file.name}, {"purpose", file.purpose}, {"status", "processed"}};
}

std::string Batches::add_file(std::string name, std::string purpose, std::string bytes, std::string key) {
  const std::string id = "file-" + std::to_string(++numbered_);
  files_[id] = {id, std::move(name), std::move(purpose), std::move(bytes), std::move(key), std::time(nullptr)};
  return id;
}

Batches::Result Batches::upload(const HttpRequest& request) {
  const FormPart* file = nullptr;
  std::string_view purpose;
  const auto parts = parse_multipart(header_value(request.headers, "Content-Type"), request.body);
  for (const FormPart& part : parts) {
    if (part.name == "file") file = &part;
    if (part.name == "purpose") purpose = part.data;
  }
  if (purpose.empty()) return {"bad_request", "'purpose' is a required property"};
  if (file == nullptr) return {"bad_request", "'file' is a required property"};
  if (purpose != "batch") return {"bad_request", "'" + std::string(purpose) + "' is not one of ['batch'] - 'purpose'"};
  if (file->data.size() > kMaxBytes) return {"too_large", "The file exceeds 200 MB"};
  if (file->data.empty()) return {"bad_request", "File is empty."};
  const std::string id =
      add_file(std::string(file->filename), "batch", std::string(file->data), std::string(request.key));
  return {nullptr, json_text(json_of(files_.at(id)))};
}

Batches::Result Batches::files(const HttpRequest& request, std::string_view rest, double) {
  if (rest.empty()) {
    if (request.method == "POST") return upload(request);
    if (request.method != "GET") return {"method", ""};
    std::vector<Json> all;
    for (const auto& [id, file] : files_) {
      if (file.key == request.key) all.push_back(json_of(file));
    }
    return {nullptr, json_text(list_of(std::move(all)))};
  }
  const std::string_view id = rest.substr(0, rest.find('/')), action = rest.substr(id.size());
  const auto found = files_.find(id);
  if (found == files_.end() || found->second.key != request.key) {
    return {"not_found", "No such File object: " + std::string(id)};
  }
  if (action == "/content") {
    if (request.method != "GET") return {"method", ""};
    return {nullptr, found->second.bytes, true};
  }
  if (!action.empty()) return {"not_found", "Unknown request URL"};
  if (request.method == "GET") return {nullptr, json_text(json_of(found->second))};
  if (request.method != "DELETE") return {"method", ""};
  const std::string name = found->first;
  files_.erase(found);
  return {nullptr, json_text({{"id", name}, {"object", "file"}, {"deleted", true}})};
}

Batches::Result Batches::create(const Route& route, const HttpRequest& request, double now_s) {
  if (request.body.size() > kMaxQuestion) return {"too_large", ""};
  const Json body = Json::parse(request.body, nullptr, false);
  if (!body.is_object()) return {"bad_request", "We could not parse the JSON body of your request"};
  for (const char* name : {"input_file_id", "endpoint", "completion_window"}) {
    if (!body.contains(name) || !body[name].is_string()) {
      return {"bad_request", "Missing required parameter: '" + std::string(name) + "'."};
    }
  }
  Batch batch;
  batch.input = body["input_file_id"];
  batch.endpoint = body["endpoint"];
  batch.window = body["completion_window"];
  if (batch.window != "24h") return {"bad_request", "Invalid value: 'completion_window'. Only '24h' is supported."};
  const auto file = files_.find(batch.input);
  if (file == files_.end() || file->second.key != request.key) {
    return {"not_found", "No such File object: " + batch.input};
  }
  const std::string path =
      route.errors->name != chat_.default_shape().name ? "/" + std::string(route.errors->name) + batch.endpoint : "";
  HttpRequest asked;
  asked.method = "POST";
  asked.path = path.empty() ? std::string_view(batch.endpoint) : std::string_view(path);
  batch.shape = route_of(asked, chat_.default_shape()).shape;
  if (batch.shape == nullptr || !batch.endpoint.starts_with("/v1/")) {
    return {"bad_request", "Invalid value: '" + batch.endpoint + "'. It is no endpoint of batches."};
  }
  const Json& config = chat_.rules().config();
  batch.setting = config.value("batch", Json::object());
  batch.id = "batch_" + std::to_string(++numbered_);
  batch.key = request.key;
  batch.metadata = body.value("metadata", Json());
  batch.begun_s = now_s;
  batch.created = std::time(nullptr);
  batch.errors = read_lines(file->second.bytes, batch.endpoint, batch.lines);
  if (batch.setting.value("fails", false)) {
    batch.errors = {{"object", "list"},
                    {"data", {{{"code", "token_limit_exceeded"}, {"message", "Enqueued token limit reached"}}}}};
  }
  advance(batch, now_s);
  batches_.push_back(std::move(batch));
  return {nullptr, json_text(json_of(batches_.back(), now_s))};
}

Batches::Result Batches::batches(const Route& route, const HttpRequest& request, std::string_view rest, double now_s) {
  if (rest.empty()) {
    if (request.method == "POST") return create(route, request, now_s);
    if (request.method != "GET") return {"method", ""};
    std::vector<Json> all;
    for (auto it = batches_.rbegin(); it != batches_.rend(); ++it) {
      if (it->key == request.key) all.push_back(json_of(*it, now_s));
    }
    return {nullptr, json_text(list_of(std::move(all)))};
  }
  const std::string_view id = rest.substr(0, rest.find('/')), action = rest.substr(id.size());
  const auto batch = std::find_if(batches_.begin(), batches_.end(),
                                  [&](const Batch& b) { return b.id == id && b.key == request.key; });
  if (batch == batches_.end()) return {"not_found", "No batch found with id '" + std::string(id) + "'."};
  if (action == "/cancel") {
    if (request.method != "POST") return {"method", ""};
    const std::string_view status = status_of(*batch, now_s);
    if (status != "validating" && status != "in_progress" && status != "finalizing") {
      return {"conflict", "Cannot cancel a batch with status '" + std::string(status) + "'."};
    }
    batch->cancelled_s = now_s;
    advance(*batch, now_s);
  } else if (!action.empty()) {
    return {"not_found", "Unknown request URL"};
  } else if (request.method != "GET") {
    return {"method", ""};
  }
  return {nullptr, json_text(json_of(*batch, now_s))};
}

Batches::Times Batches::times_of(const Batch& batch) {
  return {seconds_of(batch.setting, "validating"), seconds_of(batch.setting, "in_progress"),
          seconds_of(batch.setting, "finalizing"), seconds_of(batch.setting, "cancelling")};
}

const char* Batches::status_of(const Batch& batch, double now_s) const {
  const Times t = times_of(batch);
  if (batch.cancelled_s >= 0) return now_s < batch.cancelled_s + t.cancelling ? "cancelling" : "cancelled";
  const double since = now_s - batch.begun_s;
  if (since < t.validating) return "validating";
  if (!batch.errors.is_null()) return "failed";
  if (since < t.validating + t.in_progress) return "in_progress";
  if (since < t.validating + t.in_progress + t.finalizing) return "finalizing";
  return batch.setting.value("expired", 0.0) > 0 ? "expired" : "completed";
}

void Batches::advance(Batch& batch, double now_s) {
  if (batch.executed || !batch.errors.is_null()) return;
  const std::string_view status = status_of(batch, now_s);
  const Times t = times_of(batch);
  if (status == "cancelled") {  // as far as it had come
    const double share = t.in_progress > 0 ? (batch.cancelled_s - batch.begun_s - t.validating) / t.in_progress : 1;
    const double lines = std::clamp(share, 0.0, 1.0) * static_cast<double>(batch.lines.size());
    execute(batch, static_cast<std::size_t>(lines), now_s);
  } else if (status == "completed" || status == "expired") {
    execute(batch, batch.lines.size(), now_s);
  }
}

Json Batches::json_of(const Batch& b, double now_s) const {
  const std::string status = status_of(b, now_s);
  const Times t = times_of(b);
  const auto at = [&](double after) { return Json(b.created + static_cast<std::int64_t>(after)); };
  const auto only = [&](bool has, double after) { return has ? at(after) : Json(); };
  const auto id_of = [](const std::string& id) { return id.empty() ? Json() : Json(id); };
  const double since = now_s - b.begun_s, progress = t.validating, final = progress + t.in_progress;
  const bool cancelled = b.cancelled_s >= 0, failed = status == "failed";
  Json out;
  out["id"] = b.id;
  out["object"] = "batch";
  out["endpoint"] = b.endpoint;
  out["errors"] = failed ? b.errors : Json();
  out["input_file_id"] = b.input;
  out["completion_window"] = b.window;
  out["status"] = status;
  out["output_file_id"] = id_of(b.output);
  out["error_file_id"] = id_of(b.errors_file);
  out["created_at"] = b.created;
  out["in_progress_at"] = only(!failed && since >= progress, progress);
  out["expires_at"] = b.created + 86'400;
  out["finalizing_at"] = only(!failed && !cancelled && since >= final, final);
  out["completed_at"] = only(status == "completed", final + t.finalizing);
  out["failed_at"] = only(failed, progress);
  out["expired_at"] = only(status == "expired", final + t.finalizing);
  out["cancelling_at"] = only(cancelled, b.cancelled_s - b.begun_s);
  out["cancelled_at"] = only(status == "cancelled", b.cancelled_s - b.begun_s + t.cancelling);
  out["request_counts"] = {{"total", b.lines.size()}, {"completed", b.completed}, {"failed", b.failed + b.expired}};
  out["metadata"] = b.metadata;
  return out;
}

}  // namespace assay::mock
