#include "experiments/annotation/report.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <iterator>

#include "experiments/annotation/record.hpp"
#include "experiments/annotation/settings.hpp"
#include "experiments/discussion/result_file.hpp"
#include "tests/experiments/discussion/fake_experiment.hpp"
#include "tests/experiments/discussion/shared_discussion.hpp"

using namespace assay;
using test::FakeExperiment;

namespace {

BatchInfo batch_info(const std::string& name, const std::string& kind) {
  BatchInfo info;
  info.name = name;
  info.kind = kind;
  info.params = Json::object();
  info.pinned = Json::object();
  return info;
}

/// An annotator's finished run on a discussion of three comments.
NewRun own(int annotator, const std::string& conv, const std::vector<std::string>& replies,
           const AnnotationSettings& settings = {}) {
  Json log = Json::array();
  for (std::size_t i = 0; i < 3; ++i) log.push_back({{"name", "Ann"}, {"text", "comment " + std::to_string(i)}});
  NewRun run;
  run.id = conv + "-a0" + std::to_string(annotator);
  run.data = {{"conv_id", conv},
              {"discussion", {{"run", "b:" + conv}, {"moderator", nullptr}, {"log", log}}},
              {"annotator", {{"index", annotator}, {"name", "annotator"}, {"persona", {{"username", "annotator"}}}}},
              {"settings", to_json(settings)}};
  for (std::size_t i = 0; i < replies.size(); ++i) {
    run.context.push_back({"user", log[i]["text"], Json{{"index", i}, {"name", "Ann"}}});
    run.context.push_back({"assistant", replies[i], Json{{"index", i}}});
  }
  run.status = replies.size() == 3 ? Status::complete : Status::ready;
  return run;
}

std::string text_of(const Report& report) {
  std::string all;
  for (const auto& block : report.blocks) {
    if (const auto* heading = std::get_if<ReportHeading>(&block)) all += heading->text + "\n";
    if (const auto* text = std::get_if<ReportText>(&block)) all += text->text + "\n";
    if (const auto* table = std::get_if<ReportTable>(&block)) all += "[" + table->title + "]\n";
    if (const auto* chart = std::get_if<ReportChart>(&block)) all += "(" + chart->title + ")\n";
  }
  return all;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Json read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return parse_json(std::string(std::istreambuf_iterator<char>(file), {}), path.string());
}

}  // namespace

TEST_CASE("the published annotations agree as the reference has it, pooled and by discussion") {
  const auto root = shared_discussion("g2_feb2025/data");
  if (!root) return;
  FakeExperiment all;
  std::vector<std::string> warnings;
  all.add(batch_info("annotations", "annotation"),
          load_annotation_results(*root / "annotation_output", false, warnings));
  all.add(batch_info("talk", "discussion"), load_discussion_results(*root / "discussions_output", false, warnings));
  const Report report = annotation_report(*all.view(0));
  const Json& f = report.figures;
  CHECK(f["discussions"] == 2);
  CHECK(f["files"] == 22);
  CHECK(f["comments"] == 44);
  CHECK(f["annotations"] == 484);
  CHECK(f["without_discussion"] == 0);
  CHECK(f["unjoined"] == 0);
  const Json golden = read(*shared_discussion("golden/agreement.json"));
  const Json intervals = read(*shared_discussion("golden/expected_dev.json"))["agreement_ci"];
  for (const Json& discussion : golden["discussions"]) {
    const std::filesystem::path path = discussion["file"].get<std::string>();
    const std::string name = path.parent_path().filename().string() + "/" + path.stem().string();
    for (const char* key : {"toxicity", "argumentquality"}) {
      CAPTURE(name);
      CAPTURE(key);
      const Json& want = discussion[key];
      REQUIRE(f["keys"][key]["per_discussion"].contains(name));
      const Json& got = f["keys"][key]["per_discussion"][name];
      const auto near = [](const Json& a, const Json& b) {
        return std::fabs(a.get<double>() - b.get<double>()) < 1e-9;
      };
      CHECK(near(got["alpha"]["nominal"], want["krippendorff_nominal"]));
      CHECK(near(got["alpha"]["ordinal"], want["krippendorff_ordinal"]));
      CHECK(near(got["alpha"]["interval"], want["krippendorff_interval"]));
      CHECK(near(got["fleiss"], want["fleiss_kappa"]));
      CHECK(near(got["cohen"]["unweighted"], want["mean_pairwise_cohen_unweighted"]));
      CHECK(near(got["cohen"]["linear"], want["mean_pairwise_cohen_linear"]));
      CHECK(near(got["cohen"]["quadratic"], want["mean_pairwise_cohen_quadratic"]));
      CHECK(got["cohen"]["pairs"] == want["n_pairs_defined_unweighted"]);
      CHECK(near(got["percent_agreement"], want["mean_percent_agreement"]));
      CHECK(near(got["mean"], want["mean"]));
      CHECK(near(got["ndfu"]["fixed"], want["mean_ndfu_bins5_range1_5"]));
      CHECK(near(got["ndfu"]["legacy"], want["mean_ndfu_bins5_datarange"]));
      for (const char* metric : {"nominal", "ordinal", "interval"}) {
        for (const std::size_t end : {0, 1}) {
          CHECK(near(got["ci95"][metric][end], intervals[name][key][metric]["ci95"][end]));
        }
      }
    }
  }
  const Json& pooled = f["keys"]["toxicity"];
  CHECK(pooled["values"].get<std::size_t>() + pooled["missing"].get<std::size_t>() == 484);
  CHECK(pooled["alpha"]["ordinal"].get<double>() > 0.7);
  CHECK(pooled["ci95"]["ordinal"].is_array());
  const std::string text = text_of(report);
  CHECK(has(text, "22 runs (one annotator on one discussion): 22 COMPLETE\n"));
  CHECK(has(text, "(Krippendorff's alpha)"));
  CHECK(has(text, "(distribution of the values)"));
  CHECK(has(text, "by discussion"));
}

TEST_CASE("annotations without their discussion are counted, their units are positions") {
  const auto root = shared_discussion("g2_feb2025/data/annotation_output");
  if (!root) return;
  FakeExperiment all;
  std::vector<std::string> warnings;
  all.add(batch_info("annotations", "annotation"), load_annotation_results(*root, false, warnings));
  const Report report = annotation_report(*all.view(0));
  CHECK(report.figures["without_discussion"] == 22);
  CHECK(report.figures["discussions"] == 2);
  CHECK(report.figures["comments"] == 44);
  CHECK(has(text_of(report), "22 files without discussion in this experiment"));
}

TEST_CASE("missing, malformed and out of scale are counted apart, rare keys are listed only") {
  FakeExperiment all;
  std::vector<NewRun> runs;
  for (int a = 0; a < 8; ++a) {
    runs.push_back(
        own(a, "c1", {"toxicity=1", a == 0 ? "no idea" : "toxicity=2", a == 1 ? "toxicity=9" : "toxicity=5"}));
  }
  runs[2].context[1].content = "toxicity=1 rare=3";
  runs[3].context[3].content = "toxicity=1.2.3";
  runs.push_back(own(8, "c1", {}));
  NewRun failed = own(9, "c1", {"toxicity=5", "toxicity=5", "toxicity=5"});
  failed.status = Status::fail;
  runs.push_back(failed);
  all.add(batch_info("a", "annotation"), std::move(runs));
  const Report report = annotation_report(*all.view(0));
  const Json& f = report.figures;
  CHECK(f["runs"]["complete"] == 8);
  CHECK(f["annotators"] == 8);
  CHECK(f["files"] == 8);
  CHECK(f["comments"] == 3);
  CHECK(f["annotations"] == 24);
  CHECK(f["missing"] == 3);
  CHECK(f["malformed"] == 1);
  CHECK(f["out_of_scale"] == 1);
  CHECK(f["without_discussion"] == 0);
  CHECK(dump_json(f["rare_keys"]) == R"({"rare":1})");
  CHECK_FALSE(f["keys"].contains("rare"));
  const Json& toxicity = f["keys"]["toxicity"];
  CHECK(toxicity["values"] == 21);
  CHECK(toxicity["missing"] == 3);
  CHECK(dump_json(toxicity["distribution"]) == R"({"1":8,"2":6,"5":7})");
  CHECK(toxicity["units_complete"] == 1);
  CHECK(toxicity["fleiss"].is_null());  // of the one complete comment all say 1
  CHECK(toxicity["alpha"]["ordinal"].get<double>() == doctest::Approx(1));
  const std::string text = text_of(report);
  CHECK(has(text, "10 runs (one annotator on one discussion): 8 COMPLETE, 1 FAIL, 1 READY; what is not COMPLETE"));
  CHECK(has(text, "what is left: estimate: 3 calls, "));
  CHECK(has(text, "[keys in fewer than 5 % of the annotations: not analysed]"));
}

TEST_CASE("one value only is no agreement: null, no variation") {
  FakeExperiment all;
  all.add(batch_info("a", "annotation"), {own(0, "c1", {"t=3", "t=3", "t=3"}), own(1, "c1", {"t=3", "t=3", "t=3"})});
  const Report report = annotation_report(*all.view(0));
  const Json& t = report.figures["keys"]["t"];
  CHECK(t["alpha"]["nominal"].is_null());
  CHECK(t["alpha"]["ordinal"].is_null());
  CHECK(t["ci95"]["ordinal"].is_null());
  CHECK(t["fleiss"].is_null());
  CHECK(t["cohen"]["linear"].is_null());
  CHECK(t["cohen"]["pairs"] == 0);
  CHECK(t["percent_agreement"] == 1.0);
  CHECK(t["why"] == "no variation");
  CHECK(has(text_of(report), "alpha is not defined for t: no variation"));
}

TEST_CASE("one annotator alone agrees with nobody, and nothing parsed says what to do") {
  FakeExperiment all;
  all.add(batch_info("a", "annotation"), {own(0, "c1", {"t=3", "t=4", "t=1"})});
  all.add(batch_info("b", "annotation"), {own(0, "c1", {"three", "four", ""})});
  all.add(batch_info("c", "annotation"), {own(0, "c1", {})});
  const Json t = annotation_report(*all.view(0)).figures["keys"]["t"];
  CHECK(t["alpha"]["nominal"].is_null());
  CHECK(t["percent_agreement"].is_null());
  CHECK(t["why"] == "no comment has two values");
  CHECK(t["mean"].get<double>() == doctest::Approx(8.0 / 3));
  const Report nothing = annotation_report(*all.view(1));
  CHECK(nothing.figures["missing"] == 3);
  CHECK(has(text_of(nothing), "evaluate parse=REGEX"));
  const std::string before = text_of(annotation_report(*all.view(2)));
  CHECK(has(before, "1 run (one annotator on one discussion): 0 COMPLETE, 1 READY\nestimate: 3 calls, "));
}

TEST_CASE("keys have the scale their run was given, and values as last evaluated") {
  AnnotationSettings settings;
  settings.parsing.scales["t"] = {0, 1};
  NewRun run = own(0, "c1", {"t=0", "t=1", "t=3"}, settings);
  FakeExperiment all;
  all.add(batch_info("a", "annotation"), {run});
  run.answer = parse_json(R"([{"index":0,"values":{"t":1}},{"index":1,"values":{}},{"index":2,"values":{"t":0}}])", "");
  all.add(batch_info("b", "annotation"), {run});
  const Json t = annotation_report(*all.view(0)).figures["keys"]["t"];
  CHECK(dump_json(t["distribution"]) == R"({"0":1,"1":1})");
  CHECK(dump_json(t["scale"]) == "[0.0,1.0]");
  const Json again = annotation_report(*all.view(1)).figures["keys"]["t"];
  CHECK(again["values"] == 2);
  CHECK(again["mean"] == 0.5);
  run.answer = parse_json(
      R"([{"index":0,"values":{"t":6},"scale":{"t":[1,7]}},{"index":1,"values":{"t":8},"scale":{"t":[1,7]}},
          {"index":2,"values":{}}])",
      "");
  all.add(batch_info("c", "annotation"), {run});
  const Json other = annotation_report(*all.view(2)).figures;
  CHECK(dump_json(other["keys"]["t"]["distribution"]) == R"({"6":1})");
  CHECK(dump_json(other["keys"]["t"]["scale"]) == "[1.0,7.0]");
  CHECK(other["out_of_scale"] == 1);
}

TEST_CASE("a result file that fits its discussion by neither lengths nor texts is left out and counted") {
  FakeExperiment all;
  Json discussion = parse_json(
      R"({"id":"c1","timestamp":"25-01-01-00-00","users":["Ann","Ben"],"moderator":null,"user_prompts":["a","b"],
          "moderator_prompt":null,"ctx_length":3,"logs":[{"name":"Ann","text":"x","model":"m"},
          {"name":"Ben","text":"y","model":"m"}]})",
      "");
  NewRun talk;
  talk.id = "talk";
  talk.data = {{"source", discussion}, {"file", "talk"}, {"format", "g2"}};
  const DiscussionRecord record = record_of_file(discussion, Generation::g2, "talk");
  for (std::size_t i = 0; i < record.events.size(); ++i) talk.context.push_back(to_message(record.events[i], i));
  talk.status = Status::complete;
  const auto file = [](const std::string& name, Json logs) {
    NewRun run;
    run.id = name;
    run.data = {{"source",
                 {{"conv_id", "c1"},
                  {"timestamp", "25-01-01-00-00"},
                  {"annotator_model", "m"},
                  {"annotator_prompt", name},
                  {"ctx_length", 3},
                  {"logs", std::move(logs)}}},
                {"file", name},
                {"format", "g2"}};
    run.status = Status::complete;
    return run;
  };
  all.add(batch_info("talk", "discussion"), {talk});
  all.add(batch_info("a", "annotation"), {file("good", parse_json(R"([["x","t=1"],["y","t=2"]])", "")),
                                          file("short", parse_json(R"([["x","t=1"]])", "")),
                                          file("other", parse_json(R"([["x","t=1"],["z","t=2"]])", ""))});
  const Report report = annotation_report(*all.view(1));
  CHECK(report.figures["unjoined"] == 2);
  CHECK(report.figures["discussions"] == 1);
  CHECK(report.figures["comments"] == 2);
  CHECK(report.figures["keys"]["t"]["values"] == 2);
  CHECK(has(text_of(report), "2 files left out"));
}
