#include "runners/llm/local_target.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "core/text/error.hpp"
#include "core/text/hash.hpp"
#include "core/text/shell_words.hpp"

namespace assay {
namespace {

constexpr std::string_view kExec = "exec:", kLlama = "llama:";
constexpr std::uint64_t kMiB = 1U << 20U;

Json texts(const std::vector<std::string>& values) { return values; }
std::vector<std::string> texts_of(const Json& value) { return value.get<std::vector<std::string>>(); }

Json number(const std::optional<std::int64_t>& value) { return value ? Json(*value) : Json(); }
std::optional<std::int64_t> number_of(const Json& value) {
  return value.is_null() ? std::nullopt : std::optional(value.get<std::int64_t>());
}

/// Why a path is no program that can be started; "" when it is one.
std::string trouble_with(const std::string& path) {
  struct stat facts{};
  if (stat(path.c_str(), &facts) != 0) return strerrordesc_np(errno);
  if (S_ISDIR(facts.st_mode)) return "a folder";
  if (access(path.c_str(), X_OK) != 0) return "not executable";
  return "";
}

}  // namespace

std::string LlamaTarget::key() const {
  return dump_json(Json::array(
      {server.path, number(server.slots), number(server.ctx), number(server.gpu_layers), texts(server.args)}));
}

bool is_local_url(std::string_view url) { return url.starts_with(kExec) || url.starts_with(kLlama); }

std::string url_of(const ExecTarget& target) {
  return std::string(kExec) +
         dump_json(Json::object(
             {{"argv", texts(target.argv)}, {"workers", target.workers}, {"env_keys", texts(target.env_keys)}}));
}

std::string url_of(const LlamaTarget& target) {
  const LocalServer& server = target.server;
  return std::string(kLlama) + dump_json(Json::object({{"name", target.name},
                                                       {"model", target.model},
                                                       {"program", target.program},
                                                       {"path", server.path},
                                                       {"slots", number(server.slots)},
                                                       {"ctx", number(server.ctx)},
                                                       {"gpu_layers", number(server.gpu_layers)},
                                                       {"args", texts(server.args)},
                                                       {"idle_stop_ms", server.idle_stop.count()}}));
}

std::optional<ExecTarget> exec_target(std::string_view url) {
  if (!url.starts_with(kExec)) return std::nullopt;
  const Json value = parse_json(url.substr(kExec.size()), "exec");
  return ExecTarget{texts_of(value.at("argv")), value.at("workers").get<std::int64_t>(),
                    texts_of(value.at("env_keys"))};
}

std::optional<LlamaTarget> llama_target(std::string_view url) {
  if (!url.starts_with(kLlama)) return std::nullopt;
  const Json value = parse_json(url.substr(kLlama.size()), "llama");
  LlamaTarget target;
  target.name = value.at("name").get<std::string>();
  target.model = value.at("model").get<std::string>();
  target.program = value.at("program").get<std::string>();
  target.server.path = value.at("path").get<std::string>();
  target.server.slots = number_of(value.at("slots"));
  target.server.ctx = number_of(value.at("ctx"));
  target.server.gpu_layers = number_of(value.at("gpu_layers"));
  target.server.args = texts_of(value.at("args"));
  target.server.idle_stop = std::chrono::milliseconds(value.at("idle_stop_ms").get<std::int64_t>());
  return target;
}

ExecTarget exec_target(const ModelEntry& entry) {
  ExecTarget target{entry.program.command, entry.program.workers, entry.program.env_keys};
  if (!target.argv.empty()) return target;
  try {
    for (const ShellWord& word : split_shell_words(entry.model)) target.argv.push_back(word.text);
  } catch (const Error& error) {
    throw Error("bad_request", entry.name + ": " + error.message());
  }
  return target;
}

LlamaTarget llama_target(const ModelEntry& entry) {
  return {entry.name, entry.provider + "/" + entry.model, entry.local_server.server, entry.local_server};
}

std::string find_program(const std::string& name, const EnvironmentLookup& environment) {
  if (name.find('/') != std::string::npos) {
    const std::string trouble = trouble_with(name);
    if (trouble.empty()) return name;
    throw Error("local/absent", name + ": " + trouble);
  }
  const std::string path = environment("PATH").value_or("/usr/local/bin:/usr/bin:/bin");
  for (std::size_t begin = 0; !name.empty() && begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    const std::string folder = path.substr(begin, end - begin);
    if (!folder.empty()) {
      std::string candidate = folder + "/" + name;
      if (trouble_with(candidate).empty()) return candidate;
    }
    begin = end + 1;
  }
  throw Error("local/absent", name + ": not in PATH");
}

std::string find_llama_server(const LlamaTarget& target, const EnvironmentLookup& environment) {
  std::string where = "not at server:, not in $LLAMA_SERVER, not in PATH";
  try {
    return find_program(target.program.empty() ? "llama-server" : target.program, environment);
  } catch (const Error& error) {
    if (!target.program.empty()) where = "not at server: " + error.message();
  }
  throw Error("local/absent",
              target.model + " needs llama-server: " + where +
                  ". Install llama.cpp (Debian 12 has no package; Ubuntu 26.04 and Debian testing: llama.cpp-tools), "
                  "or set base_url to a running server, or use sim/default.");
}

std::string gguf_identity(const std::string& path) {
  const auto refuse = [&](const std::string& why) { return Error("local/load", path + ": " + why); };
  std::error_code problem;
  if (std::filesystem::is_directory(path, problem)) throw refuse("a folder, not a GGUF file");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw refuse(strerrordesc_np(errno));
  file.seekg(0, std::ios::end);
  const auto size = static_cast<std::uint64_t>(file.tellg());
  const std::uint64_t first = std::min(size, kMiB);
  std::string bytes(first, '\0');
  file.seekg(0);
  file.read(bytes.data(), static_cast<std::streamsize>(first));
  if (!file) throw refuse("cannot be read");
  if (!bytes.starts_with("GGUF")) throw refuse("no GGUF file: it does not begin with GGUF");
  std::uint32_t version = 0;  // little-endian, as all of the format
  for (std::size_t i = 7; i > 3 && size >= 8; --i) version = version << 8U | static_cast<unsigned char>(bytes[i]);
  if (version != 2 && version != 3) {
    throw refuse("GGUF version " + std::to_string(version) + ", known are 2 and 3");
  }
  bytes.resize(first + first);
  file.seekg(static_cast<std::streamoff>(size - first));
  file.read(bytes.data() + first, static_cast<std::streamsize>(first));
  if (!file) throw refuse("cannot be read");
  return "gguf:" + std::filesystem::path(path).filename().string() + ":" + std::to_string(size) + ":" +
         to_hex(xxh3_128(bytes));
}

}  // namespace assay
