#pragma once
// A whole assay program: the parts put together, with the kinds that come with it and those of a user. A user's own
// program is a Program, a call or two of add_load_function or add_kind, and start_command_line:
//
//     int main(int argc, char** argv) {
//       assay::Program program;
//       program.add_load_function("adder", "adds two numbers", load_pairs, make_adder);
//       return program.start_command_line(argc, argv);
//     }
//
// Used on the main thread.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/model/kind.hpp"
#include "runners/llm/client.hpp"
#include "runners/prompt/limits.hpp"

namespace assay {

class Hub;
class ProgramHost;
class TrustedCommands;

/// What a kind and its runners may be given to work with. Lives as long as the program runs.
struct Services {
  ChatClient& chat;
  const ModelRegistry& models;
  const Hub* hub = nullptr;                               // data sets of the hub
  std::function<PromptLimits()> prompt_limits;            // for load_prompt: as set at this moment
  std::function<std::optional<Pico>()> budget_left = {};  // what the experiment's cap leaves; nullopt: no cap
  SettingLookup setting = {};                             // any setting, as set at this moment
  ProgramHost* programs = nullptr;                        // programs of runs in other languages
  TrustedCommands* trusted = nullptr;                     // those that may be started
  /// The environment of a program: without keys, but with the variables named.
  std::function<std::vector<std::string>(const std::vector<std::string>& allowed)> child_environment = {};
  std::function<std::string(std::string_view)> redact = {};  // keys taken out
  std::function<void(const std::string& line)> tell = {};    // to the person, while commands run too
};

/// Reads a file into runs (id and data are enough). Throws Error.
using LoadFunction = std::function<std::vector<NewRun>(const Source& source, const ParameterTexts& parameters)>;
/// The runner of a batch: batch.params["model"] is what the person named. Shared by all its runs.
using RunnerFactory = std::function<std::shared_ptr<Runner>(const BatchInfo& batch, const Services& services)>;

class Program {
 public:
  Program();
  ~Program();

  /// A kind made of two functions. `parameters` are those that `load NAME FILE key=value` takes; `model` is always one.
  Program& add_load_function(const std::string& name, const std::string& summary, LoadFunction load,
                             RunnerFactory make_runner, std::vector<Parameter> parameters = {});
  /// A kind of one's own; made when the services exist.
  Program& add_kind(std::function<std::unique_ptr<Kind>(const Services&)> make);
  /// A batch that is there from the start, unless the experiment has one of that name.
  Program& add_batch(const std::string& name, const std::string& kind, std::vector<NewRun> runs);

  /// The command line of shell.md 1; returns the exit status.
  int start_command_line(int argc, char** argv);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace assay
