#include "runners/llm/batch_api.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>

#include "core/text/error.hpp"
#include "runners/llm/provider.hpp"

namespace assay {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kLargestFile = 4ULL << 30;
constexpr int kTries = 3;

/// A descriptor that is closed.
struct HeldDescriptor {
  int fd = -1;
  ~HeldDescriptor() {
    if (fd >= 0) ::close(fd);
  }
};

bool worth_repeating(const WireReply& reply) {
  if (reply.fault) return reply.fault->kind == "network" || reply.fault->kind == "timeout";
  return reply.http == 429 || reply.http >= 500;
}

}  // namespace

BatchApi::BatchApi(Parts parts, ModelHandle entry) : parts_(std::move(parts)), entry_(std::move(entry)) {
  std::string url = entry_->url;
  if (const std::size_t query = url.find('?'); query != std::string::npos) {
    query_ = url.substr(query);
    url.resize(query);
  }
  constexpr std::string_view tail = "/chat/completions", deployments = "/deployments/";
  if (!url.ends_with(tail)) throw Error("bad_request", entry_->name + " has no address that files could go to");
  url.resize(url.size() - tail.size());
  if (entry_->type == "azure") url.resize(std::min(url.size(), url.find(deployments)));
  root_ = std::move(url);
}

WireRequest BatchApi::request(const std::string& method, const std::string& path) const {
  WireRequest out;
  out.method = method;
  out.url = root_ + path + query_;
  if (!entry_->key_env.empty()) {
    const bool azure = entry_->type == "azure";
    out.headers.push_back({azure ? "api-key" : "Authorization", azure ? "" : "Bearer ", entry_->key_env});
  }
  for (const auto& [name, value] : entry_->headers) out.headers.push_back({name, value, ""});
  out.headers.push_back({"User-Agent", "assay/" + parts_.version, ""});
  out.ca_file = entry_->ca_file;
  out.proxy = entry_->proxy;
  return out;
}

WireReply BatchApi::wait_for(WireRequest request) {
  struct Slot {
    std::mutex mutex;
    std::condition_variable came;
    std::optional<WireReply> reply;
  };
  const auto slot = std::make_shared<Slot>();
  const CallId call = request.call = parts_.store.reserve_call();
  parts_.transport.send(std::move(request), [slot](WireReply reply) {
    const std::lock_guard lock(slot->mutex);
    slot->reply = std::move(reply);
    slot->came.notify_all();
  });
  bool cancelled = false;
  std::unique_lock lock(slot->mutex);
  while (!slot->reply) {
    slot->came.wait_for(lock, milliseconds(100));
    if (slot->reply || cancelled || !parts_.interrupted || !parts_.interrupted()) continue;
    cancelled = true;
    lock.unlock();
    parts_.transport.cancel(call, 1);
    lock.lock();
  }
  if (cancelled) throw Error("interrupted", "stopped while waiting for " + entry_->address);
  return std::move(*slot->reply);
}

void BatchApi::fail(const WireReply& reply, const std::string& what) const {
  CallError error;
  if (reply.fault) {
    error = make_error(error_kind_from_text(reply.fault->kind).value_or(ErrorKind::network), reply.fault->sub,
                       reply.fault->message);
  } else {
    const Provider* const provider = find_provider(entry_->type);
    error = provider->classify(reply.http, parse_json_lenient(reply.body).value_or(Json()), *entry_);
  }
  std::string hint;
  if (error.kind == ErrorKind::auth) hint = "put a valid key into " + entry_->key_env;
  if (error.kind == ErrorKind::not_found) hint = "does this provider have a batch API at " + root_ + "/batches?";
  throw Error(std::string(to_text(error.kind)),
              what + ": " + entry_->address + " answers " + error.name() +
                  (reply.http > 0 ? " (" + std::to_string(reply.http) + ")" : "") + ": " +
                  parts_.secrets.redact(error.message),
              {}, hint);
}

Json BatchApi::ask(WireRequest request, bool repeatable) {
  const std::string what = request.method + " " + request.url.substr(root_.size());
  WireReply reply;
  for (int tried = 1;; ++tried) {
    reply = wait_for(request);
    if (!repeatable || tried == kTries || !worth_repeating(reply)) break;
    for (int i = 0; i < 10 * tried; ++i) {
      if (parts_.interrupted && parts_.interrupted()) throw Error("interrupted", "stopped while waiting to try again");
      std::this_thread::sleep_for(milliseconds(100));
    }
  }
  if (reply.fault || reply.http / 100 != 2) fail(reply, what);
  std::optional<Json> document = parse_json_lenient(reply.body);
  if (!document || !document->is_object()) throw Error("bad_response", what + ": the reply is no JSON object");
  return std::move(*document);
}

Json BatchApi::upload(const std::string& path, const std::string& name) {
  WireRequest out = request("POST", "/files");
  out.upload = WireUpload{path, "file", name, {{"purpose", "batch"}}};
  out.deadlines.attempt = std::chrono::hours(1);
  return ask(std::move(out), false);
}

Json BatchApi::create(const std::string& input_file) {
  WireRequest out = request("POST", "/batches");
  out.headers.push_back({"Content-Type", "application/json", ""});
  out.body =
      dump_json({{"input_file_id", input_file}, {"endpoint", "/v1/chat/completions"}, {"completion_window", "24h"}});
  return ask(std::move(out), false);
}

Json BatchApi::batch(const std::string& id) { return ask(request("GET", "/batches/" + id), true); }

Json BatchApi::cancel(const std::string& id) {
  WireRequest out = request("POST", "/batches/" + id + "/cancel");
  out.headers.push_back({"Content-Type", "application/json", ""});
  return ask(std::move(out), true);
}

Json BatchApi::uploads() {
  WireRequest out = request("GET", "/files");
  out.url += (query_.empty() ? "?" : "&") + std::string("purpose=batch");
  return ask(std::move(out), true).value("data", Json::array());
}

Json BatchApi::batches() {
  WireRequest out = request("GET", "/batches");
  out.url += (query_.empty() ? "?" : "&") + std::string("limit=100");
  return ask(std::move(out), true).value("data", Json::array());
}

void BatchApi::download(const std::string& id, const std::string& path) {
  const std::string temporary = path + ".part";
  for (int tried = 1;; ++tried) {
    HeldDescriptor file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (file.fd < 0) throw Error("file", "can't be written", temporary);
    WireRequest out = request("GET", "/files/" + id + "/content");
    out.into = file.fd;
    out.caps.body = kLargestFile;
    out.deadlines.attempt = std::chrono::hours(1);
    const WireReply reply = wait_for(std::move(out));
    if (!reply.fault && reply.http / 100 == 2) {
      if (::fsync(file.fd) != 0) throw Error("file", "can't be written", temporary);
      std::filesystem::rename(temporary, path);
      return;
    }
    ::unlink(temporary.c_str());
    if (tried == kTries || !worth_repeating(reply)) fail(reply, "GET /files/" + id + "/content");
    std::this_thread::sleep_for(milliseconds(500 * tried));
  }
}

}  // namespace assay
