#include "experiments/qa/python_random.hpp"

#include <doctest/doctest.h>

#include <numeric>

#include "core/text/error.hpp"
#include "core/text/input.hpp"
#include "core/text/json.hpp"
#include "experiments/qa/sampling.hpp"
#include "tests/experiments/qa/shared_data.hpp"

namespace assay {
namespace {

TEST_CASE("draws equal CPython's for every seed of the vectors") {
  const auto path = shared_qa("vectors/python_random.json");
  if (!path) return;
  const Json vectors = parse_json(read_file(*path), "python_random.json");
  int seeds = 0;
  for (const auto& [seed, want] : vectors.items()) {
    if (seed == "note") continue;
    ++seeds;
    CAPTURE(seed);
    auto bits = PythonRandom::from_decimal(seed);
    for (const Json& value : want.at("getrandbits32")) CHECK(bits.bits(32) == value.get<std::uint32_t>());
    auto uniform = PythonRandom::from_decimal(seed);
    for (const Json& value : want.at("random")) CHECK(uniform.uniform() == value.get<double>());
    auto randint = PythonRandom::from_decimal(seed);
    for (const Json& value : want.at("randint_0_9")) CHECK(randint.randint(0, 9) == value.get<std::int64_t>());
    auto choice = PythonRandom::from_decimal(seed);
    const std::vector<std::string> letters{"A", "B", "C", "D", "E", "F", "G", "H", "I", "J"};
    for (const Json& value : want.at("choice_A_J")) CHECK(choice.choice(letters) == value.get<std::string>());
    auto shuffle = PythonRandom::from_decimal(seed);
    std::vector<int> order(20);
    std::iota(order.begin(), order.end(), 0);
    shuffle.shuffle(order);
    CHECK(Json(order) == want.at("shuffle_20"));
  }
  CHECK(seeds >= 3);
}

TEST_CASE("a negative seed counts by its absolute value, a big one by all its words") {
  CHECK(PythonRandom(-7).bits(32) == PythonRandom(7).bits(32));
  CHECK(PythonRandom::from_decimal("-7").bits(32) == PythonRandom(7).bits(32));
  CHECK(PythonRandom(std::int64_t{1} << 40).bits(32) == PythonRandom::from_decimal("1099511627776").bits(32));
  CHECK_THROWS_AS(PythonRandom::from_decimal("7x"), Error);
  CHECK(PythonRandom(0).bits(32) == 3626764237U);
}

TEST_CASE("samples keep file order and quotas, mad keeps the order of its draws") {
  std::vector<std::string> categories;
  for (int i = 0; i < 30; ++i) categories.emplace_back(i % 3 == 0 ? "a" : i % 5 == 0 ? "b" : "c");
  const auto count = [&](const std::vector<std::size_t>& drawn, const std::string& category) {
    return std::count_if(drawn.begin(), drawn.end(), [&](std::size_t at) { return categories[at] == category; });
  };
  for (const char* sample : {"uniform:10", "stratified:10", "per_category:2"}) {
    const auto drawn = draw_sample(sample, 7, categories);
    CHECK(std::is_sorted(drawn.begin(), drawn.end()));
    CHECK(drawn == draw_sample(sample, 7, categories));
  }
  const auto stratified = draw_sample("stratified:10", 7, categories);
  CHECK(stratified.size() == 10);
  // 3.33, 1.33, 5.33: equal remainders, so the first category to appear gets the one that is left.
  CHECK(count(stratified, "a") == 4);
  CHECK(count(stratified, "b") == 1);
  CHECK(count(stratified, "c") == 5);
  CHECK(draw_sample("per_category:100", 1, std::vector<std::string>(100, "x")).size() == 100);
  CHECK(draw_sample("mad:30", 12345, categories).size() < 30);
  CHECK_THROWS_AS(draw_sample("uniform:31", 1, categories), Error);
  for (const char* bad : {"uniform", "uniform:", "uniform:0", "uniform:x", "some:3", "mad:3x"}) {
    CHECK_THROWS_AS(draw_sample(bad, 1, categories), Error);
  }
}

}  // namespace
}  // namespace assay
