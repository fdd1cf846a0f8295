#include "repl/report_runs.hpp"

#include <algorithm>
#include <map>

#include "core/text/error.hpp"
#include "core/text/utf8.hpp"
#include "repl/report_cells.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

constexpr std::size_t kShortText = 300;       // columns of a question or an answer in a row
constexpr std::size_t kMostOfRecord = 4'000;  // bytes of data and answer as JSON beside a transcript

void append_string(std::string& out, std::string_view text) {
  out += ',';
  append_page_string(out, text);
}

/// What a run is about, where its data says it under one of the usual names.
std::string subject_of(const Json& data) {
  if (!data.is_object()) return {};
  for (const char* name : {"question", "problem", "input", "prompt", "text", "context"}) {
    const auto found = data.find(name);
    if (found != data.end() && found->is_string()) return found->get<std::string>();
  }
  return {};
}

std::string one_line(std::string text) {
  std::replace_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\t' || c == '\r'; }, ' ');
  return truncate_to_width(page_text(text), kShortText);
}

/// JSON to read, cut where it is long.
std::string record_text(const Json& value) {
  std::string text = dump_json(value, 2);
  if (text.size() <= kMostOfRecord) return text;
  text.resize(kMostOfRecord);
  return repair_utf8(text) + "\n.. (cut here; `detail RUN` has all of it)";
}

void append_turn(std::string& out, const RunTurn& turn, std::map<std::string, std::size_t>& said, std::size_t number) {
  out += out.ends_with('[') ? "[" : ",[";
  append_page_string(out, turn.role);
  append_string(out, turn.speaker);
  append_string(out, turn.to);
  append_string(out, turn.part);
  const auto [before, fresh] = said.try_emplace(turn.text, number);
  if (fresh || turn.text.empty()) {
    append_string(out, turn.text);
  } else {
    out += "," + std::to_string(before->second);
  }
  append_string(out, turn.answer);
  out += turn.right ? *turn.right ? ",1" : ",0" : ",null";
  append_string(out, turn.model);
  if (turn.usage) {
    out += "," + std::to_string(turn.usage->in) + "," + std::to_string(turn.usage->out) + ",";
    append_json_number(out, to_usd(turn.usage->cost));
  }
  out += "]";
}

void append_field(std::string& out, const char* name, const std::string& text) {
  if (text.empty()) return;
  out += std::string(",\"") + name + "\":";
  append_page_string(out, text);
}

std::string metrics_text(const Score& score) {
  std::string text;
  for (const auto& [name, value] : score.metrics) text += name + ": " + number_text(value) + "\n";
  return text;
}

}  // namespace

void append_page_string(std::string& out, std::string_view text) {
  std::string quoted;
  append_json_string(quoted, page_text(text));
  for (const char c : quoted) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
}

std::string transcript_json(const Kind* kind, const BatchView& batch, const RunView& run) {
  std::vector<RunTurn> turns;
  std::string note;
  if (run.damaged) note = "A part of this run's record can't be read back; `check` names it.";
  try {
    turns = kind != nullptr ? kind->transcript(batch.info(), run, batch.calls(run.id)) : turns_of_context(run.context);
  } catch (const std::exception& problem) {  // a save that somebody has changed: the others are still shown
    turns = turns_of_context(run.context);
    note = "Shown as it is recorded: " + std::string(problem.what());
  }
  if (turns.empty() && note.empty()) {
    note = run.status == Status::ready        ? "This run has not begun."
           : run.status == Status::incomplete ? "This run has not ended; what it holds so far is in `detail`."
                                              : "Nothing is recorded of what was said in this run.";
  }
  std::string out = "{\"t\":[";
  std::map<std::string, std::size_t> said;
  for (std::size_t i = 0; i < turns.size(); ++i) append_turn(out, turns[i], said, i);
  out += "]";
  append_field(out, "note", note);
  if (!run.data.is_null()) append_field(out, "data", record_text(run.data));
  if (run.answer.is_structured()) append_field(out, "answer", record_text(run.answer));
  append_field(out, "metrics", metrics_text(run.score));
  return out + "}";
}

void PageRuns::add(std::size_t batch, const RunView& run,
                   const std::vector<std::pair<std::string, std::string>>& facets, bool kept) {
  rows_ += count_++ == 0 ? "\n[" : ",\n[";
  rows_ += std::to_string(batch);
  append_string(rows_, run.run_id);
  rows_ += "," + std::to_string(static_cast<int>(run.status));
  rows_ += "," + std::to_string(static_cast<int>(run.score.verdict));
  append_string(rows_, run.answer.is_null() ? "" : one_line(answer_text(run.answer)));
  append_string(rows_, one_line(subject_of(run.data)));
  append_string(rows_, run.error.empty() ? "" : one_line(run.error.kind + ": " + run.error.message));
  rows_ += ",";
  append_json_number(rows_, run.seconds);
  rows_ += ",";
  append_json_number(rows_, to_usd(run.usage.cost));
  std::vector<std::string> values(facets_.size(), "-1");
  for (const auto& [name, value] : facets) {
    auto facet = std::find_if(facets_.begin(), facets_.end(), [&](const Facet& one) { return one.name == name; });
    if (facet == facets_.end()) {
      facets_.push_back({name, {}, {}});
      facet = facets_.end() - 1;
      values.emplace_back("-1");
    }
    const auto [at, fresh] = facet->index.try_emplace(value, facet->values.size());
    if (fresh) facet->values.push_back(value);
    values[static_cast<std::size_t>(facet - facets_.begin())] = std::to_string(at->second);
  }
  rows_ += ",[";
  for (std::size_t i = 0; i < values.size(); ++i) rows_ += (i == 0 ? "" : ",") + values[i];
  rows_ += kept ? "],1]" : "],0]";
}

std::string PageRuns::json(const std::vector<std::string>& batches, const std::string& why) const {
  std::string out = "{\"batches\":[";
  for (const std::string& name : batches) {
    if (!out.ends_with('[')) out += ',';
    append_page_string(out, name);
  }
  out += "],\"facets\":[";
  for (const Facet& facet : facets_) {
    out += out.ends_with('[') ? "{\"name\":" : ",{\"name\":";
    append_page_string(out, facet.name);
    out += ",\"values\":[";
    for (const std::string& value : facet.values) {
      if (!out.ends_with('[')) out += ',';
      append_page_string(out, value);
    }
    out += "]}";
  }
  out += "],\"why\":";
  append_page_string(out, why);
  return out + ",\"runs\":[" + rows_ + "]}";
}

}  // namespace assay
