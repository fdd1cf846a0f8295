#include "runners/exec_protocol.hpp"

#include <cmath>

#include "core/model/context_text.hpp"
#include "core/text/printable.hpp"

namespace assay {
namespace {

constexpr std::size_t kShownColumns = 160;

std::string_view name_of(ExecOperation operation) {
  if (operation == ExecOperation::setup) return "setup";
  return operation == ExecOperation::step ? "step" : "evaluate";
}

class Reading {
 public:
  Reading(ExecOperation operation, const std::string& line) : operation_(operation), line_(line) {}

  ExecLine read() const {
    ExecLine out;
    std::string why;
    const std::optional<Json> value = parse_json_lenient(line_, {}, nullptr, &why);
    if (!value || !value->is_object()) {
      refuse(value ? "no JSON object" : "no JSON (" + why + ")",
             "one JSON object a line; what is for people goes to standard error");
    }
    const Json* body = nullptr;
    if ((body = member(*value, "call")) != nullptr) {
      out.calls.push_back(call(*body));
    } else if ((body = member(*value, "calls")) != nullptr) {
      if (!body->is_array() || body->empty()) refuse("\"calls\" that are no list of calls", R"({"calls":[{..},..]})");
      for (const Json& one : *body) out.calls.push_back(call(one));
      out.several = true;
    } else if ((body = member(*value, "log")) != nullptr) {
      out.log = *body;
    } else if ((body = member(*value, "done")) != nullptr) {
      out.done = result(*body);
    } else if ((body = member(*value, "fail")) != nullptr) {
      out.fail = failure(*body);
    } else if ((body = member(*value, "unsupported")) != nullptr && *body == true) {
      out.unsupported = true;
    } else {
      refuse("nothing that is known", R"("call", "calls", "log", "done", "fail" or "unsupported")");
    }
    return out;
  }

 private:
  [[noreturn]] void refuse(const std::string& found, const std::string& expected) const {
    throw RunFailure("exec/protocol",
                     "said " + found + ": " + safe(line_).truncated(kShownColumns).text() + "; expected " + expected);
  }
  static const Json* member(const Json& object, const char* name) {
    const auto found = object.find(name);
    return found == object.end() ? nullptr : &*found;
  }
  std::string text(const Json& object, const char* name) const {
    const Json* value = member(object, name);
    if (value == nullptr || value->is_null()) return {};
    if (!value->is_string()) refuse("a \"" + std::string(name) + "\" that is no text", "a text");
    return value->get<std::string>();
  }

  ExecCall call(const Json& value) const {
    if (!value.is_object()) refuse("a call that is no object", R"({"call":{"messages":[{"role","content"}]}})");
    ExecCall out{text(value, "key"), text(value, "model"), chat_request_from_json(value)};
    if (const Json* hint = member(value, "hint"); hint != nullptr && out.request && hint->is_object()) {
      out.request->hint = Hint{text(*hint, "answer"), {}};
      if (const Json* options = member(*hint, "options"); options != nullptr && options->is_array()) {
        for (const Json& option : *options) {
          if (option.is_string()) out.request->hint->options.push_back(option.get<std::string>());
        }
      }
    }
    return out;
  }

  RunFailure failure(const Json& value) const {
    if (value.is_string()) return {"program", value.get<std::string>()};
    if (!value.is_object()) refuse("a failure that is no object", R"({"fail":{"kind":"..","message":".."}})");
    std::string kind = text(value, "kind");
    return {kind.empty() ? "program" : std::move(kind), text(value, "message")};
  }

  ExecResult result(const Json& value) const {
    ExecResult out;
    if (value.is_boolean()) return out;
    if (!value.is_object()) refuse("a \"done\" that is no object", R"({"done":{..}})");
    if (const Json* answer = member(value, "answer")) out.answer = *answer;
    if (const Json* state = member(value, "state")) out.state = *state;
    if (const Json* context = member(value, "context")) out.context = messages(*context);
    if (operation_ == ExecOperation::step) {
      const std::string next = text(value, "next");
      if (next != "" && next != "done" && next != "again")
        refuse("\"next\": \"" + safe(next).truncated(40).text() + '"', "\"again\" or \"done\"");
      if (next == "again") out.next = Next::again;
    }
    if (operation_ == ExecOperation::evaluate) read_score(value, out.score);
    return out;
  }

  std::vector<ContextMessage> messages(const Json& value) const {
    const std::string expected = R"("context":[{"role":"..","content":..},..])";
    if (!value.is_array()) refuse("a \"context\" that is no list", expected);
    for (const Json& one : value) {
      if (!one.is_object() || !one.contains("role") || !one.at("role").is_string() || !one.contains("content"))
        refuse("a message without role and content", expected);
    }
    return context_from(value);
  }

  void read_score(const Json& value, Score& score) const {
    if (const Json* verdict = member(value, "score"); verdict != nullptr && !verdict->is_null()) {
      if (verdict->is_boolean()) {
        score.verdict = verdict->get<bool>() ? Verdict::correct : Verdict::incorrect;
      } else if (!verdict->is_string() || !from_text(verdict->get<std::string>(), score.verdict)) {
        refuse("a \"score\" that is none", "\"CORRECT\", \"INCORRECT\" or null; figures go into \"metrics\"");
      }
    }
    const Json* metrics = member(value, "metrics");
    if (metrics == nullptr || metrics->is_null()) return;
    if (!metrics->is_object()) refuse("\"metrics\" that are no object", R"("metrics":{"NAME":number,..})");
    for (const auto& [name, figure] : metrics->items()) {
      if (figure.is_null()) {
        score.metric(name, std::nan(""));
      } else if (figure.is_boolean()) {
        score.metric(name, figure.get<bool>() ? 1 : 0);
      } else if (figure.is_number()) {
        score.metric(name, figure.get<double>());
      } else {
        refuse("the metric \"" + safe(name).truncated(40).text() + "\" that is no number", "a number or null");
      }
    }
  }

  const ExecOperation operation_;
  const std::string& line_;
};

Json logprobs_of(const std::vector<TokenLogprob>& tokens) {
  Json list = Json::array();
  for (const TokenLogprob& token : tokens) {
    Json one = Json::object({{"token", token.token}, {"logprob", token.logprob}});
    if (!token.top.empty()) {
      one["top"] = Json::array();
      for (const auto& [text, logprob] : token.top) one["top"].push_back(Json::array({text, logprob}));
    }
    list.push_back(std::move(one));
  }
  return list;
}

Json usage_of(const Usage& usage) {
  Json out = Json::object();
  const auto add = [&](const char* name, const std::optional<std::int64_t>& tokens) {
    if (tokens) out[name] = *tokens;
  };
  add("in", usage.in);
  add("cached", usage.cached);
  add("out", usage.out);
  add("reasoning", usage.reasoning);
  return out;
}

}  // namespace

std::string operation_line(ExecOperation operation, const Run& run, const Step& step, const Json& params,
                           std::uint64_t seed) {
  Json about = Json::object({{"id", run.id},
                             {"batch", run.batch},
                             {"attempt", step.attempt()},
                             {"data", run.data},
                             {"context", context_value(run.context)},
                             {"answer", run.answer},
                             {"state", run.state},
                             {"seed", seed},
                             {"params", params}});
  if (operation == ExecOperation::step) about["step"] = step.number();
  return dump_json(Json::object({{"protocol", 1}, {"op", name_of(operation)}, {"run", std::move(about)}}));
}

ExecLine read_program_line(ExecOperation operation, const std::string& line) { return Reading(operation, line).read(); }

Json reply_to_call(const std::string& key, const tl::expected<ChatReply, CallError>& outcome) {
  if (!outcome) {
    const CallError& error = outcome.error();
    return Json::object({{"error", Json::object({{"key", key}, {"kind", error.name()}, {"message", error.message}})}});
  }
  Json reply = Json::object({{"key", key},
                             {"text", outcome->text},
                             {"finish", to_text(outcome->stop)},
                             {"model", outcome->model},
                             {"usage", outcome->usage ? usage_of(*outcome->usage) : Json()}});
  if (!outcome->reasoning.empty()) reply["reasoning"] = outcome->reasoning;
  if (!outcome->logprobs.empty()) reply["logprobs"] = logprobs_of(outcome->logprobs);
  if (const auto flags = outcome->flags.names(); !flags.empty()) reply["flags"] = flags;
  return Json::object({{"reply", std::move(reply)}});
}

}  // namespace assay
