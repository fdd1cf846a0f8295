#include "repl/commands/compare.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <span>
#include <unordered_set>

#include "core/statistics/paired.hpp"
#include "core/statistics/proportion.hpp"
#include "core/text/duration.hpp"
#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/text_set.hpp"
#include "core/text/words.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

constexpr const char* kUsage = "usage: compare A B [C ..] [metric=NAME | metric=NAME_OF_A,NAME_OF_B ..]";
/// A difference in the share of missing items that is worth a warning.
constexpr double kUnevenMissing = 0.01;

/// One item on one side: its runs, averaged.
struct Item {
  double sum = 0;
  std::uint64_t scored = 0, runs = 0;
  UsageSum usage;
  bool has_value() const { return scored > 0; }
  double value() const { return sum / static_cast<double>(scored); }
};

/// The ids of items of all sides by number, in the order in which they first appear.
using ItemNumbers = TextSet;

struct Side {
  std::string name, metric;             // metric: "" is the score
  std::vector<RunId> runs, first_runs;  // first_runs: one of each batch
  std::vector<Item> items;              // by the number of an item; without runs: not of this side
  std::uint64_t n_items = 0;
  bool forked = false;  // some of its runs share their first steps with others, and have not paid for them
  // After pairing, over the items that both sides have:
  std::uint64_t only_here = 0, no_value = 0;
  double sum = 0;  // over those that have a value here
  UsageSum usage;
};

/// The item of a run: its id, without the "@K" of a batch that repeats its items.
std::string_view item_of(std::string_view id, bool repeated) {
  if (!repeated) return id;
  const auto at = id.rfind('@');
  const std::string_view digits = at == std::string_view::npos ? "" : id.substr(at + 1);
  const bool suffix = !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos;
  return suffix ? id.substr(0, at) : id;
}

void check_metric(const RunTable::Reader& table, const Side& side) {
  std::vector<std::string> names;
  std::unordered_set<BatchId> seen;
  for (const RunId run : side.runs) {
    const BatchId batch = table.row(run).batch;
    if (!seen.insert(batch).second) continue;
    for (std::string& name : table.metric_names(batch)) {
      if (name == side.metric) return;
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
    }
  }
  const auto near = nearest(side.metric, names);
  throw Error("usage",
              "no run of " + side.name + " has a metric " + side.metric + (near ? "; did you mean " + *near + "?" : ""),
              {}, names.empty() ? "it has none" : "metrics: " + joined(names, ", "));
}

/// The items of the side's runs.
void read_items(Shell& shell, Side& side, ItemNumbers& numbers) {
  struct OfBatch {
    bool seen = false, repeated = false;
    std::span<const double> metric;
    RunId first = 0;
  };
  const RunTable::Reader table = shell.table().read();
  if (!side.metric.empty()) check_metric(table, side);
  std::vector<OfBatch> batches(table.batches().size());
  side.items.reserve(std::max(numbers.size(), side.runs.size() + 1));
  for (const RunId run : side.runs) {
    const RunRow& row = table.row(run);
    OfBatch& batch = batches[row.batch];
    if (!batch.seen) {
      side.first_runs.push_back(run);
      const Json& params = table.batch(row.batch).params;
      const auto epochs = params.is_object() ? params.find("epochs") : params.end();
      batch = {true, epochs != params.end() && epochs->is_number() && epochs->get<double>() > 1,
               table.metric_column(row.batch, side.metric), table.batch(row.batch).first};
    }
    const std::uint32_t number = numbers.add(item_of(table.id(run), batch.repeated));
    if (number >= side.items.size()) side.items.resize(number + 1);
    Item& item = side.items[number];
    if (item.runs++ == 0) ++side.n_items;
    item.usage += UsageSum{row.calls, row.tokens_in, 0, row.tokens_out, 0, row.cost, row.possible};
    const std::size_t at = run - batch.first;
    const double value = !side.metric.empty()              ? (at < batch.metric.size() ? batch.metric[at] : kUndefined)
                         : row.verdict == Verdict::correct ? 1.0
                         : row.verdict == Verdict::incorrect ? 0.0
                                                             : kUndefined;
    if (!std::isfinite(value)) continue;
    item.sum += value;
    ++item.scored;
  }
}

/// A batch by its name, else a query.
void select_side(Shell& shell, Side& side, ItemNumbers& numbers) {
  std::optional<BatchId> batch;
  {
    const RunTable::Reader table = shell.table().read();
    batch = table.find_batch(side.name);
    if (batch && !table.batch(*batch).dropped) {
      const BatchInfo& info = table.batch(*batch);
      for (RunId run = info.first; run < info.first + info.count; ++run) {
        if (table.visible(run)) side.runs.push_back(run);
      }
    }
  }
  if (side.runs.empty()) {
    side.runs = shell.select(side.name, false, false).runs;
    if (side.runs.empty()) {
      throw Error("empty", side.name + " is no batch, and as a query it selects no run", {},
                  "`batches` lists the batches");
    }
  }
  std::sort(side.runs.begin(), side.runs.end());
  read_items(shell, side, numbers);
  for (const RunId run : side.first_runs) {
    const StoredPayloads stored = shell.store().payloads(run);
    if (stored.data.empty()) continue;
    const Json data = parse_json(stored.data, side.name);
    side.forked = side.forked || (data.is_object() && data.contains("forked_from"));
  }
}

struct Comparison {
  std::vector<double> differences;  // B - A, of the pairs
  std::uint64_t common = 0, gained = 0, lost = 0;
  double mean_a = kUndefined, mean_b = kUndefined;
  bool binary = true;  // all values of the pairs are 0 or 1
  bool ratio = true;   // .. lie within [0, 1]
  Figure interval;
  double p = kUndefined, detectable = kUndefined;
  std::string method;
  bool uneven = false;  // much more is missing on one side
  double worst = kUndefined, best = kUndefined;
};

Comparison compare_sides(Side& a, Side& b, const std::function<bool()>& stop) {
  Comparison result;
  for (Side* side : {&a, &b}) {
    side->only_here = side->no_value = 0;
    side->sum = 0;
    side->usage = {};
  }
  double sum_a = 0, sum_b = 0;
  const Item none;
  for (std::size_t number = 0; number < a.items.size(); ++number) {
    const Item& left = a.items[number];
    const Item& right = number < b.items.size() ? b.items[number] : none;
    if (left.runs == 0) continue;
    if (right.runs == 0) {
      ++a.only_here;
      continue;
    }
    ++result.common;
    a.usage += left.usage;
    b.usage += right.usage;
    for (auto [side, item] : {std::pair(&a, &left), std::pair(&b, &right)}) {
      if (item->has_value()) side->sum += item->value();
      if (!item->has_value()) ++side->no_value;
    }
    if (!left.has_value() || !right.has_value()) continue;
    const double x = left.value(), y = right.value();
    sum_a += x;
    sum_b += y;
    result.binary = result.binary && (x == 0 || x == 1) && (y == 0 || y == 1);
    result.ratio = result.ratio && x >= 0 && x <= 1 && y >= 0 && y <= 1;
    result.gained += y > x ? 1 : 0;
    result.lost += y < x ? 1 : 0;
    result.differences.push_back(y - x);
  }
  b.only_here = b.n_items - result.common;
  const auto n = static_cast<double>(result.differences.size());
  if (n > 0) {
    result.mean_a = sum_a / n;
    result.mean_b = sum_b / n;
    result.interval = paired_interval(result.differences);
    if (result.interval.why == Why::constant && result.binary) {  // no spread to draw an interval from
      result.interval = paired_shares(result.lost, result.gained, result.differences.size());
    }
    if (result.ratio) {  // no difference of ratios lies beyond these
      result.interval.low = std::max(result.interval.low, -1.0);
      result.interval.high = std::min(result.interval.high, 1.0);
    }
    if (result.binary) {
      result.p = mcnemar_exact(result.gained, result.lost);
      result.method = "McNemar, exact";
    } else {
      const NamedStream stream("1//0/bootstrap/compare/" + a.name + "/" + b.name);
      const PermutationTest test = paired_permutation(result.differences, {}, stream, kMostExactUnits, stop);
      result.p = test.p;
      result.method = test.method;
    }
    result.detectable = minimum_detectable(standard_deviation(result.differences), result.differences.size());
  }
  if (result.common > 0) {
    const auto all = static_cast<double>(result.common);
    const auto missing_a = static_cast<double>(a.no_value), missing_b = static_cast<double>(b.no_value);
    result.uneven = std::fabs(missing_a - missing_b) / all > kUnevenMissing;
    if (result.ratio) {
      result.worst = (b.sum - (a.sum + missing_a)) / all;
      result.best = ((b.sum + missing_b) - a.sum) / all;
    }
  }
  return result;
}

/// A difference: in points where it is one of ratios.
std::string signed_text(double value, bool ratio) {
  if (!std::isfinite(value)) return "-";
  if (!ratio) return (value > 0 ? "+" : "") + number_text(value);
  char text[32];
  std::snprintf(text, sizeof text, "%+.1f", 100 * value);
  return text;
}

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json side_json(const Side& side, double mean) {
  Json json = Json::object({{"name", side.name}, {"runs", side.runs.size()}, {"items", side.n_items}});
  if (!side.metric.empty()) json["metric"] = side.metric;
  json[side.metric.empty() ? "accuracy" : "mean"] = number(mean);
  if (side.forked) json["forked"] = true;
  json["only_here"] = side.only_here;
  json["no_value"] = side.no_value;
  json["calls"] = side.usage.calls;
  json["input_tokens"] = side.usage.in;
  json["output_tokens"] = side.usage.out;
  json["cost_usd"] = to_usd(side.usage.cost);
  return json;
}

/// What is known of the difference beyond its value.
std::string interval_words(const Comparison& result) {
  if (result.interval.why == Why::single) return " (one pair: no interval)";
  if (result.interval.why == Why::constant) return " (all pairs differ alike: no interval can be drawn from them)";
  const std::string text = " (95 %: " + signed_text(result.interval.low, result.ratio) + " to " +
                           signed_text(result.interval.high, result.ratio);
  if (result.interval.method == "paired t") return text + ")";
  return text + ", " + std::string(result.interval.method) + ", as " +
         (result.gained + result.lost == 0 ? "no pair differs)" : "all pairs differ alike)");
}

void draw(const Side& a, const Side& b, const Comparison& result, Reply& reply) {
  const bool ratio = result.ratio;
  const auto shown = [&](double value) { return ratio ? ratio_text(value) : number_text(value); };
  const std::string what = a.metric.empty() ? "score" : a.metric == b.metric ? a.metric : "value";
  Table table({{"", false, false},
               {"", false, true},
               {"runs", true, false},
               {"items", true, false},
               {what, true, false},
               {"calls", true, false},
               {"in", true, false},
               {"out", true, false},
               {"cost", true, false}});
  for (const auto& [letter, side, mean] : {std::tuple("A", &a, result.mean_a), std::tuple("B", &b, result.mean_b)}) {
    std::string name = side->name;
    if (!side->metric.empty()) name += " (" + side->metric + ")";
    table.row({cell(letter, TextRole::title), cell(name, TextRole::name),
               count_cell(static_cast<std::int64_t>(side->runs.size())),
               count_cell(static_cast<std::int64_t>(side->n_items)), cell(shown(mean), TextRole::number),
               count_cell(side->usage.calls), count_cell(side->usage.in), count_cell(side->usage.out),
               cell(format_usd(side->usage.cost))});
  }
  reply.table(table);
  const std::string unit = ratio ? " points" : "";
  reply.line(counted(result.differences.size(), "pair", "pairs") +
             " by item; left out: " + counted(a.only_here, "item", "items") + " that only A has, " +
             count_text(b.only_here) + " that only B has; without a value: " + count_text(a.no_value) + " in A, " +
             count_text(b.no_value) + " in B");
  reply.line("calls, tokens and cost are those of the " + count_text(result.common) + " items that both have");
  for (const auto& [letter, side] : {std::pair("A", &a), std::pair("B", &b)}) {
    if (side->forked) {
      reply.line(std::string(letter) +
                 " is a fork: what its runs share with their parents is not in its calls and cost");
    }
  }
  if (result.differences.empty()) {
    reply.line(StyledText().add("no item has a value on both sides: nothing to compare", TextRole::warn));
    if (a.metric.empty())
      reply.line("metric=NAME compares a figure of the runs instead of their score; a name that is none lists them");
    return;
  }
  reply.line(StyledText()
                 .add("B - A  ")
                 .add(signed_text(result.interval.value, ratio) + unit, TextRole::number)
                 .add(interval_words(result))
                 .add("   gained " + count_text(result.gained) + ", lost " + count_text(result.lost) + ", equal " +
                      count_text(result.differences.size() - result.gained - result.lost)));
  StyledText test;
  test.add("p = " + p_text(result.p) + " (" + result.method + ")");
  if (std::isfinite(result.detectable) && result.detectable > 0 && (!ratio || result.detectable <= 1)) {
    test.add("   these pairs would show a difference of " + signed_text(result.detectable, ratio).substr(1) + unit +
             " 8 times in 10");
  }
  reply.line(test);
  if (result.uneven) {
    std::string text = "much more is missing on one side";
    if (std::isfinite(result.worst)) {
      text += ": with what is missing counted against B and for it, the difference is " +
              signed_text(result.worst, ratio) + " to " + signed_text(result.best, ratio) + unit;
    }
    reply.line(StyledText().add(text, TextRole::warn));
  }
}

Json comparison_json(const Comparison& result) {
  return Json::object({{"items", result.common},
                       {"pairs", result.differences.size()},
                       {"difference", number(result.interval.value)},
                       {"low", result.interval.why == Why::constant ? Json() : number(result.interval.low)},
                       {"high", result.interval.why == Why::constant ? Json() : number(result.interval.high)},
                       {"interval", result.interval.method},
                       {"gained", result.gained},
                       {"lost", result.lost},
                       {"equal", result.differences.size() - result.gained - result.lost},
                       {"p", number(result.p)},
                       {"method", result.method},
                       {"minimum_detectable", number(result.detectable)},
                       {"worst", number(result.worst)},
                       {"best", number(result.best)},
                       {"uneven_missing", result.uneven}});
}

/// All pairs of more than two sides; their p-values adjusted for how many there are.
void compare_many(std::vector<Side>& sides, const std::function<bool()>& stop, Reply& reply) {
  struct Pair {
    const Side *a, *b;
    Comparison result;
    std::string left_out;
    double adjusted = kUndefined;
  };
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < sides.size(); ++i) {
    for (std::size_t j = i + 1; j < sides.size(); ++j) {
      Pair& pair = pairs.emplace_back(Pair{&sides[i], &sides[j], compare_sides(sides[i], sides[j], stop), {}});
      pair.left_out = count_text(sides[i].only_here + sides[i].no_value) + ", " +
                      count_text(sides[j].only_here + sides[j].no_value);
    }
  }
  std::vector<double> p;
  for (const Pair& pair : pairs) {
    if (std::isfinite(pair.result.p)) p.push_back(pair.result.p);
  }
  const std::vector<double> adjusted = holm(p);
  std::size_t next = 0;
  for (Pair& pair : pairs) {
    if (std::isfinite(pair.result.p)) pair.adjusted = adjusted[next++];
  }
  Table table({{"A", false, true},
               {"B", false, true},
               {"pairs", true, false},
               {"left out", true, false},
               {"B - A", true, false},
               {"95 %", true, false},
               {"p", true, false},
               {"p (Holm)", true, false},
               {"detectable", true, false}});
  Json list = Json::array();
  bool ratio = true;
  for (const Pair& pair : pairs) {
    const Comparison& result = pair.result;
    const bool points = result.ratio;
    ratio = ratio && points;
    const std::string interval =
        std::isfinite(result.interval.low) && result.interval.why != Why::constant
            ? "[" + signed_text(result.interval.low, points) + ", " + signed_text(result.interval.high, points) + "]"
            : "-";
    const bool shown = std::isfinite(result.detectable) && result.detectable > 0 && (!points || result.detectable <= 1);
    table.row({cell(pair.a->name, TextRole::name), cell(pair.b->name, TextRole::name),
               count_cell(static_cast<std::int64_t>(result.differences.size())), cell(pair.left_out),
               cell(signed_text(result.interval.value, points), TextRole::number), cell(interval),
               cell(p_text(result.p)), cell(p_text(pair.adjusted)),
               cell(shown ? signed_text(result.detectable, points).substr(1) : "-")});
    Json json = Json::object({{"a", pair.a->name}, {"b", pair.b->name}});
    json.update(comparison_json(result));
    json["p_holm"] = number(pair.adjusted);
    list.push_back(std::move(json));
  }
  reply.table(table);
  reply.line(std::string(ratio ? "differences in points; " : "") + "p (Holm) is adjusted for " +
             counted(p.size(), "comparison", "comparisons") +
             "; left out: items without a pair or a value, of A and of B; detectable: what these pairs would show 8 "
             "times in 10");
  for (const Pair& pair : pairs) {
    if (!pair.result.uneven) continue;
    std::string text = pair.a->name + " and " + pair.b->name + ": much more is missing on one side";
    if (std::isfinite(pair.result.worst)) {
      text += "; with it counted against B and for it, the difference is " +
              signed_text(pair.result.worst, pair.result.ratio) + " to " +
              signed_text(pair.result.best, pair.result.ratio);
    }
    reply.line(StyledText().add(text, TextRole::warn));
  }
  reply.result = Json::object({{"comparisons", std::move(list)}});
}

/// One metric for all sides, or one for each.
void name_metrics(std::vector<Side>& sides, const std::string& list) {
  std::vector<std::string> metrics(1);
  for (const char c : list) {
    if (c == ',') {
      metrics.emplace_back();
    } else {
      metrics.back() += c;
    }
  }
  if (metrics.size() != 1 && metrics.size() != sides.size()) {
    throw Error("usage",
                "metric= names " + std::to_string(metrics.size()) + " metrics for " + std::to_string(sides.size()) +
                    " batches: one for all, or one for each",
                {}, kUsage);
  }
  for (std::size_t i = 0; i < sides.size(); ++i) {
    sides[i].metric = metrics.size() == 1 ? metrics[0] : metrics[i];
    if (sides[i].metric.empty()) throw Error("usage", "metric= names no metric", {}, kUsage);
  }
}

void compare_batches(Shell& shell, const Arguments& arguments, Reply& reply) {
  std::vector<Side> sides;
  std::optional<std::string> metrics;
  for (const ShellWord& word : arguments.words) {
    if (word.text.starts_with("metric=")) {
      metrics = word.text.substr(7);
    } else {
      sides.emplace_back().name = word.text;
    }
  }
  if (sides.size() < 2) {
    throw Error("usage", "compare takes two or more batches or queries, not " + std::to_string(sides.size()), {},
                std::string(kUsage) + "; a query of several words goes in quotes: compare \"batch:a category:law\" b");
  }
  if (metrics) name_metrics(sides, *metrics);
  ItemNumbers numbers;
  for (Side& side : sides) select_side(shell, side, numbers);
  const auto stop = [&shell] { return shell.interrupted(); };
  if (sides.size() > 2) {
    shell.compute("comparing", [&](const Advance&) { compare_many(sides, stop, reply); });
    return;
  }
  Side &a = sides[0], &b = sides[1];
  Comparison result;
  shell.compute("comparing", [&](const Advance&) { result = compare_sides(a, b, stop); });
  draw(a, b, result, reply);
  reply.result = Json::object({{"a", side_json(a, result.mean_a)}, {"b", side_json(b, result.mean_b)}});
  reply.result.update(comparison_json(result));
}

}  // namespace

void add_compare_command(CommandTable& table) {
  table.add(
      {"compare",
       {},
       "results",
       "compare A B [C ..] [metric=NAME[,NAME ..]]",
       "batches or queries paired by item: difference with interval, paired test, what n can show; of more than two "
       "every pair, p-values adjusted (Holm)",
       {"compare single debate", "compare \"batch:a category:law\" \"batch:b\"", "compare one two three",
        "compare jamba jamba metric=tiger_l1,tiger_l2"},
       {},
       2,
       SIZE_MAX,
       false,
       true,
       compare_batches,
       complete_batch});
}

}  // namespace assay
