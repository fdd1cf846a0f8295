#include "runners/llm/batch_line.hpp"

#include <charconv>

#include "core/text/error.hpp"
#include "runners/llm/completions.hpp"
#include "runners/llm/provider.hpp"
#include "runners/llm/retry_policy.hpp"

namespace assay {
namespace {

constexpr std::size_t kIdentityDigits = 8, kCallDigits = 12;

/// The member of an object; null when it is none, or has none.
const Json& member(const Json& object, const char* name) {
  static const Json none;
  if (!object.is_object()) return none;
  const auto found = object.find(name);
  return found == object.end() ? none : *found;
}

std::string word_of(const Json& value) { return value.is_string() ? value.get<std::string>() : std::string(); }

void give_back(BatchOutcome& outcome, std::string why) {
  outcome.action = BatchOutcome::Action::to_pool;
  outcome.why = std::move(why);
}

void judge_error(BatchOutcome& outcome, CallError error) {
  const bool once = default_retry_rule(error.kind).tries == 1 || never_retried(error.kind);
  outcome.action = once ? BatchOutcome::Action::failed : BatchOutcome::Action::to_pool;
  outcome.why = error.name() + (error.message.empty() ? "" : ": " + error.message);
  outcome.error = std::move(error);
}

}  // namespace

bool fits_batch_file(const ModelEntry& entry) {
  const bool shaped = entry.type == "openai" || entry.type == "azure" || entry.type == "together";
  return shaped && !takes_completions(entry);  // the lines are of chats
}

std::string batch_custom_id(const std::string& experiment_id, CallId call) {
  std::string number = std::to_string(call);
  if (number.size() < kCallDigits) number.insert(0, kCallDigits - number.size(), '0');
  return "assay-" + experiment_id.substr(0, kIdentityDigits) + "-" + number;
}

std::optional<CallId> batch_call_of(const std::string& experiment_id, std::string_view custom_id) {
  const std::string start = "assay-" + experiment_id.substr(0, kIdentityDigits) + "-";
  if (!custom_id.starts_with(start) || custom_id.size() < start.size() + kCallDigits) return std::nullopt;
  CallId call = 0;
  const char* const end = custom_id.data() + custom_id.size();
  const auto [read, wrong] = std::from_chars(custom_id.data() + start.size(), end, call);
  if (wrong != std::errc() || read != end || batch_custom_id(experiment_id, call) != custom_id) return std::nullopt;
  return call;
}

std::string batch_line(std::string_view custom_id, std::string_view canonical, const std::string& model) {
  // {"body":B,"endpoint":E,..}: of what follows B nothing can hold an unescaped quote.
  constexpr std::string_view begin = R"({"body":)", next = R"(,"endpoint":")";
  const std::size_t end = canonical.rfind(next);
  if (!canonical.starts_with(begin) || end == std::string_view::npos || end < begin.size() + 2) {
    throw Error("store", "the recorded request of " + std::string(custom_id) + " is no chat request");
  }
  std::string_view body = canonical.substr(begin.size(), end - begin.size());
  std::string line;
  line.reserve(body.size() + kBatchLineExtra);
  line += R"({"custom_id":)";
  append_json_string(line, custom_id);
  line += R"(,"method":"POST","url":"/v1/chat/completions","body":)";
  const Json named = member(parse_json(body, custom_id), "model");
  if (named.is_null()) {
    line += R"({"model":)";
    append_json_string(line, model);
    body.remove_prefix(1);
    if (body != "}") line += ',';
  }
  line += body;
  line += "}\n";
  return line;
}

BatchOutcome read_batch_line(std::string_view line,
                             const std::function<const ModelEntry*(const std::string& custom_id)>& entry_of) {
  BatchOutcome outcome;
  if (line.size() > kBatchLineMaxBytes) {
    outcome.why = "longer than 17 MiB";
    return outcome;
  }
  std::string reason;
  bool repaired = false;
  const std::optional<Json> document = parse_json_lenient(line, {}, &repaired, &reason);
  if (!document) {
    outcome.why = "not JSON: " + reason;
    return outcome;
  }
  const Json& id = member(*document, "custom_id");
  if (!id.is_string()) {
    outcome.why = "no custom_id";
    return outcome;
  }
  outcome.custom_id = id.get<std::string>();
  const ModelEntry* const entry = entry_of(outcome.custom_id);
  const Provider* const provider = entry == nullptr ? nullptr : find_provider(entry->type);
  if (provider == nullptr) {
    outcome.why = "nobody waits for custom_id " + outcome.custom_id.substr(0, 64);
    return outcome;
  }
  const Json& response = member(*document, "response");
  const Json& failure = member(*document, "error");
  if (response.is_null() && failure.is_null() && member(*document, "method").is_string()) {
    outcome.why = "a request, as it is sent: what the provider made of it is in another file";
    return outcome;
  }
  const Json& status = member(response, "status_code");
  if (status.is_number_integer()) {
    const auto told = status.get<std::int64_t>();
    if (told >= 100 && told <= 999) outcome.http_status = static_cast<int>(told);
  }
  if (outcome.http_status == 0) {
    const std::string code = word_of(member(failure, "code"));
    give_back(outcome, code == "batch_expired" ? "expired" : code.empty() ? "no response" : code);
    return outcome;
  }
  const Json& body = member(response, "body");
  outcome.body = body.is_null() ? std::string() : dump_json(body);
  if (outcome.http_status / 100 != 2) {
    judge_error(outcome, provider->classify(outcome.http_status, body, *entry));
    outcome.error->http_status = outcome.http_status;
    return outcome;
  }
  auto reply = provider->parse(outcome.body, *entry, true);
  if (!reply) {
    reply.error().http_status = outcome.http_status;
    judge_error(outcome, std::move(reply.error()));
    return outcome;
  }
  reply->flags.utf8_repaired = reply->flags.utf8_repaired || repaired;
  reply->provider = entry->provider;
  outcome.action = BatchOutcome::Action::answered;
  outcome.reply = std::move(*reply);
  return outcome;
}

}  // namespace assay
