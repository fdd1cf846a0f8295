#include "core/model/serialized_run.hpp"

#include <cmath>
#include <limits>

#include "core/model/context_text.hpp"
#include "core/text/error.hpp"

namespace assay {
namespace {

constexpr double kPicoPerUsd = 1e12;

Json usd(Pico pico) { return static_cast<double>(pico) / kPicoPerUsd; }

Json error_value(const RunError& error) {
  return Json{{"kind", error.kind}, {"message", error.message}, {"place", error.place}};
}

Json attempts_value(const std::vector<AttemptSummary>& attempts) {
  Json list = Json::array();
  for (const AttemptSummary& attempt : attempts) {
    list.push_back(Json{{"n", attempt.number},
                        {"outcome", to_text(attempt.outcome)},
                        {"error", attempt.error.empty() ? Json() : error_value(attempt.error)},
                        {"seconds", attempt.seconds}});
  }
  return list;
}

/// What is missing (NaN) or infinite has no JSON form: such a metric is left out, as the store leaves it out.
Json metrics_value(const Score& score) {
  Json metrics = Json::object();
  for (const auto& [name, value] : score.metrics) {
    if (std::isfinite(value)) metrics[name] = value;
  }
  return metrics;
}

Json usage_value(const UsageSum& usage) {
  return Json{{"calls", usage.calls},
              {"input_tokens", usage.in},
              {"cached_tokens", usage.cached},
              {"output_tokens", usage.out},
              {"reasoning_tokens", usage.reasoning},
              {"cost_usd", usd(usage.cost)},
              {"possible_usd", usd(usage.possible)}};
}

/// Calls `put(key, value)` for each key that is written, in their order. The payloads are handed on as they are.
template <typename Put>
void each_key(const SerializedRun& saved, Put put) {
  const NewRun& run = saved.run;
  put("data", run.data);
  put("answer", run.answer);
  put("status", Json(to_text(run.status)));
  put("score", run.score.verdict == Verdict::none ? Json() : Json(to_text(run.score.verdict)));
  put("context", context_value(run.context));
  put("logs", Json(run.logs));
  if (!saved.batch.empty()) put("batch", Json(saved.batch));
  if (!run.id.empty()) put("id", Json(run.id));
  if (!saved.kind.empty()) put("kind", Json(saved.kind));
  if (!saved.model.empty()) put("model", Json(saved.model));
  if (!run.attempts.empty()) put("attempts", attempts_value(run.attempts));
  if (Json metrics = metrics_value(run.score); !metrics.empty()) put("metrics", metrics);
  if (!(run.usage == UsageSum{})) put("usage", usage_value(run.usage));
  if (!run.error.empty()) put("error", error_value(run.error));
  if (run.steps != 0) put("steps", Json(run.steps));
  if (!run.facets.empty()) {
    Json facets = Json::object();
    for (const auto& [name, text] : run.facets) facets[name] = text;
    put("facets", facets);
  }
  if (!saved.params.is_null()) put("params", saved.params);
  if (!run.published.empty()) {
    Json shown = Json::object();
    for (const auto& [name, value] : run.published) shown[name] = value;
    put("published", shown);
  }
  if (!saved.labels.tags.empty()) put("tags", Json(saved.labels.tags));
  if (!saved.labels.notes.empty()) {
    Json notes = Json::array();
    for (const RunNote& note : saved.labels.notes) notes.push_back(Json{{"at", note.at}, {"text", note.text}});
    put("notes", notes);
  }
  if (run.start) {
    put("start", Json{{"number", run.start->number},
                      {"answer", run.start->answer},
                      {"context", context_value(run.start->context)},
                      {"state", run.start->state}});
  }
}

/// Reads one object, naming the place and the key of whatever is wrong.
class ObjectReader {
 public:
  ObjectReader(const Json& value, std::string place, std::string path)
      : value_(value), place_(std::move(place)), path_(std::move(path)) {
    if (!value.is_object()) fail("", "an object", value);
  }

  const Json* find(const char* key) const {
    const auto found = value_.find(key);
    return found == value_.end() ? nullptr : &*found;
  }
  const Json& need(const char* key) const {
    if (const Json* found = find(key)) return *found;
    throw Error("file", "the key \"" + path_ + key + "\" is missing", place_,
                "a saved run has the keys data, answer, status, score, context and logs");
  }
  std::string text(const char* key) const {
    const Json* found = find(key);
    if (!found || found->is_null()) return {};
    if (!found->is_string()) fail(key, "a text", *found);
    return found->get<std::string>();
  }
  template <typename Integer>
  Integer count(const char* key) const {
    const Json* found = find(key);
    if (!found || found->is_null()) return 0;
    if (!found->is_number_integer() || *found < 0 || *found > std::numeric_limits<Integer>::max())
      fail(key, "a whole number from 0", *found);
    return found->get<Integer>();
  }
  double number(const char* key) const {
    const Json* found = find(key);
    if (!found || found->is_null()) return 0;
    if (!found->is_number()) fail(key, "a number", *found);
    return found->get<double>();
  }
  Pico money(const char* key) const {
    const double pico = number(key) * kPicoPerUsd;
    if (!(std::fabs(pico) < 9.2e18)) fail(key, "an amount under $9 million", *find(key));
    return std::llround(pico);
  }
  const Json& list(const char* key, const Json& found) const {
    if (!found.is_array()) fail(key, "an array", found);
    return found;
  }
  RunError error(const char* key) const {
    const Json* found = find(key);
    if (!found || found->is_null()) return {};
    const ObjectReader object(*found, place_, path_ + key + ".");
    return {object.text("kind"), object.text("message"), object.text("place")};
  }

  [[noreturn]] void fail(const char* key, const std::string& expected, const Json& found) const {
    std::string shown = dump_json(found);
    if (shown.size() > 60) shown = std::string(found.type_name()) + " of " + std::to_string(shown.size()) + " bytes";
    std::string name = path_ + key;
    if (name.ends_with('.')) name.pop_back();
    throw Error("file",
                (name.empty() ? "a saved run" : "\"" + name + "\"") + " must be " + expected + ", found " + shown,
                place_);
  }

 private:
  const Json& value_;
  std::string place_, path_;
};

Status read_status(const ObjectReader& object, const char* key, const Json& value) {
  Status status{};
  if (!value.is_string() || !from_text(value.get_ref<const std::string&>(), status))
    object.fail(key, "READY, INCOMPLETE, COMPLETE or FAIL", value);
  return status;
}

Verdict read_verdict(const ObjectReader& object, const Json& value) {
  Verdict verdict = Verdict::none;
  if (value.is_null()) return verdict;
  if (!value.is_string() || !from_text(value.get_ref<const std::string&>(), verdict))
    object.fail("score", "CORRECT, INCORRECT or null", value);
  return verdict;
}

std::vector<ContextMessage> read_context(const ObjectReader& object, const std::string& place,
                                         const std::string& path = "") {
  std::vector<ContextMessage> context;
  for (const Json& message : object.list("context", object.need("context"))) {
    const ObjectReader reader(message, place, path + "context." + std::to_string(context.size()) + ".");
    const Json& role = reader.need("role");
    if (!role.is_string()) reader.fail("role", "a text", role);
    const Json* content = reader.find("content");
    context.push_back({role.get<std::string>(), content ? *content : Json()});
    for (const auto& [key, more] : message.items()) {
      if (key != "role" && key != "content") context.back().more[key] = more;
    }
  }
  return context;
}

std::vector<AttemptSummary> read_attempts(const ObjectReader& object, const std::string& place) {
  std::vector<AttemptSummary> attempts;
  const Json* list = object.find("attempts");
  if (!list || list->is_null()) return attempts;
  for (const Json& item : object.list("attempts", *list)) {
    const ObjectReader reader(item, place, "attempts." + std::to_string(attempts.size()) + ".");
    AttemptSummary attempt;
    attempt.number = reader.count<std::uint32_t>("n");
    attempt.outcome = read_status(reader, "outcome", reader.need("outcome"));
    attempt.error = reader.error("error");
    attempt.seconds = reader.number("seconds");
    attempts.push_back(std::move(attempt));
  }
  return attempts;
}

}  // namespace

Json to_json_value(const SerializedRun& run) {
  Json object = Json::object();
  each_key(run, [&](const char* key, const Json& value) { object[key] = value; });
  return object;
}

void append_json(std::string& out, const SerializedRun& run) {
  char before = '{';
  each_key(run, [&](const char* key, const Json& value) {
    out += before;
    before = ',';
    out += '"';
    out += key;
    out += "\":";
    out += dump_json(value);
  });
  out += '}';
}

SerializedRun from_json_value(const Json& value, const std::string& place) {
  const ObjectReader object(value, place, "");
  SerializedRun saved;
  NewRun& run = saved.run;
  run.data = object.need("data");
  run.answer = object.need("answer");
  run.status = read_status(object, "status", object.need("status"));
  run.score.verdict = read_verdict(object, object.need("score"));
  run.context = read_context(object, place);
  for (const Json& entry : object.list("logs", object.need("logs"))) run.logs.push_back(entry);

  saved.batch = object.text("batch");
  const Json* id = object.find("id");
  run.id = id && id->is_number_integer() ? dump_json(*id) : object.text("id");
  saved.kind = object.text("kind");
  saved.model = object.text("model");
  run.attempts = read_attempts(object, place);
  run.error = object.error("error");
  run.steps = object.count<std::uint32_t>("steps");
  if (const Json* metrics = object.find("metrics"); metrics && !metrics->is_null()) {
    const ObjectReader reader(*metrics, place, "metrics.");
    for (const auto& [name, figure] : metrics->items()) {
      if (!figure.is_null()) run.score.metric(name, reader.number(name.c_str()));
    }
  }
  if (const Json* facets = object.find("facets"); facets && !facets->is_null()) {
    const ObjectReader reader(*facets, place, "facets.");
    for (const auto& [name, text] : facets->items()) run.facets.emplace_back(name, reader.text(name.c_str()));
  }
  if (const Json* usage = object.find("usage"); usage && !usage->is_null()) {
    const ObjectReader reader(*usage, place, "usage.");
    run.usage = {reader.count<std::uint32_t>("calls"),
                 reader.count<std::int64_t>("input_tokens"),
                 reader.count<std::int64_t>("cached_tokens"),
                 reader.count<std::int64_t>("output_tokens"),
                 reader.count<std::int64_t>("reasoning_tokens"),
                 reader.money("cost_usd"),
                 reader.money("possible_usd")};
  }
  if (const Json* params = object.find("params")) saved.params = *params;
  if (const Json* shown = object.find("published"); shown && !shown->is_null()) {
    if (!shown->is_object()) throw Error("file", "published: an object is expected", place);
    for (const auto& [name, published] : shown->items()) run.published.emplace_back(name, published);
  }
  if (const Json* tags = object.find("tags"); tags && !tags->is_null()) {
    for (const Json& tag : object.list("tags", *tags)) {
      if (!tag.is_string() || tag.get_ref<const std::string&>().empty())
        object.fail("tags", "an array of texts", *tags);
      saved.labels.tags.push_back(tag.get<std::string>());
    }
  }
  if (const Json* notes = object.find("notes"); notes && !notes->is_null()) {
    for (const Json& note : object.list("notes", *notes)) {
      const ObjectReader reader(note, place, "notes." + std::to_string(saved.labels.notes.size()) + ".");
      saved.labels.notes.push_back({reader.count<WallTime>("at"), reader.text("text")});
    }
  }
  if (const Json* start = object.find("start"); start && !start->is_null()) {
    const ObjectReader reader(*start, place, "start.");
    run.start = {reader.count<std::uint32_t>("number"), reader.need("answer"), reader.need("state"),
                 read_context(reader, place, "start.")};
    if (run.start->number == 0 || run.start->number > 1'000'000)
      reader.fail("number", "a step from 1", reader.need("number"));
  }
  return saved;
}

}  // namespace assay
