#include "app/extract_command.hpp"

#include <algorithm>
#include <filesystem>

#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "experiments/qa/extract.hpp"
#include "experiments/qa/json_path.hpp"
#include "experiments/qa/rows.hpp"
#include "repl/run_list.hpp"
#include "repl/shell.hpp"
#include "repl/views.hpp"

namespace assay {
namespace {

constexpr const char* kUsage =
    "usage: extract RULE FILE [field=text] [n_options=K] [rows=PATH]   or   extract RULE \"TEXT\"";
constexpr std::uint64_t kMostOptions = 26;

struct Request {
  std::string rule, what;
  bool is_text = false;
  ParameterTexts parameters;
};

Request request_of(const Arguments& arguments) {
  const std::vector<std::string> known{"field", "n_options", "rows"};
  Request request;
  request.rule = arguments.at(0);
  const ShellWord& what = arguments.words.at(1);
  request.what = what.text;
  request.is_text = what.quoted && !std::filesystem::is_regular_file(what.text);
  if (!request.is_text && request.what != "-" && !std::filesystem::exists(request.what)) {
    throw Error("file", "there is no such file", request.what,
                "a text goes in quotes: extract letter \"The answer is B\"");
  }
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    const std::string& word = arguments.at(i);
    const std::string name = word.substr(0, word.find('='));
    if (name.size() == word.size() || std::find(known.begin(), known.end(), name) == known.end()) {
      const auto near = nearest(name, known);
      throw Error("usage", "extract: \"" + word + "\" is no parameter" + (near ? "; did you mean " + *near + "=?" : ""),
                  {}, kUsage);
    }
    request.parameters[name] = word.substr(name.size() + 1);
  }
  return request;
}

/// How the answer is read: a number by the rule of numbers, one of the labels where their number is given.
AnswerForm form_of(const Request& request) {
  if (request.rule == "gsm8k") return AnswerForm::number();
  if (const auto found = request.parameters.find("n_options"); found != request.parameters.end()) {
    const std::uint64_t n = parse_count(found->second, "n_options", 2);
    if (n > kMostOptions) throw Error("usage", "n_options is at most 26", "n_options");
    return AnswerForm::choice(n);
  }
  return {};
}

/// The text of a row: the field, or the row itself where it is a text.
std::string text_of(const Row& row, const JsonPath& field) {
  if (row.value.is_string()) return row.value.get<std::string>();
  const Json* value = field.find(row.value);
  if (value == nullptr) {
    throw Error("data", "row " + std::to_string(row.number) + " has no field '" + field.text() + "'", row.place,
                "field=PATH names the one with the text");
  }
  if (value->is_null()) return {};
  if (!value->is_string()) {
    throw Error("data", "field '" + field.text() + "' is " + dump_json(*value).substr(0, 40) + ", expected a text",
                row.place);
  }
  return value->get<std::string>();
}

void extract(Shell&, const Arguments& arguments, Reply& reply) {
  const Request request = request_of(arguments);
  const Extractor extractor(request.rule);
  const AnswerForm form = form_of(request);
  const auto text = [&](const char* name, const char* otherwise) {
    const auto found = request.parameters.find(name);
    return found == request.parameters.end() ? std::string(otherwise) : found->second;
  };
  reply.result = Json::array();
  const auto add = [&](const std::string& reply_text) {
    const Found found = extractor.find(reply_text, form);
    reply.result.push_back(Json::object({{"value", found.value ? Json(*found.value) : Json()},
                                         {"rule", found.value && !found.rule.empty() ? Json(found.rule) : Json()}}));
    return found;
  };
  if (request.is_text) {
    const Found found = add(request.what);
    reply.line(found.value ? *found.value + (found.rule.empty() ? "" : "   (rule " + found.rule + ")")
                           : "nothing found");
    return;
  }
  Table table({{"row", true, false}, {"value", false, true}, {"rule", false, false}});
  std::size_t rows = 0, hits = 0;
  const JsonPath field(text("field", "text"));
  std::vector<std::string> warnings;
  RowOptions options;
  options.rows = text("rows", "");
  read_rows({request.what, request.what, std::nullopt}, options, warnings, [&](Row&& row) {
    const Found found = add(text_of(row, field));
    ++rows;
    hits += found.value ? 1 : 0;
    table.row({count_cell(static_cast<std::int64_t>(row.number)),
               found.value ? cell(*found.value) : cell("-", TextRole::dim), cell(found.rule)});
  });
  for (const std::string& warning : warnings) reply.line(StyledText().add("warning: " + warning, TextRole::warn));
  reply.paged = true;
  reply.table(table);
  reply.line(count_text(hits) + " of " + count_text(rows) + " texts: something found by " + request.rule);
}

std::vector<Candidate> complete(Shell&, const std::vector<std::string>& before, std::string_view word) {
  if (before.size() == 2) return complete_file(word);
  std::vector<Candidate> found;
  if (before.size() == 1) {
    for (const std::string& rule : Extractor::names()) {
      if (rule.starts_with(word)) found.push_back({rule, ""});
    }
  } else {
    for (const char* parameter : {"field=", "n_options=", "rows="}) {
      if (std::string_view(parameter).starts_with(word)) found.push_back({parameter, "", ""});
    }
  }
  return found;
}

}  // namespace

void add_extract_command(CommandTable& table) {
  table.add(
      {"extract",
       {},
       "files",
       "extract RULE FILE|\"TEXT\" [field=text] [n_options=K] [rows=PATH]",
       "what a rule (letter, gsm8k, tiger_l2, .., regex:PATTERN) finds in a text, or in each row of a file",
       {"extract letter \"I think the answer is (B).\" n_options=4", "extract tiger_l2 replies.jsonl field=output"},
       {},
       2,
       SIZE_MAX,
       false,
       true,
       extract,
       complete});
}

}  // namespace assay
