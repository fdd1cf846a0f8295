#include "experiments/judge/settings.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "runners/judge/reading.hpp"

namespace assay {
namespace {

using Type = Parameter::Type;

std::vector<Parameter> reading_parameters() {
  return {
      {"parse",
       Type::choice,
       "strict",
       "how replies are read",
       {"strict", "lmms", "fastchat", "mtbench", "arena", "alpaca", "evals", "prometheus", "regex"}},
      {"regex.*", Type::text, "", "with parse=regex: regex.LABEL=PATTERN, one per label", {}},
      {"labels", Type::text, "", "alphabet of verdicts: 01, yesno, AB, AB2, AB5, mM, x:..; none: by the mode", {}},
      {"scale", Type::text, "1-10", "lo-hi of score, compare and rubric; none: no range", {}},
      {"choices", Type::text, "", "with mode=choice: 'A:1,B:0.5,C:0'", {}},
      {"ties", Type::boolean, "on", "off: no tie is offered, and none is taken", {}},
      {"tie_delta", Type::number, "0.1", "compare: scores no further apart are a tie", {}},
      {"swap_rule", Type::choice, "tie", "what two orders come to", {"tie", "mean", "sum", "drop"}},
      {"pool", Type::choice, "majority", "what a panel comes to", {"majority", "mean", "max", "min"}},
      {"quorum", Type::text, "all", "judges that must have an answer: all, or how many", {}},
      {"rating", Type::choice, "bt", "ratings of models", {"bt", "davidson", "elo"}},
      {"anchor", Type::text, "", "MODEL:RATING, for instance gpt-4:1000", {}},
      {"cluster",
       Type::text,
       "",
       "the field whose equal values belong together, for intervals; none: the item's own",
       {}},
      {"human", Type::text, "", "file of human verdicts: item, rater, verdict or score", {}},
  };
}

/// The value of a boolean as `on`/`off`, `yes`/`no`, .. resolved it.
bool truth(const Json& params, const char* name, bool otherwise) {
  const auto found = params.find(name);
  return found != params.end() && found->is_boolean() ? found->get<bool>() : otherwise;
}

std::string text_of(const Json& params, const char* name, const std::string& otherwise = {}) {
  const auto found = params.find(name);
  return found != params.end() && found->is_string() ? found->get<std::string>() : otherwise;
}

template <typename Number>
Number number_of(const Json& params, const char* name, Number otherwise) {
  const auto found = params.find(name);
  return found != params.end() && found->is_number() ? found->get<Number>() : otherwise;
}

std::vector<std::string> parts_of(const std::string& text, char between) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  while (from <= text.size() && !text.empty()) {
    const auto end = std::min(text.find(between, from), text.size());
    if (end > from) parts.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return parts;
}

/// The criteria of rubric= as they are kept: an object, name to description.
std::vector<std::pair<std::string, std::string>> criteria_of(const Json& rubric) {
  std::vector<std::pair<std::string, std::string>> criteria;
  if (!rubric.is_object()) return criteria;
  for (const auto& [name, text] : rubric.items())
    criteria.emplace_back(name, text.is_string() ? text.get<std::string>() : dump_json(text));
  return criteria;
}

/// How many judges must have an answer; 0: all. nullopt: neither `all` nor a count.
std::optional<std::size_t> quorum_of(const std::string& text) {
  if (text == "all") return 0;
  std::size_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count == 0) return std::nullopt;
  return count;
}

/// What contradicts, a sentence each.
std::vector<std::string> contradictions(const JudgeSettings& settings, const Json& params) {
  std::vector<std::string> wrong;
  const auto attempt = [&](auto&& check) {
    try {
      check();
    } catch (const Error& error) {
      wrong.push_back(error.message());
    }
  };
  attempt([&] { judge_scale(settings.scale); });
  if (settings.mode == JudgeMode::binary || settings.mode == JudgeMode::choice ||
      settings.mode == JudgeMode::pairwise) {
    attempt([&] { verdict_labels(settings.labels, settings.mode, settings.ties, settings.choices); });
  } else if (!settings.labels.empty()) {
    wrong.push_back("labels=" + settings.labels + ": mode=" + std::string(to_text(settings.mode)) +
                    " has numbers for verdicts; leave labels out");
  }
  if (!has_two_answers(settings.mode) && settings.swap != "off") {
    wrong.push_back("swap=" + settings.swap + ": mode=" + std::string(to_text(settings.mode)) +
                    " judges one answer, which has no order");
  }
  if (settings.samples < 1) wrong.push_back("samples=0: at least 1");
  if (settings.logprobs > 20) wrong.push_back("logprobs: at most 20 alternatives are given by any provider");
  if (settings.logprobs > 0 && settings.samples > 1)
    wrong.push_back("logprobs=" + std::to_string(settings.logprobs) + " with samples=" +
                    std::to_string(settings.samples) + ": the probabilities of one reply say it all; take one of both");
  if (settings.logprobs > 0 && settings.mode == JudgeMode::compare)
    wrong.push_back("logprobs: mode=compare has two numbers, which can't be weighed");
  if (settings.logprobs > 0 && settings.mode == JudgeMode::rubric)
    wrong.push_back("logprobs: mode=rubric has several numbers, which can't be weighed");
  if (settings.mode == JudgeMode::compare && settings.reply != "text")
    wrong.push_back("reply=" + settings.reply + ": mode=compare asks for a line with two numbers");
  const std::optional<std::size_t> quorum = quorum_of(settings.quorum);
  if (!quorum) wrong.push_back("quorum=" + settings.quorum + ": expected all, or how many judges");
  if (quorum && !settings.judges.empty() && *quorum > settings.judges.size()) {
    wrong.push_back(
        "quorum=" + settings.quorum + ": there " +
        (settings.judges.size() == 1 ? "is 1 judge" : "are " + std::to_string(settings.judges.size()) + " judges"));
  }
  const double temperature = number_of<double>(params, "temperature", 0);
  const std::set<std::string> distinct(settings.judges.begin(), settings.judges.end());
  if (distinct.size() < settings.judges.size()) {
    wrong.push_back("judge=" + joined(settings.judges, "+") + ": the same model twice " +
                    (temperature == 0 ? "at temperature 0 says the same twice" : "is one judge with samples=2"));
  }
  if (!(temperature >= 0)) wrong.push_back("temperature is negative");
  if (settings.mode == JudgeMode::choice && settings.choices.empty())
    wrong.push_back("mode=choice needs choices='A:1,B:0.5,C:0'");
  if (settings.mode != JudgeMode::choice && !settings.choices.empty())
    wrong.push_back("choices= goes with mode=choice");
  if (settings.parse == "regex" && settings.patterns.empty())
    wrong.push_back("parse=regex needs a pattern per label: regex.A='..' regex.B='..'");
  if (settings.parse != "regex" && !settings.patterns.empty())
    wrong.push_back("regex." + settings.patterns.begin()->first + "= goes with parse=regex");
  if (settings.tie_delta < 0 || std::isnan(settings.tie_delta)) wrong.push_back("tie_delta is negative");
  if (!settings.anchor.empty()) {
    const auto colon = settings.anchor.rfind(':');
    double rating = 0;
    const char* end = settings.anchor.data() + settings.anchor.size();
    const auto read =
        std::from_chars(settings.anchor.data() + (colon == std::string::npos ? 0 : colon + 1), end, rating);
    if (colon == std::string::npos || read.ec != std::errc() || read.ptr != end)
      wrong.push_back("anchor=" + settings.anchor + ": expected MODEL:RATING, for instance gpt-4:1000");
  }
  if (number_of<std::int64_t>(params, "max_tokens", 1) < 1) wrong.push_back("max_tokens: at least 1");
  for (const char* name : {"reask", "probe", "logprobs"}) {
    if (number_of<std::int64_t>(params, name, 0) < 0) wrong.push_back(std::string(name) + " is negative");
  }
  if (const double top_p = number_of<double>(params, "top_p", 1); !(top_p > 0 && top_p <= 1))
    wrong.push_back("top_p: above 0, at most 1");
  if (const auto turn = number_of<std::int64_t>(params, "turn", 1); turn < 1 || turn > 2)
    wrong.push_back("turn=" + std::to_string(turn) + ": MT-Bench has turns 1 and 2");
  return wrong;
}

}  // namespace

std::vector<Parameter> judge_parameters() {
  std::vector<Parameter> all = {
      {"format",
       Type::choice,
       "",
       "what the source is: items (default), mtbench (a folder), or recorded judgements",
       {"items", "mtbench", "judgements", "fastchat", "alpaca"}},
      {"mode",
       Type::choice,
       "",
       "what is judged; none: by the items",
       {"binary", "correctness", "choice", "score", "rubric", "pairwise", "compare"}},
      {"judge",
       Type::text,
       "",
       "model that judges; a+b+c is a panel; none: the setting `judge`, else the default model",
       {}},
      {"fallback", Type::text, "", "m1>m2: tried in order when the judge fails", {}},
      {"fallback_on", Type::text, "", "further error kinds that move on to the fallback", {}},
      {"samples", Type::integer, "1", "judgements per judge and order", {}},
      {"swap", Type::choice, "", "orders in which two answers are shown; none: both", {"both", "off", "random"}},
      {"rubric", Type::text, "", "file (JSON or YAML: criterion: description), or \"name: text; name: text\"", {}},
      {"with_reference", Type::choice, "auto", "whether the reference is shown", {"auto", "on", "off"}},
      {"evidence", Type::choice, "first", "reasoning before the verdict", {"first", "none"}},
      {"prompt",
       Type::text,
       "",
       "shipped prompt, YAML prompt file, FILE.txt (Python format), FILE.jsonl[#NAME] (FastChat)",
       {}},
      {"system", Type::text, "", "system message", {}},
      {"instruction", Type::text, "", "what to look at, for prompts that show it", {}},
      {"reply", Type::choice, "", "form of the reply; none: text, of rubric json", {"text", "json", "schema"}},
      {"temperature", Type::number, "0", "", {}},
      {"max_tokens", Type::integer, "", "of a reply; none: 1024, of pairwise with evidence 2048", {}},
      {"top_p", Type::number, "", "", {}},
      {"timeout", Type::text, "60s", "of one try", {}},
      {"logprobs", Type::integer, "0", "alternatives per token: verdicts are weighed by probability", {}},
      {"reask", Type::integer, "0", "ask again up to so many times when a verdict can't be read", {}},
      {"probe", Type::integer, "0", "so many items per kind that test the judge itself", {}},
      {"map.*", Type::text, "", "map.FIELD=PATH: where a field stands in a row or a run", {}},
      {"bad_rows", Type::choice, "fail", "a row without what the mode needs", {"fail", "skip"}},
      {"baseline", Type::text, "", "two-answer modes: only pairs with this model", {}},
      {"models", Type::text, "", "MT-Bench: a+b names and orders the models", {}},
      {"turn", Type::integer, "", "MT-Bench: only turn 1 or 2", {}},
      {"questions", Type::text, "", "fastchat: file of questions, for categories", {}},
      {"bootstrap_seed", Type::integer, "1", "of intervals that are resampled", {}},
  };
  for (Parameter& parameter : reading_parameters()) all.push_back(std::move(parameter));
  return all;
}

std::vector<Parameter> judge_evaluation_parameters() {
  std::vector<Parameter> all = reading_parameters();
  for (Parameter& parameter : all) parameter.default_text.clear();
  return all;
}

ReadingRules JudgeSettings::reading(const JudgeItem& item) const {
  ReadingRules rules;
  rules.mode = mode;
  if (mode == JudgeMode::binary || mode == JudgeMode::choice || mode == JudgeMode::pairwise)
    rules.labels = verdict_labels(labels, mode, ties, choices);
  rules.scale = judge_scale(scale);
  for (const auto& [name, text] : item.rubric.empty() ? rubric : item.rubric) rules.criteria.push_back(name);
  rules.tie_delta = tie_delta;
  rules.parse = parse;
  rules.patterns = patterns;
  rules.ties = ties;
  rules.verdict_in_object = reply != "text" && mode != JudgeMode::rubric && mode != JudgeMode::compare;
  return rules;
}

PoolingRules JudgeSettings::pooling() const {
  PoolingRules rules;
  rules.swap_rule = swap_rule;
  rules.pool = pool;
  rules.quorum = quorum_of(quorum).value_or(0);
  rules.both_orders = has_two_answers(mode) && swap == "both";
  rules.tie_delta = tie_delta;
  return rules;
}

JudgeSettings judge_settings(const Json& params, const Json& changes) {
  Json merged = params.is_object() ? params : Json::object();
  if (changes.is_object()) {
    for (const auto& [name, value] : changes.items()) {
      // Patterns of an earlier evaluation don't stay beside new ones.
      if (name.starts_with("regex.")) {
        for (auto it = merged.begin(); it != merged.end();) {
          it = it.key().starts_with("regex.") && !changes.contains(it.key()) ? merged.erase(it) : std::next(it);
        }
      }
      merged[name] = value;
    }
  }
  JudgeSettings settings;
  const std::string mode = text_of(merged, "mode", "binary");
  settings.correctness = mode == "correctness";
  settings.mode = settings.correctness ? JudgeMode::binary : judge_mode(mode).value_or(JudgeMode::binary);
  settings.judges = parts_of(text_of(merged, "judge"), '+');
  if (const auto recorded = merged.find("judges"); recorded != merged.end() && recorded->is_array()) {
    settings.judges.clear();
    for (const Json& judge : *recorded) {
      if (judge.is_string()) settings.judges.push_back(judge.get<std::string>());
    }
  }
  settings.fallback = parts_of(text_of(merged, "fallback"), '>');
  const auto count = [&](const char* name, std::int64_t otherwise) {
    return static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(number_of<std::int64_t>(merged, name, otherwise), 0, 1'000'000));
  };
  settings.samples = count("samples", 1);
  settings.reask = count("reask", 0);
  settings.logprobs = count("logprobs", 0);
  settings.probe = count("probe", 0);
  settings.swap = text_of(merged, "swap", has_two_answers(settings.mode) ? "both" : "off");
  settings.ties = truth(merged, "ties", true);
  settings.labels = text_of(merged, "labels", settings.correctness ? "yesno" : "");
  settings.choices = text_of(merged, "choices");
  settings.scale = text_of(merged, "scale", "1-10");
  if (merged.contains("rubric")) settings.rubric = criteria_of(merged["rubric"]);
  settings.with_reference = text_of(merged, "with_reference", "auto");
  settings.evidence = text_of(merged, "evidence", "first");
  settings.reply = text_of(merged, "reply", settings.mode == JudgeMode::rubric ? "json" : "text");
  settings.instruction = text_of(merged, "instruction");
  settings.system = text_of(merged, "system");
  settings.parse = text_of(merged, "parse", "strict");
  for (const auto& [name, value] : merged.items()) {
    if (name.starts_with("regex.") && value.is_string()) settings.patterns[name.substr(6)] = value.get<std::string>();
  }
  settings.swap_rule = text_of(merged, "swap_rule", "tie");
  settings.pool = text_of(merged, "pool", "majority");
  settings.quorum = text_of(merged, "quorum", "all");
  settings.tie_delta = number_of<double>(merged, "tie_delta", 0.1);
  settings.rating = text_of(merged, "rating", "bt");
  settings.anchor = text_of(merged, "anchor");
  settings.baseline = text_of(merged, "baseline");
  settings.cluster = text_of(merged, "cluster");
  settings.bootstrap_seed = static_cast<std::uint64_t>(number_of<std::int64_t>(merged, "bootstrap_seed", 1));
  if (const std::vector<std::string> wrong = contradictions(settings, merged); !wrong.empty())
    throw Error("usage", joined(wrong, "; "), {}, "`help judge` lists the parameters");
  check_reading(settings.reading(JudgeItem{}));
  return settings;
}

Json carried_settings(const JudgeSettings& settings) {
  const JudgeSettings usual;
  Json carried = Json::object();
  const auto add = [&](const char* name, const auto& value, const auto& otherwise) {
    if (value != otherwise) carried[name] = value;
  };
  add("labels", settings.labels, usual.labels);
  add("choices", settings.choices, usual.choices);
  add("scale", settings.scale, usual.scale);
  if (!settings.rubric.empty()) {
    Json& rubric = carried["rubric"] = Json::object();
    for (const auto& [name, text] : settings.rubric) rubric[name] = text;
  }
  add("ties", settings.ties, usual.ties);
  add("reply", settings.reply, settings.mode == JudgeMode::rubric ? "json" : usual.reply);
  add("parse", settings.parse, usual.parse);
  for (const auto& [label, pattern] : settings.patterns) carried["regex." + label] = pattern;
  if (has_two_answers(settings.mode)) add("swap", settings.swap, usual.swap);
  add("swap_rule", settings.swap_rule, usual.swap_rule);
  add("pool", settings.pool, usual.pool);
  add("quorum", settings.quorum, usual.quorum);
  add("tie_delta", settings.tie_delta, usual.tie_delta);
  add("rating", settings.rating, usual.rating);
  add("anchor", settings.anchor, usual.anchor);
  add("cluster", settings.cluster, usual.cluster);
  add("bootstrap_seed", settings.bootstrap_seed, usual.bootstrap_seed);
  return carried;
}

Json carried_parameters(const Json& object) {
  constexpr std::string_view kCarried[] = {"labels", "choices",   "scale",   "rubric",        "ties",   "reply",
                                           "parse",  "swap",      "pool",    "quorum",        "rating", "swap_rule",
                                           "anchor", "tie_delta", "cluster", "bootstrap_seed"};
  const std::vector<Parameter> specs = judge_parameters();
  Json params = Json::object();
  for (const auto& [name, value] : object.items()) {
    if (!name.starts_with("regex.") && std::find(std::begin(kCarried), std::end(kCarried), name) == std::end(kCarried))
      return nullptr;
    if (name == "rubric") {
      if (!value.is_object()) throw Error("usage", "rubric: expected criteria with their descriptions");
      params[name] = value;
      continue;
    }
    const std::string text = value.is_string() ? value.get<std::string>() : dump_json(value);
    const Json resolved = resolve_parameters(specs, {{name, text}}, "judge");
    if (resolved.contains(name)) params[name] = resolved[name];
  }
  return params;
}

}  // namespace assay
