#pragma once
// The real program as a child process, for tests: run to its end with its output, or started and killed.
// One thread at a time.

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace assay::test {

/// The built shell.
std::string assay_program();

/// A folder of its own, removed at the end unless the test failed under a debugger's eyes (keep()).
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path path() const { return path_; }
  std::string file(const std::string& name) const { return (path_ / name).string(); }
  void write(const std::string& name, const std::string& text) const;
  std::string read(const std::string& name) const;

 private:
  std::filesystem::path path_;
};

using Environment = std::vector<std::pair<std::string, std::string>>;  // added to, or replacing, the process's

class Child {
 public:
  /// Starts argv in `folder`; output goes to files there. Standard input is /dev/null.
  Child(const std::vector<std::string>& argv, const std::filesystem::path& folder, const Environment& environment = {});
  ~Child();  // SIGKILL when it still runs
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  bool running();
  /// Exit status, or 128 + signal. One that doesn't end within minutes is killed, and what it was doing is printed.
  int wait();
  /// nullopt-like: -1 when it still runs after `limit`.
  int wait_for(std::chrono::milliseconds limit);
  std::string out() const;
  std::string error() const;

 private:
  void reaped(int status);
  pid_t pid_ = 0;
  int status_ = -1;
  bool ended_ = false;
  std::string words_;
  std::filesystem::path out_, error_;
};

struct Finished {
  int status = 0;
  std::string out, error;
};
Finished run(const std::vector<std::string>& argv, const std::filesystem::path& folder,
             const Environment& environment = {});

}  // namespace assay::test
