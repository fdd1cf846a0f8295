// What SynDisco sent and wrote, sent and written again: every message and every file, byte for byte, in each of its
// forms; discussions of seed 20250212 and their annotations as its own program made them.

#include <doctest/doctest.h>

#include <filesystem>
#include <iostream>

#include "core/text/input.hpp"
#include "core/text/python_json.hpp"
#include "experiments/annotation/annotation.hpp"
#include "experiments/annotation/prompt_rows.hpp"
#include "experiments/annotation/record.hpp"
#include "experiments/discussion/result_file.hpp"
#include "tests/experiments/discussion/discussion_room.hpp"
#include "tests/experiments/qa/fake_batch.hpp"

using namespace assay;
using namespace assay::test;

namespace {

namespace fs = std::filesystem;

/// The discussions of a test as the annotations find them.
class OneExperiment final : public ExperimentView {
 public:
  explicit OneExperiment(FakeBatch& batch) : batch_(batch) {}
  std::vector<BatchInfo> batches() const override { return {batch_.info()}; }
  std::unique_ptr<BatchView> view(BatchId) const override { return std::make_unique<FakeBatch>(batch_); }

 private:
  FakeBatch& batch_;
};

struct GoldenRoom : DiscussionRoom {
  fs::path data = fs::path(ASSAY_SHARED_DATA) / "discussion";
  std::unique_ptr<Kind> annotation = make_annotation_kind({client, registry});
  Json script;

  bool there() const {
    if (fs::exists(data)) return true;
    std::cout << "skipped: no " << data.string() << "\n";
    return false;
  }
  Json json(const std::string& path) const { return parse_json(read_file((data / path).string()), path); }
  /// The run with the script's replies for it, and its requests.
  NewRun play(const Kind& of, const BatchInfo& info, NewRun run) {
    transport.sent.clear();
    transport.replies.clear();
    for (const Json& reply : script.at("replies").at(run.id)) {
      const std::string quoted = dump_json(reply);
      transport.replies.push_back(chat(quoted.substr(1, quoted.size() - 2)));
    }
    NewRun done = execute(*this, *of.make_runner(info, {}), std::move(run));
    REQUIRE_MESSAGE(done.status == Status::complete, done.error.message);
    CHECK(transport.sent.size() == script["replies"][done.id].size());
    return done;
  }
  Json messages(std::size_t request) const {
    const auto [system, user] = asked(request);
    return Json::array({{{"role", "system"}, {"content", system}}, {{"role", "user"}, {"content", user}}});
  }
};

RunView view_of(const NewRun& run) {
  RunView view;
  view.run_id = run.id;
  view.status = run.status;
  view.data = run.data;
  view.answer = run.answer;
  view.context = run.context;
  return view;
}

/// What is written again of a call is what was sent.
void check_row(const PromptRow& row, const Json& sent) {
  CHECK(sent[0]["content"] == row.system);
  CHECK(sent[1]["content"] == row.user);
}

/// The same text with another time.
std::string at_time_of(std::string text, const std::string& golden) {
  const auto stamp = [](const std::string& file) {
    const auto found = file.find("\"timestamp\": \"");
    REQUIRE(found != std::string::npos);
    return found + 14;
  };
  constexpr std::size_t kLength = 14;
  return text.replace(stamp(text), kLength, golden.substr(stamp(golden), kLength));
}

TEST_CASE("one discussion and its annotation in every form: each message that is sent, each file that is written") {
  GoldenRoom room;
  if (!room.there()) return;
  for (const std::string form : {"g0", "g0_phrases", "g2", "g2_fixed", "g4", "g4_fixed", "g5"}) {
    CAPTURE(form);
    const std::string folder = "golden/synthetic/";
    room.script = room.json(folder + form + "/script.json");
    std::vector<Json> requests;
    {
      const std::string text = read_file((room.data / folder / form / "requests.jsonl").string());
      for (std::size_t from = 0; from < text.size();) {
        const std::size_t end = std::min(text.find('\n', from), text.size());
        if (end > from) requests.push_back(parse_json(std::string_view(text).substr(from, end - from), "requests"));
        from = end + 1;
      }
    }
    std::size_t at = 0;
    const auto check_rows = [&](const std::vector<PromptRow>& rows) {
      REQUIRE(rows.size() == room.transport.sent.size());
      for (std::size_t i = 0; i < rows.size(); ++i) check_row(rows[i], room.messages(i));
    };
    const auto check_requests = [&](const std::string& run) {
      for (std::size_t i = 0; i < room.transport.sent.size(); ++i, ++at) {
        REQUIRE(at < requests.size());
        CHECK(requests[at]["run"] == run);
        CHECK(room.messages(i) == requests[at]["messages"]);
      }
    };
    ParameterTexts params = {{"design", (room.data / folder / "design.json").string()},
                             {"format", form.substr(0, 2)},
                             {"behaviour", form.ends_with("_fixed") ? "fixed" : "syndisco"},
                             {"model", "openai/m"}};
    if (form == "g0_phrases") params["persona_style"] = "phrases";
    const std::string config = (room.data / folder / "config.yml").string();
    Source source{config, config, {}};
    LoadedBatch batch = room.kind->load(source, params);
    REQUIRE(batch.runs.size() == 1);
    batch.runs[0] = room.play(*room.kind, batch.info, std::move(batch.runs[0]));
    check_requests("s1");
    check_rows(discussion_prompts(view_of(batch.runs[0])));
    const std::string golden = read_file((room.data / folder / form / "discussion.json").string());
    const DiscussionRecord record = discussion_record(view_of(batch.runs[0]));
    CHECK(at_time_of(discussion_file(record, record.format), golden) == golden);

    FakeBatch discussions(std::move(batch));
    const OneExperiment experiment(discussions);
    source.experiment = &experiment;
    params.erase("design");
    if (form[1] != '0') params["annotator_context"] = "You rate comments.";
    LoadedBatch annotations = room.annotation->load(source, params);
    REQUIRE(annotations.runs.size() == 1);
    const NewRun annotated = room.play(*room.annotation, annotations.info, std::move(annotations.runs[0]));
    check_requests("s1-a00");
    check_rows(annotation_prompts(view_of(annotated), nullptr));
    CHECK(at == requests.size());
    const std::string rated = read_file((room.data / folder / form / "annotation.json").string());
    const AnnotationRecord reading = annotation_record(view_of(annotated));
    CHECK(at_time_of(annotation_file(reading, reading.format), rated) == rated);
  }
}

TEST_CASE("the eight discussions of seed 20250212 and four of their annotations, as SynDisco held and wrote them") {
  GoldenRoom room;
  if (!room.there()) return;
  for (const std::string library : {"", "llama_cpp"}) {
    room.script = room.json("golden/feb2025/script.json");
    const Json trace = room.json("golden/feb2025/prompt_trace_discussions.json");
    const std::string config = (room.data / "g2_feb2025/data/server_config.yml").string();
    Source source{config, config, {}};
    ParameterTexts params = {{"design", (room.data / "golden/feb2025/design.json").string()},
                             {"behaviour", "syndisco"},
                             {"model", "openai/m"}};
    if (!library.empty()) params["library_type"] = library;
    LoadedBatch batch = room.kind->load(source, params);
    REQUIRE(batch.runs.size() == 8);
    std::size_t calls = 0;
    for (std::size_t d = 0; d < batch.runs.size(); ++d) {
      batch.runs[d] = room.play(*room.kind, batch.info, std::move(batch.runs[d]));
      const Json& want = trace["discussions"][d]["calls"];
      REQUIRE(room.transport.sent.size() == want.size());
      const auto rows = discussion_prompts(view_of(batch.runs[d]));
      for (std::size_t i = 0; i < want.size(); ++i, ++calls) {
        CHECK(room.messages(i) == want[i]["messages"]);
        check_row(rows.at(i), want[i]["messages"]);
        const Json body = Json::parse(room.transport.sent[i].body);
        CHECK(body.contains("stop") == !library.empty());
        if (!library.empty()) CHECK(body["stop"] == want[i].value("stop", Json({"###", "\n\n", "User"})));
      }
      const std::string golden = read_file(
          (room.data / "golden/feb2025/discussions_output" / ("00" + std::to_string(d + 1) + ".json")).string());
      const DiscussionRecord record = discussion_record(view_of(batch.runs[d]));
      CHECK(at_time_of(discussion_file(record, record.format), golden) == golden);
    }
    CHECK(calls == 68);

    FakeBatch discussions(std::move(batch));
    const OneExperiment experiment(discussions);
    source.experiment = &experiment;
    room.script = room.json("golden/feb2025/annotation_script.json");
    LoadedBatch annotations = room.annotation->load(source, {{"behaviour", "syndisco"}, {"model", "openai/m"}});
    REQUIRE(annotations.runs.size() == 88);
    const Json rated = room.json("golden/feb2025/prompt_trace_annotations.json")["calls"];
    std::size_t judged = 0, file = 9;
    for (const char* id : {"d007-a00", "d003-a00", "d006-a00", "d002-a00"}) {
      const auto found = std::find_if(annotations.runs.begin(), annotations.runs.end(),
                                      [&](const NewRun& run) { return run.id == id; });
      REQUIRE(found != annotations.runs.end());
      const NewRun done = room.play(*room.annotation, annotations.info, *found);
      const auto rows = annotation_prompts(view_of(done), nullptr);
      for (std::size_t i = 0; i < rows.size(); ++i) check_row(rows[i], room.messages(i));
      CHECK(rows.size() == room.transport.sent.size());
      for (std::size_t i = 0; i < room.transport.sent.size() && judged < rated.size(); ++i, ++judged) {
        CHECK(room.messages(i) == rated[judged]["messages"]);
      }
      std::string name = std::to_string(file++);
      name.insert(0, 3 - name.size(), '0');
      const std::string golden =
          read_file((room.data / "golden/feb2025/annotation_output" / (name + ".json")).string());
      const AnnotationRecord record = annotation_record(view_of(done));
      CHECK(at_time_of(annotation_file(record, record.format), golden) == golden);
    }
    CHECK(judged == rated.size());
  }
}

}  // namespace
