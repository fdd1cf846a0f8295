// What the program writes for Prometheus, read back as Prometheus does.
#include <doctest/doctest.h>

#include <cctype>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

namespace {

const Environment kKeys = {{"CANARY_KEY", "key-of-tests-0123456789"}};

std::string models(const MockServer& server) {
  return "version: 1\nproviders:\n  p: {type: openai, base_url: \"" + server.base_url() +
         "\", key_env: CANARY_KEY}\nmodels:\n  first: {model: p/first, price: {in: 1, out: 4}}\n"
         "  unpriced: {model: p/other}\n";
}

struct Exposition {
  std::map<std::string, std::string> types;  // family -> type
  std::map<std::string, double> samples;     // "name{labels}" -> value
  std::vector<std::string> faults;
};

/// The text format 0.0.4: a family's HELP and TYPE once and before its samples, which stand together; names and labels
/// well formed; no sample twice.
Exposition parse(const std::string& text) {
  Exposition made;
  std::set<std::string> closed;
  std::string family;
  std::size_t begin = 0;
  const auto name_end = [](const std::string& line, std::size_t at) {
    while (at < line.size() && (std::isalnum(static_cast<unsigned char>(line[at])) != 0 || line[at] == '_')) ++at;
    return at;
  };
  for (std::size_t end = text.find('\n'); end != std::string::npos; begin = end + 1, end = text.find('\n', begin)) {
    const std::string line = text.substr(begin, end - begin);
    const auto fault = [&](const char* what) { made.faults.push_back(std::string(what) + ": " + line); };
    if (line.starts_with("# HELP ")) {
      if (!family.empty()) closed.insert(family);
      family = line.substr(7, line.find(' ', 7) - 7);
      if (closed.contains(family)) fault("a family twice");
      continue;
    }
    if (line.starts_with("# TYPE ")) {
      const std::string rest = line.substr(7);
      const std::string name = rest.substr(0, rest.find(' ')), type = rest.substr(rest.find(' ') + 1);
      if (name != family) fault("a type of another family");
      if (!made.types.emplace(name, type).second) fault("a type twice");
      if (type != "counter" && type != "gauge") fault("no such type");
      if ((type == "counter") != name.ends_with("_total")) fault("counters and only they end in _total");
      continue;
    }
    std::size_t at = name_end(line, 0);
    if (line.substr(0, at) != family || !made.types.contains(family)) fault("a sample outside of its family");
    if (at < line.size() && line[at] == '{') {
      ++at;
      while (at < line.size() && line[at] != '}') {
        const std::size_t label = name_end(line, at);
        if (label == at || line.compare(label, 2, "=\"") != 0) fault("a label");
        at = label + 2;
        while (at < line.size() && line[at] != '"') {
          if (line[at] == '\\' && std::string("\\\"n").find(line[at + 1]) == std::string::npos) fault("an escape");
          at += line[at] == '\\' ? 2 : 1;
        }
        ++at;
        if (at < line.size() && line[at] == ',') ++at;
      }
      ++at;
    }
    if (at >= line.size() || line[at] != ' ') {
      fault("no value");
      continue;
    }
    if (!made.samples.emplace(line.substr(0, at), std::stod(line.substr(at + 1))).second) fault("a sample twice");
  }
  if (begin != text.size()) made.faults.emplace_back("the last line has no end");
  return made;
}

double value(const Exposition& made, const std::string& sample) {
  const auto found = made.samples.find(sample);
  REQUIRE_MESSAGE(found != made.samples.end(), sample);
  return found->second;
}

}  // namespace

TEST_CASE("the text for Prometheus is well formed, and counts what was done") {
  MockServer server;
  server.config(R"({"reply":"qa"})");
  server.rules(R"([{"match":{"nth":1},"do":{"status":500}}])");
  TemporaryFolder folder;
  folder.write("models.yaml", models(server));
  folder.write("questions.jsonl", questions(6));
  const Finished done =
      run({assay_program(), folder.file("x.assay"), "-c",
           "set retry.server '6 10ms 50ms'; budget 5; load qa questions.jsonl model=first as='a\"b\\c'; "
           "run_n 1; load qa questions.jsonl model=first limit=2; metrics out.prom; metrics"},
          folder.path(), kKeys);
  CAPTURE(done.out);
  CAPTURE(done.error);
  const Exposition made = parse(folder.read("out.prom"));
  for (const std::string& fault : made.faults) FAIL_CHECK(fault);
  CHECK(value(made, R"(assay_calls_total{model="first",outcome="answered"})") == 6);
  CHECK(value(made, R"(assay_calls_total{model="first",outcome="failed"})") == 0);
  CHECK(value(made, R"(assay_call_retries_total{model="first",kind="server"})") == 1);
  CHECK(value(made, R"(assay_budget_cap_usd{of="experiment",name=""})") == 5);
  CHECK(value(made, "assay_runs_in_flight") == 0);
  CHECK(value(made, "assay_store_writable") == 1);
  double complete = 0, ready = 0;
  for (const auto& [name, count] : made.samples) {
    if (name.starts_with("assay_runs{") && name.find("status=\"COMPLETE\"") != std::string::npos) complete += count;
    if (name.starts_with("assay_runs{") && name.find("status=\"READY\"") != std::string::npos) ready += count;
  }
  CHECK(complete == 6);
  CHECK(ready == 2);
  CHECK(made.types.at("assay_tokens_total") == "counter");
  CHECK(done.out.find("# TYPE assay_runs gauge") != std::string::npos);
  CHECK(folder.read("out.prom").find("key-of-tests") == std::string::npos);
}

TEST_CASE("a file is written again and again beside the prompt, whole each time, until it is told off") {
  MockServer server;
  server.config(R"({"reply":"qa","latency":"400ms"})");
  TemporaryFolder folder;
  folder.write("models.yaml", models(server));
  folder.write("questions.jsonl", questions(12));
  const Finished done = run({assay_program(), folder.file("x.assay"), "-c",
                             "load qa questions.jsonl model=first as=job; metrics out.prom --every 1s; run_n 1; "
                             "metrics off; metrics off"},
                            folder.path(), kKeys);
  CAPTURE(done.out);
  CAPTURE(done.error);
  CHECK(done.out.find("every 1.0 s until `metrics off`") != std::string::npos);
  CHECK(done.out.find("no longer written") != std::string::npos);
  CHECK(done.out.find("no file is being written") != std::string::npos);
  const Exposition made = parse(folder.read("out.prom"));
  CHECK(made.faults.empty());
  // Written at least once while the job ran: the first writing was before its first call.
  CHECK(value(made, R"(assay_calls_total{model="first",outcome="answered"})") >= 1);
}

TEST_CASE("calls of unknown price are not shown as free") {
  MockServer server;
  server.config(R"({"reply":"qa"})");
  TemporaryFolder folder;
  folder.write("models.yaml", models(server));
  folder.write("questions.jsonl", questions(2));
  const Finished done = run({assay_program(), folder.file("x.assay"), "-c",
                             "load qa questions.jsonl model=unpriced as=dear; run_n 2; status; batches; ls --columns "
                             "run,cost"},
                            folder.path(), kKeys);
  CAPTURE(done.out);
  CHECK(done.out.find("cost        ?  (2 calls of batches with a model of unknown price") != std::string::npos);
  CHECK(done.out.find("$0") == std::string::npos);
}
