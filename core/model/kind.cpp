#include "core/model/kind.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>

#include "core/text/edit_distance.hpp"
#include "core/text/error.hpp"
#include "core/text/words.hpp"

namespace assay {
namespace {

bool is_family(const std::string& name) { return name.ends_with(".*"); }

/// Whether a given name is this parameter, or one of its family.
bool covers(const Parameter& spec, const std::string& name) {
  if (!is_family(spec.name)) return spec.name == name;
  const std::string_view prefix = std::string_view(spec.name).substr(0, spec.name.size() - 1);
  return name.size() > prefix.size() && name.starts_with(prefix);
}

class Resolver {
 public:
  Resolver(const Parameter& spec, std::string name, const std::string& kind)
      : spec_(spec), name_(std::move(name)), kind_(kind) {}

  Json value(const std::string& text) const {
    switch (spec_.type) {
      case Parameter::Type::integer:
        return number<std::int64_t>(text, "a whole number");
      case Parameter::Type::number:
        return number<double>(text, "a number");
      case Parameter::Type::boolean:
        return boolean(text);
      case Parameter::Type::choice:
        return choice(text);
      case Parameter::Type::text:
        break;
    }
    return text;
  }

 private:
  [[noreturn]] void fail(const std::string& text, const std::string& expected, std::string hint = {}) const {
    throw Error("usage", name_ + "=" + text + " of kind " + kind_ + ": expected " + expected, {}, std::move(hint));
  }

  template <typename Number>
  Json number(const std::string& text, const char* expected) const {
    Number result{};
    const char* begin = text.data() + (text.starts_with('+') && !text.starts_with("+-") ? 1 : 0);
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(begin, end, result);
    if (error == std::errc::result_out_of_range) fail(text, std::string(expected) + " that fits 64 bits");
    if (error != std::errc() || stop != end) fail(text, expected);
    if constexpr (std::is_same_v<Number, double>) {
      if (!std::isfinite(result)) fail(text, "a finite number");
    }
    return result;
  }

  Json boolean(const std::string& text) const {
    for (const char* yes : {"true", "yes", "on", "1"}) {
      if (text == yes) return true;
    }
    for (const char* no : {"false", "no", "off", "0"}) {
      if (text == no) return false;
    }
    fail(text, "true or false");
  }

  Json choice(const std::string& text) const {
    if (std::find(spec_.choices.begin(), spec_.choices.end(), text) != spec_.choices.end()) return text;
    const auto near = nearest(text, spec_.choices);
    fail(text, "one of " + joined(spec_.choices, ", "), near ? "did you mean " + *near + "?" : "");
  }

  const Parameter& spec_;
  std::string name_;
  const std::string& kind_;
};

}  // namespace

ExportedFile Kind::export_runs(const std::string& format, const std::vector<const BatchView*>&) const {
  throw Error("usage", "kind " + name() + " has no export format " + format);
}

JointExport Kind::export_joint(const std::string& format, const std::string&,
                               const std::vector<const BatchView*>&) const {
  throw Error("usage", "kind " + name() + " has no export format " + format);
}

std::vector<RunTurn> Kind::transcript(const BatchInfo&, const RunView& run,
                                      const std::vector<CallRecord>& calls) const {
  std::vector<RunTurn> turns = turns_of_context(run.context);
  add_calls(turns, calls);
  return turns;
}

LoadedBatch Kind::load_sources(const std::vector<Source>&, const ParameterTexts&) const {
  throw std::logic_error("kind " + name() + " loads its sources one by one");
}

LoadedBatch Kind::fork_batch(const BatchInfo& parent, std::uint32_t, const ParameterTexts& changes) const {
  if (!changes.empty()) {
    throw Error("usage", changes.begin()->first + ": runs of kind " + name() + " are forked without changes");
  }
  LoadedBatch batch;
  batch.info.kind = parent.kind;
  batch.info.model = parent.model;
  batch.info.params = parent.params;
  batch.info.pinned = parent.pinned;
  batch.info.source = parent.source;
  return batch;
}

void KindRegistry::add(std::unique_ptr<Kind> kind) {
  if (find(kind->name())) throw std::logic_error("two kinds named " + kind->name());
  kinds_.push_back(std::move(kind));
}

const Kind* KindRegistry::find(const std::string& name) const {
  for (const auto& kind : kinds_) {
    if (kind->name() == name) return kind.get();
  }
  return nullptr;
}

const Kind& KindRegistry::require(const std::string& name) const {
  if (const Kind* kind = find(name)) return *kind;
  std::vector<std::string> names;
  for (const auto& kind : kinds_) names.push_back(kind->name());
  const auto near = nearest(name, names);
  throw Error("usage", "unknown kind \"" + name + "\"" + (near ? ": did you mean " + *near + "?" : ""), {},
              "kinds: " + joined(names, ", "));
}

std::vector<const Kind*> KindRegistry::all() const {
  std::vector<const Kind*> result;
  for (const auto& kind : kinds_) result.push_back(kind.get());
  return result;
}

Json resolve_parameters(const std::vector<Parameter>& specs, const ParameterTexts& given, const std::string& kind) {
  for (const auto& [name, text] : given) {
    const auto covered = [&](const Parameter& spec) { return covers(spec, name); };
    if (std::any_of(specs.begin(), specs.end(), covered)) continue;
    std::vector<std::string> names;
    for (const Parameter& spec : specs) names.push_back(spec.name);
    const auto near = nearest(name, names);
    throw Error("usage",
                "kind " + kind + " has no parameter \"" + name + "\"" + (near ? ": did you mean " + *near + "?" : ""),
                {}, names.empty() ? "it has none" : "parameters: " + joined(names, ", "));
  }
  Json resolved = Json::object();
  for (const Parameter& spec : specs) {
    if (is_family(spec.name)) {
      for (const auto& [name, text] : given) {
        // A name that has a row of its own belongs there, not to the family.
        const auto own = [&](const Parameter& other) { return other.name == name; };
        if (covers(spec, name) && std::none_of(specs.begin(), specs.end(), own))
          resolved[name] = Resolver(spec, name, kind).value(text);
      }
      continue;
    }
    const auto found = given.find(spec.name);
    const std::string& text = found == given.end() ? spec.default_text : found->second;
    if (text.empty() && spec.default_text.empty() && (found == given.end() || spec.type != Parameter::Type::text))
      continue;
    resolved[spec.name] = Resolver(spec, spec.name, kind).value(text);
  }
  return resolved;
}

}  // namespace assay
