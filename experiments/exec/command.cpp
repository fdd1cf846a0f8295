#include "experiments/exec/command.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "core/text/embedded.hpp"
#include "core/text/error.hpp"
#include "core/text/hash.hpp"
#include "core/text/input.hpp"
#include "core/text/shell_words.hpp"
#include "core/text/words.hpp"
#include "runners/llm/field_values.hpp"
#include "runners/llm/local_target.hpp"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestScript = 64U << 20U;
constexpr const char* kExample = "command=\"python3 runner.py\"";

/// "" when it can't be read, or is no plain file.
std::string hash_of(const fs::path& path) {
  std::error_code problem;
  if (!fs::is_regular_file(path, problem) || fs::file_size(path, problem) > kLargestScript) return {};
  try {
    InputFile file(path.string());
    return file.compressed() ? std::string() : to_hex(xxh3_128(read_all(file, kLargestScript)));
  } catch (const Error&) {
    return {};
  }
}

std::optional<std::string> variable(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

bool has_python() {
  try {
    find_program("python3", variable);
    return true;
  } catch (const Error&) {
    return false;
  }
}

Json texts(const std::vector<std::string>& values) {
  Json list = Json::array();
  for (const std::string& value : values) list.push_back(value);
  return list;
}

}  // namespace

PinnedCommand pin_command(const std::string& typed, const std::string& env_keys) {
  PinnedCommand command;
  try {
    for (const ShellWord& word : split_shell_words(typed)) command.words.push_back(word.text);
  } catch (const Error& error) {
    throw Error("usage", error.what(), "command", kExample);
  }
  if (command.words.empty()) {
    throw Error("usage", "which program executes the runs?", "command", std::string(kExample) + " names it");
  }
  command.folder = fs::current_path().string();
  std::vector<std::string> keys;
  for (const ShellWord& word : split_shell_words(env_keys)) keys.push_back(word.text);
  try {
    if (!keys.empty()) command.env_keys = variable_names(texts(keys));
  } catch (const FieldFault& fault) {
    throw Error("usage", "env_keys " + fault.message, {}, fault.hint);
  }
  for (const std::string& word : command.words) {
    if (const std::string hash = hash_of(word); !hash.empty()) command.files.emplace_back(word, hash);
  }
  return command;
}

PinnedCommand pin_sample(const std::string& name) {
  PinnedCommand command;
  const bool python = name != "adder.sh" && has_python();
  command.name = python ? "adder.py" : "adder.sh";
  const std::string_view text =
      python ? ASSAY_EMBEDDED(experiments_exec_samples_adder_py) : ASSAY_EMBEDDED(experiments_exec_samples_adder_sh);
  command.words = {python ? "python3" : "/bin/sh", "-c", std::string(text)};
  command.folder = "/";
  return command;
}

Json to_json(const PinnedCommand& command) {
  Json files = Json::object();
  for (const auto& [file, hash] : command.files) files[file] = hash;
  return Json::object({{"words", texts(command.words)},
                       {"folder", command.folder},
                       {"env_keys", texts(command.env_keys)},
                       {"name", command.name},
                       {"files", std::move(files)}});
}

PinnedCommand command_of(const BatchInfo& batch) {
  const auto refuse = [&](const std::string& why) {
    return Error("exec", "batch " + batch.name + " " + why, {},
                 "`load exec FILE command=..` makes one that can be run");
  };
  if (!batch.pinned.is_object() || !batch.pinned.contains("command")) {
    throw refuse("came without the command of its program");
  }
  const Json& value = batch.pinned.at("command");
  PinnedCommand command;
  try {
    command.words = value.at("words").get<std::vector<std::string>>();
    command.env_keys = value.at("env_keys").get<std::vector<std::string>>();
    command.folder = value.at("folder").get<std::string>();
    command.name = value.at("name").get<std::string>();
    for (const auto& [file, hash] : value.at("files").items())
      command.files.emplace_back(file, hash.get<std::string>());
  } catch (const std::exception&) {
    throw refuse("has a command that can't be read");
  }
  if (command.words.empty()) throw refuse("has an empty command");
  return command;
}

std::string shown(const PinnedCommand& command) {
  if (!command.name.empty()) return command.words.front() + " " + command.name;
  std::vector<std::string> words;
  for (const std::string& word : command.words) words.push_back(quote_shell_word(word));
  return joined(words);
}

std::string identity(const PinnedCommand& command) {
  return to_hex(xxh3_128(dump_json(Json::array({texts(command.words), command.folder, texts(command.env_keys)}))));
}

std::vector<std::string> changed_files(const PinnedCommand& command) {
  std::vector<std::string> changed;
  for (const auto& [file, hash] : command.files) {
    const std::string now = hash_of(fs::path(command.folder) / file);
    if (now.empty())
      changed.push_back(file + " (gone)");
    else if (now != hash)
      changed.push_back(file);
  }
  return changed;
}

}  // namespace assay
