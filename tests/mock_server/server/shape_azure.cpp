// Azure OpenAI (models.md 2.5): OpenAI's answers with filter results, errors of its gateway in another form.

#include "tests/mock_server/server/shape.hpp"
#include "tests/mock_server/server/write.hpp"

namespace assay::mock {
namespace {

constexpr const char* kSafe =
    R"({"hate":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}})";
constexpr const char* kPromptFilter =
    R"("prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}}])";

// Rows without a type are the gateway's own.
constexpr ErrorRow kErrors[] = {
    {"content_filter", 400, "", "content_filter", "The response was filtered due to the prompt triggering a policy",
     ErrorRow::Form::json, "prompt",
     R"(,"status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"violence":{"filtered":true,"severity":"medium"}}})"},
    {"auth", 401, "", "401", "Access denied due to invalid subscription key or wrong API endpoint."},
    {"permission", 403, "", "403", "Access denied due to Virtual Network/Firewall rules."},
    {"not_found", 404, "", "DeploymentNotFound", "The API deployment for this resource does not exist."},
    {"rate_limit", 429, "", "429", "Requests have exceeded call rate limit of your current pricing tier."},
    {"rate_limit_tokens", 429, "", "429", "Requests have exceeded token rate limit of your current pricing tier."},
    {"no_version", 404, "", "404", "Resource not found"},
};

void azure_reply(const Reply& r, std::string& out) {
  openai_reply(r, out);
  const std::size_t choice_end = out.rfind("}]", out.find("\"finish_reason\"") + 40);
  out.insert(choice_end, std::string(",\"content_filter_results\":") + kSafe);
  out.insert(out.size() - 1, std::string(",") + kPromptFilter);
}

void azure_error(const ErrorCall& call, std::string& out) {
  if (*call.row.type != '\0' || *call.row.param != '\0') return openai_error(call, out);
  out.append("{\"error\":{\"code\":\"").append(*call.row.code == '\0' ? std::to_string(call.status) : call.row.code);
  out.append("\",\"message\":\"").append(call.message).append("\"}}");
}

std::vector<Event> azure_events(const Reply& r, const StreamWish& wish) {
  std::vector<Event> out = openai_events(r, wish);
  out.insert(out.begin(),
             Event{std::string("{\"id\":\"\",\"object\":\"\",\"created\":0,\"model\":\"\",\"choices\":[],") +
                   kPromptFilter + "}"});
  return out;
}

// The model of the body counts for nothing: the deployment of the path does.
Flaw azure_flaw(const Asking& asking) {
  if (asking.request.path.find("/deployments/") != std::string_view::npos &&
      asking.request.query.find("api-version=") == std::string_view::npos) {
    return {"no_version", "Resource not found"};
  }
  return openai_flaw(asking);
}

void azure_limit_headers(const Announced& limit, std::string& headers) {
  const std::string dimension = limit.of == Announced::Of::requests ? "requests" : "tokens";
  put_header(headers, "x-ratelimit-limit-" + dimension, std::to_string(static_cast<std::int64_t>(limit.limit)));
  put_header(headers, "x-ratelimit-remaining-" + dimension, std::to_string(static_cast<std::int64_t>(limit.remaining)));
  put_header(headers, "x-ratelimit-reset-" + dimension, std::to_string(static_cast<std::int64_t>(limit.reset_s + 1)));
}

}  // namespace

const Shape kAzure{.name = "azure",
                   .key_header = KeyHeader::api_key,
                   .weight = Shape::Weight::sum,
                   .done_marker = true,
                   .id_header = "apim-request-id",
                   .errors = kErrors,
                   .hollow = "{\"id\":\"x\",\"object\":\"chat.completion\",\"choices\":[]}",
                   .reply = azure_reply,
                   .error = azure_error,
                   .events = azure_events,
                   .flaw = azure_flaw,
                   .limit_headers = azure_limit_headers,
                   .reset_headers = openai_reset_headers};

}  // namespace assay::mock
