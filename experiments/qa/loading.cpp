#include "experiments/qa/loading.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/hash.hpp"
#include "experiments/qa/mapping.hpp"
#include "experiments/qa/rows.hpp"
#include "experiments/qa/sampling.hpp"
#include "experiments/qa/scoring.hpp"

namespace assay {
namespace {

constexpr std::size_t kMostWarnings = 20;

MappingOptions mapping_options(const Json& params) {
  MappingOptions options;
  options.format = params.value("format", std::string("auto"));
  options.answer_is = params.value("answer_is", std::string("auto"));
  if (params.contains("n_options")) {
    const auto n = params["n_options"].get<std::int64_t>();
    if (n < 1 || n > 26) throw Error("usage", "n_options=" + std::to_string(n) + ", expected 1 to 26", "n_options");
    options.n_options = static_cast<std::size_t>(n);
  }
  constexpr std::string_view kPrefix = "map.";
  for (const auto& [name, value] : params.items()) {
    if (name.starts_with(kPrefix)) options.paths[name.substr(kPrefix.size())] = value.get<std::string>();
  }
  return options;
}

void make_ids_unique(std::vector<Item>& items, std::vector<std::string>& warnings) {
  std::unordered_set<std::string> taken;
  for (const auto& item : items) taken.insert(item.id);
  if (taken.size() == items.size()) return;
  std::unordered_set<std::string> seen;
  std::unordered_map<std::string, int> next;
  std::size_t repeated = 0;
  std::string example;
  for (auto& item : items) {
    if (seen.insert(item.id).second) continue;
    std::string fresh;
    int& n = next.try_emplace(item.id, 2).first->second;
    do fresh = item.id + "." + std::to_string(n++);
    while (!taken.insert(fresh).second);
    if (repeated++ == 0) example = item.source + ": id " + item.id + " is there already; this row is " + fresh;
    item.id = fresh;
    seen.insert(fresh);
  }
  warnings.push_back(example + (repeated > 1 ? " (and " + std::to_string(repeated - 1) + " more repeated ids)" : ""));
}

void keep_categories(std::vector<Item>& items, const std::string& list, const std::string& place) {
  std::vector<std::string> known;
  std::set<std::string> seen;
  for (const auto& item : items) {
    if (seen.insert(item.category).second) known.push_back(item.category);
  }
  std::set<std::string> wanted;
  for (std::size_t begin = 0; begin <= list.size();) {
    const auto end = std::min(list.find('+', begin), list.size());
    const std::string name = list.substr(begin, end - begin);
    if (!seen.contains(name)) {
      const auto near = nearest(name, known);
      throw Error("usage", "no question of category '" + name + "'", place, near ? "did you mean " + *near + "?" : "");
    }
    wanted.insert(name);
    begin = end + 1;
  }
  std::erase_if(items, [&](const Item& item) { return !wanted.contains(item.category); });
}

void add_warnings(std::vector<std::string>& warnings, const std::vector<std::string>& more) {
  for (std::size_t i = 0; i < more.size() && i < kMostWarnings; ++i) warnings.push_back(more[i]);
  if (more.size() > kMostWarnings) warnings.push_back(std::to_string(more.size() - kMostWarnings) + " more such rows");
}

}  // namespace

std::vector<Item> read_items(const Source& source, const Json& params, std::vector<std::string>& warnings,
                             HubReading* hub) {
  ItemReader reader(mapping_options(params));
  RowOptions options;
  options.rows = params.value("rows", std::string());
  options.header = params.value("header", true);
  options.delimiter = params.value("delimiter", std::string());
  const bool skip = params.value("bad_rows", std::string("error")) == "skip";

  options.config = params.value("config", std::string());
  options.split = params.value("split", std::string());
  options.hub = hub;
  const std::string sample = params.value("sample", std::string("all"));
  // What is left out of the rows is known only when all are read.
  if (sample == "all" && !skip && !params.contains("categories")) options.limit = source.limit;

  std::vector<Item> items;
  std::size_t skipped = 0;
  read_rows(source, options, warnings, [&](Row&& row) {
    try {
      items.push_back(reader.read(std::move(row)));
    } catch (const BadRow&) {
      if (!skip) throw;
      ++skipped;
    }
  });
  add_warnings(warnings, reader.warnings());
  if (skipped > 0) warnings.push_back(std::to_string(skipped) + " rows left out (bad_rows=skip)");
  if (items.empty()) throw Error("data", skipped > 0 ? "no usable row" : "no rows", source.name);
  if (reader.dropped_options() > 0) {
    warnings.push_back(std::to_string(reader.dropped_options()) + " options that are N/A were dropped");
  }
  if (std::all_of(items.begin(), items.end(), [](const Item& item) { return item.answer.is_null(); })) {
    warnings.push_back("no row has a right answer: nothing will be scored");
  }
  make_ids_unique(items, warnings);
  if (params.contains("categories")) keep_categories(items, params["categories"].get<std::string>(), "categories");

  std::vector<std::string> categories;
  for (const auto& item : items) categories.push_back(item.category);
  if (sample == "all") return items;
  std::vector<Item> drawn;
  for (const std::size_t at : draw_sample(sample, params.value("seed", std::int64_t{12345}), categories)) {
    drawn.push_back(std::move(items[at]));
  }
  if (sample.starts_with("mad:") && sample != "mad:" + std::to_string(drawn.size())) {
    warnings.push_back(sample + " drew " + std::to_string(drawn.size()) + " questions: repeated draws are left out");
  }
  return drawn;
}

NewRun make_run(Item&& item, const Json& run_params, const Scorer& scorer) {
  NewRun run;
  run.id = item.id;
  run.data = to_data(item, run_params);
  if (!item.category.empty()) run.facets.emplace_back("category", item.category);
  if (!item.replies) return run;
  std::vector<SampleReply> replies;
  for (auto& text : *item.replies) {
    run.context.push_back({"assistant", Json(text)});
    replies.push_back({std::move(text), {}});
  }
  // No step, so no recorded stream: a tie drawn by chance comes from the id, the same at every load.
  auto outcome = scorer.score(item, replies, [&] { return xxh3_64(item.id); });
  run.answer = std::move(outcome.answer);
  run.score = std::move(outcome.score);
  run.status = Status::complete;
  run.steps = 1;
  return run;
}

}  // namespace assay
