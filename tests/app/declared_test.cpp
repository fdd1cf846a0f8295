// Studies declared in one file, through the real program: what the server is asked, conditions, kill -9 and going on,
// saves, other scores afterwards.
#include <doctest/doctest.h>
#include <signal.h>

#include <random>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

namespace {

const char* const kStudy = R"(assay: 1
name: echo
data: {file: rows.csv, columns: {question: q}}
parameters: {style: {default: plain, choices: [plain, poet]}}
model: openai/any
system: Be {{ style }}.
steps:
  - name: first
    ask: "Question {{ id }}: {{ question }}"
    params: {temperature: 0, max_tokens: 50}
  - name: second
    when: "'odd' in question"
    ask: "So: {{ reply }}"
extract: {pattern: 'Question (\d+)', from: first}
score: {equals: id}
metrics: {asked: steps.second.asked}
report: {by: [kind]}
)";

std::string rows(int n) {
  std::string text = "id,q,kind\n";
  for (int i = 1; i <= n; ++i) {
    const char* kind = i % 2 == 1 ? "odd" : "even";
    text += std::to_string(i) + ",\"an " + kind + " \"\"thing\"\", ä\"," + kind + "\n";
  }
  return text;
}

std::vector<Json> session(const TemporaryFolder& folder, const std::string& file, const std::string& script,
                          const Environment& environment, int status = 0) {
  const Finished done = run({assay_program(), file, "--json", "-c", script}, folder.path(), environment);
  INFO(done.out);
  INFO(done.error);
  CHECK(done.status == status);
  return results(done.out);
}

}  // namespace

TEST_CASE("the server is asked what the file says, step by step, and only where the condition holds") {
  TemporaryFolder folder;
  folder.write("study.yaml", kStudy);
  folder.write("rows.csv", rows(4));
  MockServer server;
  server.config(R"({"reply":"<{echo}>"})");
  const auto said = session(folder, folder.file("x.assay"),
                            "load study.yaml style=plain,poet; run_n 8; report 'echo style=poet'; calls all; "
                            "save out.jsonl batch:'echo style=poet'; stats all by data.kind",
                            server_environment(server));
  REQUIRE(said.size() == 6);
  CHECK(said[0].at("batches").size() == 2);
  CHECK(said[1].at("complete") == 8);
  CHECK(said[2].at("correct") == 4);
  CHECK(said[2].at("by").at("kind").size() == 2);
  CHECK(said[2].at("metrics")[0].at("mean") == 0.5);
  CHECK(said[5].at("groups").size() == 2);
  CHECK(server.stats().at("requests") == 12);
  const std::string saved = folder.read("out.jsonl");
  const Json first = parse_json(saved.substr(0, saved.find('\n')), "save");
  const Json& context = first.at("context");
  REQUIRE(context.size() == 5);
  CHECK(context[0].at("content") == "Be poet.");
  CHECK(context[1].at("content") == "Question 1: an odd \"thing\", ä");
  CHECK(context[2].at("content") == "<Question 1: an odd \"thing\", ä>");
  CHECK(context[3].at("content") == "So: <Question 1: an odd \"thing\", ä>");
  CHECK(context[4].at("content") == "<So: <Question 1: an odd \"thing\", ä>>");
  CHECK(context[4].at("step") == "second");
}

TEST_CASE("kill -9 at any moment: nothing answered is asked again, and the end is the same") {
  constexpr int kRows = 60;
  constexpr std::uint64_t kCalls = 90;
  TemporaryFolder folder;
  folder.write("study.yaml", kStudy);
  folder.write("rows.csv", rows(kRows));
  MockServer server;
  server.config(R"({"reply":"<{echo}>","latency":"const:40ms"})");
  const Environment environment = server_environment(server);
  const std::string file = folder.file("x.assay");
  session(folder, file, "load study.yaml", environment);
  // An edit after the load changes nothing.
  folder.write("study.yaml", "assay: 1\nrows: [{x: 1}]\nsteps: other\n");
  folder.write("rows.csv", "id,q\n1,other\n");
  std::mt19937_64 random(7);
  int killed = 0;
  for (; killed < 5; ++killed) {
    Child child({assay_program(), file, "-c", "run_n 6"}, folder.path(), environment);
    if (child.wait_for(std::chrono::milliseconds(100 + random() % 200)) != -1) break;
    child.signal(SIGKILL);
    child.wait();
  }
  CHECK(killed > 0);
  const auto said = session(folder, file, "run_n 30; report; status; check; replay all", environment);
  REQUIRE(said.size() == 5);
  CHECK(said[1].at("correct") == kRows);
  CHECK(said[2].at("by_status").at("COMPLETE") == kRows);
  CHECK(said[2].at("calls").at("answered") == kCalls);
}

TEST_CASE("a save of a study can be run, read again and reported without its file") {
  TemporaryFolder folder;
  folder.write("study.yaml", kStudy);
  folder.write("rows.csv", rows(4));
  MockServer server;
  server.config(R"({"reply":"<{echo}>"})");
  const Environment environment = server_environment(server);
  session(folder, folder.file("y.assay"), "load study.yaml style=poet; run_n 2 r:[12]$; save half.json", environment);
  folder.write("study.yaml", "nothing");
  const auto said = session(folder, folder.file("z.assay"),
                            "load half.json; run_n 4; report; evaluate all score='{pattern: \"[13]\"}'; report; "
                            "evaluate all extract=last_lin",
                            environment, 1);
  REQUIRE(said.size() == 6);
  CHECK(said[1].at("complete") == 2);
  CHECK(said[2].at("correct") == 4);
  CHECK(said[4].at("correct") == 2);
  CHECK(said[5].is_null());
}

TEST_CASE("a hostile row is a text in a prompt, never a template") {
  TemporaryFolder folder;
  folder.write("study.yaml",
               "assay: 1\nname: h\nmodel: openai/any\ndata: rows.jsonl\nsteps: '{{ q }}'\nextract: text\n");
  folder.write("rows.jsonl", R"({"q":"{{ steps }} {% for x in range(9999999) %}x{% endfor %} \u001b[31m"})"
                             "\n");
  MockServer server;
  server.config(R"({"reply":"{echo}"})");
  const auto said = session(folder, ":memory:", "load study.yaml; run_n 1; save out.json", server_environment(server));
  REQUIRE(said.size() == 3);
  CHECK(said[1].at("complete") == 1);
  const Json saved = parse_json(folder.read("out.json"), "save");
  CHECK(saved[0].at("answer").at("value") == "{{ steps }} {% for x in range(9999999) %}x{% endfor %} \x1b[31m");
}
