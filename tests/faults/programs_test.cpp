// The programs that assay starts: none outlives it, however it ends, and none sees a key (models.md 8.2, 2.13, 1).
#include <doctest/doctest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;
const std::string kPrograms = ASSAY_BUILD_DIR "/tests/local_programs";

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// "name state parent" of a process, from /proc/PID/stat; "" when it is gone.
struct Process {
  std::string name;
  char state = ' ';
  pid_t parent = 0;
};
std::optional<Process> process(pid_t pid) {
  const std::string stat = contents("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t open = stat.find('('), close = stat.rfind(')');
  if (close == std::string::npos) return std::nullopt;
  Process found{stat.substr(open + 1, close - open - 1), stat.at(close + 2), 0};
  found.parent = std::stoi(stat.substr(close + 4));
  if (found.state == 'Z') return std::nullopt;
  return found;
}

std::map<pid_t, std::string> children_of(pid_t parent) {
  std::map<pid_t, std::string> all;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const pid_t pid = std::stoi(name);
    const auto found = process(pid);
    if (found && found->parent == parent) all[pid] = found->name;
  }
  return all;
}

template <class Condition>
bool within(std::chrono::milliseconds limit, Condition condition) {
  const auto until = std::chrono::steady_clock::now() + limit;
  do {
    if (condition()) return true;
    std::this_thread::sleep_for(20ms);
  } while (std::chrono::steady_clock::now() < until);
  return condition();
}

const std::map<std::string, std::string> kCanaries = {{"OPENAI_API_KEY", "CANARY-openai-012345"},
                                                      {"ANTHROPIC_API_KEY", "CANARY-anthropic-012"},
                                                      {"DEEPINFRA_TOKEN", "CANARY-deepinfra-012"},
                                                      {"LLAMA_API_KEY", "CANARY-llama-0123456"},
                                                      {"LAB_SECRET", "CANARY-lab-012345678"}};

/// One model of each kind, with calls that last.
struct Desk {
  Desk() {
    folder.write("m.gguf", std::string("GGUF\3\0\0\0", 8));
    folder.write("models.yaml",
                 "models:\n"
                 "  qwen: {model: llama/qwen, path: m.gguf, server: \"" +
                     kPrograms +
                     "/llama-server\",\n"
                     "         args: [--stand-in-latency, 30s, --stand-in-ignore-term]}\n"
                     "  tool: {command: [\"" +
                     kPrograms +
                     "/exec_program\", --hang]}\n"
                     "  lab: {model: openai/x, key_env: LAB_SECRET}\n");
    for (const auto& [name, value] : kCanaries) environment.emplace_back(name, value);
    environment.emplace_back("PLAIN", "harmless");
  }
  std::unique_ptr<Child> start(const std::string& model) const {
    return std::make_unique<Child>(
        std::vector<std::string>{assay_program(), ":memory:", "-c",
                                 "models; load arithmetic sample limit=1 model=" + model + "; run_n 1"},
        folder.path(), environment);
  }
  TemporaryFolder folder;
  Environment environment;
};

/// The child with that name, once it is there.
pid_t wait_for_child(const Child& assay, const std::string& name) {
  pid_t found = 0;
  within(10s, [&] {
    for (const auto& [pid, child] : children_of(assay.pid())) {
      if (child == name) found = pid;
    }
    return found != 0;
  });
  return found;
}

}  // namespace

TEST_CASE("kill -9 of the program leaves none of its programs 2 s later") {
  const Desk desk;
  for (const auto& [model, name] : {std::pair{"qwen", "llama-server"}, std::pair{"tool", "exec_program"}}) {
    CAPTURE(model);
    const auto assay = desk.start(model);
    const pid_t child = wait_for_child(*assay, name);
    INFO(assay->out() << assay->error());
    REQUIRE(child != 0);
    std::this_thread::sleep_for(200ms);
    CHECK(process(child).has_value());
    assay->signal(SIGKILL);
    assay->wait();
    CHECK(within(2s, [&] { return !process(child).has_value(); }));
  }
}

TEST_CASE("told to end, the program ends its programs first, even those that would stay") {
  const Desk desk;
  for (const auto& [model, name] : {std::pair{"qwen", "llama-server"}, std::pair{"tool", "exec_program"}}) {
    CAPTURE(model);
    const auto assay = desk.start(model);
    const pid_t child = wait_for_child(*assay, name);
    REQUIRE(child != 0);
    std::this_thread::sleep_for(200ms);
    assay->signal(SIGTERM);
    CHECK(assay->wait_for(15s) != -1);
    CHECK_FALSE(process(child).has_value());
  }
}

TEST_CASE("no key in the environment or on the command line of any child") {
  const Desk desk;
  const auto look = [&](pid_t child) {
    const std::string environment = contents("/proc/" + std::to_string(child) + "/environ");
    const std::string words = contents("/proc/" + std::to_string(child) + "/cmdline");
    CHECK(environment.find("PLAIN=harmless") != std::string::npos);
    CHECK(environment.find("CANARY") == std::string::npos);
    CHECK(words.find("CANARY") == std::string::npos);
    const std::size_t own = environment.find("LLAMA_API_KEY=");
    if (own == std::string::npos) return;
    const std::string key = environment.substr(own + 14, 32);
    CHECK(key.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(words.find(key) == std::string::npos);
  };
  for (const auto& [model, name] : {std::pair{"qwen", "llama-server"}, std::pair{"tool", "exec_program"}}) {
    CAPTURE(model);
    const auto assay = desk.start(model);
    const pid_t child = wait_for_child(*assay, name);
    REQUIRE(child != 0);
    look(child);
    CHECK((contents("/proc/" + std::to_string(child) + "/environ").find("LLAMA_API_KEY=") != std::string::npos) ==
          (std::string(model) == "qwen"));
  }
  const Finished shell =
      run({assay_program(), ":memory:", "-c", "models; ! env"}, desk.folder.path(), desk.environment);
  CHECK(shell.out.find("PLAIN=harmless") != std::string::npos);
  CHECK((shell.out + shell.error).find("CANARY") == std::string::npos);
}
