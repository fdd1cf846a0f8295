#pragma once
// Which program answers for a model, as a value that travels in the place of a URL: a request to it says all that its
// transport (local_models.hpp) must know. And what must be so before it can be started. Specs: models.md 2.13, 8.2.
// Functions of files and PATH, else pure: any thread.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runners/llm/environment.hpp"
#include "runners/llm/model_entry.hpp"

namespace assay {

/// exec: `workers` processes of one program.
struct ExecTarget {
  std::vector<std::string> argv;  // as written
  std::int64_t workers = 1;
  std::vector<std::string> env_keys;
};
/// A managed llama-server. One for each (file, slots, ctx, gpu_layers, args): its key().
struct LlamaTarget {
  std::string name, model;  // of the entry that asks, for people; and its PROVIDER/MODEL
  std::string program;      // as written; "" : llama-server in PATH
  LocalServer server;
  std::string key() const;
};

bool is_local_url(std::string_view url);
/// "exec:{..}" and "llama:{..}".
std::string url_of(const ExecTarget& target);
std::string url_of(const LlamaTarget& target);
std::optional<ExecTarget> exec_target(std::string_view url);
std::optional<LlamaTarget> llama_target(std::string_view url);

/// What an entry of type exec, or a managed one, stands for. Throws Error "bad_request": a quote that is not closed.
ExecTarget exec_target(const ModelEntry& entry);
LlamaTarget llama_target(const ModelEntry& entry);

/// The path of a program as a shell finds it: with a '/' as it is, else along PATH. Throws Error "local/absent" with
/// the path and what is wrong (no such file, not executable, not in PATH); no place, no hint.
std::string find_program(const std::string& name, const EnvironmentLookup& environment);

/// The llama-server to start. Throws Error "local/absent" with the line of models.md 8.4.
std::string find_llama_server(const LlamaTarget& target, const EnvironmentLookup& environment);

/// "gguf:NAME:BYTES:HASH", HASH over its first MiB followed by its last (of a smaller file: the
/// whole, twice): the identity of the weights (models.md 5.2). Throws
/// Error "local/load" with the path: no file, not readable, no GGUF, another version than 2 and 3.
std::string gguf_identity(const std::string& path);

}  // namespace assay
