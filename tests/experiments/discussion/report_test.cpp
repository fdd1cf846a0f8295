#include "experiments/discussion/report.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <random>

#include "core/statistics/paired.hpp"
#include "experiments/discussion/design.hpp"
#include "experiments/discussion/record.hpp"
#include "experiments/discussion/result_file.hpp"
#include "experiments/discussion/settings.hpp"
#include "tests/experiments/discussion/fake_experiment.hpp"
#include "tests/experiments/discussion/shared_discussion.hpp"

using namespace assay;
using test::FakeExperiment;

namespace {

using Said = DiscussionEvent::Kind;

BatchInfo batch_info(const std::string& name, Json params = Json::object()) {
  BatchInfo info;
  info.name = name;
  info.kind = "discussion";
  info.params = std::move(params);
  info.pinned = Json::object();
  return info;
}

BatchInfo cell(const std::string& policy) {
  return batch_info("talk turn_policy=" + policy,
                    {{"behaviour", "fixed"}, {"grid", {{"load", 77}, {"cell", {{"turn_policy", policy}}}}}});
}

NewRun fresh(const std::string& id, const std::string& policy = "respond") {
  DiscussionDesign design;
  design.id = "id-" + id;
  design.seed = 7;
  for (const char* name : {"Ann", "Ben", "Cy"}) design.users.push_back({name, {{"username", name}}, {}, false});
  DiscussionSettings settings;
  settings.turn_policy = policy;
  settings.p_respond = 0.4;
  settings.num_turns = 4;
  settings.decoding.max_tokens = 100;
  NewRun run;
  run.id = id;
  run.data = {{"design", to_json(design)}, {"settings", to_json(settings)}, {"inputs", Json::object()}};
  return run;
}

/// Turns: speaker and text; "" is silent. After each that is not, the moderator says `moderator`.
NewRun done(NewRun run, const std::vector<std::pair<std::string, std::string>>& turns,
            const std::string& moderator = "Be kind.") {
  std::size_t index = 0;
  std::uint32_t turn = 0;
  for (const auto& [name, text] : turns) {
    ++turn;
    const bool silent = text.empty();
    run.context.push_back(to_message({Said::user, name, text, "m", turn, silent, !silent, {}},
                                     silent ? std::nullopt : std::optional(index++)));
    if (silent) continue;
    run.context.push_back(
        to_message({Said::moderator, "moderator", moderator, "m", turn, moderator.empty(), true, {}}, index++));
  }
  run.context.back().more["stop"] = "turns";
  run.context.back().more["at"] = 1'735'689'600'000'000;
  run.status = Status::complete;
  run.usage.calls = 8;
  run.usage.in = 800;
  run.usage.out = 100;
  run.usage.cost = 250'000'000;
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

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& [key, value] : object.items()) names.push_back(key);
  return names;
}

}  // namespace

TEST_CASE("failed and unfinished discussions are counted, and left out of the means") {
  FakeExperiment all;
  NewRun failed = done(fresh("d003"), {{"Ann", "never counted"}});
  failed.status = Status::fail;
  NewRun begun = fresh("d004");
  begun.status = Status::incomplete;
  all.add(batch_info("talk"),
          {done(fresh("d001"), {{"Ann", "one two three"}, {"Ben", ""}, {"Ann", "four"}, {"Cy", "five"}}),
           done(fresh("d002"), {{"Ben", "six"}, {"Cy", "seven"}, {"Ben", "eight"}, {"Cy", ""}}, ""), failed, begun,
           fresh("d005")});
  const Report report = discussion_report(*all.view(0));
  const Json& f = report.figures;
  CHECK(dump_json(f["runs"]) == R"({"total":5,"ready":1,"incomplete":1,"complete":2,"fail":1})");
  CHECK(keys(f["design"]) ==
        std::vector<std::string>{"seed", "format", "behaviour", "policy", "p_respond", "num_users", "num_turns"});
  CHECK(f["design"]["seed"] == 7);
  CHECK(f["design"]["policy"] == "respond");
  CHECK(f["turns"]["user_turns"] == 8);
  CHECK(dump_json(f["turns"]["same_previous"]) == R"({"n":0,"of":6,"rate":0.0})");
  CHECK(f["turns"]["same_two_before"]["n"] == 3);
  CHECK(f["turns"]["same_two_before"]["of"] == 4);
  CHECK(f["turns"]["same_two_before"]["rate"] == 0.75);
  CHECK(f["turns"]["same_two_before"]["expected"].get<double>() == doctest::Approx(0.4 + 0.6 / 2));
  CHECK(keys(f["participation"]) == std::vector<std::string>{"user_turns", "user_silent", "participation",
                                                             "moderator_calls", "moderator_silent", "intervention",
                                                             "evenness"});
  CHECK(f["participation"]["participation"] == 0.75);
  CHECK(f["participation"]["moderator_calls"] == 6);
  CHECK(f["participation"]["intervention"] == 0.5);
  CHECK(keys(f["text"]) == std::vector<std::string>{"comments", "words", "diversity", "diversity_sd", "discussions"});
  CHECK(f["text"]["comments"] == 12);
  CHECK(f["text"]["discussions"] == 2);
  CHECK(f["stops"]["turns"] == 2);
  CHECK(keys(f["cost"]) ==
        std::vector<std::string>{"calls", "input_tokens", "output_tokens", "usd", "per_discussion_usd"});
  CHECK(f["cost"]["calls"] == 24);
  CHECK(f["cost"]["usd"].get<double>() == doctest::Approx(0.00075));
  CHECK(f["cost"]["per_discussion_usd"].get<double>() == doctest::Approx(0.00025));
  CHECK(f["discussions"].size() == 5);
  CHECK(f["discussions"][1]["run"] == "d002");
  CHECK_FALSE(f["discussions"][2].contains("participation"));
  CHECK(f["estimate"]["calls"].size() == 2);
  const std::string text = text_of(report);
  CHECK(has(text, "5 discussions: 2 COMPLETE, 1 FAIL, 1 INCOMPLETE, 1 READY; what is not COMPLETE is left out"));
  CHECK(has(text, "what is left: estimate: "));
  CHECK(has(text, "(participation by turn)"));
  CHECK(has(text, "(comments per user)"));
}

TEST_CASE("before anything ran a report shows the design and what it would take") {
  FakeExperiment all;
  all.add(batch_info("talk"), {fresh("d001"), fresh("d002")});
  const Report report = discussion_report(*all.view(0));
  const std::string text = text_of(report);
  CHECK(has(text, "2 discussions: 0 COMPLETE, 2 READY\n"));
  CHECK(has(text, "[design]"));
  CHECK(has(text, "\nestimate: 8 to 16 calls, "));
  CHECK(has(text, "price unknown"));
  CHECK_FALSE(has(text, "(participation by turn)"));
  CHECK(report.figures["participation"]["participation"].is_null());
  CHECK(report.figures["text"]["diversity"].is_null());
  CHECK(dump_json(report.figures["estimate"]["calls"]) == "[8,16]");
  CHECK(report.figures["estimate"]["usd"].is_null());
}

TEST_CASE("the cells of a grid are compared with the first, discussion by discussion, half finished as they are") {
  FakeExperiment all;
  std::vector<NewRun> first, second;
  std::mt19937 random(5);
  std::vector<double> differences;
  for (int i = 0; i < 8; ++i) {
    const std::string id = "d00" + std::to_string(i);
    const bool silent = random() % 3 == 0;
    first.push_back(done(fresh(id), {{"Ann", "a b"}, {"Ben", silent ? "" : "c"}, {"Cy", "d"}, {"Ann", ""}}));
    second.push_back(i < 6 ? done(fresh(id, "random"), {{"Ann", "a b c"}, {"Ben", "c"}, {"Cy", "d"}, {"Ann", "e"}})
                           : fresh(id, "random"));
    if (i < 6) differences.push_back(1 - (silent ? 0.5 : 0.75));
  }
  all.add(cell("respond"), first);
  all.add(cell("random"), second);
  all.add(batch_info("another"), {fresh("d001")});
  const Report report = discussion_report(*all.view(1));
  const Json& f = report.figures;
  CHECK(keys(f["variants"]) == std::vector<std::string>{"turn_policy=respond", "turn_policy=random"});
  CHECK(f["variants"]["turn_policy=random"]["runs"]["ready"] == 2);
  CHECK(f["variants"]["turn_policy=random"]["runs"]["complete"] == 6);
  const Json& cells = f["grid"]["cells"];
  REQUIRE(cells.size() == 2);
  CHECK(cells[0]["differences"].empty());
  CHECK(cells[0]["metrics"]["participation"]["n"] == 8);
  CHECK(cells[1]["metrics"]["participation"]["n"] == 6);
  CHECK(cells[1]["metrics"]["participation"]["mean"] == 1.0);
  CHECK(cells[1]["metrics"]["participation"]["ci95"][0] == 1.0);
  const Json& difference = cells[1]["differences"]["participation"];
  const Figure want = paired_interval(differences);
  CHECK(difference["n"] == 6);
  CHECK(difference["mean"].get<double>() == doctest::Approx(want.value));
  CHECK(difference["ci95"][0].get<double>() == doctest::Approx(want.low));
  CHECK(difference["p"].get<double>() == doctest::Approx(2.0 / 64));  // all six of one sign
  CHECK(difference["p_holm"].get<double>() >= difference["p"].get<double>());
  const std::string text = text_of(report);
  CHECK(has(text, "8 discussions: 6 COMPLETE, 2 READY"));
  CHECK(has(text, "cells compared"));
  CHECK(has(text, "differences to turn_policy=respond"));
  CHECK(has(text, "(diversity by cell)"));
}

TEST_CASE("forks are compared with the discussions they come from, pair by pair") {
  FakeExperiment all;
  std::vector<NewRun> parents, forks;
  for (const char* id : {"d001", "d002", "d003"}) {
    parents.push_back(done(fresh(id), {{"Ann", "a"}, {"Ben", ""}, {"Cy", "c"}, {"Ann", "d"}}));
    NewRun fork = fresh(id);
    fork = done(fork, {{"Ann", "a"}, {"Ben", "b"}, {"Cy", "c"}, {"Ann", "d"}}, "Hush.");
    fork.data["forked_from"] = {{"run", "talk:" + std::string(id)}, {"step", 1}};
    forks.push_back(fork);
  }
  forks.back().status = Status::fail;
  all.add(batch_info("talk"), parents);
  all.add(batch_info("talk-fork"), forks);
  const Report report = discussion_report(*all.view(1));
  const Json& f = report.figures["forks"];
  CHECK(dump_json(f["parents"]) == R"(["talk"])");
  CHECK(dump_json(f["steps"]) == "[1]");
  CHECK(f["pairs"] == 2);
  CHECK(f["unpaired"] == 1);
  CHECK(f["metrics"]["participation"]["parent"] == 0.75);
  CHECK(f["metrics"]["participation"]["fork"] == 1.0);
  CHECK(f["metrics"]["participation"]["difference"] == 0.25);
  CHECK(has(text_of(report), "forked after turn 1 of talk: 2 pairs, 1 without"));
  CHECK_FALSE(discussion_report(*all.view(0)).figures.contains("forks"));
}

TEST_CASE("published discussions are shown by their folders") {
  const auto folder = shared_discussion("g2_feb2025/data/discussions_output");
  if (!folder) return;
  FakeExperiment all;
  std::vector<std::string> warnings;
  all.add(batch_info("g2"), load_discussion_results(*folder, false, warnings));
  const Report report = discussion_report(*all.view(0));
  const Json& f = report.figures;
  CHECK(f["runs"]["complete"] == 2);
  CHECK(keys(f["variants"]) == std::vector<std::string>{"moderation_game", "no_moderator"});
  CHECK(f["variants"]["no_moderator"]["text"]["diversity"].get<double>() ==
        doctest::Approx(0.8263056447072438).epsilon(1e-12));
  CHECK(f["variants"]["no_moderator"]["participation"]["intervention"].is_null());
  CHECK(f["variants"]["moderation_game"]["participation"]["moderator_silent"] == 1);
  CHECK(f["turns"]["same_two_before"]["expected"].is_null());
  CHECK(f["cost"]["usd"].is_null());
  CHECK(f["text"]["diversity"].get<double>() ==
        doctest::Approx((0.8263056447072438 + 0.8290302328011285) / 2).epsilon(1e-12));
  CHECK_FALSE(f.contains("estimate"));
}
