#include "tests/mock_server/server/replies.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>

#include "tests/mock_server/server/scan.hpp"

namespace assay::mock {
namespace {

using Form = ErrorRow::Form;

// models.md 3.1. The first row of a status is what that status says when no error is named.
constexpr ErrorRow kErrors[] = {
    {"rate_limit", 429, "requests", "rate_limit_exceeded", "Rate limit reached for requests"},
    {"rate_limit_tokens", 429, "tokens", "rate_limit_exceeded", "Rate limit reached on tokens per min (TPM)"},
    {"rate_limit_day", 429, "requests", "rate_limit_exceeded", "Rate limit reached on requests per day (RPD)"},
    {"too_many_requests", 429, "too_many_requests", "too_many_requests", "Too many requests"},
    {"concurrency", 429, "rate_limit_error", "rate_limit", "Too many concurrent requests"},
    {"slow_down", 503, "server_error", "slow_down", "Slow down"},
    {"insufficient_quota", 429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota"},
    {"credit_balance_exhausted", 429, "insufficient_quota", "credit_balance_exhausted", "Credit balance exhausted"},
    {"billing_hard_limit_reached", 400, "invalid_request_error", "billing_hard_limit_reached", "Hard limit reached"},
    {"billing_not_active", 429, "billing_not_active", "billing_not_active", "Your account is not active"},
    {"organization_spend_limit_exceeded", 429, "insufficient_quota", "organization_spend_limit_exceeded", "Spend"},
    {"project_spend_limit_exceeded", 429, "insufficient_quota", "project_spend_limit_exceeded", "Spend limit"},
    {"organization_usage_limit_exceeded", 429, "insufficient_quota", "organization_usage_limit_exceeded", "Usage"},
    {"enforced_spend_limit_reached", 429, "insufficient_quota", "enforced_spend_limit_reached", "Spend limit reached"},
    {"credit_limit", 402, "credit_limit", "", "Credit limit exceeded"},
    {"payment_required", 402, "payment_required", "payment_required", "Payment required"},
    {"auth", 401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided"},
    {"account_deactivated", 401, "invalid_request_error", "account_deactivated", "The account was deactivated"},
    {"permission", 403, "permission_error", "", "You have no access to this model"},
    {"unsupported_country", 403, "request_forbidden", "unsupported_country_region_territory", "Country not supported"},
    {"not_found", 404, "invalid_request_error", "model_not_found", "The model does not exist"},
    {"bad_request", 400, "invalid_request_error", "", "Invalid request"},
    {"context_length", 400, "invalid_request_error", "context_length_exceeded", "Maximum context length exceeded",
     Form::json, "messages"},
    {"content_filter", 400, "invalid_request_error", "content_filter", "The prompt was filtered", Form::json, "prompt"},
    {"unsupported_parameter", 400, "invalid_request_error", "unsupported_parameter", "Unsupported parameter",
     Form::json, "temperature"},
    {"unsupported_value", 400, "invalid_request_error", "unsupported_value", "Unsupported value", Form::json,
     "temperature"},
    {"unprocessable", 422, "invalid_request_error", "", "Unprocessable entity"},
    {"too_large", 413, "invalid_request_error", "request_too_large", "Request too large"},
    {"method", 405, "invalid_request_error", "method_not_supported", "Not allowed to use this method"},
    {"request_timeout", 408, "server_error", "", "Request timed out"},
    {"conflict", 409, "server_error", "", "Conflict"},
    {"too_early", 425, "server_error", "", "Too early"},
    {"server", 500, "server_error", "", "The server had an error while processing your request"},
    {"server_html", 500, "", "", "Internal Server Error", Form::html},
    {"not_implemented", 501, "not_supported_error", "", "Not implemented"},
    {"bad_gateway", 502, "", "", "Bad Gateway", Form::html},
    {"overloaded", 503, "server_error", "overloaded", "The engine is currently overloaded"},
    {"gateway_timeout", 504, "server_error", "", "Gateway timeout"},
    {"proxy_timeout", 524, "", "", "A timeout occurred", Form::html},
    {"site_overloaded", 529, "overloaded_error", "overloaded", "Overloaded"},
    {"redirect", 301, "", "", "http://127.0.0.2:9/elsewhere", Form::redirect},
    {"redirect_file", 302, "", "", "file:///etc/hostname", Form::redirect},
};

constexpr std::array<std::string_view, 17> kHints{
    "",           "none", "retry-after",    "decimal",  "http-date",     "http-date-850", "http-date-asctime",
    "year-2099",  "huge", "retry-after-ms", "go-reset", "rfc3339-reset", "unix-reset",    "unix-ms-reset",
    "retry-info", "text", "unreadable"};

const char* reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 301:
      return "Moved Permanently";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

std::string date_text(const char* format, std::int64_t unix_s) {
  const std::time_t t = unix_s;
  std::tm utc{};
  gmtime_r(&t, &utc);
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &utc)};
}

void append_number(std::string& out, std::uint64_t value) {
  std::array<char, 24> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  out.append(text.data(), end.ptr);
}

std::string number_text(double value) {
  std::array<char, 40> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end.ptr};
}

void openai_usage(const Reply& r, std::string& out) {
  out += "{\"prompt_tokens\":";
  append_number(out, r.in_tokens);
  out += ",\"completion_tokens\":";
  append_number(out, r.out_tokens);
  out += ",\"total_tokens\":";
  append_number(out, r.in_tokens + r.out_tokens);
  out += ",\"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}";
}

bool openai_path(std::string_view path) { return path.ends_with("/chat/completions"); }

void openai_reply(const Reply& r, std::string& out) {
  out += "{\"id\":\"chatcmpl-";
  append_number(out, r.n);
  out += "\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"";
  out += r.model;
  out += "\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",";
  if (!r.reasoning.empty()) out.append("\"reasoning_content\":\"").append(r.reasoning).append("\",");
  out += "\"content\":";
  if (r.content.empty()) {
    out.append(1, '"').append(r.text).append(1, '"');
  } else {
    out += r.content;
  }
  out.append(",\"refusal\":").append(r.refusal.empty() ? "null" : r.refusal);
  out.append("},\"logprobs\":null,\"finish_reason\":\"").append(r.finish).append("\"}]");
  if (r.usage) {
    out += ",\"usage\":";
    openai_usage(r, out);
  }
  out += ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_1\"}";
}

void openai_error(const ErrorRow& row, std::string_view message, std::string_view details, std::string& out) {
  out.append("{\"error\":{\"message\":\"").append(message).append("\",\"type\":\"").append(row.type).append("\"");
  for (const auto& [name, value] : {std::pair{"param", row.param}, std::pair{"code", row.code}}) {
    out.append(",\"").append(name).append("\":");
    if (*value == '\0') {
      out += "null";
    } else {
      out.append(1, '"').append(value).append(1, '"');
    }
  }
  out.append(details).append("}}");
}

// Cuts escaped text into pieces, never inside an escape or a UTF-8 sequence.
std::vector<std::string_view> cut_text(std::string_view text, std::uint64_t chunk_bytes) {
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\\') {
      at += at + 1 < text.size() && text[at + 1] == 'u' ? 6 : 2;
      // Both halves of a surrogate pair stay together.
      if (at + 1 < text.size() && text[at] == '\\' && text[at + 1] == 'u') at += 6;
    } else {
      ++at;
      while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) ++at;
    }
    at = std::min(at, text.size());
    const bool full = chunk_bytes > 0 ? at - begin >= chunk_bytes : at < text.size() && text[at] == ' ';
    if (full || at == text.size()) {
      out.push_back(text.substr(begin, at - begin));
      begin = at;
    }
  }
  return out;
}

std::vector<std::string> openai_events(const Reply& r, std::uint64_t chunk_bytes, bool include_usage) {
  std::string start = "{\"id\":\"chatcmpl-";
  append_number(start, r.n);
  start.append("\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"").append(r.model);
  start += "\",\"choices\":[";
  const auto event = [&](std::string_view delta, std::string_view finish) {
    std::string e = start;
    e.append("{\"index\":0,\"delta\":{").append(delta).append("},\"finish_reason\":").append(finish).append("}]}");
    return e;
  };
  std::vector<std::string> out;
  out.push_back(event("\"role\":\"assistant\",\"content\":\"\",\"refusal\":null", "null"));
  for (const std::string_view part : cut_text(r.text, chunk_bytes)) {
    out.push_back(event("\"content\":\"" + std::string(part) + "\"", "null"));
  }
  out.push_back(event("", "\"" + std::string(r.finish) + "\""));
  if (include_usage && r.usage) {
    std::string e = start + "],\"usage\":";
    openai_usage(r, e);
    out.push_back(e + "}");
  }
  return out;
}

constexpr Shape kShapes[] = {{"openai", openai_path, openai_reply, openai_error, openai_events}};

}  // namespace

const Shape* shape_of_path(std::string_view path) {
  for (const Shape& shape : kShapes) {
    if (shape.takes(path)) return &shape;
  }
  return nullptr;
}

const ErrorRow* find_error(std::string_view name) {
  for (const ErrorRow& row : kErrors) {
    if (name == row.name) return &row;
  }
  return nullptr;
}

const ErrorRow& error_of_status(int status) {
  // The plain rows of 400, 402 and 503 come after special ones.
  const char* plain = status == 400 ? "bad_request" : status == 402 ? "payment_required" : "";
  if (status == 503) plain = "overloaded";
  if (const ErrorRow* row = find_error(plain)) return *row;
  for (const ErrorRow& row : kErrors) {
    if (row.status == status) return row;
  }
  return *find_error(status >= 500 ? "server" : "bad_request");
}

bool known_hint(std::string_view form) { return std::find(kHints.begin(), kHints.end(), form) != kHints.end(); }

void write_head(std::string& out, int status, std::string_view type, std::int64_t length, std::string_view headers) {
  out += "HTTP/1.1 ";
  append_number(out, static_cast<std::uint64_t>(status));
  out.append(1, ' ').append(reason(status)).append("\r\nContent-Type: ").append(type).append("\r\n");
  if (length >= 0) {
    out += "Content-Length: ";
    append_number(out, static_cast<std::uint64_t>(length));
    out += "\r\n";
  }
  out.append(headers).append("\r\n");
}

std::string go_duration(double seconds) {
  const auto ms = static_cast<std::int64_t>(std::ceil(std::max(0.0, seconds) * 1e3));
  if (ms < 1000) return std::to_string(ms).append("ms");
  std::string out;
  if (ms >= 3'600'000) out.append(std::to_string(ms / 3'600'000)).append("h");
  if (ms >= 60'000) out.append(std::to_string(ms / 60'000 % 60)).append("m");
  return out.append(number_text(static_cast<double>(ms % 60'000) / 1e3)).append("s");
}

double write_hint(const Hint& hint, std::string& headers, std::string& message, std::string& details) {
  const std::string& f = hint.form;
  if (f.empty() || f == "none") return 0;
  const auto now = std::time(nullptr);
  const auto until = now + static_cast<std::int64_t>(std::ceil(hint.seconds));
  const std::string whole = std::to_string(static_cast<std::int64_t>(std::ceil(hint.seconds)));
  const auto header = [&](std::string_view name, std::string_view value) {
    headers.append(name).append(": ").append(value).append("\r\n");
  };
  const auto date = [&] { header("Date", date_text("%a, %d %b %Y %H:%M:%S GMT", now)); };
  const auto reset = [&](std::string_view value) {
    header("x-ratelimit-limit-requests", "60");
    header("x-ratelimit-remaining-requests", "0");
    header("x-ratelimit-reset-requests", value);
  };
  if (f == "retry-after") {
    header("Retry-After", whole);
    return std::ceil(hint.seconds);
  }
  if (f == "decimal") header("Retry-After", number_text(hint.seconds));
  if (f.starts_with("http-date")) {
    date();
    header("Retry-After", date_text(f == "http-date-850"       ? "%A, %d-%b-%y %H:%M:%S GMT"
                                    : f == "http-date-asctime" ? "%a %b %e %H:%M:%S %Y"
                                                               : "%a, %d %b %Y %H:%M:%S GMT",
                                    until));
  }
  if (f == "year-2099") {
    header("Retry-After", "Thu, 31 Dec 2099 23:59:59 GMT");
    return static_cast<double>(4102444799LL - now);
  }
  if (f == "huge") {
    header("Retry-After", "1000000000");
    return 1e9;
  }
  if (f == "retry-after-ms") {
    header("retry-after-ms", std::to_string(static_cast<std::int64_t>(std::ceil(hint.seconds * 1e3))));
  }
  if (f == "go-reset") reset(go_duration(hint.seconds));
  if (f == "rfc3339-reset") reset(date_text("%Y-%m-%dT%H:%M:%SZ", until));
  if (f == "unix-reset") reset(std::to_string(until));
  if (f == "unix-ms-reset") {
    std::timespec ts{};
    clock_gettime(CLOCK_REALTIME, &ts);
    reset(std::to_string(ts.tv_sec * 1000 + ts.tv_nsec / 1'000'000 +
                         static_cast<std::int64_t>(std::ceil(hint.seconds * 1e3))));
  }
  if (f == "retry-info") {
    details += R"(,"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":")" +
               number_text(hint.seconds) + "s\"}]";
  }
  if (f == "text") message += ". Please try again in " + number_text(hint.seconds) + "s.";
  if (f == "unreadable") {
    header("Retry-After", "soon");
    return 0;
  }
  return hint.seconds;
}

Answer error_answer(const Shape& shape, const ErrorRow& row, const Behaviour& how, int status, std::string message,
                    std::string headers, double* hint_s) {
  if (message.empty()) message = how.message.empty() ? row.message : how.message;
  std::string details;
  const double wait = write_hint(how.hint, headers, message, details);
  if (hint_s != nullptr) *hint_s = wait;
  Answer answer{.status = status};
  std::string body, head;
  const char* type = "application/json";
  if (row.form == Form::redirect) {
    headers += "Location: " + (how.location.empty() ? std::string(row.message) : how.location) + "\r\n";
  } else if (row.form == Form::html) {
    type = "text/html";
    body = "<html><head><title>" + message + "</title></head><body><h1>" + message + "</h1></body></html>\n";
  } else {
    shape.error(row, json_escape(message), details, body);
  }
  write_head(head, status, type, static_cast<std::int64_t>(body.size()), headers);
  answer.add(head + body);
  return answer;
}

}  // namespace assay::mock
