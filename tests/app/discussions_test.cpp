// Discussions and annotations through the real program: files and figures of the published data, forks, failing calls,
// kill -9, files that are not what they should be.
#include <doctest/doctest.h>

#include <filesystem>
#include <set>

#include "core/text/input.hpp"
#include "tests/faults/common.hpp"
#include "tests/faults/study.hpp"

using namespace assay;
using namespace assay::test;

namespace {

namespace fs = std::filesystem;

/// The folder of the published discussions; "" when it is absent.
std::string published() {
  const std::string path = std::string(ASSAY_SHARED_DATA) + "/discussion";
  if (fs::exists(path)) return fs::canonical(path).string();
  MESSAGE("skipped: no " << path);
  return {};
}

}  // namespace

TEST_CASE("every published discussion and annotation comes back byte for byte under its own name") {
  const std::string data = published();
  if (data.empty()) return;
  std::size_t discussions = 0, annotations = 0;
  const std::pair<const char*, const char*> folders[] = {
      {"discussion", "g0_nov2024/data/generated_discussions_output"},
      {"discussion", "g1_jan2025/data/discussions_output"},
      {"discussion", "g2_feb2025/data/discussions_output"},
      {"discussion", "g3_apr2025/data/discussions_output"},
      {"discussion", "g4_feb2026/data/discussions_output"},
      {"annotation", "g0_nov2024/data/annotations_output"},
      {"annotation", "g1_jan2025/data/annotation_output"},
      {"annotation", "g2_feb2025/data/annotation_output"},
      {"annotation", "g3_apr2025/data/annotation_output"},
  };
  for (const auto& [kind, path] : folders) {
    CAPTURE(path);
    TemporaryFolder folder;
    const fs::path from = fs::path(data) / path;
    const Finished done = run({assay_program(), ":memory:", "--json", "-c",
                               std::string("load ") + kind + " " + from.string() + "; export syndisco out"},
                              folder.path());
    REQUIRE_MESSAGE(done.status == 0, done.out);
    const std::set<std::string> names = files_below(from);
    CHECK(files_below(folder.path() / "out") == names);
    for (const std::string& name : names) {
      CHECK_MESSAGE(folder.read("out/" + name) == read_file((from / name).string()), name);
    }
    (std::string_view(kind) == "discussion" ? discussions : annotations) += names.size();
  }
  CHECK(discussions == 10);
  CHECK(annotations == 33);
}

TEST_CASE("annotators take the published discussions: 22 runs, 484 calls, and a second load adds nothing") {
  const std::string data = published();
  if (data.empty()) return;
  TemporaryFolder folder;
  const std::string g2 = data + "/g2_feb2025/data/";
  const std::string load = "load annotation " + g2 + "server_config.yml model=sim/echo discussions=@batch:published";
  const Finished done =
      run({assay_program(), ":memory:", "--json", "-c",
           "load discussion " + g2 + "discussions_output as=published; " + load + "; run_n 22; " + load + "; " + load +
               " include_mod_comments=false; run_n 22 status:READY; report " + "server_config-annotation"},
          folder.path());
  const std::vector<Json> said = results(done.out);
  REQUIRE_MESSAGE(said.size() == 7, done.out);
  CHECK(said[1].at("batches")[0].at("runs") == 22);
  CHECK(said[2].at("calls") == 484);
  CHECK(said[3].at("batches")[0].at("runs") == 0);
  CHECK(said[3].at("batches")[0].at("skipped") == 22);
  CHECK(said[5].at("calls") == 11 * 15 + 11 * 15);
}

TEST_CASE("forty discussions that end in the same second are forty files") {
  TemporaryFolder folder;
  write_study(folder, 40, 2);
  const Finished done = run({assay_program(), ":memory:", "--json", "-c",
                             "load discussion study.yml seed=3 model=sim/default write_dir=written; run_n 40; "
                             "export syndisco exported; export syndisco exported; load discussion written as=again"},
                            folder.path());
  const std::vector<Json> said = results(done.out);
  REQUIRE_MESSAGE(said.size() == 5, done.out);
  CHECK(files_below(folder.path() / "written").size() == 40);
  CHECK(files_below(folder.path() / "exported").size() == 40);
  CHECK(discussions_in(folder.path() / "written") == discussions_in(folder.path() / "exported"));
  CHECK(said[4].at("batches")[0].at("runs") == 40);
}

TEST_CASE("a fork at turn 7 of fifty discussions: seven turns for nothing, the same speakers, compared in pairs") {
  TemporaryFolder folder;
  write_study(folder, 50, 10);
  const Finished done = run({assay_program(), ":memory:", "--json", "-c",
                             "load discussion study.yml seed=5 model=sim/default as=strict; run_n 50; "
                             "fork all step=7 mod_instructions=kind.txt as=kind; run_n 50 all batch:kind; report kind; "
                             "export syndisco strict all batch:strict; export syndisco kind all batch:kind; "
                             "save s.json; replay all batch:kind"},
                            folder.path());
  const std::vector<Json> said = results(done.out);
  REQUIRE_MESSAGE(said.size() == 9, done.out);
  CHECK(said[3].at("complete") == 50);
  CHECK(said[3].at("calls").get<int>() <= 50 * 3 * 2);
  CHECK(said[8].at("same") == 50);
  const auto texts = [&](const char* name) {
    std::map<std::string, Json> by_users;
    for (const std::string& file : files_below(folder.path() / name)) {
      const Json one = parse_json(folder.read(std::string(name) + "/" + file), file);
      by_users[dump_json(one.at("users")) + dump_json(one.at("logs")[0])] = one;
    }
    return by_users;
  };
  const auto parents = texts("strict"), children = texts("kind");
  REQUIRE(parents.size() == 50);
  REQUIRE(children.size() == 50);
  for (const auto& [users, parent] : parents) {
    const Json& child = children.at(users);
    CHECK(child.at("id") != parent.at("id"));
    CHECK(child.at("moderator_prompt").get<std::string>().find("Be very kind.") != std::string::npos);
    const auto speakers = [](const Json& file) {
      std::string names;
      for (const Json& entry : file.at("logs")) {
        if (entry.at("name") != "moderator") names += entry.at("name").get<std::string>() + " ";
      }
      return names;
    };
    CHECK(speakers(child) == speakers(parent));
    for (std::size_t i = 0; i < 15; ++i) CHECK(child.at("logs")[i] == parent.at("logs")[i]);  // opening + 7 x 2
  }
  // The saved forks go on as forks.
  const Finished again = run({assay_program(), ":memory:", "--json", "-c",
                              "load s.json; rerun all batch:kind; export syndisco again all batch:kind"},
                             folder.path());
  CHECK_MESSAGE(again.status == 0, again.out);
  CHECK(discussions_in(folder.path() / "again") == discussions_in(folder.path() / "kind"));
}

TEST_CASE("one failing call: retried, then one run FAILs at its turn, and run_n goes on there") {
  TemporaryFolder folder;
  write_study(folder);
  MockServer server;
  server.config(R"({"reply":"Well."})");
  // Every request of one discussion's fifth turn is refused for good: its window is the only one that holds this.
  server.rules(R"([{"match":{"contains":"user", "nth":25},"do":{"status":500}},
                   {"match":{"contains":"user", "nth":40},"do":{"status":400}}])");
  const Environment environment = server_environment(server);
  const std::string file = folder.file("x.assay");
  const Finished first = run({assay_program(), file, "--json", "-c",
                              "load discussion study.yml seed=1 model=openai/m as=talk; run_n 1; errors; status"},
                             folder.path(), environment);
  CHECK(first.status == 3);
  const std::vector<Json> said = results(first.out);
  REQUIRE_MESSAGE(said.size() == 4, first.out);
  CHECK(said[1].at("complete") == 7);
  CHECK(said[1].at("fail") == 1);
  CHECK(said[2].at("groups")[0].at("message").get<std::string>().find("turn ") != std::string::npos);
  const std::size_t before = server.stats().at("requests").get<std::size_t>();
  server.rules("[]");
  const Finished then = run({assay_program(), file, "--json", "-c", "run_n 8 status:FAIL; status; replay all"},
                            folder.path(), environment);
  CHECK(then.status == 0);
  CHECK(results(then.out).at(1).at("by_status").at("COMPLETE") == 8);
  CHECK(results(then.out).at(2).at("same") == 8);
  // 8 discussions of 6 turns, a moderator after each: 96 calls; the failed 500 and 400 were sent once more each.
  CHECK(server.stats().at("requests").get<std::size_t>() == 96 + 2);
  CHECK(before < 98);
}

TEST_CASE("the cap holds: runs stay INCOMPLETE, and end after it is raised; below the estimate the load says so") {
  TemporaryFolder folder;
  write_study(folder, 4, 6);
  folder.write("models.yaml", "version: 1\nmodels:\n  dear: {model: sim/default, price: {in: 1000, out: 1000}}\n");
  const std::string file = folder.file("x.assay");
  const Finished first = run(
      {assay_program(), file, "-c", "budget 0.5; load discussion study.yml seed=1 model=dear as=talk; run_n 4; status"},
      folder.path());
  CHECK_MESSAGE(first.out.find("left") != std::string::npos, first.out);
  const Finished then =
      run({assay_program(), file, "--json", "-c", "status; budget 100; run_n 4; status"}, folder.path());
  const std::vector<Json> said = results(then.out);
  REQUIRE_MESSAGE(said.size() == 4, then.out);
  CHECK(said[0].at("by_status").value("COMPLETE", 0) < 4);
  CHECK(said[0].at("by_status").value("FAIL", 0) == 0);
  CHECK(said[3].at("by_status").at("COMPLETE") == 4);
}

namespace {

/// The designs of a design file without their ids.
Json designs_in(const TemporaryFolder& folder, const std::string& name) {
  Json file = parse_json(folder.read(name), name);
  for (Json& design : file.at("discussions")) design.erase("id");
  return file.at("discussions");
}

}  // namespace

TEST_CASE("a grid of two policies and two sizes: four batches, the same topics in all, one comparison") {
  TemporaryFolder folder;
  write_study(folder, 6, 4);
  const Finished done = run({assay_program(), ":memory:", "--json", "-c",
                             "load discussion study.yml model=sim/default turn_policy=respond,random num_users=3,5; "
                             "run_n 8; report \"study turn_policy=respond num_users=3\"; "
                             "export design a.json all batch:\"study turn_policy=respond num_users=3\"; "
                             "export design b.json all batch:\"study turn_policy=random num_users=5\""},
                            folder.path());
  const std::vector<Json> said = results(done.out);
  REQUIRE_MESSAGE(said.size() == 5, done.out);
  CHECK(said[0].at("batches").size() == 4);
  for (const Json& batch : said[0].at("batches")) CHECK(batch.at("seed") == said[0].at("batches")[0].at("seed"));
  CHECK(said[1].at("complete") == 24);
  CHECK(said[2].at("variants").size() == 4);
  const Json a = designs_in(folder, "a.json"), b = designs_in(folder, "b.json");
  REQUIRE(a.size() == 6);
  for (std::size_t i = 0; i < a.size(); ++i) {
    CHECK(a[i].at("seeds")[0].at("topic") == b[i].at("seeds")[0].at("topic"));
    CHECK(a[i].at("users")[0] == b[i].at("users")[0]);
  }
}

TEST_CASE("one seed is one design, whatever the width and whoever kills it; another seed is another") {
  TemporaryFolder folder;
  write_study(folder, 8, 6);
  const auto designed = [&](const std::string& name, const std::string& seed, const std::string& width, bool kill) {
    const std::string file = folder.file(name + ".assay");
    REQUIRE(run({assay_program(), file, "-c",
                 "load discussion study.yml model=sim/default?latency=const:30ms seed=" + seed},
                folder.path())
                .status == 0);
    if (kill) {
      Child child({assay_program(), file, "-c", "run_n " + width}, folder.path());
      child.wait_for(std::chrono::milliseconds(200));
      child.signal(9);
      child.wait();
    }
    const Finished done =
        run({assay_program(), file, "-c", "run_n " + width + "; export design " + name + ".json"}, folder.path());
    CHECK_MESSAGE(done.status == 0, done.error);
    return designs_in(folder, name + ".json");
  };
  const Json one = designed("one", "4", "1", false);
  CHECK(one.at(0).at("speakers").size() == 6);
  CHECK(designed("eight", "4", "8", false) == one);
  CHECK(designed("killed", "4", "8", true) == one);
  CHECK(designed("other", "5", "8", false) != one);
}

TEST_CASE("the study of the README goes from personas to agreement, a table and a fork") {
  TemporaryFolder folder;
  fs::copy(fs::path(ASSAY_SOURCE_DIR) / "experiments/discussion/samples", folder.path() / "study",
           fs::copy_options::recursive);
  const Finished done =
      run({assay_program(), folder.file("x.assay"), "--json", "-c",
           "load discussion study.yml seed=7 as=forum; run_n 9; load annotation study.yml discussions=@batch:forum "
           "as=ratings \"model=sim/default?reply=Toxicity={1-5} ArgumentQuality={1-5}\"; run_n 50 all batch:ratings; "
           "report ratings; export comments comments.csv all; fork all batch:forum step=7 "
           "mod_instructions=mod_firm.txt as=firm; run_n 9 all batch:firm"},
          folder.path() / "study");
  const std::vector<Json> said = results(done.out);
  REQUIRE_MESSAGE(said.size() == 8, done.out << done.error);
  CHECK(said[1].at("complete") == 9);
  CHECK(said[3].at("complete") == 27);
  CHECK(said[3].at("calls") == 27 * 15);
  CHECK(said[4].at("keys").at("toxicity").at("values") == 27 * 15);
  CHECK(said[4].at("keys").at("toxicity").at("alpha").at("ordinal").is_number());
  CHECK(said[7].at("complete") == 9);
  CHECK(said[7].at("calls") == 9 * 7 * 2);
}

TEST_CASE("forks of forks, models of saves, and another scale: what the batch keeps is what its runs do") {
  TemporaryFolder folder;
  write_study(folder, 2, 4);
  folder.write("mod.jsonl", "{\"match\":{\"contains\":\"posted\"},\"reply\":\"MOD\"}\n");
  const Finished made = run({assay_program(), ":memory:", "--json", "-c",
                             "load discussion study.yml seed=1 model=sim/default mod_model=sim/script:mod.jsonl as=t; "
                             "fork batch:t step=0 num_turns=2 as=f; save s.json"},
                            folder.path());
  REQUIRE_MESSAGE(made.status == 0, made.out);
  const Finished done =
      run({assay_program(), ":memory:", "--json", "-c",
           "load s.json; run_n 4; fork all batch:t step=2 include_mod=false as=g; run_n 2 all batch:g; fork all "
           "batch:g step=3 num_turns=5 as=h; run_n 2 all batch:h; export syndisco out all; load annotation study.yml "
           "discussions=@t seed=1 as=r model=sim/default?reply=Toxicity={7-9}; run_n 9 all batch:r; report r; "
           "evaluate all batch:r scale.toxicity=1..9; report r"},
          folder.path());
  const std::vector<Json> said = results(done.out);
  REQUIRE_MESSAGE(said.size() == 12, done.out << done.error);
  CHECK(said[5].at("complete") == 2);
  std::size_t moderated = 0;
  for (const auto& [id, text] : discussions_in(folder.path() / "out")) {
    const Json file = parse_json(text, id);
    for (const Json& entry : file.at("logs")) {
      if (entry.at("name") != "moderator") continue;
      CHECK(entry.at("text") == "MOD");
      ++moderated;
    }
  }
  CHECK(moderated == 2 * (4 + 2 + 2 + 2));
  CHECK(said[9].at("out_of_scale") == said[9].at("annotations"));
  CHECK(said[11].at("out_of_scale") == 0);
}

TEST_CASE("what is wrong with a file is said with its place, and nothing is loaded") {
  TemporaryFolder folder;
  write_study(folder);
  fs::create_directories(folder.path() / "results");
  folder.write("results/good.json",
               R"({"id":"i","timestamp":"25-01-01-00-00","users":["A"],"moderator":null,"user_prompts":["p"],)"
               R"("moderator_prompt":null,"ctx_length":3,"logs":[{"name":"A","text":"x","model":"m"}]})");
  folder.write("results/empty.json", "");
  const struct {
    std::string command, holds;
  } rows[] = {
      {"load discussion results model=sim/default", "model is of what is to be run"},
      {"load discussion results", "empty.json"},
      {"load discussion study.yml num_users=12 model=sim/default", "12"},
      {"load discussion study.yml turn_policy=robin model=sim/default", "round_robin"},
      {"load annotation study.yml model=sim/default", "no finished discussion"},
      {"load discussion user.txt model=sim/default", "user.txt"},
  };
  for (const auto& row : rows) {
    const Finished done = run({assay_program(), ":memory:", "-c", row.command + "; batches"}, folder.path());
    const std::string all = done.out + done.error;
    CHECK_MESSAGE(all.find(row.holds) != std::string::npos, row.command << ": " << all);
    CHECK_MESSAGE(all.find("there are no batches yet") != std::string::npos, row.command << ": " << all);
  }
  const Finished skipped =
      run({assay_program(), ":memory:", "--json", "-c",
           "load discussion results skip_bad=true; load annotation "
           "annotators.json annotation_instructions=rate.txt discussions=@batch:results model=sim/default; run_n 3"},
          folder.path());
  const std::vector<Json> said = results(skipped.out);
  REQUIRE_MESSAGE(said.size() == 3, skipped.out);
  CHECK(said[0].at("batches")[0].at("runs") == 1);
  CHECK(said[2].at("complete") == 3);
}
