// The errors by name, as OpenAI words them, and how another provider's are found. models.md 3.1.

#include <array>

#include "tests/mock_server/server/shape.hpp"

namespace assay::mock {
namespace {

using Form = ErrorRow::Form;

constexpr ErrorRow kErrors[] = {
    {"bad_request", 400, "invalid_request_error", "", "Invalid request"},
    {"context_length", 400, "invalid_request_error", "context_length_exceeded", "Maximum context length exceeded",
     Form::json, "messages"},
    {"content_filter", 400, "invalid_request_error", "content_filter", "The prompt was filtered", Form::json, "prompt"},
    {"content_policy", 400, "invalid_request_error", "content_policy_violation", "Your request was rejected"},
    {"unsupported_parameter", 400, "invalid_request_error", "unsupported_parameter", "Unsupported parameter",
     Form::json, "temperature"},
    {"unsupported_value", 400, "invalid_request_error", "unsupported_value", "Unsupported value", Form::json,
     "temperature"},
    {"unsupported_max_tokens", 400, "invalid_request_error", "unsupported_parameter",
     "Unsupported parameter: 'max_tokens' is not supported with this model", Form::json, "max_tokens"},
    {"billing_hard_limit_reached", 400, "invalid_request_error", "billing_hard_limit_reached", "Hard limit reached"},
    {"specified_limit", 400, "invalid_request_error", "", "You have reached your specified API usage limits"},
    {"auth", 401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided"},
    {"account_deactivated", 401, "invalid_request_error", "account_deactivated", "The account was deactivated"},
    {"unauthenticated", 401, "invalid_request_error", "invalid_authentication", "Invalid authentication"},
    {"payment_required", 402, "payment_required", "payment_required", "Payment required"},
    {"credit_limit", 402, "credit_limit", "", "Credit limit exceeded"},
    {"insufficient_balance", 402, "insufficient_balance", "insufficient_balance", "Insufficient balance"},
    {"insufficient_credits", 402, "insufficient_credits", "insufficient_credits", "Insufficient credits"},
    {"permission", 403, "permission_error", "", "You have no access to this model"},
    {"unsupported_country", 403, "request_forbidden", "unsupported_country_region_territory", "Country not supported"},
    {"not_found", 404, "invalid_request_error", "model_not_found", "The model does not exist"},
    {"method", 405, "invalid_request_error", "method_not_supported", "Not allowed to use this method"},
    {"request_timeout", 408, "server_error", "", "Request timed out"},
    {"conflict", 409, "server_error", "", "Conflict"},
    {"too_large", 413, "invalid_request_error", "request_too_large", "Request too large"},
    {"unprocessable", 422, "invalid_request_error", "", "Unprocessable entity"},
    {"too_early", 425, "server_error", "", "Too early"},
    {"rate_limit", 429, "requests", "rate_limit_exceeded", "Rate limit reached for requests"},
    {"rate_limit_tokens", 429, "tokens", "rate_limit_exceeded", "Rate limit reached on tokens per min (TPM)"},
    {"rate_limit_day", 429, "requests", "rate_limit_exceeded", "Rate limit reached on requests per day (RPD)"},
    {"too_many_requests", 429, "too_many_requests", "too_many_requests", "Too many requests"},
    {"concurrency", 429, "rate_limit_error", "rate_limit", "Too many concurrent requests"},
    {"insufficient_quota", 429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota"},
    {"quota_day", 429, "insufficient_quota", "insufficient_quota", "You exceeded your quota of the day"},
    {"quota_month", 429, "insufficient_quota", "insufficient_quota", "You exceeded your quota of the month"},
    {"credit_balance_exhausted", 429, "insufficient_quota", "credit_balance_exhausted", "Credit balance exhausted"},
    {"billing_not_active", 429, "billing_not_active", "billing_not_active", "Your account is not active"},
    {"organization_spend_limit_exceeded", 429, "insufficient_quota", "organization_spend_limit_exceeded", "Spend"},
    {"project_spend_limit_exceeded", 429, "insufficient_quota", "project_spend_limit_exceeded", "Spend limit"},
    {"organization_usage_limit_exceeded", 429, "insufficient_quota", "organization_usage_limit_exceeded", "Usage"},
    {"enforced_spend_limit_reached", 429, "insufficient_quota", "enforced_spend_limit_reached", "Spend limit reached"},
    {"blocked_token", 498, "invalid_request_error", "", "Blocked token"},
    {"client_closed", 499, "invalid_request_error", "", "Client closed request"},
    {"server", 500, "server_error", "", "The server had an error while processing your request"},
    {"server_html", 500, "", "", "Internal Server Error", Form::html},
    {"not_implemented", 501, "not_supported_error", "", "Not implemented"},
    {"bad_gateway", 502, "", "", "Bad Gateway", Form::html},
    {"overloaded", 503, "server_error", "overloaded", "The engine is currently overloaded"},
    {"slow_down", 503, "server_error", "slow_down", "Slow down"},
    {"loading", 503, "server_error", "unavailable_error", "Loading model"},
    {"capacity_exceeded", 503, "server_error", "capacity_exceeded", "Capacity exceeded"},
    {"engine_overloaded", 503, "server_error", "engine_overloaded", "The engine is overloaded"},
    {"gateway_timeout", 504, "server_error", "", "Gateway timeout"},
    {"proxy_timeout", 524, "", "", "A timeout occurred", Form::html},
    {"site_overloaded", 529, "overloaded_error", "overloaded", "Overloaded"},
    {"redirect", 301, "", "", "http://127.0.0.2:9/elsewhere", Form::redirect},
    {"redirect_file", 302, "", "", "file:///etc/hostname", Form::redirect},
};

const ErrorRow* row_named(std::span<const ErrorRow> rows, std::string_view name) {
  for (const ErrorRow& row : rows) {
    if (name == row.name) return &row;
  }
  return nullptr;
}

const ErrorRow* row_of_status(std::span<const ErrorRow> rows, int status) {
  for (const ErrorRow& row : rows) {
    if (row.status == status) return &row;
  }
  return nullptr;
}

constexpr std::array<const Shape*, 17> kShapes{
    &kOpenai, &kAzure,      &kAnthropic, &kCohere, &kCohereV1, &kTogether, &kGemini,      &kGeminiArray,     &kOllama,
    &kLlama,  &kOpenrouter, &kDeepinfra, &kGroq,   &kDeepseek, &kVllm,     &kCompletions, &kLlamaCompletions};

}  // namespace

std::span<const Shape* const> all_shapes() { return kShapes; }

const Shape* shape_named(std::string_view name) {
  for (const Shape* shape : kShapes) {
    if (name == shape->name) return shape;
  }
  return nullptr;
}

const ErrorRow* find_error(const Shape& shape, std::string_view name) {
  if (const ErrorRow* row = row_named(shape.errors, name)) return row;
  if (const ErrorRow* row = row_named(kErrors, name)) return row;
  for (const Shape* other : kShapes) {
    if (const ErrorRow* row = row_named(other->errors, name)) return row;
  }
  return nullptr;
}

bool known_error(std::string_view name) { return find_error(kOpenai, name) != nullptr; }

const ErrorRow& error_of_status(const Shape& shape, int status) {
  if (const ErrorRow* row = row_of_status(shape.errors, status)) return *row;
  if (const ErrorRow* row = row_of_status(kErrors, status)) return *row;
  return *find_error(shape, status >= 500 ? "server" : "bad_request");
}

}  // namespace assay::mock
