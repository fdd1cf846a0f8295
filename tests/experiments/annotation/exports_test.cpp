#include "experiments/annotation/exports.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/text/atomic_file.hpp"
#include "core/text/input.hpp"
#include "runners/prompt/md5.hpp"
#include "tests/experiments/annotation/exported_data.hpp"

using namespace assay;

namespace {

namespace fs = std::filesystem;

/// Every row as one text, all columns but `without`, in the order of their names; sorted.
std::vector<std::string> comparable(const Table& table, const std::set<std::string>& without,
                                    const std::set<std::string>& columns) {
  std::vector<std::string> out;
  for (const auto& row : table.rows) {
    std::string text;
    for (const std::string& name : columns) {
      if (!without.contains(name)) text += name + "=" + (row.contains(name) ? row.at(name) : "(none)") + "\n";
    }
    out.push_back(text);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::set<std::string> names(const Table& table) { return {table.columns.begin(), table.columns.end()}; }

/// Whether ids are equal in one table where they are in the other, told by conversation and text.
void check_pattern(const Table& ours, const Table& theirs) {
  for (const Table* table : {&ours, &theirs}) {
    std::map<std::string, std::string> id_of, text_of;
    for (const auto& row : table->rows) {
      const std::string text = row.at("conv_id") + "\n" + row.at("message"), &id = row.at("message_id");
      CHECK(id_of.emplace(text, id).first->second == id);
      CHECK(text_of.emplace(id, text).first->second == text);
    }
  }
}

void check_legacy(const Table& ours, const Table& theirs) {
  CHECK(ours.rows.size() == theirs.rows.size());
  CHECK(names(ours) == names(theirs));
  CHECK(ours.columns.front().empty());
  const std::set<std::string> without = {"", "message_id"};
  const auto got = comparable(ours, without, names(theirs)), want = comparable(theirs, without, names(theirs));
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (got[i] == want[i]) continue;
    CHECK(got[i] == want[i]);
    break;
  }
  check_pattern(ours, theirs);
}

std::uint64_t count(const Table& table, const std::string& column, const std::string& value) {
  return static_cast<std::uint64_t>(
      std::count_if(table.rows.begin(), table.rows.end(), [&](const auto& row) { return row.at(column) == value; }));
}

}  // namespace

TEST_CASE("all result files of the developers' data are exported with their bytes and names") {
  const auto root = shared_discussion(".");
  if (!root) return;
  std::size_t discussions = 0, annotations = 0;
  for (const auto& entry : fs::recursive_directory_iterator(*root)) {
    const std::string name = entry.path().filename();
    if (!entry.is_directory() || !name.ends_with("_output") || name == "eval_output") continue;
    if (entry.path().string().find("golden") != std::string::npos) continue;
    CAPTURE(entry.path().string());
    const bool judged = name.starts_with("annotation");
    const FakeBatch batch = judged ? annotations_of(entry.path()) : discussions_of(entry.path());
    const JointExport exported = export_of("syndisco", {&batch});
    CHECK(exported.notes.empty());
    std::map<std::string, std::string> expected;
    for (const auto& file : fs::recursive_directory_iterator(entry.path())) {
      if (file.is_regular_file()) expected[fs::relative(file.path(), entry.path())] = read_file(file.path());
    }
    (judged ? annotations : discussions) += expected.size();
    CHECK(exported.runs == expected.size());
    std::map<std::string, std::string> got;
    for (const JointExport::File& file : exported.files) got[file.name] = file.text;
    CHECK((got == expected));
  }
  CHECK(discussions == 10);
  CHECK(annotations == 33);
}

TEST_CASE("the legacy table equals that of SynDisco's exporter, by column name") {
  const auto root = shared_discussion("g2_feb2025/data");
  if (!root) return;
  const FakeBatch talks = discussions_of(*root / "discussions_output"),
                  judged = annotations_of(*root / "annotation_output");
  const JointExport exported = export_of("comments:legacy", {&talks, &judged});
  CHECK(exported.notes.empty());
  CHECK(exported.runs == 24);
  const Table ours = read_table(exported.files.at(0).text);
  const auto golden = shared_discussion("golden/legacy_csv_g2.csv.gz");
  const Table theirs = read_table(read_file(*golden));
  CHECK(theirs.rows.size() == 484);
  check_legacy(ours, theirs);
}

TEST_CASE("the legacy table of discussions without annotations equals the published data set's rows") {
  const auto root = shared_discussion("g3_apr2025/data");
  if (!root) return;
  const FakeBatch talks = discussions_of(*root / "discussions_output");
  const Table ours = read_table(export_of("comments:legacy", {&talks}).files.at(0).text);
  for (const auto& [file, variant] : {std::pair("abl_turns_random.25-04-11-13-59.csv", "random"),
                                      std::pair("abl_turns_roundrobin.25-04-11-13-06.csv", "round_robin")}) {
    CAPTURE(file);
    const Table theirs = read_table(read_file(*root / "datasets" / file));
    CHECK(theirs.rows.size() == 35);
    Table part{ours.columns, {}};
    for (const auto& row : ours.rows) {
      if (row.at("conv_variant") == variant) part.rows.push_back(row);
    }
    check_legacy(part, theirs);
  }
}

TEST_CASE("comments are joined by position: one row per comment and annotation, nobody's traits lost") {
  const auto root = shared_discussion("g2_feb2025/data");
  if (!root) return;
  const FakeBatch talks = discussions_of(*root / "discussions_output"),
                  judged = annotations_of(*root / "annotation_output");
  const Table table = read_table(export_of("comments", {&talks, &judged}).files.at(0).text);
  CHECK(table.rows.size() == 484);
  const std::vector<std::string> expected = {"conv_id",
                                             "run",
                                             "batch",
                                             "file",
                                             "timestamp",
                                             "ctx_length",
                                             "conv_variant",
                                             "index",
                                             "message_order",
                                             "message_id",
                                             "turn",
                                             "user",
                                             "is_moderator",
                                             "is_seed",
                                             "is_silent",
                                             "message",
                                             "model",
                                             "user_prompt",
                                             "user_username",
                                             "user_age",
                                             "user_sex",
                                             "user_sexual_orientation",
                                             "user_demographic_group",
                                             "user_current_employment",
                                             "user_education_level",
                                             "user_special_instructions",
                                             "user_personality_characteristics",
                                             "annotator",
                                             "annotator_model",
                                             "annotator_prompt",
                                             "annotation_variant",
                                             "annotation_timestamp",
                                             "annotation_ctx_length",
                                             "annotation",
                                             "value_argumentquality",
                                             "value_toxicity",
                                             "annotator_username",
                                             "annotator_age",
                                             "annotator_sex",
                                             "annotator_sexual_orientation",
                                             "annotator_demographic_group",
                                             "annotator_current_employment",
                                             "annotator_education_level",
                                             "annotator_special_instructions",
                                             "annotator_personality_characteristics"};
  CHECK((table.columns == expected));
  for (const auto& row : table.rows) {
    if (row.at("is_moderator") == "true") continue;
    CHECK_FALSE(row.at("user_education_level").empty());
    CHECK(row.at("user_username") == row.at("user"));
  }
  CHECK(count(table, "is_seed", "true") == 22);
  CHECK(count(table, "conv_variant", "moderation_game") == 319);
  CHECK(count(table, "user_education_level", "Bachelor's") > 0);
}

TEST_CASE("message ids are those that published toxicity files are joined by") {
  const auto root = shared_discussion("g4_feb2026/data");
  if (!root) return;
  const FakeBatch talks = discussions_of(*root / "discussions_output");
  for (const char* format : {"comments", "comments:legacy20"}) {
    const Table table = read_table(export_of(format, {&talks}).files.at(0).text);
    CHECK(table.rows.size() == 49);
    std::set<std::string> ids;
    for (const auto& row : table.rows) ids.insert(row.at("message_id"));
    for (const auto& [file, n] : {std::pair("vmd.part.csv", 17U), std::pair("ablation.part.csv", 32U)}) {
      const Table published = read_table(read_file(*root / "eval_output" / file));
      std::size_t found = 0;
      for (const auto& row : published.rows) found += ids.contains(row.at("message_id")) ? 1 : 0;
      CHECK(found == n);
    }
  }
}

TEST_CASE("the table of SynDisco 2.0 has a persona's fields for users and the prompt of the moderator") {
  const auto root = shared_discussion("g4_feb2026/data");
  if (!root) return;
  const FakeBatch talks = discussions_of(*root / "discussions_output");
  const Table table = read_table(export_of("comments:legacy20", {&talks}).files.at(0).text);
  const std::vector<std::string> expected = {"",
                                             "conv_id",
                                             "timestamp",
                                             "ctx_length",
                                             "user",
                                             "message",
                                             "model",
                                             "is_moderator",
                                             "message_id",
                                             "message_order",
                                             "age",
                                             "sex",
                                             "sexual_orientation",
                                             "demographic_group",
                                             "current_employment",
                                             "education_level",
                                             "special_instructions",
                                             "personality_characteristics",
                                             "0"};
  CHECK((table.columns == expected));
  bool moderated = false;
  for (const auto& row : table.rows) {
    const bool moderator = row.at("is_moderator") == "True";
    moderated = moderated || moderator;
    CHECK(row.at("0").empty() != moderator);
    CHECK(row.at("age").empty() == moderator);
    if (!moderator) CHECK(row.at("personality_characteristics").starts_with("["));
  }
  CHECK(moderated);
}

TEST_CASE("results of a replayed February 2025: 64 rows by position, 72 by text") {
  const auto root = shared_discussion("golden/feb2025");
  if (!root) return;
  const FakeBatch talks = discussions_of(*root / "discussions_output"),
                  judged = annotations_of(*root / "annotation_output");
  CHECK(read_table(export_of("comments", {&talks, &judged}).files.at(0).text).rows.size() == 64);
  CHECK(read_table(export_of("comments:legacy", {&talks, &judged}).files.at(0).text).rows.size() == 72);
}

TEST_CASE("conversion to another generation and back keeps the bytes") {
  const auto root = shared_discussion("g2_feb2025/data/discussions_output");
  if (!root) return;
  const FakeBatch talks = discussions_of(*root);
  const fs::path folder = fs::temp_directory_path() / ("assay-convert-" + std::to_string(::getpid()));
  for (const JointExport::File& file : export_of("syndisco:g1", {&talks}).files) {
    fs::create_directories((folder / file.name).parent_path());
    write_file(folder / file.name, file.text);
  }
  const FakeBatch converted = discussions_of(folder);
  std::map<std::string, std::string> before, after;
  for (const auto& file : export_of("syndisco", {&talks}).files) before[file.name] = file.text;
  for (const auto& file : export_of("syndisco:g2", {&converted}).files) after[file.name] = file.text;
  CHECK((before == after));
  fs::remove_all(folder);

  for (const JointExport::File& file : export_of("syndisco:g5", {&talks}).files) {
    const Json value = parse_json(file.text, file.name);
    CHECK_FALSE(value.contains("id"));
    for (const Json& entry : value["logs"]) CHECK(entry.contains("prompt"));
  }
}

TEST_CASE("a ConvoKit corpus has its keys, one beginning per conversation, and replies that resolve") {
  const auto root = shared_discussion("g2_feb2025/data");
  if (!root) return;
  const FakeBatch talks = discussions_of(*root / "discussions_output"),
                  judged = annotations_of(*root / "annotation_output");
  std::map<std::string, std::string> files;
  for (const auto& file : export_of("convokit", {&talks, &judged}).files) files[file.name] = file.text;
  REQUIRE(files.size() == 5);
  const Json speakers = parse_json(files["speakers.json"], "speakers"),
             conversations = parse_json(files["conversations.json"], "conversations"),
             index = parse_json(files["index.json"], "index");
  CHECK(files["corpus.json"] == "{}");
  CHECK(conversations.size() == 2);
  for (const char* key : {"utterances-index", "speakers-index", "conversations-index", "overall-index"})
    CHECK(index[key].is_object());
  CHECK(index["version"] == 1);
  CHECK(index["vectors"] == Json::array());
  CHECK(index["utterances-index"]["is_moderator"] == Json::array({"<class 'bool'>"}));
  std::set<std::string> ids;
  std::map<std::string, int> beginnings;
  std::string_view rest = files["utterances.jsonl"];
  std::size_t n = 0;
  for (; !rest.empty(); ++n) {
    const Json line = parse_json(rest.substr(0, rest.find('\n')), "utterances");
    rest.remove_prefix(rest.find('\n') + 1);
    for (const char* key : {"id", "conversation_id", "text", "speaker", "meta", "reply-to", "timestamp", "vectors"})
      CHECK(line.contains(key));
    ids.insert(line["id"].get<std::string>());
    CHECK(conversations.contains(line["conversation_id"].get<std::string>()));
    CHECK(speakers.contains(line["speaker"].get<std::string>()));
    CHECK(speakers[line["speaker"].get<std::string>()]["meta"]["name"].is_string());
    CHECK(line["meta"]["annotations"].size() == 11);
    if (line["reply-to"].is_null()) {
      ++beginnings[line["conversation_id"].get<std::string>()];
      CHECK(line["id"] == line["conversation_id"]);
    } else {
      CHECK(ids.contains(line["reply-to"].get<std::string>()));
    }
  }
  CHECK(n == 44);
  CHECK(ids.size() == 44);
  CHECK((beginnings.size() == 2 && beginnings.begin()->second == 1 && beginnings.rbegin()->second == 1));
}

TEST_CASE("annotations without their discussion, and those that fit it no more, are left out and said") {
  const auto root = shared_discussion("g2_feb2025/data");
  if (!root) return;
  const FakeBatch judged = annotations_of(*root / "annotation_output");
  FakeBatch one = discussions_of(*root / "discussions_output/no_moderator");
  const JointExport half = export_of("comments", {&one, &judged});
  CHECK(read_table(half.files[0].text).rows.size() == 15 * 11);
  REQUIRE(half.notes.size() == 1);
  CHECK(half.notes[0] == "11 annotations are of discussions that are not among the selected runs: left out");

  one.runs()[0].data["source"]["logs"][3]["text"] = "something else";
  const JointExport unfit = export_of("comments", {&one, &judged});
  CHECK(read_table(unfit.files[0].text).rows.size() == 15);
  REQUIRE(unfit.notes.size() == 2);
  CHECK(unfit.notes[1].starts_with("11 annotations do not fit the comments of their discussions: left out (judged:"));

  CHECK_THROWS_WITH_AS(export_of("comments", {&judged}), "no discussion is selected", Error);
}

TEST_CASE("loading a folder itself or the folder above gives the same variant") {
  const auto root = shared_discussion("g2_feb2025/data/discussions_output");
  if (!root) return;
  for (const std::string& source : {(*root / "no_moderator").string(), (*root / "no_moderator").string() + "/",
                                    (*root / "no_moderator/25-01-31-07-39.json").string()}) {
    const FakeBatch talks = discussions_of(source);
    CHECK(count(read_table(export_of("comments", {&talks}).files[0].text), "conv_variant", "no_moderator") == 15);
  }
}

TEST_CASE("md5 is that of RFC 1321") {
  CHECK(md5_hex("") == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK(md5_hex("message digest") == "f96b697d7cb7938d525a2f31aaf161d0");
}
