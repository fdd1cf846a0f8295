// Words that promise what nobody can keep have no place in texts and messages (reliability.md 3).

#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = ASSAY_SOURCE_DIR;

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

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

const std::vector<std::string> kForbiddenWords = {"exactly once", "exactly-once", "no data loss", "never lose",
                                                  "100 %"};

}  // namespace

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
