#include "experiments/declared/parameters.hpp"

#include "core/text/error.hpp"
#include "experiments/declared/study.hpp"
#include "experiments/qa/asking.hpp"

namespace assay {
namespace {

using Type = Parameter::Type;

}  // namespace

std::vector<Parameter> declared_parameters() {
  return {
      {"model", Type::text, "", "model alias or PROVIDER/MODEL; none: what the file says, else the default model", {}},
      {"temperature", Type::number, "", "of steps that say none; none: as the file says, else the model's", {}},
      {"max_tokens", Type::integer, "", "of a reply, likewise", {}},
      {"top_p", Type::number, "", "likewise", {}},
      {"stop_words", Type::text, "", "a text that ends a reply, or a JSON list of them; likewise", {}},
      {"seed_model", Type::integer, "", "seed sent with the request, likewise", {}},
  };
}

std::vector<Parameter> declared_evaluation_parameters() {
  return {
      {"file", Type::text, "", "a changed study: its extract, score and metrics are taken", {}},
      {"extract", Type::text, "", "what is read of a reply, as in the file: last_line, '{json: answer}'", {}},
      {"score", Type::text, "", "how it is scored, as in the file: '{number: gold, tolerance: 0.1}'", {}},
      {"metrics", Type::text, "", "figures beside the score, as in the file", {}},
  };
}

std::vector<std::string> taken_parameter_names() {
  std::vector<std::string> names = study_names();
  for (const auto& rows : {declared_parameters(), declared_evaluation_parameters()}) {
    for (const Parameter& row : rows) names.push_back(row.name);
  }
  names.insert(names.end(), {"as", "limit", "shuffle", "epochs", "step", "message", "study", "columns"});
  return names;
}

Json resolve_study(const Study& study, const ParameterTexts& given) {
  std::vector<Parameter> rows = declared_parameters();
  for (const StudyParameter& parameter : study.parameters) {
    if (parameter.needed && !given.contains(parameter.row.name)) {
      throw Error("usage", "the parameter " + parameter.row.name + " has no default and is not given", study.name,
                  "add " + parameter.row.name + "=" +
                      (parameter.row.choices.empty() ? std::string("VALUE") : parameter.row.choices.front()));
    }
    rows.push_back(parameter.row);
  }
  Json params = resolve_parameters(rows, given, "declared");
  if (params.contains("max_tokens") && params["max_tokens"].get<std::int64_t>() < 1) {
    throw Error("usage", "max_tokens=" + dump_json(params["max_tokens"]) + ", expected at least 1");
  }
  stop_words(params);
  return params;
}

Json own_values(const Study& study, const Json& params) {
  Json values = Json::object();
  for (const StudyParameter& parameter : study.parameters) {
    const auto found = params.find(parameter.row.name);
    values[parameter.row.name] = found == params.end() ? Json("") : *found;
  }
  return values;
}

ChatParams params_of_step(const Study& study, std::size_t step, const Json& params) {
  return study.steps.at(step).params.over(chat_params(params).over(study.params));
}

}  // namespace assay
