// Judges under faults: a panel that is killed again and again, a provider that dies halfway. No verdict is lost, none
// is paid twice without being named, and what is reported is what a calm day would have said.
#include <doctest/doctest.h>
#include <signal.h>

#include <random>
#include <set>
#include <thread>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

namespace {

constexpr const char* kSettings = "set timeout.first_byte 5s; ";

/// Answers of two models to each question: a save of a batch would look the same to a judge.
void write_answers(const TemporaryFolder& folder, int n) {
  std::string a, b;
  for (int i = 1; i <= n; ++i) {
    const std::string item =
        R"("id":"q)" + std::to_string(i) + R"(","question":"What is item )" + std::to_string(i) + R"(?")";
    a += "{" + item + R"(,"model":"m1","prediction":"It is the number )" + std::to_string(i) + ".\"}\n";
    b += "{" + item + R"(,"model":"m2","prediction":"That must be )" + std::to_string(i * 7 % 13) + ", I think.\"}\n";
  }
  folder.write("a.jsonl", a);
  folder.write("b.jsonl", b);
}

/// models.yaml with one alias per server.
void write_models(const TemporaryFolder& folder, const std::vector<std::pair<std::string, std::string>>& servers) {
  std::string text = "version: 1\nproviders:\n";
  for (const auto& [name, base] : servers)
    text += "  " + name + ": {type: openai, base_url: \"" + base + "\", key_env: none, allow_http: true}\n";
  text += "models:\n";
  for (const auto& [name, base] : servers) text += "  judge-" + name + ": {model: " + name + "/m-" + name + "}\n";
  folder.write("models.yaml", text);
}

/// What a report says but for what killing may change: attempts and the money of calls that were sent twice.
Json without_cost(Json report) {
  report.erase("cost");
  return report;
}

std::vector<Json> lines_of(const std::string& text) {
  std::vector<Json> lines;
  std::size_t from = 0;
  while (from < text.size()) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    lines.push_back(parse_json(std::string_view(text).substr(from, end - from), "line"));
    from = end + 1;
  }
  return lines;
}

}  // namespace

TEST_CASE("a panel over a thousand items, killed ten times, says what an undisturbed one says") {
  constexpr int kItems = 1000;
  TemporaryFolder folder;
  write_answers(folder, kItems);
  MockServer server({"--seed", "5"});
  server.config(R"({"reply":"[[{letter}]]","latency":"lognormal:20ms,0.5"})");
  write_models(folder, {{"one", server.origin() + "/vllm/v1"}, {"two", server.origin() + "/vllm/v1"}});
  const std::string file = folder.file("x.assay");
  const std::string load = "load judge a.jsonl b.jsonl mode=pairwise judge=judge-one+judge-two max_tokens=64 as=j";
  REQUIRE(run({assay_program(), file, "-c", load}, folder.path()).status == 0);
  std::mt19937_64 random(11);
  int kills = 0;
  while (kills < 10) {
    Child child({assay_program(), file, "-c", std::string(kSettings) + "run_n 50"}, folder.path());
    if (child.wait_for(std::chrono::milliseconds(80 + static_cast<int>(random() % 350))) != -1) break;
    child.signal(SIGKILL);
    child.wait();
    ++kills;
  }
  CHECK(kills >= 5);
  const Finished done = run(
      {assay_program(), file, "--json", "-c",
       std::string(kSettings) + "run_n 50; status; calls --in-doubt; check; report j; export judgements killed.jsonl"},
      folder.path());
  const std::vector<Json> said = results(done.out);
  REQUIRE_MESSAGE(said.size() == 7, done.out << done.error);
  CHECK(said[2].at("by_status").at("COMPLETE") == kItems);
  CHECK(said[4].at("findings").empty());
  const auto calls = said[2].at("calls").at("answered").get<std::size_t>();
  const std::size_t in_doubt = said[3].at("calls").size();
  CHECK(calls == kItems * 4);
  const Json stats = server.stats();
  MESSAGE(kills << " kills, " << stats.at("requests") << " requests for " << calls << " judgements, " << in_doubt
                << " in doubt");
  CHECK(stats.at("answered").get<std::size_t>() <= calls + in_doubt);

  const Finished calm =
      run({assay_program(), ":memory:", "--json", "-c", load + "; run_n 50; report j; export judgements calm.jsonl"},
          folder.path());
  const std::vector<Json> wanted = results(calm.out);
  REQUIRE_MESSAGE(wanted.size() == 4, calm.out << calm.error);
  CHECK(dump_json(without_cost(said[5])) == dump_json(without_cost(wanted[2])));
  // The texts too: what each judge said of each item in each order.
  const auto texts = [&](const char* name) {
    std::map<std::string, std::string> all;
    for (const Json& line : lines_of(folder.read(name)))
      all[dump_json(line.at("item")) + dump_json(line.at("judge")) + dump_json(line.at("order"))] =
          dump_json(line.at("raw"));
    return all;
  };
  CHECK(texts("killed.jsonl").size() == kItems * 4);
  CHECK(texts("killed.jsonl") == texts("calm.jsonl"));
}

TEST_CASE("the first of two providers dies halfway: the other goes on, no item is lost or judged twice") {
  constexpr int kItems = 1000;
  TemporaryFolder folder;
  std::string recorded;
  for (int i = 1; i <= kItems; ++i) {
    recorded += R"({"id":"q)" + std::to_string(i) + R"(","question":"Which letter belongs to item )" +
                std::to_string(i) +
                R"(?","options":["north","south","east","west"],"answer":"B","reply":"The answer is ()" +
                std::string(1, static_cast<char>('A' + i % 4)) + ").\"}\n";
  }
  folder.write("answers.jsonl", recorded);
  auto first = std::make_unique<MockServer>(std::vector<std::string>{"--seed", "1"});
  MockServer second({"--seed", "2"});
  const char* config = R"({"reply":"[[1]]","latency":"lognormal:60ms,0.4"})";
  first->config(config);
  second.config(config);
  second.rules(R"([{"match":{"every":97},"do":{"reply":"I would rather not say."}}])");
  write_models(folder, {{"one", first->origin() + "/vllm/v1"}, {"two", second.origin() + "/vllm/v1"}});
  const std::string file = folder.file("x.assay");
  const Finished loaded = run({assay_program(), file, "--json", "-c",
                               "load qa answers.jsonl map.reply=reply as=source; judge batch:source judge=judge-one "
                               "fallback=judge-two as=j"},
                              folder.path());
  REQUIRE_MESSAGE(loaded.status == 0, loaded.out << loaded.error);
  Child child({assay_program(), file, "-c", "run_n 50 batch:j"}, folder.path());
  while (child.running() && first->stats().at("answered").get<int>() < kItems / 2)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  first.reset();  // SIGKILL: its connections are reset, then refused
  CHECK(child.wait() == 0);
  const Finished seen =
      run({assay_program(), file, "--json", "-c", "status; report j; export judgements out.jsonl batch:j; check"},
          folder.path());
  const std::vector<Json> said = results(seen.out);
  REQUIRE_MESSAGE(said.size() == 4, seen.out << seen.error);
  CHECK(said[0].at("by_status").at("COMPLETE") == 2 * kItems);
  CHECK(said[3].at("findings").empty());
  std::set<std::string> items;
  std::map<std::string, int> models;
  int unread = 0, fallbacks = 0;
  for (const Json& line : lines_of(folder.read("out.jsonl"))) {
    CHECK(items.insert(dump_json(line.at("item"))).second);
    ++models[line.at("model_used").get<std::string>()];
    fallbacks += line.contains("fallback") && line.at("fallback") != 0 && line.at("fallback") != false ? 1 : 0;
    if (line.at("status") == "failed") {
      ++unread;
      CHECK(line.at("verdict").is_null());
      CHECK(line.at("value").is_null());
    }
  }
  MESSAGE(models["one/m-one"] << " judged by the first, " << models["two/m-two"] << " by the second, " << unread
                              << " unread");
  CHECK(items.size() == kItems);
  CHECK(models.size() == 2);
  CHECK(models["one/m-one"] >= kItems / 2);
  CHECK(models["two/m-two"] == fallbacks);
  CHECK(fallbacks > 100);
  const Json& report = said[1];
  CHECK(report.at("counts").at("judgements") == kItems);
  CHECK(report.at("counts").at("fallback") == fallbacks);
  CHECK(unread > 0);
  CHECK(report.at("counts").at("failed") == unread);
  CHECK(report.at("score").at("n") == kItems - unread);
  CHECK(second.stats().at("answered").get<int>() == fallbacks);  // each once
}
