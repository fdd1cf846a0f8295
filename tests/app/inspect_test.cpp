// `export inspect`: the zip as another reader of zips sees it, its keys and types as inspect_ai's log form (version 2)
// has them: src/inspect_ai/log/_log.py, EvalLog, EvalSample, EvalSampleSummary; _recorders/eval.py.
#include <doctest/doctest.h>
#include <zip.h>

#include <filesystem>
#include <map>

#include "tests/faults/common.hpp"

using namespace assay;
using namespace assay::test;

namespace {

/// The entries of a zip, by name; all must be deflated (or stored, where that is smaller).
std::map<std::string, Json> entries(const std::string& path) {
  std::map<std::string, Json> found;
  int code = 0;
  zip_t* const archive = zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code);
  REQUIRE(archive != nullptr);
  for (zip_int64_t i = 0; i < zip_get_num_entries(archive, 0); ++i) {
    zip_stat_t facts;
    REQUIRE(zip_stat_index(archive, static_cast<zip_uint64_t>(i), 0, &facts) == 0);
    CHECK((facts.comp_method == ZIP_CM_DEFLATE || facts.comp_method == ZIP_CM_STORE));
    std::string text(facts.size, '\0');
    zip_file_t* const file = zip_fopen_index(archive, static_cast<zip_uint64_t>(i), 0);
    REQUIRE(file != nullptr);
    REQUIRE(zip_fread(file, text.data(), text.size()) == static_cast<zip_int64_t>(text.size()));
    zip_fclose(file);
    CHECK(found.emplace(facts.name, parse_json(text, facts.name)).second);
  }
  zip_discard(archive);
  return found;
}

/// "text", "number", "list", "map", "flag" of a value at a dotted path; "" : it is not there.
std::string type_at(const Json& value, const std::string& path) {
  const Json* at = &value;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    if (at->is_array()) {
      if (at->size() <= std::stoul(part)) return "";
      at = &(*at)[std::stoul(part)];
    } else {
      if (!at->is_object() || !at->contains(part)) return "";
      at = &(*at)[part];
    }
    begin = end + 1;
  }
  return at->is_string()    ? "text"
         : at->is_number()  ? "number"
         : at->is_array()   ? "list"
         : at->is_object()  ? "map"
         : at->is_boolean() ? "flag"
                            : "";
}

struct Needed {
  const char *path, *type;
};
const Needed kHeader[] = {{"version", "number"},
                          {"status", "text"},
                          {"eval.eval_id", "text"},
                          {"eval.run_id", "text"},
                          {"eval.created", "text"},
                          {"eval.task", "text"},
                          {"eval.task_id", "text"},
                          {"eval.task_version", "number"},
                          {"eval.task_attribs", "map"},
                          {"eval.task_args", "map"},
                          {"eval.dataset.name", "text"},
                          {"eval.dataset.samples", "number"},
                          {"eval.model", "text"},
                          {"eval.model_args", "map"},
                          {"eval.model_generate_config", "map"},
                          {"eval.config.epochs", "number"},
                          {"eval.packages", "map"},
                          {"eval.scorers.0.name", "text"},
                          {"plan.name", "text"},
                          {"plan.steps.0.solver", "text"},
                          {"plan.steps.0.params", "map"},
                          {"plan.config", "map"},
                          {"results.total_samples", "number"},
                          {"results.completed_samples", "number"},
                          {"results.scores.0.name", "text"},
                          {"results.scores.0.scorer", "text"},
                          {"results.scores.0.params", "map"},
                          {"results.scores.0.metrics.accuracy.name", "text"},
                          {"results.scores.0.metrics.accuracy.value", "number"},
                          {"results.scores.0.metrics.accuracy.params", "map"},
                          {"stats.started_at", "text"},
                          {"stats.completed_at", "text"},
                          {"stats.model_usage", "map"}};
const Needed kSample[] = {{"id", "text"},
                          {"epoch", "number"},
                          {"input", "text"},
                          {"target", "text"},
                          {"messages.0.id", "text"},
                          {"messages.0.role", "text"},
                          {"messages.0.content", "text"},
                          {"messages.1.model", "text"},
                          {"output.model", "text"},
                          {"output.choices.0.message.role", "text"},
                          {"output.choices.0.message.content", "text"},
                          {"output.choices.0.stop_reason", "text"},
                          {"output.completion", "text"},
                          {"output.usage.input_tokens", "number"},
                          {"output.usage.output_tokens", "number"},
                          {"output.usage.total_tokens", "number"},
                          {"scores.qa.value", "text"},
                          {"scores.qa.answer", "text"},
                          {"metadata", "map"},
                          {"store", "map"},
                          {"events", "list"},
                          {"attachments", "map"},
                          {"model_usage", "map"},
                          {"total_time", "number"},
                          {"uuid", "text"}};
const Needed kSummary[] = {{"id", "text"},          {"epoch", "number"},   {"input", "text"},
                           {"target", "text"},      {"metadata", "map"},   {"scores.qa.value", "text"},
                           {"model_usage", "map"},  {"completed", "flag"}, {"message_count", "number"},
                           {"total_time", "number"}};

template <std::size_t N>
void check_types(const Json& value, const Needed (&needed)[N]) {
  for (const Needed& one : needed) {
    CAPTURE(one.path);
    CHECK(type_at(value, one.path) == one.type);
  }
}

}  // namespace

TEST_CASE("a batch as a log: keys and types are those that the viewer reads") {
  TemporaryFolder folder;
  folder.write("q.jsonl", questions(4));
  const Finished done =
      run({assay_program(), ":memory:", "--json", "-c",
           "load qa q.jsonl model=sim/qa?accuracy=1 epochs=2 as='a b'; run_n 4 r:q[12]; "
           "load qa q.jsonl model=sim/qa?fail=bad_response:1 as=f; run_n 4 all batch:f; export inspect out all; "
           "export inspect out all; export inspect one.eval all; export inspect one.eval all batch:'a b'"},
          folder.path());
  CAPTURE(done.out);
  CAPTURE(done.error);
  const auto said = results(done.out);
  REQUIRE(said.size() == 8);
  CHECK(said[4].at("runs") == 8);
  CHECK(said[4].at("left_out") == 4);
  CHECK(said[5].is_null());  // there already
  CHECK(said[6].is_null());  // two batches
  CHECK(said[7].at("runs") == 4);

  const auto files = entries(folder.file("one.eval"));
  CHECK(files.size() == 7);
  const Json& header = files.at("header.json");
  check_types(header, kHeader);
  CHECK(header.at("version") == 2);
  CHECK(header.at("status") == "cancelled");  // four of eight runs have not been run
  CHECK(header.at("eval").at("task") == "a b");
  CHECK(header.at("eval").at("config").at("epochs") == 2);
  CHECK(header.at("results").at("total_samples") == 8);
  CHECK(header.at("results").at("completed_samples") == 4);
  CHECK(header.at("results").at("scores")[0].at("metrics").at("accuracy").at("value") == 1.0);
  CHECK(files.at("_journal/start.json").at("eval") == header.at("eval"));
  const Json& sample = files.at("samples/q2_epoch_2.json");
  check_types(sample, kSample);
  CHECK(sample.at("epoch") == 2);
  CHECK(sample.at("scores").at("qa").at("value") == "C");
  CHECK(sample.at("target") == "B");
  const Json& summaries = files.at("summaries.json");
  REQUIRE(summaries.size() == 4);
  for (const Json& summary : summaries) {
    check_types(summary, kSummary);
    const std::string name =
        "samples/" + summary.at("id").get<std::string>() + "_epoch_" + dump_json(summary.at("epoch")) + ".json";
    CHECK(files.contains(name));
  }

  const auto failed = entries(folder.file("out/f.eval"));
  CHECK(failed.at("header.json").at("status") == "success");
  CHECK(failed.at("header.json").at("results").at("completed_samples") == 0);
  const Json& error = failed.at("samples/q1_epoch_1.json").at("error");
  for (const char* key : {"message", "traceback", "traceback_ansi"}) CHECK(error.at(key).is_string());
  CHECK(failed.at("samples/q1_epoch_1.json").at("scores").empty());
}

TEST_CASE("the log of many runs is as another program unzips it, and all of a debate's messages are in it") {
  TemporaryFolder folder;
  folder.write("q.jsonl", questions(600));
  folder.write("d.jsonl", questions(2));
  const Finished done = run({assay_program(), ":memory:", "--json", "-c",
                             "load qa q.jsonl model=sim/qa as=many; run_n 50; export inspect many.eval all; "
                             "load debate d.jsonl agents=3 rounds=2 model=sim/qa as=talk; run_n 4 all batch:talk; "
                             "export inspect talk.eval all batch:talk"},
                            folder.path());
  REQUIRE(done.status == 0);
  const auto many = entries(folder.file("many.eval"));
  CHECK(many.size() == 603);
  CHECK(many.at("summaries.json").size() == 600);
  CHECK(many.at("header.json").at("status") == "success");
  const auto talk = entries(folder.file("talk.eval"));
  const Json& messages = talk.at("samples/q1_epoch_1.json").at("messages");
  CHECK(messages.size() == 12);
  CHECK(messages[0].at("metadata").contains("agent"));
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    CHECK(entry.path().filename().string().find(".tmp-") == std::string::npos);
  }
  const std::string unzip =
      "import json,zipfile; z=zipfile.ZipFile('many.eval'); assert z.testzip() is None; "
      "print(len([json.loads(z.read(n)) for n in z.namelist()]))";
  if (!std::filesystem::exists("/usr/bin/python3")) {
    MESSAGE("no python3: its zipfile was not asked");
    return;
  }
  const Finished python = run({"/usr/bin/python3", "-c", unzip}, folder.path());
  CHECK(python.out == "603\n");
}
