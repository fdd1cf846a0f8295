// Two types of one name in one namespace, seen by different sources, is no error of the compiler or the linker: one's
// destructor is called on the other. So every name is given once.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace {

namespace fs = std::filesystem;

/// The type that a line at a file's outermost level begins to define: "struct Row {", "enum class Role : int {".
std::optional<std::string> defined_type(std::string_view line) {
  for (const std::string_view word : {"struct ", "class ", "enum class "}) {
    if (!line.starts_with(word)) continue;
    line.remove_prefix(word.size());
    const auto end = line.find_first_of(" ;{<(");
    const bool body = line.find('{') != std::string_view::npos;
    if (end == std::string_view::npos || end == 0 || !body || line[end] == '(' || line[end] == '<') return std::nullopt;
    return std::string(line.substr(0, end));
  }
  return std::nullopt;
}

TEST_CASE("the definition of a type is seen") {
  CHECK(defined_type("struct Row {") == "Row");
  CHECK(defined_type("class Reader final : public Base {") == "Reader");
  CHECK(defined_type("enum class Role : int { a, b };") == "Role");
  CHECK_FALSE(defined_type("struct Row;"));
  CHECK_FALSE(defined_type("  struct Inner {"));
  CHECK_FALSE(defined_type("struct Visit<int> {"));
}

TEST_CASE("no two headers of the house define a type of one name in one namespace") {
  const fs::path root = ASSAY_SOURCE_DIR;
  std::map<std::string, std::string> seen;
  for (const char* room : {"app", "core", "experiments", "repl", "runners"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / room)) {
      if (entry.path().extension() != ".hpp") continue;
      const std::string file = fs::relative(entry.path(), root).generic_string();
      std::string space;
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) {
        if (line.starts_with("namespace ") && line.ends_with("{")) space = line.substr(10);
        const auto type = defined_type(line);
        if (!type) continue;
        const auto [at, is_new] = seen.emplace(space + *type, file);
        CHECK_MESSAGE((is_new || at->second == file), *type << " is defined in " << at->second << " and in " << file);
      }
    }
  }
  CHECK(seen.size() > 100);
}

}  // namespace
