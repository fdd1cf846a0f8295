// Who may include whom: app -> repl -> core, app -> experiments -> runners -> core; inside core, model and text are
// used by all and use nothing but text. A library from outside has one door each.

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct Wall {
  std::string_view folder;                // files below it
  std::vector<std::string_view> allowed;  // may include what begins so
};

// The first wall whose folder fits counts.
const Wall kWalls[] = {
    {"core/text/", {"core/text/"}},
    {"core/model/", {"core/model/", "core/text/"}},
    {"core/statistics/", {"core/statistics/", "core/model/", "core/text/"}},
    {"core/", {"core/"}},
    {"runners/", {"runners/", "core/"}},
    {"experiments/", {"experiments/", "runners/", "core/"}},
    {"repl/", {"repl/", "core/"}},
    {"app/", {"app/", "repl/", "experiments/", "runners/", "core/"}},
};

struct Door {
  std::string_view header;               // <..> that begins so
  std::vector<std::string_view> inside;  // only below these
};

const Door kDoors[] = {
    {"sqlite3", {"core/store/"}},
    {"curl/", {"runners/llm/"}},
    {"readline/", {"repl/"}},
    {"zip.h", {"repl/"}},
    {"CLI/", {"app/"}},
    {"yaml-cpp/", {"runners/", "experiments/"}},
    {"coroutine", {}},  // miscompiled by g++ 12
    {"regex", {}},      // a pattern from a person goes to RE2
};

bool begins_with_one(std::string_view text, const std::vector<std::string_view>& beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(), [&](auto one) { return text.starts_with(one); });
}

/// What is wrong with this line of this file; "" when nothing is.
std::string fault(std::string_view file, std::string_view line) {
  if (!line.starts_with("#include")) return "";
  const auto begin = line.find_first_of("\"<");
  if (begin == std::string_view::npos) return "";
  const std::string_view rest = line.substr(begin + 1);
  const std::string_view header = rest.substr(0, rest.find_first_of("\">"));
  if (line[begin] == '<') {
    for (const Door& door : kDoors) {
      if (header.starts_with(door.header) && !begins_with_one(file, door.inside)) {
        return std::string(file) + " includes <" + std::string(header) + ">";
      }
    }
    return "";
  }
  for (const Wall& wall : kWalls) {
    if (!file.starts_with(wall.folder)) continue;
    if (begins_with_one(header, wall.allowed)) return "";
    return std::string(file) + " includes \"" + std::string(header) + "\"";
  }
  return "";
}

TEST_CASE("an include against the walls of the house is seen") {
  struct Row {
    std::string_view file, line;
    bool good;
  };
  const Row rows[] = {
      {"core/engine/job.hpp", "#include \"core/model/run.hpp\"", true},
      {"core/engine/job.hpp", "#include \"runners/llm/client.hpp\"", false},
      {"core/text/csv.cpp", "#include \"core/model/run.hpp\"", false},
      {"core/model/run.cpp", "#include \"core/text/json.hpp\"", true},
      {"core/model/run.cpp", "#include \"core/store/store.hpp\"", false},
      {"repl/shell.cpp", "#include \"runners/llm/client.hpp\"", false},
      {"repl/shell.cpp", "#include \"experiments/qa/qa.hpp\"", false},
      {"runners/chat_runner.cpp", "#include \"experiments/qa/qa.hpp\"", false},
      {"experiments/qa/qa.cpp", "#include \"repl/table.hpp\"", false},
      {"app/main.cpp", "#include \"experiments/qa/qa.hpp\"", true},
      {"app/main.cpp", "#include \"tests/support/pty.hpp\"", false},
      {"app/main.cpp", "#include \"main.hpp\"", false},
      {"core/store/sqlite.cpp", "#include <sqlite3.h>", true},
      {"core/engine/engine.cpp", "#include <sqlite3.h>", false},
      {"repl/shell.cpp", "#include <regex>", false},
      {"repl/shell.cpp", "// #include <regex>", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.file);
    CAPTURE(row.line);
    CHECK(fault(row.file, row.line).empty() == row.good);
  }
}

TEST_CASE("no source of the house includes what its room must not know") {
  const fs::path root = ASSAY_SOURCE_DIR;
  std::size_t files = 0;
  for (const char* room : {"app", "core", "experiments", "repl", "runners"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / room)) {
      const auto ending = entry.path().extension();
      if (ending != ".hpp" && ending != ".cpp") continue;
      ++files;
      const std::string name = fs::relative(entry.path(), root).generic_string();
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) CHECK_MESSAGE(fault(name, line).empty(), fault(name, line));
    }
  }
  CHECK(files > 100);
}

}  // namespace
