#pragma once
// What the fault tests share: a file of questions, a session of the program, its file read by another client.

#include <sqlite3.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/text/input.hpp"
#include "core/text/json.hpp"
#include "tests/support/mock_server.hpp"
#include "tests/support/process.hpp"

namespace assay::test {

inline std::string questions(int n) {
  std::string text;
  for (int i = 1; i <= n; ++i) {
    text += R"({"id":"q)" + std::to_string(i) + R"(","question":"Which letter belongs to item )" + std::to_string(i) +
            R"(?","options":["north","south","east","west"],"answer":"B","category":")" +
            (i % 2 == 0 ? "even" : "odd") + "\"}\n";
  }
  return text;
}

/// The values of `--json` output lines, by order of the commands. A failed command gives null.
inline std::vector<Json> results(const std::string& out) {
  std::vector<Json> values;
  std::size_t from = 0;
  while (from < out.size()) {
    const std::size_t end = std::min(out.find('\n', from), out.size());
    const Json line = parse_json(std::string_view(out).substr(from, end - from), "output");
    values.push_back(line.at("ok") == true ? line.at("result") : Json());
    from = end + 1;
  }
  return values;
}

/// Rows of a plain SQL query, each a list of texts: the file as any sqlite3 client sees it.
inline std::vector<std::vector<std::string>> sql(const std::string& file, const std::string& query) {
  sqlite3* db = nullptr;
  std::vector<std::vector<std::string>> rows;
  if (sqlite3_open_v2(file.c_str(), &db, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK) {
    sqlite3_busy_timeout(db, 5000);
    const auto row = [](void* to, int n, char** values, char**) {
      std::vector<std::string> texts;
      for (int i = 0; i < n; ++i) texts.emplace_back(values[i] == nullptr ? "" : values[i]);
      static_cast<std::vector<std::vector<std::string>>*>(to)->push_back(std::move(texts));
      return 0;
    };
    char* problem = nullptr;
    if (sqlite3_exec(db, query.c_str(), row, &rows, &problem) != SQLITE_OK) {
      const std::string message = problem == nullptr ? "sqlite" : problem;
      sqlite3_free(problem);
      sqlite3_close(db);
      throw std::runtime_error(message);
    }
  }
  sqlite3_close(db);
  return rows;
}

/// What a README tells a newcomer to type: its lines that begin with the shell's prompt.
inline std::vector<std::string> session_of_readme(const std::string& path) {
  std::vector<std::string> lines;
  const std::string text = read_file(path), prompt = "    assay> ";
  for (std::size_t at = text.find(prompt); at != std::string::npos; at = text.find(prompt, at)) {
    at += prompt.size();
    lines.push_back(text.substr(at, text.find('\n', at) - at));
  }
  return lines;
}

inline Environment server_environment(const MockServer& server) {
  return {{"OPENAI_BASE_URL", server.base_url()}, {"OPENAI_API_KEY", "sk-test-canary-0123456789"}};
}

/// id -> status, score, answer of every run of a file, without what differs between two executions.
inline std::map<std::string, std::string> outcomes(const std::string& saved_jsonl) {
  std::map<std::string, std::string> all;
  std::size_t from = 0;
  while (from < saved_jsonl.size()) {
    const std::size_t end = std::min(saved_jsonl.find('\n', from), saved_jsonl.size());
    const Json run = parse_json(std::string_view(saved_jsonl).substr(from, end - from), "save");
    all[run.at("id").get<std::string>()] = dump_json(run.at("status")) + dump_json(run.at("score")) +
                                           dump_json(run.at("answer")) + dump_json(run.at("context"));
    from = end + 1;
  }
  return all;
}

}  // namespace assay::test
