// Who may include whom (DESIGN.md 1), and words and tools that have no place in the sources or texts.

#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = ASSAY_SOURCE_DIR;

/// A room of the house, and the rooms it may include beside itself.
const std::map<std::string, std::set<std::string>> kRules = {
    {"core/text", {}},
    {"core/model", {"core/text"}},
    {"core/statistics", {"core/text", "core/model"}},
    {"core/query", {"core/text", "core/model"}},
    {"core/store", {"core/text", "core/model"}},
    {"core/ledger", {"core/text", "core/model", "core/store"}},
    {"core/engine", {"core/text", "core/model", "core/store", "core/ledger"}},
    {"runners", {"core"}},
    {"experiments", {"runners", "core"}},
    {"repl", {"core"}},
    {"app", {"repl", "experiments", "runners", "core"}},
};

/// "core/model" of "core/model/run.hpp", "runners" of "runners/llm/x.hpp", "" of what is not ours.
std::string room_of(const std::string& path) {
  const auto slash = path.find('/');
  const std::string top = path.substr(0, slash);
  if (slash == std::string::npos) return "";
  if (top == "core") {
    const auto second = path.find('/', slash + 1);
    return second == std::string::npos ? "core" : path.substr(0, second);
  }
  return kRules.count(top) ? top : "";
}

bool allowed(const std::string& from, const std::string& to) {
  if (from == to) return true;
  const auto& rooms = kRules.at(from);
  return rooms.count(to) || (to.starts_with("core/") && rooms.count("core"));
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

struct SourceFile {
  std::string path;  // from the root
  std::string text;
};

std::vector<SourceFile> sources(const std::vector<std::string>& folders, const std::set<std::string>& endings) {
  std::vector<SourceFile> files;
  for (const std::string& folder : folders) {
    if (!fs::exists(kRoot / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
      if (entry.is_regular_file() && endings.count(entry.path().extension().string()))
        files.push_back({fs::relative(entry.path(), kRoot).generic_string(), read(entry.path())});
    }
  }
  return files;
}

std::vector<SourceFile> our_sources() {
  return sources({"core", "runners", "experiments", "repl", "app"}, {".hpp", ".cpp"});
}

/// {line, included path} of every #include; `<..>` keep their bracket.
std::vector<std::pair<int, std::string>> includes(const std::string& text) {
  std::vector<std::pair<int, std::string>> found;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const auto hash = line.find_first_not_of(" \t");
    if (hash == std::string::npos || line[hash] != '#') continue;
    const auto word = line.find("include", hash);
    if (word == std::string::npos) continue;
    const auto open = line.find_first_of("\"<", word);
    if (open == std::string::npos) continue;
    const auto close = line.find_first_of("\">", open + 1);
    found.emplace_back(number, (line[open] == '<' ? "<" : "") + line.substr(open + 1, close - open - 1));
  }
  return found;
}

/// The text without comments and string literals, lines kept.
std::string code_of(const std::string& text) {
  std::string code;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (text.compare(i, 2, "//") == 0) {
      i = std::min(text.find('\n', i), text.size()) - 1;
    } else if (text.compare(i, 2, "/*") == 0) {
      const std::size_t end = std::min(text.find("*/", i + 2), text.size());
      code.append(static_cast<std::size_t>(std::count(text.begin() + static_cast<std::ptrdiff_t>(i),
                                                      text.begin() + static_cast<std::ptrdiff_t>(end), '\n')),
                  '\n');
      i = end + 1;
    } else if (text.compare(i, 2, "R\"") == 0) {
      const std::size_t open = text.find('(', i);
      const std::string close = ")" + text.substr(i + 2, open - i - 2) + "\"";
      i = text.find(close, open) + close.size() - 1;
    } else if (c == '"' || (c == '\'' && (i == 0 || !std::isalnum(static_cast<unsigned char>(text[i - 1]))))) {
      for (++i; i < text.size() && text[i] != c; ++i) {
        if (text[i] == '\\') ++i;
      }
    } else {
      code += c;
    }
  }
  return code;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

const std::vector<std::string> kForbiddenWords = {"exactly once", "exactly-once", "no data loss", "never lose",
                                                  "100 %"};

}  // namespace

TEST_CASE("the rules themselves can fail") {
  CHECK_FALSE(allowed("core/text", "core/model"));
  CHECK_FALSE(allowed("core/model", "core/store"));
  CHECK_FALSE(allowed("core/query", "core/engine"));
  CHECK_FALSE(allowed("runners", "experiments"));
  CHECK_FALSE(allowed("repl", "runners"));
  CHECK_FALSE(allowed("repl", "experiments"));
  CHECK(allowed("repl", "core/engine"));
  CHECK(allowed("core/engine", "core/ledger"));
  CHECK(room_of("core/model/run.hpp") == "core/model");
  CHECK(room_of("runners/llm/providers/openai.hpp") == "runners");
  CHECK(room_of("zlib.h") == "");
  CHECK(code_of("a // std::regex\n\"co_await\" b /* x\n */ c R\"(std::regex)\" 1'000 'x' d") ==
        "a \n b \n c  1'000  d");
  CHECK(includes("#include \"a/b.hpp\"\n  # include <c>\n").size() == 2);
}

TEST_CASE("includes go from the top of the house to the bottom only") {
  const auto files = our_sources();
  REQUIRE(files.size() > 20);
  for (const SourceFile& file : files) {
    const std::string from = room_of(file.path);
    REQUIRE_MESSAGE(kRules.count(from) == 1, file.path, " is in no known room");
    for (const auto& [line, included] : includes(file.text)) {
      const std::string to = room_of(included);
      if (to.empty()) continue;
      CHECK_MESSAGE(allowed(from, to), file.path, ":", line, ": ", from, " must not include ", included);
    }
  }
}

TEST_CASE("ours are included from the root, in quotes, and exist") {
  for (const SourceFile& file : our_sources()) {
    for (const auto& [line, included] : includes(file.text)) {
      if (included.starts_with('<')) continue;
      CHECK_MESSAGE(fs::exists(kRoot / included), file.path, ":", line, ": there is no ", included);
    }
  }
}

TEST_CASE("nlohmann/json comes through core/text/json.hpp") {
  const std::set<std::string> may = {"core/text/json.hpp", "core/model/runner.hpp"};
  for (const SourceFile& file : our_sources()) {
    for (const auto& [line, included] : includes(file.text)) {
      const bool direct = included.starts_with("<nlohmann/") && included != "<nlohmann/json_fwd.hpp";
      CHECK_MESSAGE((!direct || may.count(file.path)), file.path, ":", line, ": include core/text/json.hpp");
    }
  }
}

TEST_CASE("no std::regex, no coroutines") {
  for (const SourceFile& file : our_sources()) {
    const std::string code = code_of(file.text);
    for (const char* word : {"std::regex", "<regex>", "co_await", "co_yield", "co_return", "<coroutine>"})
      CHECK_MESSAGE(code.find(word) == std::string::npos, file.path, " uses ", std::string(word));
  }
}

TEST_CASE("no text promises what can't be kept") {
  auto texts = our_sources();
  for (const char* name : {"README.md", "core/README.md"}) {
    if (fs::exists(kRoot / name)) texts.push_back({name, read(kRoot / name)});
  }
  for (const SourceFile& file : sources({"docs", "app", "repl", "experiments", "runners"}, {".md", ".txt", ".yaml"}))
    texts.push_back(file);
  // The one sentence that may say it, in the README alone: it says that it is not so.
  const std::string sentence = "exactly once is not possible over plain http, and we do not claim it.";
  for (const SourceFile& file : texts) {
    std::string text = lower(file.text);
    for (char& c : text) c = c == '\n' ? ' ' : c;
    if (file.path == "README.md") {
      const auto found = text.find(sentence);
      if (found != std::string::npos) text.erase(found, sentence.size());
    }
    for (const std::string& word : kForbiddenWords)
      CHECK_MESSAGE(text.find(word) == std::string::npos, file.path, " says \"", word, "\"");
  }
}
