// Judges as their users run them: a batch's answers judged by scripted judges, panels with one judge down, recorded
// judgements read by other rules, what is left out named. Specs: judge.md 16.
#include <doctest/doctest.h>

#include <map>
#include <set>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

namespace {

/// Fifty pairs of answers, the second longer in the even ones.
std::string pairs(int n) {
  std::string text;
  for (int i = 1; i <= n; ++i) {
    text += R"({"id":"p)" + std::to_string(i) + R"(","question":"What is item )" + std::to_string(i) +
            R"(?","model_a":"one","model_b":"two","response1":"It is a )" +
            std::string(static_cast<std::size_t>(i % 2 == 0 ? 3 : 30), 'x') + R"(","response2":"It is a )" +
            std::string(static_cast<std::size_t>(i % 2 == 0 ? 30 : 3), 'y') + "\"}\n";
  }
  return text;
}

std::vector<Json> session(const TemporaryFolder& folder, const std::string& file, const std::string& script,
                          const Environment& environment = {}) {
  const Finished done = run({assay_program(), file, "--json", "-c", script}, folder.path(), environment);
  INFO(done.out);
  INFO(done.error);
  CAPTURE(done.status);
  CHECK(done.status <= 3);
  return results(done.out);
}

/// A judge that always says the same.
void write_script(const TemporaryFolder& folder, const std::string& reply) {
  folder.write("judge.jsonl", R"({"match":{},"reply":)" + dump_json(Json(reply)) + "}\n");
}

const Json& only(const Json& table) {
  REQUIRE(table.is_array());
  REQUIRE_FALSE(table.empty());
  return table.front();
}

}  // namespace

TEST_CASE("a judge that always says the first is better is found out") {
  TemporaryFolder folder;
  folder.write("pairs.jsonl", pairs(50));
  write_script(folder, "Both are good. [[A]]");
  const auto said =
      session(folder, ":memory:", "load judge pairs.jsonl judge=sim/script:judge.jsonl as=j; run_n 8; report j");
  REQUIRE(said.size() == 3);
  const Json& report = said[2];
  CHECK(report.at("counts").at("lenient") == 100);
  const Json& position = only(report.at("position"));
  CHECK(position.at("consistent") == 0);
  CHECK(position.at("first") == 50);
  CHECK(position.at("bias") == 1.0);
  for (const Json& row : report.at("win_rate")) CHECK(row.at("rate") == 0.5);
  for (const Json& row : report.at("ranking")) CHECK(row.at("rating").get<double>() == doctest::Approx(1000));
}

TEST_CASE("a judge that always says tie") {
  TemporaryFolder folder;
  folder.write("pairs.jsonl", pairs(50));
  write_script(folder, "[[C]]");
  const auto said =
      session(folder, ":memory:", "load judge pairs.jsonl judge=sim/script:judge.jsonl as=j; run_n 8; report j");
  REQUIRE(said.size() == 3);
  for (const Json& row : said[2].at("win_rate")) {
    CHECK(row.at("ties") == 50);
    CHECK(row.at("rate") == 0.5);
  }
}

TEST_CASE("a verdict without its form is never a score") {
  TemporaryFolder folder;
  folder.write("pairs.jsonl", pairs(50));
  write_script(folder, "A is better");
  const Finished done =
      run({assay_program(), ":memory:", "--json", "-c",
           "load judge pairs.jsonl judge=sim/script:judge.jsonl as=j; run_n 8; report j; ls metric.value>=0"},
          folder.path());
  CHECK(done.status == 0);
  const auto said = results(done.out);
  REQUIRE(said.size() == 4);
  CHECK(said[2].at("counts").at("failed") == 100);
  CHECK(said[2].at("counts").at("complete") == 50);
  CHECK(said[3].at("matched") == 0);
  for (const Json& row : said[2].at("win_rate")) {
    CHECK(row.at("n") == 0);
    CHECK(row.at("missing") == 50);
    CHECK(row.at("rate").is_null());
    CHECK(row.at("worst") == 0.0);
    CHECK(row.at("best") == 1.0);
  }
}

TEST_CASE("a cut reply is no verdict, a single token is; what was thought is not read") {
  struct Row {
    const char *config, *load, *status;
    Json verdict;
  };
  const Row rows[] = {
      {R"({"reply":"[[A]] because it is"})", "max_tokens=3", "truncated", nullptr},
      {R"({"reply":"m"})", "max_tokens=1 labels=mM", "exact", "A"},
      {R"({"reply":"<think>[[B]]</think>[[A]]"})", "", "exact", "A"},
      {R"({"reply":"[[A]]","reasoning":"I thought of [[B]]"})", "", "exact", "A"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.config);
    TemporaryFolder folder;
    folder.write("pairs.jsonl", pairs(1));
    MockServer server;
    server.config(row.config);
    if (row.status == std::string("truncated")) server.rules(R"([{"do":{"body":"length"}}])");
    if (row.load == std::string("max_tokens=1 labels=mM")) server.rules(R"([{"do":{"body":"length"}}])");
    const auto said = session(folder, ":memory:",
                              std::string("load judge pairs.jsonl judge=anthropic/m swap=off ") + row.load +
                                  "; run_n 1; export judgements out.jsonl",
                              {{"ANTHROPIC_BASE_URL", server.origin() + "/anthropic"}, {"ANTHROPIC_API_KEY", "k"}});
    REQUIRE(said.size() == 3);
    const Json line = parse_json(folder.read("out.jsonl"), "out");
    MESSAGE(line.at("raw"));
    CHECK(line.at("status") == row.status);
    CHECK(line.at("verdict") == row.verdict);
  }
}

TEST_CASE("a panel with one judge down goes on with a quorum, waits without, and falls back where it may") {
  TemporaryFolder folder;
  folder.write("pairs.jsonl", pairs(20));
  MockServer server;
  server.config(R"({"reply":"[[A]]"})");
  // The judge "down" is refused its key; one item is refused by the judge "picky".
  server.rules(R"([{"match":{"model":"down"},"do":{"error":"auth"}},
                   {"match":{"model":"picky","contains":"item 7?"},"do":{"error":"bad_request"}}])");
  const Environment environment = server_environment(server);
  const auto load = [&](const std::string& judges, const std::string& more) {
    return "load judge pairs.jsonl swap=off judge=" + judges + " " + more + " as=j; ";
  };
  SUBCASE("quorum=2: all runs have a verdict, the errors are counted") {
    const auto said =
        session(folder, ":memory:", load("openai/a+openai/b+openai/down", "quorum=2") + "run_n 8; status; report j",
                environment);
    REQUIRE(said.size() == 4);
    CHECK(said[2].at("by_status").at("COMPLETE") == 20);
    CHECK(said[3].at("counts").at("error") == 20);
    for (const Json& row : said[3].at("win_rate")) {
      if (row.at("judge") == "openai/a") CHECK(row.at("n") == 20);
      if (row.at("judge") == "openai/down") CHECK(row.at("n") == 0);
    }
  }
  SUBCASE("quorum=all without fallback: the job pauses, nothing is lost") {
    const std::string file = folder.file("x.assay");
    const auto said = session(folder, file, load("openai/a+openai/down", "") + "run_n 4; status", environment);
    REQUIRE(said.size() == 3);
    CHECK(said[2].at("by_status").at("FAIL") == 0);
    server.rules("[]");
    const auto then = session(folder, file, "run_n 4; status; report j", environment);
    REQUIRE(then.size() == 3);
    CHECK(then[1].at("by_status").at("COMPLETE") == 20);
    CHECK(then[1].at("calls").at("answered") == 40);
  }
  SUBCASE("with a fallback: its own name on the wire, and in the report") {
    const auto said =
        session(folder, ":memory:", load("openai/down", "fallback=openai/spare") + "run_n 4; report j", environment);
    REQUIRE(said.size() == 3);
    CHECK(said[2].at("counts").at("fallback") == 20);
    std::map<std::string, Json> used;
    for (const Json& row : said[2].at("models_used")) used[row.at("model").get<std::string>()] = row;
    CHECK(used.contains("openai/spare"));
  }
  SUBCASE("one judge refuses one item: that run FAILs, or has a verdict") {
    const auto all =
        session(folder, ":memory:", load("openai/a+openai/b+openai/picky", "") + "run_n 4; status", environment);
    REQUIRE(all.size() == 3);
    CHECK(all[2].at("by_status").at("FAIL") == 1);
    CHECK(all[2].at("by_status").at("COMPLETE") == 19);
    const auto two = session(folder, ":memory:", load("openai/a+openai/b+openai/picky", "quorum=2") + "run_n 4; status",
                             environment);
    CHECK(two[2].at("by_status").at("COMPLETE") == 20);
  }
}

TEST_CASE("answers of two batches are paired, what is missing is named, a rerun makes judgements stale") {
  TemporaryFolder folder;
  folder.write("one.jsonl", questions(6));
  const std::string file = folder.file("x.assay");
  const auto said = session(
      folder, file,
      "load qa one.jsonl as=qa1; load qa one.jsonl as=qa2; run_n 4 batch:qa1; ls batch:qa2; run_n 4 [1-4]; ls; "
      "save before.jsonl batch:qa1; judge batch:qa1 vs batch:qa2 as=j; run_n 4 batch:j; save after.jsonl batch:qa1; "
      "rerun qa1:q2; ls batch:j; report j");
  REQUIRE(said.size() == 13);
  CHECK(folder.read("before.jsonl") == folder.read("after.jsonl"));
  const auto& batch = said[7].at("batches").at(0);
  MESSAGE(dump_json(said[7]));
  CHECK(batch.at("runs").get<int>() <= 6);
  CHECK(said[12].at("counts").at("stale") == 1);
  for (const Json& row : said[11].at("runs"))
    CHECK(row.value("mark", std::string()) == (row.at("id") == "q2" ? "stale" : ""));
}

TEST_CASE("recorded judgements are read by other rules without a call, saved and loaded as they were") {
  TemporaryFolder folder;
  std::string lines;
  for (int i = 1; i <= 6; ++i) {
    for (const char* order : {"ab", "ba"}) {
      lines += R"({"item":"i)" + std::to_string(i) + R"(","judge":"j","order":")" + order +
               R"(","a":"one","b":"two","raw":"so [[)" +
               (i <= 3            ? "A"
                : i == 4          ? "C"
                : order[0] == 'a' ? "A"
                                  : "B") +
               "]]\"}\n";
    }
  }
  folder.write("rec.jsonl", lines);
  folder.write("human.csv", "item,rater,verdict\ni1,ann,A\ni2,ann,B\ni3,ann,tie\ni1,bob,A\ni2,bob,A\ni9,bob,A\n");
  const auto said = session(
      folder, ":memory:",
      "load judge rec.jsonl format=judgements human=human.csv as=x; report x; evaluate all swap_rule=drop; report x; "
      "evaluate all swap_rule=tie; export judgements out.jsonl; save a.jsonl; load judge out.jsonl format=judgements "
      "human=human.csv as=y; report y; report x");
  REQUIRE(said.size() == 10);
  const auto rate = [](const Json& report) {
    for (const Json& row : report.at("win_rate")) {
      if (row.at("model") == "one") return row;
    }
    return Json();
  };
  CHECK(rate(said[1]).at("inconsistent") == 3);
  CHECK(rate(said[1]).at("n") == 6);
  CHECK(rate(said[3]).at("n") == 3);
  CHECK(dump_json(said[8].at("win_rate")) == dump_json(said[9].at("win_rate")));
  CHECK(dump_json(said[8]) == dump_json(said[9]));
  bool raters = false;
  for (const Json& row : said[1].at("agreement"))
    raters = raters || (row.at("a") == "human:ann" && row.at("b") == "human:bob" && row.at("n") == 2);
  CHECK(raters);
  session(folder, ":memory:", "load a.jsonl; save b.jsonl");
  CHECK(folder.read("a.jsonl") == folder.read("b.jsonl"));
}

TEST_CASE("the session of the README: two batches judged, alone and against each other") {
  TemporaryFolder folder;
  const std::vector<std::string> lines =
      session_of_readme(std::string(ASSAY_SOURCE_DIR) + "/experiments/judge/README.md");
  REQUIRE(lines.size() == 8);
  std::string script;
  for (const std::string& line : lines) script += line + "; ";
  const auto said = session(folder, folder.file("judged.assay"),
                            script +
                                "evaluate batch:better swap_rule=drop; export judgements mine.jsonl batch:better; "
                                "load judge mine.jsonl format=judgements as=again; report again; report better");
  REQUIRE(said.size() == lines.size() + 5);
  for (std::size_t i = 0; i < said.size(); ++i) CHECK_MESSAGE(!said[i].is_null(), i);
  CHECK(said[2].at("complete") == 80);
  CHECK(said[3].at("judgements") == 40);
  CHECK(said[4].at("judgements") == 80);
  CHECK(said[6].at("score").at("n") == 40);
  const Json& position = said[7].at("position").at(0);
  CHECK(position.at("valid") == 40);
  CHECK(position.at("inconsistent").get<int>() > 0);
}
