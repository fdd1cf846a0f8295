// Studies as people write them, with their faults: what is said of each stands in bad_studies.txt.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "experiments/declared/declared.hpp"
#include "experiments/declared/study.hpp"
#include "tests/runners/model_room.hpp"

using namespace assay;
using namespace assay::test;

namespace {

namespace fs = std::filesystem;

const std::string kCases = std::string(ASSAY_SOURCE_DIR) + "/tests/experiments/declared/bad_studies.txt";

/// A folder with tables, in which studies are written.
class StudyFolder {
 public:
  StudyFolder() : path_(fs::temp_directory_path() / ("assay_declared_" + std::to_string(::getpid()))) {
    fs::create_directories(path_);
    write("rows.csv", "code,country,capital\nFR,France,Paris\nJP,Japan,Tokyo\n");
    write("twice.csv", "id,country\n1,France\n2,Japan\n1,Peru\n");
    write("odd.jsonl", "{\"country\":\"France\"}\n{\"land\":\"Japan\"}\n");
  }
  ~StudyFolder() { fs::remove_all(path_); }
  StudyFolder(const StudyFolder&) = delete;
  StudyFolder& operator=(const StudyFolder&) = delete;

  void write(const std::string& name, const std::string& text) const { std::ofstream(path_ / name) << text; }
  Source study(const std::string& text) const {
    write("study.yaml", text);
    Source source;
    source.name = "study.yaml";
    source.path = path_ / "study.yaml";
    return source;
  }
  /// Without the place where this folder happens to be.
  std::string shown(std::string text) const {
    const std::string folder = path_.string() + "/";
    for (auto at = text.find(folder); at != std::string::npos; at = text.find(folder)) text.erase(at, folder.size());
    return text;
  }

 private:
  fs::path path_;
};

struct BadStudy {
  std::string name, text, said;
};

std::vector<BadStudy> bad_studies(std::string& head) {
  const std::string all = read_file(kCases);
  std::vector<BadStudy> cases;
  std::size_t at = all.find("\n=== ");
  head = all.substr(0, at);
  while (at != std::string::npos) {
    const std::size_t next = all.find("\n=== ", at + 1);
    const std::string one = all.substr(at + 5, next == std::string::npos ? next : next - at - 5);
    const std::size_t line = one.find('\n'), arrow = one.find("\n--> ");
    std::string said = one.substr(arrow + 5);
    while (said.ends_with('\n')) said.pop_back();
    cases.push_back({one.substr(0, line), one.substr(line + 1, arrow - line), said});
    at = next;
  }
  return cases;
}

}  // namespace

TEST_CASE("what is wrong with a study is said with its line, its key and what to do") {
  ModelRoom room;
  const auto kind = make_declared_kind({room.client, room.registry});
  const StudyFolder folder;
  std::string text;
  const std::vector<BadStudy> cases = bad_studies(text);
  CHECK(cases.size() >= 70);
  for (const BadStudy& one : cases) {
    CAPTURE(one.name);
    std::string said = "loaded";
    try {
      kind->load(folder.study(one.text), {});
    } catch (const Error& error) {
      said = folder.shown(error.what());
      if (!error.hint().empty()) said += "\n" + folder.shown(error.hint());
    }
    CHECK(said == one.said);
    text += "\n=== " + one.name + "\n" + one.text + "--> " + said + "\n";
  }
  if (std::getenv("ASSAY_UPDATE") != nullptr) std::ofstream(kCases) << text;
}

TEST_CASE("a text that is meant as a study is known by one line") {
  CHECK(is_study("assay: 1\n"));
  CHECK(is_study("# mine\r\nname: x\r\nassay: 1\r\nsteps: ["));
  CHECK(
      is_study("\xEF\xBB\xBF"
               "assay: \"1\"\n"));
  CHECK(is_study("{\n\"assay\": 1}") == true);
  CHECK_FALSE(is_study("assay: {grid: {seed: [1, 2]}}\ndiscussions: {}\n"));
  CHECK_FALSE(is_study("discussions:\n  assay: 1\n"));
  CHECK_FALSE(is_study(""));
}

TEST_CASE("a study that a batch keeps says the same as its file") {
  const std::string text =
      "assay: 1\nname: yes\nrows: [{q: x, gold: 007}]\nparameters: {n: 3, style: {default: '1', choices: ['1', two]}}\n"
      "system: |\n  Be {{ style }}.\n  {% if n == 3 %}Three.{% endif %}\n"
      "steps:\n  - {name: a, ask: 'Say {{ q }}', params: {temperature: 0.5, stop: [x]}}\n"
      "  - {ask: \"no\", when: 'reply | length > 2', fresh: yes}\n"
      "extract: {pattern: '(?P<v>\\d+)', group: v, from: a}\nscore: {equals: gold, ignore: case}\n"
      "metrics: {n_letters: reply | length, value: {rule: number, from: a}}\n";
  StudyData data;
  const Study study = read_study(text, "s.yaml", {}, &data);
  const Study kept = kept_study(parse_json(dump_json(study.written), ""), {});
  CHECK(data.rows[0]["gold"] == "007");
  CHECK(study.name == "yes");
  for (const Study* one : {&study, &kept}) {
    REQUIRE(one->steps.size() == 2);
    CHECK(one->name == "yes");
    CHECK(one->steps[1].ask == study.steps[1].ask);
    CHECK(one->steps[1].name == "step2");
    CHECK(one->steps[1].fresh);
    CHECK(one->system == study.system);
    CHECK(to_json(one->steps[0].params) == to_json(study.steps[0].params));
    CHECK(one->parameters[0].row.type == Parameter::Type::integer);
    CHECK(one->extract.find("a 12 b 7").value == "7");
    CHECK(one->metrics.size() == 2);
  }
  CHECK_FALSE(kept.written.contains("rows"));
}
