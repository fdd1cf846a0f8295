// How a refusal says how long to wait (models.md 3.3), and the refusal itself.

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>

#include "tests/mock_server/server/replies.hpp"
#include "tests/mock_server/server/write.hpp"

namespace assay::mock {
namespace {

constexpr std::array<std::string_view, 20> kHints{"",
                                                  "none",
                                                  "retry-after",
                                                  "decimal",
                                                  "http-date",
                                                  "http-date-850",
                                                  "http-date-asctime",
                                                  "year-2099",
                                                  "huge",
                                                  "retry-after-ms",
                                                  "go-reset",
                                                  "rfc3339-reset",
                                                  "unix-reset",
                                                  "unix-ms-reset",
                                                  "retry-info",
                                                  "text",
                                                  "unreadable",
                                                  "ietf-reset",
                                                  "both",
                                                  "raw"};

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

void write_date(const std::string& form, std::int64_t now, std::int64_t until, std::string& headers) {
  put_header(headers, "Date", date_text("%a, %d %b %Y %H:%M:%S GMT", now));
  put_header(headers, "Retry-After",
             date_text(form == "http-date-850"       ? "%A, %d-%b-%y %H:%M:%S GMT"
                       : form == "http-date-asctime" ? "%a %b %e %H:%M:%S %Y"
                                                     : "%a, %d %b %Y %H:%M:%S GMT",
                       until));
}

std::string unix_ms_in(double seconds) {
  std::timespec ts{};
  clock_gettime(CLOCK_REALTIME, &ts);
  return std::to_string(ts.tv_sec * 1000 + ts.tv_nsec / 1'000'000 +
                        static_cast<std::int64_t>(std::ceil(seconds * 1e3)));
}

}  // namespace

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

double write_hint(const Shape& shape, const Hint& hint, std::string& headers, std::string& message,
                  std::string& retry_delay) {
  const std::string& f = hint.form;
  if (f.empty() || f == "none") return 0;
  const auto now = std::time(nullptr);
  const double up = std::ceil(hint.seconds);
  const std::string whole = std::to_string(static_cast<std::int64_t>(up));
  const std::string ms = std::to_string(static_cast<std::int64_t>(std::ceil(hint.seconds * 1e3)));
  const auto reset = [&](const std::string& value) {
    (shape.reset_headers != nullptr ? shape.reset_headers : openai_reset_headers)(value, headers);
  };
  if (f == "retry-after") {
    put_header(headers, "Retry-After", whole);
    return up;
  }
  if (f == "raw") {
    put_header(headers, "Retry-After", hint.value);
    return 0;
  }
  if (f == "year-2099") {
    put_header(headers, "Retry-After", "Thu, 31 Dec 2099 23:59:59 GMT");
    return static_cast<double>(4102444799LL - now);
  }
  if (f == "huge") {
    put_header(headers, "Retry-After", "1000000000");
    return 1e9;
  }
  if (f == "unreadable") {
    put_header(headers, "Retry-After", "soon");
    return 0;
  }
  if (f == "decimal") put_header(headers, "Retry-After", number_text(hint.seconds));
  if (f == "both") put_header(headers, "Retry-After", whole);
  if (f == "both" || f == "retry-after-ms") put_header(headers, "retry-after-ms", ms);
  if (f.starts_with("http-date")) write_date(f, now, now + static_cast<std::int64_t>(up), headers);
  if (f == "go-reset") reset(go_duration(hint.seconds));
  if (f == "rfc3339-reset") reset(rfc3339_in(hint.seconds));
  if (f == "unix-reset") reset(unix_in(hint.seconds));
  if (f == "unix-ms-reset") reset(unix_ms_in(hint.seconds));
  if (f == "ietf-reset") {
    put_header(headers, "ratelimit-limit", "60");
    put_header(headers, "ratelimit-remaining", "0");
    put_header(headers, "ratelimit-reset", whole);
    return up;
  }
  if (f == "retry-info") retry_delay = number_text(hint.seconds) + "s";
  if (f == "text") message += ". Please try again in " + number_text(hint.seconds) + "s.";
  return hint.seconds;
}

Answer error_answer(const Shape& shape, Refusal refusal, const Behaviour& how, double& hint_s) {
  const ErrorRow& row = refusal.row;
  std::string& message = refusal.message;
  if (message.empty()) message = how.message.empty() ? row.message : how.message;
  std::string retry_delay;
  hint_s = write_hint(shape, how.hint, refusal.headers, message, retry_delay);
  Answer answer{.status = refusal.status};
  std::string body, head;
  const char* type = "application/json";
  if (row.form == ErrorRow::Form::redirect) {
    put_header(refusal.headers, "Location", how.location.empty() ? row.message : how.location);
  } else if (row.form == ErrorRow::Form::html) {
    type = "text/html";
    body = "<html><head><title>" + message + "</title></head><body><h1>" + message + "</h1></body></html>\n";
  } else {
    const std::string escaped = json_escape(message);
    shape.error({row, refusal.status, escaped, retry_delay, refusal.n}, body);
  }
  write_head(head, refusal.status, type, static_cast<std::int64_t>(body.size()), refusal.headers);
  answer.add(head + body);
  return answer;
}

}  // namespace assay::mock
