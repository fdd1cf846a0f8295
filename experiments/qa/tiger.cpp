#include "experiments/qa/tiger.hpp"

#include <algorithm>

#include "core/text/atomic_file.hpp"
#include "experiments/qa/python_random.hpp"
#include "experiments/qa/scoring.hpp"

namespace assay {
namespace {

struct Reply {
  RunId run;
  std::string gold;
  std::int64_t answer_index, n_options;
  Found level1, level2;
};

std::int64_t index_of(const Item& item) {
  if (item.answer.is_string() && item.answer.get_ref<const std::string&>().size() == 1) {
    return item.answer.get_ref<const std::string&>()[0] - 'A';
  }
  return -1;
}

std::vector<Reply> read(const BatchView& batch) {
  const Extractor level1("tiger_l1");
  const Extractor level2("tiger_l2");
  std::vector<Reply> replies;
  batch.each(true, [&](const RunView& run) {
    const Item item = from_data(run.data);
    const auto recorded = recorded_replies(run.context, run.answer);
    if (run.status != Status::complete || item.n_options == 0 || index_of(item) < 0 || recorded.empty()) return;
    const AnswerForm form = answer_form(item);
    const std::string& text = recorded.front().text;
    replies.push_back({run.id, item.answer.get<std::string>(), index_of(item),
                       static_cast<std::int64_t>(item.n_options), level1.find(text, form), level2.find(text, form)});
  });
  return replies;
}

int level_of(const Found& found) {
  if (!found.value) return 0;
  return found.rule == "level1" ? 1 : found.rule == "level2" ? 2 : 3;
}

/// compute_accuracy.py: a letter by chance where nothing is found.
std::uint64_t with_letters(const std::vector<Reply>& replies, Found Reply::* rule, PythonRandom& random,
                           const char* metric, std::vector<std::pair<RunId, Score>>& metrics) {
  const std::vector<std::string> letters{"A", "B", "C", "D", "E", "F", "G", "H", "I", "J"};
  std::uint64_t right = 0;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    const auto& value = (replies[i].*rule).value;
    const bool hit = (value ? *value : random.choice(letters)) == replies[i].gold;
    right += hit ? 1 : 0;
    metrics[i].second.metric(metric, hit ? 1 : 0);
  }
  return right;
}

/// save_res: a position by chance.
std::uint64_t with_positions(const std::vector<Reply>& replies, Found Reply::* rule, PythonRandom random,
                             const char* metric, std::vector<std::pair<RunId, Score>>& metrics) {
  std::uint64_t right = 0;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    const auto& value = (replies[i].*rule).value;
    const bool hit =
        value ? *value == replies[i].gold : random.randint(0, replies[i].n_options - 1) == replies[i].answer_index;
    right += hit ? 1 : 0;
    metrics[i].second.metric(metric, hit ? 1 : 0);
  }
  return right;
}

Json column(const Item& item, const char* name) { return item.extra.contains(name) ? item.extra[name] : Json(); }

Json id_of(const std::string& id) {
  const bool number = !id.empty() && id.size() < 18 && (id == "0" || id[0] != '0') &&
                      std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; });
  return number ? Json(std::stoll(id)) : Json(id);
}

Json tiger_row(const RunView& run) {
  const Item item = from_data(run.data);
  const auto replies = recorded_replies(run.context, run.answer);
  Json outputs;
  if (replies.size() == 1) outputs = replies.front().text;
  if (replies.size() > 1) {
    outputs = Json::array();
    for (const auto& reply : replies) outputs.push_back(reply.text);
  }
  Json row{{"question_id", id_of(run.run_id)},
           {"question", item.question ? Json(*item.question) : Json()},
           {"options", item.options},
           {"answer", item.answer},
           {"answer_index", index_of(item) < 0 ? Json() : Json(index_of(item))},
           {"cot_content", item.cot.empty() ? column(item, "cot_content") : Json(item.cot)},
           {"category", item.category},
           {"src", column(item, "src")},
           {"pred", run.answer.is_object() && run.answer.contains("value") ? run.answer["value"] : Json()},
           {"model_outputs", std::move(outputs)}};
  // Without texts the number of options would be lost.
  if (item.options.empty() && item.n_options > 0) row["n_options"] = item.n_options;
  return row;
}

}  // namespace

TigerFigures tiger_scheme(const BatchView& batch, std::int64_t seed) {
  const auto replies = read(batch);
  TigerFigures figures;
  figures.n = replies.size();
  for (const auto& reply : replies) {
    const int level = level_of(reply.level2);
    ++figures.levels[level == 0 ? 3 : level - 1];
    figures.metrics.emplace_back(reply.run, Score::none().metric("tiger_level", level));
  }
  PythonRandom random(seed);
  figures.l1 = with_letters(replies, &Reply::level1, random, "tiger_l1", figures.metrics);
  figures.l2 = with_letters(replies, &Reply::level2, random, "tiger_l2", figures.metrics);
  figures.save_res_l1 =
      with_positions(replies, &Reply::level1, PythonRandom(seed), "tiger_save_res_l1", figures.metrics);
  figures.save_res_l2 =
      with_positions(replies, &Reply::level2, PythonRandom(seed), "tiger_save_res_l2", figures.metrics);
  return figures;
}

RuleOutcome tiger_outcome(const BatchView& batch, std::int64_t seed) {
  TigerFigures figures = tiger_scheme(batch, seed);
  const auto share = [&](std::uint64_t right) {
    return figures.n == 0 ? Json() : Json(static_cast<double>(right) / static_cast<double>(figures.n));
  };
  RuleOutcome outcome;
  outcome.scores = std::move(figures.metrics);
  Report& report = outcome.report;
  report.heading(2, batch.info().name + ": as TIGER's scripts count");
  ReportTable table;
  table.columns = {{"script", ReportTable::Form::text},    {"rule", ReportTable::Form::text},
                   {"right", ReportTable::Form::count},    {"of", ReportTable::Form::count},
                   {"accuracy", ReportTable::Form::ratio}, {"metric", ReportTable::Form::text}};
  report.figures = Json{{"scheme", "tiger"}, {"seed", seed}, {"n", figures.n}};
  const auto row = [&](const char* script, const char* rule, std::uint64_t right, const char* metric) {
    table.rows.push_back({script, rule, right, figures.n, share(right), metric});
    report.figures[metric] = {{"correct", right}, {"accuracy", share(right)}};
  };
  row("compute_accuracy", "level 1", figures.l1, "tiger_l1");
  row("compute_accuracy", "level 2", figures.l2, "tiger_l2");
  row("save_res", "level 1", figures.save_res_l1, "tiger_save_res_l1");
  row("save_res", "level 2", figures.save_res_l2, "tiger_save_res_l2");
  report.table(std::move(table));
  report.figures["levels"] = {
      {"1", figures.levels[0]}, {"2", figures.levels[1]}, {"3", figures.levels[2]}, {"none", figures.levels[3]}};
  const std::uint64_t guessed = figures.levels[3], l1_guessed = figures.n - figures.levels[0];
  report.text("found at level 1, 2, 3: " + std::to_string(figures.levels[0]) + ", " +
              std::to_string(figures.levels[1]) + ", " + std::to_string(figures.levels[2]) +
              "; not found: " + std::to_string(guessed));
  report.text("these figures hold guesses (seed " + std::to_string(seed) + "): " + std::to_string(l1_guessed) +
              " at level 1, " + std::to_string(guessed) + " at level 2; score and answers are as they were");
  return outcome;
}

ExportedFile export_tiger(const std::vector<const BatchView*>& batches) {
  ExportedFile file;
  file.name = safe_file_name(batches.front()->info().name) + ".json";
  file.text = "[";
  for (const BatchView* batch : batches) {
    batch->each(true, [&](const RunView& run) {
      if (run.status != Status::complete) {
        ++file.left_out;
        return;
      }
      file.text += file.runs++ == 0 ? "\n" : ",\n";
      file.text += dump_json(tiger_row(run));
    });
  }
  file.text += "\n]\n";
  return file;
}

}  // namespace assay
