#include "runners/llm/http_transfer.hpp"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

#include "core/text/error.hpp"

namespace assay {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

/// What may be kept of a reply's headers; location only for the message of a refused redirect.
bool is_kept(std::string_view name) {
  return name == "content-type" || name == "date" || name == "server" || name == "location" ||
         name.starts_with("retry-after") || name.find("ratelimit") != std::string_view::npos ||
         name.find("tokenlimit") != std::string_view::npos || name.find("request-id") != std::string_view::npos ||
         name == "x-should-retry" || name == "x-generation-id" || name == "x-error-code";
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

template <typename T>
void set(CURL* easy, CURLoption option, T value) {
  if (const CURLcode code = curl_easy_setopt(easy, option, value); code != CURLE_OK) {
    throw Error("internal", std::string("libcurl refuses an option: ") + curl_easy_strerror(code));
  }
}

bool is_tls_fault(CURLcode code) {
  switch (code) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_USE_SSL_FAILED:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_SHUTDOWN_FAILED:
    case CURLE_SSL_CRL_BADFILE:
      return true;
    default:
      return false;
  }
}

}  // namespace

HttpTransfer::HttpTransfer(std::size_t receive_buffer_bytes, const HttpTime& now, std::size_t& held)
    : now_(now), held_(held) {
  easy = curl_easy_init();
  if (easy == nullptr) throw std::bad_alloc();
  set(easy, CURLOPT_PRIVATE, this);
  set(easy, CURLOPT_WRITEFUNCTION, &HttpTransfer::on_body);
  set(easy, CURLOPT_WRITEDATA, this);
  set(easy, CURLOPT_HEADERFUNCTION, &HttpTransfer::on_header);
  set(easy, CURLOPT_HEADERDATA, this);
  set(easy, CURLOPT_PREREQFUNCTION, &HttpTransfer::on_send);
  set(easy, CURLOPT_PREREQDATA, this);
  set(easy, CURLOPT_OPENSOCKETFUNCTION, &HttpTransfer::on_socket);
  set(easy, CURLOPT_OPENSOCKETDATA, this);
  set(easy, CURLOPT_ERRORBUFFER, error_);
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https");  // none is ever followed; 7.88 refuses an empty list
  set(easy, CURLOPT_UNRESTRICTED_AUTH, 0L);
  set(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  set(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  set(easy, CURLOPT_TCP_KEEPIDLE, 30L);
  set(easy, CURLOPT_TCP_KEEPINTVL, 15L);
  set(easy, CURLOPT_MAXLIFETIME_CONN, 600L);
  set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(easy, CURLOPT_ACCEPT_ENCODING, "");
  set(easy, CURLOPT_BUFFERSIZE, static_cast<long>(receive_buffer_bytes));
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, 3'600'000L);  // the limits of a request are the loop's own timers
}

HttpTransfer::~HttpTransfer() {
  curl_easy_cleanup(easy);
  curl_mime_free(form_);
  curl_slist_free_all(headers_);
}

std::optional<WireFault> HttpTransfer::prepare(const SecretSource& secrets) {
  const auto refuse = [](const char* kind, std::string message) {
    return WireFault{kind, "", std::move(message), false};
  };
  curl_slist_free_all(headers_);
  headers_ = curl_slist_append(nullptr, "Expect:");
  std::string line;
  for (const Header& header : request.headers) {
    line.assign(header.name).append(": ").append(header.value);
    if (!header.secret.empty() && !secrets.append(header.secret, line)) {
      return refuse("no_key", header.secret + " is not set");
    }
    if (has_control(line)) return refuse("bad_request", "the header " + header.name + " holds a line end");
    curl_slist* longer = curl_slist_append(headers_, line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    headers_ = longer;
  }
  if (!line.empty()) explicit_bzero(line.data(), line.size());

  const bool tls = request.url.starts_with("https");
  set(easy, CURLOPT_URL, request.url.c_str());
  set(easy, CURLOPT_HTTPHEADER, headers_);
  set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
  set(easy, CURLOPT_PIPEWAIT, tls ? 1L : 0L);
  if (request.upload) {
    form_ = curl_mime_init(easy);
    for (const auto& [name, value] : request.upload->parts) {
      curl_mimepart* part = curl_mime_addpart(form_);
      curl_mime_name(part, name.c_str());
      curl_mime_data(part, value.data(), value.size());
    }
    curl_mimepart* part = curl_mime_addpart(form_);
    curl_mime_name(part, request.upload->field.c_str());
    if (curl_mime_filedata(part, request.upload->path.c_str()) != CURLE_OK) {
      return refuse("bad_request", request.upload->path + " can't be read");
    }
    curl_mime_filename(part, request.upload->file_name.c_str());
    set(easy, CURLOPT_MIMEPOST, form_);
  } else if (request.method == "POST") {
    set(easy, CURLOPT_POST, 1L);
    set(easy, CURLOPT_POSTFIELDS, request.body.data());
    set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  } else {
    set(easy, CURLOPT_HTTPGET, 1L);
  }
  if (own_tls_ || !request.ca_file.empty() || !request.proxy.empty()) {
    set(easy, CURLOPT_CAINFO, request.ca_file.empty() ? nullptr : request.ca_file.c_str());
    const char* proxy = request.proxy.empty() ? nullptr : request.proxy.c_str();
    set(easy, CURLOPT_PROXY, request.proxy == "direct" ? "" : proxy);
    own_tls_ = true;
  }
  started = now_;
  return std::nullopt;
}

void HttpTransfer::reset() {
  held_ -= std::min(held_, reply_.body.size());
  if (form_ != nullptr) {
    set(easy, CURLOPT_MIMEPOST, static_cast<curl_mime*>(nullptr));
    curl_mime_free(std::exchange(form_, nullptr));
  }
  written_ = 0;
  request = WireRequest{};
  done = nullptr;
  reply_ = WireReply{};
  fault_.reset();
  sendings = 0;
  header_bytes_ = 0;
  no_descriptor_ = false;
  sent_.reset();
  first_byte_.reset();
  told = Lookup::Stage::unknown;
  last_byte_.reset();
  error_[0] = '\0';
}

std::size_t HttpTransfer::on_body(char* data, std::size_t size, std::size_t count, void* pointer) {
  auto& self = *static_cast<HttpTransfer*>(pointer);
  const std::size_t bytes = size * count;
  self.last_byte_ = self.now_;
  if (!self.first_byte_) self.first_byte_ = self.now_;
  bool to_file = false;
  if (self.request.into >= 0) {
    long status = 0;
    curl_easy_getinfo(self.easy, CURLINFO_RESPONSE_CODE, &status);
    to_file = status / 100 == 2;
  }
  const std::size_t most = to_file || self.request.into < 0 ? self.request.caps.body : Caps{}.body;
  if (self.reply_.body.size() + self.written_ + bytes > most) {
    self.fault_ =
        WireFault{"bad_response", "too_big", "the reply is larger than " + std::to_string(most) + " bytes", true};
    return 0;
  }
  if (to_file) return self.write_into(data, bytes) ? bytes : 0;
  self.reply_.body.append(data, bytes);
  self.held_ += bytes;
  return bytes;
}

bool HttpTransfer::write_into(const char* data, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes;) {
    const ssize_t n = write(request.into, data + at, bytes - at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      fault_ = WireFault{"local", "file", std::string("the reply can't be written: ") + strerror(errno), true};
      return false;
    }
    at += static_cast<std::size_t>(n);
  }
  written_ += bytes;
  return true;
}

std::size_t HttpTransfer::on_header(char* data, std::size_t size, std::size_t count, void* pointer) {
  auto& self = *static_cast<HttpTransfer*>(pointer);
  const std::size_t bytes = size * count;
  self.last_byte_ = self.now_;
  self.header_bytes_ += bytes;
  if (self.header_bytes_ > self.request.caps.headers) {
    self.fault_ =
        WireFault{"bad_response", "too_big",
                  "the reply's headers are larger than " + std::to_string(self.request.caps.headers) + " bytes", true};
    return 0;
  }
  std::string_view line(data, bytes);
  if (line.starts_with("HTTP/")) {  // a new set: what came before was 1xx
    self.reply_.headers.clear();
    return bytes;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return bytes;
  std::string name(line.substr(0, colon));
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.back() == '\n' || value.back() == '\r' || value.back() == ' '))
    value.remove_suffix(1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  if (name == "content-length") {
    std::uint64_t announced = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), announced);
    if (error == std::errc::result_out_of_range || (error == std::errc() && announced > self.request.caps.body)) {
      self.fault_ = WireFault{"bad_response", "too_big", "the reply announces " + std::string(value) + " bytes", true};
      return 0;
    }
    if (end == value.data() + value.size() && announced < (64U << 10U)) self.reply_.body.reserve(announced);
  } else if (is_kept(name)) {
    self.reply_.headers.push_back({std::move(name), std::string(value), ""});
  }
  return bytes;
}

int HttpTransfer::on_send(void* pointer, char*, char*, int, int) {
  auto& self = *static_cast<HttpTransfer*>(pointer);
  if (++self.sendings > 1) return CURL_PREREQFUNC_ABORT;
  self.sent_ = self.now_;
  return CURL_PREREQFUNC_OK;
}

curl_socket_t HttpTransfer::on_socket(void* pointer, curlsocktype, curl_sockaddr* address) {
  auto& self = *static_cast<HttpTransfer*>(pointer);
  const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd >= 0) return fd;
  if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) self.no_descriptor_ = true;
  return CURL_SOCKET_BAD;
}

const char* HttpTransfer::expired() const {
  const Deadlines& limits = request.deadlines;
  const auto passed = [&](HttpTime since, milliseconds limit) { return limit.count() > 0 && now_ - since >= limit; };
  if (passed(started, limits.attempt)) return "attempt";
  if (!sent_) return passed(started, limits.connect) ? "connect" : nullptr;
  if (!first_byte_ && passed(*sent_, limits.first_byte)) return "first_byte";
  if (last_byte_ && passed(*last_byte_, limits.stall)) return "stall";
  return nullptr;
}

bool HttpTransfer::short_of_descriptors(CURLcode code) const {
  if (sendings > 0) return false;
  if (no_descriptor_) return true;
  if (code != CURLE_COULDNT_RESOLVE_HOST && code != CURLE_COULDNT_CONNECT && code != CURLE_OUT_OF_MEMORY) return false;
  // A resolver needs descriptors too, and does not say so.
  const int probe = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (probe >= 0) {
    close(probe);
    return false;
  }
  return errno == EMFILE || errno == ENFILE;
}

std::optional<WireFault> HttpTransfer::fault_of(CURLcode code) const {
  if (fault_) return fault_;
  if (code == CURLE_OK) return std::nullopt;
  const bool sent = sendings > 0;
  const bool begun = last_byte_.has_value();
  const std::string message = error_[0] != '\0' ? error_ : curl_easy_strerror(code);
  const auto is = [&](const char* kind, const char* sub) { return WireFault{kind, sub, message, sent}; };
  if (is_tls_fault(code) && !sent) return is("network", "tls");
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return is("network", "dns");
    case CURLE_COULDNT_CONNECT:
      return is("network", "connect");
    case CURLE_OPERATION_TIMEDOUT:
      return is("timeout", sent ? "attempt" : "connect");
    case CURLE_ABORTED_BY_CALLBACK:
      return WireFault{"network", "reset", "the connection ended before the reply; not sent again by itself", true};
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return sent ? is("bad_response", "not_json") : is("bad_request", "");
    case CURLE_BAD_CONTENT_ENCODING:
      return is("bad_response", "not_json");
    case CURLE_OUT_OF_MEMORY:
      return sent ? is("bad_response", "too_big") : is("local", "load");
    case CURLE_URL_MALFORMAT:
    case CURLE_LOGIN_DENIED:
      return is("bad_request", "");
    case CURLE_PARTIAL_FILE:
      return is("network", "cut");
    default:
      return is("network", begun ? "cut" : sent ? "reset" : "connect");
  }
}

WireReply HttpTransfer::take_reply(std::optional<WireFault> fault) {
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  long opened = 0;
  curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &opened);
  held_ -= std::min(held_, reply_.body.size());
  WireReply reply = std::move(reply_);
  reply_ = WireReply{};
  reply.http = static_cast<int>(status);
  reply.fault = std::move(fault);
  const auto since = [&](const std::optional<HttpTime>& at) {
    return at ? duration_cast<microseconds>(*at - started).count() : -1;
  };
  reply.t.sent_us = since(sent_);
  reply.t.first_byte_us = since(first_byte_);
  reply.t.done_us = duration_cast<microseconds>(now_ - started).count();
  reply.t.reused_connection = opened == 0;
  return reply;
}

WireReply HttpTransfer::finish(CURLcode code) { return take_reply(fault_of(code)); }

WireReply HttpTransfer::finish(WireFault fault) {
  fault.sent = sendings > 0;
  return take_reply(std::move(fault));
}

}  // namespace assay
