#include "experiments/discussion/report_figures.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/statistics/paired.hpp"
#include "core/text/error.hpp"
#include "experiments/discussion/record.hpp"
#include "experiments/discussion/report_cells.hpp"
#include "experiments/discussion/runner.hpp"
#include "experiments/discussion/turns.hpp"

namespace assay {
namespace {

const Json& field(const Json& object, const char* name) {
  static const Json kNone;
  if (!object.is_object()) return kNone;
  const auto found = object.find(name);
  return found == object.end() ? kNone : *found;
}

std::string folder_of(const std::string& file) {
  const auto slash = file.rfind('/');
  return slash == std::string::npos ? std::string() : file.substr(0, slash);
}

/// What a drawn run was made with; of a result file only what it shows.
void describe(DiscussionRow& row, const DiscussionParts& parts, const Json& params) {
  const DiscussionSettings& settings = parts.settings;
  const std::string policy = parts.design.speakers.empty() ? settings.turn_policy : "fixed";
  const bool tosses = policy == "respond" || policy == "random_weighted";
  row.design = {{"seed", parts.design.seed},
                {"format", to_text(settings.format)},
                {"behaviour", field(params, "behaviour")},
                {"policy", policy},
                {"p_respond", tosses ? Json(settings.p_respond) : Json()},
                {"num_users", parts.design.users.size()},
                {"num_turns", settings.num_turns}};
  row.expected_two_before = expected_two_before(policy, settings.p_respond, parts.design.users.size());
}

std::uint32_t turns_done(const RunView& run) {
  std::uint32_t turns = 0;
  for (const ContextMessage& message : run.context) {
    if (message.more.is_object()) turns = std::max(turns, message.more.value("turn", 0U));
  }
  const Json& step = field(field(run.data, "forked_from"), "step");
  return step.is_number_unsigned() ? std::max(turns, step.get<std::uint32_t>()) : turns;
}

Json shared_design(const std::vector<const DiscussionRow*>& rows) {
  Json design = Json::object();
  for (const char* key : {"seed", "format", "behaviour", "policy", "p_respond", "num_users", "num_turns"}) {
    design[key] = rows.empty() ? Json() : field(rows.front()->design, key);
    for (const DiscussionRow* row : rows) {
      if (field(row->design, key) != design[key]) design[key] = nullptr;
    }
  }
  return design;
}

Json count_json(const CountOf& count) {
  return {{"n", count.n}, {"of", count.of}, {"rate", number_or_null(count.rate())}};
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? kUndefined : sum / static_cast<double>(values.size());
}

Json cost_of(const std::vector<const DiscussionRow*>& rows, const EstimatePrices& prices) {
  UsageSum all, complete;
  std::size_t n = 0;
  for (const DiscussionRow* row : rows) {
    all += row->usage;
    if (row->status != Status::complete || row->loaded) continue;
    complete += row->usage;
    ++n;
  }
  const bool known = all.calls > 0 && (all.cost > 0 || prices.user.has_value());
  return {{"calls", all.calls},
          {"input_tokens", all.in},
          {"output_tokens", all.out},
          {"usd", known ? Json(to_usd(all.cost)) : Json()},
          {"per_discussion_usd", known && n > 0 ? Json(to_usd(complete.cost) / static_cast<double>(n)) : Json()}};
}

Json row_json(const DiscussionRow& row) {
  const DiscussionMetrics& m = row.metrics;
  Json json = {{"run", row.run_id}, {"status", to_text(row.status)}};
  if (row.status != Status::complete) return json;
  Json users = Json::array();
  for (const auto& user : m.users) {
    users.push_back({{"name", user.name},
                     {"turns", user.turns},
                     {"comments", user.comments},
                     {"share", number_or_null(user.share)}});
  }
  json.update({{"turns", m.user_turns()},
               {"user_silent", m.user_silent.n},
               {"comments", m.comments},
               {"moderator_calls", m.moderator_silent.of},
               {"moderator_silent", m.moderator_silent.n},
               {"speakers", m.speakers},
               {"participation", number_or_null(m.participation())},
               {"intervention", number_or_null(m.intervention())},
               {"evenness", number_or_null(m.evenness)},
               {"words", number_or_null(m.mean_words())},
               {"same_previous", count_json(m.same_previous)},
               {"same_two_before", count_json(m.same_two_before)},
               {"diversity", number_or_null(m.diversity)},
               {"stop_reason", row.stop.empty() ? Json() : Json(row.stop)},
               {"users", std::move(users)}});
  json["same_two_before"]["expected"] = number_or_null(row.expected_two_before);
  return json;
}

double priced(const DiscussionRow& row) { return row.usage.cost > 0 ? to_usd(row.usage.cost) : kUndefined; }

}  // namespace

Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json interval_or_null(const std::pair<double, double>& interval) {
  if (!std::isfinite(interval.first) || !std::isfinite(interval.second)) return nullptr;
  return Json::array({interval.first, interval.second});
}

const std::vector<RowMetric>& row_metrics() {
  using Form = ReportTable::Form;
  static const std::vector<RowMetric> metrics = {
      {"participation", Form::ratio, [](const DiscussionRow& row) { return row.metrics.participation(); }},
      {"intervention", Form::ratio, [](const DiscussionRow& row) { return row.metrics.intervention(); }},
      {"evenness", Form::number, [](const DiscussionRow& row) { return row.metrics.evenness; }},
      {"comments", Form::number, [](const DiscussionRow& row) { return static_cast<double>(row.metrics.comments); }},
      {"words", Form::number, [](const DiscussionRow& row) { return row.metrics.mean_words(); }},
      {"diversity", Form::number, [](const DiscussionRow& row) { return row.metrics.diversity; }},
      {"same_two_before", Form::ratio, [](const DiscussionRow& row) { return row.metrics.same_two_before.rate(); }},
      {"usd", Form::usd, priced}};
  return metrics;
}

DiscussionRows discussion_rows(const BatchView& batch) {
  DiscussionRows made;
  const BatchInfo& info = batch.info();
  made.prices = prices_of(info.pinned);
  const DiscussionForks forks = forks_of(info.params);
  batch.each(true, [&](const RunView& run) {
    DiscussionRow row;
    row.run_id = run.run_id;
    row.status = run.status;
    row.usage = run.usage;
    row.forked_from = field(run.data, "forked_from");
    row.loaded = !field(run.data, "source").is_null() && row.forked_from.is_null();
    if (!row.loaded) {
      DiscussionParts parts = parts_of(run.data);
      parts.settings = settings_at(parts, forks, UINT32_MAX);
      describe(row, parts, info.params);
      if (run.status != Status::complete) made.left += estimate_discussion(parts, turns_done(run));
    }
    if (run.status == Status::complete) {
      const DiscussionRecord record = discussion_record(run);
      row.metrics = discussion_metrics(record);
      row.stop = record.stop_reason;
      if (row.loaded) {
        row.folder = folder_of(record.file);
        row.design = {{"format", to_text(record.format)}, {"num_users", record.users.size()}};
      }
    }
    made.rows.push_back(std::move(row));
  });
  return made;
}

Json discussion_blocks(const std::vector<const DiscussionRow*>& rows, const EstimatePrices& prices) {
  std::map<Status, std::size_t> statuses;
  std::vector<double> evenness, diversities;
  CountOf silent, moderator_silent, previous, two_before;
  std::size_t comments = 0, words = 0, spoken = 0;
  double expected = 0, expected_of = 0;
  std::map<std::string, std::size_t> stops;
  for (const DiscussionRow* row : rows) {
    ++statuses[row->status];
    if (row->status != Status::complete) continue;
    const DiscussionMetrics& m = row->metrics;
    silent += m.user_silent;
    moderator_silent += m.moderator_silent;
    previous += m.same_previous;
    two_before += m.same_two_before;
    if (!std::isnan(row->expected_two_before)) {
      expected += row->expected_two_before * static_cast<double>(m.same_two_before.of);
      expected_of += static_cast<double>(m.same_two_before.of);
    }
    comments += m.comments;
    words += m.words;
    spoken += m.spoken;
    if (!std::isnan(m.evenness)) evenness.push_back(m.evenness);
    if (!std::isnan(m.diversity)) diversities.push_back(m.diversity);
    if (!row->stop.empty()) ++stops[row->stop];
  }
  Json blocks = {{"runs",
                  {{"total", rows.size()},
                   {"ready", statuses[Status::ready]},
                   {"incomplete", statuses[Status::incomplete]},
                   {"complete", statuses[Status::complete]},
                   {"fail", statuses[Status::fail]}}},
                 {"design", shared_design(rows)},
                 {"turns",
                  {{"user_turns", silent.of},
                   {"same_previous", count_json(previous)},
                   {"same_two_before", count_json(two_before)}}},
                 {"participation",
                  {{"user_turns", silent.of},
                   {"user_silent", silent.n},
                   {"participation", number_or_null(1 - silent.rate())},
                   {"moderator_calls", moderator_silent.of},
                   {"moderator_silent", moderator_silent.n},
                   {"intervention", number_or_null(1 - moderator_silent.rate())},
                   {"evenness", number_or_null(mean_of(evenness))}}},
                 {"text",
                  {{"comments", comments},
                   {"words", number_or_null(CountOf{words, spoken}.rate())},
                   {"diversity", number_or_null(mean_of(diversities))},
                   {"diversity_sd", number_or_null(standard_deviation(diversities))},
                   {"discussions", statuses[Status::complete]}}},
                 {"stops", Json::object()},
                 {"cost", cost_of(rows, prices)}};
  blocks["turns"]["same_two_before"]["expected"] =
      number_or_null(expected_of > 0 ? expected / expected_of : kUndefined);
  for (const auto& [reason, n] : stops) blocks["stops"][reason] = n;
  return blocks;
}

Json discussion_figures(const BatchView& batch, const DiscussionRows& made) {
  std::vector<const DiscussionRow*> all;
  std::map<std::string, std::vector<const DiscussionRow*>> folders;
  for (const DiscussionRow& row : made.rows) {
    all.push_back(&row);
    if (row.loaded && row.status == Status::complete) folders[row.folder].push_back(&row);
  }
  Json figures = discussion_blocks(all, made.prices);
  figures["variants"] = Json::object();
  for (const auto& [folder, rows] : folders) {
    if (!folder.empty() || folders.size() > 1)
      figures["variants"][folder.empty() ? "." : folder] = discussion_blocks(rows, made.prices);
  }
  add_grid(figures, batch, made);
  add_forks(figures, batch, made);
  figures["discussions"] = Json::array();
  for (const DiscussionRow& row : made.rows) figures["discussions"].push_back(row_json(row));
  if (made.left.all().calls.high > 0) figures["estimate"] = to_json(made.left, made.prices);
  return figures;
}

}  // namespace assay
