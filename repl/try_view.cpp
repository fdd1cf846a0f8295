#include "repl/try_view.hpp"

#include "core/text/duration.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

std::string text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::optional<double> number_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number() ? std::optional(found->get<double>()) : std::nullopt;
}

std::string ms_text(double ms) {
  return format_duration(std::chrono::microseconds(static_cast<std::int64_t>(ms * 1000)));
}

/// "name value, name value".
std::string pairs_text(const Json& object) {
  std::string text;
  for (const auto& [name, value] : object.items()) {
    text += (text.empty() ? "" : ", ") + name + " " + (value.is_string() ? value.get<std::string>() : dump_json(value));
  }
  return text;
}

Json details_of(const TryRecord& one) {
  if (one.details.empty()) return Json::object();
  Json details = parse_json(one.details, "details");
  return details.is_object() ? details : Json::object();
}

/// "waited 2 ms for its turn, first byte after 12 ms, done after 14 ms".
std::string times_text(const TryRecord& one, const Json& details) {
  std::string text;
  const auto put = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  const auto queued = number_of(details, "queued_at"), admitted = number_of(details, "admitted_at");
  if (queued && admitted && *admitted - *queued >= 1000)
    put("waited " + ms_text((*admitted - *queued) / 1000) + " for its turn");
  if (const auto sent = number_of(details, "sent_ms")) put("sent after " + ms_text(*sent));
  if (const auto first = number_of(details, "first_byte_ms")) put("first byte after " + ms_text(*first));
  if (const auto done = number_of(details, "done_ms")) {
    put("done after " + ms_text(*done));
  } else if (one.ended_at > 0 && one.sent_at > 0) {
    put("ended after " + ms_text(static_cast<double>(one.ended_at - one.sent_at) / 1000));
  }
  return text;
}

/// The lines below a try, each a subject with what is known of it.
std::vector<std::string> more_lines(const TryRecord& one, const Json& details) {
  std::vector<std::string> lines;
  if (const std::string times = times_text(one, details); !times.empty()) lines.push_back(times);
  std::string wire;
  const auto put = [&](const std::string& part) { wire += (wire.empty() ? "" : ", ") + part; };
  if (const auto bytes = number_of(details, "bytes_out"); bytes && *bytes > 0)
    put(format_bytes(static_cast<std::uint64_t>(*bytes)) + " out");
  if (const auto bytes = number_of(details, "bytes_in")) put(format_bytes(static_cast<std::uint64_t>(*bytes)) + " in");
  if (const std::string connection = text_of(details, "connection"); !connection.empty())
    put(connection + " connection");
  if (!wire.empty()) lines.push_back(wire);
  const auto hint = details.find("hint");
  if (hint != details.end() && hint->is_object()) {
    lines.push_back("asked to wait by " + text_of(*hint, "source") + " \"" + text_of(*hint, "raw") +
                    "\": " + ms_text(number_of(*hint, "ms").value_or(0)));
  }
  for (const auto& [name, words] : {std::pair{"request_ids", "request id: "}, std::pair{"limit_headers", "limits: "},
                                    std::pair{"usage", "tokens: "}}) {
    if (details.contains(name)) lines.push_back(words + pairs_text(details.at(name)));
  }
  if (const auto cost = number_of(details, "cost_usd"))
    lines.push_back("cost: " + format_usd(static_cast<std::int64_t>(*cost * 1e12)));
  if (details.contains("left_out"))
    lines.push_back("left out, since the model refuses it: " + dump_json(details.at("left_out")));
  if (one.ambiguous) lines.push_back("may have been executed and billed all the same");
  return lines;
}

}  // namespace

std::string step_text(std::uint32_t step) {
  return step == 0 ? "setup" : step == kEvaluateStep ? "evaluate" : std::to_string(step);
}

void show_tries(const std::vector<TryRecord>& tries, const std::string& indent, Reply& reply) {
  for (const TryRecord& one : tries) {
    const Json details = details_of(one);
    StyledText line;
    line.add(indent + "try " + std::to_string(one.number), TextRole::name);
    if (const std::string target = text_of(details, "target"); !target.empty()) line.add(" " + target);
    if (const WallTime at = one.sent_at > 0 ? one.sent_at : one.ended_at; at > 0)
      line.add(" " + time_of_day(at), TextRole::dim);
    if (one.http_status > 0) line.add(" HTTP " + std::to_string(one.http_status));
    if (!one.kind.empty()) {
      line.add(" " + one.kind + (one.sub.empty() ? "" : "/" + one.sub), TextRole::bad);
      if (const std::string code = text_of(details, "code"); !code.empty()) line.add(" (" + code + ")");
      if (details.contains("by_text")) line.add(" by its text");
      line.add(": " + one.message);
    } else if (one.ended_at == 0) {
      line.add(" on its way");
    } else {
      line.add(" answered");
    }
    if (one.wait_ms > 0) line.add("; then a wait of " + ms_text(static_cast<double>(one.wait_ms)));
    reply.line(line);
    for (const std::string& more : more_lines(one, details)) {
      reply.line(StyledText().add(indent + "  " + more, TextRole::dim));
    }
  }
}

Json try_json(const TryRecord& one) {
  Json json = Json::object({{"n", one.number},
                            {"sent_at", one.sent_at},
                            {"ended_at", one.ended_at},
                            {"http", one.http_status},
                            {"kind", one.kind},
                            {"sub", one.sub},
                            {"message", one.message},
                            {"wait_ms", one.wait_ms},
                            {"ambiguous", one.ambiguous}});
  json.update(details_of(one));
  return json;
}

}  // namespace assay
