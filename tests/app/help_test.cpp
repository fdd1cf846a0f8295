// `help` is true: its examples are typed into the program, and none is refused for its form.
#include <doctest/doctest.h>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

namespace {

const Environment kEnvironment = {
    {"OPENAI_API_KEY", "sk-test-canary-0123456789"}, {"OPENAI_BASE_URL", "http://127.0.0.1:9"}, {"PAGER", "cat"}};

/// The lines of `--json` output, one a command.
std::vector<Json> replies(const std::string& out) {
  std::vector<Json> all;
  std::size_t from = 0;
  while (from < out.size()) {
    const std::size_t end = std::min(out.find('\n', from), out.size());
    all.push_back(parse_json(std::string_view(out).substr(from, end - from), "output"));
    from = end + 1;
  }
  return all;
}

std::string joined_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

std::vector<std::string> examples_of(const TemporaryFolder& folder, const std::string& topic) {
  const Finished said = run({assay_program(), ":memory:", "--json", "-c", "help " + topic}, folder.path());
  REQUIRE(said.status == 0);
  return results(said.out).at(0).at("examples").get<std::vector<std::string>>();
}

}  // namespace

TEST_CASE("every line of the help pages works as it stands") {
  TemporaryFolder folder;
  for (const std::string page : {"first", "query", "scripts", "keys", "status words"}) {
    CAPTURE(page);
    std::vector<std::string> lines = examples_of(folder, page);
    if (page == "first" || page == "query") CHECK(lines.size() > 10);
    if (page != "first") lines.insert(lines.begin(), {"load qa sample", "run_n 8"});
    const Finished done =
        run({assay_program(), folder.file("x-" + page.substr(0, 4) + ".assay"), "--json", "-c", joined_lines(lines)},
            folder.path(), kEnvironment);
    const std::vector<Json> all = replies(done.out);
    REQUIRE(all.size() >= lines.size());
    std::size_t at = 0;
    for (const Json& reply : all) {
      const std::string line = at < lines.size() ? lines[at] : "";
      CAPTURE(line);
      const std::string said = dump_json(reply).substr(0, 400);
      CAPTURE(said);
      CHECK(reply.at("ok") == true);
      // A query that selects nothing would teach nothing.
      if (reply.at("command") == "ls") CHECK(reply.at("result").at("matched") > 0);
      ++at;
    }
  }
}

TEST_CASE("every command has examples in `help`, and none of them is refused for its form") {
  TemporaryFolder folder;
  folder.write("questions.jsonl", questions(20));
  std::string numbered;  // their ids are numbers
  for (int i = 1; i <= 20; ++i) {
    numbered += R"({"id":")" + std::to_string(i) + R"(","question":"Which letter stands first?","options":["a","b"],)" +
                R"("answer":"A","category":"letters"})" + "\n";
  }
  folder.write("numbered.jsonl", numbered);
  folder.write("replies.jsonl", "{\"id\":\"q1\",\"output\":\"The answer is (B).\",\"text\":\"(B)\"}\n");
  folder.write("context.json", "{\"question\":\"Why?\"}");
  folder.write("my.yaml", "name: my\nversion: \"1\"\nvariables: [question]\ntemplate: |\n  {{ question }}\n");
  folder.write("other.yaml",
               "name: other\nversion: \"1\"\nvariables: [question]\ntemplate: |\n  {{ question }} Again.\n");
  folder.write("kind.txt", "Be kind.\n");
  folder.write("study.yaml", read_file(ASSAY_SOURCE_DIR "/experiments/declared/samples/sample.yaml"));
  folder.write("night.assay", "status\n");
  folder.write("model_prices.json", "{\"gpt-4o\":{\"input_cost_per_token\":1e-6,\"output_cost_per_token\":2e-6}}");
  std::filesystem::create_directories(folder.path() / "saves");
  run({assay_program(), ":memory:", "-c", "load qa sample; save saves/night.json"}, folder.path());
  run({assay_program(), "old", "-c", "load qa sample; run_n 8"}, folder.path());

  // What an example is about: batches of the names that examples use, and what some of them need beside.
  using Lines = std::vector<std::string>;
  Lines usual = {"load arithmetic sample as=add limit=20"};
  for (const char* name : {"qa", "a", "b", "single", "debate", "jamba", "one", "two", "three"}) {
    usual.push_back(std::string("load qa sample limit=20 as=") + name);
  }
  usual.emplace_back("load arithmetic sample as=broken model=sim/default?fail=content_filter:0.3 limit=10");
  usual.insert(usual.end(), {"run_n 20", "rename one last", "rename last one", "evaluate batch:jamba scheme=tiger",
                             "note add:3 the key is wrong", "load qa sample as=more limit=4", "ls"});
  Lines for_files = usual;
  for_files[for_files.size() - 2] = "load qa sample as=sent limit=4 model=openai/gpt-4o-mini";
  // Two batches that are compared run by run have ids that are numbers.
  const Lines pairs = {"load arithmetic sample as=first limit=20", "load arithmetic sample as=second limit=20", "ls"};
  const Lines rounds = {"load debate numbered.jsonl as=gen rounds=3", "load debate numbered.jsonl as=add rounds=3",
                        "run_n 20"};
  const Lines forum = {"load discussion " ASSAY_SOURCE_DIR "/experiments/discussion/samples/study.yml seed=7 as=forum",
                       "run_n 9"};
  const Lines one_kind = {"load qa sample as=jamba", "run_n 20"};
  const auto before = [&](const std::string& example) -> const Lines& {
    const auto says = [&](const char* words) { return example.find(words) != std::string::npos; };
    if (says("forum") || says("comments")) return forum;
    if (example.starts_with("fork") || says("--step 2")) return rounds;
    if (says("first:")) return pairs;
    if (says("openai-batch") || says("lane=bulk")) return for_files;
    return says("extract=") ? one_kind : usual;
  };

  const Finished said = run({assay_program(), ":memory:", "--json", "-c", "help"}, folder.path());
  const Json commands = results(said.out).at(0);
  REQUIRE(commands.size() > 40);
  std::size_t examples = 0, good = 0;
  for (const Json& command : commands) {
    const std::string name = command.at("command").get<std::string>();
    const Lines lines = examples_of(folder, name);
    CHECK(!lines.empty());
    for (std::string line : lines) {
      CAPTURE(line);
      ++examples;
      if (name == "drop") line += " --yes";  // nobody is there to be asked
      Lines all = before(line);
      const std::size_t at = all.size();
      all.push_back(line);
      const Finished done =
          run({assay_program(), ":memory:", "--json", "-c", joined_lines(all)}, folder.path(), kEnvironment);
      const std::vector<Json> answers = replies(done.out);
      if (name == "!" || answers.size() <= at) {  // a command of the system's shell, or none that answers (exit)
        ++good;
        continue;
      }
      const std::string reply = dump_json(answers[at]).substr(0, 400);
      CAPTURE(reply);
      if (answers[at].at("ok") == true) {
        ++good;
        continue;
      }
      // A script has no terminal to leave, and no provider that waits for files.
      if (name == "detach" || line.find("lane=auto") != std::string::npos) continue;
      for (const char* kind : {"usage", "query", "internal"}) CHECK(answers[at].at("error").at("kind") != kind);
    }
  }
  MESSAGE(examples << " examples of " << commands.size() << " commands, " << good << " carried out here");
  CHECK(good * 10 > examples * 8);
}

TEST_CASE("what the pages of debates and discussions say to type works as written") {
  const std::string experiments = ASSAY_SOURCE_DIR "/experiments/";
  for (const std::string kind : {"debate", "discussion"}) {
    CAPTURE(kind);
    TemporaryFolder folder;
    // The page says where to begin: in the folder of its samples.
    if (kind == "discussion") {
      std::filesystem::copy(experiments + "discussion/samples", folder.path(),
                            std::filesystem::copy_options::recursive);
    }
    const std::vector<std::string> lines = session_of_readme(experiments + kind + "/README.md");
    REQUIRE(lines.size() > 4);
    const Finished done =
        run({assay_program(), folder.file("x.assay"), "--json", "-c", joined_lines(lines)}, folder.path());
    const std::vector<Json> all = replies(done.out);
    REQUIRE(all.size() == lines.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::string said = lines[i] + ": " + dump_json(all[i]).substr(0, 400);
      CAPTURE(said);
      CHECK(all[i].at("ok") == true);
    }
  }
}
