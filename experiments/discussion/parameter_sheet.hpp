#pragma once
// Values of parameters in layers: a built-in default, a file's key, what was typed; each with where it came from, its
// type checked. Specs: discussion.md 2.1, 14. One thread.

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "core/text/error.hpp"

namespace assay {

/// All that is wrong with one load. The first 20 are told, the others counted.
class Problems {
 public:
  void add(std::string problem) { list_.push_back(std::move(problem)); }
  /// What an Error says, its place and hint with it.
  void add(const Error& error);
  bool empty() const { return list_.empty(); }
  /// Throws Error "file" with all of them; nothing when there is none.
  void refuse(const std::string& place, const std::string& hint = "nothing was loaded") const;

 private:
  std::vector<std::string> list_;
};

enum class ValueForm {
  integer,
  number,
  boolean,
  choice,
  text,
  path,
  texts,           ///< a list; one text stands for itself
  object,          ///< text of a JSON object, or a path of one
  weights,         ///< {"name": 0 or more}
  names,           ///< a list of texts that is not empty
  history,         ///< 0 and more, or "all"
  seed,            ///< 0 .. 2^64-1
  wrap,            ///< 1 and more, or "none"
  model_seed,      ///< run, off, a number; kept as text
  silence,         ///< quotes, blank, re:REGEX
  pattern,         ///< a regular expression, "" for none
  naming_pattern,  ///< with one group
  pair_pattern,    ///< with two
  openings,        ///< a list of texts or of lists of texts
  policy,          ///< of turns
  range,           ///< LO..HI; kept as [lo, hi]
};

/// A parameter with what it may be. A name that ends in ".*" is a family.
struct ParameterRow {
  std::string name;
  ValueForm form = ValueForm::text;
  std::string shown_default;  ///< as help shows it; the effective one is set where generations are known
  std::string help;
  std::vector<std::string> choices = {};
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
};
std::vector<Parameter> shown_parameters(const std::vector<ParameterRow>& rows);

/// A value as it was given.
struct GivenValue {
  Json value;                    ///< what was typed: a text
  bool typed = false;            ///< on the command line
  std::string file, key;         ///< of a file: its name, the key; of what was not really typed: who said it
  std::size_t line = 0;          ///< of the key, from 1; 0: unknown
  std::filesystem::path folder;  ///< that relative paths count from
  bool content = false;          ///< a text in place of the path of a file that holds it

  /// "command line", "drawn", "FILE:LINE key".
  std::string source() const;
};

class ParameterSheet {
 public:
  explicit ParameterSheet(const std::vector<ParameterRow>& rows) : rows_(rows) {}

  /// Later wins. null takes nothing back; an empty path that is typed does. Names that are no parameter are ignored.
  void put(const std::string& name, GivenValue value);
  /// Types and ranges of all that was put.
  void check(Problems& problems);
  /// What nobody gave.
  void use(const std::string& name, Json value, const std::string& source = "default");
  /// The effective value is another than what was given says.
  void replace(const std::string& name, Json value, const std::string& source = {});

  /// It was given, and is good.
  bool has(const std::string& name) const { return given_.contains(name) && !bad_.contains(name); }
  /// It was given, and check() has said what is wrong.
  bool bad(const std::string& name) const { return bad_.contains(name); }
  const GivenValue* given(const std::string& name) const;
  /// null when there is none.
  const Json& operator[](const std::string& name) const;
  template <typename T>
  T get(const std::string& name, T otherwise = {}) const {
    const Json& value = (*this)[name];
    return value.is_null() ? otherwise : value.get<T>();
  }
  /// "FILE:12: discussions.turn_taking.num_turns: 0": how messages name a value.
  std::string named(const std::string& name) const;

  const Json& values() const { return values_; }
  const Json& sources() const { return sources_; }

 private:
  const std::vector<ParameterRow>& rows_;
  std::map<std::string, GivenValue> given_;
  std::map<std::string, bool> bad_;
  Json values_ = Json::object(), sources_ = Json::object();
};

/// The row of a name, also of a family; null: there is none.
const ParameterRow* find_row(const std::vector<ParameterRow>& rows, const std::string& name);
/// Throws Error "usage" for a typed name that is no parameter, with the nearest.
void check_names(const std::vector<ParameterRow>& rows, const ParameterTexts& given, const std::string& kind);

}  // namespace assay
