#include "experiments/exec/exec.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "tests/experiments/qa/fake_batch.hpp"
#include "tests/runners/model_room.hpp"

using namespace assay;
using namespace assay::test;

namespace {

struct Room {
  ModelRoom models;
  ProgramHost programs;
  std::vector<std::string> told;
  std::set<std::string> trusted;
  std::unique_ptr<Kind> kind =
      make_exec_kind({models.client, models.registry, programs,
                      [](const std::vector<std::string>&) { return std::vector<std::string>(); },
                      [](std::string_view text) { return std::string(text); },
                      [this](const std::string& line) { told.push_back(line); },
                      [this](const std::string& command) { trusted.insert(command); },
                      [this](const std::string& command) { return trusted.contains(command); }});

  LoadedBatch load(const std::string& text, const ParameterTexts& params,
                   const std::string& name = "data.jsonl") const {
    Source source;
    source.name = name;
    source.embedded = text;
    LoadedBatch batch = kind->load(source, params);
    batch.info.name = "b";
    return batch;
  }
};

template <class Body>
std::string refusal(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what() + (error.hint().empty() ? std::string() : " / " + error.hint());
  }
  return "none";
}

}  // namespace

TEST_CASE("each row is a run; its id is the column's, else its number") {
  const Room room;
  const auto lines = room.load("{\"id\":\"a\",\"x\":1}\n{\"x\":2}\n{\"id\":7}\n", {{"command", "cat"}});
  REQUIRE(lines.runs.size() == 3);
  CHECK(lines.runs[0].id == "a");
  CHECK(lines.runs[1].id == "2");
  CHECK(lines.runs[2].id == "7");
  CHECK(lines.runs[0].data == Json::parse(R"({"id":"a","x":1})"));
  const auto table = room.load("name,x\none,1\ntwo,2\n", {{"command", "cat"}, {"id", "name"}}, "data.csv");
  REQUIRE(table.runs.size() == 2);
  CHECK(table.runs[1].id == "two");
  CHECK(table.runs[1].data == Json::parse(R"({"name":"two","x":"2"})"));
  CHECK(room.load("[[1,2],\"text\"]", {{"command", "cat"}}).runs.at(1).data == "text");
}

TEST_CASE("the command is pinned as words, with its folder and what its files hold; and it is trusted") {
  const Room room;
  const auto batch = room.load("{}", {{"command", "sh '/etc/passwd' -x"}, {"env_keys", "HF_TOKEN OTHER_KEY"}});
  const PinnedCommand command = command_of(batch.info);
  CHECK(command.words == std::vector<std::string>{"sh", "/etc/passwd", "-x"});
  CHECK(command.folder == std::filesystem::current_path());
  CHECK(command.env_keys == std::vector<std::string>{"HF_TOKEN", "OTHER_KEY"});
  REQUIRE(command.files.size() == 1);
  CHECK(command.files[0].first == "/etc/passwd");
  CHECK(shown(command) == "sh /etc/passwd -x");
  CHECK(room.trusted.contains(identity(command)));
  CHECK(changed_files(command).empty());
  PinnedCommand other = command;
  other.env_keys.emplace_back("THIRD_KEY");
  CHECK(identity(other) != identity(command));
  other = command;
  other.files[0].second = "0";
  other.files.emplace_back("nowhere.py", "0");
  CHECK(identity(other) == identity(command));
  CHECK(changed_files(other) == std::vector<std::string>{"/etc/passwd", "nowhere.py (gone)"});
}

TEST_CASE("what can't be loaded is refused with what to do") {
  const Room room;
  struct Row {
    ParameterTexts params;
    std::string text, message;
  };
  const Row rows[] = {
      {{}, "{}", "command: which program executes the runs? / command=\"python3 runner.py\" names it"},
      {{{"command", "a 'b"}}, "{}", "quote"},
      {{{"command", "a"}, {"timeout", "soon"}}, "{}", "timeout: "},
      {{{"command", "a"}, {"workers", "-1"}}, "{}", "workers=-1, expected 0 or more"},
      {{{"command", "a"}, {"max_steps", "0"}}, "{}", "max_steps=0, expected 1 or more"},
      {{{"command", "a"}, {"env_keys", "sk-123"}}, "{}", "env_keys must name a variable of the environment"},
      {{{"command", "a"}, {"comand", "b"}}, "{}", "comand"},
      {{{"command", "a"}}, "", "no runs: expected rows, each the data of one run"},
      {{{"command", "a"}}, "{\"x\":1}\n{x}\n", "data.jsonl:2"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.message);
    const std::string message = refusal([&] { room.load(row.text, row.params); });
    CAPTURE(message);
    CHECK(message.find(row.message) != std::string::npos);
  }
  CHECK(room.trusted.empty());
}

TEST_CASE("what can't be started is said before anything runs") {
  Room room;
  const auto why = [&](const ParameterTexts& params) {
    const auto batch = room.load("{}", params);
    return refusal([&] { room.kind->make_runner(batch.info, {}); });
  };
  CHECK(why({{"command", "nowhere-tool --x"}}) ==
        "batch b can't start its program `nowhere-tool --x`: nowhere-tool: not in PATH / install it, or name its path: "
        "command=/usr/bin/nowhere-tool");
  CHECK(why({{"command", "/etc/passwd"}}).find("/etc/passwd: not executable") != std::string::npos);
  CHECK(why({{"command", "cat"}, {"model", "openai/m"}}).find("needs a key") != std::string::npos);
  auto batch = room.load("{}", {{"command", "cat"}});
  CHECK(refusal([&] { room.kind->make_runner(batch.info, {}); }) == "none");
  batch.info.pinned["command"]["folder"] = "/nowhere";
  CHECK(refusal([&] { room.kind->make_runner(batch.info, {}); }).find("`trust b` shows it") != std::string::npos);
  room.trusted.insert(identity(command_of(batch.info)));
  CHECK(refusal([&] { room.kind->make_runner(batch.info, {}); }).find("its folder /nowhere is not there") !=
        std::string::npos);
  for (const char* damaged : {"null", "[]", "{}", R"({"words":[],"folder":"","env_keys":[],"name":"","files":{}})",
                              R"({"words":[1],"folder":"","env_keys":[],"name":"","files":{}})"}) {
    batch.info.pinned["command"] = Json::parse(damaged);
    CHECK(refusal([&] { room.kind->make_runner(batch.info, {}); }).find("batch b has a") != std::string::npos);
  }
  batch.info.pinned = nullptr;
  CHECK(refusal([&] { room.kind->make_runner(batch.info, {}); }).find("came without the command") != std::string::npos);
}

TEST_CASE("the sample comes with its programs, and the README shows them as they are") {
  const Room room;
  for (const std::string& name : room.kind->samples()) {
    const auto batch = room.load(std::string(room.kind->sample(name)), {}, name);
    CHECK(batch.runs.size() == 20);
    const PinnedCommand command = command_of(batch.info);
    CHECK((command.name == "adder.py" || command.name == "adder.sh"));
    if (name == "adder.sh") CHECK(shown(command) == "/bin/sh adder.sh");
  }
  const std::string readme = read_file(ASSAY_SOURCE_DIR "/experiments/exec/README.md");
  for (const char* file : {"adder.py", "adder.sh"}) {
    std::ifstream in(std::string(ASSAY_SOURCE_DIR "/experiments/exec/samples/") + file);
    std::string text;
    for (std::string line; std::getline(in, line);) text += (line.empty() ? "" : "    " + line) + "\n";
    CAPTURE(file);
    CHECK(readme.find(text) != std::string::npos);
  }
}

TEST_CASE("the report counts what is scored beside what is not, and averages the metrics") {
  const Room room;
  auto batch = room.load("[1,2,3,4,5,6]", {{"command", "cat"}});
  const auto complete = [&](std::size_t i, Score score) {
    batch.runs[i].status = Status::complete;
    batch.runs[i].score = std::move(score);
  };
  complete(0, Score::correct().metric("f1", 0.5));
  complete(1, Score::incorrect().metric("f1", 1));
  complete(2, Score::none().metric("f1", std::nan("")));
  batch.runs[3].status = Status::fail;
  const Report report = room.kind->report(FakeBatch(std::move(batch)));
  CHECK(report.figures.at("n") == 6);
  CHECK(report.figures.at("scored") == 2);
  CHECK(report.figures.at("unscored") == 1);
  CHECK(report.figures.at("failed") == 1);
  CHECK(report.figures.at("not_run") == 2);
  CHECK(report.figures.at("accuracy") == 0.5);
  CHECK(report.figures.at("metrics") == Json::parse(R"({"f1":{"n":2,"mean":0.75}})"));
}
