#include "runners/llm/environment.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include "core/text/error.hpp"

namespace assay {
namespace {

constexpr std::size_t kMostBytes = 1U << 20U;

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string value_of(std::string_view text, const std::string& place) {
  text = trim(text);
  if (text.empty()) return "";
  const char quote = text.front();
  if (quote != '"' && quote != '\'') {
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '#' && (i == 0 || blank(text[i - 1]))) return std::string(trim(text.substr(0, i)));
    }
    return std::string(text);
  }
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == quote) {
      const std::string_view rest = trim(text.substr(i + 1));
      if (!rest.empty() && rest.front() != '#') throw Error("file", "text after the closing quote", place);
      return value;
    }
    if (quote == '"' && text[i] == '\\' && i + 1 < text.size()) {
      ++i;
      value += text[i] == 'n' ? '\n' : text[i] == 't' ? '\t' : text[i];
    } else {
      value += text[i];
    }
  }
  throw Error("file", "a quote is not closed", place);
}

}  // namespace

bool is_variable_name(std::string_view text) {
  if (text.empty() || (text.front() >= '0' && text.front() <= '9')) return false;
  for (const char c : text) {
    const bool good = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    if (!good) return false;
  }
  return true;
}

std::map<std::string, std::string, std::less<>> parse_env_text(std::string_view text, const std::string& place) {
  std::map<std::string, std::string, std::less<>> values;
  std::size_t number = 0;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#') continue;
    if (line.starts_with("export ") || line.starts_with("export\t")) line = trim(line.substr(7));
    const std::size_t equals = line.find('=');
    const std::string here = place + ":" + std::to_string(number);
    const std::string_view name = trim(line.substr(0, equals));
    // The line itself may hold a key: it is not quoted.
    if (equals == std::string_view::npos || !is_variable_name(name)) throw Error("file", "not KEY=VALUE", here);
    values.insert_or_assign(std::string(name), value_of(line.substr(equals + 1), here));
  }
  return values;
}

EnvironmentLookup process_environment(const std::string& directory) {
  namespace fs = std::filesystem;
  auto file = std::make_shared<std::map<std::string, std::string, std::less<>>>();
  std::error_code ignored;
  fs::path start = fs::absolute(directory, ignored).lexically_normal();
  if (!start.has_filename()) start = start.parent_path();
  for (fs::path folder = start; !folder.empty(); folder = folder.parent_path()) {
    const fs::path path = folder / ".env";
    if (fs::is_regular_file(path, ignored)) {
      std::ifstream stream(path, std::ios::binary);
      // A stranger's file above is no reason not to start.
      if (!stream && folder != start) {
        if (folder == folder.root_path()) break;
        continue;
      }
      std::string text(kMostBytes + 1, '\0');
      stream.read(text.data(), static_cast<std::streamsize>(text.size()));
      if (!stream.is_open() || stream.bad()) throw Error("file", "cannot be read", path.string());
      text.resize(static_cast<std::size_t>(stream.gcount()));
      if (text.size() > kMostBytes) throw Error("file", "more than 1 MiB", path.string());
      *file = parse_env_text(text, path.string());
      break;
    }
    if (folder == folder.root_path()) break;
  }
  return [file](std::string_view name) -> std::optional<std::string> {
    if (const char* value = std::getenv(std::string(name).c_str())) return value;
    const auto found = file->find(name);
    if (found == file->end()) return std::nullopt;
    return found->second;
  };
}

}  // namespace assay
