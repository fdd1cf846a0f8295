#pragma once
// exec: runs whose setup, step and evaluate are those of a program in any language (README.md). Data: any rows; each is
// one run's data.

#include <functional>
#include <memory>
#include <string>

#include "core/model/kind.hpp"
#include "experiments/exec/command.hpp"
#include "runners/llm/client.hpp"
#include "runners/process/program_host.hpp"

namespace assay {

struct ExecDependencies {
  ChatClient& client;
  const ModelRegistry& models;
  ProgramHost& programs;
  /// What a program gets, with the variables named.
  std::function<std::vector<std::string>(const std::vector<std::string>& allowed)> environment;
  std::function<std::string(std::string_view)> redact;
  std::function<void(const std::string&)> tell;
  /// What a person has typed is trusted; what stands in a file that came from elsewhere is not (trust, is_trusted: by
  /// identity()).
  std::function<void(const std::string&)> trust;
  std::function<bool(const std::string&)> is_trusted;
};

/// What it is given outlives the kind.
std::unique_ptr<Kind> make_exec_kind(ExecDependencies dependencies);

}  // namespace assay
