#include "repl/run_list.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "core/query/completion.hpp"
#include "core/query/payload.hpp"
#include "core/text/duration.hpp"
#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"
#include "repl/cost_text.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

const std::vector<std::string>& known_columns() {
  static const std::vector<std::string> names = {"run",      "batch", "id",    "status", "score", "answer",
                                                 "attempts", "steps", "time",  "cost",   "calls", "tokens",
                                                 "model",    "kind",  "error", "tags",   "notes"};
  return names;
}

const std::vector<std::string> kSortFields = {"name",     "status", "score", "time",  "cost",
                                              "attempts", "steps",  "calls", "tokens"};

bool is_payload_column(const std::string& name) {
  return name == "answer" || name.starts_with("answer.") || name.starts_with("data.") || name == "data";
}

std::string one_line(const Json& value) {
  if (value.is_null()) return "-";
  return value.is_string() ? value.get<std::string>() : dump_json(value);
}

/// What the kinds say of these runs beside their status (Kind::mark).
std::unordered_map<RunId, std::string> marks_of(const Experiment& experiment, const std::vector<RunId>& runs,
                                                const std::unordered_map<RunId, StoredPayloads>& payloads) {
  std::unordered_map<RunId, std::string> marks;
  for (const RunId run : runs) {
    const Kind* kind = nullptr;
    RunView view;
    {
      const RunTable::Reader table = experiment.table().read();
      const RunRow& row = table.row(run);
      kind = experiment.kinds().find(table.batch(row.batch).kind);
      view.id = run;
      view.run_id = std::string(table.id(run));
      view.status = row.status;
      view.attempts = row.attempts;
    }
    if (kind == nullptr || payloads.at(run).data.empty()) continue;  // empty: it can't be read back
    view.data = parse_json(payloads.at(run).data, "data");
    if (std::string mark = kind->mark(view, experiment); !mark.empty()) marks.emplace(run, std::move(mark));
  }
  return marks;
}

StyledText marked(StyledText status, const std::unordered_map<RunId, std::string>& marks, RunId run) {
  const auto mark = marks.find(run);
  if (mark != marks.end()) status.add(" " + mark->second, TextRole::warn);
  return status;
}

}  // namespace

std::vector<Candidate> complete_columns(std::string_view word) {
  const auto comma = word.find_last_of(',');
  const std::string before(comma == std::string_view::npos ? std::string_view() : word.substr(0, comma + 1));
  const std::string_view start = word.substr(before.size());
  std::vector<Candidate> found;
  for (const std::string& name : known_columns()) {
    if (name.starts_with(start)) found.push_back({before + name, "", ""});
  }
  for (const char* open : {"data.", "answer.", "metric."}) {
    if (std::string_view(open).starts_with(start)) found.push_back({before + open, "", ""});
  }
  return found;
}

std::vector<Candidate> complete_sort_field(Shell& shell, std::string_view word) {
  const bool descending = word.starts_with("-");
  const std::string before(descending ? "-" : "");
  std::vector<std::string> names = kSortFields;
  const RunTable::Reader table = shell.table().read();
  for (const BatchInfo& batch : table.batches()) {
    for (const std::string& metric : table.metric_names(batch.id)) {
      if (std::find(names.begin(), names.end(), "metric." + metric) == names.end()) names.push_back("metric." + metric);
    }
    for (const std::string& facet : table.facet_names(batch.id)) {
      if (std::find(names.begin(), names.end(), facet) == names.end()) names.push_back(facet);
    }
  }
  std::vector<Candidate> found;
  for (const std::string& name : names) {
    if (std::string_view(name).starts_with(word.substr(before.size()))) found.push_back({before + name, "", " "});
  }
  return found;
}

std::vector<std::string> split_columns(const std::string& text) {
  std::vector<std::string> columns;
  std::size_t from = 0;
  while (from <= text.size()) {
    const auto comma = std::min(text.find(',', from), text.size());
    const std::string name = text.substr(from, comma - from);
    const auto& known = known_columns();
    if (std::find(known.begin(), known.end(), name) == known.end() && !is_payload_column(name) &&
        !name.starts_with("metric.")) {
      const auto near = nearest(name, known);
      throw Error("usage",
                  "--columns: there is no column \"" + name + "\"" + (near ? "; did you mean " + *near + "?" : ""), {},
                  "columns: run batch id status score answer attempts steps time cost calls tokens model kind error "
                  "tags notes data.PATH answer.PATH metric.NAME");
    }
    columns.push_back(name);
    from = comma + 1;
  }
  return columns;
}

void draw_runs(Experiment& experiment, const std::vector<RunId>& runs, const RunListOptions& options, Reply& reply) {
  std::vector<std::string> columns = options.columns;
  const std::size_t from = std::min(options.from, runs.size()), to = from + std::min(options.limit, runs.size() - from);
  const std::vector<RunId> page(runs.begin() + static_cast<std::ptrdiff_t>(from),
                                runs.begin() + static_cast<std::ptrdiff_t>(to));
  if (columns.empty()) {
    columns = {"run", "status", "score", "answer", "attempts", "time", "cost"};
    const RunTable::Reader table = experiment.table().read();
    if (std::any_of(page.begin(), page.end(), [&](RunId run) { return !table.tags(run).empty(); }))
      columns.emplace_back("tags");
  }

  std::unordered_map<RunId, StoredPayloads> payloads;
  for (const RunId run : page) payloads.emplace(run, experiment.store().payloads(run));

  std::vector<Column> heads = {{"", true, false}};
  for (const std::string& name : columns) {
    const bool number = name == "attempts" || name == "steps" || name == "time" || name == "cost" || name == "calls" ||
                        name == "tokens" || name.starts_with("metric.");
    heads.push_back({name, number, !number && name != "status" && name != "score"});
  }
  Table drawn(std::move(heads));
  Json list = Json::array();
  const std::unordered_map<RunId, std::string> marks = marks_of(experiment, page, payloads);
  const RunTable::Reader table = experiment.table().read();
  std::unordered_map<BatchId, bool> unpriced_batches;
  const auto unpriced = [&](BatchId batch) {
    const auto [found, fresh] = unpriced_batches.try_emplace(batch, false);
    if (fresh) found->second = has_unpriced_model(table.batch(batch));
    return found->second;
  };
  for (std::size_t i = 0; i < page.size(); ++i) {
    const RunId run = page[i];
    const RunRow& row = table.row(run);
    const BatchInfo& batch = table.batch(row.batch);
    const StoredPayloads& stored = payloads[run];
    const bool ended = row.status == Status::complete || row.status == Status::fail;
    const Json answer = !ended || stored.answer.empty() ? Json() : parse_json(stored.answer, "answer");
    std::vector<StyledText> cells = {cell(std::to_string(from + i + 1), TextRole::dim)};
    for (const std::string& name : columns) {
      if (name == "run")
        cells.push_back(cell(table.name(run), TextRole::name));
      else if (name == "batch")
        cells.push_back(cell(batch.name));
      else if (name == "id")
        cells.push_back(cell(table.id(run)));
      else if (name == "status")
        cells.push_back(marked(status_cell(row.status, row.in_flight, row.waits), marks, run));
      else if (name == "score")
        cells.push_back(verdict_cell(row.verdict));
      else if (name == "answer")
        cells.push_back(cell(answer_text(answer)));
      else if (name == "attempts")
        cells.push_back(count_cell(row.attempts));
      else if (name == "steps")
        cells.push_back(count_cell(row.steps));
      else if (name == "time")
        cells.push_back(
            cell(row.ended_at == 0 && row.seconds == 0 ? "-" : seconds_text(static_cast<double>(row.seconds))));
      else if (name == "cost")
        cells.push_back(cell(cost_text(row.cost, row.calls > 0 && unpriced(row.batch))));
      else if (name == "calls")
        cells.push_back(count_cell(row.calls));
      else if (name == "tokens")
        cells.push_back(count_cell(static_cast<std::int64_t>(row.tokens_in) + row.tokens_out));
      else if (name == "model")
        cells.push_back(cell(batch.model));
      else if (name == "kind")
        cells.push_back(cell(batch.kind));
      else if (name == "error")
        cells.push_back(cell(table.error(row.error).kind));
      else if (name == "tags")
        cells.push_back(cell(joined(table.tags(run), ", "), TextRole::name));
      else if (name == "notes")
        cells.push_back(cell(table.notes(run).empty() ? "" : table.notes(run).back().text));
      else if (name.starts_with("metric."))
        cells.push_back(cell(number_text(table.metric(run, name.substr(7)))));
      else {
        const bool data = name.starts_with("data");
        const Json value = data ? (stored.data.empty() ? Json() : parse_json(stored.data, "data")) : answer;
        const auto dot = name.find('.');
        const Json* found = dot == std::string::npos ? &value : value_at(value, name.substr(dot + 1));
        cells.push_back(cell(found == nullptr ? "-" : one_line(*found)));
      }
    }
    drawn.row(std::move(cells));
    list.push_back(Json::object({{"index", from + i + 1},
                                 {"run", table.name(run)},
                                 {"batch", batch.name},
                                 {"id", table.id(run)},
                                 {"name", table.name(run)},
                                 {"status", to_text(row.status)},
                                 {"score", row.verdict == Verdict::none ? Json() : Json(to_text(row.verdict))},
                                 {"answer", answer},
                                 {"attempts", row.attempts},
                                 {"steps", row.steps},
                                 {"seconds", row.seconds},
                                 {"cost_usd", to_usd(row.cost)}}));
    if (row.waits) list.back()["waiting_for_peers"] = true;
    if (std::vector<std::string> tags = table.tags(run); !tags.empty()) list.back()["tags"] = std::move(tags);
    if (const auto mark = marks.find(run); mark != marks.end()) list.back()["mark"] = mark->second;
  }
  if (!page.empty()) reply.table(drawn);
  reply.result = Json::object({{"matched", runs.size()}, {"runs", std::move(list)}});
}

std::vector<Candidate> complete_batch(Shell& shell, const std::vector<std::string>&, std::string_view word) {
  std::vector<Candidate> names;
  const RunTable::Reader table = shell.table().read();
  for (const BatchInfo& batch : table.batches()) {
    if (!batch.dropped && batch.name.starts_with(word)) names.push_back({quote_shell_word(batch.name), batch.kind});
  }
  return names;
}

std::vector<Candidate> complete_query(Shell& shell, const std::vector<std::string>&, std::string_view word) {
  std::vector<Candidate> found;
  for (const std::string& text : complete_query(word, shell.table())) {
    found.push_back({quote_query_word(text), "", text.ends_with(":") ? "" : " "});
  }
  return found;
}

std::vector<Candidate> complete_file(std::string_view word) {
  std::vector<Candidate> found;
  const auto slash = word.find_last_of('/');
  const std::string folder(slash == std::string_view::npos ? std::string_view() : word.substr(0, slash + 1));
  const std::string_view start = slash == std::string_view::npos ? word : word.substr(slash + 1);
  std::error_code problem;
  for (std::filesystem::directory_iterator at(folder.empty() ? "." : folder, problem), end; !problem && at != end;
       at.increment(problem)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with(start) || (start.empty() && name.starts_with("."))) continue;
    const bool directory = at->is_directory(problem);
    found.push_back({quote_shell_word(folder + name) + (directory ? "/" : ""), "", directory ? "" : " "});
    if (found.size() >= 500) break;
  }
  std::sort(found.begin(), found.end(), [](const Candidate& a, const Candidate& b) { return a.text < b.text; });
  return found;
}

}  // namespace assay
