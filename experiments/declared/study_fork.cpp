#include "experiments/declared/study_fork.hpp"

#include <algorithm>

#include "core/text/error.hpp"
#include "experiments/declared/parameters.hpp"

namespace assay {
namespace {

constexpr const char* kScoring[] = {"extract", "score", "metrics"};

bool uses(const StudyTemplate& text, const std::string& name) {
  if (!text) return false;
  const auto& names = text.variables();
  return std::any_of(names.begin(), names.end(), [&](const auto& one) { return one == name || one == "parameters"; });
}

/// As it was given: what resolve_study takes.
std::string as_typed(const Json& value) { return value.is_string() ? value.get<std::string>() : dump_json(value); }

}  // namespace

Json changed_scoring(Json written, const Json* from, const ParameterTexts& overrides) {
  for (const char* key : kScoring) {
    if (from != nullptr) {
      written.erase(key);
      if (from->contains(key)) written[key] = from->at(key);
    }
    const auto typed = overrides.find(key);
    if (typed == overrides.end()) continue;
    const YamlNode node = parse_yaml(typed->second, key);
    if (node.kind == YamlNode::Kind::scalar && node.text.empty()) {
      written.erase(key);
    } else {
      written[key] = as_written(node);
    }
  }
  return written;
}

Json forked_study_params(const Study& before, const Study& after, std::uint32_t step, const Json& params,
                         const ParameterTexts& changes) {
  const std::size_t shared = std::min<std::size_t>(step, before.steps.size());
  const auto refuse = [&](const std::string& what) {
    throw Error("usage", what + " shapes step 1 to " + std::to_string(step) + ", which the fork shares", {},
                "step=0 begins anew");
  };
  if (shared > 0) {
    if (after.steps.size() < shared) refuse("file: a study with fewer steps");
    if (!(before.system == after.system)) refuse("file: another system message");
  }
  for (std::size_t i = 0; i < shared; ++i) {
    const StudyStep &old = before.steps[i], &fresh = after.steps[i];
    if (old.name != fresh.name || !(old.ask == fresh.ask) || !(old.when == fresh.when) || old.fresh != fresh.fresh) {
      refuse("file: another step " + fresh.name);
    }
  }
  for (const auto& [name, text] : changes) {
    for (std::size_t i = 0; i < shared; ++i) {
      if (uses(before.steps[i].ask, name) || uses(before.steps[i].when, name))
        refuse(name + ", used by " + before.steps[i].name + ",");
    }
    if (shared > 0 && uses(before.system, name)) refuse(name + ", used by the system message,");
  }
  ParameterTexts given;
  std::vector<Parameter> known = declared_parameters();
  for (const StudyParameter& parameter : after.parameters) known.push_back(parameter.row);
  for (const Parameter& row : known) {
    if (const auto found = params.find(row.name); found != params.end()) given[row.name] = as_typed(*found);
  }
  for (const auto& [name, text] : changes) given[name] = text;
  return resolve_study(after, given);
}

}  // namespace assay
