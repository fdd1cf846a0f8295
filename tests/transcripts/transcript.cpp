#include "tests/transcripts/transcript.hpp"

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace assay::test {
namespace {

constexpr std::string_view kAnyLines = "[...]";
constexpr std::string_view kAnyText = "[..]";

/// The value of `# key: value`; false when the line is another.
bool header_value(std::string_view line, std::string_view key, std::string& value) {
  if (!line.starts_with("# ")) return false;
  line.remove_prefix(2);
  if (!line.starts_with(key)) return false;
  line.remove_prefix(key.size());
  if (!line.starts_with(":")) return false;
  line.remove_prefix(1);
  while (line.starts_with(' ')) line.remove_prefix(1);
  while (line.ends_with(' ')) line.remove_suffix(1);
  value = line;
  return true;
}

bool looks_like_command(std::string_view line) {
  return line.starts_with("> ") || line.starts_with(">> ") || line.starts_with("$ ");
}

void drop_empty_end(std::vector<std::string>& lines) {
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
}

/// "#1 done in 8 ms: .." -> "#1 done in [..]: ..".
std::string without_time(const std::string& line) {
  if (!line.starts_with('#')) return line;
  const auto begin = line.find(" in ");
  const auto end = line.find(": ");
  const bool job = line.find(" done in ") == begin - 5 || line.find(" cancelled in ") == begin - 10;
  if (begin == std::string::npos || end == std::string::npos || end < begin || !job) return line;
  return line.substr(0, begin + 4) + std::string(kAnyText) + line.substr(end);
}

[[noreturn]] void refuse(std::size_t line, const std::string& what) {
  throw std::runtime_error("line " + std::to_string(line) + ": " + what);
}

}  // namespace

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  drop_empty_end(lines);
  return lines;
}

Transcript parse_transcript(std::string_view text) {
  Transcript transcript;
  const std::vector<std::string> lines = split_lines(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string& line = lines[i];
    if (line.starts_with("> ") || line.starts_with("$ ")) {
      transcript.blocks.push_back({line[0] == '$', line.substr(2), {}, i + 1});
      continue;
    }
    if (!transcript.blocks.empty()) {
      TranscriptBlock& block = transcript.blocks.back();
      if (line.starts_with(">> ")) {
        if (!block.expected.empty()) refuse(i + 1, "`>> ` stands directly below a command");
        block.command += "\n" + line.substr(3);
      } else {
        block.expected.push_back(line.starts_with('\\') ? line.substr(1) : line);
      }
      continue;
    }
    transcript.header.push_back(line);
    std::string value;
    if (header_value(line, "experiment", value)) {
      transcript.experiment = value;
    } else if (header_value(line, "args", value)) {
      std::istringstream words(value);
      for (std::string word; words >> word;) transcript.arguments.push_back(word);
    } else if (header_value(line, "env", value)) {
      const auto equals = value.find('=');
      if (equals == std::string::npos) refuse(i + 1, "`# env:` needs NAME=VALUE");
      transcript.environment.emplace_back(value.substr(0, equals), value.substr(equals + 1));
    } else if (header_value(line, "mock", value)) {
      transcript.mock = value;
    } else if (header_value(line, "rules", value)) {
      transcript.rules = value;
    } else if (header_value(line, "exit", value)) {
      transcript.exit_status = std::stoi(value);
    } else if (header_value(line, "files", value)) {
      const auto mark = value.find(" <<");
      if (mark == std::string::npos) refuse(i + 1, "`# files:` needs NAME <<END");
      const std::string end = value.substr(mark + 3);
      std::string content;
      const std::size_t start = i + 1;
      while (++i < lines.size() && lines[i] != end) {
        content += lines[i] + "\n";
        transcript.header.push_back(lines[i]);
      }
      if (i == lines.size()) refuse(start, "no line " + end + " ends this file");
      transcript.header.push_back(lines[i]);
      transcript.files.emplace_back(value.substr(0, mark), content);
    } else if (!line.empty() && !line.starts_with('#')) {
      refuse(i + 1, "before the first command only `#` lines may stand");
    }
  }
  for (TranscriptBlock& block : transcript.blocks) drop_empty_end(block.expected);
  if (transcript.blocks.empty()) throw std::runtime_error("no command in it");
  return transcript;
}

std::string transcript_text(const Transcript& transcript) {
  std::string text, value;
  bool told = false;
  for (const std::string& line : transcript.header) {
    if (header_value(line, "exit", value)) {
      if (transcript.exit_status != 0) text += "# exit: " + std::to_string(transcript.exit_status) + "\n";
      told = true;
    } else {
      text += line + "\n";
    }
  }
  if (!told && transcript.exit_status != 0) text += "# exit: " + std::to_string(transcript.exit_status) + "\n";
  for (const TranscriptBlock& block : transcript.blocks) {
    text += block.shell ? "$ " : "> ";
    for (const char c : block.command) text += c == '\n' ? std::string("\n>> ") : std::string(1, c);
    text += "\n";
    for (const std::string& line : block.expected) {
      text += (looks_like_command(line) || line.starts_with('\\') ? "\\" : "") + line + "\n";
    }
  }
  return text;
}

bool line_fits(std::string_view pattern, std::string_view line) {
  auto any = pattern.find(kAnyText);
  if (any == std::string_view::npos) return pattern == line;
  if (!line.starts_with(pattern.substr(0, any))) return false;
  line.remove_prefix(any);
  pattern.remove_prefix(any + kAnyText.size());
  while ((any = pattern.find(kAnyText)) != std::string_view::npos) {
    const auto found = line.find(pattern.substr(0, any));
    if (found == std::string_view::npos) return false;
    line.remove_prefix(found + any);
    pattern.remove_prefix(any + kAnyText.size());
  }
  return line.ends_with(pattern);
}

bool block_fits(const std::vector<std::string>& expected, const std::vector<std::string>& printed) {
  // reach[j]: the expected lines so far fit the first j printed ones.
  std::vector<char> reach(printed.size() + 1, 0);
  reach[0] = 1;
  for (const std::string& pattern : expected) {
    std::vector<char> next(reach.size(), 0);
    for (std::size_t j = 0; j < reach.size(); ++j) {
      if (pattern == kAnyLines) {
        next[j] = reach[j] != 0 || (j > 0 && next[j - 1] != 0);
      } else if (j > 0) {
        next[j] = reach[j - 1] != 0 && line_fits(pattern, printed[j - 1]);
      }
    }
    reach = next;
  }
  return reach.back() != 0;
}

std::vector<std::string> updated_block(const std::vector<std::string>& expected,
                                       const std::vector<std::string>& printed) {
  if (block_fits(expected, printed)) return expected;
  // The alignment that keeps most expected lines (4 points each), then puts new ones in the place of old (2); a `[...]`
  // takes lines that are left over (1).
  const std::size_t n = expected.size(), m = printed.size();
  std::vector<std::vector<int>> best(n + 1, std::vector<int>(m + 1, 0));
  const auto points = [&](std::size_t i, std::size_t j) {
    if (expected[i] == kAnyLines) return 1;
    return line_fits(expected[i], printed[j]) ? 4 : 2;
  };
  // Where the alignment goes after expected line i took printed line j.
  const auto after = [&](std::size_t i) { return expected[i] == kAnyLines ? i : i + 1; };
  for (std::size_t i = n + 1; i-- > 0;) {
    for (std::size_t j = m + 1; j-- > 0;) {
      if (j < m) best[i][j] = best[i][j + 1];
      if (i < n) best[i][j] = std::max(best[i][j], best[i + 1][j]);
      if (i < n && j < m) best[i][j] = std::max(best[i][j], best[after(i)][j + 1] + points(i, j));
    }
  }
  std::vector<std::string> lines;
  std::size_t i = 0, j = 0;
  while (j < m) {
    if (i < n && best[i][j] == best[after(i)][j + 1] + points(i, j)) {
      const bool any = expected[i] == kAnyLines;
      if (!any || lines.empty() || lines.back() != kAnyLines)
        lines.push_back(points(i, j) == 2 ? without_time(printed[j]) : expected[i]);
      i = after(i);
      ++j;
    } else if (i < n && best[i][j] == best[i + 1][j]) {
      ++i;
    } else {
      lines.push_back(without_time(printed[j++]));
    }
  }
  return lines;
}

}  // namespace assay::test
