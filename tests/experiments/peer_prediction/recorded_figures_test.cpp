// Published recordings: the figures that their authors' matrices give, agent by agent.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "core/text/input.hpp"
#include "experiments/peer_prediction/loading.hpp"
#include "experiments/peer_prediction/report.hpp"
#include "tests/experiments/discussion/load_room.hpp"
#include "tests/experiments/qa/fake_batch.hpp"

using namespace assay;

namespace {

namespace fs = std::filesystem;

/// Within 1e-9, relative above 1.
bool same(const Json& want, const Json& got) {
  if (want.is_array()) {
    return got.is_array() && want.size() == got.size() && std::equal(want.begin(), want.end(), got.begin(), same);
  }
  if (!want.is_number()) return want == got;
  if (!got.is_number()) return false;
  const double a = want.get<double>(), b = got.get<double>();
  return std::abs(a - b) <= 1e-9 * std::max(1.0, std::abs(a));
}

const Json& at(const Json& figures, const std::string& path) {
  const Json* here = &figures;
  static const Json nothing;
  for (std::size_t from = 0; from <= path.size();) {
    const std::size_t to = std::min(path.find('.', from), path.size());
    const auto found = here->find(path.substr(from, to - from));
    if (found == here->end()) return nothing;
    here = &*found;
    from = to + 1;
  }
  return *here;
}

void check(const Json& test, const std::vector<std::string>& paths, const std::string& groups) {
  std::vector<Source> sources;
  for (const std::string& path : paths) sources.push_back({path, path, {}});
  ParameterTexts given;
  if (!groups.empty()) given["groups"] = groups;
  const FakeBatch batch(load_peers(sources, given));
  const Json figures = peer_report(batch).figures;
  std::size_t compared = 0;
  for (const auto& [path, want] : test.at("expect").items()) {
    CHECK_MESSAGE(same(want, at(figures, path)), path << ": " << dump_json(at(figures, path)));
    ++compared;
  }
  for (const Json& block : test.at("rows")) {
    const std::string key = block.at("key")[0].get<std::string>();
    const Json& table = figures.at(block.at("table").get<std::string>());
    for (const Json& row : block.at("data")) {
      const auto hit = std::find_if(table.begin(), table.end(), [&](const Json& r) { return r.at(key) == row[0]; });
      REQUIRE_MESSAGE(hit != table.end(), row[0]);
      for (std::size_t c = 0; c < block.at("columns").size(); ++c) {
        const std::string column = block.at("columns")[c].get<std::string>();
        CHECK_MESSAGE(same(row[c + 1], hit->at(column)), row[0] << " " << column << ": " << dump_json(hit->at(column))
                                                                << ", expected " << dump_json(row[c + 1]));
        ++compared;
      }
    }
  }
  MESSAGE(test.at("name") << ": " << compared << " figures");
}

}  // namespace

TEST_CASE("recorded matrices of three experiments give the expected figures") {
  const fs::path data = fs::path(ASSAY_SHARED_DATA) / "peer_prediction";
  if (!fs::exists(data / "expected.json")) {
    MESSAGE("skipped: no " << data.string());
    return;
  }
  const LoadRoom room;
  const std::string unpack =
      "tar -xzf '" + (data / "opus_translation.tar.gz").string() + "' -C '" + room.folder.string() + "'";
  REQUIRE(std::system(unpack.c_str()) == 0);
  const Json tests = parse_json(read_file((data / "expected.json").string()), "expected.json").at("tests");
  const std::pair<const char*, std::vector<std::string>> recorded[] = {
      {"peer-opus_translation", {room.path("opus_translation")}},
      {"peer-samsum",
       {(data / "samsum/tvd_mi.jsonl.gz").string(), (data / "samsum/judge_with_context.jsonl.gz").string(),
        (data / "samsum/judge_without_context.jsonl.gz").string(), (data / "samsum/mi_gppm.jsonl.gz").string()}},
      {"peer-synthetic-5d9bbae", {(data / "synthetic_experiment_results_5d9bbae.json.gz").string()}}};
  for (const auto& [name, paths] : recorded) {
    const auto test =
        std::find_if(tests.begin(), tests.end(), [&n = name](const Json& t) { return t.at("name") == n; });
    REQUIRE(test != tests.end());
    const std::string groups =
        test->contains("groups") ? room.write("groups.json", dump_json(test->at("groups"))) : std::string();
    check(*test, paths, groups);
  }
}
