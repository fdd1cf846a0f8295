#include "runners/llm/errors.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "core/text/words.hpp"

namespace assay {
namespace {

constexpr std::array<std::string_view, 23> kKindNames = {
    "rate_limit",   "quota",          "overloaded",     "server",     "network",   "timeout",
    "bad_response", "empty",          "auth",           "permission", "not_found", "context_length",
    "too_large",    "content_filter", "bad_request",    "secret",     "unpriced",  "budget",
    "cancelled",    "held",           "replay_missing", "no_key",     "local"};

constexpr std::array kQuotaCodes = {"insufficient_quota",
                                    "credit_balance_exhausted",
                                    "billing_hard_limit_reached",
                                    "billing_not_active",
                                    "organization_spend_limit_exceeded",
                                    "project_spend_limit_exceeded",
                                    "organization_usage_limit_exceeded",
                                    "enforced_spend_limit_reached",
                                    "credit_limit",
                                    "billing_error",
                                    "payment_required",
                                    "insufficient_credits",
                                    "insufficient_balance"};
constexpr std::array kQuotaSources = {"openrouter_credits", "openrouter_key_limit", "openrouter_guardrail_budget",
                                      "openrouter_workspace_budget"};
constexpr std::array kAuthCodes = {"invalid_api_key", "authentication_error", "invalid_authentication", "unauthorized",
                                   "unauthenticated", "api_key_invalid",      "account_deactivated"};
constexpr std::array kPermissionCodes = {"permission_error", "permission_denied",
                                         "unsupported_country_region_territory"};
constexpr std::array kNotFoundCodes = {"model_not_found", "not_found_error", "deploymentnotfound", "not_found"};
constexpr std::array kContextCodes = {"context_length_exceeded", "exceed_context_size_error"};
constexpr std::array kTooLargeCodes = {"request_too_large"};
constexpr std::array kFilterCodes = {"content_filter", "content_policy_violation", "responsibleaipolicyviolation"};
constexpr std::array kRateCodes = {"rate_limit_exceeded", "rate_limit_error",   "rate_limit",
                                   "too_many_requests",   "resource_exhausted", "slow_down"};
constexpr std::array kOverloadedCodes = {"overloaded_error",  "overloaded",  "server_overloaded", "engine_overloaded",
                                         "unavailable_error", "unavailable", "capacity_exceeded"};
constexpr std::array kContextTexts = {"prompt is too long", "maximum context length",
                                      "exceeds the maximum number of tokens", "too many tokens", "context window"};

const Json* member(const Json* value, const char* name) {
  if (value == nullptr || !value->is_object()) return nullptr;
  const auto found = value->find(name);
  return found == value->end() ? nullptr : &*found;
}
std::string_view text_of(const Json* value) {
  return value != nullptr && value->is_string() ? std::string_view(value->get_ref<const std::string&>())
                                                : std::string_view();
}

/// The structured fields of an error, in lower case.
struct Fields {
  std::vector<std::string> words;
  std::string limit_source;
  std::string message;
  std::string code;  // as the provider wrote it
  bool moderation = false;

  template <std::size_t N>
  bool any(const std::array<const char*, N>& codes) const {
    return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
      return std::find(codes.begin(), codes.end(), word) != codes.end();
    });
  }
  bool has(std::string_view code_word) const { return std::find(words.begin(), words.end(), code_word) != words.end(); }
};

Fields read_fields(const Json* error) {
  Fields fields;
  if (error == nullptr) return fields;
  if (error->is_string()) {
    fields.message = error->get<std::string>();
    return fields;
  }
  const auto add = [&](const Json* value) {
    const std::string_view text = text_of(value);
    if (text.empty()) return;
    fields.words.push_back(ascii_lower(text));
  };
  for (const char* name : {"code", "type", "status"}) {
    const Json* value = member(error, name);
    if (fields.code.empty()) fields.code = text_of(value);
    add(value);
  }
  const Json* details = member(error, "details");
  add(member(details, "error_code"));
  if (details != nullptr && details->is_array()) {
    for (const Json& detail : *details) add(member(&detail, "reason"));
  }
  add(member(member(error, "innererror"), "code"));
  const Json* metadata = member(error, "metadata");
  fields.limit_source = ascii_lower(text_of(member(metadata, "limit_source")));
  fields.moderation = member(metadata, "reasons") != nullptr;
  for (const char* name : {"message", "detail", "error"}) {
    const Json* value = member(error, name);
    if (!fields.message.empty() || value == nullptr) continue;
    fields.message = value->is_string() ? value->get<std::string>() : value->is_null() ? "" : dump_json(*value);
  }
  return fields;
}

/// Gemini's QuotaFailure: {kind, sub}; nothing when there is none.
std::optional<std::pair<ErrorKind, std::string>> gemini_quota(const Json* error) {
  const Json* details = member(error, "details");
  if (details == nullptr || !details->is_array()) return std::nullopt;
  std::optional<std::pair<ErrorKind, std::string>> found;  // a day's quota outweighs what else is named
  for (const Json& detail : *details) {
    const Json* violations = member(&detail, "violations");
    if (violations == nullptr || !violations->is_array()) continue;
    for (const Json& violation : *violations) {
      const std::string id = ascii_lower(text_of(member(&violation, "quotaId")));
      const std::string both = id + ascii_lower(text_of(member(&violation, "quotaMetric")));
      if (id.find("perday") != std::string::npos) return std::pair{ErrorKind::quota, std::string("day")};
      if (found) continue;
      if (both.find("token") != std::string::npos)
        found.emplace(ErrorKind::rate_limit, "tpm");
      else if (both.find("request") != std::string::npos)
        found.emplace(ErrorKind::rate_limit, "rpm");
    }
  }
  return found;
}

/// Which limit a 429 means: from `type` when it says so, else from prose.
std::pair<std::string, bool> rate_sub(const Fields& fields) {
  if (fields.has("slow_down")) return {"burst", false};
  if (fields.has("tokens")) return {"tpm", false};
  if (fields.has("requests")) return {"rpm", false};
  const std::string text = ascii_lower(fields.message);
  const auto says = [&](std::string_view words) { return text.find(words) != std::string::npos; };
  if (says("concurren")) return {"concurrency", true};
  if (says("requests per day") || says("(rpd)")) return {"rpd", true};
  if (says("requests per min") || says("(rpm)") || says("call rate") || says("calls / minute")) return {"rpm", true};
  if (says("token")) return {"tpm", true};
  return {"", false};
}

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r' || c == '\t') c = ' ';
  }
  if (text.size() > 2000) {
    std::size_t cut = 2000;
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U) --cut;
    text.resize(cut);
  }
  return text;
}

}  // namespace

std::string_view to_text(ErrorKind kind) { return kKindNames.at(static_cast<std::size_t>(kind)); }

std::optional<ErrorKind> error_kind_from_text(std::string_view text) {
  const auto found = std::find(kKindNames.begin(), kKindNames.end(), text);
  if (found == kKindNames.end()) return std::nullopt;
  return static_cast<ErrorKind>(found - kKindNames.begin());
}

std::string CallError::name() const {
  return sub.empty() ? std::string(to_text(kind)) : std::string(to_text(kind)) + "/" + sub;
}

CallError make_error(ErrorKind kind, std::string sub, std::string message) {
  CallError error;
  error.kind = kind;
  error.sub = std::move(sub);
  error.message = one_line(std::move(message));
  return error;
}

tl::unexpected<CallError> refused(std::string message) {
  return tl::unexpected(make_error(ErrorKind::bad_request, "", std::move(message)));
}

const Json* find_error_object(const Json& document) {
  const Json* top = &document;
  if (top->is_array() && !top->empty()) top = &top->front();
  if (!top->is_object()) return nullptr;
  if (const Json* error = member(top, "error"); error != nullptr && (error->is_object() || error->is_string())) {
    return error;
  }
  if (const Json* errors = member(top, "errors"); errors != nullptr && errors->is_array() && !errors->empty()) {
    return &errors->front();
  }
  if (member(top, "message") != nullptr && member(top, "message")->is_string()) return top;
  if (member(top, "detail") != nullptr) return top;
  return nullptr;
}

CallError classify_error(std::string_view provider, int http_status, const Json& document) {
  const Json* object = find_error_object(document);
  const Fields fields = read_fields(object);
  CallError error;
  error.http_status = http_status;
  error.code = fields.code;
  error.param = text_of(member(object, "param"));
  error.message = one_line(fields.message.empty() ? "HTTP status " + std::to_string(http_status) : fields.message);

  int status = http_status;
  if (status >= 200 && status < 300) {  // an error in a 200: its integer code is the status
    const Json* code = member(object, "code");
    status = code != nullptr && code->is_number_integer() ? code->get<int>() : 500;
  }
  const bool cohere = provider == "cohere";
  const std::string text = ascii_lower(fields.message);
  const auto is = [&](ErrorKind kind, std::string sub = {}, bool by_text = false) {
    error.kind = kind;
    error.sub = std::move(sub);
    error.by_text = by_text;
    return error;
  };

  if (fields.limit_source == "openrouter_in_flight_budget") return is(ErrorKind::rate_limit, "budget");
  if (std::find(kQuotaSources.begin(), kQuotaSources.end(), fields.limit_source) != kQuotaSources.end()) {
    return is(ErrorKind::quota);
  }
  if (fields.any(kQuotaCodes)) return is(ErrorKind::quota);
  if (fields.any(kAuthCodes)) return is(ErrorKind::auth);
  if (fields.any(kContextCodes)) return is(ErrorKind::context_length);
  if (fields.any(kFilterCodes) || (status == 403 && fields.moderation)) return is(ErrorKind::content_filter);
  if (const auto quota = gemini_quota(object)) return is(quota->first, quota->second);
  if (status == 402) return is(ErrorKind::quota);
  if (fields.any(kRateCodes) || status == 429) {
    if (cohere && text.find("/ month") != std::string::npos) return is(ErrorKind::quota, "month", true);
    auto [sub, by_text] = rate_sub(fields);
    return is(ErrorKind::rate_limit, std::move(sub), by_text);
  }
  if (fields.any(kOverloadedCodes)) return is(ErrorKind::overloaded);
  if (fields.any(kPermissionCodes)) return is(ErrorKind::permission);
  if (fields.any(kNotFoundCodes)) return is(ErrorKind::not_found);
  if (fields.any(kTooLargeCodes)) return is(ErrorKind::too_large);

  if (status >= 300 && status < 400) return is(ErrorKind::bad_request, "redirect");
  switch (status) {
    case 401:
      return is(ErrorKind::auth);
    case 403:
      return is(ErrorKind::permission);
    case 404:
      return is(ErrorKind::not_found);
    case 408:
    case 409:
    case 425:
      return is(ErrorKind::server);
    case 413:
      return is(ErrorKind::too_large);
    case 498:
      return is(cohere ? ErrorKind::auth : ErrorKind::overloaded);
    case 501:
      return is(ErrorKind::bad_request);
    case 503:
    case 529:
      return is(ErrorKind::overloaded);
    default:
      break;
  }
  if (status == 400 || status == 422) {
    if (provider == "anthropic" && text.starts_with("you have reached your specified")) {
      return is(ErrorKind::quota, "user_limit", true);
    }
    for (const char* words : kContextTexts) {
      if (text.find(words) != std::string::npos) return is(ErrorKind::context_length, "", true);
    }
  }
  if (status >= 400 && status < 500) return is(ErrorKind::bad_request);
  return is(ErrorKind::server);
}

}  // namespace assay
