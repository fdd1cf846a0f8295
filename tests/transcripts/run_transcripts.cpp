// run_transcripts --program ASSAY [--update] FILE..: plays transcripts (transcript.hpp) on the real program.
// Exit status 1 when one does not fit; `--update` rewrites them to what is printed now, for the diff to be read.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "tests/support/mock_server.hpp"
#include "tests/transcripts/transcript.hpp"

namespace assay::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMark = "===end-of-command===";
constexpr auto kTimeLimit = std::chrono::seconds(120);

/// A folder that goes with the object.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "assay-transcript-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder " + name);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

struct Printed {
  std::string text;
  int status = 0;
};

/// Runs a program with both streams in one pipe and nothing to read.
Printed run(const std::vector<std::string>& argv, const std::vector<std::string>& environment, const fs::path& folder) {
  std::vector<char*> words, variables;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  for (const std::string& one : environment) variables.push_back(const_cast<char*>(one.c_str()));
  words.push_back(nullptr);
  variables.push_back(nullptr);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  const pid_t child = fork();
  if (child == 0) {
    setpgid(0, 0);
    const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(nothing, 0);
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    if (chdir(folder.c_str()) != 0) _exit(126);
    execve(words[0], words.data(), variables.data());
    _exit(127);
  }
  close(ends[1]);
  Printed printed;
  const auto limit = std::chrono::steady_clock::now() + kTimeLimit;
  bool late = false;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(limit - std::chrono::steady_clock::now()).count();
    pollfd waiting{ends[0], POLLIN, 0};
    if (left <= 0 || poll(&waiting, 1, static_cast<int>(left)) == 0) {
      late = true;
      kill(-child, SIGKILL);
      break;
    }
    char bytes[4096];
    const auto got = read(ends[0], bytes, sizeof bytes);
    if (got <= 0) break;
    printed.text.append(bytes, static_cast<std::size_t>(got));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  printed.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (late) printed.text += "\n[did not end within the time limit]\n";
  return printed;
}

/// A line of plain progress ("#1 3/4 done, .."): how many there are is a matter of time.
bool is_progress(std::string_view line) {
  if (!line.starts_with('#')) return false;
  const auto rest = line.find_first_not_of("0123456789,", 1);
  if (rest == std::string_view::npos || line[rest] != ' ') return false;
  const auto after = line.find_first_not_of("0123456789,/", rest + 1);
  return after != std::string_view::npos && line.substr(after).starts_with(" done, ");
}

/// Lines as they are compared: without progress.
std::vector<std::string> shown_lines(std::string_view text) {
  std::vector<std::string> lines = split_lines(text);
  std::erase_if(lines, is_progress);
  return lines;
}

/// What each command of a session printed. Behind each stands a line of ours that `!` prints; with --json the reply
/// to that `!` follows it.
std::vector<std::vector<std::string>> by_command(const std::string& text, std::size_t commands) {
  std::vector<std::vector<std::string>> blocks(commands);
  std::size_t at = 0;
  bool after_mark = false;
  for (std::string& line : shown_lines(text)) {
    if (const auto mark = line.find(kMark); mark != std::string::npos) {
      if (mark > 0) blocks[at].push_back(line.substr(0, mark));  // the last line had no end
      if (at + 1 < commands) ++at;
      after_mark = true;
      continue;
    }
    if (!after_mark || !line.starts_with(R"({"command":"!",)")) blocks[at].push_back(std::move(line));
    after_mark = false;
  }
  for (auto& block : blocks) {
    while (!block.empty() && block.back().empty()) block.pop_back();
  }
  return blocks;
}

class Player {
 public:
  Player(const Transcript& transcript, const fs::path& program) : transcript_(transcript), program_(program) {
    work_ = folder_.path() / "work";
    fs::create_directories(work_);
    fs::create_directories(folder_.path() / "home");
    for (const auto& [name, content] : transcript.files) {
      fs::create_directories((work_ / name).parent_path());
      std::ofstream(work_ / name, std::ios::binary) << content;
    }
    environment_ = {"PATH=" + program.parent_path().string() + ":/usr/bin:/bin",
                    "HOME=" + (folder_.path() / "home").string(),
                    "LANG=C.UTF-8",
                    "TZ=UTC",
                    "TERM=dumb",
                    "COLUMNS=100"};
    if (!transcript.mock.empty() || !transcript.rules.empty()) {
      server_.emplace();
      if (!transcript.mock.empty()) server_->config(transcript.mock);
      if (!transcript.rules.empty()) server_->rules(transcript.rules);
      environment_.push_back("OPENAI_BASE_URL=" + server_->base_url());
      environment_.emplace_back("OPENAI_API_KEY=test-key");
    }
    // Of the sanitizers' settings only: which leaks are known, where reports go.
    for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"}) {
      if (const char* value = std::getenv(name)) environment_.push_back(std::string(name) + "=" + value);
    }
    for (const auto& [name, value] : transcript.environment) {
      std::erase_if(environment_, [&](const std::string& line) { return line.starts_with(name + "="); });
      environment_.push_back(name + "=" + value);
    }
  }

  /// What every block printed.
  std::vector<std::vector<std::string>> play() {
    std::vector<std::vector<std::string>> all;
    for (std::size_t i = 0; i < transcript_.blocks.size();) {
      if (transcript_.blocks[i].shell) {
        const Printed printed = run({"/bin/sh", "-c", transcript_.blocks[i].command}, environment_, work_);
        all.push_back(shown_lines(printed.text));
        if (printed.status != 0) all.back().push_back("[exit " + std::to_string(printed.status) + "]");
        ++i;
        continue;
      }
      std::size_t end = i;
      while (end < transcript_.blocks.size() && !transcript_.blocks[end].shell) ++end;
      for (auto& block : session(i, end)) all.push_back(std::move(block));
      i = end;
    }
    return all;
  }
  int exit_status() const { return exit_status_; }

 private:
  std::vector<std::vector<std::string>> session(std::size_t begin, std::size_t end) {
    {
      std::ofstream script(folder_.path() / "script", std::ios::binary);
      for (std::size_t i = begin; i < end; ++i) {
        script << transcript_.blocks[i].command << "\n! echo " << kMark << "\n";
      }
    }
    std::vector<std::string> argv{program_.string()};
    argv.push_back(transcript_.experiment == "temp" ? "../experiment.assay" : transcript_.experiment);
    for (const std::string& word : transcript_.arguments) argv.push_back(word);
    argv.insert(argv.end(), {"-f", "../script"});
    const Printed printed = run(argv, environment_, work_);
    exit_status_ = printed.status;
    return by_command(printed.text, end - begin);
  }

  const Transcript& transcript_;
  fs::path program_, work_;
  Folder folder_;
  std::vector<std::string> environment_;
  std::optional<MockServer> server_;
  int exit_status_ = 0;
};

void show_lines(const char* title, const std::vector<std::string>& lines) {
  std::cout << "  " << title << "\n";
  for (const std::string& line : lines) std::cout << "    |" << line << "\n";
}

bool check(const fs::path& file, const fs::path& program, bool update) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw std::runtime_error("can't be read");
  Transcript transcript = parse_transcript(text.str());
  Player player(transcript, program);
  const auto printed = player.play();
  bool good = true;
  for (std::size_t i = 0; i < transcript.blocks.size(); ++i) {
    TranscriptBlock& block = transcript.blocks[i];
    if (block_fits(block.expected, printed[i])) continue;
    good = false;
    if (update) {
      block.expected = updated_block(block.expected, printed[i]);
      continue;
    }
    std::cout << file.string() << ":" << block.line << ": " << (block.shell ? "$ " : "> ") << block.command << "\n";
    show_lines("expected:", block.expected);
    show_lines("printed:", printed[i]);
  }
  if (player.exit_status() != transcript.exit_status) {
    good = false;
    if (!update) {
      std::cout << file.string() << ": exit status " << player.exit_status() << ", expected " << transcript.exit_status
                << "\n";
    }
    transcript.exit_status = player.exit_status();
  }
  if (update && !good) {
    std::ofstream(file, std::ios::binary) << transcript_text(transcript);
    std::cout << "rewritten: " << file.string() << "\n";
  }
  return good || update;
}

int run_all(const std::vector<std::string>& words) {
  fs::path program;
  bool update = false, good = true;
  std::vector<fs::path> files;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--update") {
      update = true;
    } else if (words[i] == "--program" && i + 1 < words.size()) {
      program = fs::absolute(words[++i]);
    } else {
      files.emplace_back(words[i]);
    }
  }
  if (program.empty() || files.empty()) {
    std::cerr << "usage: run_transcripts --program ASSAY [--update] FILE..\n";
    return 2;
  }
  for (const fs::path& file : files) {
    try {
      good = check(file, program, update) && good;
    } catch (const std::exception& error) {
      std::cout << file.string() << ": " << error.what() << "\n";
      good = false;
    }
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace assay::test

int main(int argc, char** argv) { return assay::test::run_all({argv + 1, argv + argc}); }
