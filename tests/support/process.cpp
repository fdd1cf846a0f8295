#include "tests/support/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace assay::test {
namespace {

std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::atomic<int> counter{0};

/// A program that hangs is killed and told, long before the whole suite is.
std::chrono::milliseconds longest_wait() {
  return std::getenv("ASSAY_SOAK") != nullptr ? std::chrono::hours(12) : std::chrono::minutes(4);
}

/// What each of its threads is and waits for.
std::string threads_of(pid_t pid) {
  std::string lines;
  std::error_code problem;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", problem)) {
    std::string name = contents(thread.path() / "comm");
    if (!name.empty()) name.pop_back();
    lines += "  " + name + ": " + contents(thread.path() / "wchan") + ", " + contents(thread.path() / "syscall");
  }
  return lines;
}

}  // namespace

std::string assay_program() { return ASSAY_BUILD_DIR "/app/assay"; }

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "assay_test_XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code problem;
  std::filesystem::remove_all(path_, problem);
}

void TemporaryFolder::write(const std::string& name, const std::string& text) const {
  std::ofstream(path_ / name, std::ios::binary) << text;
}

std::string TemporaryFolder::read(const std::string& name) const { return contents(path_ / name); }

Child::Child(const std::vector<std::string>& argv, const std::filesystem::path& folder,
             const Environment& environment) {
  const std::string stamp = std::to_string(getpid()) + "-" + std::to_string(++counter);
  out_ = std::filesystem::temp_directory_path() / ("assay_child_" + stamp + ".out");
  error_ = std::filesystem::temp_directory_path() / ("assay_child_" + stamp + ".err");
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    variables[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
  }
  for (const auto& [name, value] : environment) variables[name] = value;
  std::vector<std::string> texts;
  for (const auto& [name, value] : variables) texts.push_back(name + "=" + value);
  std::vector<char*> envp, arguments;
  for (std::string& text : texts) envp.push_back(text.data());
  envp.push_back(nullptr);
  std::vector<std::string> words = argv;
  for (const std::string& word : argv) words_ += word + " ";
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, out_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, error_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const int problem = posix_spawn(&pid_, words.front().c_str(), &actions, nullptr, arguments.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  if (problem != 0) throw std::runtime_error("can't start " + words.front());
}

Child::~Child() {
  if (!ended_) {
    kill(pid_, SIGKILL);
    wait();
  }
  std::error_code problem;
  std::filesystem::remove(out_, problem);
  std::filesystem::remove(error_, problem);
}

void Child::signal(int number) const {
  if (!ended_) kill(pid_, number);
}

void Child::reaped(int status) {
  ended_ = true;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool Child::running() {
  int status = 0;
  if (!ended_ && waitpid(pid_, &status, WNOHANG) == pid_) reaped(status);
  return !ended_;
}

int Child::wait() {
  if (wait_for(longest_wait()) != -1 || ended_) return status_;
  std::fprintf(stderr, "still running, killed: %s\n%sit said: %s\n%s\n", words_.c_str(), threads_of(pid_).c_str(),
               out().c_str(), error().c_str());
  kill(pid_, SIGKILL);
  int status = 0;
  if (waitpid(pid_, &status, 0) == pid_) reaped(status);
  return status_;
}

int Child::wait_for(std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (running()) {
    if (std::chrono::steady_clock::now() > until) return -1;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return status_;
}

std::string Child::out() const { return contents(out_); }
std::string Child::error() const { return contents(error_); }

Finished run(const std::vector<std::string>& argv, const std::filesystem::path& folder,
             const Environment& environment) {
  Child child(argv, folder, environment);
  const int status = child.wait();
  return {status, child.out(), child.error()};
}

}  // namespace assay::test
