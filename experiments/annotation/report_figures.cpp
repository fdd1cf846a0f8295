#include "experiments/annotation/report_figures.hpp"

#include <algorithm>
#include <cmath>
#include <list>
#include <map>
#include <optional>
#include <set>

#include "core/statistics/agreement.hpp"
#include "experiments/annotation/estimate.hpp"
#include "experiments/annotation/record.hpp"
#include "experiments/annotation/runner.hpp"
#include "experiments/discussion/report_figures.hpp"

namespace assay {
namespace {

/// Keys of fewer annotations than these are listed only.
constexpr double kRareShare = 0.05;

using Values = std::map<std::string, double>;

/// What one file or run says of one discussion.
struct Rater {
  std::string run_id, conv_id, annotator;
  bool own = false;
  AnnotationRecord record;
  std::vector<Values> values;  // one an entry; those within their scale
};

struct Discussion {
  std::string name;  // of its run
  std::vector<const Rater*> raters;
  std::map<std::size_t, std::size_t> units;  // position in the log -> number of the unit
};

struct Counts {
  std::size_t annotations = 0, missing = 0, malformed = 0, out_of_scale = 0;
};

/// 3 as "3", 2.5 as "2.5".
std::string value_text(double value) {
  constexpr double kExact = 9e15;
  if (value == std::floor(value) && std::fabs(value) < kExact) return std::to_string(static_cast<std::int64_t>(value));
  return dump_json(value);
}

class Collector {
 public:
  explicit Collector(const BatchView& batch) : batch_(batch), prices_(prices_of(batch.info().pinned)) {
    batch.each(true, [&](const RunView& run) { add(run); });
    join_discussions();
  }

  Json figures() const;
  std::string estimate() const { return left_.all().calls.high == 0 ? std::string() : estimate_line(left_, prices_); }

 private:
  void add(const RunView& run);
  void count(Rater& rater, const RunView& run, const AnnotationParsing& parsing);
  void join_discussions();
  void put(Rater& rater, std::size_t group, bool by_position);
  Ratings ratings(const std::string& key, std::optional<std::size_t> only) const;
  Json key_figures(const std::string& key, std::optional<std::size_t> only) const;

  const BatchView& batch_;
  const EstimatePrices prices_;
  DiscussionEstimate left_;
  std::map<Status, std::size_t> statuses_;
  std::list<Rater> raters_;
  std::vector<Discussion> discussions_;
  Counts counts_;
  std::map<std::string, std::size_t> keys_;  // annotations that have it, in or out of scale
  std::map<std::string, std::pair<double, double>> scales_;
  std::set<std::string> annotators_;
  std::size_t without_ = 0, unjoined_ = 0;
};

void Collector::add(const RunView& run) {
  ++statuses_[run.status];
  if (run.status != Status::complete) {
    const auto judged = std::count_if(run.context.begin(), run.context.end(),
                                      [](const ContextMessage& message) { return message.role == "assistant"; });
    left_ += estimate_annotation(run.data, static_cast<std::size_t>(judged));
    return;
  }
  Rater rater;
  rater.record = annotation_record(run);
  rater.run_id = run.run_id;
  rater.conv_id = rater.record.conv_id;
  rater.own = !rater.record.loaded;
  const Json annotator = run.data.value("annotator", Json());
  const Json position = annotator.is_object() ? annotator.value("index", Json()) : Json();
  annotators_.insert(dump_json(position) + rater.record.annotator_model + "\n" + rater.record.annotator_prompt);
  count(rater, run, parsing_from(run.data.value("settings", Json::object())));
  // Of thousands of files only what joins them with their discussions is kept.
  rater.record.source = nullptr;
  rater.record.source_text.clear();
  for (auto& entry : rater.record.entries) {
    entry.annotation.clear();
  }
  raters_.push_back(std::move(rater));
}

void Collector::count(Rater& rater, const RunView& run, const AnnotationParsing& parsing) {
  const AnnotationParser parser(parsing);
  const auto& entries = rater.record.entries;
  // As last evaluated, which may have been by another pattern.
  const bool evaluated = run.answer.is_array() && run.answer.size() == entries.size();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    ParsedAnnotation parsed;
    if (evaluated && run.answer[i].is_object()) {
      const Json& row = run.answer[i];
      const Json values = row.value("values", Json::object());
      for (const auto& [key, value] : values.items()) {
        if (value.is_number()) parsed.values.emplace_back(key, value);
      }
      parsed.malformed = row.value("malformed", std::size_t{0});
    } else {
      parsed = parser(entries[i].annotation);
    }
    Values within;
    for (const auto& [key, value] : parsed.values) {
      ++keys_[key];
      const auto scale = evaluated_scale(evaluated ? run.answer[i] : Json(), key, parsing);
      scales_.try_emplace(key, scale);
      const auto real = value.get<double>();
      if (real < scale.first || real > scale.second) {
        ++counts_.out_of_scale;
      } else {
        within[key] = real;
      }
    }
    ++counts_.annotations;
    counts_.malformed += parsed.malformed;
    if (within.empty()) ++counts_.missing;
    rater.values.push_back(std::move(within));
  }
}

void Collector::put(Rater& rater, std::size_t group, bool by_position) {
  Discussion& discussion = discussions_[group];
  for (std::size_t i = 0; i < rater.record.entries.size(); ++i) {
    auto& index = rater.record.entries[i].index;
    if (by_position || !index) index = i;
    discussion.units.emplace(*index, 0);
  }
  discussion.raters.push_back(&rater);
}

/// Discussions in the order of the experiment, then those that are not in it, as their annotations come.
void Collector::join_discussions() {
  std::map<std::string, std::vector<Rater*>> waiting;
  for (Rater& rater : raters_) waiting[rater.conv_id].push_back(&rater);
  std::set<std::string> names;
  std::set<const Rater*> misfits;
  const auto begin_group = [&](std::string name, const std::string& otherwise) {
    if (!names.insert(name).second) names.insert(name = otherwise);
    discussions_.push_back({std::move(name), {}, {}});
  };
  if (const ExperimentView* experiment = batch_.experiment()) {
    for (const BatchInfo& info : experiment->batches()) {
      if (info.kind != "discussion") continue;
      experiment->view(info.id)->each(true, [&](const RunView& run) {
        if (run.status != Status::complete || waiting.empty()) return;
        const DiscussionRecord record = discussion_record(run);
        const auto found = waiting.find(record.id);
        if (found == waiting.end()) return;
        std::vector<Rater*> left;
        bool begun = false;
        for (Rater* rater : found->second) {
          if (!join(rater->record, record)) {
            misfits.insert(rater);
            left.push_back(rater);
            continue;
          }
          misfits.erase(rater);
          if (!begun) begin_group(run.run_id, info.name + ":" + run.run_id);
          begun = true;
          put(*rater, discussions_.size() - 1, false);
        }
        found->second = std::move(left);
        if (found->second.empty()) waiting.erase(found);
      });
    }
  }
  std::map<std::string, std::size_t> alone;
  for (Rater& rater : raters_) {
    const auto found = waiting.find(rater.conv_id);
    if (found == waiting.end() || std::find(found->second.begin(), found->second.end(), &rater) == found->second.end())
      continue;
    if (misfits.contains(&rater)) {
      ++unjoined_;
      continue;
    }
    if (!rater.own) ++without_;
    const std::string key = rater.conv_id.empty() ? "file " + rater.run_id : rater.conv_id;
    const auto [group, fresh] = alone.try_emplace(key, discussions_.size());
    if (fresh) begin_group(key, key + " (without discussion)");
    put(rater, group->second, !rater.own);
  }
  std::erase_if(discussions_, [](const Discussion& discussion) { return discussion.units.empty(); });
  for (Discussion& discussion : discussions_) {
    std::size_t next = 0;
    for (auto& [index, unit] : discussion.units) unit = next++;
  }
}

Ratings Collector::ratings(const std::string& key, std::optional<std::size_t> only) const {
  Ratings made;
  for (std::size_t g = 0; g < discussions_.size(); ++g) {
    if (only && *only != g) continue;
    const Discussion& discussion = discussions_[g];
    const std::size_t first = made.units.size();
    made.units.resize(first + discussion.units.size(), std::vector<double>(discussion.raters.size(), kUndefined));
    made.groups.resize(made.units.size(), only ? 0 : static_cast<std::uint32_t>(g));
    for (std::size_t r = 0; r < discussion.raters.size(); ++r) {
      const Rater& rater = *discussion.raters[r];
      for (std::size_t i = 0; i < rater.values.size(); ++i) {
        const auto value = rater.values[i].find(key);
        if (value == rater.values[i].end()) continue;
        made.units[first + discussion.units.at(*rater.record.entries[i].index)][r] = value->second;
      }
    }
  }
  return made;
}

Json Collector::key_figures(const std::string& key, std::optional<std::size_t> only) const {
  const Ratings all = ratings(key, only);
  const auto [lo, hi] = scales_.at(key);
  std::size_t annotations = 0;
  std::map<double, std::size_t> counts;
  for (std::size_t g = 0; g < discussions_.size(); ++g) {
    if (only && *only != g) continue;
    for (const Rater* rater : discussions_[g].raters) annotations += rater->values.size();
  }
  for (const auto& row : all.units) {
    for (const double value : row) {
      if (!std::isnan(value)) ++counts[value];
    }
  }
  Json distribution = Json::object();
  for (const auto& [value, n] : counts) distribution[value_text(value)] = n;

  BootstrapSettings settings;
  settings.lo = lo;
  settings.hi = hi;
  const Intervals ci = agreement_intervals(all, key, settings);
  const Figure mean = mean_rating(all), nominal = krippendorff_alpha(all, AlphaMetric::nominal),
               fleiss = fleiss_kappa(all);
  const CohenFigure plain = cohen_kappa(all, KappaWeights::unweighted), linear = cohen_kappa(all, KappaWeights::linear),
                    quadratic = cohen_kappa(all, KappaWeights::quadratic);
  const Ndfu polarised = mean_ndfu(all, lo, hi);
  Json why;
  if (nominal.why == Why::constant) why = "no variation";
  if (nominal.why == Why::too_few) why = "no comment has two values";
  if (nominal.why == Why::empty) why = "no value";
  return {{"values", mean.n},
          {"missing", annotations - mean.n},
          {"units", nominal.n},
          {"units_complete", fleiss.n},
          {"scale", {lo, hi}},
          {"mean", number_or_null(mean.value)},
          {"distribution", std::move(distribution)},
          {"alpha",
           {{"nominal", number_or_null(nominal.value)},
            {"ordinal", number_or_null(krippendorff_alpha(all, AlphaMetric::ordinal).value)},
            {"interval", number_or_null(krippendorff_alpha(all, AlphaMetric::interval).value)}}},
          {"ci95",
           {{"nominal", interval_or_null(ci.nominal)},
            {"ordinal", interval_or_null(ci.ordinal)},
            {"interval", interval_or_null(ci.interval)},
            {"fleiss", interval_or_null(ci.fleiss)},
            {"percent_agreement", interval_or_null(ci.percent)},
            {"ndfu_fixed", interval_or_null(ci.ndfu_fixed)},
            {"ndfu_legacy", interval_or_null(ci.ndfu_legacy)},
            {"mean", interval_or_null(ci.mean)}}},
          {"fleiss", number_or_null(fleiss.value)},
          {"cohen",
           {{"unweighted", number_or_null(plain.mean.value)},
            {"linear", number_or_null(linear.mean.value)},
            {"quadratic", number_or_null(quadratic.mean.value)},
            {"pairs", plain.pairs - plain.undefined}}},
          {"percent_agreement", number_or_null(percent_agreement(all).value)},
          {"ndfu",
           {{"fixed", number_or_null(polarised.fixed.value)},
            {"legacy", number_or_null(polarised.legacy.value)},
            {"comments_above_0", polarised.above_zero}}},
          {"why", std::move(why)}};
}

Json Collector::figures() const {
  std::size_t comments = 0;
  for (const Discussion& discussion : discussions_) comments += discussion.units.size();
  const auto status = [&](Status of) {
    const auto found = statuses_.find(of);
    return found == statuses_.end() ? std::size_t{0} : found->second;
  };
  Json figures = {{"runs",
                   {{"total", batch_.size()},
                    {"ready", status(Status::ready)},
                    {"incomplete", status(Status::incomplete)},
                    {"complete", status(Status::complete)},
                    {"fail", status(Status::fail)}}},
                  {"discussions", discussions_.size()},
                  {"annotators", annotators_.size()},
                  {"files", raters_.size()},
                  {"comments", comments},
                  {"annotations", counts_.annotations},
                  {"missing", counts_.missing},
                  {"malformed", counts_.malformed},
                  {"out_of_scale", counts_.out_of_scale},
                  {"without_discussion", without_},
                  {"unjoined", unjoined_},
                  {"rare_keys", Json::object()},
                  {"keys", Json::object()}};
  for (const auto& [key, n] : keys_) {
    if (static_cast<double>(n) < kRareShare * static_cast<double>(counts_.annotations)) {
      figures["rare_keys"][key] = n;
      continue;
    }
    Json one = key_figures(key, std::nullopt);
    one["per_discussion"] = Json::object();
    for (std::size_t g = 0; g < discussions_.size(); ++g)
      one["per_discussion"][discussions_[g].name] = key_figures(key, g);
    figures["keys"][key] = std::move(one);
  }
  if (left_.all().calls.high > 0) figures["estimate"] = to_json(left_, prices_);
  return figures;
}

}  // namespace

AnnotationFigures annotation_figures(const BatchView& batch) {
  const Collector collected(batch);
  return {collected.figures(), collected.estimate()};
}

}  // namespace assay
