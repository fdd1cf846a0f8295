// README.md is true: what it says to type is typed into the real program in a terminal, and what it says one sees is
// seen. Numbers of time and size are those of the day, and pid and host; all others are as written.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>

#include "core/text/input.hpp"
#include "tests/support/pty.hpp"

using namespace assay::test;
using namespace std::chrono_literals;

namespace {

const std::string kProgram = ASSAY_BUILD_DIR "/app/assay";

/// The indented lines of a README's section, without the indent.
std::vector<std::string> shown_lines(const std::string& section) {
  const std::string text = assay::read_file(ASSAY_SOURCE_DIR "/README.md");
  const std::size_t begin = text.find("\n## " + section), end = text.find("\n## ", begin + 1);
  REQUIRE(begin != std::string::npos);
  std::istringstream stream(text.substr(begin, end - begin));
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with("    ")) lines.push_back(line.substr(4));
  }
  return lines;
}

bool is_number(std::string_view word) {
  return !word.empty() && word.find_first_not_of("0123456789.,") == std::string_view::npos;
}

bool is_clock(std::string_view word) {
  return word.size() >= 8 && word[2] == ':' && word[5] == ':' &&
         word.find_first_not_of("0123456789:.") == std::string_view::npos;
}

/// Words joined by one blank; times, sizes, pids and hosts become #.
std::string in_words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string word = words[i];
    const std::string unit = i + 1 < words.size() ? words[i + 1].substr(0, words[i + 1].find_first_of(":;,.)")) : "";
    const bool measured = unit == "ms" || unit == "s" || unit == "KiB" || unit == "MiB";
    const std::string bare = word.substr(word.starts_with("(") ? 1 : 0, word.find_last_not_of(";:,).") + 1);
    const bool after_pid = i > 0 && (words[i - 1] == "(pid" || (i > 1 && words[i - 2] == "(pid"));
    if ((measured && is_number(bare)) || is_clock(bare) || after_pid) word = "#";
    // A size may come in another unit tomorrow.
    if (i > 0 && (word.starts_with("KiB") || word.starts_with("MiB"))) word = "KiB" + word.substr(3);
    if (i > 0 && (word == "ms" || word == "s" || word == "ms:" || word == "s:"))
      word = "s" + word.substr(word.find_last_of("s") + 1);
    out += (out.empty() ? "" : " ") + word;
  }
  return out;
}

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "assay_readme_XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  ~Folder() {
    std::error_code problem;
    std::filesystem::remove_all(path, problem);
  }
};

}  // namespace

TEST_CASE("README's first ten minutes: each line typed as written shows what is written under it") {
  const Folder folder;
  PtyOptions options;
  options.rows = 400;  // nothing goes through a pager
  options.columns = 250;
  options.folder = folder.path.string();
  options.environment = {"HOME=" + folder.path.string(), "TZ=UTC"};
  std::unique_ptr<Pty> pty;
  std::string after;  // what was typed last: what is awaited stands behind it
  std::size_t typed = 0, seen = 0;
  std::vector<std::string> awaited;
  for (const std::string& line : shown_lines("The first ten minutes")) {
    CAPTURE(line);
    if (line.starts_with("app/run ") || line.starts_with("tests/run")) continue;
    if (line.starts_with("$ app/run ")) {
      pty = std::make_unique<Pty>(std::vector<std::string>{kProgram, line.substr(10)}, options);
      after.clear();
      awaited.clear();
      const bool prompted = pty->wait_for("assay> ");
      INFO(pty->raw());
      REQUIRE(prompted);
    } else if (line.starts_with("assay> ")) {
      REQUIRE(pty);
      awaited.clear();
      after = in_words(line);
      pty->send(line.substr(7) + "\r");
      ++typed;
      const bool echoed = pty->wait_until([&] { return in_words(pty->all_text()).find(after) != std::string::npos; });
      INFO(pty->describe());
      REQUIRE(echoed);
    } else if (line.starts_with("-- ")) {
      REQUIRE(pty);
      pty->pump(1000ms);
      // The process that has the experiment, which its lock names, and the one at the terminal.
      const std::string lock = assay::read_file((folder.path / "saves/first.assay-lock").string());
      const pid_t owner = static_cast<pid_t>(std::strtol(lock.c_str(), nullptr, 10));
      REQUIRE(owner > 1);
      ::kill(owner, SIGKILL);
      pty->signal(SIGKILL);
      REQUIRE(pty->exit_status(10s));
      for (int i = 0; i < 500 && ::kill(owner, 0) == 0; ++i) ::usleep(10'000);  // its lock goes with it
    } else if (line != "..") {
      REQUIRE(pty);
      std::string wanted = in_words(line);
      if (wanted.ends_with(" ..")) wanted.resize(wanted.size() - 3);
      awaited.push_back(wanted);
      ++seen;
      const bool there = pty->wait_until(
          [&] {
            const std::string text = in_words(pty->all_text());
            std::size_t at = after.empty() ? 0 : text.rfind(after);
            for (const std::string& one : awaited) {
              if (at == std::string::npos) return false;
              at = text.find(one, at);
            }
            return at != std::string::npos;
          },
          20s);
      INFO(pty->describe());
      CHECK(there);
    }
  }
  CHECK(typed > 12);
  CHECK(seen > 20);
  REQUIRE(pty);
  CHECK(pty->exit_status(20s) == 0);  // its last line is `exit`
}

TEST_CASE("README's one-liners work as written") {
  const Folder folder;
  std::size_t lines = 0;
  for (std::string line : shown_lines("The first ten minutes")) {
    if (!line.starts_with("app/run ")) continue;
    ++lines;
    const std::string command = "cd " + folder.path.string() + " && HOME=. " + kProgram + line.substr(7) + " >out 2>&1";
    CAPTURE(command);
    CHECK(std::system(command.c_str()) == 0);  // NOLINT(concurrency-mt-unsafe)
  }
  CHECK(lines > 0);
}
