#pragma once
// What core and repl know of models: names and one-line facts. runners/llm implements it; app hands it over.

#include <string>
#include <vector>

#include "core/model/report.hpp"
#include "core/text/json.hpp"

namespace assay {

struct ModelFacts {
  std::string name;  // alias or PROVIDER/MODEL
  std::string provider, address;
  std::string key;     // "OPENAI_API_KEY set", "OPENAI_API_KEY missing", "no key needed"; never a part of a key
  std::string limits;  // limits in force, for people
  std::string state;   // ok, paused 3 s, held: ..
  Json details;
};

class ModelCatalog {
 public:
  virtual ~ModelCatalog() = default;
  /// Providers known, and lanes in use with their state. Any thread.
  virtual std::vector<ModelFacts> list() const = 0;
  /// Resolves a name as models.md 1 says; throws Error (unknown provider with the nearest name, missing key ..).
  virtual ModelFacts resolve(const std::string& name) const = 0;
  /// The model used when none is named, with where that came from: {"sim/default","built in"}.
  virtual std::pair<std::string, std::string> default_model() const = 0;
  /// Everything of one model: its fields with where each came from, price, limits, state, what follows after which
  /// error. A missing key is shown, not refused. Throws Error as resolve does otherwise.
  virtual Report describe(const std::string& name) const = 0;
  /// Takes the prices of a price map into the user's own list, in force at once; what came of it, a line each.
  virtual std::vector<std::string> import_prices(const std::string& file) const = 0;
  /// What else a person should know of models now, a line each.
  virtual std::vector<std::string> notes() const = 0;
  /// The last lines that the program behind a model has said (a worker, a server that was started for it), oldest
  /// first. Throws Error when no program of ours is behind it.
  virtual std::vector<std::string> log(const std::string& name) const = 0;
  /// "NAME=value": the environment of a program that is no model's: this process's without any key.
  virtual std::vector<std::string> child_environment() const = 0;
};

}  // namespace assay
