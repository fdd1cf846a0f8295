#include "experiments/judge/judge.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "core/text/csv.hpp"
#include "core/text/duration.hpp"
#include "core/text/embedded.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "experiments/judge/exports.hpp"
#include "experiments/judge/loading.hpp"
#include "experiments/judge/prompts.hpp"
#include "experiments/judge/record.hpp"
#include "experiments/judge/recorded.hpp"
#include "experiments/judge/report.hpp"
#include "experiments/judge/runner.hpp"
#include "experiments/judge/turns.hpp"
#include "runners/llm/prompt_logprobs.hpp"
#include "runners/llm/provider.hpp"

namespace assay {
namespace {

constexpr const char* kBuiltIn = "sim/default?reply={answer}";
constexpr std::size_t kNamed = 5;

/// All parameters resolved; what is wrong with several stands in one message.
Json resolve_all(const std::vector<Parameter>& specs, const ParameterTexts& given, const std::string& kind) {
  std::vector<std::string> wrong;
  std::string hint;
  ParameterTexts good;
  for (const auto& [name, text] : given) {
    try {
      resolve_parameters(specs, {{name, text}}, kind);
      good[name] = text;
    } catch (const Error& error) {
      wrong.push_back(error.message());
      hint = error.hint();
    }
  }
  if (!wrong.empty()) throw Error("usage", joined(wrong, "; "), {}, hint);
  return resolve_parameters(specs, good, kind);
}

bool is_recorded(const Json& params) {
  const std::string format = params.value("format", std::string());
  return format == "judgements" || format == "fastchat" || format == "alpaca";
}

/// Under which key a judge's model is pinned.
std::string key_of(std::size_t judge) { return judge == 0 ? "model" : "model:judge " + std::to_string(judge + 1); }
std::string fallback_key(std::size_t at) { return "model:fallback " + std::to_string(at + 1); }

/// The error kinds of fallback_on=.
std::vector<ErrorKind> further_kinds(const Json& params) {
  std::vector<ErrorKind> kinds;
  const std::string on = params.value("fallback_on", std::string());
  for (std::size_t from = 0; from < on.size();) {
    const auto end = std::min(on.find_first_of(",>+ ", from), on.size());
    const std::string kind = on.substr(from, end - from);
    from = end + 1;
    if (kind.empty()) continue;
    const auto known = error_kind_from_text(kind);
    if (!known)
      throw Error("usage", "fallback_on=" + on + ": there is no error kind " + kind, "fallback_on",
                  "kinds: rate_limit, quota, overloaded, server, network, timeout, bad_response, empty, auth ..");
    kinds.push_back(*known);
  }
  return kinds;
}

/// Where cluster= can't be found in any item.
void check_cluster(const JudgeSettings& settings, const std::vector<JudgeItem>& items) {
  const std::string& field = settings.cluster;
  if (field.empty() || items.empty()) return;
  const bool there = std::any_of(items.begin(), items.end(), [&](const JudgeItem& item) {
    return to_data(item).contains(field) || item.extra.contains(field);
  });
  if (!there) throw Error("usage", "cluster=" + field + ": no item has such a field", "cluster");
}

/// The name of a batch of several sources, a word as queries take it: "a-vs-b" of pairs, "judge-a+b" of others.
std::string batch_name(const std::vector<std::string>& sources, bool pairs) {
  std::vector<std::string> of;
  for (const std::string& one : sources) {
    std::string bare = one.starts_with("@") ? one.substr(1) : std::filesystem::path(one).filename().string();
    if (bare.starts_with("batch:")) bare = bare.substr(6);
    for (const char* ending : {".gz", ".zst", ".jsonl", ".json", ".csv"}) {
      if (!one.starts_with("@") && bare.ends_with(ending)) bare.resize(bare.size() - std::string_view(ending).size());
    }
    std::string word;
    for (const char c : bare) {
      const bool plain = static_cast<unsigned char>(c) >= 0x80U || std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                         std::string_view("._+=@").find(c) != std::string_view::npos;
      if (plain) {
        word += c;
      } else if (!word.empty() && !word.ends_with('-')) {
        word += '-';
      }
    }
    while (word.ends_with('-')) word.pop_back();
    of.push_back(std::move(word));
  }
  return pairs && of.size() > 1 ? joined(of, "-vs-") : "judge-" + joined(of, "+");
}

/// The sources as a judge takes them: runs that hold judgements are not judged themselves, how many there are goes
/// into `judgements`. The same runs twice are refused.
std::vector<Source> answer_sources(const std::vector<Source>& sources, std::uint64_t& judgements) {
  std::vector<Source> answers = sources;
  std::map<std::vector<RunId>, std::string> seen;
  for (Source& source : answers) {
    if (!source.name.starts_with("@") || !source.select) continue;
    source.select = [select = source.select, &judgements](const std::string& query) {
      auto views = select(query);
      std::erase_if(views, [&](const auto& view) {
        if (view->info().kind != "judge") return false;
        judgements += view->size();
        return true;
      });
      if (views.empty())
        throw Error("empty", "@" + query + " selects judgements only, which are not judged themselves", {},
                    "name the batch of the answers; `batches` lists them");
      return views;
    };
    if (sources.size() < 2) continue;
    std::vector<RunId> runs;
    for (const auto& view : source.select(source.name.substr(1)))
      view->each(false, [&](const RunView& run) { runs.push_back(run.id); });
    std::sort(runs.begin(), runs.end());
    const auto [same, fresh] = seen.try_emplace(std::move(runs), source.name);
    if (!fresh)
      throw Error("usage", same->second.substr(1) + " and " + source.name.substr(1) + " are the same runs", source.name,
                  "judge QUERY vs QUERY compares two different batches of answers");
  }
  judgements = 0;  // counted as they are read
  return answers;
}

/// Of many warnings of one sort the first few, and how many more there are.
void shorten_alike(std::vector<std::string>& warnings, std::string_view sort) {
  std::vector<std::string> kept;
  std::size_t alike = 0;
  for (std::string& warning : warnings) {
    if (warning.find(sort) != std::string::npos && ++alike > kNamed) continue;
    kept.push_back(std::move(warning));
  }
  if (alike > kNamed) kept.push_back(".. and " + std::to_string(alike - kNamed) + " more such pairs");
  warnings = std::move(kept);
}

class JudgeKind final : public Kind {
 public:
  explicit JudgeKind(JudgeDependencies dependencies) : dependencies_(std::move(dependencies)) {}

  std::string name() const override { return "judge"; }
  std::string summary() const override {
    return "a model or a panel judges recorded answers: right, better, a score, a rubric";
  }
  std::vector<Parameter> parameters() const override { return judge_parameters(); }
  std::vector<std::string> samples() const override { return {"sample"}; }
  std::string_view sample(const std::string& name) const override {
    return name == "sample" ? ASSAY_EMBEDDED(experiments_judge_samples_sample_jsonl) : std::string_view();
  }
  bool accepts(const Json& data) const override {
    return data.is_object() &&
           (data.contains("prediction") || data.contains("response1") || data.contains("recorded")) &&
           data.contains("mode");
  }
  bool joins_sources() const override { return true; }
  LoadedBatch load(const Source& source, const ParameterTexts& given) const override {
    return load_sources({source}, given);
  }
  LoadedBatch load_sources(const std::vector<Source>& sources, const ParameterTexts& given) const override;
  std::shared_ptr<Runner> make_runner(const BatchInfo& batch, const ParameterTexts& overrides) const override;
  std::shared_ptr<Runner> make_evaluator(const BatchInfo& batch, const ParameterTexts& overrides) const override;
  Report report(const BatchView& batch) const override { return judge_report(batch); }
  Report detail(const BatchInfo& batch, const RunView& run) const override;
  std::vector<RunTurn> transcript(const BatchInfo& batch, const RunView& run,
                                  const std::vector<CallRecord>& calls) const override {
    std::vector<RunTurn> turns = Kind::transcript(batch, run, calls);
    return judged_turns(run, std::move(turns));
  }
  std::string mark(const RunView& run, const ExperimentView& experiment) const override {
    if (!run.data.is_object() || run.data.value("source", Json()).is_null()) return {};
    return is_stale(run.data["source"], &experiment) ? "stale" : "";
  }
  std::vector<ShippedPrompt> prompts() const override { return judge_prompts(); }
  std::vector<JointFormat> joint_formats() const override;
  JointExport export_joint(const std::string& format, const std::string& path,
                           const std::vector<const BatchView*>& batches) const override;

 private:
  LoadedBatch load_recorded(const std::vector<Source>& sources, Json params, const ParameterTexts& given) const;
  void choose_judges(Json& params, Json& pinned, LoadedBatch& batch) const;
  std::vector<ModelHandle> models_of(const BatchInfo& batch, const JudgeSettings& settings) const;
  void check_requests(const LoadedBatch& batch, const JudgeSettings& settings,
                      const std::vector<JudgeItem>& items) const;

  JudgeDependencies dependencies_;
};

void take_human(const Json& params, std::vector<JudgeItem>& items, LoadedBatch& batch) {
  const std::string path = params.value("human", std::string());
  if (path.empty()) return;
  auto verdicts = read_human(path);
  std::size_t taken = 0;
  for (JudgeItem& item : items) {
    const auto found = verdicts.find(item.id);
    if (found == verdicts.end()) continue;
    item.human = std::move(found->second);
    verdicts.erase(found);
    ++taken;
  }
  batch.notes.push_back("human verdicts on " + counted(taken, "item", "items"));
  if (verdicts.empty()) return;
  std::vector<std::string> unknown;
  for (const auto& [id, unused] : verdicts) {
    if (unknown.size() < kNamed) unknown.push_back(id);
  }
  batch.warnings.push_back(counted(verdicts.size(), "item of", "items of") + " " + path +
                           (verdicts.size() == 1 ? " is" : " are") + " not judged here: " + joined(unknown, ", ") +
                           (verdicts.size() > kNamed ? " .." : ""));
}

NewRun run_of(const JudgeItem& item, const std::string& mode) {
  NewRun run;
  run.id = item.id;
  run.data = to_data(item);
  run.data["mode"] = mode;
  if (!item.category.empty()) run.facets.emplace_back("category", item.category);
  if (!item.probe.empty()) run.facets.emplace_back("probe", item.probe);
  return run;
}

void JudgeKind::choose_judges(Json& params, Json& pinned, LoadedBatch& batch) const {
  std::string judge = params.value("judge", std::string());
  if (judge.empty() && dependencies_.judge_setting) judge = dependencies_.judge_setting();
  if (judge.empty()) {
    const auto [model, why] = dependencies_.models.default_model();
    judge = model.starts_with("sim/") ? kBuiltIn : model;
    batch.notes.push_back(
        judge == kBuiltIn
            ? "judged by the built-in model, which needs no key and knows the gold verdict: judge=MODEL names another"
            : "judged by " + judge + " (" + why + ")");
  }
  params["judge"] = judge;
  const JudgeSettings settings = judge_settings(params);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < settings.judges.size(); ++i) {
    const ModelHandle model = dependencies_.models.entry(settings.judges[i]);
    if (model->provider.empty()) throw Error("not_found", "no such judge: " + settings.judges[i], "judge");
    pinned[key_of(i)] = to_json(*model);
    names.push_back(model->name);
  }
  for (std::size_t i = 0; i < settings.fallback.size(); ++i)
    pinned[fallback_key(i)] = to_json(*dependencies_.models.entry(settings.fallback[i]));
  batch.info.model = joined(names, "+");
  if (settings.samples > 1 && params.value("temperature", 0.0) == 0.0)
    batch.warnings.push_back("samples at temperature 0 are near copies of one another");
}

std::vector<ModelHandle> JudgeKind::models_of(const BatchInfo& batch, const JudgeSettings& settings) const {
  const auto model_of = [&](const std::string& key, const std::string& name) {
    const bool pinned = batch.pinned.is_object() && batch.pinned.contains(key);
    return pinned ? dependencies_.models.callable_pinned(batch.pinned.at(key)) : dependencies_.models.callable(name);
  };
  std::vector<ModelHandle> fallbacks;
  for (std::size_t i = 0; i < settings.fallback.size(); ++i) {
    auto alone = std::make_shared<ModelEntry>(*model_of(fallback_key(i), settings.fallback[i]));
    alone->fallbacks.clear();
    alone->fallback_entries.clear();
    fallbacks.push_back(std::move(alone));
  }
  std::vector<ModelHandle> models;
  const std::string timeout = batch.params.value("timeout", std::string("60s"));
  const std::vector<ErrorKind> kinds = further_kinds(batch.params);
  for (std::size_t i = 0; i < settings.judges.size(); ++i) {
    auto model = std::make_shared<ModelEntry>(*model_of(key_of(i), settings.judges[i]));
    if (!model->timeouts.attempt || timeout != "60s")
      model->timeouts.attempt = std::chrono::duration_cast<std::chrono::milliseconds>(parse_duration(timeout));
    if (!fallbacks.empty()) {
      model->fallbacks = settings.fallback;
      model->fallback_entries = fallbacks;
    }
    for (const ErrorKind kind : kinds) model->fallback_on.push_back(kind);
    models.push_back(std::move(model));
  }
  return models;
}

/// The first request of each judge is built as it would be sent: what can't be expressed (images, a form of the reply)
/// is said before the first call.
void JudgeKind::check_requests(const LoadedBatch& batch, const JudgeSettings& settings,
                               const std::vector<JudgeItem>& items) const {
  if (items.empty()) return;
  const JudgePrompt prompt(batch.info.pinned.at("prompts"), settings, dependencies_.limits());
  const auto with_image =
      std::find_if(items.begin(), items.end(), [](const JudgeItem& item) { return !item.images.empty(); });
  const JudgeItem& item = with_image == items.end() ? items.front() : *with_image;
  ChatRequest request;
  request.messages = prompt.messages(item, JudgeOrder::ab, judge_fence(item));
  request.params = judge_params(batch.info.params, settings, item);
  for (std::size_t i = 0; i < settings.judges.size(); ++i) {
    const ModelHandle model = model_from_json(batch.info.pinned.at(key_of(i)));
    const Provider* provider = find_provider(model->type);
    if (provider == nullptr) continue;
    if (settings.logprobs > 0 && !gives_top_logprobs(*model))
      throw Error("usage", settings.judges[i] + " gives no alternatives beside its tokens: verdicts can't be weighed",
                  "logprobs", "leave logprobs= out, or judge with a model of openai, vllm, together, gemini ..");
    if (const auto built = provider->build(request, *model); !built)
      throw Error("usage", settings.judges[i] + " can't be asked: " + built.error().message, "item " + item.id,
                  "judge= names another model");
  }
}

LoadedBatch JudgeKind::load_recorded(const std::vector<Source>& sources, Json params,
                                     const ParameterTexts& given) const {
  LoadedBatch batch;
  for (const char* live : {"judge", "fallback", "samples", "reask", "probe", "logprobs", "prompt"}) {
    if (given.contains(live))
      throw Error("usage", std::string(live) + "= goes with judgements that are to be made; these are recorded", live);
  }
  // What the files say counts before defaults, and what was asked for before that.
  Json asked = Json::object();
  for (const auto& [name, value] : params.items()) {
    if (given.contains(name)) asked[name] = value;
  }
  RecordedSource read = read_recorded(params["format"].get<std::string>(), sources, asked);
  for (const auto& [name, value] : read.defaults.items()) {
    if (!asked.contains(name)) params[name] = value;
  }
  if (!params.contains("mode")) params["mode"] = std::string(to_text(read.mode.value_or(JudgeMode::pairwise)));
  const JudgeSettings settings = judge_settings(params);
  batch.warnings = std::move(read.warnings);
  batch.notes = std::move(read.notes);
  take_human(params, read.items, batch);
  const std::string mode = params["mode"].get<std::string>();
  for (JudgeItem& item : read.items) {
    NewRun run = run_of(item, mode);
    JudgedRun judged = judged_run(settings, item, recorded_judgements(settings, item));
    run.answer = std::move(judged.answer);
    run.score = std::move(judged.score);
    run.status = Status::complete;
    batch.runs.push_back(std::move(run));
  }
  batch.info.params = std::move(params);
  return batch;
}

LoadedBatch JudgeKind::load_sources(const std::vector<Source>& sources, const ParameterTexts& given) const {
  Json params = resolve_all(judge_parameters(), given, name());
  std::vector<std::string> names;
  for (const Source& source : sources) names.push_back(source.name);
  if (params.contains("rubric")) params["rubric"] = read_rubric(params["rubric"].get<std::string>());
  parse_duration(params.value("timeout", std::string("60s")));
  further_kinds(params);
  LoadedBatch batch;
  if (is_recorded(params)) {
    batch = load_recorded(sources, std::move(params), given);
  } else {
    if (params.contains("mode")) judge_settings(params);  // what contradicts is said before anything is read
    std::uint64_t judgements = 0;
    JudgeItems read = read_judge_items(answer_sources(sources, judgements), params);
    if (!params.contains("mode")) params["mode"] = std::string(to_text(read.mode));
    batch.warnings = std::move(read.warnings);
    shorten_alike(batch.warnings, " only and ");
    batch.notes = std::move(read.notes);
    if (judgements > 0)
      batch.notes.push_back(counted(judgements, "run of kind judge is", "runs of kind judge are") +
                            " left out: judgements are not judged themselves");
    batch.info.pinned = Json::object();
    choose_judges(params, batch.info.pinned, batch);
    const JudgeSettings settings = judge_settings(params);
    check_cluster(settings, read.items);
    take_human(params, read.items, batch);
    for (JudgeItem& probe : probe_items(read.items, settings)) read.items.push_back(std::move(probe));
    batch.info.pinned["prompts"] = pin_judge_prompt(params.value("prompt", std::string()), settings, read.items,
                                                    dependencies_.limits(), batch.warnings);
    if (!read.missing.empty()) params["source_missing"] = read.missing;
    std::uint64_t missing = 0, calls = 0;
    std::vector<std::string> of;
    for (const auto& [status, count] : read.missing) {
      if (status == "bad_rows") continue;
      missing += count;
      of.push_back(std::to_string(count) + (status == "COMPLETE" ? " without an answer" : " " + status));
    }
    if (missing > 0)
      batch.notes.push_back(counted(missing, "run of the source has", "runs of the source have") +
                            " no answer to judge and " + (missing == 1 ? "is" : "are") +
                            " left out: " + joined(of, ", "));
    if (read.items.empty()) {
      throw Error("empty",
                  "there is no answer to judge" + (of.empty() ? "" : ": " + joined(of, ", ") + " in the source"),
                  joined(names, " "), missing > 0 ? "run_n them first" : "");
    }
    for (const JudgeItem& item : read.items) calls += planned_judgements(settings, item).size();
    batch.notes.push_back(std::string(params["mode"].get<std::string>()) + ", " +
                          counted(calls, "judgement", "judgements") + " to be made");
    batch.facts = Json::object({{"mode", params["mode"]}, {"judgements", calls}, {"source_missing", read.missing}});
    batch.info.params = std::move(params);
    const std::string mode = batch.info.params["mode"].get<std::string>();
    for (const JudgeItem& item : read.items) batch.runs.push_back(run_of(item, mode));
    check_requests(batch, settings, read.items);
  }
  batch.info.kind = name();
  batch.info.source = joined(names, " ");
  if (names.size() > 1 || names.front().starts_with("@")) {
    const std::string mode = batch.info.params.value("mode", std::string());
    batch.info.name = batch_name(names, !is_recorded(batch.info.params) && (mode == "pairwise" || mode == "compare"));
  }
  return batch;
}

std::shared_ptr<Runner> JudgeKind::make_runner(const BatchInfo& batch, const ParameterTexts& overrides) const {
  if (!overrides.empty()) return make_evaluator(batch, overrides);
  if (is_recorded(batch.params))
    throw Error("usage", "batch " + batch.name + " holds recorded judgements: there is nothing to run", {},
                "`evaluate` reads them by other rules; load the answers themselves to judge them anew");
  const JudgeSettings settings = judge_settings(batch.params);
  Json pin;
  if (batch.pinned.is_object() && batch.pinned.contains("prompts")) {
    pin = batch.pinned.at("prompts");
  } else {  // it came from a save, which keeps the prompt's name alone
    std::vector<std::string> warnings;
    pin = pin_judge_prompt(batch.params.value("prompt", std::string()), settings, {}, dependencies_.limits(), warnings);
  }
  return std::make_shared<JudgeRunner>(dependencies_.client, batch.params, models_of(batch, settings),
                                       std::make_unique<JudgePrompt>(pin, settings, dependencies_.limits()));
}

std::shared_ptr<Runner> JudgeKind::make_evaluator(const BatchInfo& batch, const ParameterTexts& overrides) const {
  Json changes = resolve_all(judge_evaluation_parameters(), overrides, "judge evaluate");
  judge_settings(batch.params, changes);  // what contradicts is said before anything is read anew
  const std::string human = changes.value("human", std::string());
  return std::make_shared<JudgeRunner>(dependencies_.client, batch.params, std::vector<ModelHandle>(), nullptr,
                                       std::move(changes), human.empty() ? HumanVerdicts() : read_human(human));
}

/// What is sent: a text, or with images the parts as OpenAI writes them.
Json content_of(const Message& message) {
  if (!message.has_image()) return message.text();
  Json parts = Json::array();
  for (const Part& part : message.parts) {
    if (!part.image) {
      parts.push_back(Json::object({{"type", "text"}, {"text", part.text}}));
      continue;
    }
    const std::string url =
        !part.image->url.empty()
            ? part.image->url
            : "data:" + image_media_type(*part.image).value_or(part.image->media_type) + ";base64," + part.image->data;
    parts.push_back(Json::object({{"type", "image_url"}, {"image_url", Json::object({{"url", url}})}}));
  }
  return parts;
}

/// The last lines of a reply: where the verdict stands.
std::string last_lines(const std::string& text) {
  constexpr std::size_t kLines = 2, kMost = 160;
  std::string_view rest = trim(text);
  std::size_t from = rest.size();
  for (std::size_t line = 0; line < kLines && from > 0; ++line) {
    const auto end = rest.rfind('\n', from - 1);
    if (end == std::string_view::npos) {
      from = 0;
      break;
    }
    from = end;
  }
  rest = trim(rest.substr(from));
  if (rest.size() <= kMost) return std::string(rest);
  std::size_t at = rest.size() - kMost;
  while (at < rest.size() && (static_cast<unsigned char>(rest[at]) & 0xC0U) == 0x80U) ++at;  // inside a code point
  return ".. " + std::string(rest.substr(at));
}

Report JudgeKind::detail(const BatchInfo& batch, const RunView& run) const {
  Report report;
  if (!run.answer.is_object() || !run.answer.contains("judgements")) return report;
  const JudgeRecord record = JudgeRecords(batch)(run);
  ReportTable table{"", {{"judge"}, {"order"}, {"sample"}, {"status"}, {"verdict"}, {"text"}}, {}};
  for (const Judgement& one : record.judgements) {
    std::string verdict = one.reading.verdict;
    if (one.reading.values) {
      verdict = dump_json(one.reading.values->first) + " " + dump_json(one.reading.values->second);
    } else if (verdict.empty() && one.reading.value == one.reading.value) {
      verdict = dump_json(one.reading.value);
    }
    table.rows.push_back({one.judge, std::string(to_text(one.order)), one.sample,
                          std::string(to_text(one.reading.status)), verdict.empty() ? Json() : Json(verdict),
                          one.raw ? last_lines(*one.raw) : one.error});
  }
  report.heading(2, "judgements");
  report.table(std::move(table));
  return report;
}

std::vector<JointFormat> JudgeKind::joint_formats() const {
  std::vector<JointFormat> formats = judge_joint_formats();
  formats.push_back({"prompts", {"judge"}, false, "JSON lines: the messages of every judgement, made or not"});
  return formats;
}

JointExport JudgeKind::export_joint(const std::string& format, const std::string& path,
                                    const std::vector<const BatchView*>& batches) const {
  if (format != "prompts") return export_judge(format, path, batches);
  JointExport made;
  JointExport::File file{path, {}};
  std::uint64_t recorded = 0;
  for (const BatchView* view : batches) {
    if (is_recorded(view->info().params)) {
      recorded += view->size();
      continue;
    }
    JudgeSettings settings = judge_settings(view->info().params);
    settings.samples = 1;  // samples of one judgement ask the same
    std::vector<std::string> warnings;
    const Json& pinned = view->info().pinned;
    const Json pin = pinned.is_object() && pinned.contains("prompts")
                         ? pinned.at("prompts")
                         : pin_judge_prompt(view->info().params.value("prompt", std::string()), settings, {},
                                            dependencies_.limits(), warnings);
    const JudgePrompt prompt(pin, settings, dependencies_.limits());
    view->each(true, [&](const RunView& run) {
      const JudgeItem item = judge_item(run.data);
      for (const PlannedJudgement& planned : planned_judgements(settings, item)) {
        Json messages = Json::array();
        for (const Message& message : prompt.messages(item, planned.made.order, judge_fence(item)))
          messages.push_back(Json::object({{"role", to_text(message.role)}, {"content", content_of(message)}}));
        file.text += dump_json(Json::object({{"item", item.id},
                                             {"judge", planned.made.judge},
                                             {"order", to_text(planned.made.order)},
                                             {"sample", planned.made.sample},
                                             {"messages", std::move(messages)}})) +
                     "\n";
      }
      ++made.runs;
    });
  }
  if (recorded > 0)
    made.notes.push_back(counted(recorded, "run holds", "runs hold") + " recorded judgements, which have no prompt");
  if (made.runs > 0) made.files.push_back(std::move(file));
  return made;
}

}  // namespace

std::unique_ptr<Kind> make_judge_kind(JudgeDependencies dependencies) {
  return std::make_unique<JudgeKind>(std::move(dependencies));
}

std::vector<SettingSpec> judge_kind_settings() {
  return {{"judge", "", "the model that judges when a command names none; empty: the default model", {}}};
}

}  // namespace assay
