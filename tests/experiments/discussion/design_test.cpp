// Designs: the same for the same seed, on every machine; the streams behind them; design files.

#include "experiments/discussion/design.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <map>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "experiments/discussion/turns.hpp"

using namespace assay;

namespace {

namespace fs = std::filesystem;

const fs::path kData = fs::path(ASSAY_SHARED_DATA) / "discussion";

bool data_there() {
  if (fs::exists(kData)) return true;
  std::cout << "skipped: no " << kData.string() << "\n";
  return false;
}

Json json_of(const fs::path& path) { return parse_json(read_file(path.string()), path.string()); }

DesignPools pools_of(std::size_t personas, std::size_t topics) {
  DesignPools pools;
  for (std::size_t i = 0; i < personas; ++i) {
    const std::string name = "P" + std::to_string(i);
    pools.personas.push_back({name, Json::object({{"username", name}}), {}, false});
  }
  for (std::size_t i = 0; i < topics; ++i) {
    pools.openings.push_back({{"", "text " + std::to_string(i), "t" + std::to_string(i)}});
  }
  return pools;
}

DesignPools pools_of_g2() {
  DesignPools pools;
  const fs::path input = kData / "g2_feb2025/data/discussions_input";
  for (const Json& persona : json_of(input / "personas/personas.json")) {
    pools.personas.push_back({persona["username"].get<std::string>(), persona, {}, false});
  }
  std::vector<fs::path> topics;
  for (const auto& file : fs::directory_iterator(input / "topics/polarized")) topics.push_back(file.path());
  std::sort(topics.begin(), topics.end());
  for (const fs::path& topic : topics) {
    pools.openings.push_back({{"", read_file(topic.string()), topic.filename().string()}});
  }
  return pools;
}

std::vector<std::string> speakers_of(const DiscussionDesign& design, const std::string& policy, double p,
                                     std::uint32_t turns) {
  DiscussionSettings settings;
  settings.turn_policy = policy;
  settings.p_respond = p;
  TurnOrder order(settings, design);
  std::vector<std::string> names;
  for (std::uint32_t i = 0; i < turns; ++i) names.push_back(design.users[*order.next()].name);
  return names;
}

TEST_CASE("the streams give the published numbers") {
  NamedStream stream("1//0/users");
  CHECK(stream.next() == 0x691dca8c043bbf99ULL);
  CHECK(stream.next() == 0x195f83e1dff24eb5ULL);
  CHECK(stream.next() == 0x6415399ac6641438ULL);
  CHECK(NamedStream("").state() == 0xef46db3751d8e999ULL);
  CHECK(NamedStream("abc").state() == 0x44bc2cf5ad770999ULL);
}

TEST_CASE("seed 20250212 on the configuration of February 2025 gives the published design") {
  if (!data_there()) return;
  const Json golden = json_of(kData / "golden/design_seed_20250212.json");
  DesignRequest request;
  request.seed = 20250212;
  request.num_experiments = golden["discussions"].size();
  request.num_users = 7;
  const auto designs = draw_designs(pools_of_g2(), request);
  REQUIRE(designs.size() == 8);
  for (std::size_t i = 0; i < designs.size(); ++i) {
    const DiscussionDesign& design = designs[i];
    const Json& want = golden["discussions"][i];
    Json users = Json::array();
    for (const Participant& user : design.users) users.push_back(user.name);
    CHECK(users == want["users"]);
    REQUIRE(design.openings.size() == 1);
    CHECK(design.openings[0].topic == want["topic"].get<std::string>());
    CHECK(design.openings[0].name == want["seed_speaker"].get<std::string>());
    CHECK(Json(speakers_of(design, "respond", 0.4, 5)) == want["speakers"]);
    CHECK(Json(speakers_of(design, "random", 0.4, 5)) == want["speakers_random"]);
    CHECK(Json(speakers_of(design, "shuffle_cycle", 0.4, 14)) == want["speakers_shuffle_cycle_14"]);
    CHECK(Json(speakers_of(design, "respond", 0.4, 14)) == want["speakers_respond_14"]);
    CHECK(design.id.size() == 36);
    CHECK(design.id[14] == '4');
  }
}

TEST_CASE("over 2,000 discussions every persona, topic and troll comes as often as chance says") {
  DesignRequest request;
  request.seed = 5;
  request.num_experiments = 2000;
  request.num_users = 7;
  request.troll_chance = 0.3;
  std::map<std::string, int> personas, topics, ids;
  int trolls = 0;
  for (const DiscussionDesign& design : draw_designs(pools_of(41, 7), request)) {
    for (const Participant& user : design.users) {
      ++personas[user.name];
      trolls += user.troll ? 1 : 0;
    }
    ++topics[design.openings[0].topic];
    ++ids[design.id];
  }
  CHECK(ids.size() == 2000);
  const auto chi_square = [](const std::map<std::string, int>& counts, double expected) {
    double sum = 0;
    for (const auto& [name, n] : counts) sum += (n - expected) * (n - expected) / expected;
    return sum;
  };
  REQUIRE(personas.size() == 41);
  for (const auto& [name, n] : personas) CHECK(std::abs(n - 341.5) <= 70);
  CHECK(chi_square(personas, 2000 * 7 / 41.0) < 73.4);
  CHECK(chi_square(topics, 2000 / 7.0) < 22.5);
  CHECK(std::abs(trolls / 14000.0 - 0.3) <= 0.02);
}

TEST_CASE("balanced topics come once in every block") {
  DesignRequest request;
  request.seed = 9;
  request.num_experiments = 14;
  request.num_users = 2;
  request.balanced_topics = true;
  std::map<std::string, int> topics;
  const auto designs = draw_designs(pools_of(5, 7), request);
  for (std::size_t i = 0; i < 7; ++i) ++topics[designs[i].openings[0].topic];
  CHECK(topics.size() == 7);
  for (std::size_t i = 7; i < 14; ++i) ++topics[designs[i].openings[0].topic];
  for (const auto& [topic, n] : topics) CHECK(n == 2);
}

TEST_CASE("equal seeds give equal designs but for ids, other seeds others; an independent cell draws its own") {
  DesignRequest request;
  request.seed = 1;
  request.num_experiments = 5;
  request.num_users = 3;
  const DesignPools pools = pools_of(20, 4);
  const auto bare = [&](const DesignRequest& asked) {
    Json list = Json::array();
    for (DiscussionDesign design : draw_designs(pools, asked)) {
      design.id.clear();
      design.seed = 0;
      design.cell.clear();
      list.push_back(to_json(design));
    }
    return list;
  };
  CHECK(bare(request) == bare(request));
  DesignRequest other = request;
  other.seed = 2;
  CHECK(bare(other) != bare(request));
  DesignRequest cell = request;
  cell.cell = "num_users=3";
  CHECK(bare(cell) != bare(request));
}

TEST_CASE("equal names among the drawn become NAME_2, NAME_3, or are refused") {
  DesignPools pools;
  for (int i = 0; i < 3; ++i) pools.personas.push_back({"P", Json::object({{"username", "P"}}), {}, false});
  pools.personas.push_back({"P_2", Json::object({{"username", "P_2"}}), {}, false});
  DesignRequest request;
  request.num_users = 4;
  std::size_t renamed = 0;
  const auto designs = draw_designs(pools, request, &renamed);
  std::vector<std::string> names;
  for (const Participant& user : designs[0].users) names.push_back(user.name);
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"P", "P_2", "P_3", "P_4"});
  CHECK(renamed == 2);
  request.refuse_equal_names = true;
  CHECK_THROWS_WITH_AS(draw_designs(pools, request), "names: two of the sampled users are named P (names=error)",
                       Error);
}

TEST_CASE("a design file names users, openings, instructions and speakers; what it writes reads back") {
  const DesignPools pools = pools_of(4, 0);
  const std::vector<std::pair<std::string, std::string>> topics = {{"x.txt", "What of x?"}};
  const Json file = parse_json(R"({"assay_design":1,"seed":7,"discussions":[{"name":"a","id":"i","users":["P2","P0"],
    "seeds":[{"name":"P0","topic":"x.txt"},{"name":"P2","text":"hm"}],"instructions":{"P0":"troll"},
    "speakers":["P0","P2","P0"]}]})",
                               "design");
  const DesignFile read = read_design(file, "d.json", pools, topics);
  REQUIRE(read.discussions.size() == 1);
  const DiscussionDesign& design = read.discussions[0].second;
  CHECK(read.seed == 7);
  CHECK(design.seed == 7);
  CHECK(design.id == "i");
  CHECK(design.openings[0].text == "What of x?");
  CHECK(design.openings[1].text == "hm");
  CHECK(design.users[1].troll);
  CHECK_FALSE(design.users[0].troll);
  CHECK(design.speakers.size() == 3);
  CHECK(design_file(read.discussions) == file);
  CHECK(to_json(design_from(to_json(design))) == to_json(design));
}

TEST_CASE("what is wrong in a design file is named with its discussion") {
  const DesignPools pools = pools_of(3, 0);
  const std::vector<std::pair<std::string, std::string>> topics = {{"x.txt", "x"}};
  struct Row {
    std::string discussion, holds;
  };
  const Row rows[] = {
      {R"({"name":"a","users":["nobody"]})", "discussion a.users: user nobody is none of the personas"},
      {R"({"name":"a","users":["P0","P0"]})", "discussion a.users: user P0 stands there twice"},
      {R"({"name":"a","users":[]})", "discussion a.users: the list is empty"},
      {R"({"users":["P0"]})", "discussions[0]: there is no \"name\""},
      {R"({"name":"a","users":["P0"],"seeds":[{"name":"P1","text":"t"}]})", "P1 is none of the discussion's users"},
      {R"({"name":"a","users":["P0"],"seeds":[{"name":"P0","topic":"y.txt"}]})", "topic y.txt is none of `topics`"},
      {R"({"name":"a","users":["P0"],"speakers":["P1"]})", "discussion a.speakers: P1 is none"},
      {R"({"name":"a","users":["P0"],"instructions":{"P0":"angel"}})", "expected \"user\" or \"troll\""},
  };
  for (const Row& row : rows) {
    const Json file = parse_json(R"({"assay_design":1,"discussions":[)" + row.discussion + "]}", "design");
    try {
      read_design(file, "d.json", pools, topics);
      FAIL(row.discussion);
    } catch (const Error& error) {
      CHECK_MESSAGE(std::string(error.what()).find(row.holds) != std::string::npos, error.what());
    }
  }
}

}  // namespace
